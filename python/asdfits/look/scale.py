"""From values to brightness: limits, and the curve between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

__all__ = ["STRETCHES", "Scale", "scale_of", "zscale"]

Array = np.ndarray[Any, Any]

STRETCHES: Final = ("asinh", "zscale", "linear")
"""asinh shows faint and bright together; zscale and linear are straight between their limits."""

# Deviations that a normal distribution has between its 16th percentile and its median.
_SOFT: Final = 4.0


@dataclass(frozen=True)
class Scale:
    """Limits, and the value at which an asinh turns from straight to logarithmic.

    Attributes
    ----------
    low, high : float
        Values that are shown darkest and brightest; `low` is less than `high`.
    soft : float or None
        None for a straight line.
    """

    low: float
    high: float
    soft: float | None = None

    def forward(self, values: Any) -> Array:
        """Return values as brightness, 0 to 1 between the limits; NaN stays NaN."""
        x = np.asarray(values, float) - self.low
        if self.soft is None:
            return np.asarray(x / (self.high - self.low))
        return np.asarray(
            np.arcsinh(x / self.soft) / np.arcsinh((self.high - self.low) / self.soft)
        )

    def inverse(self, brightness: Any) -> Array:
        """Return the values of a brightness."""
        y = np.asarray(brightness, float)
        if self.soft is None:
            return np.asarray(self.low + y * (self.high - self.low))
        whole = np.arcsinh((self.high - self.low) / self.soft)
        return np.asarray(self.low + self.soft * np.sinh(y * whole))


def scale_of(values: Any, stretch: str = "asinh") -> Scale | None:
    """Return the scale for an image; None where no value is finite.

    Parameters
    ----------
    values : array_like
        Pixels; NaN does not count.
    stretch : {'asinh', 'zscale', 'linear'}
        ``asinh``: from the 0.5th to the 99.9th percentile, a higher one of small images; straight
        within some deviations of the background. ``zscale``: as display programs have it.
        ``linear``: from the 0.5th to the 99.5th.
    """
    if stretch not in STRETCHES:
        raise ValueError(f"found the stretch {stretch!r}, expected one of {', '.join(STRETCHES)}")
    flat = np.asarray(values, float)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return None
    if stretch == "zscale":
        low, high = zscale(flat)
        return Scale(*_apart(low, high))
    if stretch == "linear":
        low, high = (float(each) for each in np.percentile(flat, (0.5, 99.5)))
        return Scale(*_apart(low, high))
    # Of a small image a percentile is a pixel or two, and these may be the source.
    upper = 100 - 0.1 * min(1.0, flat.size / 50_000)
    low, left, middle, high = (float(each) for each in np.percentile(flat, (0.5, 16, 50, upper)))
    if flat.min() == flat.max():
        return Scale(*_apart(low, high))
    low, high = _apart(low, high)
    soft = _SOFT * (middle - left)
    # Half of the pixels may be equal; then the whole range has to give a measure.
    return Scale(low, high, soft if soft > 1e-6 * (high - low) else (high - low) / 100)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Limits that differ, with the one value of a constant image in their middle."""
    if high - low > 1e-12 * max(abs(low), abs(high)):
        return low, high
    reach = abs(low) / 10 or 1.0
    return low - reach, high + reach


def zscale(values: Array, *, samples: int = 1000, contrast: float = 0.25) -> tuple[float, float]:
    """Return the limits that IRAF's zscale gives, by a line through the sorted values.

    Parameters
    ----------
    values : numpy.ndarray
        Finite values, of one axis, at least one.
    samples : int
        How many of them are looked at, evenly spread.
    contrast : float
        How much of the range around the median is shown.
    """
    step = int(max(1.0, values.size / samples))
    found = np.sort(values[::step][:samples])
    low, high = float(found[0]), float(found[-1])
    count = found.size
    x = np.arange(count)
    bad = np.zeros(count, bool)
    least, left, last = max(5, int(count * 0.5)), count, count + 1
    grow = max(1, int(count * 0.01))
    slope = 0.0
    for _ in range(5):
        if left >= last or left < least:
            break
        slope, start = np.polyfit(x, found, 1, w=(~bad).astype(int)) if left > 1 else (0.0, low)
        away = found - (slope * x + start)
        bound = 2.5 * away[~bad].std()
        bad |= np.abs(away) > bound
        bad = np.convolve(bad, np.ones(grow, int), mode="same") > 0
        last, left = left, int((~bad).sum())
    if left >= least:
        slope = slope / contrast if contrast > 0 else slope
        centre, middle = (count - 1) // 2, float(np.median(found))
        low = max(low, middle - (centre - 1) * slope)
        high = min(high, middle + (count - centre) * slope)
    return float(low), float(high)
