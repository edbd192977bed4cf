"""What there is to see in a model: an image, a cube, a ramp, slits, spectra, or nothing, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..arrays import Table
from ..errors import FormatError
from ..models.defaults import DefaultArray
from ..models.nodes import unwrap
from ..section import Section
from .shown import Shown

__all__ = [
    "Content",
    "Image",
    "Nothing",
    "Slits",
    "Spectra",
    "Spectrum",
    "Window",
    "content",
    "held",
    "text",
]

# Lists whose items have an image each.
_LISTS: Final = ("slits", "exposures")

# Arrays of flags that may stand beside one of values, the one that speaks of every pixel first.
_FLAGS: Final = ("dq", "groupdq", "pixeldq")

# Numbers that name things: they have no order.
_LABELS: Final = ("SegmentationMapModel",)

# Models whose images of three axes are integrations.
_INTEGRATIONS: Final = ("CubeModel", "SlitModel", "SlitDataModel", "GuiderCalModel")

# What light has been spread out on the detector, so that a pixel has no place on the sky.
_DISPERSED: Final = re.compile(
    r"WFSS|GRISM|SOSS|LRS|MRS|FIXEDSLIT|MSASPEC|BRIGHTOBJ|AUTOWAVE|AUTOFLAT|IFU|LAMP"
)

DO_NOT_USE: Final = 1

Window = tuple[slice, ...]


@dataclass(frozen=True)
class Image:
    """Pixels of two axes or more, read in part.

    Attributes
    ----------
    path : str
        Where they stand in the tree.
    label : str
        What they are called.
    values : Section
        The pixels; the last two axes are rows and columns.
    flags : tuple of Section
        Integers of which bit 0 masks a pixel, for the last axes of `values`.
    unit : str
        Unit of the pixels; empty where it is not known.
    kind : {'values', 'flags', 'labels'}
        What the numbers are.
    along : {'', 'wavelength', 'integration', 'group', 'plane'}
        What the first axis of three, or the second of four, counts.
    dispersed : bool
        Whether columns or rows are wavelengths rather than places on the sky.
    """

    path: str
    label: str
    values: Section
    flags: tuple[Section, ...] = ()
    unit: str = ""
    kind: str = "values"
    along: str = ""
    dispersed: bool = False


@dataclass(frozen=True)
class Slits:
    """Images of a list: those that are shown, and how many there are."""

    shown: list[Image]
    count: int
    name: str


@dataclass(frozen=True)
class Spectrum:
    """One spectrum; flagged points are NaN in `flux`.

    Attributes
    ----------
    label : str
        What tells it from the others.
    wavelength : numpy.ndarray
        Of the shape of `flux`; numbers of points where the table has no wavelengths.
    flux, error : numpy.ndarray
        Values of one axis; `error` is None where the table has none.
    number : float
        The integration, where spectra follow each other in time.
    """

    label: str
    wavelength: np.ndarray[Any, Any]
    flux: np.ndarray[Any, Any]
    error: np.ndarray[Any, Any] | None
    number: float = float("nan")


@dataclass(frozen=True)
class Spectra:
    """Spectra that are shown, and how many there are.

    Attributes
    ----------
    shown : list of Spectrum
        Some of them, evenly spread where they follow each other in time.
    count : int
        How many there are.
    column : str
        Which column is shown.
    unit, wavelength_unit : str
        Units; empty where none is known. `wavelength_unit` is ``point`` without wavelengths.
    in_time : bool
        Whether they follow each other in time, of one source.
    """

    shown: list[Spectrum]
    count: int
    column: str
    unit: str
    wavelength_unit: str
    in_time: bool = False


@dataclass(frozen=True)
class Nothing:
    """There is nothing to draw: lines that say why, or what there is instead."""

    lines: list[str]


Content = Image | Slits | Spectra | Nothing


def content(model: Shown, path: str | None = None, *, most: int = 12) -> Content:
    """Return what there is to see in a model.

    Parameters
    ----------
    model
        The model. No pixel is read, and no array made but tables of spectra.
    path
        Dotted path of an array or a list; None for what the model is about.
    most
        How many slits or spectra are shown at most.

    Raises
    ------
    KeyError
        There is nothing at `path`.
    """
    if path is not None:
        return _at(model, path, most)
    for name in _LISTS:
        if _length(model, name):
            return _slits(model, name, most)
    if _length(model, "spec"):
        return _spectra(model, [f"spec.{n}" for n in range(_length(model, "spec"))], most)
    if held(model, "spec_table") is not None:
        return _spectra(model, [""], most)
    for place in _places(model):
        found = _image(model, place)
        if isinstance(found, Image):
            return found
    return Nothing(_listing(model))


def dispersed(model: Shown) -> bool:
    """Tell whether the exposure spreads light out."""
    return _DISPERSED.search(text(model, "meta.exposure.type")) is not None


def text(model: Shown, path: str) -> str:
    """Return what stands at a path on one line, empty where there is nothing."""
    try:
        value = unwrap(model[path])
    except (KeyError, ValueError, LookupError):
        return ""
    return "" if value is None else " ".join(str(value).split())


def _length(model: Shown, name: str) -> int:
    value = held(model, name)
    return len(value) if isinstance(value, list) else 0


def held(model: Shown, path: str) -> Any:
    """Return what the tree holds at a path, arrays unmade; None where it holds nothing."""
    head, _, last = path.rpartition(".")
    try:
        node = unwrap(model[head] if head else model)
    except KeyError:
        return None
    if isinstance(node, list):
        return node[int(last)] if last.isdecimal() and int(last) < len(node) else None
    if not isinstance(node, dict) or node.get(last) is None:
        return None
    value = node[last]
    if getattr(value, "plain", False):
        value = unwrap(model[path])
    return None if isinstance(value, DefaultArray) else value


def _places(model: Shown) -> Iterator[str]:
    """Yield where the image of a model may be, the likeliest first."""
    primary = model.get_primary_array_name()
    names = [name for name in (primary, "data") if name]
    names += [name for name in model._instance if name not in names and name[0] != "_"]
    for name in names:
        if name not in ("meta", "history", "asdf_library", "extra_fits"):
            yield name
    extra = held(model, "extra_fits")
    for name in extra if isinstance(extra, dict) else ():
        yield f"extra_fits.{name}.data"


def _at(model: Shown, path: str, most: int) -> Content:
    value = held(model, path)
    if isinstance(value, list) and path in _LISTS:
        return _slits(model, path, most)
    if isinstance(value, list) and path.rpartition(".")[2] == "spec":
        return _spectra(model, [f"{path}.{n}" for n in range(len(value))], most)
    found = _image(model, path)
    if found is not None:
        return found
    if isinstance(unwrap(model[path]), dict):
        if held(model, f"{path}.spec_table") is not None:
            return _spectra(model, [path], most)
        if held(model, f"{path}.data") is not None:
            return _at(model, f"{path}.data", most)
    table = model[path]
    if isinstance(table, Table) and table.dtype.names:
        if path.rpartition(".")[2] == "spec_table":
            return _spectra(model, [path.rpartition(".")[0]], most)
        return Nothing([f"{path} is a table", *_columns(table)])
    raise KeyError(f"{path} is nothing that can be drawn")


def _image(model: Shown, path: str) -> Image | None:
    """The image at a path; None where there is something else."""
    value = held(model, path)
    if value is None or isinstance(value, (dict, list, str, int, float)):
        return None
    try:
        section = model.section(path)
    except (KeyError, TypeError, AttributeError):
        return None
    if section.ndim < 2 or section.dtype.names or section.dtype.kind not in "iufb":
        return None
    head, dot, name = path.rpartition(".")
    kind = "values"
    flags: list[Section] = []
    if name in _FLAGS or name.endswith("dq"):
        kind = "flags"
    else:
        flags = [
            found
            for each in _FLAGS
            if held(model, f"{head}{dot}{each}") is not None
            for found in [model.section(f"{head}{dot}{each}")]
            if found.dtype.kind in "iu" and section.shape[-found.ndim or None :] == found.shape
        ]
        if type(model).__name__ in _LABELS:
            kind = "labels"
    unit = _unit(model, head, dot, name)
    return Image(
        path,
        name if name != "data" or not head else path,
        section,
        tuple(flags),
        unit,
        kind,
        _along(model, section),
        dispersed(model) and _cube_of_waves(model) is False,
    )


def _unit(model: Shown, head: str, dot: str, name: str) -> str:
    kind = {"data": "data", "err": "err"}.get(name)
    if kind is None:
        return ""
    for place in (f"{head}{dot}meta.bunit_{kind}", f"meta.bunit_{kind}"):
        found = text(model, place)
        if found:
            return found
    value = held(model, f"{head}{dot}{name}")
    made = getattr(value, "owner", None)
    link = made.link_of(value) if made is not None else value
    if hasattr(link, "file") and hasattr(link, "index"):
        return str(link.file.product.values(link.index).get("BUNIT") or "")
    return ""


def _cube_of_waves(model: Shown) -> bool:
    return type(model).__name__ == "IFUCubeModel"


def _along(model: Shown, section: Section) -> str:
    name = type(model).__name__
    if section.ndim == 2:
        return ""
    if section.ndim == 4 and ("Ramp" in name or name in ("Level1bModel", "GuiderRawModel")):
        return "group"
    if section.ndim == 3 and _cube_of_waves(model):
        return "wavelength"
    if section.ndim == 3 and name in _INTEGRATIONS:
        return "integration"
    return "plane"


def _slits(model: Shown, name: str, most: int) -> Content:
    count = _length(model, name)
    shown: list[Image] = []
    for number in range(count):
        if len(shown) == most:
            break
        image = _image(model, f"{name}.{number}.data")
        if image is not None:
            shown.append(_named(image, _title(model, f"{name}.{number}", number)))
    if not shown:
        return Nothing([f"{count} {name} without an image"])
    return Slits(shown, count, name)


def _named(image: Image, label: str) -> Image:
    return Image(**{**vars(image), "label": label, "dispersed": True})


def _title(model: Shown, path: str, number: int) -> str:
    """How a slit or a spectrum is called: its name, source and order, as far as it has them."""
    dot = "." if path else ""
    name = text(model, f"{path}{dot}name") or text(model, f"{path}{dot}meta.instrument.detector")
    source = text(model, f"{path}{dot}source_id")
    order = text(model, f"{path}{dot}spectral_order")
    parts = [name or f"{number + 1}"]
    if source and source != "0" and source != name:
        parts.append(f"source {source}")
    if order and order not in ("1", "0", "-1000"):
        parts.append(f"order {order}")
    return " · ".join(parts)


# -- spectra ------------------------------------------------------------------------------------

_WAVELENGTH: Final = "WAVELENGTH"


def _spectra(model: Shown, places: list[str], most: int) -> Content:
    """Spectra of tables: one in a table, or one in each row of it."""
    in_time = _in_time(model, places)
    limit = max(most, 100) if in_time else most
    chosen = _spread(len(places), limit) if in_time else range(min(len(places), limit))
    shown: list[Spectrum] = []
    faults, count, names = [], 0, ("", "", "point")
    for number, place in enumerate(places):
        if number not in chosen:
            count += 1
            continue
        path = f"{place}.spec_table" if place else "spec_table"
        if held(model, path) is None:
            count += 1
            faults.append(f"{place or 'the model'} has no table")
            continue
        table = model[path]
        column = _column(table, names[0])
        if column is None or not isinstance(table, Table):
            count += 1
            faults.append(f"{path} has no column FLUX or SURF_BRIGHT")
            continue
        if not shown:
            names = (column, _unit_of(table, column), _wave_unit(table))
        title = _title(model, place, number)
        rows = _rows(table, column, title, number + 1, limit - len(shown), spread=in_time)
        shown += rows[0]
        count += rows[1]
    if not shown:
        return Nothing([*faults[:3], *(["…"] if len(faults) > 3 else [])] or ["no spectrum"])
    in_time = in_time and len(shown) > 1
    return Spectra(shown, count, *names, in_time)


def _in_time(model: Shown, places: list[str]) -> bool:
    """Tell whether the spectra of a model are those of one source, one after the other."""
    if text(model, "meta.visit.tsovisit") != "True" and "TSO" not in type(model).__name__:
        return False
    if not places or places == [""]:
        return False
    path = f"{places[0]}.spec_table"
    table = None if held(model, path) is None else model[path]
    if not isinstance(table, Table):
        return len(places) > 1
    column = _column(table, "")
    return len(places) > 1 or (column is not None and np.asarray(table[column]).ndim > 1)


def _spread(count: int, most: int) -> set[int]:
    """Numbers below `count`, at most `most`, evenly spread, the first and the last among them."""
    return {int(n) for n in np.linspace(0, count - 1, min(count, most)).round()} if count else set()


def _column(table: Any, wanted: str) -> str | None:
    """The column to show: FLUX, unless it holds nothing and SURF_BRIGHT does."""
    names = {name.upper(): name for name in table.dtype.names or ()}
    if wanted.upper() in names:
        return names[wanted.upper()]
    held = [names[name] for name in ("FLUX", "SURF_BRIGHT") if name in names]
    for name in held:
        values = np.asarray(table[name])
        if values.dtype.kind == "f" and np.any(np.isfinite(values) & (values != 0)):
            return name
    return held[0] if held else None


def _unit_of(table: Table, column: str) -> str:
    return next((unit or "" for name, unit in table.columns if name == column), "")


def _wave_unit(table: Table) -> str:
    names = {name.upper(): name for name in table.dtype.names or ()}
    if _WAVELENGTH not in names:
        return "point"
    return _unit_of(table, names[_WAVELENGTH]) or "um"


def _rows(
    table: Table, column: str, title: str, number: int, most: int, *, spread: bool
) -> tuple[list[Spectrum], int]:
    """Spectra of one table, and how many it has."""
    names = {name.upper(): name for name in table.dtype.names or ()}
    error = next(
        (
            names[each]
            for each in (("FLUX_ERROR", "ERROR") if column.upper() == "FLUX" else ("SB_ERROR",))
            if each in names
        ),
        None,
    )

    def values(name: str | None, row: int | None) -> np.ndarray[Any, Any] | None:
        if name is None:
            return None
        held = np.asarray(table[name])
        return np.array(held if row is None else held[row], float).ravel()

    def one(row: int | None, label: str, number: float) -> Spectrum:
        flux = values(column, row)
        assert flux is not None
        wave = values(names.get(_WAVELENGTH), row)
        if wave is None:
            wave = np.arange(1.0, flux.size + 1)
        if "DQ" in names:
            flags = np.asarray(table[names["DQ"]] if row is None else table[names["DQ"]][row])
            if flags.dtype.kind in "iu" and flags.size == flux.size:
                flux[(flags.ravel() & DO_NOT_USE) != 0] = np.nan
        keep = np.isfinite(wave)
        if row is not None and _WAVELENGTH in names:
            keep &= wave != 0  # rows are filled up to the length of the longest
        errors = values(error, row)
        return Spectrum(
            label, wave[keep], flux[keep], None if errors is None else errors[keep], number
        )

    if np.asarray(table[column]).ndim == 1:
        return [one(None, title, number)], 1
    count = len(table)
    rows = sorted(_spread(count, most)) if spread else range(min(count, most))
    identity = next((names[each] for each in ("INT_NUM", "SOURCE_ID") if each in names), None)
    found = []
    for row in rows:
        name = row + 1 if identity is None else int(np.asarray(table[identity])[row])
        word = "source" if identity and identity.upper() == "SOURCE_ID" else "row"
        found.append(one(row, f"{word} {name}" if identity else f"{title} · row {name}", name))
    return found, count


# -- nothing ------------------------------------------------------------------------------------


def _listing(model: Shown) -> list[str]:
    """What a model without an image or a spectrum has instead."""
    lines = []
    for name in model._instance:
        if name in ("meta", "history", "asdf_library") or held(model, name) is None:
            continue
        try:
            value = model[name]
        except (KeyError, FormatError, ValueError):
            continue
        if isinstance(value, Table):
            lines += [f"{name} is a table", *_columns(value)]
    return lines or ["no image, no spectrum, no table"]


def _columns(table: Table) -> list[str]:
    names = [name if unit is None else f"{name} [{unit}]" for name, unit in table.columns]
    rest = f", {len(names) - 20} more" if len(names) > 20 else ""
    return [f"{len(table)} rows: {', '.join(names[:20])}{rest}"]
