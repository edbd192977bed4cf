"""Processing levels, the stages users speak of, and the calibration levels of the archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["LEVELS", "Basis", "Level", "find_levels"]

# What one file is made from: an exposure of one detector, a source or target, a guide star.
Basis = Literal["exposure", "source", "guide star"]


@dataclass(frozen=True, slots=True)
class Level:
    """One row of the translation between levels.

    Attributes
    ----------
    name : str
        Data-processing level: ``2b``.
    title : str
        What its files hold.
    stage : int or None
        The stage of the pipeline, as users count: 0 to 3.
    mast_level : int or None
        Calibration level in the archive (MAST, CAOM): -1 to 3.
    available : bool
        Whether users can get such files.
    basis : {'exposure', 'source'} or None
        What one file is made from, as a rule; `Product.basis` says it of one product, as some of
        level 3 are exposure-based.
    """

    name: str
    title: str
    stage: int | None
    mast_level: int | None
    available: bool
    basis: Basis | None


_ROWS = (
    Level("planned", "planned, not yet executed: no file", None, -1, False, None),
    Level("0", "science telemetry", None, None, False, None),
    Level("0.5", "POD files", None, None, False, None),
    Level("1a", "original FITS", 0, 0, False, "exposure"),
    Level("1b", "uncalibrated FITS, header filled", 0, 1, True, "exposure"),
    Level("2a", "count rates", 1, 2, True, "exposure"),
    Level("2b", "calibrated exposure", 2, 2, True, "exposure"),
    Level("2c", "exposure with cosmic rays flagged, made within stage 3", 3, 2, True, "exposure"),
    Level("3", "combined exposures", 3, 3, True, "source"),
)

LEVELS: Mapping[str, Level] = MappingProxyType({row.name: row for row in _ROWS})


def find_levels(
    *, stage: int | None = None, mast_level: int | None = None, available: bool | None = None
) -> tuple[Level, ...]:
    """Return the levels that fit all that is given, lowest first.

    This is the way back from stages and archive levels, which are coarser than levels: stage 3 makes
    2c and 3, and level 2 in the archive is 2a, 2b and 2c alike, which only a suffix tells apart.

    Examples
    --------
    >>> [level.name for level in find_levels(mast_level=2)]
    ['2a', '2b', '2c']
    """
    return tuple(
        level
        for level in _ROWS
        if (stage is None or level.stage == stage)
        and (mast_level is None or level.mast_level == mast_level)
        and (available is None or level.available == available)
    )
