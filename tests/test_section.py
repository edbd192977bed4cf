from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asdfits
from asdfits import mapping
from asdfits.file import File, HduArray
from asdfits.section import Section


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("section") / "slits.fits"
    rng = np.random.default_rng(6)
    model = asdfits.MultiSlitModel()
    for number in range(2):
        model.slits.append({"name": f"s{number}"})
        model.slits[number].data = rng.normal(size=(30, 21)).astype("f4")
        model.slits[number].dq = rng.integers(0, 2**32, (30, 21), dtype="u4")
    model.save(path)
    return path


KEYS: list[Any] = [
    np.s_[:],
    np.s_[...],
    np.s_[3],
    np.s_[-1, 4],
    np.s_[..., 5:7],
    np.s_[20:10:-3, ::2],
    np.s_[None, 2, ..., None],
    np.s_[5:5],
    np.s_[100:],
    [1, 3, 3],
    (slice(None), np.array([True, False] * 10 + [True])),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("name", ["slits.1.data", "slits.0.dq"])
def test_an_index_gives_what_the_array_gives(path: Path, name: str, key: Any) -> None:
    with asdfits.open(path) as model, asdfits.open(path) as other:
        section = model.section(name)
        expected = np.asarray(other[name])
        found = section[key]
        assert found.dtype == section.dtype == expected.dtype.newbyteorder("=")
        assert np.array_equal(found, expected[key])
        assert type(found) is type(expected[key])
        if isinstance(found, np.ndarray):
            assert found.flags.writeable
            assert found.flags.owndata
        slit = model.instance["slits"][int(name[6])]
        assert isinstance(slit[name[8:]], HduArray) or "ndarray" in slit[name[8:]].tag  # not made


@settings(deadline=None, max_examples=60)
@given(st.lists(st.builds(slice, *[st.none() | st.integers(-9, 9)] * 2), max_size=2), st.data())
def test_any_slice(path: Path, slices: list[slice], data: Any) -> None:
    steps = [data.draw(st.sampled_from([None, 1, 2, -1, -3])) for _ in slices]
    key = tuple(slice(s.start, s.stop, step) for s, step in zip(slices, steps, strict=True))
    with asdfits.open(path) as model:
        assert np.array_equal(model.section("slits.0.dq")[key], np.asarray(model.slits[0].dq)[key])


def test_a_section_looks_like_an_array(path: Path) -> None:
    with asdfits.open(path) as model:
        section = model.section("slits.1.data")
        assert isinstance(section, Section)
        assert (section.shape, section.ndim, section.size) == ((30, 21), 2, 630)
        assert (len(section), section.nbytes) == (30, 2520)
        assert np.array_equal(np.asarray(section), model.slits[1].data)
        assert np.array_equal(np.array(section, "f8"), model.slits[1].data)
        assert sum(1 for _ in section) == 30
        assert repr(section) == "<Section (30, 21) float32 of HDU 3 (SCI,2)>"
        with pytest.raises(ValueError, match="no array"):
            np.array(section, copy=False)
        with pytest.raises(IndexError):
            section[40]


def test_what_was_written_to_the_model_is_seen(path: Path) -> None:
    with asdfits.open(path) as model:
        early = model.section("slits.0.data")
        model.slits[0].data[2, 3] = 77
        assert early[2, 3] == 77
        late = model.section("slits.0.data")
        assert late[2, 3] == 77
        late[2][3] = 5
        assert model.slits[0].data[2, 3] == 77
        model.slits[1].data = np.ones((4, 4), ">f4")
        assert model.section("slits.1.data")[1:, 0].tolist() == [1, 1, 1]


def test_a_place_without_an_array_is_a_key_error(path: Path) -> None:
    with asdfits.open(path) as model:
        for name in ("slits.0.nothing", "slits.7.data", "meta", "nothing.at.all", "slits.0.name"):
            with pytest.raises(KeyError):
                model.section(name)


def test_scaled_images_and_other_types_give_physical_values(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    stored = np.arange(60, dtype="i2").reshape(5, 12)
    hdu = fits.ImageHDU(stored, name="SCI")
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.25, 7, 14
    double = fits.ImageHDU(np.arange(60.0).reshape(5, 12), name="ERR")
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "ImageModel"
    fits.HDUList([primary, hdu, double]).writeto(tmp_path / "scaled.fits")
    with asdfits.open(tmp_path / "scaled.fits") as model:
        cut = model.section("data")[1:3, ::-1]
        expected = np.where(stored == 14, np.nan, stored * 0.25 + 7)[1:3, ::-1]
        assert cut.dtype == np.float32
        assert np.array_equal(cut, expected, equal_nan=True)
        err = model.section("err")  # the schema wants single precision
        assert err.dtype == err[0].dtype == model.err.dtype == np.float32
        assert err[2].tolist() == list(range(24, 36))


def test_arrays_that_are_not_images_are_made_whole(tmp_path: Path) -> None:
    model = asdfits.ImageModel((3, 4))
    model.data[1] = 3
    assert model.section("data")[1:, 0].tolist() == [3, 0]
    model.save(tmp_path / "image.asdf")
    with asdfits.open(tmp_path / "image.asdf") as model:
        assert model.section("data")[1].tolist() == [3] * 4


def test_an_array_with_too_many_axes_is_refused_as_when_it_is_touched(tmp_path: Path) -> None:
    model = asdfits.ImageModel(data=np.zeros((3, 4), "f4"))
    model.save(tmp_path / "image.fits")
    file = File.open(tmp_path / "image.fits")
    cube = mapping.model("CubeModel").root.child("data")
    assert not Section.is_image(HduArray(file, 1, cube))
    assert Section.is_image(HduArray(file, 1))
