"""The tree of an ASDF file reads as PyYAML and asdf read it."""

from __future__ import annotations

import datetime
import io
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asdf_bytes import HEAD, Block, asdf_bytes, made, read, same
from asdfits import FormatError, JwstDataModel, _core
from asdfits.file import File
from conftest import DATA, HERE, real_files

yaml = pytest.importorskip("yaml")
asdf = pytest.importorskip("asdf")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::Warning")]

Events = list[tuple[Any, ...]]

SUITE = DATA / "yaml" / "yaml-test-suite"
REFERENCE = DATA / "asdf" / "reference_files"
VERDICTS = HERE.parent / ".cache" / "yaml-verdicts.tsv"
START = b"%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n"


def reference_events(text: bytes) -> Events | None:
    """The events of PyYAML's C parser; None where it, or its composer, refuses the text."""
    try:
        yaml.CLoader(text).get_single_node()
        parsed = list(yaml.parse(text, Loader=yaml.CLoader))
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    events: Events = []
    anchors: dict[str, int] = {}
    for event in parsed:
        name = type(event).__name__
        if name == "AliasEvent":
            events.append(("*", "", anchors[event.anchor], None, ""))
            continue
        anchor = None
        if getattr(event, "anchor", None) is not None:
            anchor = anchors[event.anchor] = len(anchors)
        if name == "ScalarEvent":
            events.append(("scalar", event.style or "", anchor, event.tag, event.value))
        elif name in ("SequenceStartEvent", "MappingStartEvent"):
            style = "flow" if event.flow_style else "block"
            events.append(("[{"[name[0] == "M"], style, anchor, event.tag, ""))
        elif name in ("SequenceEndEvent", "MappingEndEvent"):
            events.append(("]}"[name[0] == "M"], "", None, None, ""))
    return events


def our_events(text: bytes, tier: str = "both") -> Events | str | None:
    """Our events; the message of a refusal; None where the fast tier does not decide."""
    try:
        return _core.yaml_events(text, tier)  # type: ignore[return-value]
    except FormatError as error:
        return str(error)


def disagreement(text: bytes) -> str:
    """How our two tiers differ from PyYAML on a text; empty where they do not."""
    theirs = reference_events(text)
    for tier in ("both", "strict", "fast"):
        ours = our_events(text, tier)
        if ours is None:
            continue  # the fast tier may always decline
        if isinstance(ours, str):
            if tier == "fast":
                return "the fast tier words an error"
            if re.search(r"byte \d+: ", ours) is None:
                return f"an error without its place: {ours}"
            if theirs is not None:
                return f"{tier} refuses: {ours}"
        elif theirs is None:
            return f"{tier} accepts what PyYAML refuses"
        elif ours != theirs:
            pair = next(p for p in itertools.zip_longest(theirs, ours) if p[0] != p[1])
            return f"{tier}: reference {pair[0]}, asdfits {pair[1]}"
    return ""


# -- the test suite of YAML ----------------------------------------------------------------------


def suite() -> Iterator[tuple[str, bytes]]:
    """Yield (name, text) of each case: as it stands, with a start of document, as an ASDF tree."""
    for path in sorted(SUITE.rglob("in.yaml")):
        name, text = str(path.parent.relative_to(SUITE)), path.read_bytes()
        yield name, text
        yield f"{name} after ---", b"---\n" + text
        yield f"{name} as ASDF", START + b"--- !core/asdf-1.1.0\n" + text.rstrip(b"\n") + b"\n...\n"


def test_each_case_of_the_yaml_test_suite_gives_the_events_or_the_refusal_of_pyyaml() -> None:
    if not SUITE.exists():
        pytest.skip("the YAML test suite is absent; set ASDFITS_DATA")
    wrong, rows = {}, ["case\tPyYAML\tfast\tstrict\tdisagreement"]
    for name, text in suite():
        fault = disagreement(text)
        if fault:
            wrong[name] = fault
        fast, strict = our_events(text, "fast"), our_events(text, "strict")
        theirs = "refused" if reference_events(text) is None else "read"
        words = (
            "declined" if fast is None else "read",
            "refused" if isinstance(strict, str) else "read",
        )
        rows.append("\t".join((name, theirs, *words, fault)))
    VERDICTS.parent.mkdir(exist_ok=True)
    VERDICTS.write_text("\n".join(rows) + "\n")
    assert len(rows) > 800
    assert wrong == {}


# -- files that the ASDF standard gives as examples ------------------------------------------------

EXAMPLES = sorted(path for path in REFERENCE.rglob("*.asdf") if path.with_suffix(".yaml").exists())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_reference_file_reads_as_the_yaml_that_stands_beside_it(path: Path) -> None:
    with asdf.open(path.with_suffix(".yaml"), lazy_load=False, memmap=False) as expected:
        theirs = {key: expected[key] for key in expected.tree if key not in LIBRARY}
        ours = made(File.open(path).tree())
        assert ours.keys() - LIBRARY == theirs.keys()
        for key, value in theirs.items():
            assert equal_values(ours[key], value), key


LIBRARY = {"asdf_library", "history"}


def equal_values(ours: Any, theirs: Any) -> bool:
    """Equal, though an array may stand in either byte order: the text of a number has none."""
    theirs = theirs._make_array() if type(theirs).__name__ == "NDArrayType" else theirs
    if isinstance(theirs, np.ndarray):
        kinds = native(ours.dtype) == native(theirs.dtype)
        equal = ours.tolist() == theirs.tolist() or repr(ours.tolist()) == repr(theirs.tolist())
        return kinds and bool(equal)
    return same(ours, theirs)


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("=")


def test_the_reference_files_are_all_there() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference files of ASDF are absent; set ASDFITS_DATA")
    assert len(EXAMPLES) >= 45


# -- plain scalars ---------------------------------------------------------------------------------

ALPHABET = "0123456789+-_.:eEx~obTtyYnN"
RESOLVER = yaml.SafeLoader("")
CORE = "tag:yaml.org,2002:"


def reference_plain(text: str) -> Any:
    """What PyYAML makes of a plain scalar; ValueError where it cannot make anything."""
    tag = RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    if tag == CORE + "str":
        return text
    node = yaml.ScalarNode(tag, text)
    return RESOLVER.yaml_constructors[tag](RESOLVER, node)


def misread(strings: Iterator[str]) -> list[str]:
    """The strings that we read otherwise."""
    wrong = []
    for text in strings:
        try:
            theirs = reference_plain(text)
        except (ValueError, OverflowError, yaml.YAMLError):
            theirs = FormatError
        try:
            ours = _core.yaml_plain(text)
        except FormatError:
            ours = FormatError
        if type(ours) is not type(theirs) or (ours != theirs and repr(ours) != repr(theirs)):
            wrong.append(f"{text!r}: reference {theirs!r}, asdfits {ours!r}")
    return wrong


def all_strings(longest: int) -> Iterator[str]:
    for length in range(1, longest + 1):
        yield from map("".join, itertools.product(ALPHABET, repeat=length))


def test_each_string_up_to_length_2_is_the_number_or_word_that_pyyaml_sees() -> None:
    assert misread(all_strings(2)) == []


def test_a_sample_of_5000_strings_means_what_pyyaml_makes_of_them() -> None:
    rng = random.Random(1)
    sample = ("".join(rng.choices(ALPHABET, k=rng.randint(3, 5))) for _ in range(5000))
    assert misread(sample) == []


def test_words_numbers_and_times_mean_what_pyyaml_makes_of_them() -> None:
    words = """
        yes Yes YES yEs no on On ON oN off OFf true TRUE tRUE null NULL nULL < <<x
        .inf .INF .iNF -.inf +.INF .nan .NaN .NAN -.nan 0x_ 0b_ 0_ 0b2 0xg 08 0o7 1__2
        190:20:30 190:20:30.15 1:60 0:1 1_0:30.5_ 1:2:3:4:5:6:7:8:9
        9223372036854775807 9223372036854775808 -9223372036854775809 0xffffffffffffffffffff
        1e400 1.e+400 -1.0e-400 5.0e-324 1.7976931348623157e+308
        2020-01-02 2020-1-2 2020-13-01 2020-02-30 0000-01-01 2020-01-02T03:04:05
        2020-01-02t3:04:05.123456789 2020-01-02T03:04:05Z 2020-01-02T03:04:05+01:30
        2020-01-02T03:04:05-5 2020-01-02T25:00:00
    """
    spaced = ["2020-01-02 03:04:05", "2020-01-02  03:04:05.6 Z", "2020-01-02 03:04:05 +01:00", ""]
    assert misread(iter([*words.split(), *spaced])) == []


@pytest.mark.slow
def test_each_string_up_to_length_5_means_what_pyyaml_makes_of_it() -> None:
    assert misread(all_strings(5))[:20] == []


# -- trees that asdf writes ------------------------------------------------------------------------

SCALARS = st.one_of(
    st.text(max_size=30),
    st.text("ab:#-?'\"\\ \n\t,[]{}&*!|>%@`é\u2028\x85\ufeff\x07", max_size=100),
    st.sampled_from(["yes", "1e5", "010", "~", "1:30", "=", "<<", "2020-01-01", "x" * 200, "..."]),
    st.integers(-(2**62), 2**62),
    st.floats(),
    st.booleans(),
    st.none(),
    st.complex_numbers(),
    st.binary(max_size=60),
    st.datetimes(datetime.datetime(1000, 1, 1)),
)
KEYS = st.one_of(
    st.text(max_size=12),
    st.integers(-1000, 1000),
    st.booleans(),
    st.text("k", min_size=120, max_size=140),
)
ARRAYS = st.sampled_from(
    [
        np.arange(3),
        np.ones((2, 2), ">f4"),
        np.array(["ab", "c"]),
        np.ma.array([1.0, 2.0], mask=[0, 1]),
    ]
)


@st.composite
def trees(draw: st.DrawFn) -> Any:
    """A tree in which some lists and dicts stand at several places."""
    shared: list[Any] = []

    def branch(depth: int) -> Any:
        kind = draw(st.integers(0, 9 if depth < 4 else 4))
        if kind < 5:
            return draw(SCALARS)
        if kind == 5 and shared:
            return draw(st.sampled_from(shared))
        if kind == 6:
            return draw(ARRAYS)
        size = draw(st.integers(0, 4))
        if kind < 9:
            made_here: Any = [branch(depth + 1) for _ in range(size)]
        else:
            made_here = {draw(KEYS): branch(depth + 1) for _ in range(size)}
        shared.append(made_here)
        return made_here

    return {"x": branch(0), "y": branch(0), "z": branch(0)}


def reads_as_asdf_reads(tree: Any, inline: bool) -> None:
    written = io.BytesIO()
    try:
        asdf.AsdfFile(tree).write_to(written, all_array_storage="inline" if inline else "internal")
    except Exception:  # asdf refuses some trees; they are not our subject
        return
    content = written.getvalue()
    try:
        with asdf.open(io.BytesIO(content), lazy_load=False, memmap=False) as theirs:
            expected = {key: theirs[key] for key in "xyz"}
    except Exception:
        with pytest.raises(FormatError, match=r"byte \d+"):
            read(content)
        return
    ours = read(content)
    assert same({key: ours[key] for key in "xyz"}, expected)


@given(trees(), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_tree_that_asdf_wrote_reads_as_asdf_reads_it(tree: Any, inline: bool) -> None:
    reads_as_asdf_reads(tree, inline)


@pytest.mark.slow
@given(trees(), st.booleans())
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_trees_that_asdf_wrote_read_as_asdf_reads_them(tree: Any, inline: bool) -> None:
    reads_as_asdf_reads(tree, inline)


# -- damaged trees -----------------------------------------------------------------------------------

PIECES = [
    *"a:-?[]{},'\"#&*!|>%@`\\\n\t \r\0",
    *("key: ", "- ", "\n  ", "? ", "&a ", "*a", "!t ", "!!int ", "|\n", ">-\n", "# c\n", "---\n"),
    *("...\n", "%TAG ! t:\n", "é", "\u2028", "\x85", "\r\n", "<<: ", "!<x> ", "\ufeff", "''"),
]


def snippets() -> list[bytes]:
    """Parts of real trees, each a document."""
    found = []
    for path in real_files():
        try:
            text = _core.Product.open(path).yaml
        except (FormatError, OSError):
            continue
        lines = text.split(b"\n")
        for start in range(0, len(lines), max(1, len(lines) // 4)):
            part = b"\n".join(lines[start : start + 25])
            found.append(START + b"---\n" + part + b"\n...\n")
        if len(text) < 3000:
            found.append(text)
    return found


def damaged(text: bytes, rng: random.Random) -> bytes:
    content = bytearray(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        place = rng.randrange(len(content))
        match rng.randrange(4):
            case 0:
                content[place] = rng.randrange(256)
            case 1:
                del content[place : place + rng.choice([1, 1, 2, 5])]
            case 2:
                content[place:place] = rng.choice(PIECES).encode()
            case _:
                other = rng.randrange(len(content))
                content[place:place] = content[other : other + rng.randint(1, 12)]
    return bytes(content)


def misjudged(count: int, seed: int) -> list[str]:
    rng, texts = random.Random(seed), snippets()
    if not texts:
        pytest.skip("real products are absent; set ASDFITS_DATA")
    wrong = []
    for _ in range(count):
        text = damaged(rng.choice(texts), rng)
        fault = disagreement(text)
        if fault:
            wrong.append(f"{fault}: {text!r}")
    return wrong


def test_a_damaged_real_tree_gets_the_verdict_and_the_events_of_pyyaml() -> None:
    assert misjudged(400, seed=1) == []


@pytest.mark.slow
def test_many_damaged_real_trees_get_the_verdict_and_the_events_of_pyyaml() -> None:
    assert misjudged(30_000, seed=2)[:5] == []


# -- hostile trees -----------------------------------------------------------------------------------


def distinct(value: Any, seen: dict[int, Any] | None = None) -> int:
    """How many lists and dicts there are, each counted once."""
    seen = {} if seen is None else seen
    if isinstance(value, (dict, list)) and id(value) not in seen:
        seen[id(value)] = value
        for item in value.values() if isinstance(value, dict) else value:
            distinct(item, seen)
    return len(seen)


def laughs(levels: int) -> str:
    """Lists of ten aliases to the list before."""
    tens = [f"[{', '.join([item] * 10)}]" for item in ("x", *(f"*a{n}" for n in range(levels)))]
    return "\n".join(f"a{level}: &a{level} {tens[level]}" for level in range(levels))


def test_aliases_that_expand_to_ten_million_items_build_one_list_each() -> None:
    file = File(_core.Product.from_bytes(asdf_bytes(laughs(7))))
    assert distinct(file.whole_tree()) == 8
    assert distinct(made(file.tree())) == 8


def test_making_all_branches_enters_each_once() -> None:
    model = JwstDataModel(File(_core.Product.from_bytes(asdf_bytes(laughs(40)))))
    assert len(model.instance["a39"]) == 10


def test_an_inline_array_of_aliases_is_refused_before_it_fills_the_memory() -> None:
    tree = f"{laughs(9)}\nbomb: !core/ndarray-1.1.0 {{data: *a8}}"
    with pytest.raises(FormatError, match=r"byte \d+.*aliases"):
        read(asdf_bytes(tree))


def test_merge_keys_that_double_at_each_level_stay_linear() -> None:
    lines = ["m0: &m0 {k: 1}"]
    lines += [f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}], k{n}: {n}}}" for n in range(1, 60)]
    tree = read(asdf_bytes("\n".join(lines)))
    assert len(tree["m59"]) == 60


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_a_tree_that_is_nested_too_deeply_is_refused_with_its_place(opening: str) -> None:
    with pytest.raises(FormatError, match=r"byte \d+.*nest"):
        read(asdf_bytes("x:\n " + opening * 600))


def test_aliases_that_nest_beyond_the_cap_are_refused_and_not_a_crash() -> None:
    chain = ["c0: &c0 [1]"]
    chain += [f"c{n}: &c{n} [*c{n - 1}]" for n in range(1, 5000)]
    head = "\n".join(reversed(chain))  # an alias before its anchor is refused at once
    with pytest.raises(FormatError, match=r"byte \d+"):
        read(asdf_bytes(head))
    tree = read(asdf_bytes("\n".join(chain)))
    assert tree["c4999"][0] is tree["c4998"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"x: \xff\n", "invalid UTF-8"),
        (b"x: \xc0\x80\n", "an overlong form"),
        (b"x: \xed\xa0\x80\n", "a surrogate"),
        (b"x: a\0b\n", "NUL"),
        (b"x: a\x07b\n", "a control character"),
        (b"x: &a 1\ny: &a 2\n", "an anchor twice"),
        (b"x: *a\n", "an alias of nothing"),
        (b"x: @a\n", "a reserved character"),
        (b"{[1]: 2}\n", "a list as key"),
        (b"{!t a: 2}\n", "a tagged key"),
        (b"x: !!int [1]\n", "a list as integer"),
        (b"x: !!map [1]\n", "a list as mapping"),
        (b"x: !!seq {a: 1}\n", "a mapping as list"),
        (b"x: !!set [1]\n", "a list as set"),
        (b"x: !!omap {a: 1}\n", "a mapping as ordered map"),
        (b"x: !!omap [{a: 1, b: 2}]\n", "two pairs in an entry"),
        (b"x: !!pairs [1]\n", "a number among pairs"),
        (b"x: {<<: 1}\n", "a number merged"),
        (b"x: !!int a\n", "text as integer"),
        (b"x: 2020-13-01\n", "the thirteenth month"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_tree_that_pyyaml_refuses_is_refused_with_its_place(text: bytes, why: str) -> None:
    content = HEAD.encode() + text + b"...\n"
    with pytest.raises(Exception):  # noqa: B017, PT011  PyYAML, asdf and Python each have their own
        asdf.open(io.BytesIO(content))
    with pytest.raises(FormatError, match=r"byte \d+: ") as caught:
        read(content)
    place = int(re.search(r"byte (\d+)", str(caught.value))[1])  # type: ignore[index]
    assert len(HEAD) - 24 <= place <= len(content), why


def test_a_byte_order_mark_before_the_file_is_refused() -> None:
    with pytest.raises(FormatError, match=r"byte 0"):
        read(b"\xef\xbb\xbf" + asdf_bytes("x: 1"))


def test_a_byte_order_mark_before_the_tree_is_refused_with_its_place() -> None:
    content = asdf_bytes("x: 1").replace(b"%YAML", b"\xef\xbb\xbf%YAML")
    with pytest.raises(FormatError, match=r"byte 33: "):
        read(content)


def test_each_truncation_of_a_file_is_refused_with_its_place_unless_no_tree_has_begun() -> None:
    block = Block(np.arange(4, dtype="u1").tobytes())
    array = "!core/ndarray-1.1.0 {source: 0, datatype: uint8, byteorder: big, shape: [4]}"
    content = asdf_bytes(f"x: {array}\ny: [1, 'two', {{three: 3}}]", block)
    for length in range(len(content)):
        cut = content[:length]
        # A file of comment lines alone has no tree; so has one cut within them.
        if 6 <= length <= content.index(b"%YAML"):
            assert read(cut) == {}
            continue
        with pytest.raises(FormatError, match=r"byte \d+: "):
            read(cut)


def test_keys_that_differ_only_by_type_stay_apart() -> None:
    tree = read(asdf_bytes("x: {1: a, '1': b, true: c, 'true': d, 1.5: e, ~: f}"))
    assert list(map(repr, tree["x"])) == ["1", "'1'", "'true'", "1.5", "None"]
    assert tree["x"][1] == "c"  # in Python, 1 and True are one key


def test_the_same_key_in_many_places_is_one_string() -> None:
    tree = read(asdf_bytes("\n".join(f"- {{some_key_{n % 3}: {n}}}" for n in range(9))).replace(
        b"--- !core/asdf-1.1.0\n", b"--- !core/asdf-1.1.0\nx:\n"))  # fmt: skip
    names = {id(key) for item in tree["x"] for key in item}
    assert len(names) == 3


def test_a_tagged_node_with_aliases_is_finished_once_for_all_its_places() -> None:
    tree = "x: !<tag:a/outer-1> {p: &i !<tag:a/inner-1> {v: 1}, q: *i, r: [*i]}\ny: *i"
    file = File(_core.Product.from_bytes(asdf_bytes(tree)))
    finished: list[Any] = []

    def finish(content: Any) -> Any:
        finished.append(content)
        return {"made": content}

    memo: dict[int, Any] = {}
    branches = file.tree()
    outer = branches["x"].build(memo, lambda tag, content: content, finish)["made"]
    other = branches["y"].build(memo, lambda tag, content: content, finish)
    assert outer["p"] is outer["q"] is outer["r"][0] is other
    assert len(finished) == 2
