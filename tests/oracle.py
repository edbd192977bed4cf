"""Comparing a model of asdfits with one of stdatamodels, value by value and bit by bit."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Warnings that speak of the model; those of astropy and ours of the file are matters of wording.
WARNINGS = ("NoTypeWarning", "ValidationWarning", "DeprecationWarning")


@dataclass(frozen=True)
class Difference:
    """One place where the two sides do not say the same."""

    kind: str  # class, missing, extra, type, value, dtype, shape, bits, unit, wcs, open, warning
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
    test: str = "real"
    mode: str = "default strict"
    used: int = field(default=0, compare=False)

    def covers(self, difference: Difference, file: str, mode: str) -> bool:
        covered = (
            mode in self.mode.split()
            and difference.kind in self.kind.split()
            and re.fullmatch(self.path, difference.path) is not None
            and re.search(self.file, file) is not None
            and re.search(self.theirs, difference.theirs) is not None
            and re.search(self.ours, difference.ours) is not None
        )
        self.used += covered
        return covered


def listed(test: str) -> list[Listed]:
    """Return the differences that are known and explained, and that `test` has to meet."""
    table = tomllib.loads((Path(__file__).parent / "differences.toml").read_text())
    entries = [Listed(**entry) for entry in table["difference"]]
    return [entry for entry in entries if test in entry.test.split()]


def unlisted(
    differences: list[Difference], known: list[Listed], file: str, mode: str = "default"
) -> list[str]:
    """Return the differences that no entry explains, as text; `mode` is default or strict."""
    found = []
    for difference in differences:
        covered = [
            entry.covers(difference, file, mode) for entry in known
        ]  # all: each counts its use
        if not any(covered):
            found.append(str(difference))
    return found


def judged(
    observed: list[Observed], known: list[Listed], file: str
) -> tuple[list[str], list[list[str]]]:
    """Return what a file counts as, by default and under strict_compat, and what is unexplained.

    Same is only what differs in nothing at all.
    """
    unexplained = [
        unlisted(each.differences, known, file, mode)
        for each, mode in zip(observed, ("default", "strict"), strict=True)
    ]
    outcomes = [
        "different" if texts else "listed" if each.differences else "same"
        for each, texts in zip(observed, unexplained, strict=True)
    ]
    return outcomes, unexplained


class Observed(NamedTuple):
    """What both sides made of one file."""

    differences: list[Difference]
    our_warnings: Counter[str]


def observe(path: Path, theirs: Callable[..., Any], ours: Callable[..., Any]) -> list[Observed]:
    """Open a file with the reference, and with asdfits by default and under strict_compat."""
    reference, their_warnings = _attempt(theirs, path)
    try:
        return [
            _beside(reference, their_warnings, *_attempt(ours, path, **switches))
            for switches in ({}, {"strict_compat": True})
        ]
    finally:
        if not isinstance(reference, Exception):
            reference.close()


def _beside(
    reference: Any, their_warnings: Counter[str], model: Any, our_warnings: Counter[str]
) -> Observed:
    """What differs: models and warnings, or errors."""
    if isinstance(reference, Exception) or isinstance(model, Exception):
        return Observed(list(_compare_errors(reference, model)), our_warnings)
    with warnings.catch_warnings(), model:
        warnings.simplefilter("ignore")
        found = compare(reference, model)
    for name in WARNINGS:
        if their_warnings[name] != our_warnings[name]:
            both = (f"{counts[name]} warnings" for counts in (their_warnings, our_warnings))
            found.append(Difference("warning", name, *both))
    return Observed(found, our_warnings)


def _attempt(opened: Callable[..., Any], path: Path, **switches: bool) -> tuple[Any, Counter[str]]:
    """The model or the error that was raised, and how often was warned of what."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result: Any = opened(path, **switches)
        except Exception as error:
            result = error
    return result, Counter(warning.category.__name__ for warning in caught)


def _compare_errors(theirs: Any, ours: Any) -> Iterator[Difference]:
    """Whoever catches the error of the reference has to catch ours."""
    if not isinstance(theirs, Exception) or not isinstance(ours, type(theirs)):
        both = (
            f"{type(side).__name__}: {side}"[:200] if isinstance(side, Exception) else "a model"
            for side in (theirs, ours)
        )
        yield Difference("open", "", *both)


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
    if type(ours).__name__ == "NDArrayType":
        ours = ours._make_array()
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
        if right.dtype.kind == "U":
            right = np.char.rstrip(right)
        if left.dtype != right.dtype and left.dtype.kind != "U":
            yield Difference("dtype", column, left.dtype.str, right.dtype.str)
        elif left.dtype.kind == "U" and not np.array_equal(left, right):
            yield Difference("value", column, repr(left.ravel()[:3]), repr(right.ravel()[:3]))
        elif left.dtype.kind != "U" and left.tobytes() != right.tobytes():
            yield Difference("bits", column, repr(left.ravel()[:3]), repr(right.ravel()[:3]))
    if hasattr(theirs, "columns") and hasattr(ours, "columns"):
        units = zip(theirs.columns, ours.columns, strict=True)
        for name, (left, right) in zip(theirs.dtype.names, units, strict=True):
            if left.unit != right.unit:
                yield Difference("unit", f"{path}[{name}]", repr(left.unit), repr(right.unit))


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
