"""Products through astropy's unified I/O: data, mask, uncertainty, unit and WCS in their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from conftest import real_files

nddata = pytest.importorskip("astropy.nddata")
readers = pytest.importorskip("asdfits.readers")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
specutils = pytest.importorskip("specutils")
units = pytest.importorskip("astropy.units")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:SRCTYPE is missing"),
]


def wcs(kind: str) -> Any:
    """A gWCS: sky for images, sky and wavelength for cubes."""
    from astropy import coordinates
    from astropy.modeling import models
    from gwcs import WCS, coordinate_frames

    sky = coordinate_frames.CelestialFrame(
        name="sky", reference_frame=coordinates.ICRS(), axes_order=(0, 1)
    )
    plane = models.Scale(0.1) & models.Scale(0.1)
    names = ("x", "y", "z")
    if kind == "image":
        detector = coordinate_frames.Frame2D(name="detector", axes_order=(0, 1))
        return WCS([(detector, plane), (sky, None)])
    detector = coordinate_frames.CoordinateFrame(
        naxes=3,
        axes_type=["SPATIAL"] * 3,
        axes_order=(0, 1, 2),
        axes_names=names,
        unit=["pix"] * 3,
        name="detector",
    )
    spectral = coordinate_frames.SpectralFrame(
        name="wavelength", unit=("um",), axes_order=(2,), axes_names=("wavelength",)
    )
    world = coordinate_frames.CompositeFrame([sky, spectral], name="world")
    scale = models.Scale(0.01) | models.Shift(5.0)
    return WCS([(detector, plane & scale), (world, None)])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    model = datamodels.ImageModel(
        data=np.arange(12, dtype="f4").reshape(3, 4),
        dq=np.array([[1, 0, 2, 3], [0, 0, 0, 0], [4, 5, 0, 0]], "u4"),
        err=np.full((3, 4), 0.5, "f4"),
    )
    model.meta.bunit_data = "MJy/sr"
    model.meta.instrument.name = "NIRCAM"
    model.meta.wcs = wcs("image")
    model.meta.wcsinfo.instance.update(
        {"ctype1": "RA---TAN", "ctype2": "DEC--TAN", "crpix1": 1.0, "crpix2": 1.0}
        | {"crval1": 30.0, "crval2": -10.0, "cdelt1": 0.1, "cdelt2": 0.1}
        | {"cunit1": "deg", "cunit2": "deg"}
    )
    path = tmp_path / "image_cal.fits"
    model.save(path)
    return path


@pytest.mark.parametrize("kind", [nddata.CCDData, nddata.NDDataRef])
def test_an_image_has_mask_uncertainty_unit_and_wcs(kind: Any, image: Path) -> None:
    found = kind.read(image, format="jwst")
    assert type(found) is kind
    assert found.data.tolist() == np.arange(12).reshape(3, 4).tolist()
    assert found.mask.tolist() == [
        [True, False, False, True],
        [False] * 4,
        [False, True, False, False],
    ]
    assert found.unit == units.MJy / units.sr
    assert type(found.uncertainty) is nddata.StdDevUncertainty
    assert found.uncertainty.array.tolist() == [[0.5] * 4] * 3
    assert found.meta["meta.instrument.name"] == "NIRCAM"
    gwcs = found.meta["wcs"] if kind is nddata.CCDData else found.wcs
    sky = gwcs.pixel_to_world(10, 20)
    assert (sky.ra.deg, sky.dec.deg) == pytest.approx((1, 2))
    if kind is nddata.CCDData:  # takes the WCS of a FITS header alone
        sky = found.wcs.pixel_to_world(0, 0)
        assert (sky.ra.deg, sky.dec.deg) == pytest.approx((30, -10))
    assert found.multiply(2 * units.sr).unit == units.MJy


def test_flags_units_and_arrays_can_be_chosen(image: Path, tmp_path: Path) -> None:
    found = nddata.CCDData.read(image, format="jwst", flags=6, unit="adu")
    assert found.mask.sum() == 4
    assert found.unit == units.adu
    model = datamodels.MultiSlitModel()
    for number in range(2):
        model.slits.append(datamodels.SlitModel(data=np.full((2, 3), number, "f4")))
    path = tmp_path / "slits.fits"
    model.save(path)
    found = nddata.CCDData.read(path, format="jwst", array="slits.1.data")
    assert found.data.tolist() == [[1] * 3] * 2
    assert (found.mask, found.uncertainty, found.unit) == (None, None, units.dimensionless_unscaled)
    with pytest.raises(KeyError, match="data is no image of this MultiSlitModel"):
        nddata.CCDData.read(path, format="jwst")


def test_a_unit_that_is_none_names_the_file(image: Path) -> None:
    asdfits.update_metadata(image, {"meta.bunit_data": "furlongs"})
    with pytest.raises(ValueError, match=r"image_cal.fits: 'furlongs' is no unit"):
        nddata.NDDataRef.read(image, format="jwst")


def test_without_the_format_astropy_reads_as_before(image: Path) -> None:
    found = nddata.CCDData.read(image, hdu="SCI", unit="adu")
    assert found.unit == units.adu


def spectra(folder: Path, source_type: str) -> Path:
    model = datamodels.MultiSpecModel()
    for number in range(2):
        one = datamodels.SpecModel()
        table = np.zeros(5, one.get_dtype("spec_table"))
        table["WAVELENGTH"] = np.linspace(1, 2, 5)
        table["FLUX"] = number + np.arange(5)
        table["FLUX_ERROR"] = 0.1
        table["SURF_BRIGHT"] = 10 + np.arange(5)
        table["SB_ERROR"] = 0.2
        table["DQ"] = [0, 1, 2, 0, 3]
        one.spec_table = table
        for name, unit in (
            ("WAVELENGTH", "um"),
            ("FLUX", "Jy"),
            ("FLUX_ERROR", "Jy"),
            ("SURF_BRIGHT", "MJy/sr"),
            ("SB_ERROR", "MJy/sr"),
        ):
            one.spec_table.columns[name].unit = unit
        one.source_type = source_type
        model.spec.append(one)
    path = folder / f"{source_type}_x1d.fits"
    model.meta.telescope = "JWST"
    model.save(path)
    return path


@pytest.mark.parametrize("source_type", ["POINT", "EXTENDED"])
def test_spectra_are_those_of_specutils(source_type: str, tmp_path: Path) -> None:
    path = spectra(tmp_path, source_type)
    theirs = specutils.SpectrumList.read(path, format="JWST x1d multi")
    ours = specutils.SpectrumList.read(path, format="jwst")
    assert len(ours) == len(theirs) == 2
    for left, right in zip(ours, theirs, strict=True):
        same(left, right)
    assert ours[0].mask.tolist() == [False, True, False, False, True]
    same(specutils.Spectrum.read(path, format="jwst", number=1), theirs[1])
    one = specutils.Spectrum.read(path, format="jwst", column="flux")
    assert one.flux.value.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError, match="no spectrum 2"):
        specutils.Spectrum.read(path, format="jwst", number=2)


def same(ours: Any, theirs: Any) -> None:
    assert ours.flux.unit == theirs.flux.unit
    assert ours.spectral_axis.unit == theirs.spectral_axis.unit
    assert np.array_equal(ours.flux.value, theirs.flux.value, equal_nan=True)
    assert np.array_equal(ours.spectral_axis.value, theirs.spectral_axis.value)
    assert np.array_equal(ours.uncertainty.array, theirs.uncertainty.array, equal_nan=True)


@pytest.mark.parametrize(
    "path",
    [each for each in real_files() if each.name.endswith("_x1d.fits")],
    ids=lambda each: each.name,
)
def test_real_spectra_are_those_of_specutils(path: Path) -> None:
    theirs = specutils.SpectrumList.read(path, format="JWST x1d multi")
    ours = specutils.SpectrumList.read(path, format="jwst")
    assert len(ours) == len(theirs) > 0
    for left, right in zip(ours, theirs, strict=True):
        same(left, right)


def test_a_cube_is_that_of_specutils(tmp_path: Path) -> None:
    shape = (4, 3, 2)
    model = datamodels.IFUCubeModel(
        data=np.arange(24, dtype="f4").reshape(shape),
        err=np.ones(shape, "f4"),
        dq=np.zeros(shape, "u4"),
    )
    model.meta.bunit_data = model.meta.bunit_err = "MJy/sr"
    model.meta.telescope = "JWST"
    model.meta.wcs = wcs("cube")
    path = tmp_path / "cube_s3d.fits"
    model.save(path)
    theirs = specutils.Spectrum.read(path, format="JWST s3d")
    ours = specutils.Spectrum.read(path, format="jwst")
    same(ours, theirs)
    assert ours.shape == theirs.shape


def test_what_has_no_spectra_says_so(image: Path) -> None:
    with pytest.raises(ValueError, match="a ImageModel has no spectra"):
        specutils.SpectrumList.read(image, format="jwst")
