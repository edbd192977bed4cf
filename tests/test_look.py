from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import asdfits
from asdfits import sample
from asdfits.cli import main
from asdfits.errors import MissingExtraError
from asdfits.look import canvas, pictures, reduced
from asdfits.look.content import Image, Nothing, Slits, Spectra, content
from asdfits.look.png import coloured, png
from asdfits.look.scale import Scale, scale_of, zscale
from asdfits.section import Section
from conftest import real_files

Model = Any

TAN = {
    "ctype1": "RA---TAN",
    "ctype2": "DEC--TAN",
    "crval1": 83.8,
    "crval2": -5.4,
    "cdelt1": 1e-5,
    "cdelt2": 1e-5,
    "crpix1": 10.0,
    "crpix2": 8.0,
    "cunit1": "deg",
    "cunit2": "deg",
    "pc1_1": -1.0,
    "pc1_2": 0.0,
    "pc2_1": 0.0,
    "pc2_2": 1.0,
    "wcsaxes": 2,
}


@pytest.fixture(autouse=True)
def no_warning() -> Any:
    """Fail a test in which drawing warns of anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def named(model: Model, exp_type: str | None = None) -> Model:
    model.meta.target.catalog_name = "NGC 1"
    model.meta.instrument.name = "NIRSPEC"
    model.meta.instrument.filter = "F290LP"
    model.meta.filename = "jw01_cal.fits"
    if exp_type:
        model.meta.exposure.type = exp_type
    return model


def image(data: Any = None, dq: Any = None) -> Model:
    data = rng().normal(size=(30, 40)) if data is None else data
    model = named(asdfits.ImageModel(data=np.asarray(data, "f4")), "NRC_IMAGE")
    if dq is not None:
        model.dq = np.asarray(dq, "u4")
    model.meta.bunit_data = "MJy/sr"
    return model


def with_wcs(model: Model) -> Model:
    for name, value in TAN.items():
        setattr(model.meta.wcsinfo, name, value)
    return model


def spectrum_table(kind: Any, count: int = 50, flux: Any = None) -> np.ndarray[Any, Any]:
    table = np.zeros(count, kind.get_dtype("spec_table"))
    table["WAVELENGTH"] = np.linspace(1, 5, count)
    table["FLUX"] = np.arange(count) if flux is None else flux
    return table


def spectra(number: int, exp_type: str = "NRS_MSASPEC") -> Model:
    model = named(asdfits.MultiSpecModel(), exp_type)
    for place in range(number):
        model.spec.append({"name": f"s{place}", "source_id": place + 1})
        model.spec[place].spec_table = spectrum_table(model.spec[place])
    return model


def slits(number: int) -> Model:
    model = named(asdfits.MultiSlitModel(), "NRS_MSASPEC")
    for place in range(number):
        model.slits.append({"name": f"s{place}", "source_id": place + 1})
        model.slits[place].data = rng().normal(size=(8, 60)).astype("f4")
        waves = np.broadcast_to(np.linspace(1, 3, 60), (8, 60))
        model.slits[place].wavelength = waves.astype("f4")
    return model


def cube() -> Model:
    model = named(asdfits.IFUCubeModel(data=rng().normal(size=(20, 9, 11)).astype("f4")))
    with_wcs(model)
    for name, value in {"ctype3": "WAVE", "crval3": 5.0, "cdelt3": 0.1, "crpix3": 1.0}.items():
        setattr(model.meta.wcsinfo, name, value)
    model.meta.wcsinfo.cunit3 = "um"
    return model


def series(count: int = 30) -> Model:
    """Spectra of one source, one after the other, in the rows of one table."""
    model = named(asdfits.TSOMultiSpecModel(), "NRS_BRIGHTOBJ")
    model.meta.visit.tsovisit = True
    model.spec.append({"name": "S1600A1"})
    plain = model.spec[0].get_dtype("spec_table")
    vectors = ("WAVELENGTH", "FLUX", "FLUX_ERROR", "DQ")
    kinds = [
        (name, plain[name], (25,)) if name in vectors else (name, plain[name])
        for name in plain.names
    ]
    table = np.zeros(count, np.dtype(kinds))
    table["WAVELENGTH"] = np.linspace(1, 5, 25)
    table["FLUX"] = np.where(np.arange(count) > 9, 0.9, 1.0)[:, None]
    table["INT_NUM"] = np.arange(count) + 1
    model.spec[0].spec_table = table
    return model


def titles(figure: Any) -> str:
    found = [figure.get_suptitle()]
    for ax in figure.axes:
        found += [ax.get_title(loc="left"), ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
        found += [each.get_text() for each in ax.texts]
    return "\n".join(found)


def drawn(figure: Any) -> Any:
    """Draw all of a figure, as a file would have it."""
    figure.canvas.draw()
    return figure


# -- what there is to see -----------------------------------------------------------------------


def test_what_a_model_is_about() -> None:
    found = content(image())
    assert isinstance(found, Image)
    assert (found.path, found.kind, found.unit, found.along) == ("data", "values", "MJy/sr", "")
    assert not found.dispersed
    found = content(cube())
    assert isinstance(found, Image)
    assert found.along == "wavelength"
    found = content(asdfits.RampModel(data=np.zeros((2, 3, 4, 5), "f4")))
    assert isinstance(found, Image)
    assert found.along == "group"
    found = content(slits(20), most=12)
    assert isinstance(found, Slits)
    assert (len(found.shown), found.count) == (12, 20)
    assert found.shown[3].label == "s3 · source 4"
    found = content(spectra(5))
    assert isinstance(found, Spectra)
    assert [each.label for each in found.shown] == [f"s{n} · source {n + 1}" for n in range(5)]
    found = content(series())
    assert isinstance(found, Spectra)
    assert (found.in_time, len(found.shown), found.count) == (True, 30, 30)
    assert isinstance(content(asdfits.ImageModel()), Nothing)
    found = content(asdfits.SegmentationMapModel(data=np.ones((3, 3), "u4")))
    assert isinstance(found, Image)
    assert found.kind == "labels"


def test_a_mask_is_shown_as_flags() -> None:
    model = asdfits.MaskModel(dq=np.array([[0, 1], [4, 0]], "u4"))
    figure = drawn(model.plot())
    shown = figure.axes[0].images[0].get_array()
    assert shown.tolist() == [[0, 2], [1, 0]]
    legend = [each.get_text() for each in figure.axes[0].get_legend().get_texts()]
    assert legend == ["no flag (50.0%)", "flagged (25.0%)", "DO_NOT_USE (25.0%)"]


def test_flags_of_a_cube_are_those_of_its_first_plane() -> None:
    model = named(asdfits.CubeModel(data=np.zeros((2, 2, 2), "f4")))
    model.dq = np.array([[[0, 1], [4, 0]], [[1, 1], [1, 1]]], "u4")
    figure = drawn(model.plot(path="dq"))
    assert figure.axes[0].images[0].get_array().tolist() == [[0, 2], [1, 0]]
    assert "dq, [0]" in titles(figure)


def test_a_spectral_image_has_no_place_on_the_sky() -> None:
    model = with_wcs(image())
    model.meta.exposure.type = "NRC_WFSS"
    assert "pixels (spectral image)" in titles(model.plot())
    with pytest.raises(ValueError, match="spectral image"):
        model.plot(axes="fits")


def test_surface_brightness_where_there_is_no_flux() -> None:
    model = spectra(1)
    table = spectrum_table(model.spec[0], flux=0)
    table["SURF_BRIGHT"] = 3
    table["SB_ERROR"] = 1
    model.spec[0].spec_table = table
    ax = model.plot().axes[0]
    assert ax.get_ylabel() == "surface brightness"
    assert set(ax.lines[0].get_ydata()) == {3}


# -- reduction ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 5), (64, 48), (100, 33), (1, 200), (200, 1)])
def test_blocks_are_means_of_the_pixels_that_count(shape: tuple[int, int]) -> None:
    data = rng().normal(size=shape)
    data[rng().random(shape) < 0.1] = np.nan
    dq = (rng().random(shape) < 0.2).astype("u4") | 4
    model = image(data, dq)
    found = content(model)
    assert isinstance(found, Image)
    plane = reduced.plane(found, reduced.window_of(shape, ()), (16, 20))
    factor = max(-(-shape[1] // 16), -(-shape[0] // 20), 1)
    assert plane.factor == factor
    good = np.isfinite(data) & ((dq & 1) == 0)
    for row in range(plane.values.shape[0]):
        for column in range(plane.values.shape[1]):
            part = np.s_[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            inside = model.data[part].astype(float)[good[part]]
            expected = inside.mean() if inside.size else np.nan
            assert plane.values[row, column] == pytest.approx(expected, nan_ok=True)


def test_strips_and_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    model = cube()
    model.dq = (rng().random(model.data.shape) < 0.1).astype("u4")
    found = content(model)
    assert isinstance(found, Image)
    window = reduced.window_of(found.values.shape, (slice(2, 9), slice(1, 10)))
    whole = reduced.collapsed(found, window, (4, 4))
    monkeypatch.setattr(reduced, "_CHUNK", 7)
    strips = reduced.collapsed(found, window, (4, 4))
    masked = np.ma.masked_array(model.data, model.dq)[:, 2:9, 1:10]
    assert np.allclose(whole.means, masked.mean((1, 2)))
    assert np.allclose(whole.plane.values, strips.plane.values)
    assert np.allclose(whole.means, strips.means)
    fine = reduced.collapsed(found, window, (100, 100))
    assert np.allclose(fine.plane.values, masked.mean(0))
    monkeypatch.setattr(reduced, "_MOST", 7 * 9 * 5)
    some = reduced.collapsed(found, window, (100, 100))
    assert some.numbers.tolist() == [0, 4, 8, 12, 16]
    assert np.allclose(some.plane.values, masked[::4].mean(0))


def test_a_ramp_is_what_it_gathered() -> None:
    data = np.cumsum(rng().random((2, 5, 6, 7)), axis=1)
    model = asdfits.RampModel(data=data.astype("f4"))
    model.groupdq = np.zeros((2, 5, 6, 7), "u1")
    model.groupdq[0, 4, 2, 3] = 1
    model.pixeldq = np.zeros((6, 7), "u4")
    model.pixeldq[0, 0] = 1
    figure = drawn(model.plot())
    shown = figure.axes[0].images[0].get_array()
    expected = (data[0, 4] - data[0, 0]).astype("f4")
    assert shown.mask[2, 3]
    assert shown.mask[0, 0]
    good = ~shown.mask
    assert np.allclose(shown[good], expected[good], rtol=1e-5)
    line = figure.axes[1].lines[0]
    assert line.get_xdata().tolist() == [1, 2, 3, 4, 5]
    keep = np.ones((6, 7), bool)
    keep[0, 0] = False
    assert line.get_ydata()[1] == pytest.approx(np.median(data[0, 1][keep]), rel=1e-5)
    assert "last group less first, integration 1 of 2" in titles(figure)


def test_a_large_image_is_read_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large_cal.fits"
    model = image(np.zeros((3000, 2500)))
    model.data[100:110, 200:210] = 7
    model.dq = np.zeros((3000, 2500), "u4")
    model.save(path)
    cuts = []
    inner = Section.__getitem__

    def counted(self: Section, key: Any) -> Any:
        found = inner(self, key)
        cuts.append(np.size(found))
        return found

    monkeypatch.setattr(Section, "__getitem__", counted)
    with asdfits.open(path) as model:
        figure = model.plot(size=(500, 400))
        # No array of the model was made for it.
        assert model.instance["data"].__class__.__name__ in ("Deferred", "HduArray")
    assert max(cuts) <= reduced._CHUNK
    assert sum(cuts) == 2 * 3000 * 2500  # pixels and flags, once each
    shown = figure.axes[0].images[0].get_array()
    assert max(shown.shape) <= 500
    assert shown.max() > 4


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    path = tmp_path / "large_cal.fits"
    image(np.zeros((4000, 3000))).save(path)
    with asdfits.open(path) as model:
        model.plot(size=(300, 300), section=np.s_[:50, :50])  # what is imported stays
        tracemalloc.start()
        found = content(model)
        assert isinstance(found, Image)
        reduced.plane(found, reduced.window_of(found.values.shape, ()), (300, 300))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 64e6  # a native copy in double precision alone would be 96 MB


def test_sections() -> None:
    model = image()
    ax = model.plot(section=np.s_[10:20, 5:-5], axes="pixel").axes[0]
    assert ax.get_xlim() == (4.5, 34.5)
    assert ax.get_ylim() == (9.5, 19.5)
    assert np.allclose(ax.images[0].get_array(), model.data[10:20, 5:35])
    model = cube()
    ax = model.plot(section=np.s_[3:5, 2:7, 1:]).axes[0]
    assert np.allclose(ax.images[0].get_array(), model.data[3:5, 2:7, 1:].mean(0))
    ax = model.plot(section=np.s_[4, :, :]).axes[0]
    assert np.allclose(ax.images[0].get_array(), model.data[4])
    for section, message in [
        (np.s_[5:5, :], "leaves nothing"),
        (np.s_[::2, :], "step"),
        (np.s_[0, 0, 0, 0], "4 axes"),
        (np.s_[:, 99], "along an axis of 11"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.plot(section=section)
    with pytest.raises(ValueError, match="for images"):
        spectra(2).plot(section=np.s_[1:2])


# -- brightness ---------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("size", [3, 50, 999, 1000, 12345])
@pytest.mark.parametrize("kind", ["noise", "stars", "ramp", "steps"])
def test_zscale_is_that_of_astropy(size: int, kind: str) -> None:
    from astropy.visualization import ZScaleInterval

    values = rng().normal(100, 3, size)
    if kind == "stars":
        values[:: max(1, size // 20)] += 5000
    elif kind == "ramp":
        values = np.linspace(0, 50, size)
    elif kind == "steps":
        values = np.round(values / 5) * 5
    assert zscale(values) == pytest.approx(ZScaleInterval().get_limits(values))


@pytest.mark.parametrize("stretch", ["asinh", "zscale", "linear"])
def test_brightness_rises_and_comes_back(stretch: str) -> None:
    values = rng().normal(3, 1, 1000)
    scale = scale_of(values, stretch)
    assert scale is not None
    x = np.linspace(scale.low, scale.high, 50)
    bright = scale.forward(x)
    assert bright[0] == pytest.approx(0)
    assert bright[-1] == pytest.approx(1)
    assert (np.diff(bright) > 0).all()
    assert np.allclose(scale.inverse(bright), x)
    assert np.isnan(scale.forward(np.nan))


def test_scales_of_odd_images() -> None:
    assert scale_of(np.full(9, np.nan)) is None
    assert scale_of([]) is None
    for value in (0.0, 3.5, -1e30, 1e-30):
        scale = scale_of(np.full(9, value))
        assert scale is not None
        assert scale.low < value < scale.high
    scale = scale_of([1.0, np.inf, 2.0])
    assert scale is not None
    assert np.isfinite([scale.low, scale.high]).all()
    with pytest.raises(ValueError, match="found the stretch 'log', expected one of asinh"):
        scale_of([1.0], "log")


def test_a_faint_source_stays_above_the_noise() -> None:
    data = rng().normal(0, 1, (200, 200))
    data[50, 50], data[100, 100] = 10, 1e5
    scale = scale_of(data)
    assert scale is not None
    assert float(scale.forward(10)) > float(scale.forward(3)) + 0.1


# -- pictures -----------------------------------------------------------------------------------


def test_an_image() -> None:
    data = rng().normal(size=(30, 40))
    data[3, 4] = np.nan
    dq = np.zeros((30, 40), "u4")
    dq[5, 6], dq[7, 8] = 1, 2
    figure = drawn(image(data, dq).plot())
    assert isinstance(figure, Figure)
    ax = figure.axes[0]
    shown = ax.images[0].get_array()
    assert np.argwhere(shown.mask).tolist() == [[3, 4], [5, 6]]  # bit 1 is no DO_NOT_USE
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column [pixel]", "row [pixel]")
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 39.5), (-0.5, 29.5))
    assert ax.images[0].origin == "lower"
    (bar,) = ax.child_axes
    assert bar.get_ylabel() == "MJy/sr"
    ticks = bar.get_yticks()
    assert len(ticks) >= 4
    scale = scale_of(shown.filled(np.nan))
    assert scale is not None
    assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (scale.low, scale.high)
    assert figure.get_suptitle() == "NGC 1 · NIRSPEC F290LP · jw01_cal.fits"
    assert "data; axes: pixels (no celestial WCS)" in titles(figure)


def test_the_fits_wcs_gives_the_axes() -> None:
    model = with_wcs(image())
    figure = drawn(model.plot())
    ax = figure.axes[0]
    assert "axes: FITS WCS" in titles(figure)
    assert [ax.coords[n].get_axislabel() for n in range(2)] == ["right ascension", "declination"]
    lon, lat = ax.wcs.wcs_pix2world([[9.0, 7.0]], 0)[0]
    assert (lon, lat) == pytest.approx((83.8, -5.4))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 39.5), (-0.5, 29.5))
    assert "axes: pixels" in titles(model.plot(axes="pixel"))
    model.meta.wcsinfo.ctype1 = "XYZ"
    with pytest.raises(ValueError, match="no celestial WCS in the header"):
        model.plot(axes="fits")


def test_distortion_and_edits_of_the_header_count(tmp_path: Path) -> None:
    from astropy.io import fits

    path = tmp_path / "a_cal.fits"
    model = with_wcs(image())
    model.save(path)
    with fits.open(path, mode="update") as hdus:
        header = hdus["SCI"].header
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        header["CRVAL1"] = 84.0
        header["A_ORDER"], header["B_ORDER"], header["A_2_0"] = 2, 2, 1e-3
    with asdfits.open(path) as model:
        ax = model.plot().axes[0]
        oracle = fits.getheader(path, "SCI")
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = WCS(oracle).all_pix2world([[30.0, 3.0]], 0)
    assert ax.wcs.sip is not None
    assert np.allclose(ax.wcs.all_pix2world([[30.0, 3.0]], 0), expected)


def test_the_wcs_of_the_tree_gives_the_axes(tmp_path: Path) -> None:
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    with asdfits.open(path) as model:
        figure = drawn(model.plot())
        assert "axes: gwcs of meta.wcs" in titles(figure)
        coordinate = figure.axes[0].wcs.pixel_to_world(15.5, 11.5)
        assert coordinate.ra.deg == pytest.approx(53.16)
        assert "axes: gwcs" in titles(model.plot(axes="gwcs"))
        model.meta.wcs = None
        assert "axes: pixels (no celestial WCS)" in titles(model.plot())
        with pytest.raises(ValueError, match=r"no meta\.wcs"):
            model.plot(axes="gwcs")


def test_a_cube_is_an_image_and_a_spectrum() -> None:
    model = cube()
    figure = drawn(model.plot())
    above, below = figure.axes
    assert np.allclose(above.images[0].get_array(), model.data.mean(0), atol=1e-6)
    line = below.lines[0]
    assert np.allclose(line.get_xdata(), 5 + 0.1 * np.arange(20))
    assert np.allclose(line.get_ydata(), model.data.mean((1, 2)), atol=1e-6)
    assert below.get_xlabel() == "wavelength [µm]"
    assert "axes: FITS WCS" in titles(figure)
    model.meta.wcsinfo.cdelt3 = None
    figure = model.plot()
    assert figure.axes[1].get_xlabel() == "plane (wavelengths are not told)"
    assert figure.axes[1].lines[0].get_xdata()[0] == 1


def test_integrations() -> None:
    model = named(asdfits.CubeModel(data=rng().normal(size=(4, 9, 11)).astype("f4")))
    figure = drawn(model.plot())
    assert figure.axes[1].get_xlabel() == "integration"
    assert "mean of 4 integrations" in titles(figure)


def test_slits_are_a_grid() -> None:
    figure = slits(20).plot()
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 12
    assert shown[2].get_title(loc="left") == "s2 · source 3, 1 to 3 µm"
    assert figure.get_supxlabel().startswith("the first 12 of 20 slits")
    assert len([ax for ax in slits(20).plot(most=5).axes if ax.images]) == 5
    figure = drawn(slits(1).plot())
    waves = next(ax for ax in figure.axes if "wavelength" in ax.get_xlabel())
    ticks = dict(zip(waves.get_xticklabels(), waves.get_xticks(), strict=True))
    for label, place in ticks.items():
        assert place == pytest.approx((float(label.get_text()) - 1) / 2 * 59, abs=0.1)
    figure = slits(3).plot(path="slits.1")
    assert "slits.1.data" in titles(figure)


def test_few_spectra_share_their_axes() -> None:
    figure = drawn(spectra(5).plot())
    (ax,) = figure.axes
    assert len(ax.lines) == 5
    legend = [each.get_text() for each in ax.get_legend().get_texts()]
    assert legend == [f"s{n} · source {n + 1}" for n in range(5)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("wavelength [µm]", "flux")


def test_many_spectra_have_axes_of_their_own() -> None:
    figure = spectra(20).plot()
    assert len([ax for ax in figure.axes if ax.lines]) == 12
    assert figure.get_supxlabel() == "the first 12 of 20 spectra; wavelength [µm]"


def test_bands_that_follow_each_other_share_their_axes() -> None:
    model = named(asdfits.MRSMultiSpecModel(), "MIR_MRS")
    for band in range(12):
        model.spec.append({"name": f"band {band}"})
        table = np.zeros(30, model.spec[band].get_dtype("spec_table"))
        table["WAVELENGTH"] = np.linspace(5 + 2 * band, 7.1 + 2 * band, 30)
        table["FLUX"] = 1
        model.spec[band].spec_table = table
    (ax,) = drawn(model.plot()).axes
    assert len(ax.lines) == 12


def test_a_combined_spectrum_with_units_errors_and_flags(tmp_path: Path) -> None:
    model = named(asdfits.CombinedSpecModel())
    table = spectrum_table(model)
    table["ERROR"] = 2
    table["DQ"][10:12] = 1
    table["DQ"][20] = 4
    model.spec_table = table
    path = tmp_path / "x_c1d.fits"
    model.save(path)
    from astropy.io import fits

    with fits.open(path, mode="update") as hdus:
        hdus[1].header["TUNIT2"] = "Jy"
        hdus[1].header["TUNIT1"] = "um"
    with asdfits.open(path) as model:
        (ax,) = drawn(model.plot()).axes
    assert ax.get_ylabel() == "flux [Jy]"
    y = ax.lines[0].get_ydata()
    assert np.isnan(y).nonzero()[0].tolist() == [10, 11]
    (band,) = ax.collections
    corners = band.get_datalim(ax.transData)
    assert (corners.ymin, corners.ymax) == (-2, 51)


def test_spectra_in_time_come_with_a_light_curve() -> None:
    figure = drawn(series().plot())
    above, below = (ax for ax in figure.axes if ax.lines)
    assert len(above.lines) == 30
    curve = below.lines[0]
    assert curve.get_xdata().tolist() == list(range(1, 31))
    assert curve.get_ydata()[:10] == pytest.approx(1)
    assert curve.get_ydata()[10:] == pytest.approx(0.9)
    assert "30 of 30 integrations" in titles(figure)
    assert "100 of 300 integrations" in titles(series(300).plot())
    model = spectra(15, "NRS_BRIGHTOBJ")  # older pipelines: a table for each integration
    model.meta.visit.tsovisit = True
    assert "15 of 15 integrations" in titles(model.plot())


def test_a_wild_point_does_not_flatten_a_spectrum() -> None:
    model = spectra(1)
    flux = np.sin(np.arange(500.0))
    flux[77] = 1e6
    model.spec[0].spec_table = spectrum_table(model.spec[0], 500, flux)
    figure = model.plot()
    low, high = figure.axes[0].get_ylim()
    assert -4 < low < -1 < 1 < high < 4
    assert "1 points outside" in titles(figure)
    flux[77] = 5  # a line, not a fault
    model.spec[0].spec_table = spectrum_table(model.spec[0], 500, flux)
    assert model.plot().axes[0].get_ylim()[1] > 5


def test_axes_of_the_caller() -> None:
    for model in (image(), cube(), slits(2), spectra(2), series(3), asdfits.ImageModel()):
        figure = Figure()
        ax = figure.subplots()
        assert model.plot(ax) is ax
        assert isinstance(ax, Axes)
        assert ax.images or ax.lines or ax.texts
        figure.savefig(io.BytesIO(), format="png")


def test_another_array() -> None:
    model = image()
    model.err = np.full((30, 40), 2, "f4")
    figure = model.plot(path="err")
    assert "err; all are 2" in titles(figure)
    with pytest.raises(KeyError):
        model.plot(path="meta.target")
    with pytest.raises(KeyError):
        model.plot(path="nothing")
    with pytest.raises(ValueError, match="no colour map 'nix'"):
        model.plot(cmap="nix")
    with pytest.raises(ValueError, match="200 to 20000 pixels"):
        model.plot(size=(10, 10))


def empty_table() -> Model:
    model = spectra(1)
    model.spec[0].spec_table = np.zeros(0, model.spec[0].get_dtype("spec_table"))
    return model


def one_point() -> Model:
    model = spectra(1)
    model.spec[0].spec_table = spectrum_table(model.spec[0], 1)
    return model


def no_flux() -> Model:
    model = spectra(1)
    model.spec[0].spec_table = spectrum_table(model.spec[0], flux=np.nan)
    return model


def no_wavelength() -> Model:
    model = spectra(1)
    table = spectrum_table(model.spec[0])
    table["WAVELENGTH"] = np.nan
    model.spec[0].spec_table = table
    return model


def no_table() -> Model:
    model = named(asdfits.MultiSpecModel())
    model.spec.append({})
    return model


ODD: dict[str, tuple[Callable[[], Model], str]] = {
    "all NaN": (lambda: image(np.full((9, 9), np.nan)), "every pixel is\nNaN or flagged"),
    "all DO_NOT_USE": (lambda: image(np.ones((9, 9)), np.ones((9, 9))), "NaN or flagged"),
    "constant": (lambda: image(np.full((9, 9), 3.5)), "all are 3.5"),
    "zeros": (lambda: image(np.zeros((9, 9))), "all are 0"),
    "one pixel": (lambda: image(np.ones((1, 1))), "all are 1"),
    "one row": (lambda: image(rng().normal(size=(1, 500))), "data"),
    "infinite": (lambda: image([[np.inf, 1], [2, -np.inf]]), "data"),
    "huge": (lambda: image(rng().normal(size=(9, 9)) * 1e30), "data"),
    "tiny": (lambda: image(rng().normal(size=(9, 9)) * 1e-30), "data"),
    "empty": (lambda: image(np.zeros((0, 5))), "data has no pixels: its shape is (0, 5)"),
    "no array": (lambda: named(asdfits.ImageModel()), "no image, no spectrum, no table"),
    "cube of NaN": (
        lambda: named(asdfits.IFUCubeModel(data=np.full((5, 4, 3), np.nan, "f4"))),
        "no value",
    ),
    "cube of one plane": (
        lambda: named(asdfits.IFUCubeModel(data=np.ones((1, 4, 3), "f4"))),
        "plane 1 of 1; all are 1",
    ),
    "one group": (
        lambda: named(asdfits.RampModel(data=np.ones((1, 1, 4, 3), "f4"))),
        "only group, integration 1 of 1",
    ),
    "empty table": (empty_table, "no points"),
    "one point": (one_point, "flux"),
    "no flux": (no_flux, "every point is NaN or flagged"),
    "no wavelength": (no_wavelength, "no points"),
    "no table": (no_table, "spec.0 has no table"),
}


@pytest.mark.parametrize("name", ODD)
def test_where_there_is_little_to_see_the_picture_says_so(name: str) -> None:
    make, expected = ODD[name]
    figure = make().plot(size=(320, 260))
    with warnings.catch_warnings():
        # The layout of matplotlib may say that a small picture has no room.
        warnings.filterwarnings("ignore", "constrained_layout not applied")
        drawn(figure)
    assert expected in titles(figure).replace("\n", " ") or expected in titles(figure)


def test_a_spectrum_without_wavelengths_counts_its_points() -> None:
    model = asdfits.DataModel()
    model._instance["spec_table"] = np.array([(1.0,), (2.0,)], [("FLUX", "f8")]).view(
        asdfits.arrays.Table
    )
    (ax,) = drawn(model.plot()).axes
    assert ax.get_xlabel() == "point (the table has no wavelengths)"
    assert ax.lines[0].get_xdata().tolist() == [1, 2]


HOSTILE = "$\\alpha_{$ <script>alert(1)</script>\n\x00 \u661f\U0001f680" + "long " * 40


def test_hostile_text_is_text() -> None:
    model = image()
    model.meta.target.catalog_name = HOSTILE
    model.meta.bunit_data = "$MJy^{"
    model.meta.filename = "$x_{.fits"
    figure = drawn(model.plot())
    assert "\n" not in figure.get_suptitle().split("\n")[0]
    assert max(map(len, figure.get_suptitle().split("\n"))) < 125
    model = spectra(2)
    for spec in model.spec:
        spec.name = HOSTILE
    drawn(model.plot())


def test_no_text_of_a_file_is_a_formula() -> None:
    text = canvas.writable("a $\\frac{$ b $x$ \U0001f680")
    assert text.replace(r"\$", "").count("$") == 0
    figure = canvas.figure_of((300, 300))
    figure.text(0, 0, text)
    drawn(figure)


def test_damaged_pixels_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut_cal.fits"
    image(np.ones((200, 200))).save(path)
    path.write_bytes(path.read_bytes()[:60000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with asdfits.open(path) as model, pytest.raises(asdfits.FormatError, match="HDU 1"):
            model.plot()


def test_a_notebook_shows_the_figure() -> None:
    figure = image().plot(size=(400, 300))
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_have_a_picture(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = asdfits.open(path)
    figure = model.plot()
    assert path.name.split(".fits")[0][:20] in figure.get_suptitle().replace("\n", "")
    for ax in figure.axes:
        for shown in ax.images:
            assert np.isfinite([shown.norm.vmin, shown.norm.vmax]).all()
        assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()


# -- files --------------------------------------------------------------------------------------

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *words: object) -> tuple[int, str, str]:
    code = main(["preview", *(str(word) for word in words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / "jw01_cal.fits"
    image().save(path)
    return path


def test_the_name_of_a_picture(product: Path, capsys: Capture) -> None:
    code, out, err = run(capsys, product, "--size", "400x300")
    expected = product.with_suffix(".png")
    assert (code, out.strip(), err) == (0, str(expected), "")
    assert expected.read_bytes().startswith(b"\x89PNG")
    assert sorted(os.listdir(product.parent)) == ["jw01_cal.fits", "jw01_cal.png"]
    code, _, err = run(capsys, product)
    assert code == 1
    assert "the file exists; --overwrite replaces it" in err
    before = expected.stat().st_ino
    assert run(capsys, product, "--overwrite", "--size", "300x300")[0] == 0
    assert expected.stat().st_ino != before
    assert pictures.picture_name("x/a_cal.fits.gz") == os.path.join("x", "a_cal.png")
    assert pictures.picture_name("a.b.asdf") == "a.b.png"


@pytest.mark.parametrize(
    ("ending", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89P")]
)
def test_endings(product: Path, capsys: Capture, ending: str, start: bytes) -> None:
    out = product.with_name(f"x.{ending}")
    assert run(capsys, product, "-o", out, "--size", "300x300")[0] == 0
    assert out.read_bytes().startswith(start)


def test_the_size_is_in_pixels(product: Path) -> None:
    from matplotlib.image import imread

    file = io.BytesIO()
    asdfits.look.preview(product, file, size=(640, 480))
    assert imread(io.BytesIO(file.getvalue())).shape[:2] == (480, 640)


def test_several_files(product: Path, tmp_path: Path, capsys: Capture) -> None:
    other = tmp_path / "jw02_cal.fits"
    image().save(other)
    missing = tmp_path / "none.fits"
    folder = tmp_path / "pictures"
    code, _, err = run(capsys, product, missing, other, "-o", f"{folder}/", "--size", "300x300")
    assert code == 1
    assert err == f"asdfits: {missing}: No such file or directory\n"
    assert sorted(os.listdir(folder)) == ["jw01_cal.png", "jw02_cal.png"]
    sheet = tmp_path / "sheet.png"
    code, _, err = run(capsys, product, missing, other, "-o", sheet, "--size", "700x300")
    assert (code, err.count("\n")) == (1, 1)
    from matplotlib.image import imread

    pixels = imread(sheet)
    assert pixels.shape == (2 * 260, 2 * 350, 3)
    spread = [pixels[y : y + 260, x : x + 350].std() for y in (0, 260) for x in (0, 350)]
    assert min(spread[:3]) > 0.02  # something on each tile
    assert spread[3] == 0
    assert run(capsys, product, other, "-o", tmp_path / "x.pdf")[0] == 1
    assert run(capsys, product, other, "-o", sheet)[0] == 1


def test_what_cannot_be_done(product: Path, capsys: Capture) -> None:
    for words, expected in [
        (("--cmap", "nix"), "no colour map 'nix'"),
        (("--array", "nix"), "nix"),
        (("--section", "90:99,:"), "leaves nothing"),
        (("-o", "x.xyz"), "found another ending"),
        (("--axes", "fits"), "no celestial WCS"),
        (("--size", "9x9"), "200 to 20000"),
    ]:
        code, _, err = run(capsys, product, *words)
        assert code == 1
        assert expected in err
    assert os.listdir(product.parent) == [product.name]
    for words in [("--section", "foo"), ("--size", "3"), ("--most", "0"), ("--stretch", "x")]:
        with pytest.raises(SystemExit):
            run(capsys, product, *words)


def test_a_list_of_products_is_none(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "x_asn.json"
    path.write_text('{"products": [{"name": "a", "members": []}]}')
    assert run(capsys, path)[0] == 1
    assert main(["report", str(path)]) == 1
    assert "a list of products" in capsys.readouterr().err


def test_a_picture_that_cannot_be_finished_leaves_nothing(
    product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="full"):
        asdfits.look.preview(product)
    assert os.listdir(product.parent) == [product.name]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_window_and_no_pyplot(product: Path) -> None:
    found = python(
        f"""
        import sys
        from asdfits.cli import main
        assert main(["preview", {str(product)!r}, "--size", "300x300"]) == 0
        words = ("pyplot", "tkinter", "backend_tk")
        gui = [name for name in sys.modules if any(word in name for word in words)]
        assert not gui, gui
        """,
        MPLBACKEND="TkAgg",
    )
    assert found.returncode == 0, found.stderr


def test_without_matplotlib_the_error_names_the_extra(product: Path) -> None:
    found = python(
        f"""
        import sys
        sys.modules["matplotlib"] = None
        from asdfits.cli import main
        raise SystemExit(main(["preview", {str(product)!r}]))
        """
    )
    assert found.returncode == 1
    assert found.stderr == "asdfits: pictures need matplotlib: pip install 'asdfits[plot]'\n"


def test_the_extra_is_named_in_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"asdfits\[plot\]"):
        image().plot()


def test_without_astropy_the_axes_are_pixels(product: Path) -> None:
    found = python(
        f"""
        import sys
        for name in ("astropy", "gwcs", "asdf"):
            sys.modules[name] = None
        import importlib.util as util
        real, gone = util.find_spec, ("astropy", "gwcs", "asdf")
        util.find_spec = lambda name, *rest: None if name in gone else real(name, *rest)
        import asdfits
        figure = asdfits.open({str(product)!r}).plot()
        assert "astropy is not installed" in figure.axes[0].get_title(loc="left")
        """
    )
    assert found.returncode == 0, found.stderr


def test_a_png_of_our_own_is_one() -> None:
    from matplotlib.image import imread

    bright = np.linspace(0, 1, 12).reshape(3, 4)
    bright[1, 1] = np.nan
    colours = coloured(bright)
    found = (imread(io.BytesIO(png(colours))) * 255).round().astype("u1")
    assert np.array_equal(found, colours)
    assert colours[1, 1].tolist() == [138, 138, 138]
    lightness = colours.reshape(-1, 3)[[0, 3, 7, 11]].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_ticks_are_told_apart() -> None:
    from asdfits.look.draw import _ticks

    for scale in (
        Scale(-1, 1),
        Scale(1e6 - 2, 1e6 + 3),
        Scale(0, 3e-30, 1e-32),
        Scale(-5e29, 3e30, 1e28),
        Scale(10, 20000, 50),
    ):
        places, names = _ticks(scale)
        assert len(places) >= 3
        assert len(set(names)) == len(names)
        assert np.allclose([float(name) for name in names], places, rtol=0.02)


def test_wavelengths_of_a_real_slit_come_from_its_wcs(data: Path) -> None:
    (path,) = data.glob("jwst/*/jw02565-o007_s20115_nirspec_clear-prism_s2d.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = asdfits.open(path)
    figure = drawn(model.plot())
    above = next(ax for ax in figure.axes if ax.get_xlabel() == "wavelength [µm]")
    labels = [float(each.get_text()) for each in above.get_xticklabels()]
    assert labels == [1, 2, 3, 4, 5]
    expected = model.meta.wcs(above.get_xticks(), np.full(5, 26.0))[2]
    assert np.allclose(expected, labels, atol=0.02)
