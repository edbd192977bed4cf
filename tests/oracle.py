"""Comparing a model of asdfits with one of stdatamodels, value by value and bit by bit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Difference:
    """One place where the two sides do not say the same."""

    kind: str  # class, missing, extra, type, value, dtype, shape, bits, wcs
    path: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.path}: reference {self.theirs}, asdfits {self.ours}"


@dataclass
class Listed:
    """An entry of differences.toml: what may differ, and why."""

    kind: str
    path: str
    reason: str
    file: str = ""
    theirs: str = ""
    ours: str = ""
    used: int = field(default=0, compare=False)

    def covers(self, difference: Difference, file: str) -> bool:
        covered = (
            difference.kind in self.kind.split()
            and re.fullmatch(self.path, difference.path) is not None
            and re.search(self.file, file) is not None
            and re.search(self.theirs, difference.theirs) is not None
            and re.search(self.ours, difference.ours) is not None
        )
        self.used += covered
        return covered


def listed() -> list[Listed]:
    """Return the differences that are known and explained."""
    table = tomllib.loads((Path(__file__).parent / "differences.toml").read_text())
    return [Listed(**entry) for entry in table["difference"]]


def unlisted(differences: list[Difference], known: list[Listed], file: str) -> list[str]:
    """Return the differences that no entry explains, as text."""
    found = []
    for difference in differences:
        covered = [entry.covers(difference, file) for entry in known]  # all: each counts its use
        if not any(covered):
            found.append(str(difference))
    return found


def compare(reference: Any, ours: Any) -> list[Difference]:
    """Return every difference between a stdatamodels model and ours."""
    found = []
    theirs_class, our_class = type(reference).__name__, type(ours).__name__
    if theirs_class != our_class:
        found.append(Difference("class", "", theirs_class, our_class))
    theirs, mine = reference.to_flat_dict(), ours.to_flat_dict()
    for path in sorted(theirs.keys() | mine.keys()):
        if path not in mine:
            found.append(Difference("missing", path, repr(theirs[path])[:80], "nothing"))
        elif path not in theirs:
            found.append(Difference("extra", path, "nothing", repr(mine[path])[:80]))
        else:
            found += compare_values(path, theirs[path], mine[path])
    return found


def compare_values(path: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if type(theirs).__name__ == "NDArrayType":
        theirs = theirs._make_array()
    if isinstance(theirs, np.ndarray):
        if isinstance(ours, np.ndarray):
            yield from compare_arrays(path, theirs, ours)
        else:
            yield Difference("type", path, "array", repr(ours)[:80])
    elif type(theirs).__name__ == "WCS":
        yield from compare_wcs(path, theirs, ours)
    elif type(theirs) is not type(ours):
        both = (f"{type(side).__name__} {side!r}"[:80] for side in (theirs, ours))
        yield Difference("type", path, *both)
    elif type(theirs).__module__ == "builtins" and repr(theirs) != repr(ours):
        yield Difference("value", path, repr(theirs)[:80], repr(ours)[:80])


def compare_arrays(path: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    if theirs.shape != ours.shape:
        yield Difference("shape", path, str(theirs.shape), str(ours.shape))
        return
    if theirs.dtype.names is None or ours.dtype.names is None:
        if theirs.dtype != ours.dtype:
            yield Difference("dtype", path, theirs.dtype.str, ours.dtype.str)
        elif theirs.tobytes() != ours.tobytes():
            yield Difference("bits", path, repr(theirs.ravel()[:3]), repr(ours.ravel()[:3]))
        return
    if theirs.dtype.names != ours.dtype.names:
        yield Difference("dtype", path, str(theirs.dtype.names), str(ours.dtype.names))
        return
    for name in theirs.dtype.names:
        column = f"{path}[{name}]"
        if theirs.dtype[name] != ours.dtype[name]:
            both = (
                f"{dtype.base.str}{dtype.shape}" for dtype in (theirs.dtype[name], ours.dtype[name])
            )
            yield Difference("dtype", column, *both)
        # Read as a user reads: text as str, logical as bool, unsigned as unsigned.
        left, right = np.asarray(theirs[name]), np.asarray(ours[name])
        if left.dtype.kind == "U":
            left = np.char.rstrip(left)
        if left.dtype != right.dtype and left.dtype.kind != "U":
            yield Difference("dtype", column, left.dtype.str, right.dtype.str)
        elif left.dtype.kind == "U" and not np.array_equal(left, right):
            yield Difference("value", column, repr(left.ravel()[:3]), repr(right.ravel()[:3]))
        elif left.dtype.kind != "U" and left.tobytes() != right.tobytes():
            yield Difference("bits", column, repr(left.ravel()[:3]), repr(right.ravel()[:3]))


def compare_wcs(path: str, theirs: Any, ours: Any) -> Iterator[Difference]:
    """Evaluate both at the same pixels; equal means equal to the last bit."""
    if type(theirs) is not type(ours):
        yield Difference("type", path, type(theirs).__name__, type(ours).__name__)
        return
    if theirs.available_frames != ours.available_frames:
        yield Difference("wcs", path, str(theirs.available_frames), str(ours.available_frames))
        return
    rng = np.random.default_rng(1)
    pixels = [rng.uniform(0, 40, 100) for _ in range(theirs.forward_transform.n_inputs)]
    pixels[2:] = [np.ones(100) for _ in pixels[2:]]
    left, right = evaluated(theirs, pixels), evaluated(ours, pixels)
    if left != right:
        yield Difference("wcs", path, left[:80], right[:80])


def evaluated(wcs: Any, pixels: list[Any]) -> str:
    """The bits of a WCS at some pixels, or the error it raises there."""
    try:
        world = wcs(*pixels, with_bounding_box=False)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    # The sign of a NaN depends on how an array is aligned, and means nothing.
    axes = [
        np.where(np.isnan(axis), np.nan, axis) for axis in map(np.asarray, np.atleast_1d(world))
    ]
    return "".join(axis.tobytes().hex() for axis in axes)
