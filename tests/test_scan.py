"""Catalogues of many files: each value is what a model has, and no file keeps the others from it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import catalogue, cli, mapping, sample
from asdfits.catalogue import scanning
from asdfits.catalogue.columns import columns_of
from conftest import real_files

pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.compute")

FILES = real_files()
real = pytest.mark.skipif(not FILES, reason="real products are absent; set ASDFITS_DATA")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three products, one of which is zipped and one of which has an edited header."""
    product = sample.image_product()
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "jw02736007001_03103_00001_nrcalong_cal.fits").write_bytes(product)
    edited = product.replace(b"F200W", b"F356W", 1)
    assert edited != product
    (tmp_path / "deep" / "jw02736007001_03103_00002_nrcalong_cal.fits").write_bytes(edited)
    zipped = tmp_path / "deep" / "deeper" / "jw02736007001_03103_00003_nrcalong_cal.fits.gz"
    zipped.write_bytes(gzip.compress(product))
    (tmp_path / "notes.txt").write_text("no product")
    return tmp_path


def rows(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asdfits.scan(*args, **kwargs).to_pylist()
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [Path(row["path"]).name for row in found]


# -- values -------------------------------------------------------------------------------------


def expected(model: Any, column: Any) -> Any:
    """What a row has to say of a path of an open model."""
    try:
        value = model[".".join(column.words)]
    except KeyError:
        return None
    if value is None or isinstance(value, (str, bool, int, float)):
        holds = {"text": str, "integer": int, "float": (int, float), "logical": bool}[column.type]
        if column.type == "text" and value is not None:
            return str(value)
        fits = isinstance(value, holds) and (column.type == "logical") == isinstance(value, bool)
        whole = column.type == "integer" and isinstance(value, float) and value.is_integer()
        return value if fits or whole else None
    return ...


def differences(paths: list[Path], columns: list[str] | None = None) -> Iterator[str]:
    """Compare the rows of files with the models that open from them."""
    wanted = [c for c in columns_of(columns) if c.word in ("path", "name", "model")]
    assert wanted
    wanted = [c for c in wanted if c.kind == "file"]
    for path, row in zip(paths, rows(paths, columns), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = asdfits.open(path)
            except (ValueError, TypeError) as error:
                if row["error"] is None:
                    yield f"{path}: no error, though {error}"
                continue
            with model:
                if row.get("class", type(model).__name__) != type(model).__name__:
                    yield f"{path}: class {row['class']}"
                for column in wanted:
                    value = expected(model, column)
                    now = column.words == ("meta", "date") and row[column.name] is None
                    if value is ... or (now and model.provenance("meta.date").layer == "user"):
                        continue
                    same = row[column.name] == value or (
                        value != value and row[column.name] != value
                    )
                    if not same:
                        yield f"{path}: {column.name} is {row[column.name]!r}, expected {value!r}"


@real
def test_default_columns_of_real_files_say_what_models_say() -> None:
    assert list(differences(FILES)) == []


@real
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_keyword_of_a_real_file_is_found_where_the_model_has_it(path: Path) -> None:
    name = rows(path)[0]["class"]
    paths = {row.path for row in mapping.model(name).keywords}
    columns = {".".join("1" if part == "*" else part for part in each) for each in paths}
    assert list(differences([path], sorted(columns))) == []


@real
@pytest.mark.oracle
def test_edited_real_files_say_what_models_say(tmp_path: Path) -> None:
    mutations = pytest.importorskip("mutations")
    made = []
    for number, path in enumerate(FILES):
        parts = mutations.taken_apart(path.read_bytes())
        for place, (name, mutation) in enumerate(mutations.MUTATIONS.items()):
            if (number + place) % 3 or not mutation.edits or path.stat().st_size > 2_000_000:
                continue
            file = (
                tmp_path / f"{len(made)}-{name.replace(' ', '-')}-{path.name.removesuffix('.gz')}"
            )
            if mutations.edited(parts, mutation.edits, file):
                made.append(file)
    assert len(made) > 100
    assert list(differences(made)) == []


@real
@pytest.mark.oracle
def test_default_columns_say_what_the_reference_reads() -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    compared = 0
    wanted = [c for c in columns_of(None) if c.kind == "file" and c.word == "path"]
    for path, row in zip(FILES, rows(FILES), strict=True):
        with warnings.catch_warnings(), suppress(Exception):  # what it cannot read it cannot say
            warnings.simplefilter("ignore")
            theirs = datamodels.read_metadata(path)
            for column in wanted:
                value = theirs.get(".".join(column.words))
                if value is None or isinstance(value, dict):
                    continue
                ours = row[column.name]
                if isinstance(value, float):
                    assert ours == pytest.approx(value, rel=1e-12), (path, column)
                else:
                    assert ours == (str(value) if column.type == "text" else value), (path, column)
                compared += 1
    assert compared > 300


@real
def test_level_and_stage_are_those_of_the_product() -> None:
    for path, row in zip(FILES, rows(FILES, ["level", "stage", "mast_level"]), strict=True):
        kind = asdfits.products.classify(path)
        found = (None,) * 3 if kind is None else (kind.level, kind.stage, kind.mast_level)
        assert (row["level"], row["stage"], row["mast_level"]) == found, path


def test_a_row_says_what_is_in_the_file(folder: Path) -> None:
    first, second, third = rows(folder)
    path = folder / "jw02736007001_03103_00001_nrcalong_cal.fits"
    assert (first["path"], first["size"]) == (str(path), path.stat().st_size)
    assert first["mtime"].timestamp() == pytest.approx(path.stat().st_mtime, abs=1e-5)
    assert (first["class"], first.get("format", "fits")) == (
        "ImageModel",
        "fits",
    )
    assert (first["name.detector"], first["level"], first["stage"]) == ("nrcalong", "2b", 2)
    assert (first["shape"], first["sci"], first["error"], first["warnings"]) == (
        "24x32",
        1,
        None,
        None,
    )
    assert [row["hash"] for row in (first, second, third)] == ["matches", "differs", "matches"]
    # An edited header wins, and one that was not edited does not.
    assert [row["filter"] for row in (first, second, third)] == ["F200W", "F356W", "F200W"]
    assert [row["hdus"] for row in (first, second, third)] == [first["hdus"]] * 3
    assert third["name.exposure"] == "00003"


def test_the_exact_value_of_the_tree_counts_while_the_hash_proves_the_headers(folder: Path) -> None:
    for path in sorted(folder.rglob("*.fits")):
        with asdfits.open(path) as model:
            paths = [key for key, value in model.items() if isinstance(value, (str, float, int))]
        assert list(differences([path], [key for key in paths if key.startswith("meta.")])) == []


def test_cards_and_paths_are_columns(folder: Path) -> None:
    columns = [
        "SCI:BUNIT",
        "SCI,1:BITPIX",
        "SCI,2:BUNIT",
        "0:DATAMODL",
        "PRIMARY:NOSUCH",
        "meta.no.x",
    ]
    (row, *_) = rows(folder, [*columns, "meta.exposure.type", "data", "meta.instrument"])
    with asdfits.open(row["path"]) as model:
        assert row["SCI:BUNIT"] == "MJy/sr"
        assert (row["SCI,1:BITPIX"], row["0:DATAMODL"]) == (-32, "ImageModel")
        assert (row["SCI,2:BUNIT"], row["PRIMARY:NOSUCH"], row["meta.no.x"]) == (None,) * 3
        assert row["meta.exposure.type"] == model.meta.exposure.type
        assert row["data"] == "float32 24x32"
        assert json.loads(row["meta.instrument"]) == model.meta.instrument.instance


@pytest.mark.oracle
def test_the_shape_of_a_compressed_image_is_that_of_the_image(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    packed = fits.CompImageHDU(np.zeros((12, 34), "i2"), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "packed.fits")
    (row,) = rows(tmp_path)
    assert (row["shape"], row["sci"], row["error"]) == ("12x34", 1, None)


def test_plain_asdf_files_and_files_without_a_class_are_scanned(
    folder: Path, tmp_path: Path
) -> None:
    source = folder / "jw02736007001_03103_00001_nrcalong_cal.fits"
    with asdfits.open(source) as model:
        model.save(str(tmp_path / "model.asdf"))
    named = b"DATAMODL= 'ImageModel'"
    assert named in source.read_bytes()
    (tmp_path / "other.fits").write_bytes(
        source.read_bytes().replace(named, b"NOTAMODL= 'ImageModel'")
    )
    asdf, other = rows([tmp_path / "model.asdf", tmp_path / "other.fits"], ["default", "format"])
    assert (asdf["format"], asdf["class"], asdf["hash"]) == ("asdf", "ImageModel", None)
    assert asdf["exp_type"] == other["exp_type"] is not None
    assert (other["class"], other["hash"]) == ("ImageModel", "differs")
    assert other["warnings"] == "no class is named; opens as ImageModel"
    assert list(differences([tmp_path / "model.asdf", tmp_path / "other.fits"])) == []


# -- types --------------------------------------------------------------------------------------


def test_types_come_from_the_schemas_and_not_from_the_files(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    columns = [
        "default",
        "meta.exposure.nints",
        "SCI:BITPIX",
        "PRIMARY:TARG_RA",
        "meta.own.x",
        "X:Y",
    ]
    full = asdfits.scan(folder, columns)
    assert asdfits.scan(empty, columns).schema == full.schema
    assert asdfits.scan(empty, columns).num_rows == 0
    types = {name: str(full.schema.field(name).type) for name in full.schema.names}
    assert types["meta.exposure.nints"] == types["SCI:BITPIX"] == types["size"] == "int64"
    assert types["ra"] == types["PRIMARY:TARG_RA"] == "double"
    assert types["meta.own.x"] == types["X:Y"] == types["exp_type"] == "string"
    assert types["mtime"] == "timestamp[us, tz=UTC]"


def test_a_value_of_another_type_is_left_out_with_a_warning(folder: Path) -> None:
    path = folder / "jw02736007001_03103_00001_nrcalong_cal.fits"
    path.write_bytes(path.read_bytes().replace(b"BUNIT   = 'MJy/sr  '", b"EXTLEVEL= 'many    '"))
    (row,) = rows(path, ["SCI:EXTLEVEL"])
    assert row["SCI:EXTLEVEL"] is None
    assert row["warnings"] == "SCI:EXTLEVEL: the value is no integer; left out"


def test_values_of_no_schema_become_text() -> None:
    tree = "\n".join(["meta: {own: {a: 1, b: 2.5, c: true, d: x, e: 1.0e-7, f: .nan, g: null}}"])
    content = sample.product([("DATAMODL", "ImageModel")], [], f"{tree}\n")
    with tempfile.NamedTemporaryFile(suffix=".fits") as file:
        file.write(content)
        file.flush()
        (row,) = rows(file.name, [f"meta.own.{letter}" for letter in "abcdefg"])
        with warnings.catch_warnings(), asdfits.open(file.name) as model:
            values = [model[f"meta.own.{letter}"] for letter in "abcdef"]
    assert [row[f"meta.own.{letter}"] for letter in "abcdef"] == [str(value) for value in values]
    assert row["meta.own.g"] is None


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("nosuch", "'nosuch' is no column"),
        ("name.nosuch", "no field of a name is called 'nosuch'"),
        ("SCI,x:BUNIT", "is no card"),
        (":BUNIT", "is no card"),
        ("meta..x", "is no column"),
    ],
)
def test_a_column_that_cannot_be_is_refused(column: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        asdfits.scan(tmp_path, [column])


# -- which files ----------------------------------------------------------------------------------


def test_files_come_from_folders_patterns_lists_and_iterators(folder: Path) -> None:
    everything = [
        "jw02736007001_03103_00001_nrcalong_cal.fits",
        "jw02736007001_03103_00002_nrcalong_cal.fits",
        "jw02736007001_03103_00003_nrcalong_cal.fits.gz",
    ]
    assert names(rows(folder)) == everything
    assert names(rows(str(folder / "deep" / "*.fits"))) == everything[1:2]
    assert sorted(names(rows(str(folder / "**" / "*_cal.fits*")))) == everything
    assert names(rows(folder, pattern="*.gz")) == everything[2:]
    assert names(rows(folder, pattern=("*1_nrcalong*", "*2_nrcalong*"))) == everything[:2]
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert names(rows(paths, ["class"])) == [path.name for path in paths]
    assert names(rows(iter([folder / "deep", paths[-1]])))[:2] == everything[1:]


def test_nothing_is_read_ahead_of_an_iterator_but_a_batch_or_two(folder: Path) -> None:
    path = str(folder / "jw02736007001_03103_00001_nrcalong_cal.fits")
    asked = 0

    def endless() -> Iterator[str]:
        nonlocal asked
        while True:
            asked += 1
            yield path

    reader = asdfits.scan_batches(endless(), ["class"])
    for _ in range(3):
        assert reader.read_next_batch().num_rows == scanning.BATCH
    assert asked <= 5 * scanning.BATCH
    reader.close()


def test_links_in_a_circle_end(folder: Path) -> None:
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "loop.fits").symlink_to(folder / "loop.fits")
    (folder / "gone.fits").symlink_to(folder / "nowhere.fits")
    found = rows(folder)
    assert len(found) == 5
    errors = {Path(row["path"]).name: row["error"] for row in found if row["error"]}
    assert errors == {
        "loop.fits": "OSError: Too many levels of symbolic links",
        "gone.fits": "FileNotFoundError: No such file or directory",
    }


def test_a_pipe_and_a_folder_in_the_place_of_a_file_are_errors(folder: Path) -> None:
    os.mkfifo(folder / "pipe.fits")
    (found,) = rows(folder / "pipe.fits")
    assert found["error"] == "OSError: is no regular file"
    (folder / "folder.fits").mkdir()
    assert names(rows(folder))[-1:] != ["folder.fits"]
    (missing,) = rows("no/such/file.fits")
    assert missing["error"] == "FileNotFoundError: No such file or directory"
    assert (missing["size"], missing["class"], missing["level"]) == (None, None, None)


def test_what_may_not_be_read_is_an_error_in_its_row() -> None:
    script = """
import os, sys
import asdfits
asdfits.scan(sys.argv[1], ["class"])  # imports what it needs
if os.geteuid() == 0:
    os.setegid(65534); os.seteuid(65534)
table = asdfits.scan(sys.argv[1], ["class"])
for path, name, error in zip(*(table[name].to_pylist() for name in ("path", "class", "error"))):
    print(os.path.basename(path), name, error)
"""
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        top.chmod(0o755)
        for name in ("a.fits", "b.fits"):
            (top / name).write_bytes(sample.image_product())
        (top / "b.fits").chmod(0)
        (top / "closed").mkdir(mode=0o000)
        found = subprocess.run(
            [sys.executable, "-c", script, made], capture_output=True, text=True, check=True
        )
    assert found.stdout.splitlines() == [
        "a.fits ImageModel None",
        "b.fits None PermissionError: Permission denied",
        "closed None PermissionError: Permission denied",
    ]


# -- damage -------------------------------------------------------------------------------------

_DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "empty": lambda content, _: b"",
    "garbage": lambda content, rng: rng.randbytes(5000),
    "cut": lambda content, rng: content[: rng.randrange(len(content))],
    "no end": lambda content, _: content.replace(b"END" + b" " * 77, b" " * 80),
    "bits": lambda content, rng: bytes(b ^ (rng.random() < 0.001) for b in content),
    "cut gzip": lambda content, rng: gzip.compress(content)[: rng.randrange(1000)],
    "tree": lambda content, _: content.replace(b"%YAML 1.1", b"%YAML 1.1\n\t]"),
    "huge": lambda content, _: content.replace(
        b"NAXIS2  =                   24", b"NAXIS2  =  9999999999999999999"
    ),
}


def test_a_folder_with_a_tenth_of_damaged_files_gives_all_rows(tmp_path: Path) -> None:
    rng = random.Random(7)
    content = sample.image_product()
    damaged = {}
    for number in range(400):
        path = tmp_path / f"jw02736007001_03103_{number:05d}_nrcalong_cal.fits"
        path.write_bytes(content)
        if number % 10 == 3:
            kind = list(_DAMAGES)[number // 10 % len(_DAMAGES)]
            path.write_bytes(_DAMAGES[kind](content, rng))
            damaged[path.name] = kind
    found = rows(tmp_path)
    assert len(found) == 400
    assert names(found) == sorted(names(found))
    for row in found:
        name = Path(row["path"]).name
        if name not in damaged:
            assert (row["error"], row["class"], row["filter"]) == (None, "ImageModel", "F200W")
        elif damaged[name] != "bits":
            assert row["error"] or row["warnings"], (name, damaged[name])
        assert row["name.exposure"] == name[20:25]
    by_kind = {damaged[Path(row["path"]).name]: row for row in found if row["error"]}
    assert by_kind["empty"]["error"].startswith("FormatError: byte 0: the file is empty")
    assert by_kind["garbage"]["error"].startswith("FormatError: byte 0: found")
    # The headers can be read where the tree cannot.
    assert "YAML" in by_kind["tree"]["error"] or "byte" in by_kind["tree"]["error"]
    assert by_kind["tree"]["filter"] == "F200W"


def test_a_file_cut_anywhere_has_the_error_that_opening_it_raises(tmp_path: Path) -> None:
    content = sample.image_product()
    paths = []
    for length in range(0, len(content), 997):
        paths.append(tmp_path / f"{length}.fits")
        paths[-1].write_bytes(content[:length])
    for path, row in zip(paths, rows(paths), strict=True):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fault = None
            try:
                asdfits.open(path).close()
            except ValueError as error:
                fault = f"{type(error).__name__}: {str(error).partition(': ')[2]}"
        texts = [str(each.message).partition(": ")[2] for each in caught]
        cut = [f"Truncated: {text}" for text in texts]
        assert row["error"] in ([fault] if fault else [None, *cut]), (path, row["error"], texts)
        assert row["error"] or not any("the file ends" in text for text in texts)


def test_an_interrupted_edit_is_undone_first(folder: Path) -> None:
    path = folder / "jw02736007001_03103_00001_nrcalong_cal.fits"
    before = path.read_bytes()
    # The journal of an edit that never came to its end, as the editor writes it.
    journal = path.with_name(f".{path.name}.asdfits-undo")
    content = b"asdfits undo 1\n\0" + struct.pack("<QQQ", len(before), len(before), 1)
    old, new = before[80:160], b"#" * 80
    content += struct.pack("<QQ", 80, 80) + old + struct.pack("<Q", 80) + new
    journal.write_bytes(content + hashlib.sha256(content).digest())
    path.write_bytes(before[:80] + new + before[160:])
    (row,) = rows(path)
    assert (row["error"], row["hash"]) == (None, "matches")
    assert path.read_bytes() == before
    assert not journal.exists()


# -- where --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("filter == 'F356W'", [2]),
        ("filter != 'F356W'", [1, 3]),
        ("filter in ('F356W', 'F999W')", [2]),
        ("filter not in ['F356W']", [1, 3]),
        ("'35' in filter and hash == 'differs'", [2]),
        ("filter.startswith('F3') or `name.exposure` == '00003'", [2, 3]),
        ("name.exposure > '00001' and not name.exposure == '00003'", [2]),
        ("sci == 1 & hdus >= 3", None),
        ("(sci == 1) & (hdus >= 3)", [1, 2, 3]),
        ("0 < sci < 2", [1, 2, 3]),
        ("sci * 2 - 1 == 1", [1, 2, 3]),
        ("grating is None", [1, 2, 3]),
        ("grating is not None", []),
        ("`SCI:BUNIT` == 'MJy/sr' and meta.instrument.filter == 'F356W'", [2]),
        ("mtime > '2001-01-01'", [1, 2, 3]),
        ("mtime > '2101-01-01'", []),
        ("path.endswith('.gz')", [3]),
        ("filter.matches('^F3.6')", [2]),
    ],
)
def test_a_filter_keeps_the_rows_that_it_says(
    where: str, expected: list[int] | None, folder: Path
) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="is no filter"):
            asdfits.scan(folder, ["class"], where)
        return
    found = rows(folder, ["class", "name.exposure"], where)
    assert [int(row["name.exposure"]) for row in found] == expected
    # What only the filter names is no column of the answer.
    assert set(found[0] if found else ()) <= {
        *("path", "size", "mtime", "class", "name.exposure", "error", "warnings")
    }


@pytest.mark.parametrize("where", ["filter ==", "open('x')", "1 + 1", "x[y] == 1", "a == b()"])
def test_what_is_no_filter_is_refused(where: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"is no (filter|column)"):
        asdfits.scan(folder, None, where)


def test_filters_may_be_expressions_and_callables(folder: Path) -> None:
    expression = pc.field("filter") == "F356W"
    assert len(rows(folder, None, expression)) == 1
    assert len(rows(folder, None, lambda batch: pc.equal(batch["filter"], "F356W"))) == 1
    assert len(rows(folder, None, lambda batch: [True] * batch.num_rows)) == 3
    assert len(rows(folder, None, lambda _: expression)) == 1


def test_a_filter_may_ask_for_errors(folder: Path) -> None:
    (folder / "bad.fits").write_bytes(b"no product")
    assert len(rows(folder, None, "filter != 'x'")) == 3
    assert names(rows(folder, None, "error is not None")) == ["bad.fits"]


# -- incremental, stored ------------------------------------------------------------------------


class Counted:
    """Counts the files that the core is asked to read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        original = scanning.Scanner

        def made(columns: Any) -> Any:
            inner = original(columns)

            class Wrapped:
                def run(_, paths: list[str], *args: Any) -> Any:  # noqa: N805
                    self.paths += paths
                    return inner.run(paths, *args)

            return Wrapped()

        monkeypatch.setattr(scanning, "Scanner", made)


@pytest.mark.parametrize("ending", [*catalogue.storage.ENDINGS, "table"])
def test_only_changed_files_are_scanned_again(
    ending: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bad.fits").write_bytes(b"no product")
    table = asdfits.scan(folder)
    previous: Any = table
    if ending != "table":
        pytest.importorskip("astropy")
        previous = folder / f"catalogue{ending}"
        assert catalogue.write(table, previous) == 4
    counted = Counted(monkeypatch)
    assert asdfits.scan(folder, previous=previous).equals(table)
    # One with an error is looked at again.
    assert [Path(path).name for path in counted.paths] == ["bad.fits"]
    counted.paths.clear()
    changed = folder / "deep" / "jw02736007001_03103_00002_nrcalong_cal.fits"
    changed.write_bytes(changed.read_bytes().replace(b"F356W", b"F277W", 1))
    os.utime(changed, (1, 1))
    (folder / "new.fits").write_bytes(sample.image_product())
    (folder / "bad.fits").unlink()
    again = asdfits.scan(folder, previous=previous)
    assert {Path(path).name for path in counted.paths} == {changed.name, "new.fits"}
    monkeypatch.undo()
    assert again.equals(asdfits.scan(folder))
    # Of other columns nothing can be taken over.
    counted = Counted(monkeypatch)
    asdfits.scan(folder, ["default", "meta.exposure.type"], previous=previous)
    assert len(set(counted.paths)) == 4


@pytest.mark.parametrize("ending", catalogue.storage.ENDINGS)
def test_catalogues_are_read_as_they_were_written(ending: str, folder: Path) -> None:
    table = asdfits.scan(folder)
    path = folder / f"catalogue{ending}"
    catalogue.write(asdfits.scan_batches(folder), path)
    found = catalogue.read(path)
    assert found.column_names == table.column_names
    if ending in (".parquet", ".arrow", ".feather"):
        assert found.equals(table)
    else:
        assert found["ra"].to_pylist() == table["ra"].to_pylist()
        assert found["filter"].to_pylist() == table["filter"].to_pylist()
    assert not [each for each in folder.iterdir() if each.name.startswith(".catalogue")]


def test_a_catalogue_in_ecsv_is_read_by_astropy(folder: Path) -> None:
    tables = pytest.importorskip("astropy.table")
    path = folder / "catalogue.ecsv"
    catalogue.write(asdfits.scan(folder), path)
    table = tables.Table.read(path)
    assert list(table["filter"]) == ["F200W", "F356W", "F200W"]
    assert np.ma.is_masked(table["grating"][0])
    assert table["ra"].dtype == "f8"


def test_another_ending_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        catalogue.write(asdfits.scan(folder), folder / "catalogue.txt")


# -- memory -------------------------------------------------------------------------------------


def _peak_of(count: int, folder: Path) -> int:
    """The most memory, in kB, that a scan of `count` files takes; rows are counted, not kept."""
    script = f"""
import resource, sys
import asdfits
rows = 0
paths = ({str(folder)!r} + f"/{{number % 50}}.fits" for number in range({count}))
for batch in asdfits.scan_batches(paths):
    rows += batch.num_rows
assert rows == {count}, rows
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return int(found.stdout)


@pytest.mark.parametrize("count", [3_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_number_of_files(count: int, tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.fits").write_bytes(sample.image_product())
    few, many = _peak_of(500, tmp_path), _peak_of(count, tmp_path)
    assert many - few < 20_000, f"{few} kB for 500 files, {many} kB for {count}"


def test_the_data_of_a_file_are_not_read(tmp_path: Path) -> None:
    big = tmp_path / "big.fits"
    header = sample.header(
        [
            ("XTENSION", "IMAGE"),
            ("BITPIX", -32),
            ("NAXIS", 2),
            ("NAXIS1", 20_000_000),
            ("NAXIS2", 1440),
            ("PCOUNT", 0),
            ("GCOUNT", 1),
            ("EXTNAME", "SCI"),
        ]
    )
    primary = sample.header(
        [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXP_TYPE", "NRC_IMAGE")]
    )
    with big.open("wb") as file:
        file.write(primary + header)
        file.truncate(len(primary) + len(header) + 4 * 20_000_000 * 1440)
    (row,) = rows(big)  # reading 115 GB would take minutes
    assert (row["shape"], row["exp_type"], row["error"]) == ("1440x20000000", "NRC_IMAGE", None)


# -- without pyarrow, from a shell ----------------------------------------------------------------


def test_without_pyarrow_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(asdfits.MissingExtraError, match=r"pip install 'asdfits\[arrow\]'"):
        asdfits.scan(folder)


def test_pyarrow_is_imported_when_something_is_scanned() -> None:
    script = "import sys, asdfits, asdfits.cli; asdfits.scan; print('pyarrow' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"


def test_the_command_writes_a_catalogue_and_sums_it_up(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = folder / "catalogue.parquet"
    assert cli.main(["scan", str(folder), "-o", str(output)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert lines[0].startswith("3 files in ")
    assert lines[0].endswith(f"a second) -> {output}")
    assert lines[1:] == ["  class   ImageModel 3", "  level   2b 3"]
    assert catalogue.read(output).equals(asdfits.scan(folder))
    (folder / "bad.fits").write_bytes(b"no product")
    assert cli.main(["scan", str(folder), "-o", str(output)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "  error   FormatError 1"
    assert catalogue.read(output).num_rows == 4


def test_the_command_lists_what_it_finds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.fits").write_bytes(b"no product")
    assert cli.main(["scan", str(folder), "--quiet"]) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    head, *lines = printed.out.splitlines()
    assert head.split()[:3] == ["path", "class", "level"]
    assert lines[1].startswith("  FormatError: byte 0: found")
    assert len(lines) == 5
    where = [
        "--where",
        "filter == 'F356W'",
        "--columns",
        "class;SCI,1:BUNIT",
        "--pattern",
        "*.fits",
    ]
    assert cli.main(["scan", str(folder), *where, "--jobs", "1", "--quiet"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["path", "class", "SCI,1:BUNIT"]
    assert line.split()[1:] == ["ImageModel", "MJy/sr"]


def test_the_command_says_what_it_cannot_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["scan", str(folder), "--columns", "nosuch"]) == 1
    assert "'nosuch' is no column" in capsys.readouterr().err
    assert cli.main(["scan", str(folder), "-o", str(folder / "x.txt")]) == 1
    assert "expected one of .parquet" in capsys.readouterr().err


def test_an_unusable_output_is_written_anew(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = folder / "catalogue.parquet"
    output.write_bytes(b"half a catalogue")
    assert cli.main(["scan", str(folder), "-o", str(output), "--quiet"]) == 0
    assert catalogue.read(output).num_rows == 3
    shutil.rmtree(folder / "deep")
    assert cli.main(["scan", str(folder), "-o", str(output), "--quiet"]) == 0
    assert catalogue.read(output).num_rows == 1
