"""Tile-compressed images: bit for bit what astropy makes of them, and errors that say which tile."""

from __future__ import annotations

import gzip
import io
import itertools
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import FormatError, arrays, cli
from asdfits._core import Product
from asdfits.file import File

fits = pytest.importorskip("astropy.io.fits")
fitsio = pytest.importorskip("fitsio")

RNG_SEED = 7
QUANTIZED = {
    "none": -1,
    "dither 1": 1,
    "dither 2": 2,
}
TILES = [(1, 33), (7, 33), (23, 33), (5, 8), (23, 4), (1, 10)]
# Those of 4 x 4 pixels at least, the last ones too.
TRANSFORMED = [(23, 33), (23, 7), (9, 33), (6, 7)]


def image(dtype: str, shape: tuple[int, ...] = (23, 33)) -> np.ndarray[Any, Any]:
    """Return a smooth image with noise, some bright pixels and the ends of the range."""
    rng = np.random.default_rng(RNG_SEED)
    grid = np.sum([np.sin(each / 5) for each in np.indices(shape)], axis=0)
    values = 100 + 40 * grid + rng.normal(0, 3, shape)
    values.flat[rng.integers(0, values.size, 5)] *= 30
    if np.dtype(dtype).kind == "f":
        values.flat[:3] = 0
        return values.astype(dtype)
    found = np.clip(values, 0, 120).astype(dtype)
    limits = np.iinfo(dtype)
    found.flat[-2:] = limits.min, limits.max
    return found


def mask(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return what a pixel list can hold of an image: runs of zeros and positive numbers."""
    return np.minimum(np.where(values > 110, values.astype("i8"), 0), 2**24 - 1).astype(
        values.dtype
    )


def packed(values: Any, **options: Any) -> bytes:
    """Return a file of one compressed image, made by astropy."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdu = fits.CompImageHDU(values, name="SCI", **options)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    return buffer.getvalue()


def packed_by_fitsio(path: Path, values: Any, **options: Any) -> bytes:
    """Return a file of one compressed image, made by cfitsio."""
    path.unlink(missing_ok=True)
    with fitsio.FITS(str(path), "rw") as file:
        file.write(values, **options)
    return path.read_bytes()


def theirs(content: bytes) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(fits.HDUList.fromstring(content)[1].data)


def ours(content: bytes, name: str = "packed.fits") -> np.ndarray[Any, Any]:
    found = arrays.hdu_array(Product.from_bytes(content, name), 1)
    assert found is not None
    return found


def assert_equal(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    """Compare type, shape and every bit."""
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    bits = f"u{found.dtype.itemsize}"
    places = np.nonzero(found.view(bits) != np.ascontiguousarray(expected).view(bits))
    assert not places[0].size, f"{places[0].size} differ, the first at {[p[0] for p in places]}"
    assert found.flags.writeable


def table_of(content: bytes) -> Any:
    return fits.HDUList.fromstring(content, disable_image_compression=True)[1]


def with_columns(content: bytes, **columns: tuple[str, Any]) -> bytes:
    """Return the file with other columns, given as format and cells; lists go to the heap.

    An image of the file stays what its cards say; a column ``COMPRESSED_DATA`` of None is as it was.
    """
    product = Product.from_bytes(content)
    hdu = product.hdu(1)
    data_at, (rows, row) = hdu.data_at, hdu.shape
    heap = content[data_at + rows * row : data_at + hdu.announced]
    cells = []
    for form, values in columns.values():
        if values is None:
            raw = np.frombuffer(content[data_at : data_at + rows * row], "u1").reshape(rows, row)
            cells.append(raw[:, :8])
        elif "P" in form:
            lists = []
            for each in values:
                lists.append((each.size, len(heap)))
                heap += each.tobytes()
            cells.append(np.array(lists, ">i4").view("u1").reshape(rows, 8))
        else:
            cells.append(np.ascontiguousarray(values).view("u1").reshape(rows, -1))
    table = np.concatenate(cells, axis=1)
    header = fits.Header([("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2)])
    header["NAXIS1"], header["NAXIS2"] = table.shape[1], rows
    header["PCOUNT"], header["GCOUNT"], header["TFIELDS"] = len(heap), 1, len(columns)
    for number, (name, (form, _)) in enumerate(columns.items(), 1):
        header[f"TTYPE{number}"], header[f"TFORM{number}"] = name, form
    for card in table_of(content).header.cards:
        if card.keyword.startswith("Z") or card.keyword == "EXTNAME":
            header.append(card)
    data = table.tobytes() + heap
    return content[:2880] + header.tostring().encode() + data + bytes(-len(data) % 2880)


def with_cards(content: bytes, **cards: Any) -> bytes:
    """Return the file with more cards in the header of the image."""
    header = table_of(content).header
    for keyword, value in cards.items():
        header[keyword] = value
    return (
        content[:2880]
        + header.tostring().encode()
        + content[Product.from_bytes(content).hdu(1).data_at :]
    )


def edited(content: bytes, keyword: str, value: str) -> bytes:
    """Return the file with another value of a keyword of the compressed image."""
    at = content.index(f"{keyword:8}=".encode(), 2880)
    return content[:at] + f"{keyword:8}= {value:>20}".ljust(80).encode() + content[at + 80 :]


# -- all that can be written ----------------------------------------------------------------------


def integers() -> Iterator[Any]:
    allowed = {
        "RICE_1": ("u1", "i2", "u2", "i4", "u4"),
        "GZIP_1": ("u1", "i2", "u2", "i4", "u4", "i8"),
        "GZIP_2": ("u1", "i2", "u2", "i4", "u4", "i8"),
        "PLIO_1": ("u1", "i2", "i4"),
        "HCOMPRESS_1": ("u1", "i2", "u2", "i4"),
        "NOCOMPRESS": ("u1", "i2", "u2", "i4", "u4", "i8"),
    }
    for kind, types in allowed.items():
        tiles = TRANSFORMED if kind == "HCOMPRESS_1" else TILES
        yield from itertools.product([kind], types, tiles)


@pytest.mark.parametrize(("kind", "dtype", "tile"), list(integers()))
def test_integers_come_back(kind: str, dtype: str, tile: tuple[int, int]) -> None:
    values = image(dtype)
    if kind == "PLIO_1":
        values = mask(values)
    if kind == "HCOMPRESS_1" and dtype == "i4":
        values.flat[-2:] = -(2**20), 2**20
    content = packed(values, compression_type=kind, tile_shape=tile)
    assert_equal(ours(content), theirs(content))
    assert np.array_equal(ours(content), values)


def floats() -> Iterator[Any]:
    for kind in ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"):
        tiles = TRANSFORMED if kind == "HCOMPRESS_1" else TILES
        yield from itertools.product([kind], ("f4", "f8"), QUANTIZED, tiles)


@pytest.mark.parametrize(("kind", "dtype", "dither", "tile"), list(floats()))
def test_quantised_floats_are_those_of_astropy(
    kind: str, dtype: str, dither: str, tile: tuple[int, int]
) -> None:
    content = packed(
        image(dtype),
        compression_type=kind,
        tile_shape=tile,
        quantize_level=4,
        quantize_method=QUANTIZED[dither],
        dither_seed=9990,
    )
    assert np.dtype(dtype) == ours(content).dtype
    assert_equal(ours(content), theirs(content))


@pytest.mark.parametrize("dither", QUANTIZED)
@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_2"])
def test_undefined_pixels_are_nan(kind: str, dither: str, tmp_path: Path) -> None:
    values = image("f4", (40, 60))
    values[3, :] = np.nan  # a whole tile, which astropy and cfitsio cannot quantise
    values[10, 5:9] = np.nan
    methods = {"none": "NO_DITHER", "dither 1": "SUBTRACTIVE_DITHER_1"}
    content = packed_by_fitsio(
        tmp_path / "nan.fits",
        values,
        compress=kind[:6] if kind == "GZIP_2" else "RICE",
        qlevel=4,
        qmethod=methods.get(dither, "SUBTRACTIVE_DITHER_2"),
    )
    found = ours(content)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    assert_equal(found, theirs(content))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("kind", ["GZIP_1", "GZIP_2", "NOCOMPRESS"])
def test_floats_without_quantisation_are_exact(kind: str, dtype: str) -> None:
    values = image(dtype)
    values.flat[4:7] = np.nan, np.inf, -0.0
    content = packed(values, compression_type=kind, quantize_level=0.0, tile_shape=(5, 8))
    assert_equal(ours(content), values)
    assert_equal(ours(content), theirs(content))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_tiles_that_cannot_be_quantised_are_stored_whole(dtype: str) -> None:
    values = image(dtype, (12, 40))
    values[2] *= 1e30
    values[7] = 5
    content = packed(values, compression_type="RICE_1", quantize_level=16)
    lengths = table_of(content).data.field("GZIP_COMPRESSED_DATA")
    assert any(len(each) for each in lengths)
    assert_equal(ours(content), theirs(content))


def test_tiles_that_are_not_compressed_at_all(tmp_path: Path) -> None:
    values = image("f4", (4, 10))
    whole = packed(values, compression_type="GZIP_1", quantize_level=0.0)
    nothing = [np.empty(0, "u1")] * 4
    rows = [each.astype(">f4") for each in values]
    content = with_columns(whole, COMPRESSED_DATA=("1PB", nothing), UNCOMPRESSED_DATA=("1PE", rows))
    assert_equal(ours(content), values)
    assert_equal(ours(content), theirs(content))
    with pytest.raises(FormatError, match=r"tile 1 of 4 \(GZIP_1\): the row names no data"):
        ours(with_columns(whole, COMPRESSED_DATA=("1PB", nothing)))


@pytest.mark.parametrize("smooth", [0, 1])
@pytest.mark.parametrize("scale", [0, 1, 3, 20])
@pytest.mark.parametrize("shape", [(16, 16), (37, 50), (50, 37), (4, 4), (64, 5)])
@pytest.mark.parametrize("dtype", ["i2", "i4", "f4"])
def test_a_lossy_transform_loses_what_it_does_in_astropy(
    dtype: str, shape: tuple[int, int], scale: int, smooth: int
) -> None:
    values = image(dtype, shape)
    if dtype != "f4":
        values.flat[-2:] = -2000, 3000
    if dtype == "i4":
        values *= 30000  # beyond what 32 bits are enough for on the way
    content = packed(
        values,
        compression_type="HCOMPRESS_1",
        hcomp_scale=scale,
        hcomp_smooth=smooth,
        tile_shape=shape,
    )
    assert_equal(ours(content), theirs(content))


@pytest.mark.parametrize(
    ("shape", "tile"),
    [
        ((200,), (64,)),
        ((3, 20, 30), (1, 1, 30)),
        ((3, 20, 30), (2, 7, 11)),
        ((3, 20, 30), (3, 1, 30)),
        ((2, 3, 10, 9), (1, 2, 10, 5)),
        ((1, 1, 40), (1, 1, 15)),
        ((2, 2, 2, 5, 6), (2, 1, 2, 2, 6)),
        ((1, 1), (1, 1)),
        ((5, 1), (2, 1)),
    ],
)
@pytest.mark.parametrize("dtype", ["i2", "f8"])
def test_any_number_of_axes(shape: tuple[int, ...], tile: tuple[int, ...], dtype: str) -> None:
    content = packed(image(dtype, shape), compression_type="RICE_1", tile_shape=tile)
    assert_equal(ours(content), theirs(content))


@pytest.mark.parametrize("compress", ["rice", "gzip", "gzip_2", "plio", "hcompress"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_what_cfitsio_writes(compress: str, dtype: str, tmp_path: Path) -> None:
    values = image(dtype, (40, 60))
    if np.dtype(dtype).kind == "f" and compress == "plio":
        pytest.skip("pixel lists are for masks")
    if compress == "plio":
        values = mask(values)
    elif dtype == "i4":
        values.flat[-2:] = 5, 7
    path = tmp_path / "cfitsio.fits"
    content = packed_by_fitsio(path, values, compress=compress, tile_dims=(20, 30))
    found = ours(content)
    if dtype == "u2" and compress == "plio":
        pytest.skip("cfitsio stores these less half their range, which a pixel list cannot hold")
    assert_equal(found, theirs(content))
    with fitsio.FITS(str(path)) as file:
        assert_equal(found, file[1].read().astype(found.dtype))


# -- what headers say of the values ---------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, {"BLANK": -5}, {"BSCALE": 0.5, "BZERO": 10.0}])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4"])
def test_scaling_and_blank_of_the_image(dtype: str, extra: dict[str, float]) -> None:
    values = image(dtype)
    if "BLANK" in extra:
        extra = {"BLANK": int(values[3, 3])}
    content = with_cards(packed(values, compression_type="GZIP_1"), **extra)
    assert_equal(ours(content), theirs(content))


def test_zblank_of_each_tile_becomes_that_of_the_image() -> None:
    values = np.arange(40, dtype="i2").reshape(4, 10)
    content = with_columns(
        packed(values, compression_type="GZIP_1"),
        COMPRESSED_DATA=("1PB", None),
        ZBLANK=("1J", np.array([3, 11, 22, 99], ">i4")),
    )
    marked = with_cards(content, BLANK=-7)
    for each in (marked, content):
        assert np.argwhere(np.isnan(ours(each))).tolist() == [[0, 3], [1, 1], [2, 2]]
    assert_equal(ours(marked), theirs(marked))


def test_scale_and_zero_may_be_keywords() -> None:
    """astropy and cfitsio want columns; the standard names keywords too (FITS 4.0 §10.1.3)."""
    values = image("f4", (4, 40))
    content = packed(values, compression_type="RICE_1", quantize_level=-2.0, quantize_method=-1)
    data = table_of(content).data
    for tile in range(4):
        keywords = {"ZSCALE": 2.0, "ZZERO": float(data["ZZERO"][tile])}
        alone = with_cards(with_columns(content, COMPRESSED_DATA=("1PB", None)), **keywords)
        assert_equal(ours(alone)[tile], theirs(content)[tile])


def test_an_image_of_no_pixels() -> None:
    content = packed(image("i2", (6, 20)), compression_type="RICE_1")
    for keyword, shape in (("ZNAXIS1", (6, 0)), ("ZNAXIS2", (0, 20))):
        empty = edited(content, keyword, "0")
        assert_equal(ours(empty), np.empty(shape, "i2"))
    assert arrays.hdu_array(Product.from_bytes(edited(content, "ZNAXIS", "0")), 1) is None


def test_shape_and_type_are_told_without_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    path.write_bytes(packed(image("u2", (3, 20, 30)), compression_type="RICE_1"))
    file = File.open(path)
    assert file.describe(1) == (np.dtype("u2"), (3, 20, 30))
    assert file.touched(1) is None
    assert file.array(1) is file.array(1)


def test_a_product_with_a_compressed_image_opens_and_saves(tmp_path: Path) -> None:
    values = image("f4", (20, 30))
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "ImageModel"
    hdu = fits.CompImageHDU(values, name="SCI", quantize_level=0.0, compression_type="GZIP_2")
    path = tmp_path / "packed.fits"
    fits.HDUList([primary, hdu]).writeto(path)
    with asdfits.open(path) as model:
        assert np.array_equal(model.data, values)
        model.save(tmp_path / "plain.fits")
    assert np.array_equal(fits.getdata(tmp_path / "plain.fits", "SCI"), values)


def test_the_command_line_shows_and_checks_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = packed(image("u2", (3, 20, 30)), compression_type="GZIP_1")
    path = tmp_path / "cube.fits"
    path.write_bytes(content)
    assert asdfits.verify(path) == []
    assert cli.main(["info", str(path)]) == 0
    assert "COMPRESSED  3 x 20 x 30, GZIP_1" in capsys.readouterr().out
    at = len(content.rstrip(b"\0")) - 40
    path.write_bytes(content[:at] + b"garbage" + content[at + 7 :])
    (finding,) = asdfits.verify(path)
    assert finding.kind == "data"
    assert "HDU 1 (SCI,1): byte " in finding.message
    assert "tile 60 of 60 (GZIP_1)" in finding.message
    path.write_bytes(edited(content, "ZBITPIX", "3"))
    assert cli.main(["info", str(path)]) == 0
    assert "COMPRESSED  ?, GZIP_1" in capsys.readouterr().out
    assert [each.kind for each in asdfits.verify(path)] == ["data"]


def test_astropy_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(image("i4"), compression_type="RICE_1")
    monkeypatch.setitem(sys.modules, "astropy.io", None)
    assert_equal(ours(content), image("i4"))


def test_an_array_outlives_its_file() -> None:
    content = packed(image("i4", (300, 400)), compression_type="RICE_1")
    product = Product.from_bytes(content)
    found = arrays.hdu_array(product, 1)
    del product
    assert found is not None
    found += 1
    assert np.array_equal(found, image("i4", (300, 400)) + 1)


def test_real_files_are_those_of_astropy_bit_by_bit(data: Path) -> None:
    count = 0
    for path in sorted((data / "fits").rglob("*.f*")):
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        if b"ZIMAGE  =                    T" in content:
            assert_equal(ours(content), theirs(content))
            count += 1
    assert count == 8


# -- damage ---------------------------------------------------------------------------------------

CODECS: dict[str, Callable[[], bytes]] = {
    "RICE_1": lambda: packed(image("i2", (6, 20)), compression_type="RICE_1"),
    "GZIP_1": lambda: packed(image("i2", (6, 20)), compression_type="GZIP_1"),
    "GZIP_2": lambda: packed(
        image("f4", (6, 20)), compression_type="GZIP_2", quantize_level=0.0, tile_shape=(3, 7)
    ),
    "PLIO_1": lambda: packed(image("u1", (6, 20)) // 50, compression_type="PLIO_1"),
    "HCOMPRESS_1": lambda: packed(
        image("i2", (8, 9)), compression_type="HCOMPRESS_1", tile_shape=(8, 9), hcomp_smooth=1
    ),
    "NOCOMPRESS": lambda: packed(image("u2", (6, 20)), compression_type="NOCOMPRESS"),
    "quantised": lambda: packed(
        image("f4", (6, 20)), compression_type="RICE_1", quantize_level=8, quantize_method=2
    ),
}


def outcome(content: bytes) -> str:
    """Return what is said of a damaged file, or nothing where it can be read."""
    try:
        product = Product.from_bytes(content, "damaged.fits")
        if len(product) > 1:
            arrays.hdu_array(product, 1)
    except FormatError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("codec", CODECS)
def test_any_byte_may_be_any_other(codec: str) -> None:
    """A damaged file gives an array or a FormatError that names the file: no crash, no other error."""
    content = CODECS[codec]()
    data_at = Product.from_bytes(content).hdu(1).data_at
    end = len(content.rstrip(b"\0"))
    cards = [at for at in range(2880, data_at) if content[at] != 32]
    said = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for at in (*cards, *range(data_at, end)):
            for flip in (0x01, 0x04) if at < data_at else (0x01, 0x10, 0x80):
                damaged = bytearray(content)
                damaged[at] ^= flip
                said.add(outcome(bytes(damaged)))
    assert all(message.startswith("damaged.fits: ") for message in said if message)
    assert len(said) > 10


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_may_be_cut_anywhere(codec: str) -> None:
    content = CODECS[codec]()
    heap_end = len(content.rstrip(b"\0"))
    data_at = Product.from_bytes(content).hdu(1).data_at
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for length in range(data_at, heap_end - 1):
            with pytest.raises(FormatError, match=r"cut.fits: HDU 1 \(SCI,1\): byte \d+: tile "):
                ours(content[:length], "cut.fits")


def test_a_tile_with_garbage_is_named_with_its_byte() -> None:
    content = CODECS["GZIP_1"]()
    hdu = Product.from_bytes(content).hdu(1)
    heap = hdu.data_at + hdu.shape[0] * hdu.shape[1]
    sizes = [
        int(size) for size, _ in np.frombuffer(content[hdu.data_at : heap], ">i4").reshape(-1, 2)
    ]
    at = heap + sum(sizes[:3])
    end = at + sizes[3]
    for start, garbage, place in ((at, b"garbage", at), (end - 4, b"long", end - 8)):
        damaged = content[:start] + garbage + content[start + len(garbage) :]
        with pytest.raises(FormatError) as error:
            ours(damaged)
        where = f"packed.fits: HDU 1 (SCI,1): byte {place}: tile 4 of 6 (GZIP_1): "
        assert str(error.value).startswith(where)


def test_of_many_faults_the_first_is_told() -> None:
    values = np.zeros((400, 3000), "i4")
    content = bytearray(packed(values, compression_type="GZIP_1"))
    hdu = Product.from_bytes(bytes(content)).hdu(1)
    heap = hdu.data_at + hdu.shape[0] * hdu.shape[1]
    lists = np.frombuffer(bytes(content[hdu.data_at : heap]), ">i4").reshape(-1, 2)
    for tile in (399, 211, 57):
        content[heap + lists[tile, 1]] ^= 1
    for _ in range(20):
        with pytest.raises(FormatError, match="tile 58 of 400"):
            ours(bytes(content))


@pytest.mark.parametrize(
    ("codec", "keyword", "value", "message"),
    [
        ("RICE_1", "ZVAL1", "0", "ZVAL1 must be BLOCKSIZE: 1 to 1024"),
        ("RICE_1", "ZVAL1", "2147483648", "ZVAL1 must be BLOCKSIZE"),
        ("RICE_1", "ZVAL1", "'many'", "ZVAL1 must be BLOCKSIZE"),
        ("RICE_1", "ZVAL1", "16", r"tile 1 of 6 \(RICE_1\): "),
        ("RICE_1", "ZVAL2", "3", "ZVAL2 must be BYTEPIX: 1, 2 or 4, found"),
        ("RICE_1", "ZVAL2", "8", "ZVAL2 must be BYTEPIX"),
        ("RICE_1", "ZVAL2", "4", r"tile 1 of 6 \(RICE_1\): "),
        ("HCOMPRESS_1", "ZVAL1", "-1", "ZVAL1 must be SCALE: 0 at least"),
        ("HCOMPRESS_1", "ZVAL2", "'x'", "ZVAL2 must be SMOOTH: 0 or 1"),
        ("RICE_1", "ZCMPTYPE", "'RICE_9'", "ZCMPTYPE must be RICE_1, RICE_ONE, GZIP_1"),
        ("RICE_1", "ZBITPIX", "12", "ZBITPIX must be one of 8"),
        ("RICE_1", "ZNAXIS", "1000", "ZNAXIS must be at most 999"),
        ("RICE_1", "ZNAXIS", "3", "no ZNAXIS3 card"),
        ("RICE_1", "ZTILE1", "0", "ZTILE1 must be 1 at least"),
        ("RICE_1", "ZTILE1", "-4", "ZTILE1 must be an integer of at least 0"),
        ("RICE_1", "ZNAXIS2", "7", "the table has 6 rows, the image has 7 tiles"),
        ("RICE_1", "ZNAXIS1", "10", "the table has 6 rows, the image has 12 tiles|left over"),
        ("quantised", "ZQUANTIZ", "'NOISE'", "ZQUANTIZ must be NO_DITHER"),
        ("quantised", "ZBITPIX", "16", "ZSCALE, which is for images of floats"),
        ("GZIP_1", "TFORM1", "'1B'", "NAXIS1 is 8|variable-length"),
        ("GZIP_1", "THEAP", "9000000", "tile 1 of 6"),
        ("GZIP_1", "ZBITPIX", "64", None),
    ],
)
def test_a_wrong_card_is_shown(codec: str, keyword: str, value: str, message: str | None) -> None:
    content = CODECS[codec]()
    if keyword == "THEAP":
        content = content.replace(b"GCOUNT  ", b"THEAP   ")
    content = edited(content, keyword, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if message is None:
            assert_equal(ours(content), theirs(content))
            return
        with pytest.raises(FormatError, match=message) as error:
            ours(content)
    assert str(error.value).startswith("packed.fits: HDU 1 (SCI,1): byte ")


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", ["100000000", "2147483647", "9223372036854775807"])
def test_no_memory_is_taken_for_what_a_header_claims(codec: str, size: str) -> None:
    content = edited(edited(CODECS[codec](), "ZNAXIS1", size), "ZTILE1", size)
    before = peak()
    with pytest.raises(FormatError, match=r"packed.fits: HDU 1 \(SCI,1\): byte"):
        ours(content)
    assert peak() - before < 20e6


def test_a_constant_image_may_be_a_thousand_times_its_file() -> None:
    values = np.full((2000, 3000), 7, "i4")
    for kind in ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"):
        tile = (2000, 3000) if kind != "PLIO_1" else (100, 3000)
        content = packed(values, compression_type=kind, tile_shape=tile)
        assert np.array_equal(ours(content), values)


# -- .fits.gz -------------------------------------------------------------------------------------


def test_a_gzip_file_is_read_whole_and_refused_in_part(tmp_path: Path) -> None:
    content = packed(image("i4"), compression_type="RICE_1")
    half = len(content) // 2
    whole = gzip.compress(content)
    members = gzip.compress(content[:half]) + gzip.compress(content[half:])
    path = tmp_path / "image.fits.gz"
    for packed_file in (
        whole,
        members,
        whole + bytes(500),
        bytes(0).join([whole, gzip.compress(b"")]),
    ):
        path.write_bytes(packed_file)
        assert_equal(arrays.hdu_array(Product.open(path), 1), image("i4"))
    for broken in (whole[:-4], whole[: len(whole) // 2], members[:-1], whole[:-8] + bytes(8)):
        path.write_bytes(broken)
        with pytest.raises(FormatError, match=r"image.fits.gz: the gzip data break off after"):
            Product.open(path)
    path.write_bytes(whole + b"other")
    with pytest.raises(FormatError, match=rf"image.fits.gz: byte {len(whole)}: found 5 bytes"):
        Product.open(path)
