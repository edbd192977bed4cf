"""Which files belong together: the detectors of an exposure, the products of a source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from .fields import DETECTORS, standard_detector
from .names import Product, parse

__all__ = ["Exposure", "Source", "group_exposures", "group_sources"]

# Detectors that are read together; any other is read alone.
_TOGETHER = (
    ("nrca1", "nrca2", "nrca3", "nrca4", "nrcalong"),
    ("nrcb1", "nrcb2", "nrcb3", "nrcb4", "nrcblong"),
    ("nrs1", "nrs2"),
    ("mirifulong", "mirifushort"),
)
_ORDER = {detector: place for place, detector in enumerate(DETECTORS)}


@dataclass(frozen=True, slots=True, repr=False)
class Exposure:
    """One exposure: one kind of product, a file for each detector.

    What is missing is so from the names alone. It is relative to the parts of an instrument that
    appear: to the five detectors of a NIRCam module if one of them is there (ten if one of each
    module is), to both of NIRSpec, to both of the MIRI MRS. A subarray may read fewer, and light of
    some NIRSpec settings falls on one detector only; then nothing is lost, but names do not tell (the
    keyword SUBARRAY may). A module of which there is no file at all is not missed.

    Attributes
    ----------
    group_id : str
        What the names share: ``jw02736007001_03103_00003``.
    suffix : str
        Type of the products: ``cal``.
    acid : str or None
        Association candidate, for what stage 3 makes.
    paths : tuple of str
        The files as given, by detector and segment.
    products : tuple of Product
        Their names, in the same order.
    """

    group_id: str
    suffix: str
    acid: str | None
    paths: tuple[str, ...]
    products: tuple[Product, ...]

    @property
    def detectors(self) -> tuple[str, ...]:
        """Detectors that have a file, as the archive spells them."""
        return _ordered(_detector(product) for product in self.products)

    @property
    def missing(self) -> tuple[str, ...]:
        """Detectors that are read together with those here and have no file."""
        here = set(self.detectors)
        wanted = (set(part) for part in _TOGETHER if here.intersection(part))
        return _ordered(set().union(*wanted) - here)

    @property
    def segments(self) -> tuple[str, ...]:
        """Segments that any detector has: ``('001', '002')``; none if the exposure is in one piece."""
        return tuple(sorted({p.segment for p in self.products if p.segment is not None}))

    @property
    def missing_names(self) -> tuple[str, ...]:
        """Names of the files that are missing: every segment up to the last seen, every detector.

        Segments after the last seen are not missed: names do not tell, the keyword EXSEGTOT does.
        """
        here = {(_detector(p), p.segment) for p in self.products}
        last = int(max(self.segments, default=0))
        pieces = sorted({*self.segments, *(f"{number:03}" for number in range(1, last + 1))})
        return tuple(
            replace(self.products[0], detector=detector, segment=segment, gz=False).format()
            for detector in (*self.detectors, *self.missing)
            for segment in pieces or (None,)
            if (detector, segment) not in here
        )

    def __repr__(self) -> str:
        candidate = f"{self.acid} " if self.acid else ""
        last = max(self.segments, default="")
        pieces = f" ({len(self.segments)} of {int(last)} segments)" if last else ""
        missing = f"; missing {', '.join(self.missing)}" if self.missing else ""
        return (
            f"<Exposure {self.group_id} {candidate}{self.suffix}{pieces}: "
            f"{', '.join(self.detectors)}{missing}>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """One source or target of an observation: the products of stage 3, one of a suffix and setting.

    Attributes
    ----------
    program : str
        Number of the program.
    acid : str
        Association candidate, mostly an observation: ``o007``.
    source : str or None
        Target, source and epoch as names have them: ``s06355``, ``t002-s000000001``.
    paths : tuple of str
        The files as given, by name.
    products : tuple of Product
        Their names, in the same order.
    """

    program: str
    acid: str
    source: str | None
    paths: tuple[str, ...]
    products: tuple[Product, ...]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Types of the products."""
        return tuple(sorted({product.suffix for product in self.products}))

    def __repr__(self) -> str:
        return f"<Source jw{self.program}-{self.acid} {self.source}: {', '.join(self.suffixes)}>"


def group_exposures(paths: Iterable[str | os.PathLike[str]]) -> list[Exposure]:
    """Return the exposures that files are of, each with its detectors and those missing.

    Files of one exposure that differ in more than detector and segment (suffix, association
    candidate, inserted fields, extension) make an `Exposure` of each kind. Compressed files count
    like others. Names that are not exposure-based are left out.

    Parameters
    ----------
    paths : iterable of str or path-like
        Names or paths; nothing is opened.

    Examples
    --------
    >>> group_exposures(["jw02736007001_03103_00003_nrs2_cal.fits"])
    [<Exposure jw02736007001_03103_00003 cal: nrs2; missing nrs1>]
    """

    def kind(p: Product) -> tuple[str, ...]:
        return (p.group_id or "", p.suffix, p.acid or "", p.inserted or "", p.extension)

    def place(p: Product) -> tuple[Any, ...]:
        return (*_place(_detector(p)), p.segment or "")

    return [
        Exposure(found[0][1].group_id or "", found[0][1].suffix, found[0][1].acid, *_columns(found))
        for found in _grouped(paths, "exposure", kind, place)
    ]


def group_sources(paths: Iterable[str | os.PathLike[str]]) -> list[Source]:
    """Return the sources and targets that files are of, each with its products.

    Stage 3 makes one product of a kind for each source of an observation, so a multi-object
    observation has as many `Source` as it has sources. Names that are not source-based are left out.

    Parameters
    ----------
    paths : iterable of str or path-like
        Names or paths; nothing is opened.

    Examples
    --------
    >>> root = "jw02736-o007_s06355_nirspec_f290lp-g395m"
    >>> group_sources([f"{root}_x1d.fits", f"{root}_s2d.fits"])
    [<Source jw02736-o007 s06355: s2d, x1d>]
    """

    def key(p: Product) -> tuple[str, ...]:
        return (p.program, p.acid or "", p.source or "")

    def place(p: Product) -> tuple[str, ...]:
        return (str(p),)

    return [
        Source(found[0][1].program, found[0][1].acid or "", found[0][1].source, *_columns(found))
        for found in _grouped(paths, "source", key, place)
    ]


_Found = list[tuple[str, Product]]


def _grouped(
    paths: Iterable[str | os.PathLike[str]],
    family: str,
    key: Callable[[Product], tuple[str, ...]],
    place: Callable[[Product], tuple[Any, ...]],
) -> list[_Found]:
    """The files of one family by key; within a group by place."""
    groups: dict[tuple[str, ...], _Found] = {}
    for path in paths:
        try:
            product = parse(path)
        except ValueError:
            continue
        if product.family == family:
            groups.setdefault(key(product), []).append((os.fspath(path), product))
    return [
        sorted(groups[each], key=lambda file: (place(file[1]), file[0])) for each in sorted(groups)
    ]


def _columns(found: _Found) -> tuple[tuple[str, ...], tuple[Product, ...]]:
    return tuple(path for path, _ in found), tuple(product for _, product in found)


def _detector(p: Product) -> str:
    return standard_detector(p.detector or "")


def _place(detector: str) -> tuple[int, str]:
    return _ORDER.get(detector, len(_ORDER)), detector


def _ordered(detectors: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(detectors), key=_place))
