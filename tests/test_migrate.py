from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits.arrays import Table
from asdfits.migrate import Added, completed

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle


def without(path: Path, hdu: str, *columns: str) -> Path:
    """Make a file an old one: its tables lack some columns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False) as hdus:
            for place, each in enumerate(hdus):
                if each.name == hdu:
                    names = [name for name in each.data.dtype.names if name not in columns]
                    kept = fits.FITS_rec.from_columns([each.columns[name] for name in names])
                    old = fits.BinTableHDU(kept, name=hdu, ver=each.ver)
                    hdus[place] = old
            hdus.writeto(path, overwrite=True)
    return path


def saved(model: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


def assert_same_table(path: Path, place: str) -> Any:
    """Check that both sides read the same table, and return ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", asdfits.FormatWarning)
        model = asdfits.open(path)
        table = model[place]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = datamodels.open(path)
    found: Any = reference
    for part in place.split("."):
        found = found[int(part)] if part.isdecimal() else getattr(found, part)
    ours, theirs = np.asarray(table), np.array(found)
    reference.close()
    assert ours.dtype.descr == theirs.dtype.descr
    for name in theirs.dtype.names:
        assert np.array_equal(ours[name], theirs[name], equal_nan=theirs[name].dtype.kind == "f")
    return table


def test_an_old_moving_target_table_gets_its_columns(tmp_path: Path) -> None:
    model = datamodels.Level1bModel((2, 2, 4, 4))
    model.moving_target = np.ones(3, model.get_dtype("moving_target"))
    path = saved(model, tmp_path / "old_uncal.fits")
    assert asdfits.open(path).moving_target["mt_v2"].tolist() == [1, 1, 1]
    table = assert_same_table(
        without(path, "MOVING_TARGET_POSITION", "mt_v2", "mt_v3"), "moving_target"
    )
    assert np.isnan(table["mt_v2"]).all()
    assert np.isnan(table["mt_v3"]).all()


def test_an_old_table_makes_the_headers_count(tmp_path: Path) -> None:
    """The reference adds the columns before it looks at the hash, even where that would match."""
    path = without(
        saved(old_uncal(), tmp_path / "old_uncal.fits"), "MOVING_TARGET_POSITION", "mt_v2", "mt_v3"
    )
    content = path.read_bytes()
    digest = asdfits.open(path)._file.product.header_hash()[0]
    at = content.index(b"_fits_hash: ") + 12
    content = content[:at] + digest.encode() + content[at + 64 :]
    assert b"pi_name: A" in content
    path.write_bytes(content.replace(b"pi_name: A", b"pi_name: B"))
    with datamodels.open(path) as theirs:
        assert theirs.meta.program.pi_name == "A"
    assert asdfits.open(path).meta.program.pi_name == "A"


def old_uncal() -> Any:
    model = datamodels.Level1bModel((2, 2, 4, 4))
    model.moving_target = np.ones(3, model.get_dtype("moving_target"))
    model.meta.program.pi_name = "A"
    return model


@pytest.mark.parametrize("cells", [(), (5,)])
def test_an_old_flat_gets_its_errors(cells: tuple[int, ...], tmp_path: Path) -> None:
    model = datamodels.NirspecFlatModel((4, 4))
    names = [("slit_name", "S15"), ("nelem", "i2"), ("wavelength", "f4", cells)]
    model.flat_table = np.ones(2, [*names, ("data", "f4", cells), ("error", "f4", cells)])
    path = saved(model, tmp_path / "old_flat.fits")
    table = assert_same_table(without(path, "FAST_VARIATION", "error"), "flat_table")
    assert table["error"].shape == (2, *cells)
    assert np.isnan(table["error"]).all()


def test_each_quadrant_of_an_old_flat_gets_its_errors(tmp_path: Path) -> None:
    model = datamodels.NirspecQuadFlatModel()
    for number in range(2):
        model.quadrants.append(model.quadrants.item())
        names = [("slit_name", "S15"), ("nelem", "i2"), ("wavelength", "f4")]
        table = np.full(2, number, [*names, ("data", "f4"), ("error", "f4")])
        model.quadrants[number].flat_table = table
    path = without(saved(model, tmp_path / "old_flat.fits"), "FAST_VARIATION", "error")
    for number in range(2):
        table = assert_same_table(path, f"quadrants.{number}.flat_table")
        assert table["nelem"].tolist() == [number, number]


def test_an_old_rscd_table_gets_its_column(tmp_path: Path) -> None:
    model = datamodels.RSCDModel()
    rows = np.zeros(2, model.get_dtype("rscd_group_skip_table"))
    rows["group_skip"] = 3
    model.rscd_group_skip_table = rows
    path = saved(model, tmp_path / "old_rscd.fits")
    old = without(path, "RSCD_GROUP_SKIP", "group_skip1")
    table = assert_same_table(old, "rscd_group_skip_table")
    assert table["group_skip1"].tolist() == [-1, -1]


def test_an_old_rscd_table_keeps_its_other_cards(tmp_path: Path) -> None:
    model = datamodels.RSCDModel()
    model.rscd_group_skip_table = np.zeros(2, model.get_dtype("rscd_group_skip_table"))
    path = without(saved(model, tmp_path / "old_rscd.fits"), "RSCD_GROUP_SKIP", "group_skip1")
    with fits.open(path, mode="update") as hdus:
        hdus["RSCD_GROUP_SKIP"].header["MYKEY"] = 1
    header = asdfits.open(path).extra_fits.RSCD_GROUP_SKIP.header.instance
    assert header == [["MYKEY", 1, ""]]
    reference = datamodels.open(path)
    assert not hasattr(reference, "extra_fits")  # it makes the header anew
    reference.close()


@pytest.mark.parametrize("aperture", [None, "S200A1"])
def test_the_cards_of_an_old_psf_are_in_the_primary_header(
    aperture: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "old_psf.fits"
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "SpecPsfModel"
    primary.header["CENTCOL"] = 7.5
    if aperture is not None:
        primary.header["APERTURE"] = aperture
    images = [fits.ImageHDU(np.ones((3, 3), "f4"), name="PSF", ver=v) for v in (1, 2)]
    images[1].header["CENTCOL"] = 2.5
    fits.HDUList([primary, *images]).writeto(path)
    model = asdfits.open(path)
    with datamodels.open(path) as theirs:
        expected = [
            [getattr(each, name) for name in ("name", "center_col", "center_row", "subpix")]
            for each in theirs.apertures
        ]
    found = [
        [getattr(each, name) for name in ("name", "center_col", "center_row", "subpix")]
        for each in model.apertures
    ]
    assert found == expected
    assert found[0][:2] == [aperture or "ANY", 7.5]
    assert found[1][:2] == [aperture or "ANY", 2.5]


def test_columns_are_added_after_the_others_and_units_stay() -> None:
    table = np.array([(1, 2.0), (3, 4.0)], [("A", ">i2"), ("B", "f8")]).view(Table)
    table.units = {"A": "s"}
    whole = completed(table, Added({"c": "i4"}, -1, "b"))
    assert whole.dtype.names == ("A", "B", "c")
    assert whole.tolist() == [(1, 2.0, -1), (3, 4.0, -1)]
    assert whole.units == {"A": "s"}
    assert completed(table, None) is table
    assert completed(None, Added({"c": "i4"}, -1)) is None
