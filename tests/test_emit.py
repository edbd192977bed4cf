"""The text of a tree: byte for byte asdf's, and read back as what it was."""

from __future__ import annotations

import datetime
import io
import math
import random
import struct
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asdfits import _core, emit
from conftest import real_files

asdf = pytest.importorskip("asdf")
yaml = pytest.importorskip("yaml")

from asdf.tagged import TaggedDict, TaggedList, TaggedString, tag_object  # noqa: E402
from asdf.yamlutil import AsdfDumper, AsdfLoader  # noqa: E402

CORE = "tag:stsci.edu:asdf/core/"
ROOT = CORE + "asdf-1.1.0"


def theirs(tree: Any, **handles: str) -> bytes:
    """Return what asdf writes for a tagged tree (as `asdf.yamlutil.dump_tree` calls PyYAML)."""
    out = io.BytesIO()
    yaml.dump_all(
        [tree],
        stream=out,
        Dumper=AsdfDumper,
        explicit_start=True,
        explicit_end=True,
        version=(1, 1),
        allow_unicode=True,
        encoding="utf-8",
        tags={"!": "tag:stsci.edu:asdf/", **handles},
    )
    return out.getvalue()


def ours(tree: Any, **options: Any) -> bytes:
    """Return what we write for the same tree: a plain dict at the root stays without a tag."""
    return emit.dump(TaggedDict(tree) if type(tree) is dict else tree, **options)


def product(text: bytes, blocks: bytes = b"") -> _core.Product:
    return _core.Product.from_bytes(b"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n" + text + blocks)


def read(text: bytes) -> Any:
    """Return the tree as our reader makes it."""
    return product(text).tree(None, {})


def read_by_asdf(text: bytes) -> Any:
    return yaml.load(text, Loader=AsdfLoader)


def same(a: Any, b: Any) -> bool:
    """Tell whether two trees hold the same values of the same types; nan equals nan."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(x, y) and same(v, w) for (x, v), (y, w) in zip(a.items(), b.items(), strict=True)
        )
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return a.hex() == b.hex()
    return bool(a == b)


# --------------------------------------------------------------------------------------------------
# Trees that try to look like something else

WORDS = [
    "", " ", "a", "yes", "No", "on", "y", "null", "~", "=", "<<", "-", "?", ":", "- a", "? a",
    ": a", "a: b", "a:b", "a #b", "a#b", "#", "[", "]", "{", "}", ",", "a,b", "&a", "*a", "!a",
    "|", ">", "'", '"', "%", "@", "`", "---", "...", "--- a", "...a", "0", "08", "010", "0x1f",
    "0b1", "0o7", "1_0", "1e5", "1.e+5", "1.0", ".5", "-.5", "+.inf", ".NaN", "1:30", "1:30.5",
    "190:20:30", "2020-01-31", "2020-13-01", "2020-01-01 02:03:04", "0x_", "it's", 'say "so"',
    "a\\b", "tab\there", "a\nb", "\na", "a\n", "a\n\n", "a \nb", "a\n b", "\r", "a\rb", "\x00",
    "\x07", "\x1b", "\x7f", "\x85", "\xa0", "é", "\u2028", "a\u2028b", "a \u2029 b", "\ufeff",
    "\ufffe", "\ud7ff", "😀", "word " * 30, "word  " * 30, "x" * 200, "é " * 70, "it's " * 40,
    "a\tb " * 30, "a: b " * 30, "line\n" * 20, " lead", "trail ", "x" * 79 + " y",
    "x" * 80 + " y", "x" * 81 + " y  z", "x" * 127, "x" * 128, "x" * 129, "é" * 64, "é" * 65,
]  # fmt: skip

ALPHABET = (
    "ab01-+.:eE_ \n\t#,[]{}&*!|>'\"%@`?=<~/\\\r\x00\x07\x85\xa0é\u2028\u2029\ufeff\ufffd😀xyz   "
)
strings = st.one_of(
    st.sampled_from(WORDS),
    st.text(alphabet=ALPHABET, max_size=12),
    st.text(alphabet="ab \n'\"é\u2028:#\t", max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
numbers = st.one_of(
    st.integers(),
    st.integers(-20, 20),
    st.floats(),
    st.floats(width=32),
    st.sampled_from(
        [0.0, -0.0, 1e16, 1e15, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308, 123456789.0]
    ),
)
moments = st.one_of(st.datetimes(), st.dates(), st.datetimes(timezones=st.just(datetime.UTC)))
plain_scalars = st.one_of(st.none(), st.booleans(), numbers, strings)
scalars = st.one_of(plain_scalars, st.binary(max_size=120), moments)
others = st.one_of(
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.dates(),
    st.just((1, "a")),
)
keys = st.one_of(strings, strings, others)
tags = st.sampled_from(
    [
        CORE + "software-1.0.0",
        "tag:stsci.edu:asdf/transform/shift-1.4.0",
        "tag:stsci.edu:gwcs/wcs-1.4.0",
        "tag:astropy.org:astropy/coordinates/frames/icrs-1.1.0",
        "tag:yaml.org,2002:python/tuple",
        "tag:example.org:odd #é%/x-1.0.0",
        "!local",
        "x" * 140,
    ]
)


def containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(children, max_size=5)
    dicts = st.dictionaries(keys, children, max_size=5)
    return st.one_of(
        lists,
        dicts,
        lists.map(tuple),
        st.sets(st.one_of(st.integers(), strings), max_size=3),
        st.dictionaries(strings, children, max_size=3).map(OrderedDict),
        st.builds(lambda data, tag: TaggedList(data, tag), lists, tags),
        st.builds(lambda data, tag: TaggedDict(data, tag), dicts, tags),
        st.builds(lambda data, tag: tag_object(tag, data), strings, tags),
    )


trees = st.recursive(scalars, containers, max_leaves=25)
plain_trees = st.recursive(
    plain_scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=5), st.dictionaries(strings, children, max_size=5)
    ),
    max_leaves=25,
)
many = settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.oracle
@many
@given(trees)
def test_a_tree_is_written_as_asdf_writes_it(tree: Any) -> None:
    assert ours(tree) == theirs(tree)


@pytest.mark.oracle
@many
@given(strings)
@example("\x85")
def test_a_string_is_written_as_asdf_writes_it_in_every_place(text: str) -> None:
    tree = {"block": text, "flow": [text], "keys": {text: text}, "deep": [[{text: [[text, []]]}]]}
    for style in ("inline", "literal", "folded"):
        styled = TaggedString(text)
        styled._tag = "tag:yaml.org,2002:str"
        styled.style = style
        tree[style] = styled
    assert ours(tree) == theirs(tree)


def test_floats_are_spelled_as_python_spells_them() -> None:
    chance = random.Random(0)
    values = []
    for _ in range(20_000):
        values.append(struct.unpack("<d", chance.randbytes(8))[0])
        values.append(
            chance.getrandbits(chance.randrange(1, 54)) * 2.0 ** chance.randrange(-120, 80)
        )
        # In the middle of two decimal numbers that both read as the value, or close to it.
        power = 5 ** chance.randrange(1, 22)
        middle = (chance.getrandbits(53) // power | 1) * power
        values.append(middle / 2 ** chance.randrange(1, 25))
    values = [value for value in values if math.isfinite(value)]
    lines = ours([[value, []] for value in values]).decode().splitlines()
    written = [line[4:] for line in lines if line.startswith("- - ")]
    expected = [repr(value) for value in values]
    expected = [text if "." in text else text.replace("e", ".0e") for text in expected]
    assert written == expected


@pytest.mark.oracle
def test_every_listed_word_is_written_as_asdf_writes_it() -> None:
    for word in WORDS:
        for tree in (word, [word], {word: word}, {"k": {"k": [[word]]}}, tag_object("!x", word)):
            assert ours(tree) == theirs(tree), (word, tree)


@many
@given(plain_trees)
def test_what_is_written_reads_back_equal(tree: Any) -> None:
    text = ours({"tree": tree})
    assert same(read(text)["tree"], _in_order(tree))


@pytest.mark.oracle
@many
@given(plain_trees)
def test_asdf_reads_what_is_written_as_what_it_was(tree: Any) -> None:
    assert same(read_by_asdf(ours(tree)), _in_order(tree))


def _in_order(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _in_order(tree[key]) for key in sorted(tree)}
    return [_in_order(item) for item in tree] if isinstance(tree, list) else tree


# --------------------------------------------------------------------------------------------------
# Sharing


def _tangled(seed: int) -> Any:
    """A tree of containers that refer to each other, and to themselves, at random."""
    chance = random.Random(seed)
    nodes: list[Any] = []
    for _ in range(chance.randrange(2, 12)):
        tagged = TaggedList([], ROOT), TaggedDict({}, "tag:x:y-1")
        nodes.append(chance.choice([[], {}, *tagged, datetime.datetime(2020, 1, 2)]))
    for node in nodes:
        for number in range(chance.randrange(4)):
            child = chance.choice([*nodes, 1, "a", ()])
            if isinstance(node, list):
                node.append(child)
            elif isinstance(node, dict):
                node[f"k{number}"] = child
    return {"all": nodes[: chance.randrange(1, 12)], "again": chance.choice(nodes)}


@pytest.mark.oracle
def test_shared_and_recursive_nodes_have_the_anchors_that_asdf_gives_them() -> None:
    for seed in range(500):
        tree = _tangled(seed)
        assert ours(tree) == theirs(tree), seed


@pytest.mark.oracle
def test_numbers_of_numpy_are_one_node_wherever_they_stand_as_with_asdf() -> None:
    small, whole, wide = np.float32(0.1), np.int16(-3), np.float64(0.1)
    tree = {"a": [small, small], "b": [whole, whole], "c": [wide, wide], "d": np.str_("yes")}
    text = ours(tree)
    assert text == theirs(tree)
    assert b"&id001 0.10000000149011612" in text
    assert b"c: [0.1, 0.1]" in text


def test_a_shared_list_reads_back_as_one_object() -> None:
    shared = [1, [2]]
    tree = read(ours({"a": shared, "b": {"c": shared}}))
    assert tree["a"] is tree["b"]["c"]


def test_short_lived_contents_do_not_pass_for_shared_ones() -> None:
    class Fleeting:
        _tag = "tag:x:y-1"

        @property
        def data(self) -> list[Any]:
            return [[1]]

    text = ours({"a": [Fleeting() for _ in range(50)]})
    assert b"&id" not in text


# --------------------------------------------------------------------------------------------------
# What asdf makes before it writes


@pytest.mark.oracle
def test_a_file_of_asdf_is_written_as_asdf_wrote_it() -> None:
    tree = {
        "a": {"z": 1, "A": (1, 2), "n": 1 + 2j, "c": [complex(math.inf, -0.0)], "none": [None]},
        "array": np.arange(3),
        "small": np.ma.array([1, 2], mask=[0, 1]),
    }
    out = io.BytesIO()
    with asdf.AsdfFile(tree) as file:
        file.add_history_entry("made", {"name": "x", "version": "1"})
        file.add_history_entry("plain")
        file.write_to(out)
    text = _yaml(out.getvalue())
    again = product(text).tree(None, {})
    # The parts that stay deferred here are the arrays: their text goes out as it came in.
    assert emit.dump(again) == text
    # The same, made anew.
    again["a"]["n"] = 1 + 2j
    again["array"] = emit.Tagged(
        CORE + "ndarray-1.1.0",
        {"shape": [3], "byteorder": "little", "datatype": "int64", "source": 0},
    )
    assert emit.dump(again) == text


def _yaml(file: bytes) -> bytes:
    return file[file.index(b"%YAML") : file.index(b"\n...\n") + 5]


def test_keys_of_the_root_and_of_arrays_have_the_order_of_their_schemas() -> None:
    array = {
        "shape": [1],
        "offset": 8,
        "source": 0,
        "datatype": "int8",
        "extra": 1,
        "byteorder": "big",
    }
    text = emit.dump(
        {
            "a": emit.Tagged(CORE + "ndarray-1.1.0", array),
            "history": {"entries": [{"time": 1, "description": "d"}]},
            "asdf_library": {"name": "n"},
            "_hash": 1,
        }
    )
    assert text.decode().splitlines()[2:-1] == [
        "--- !core/asdf-1.1.0",
        "asdf_library: !core/software-1.0.0 {name: n}",
        "history:",
        "  entries:",
        "  - !core/history_entry-1.0.0 {description: d, time: 1}",
        "_hash: 1",
        "a: !core/ndarray-1.1.0",
        "  source: 0",
        "  datatype: int8",
        "  byteorder: big",
        "  shape: [1]",
        "  offset: 8",
        "  extra: 1",
    ]


def test_styles_and_orders_that_a_validated_tree_carries_are_followed() -> None:
    tree = TaggedDict({"b": [1, [2]], "a": TaggedList([1, 2], "!t"), "c": 1}, ROOT)
    tree.property_order = ["c", "b"]
    tree["a"].flow_style = "block"
    inner = TaggedDict({"x": {"y": [1]}}, "!t")
    inner.flow_style = "flow"
    tree["d"] = inner
    assert ours(tree) == theirs(tree)


def test_other_handles_shorten_other_tags() -> None:
    tree = TaggedDict({"a": TaggedList([1], "tag:x.org:y/z-1")}, ROOT)
    handles = {"!x!": "tag:x.org:y/"}
    text = ours(tree, handles=handles)
    assert b"%TAG !x! tag:x.org:y/\n" in text
    assert b"a: !x!z-1 [1]" in text
    assert text == theirs(tree, **handles)


# --------------------------------------------------------------------------------------------------
# Where we differ from asdf's dumper, and why


def test_a_comma_in_a_shorthand_tag_is_escaped_since_it_would_end_the_tag() -> None:
    # libyaml writes the comma as it is, and then cannot read its own text.
    tree = {"a": TaggedList([[1]], "tag:stsci.edu:asdf/x,y")}
    assert b"!x,y" in theirs(tree)
    with pytest.raises(yaml.YAMLError):
        read_by_asdf(theirs(tree))
    assert b"!x%2Cy" in ours(tree)
    assert read_by_asdf(ours(tree))["a"]._tag == "tag:stsci.edu:asdf/x,y"


def test_subclasses_of_plain_types_are_written_as_these() -> None:
    # asdf's dumper refuses them.
    class Number(int):
        pass

    class Name(str):
        pass

    class Pair(dict[str, Any]):
        pass

    tree = {"a": Number(3), "b": Name("yes"), "c": Pair(z=np.bool_(True)), "d": frozenset([1])}
    with pytest.raises(yaml.YAMLError):
        theirs(tree)
    assert ours(tree) == theirs({"a": 3, "b": "yes", "c": {"z": True}, "d": {1}})


def test_an_object_that_no_tree_can_hold_is_named_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"numpy\.ndarray") as caught:
        ours({"a": {"b": [1, np.zeros(2)]}})
    assert caught.value.__notes__ == ["at a.b.1 of the tree"]
    with pytest.raises(UnicodeEncodeError):
        ours({"a": "\ud800"})


def test_nesting_that_no_reader_takes_is_refused() -> None:
    tree: Any = 1
    for _ in range(512):
        tree = [tree]
    assert read(ours({"a": tree[0]}))
    with pytest.raises(ValueError, match="nested deeper than 512"):
        ours({"a": tree})


# --------------------------------------------------------------------------------------------------
# Objects that somebody else makes trees of


def test_an_object_is_made_into_a_tree_once_and_shared() -> None:
    class Model:
        def __init__(self) -> None:
            self.inner: Any = None

    model = Model()
    model.inner = [model, 1]
    calls = []

    def default(thing: Any) -> Any:
        calls.append(thing)
        return emit.Tagged("tag:x:model-1", {"inner": thing.inner})

    text = ours({"a": model, "b": [model]}, default=default)
    assert calls == [model]
    assert text == theirs_of_model()
    with pytest.raises(TypeError, match="Model"):
        ours({"a": model}, default=lambda thing: thing)


def theirs_of_model() -> bytes:
    model = TaggedDict({}, "tag:x:model-1")
    model["inner"] = [model, 1]
    return theirs({"a": model, "b": [model]})


# --------------------------------------------------------------------------------------------------
# Real trees


def _real_trees() -> Iterator[tuple[Path, _core.Product]]:
    for path in real_files():
        try:
            opened = _core.Product.open(str(path))
        except (OSError, ValueError):
            continue
        if opened.yaml:
            yield path, opened


REAL = list(_real_trees()) if real_files() else []
real = pytest.mark.parametrize(
    ("path", "opened"), REAL, ids=[path.name for path, _ in REAL] or None
)


def _ordered(tree: Any, seen: set[int]) -> Any:
    """Set on asdf's tagged nodes what validation sets before asdf writes them."""
    if id(tree) in seen:
        return tree
    seen.add(id(tree))
    tag = getattr(tree, "_tag", None) or ""
    if isinstance(tree, dict):
        for prefix, order in emit._ORDERS:
            if tag.startswith(prefix):
                tree.property_order = order
        for value in tree.values():
            _ordered(value, seen)
    elif isinstance(tree, list):
        for value in tree:
            _ordered(value, seen)
    return tree


@pytest.mark.oracle
@real
def test_a_real_tree_is_written_as_asdf_writes_it(path: Path, opened: _core.Product) -> None:
    tree = _ordered(read_by_asdf(opened.yaml), set())
    assert ours(tree) == theirs(tree)


@real
def test_an_untouched_real_tree_keeps_its_text(path: Path, opened: _core.Product) -> None:
    tree = opened.tree(None, {}, lazy=True)
    assert opened.asdf is not None
    text = emit.dump(tree, standard=opened.asdf[-1] or "")
    # A complex number is made at once, and so has the tag of today.
    before = opened.yaml.replace(b"complex-7.0.0", b"complex-1.0.0").splitlines()
    after = text.splitlines()
    # The head is ours, and so is the order of the keys of the root.
    assert sorted(after[3:]) == sorted(before[before.index(_root_line(before)) + 1 :])


def _root_line(lines: list[bytes]) -> bytes:
    return next(line for line in lines if line.startswith(b"---"))


@pytest.mark.oracle
@pytest.mark.parametrize("lazy", [False, True])
@real
def test_a_real_tree_with_untouched_parts_means_what_it_meant(
    path: Path, opened: _core.Product, lazy: bool
) -> None:
    assert opened.asdf is not None
    tree = opened.tree(None, {}, lazy=lazy)
    again = read_by_asdf(emit.dump(tree, standard=opened.asdf[-1] or ""))
    assert _plain(again, {}) == _plain(read_by_asdf(opened.yaml), {})


# Tags that our reader does not keep on what it makes: the plain classes of the standard.
FORGOTTEN = ("asdf", "software", "history_entry", "extension_metadata", "complex")


def _plain(tree: Any, seen: dict[int, int]) -> Any:
    """The tree as comparable values: tags, places of shared nodes, no order of keys."""
    if isinstance(tree, (dict, list)):
        if id(tree) in seen:
            return ("alias", seen[id(tree)])
        if len(tree) > 0:
            seen[id(tree)] = len(seen)
    tag = getattr(tree, "_tag", None)
    if tag and tag.startswith(tuple(f"{CORE}{name}-" for name in FORGOTTEN)):
        tag = None
    if isinstance(tree, dict):
        return tag, {key: _plain(tree[key], seen) for key in sorted(tree, key=str)}
    if isinstance(tree, list):
        return tag, [_plain(item, seen) for item in tree]
    if isinstance(tree, set):
        return tag, sorted(map(repr, tree))
    return tag, repr(tree) if isinstance(tree, float) else str(tree)


# --------------------------------------------------------------------------------------------------
# Parts of trees that somebody else wrote


@pytest.mark.oracle
@many
@given(
    st.dictionaries(st.sampled_from("abcd"), trees, min_size=1),
    st.sampled_from([2, 3, 6]),
    st.sampled_from([20, 80, 500]),
    st.sampled_from([None, False, True]),
    st.booleans(),
)
def test_parts_of_a_tree_in_any_layout_mean_what_they_meant(
    tree: dict[str, Any], indent: int, width: int, flow: bool | None, lazy: bool
) -> None:
    class Dumper(AsdfDumper):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.default_flow_style = flow

    text = yaml.dump(
        tree, Dumper=Dumper, indent=indent, width=width, allow_unicode=True, explicit_end=True,
        version=(1, 1), tags={"!": "tag:stsci.edu:asdf/"}, encoding="utf-8",
    )  # fmt: skip
    try:
        expected = read_by_asdf(text)
    except yaml.YAMLError:  # libyaml does not read all that it writes
        return
    parts = product(text).tree(None, {}, lazy=lazy)
    moved = read_by_asdf(emit.dump({"x": [{"y": [0, parts]}], "z": list(parts.values())}))
    assert _plain(moved["x"][0]["y"][1], {}) == _plain(expected, {})
    for part, key in zip(moved["z"], parts, strict=True):
        assert _plain(part, {}) == _plain(expected[key], {})


def _opened(**parts: Any) -> tuple[dict[str, Any], bytes]:
    """Return a tree whose branches are untouched parts, and its text."""
    text = emit.dump(parts)
    tree = product(text).tree("the owner", {}, lazy=True)
    assert all(type(part) is _core.Deferred for part in tree.values())
    return tree, text


def test_a_part_is_told_where_its_arrays_go() -> None:
    array = emit.Tagged(CORE + "ndarray-1.1.0", {"source": 3, "shape": [2]})
    image = emit.Tagged(CORE + "ndarray-1.1.0", {"source": "fits:SCI,1"})
    tree, text = _opened(a=[array, array, image])
    asked = []

    def link(owner: Any, source: int | str) -> int | str:
        asked.append((owner, source))
        return 12 if source == 3 else "fits:SCI,2"

    expected = text.replace(b"source: 3", b"source: 12").replace(b"SCI,1", b"SCI,2")
    assert emit.dump(tree, link=link) == expected
    assert asked == [("the owner", 3), ("the owner", "fits:SCI,1")]
    assert emit.dump(tree) == text


def test_an_object_made_of_a_shared_node_is_written_in_all_its_places() -> None:
    shared = {"v": [1]}
    tree, text = _opened(a={"x": shared}, b={"y": shared, "z": [0, shared]})
    assert emit.dump(tree) == text
    made: dict[int, Any] = {}
    branch = tree["a"].content(made)
    branch["x"]["v"].append("changed")
    tree["a"] = branch
    again = read(emit.dump(tree, made=lambda owner, node: made.get(node)))
    assert again["a"]["x"] == {"v": [1, "changed"]}
    assert again["a"]["x"] is again["b"]["y"] is again["b"]["z"][1]
    # Where nobody says what became of the node, its text stands.
    apart = read(emit.dump(tree))
    assert apart["b"]["y"] == {"v": [1]} == apart["b"]["z"][1]


def test_errors_of_callbacks_come_through() -> None:
    def fail(*args: Any) -> Any:
        raise LookupError("no such block")

    array = emit.Tagged(CORE + "ndarray-1.1.0", {"source": 3})
    tree, _ = _opened(a=[array], b={"c": array})
    with pytest.raises(LookupError, match="no such block"):
        emit.dump(tree, link=fail)
    with pytest.raises(LookupError, match="no such block"):
        emit.dump(tree, made=fail)
    with pytest.raises(LookupError, match="no such block"):
        emit.dump({"a": object()}, default=fail)
