"""Sections of arrays that are far away: which bytes an index of numpy covers."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from .policy import MULTI_GAP
from .reader import Reader
from .transport import Range

__all__ = ["canvas", "runs"]

Array = np.ndarray[Any, Any]


def canvas(reader: Reader, at: int, dtype: Any, shape: tuple[int, ...], key: Any) -> Array:
    """Return an array whose values are there where an index looks, and nowhere else.

    Parameters
    ----------
    reader
        The file.
    at
        The place of the array in it.
    dtype, shape
        Of the array.
    key
        The index. An index that numpy does not answer by a view is taken for the box around it.

    Notes
    -----
    The memory is that of the whole array, of which the system gives the pages that are written to. It is
    new each time, so that nothing changes under whoever reads an earlier one.
    """
    dtype = np.dtype(dtype)
    length = dtype.itemsize
    for size in shape:
        length *= size
    if not length:
        return np.empty(shape, dtype)
    try:
        memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(
            f"{reader.url}: there is no room for {length:,} bytes: {error}"
        ) from error
    whole = np.frombuffer(memory, dtype).reshape(shape)
    view = whole[_box(key, shape)]
    target = memoryview(memory)
    ranges = [(at + start, at + end) for start, end in runs(view, whole, MULTI_GAP)]
    for place, data in reader.kept(ranges):
        start, end = max(place, at), min(place + len(data), at + length)
        if start < end:
            target[start - at : end - at] = data[start - place : end - place]
    return whole


def runs(view: Array, whole: Array, gap: int) -> list[Range]:
    """Return the stretches of memory that a view of an array has, as places in it.

    Elements that lie no more than `gap` bytes apart are one stretch.
    """
    if not view.size:
        return []
    start = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    axes = []
    for size, stride in zip(view.shape, view.strides, strict=True):
        if size > 1:
            start += min(stride, 0) * (size - 1)
            axes.append((abs(stride), size))
    axes.sort()
    extent = view.itemsize
    while axes and axes[0][0] - extent <= gap:
        stride, size = axes.pop(0)
        extent += stride * (size - 1)
    places = np.zeros(1, np.int64)
    for stride, size in axes:
        places = (places[:, None] + np.arange(size) * stride).ravel()
    return [(start + place, start + place + extent) for place in np.sort(places).tolist()]


def _box(key: Any, shape: tuple[int, ...]) -> Any:
    """An index that gives a view: the key itself, or slices around what it names, axis by axis."""
    keys = list(key) if isinstance(key, tuple) else [key]
    plain = (int, np.integer, slice, type(None), type(Ellipsis))
    if all(isinstance(each, plain) and not isinstance(each, bool) for each in keys):
        # With an ellipsis a single number is a view as well.
        return tuple(keys) if Ellipsis in keys else (*keys, ...)
    # numpy says what is wrong with an index before anything is fetched for it.
    np.broadcast_to(False, shape)[key]
    parts: list[Any] = []
    for each in keys:
        if each is None:
            continue
        if isinstance(each, plain) and not isinstance(each, bool):
            parts.append(each)
            continue
        array = np.asarray(each)
        if array.dtype == bool:
            parts += [slice(None)] if array.ndim == 0 else map(_around, np.nonzero(array))
        else:
            parts.append(_around(array))
    consumed = sum(each is not Ellipsis for each in parts)
    if consumed > len(shape) or any(isinstance(each, bool) for each in keys):
        return ...  # numpy says what is wrong with it, or means something of its own
    if Ellipsis not in parts:
        parts.append(...)
    # Negative places of an array count from the end of its axis.
    place = parts.index(...)
    sizes = [*shape[:place], None, *shape[len(shape) - (len(parts) - place - 1) :]]
    return tuple(_counted(each, size) for each, size in zip(parts, sizes, strict=True))


class _Around(tuple[int, int]):
    """The least and the greatest of some places."""


def _around(places: Array) -> Any:
    if not places.size:
        return slice(0, 0)
    return _Around((int(places.min()), int(places.max())))


def _counted(part: Any, size: int | None) -> Any:
    if not isinstance(part, _Around) or size is None:
        return part
    low, high = part
    if low < 0 <= high:
        return slice(None)
    return slice(low + size, high + size + 1) if high < 0 else slice(low, high + 1)
