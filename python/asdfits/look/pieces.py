"""What notebooks and reports have in common: facts, HDUs, conflicts and a thumbnail, as HTML."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from .. import arrays, render
from ..errors import FormatError
from ..file import File, header_shape
from ..overlay import Conflict
from ..section import Section
from . import reduced
from .canvas import counted
from .content import Image, Slits, Spectra, content, held, text
from .png import coloured, png
from .scale import scale_of
from .shown import Shown
from .tree import escaped

__all__ = ["facts", "file_name", "hdu_table", "table", "thumbnail"]

# Name -> places in the tree, the first that is there.
_FACTS: Final = (
    ("target", ("meta.target.catalog_name", "meta.target.proposer_name")),
    ("instrument", ("meta.instrument.name",)),
    ("detector", ("meta.instrument.detector",)),
    ("filter", ("meta.instrument.filter",)),
    ("pupil", ("meta.instrument.pupil",)),
    ("grating", ("meta.instrument.grating",)),
    ("exposure type", ("meta.exposure.type",)),
    ("program", ("meta.observation.program_number",)),
    ("observed", ("meta.observation.date_beg", "meta.observation.date")),
    ("exposure time [s]", ("meta.exposure.exposure_time", "meta.exposure.effective_exposure_time")),
    ("calibration software", ("meta.calibration_software_version",)),
    ("reference files", ("meta.ref_file.crds.context_used",)),
)

# Pixels above which an image that has to be unpacked as a whole is not worth a thumbnail.
_COSTLY: Final = 1 << 22


def facts(model: Shown) -> list[tuple[str, str]]:
    """Return (name, value) of what is asked first of a product, as far as the model has it."""
    found = []
    for name, places in _FACTS:
        value = next((value for place in places if (value := text(model, place))), "")
        if value:
            found.append((name, value))
    return found


def file_name(model: Shown) -> str:
    """Return the path of the file, or what the model says it is called."""
    return model._file.path if model._file is not None else text(model, "meta.filename")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table whose first column names its rows."""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td>{escaped(cell, 400)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{escaped(first, 400)}</th>{cells}</tr>')
    return (
        f"<table><caption>{escaped(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def hdu_table(file: File, most: int) -> str:
    """Return the HDUs of a FITS file, at most so many."""
    hdus = file.hdus()
    rows = []
    for hdu in hdus[:most]:
        shape = " x ".join(map(str, hdu.shape)) or "-"
        if hdu.kind == "BINTABLE" and len(hdu.shape) == 2:
            shape = f"{hdu.shape[0]:,} rows of {hdu.shape[1]:,} bytes"
        elif hdu.kind == "COMPRESSED":
            try:
                shape = " x ".join(map(str, arrays.shape_of(file.product, hdu.index) or ()))
            except FormatError:
                shape = "?"
        rows.append((hdu.index, hdu.name, hdu.version, hdu.kind, shape, f"{hdu.data_len:,}"))
    caption = counted(len(hdus), "HDUs")
    if len(hdus) > most:
        caption = f"the first {most} of {caption}"
    return table(caption, ("no.", "name", "version", "kind", "shape", "bytes of data"), rows)


def conflict_table(conflicts: Sequence[Conflict], most: int = 200) -> str:
    """Return where headers and tree disagree."""
    rows = [
        (each.path, f"{each.hdu} {each.keyword}", render.leaf(each.fits_value),
         render.leaf(each.asdf_value))
        for each in conflicts[:most]
    ]  # fmt: skip
    some = f"{most} of " if len(conflicts) > most else ""
    caption = f"{some}{counted(len(conflicts), 'places')} where headers and tree disagree"
    return table(caption, ("path", "card", "header", "tree"), rows)


def thumbnail(model: Shown, size: int = 160) -> str:
    """Return a small picture as HTML, made without matplotlib; empty where there is none.

    Few pixels are read: every n-th, and of a cube those of a few planes.
    """
    name = model.get_primary_array_name()
    value = held(model, name) if name else None
    shape = header_shape(value)
    if shape and not Section.is_image(_linked(value)) and np.prod(shape, dtype=float) > _COSTLY:
        return ""
    shown = content(model, most=1)
    if isinstance(shown, Slits):
        shown = shown.shown[0]
    if isinstance(shown, Image) and shown.kind == "values" and 0 not in shown.values.shape:
        return _pixels(shown, size)
    if isinstance(shown, Spectra):
        return _curve(shown.shown[0].wavelength, shown.shown[0].flux, shown.shown[0].label)
    return ""


def _linked(value: Any) -> Any:
    owner = getattr(value, "owner", None)
    return owner.link_of(value) if owner is not None else value


def _pixels(image: Image, size: int) -> str:
    values = reduced.sampled(image, size)
    scale = scale_of(values)
    bright = np.full(values.shape, np.nan) if scale is None else scale.forward(values)
    # A slit of few rows is stretched, so that it can be seen.
    height, width = values.shape
    bright = np.repeat(bright, max(1, min(40 // height, size // height)), 0)
    bright = np.repeat(bright, max(1, 40 // width), 1)
    height, width = bright.shape
    data = base64.b64encode(png(coloured(bright[::-1]))).decode("ascii")
    zoom = max(1, size // max(height, width))
    empty = "" if scale is not None else ", no value in it"
    return (
        f'<img src="data:image/png;base64,{data}" width="{width * zoom}" height="{height * zoom}" '
        f'alt="{escaped(image.label)}, {escaped(image.values.shape)}{empty}">'
    )


def _curve(x: Any, y: Any, label: str, width: int = 240, height: int = 110) -> str:
    """A spectrum as a line of at most some 400 points: extremes of neighbours, so that lines stay."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if x.size < 2:
        return ""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    low, high = (float(v) for v in np.percentile(y, (0.5, 99.5)))
    reach = (high - low) or 1.0
    bins = min(200, x.size)
    edges = np.linspace(0, x.size, bins, endpoint=False).astype(int)
    places = (x[edges] - x[0]) / ((x[-1] - x[0]) or 1.0) * width
    points = []
    for at, bottom, top in zip(
        places, np.minimum.reduceat(y, edges), np.maximum.reduceat(y, edges), strict=True
    ):
        for value in (bottom,) if bottom == top else (bottom, top):
            up = min(1.1, max(-0.1, (value - low) / reach))
            points.append(f"{at:.1f},{height * (0.9 - 0.8 * up):.1f}")
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="spectrum {escaped(label)}"><polyline fill="none" stroke="currentColor" '
        f'stroke-width="1" points="{" ".join(points)}"/></svg>'
    )
