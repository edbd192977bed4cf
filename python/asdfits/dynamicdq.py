"""Data-quality bits: the standard ones, and those that a reference file defines for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

__all__ = ["PIXEL", "inverse", "standard_mask"]

# JWST calibration pipeline, "Data Quality Flags": bit n stands for the n-th name.
_NAMES: Final = """
DO_NOT_USE SATURATED JUMP_DET DROPOUT OUTLIER PERSISTENCE AD_FLOOR CHARGELOSS RESERVED NON_SCIENCE
DEAD HOT WARM LOW_QE RC TELEGRAPH NONLINEAR BAD_REF_PIXEL NO_FLAT_FIELD NO_GAIN_VALUE NO_LIN_CORR
NO_SAT_CHECK UNRELIABLE_BIAS UNRELIABLE_DARK UNRELIABLE_SLOPE UNRELIABLE_FLAT OPEN ADJ_OPEN
FLUX_ESTIMATED MSA_FAILED_OPEN OTHER_BAD_PIXEL REFERENCE_PIXEL
""".split()  # noqa: SIM905  # bit by bit, it reads as the table does

PIXEL: Final[dict[str, int]] = {"GOOD": 0} | {name: 1 << bit for bit, name in enumerate(_NAMES)}
"""Name -> value of each data-quality flag of a pixel."""


def standard_mask(flags: np.ndarray[Any, Any], table: Any) -> np.ndarray[Any, Any]:
    """Return `flags` with each bit that `table` defines moved to the standard bit of its name.

    Parameters
    ----------
    flags : numpy.ndarray of integers
        Data-quality flags in the bits of a reference file.
    table : structured array
        Columns VALUE, the bit in this file, and NAME, the flag. Unknown names are logged and dropped.

    Returns
    -------
    numpy.ndarray
        An array of the same shape and type in native byte order; `flags` itself if the table is empty.
    """
    return _moved(flags, [(own, standard) for own, standard in _bits(table)], table)


def inverse(flags: np.ndarray[Any, Any], table: Any) -> np.ndarray[Any, Any]:
    """Return `flags` with each standard bit moved to the bit that `table` gives its name.

    This is what a reference file stores. Flags of which the table does not speak are dropped, since
    the file could not say what they mean.

    Parameters
    ----------
    flags : numpy.ndarray of integers
        Data-quality flags in standard bits.
    table : structured array
        As for `standard_mask`.

    Returns
    -------
    numpy.ndarray
        An array of the same shape and type in native byte order; `flags` itself if the table is empty.
    """
    return _moved(flags, [(standard, own) for own, standard in _bits(table)], table)


def _moved(
    flags: np.ndarray[Any, Any], bits: list[tuple[int, int]], table: Any
) -> np.ndarray[Any, Any]:
    if np.ndim(table) == 0 or len(table) == 0:
        return flags
    mask = np.zeros(flags.shape, flags.dtype.newbyteorder("="))
    for source, target in bits:
        mask[(flags & source) != 0] |= target
    return mask


def _bits(table: Any) -> Iterator[tuple[int, int]]:
    """Yield (bit in the file, standard bit) for each row of a table whose name is known."""
    if np.ndim(table) == 0:
        return
    import logging  # numpy does without it, and so does an import of asdfits

    log = logging.getLogger(__name__)
    for value, name in zip(table["VALUE"], table["NAME"], strict=True):
        # The columns of a `Table` give str, those of a plain array bytes.
        name = name.decode("latin-1") if isinstance(name, bytes) else str(name)
        standard = PIXEL.get(name.strip())
        if standard is None:
            log.warning("%s is no data-quality flag; its bit is left out", name)
        else:
            yield int(value), standard
