"""Kinds of products: the suffix of a file name, and the level and stage it stands for."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["Stage", "stage_of"]


class Stage(NamedTuple):
    """Where in the processing a product stands.

    Attributes
    ----------
    suffix : str
        The last field of the name: ``cal``.
    level : str
        Data-processing level: ``1b``, ``2a``, ``2b``, ``2c``, ``3``.
    stage : int
        What users call it: 0 to 3.
    mast_level : int
        Calibration level in the archive (MAST, CAOM): 1 to 3.
    """

    suffix: str
    level: str
    stage: int
    mast_level: int


# JWST documentation, "Data Product Types". Level 2c is made within stage 3.
_LEVELS = {
    "1b": (0, 1, "uncal"),
    "2a": (1, 2, "ramp rate rateints trapsfilled dark fitopt"),
    "2b": (2, 2, "cal calints bsub bsubints"),
    "2c": (3, 2, "crf crfints"),
    "3": (
        3,
        3,
        "c1d cat segm phot whtlt psfstack psfalign psfsub ami-oi amimulti-oi psf-ami-oi aminorm-oi "
        "amilg wfscmb",
    ),
}
# Made by stage 2 for one exposure and by stage 3 for one source; the root of the name tells.
_BOTH = ("i2d", "s2d", "s3d", "x1d", "x1dints")

_STAGES = {
    suffix: Stage(suffix, level, stage, mast)
    for level, (stage, mast, suffixes) in _LEVELS.items()
    for suffix in suffixes.split()
}


def stage_of(name: str) -> Stage | None:
    """Return the stage of a product by its file name; None where the name does not tell.

    Parameters
    ----------
    name
        A file name, with or without folder: ``jw02736007001_03103_00003_nrs2_cal.fits``.
    """
    stem = os.path.basename(name).split(".")[0].lower()
    root, _, suffix = stem.rpartition("_")
    if suffix in _BOTH:
        # Source-based names start jw<program>-<candidate>, exposure-based ones jw<11 digits>.
        if root.startswith("jw") and "-" in root.split("_")[0]:
            return Stage(suffix, "3", 3, 3)
        return Stage(suffix, "2b", 2, 2)
    return _STAGES.get(suffix)
