"""What the axes of a picture say: sky, wavelength or pixels, and who said so."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from ..file import is_lazy
from ..models.nodes import unwrap
from .content import Image, Window, held, text
from .shown import Shown

__all__ = ["AXES", "Sky", "Wavelengths", "cube_waves", "sky", "wavelengths"]

AXES: Final = ("auto", "fits", "gwcs", "pixel")
"""auto takes the FITS WCS of the header, else gwcs from meta.wcs, else pixels."""

# Coefficients that no schema has a place for: those of the distortion (SIP).
_SIP: Final = ("A_", "B_", "AP_", "BP_")


@dataclass(frozen=True)
class Sky:
    """A world coordinate system that astropy draws axes from, and who gave it.

    Attributes
    ----------
    wcs : object or None
        Two pixel axes to two world axes; None for axes in pixels.
    source : str
        What a picture says of it.
    """

    wcs: Any
    source: str


@dataclass(frozen=True)
class Wavelengths:
    """Wavelengths along one axis of a spectral image.

    Attributes
    ----------
    places, values : numpy.ndarray
        Pixels, and the wavelengths there: both rise or fall throughout.
    horizontal : bool
        Whether they lie along the columns.
    unit : str
        Unit of the wavelengths.
    """

    places: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]
    horizontal: bool
    unit: str = "um"


def sky(model: Shown, image: Image, choice: str = "auto") -> Sky:
    """Return the celestial axes of an image, or why there are none.

    Parameters
    ----------
    model, image
        The model and the image that is drawn.
    choice : {'auto', 'fits', 'gwcs', 'pixel'}
        Which to take.

    Raises
    ------
    ValueError
        The one that was asked for is not there.
    """
    if choice not in AXES:
        raise ValueError(f"found the axes {choice!r}, expected one of {', '.join(AXES)}")
    if choice == "pixel":
        return Sky(None, "axes: pixels")
    if image.dispersed:
        if choice != "auto":
            raise ValueError(
                f"{image.path} is a spectral image; its pixels have no place on the sky"
            )
        return Sky(None, "axes: pixels (spectral image)")
    if find_spec("astropy") is None:
        if choice != "auto":
            raise ValueError("astropy is not installed: pip install 'asdfits[plot,wcs]'")
        return Sky(None, "axes: pixels (astropy is not installed)")
    reasons = []
    for name, find in (("fits", _fits), ("gwcs", _gwcs)):
        if choice in ("auto", name):
            found = find(model, image)
            if not isinstance(found, str):
                return Sky(found, f"axes: {'FITS WCS' if name == 'fits' else 'gwcs of meta.wcs'}")
            reasons.append(found)
    if choice != "auto":
        raise ValueError(reasons[0])
    return Sky(None, "axes: pixels (no celestial WCS)")


def _fits(model: Shown, image: Image) -> Any:
    """The WCS of the header; a text that says why there is none."""
    cards = _cards(model, image)
    if not (
        str(cards.get("CTYPE1", "")).startswith("RA--")
        and str(cards.get("CTYPE2", "")).startswith("DEC-")
    ):
        return "no celestial WCS in the header"
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    header = Header()
    try:
        with warnings.catch_warnings():
            # What astropy says of units and dates is no matter for a picture.
            warnings.simplefilter("ignore")
            for keyword, value in cards.items():
                header[keyword] = value
            wcs = WCS(header, naxis=2)
            ((lon, lat),) = wcs.all_pix2world([[0.0, 0.0]], 0)
    except Exception as error:  # astropy raises errors of many kinds, and a picture needs no WCS
        return f"the WCS of the header cannot be used: {error}"
    return wcs if np.isfinite([lon, lat]).all() else "the WCS of the header gives no place"


def _cards(model: Shown, image: Image) -> dict[str, Any]:
    """The WCS as keyword -> value: that of the model, and its distortion from the header."""
    head, _, _ = image.path.rpartition(".")
    if head and not head.startswith("extra_fits"):
        return {}
    cards: dict[str, Any] = {}
    value = held(model, image.path)
    link = value.owner.link_of(value) if getattr(value, "owner", None) is not None else value
    if hasattr(link, "file") and hasattr(link, "index"):
        stored = link.file.product.values(link.index)
        other = head.startswith("extra_fits")
        cards = {
            name: value
            for name, value in stored.items()
            if value is not None and (name.startswith(_SIP) or (other and _is_wcs(name)))
        }
        if other:
            return cards
    for row in model._model.keywords:
        if row.dotted.startswith("meta.wcsinfo.") and _is_wcs(row.keyword):
            value = held(model, row.dotted)
            if isinstance(value, (str, int, float)) and not is_lazy(value):
                cards[row.keyword] = value
    return cards


def _is_wcs(name: str) -> bool:
    kinds = ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT", "PC", "CD", "RADESYS", "EQUINOX")
    return name.startswith(kinds) or name in ("LONPOLE", "LATPOLE")


def _gwcs(model: Shown, image: Image) -> Any:
    """The WCS of the tree; a text that says why there is none."""
    value = _made_wcs(model, "meta.wcs")
    if isinstance(value, str):
        return value
    try:
        if (value.pixel_n_dim, value.world_n_dim) != (2, 2):
            return (
                f"meta.wcs has {value.pixel_n_dim} axes of pixels, {value.world_n_dim} of the world"
            )
        kinds = list(value.world_axis_physical_types)
        if kinds != ["pos.eq.ra", "pos.eq.dec"]:
            return "meta.wcs gives no place on the sky"
        middle = [size / 2 for size in reversed(image.values.shape[-2:])]
        places = np.array([value(*middle), value(middle[0] + 1, middle[1])])
    except Exception as error:  # whatever the models in the tree raise
        return f"meta.wcs cannot be used: {error}"
    return value if np.isfinite(places).all() else "meta.wcs gives no place"


def _made_wcs(model: Shown, path: str) -> Any:
    if held(model, path) is None:
        return f"no {path}"
    if find_spec("gwcs") is None or find_spec("asdf") is None:
        return "gwcs is not installed: pip install 'asdfits[wcs]'"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = model[path]
    except Exception as error:  # a damaged part, or an object of another version
        return f"{path} cannot be made: {error}"
    return value if hasattr(value, "pixel_n_dim") else f"{path} is no WCS"


def wavelengths(model: Shown, image: Image, window: Window) -> Wavelengths | None:
    """Return the wavelengths along a spectral image; None where they are not told.

    They come from the array `wavelength` beside the image, along the row or column in its middle;
    without it from ``meta.wcs``, where gwcs is installed.
    """
    if not image.dispersed:
        return None
    head, dot, _ = image.path.rpartition(".")
    rows, columns = window[-2:]
    middle = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
    path = f"{head}{dot}wavelength"
    if held(model, path) is not None:
        section = model.section(path)
        if section.shape == image.values.shape[-2:]:
            # One row and one column are read: those of the middle.
            across = section[middle[0], columns.start : columns.stop]
            up = section[rows.start : rows.stop, middle[1]]
            return _along(
                [
                    (np.arange(columns.start, columns.stop), np.asarray(across, float)),
                    (np.arange(rows.start, rows.stop), np.asarray(up, float)),
                ]
            )
    value = _made_wcs(model, f"{head}{dot}meta.wcs")
    return None if isinstance(value, str) else _evaluated(value, rows, columns, middle)


def _evaluated(
    wcs: Any, rows: slice, columns: slice, middle: tuple[int, int]
) -> Wavelengths | None:
    """Wavelengths that a WCS gives along the row and the column in the middle."""
    x, y = _places(columns), _places(rows)
    pairs = (x, np.full(x.shape, float(middle[0]))), (np.full(y.shape, float(middle[1])), y)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            which = _spectral(wcs)
            found = [np.asarray(wcs(*pair)[which], float) for pair in pairs]
    except Exception:  # whatever the models in the tree raise
        return None
    return _along([(x, found[0]), (y, found[1])])


def _spectral(wcs: Any) -> int:
    return next(n for n, kind in enumerate(wcs.world_axis_physical_types) if kind == "em.wl")


def _places(part: slice) -> np.ndarray[Any, Any]:
    return np.linspace(part.start, part.stop - 1, min(part.stop - part.start, 100))


def _along(lines: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]) -> Wavelengths | None:
    """The line along which wavelengths change most, if they rise or fall throughout it."""
    best, reach = None, 0.0
    for number, (places, values) in enumerate(lines):
        good = np.isfinite(values) & (values != 0)
        places, values = places[good], values[good]
        if values.size < 2:
            continue
        steps = np.diff(values)
        if not ((steps > 0).all() or (steps < 0).all()):
            continue
        if abs(values[-1] - values[0]) > reach:
            reach = float(abs(values[-1] - values[0]))
            best = Wavelengths(places.astype(float), values, number == 0)
    return best


def cube_waves(model: Shown, count: int) -> np.ndarray[Any, Any] | None:
    """Return the wavelength of each plane of a cube, in microns; None where it is not told."""
    if held(model, "wavetable") is not None:
        found = _wave_table(model)
        if found is not None and found.size == count:
            return found
    try:
        start, step = float(text(model, "meta.wcsinfo.crval3")), float(_step(model))
        reference = float(text(model, "meta.wcsinfo.crpix3") or 1.0)
    except ValueError:
        return None
    if not step:
        return None
    waves = start + (np.arange(count) + 1 - reference) * step
    return np.asarray(waves * 1e6 if text(model, "meta.wcsinfo.cunit3") == "m" else waves)


def _wave_table(model: Shown) -> np.ndarray[Any, Any] | None:
    """The wavelengths of a table; None where it holds none or cannot be made."""
    with suppress(ValueError, TypeError):
        values = unwrap(model["wavetable"])
        names = getattr(values.dtype, "names", None) or ()
        if names:
            return np.asarray(values[names[0]], float).ravel()
    return None


def _step(model: Shown) -> str:
    return text(model, "meta.wcsinfo.cdelt3") or text(model, "meta.wcsinfo.cd3_3")
