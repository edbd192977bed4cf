from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asdfits
from asdfits import _core, arrays, pixels
from asdfits.file import File

TYPES = [
    "u1 i1 >i2 >u2 >i4 >u4 >i8 >u8 >f2 >f4 >f8 >c8 >c16 >f16 ? <i2 <f8 S5 >U3 V7 >M8[ns] >m8[s]",
]
ALL = [np.dtype(name) for name in TYPES[0].split()]
TABLES = [
    np.dtype([("a", ">f4"), ("b", "S3"), ("c", ">i2", (2, 3)), ("d", "?")]),
    np.dtype([("x", [("y", ">f8"), ("z", ">U2", (2,))], 2), ("w", ">c8")]),
    np.dtype({"names": ["p", "q"], "formats": [">u4", ">i2"], "offsets": [5, 1], "itemsize": 12}),
    np.dtype([("long", ">f8", (70,)), ("flag", "u1")]),
]


def noise(dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return an array of any bytes that are values of the type."""
    rng = np.random.default_rng(3)
    if dtype.kind == "U" or (dtype.itemsize == 16 and dtype.kind == "f"):
        return rng.integers(0, 1000, shape).astype(dtype)
    top = 2 if dtype.kind == "b" else 0x70  # no letter of a text lies beyond Unicode
    count = int(np.prod(shape)) * dtype.itemsize
    raw = rng.integers(0, top, count, dtype=np.uint8)
    if dtype.names is not None and "x" in dtype.names:
        raw[:] = 0  # texts within; zeros and one number
        raw[:8] = 7
    return raw.view(dtype).reshape(shape)


def same(found: np.ndarray[Any, Any], source: np.ndarray[Any, Any]) -> None:
    expected = np.ascontiguousarray(source.astype(source.dtype.newbyteorder("=")))
    assert found.dtype == expected.dtype
    assert found.shape == source.shape
    assert found.flags.c_contiguous
    assert found.flags.writeable or found is source
    if found.dtype.names and pixels._has_gaps(found.dtype):
        for name in found.dtype.names:
            assert found[name].tobytes() == expected[name].tobytes()
    else:
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", [*ALL, *TABLES], ids=str)
def test_any_array_becomes_native(dtype: np.dtype[Any]) -> None:
    array = noise(dtype, (3, 4, 5))
    views = [
        array,
        array[::-1],
        array[:, ::2, ::-3],
        array.T,
        array[:0],
        array[1, 2, 3:4],
        array[1, 2, 3],  # a scalar of numpy, or a row
        array[0, 0, 0, ...],  # 0-d
        np.broadcast_to(array[0], (6, 4, 5)),
        array.reshape(1, 3, 2, 2, 5),
    ]
    for view in views:
        if isinstance(view, np.ndarray):
            same(asdfits.native(view), view)


def test_odd_alignment_and_memory_that_may_only_be_read() -> None:
    raw = bytes(range(200)) * 5
    for dtype in (">f4", ">i2", ">u8", "<f8"):
        view = np.frombuffer(raw, dtype, count=100, offset=3)
        same(asdfits.native(view), view)
        same(asdfits.native(view[::-2]), view[::-2])


def test_what_is_native_already_is_returned_itself() -> None:
    array = np.arange(6.0)
    assert asdfits.native(array) is array
    assert asdfits.native(array[::2]) is not array
    flags = np.array([True, False])
    assert asdfits.native(flags) is flags
    objects = np.array([1, "a", None], object)
    assert asdfits.native(objects) is objects


def test_subclasses_masks_and_units_are_kept() -> None:
    table = arrays._table_from(noise(TABLES[0], (4,)), {"a": "Jy"})
    found = asdfits.native(table)
    assert type(found) is arrays.Table
    assert found.units == {"a": "Jy"}
    assert found["a"].dtype == np.float32
    assert found["b"].tolist() == table["b"].tolist()
    masked = np.ma.array(np.arange(4, dtype=">i2"), mask=[0, 1, 0, 0], fill_value=7)
    found = asdfits.native(masked)
    assert found.dtype == np.int16
    assert found.tolist() == [0, None, 2, 3]
    assert found.fill_value == 7
    records = np.rec.array([(1, 2.0)], dtype=[("a", ">i4"), ("b", ">f8")])
    assert asdfits.native(records).a.dtype == np.int32
    units = pytest.importorskip("astropy.units")
    flux = asdfits.native(np.arange(3, dtype=">f4") * units.Jy)
    assert flux.unit == units.Jy
    assert flux.dtype.isnative


def test_values_go_into_a_given_array() -> None:
    array = noise(np.dtype(">f4"), (5, 7))
    out = np.empty((5, 7), "f4")
    assert asdfits.native(array, out) is out
    same(out, array)
    gaps = np.zeros((5, 14), "f4")[:, ::2]
    assert asdfits.native(array, out=gaps) is gaps
    assert gaps.tobytes() == out.tobytes()
    # Over itself, and shifted.
    both = np.arange(10, dtype=">u4")
    expected = both[2:].astype("u4")
    asdfits.native(both[2:], both[:8].view("u4"))
    assert both[:8].view("u4").tolist() == expected.tolist()
    native = np.arange(3)
    assert asdfits.native(native, np.zeros(3, native.dtype)).tolist() == [0, 1, 2]
    empty = np.zeros((0, 3), "f4")
    assert asdfits.native(np.zeros((0, 3), ">f4"), empty) is empty


def test_an_array_that_does_not_fit_is_refused() -> None:
    array = np.zeros((2, 3), ">f4")
    with pytest.raises(ValueError, match="expected float32"):
        asdfits.native(array, np.zeros((3, 2), "f4"))
    with pytest.raises(ValueError, match="expected float32"):
        asdfits.native(array, np.zeros((2, 3), ">f4"))
    frozen = np.zeros((2, 3), "f4")
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="written"):
        asdfits.native(array, frozen)
    with pytest.raises(TypeError, match="written"):
        asdfits.native(array, [0])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="arrays"):
        asdfits.native("a.fits", np.zeros(1))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="opened"):
        asdfits.native(array, guess=True)  # type: ignore[call-overload]


def test_the_compiled_half_refuses_memory_that_does_not_fit() -> None:
    source, target = np.zeros(8, "V4"), np.zeros(8, "V4")
    whole = [(0, 0, 1, ("bits", 4, True, False))]
    for fields, to in [
        ([(1, 0, 1, ("bits", 4, True, False))], target),  # beyond the last element
        ([(0, 1, 1, ("bits", 4, True, False))], target),
        ([(0, 0, 2, ("bits", 4, True, False))], target),
        ([(2**63, 0, 2, ("bits", 4, True, False))], target),
        ([(0, 0, 1, ("bits", 3, True, False))], target),
        ([(0, 0, 1, ("scaled", 17, 1.0, 0.0, None))], target),
        ([(0, 0, 1, ("other",))], target),
        (whole, target[:7]),
        (whole, np.zeros(16, "V4")[::2]),
        (whole, source),
    ]:
        with pytest.raises(ValueError, match=r"."):
            _core.convert(source, to, fields)
    target.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _core.convert(source, target, whole)


SCALINGS = [
    (1.0, 0.0, None),
    (0.1, 0.0, None),
    (1.0, -7.25, None),
    (-3.5e-3, 1e4, -5),
    (0.0, 1.0, 3),
    (1.0, 0.0, -5),
    (1e30, 1e-30, 2**40),
]
OFFSETS = {"u1": -128, ">i2": 2**15, ">i4": 2**31, ">i8": 2**63}


@pytest.mark.parametrize("stored", ["u1", ">i2", ">i4", ">i8", ">f4", ">f8"])
@pytest.mark.parametrize("scaling", SCALINGS, ids=str)
def test_scaled_numbers_are_those_of_numpy_bit_for_bit(
    stored: str, scaling: tuple[float, float, int | None]
) -> None:
    scale, zero, blank = scaling
    array = noise(np.dtype(stored), (40, 21))
    if array.dtype.kind == "i":
        array = array - np.array(2 ** (8 * array.itemsize - 2), array.dtype)
        array[3, ::2] = 3 if blank is None else np.clip(blank, -5, 100)
        array = array.astype(stored)
    integers = array.dtype.kind in "iu"
    single = integers and array.itemsize <= 2
    with np.errstate(all="ignore"):
        expected = array.astype("f4" if single else "f8" if integers else array.dtype)
        if scale != 1:
            expected *= scale
        if zero != 0:
            expected += zero
    if blank is not None and integers:
        expected[array == blank] = np.nan
    if scale == 1 and zero == 0 and (blank is None or not integers):
        expected = array
    for cut in (np.s_[:], np.s_[::-1, 3:7], np.s_[5:6, ::-4], np.s_[0:0]):
        found = arrays.image_values(array[cut], scale, zero, blank)
        assert found.dtype == expected.dtype
        assert found.tobytes() == np.ascontiguousarray(expected[cut]).tobytes()


@pytest.mark.parametrize("stored", OFFSETS)
def test_the_offset_of_half_the_range_gives_unsigned_integers(stored: str) -> None:
    array = noise(np.dtype(stored), (30, 11))
    expected = [int(number) + OFFSETS[stored] for number in array.reshape(-1)]
    found = arrays.image_values(array, 1.0, OFFSETS[stored], None)
    assert found.dtype == np.dtype("i1" if stored == "u1" else stored.replace(">i", "u"))
    assert found.reshape(-1).tolist() == expected
    assert arrays.image_values(array[::-1, ::3], 1.0, OFFSETS[stored], None).tolist() == (
        found[::-1, ::3].tolist()
    )


slices = st.builds(
    slice,
    st.none() | st.integers(-9, 9),
    st.none() | st.integers(-9, 9),
    st.none() | st.integers(-3, 3).filter(bool),
)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([">i2", ">u4", ">f8", ">c8", "S3"]),
    st.lists(st.integers(0, 7), min_size=1, max_size=5),
    st.data(),
)
def test_any_slice_of_any_shape(dtype: str, shape: list[int], data: Any) -> None:
    array = noise(np.dtype(dtype), tuple(shape))
    key = data.draw(st.lists(slices | st.just(None), max_size=len(shape) + 1))
    if sum(part is not None for part in key) > len(shape):
        key = [part for part in key if part is not None][: len(shape)]
    cut = array[tuple(key)].transpose()
    same(asdfits.native(cut), cut)


def test_large_arrays_are_read_by_all_threads_at_once() -> None:
    array = np.arange(3_000_000, dtype=">u4").reshape(1000, 3000)
    table = np.zeros(300_000, [("a", ">i2"), ("b", ">f8"), ("c", "S3")])
    table["a"], table["b"], table["c"] = np.arange(300_000) % 999, np.arange(300_000), b"xyz"
    found: list[Any] = []

    def work() -> None:
        found.extend((asdfits.native(array[:, ::-1]), asdfits.native(table)) for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for image, rows in found:
        assert np.array_equal(image, array[:, ::-1])
        assert np.array_equal(rows["a"], table["a"])
        assert np.array_equal(rows["b"], table["b"])
        assert np.array_equal(rows["c"], table["c"])


# -- files -------------------------------------------------------------------------------------


def slits(path: Path) -> None:
    model = asdfits.MultiSlitModel()
    rng = np.random.default_rng(4)
    for number in range(3):
        model.slits.append({"name": f"s{number}"})
        model.slits[number].data = rng.normal(size=(9, 8)).astype("f4")
        model.slits[number].dq = rng.integers(0, 2**32, (9, 8), dtype="u4")
    model.save(path)


def data_of(path: Path) -> list[bytes]:
    file = File.open(path)
    hdus = [hdu for hdu in file.hdus() if hdu.name != "ASDF"]
    return [bytes(memoryview(file.product.region(hdu.data_at, hdu.announced))) for hdu in hdus]


def test_a_native_file_has_native_arrays_and_is_saved_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "slits.fits"
    slits(path)
    with asdfits.open(path, native=True) as model, asdfits.open(path) as plain:
        for slit, other in zip(model.slits, plain.slits, strict=True):
            assert slit.data.dtype == np.dtype("f4")
            assert other.data.dtype == np.dtype(">f4")
            assert np.array_equal(slit.data, other.data)
            assert np.array_equal(slit.dq, other.dq)
            slit.data.flags.writeable = True
        model.save(tmp_path / "again.fits")
        plain.save(tmp_path / "plain.fits")
        assert data_of(tmp_path / "again.fits") == data_of(path)
        # Headers and tree are those that a model of big-endian arrays saves, but for name and date.
        ours = (tmp_path / "again.fits").read_bytes()
        theirs = (tmp_path / "plain.fits").read_bytes()
        assert len(ours) == len(theirs)
        texts = [File.open(tmp_path / name).product.yaml for name in ("again.fits", "plain.fits")]
        assert [b"little" in text for text in texts] == [False, False]
        model.slits[1].data[2, 3] = 5
        model.save(tmp_path / "edited.fits")
    with asdfits.open(tmp_path / "edited.fits") as model:
        assert model.slits[1].data[2, 3] == 5
        assert model.slits[1].data.dtype == np.dtype(">f4")
    with asdfits.native(path) as model:
        assert model.slits[2].data.dtype == np.dtype("f4")
        copy = model.copy()
        assert copy.slits[1].data.dtype == np.dtype("f4")


def test_the_arrays_of_a_model_become_native_in_it(tmp_path: Path) -> None:
    path = tmp_path / "slits.fits"
    slits(path)
    with asdfits.open(path) as model:
        before = model.slits[0].data
        before[1, 1] = 9
        model.slits[2].data = np.ones((9, 8), ">f4")
        assert asdfits.native(model) is model
        assert model.slits[0].data.dtype == np.dtype("f4")
        assert model.slits[0].data[1, 1] == 9
        assert model.slits[1].data.dtype == np.dtype("f4")  # made after
        assert model.slits[2].data.dtype == np.dtype("f4")
        model.save(tmp_path / "again.fits")
    with asdfits.open(tmp_path / "again.fits") as model:
        assert model.slits[0].data[1, 1] == 9
        assert model.slits[2].data[0, 0] == 1
        assert asdfits.open(model, native=True).slits[1].data.dtype == np.dtype("f4")


def test_arrays_of_an_asdf_file_become_native(tmp_path: Path) -> None:
    model = asdfits.ImageModel(data=np.arange(12, dtype=">f4").reshape(3, 4))
    model.save(tmp_path / "image.asdf")
    with asdfits.open(tmp_path / "image.asdf", native=True) as model:
        assert model.data.dtype.isnative
        assert model.data.tolist() == np.arange(12.0).reshape(3, 4).tolist()


@pytest.mark.oracle
def test_every_image_and_table_of_a_file_is_that_of_astropy(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    path = tmp_path / "all.fits"
    hdus = [fits.PrimaryHDU()]
    for name in ("u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"):
        values = noise(np.dtype(name), (2, 3, 1, 2, 5))
        hdus.append(fits.ImageHDU(np.nan_to_num(values), name=name))
    hdus.append(fits.ImageHDU(np.full((1, 1), 3, "i2"), name="one"))
    columns = [
        fits.Column("flag", "L", array=[True, False, True]),
        fits.Column("text", "4A", array=["ab", "", "cdef"]),
        fits.Column("count", "J", bzero=2**31, array=np.array([0, 2**31, 2**32 - 1], "u4")),
        fits.Column("cell", "6E", dim="(3,2)", array=np.arange(18.0).reshape(3, 2, 3)),
        fits.Column("bits", "11X", array=noise(np.dtype(bool), (3, 11))),
    ]
    hdus.append(fits.BinTableHDU.from_columns(columns, name="table"))
    fits.HDUList(hdus).writeto(path)
    file = File.open(path)
    file.native = True
    with fits.open(path, memmap=False) as theirs:
        for index, hdu in enumerate(theirs):
            if hdu.data is None:
                continue
            found = file.array(index)
            assert found is not None
            assert found.dtype.isnative, hdu.name
            assert found.flags.writeable
            names = found.dtype.names or [None]
            for name in names:
                mine = found if name is None else found[name]
                other = np.asarray(hdu.data if name is None else hdu.data[name])
                assert np.array_equal(mine, other), (hdu.name, name)
    fitsio = pytest.importorskip("fitsio")
    for name in ("i2", "u2", "i4", "u4", "f4", "f8"):
        index = file.find(name.upper())
        assert index is not None
        found = file.array(index)
        assert found is not None
        theirs_too = fitsio.read(str(path), ext=name.upper())
        assert found.dtype == theirs_too.dtype
        assert np.array_equal(found, theirs_too)


@pytest.mark.oracle
def test_tables_that_astropy_reads_stay_as_it_reads_them(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    lists = np.array([np.arange(2.0), np.arange(3.0)], object)
    column = fits.Column("lists", "PD()", array=lists)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])]).writeto(
        tmp_path / "lists.fits"
    )
    file = File.open(tmp_path / "lists.fits")
    file.native = True
    found = file.array(1)
    assert found is not None
    assert [each.tolist() for each in found["lists"]] == [[0, 1], [0, 1, 2]]


def test_a_file_that_ends_within_an_image_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "cut.fits"
    model = asdfits.ImageModel(data=np.zeros((100, 100), "f4"))
    model.dq = np.zeros((100, 100), "u4")
    model.save(path)
    hdu = File.open(path).product.hdu(2)
    os.truncate(path, hdu.data_at + 700)
    with pytest.warns(asdfits.FormatWarning):
        model = asdfits.ImageModel(str(path))
    asdfits.native(model)
    for touch in (lambda: model.section("dq"), lambda: model.dq, lambda: model.stats("dq")):
        with pytest.raises(asdfits.FormatError, match=r"cut.fits: HDU 2 .*40000 bytes"):
            touch()
    assert model.data.dtype == np.float32


PEAK = """
import resource, sys
import numpy as np
import asdfits

def peak(name):
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith(name)).split()[1]) * 1024

path = sys.argv[1]
with asdfits.open(path) as model:
    before = peak("VmHWM")
    if sys.argv[2] == "native":
        model._file.native = True
        array = model.data
    elif sys.argv[2] == "offset":
        array = model.dq
    elif sys.argv[2] == "section":
        array = model.section("data")[::-1, 1000:1500]
    else:
        model.stats(percentiles=(1, 50))
        array = np.zeros(0)
    print(peak("VmHWM") - before - array.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
@pytest.mark.parametrize("what", ["native", "offset", "section"])
def test_the_peak_of_memory_is_the_array_and_little_more(what: str, tmp_path: Path) -> None:
    path = tmp_path / "large.fits"
    rng = np.random.default_rng(5)
    model = asdfits.ImageModel(data=rng.normal(size=(3000, 4000)).astype("f4"))
    model.dq = rng.integers(0, 2**32, (3000, 4000), dtype="u4")
    model.save(path, durable=False)
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), what], check=True, capture_output=True, text=True
    )
    # Pages of the file count too while they are mapped.
    assert int(run.stdout) < 5e6
