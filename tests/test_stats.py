from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import asdfits

PERCENTILES = [0, 0.1, 1, 25, 50, 75, 99, 99.95, 100]


def expected(values: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """Return what numpy says, in double precision."""
    values = values.astype("f8").reshape(-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return (
            int(np.sum(~np.isnan(values))),
            np.nanmean(values) if values.size else np.nan,
            np.nanmin(values) if values.size else np.nan,
            np.nanmax(values) if values.size else np.nan,
            np.nanpercentile(values, PERCENTILES) if values.size else [np.nan] * len(PERCENTILES),
        )


def check(found: asdfits.Stats, values: np.ndarray[Any, Any]) -> None:
    count, mean, low, high, percentiles = expected(values)
    assert found.count == count
    assert np.isclose(found.mean, mean, rtol=1e-12, atol=1e-12, equal_nan=True)
    assert np.array_equal([found.min, found.max], [low, high], equal_nan=True)
    assert len(found.percentiles) == len(percentiles)
    assert np.allclose(found.percentiles, percentiles, rtol=1e-14, atol=0, equal_nan=True)


def image(dtype: str, shape: tuple[int, ...] = (40, 50)) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(8)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        values = rng.normal(100, 3, shape).astype(kind)
        values[rng.random(shape) < 0.1] = np.nan
        return values
    if kind.kind == "b":
        return rng.random(shape) < 0.4
    limits = np.iinfo(kind)
    # Beyond 2^53 a sum of doubles depends on its order.
    low, high = max(limits.min, -(2**40)), min(limits.max, 2**40)
    return rng.integers(low, high, shape, dtype=kind.newbyteorder("="), endpoint=True).astype(kind)


@pytest.mark.parametrize(
    "dtype",
    [
        "u1",
        "i1",
        ">u2",
        "<u2",
        ">i2",
        ">u4",
        "<i4",
        ">i4",
        ">u8",
        ">i8",
        ">f2",
        ">f4",
        "<f4",
        ">f8",
        "<f8",
        "?",
    ],
)
def test_any_numbers_in_any_order(dtype: str) -> None:
    values = image(dtype)
    for view in (values, values[::-2, 3:], values.T, values[:0], values[0, 0:1], values[2, 3]):
        check(asdfits.stats(view, percentiles=PERCENTILES), np.asarray(view))
    check(asdfits.stats(values.reshape(2, 5, 1, 20, 10), percentiles=PERCENTILES), values)


@pytest.mark.parametrize("flags", ["u1", ">u2", ">i4", ">u4", "<u8", "?"])
def test_masked_pixels_do_not_count(flags: str) -> None:
    values = image(">f4")
    dq = np.random.default_rng(9).integers(0, 2 if flags == "?" else 8, values.shape).astype(flags)
    for bits in (1,) if flags == "?" else (1, 2, 5, -1, 0):
        good = np.where((dq.astype("i8") & bits) == 0, values, np.nan)
        check(asdfits.stats(values, dq, bits=bits, percentiles=PERCENTILES), good)
    # One plane of flags for a cube.
    cube = np.stack([values, values + 1, values * 2])
    good = np.where((dq.astype("i8") & 1) == 0, cube, np.nan)
    check(asdfits.stats(cube, dq, percentiles=PERCENTILES), good)


def test_the_mask_of_a_masked_array_is_heeded() -> None:
    values = np.ma.array([1.0, 2.0, 3.0, 50.0], mask=[False, True, False, False])
    assert asdfits.stats(values).max == 50
    assert asdfits.stats(values, [0, 0, 0, 1])[:4] == (2, 2.0, 1.0, 3.0)


def test_nothing_that_counts_is_nan() -> None:
    found = asdfits.stats(np.full((3, 3), np.nan, ">f4"), percentiles=(5, 50))
    assert found.count == 0
    assert all(map(math.isnan, (*found[1:4], *found.percentiles)))
    assert len(found.percentiles) == 2
    assert asdfits.stats([1.5], percentiles=30).percentiles == (1.5,)
    infinite = asdfits.stats(np.array([1, np.inf, -np.inf, 2, np.inf]), percentiles=[0, 50, 100])
    assert infinite.percentiles == (-math.inf, 2.0, math.inf)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([1j],), TypeError),
        ((["a"],), TypeError),
        (([1.0], [1.0]), TypeError),
        (([1.0, 2.0], [1, 2, 3]), ValueError),
    ],
)
def test_what_has_no_order_is_refused(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        asdfits.stats(*arguments)
    with pytest.raises(ValueError, match="from 0 to 100"):
        asdfits.stats([1.0], percentiles=[101])
    with pytest.raises(ValueError, match="from 0 to 100"):
        asdfits.stats([1.0], percentiles=math.nan)


@settings(deadline=None, max_examples=150)
@given(
    arrays.arrays(
        st.sampled_from(["f4", "f8", "i2", "i4", "u8"]),
        arrays.array_shapes(max_dims=3, min_side=1, max_side=12),
    ),
    st.lists(st.floats(0, 100), max_size=12),
)
def test_percentiles_are_exact(values: np.ndarray[Any, Any], percentiles: list[float]) -> None:
    found = asdfits.stats(values, percentiles=percentiles).percentiles
    good = np.sort(values[~np.isnan(values)].astype("f8"))
    if not good.size:
        assert all(map(math.isnan, found))
        return
    for percent, value in zip(percentiles, found, strict=True):
        place = percent / 100 * (good.size - 1)
        low, high = good[math.floor(place)], good[math.ceil(place)]
        share = place - math.floor(place)
        if low == high:
            assert value == low
        elif np.isfinite(high - low):
            assert low <= value <= high
            assert np.isclose(value, low + (high - low) * share, rtol=1e-9, atol=1e-300)


def test_a_large_array_is_shared_by_the_cores() -> None:
    rng = np.random.default_rng(10)
    values = rng.normal(0.5, 0.01, 2_100_000).astype(">f4")
    dq = (rng.random(values.size) < 0.01).astype(">u4")
    found = asdfits.stats(values, dq, percentiles=PERCENTILES)
    check(found, np.where(dq, np.nan, values))
    # Whoever was first: the sum is the same to the last bit.
    assert found == asdfits.stats(values, dq, percentiles=PERCENTILES)


def test_a_model_says_it_without_making_its_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    model = asdfits.ImageModel(data=rng.normal(size=(64, 64)).astype("f4"))
    model.dq = rng.integers(0, 2**32, (64, 64), dtype="u4")
    model.err = model.data * 2
    model.save(tmp_path / "image.fits")
    with asdfits.open(tmp_path / "image.fits") as model:
        found = model.stats(percentiles=PERCENTILES)
        every = model.stats(dq=None)
        high = model.stats("err", bits=2**31)
        absent = model.stats(dq="groupdq")
        assert model._file is not None
        assert not model._file.origins()
        check(found, np.where(model.dq & 1, np.nan, model.data))
        assert every == absent
        assert every.count == 4096
        assert high.count == np.sum(model.dq < 2**31)
        model.dq[:] = 1
        assert model.stats().count == 0
