"""Files to pictures: one each, or a sheet of several."""

from __future__ import annotations

import errno
import io
import math
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

import numpy as np

from .. import _core
from ..errors import FormatError
from ..io import open as open_product
from ..models import DataModel
from . import canvas, draw
from .content import content
from .png import png

__all__ = ["opened", "picture_name", "preview", "sheet", "written"]

PathLike = str | os.PathLike[str]

# What a tile of a sheet takes at least: below it no label can be read.
_TILE: Final = (320, 260)

_SIZE: Final = (1000, 800)


def preview(
    path: PathLike,
    out: PathLike | BinaryIO | None = None,
    *,
    array: str | None = None,
    stretch: str = "asinh",
    cmap: str | None = None,
    section: draw.Key = (),
    axes: str = "auto",
    most: int = 12,
    size: tuple[int, int] = _SIZE,
    overwrite: bool = False,
) -> str:
    """Draw a product into a picture file.

    Parameters
    ----------
    path : str or path-like
        The product.
    out : str, path-like or binary file, optional
        Where to; the ending says how: ``.png``, ``.jpg``, ``.pdf``, ``.svg`` and what else matplotlib
        has. Without it a ``.png`` beside the product. A file object gets PNG.
    array : str, optional
        Dotted path of what to draw: ``err``, ``slits.3.data``, ``spec.2``.
    stretch, cmap, section, axes, most, size
        As in `DataModel.plot`.
    overwrite : bool
        Whether a file of this name may be replaced.

    Returns
    -------
    str
        The name of the picture; empty for a file object.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed: ``pip install 'asdfits[plot]'``.
    FileExistsError
        There is a file of this name.
    KeyError, ValueError
        There is no such array, section, colour map or stretch.
    OSError, FormatError
        The product cannot be read, or the picture not be written.
    """
    kind = "png"
    if out is None or isinstance(out, (str, os.PathLike)):
        name = picture_name(path) if out is None else os.fspath(out)
        kind = os.path.splitext(name)[1].lstrip(".").lower()
        _check_kind(name, kind)
        check_free(name, overwrite=overwrite)
    figure = _figure(
        path, array, size, stretch=stretch, cmap=cmap, section=section, axes=axes, most=most
    )

    def save(file: BinaryIO) -> None:
        with _quiet():
            figure.savefig(file, format=kind)

    if out is None or isinstance(out, (str, os.PathLike)):
        written(name, save)
        return name
    save(out)
    return ""


def sheet(
    paths: Sequence[PathLike],
    out: PathLike | BinaryIO,
    *,
    array: str | None = None,
    size: tuple[int, int] = _SIZE,
    overwrite: bool = False,
    **options: Any,
) -> dict[str, Exception]:
    """Draw products side by side into one PNG; return what went wrong, by the name of the file.

    A product that cannot be drawn has a tile that says so. Where tiles would get too small to be
    read, the sheet is larger than `size`. The other parameters are those of `preview`.
    """
    if isinstance(out, (str, os.PathLike)):
        name = os.fspath(out)
        if not name.lower().endswith(".png"):
            raise ValueError(f"{name}: a sheet of several files is a .png")
        check_free(name, overwrite=overwrite)
    columns = math.ceil(math.sqrt(len(paths) * size[1] / size[0]))
    rows = math.ceil(len(paths) / columns)
    tile = max(size[0] // columns, _TILE[0]), max(size[1] // rows, _TILE[1])
    whole = np.full((rows * tile[1], columns * tile[0], 3), 255, "u1")
    errors: dict[str, Exception] = {}
    for number, path in enumerate(paths):
        try:
            figure = _figure(path, array, tile, **options)
        except (OSError, FormatError, ValueError, LookupError) as error:
            errors[os.fspath(path)] = error
            figure = canvas.figure_of(tile)
            canvas.words(figure.subplots(), [os.path.basename(path), str(error)])
        with _quiet():
            figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        top, left = (number // columns) * tile[1], (number % columns) * tile[0]
        whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    data = png(whole)
    if isinstance(out, (str, os.PathLike)):
        written(os.fspath(out), lambda file: file.write(data))
    else:
        out.write(data)
    return errors


def picture_name(path: PathLike, ending: str = ".png") -> str:
    """Return the name of what is made from a product, beside it: ``a_cal.fits.gz``, ``a_cal.png``."""
    folder, name = os.path.split(os.fspath(path))
    for each in (".gz", ".fz", ".fits", ".asdf"):
        name = name.removesuffix(each)
    return os.path.join(folder, f"{name}{ending}")


def check_free(name: str, *, overwrite: bool) -> None:
    """Raise FileExistsError where a file would be replaced."""
    if os.path.isdir(name):
        raise IsADirectoryError(errno.EISDIR, "found a folder, expected the name of a file", name)
    if os.path.lexists(name) and not overwrite:
        raise FileExistsError(errno.EEXIST, "the file exists; --overwrite replaces it", name)


def written(name: str, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file that gets its name once it is whole."""
    buffer = io.BytesIO()
    write(buffer)
    _core.write_file(name, [buffer.getbuffer()], fsync=False)


def opened(path: PathLike) -> DataModel:
    """Open one product; ValueError for a list of products."""
    model = open_product(path)
    if not isinstance(model, DataModel):
        raise ValueError(f"{path}: a list of products; what can be looked at are its members")
    return model


def _figure(
    path: PathLike,
    array: str | None,
    size: tuple[int, int],
    *,
    most: int = 12,
    **options: Any,
) -> Any:
    with opened(path) as model:
        shown = content(model, array, most=most)
        figure = canvas.figure_of(size)
        draw.draw(model, figure, shown, size=size, **options)
        return figure


def _check_kind(name: str, kind: str) -> None:
    known = canvas.library("backends.backend_agg").FigureCanvasAgg.get_supported_filetypes()
    if kind not in known:
        raise ValueError(
            f"{name}: found another ending, expected one of {', '.join(sorted(known))}"
        )


def _quiet() -> warnings.catch_warnings[None]:
    """Small pictures have no room for a layout; they are drawn all the same."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
