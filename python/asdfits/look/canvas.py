"""What every picture needs: a figure without a window, and text that cannot break it."""

from __future__ import annotations

import io
import os
import textwrap
from importlib import import_module
from typing import Any, Final

from ..errors import MissingExtraError
from .content import text
from .shown import Shown

__all__ = [
    "UNITS",
    "colormap",
    "counted",
    "figure_of",
    "library",
    "note",
    "short",
    "title",
    "words",
    "writable",
]

_DPI: Final = 100

# Pixels along a side of a picture.
_LEAST: Final = 200
_MOST: Final = 20000

UNITS: Final = {"um": "µm", "micron": "µm", "Angstrom": "Å"}
"""Units as a picture writes them."""


def figure_of(size: tuple[int, int]) -> Any:
    """Return an empty figure of a width and a height in pixels, which shows itself in notebooks."""
    width, height = size
    if not (_LEAST <= width <= _MOST and _LEAST <= height <= _MOST):
        raise ValueError(
            f"found a size of {width}x{height}, expected {_LEAST} to {_MOST} pixels a side"
        )
    picture = _picture_class()
    return picture(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")


def library(name: str) -> Any:
    """Return a module of matplotlib.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return import_module(f"matplotlib.{name}")
    except ImportError as error:
        raise MissingExtraError("pictures need matplotlib: pip install 'asdfits[plot]'") from error


def _picture_class() -> Any:
    agg = library("backends.backend_agg")
    base = library("figure").Figure

    class Picture(base):  # type: ignore[misc, valid-type]
        """A figure with a canvas that has no window."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            agg.FigureCanvasAgg(self)

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return Picture


def colormap(name: str) -> Any:
    """Return a colour map of matplotlib; ValueError where there is none of this name."""
    library("figure")  # words the error where matplotlib is missing
    known = import_module("matplotlib").colormaps
    if name not in known:
        raise ValueError(f"matplotlib has no colour map {name!r}")
    return known[name]


def counted(number: int, word: str) -> str:
    """Return `2 slits` or `1 slit` for the word `slits`."""
    return f"{number:,} {word if number != 1 else word.removesuffix('s')}"


def short(words: str, most: int) -> str:
    """Return text cut after `most` characters."""
    return words if len(words) <= most else words[: most - 1] + "…"


def title(model: Shown, room: int = 70) -> str:
    """Return target, instrument, optics and file, on two lines if there is no room on one.

    Parameters
    ----------
    model
        The model; what it does not know is left out.
    room
        Characters that a line may have.
    """
    target = text(model, "meta.target.catalog_name") or text(model, "meta.target.proposer_name")
    instrument = [
        text(model, f"meta.instrument.{name}")
        for name in ("name", "detector", "channel", "band", "filter", "pupil", "grating")
    ]
    optics = [
        word for word in instrument if word and word not in ("N/A", "ANY", "CLEAR", "MULTIPLE")
    ]
    file = os.path.basename(text(model, "meta.filename"))
    if not file and model._file is not None:
        file = os.path.basename(model._file.path)
    first = " · ".join(part for part in (target, " ".join(dict.fromkeys(optics))) if part)
    last = file or type(model).__name__
    joined = f"{first} · {last}" if first else last
    if len(joined) <= room:
        return writable(joined)
    lines = [short(first, room), middle_cut(last, room)]
    return writable("\n".join(line for line in lines if line), lines=True)


def middle_cut(name: str, most: int) -> str:
    """Return a name cut in its middle, as its end says what kind of product it is."""
    if len(name) <= most:
        return name
    end = min(most // 2, 16)
    return f"{name[: max(1, most - end - 1)]}…{name[-end:]}"


def writable(words: str, *, lines: bool = False) -> str:
    """Return text that matplotlib takes as it is: no formulas, no characters that its font lacks."""
    words = "\n".join(" ".join(line.split()) for line in words.split("\n"))
    if not lines:
        words = words.replace("\n", " ")
    manager = library("font_manager")
    font = manager.get_font(manager.findfont("DejaVu Sans"))
    kept = "".join(c if c == "\n" or font.get_char_index(ord(c)) else "?" for c in words)
    return kept.replace("$", r"\$")


def words(ax: Any, lines: list[str]) -> None:
    """Say something where there is nothing to draw."""
    ax.set_axis_off()
    folded = [part for line in lines for part in (textwrap.wrap(line, 70) or [""])]
    ax.text(
        0.5, 0.5, writable("\n".join(folded[:30]), lines=True), transform=ax.transAxes, ha="center",
        va="center",
    )  # fmt: skip


def note(ax: Any, what: str) -> None:
    """Say something in the middle of axes."""
    ax.text(0.5, 0.5, what, transform=ax.transAxes, ha="center", va="center")
