"""What fields of a name can be: detectors and association candidates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ACID", "DETECTORS", "standard_detector"]

ACID = re.compile(r"o[0-9]{3}|[car][0-9]{4}")
"""An association candidate: an observation, or a group of them."""

# Detector -> instrument, as names spell both.
DETECTORS: Mapping[str, str] = MappingProxyType(
    {f"nrc{module}{place}": "nircam" for module in "ab" for place in ("1", "2", "3", "4", "long")}
    | {"nrs1": "nirspec", "nrs2": "nirspec", "nis": "niriss", "guider1": "fgs", "guider2": "fgs"}
    | {"mirimage": "miri", "mirifulong": "miri", "mirifushort": "miri"}
)
# What other tools call the long-wavelength detectors.
_OTHER_DETECTORS = {"nrca5": "nrcalong", "nrcb5": "nrcblong"}


def standard_detector(detector: str) -> str:
    """Return a detector as the archive spells it: ``nrcalong`` for ``NRCA5``."""
    detector = detector.lower()
    return _OTHER_DETECTORS.get(detector, detector)
