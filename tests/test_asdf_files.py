"""Plain ASDF files: reference files of JWST, files of others, arrays in the tree and in other files."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdf_bytes import Block, asdf_bytes, made, read, same
from asdfits import FormatError, MissingExtraError, NoTypeWarning, UnsupportedError, mapping
from asdfits._core import Deferred, Numbers, Product
from asdfits.file import File
from oracle import compare

# -- classes that are only ever plain ASDF -----------------------------------------------------------

CLASSES = [
    name
    for name in sorted(mapping.class_names())
    if mapping.is_subclass(name, "ReferenceFileModel") and not mapping.model(name).arrays
]


def values(name: str) -> dict[str, Any]:
    """Something for each argument that the class takes beside `init`."""
    import inspect

    from astropy import units
    from astropy.modeling import models
    from stdatamodels.jwst import datamodels

    rng = np.random.default_rng(1)

    def transform() -> Any:
        plane = models.Polynomial2D(
            2,
            **{f"c{n}": v for n, v in zip(("0_0", "1_0", "0_1"), rng.normal(size=3), strict=True)},
        )
        return (
            models.Shift(rng.normal()) & models.Identity(1)
            | models.Mapping((0, 1, 0, 1))
            | plane & plane
        )

    def table() -> Any:
        return models.Tabular1D(
            points=np.arange(5.0), lookup_table=rng.normal(size=5), bounds_error=False
        )

    known: dict[str, Callable[[], Any]] = {
        "orders": lambda: [1, 2],
        "order": lambda: [1, 2],
        "regions": lambda: rng.integers(0, 30, (64, 64)).astype("u2"),
        "filters": lambda: [{"name": "F070LP", "row_offset": 0.5, "column_offset": -1.0}],
        "instrument": lambda: "NIRCAM",
        "data": lambda: {f"Q{n}": rng.normal(size=(7, 5)).astype("f4") for n in range(1, 6)},
        "models": lambda: {f"Q{n}": transform() for n in range(1, 6)},
        "slice_models": lambda: {f"slice_{n}": {"linear": transform()} for n in range(30)},
        "wrange_selector": lambda: ["F070LP", "F100LP"],
        "wrange": lambda: [[1, "F070LP", 0.6, 1.3], [2, "F100LP", 1.0, 1.9]],
        "extract_orders": lambda: [["F070LP", [1, 2]]],
        "wunits": lambda: units.micron,
        "input_units": lambda: units.pix,
        "output_units": lambda: units.deg,
        "apertures": lambda: [{"aperture_name": "MOS", "zero_point_offset": table()}],
        "radii": lambda: [{"pupil": "CLEAR", "radius": 2.5}],
        "fwcpos_ref": lambda: 354.2,
        "angle": lambda: 12.5,
    }
    found = {}
    for argument in inspect.signature(getattr(datamodels, name).__init__).parameters:
        if argument in ("self", "init", "kwargs", "stripes"):
            continue
        if argument in known:
            found[argument] = known[argument]()
        elif argument.startswith(("disp", "invdisp")):
            found[argument] = [[transform(), table()], [table()]]
        elif argument.endswith("model"):
            found[argument] = transform()
        else:
            found[argument] = {"a": rng.normal(), "list": [1, 2.5, "three"]}
    return found


@pytest.fixture(params=CLASSES)
def reference_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that stdatamodels wrote."""
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    from astropy.table import Table

    path = tmp_path / f"{request.param.lower()}.asdf"
    with warnings.catch_warnings(action="ignore"):
        model = getattr(datamodels, request.param)(
            pass_invalid_values=True, **values(request.param)
        )
        model.meta.instrument.name = "NIRCAM"
        model.meta.description = "made for a test"
        if request.param == "ABVegaOffsetModel":
            model.abvega_offset = Table({"filter": ["F070W"], "abvega_offset": [0.25]})
        model.save(path)
        model.close()
    return path


@pytest.mark.oracle
def test_a_reference_file_opens_as_its_class_with_the_values_of_the_reference(
    reference_file: Path,
) -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    with warnings.catch_warnings(action="ignore"):
        theirs, ours = datamodels.open(reference_file), asdfits.open(reference_file)
        assert type(ours).__name__ == type(theirs).__name__
        found = compare(theirs, ours)
        # The reference forgets the name of the file where `open` made the model of plain ASDF.
        assert [
            str(one) for one in found if (one.kind, one.path) != ("extra", "meta.filename")
        ] == []
        left, right = theirs.to_flat_dict(), ours.to_flat_dict()
        for path, value in left.items():
            if hasattr(value, "forward_transform") or hasattr(value, "n_inputs"):
                assert outputs(right[path]) == outputs(value), path
            elif type(value).__module__.startswith("astropy.units"):
                assert right[path] == value
            elif type(value).__name__ == "Table":
                assert (right[path] == value).all()
        theirs.close()


def outputs(transform: Any) -> bytes:
    """The bits of a transform's results."""
    points = np.random.default_rng(2).uniform(0, 4, (transform.n_inputs, 20))
    return np.asarray(transform(*points)).tobytes()


def test_the_classes_under_test_are_many() -> None:
    assert len(CLASSES) >= 25


# -- files of others ---------------------------------------------------------------------------------

ROMAN = """\
roman:
  meta:
    telescope: ROMAN
    instrument: !<asdf://stsci.edu/datamodels/roman/tags/wfi_mode-1.0.0> {name: WFI, detector: WFI01}
    origin: !<asdf://stsci.edu/datamodels/roman/tags/origin-1.0.0> STSCI
  data: !core/ndarray-1.1.0 {source: 0, datatype: float32, byteorder: little, shape: [2, 3]}
"""
PIXELS = Block(np.arange(6, dtype="<f4").tobytes())


@pytest.mark.oracle
def test_a_file_of_another_mission_opens_with_the_class_and_the_warning_of_the_reference(
    tmp_path: Path,
) -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    path = tmp_path / "r001_cal.asdf"
    path.write_bytes(asdf_bytes(ROMAN, PIXELS))
    seen = []
    for package in (datamodels, asdfits):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = package.open(path)
        kinds = {warning.category.__name__ for warning in caught}
        seen.append((type(model).__name__, "NoTypeWarning" in kinds, model.roman.meta.telescope))
    assert seen[0] == seen[1] == ("JwstDataModel", True, "ROMAN")


def opened(path: Path) -> Any:
    with pytest.warns(NoTypeWarning):
        return asdfits.open(path)


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_tag_that_nobody_knows_gives_its_plain_content(tmp_path: Path) -> None:
    pytest.importorskip("asdf")
    (tmp_path / "r.asdf").write_bytes(asdf_bytes(ROMAN, PIXELS))
    model = opened(tmp_path / "r.asdf")
    assert model.roman.meta.instrument.name == "WFI"
    assert str(model.roman.meta.origin) == "STSCI"
    assert same(np.asarray(model.roman.data), np.arange(6, dtype="<f4").reshape(2, 3))


def test_without_asdf_a_foreign_tag_names_the_extra_and_the_rest_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "asdf"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "asdf", None)
    (tmp_path / "r.asdf").write_bytes(asdf_bytes(ROMAN, PIXELS))
    model = opened(tmp_path / "r.asdf")
    assert model.roman.meta.telescope == "ROMAN"
    assert model.roman.data.shape == (2, 3)
    with pytest.raises(MissingExtraError, match=r"asdfits\[wcs\]"):
        _ = model.roman.meta.instrument


@pytest.mark.parametrize("root", ["[1, 2]", "text", "5", "{}", ""])
def test_a_tree_whose_root_is_no_mapping_opens_empty(root: str, tmp_path: Path) -> None:
    (tmp_path / "x.asdf").write_bytes(asdf_bytes(root))
    assert opened(tmp_path / "x.asdf").hasattr("roman") is False


def test_an_asdf_file_without_a_tree_opens_empty(tmp_path: Path) -> None:
    (tmp_path / "x.asdf").write_bytes(b"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n")
    assert opened(tmp_path / "x.asdf").hasattr("roman") is False


# -- tags of the standard, without asdf --------------------------------------------------------------


@pytest.fixture
def no_asdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asdf", None)


@pytest.mark.usefixtures("no_asdf")
@pytest.mark.parametrize("version", ["1.0.0", "1.2.0", "9.9.9"])
@pytest.mark.parametrize("sign", "+-")
def test_an_integer_of_any_size_reads_without_asdf(version: str, sign: str) -> None:
    words = "!core/ndarray-1.1.0 {source: 0, datatype: uint32, byteorder: little, shape: [3]}"
    block = Block(np.array([1, 2, 0x80000000], "<u4").tobytes())
    tree = read(asdf_bytes(f"x: !core/integer-{version} {{sign: '{sign}', words: {words}}}", block))
    assert tree["x"] == int(sign + "1") * (1 + (2 << 32) + (0x80000000 << 64))
    assert type(tree["x"]) is int


@pytest.mark.usefixtures("no_asdf")
def test_the_words_of_an_integer_may_stand_in_the_tree() -> None:
    tree = read(asdf_bytes("x: !core/integer-1.0.0 {sign: '-', words: !core/ndarray-1.0.0 [3, 1]}"))
    assert tree["x"] == -(3 + (1 << 32))


@pytest.mark.parametrize("spec", ["{sign: +}", "{words: [1]}", "[1]", "5", "{sign: +, words: [a]}"])
def test_an_integer_without_its_parts_is_refused_with_its_place(spec: str) -> None:
    content = asdf_bytes(f"x: !core/integer-1.0.0 {spec}")
    with pytest.raises(FormatError, match=f"byte {content.index(b'!core/int')}: "):
        read(content)


@pytest.mark.usefixtures("no_asdf")
def test_a_constant_is_its_value_without_asdf() -> None:
    tree = read(asdf_bytes("x: !core/constant-1.0.0 text\ny: !core/constant-1.0.0 [1, {a: 2}]"))
    assert tree == {"x": "text", "y": [1, {"a": 2}]}


@pytest.mark.oracle
def test_integers_constants_and_complex_numbers_that_asdf_wrote_read_back() -> None:
    asdf = pytest.importorskip("asdf")
    from asdf.tags.core import Constant, IntegerType

    values = [0, 1, -1, 2**31, -(2**64), 2**200 + 12345]
    tree = {
        "big": [IntegerType(value) for value in values],
        "inline": [IntegerType(value, storage_type="inline") for value in values],
        "constant": Constant("text"),
        "complex": [1 + 2j, complex("inf"), complex(0, -1.5e-300), complex("nan+infj")],
    }
    written = io.BytesIO()
    asdf.AsdfFile(tree).write_to(written)
    ours = read(written.getvalue())
    assert ours["big"] == ours["inline"] == values
    assert repr(ours["complex"]) == repr(tree["complex"])


# -- arrays in the tree ------------------------------------------------------------------------------

INLINE = """
[1, 2, 3]
[[1, 2], [3, 4]]
[1, 2.5]
[true, false]
[[true], [no]]
[1.5, .nan, -.inf]
[9223372036854775807, -9223372036854775808]
[9223372036854775808]
[0x1F, 010, 1_000, 190:20:30]
[]
[[], []]
[a, bc]
[!core/complex-1.0.0 1+1j, 2]
[true, 2]
{data: [1, 2], datatype: int8}
{data: [1, 2], datatype: float32, byteorder: big}
{data: [1.5, 2], datatype: int8}
{data: [1, 2], datatype: complex64}
{data: [1, 0], datatype: bool8}
{data: [true, false], datatype: uint16}
{data: [16777217, 0.1], datatype: float32}
{data: [9007199254740993, 0.5], datatype: float64}
{data: [18446744073709551615, 0], datatype: uint64}
{data: [1.5, null], datatype: float64}
{data: [[1, null], [null, 4]], datatype: int32}
{data: [ab, c], datatype: [ascii, 3]}
{data: [ä, b], datatype: [ucs4, 3]}
{data: [[1, 2], [3, 4]], shape: [2, 2], datatype: int64}
{data: [], shape: [0, 3], datatype: float32}
{data: [1, 2, 3], mask: 2}
{data: [1.0, .nan], mask: .nan}
{data: [1, 2, 3], mask: !core/ndarray-1.1.0 [true, false, true]}
""".strip().split("\n")


@pytest.mark.oracle
@pytest.mark.parametrize("text", INLINE)
def test_an_inline_array_reads_as_asdf_reads_it(text: str) -> None:
    asdf = pytest.importorskip("asdf")
    content = asdf_bytes(f"x: !core/ndarray-1.1.0 {text}")
    ours = read(content)["x"]
    with asdf.open(io.BytesIO(content), lazy_load=False) as theirs:
        assert same(ours, theirs["x"])


@pytest.mark.parametrize(
    "text",
    [
        "[1, [2]]",
        "[[1], 2]",
        "{data: 5}",
        "{data: [1, 300], datatype: int8}",
        "{data: [-1], datatype: uint8}",
        "{data: [1.0e+300], datatype: int32}",
        "{data: [.nan], datatype: int32}",
        "{data: [1, 2, 3], shape: [4]}",
        "{data: [[1, 2], [3, 4]], shape: [4]}",
        "{data: [ä], datatype: [ascii, 3]}",
        "{data: [a], datatype: int8}",
        "{data: [1, 2], shape: 2}",
    ],
)
def test_an_inline_array_that_fits_no_type_or_shape_is_refused_with_its_place(text: str) -> None:
    content = asdf_bytes(f"x: !core/ndarray-1.1.0 {text}")
    with pytest.raises(FormatError, match=f"byte {content.index(b'!core/nd')}: "):
        read(content)


def test_rows_of_an_inline_table_are_the_lists_that_fit_its_fields() -> None:
    fields = "[{name: a, datatype: int8}, {name: b, datatype: float32, shape: [2]}]"
    data = "[[1, [2.5, 3]], [4, [5, 6]]]"
    expected = np.array([(1, (2.5, 3)), (4, (5, 6))], [("a", "i1"), ("b", "<f4", 2)])
    for shape in ("", ", shape: [2]"):
        tree = read(
            asdf_bytes(f"x: !core/ndarray-1.1.0 {{data: {data}, datatype: {fields}{shape}}}")
        )
        assert same(tree["x"], expected)


def test_null_is_masked_also_where_no_type_is_given() -> None:
    array = read(asdf_bytes("x: !core/ndarray-1.1.0 [1, null, 3]"))["x"]
    assert array.mask.tolist() == [False, True, False]
    assert array.dtype == np.int64


def test_a_list_of_plain_numbers_makes_no_python_numbers() -> None:
    file = File(Product.from_bytes(asdf_bytes("x: !core/ndarray-1.1.0 {data: [[1, 2], [3, 4.5]]}")))
    deferred = file.tree()["x"]
    assert isinstance(deferred, Deferred)
    numbers = deferred.content({})["data"]
    assert isinstance(numbers, Numbers)
    assert (numbers.shape, numbers.dtype, len(numbers.data)) == ((2, 2), "f8", 32)


def test_every_alias_of_an_array_is_the_same_array() -> None:
    tree = read(asdf_bytes("x: &a !core/ndarray-1.1.0 [1, 2]\ny: *a\nz: [*a, {w: *a}]"))
    assert tree["x"] is tree["y"] is tree["z"][0] is tree["z"][1]["w"]


# -- arrays in other files ---------------------------------------------------------------------------


def external(source: str) -> str:
    return f"x: !core/ndarray-1.0.0 {{source: '{source}', datatype: int16, byteorder: big, shape: [4]}}"


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder with a file whose first block is 0, 1, 2, 3; one more in a folder above."""
    folder = tmp_path / "folder"
    folder.mkdir()
    content = asdf_bytes("a: 1", Block(np.arange(4, dtype=">i2").tobytes()), Block(b"second"))
    for path in (folder / "other file.asdf", folder / "other.asdf", tmp_path / "above.asdf"):
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize("source", ["other.asdf", "./other.asdf", "other%20file.asdf"])
def test_an_external_array_is_the_first_block_of_a_file_in_the_same_folder(
    source: str, beside: Path
) -> None:
    tree = read(asdf_bytes(external(source)), beside / "main.asdf")
    assert same(tree["x"], np.arange(4, dtype=">i2"))


def test_an_external_file_is_opened_when_its_array_is_touched(beside: Path) -> None:
    (beside / "main.asdf").write_bytes(asdf_bytes(external("missing.asdf") + "\ny: 1"))
    file = File.open(beside / "main.asdf")
    assert file.tree()["y"] == 1
    with pytest.raises(FormatError, match=r"main.asdf: byte \d+.*missing.asdf"):
        made(file.tree())


@pytest.mark.parametrize(
    "source",
    [
        "../above.asdf",
        "folder/../../above.asdf",
        "..%2Fabove.asdf",
        "sub/other.asdf",
        "/etc/passwd",
        "//host/other.asdf",
        "http://127.0.0.1:9/other.asdf",
        "file:other.asdf",
        "other.asdf?x",
        "other.asdf#x",
        "..",
        ".",
        "",
        "other.asdf%00",
    ],
)
def test_no_other_place_is_opened_for_an_array(
    source: str, beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (beside / "main.asdf").write_bytes(asdf_bytes(external(source)))
    file = File.open(beside / "main.asdf")
    monkeypatch.setattr("asdfits.file.Product", None)  # whoever opens anything fails otherwise
    with pytest.raises(UnsupportedError, match=r"main.asdf: byte \d+.*same folder"):
        made(file.tree())


def test_a_file_that_was_given_as_bytes_has_no_folder(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(beside)
    with pytest.raises(UnsupportedError, match=r"byte \d+"):
        read(asdf_bytes(external("other.asdf")))


def test_an_external_file_that_is_damaged_is_named_with_the_file_that_names_it(
    beside: Path,
) -> None:
    (beside / "other.asdf").write_bytes(b"neither FITS nor ASDF")
    with pytest.raises(FormatError, match=r"main.asdf: byte \d+.*other.asdf"):
        read(asdf_bytes(external("other.asdf")), beside / "main.asdf")


def test_an_external_file_without_blocks_is_refused(beside: Path) -> None:
    (beside / "other.asdf").write_bytes(asdf_bytes("a: 1"))
    with pytest.raises(FormatError, match=r"main.asdf: byte \d+.*block 0"):
        read(asdf_bytes(external("other.asdf")), beside / "main.asdf")


@pytest.mark.oracle
def test_an_exploded_file_that_asdf_wrote_reads_as_asdf_reads_it(tmp_path: Path) -> None:
    asdf = pytest.importorskip("asdf")
    arrays = [np.arange(10), np.random.default_rng(1).normal(size=(3, 4))]
    asdf.AsdfFile({"x": arrays}).write_to(tmp_path / "main.asdf", all_array_storage="external")
    assert len(os.listdir(tmp_path)) == 3
    ours = made(File.open(tmp_path / "main.asdf").tree())["x"]
    assert all(same(mine, theirs) for mine, theirs in zip(ours, arrays, strict=True))


def test_a_message_about_the_tree_says_where_the_fault_is(tmp_path: Path) -> None:
    content = asdf_bytes("a: 1\nb: [1, 2")
    (tmp_path / "x.asdf").write_bytes(content)
    with pytest.raises(FormatError) as caught:
        asdfits.open(tmp_path / "x.asdf")
    place = re.search(r"x\.asdf: byte (\d+): line (\d+), column (\d+): ", str(caught.value))
    assert place is not None
    assert int(place[1]) <= len(content)
