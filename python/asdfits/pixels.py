"""Numbers of a file as arrays of this machine: byte order, offset and scale undone in one pass.

The compiled half reads on all cores while Python goes on. Memory is allocated here, by numpy, which asks
the system for huge pages from 4 MB on; it is filled there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from . import _core
from ._core import Region

__all__ = [
    "Field",
    "Read",
    "Stored",
    "filled",
    "image",
    "leaves",
    "native_array",
    "native_dtype",
    "plain",
    "reduced",
    "unsigned",
]

Array = np.ndarray[Any, Any]

# ("bits", bytes, reversed, top bit flipped) | ("scaled", BITPIX, BSCALE, BZERO, BLANK) | ("logical",)
Read = tuple[Any, ...]

# (place in a stored element, place in a written one, how many, how they are read)
Field = tuple[int, int, int, Read]

_LITTLE = sys.byteorder == "little"

# A table with more numbers in a row than this is left to numpy, unless they form columns.
_MOST_FIELDS = 5000


class Stored(NamedTuple):
    """Numbers as a file has them, and how they are read.

    Attributes
    ----------
    array : numpy.ndarray
        The numbers, of any shape and strides.
    read : tuple
        What is done to each.
    dtype : numpy.dtype
        What they become.
    region : Region or None
        Read-only memory of a file that they lie in, and that is let go once it was read.
    """

    array: Array
    read: Read
    dtype: np.dtype[Any]
    region: Region | None = None

    def values(self) -> Array:
        """Return the values as a new array."""
        values = np.empty(self.array.shape, self.dtype)
        filled(self.array, values, [(0, 0, 1, self.read)], self.region)
        return values


def image(
    stored: Array, scale: float, zero: float, blank: int | None, region: Region | None = None
) -> Stored:
    """Return how the big-endian numbers of an image are read (FITS 4.0 §4.4.2.5).

    Integers with an offset of half their range are unsigned, or signed bytes (FITS 4.0 table 11).
    Scaled ones become single precision where it holds them all, that is up to 16 bits, else double.
    """
    width = stored.dtype.itemsize
    integers = stored.dtype.kind in "iu"
    if not integers:
        blank = None
    if scale == 1 and zero == 0 and blank is None:
        return plain(stored, region)
    kind = unsigned(stored.dtype, scale, zero)
    if kind is not None:
        return Stored(stored, ("bits", width, _LITTLE and width > 1, True), kind, region)
    bitpix = 8 * width if integers else -8 * width
    dtype = np.dtype("f4" if (integers and width <= 2) or bitpix == -32 else "f8")
    return Stored(stored, ("scaled", bitpix, scale, zero, blank), dtype, region)


def plain(array: Array, region: Region | None = None) -> Stored:
    """Return how numbers of any type and byte order are read that are their own values."""
    width = array.dtype.itemsize
    return Stored(array, ("bits", width, _swapped(array.dtype), False), native_dtype(array), region)


def unsigned(stored: np.dtype[Any], scale: float, zero: float) -> np.dtype[Any] | None:
    """Return the type of integers stored with an offset of half their range; None for others."""
    bits = stored.itemsize * 8
    if scale != 1 or stored.kind not in "iu" or abs(zero) != 2 ** (bits - 1):
        return None
    if (bits == 8) != (zero < 0):
        return None
    return np.dtype("i1" if bits == 8 else f"u{bits // 8}")


def filled(source: Array, target: Array, fields: list[Field], region: Region | None = None) -> None:
    """Write the elements of `source` to `target`, which has as many and no gaps between them."""
    if source.size and source.dtype.itemsize and target.dtype.itemsize:
        _core.convert(_elements(source), _elements(target), fields, region)


def reduced(
    stored: Stored, mask: tuple[Array, Read, int] | None, percentiles: list[float]
) -> tuple[int, float, float, float, list[float]]:
    """Return count, mean, least and greatest of the values, and percentiles; see `reductions`."""
    flags = None if mask is None else (_elements(mask[0]), *mask[1:])
    number = stored.dtype.str[1:]
    return _core.reduce(
        _elements(stored.array), stored.read, number, flags, percentiles, stored.region
    )


def _elements(array: Array) -> Any:
    """The same memory as elements without a meaning: not every type of numpy is one of buffers."""
    array = np.atleast_1d(np.asarray(array))
    return array.view(f"V{array.dtype.itemsize}")


def _swapped(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize > 1 and not dtype.isnative


def native_dtype(array: Array) -> np.dtype[Any]:
    """Return the type of an array in native byte order."""
    return np.dtype(array.dtype.newbyteorder("="))


def native_array(array: Array, out: Array | None = None) -> Array:
    """Return an array in native byte order and C order; see `asdfits.native`."""
    if out is not None:
        return _into(array, out)
    dtype, kind = native_dtype(array), type(array)
    # What numpy itself says of a table overlooks cells that are arrays.
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    if kind.__name__ == "FITS_rec":
        return array  # astropy's, which computes its columns from the numbers as they are stored
    if isinstance(array, np.ma.MaskedArray):
        masked = np.ma.MaskedArray(native_array(array.data), np.array(array.mask))
        masked.fill_value = array.fill_value
        return masked
    fields = _fields(array.dtype)
    if fields is None or not (kind in (np.ndarray, np.memmap, np.recarray) or _is_table(kind)):
        return np.require(array.astype(dtype, order="C"), requirements=("C", "A"))
    # Gaps between fields are zeros, and never what the memory held before.
    values = (np.zeros if _has_gaps(dtype) else np.empty)(array.shape, dtype.base)
    filled(array, values, fields)
    if _is_table(kind):
        values = values.view(kind)
        values.__array_finalize__(array)
    return values.view(np.recarray) if kind is np.recarray else values


def _is_table(kind: type) -> bool:
    return kind.__name__ == "Table" and kind.__module__.startswith("asdfits.")


def _into(array: Array, out: Array) -> Array:
    if not isinstance(out, np.ndarray) or not out.flags.writeable:
        raise TypeError("out is no array that can be written to")
    dtype = native_dtype(array)
    if out.dtype != dtype or out.shape != array.shape:
        raise ValueError(
            f"out is an array of {out.dtype} {out.shape}, expected {dtype} {array.shape}"
        )
    fields = _fields(array.dtype)
    special = isinstance(array, np.ma.MaskedArray) or isinstance(out, np.ma.MaskedArray)
    if special or fields is None or not out.flags.c_contiguous:
        out[...] = array
    else:
        filled(array.copy() if np.may_share_memory(array, out) else array, out, fields)
    return out


@lru_cache(maxsize=256)
def _fields(dtype: np.dtype[Any]) -> list[Field] | None:
    """How the elements of a type become native; None where numpy does it."""
    if dtype.hasobject:
        return None
    found = list(_limited(leaves(dtype)))
    ends = sorted((to, to + count * _width(read)) for _, to, count, read in found)
    overlap = any(end > start for (_, end), (start, _) in pairwise(ends))
    return None if overlap or len(found) > _MOST_FIELDS or not _known(dtype) else found


def _limited(fields: Iterator[Field]) -> Iterator[Field]:
    for number, field in enumerate(fields):
        if number > _MOST_FIELDS:
            break
        yield field


def _place(dtype: np.dtype[Any], name: str) -> tuple[np.dtype[Any], int]:
    """The type of a field, and where it lies."""
    assert dtype.fields is not None
    return dtype.fields[name][:2]


def _width(read: Read) -> int:
    return int(read[1])


def _known(dtype: np.dtype[Any]) -> bool:
    """Whether the kernel reverses what has to be reversed: not long doubles."""
    if dtype.subdtype is not None:
        return _known(dtype.subdtype[0])
    if dtype.names is not None:
        return all(_known(dtype[name]) for name in dtype.names)
    parts = {"c": 2}.get(dtype.kind, 1)
    return dtype.isnative or dtype.kind == "U" or dtype.itemsize // parts in (2, 4, 8)


def _has_gaps(dtype: np.dtype[Any]) -> bool:
    return sum(count * _width(read) for _, _, count, read in leaves(dtype)) < dtype.itemsize


def leaves(dtype: np.dtype[Any], at: int = 0, to: int = 0) -> Iterator[Field]:
    """Yield what the elements of a type are made of, and how each part becomes native."""
    if dtype.subdtype is not None:
        base, _ = dtype.subdtype
        count = dtype.itemsize // base.itemsize if base.itemsize else 0
        if base.names is None:
            for _, _, each, read in leaves(base):
                yield (at, to, each * count, read)
            return
        for number in range(count):
            shift = number * base.itemsize
            yield from leaves(base, at + shift, to + shift)
    elif dtype.names is not None:
        for name in dtype.names:
            field, offset = _place(dtype, name)
            yield from leaves(field, at + offset, to + offset)
    elif dtype.itemsize:
        swap = _swapped(dtype)
        width = {"U": 4, "c": dtype.itemsize // 2}.get(dtype.kind, dtype.itemsize)
        if not swap and width not in (1, 2, 4, 8):
            width = 1
        if dtype.kind in "SV":
            width = 1
        yield (at, to, dtype.itemsize // width, ("bits", width, swap, False))
