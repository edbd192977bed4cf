"""Data-quality bits: the standard ones, and those that a reference file defines for itself."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = ["PIXEL", "standard_mask"]

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
    """
    if len(table) == 0:
        return flags
    import logging  # numpy does without it, and so does an import of asdfits

    log = logging.getLogger(__name__)
    mask = np.zeros(flags.shape, flags.dtype.newbyteorder("="))
    for value, name in zip(table["VALUE"], table["NAME"], strict=True):
        standard = PIXEL.get(str(name).strip())
        if standard is None:
            log.warning("%s is no data-quality flag; its bit is left out", name)
        else:
            mask[(flags & value) != 0] |= standard
    return mask
