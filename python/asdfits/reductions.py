"""What is said of an image at first sight: its mean, its extremes, its percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import pixels
from .section import Section

__all__ = ["Stats", "stats"]


class Stats(NamedTuple):
    """Pixels in a few numbers; those that are masked or NaN do not count.

    Attributes
    ----------
    count : int
        How many pixels count. Where it is 0 all else is NaN.
    mean, min, max : float
        As `numpy.nanmean`, `numpy.nanmin` and `numpy.nanmax` give them. The mean is summed in double
        precision, whatever the type of the pixels.
    percentiles : tuple of float
        One for each that was asked for, as `numpy.nanpercentile` gives them: exact, interpolated
        linearly between two pixels.
    """

    count: int  # type: ignore[assignment]  # as a tuple counts its items
    mean: float
    min: float
    max: float
    percentiles: tuple[float, ...] = ()


def stats(
    array: Any,
    dq: Any = None,
    *,
    bits: int = 1,
    percentiles: float | Sequence[float] = (),
) -> Stats:
    """Return mean, extremes and percentiles of an array, some of whose pixels may be masked.

    All cores read the array as it is, in any byte order: no native or sorted copy of it is made. One
    pass gives all but percentiles; these take one more for single precision and 32-bit integers, up to
    three for numbers of 64 bits, and again as many for each eight of them that lie far apart.

    Parameters
    ----------
    array : array_like or Section
        Real numbers or truth values, of any shape. The mask of a masked array is heeded.
    dq : array_like or Section, optional
        Flags: integers of a shape that broadcasts to that of `array`.
    bits : int
        The flags that mask a pixel; 1 is DO_NOT_USE.
    percentiles : float or sequence of float
        Which percentiles, from 0 to 100.

    Returns
    -------
    Stats

    Raises
    ------
    TypeError
        The numbers have no order, or the flags are no integers.
    ValueError
        A percentile lies outside 0 to 100, or the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> asdfits.stats(np.array([1.0, 2.0, np.nan, 9.0]), dq=[0, 0, 0, 1], percentiles=50)
    Stats(count=2, mean=1.5, min=1.0, max=2.0, percentiles=(1.5,))
    """
    wanted = [float(each) for each in np.atleast_1d(np.asarray(percentiles, dtype=float))]
    if not all(0 <= each <= 100 for each in wanted):
        raise ValueError(f"found percentiles {wanted}, expected numbers from 0 to 100")
    source = _numbers(array)
    mask = None
    if dq is not None:
        mask = _flags(dq, source.array.shape, bits)
    if isinstance(array, np.ma.MaskedArray) and array.mask is not np.ma.nomask:
        masked = np.asarray(array.mask)
        if mask is not None:
            masked = masked | ((np.asarray(dq) & bits) != 0)
        mask = _flags(masked.view("u1"), source.array.shape, 1)
    count, mean, low, high, found = pixels.reduced(source, mask, wanted)
    return Stats(count, mean, low, high, tuple(found))


def _numbers(array: Any) -> pixels.Stored:
    if isinstance(array, Section):
        return array.stored()
    array = np.asarray(array)
    if array.dtype.kind == "b":
        array = array.view("u1")
    elif array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        array = array.astype("f4" if array.dtype.itemsize < 4 else "f8")
    if array.dtype.kind not in "iuf":
        raise TypeError(f"found an array of {array.dtype}, expected real numbers")
    return pixels.plain(array)


def _flags(
    dq: Any, shape: tuple[int, ...], bits: int
) -> tuple[np.ndarray[Any, Any], pixels.Read, int]:
    stored = dq.stored() if isinstance(dq, Section) else pixels.plain(np.asarray(dq))
    if stored.dtype.kind == "b":
        stored = pixels.plain(stored.array.view("u1"))
    if stored.dtype.kind not in "iu":
        raise TypeError(f"found flags of {stored.dtype}, expected integers")
    # Negative bits are all those of the type.
    bits &= (1 << 8 * stored.dtype.itemsize) - 1
    return np.broadcast_to(stored.array, shape), stored.read, bits
