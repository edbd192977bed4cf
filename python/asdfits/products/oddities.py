"""What is odd about a name that can be read: what the archive would not call a product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .fields import ACID, DETECTORS, standard_detector
from .suffixes import is_known

__all__ = ["ASSOCIATION_TYPES", "oddities"]

# Type of an association -> the pipeline that takes it.
ASSOCIATION_TYPES = {
    "ami3": "ami3",
    "coron3": "coron3",
    "image2": "image2",
    "image3": "image3",
    "nrslamp-spec2": "spec2",
    "spec2": "spec2",
    "spec3": "spec3",
    "tso-image2": "image2",
    "tso-spec2": "spec2",
    "tso3": "tso3",
    "wfs-image3": "wfs-image3",
}

# Field -> what it looks like in the archive, and that in words.
_SHAPES = {
    "program": (r"[0-9]{5}", "5 digits"),
    "activity": (r"[0-9a-z]{2}", "2 of 0-9 and a-z"),
    "exposure": (r"[0-9]{5}", "5 digits"),
    "acid": (ACID.pattern, "one such as 'o001', 'c1001' or 'a3001'"),
    "target": (r"t[0-9]{3}", "'t' and 3 digits"),
    "source_id": (r"[0-9]{5,9}", "9 digits, or 5 in older files"),
    "instrument": (r"[a-z]+", "lower case"),
    "optical_elements": (r"[a-z0-9-]+", "lower-case letters, digits and '-'"),
    "attempt": (r"[0-9]{1,3}", "1 to 3 digits"),
    "configuration": (r"[0-9]{2}", "2 digits"),
    "sequence": (r"[0-9]{5}|[0-9]{3}", "5 digits, or 3 in older files"),
}
_SHAPE = {field: (re.compile(shape), words) for field, (shape, words) in _SHAPES.items()}
_GUIDE_TIME = re.compile(r"[0-9]{13}")
_CALLED = {"acid": "association candidate", "source_id": "number of the source"}


def oddities(p: Any) -> Iterator[str]:
    """Yield a sentence for each odd part of a name, a `names.Product`."""
    for field, (shape, words) in _SHAPE.items():
        value = getattr(p, field)
        if value is not None and shape.fullmatch(value) is None:
            called = _CALLED.get(field, field.replace("_", " "))
            yield f"{called} {value!r}, expected {words}"
    if p.detector is not None and p.detector not in DETECTORS:
        standard = standard_detector(p.detector)
        expected = repr(standard) if standard in DETECTORS else "the name of one detector"
        yield f"detector {p.detector!r}, expected {expected}"
    if p.family == "guide star" and p.time is not None and not _GUIDE_TIME.fullmatch(p.time):
        yield f"time {p.time!r}, expected 13 digits (yyyydddhhmmss)"
    if p.asn_type is not None and p.asn_type not in ASSOCIATION_TYPES:
        yield f"association type {p.asn_type!r}, expected one such as 'image2', 'spec3'"
    yield from _lacking(p)
    if p.inserted is not None:
        yield f"inserted {p.inserted!r} before the suffix"
    yield from _suffix(p)
    yield from _extension(p)


def _lacking(p: Any) -> Iterator[str]:
    if p.family == "source":
        if p.target is None and p.source_kind is None:
            yield "no target or source"
        if p.optical_elements is None:
            yield "no optical elements"
    elif p.family == "association" and p.sequence is None:
        yield "no number of the association"
    elif p.family == "pool" and p.time is None:
        yield "no time of the pool"


def _suffix(p: Any) -> Iterator[str]:
    if p.basis is None:
        return
    lower = p.suffix.lower()
    if p.product_type is not None:
        if p.suffix != lower:
            yield f"suffix {p.suffix!r}, expected {lower!r}"
        elif p.level is None and p.product_type.optional:
            yield f"suffix {p.suffix!r}, of what a pipeline saves on its way"
    elif p.step is not None:
        yield f"suffix {p.suffix!r} names a step, {p.step}"
    elif is_known(lower, p.basis):
        yield f"suffix {p.suffix!r} is not one of {p.basis}-based products"
    else:
        yield f"suffix {p.suffix!r} is not known"


def _extension(p: Any) -> Iterator[str]:
    if p.product_type is not None and p.product_type.extension != "fits":
        expected: tuple[str, ...] = (p.product_type.extension,)
    elif p.family == "association":
        expected = ("json",)
    elif p.family == "pool":
        expected = ("csv", "")
    else:
        expected = ("fits", "asdf")
    if p.extension in expected:
        return
    if not p.extension:
        yield f"no extension, expected {expected[0]!r}"
    elif p.extension in ("jpg", "png"):
        yield f"extension {p.extension!r}, a preview"
    elif p.basis is None or p.product_type is not None:  # what an unknown suffix has is not known
        yield f"extension {p.extension!r}, expected {expected[0]!r}"
