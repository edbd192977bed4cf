"""Pixels at the size of a picture: mean of blocks, read strip by strip, flagged ones left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .content import DO_NOT_USE, Image

__all__ = ["Collapsed", "Plane", "collapsed", "plane", "ramp", "sampled", "window_of"]

Array = np.ndarray[Any, Any]

# Values that are held at once; in double precision with their mask some tenfold of it in bytes.
_CHUNK: Final = 1 << 20

# Values of a cube that are read at all; of a longer one every n-th plane is.
_MOST: Final = 1 << 26


@dataclass(frozen=True)
class Plane:
    """An image at the size of a picture.

    Attributes
    ----------
    values : numpy.ndarray
        Means of blocks, NaN where no pixel of a block counts. Shape (rows, columns).
    rows, columns : slice
        The part of the image that it shows.
    factor : int
        Pixels along the side of a block.
    """

    values: Array
    rows: slice
    columns: slice
    factor: int

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top in pixels of the image, the centre of the first being 0."""
        height, width = (size * self.factor for size in self.values.shape)
        left, bottom = self.columns.start - 0.5, self.rows.start - 0.5
        return left, left + width, bottom, bottom + height


@dataclass(frozen=True)
class Collapsed:
    """A cube as an image, the mean of its planes, and as a mean for each plane."""

    plane: Plane
    numbers: Array
    means: Array
    step: int


def window_of(shape: tuple[int, ...], key: tuple[slice | int, ...]) -> tuple[slice, ...]:
    """Return slices with start and stop for all axes; those of `key` are for the last ones.

    Raises
    ------
    ValueError
        There are more axes in `key` than in `shape`, a step, or nothing is left of an axis.
    """
    if len(key) > len(shape):
        raise ValueError(f"found a section of {len(key)} axes, expected at most {len(shape)}")
    found = [slice(0, size) for size in shape]
    for axis, (size, each) in enumerate(
        zip(shape[len(shape) - len(key) :], key, strict=True), len(shape) - len(key)
    ):
        if isinstance(each, int):
            place = each + size if each < 0 else each
            if not 0 <= place < size:
                raise ValueError(f"found {each} along an axis of {size}")
            each = slice(place, place + 1)
        start, stop, step = each.indices(size)
        if step != 1:
            raise ValueError(f"found a step of {step}; a section has none")
        if stop <= start:
            raise ValueError(f"found {each.start}:{each.stop}, which leaves nothing of {size}")
        found[axis] = slice(start, stop)
    return tuple(found)


def plane(image: Image, window: tuple[slice, ...], size: tuple[int, int]) -> Plane:
    """Return an image at the size of a picture (width, height); the first plane of several."""
    *lead, rows, columns = window
    index = tuple(each.start for each in lead)
    factor = _factor(rows, columns, size)
    parts = []
    for strip in _strips(rows, columns, factor):
        values, good = _read(image, (*index, strip, columns))
        parts.append(_mean(*_blocks(values, good, factor)))
    return Plane(_stacked(parts, rows, columns, factor), rows, columns, factor)


def collapsed(image: Image, window: tuple[slice, ...], size: tuple[int, int]) -> Collapsed:
    """Return a cube of three axes as an image and as a mean for each plane, in one pass over it."""
    planes, rows, columns = window
    area = _length(rows) * _length(columns)
    step = max(1, -(-_length(planes) * area // _MOST))
    numbers = np.arange(planes.start, planes.stop, step)
    factor = _factor(rows, columns, size)
    shape = (-(-_length(rows) // factor), -(-_length(columns) // factor))
    total, count = np.zeros(shape), np.zeros(shape, int)
    sums, counts = np.zeros(len(numbers)), np.zeros(len(numbers), int)
    at_once = max(1, _CHUNK // max(area, 1))
    for first in range(0, len(numbers), at_once):
        some = numbers[first : first + at_once]
        cut = slice(int(some[0]), int(some[-1]) + 1, step)
        for strip in _strips(rows, columns, factor):
            values, good = _read(image, (cut, strip, columns))
            block, number = _blocks(values, good, factor)
            top = (strip.start - rows.start) // factor
            total[top : top + block.shape[-2]] += block.sum(0)
            count[top : top + block.shape[-2]] += number.sum(0)
            sums[first : first + len(some)] += block.sum((-2, -1))
            counts[first : first + len(some)] += number.sum((-2, -1))
    shown = Plane(_mean(total, count), rows, columns, factor)
    return Collapsed(shown, numbers, _mean(sums, counts), step)


def ramp(
    image: Image, window: tuple[slice, ...], size: tuple[int, int]
) -> tuple[Plane, Array, Array]:
    """Return what an integration gathered, last group less first, and the median of each group.

    Medians are those of a sample of pixels. With one group the image is that group.
    """
    integrations, groups, rows, columns = window
    first, last = groups.start, groups.stop - 1
    factor = _factor(rows, columns, size)
    parts = []
    for strip in _strips(rows, columns, factor):
        values, good = _read(image, (integrations.start, last, strip, columns))
        if last > first:
            before, counts = _read(image, (integrations.start, first, strip, columns))
            values, good = values - before, good & counts
        parts.append(_mean(*_blocks(values, good, factor)))
    shown = Plane(_stacked(parts, rows, columns, factor), rows, columns, factor)
    step = max(1, -(-_length(groups) // 256))
    numbers = np.arange(first, last + 1, step)
    stride = _factor(rows, columns, (128, 128))
    medians = []
    for number in numbers:
        key = (
            integrations.start,
            int(number),
            slice(rows.start, rows.stop, stride),
            slice(columns.start, columns.stop, stride),
        )
        values, good = _read(image, key)
        medians.append(float(np.median(values[good])) if good.any() else np.nan)
    return shown, numbers, np.array(medians)


def sampled(image: Image, size: int) -> Array:
    """Return every n-th pixel of an image, at most `size` a side, without a mean: for a thumbnail.

    Of a cube it is the mean of some planes, of a ramp the last group.
    """
    *lead, height, width = image.values.shape
    step = max(1, -(-max(height, width) // size))
    index: tuple[Any, ...] = tuple(count // 2 for count in lead)
    if image.along == "group":
        index = (0, lead[1] - 1)
    elif len(lead) == 1:
        # Planes that lie far apart: a reader of the whole cube is not wanted here.
        index = (slice(0, lead[0], max(1, lead[0] // 8)),)
    values, good = _read(image, (*index, slice(0, height, step), slice(0, width, step)))
    while values.ndim > 2:
        values, good = np.where(good, values, 0).sum(0), good.sum(0)
        values, good = _mean(values, good), good > 0
    return np.where(good, values, np.nan)


def _length(part: slice) -> int:
    return max(0, int(part.stop - part.start))


def _factor(rows: slice, columns: slice, size: tuple[int, int]) -> int:
    width, height = size
    return max(1, -(-_length(columns) // max(width, 1)), -(-_length(rows) // max(height, 1)))


def _strips(rows: slice, columns: slice, factor: int) -> Iterator[slice]:
    """Yield parts of the rows, whole blocks each, of some `_CHUNK` values."""
    height = max(1, _CHUNK // max(1, _length(columns) * factor)) * factor
    for start in range(rows.start, rows.stop, height):
        yield slice(start, min(start + height, rows.stop))


def _read(image: Image, key: tuple[Any, ...]) -> tuple[Array, Array]:
    """A part of an image in double precision, and which pixels count."""
    values = np.asarray(image.values[key], float)
    good = np.isfinite(values)
    for flags in image.flags:
        found = np.asarray(flags[key[len(key) - flags.ndim :]])
        good &= np.broadcast_to((found & DO_NOT_USE) == 0, good.shape)
    return values, good


def _blocks(values: Array, good: Array, factor: int) -> tuple[Array, Array]:
    """Sums of blocks over the last two axes, and how many pixels each sums."""
    values = np.where(good, values, 0.0)
    if factor == 1:
        return values, good.astype(int)
    rows = np.arange(0, values.shape[-2], factor)
    columns = np.arange(0, values.shape[-1], factor)
    total = np.add.reduceat(np.add.reduceat(values, columns, -1), rows, -2)
    counts = np.add.reduceat(good, columns, -1, dtype=int)
    return total, np.add.reduceat(counts, rows, -2)


def _mean(total: Array, count: Array) -> Array:
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def _stacked(parts: list[Array], rows: slice, columns: slice, factor: int) -> Array:
    if parts:
        return np.concatenate(parts)
    return np.empty((-(-_length(rows) // factor), -(-_length(columns) // factor)))
