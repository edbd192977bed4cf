"""Readers for astropy's unified I/O and for specutils, under the format ``jwst``.

Importing this module registers them:

>>> import asdfits.readers  # doctest: +SKIP
>>> CCDData.read("jw..._cal.fits", format="jwst")  # doctest: +SKIP
>>> NDDataRef.read("jw..._s3d.fits", format="jwst")  # doctest: +SKIP
>>> Spectrum.read("jw..._x1d.fits", format="jwst")  # doctest: +SKIP

astropy has no entry points for readers of others, hence the import. There is no guessing either: without
``format="jwst"`` astropy's own readers go on as before.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from astropy import units
from astropy.io import registry
from astropy.io.fits import Header
from astropy.nddata import CCDData, NDDataRef, StdDevUncertainty
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS

from .io import open as open_model

__all__ = ["FORMAT", "read_ccd", "read_nddata", "read_spectra", "read_spectrum", "register"]

FORMAT: Final = "jwst"
DO_NOT_USE: Final = 1
"""The flag of pixels that are not to be used, as in `stdatamodels.jwst.datamodels.dqflags`."""

Path = str | os.PathLike[str]

# Columns of a spectrum: (values, errors), by the type of its source.
_COLUMNS: Final = {
    "POINT": ("FLUX", ("FLUX_ERROR", "ERROR")),
    "EXTENDED": ("SURF_BRIGHT", ("SB_ERROR",)),
}


def read_nddata(
    path: Path, array: str = "data", flags: int = DO_NOT_USE, unit: Any = None
) -> NDDataRef:
    """Read an image or a cube as `astropy.nddata.NDDataRef`.

    Parameters
    ----------
    path : str or path-like
        A product with images: ``cal``, ``i2d``, ``s3d``, ``rate`` and the like.
    array : str
        The path of the array in the tree: ``data``, or ``slits.3.data``.
    flags : int
        The data-quality flags that mask a pixel: where ``dq & flags`` is not 0.
    unit : str or astropy.units.Unit, optional
        The unit of the values; that of the product (``meta.bunit_data``, keyword BUNIT) if not given.

    Returns
    -------
    NDDataRef
        ``data`` is a view of the file, big-endian as it is there. ``mask`` comes from the array ``dq``,
        ``uncertainty`` from ``err`` as standard deviations, ``wcs`` is the product's gWCS, ``meta`` maps
        dotted paths to the other values. What the product lacks is None.

    Raises
    ------
    KeyError
        The product has no such array.
    OSError, FormatError
        As for `asdfits.open`.
    """
    return NDDataRef(**_arguments(open_model(path), path, array, flags, unit))


def read_ccd(path: Path, array: str = "data", flags: int = DO_NOT_USE, unit: Any = None) -> CCDData:
    """Read an image as `astropy.nddata.CCDData`; see `read_nddata`.

    A CCDData takes the WCS of a FITS header alone: ``wcs`` is that of the HDU, an approximation where
    the detector distorts the sky, and the product's gWCS is ``meta["wcs"]``. A product that names no
    unit counts as dimensionless, since a CCDData must have one.
    """
    model = open_model(path)
    arguments = _arguments(model, path, array, flags, unit)
    arguments["meta"]["wcs"] = arguments["wcs"]
    arguments["wcs"] = _fits_wcs(model, array)
    if arguments["unit"] is None:
        arguments["unit"] = units.dimensionless_unscaled
    return CCDData(**arguments)


def _fits_wcs(model: Any, array: str) -> WCS | None:
    """The WCS of a header; None where it has none of the sky."""
    hdu = model.provenance(array).hdu
    product = model._file.product
    if hdu is None or not product.is_fits:
        return None
    name, _, version = hdu.rpartition(",")
    index = product.find(name, int(version))
    if index is None:
        return None
    with warnings.catch_warnings(action="ignore", category=AstropyWarning):  # of what it repairs
        found = WCS(Header.fromstring(product.header_bytes(index)))
    return found if found.has_celestial else None


def _arguments(model: Any, path: Path, array: str, flags: int, unit: Any) -> dict[str, Any]:
    above, _, name = array.rpartition(".")
    node = model[above] if above else model
    data = getattr(node, name, None)
    if not isinstance(data, np.ndarray) or data.dtype.names is not None:
        raise KeyError(f"{path}: {array} is no image of this {type(model).__name__}")
    quality = _like(data, getattr(node, "dq", None))
    errors = _like(data, getattr(node, "err", None))
    meta = node.meta if above and node.hasattr("meta") else model.meta
    found = _unit(meta.instance.get("bunit_data"), path) if unit is None else units.Unit(unit)
    return {
        "data": data,
        "mask": None if quality is None else (quality & np.array(flags, quality.dtype)) != 0,
        "uncertainty": None if errors is None else StdDevUncertainty(errors, unit=found),
        "unit": found,
        "wcs": getattr(meta, "wcs", None) if meta.hasattr("wcs") else None,
        "meta": model.to_flat_dict(include_arrays=False),
    }


def _like(data: np.ndarray[Any, Any], other: Any) -> Any:
    """An array that belongs to another, if it has its shape."""
    return other if isinstance(other, np.ndarray) and other.shape == data.shape else None


def _unit(text: Any, path: Path) -> Any:
    """A unit as products spell it; None for none."""
    if not text:
        return None
    try:
        return units.Unit(str(text))
    except ValueError as error:
        raise ValueError(f"{path}: {text!r} is no unit; give one with unit=") from error


def read_spectra(path: Path, column: str | None = None) -> Any:
    """Read all spectra of a product as `specutils.SpectrumList`.

    Parameters
    ----------
    path : str or path-like
        A product with tables of spectra (``x1d``, ``c1d``, ``x1dints``), or a cube (``s3d``).
    column : str, optional
        The column of the values. If not given it is ``SURF_BRIGHT`` for extended sources, else ``FLUX``.

    Returns
    -------
    SpectrumList
        In the order of the product. ``mask`` is where a data-quality flag says not to use a value.

    Raises
    ------
    ValueError
        The product has no spectra.
    """
    from specutils import SpectrumList

    return SpectrumList(_spectra(path, column))


def read_spectrum(path: Path, number: int = 0, column: str | None = None) -> Any:
    """Read one spectrum of a product as `specutils.Spectrum`; see `read_spectra`.

    Parameters
    ----------
    number : int
        Which of the product's spectra, counted from 0.

    Raises
    ------
    IndexError
        There are not so many.
    """
    for place, found in enumerate(_spectra(path, column)):
        if place == number:
            return found
    raise IndexError(f"{path}: there is no spectrum {number}")


def _spectra(path: Path, column: str | None) -> Iterator[Any]:
    model = open_model(path)
    if model.hasattr("spec"):
        for each in model.spec:
            yield from _of_table(each, model, path, column)
    elif getattr(model, "spec_table", None) is not None:
        yield from _of_table(model, model, path, column)
    elif getattr(model, "data", None) is not None and model.data.ndim == 3:
        yield _of_cube(model, path)
    else:
        raise ValueError(f"{path}: a {type(model).__name__} has no spectra")


def _of_table(node: Any, model: Any, path: Path, column: str | None) -> Iterator[Any]:
    """The spectra of one table: itself, or each row of it that holds a whole spectrum."""
    table = node.spec_table
    if table is None:
        return
    names = {name.upper(): name for name in table.dtype.names}
    given = {name.upper(): unit for name, unit in table.units.items()}

    def quantity(name: str, row: Any) -> Any:
        values = np.asarray(row[names[name]], float)
        unit = _unit(given.get(name, "").replace("(MJy/sr)^2", "MJy2 sr-2"), path)
        return values * (units.dimensionless_unscaled if unit is None else unit)

    is_packed = table[names["WAVELENGTH"]].ndim > 1
    kind = getattr(node, "source_type", None) or model["meta.target.source_type"]
    meta = model.to_flat_dict(include_arrays=False)
    for row in table if is_packed else [table]:
        yield _of_row(row, names, quantity, column or kind, meta)


def _of_row(row: Any, names: dict[str, str], quantity: Any, kind: str | None, meta: Any) -> Any:
    from specutils import Spectrum

    values, errors = _COLUMNS.get(str(kind), _COLUMNS["POINT"])
    if kind is not None and kind.upper() in names:
        values, errors = kind.upper(), ()
    wavelength, flux = quantity("WAVELENGTH", row), quantity(values, row)
    known = np.isfinite(wavelength.value) & (wavelength.value > 0)
    if not known.all() and known.any():  # rows of one table are padded to one length
        wavelength, flux = wavelength[known], flux[known]
    spread = next((quantity(name, row) for name in errors if name in names), None)
    flags = np.asarray(row[names["DQ"]]) if "DQ" in names else None
    if known.any() and not known.all():
        spread = None if spread is None else spread[known]
        flags = None if flags is None else flags[known]
    return Spectrum(
        flux=flux,
        spectral_axis=wavelength,
        uncertainty=None if spread is None else StdDevUncertainty(spread),
        mask=None if flags is None else (flags & DO_NOT_USE) != 0,
        meta=dict(meta),
    )


def _of_cube(model: Any, path: Path) -> Any:
    from specutils import Spectrum

    parts = _arguments(model, path, "data", DO_NOT_USE, None)
    unit = units.dimensionless_unscaled if parts["unit"] is None else parts["unit"]
    return Spectrum(
        flux=units.Quantity(parts["data"], unit),
        wcs=parts["wcs"],
        meta=parts["meta"],
        uncertainty=parts["uncertainty"],
        mask=parts["mask"],
        spectral_axis_index=0,
    )


def register() -> None:
    """Register the readers; for `specutils.Spectrum` and `SpectrumList` where specutils is installed."""
    readers: list[tuple[Any, Callable[..., Any]]] = [(CCDData, read_ccd), (NDDataRef, read_nddata)]
    if find_spec("specutils") is not None:
        from specutils import Spectrum, SpectrumList

        readers += [(Spectrum, read_spectrum), (SpectrumList, read_spectra)]
    for kind, reader in readers:
        registry.register_reader(FORMAT, kind, reader, force=True)


register()
