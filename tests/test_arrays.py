from __future__ import annotations

import copy
import gzip
import pickle
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asdfits import arrays, mapping, sample
from asdfits.errors import FormatWarning
from asdfits.file import File
from conftest import DATA

fits = pytest.importorskip("astropy.io.fits")
pytestmark = pytest.mark.oracle

FILES = sorted(path for path in (DATA / "fits").rglob("*") if ".fit" in path.name)


@cache
def theirs(path: Path, compressed: bool) -> Any:
    """Return the HDUs as astropy reads them, or the error that it raises.

    Without `compressed` the header of a compressed image is that of the table that holds it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            content = path.read_bytes()
            if content.startswith(b"\x1f\x8b"):
                content = gzip.decompress(content)
            hdus = fits.HDUList.fromstring(
                content, uint=True, disable_image_compression=not compressed
            )
            hdus.readall()
            for hdu in hdus:
                list(hdu.header.cards)
        except Exception as error:
            return error
        return hdus


def ours(path: Path) -> File:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        return File.open(path)


def readable(compressed: bool) -> Iterator[Any]:
    for path in FILES:
        hdus = theirs(path, compressed)
        if isinstance(hdus, Exception):
            continue
        for index in range(len(hdus)):
            yield pytest.param(path, index, id=f"{path.name}-{index}")


@pytest.mark.parametrize(("path", "index"), list(readable(compressed=True)))
def test_the_data_of_a_real_file_are_those_of_astropy(path: Path, index: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = theirs(path, True)[index].data
        except Exception as error:
            pytest.skip(f"astropy cannot read it: {error}")
    if type(theirs(path, True)[index]).__name__ == "_NonstandardHDU":
        pytest.skip("SIMPLE = F: astropy gives bytes that it does not interpret")
    assert_same(arrays.hdu_array(ours(path).product, index), expected)


@pytest.mark.parametrize(("path", "index"), list(readable(compressed=False)))
def test_the_cards_of_a_real_file_are_those_of_astropy(path: Path, index: int) -> None:
    expected = theirs(path, False)[index].header
    assert_same_cards(ours(path).product.cards(index), expected)


def as_it_stands(header: Any) -> list[list[Any]]:
    """Return astropy's cards without what it puts there itself."""
    cards = []
    for card in header.cards:
        keyword, value = card.keyword, card.value
        if type(value).__name__ == "Undefined":
            value = None  # asdfits has no type of its own for it
        if card.field_specifier is not None:
            # A record-valued card, a convention of distortion papers: astropy splits the text
            # 'EXTVER: 1.0' into a keyword D2IM1.EXTVER and a number. asdfits gives the text.
            keyword, value = keyword.partition(".")[0], card.rawvalue
        cards.append([keyword, value, card.comment])
    return cards


def assert_same(found: Any, expected: Any) -> None:
    """Compare data bit by bit, tables column by column."""
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert found.shape == expected.shape
    if expected.dtype.names is None:
        assert_same_numbers(found, expected, "image")
        return
    assert len(found.dtype.names) == len(expected.names)
    for name, their_name in zip(found.dtype.names, expected.names, strict=True):
        assert_same_numbers(found[name], expected.field(their_name), name)


def assert_same_numbers(found: Any, expected: Any, place: str) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.dtype == np.dtype("i1") and expected.dtype == np.dtype("f8"):
        # TZERO = -128: signed bytes by FITS 4.0 table 19, which astropy knows for images alone.
        expected = expected.astype("i1")
    if len(expected) == 0 and expected.dtype.kind == "U":
        expected = expected.reshape(found.shape)  # astropy forgets TDIM where there are no rows
    assert found.shape == expected.shape, place
    if expected.dtype.kind == "U":
        assert found.dtype.kind == "U", place
        assert np.array_equal(np.char.rstrip(found), np.char.rstrip(expected)), place
        return
    assert found.dtype == expected.dtype, place
    if expected.dtype.kind == "O":
        for mine, their in zip(found.flat, expected.flat, strict=True):
            assert_same_numbers(mine, their, place)
        return
    assert np.array_equal(found, expected, equal_nan=expected.dtype.kind in "fc"), place
    if expected.dtype.kind not in "fc" or not np.isnan(expected).any():
        assert found.tobytes() == expected.tobytes(), place


def assert_same_cards(found: list[list[Any]], header: Any) -> None:
    expected = as_it_stands(header)
    if len(expected) == len(found) + 1:
        # astropy adds EXTEND to a primary header that lacks it, and an axis to groups without one.
        added = [card for card in expected if card not in found]
        assert [card[0] for card in added] in (["EXTEND"], ["NAXIS", "NAXIS1"])
        expected = [card for card in expected if card not in added]
        found = [card for card in found if card[0] != "NAXIS" or added[0][0] != "NAXIS"]
    assert found == expected


# -- files written here by others ---------------------------------------------------------------

IMAGES: list[tuple[str, tuple[int, ...]]] = [
    *((kind, (3, 4)) for kind in ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")),
    ("f4", (2, 3, 4)),
    ("u2", (2, 3, 4, 5)),
    ("i4", (7,)),
    ("f8", (0, 4)),
]


def random(kind: str, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(7)
    if kind[0] == "f":
        values = rng.normal(size=shape).astype(kind)
        if values.size:
            values.flat[0], values.flat[-1] = np.nan, -np.inf
        return values
    info = np.iinfo(kind)
    values = rng.integers(info.min, info.max, shape, kind, endpoint=True)
    if values.size:
        values.flat[0], values.flat[-1] = info.min, info.max
    return values


def assert_reads_like_astropy(path: Path) -> None:
    with fits.open(path, uint=True, memmap=False) as hdus:
        for index, hdu in enumerate(hdus):
            assert_same(arrays.hdu_array(ours(path).product, index), hdu.data)


@pytest.mark.parametrize(("kind", "shape"), IMAGES)
def test_an_image_by_astropy_reads_as_it_was_written(
    kind: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / "image.fits"
    values = random(kind, shape)
    fits.HDUList([fits.PrimaryHDU(values), fits.ImageHDU(values, name="SCI")]).writeto(path)
    assert_reads_like_astropy(path)
    found = arrays.hdu_array(ours(path).product, 1)
    assert found is not None
    assert found.dtype.newbyteorder("=") == np.dtype(kind)
    assert np.array_equal(found, values, equal_nan=kind[0] == "f")


@pytest.mark.parametrize("kind", [kind for kind, shape in IMAGES if shape == (3, 4)])
def test_an_image_by_fitsio_reads_as_it_was_written(kind: str, tmp_path: Path) -> None:
    fitsio = pytest.importorskip("fitsio")
    path = tmp_path / "image.fits"
    values = random(kind, (3, 4))
    if kind[0] == "f":
        values[2, 3] = 1  # fitsio writes infinity as NaN
    with fitsio.FITS(str(path), "rw") as file:
        file.write(values, extname="SCI")
    assert_reads_like_astropy(path)
    assert np.array_equal(arrays.hdu_array(ours(path).product, 0), values, equal_nan=kind[0] == "f")


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize(
    "cards",
    [
        {"BSCALE": 0.5, "BZERO": 3},
        {"BSCALE": 2},
        {"BZERO": -1.5},
        {"BLANK": 5},
        {"BLANK": 5, "BSCALE": 0.1, "BZERO": 7.0},
        {"BZERO": 32768, "BLANK": 5},
        {"BSCALE": 1.0, "BZERO": 0.0},
    ],
    ids=str,
)
def test_a_scaled_image_reads_as_astropy_scales_it(
    kind: str, cards: dict[str, float], tmp_path: Path
) -> None:
    path = tmp_path / "scaled.fits"
    values = np.arange(12).reshape(3, 4).astype(kind)
    content = sample.image(
        "SCI", values.astype("u1") if kind == "u1" else values, 1, *cards.items()
    )
    path.write_bytes(sample.product([], [content], "meta: {}\n"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of BLANK in an image of floats
        with fits.open(path, uint=True, memmap=False) as hdus:
            expected = hdus[1].data
    assert_same(arrays.hdu_array(ours(path).product, 1), expected)


COLUMNS: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("TEXT", "8A", np.array(["one", "", "three 3 "]), {}),
    ("TEXTS", "12A", np.array([["a", "bb", "ccc"]] * 3), {"dim": "(4,3)"}),
    ("FLAG", "L", np.array([True, False, True]), {}),
    ("FLAGS", "3L", np.array([[True, False, True]] * 3), {}),
    ("BITS", "11X", np.arange(33).reshape(3, 11) % 3 == 0, {}),
    ("BYTE", "B", np.array([0, 7, 255], "u1"), {}),
    ("SBYTE", "B", np.array([-128, 0, 127], "i1"), {"bzero": -128}),
    ("SHORT", "I", np.array([-(2**15), 0, 2**15 - 1], "i2"), {}),
    ("USHORT", "I", np.array([0, 7, 2**16 - 1], "u2"), {"bzero": 2**15}),
    ("INT", "J", np.array([-(2**31), 0, 2**31 - 1], "i4"), {}),
    ("UINT", "J", np.array([0, 7, 2**32 - 1], "u4"), {"bzero": 2**31}),
    ("LONG", "K", np.array([-(2**63), 0, 2**63 - 1], "i8"), {}),
    ("ULONG", "K", np.array([0, 7, 2**64 - 1], "u8"), {"bzero": 2**63}),
    ("REAL", "E", np.array([np.nan, -0.0, 1e38], "f4"), {"unit": "MJy/sr"}),
    ("DOUBLE", "D", np.array([np.inf, -0.0, 1e-300]), {}),
    ("COMPLEX", "C", np.array([1j, 2, -3 + 1j], "c8"), {}),
    ("DCOMPLEX", "M", np.array([1j, 2, -3 + 1j]), {}),
    ("CUBE", "24E", np.arange(72, dtype="f4").reshape(3, 2, 3, 4), {"dim": "(4,3,2)"}),
    ("VECTOR", "5I", np.arange(15, dtype="i2").reshape(3, 5), {}),
    ("UVECTOR", "5I", np.arange(15, dtype="u2").reshape(3, 5), {"bzero": 2**15}),
    ("RAGGED", "PE()", np.array([[1.0], [1.0, 2.0], []], object), {}),
    ("RAGGEDQ", "QJ()", np.array([[1], [], [1, 2, 3]], object), {}),
]


@pytest.mark.parametrize("rows", [3, 0])
@pytest.mark.parametrize("column", COLUMNS, ids=[column[0] for column in COLUMNS])
def test_a_column_by_astropy_reads_as_astropy_reads_it(
    column: tuple[str, str, Any, dict[str, Any]], rows: int, tmp_path: Path
) -> None:
    name, form, values, more = column
    path = tmp_path / "table.fits"
    columns = [
        fits.Column("FIRST", "J", array=np.arange(rows)),
        fits.Column(name, form, array=values[:rows], **more),
        fits.Column("LAST", "B", array=np.arange(rows)),
    ]
    table = fits.BinTableHDU.from_columns(columns, nrows=rows, uint=True)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    assert_reads_like_astropy(path)


def test_all_columns_in_one_table_read_as_astropy_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "table.fits"
    columns = [
        fits.Column(name, form, array=values, **more)
        for name, form, values, more in COLUMNS
        if form[0] not in "PQ"
    ]
    table = fits.BinTableHDU.from_columns(columns, uint=True)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    assert_reads_like_astropy(path)
    found = arrays.hdu_array(ours(path).product, 1)
    assert isinstance(found, arrays.Table)
    assert dict(found.columns)["REAL"] == "MJy/sr"
    assert found.double.tobytes() == found["DOUBLE"].tobytes()
    assert list(found["TEXT"]) == ["one", "", "three 3"]
    row = found[2]
    assert (row["TEXT"], row["text"], row.TEXT, row.BYTE) == ("three 3", "three 3", "three 3", 255)
    assert [each["TEXT"] for each in found[1:]] == ["", "three 3"]
    assert found[found["FLAG"]].SHORT.tolist() == [-(2**15), 2**15 - 1]
    assert found[["TEXT", "BYTE"]][0].tolist() == (b"one", 0)
    assert copy.deepcopy(found)[0]["TEXT"] == pickle.loads(pickle.dumps(found))[0]["TEXT"] == "one"


def test_a_table_by_fitsio_reads_as_it_was_written(tmp_path: Path) -> None:
    fitsio = pytest.importorskip("fitsio")
    path = tmp_path / "table.fits"
    kinds = [("A", "S5"), ("B", "u2"), ("C", "f8", (2, 3)), ("D", "?"), ("E", "i1"), ("F", "u8")]
    values = np.zeros(4, kinds)
    values["A"] = [b"one", b"", b"three", b"4"]
    values["B"] = [0, 1, 2**15, 2**16 - 1]
    values["C"] = np.arange(24).reshape(4, 2, 3)
    values["D"] = [True, False, True, True]
    values["E"] = [-128, -1, 0, 127]
    values["F"] = [0, 1, 2**63, 2**64 - 1]
    with fitsio.FITS(str(path), "rw") as file:
        file.write(values, extname="T")
    assert_reads_like_astropy(path)
    found = arrays.hdu_array(ours(path).product, 1)
    assert found is not None
    for name in "BCDEF":
        assert np.array_equal(found[name], values[name]), name


@pytest.mark.parametrize("form", ["B", "I", "J", "K", "E", "D"])
@pytest.mark.parametrize(
    "cards",
    [{"TSCAL1": 0.5}, {"TZERO1": 10}, {"TSCAL1": 2, "TZERO1": -1.5}, {"TSCAL1": 1, "TZERO1": 0}],
    ids=str,
)
def test_a_scaled_column_reads_as_astropy_scales_it(
    form: str, cards: dict[str, float], tmp_path: Path
) -> None:
    if form == "K" and cards.get("TZERO1"):
        pytest.skip("astropy fails on 64-bit integers with an offset of their own")
    path = tmp_path / "table.fits"
    values = np.array([0, 1, 100]).astype(arrays._FORMS[form])
    width = values.dtype.itemsize
    shape = [("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", 3), ("PCOUNT", 0)]
    about = [("GCOUNT", 1), ("TFIELDS", 1), ("TFORM1", form), ("TTYPE1", "A"), *cards.items()]
    table = sample.header([("XTENSION", "BINTABLE"), *shape, *about])
    path.write_bytes(sample.product([], [table + sample.padded(values.tobytes())], "meta: {}\n"))
    assert_reads_like_astropy(path)


@pytest.mark.parametrize("form", ["ascii", "rice", "gzip", "plio", "hcompress"])
def test_what_astropy_has_to_read_is_equal_too(form: str, tmp_path: Path) -> None:
    path = tmp_path / "other.fits"
    if form == "ascii":
        columns = [
            fits.Column("A", "A5", array=np.array(["one", "two"])),
            fits.Column("B", "I6", array=np.array([1, -2])),
            fits.Column("C", "F9.3", array=np.array([1.5, -2.25])),
        ]
        hdu = fits.TableHDU.from_columns(columns)
    else:
        kind = {"rice": "RICE_1", "gzip": "GZIP_2", "plio": "PLIO_1", "hcompress": "HCOMPRESS_1"}
        values = np.arange(1024, dtype="i4").reshape(32, 32)
        hdu = fits.CompImageHDU(values, compression_type=kind[form], name="SCI")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    assert_reads_like_astropy(path)


def test_columns_are_found_whatever_the_case() -> None:
    table = arrays.cast([(1.0, 2), (3.0, 4)], spectrum())
    assert table["wavelength"].tolist() == table.WAVELENGTH.tolist() == [1.0, 3.0]
    table["wavelength"] = 5.0
    assert table["WAVELENGTH"].tolist() == [5.0, 5.0]
    with pytest.raises(AttributeError, match="no column 'flix'"):
        table.flix  # noqa: B018
    with pytest.raises(KeyError, match="flix"):
        table["flix"]


# -- the cast to a schema -----------------------------------------------------------------------


class Schema:
    """The facts of a schema that a cast asks for, without a class that has them."""

    is_array = True

    def __init__(
        self,
        datatype: Any,
        ndim: int | None = None,
        max_ndim: int | None = None,
        extra: bool = False,
    ) -> None:
        self.datatype = self.dtype_spec = datatype
        self.ndim, self.max_ndim, self.allow_extra_columns = ndim, max_ndim, extra


def column(name: str, datatype: str, **facts: Any) -> mapping.Column:
    empty = dict.fromkeys(("length", "shape", "ndim", "max_ndim", "unit"))
    return mapping.Column(name, datatype, **{**empty, **facts})


def spectrum(**facts: Any) -> Any:
    return Schema((column("WAVELENGTH", "float64"), column("FLUX", "float32")), **facts)


def image(kind: str = "float32", **facts: Any) -> Any:
    schema = Schema(kind, **facts)
    schema.dtype_spec = {"float32": "f4", "uint32": "u4"}[kind]
    return schema


PAIRS = np.array([(1.0, 10.0), (2.0, 20.0)], [("WAVELENGTH", ">f8"), ("FLUX", ">f4")])


def test_an_image_that_differs_in_byte_order_alone_is_left_alone() -> None:
    values = np.arange(6, dtype=">f4").reshape(2, 3)
    assert arrays.cast(values, image()) is values


def test_an_image_of_another_type_is_converted() -> None:
    assert arrays.cast(np.arange(3), image()).dtype == np.dtype("f4")
    assert arrays.cast([1, 2], image()).dtype == np.dtype("f4")
    assert arrays.cast(np.array([-1], "i4"), image("uint32")).tolist() == [2**32 - 1]


@pytest.mark.parametrize("value", [None, 3])
def test_what_has_no_schema_is_left_alone(value: Any) -> None:
    assert arrays.cast(value, None) is value
    assert arrays.cast(None, image()) is None


@pytest.mark.parametrize(
    ("facts", "shape", "fault"),
    [
        ({"ndim": 2}, (2, 3), None),
        ({"ndim": 2}, (6,), "Expected 2, got 1"),
        ({"max_ndim": 2}, (6,), None),
        ({"max_ndim": 2}, (1, 2, 3), "Expected <= 2, got 3"),
    ],
)
def test_the_number_of_dimensions_is_checked(
    facts: dict[str, int], shape: tuple[int, ...], fault: str | None
) -> None:
    values = np.zeros(shape, "f4")
    if fault is None:
        assert arrays.cast(values, image(**facts)) is values
        return
    with pytest.raises(ValueError, match=fault):
        arrays.cast(values, image(**facts))


@pytest.mark.parametrize(
    "names", [("WAVELENGTH", "FLUX"), ("wavelength", "flux"), ("Wavelength", "fLuX")]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_columns_are_matched_by_name_whatever_case_and_order(
    names: tuple[str, str], swapped: bool
) -> None:
    kinds = [PAIRS.dtype[name] for name in ("WAVELENGTH", "FLUX")]
    values = np.array(PAIRS.tolist(), list(zip(names, kinds, strict=True)))
    found = arrays.cast(values[list(reversed(names))] if swapped else values, spectrum())
    assert found.dtype.names == ("WAVELENGTH", "FLUX")
    assert found.dtype.isnative
    assert found["WAVELENGTH"].tolist() == [1.0, 2.0]
    assert found["FLUX"].tolist() == [10.0, 20.0]
    assert found["FLUX"].dtype == np.dtype("f4")


def test_a_missing_column_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"Schema has \['flux'\]. Data has \[\]"):
        arrays.cast(PAIRS[["WAVELENGTH"]], spectrum())
    with pytest.raises(ValueError, match=r"Schema has \['flux'\]"):
        arrays.cast(PAIRS[["WAVELENGTH"]], spectrum(extra=True))


def test_an_extra_column_needs_a_schema_that_allows_it() -> None:
    kinds = [("MORE", "i2"), ("FLUX", "f4"), ("WAVELENGTH", "f8")]
    values = np.array([(7, 10.0, 1.0)], kinds)
    with pytest.raises(ValueError, match=r"Schema has \[\]. Data has \['more'\]"):
        arrays.cast(values, spectrum())
    found = arrays.cast(values, spectrum(extra=True))
    assert found.dtype.names == ("WAVELENGTH", "FLUX", "MORE")
    assert found[0].tolist() == (1.0, 10.0, 7)


def test_the_cells_of_a_column_are_checked() -> None:
    values = np.zeros(2, [("A", "f4", (2, 3))])
    for facts, fault in [
        ({"ndim": 1}, "Expected 1, got 2 in column A"),
        ({"max_ndim": 1}, "Expected <= 1, got 2 in column A"),
    ]:
        with pytest.raises(ValueError, match=fault):
            arrays.cast(values, Schema((column("A", "float32", **facts),)))
    free = arrays.cast(values, Schema((column("A", "float32", ndim=2),)))
    assert free["A"].shape == (2, 2, 3)


def test_an_image_is_no_table_and_a_table_no_image() -> None:
    with pytest.raises(ValueError, match="expected a table, found an array of float32"):
        arrays.cast(np.zeros((2, 2), "f4"), spectrum())
    with pytest.raises(ValueError, match="expected an image of float32, found a table"):
        arrays.cast(PAIRS, image())


def test_what_is_no_array_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="Can't convert <class 'str'> to ndarray"):
        arrays.cast("text", image())
    with pytest.raises(ValueError, match="Can't convert <class 'list'> to ndarray"):
        arrays.cast(["text"], spectrum())


def test_a_list_of_rows_becomes_a_table() -> None:
    found = arrays.cast([(1.0, 10.0), (2.0, 20.0)], spectrum())
    assert isinstance(found, arrays.Table)
    assert found["FLUX"].tolist() == [10.0, 20.0]


@pytest.mark.parametrize(
    ("datatype", "expected"),
    [
        ("float32", "<f4"),
        ("bool8", "?"),
        (["ascii", 5], "S5"),
        (["ucs4", 5], "<U5"),
        ([{"name": "a", "datatype": "int16", "byteorder": "big"}, "uint8"], "a"),
        ([{"name": "v", "datatype": "float64", "shape": [2]}], "v"),
    ],
)
def test_types_of_the_tree_are_those_of_asdf(datatype: Any, expected: str) -> None:
    ndarray = pytest.importorskip("asdf.tags.core.ndarray")
    found = arrays.asdf_dtype(datatype, "little")
    assert found == ndarray.asdf_datatype_to_numpy_dtype(datatype, "little")
    assert expected in (found.str, *(found.names or ())) or found == np.dtype(expected)
