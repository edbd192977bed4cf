"""The names of products: read into fields, and made from them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

from .fields import ACID, DETECTORS
from .levels import LEVELS, Basis
from .oddities import oddities
from .suffixes import ProductType, product_type, step_of, suffix_length

__all__ = ["Family", "Product", "parse"]

Family = Literal["exposure", "source", "guide star", "MSA", "association", "pool"]

_INSTRUMENTS = frozenset(DETECTORS.values())
_BASES: Mapping[str, Basis] = MappingProxyType(
    {"exposure": "exposure", "source": "source", "guide star": "guide star"}
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Product:
    """The name of a product as its fields.

    Every value is the text that stands in the name, as leading zeros count; a field that the name
    lacks is None. `dataclasses.replace` and `format` make the name of another product.

    Attributes
    ----------
    family : {'exposure', 'source', 'guide star', 'MSA', 'association', 'pool'}
        Which of the forms the name has.
    program : str
        Number of the program: ``02736``.
    observation, visit : str or None
        Numbers of the observation (3 digits) and of the visit (3 digits).
    visit_group, parallel_sequence, activity : str or None
        Visit group (2 digits), parallel sequence (1 digit, 1 is prime) and activity (2 digits to the
        base 36). Of source-based names, wavefront sensing alone has an activity: ``wfscmb-04``.
    exposure : str or None
        Number of the exposure (5 digits).
    segment : str or None
        Number of the segment (3 digits), where a long exposure is cut.
    detector : str or None
        Detector, as the name spells it: ``nrs2``.
    acid : str or None
        Association candidate: ``o007``, ``c1001``, ``a3001``.
    target : str or None
        Target: ``t001``.
    source_kind : {'s', 'b', 'v'} or None
        Real source, background slitlet, virtual slitlet.
    source_id : str or None
        Number of the source, of 9 digits or, in older files, 5.
    epoch : str or None
        Epoch (1 digit).
    instrument : str or None
        Instrument, in source-based names.
    optical_elements : str or None
        Filters, gratings, masks, slits, subarray or channels, joined by ``-``.
    guide_function : {'id', 'acq1', 'acq2', 'track', 'fg'} or None
        What the guider did.
    attempt : str or None
        Which attempt at identifying a guide star.
    time : str or None
        When guide-star data end (yyyydddhhmmss), or an association or pool was made
        (yyyymmddThhmmss, with a small t).
    configuration : str or None
        Number of the MSA configuration (2 digits).
    asn_type : str or None
        Type of an association: ``spec3``.
    sequence : str or None
        Number of an association.
    inserted : str or None
        Fields that no form has, before the suffix and its association candidate.
    suffix : str
        Type of the product: ``cal``.
    extension : str
        ``fits``, ``ecsv``, ``json`` …, empty if there is none.
    gz : bool
        Whether ``.gz`` follows.
    """

    family: Family
    program: str
    observation: str | None = None
    visit: str | None = None
    visit_group: str | None = None
    parallel_sequence: str | None = None
    activity: str | None = None
    exposure: str | None = None
    segment: str | None = None
    detector: str | None = None
    acid: str | None = None
    target: str | None = None
    source_kind: str | None = None
    source_id: str | None = None
    epoch: str | None = None
    instrument: str | None = None
    optical_elements: str | None = None
    guide_function: str | None = None
    attempt: str | None = None
    time: str | None = None
    configuration: str | None = None
    asn_type: str | None = None
    sequence: str | None = None
    inserted: str | None = None
    suffix: str
    extension: str = "fits"
    gz: bool = False

    def format(self) -> str:
        """Return the name.

        Raises
        ------
        ValueError
            No name has these fields, or it would be read as others.
        """
        name = _joined(self)
        again = parse(name)
        if again != self:
            wrong = next(
                field for field in _FIELDS if getattr(again, field) != getattr(self, field)
            )
            raise ValueError(
                f"{name}: {wrong} would be read as {getattr(again, wrong)!r}, "
                f"not as {getattr(self, wrong)!r}"
            )
        return name

    def __str__(self) -> str:
        return _joined(self)

    def __repr__(self) -> str:
        given = ((field, getattr(self, field)) for field in _FIELDS)
        return f"Product({', '.join(f'{field}={value!r}' for field, value in given if value)})"

    @property
    def basis(self) -> Basis | None:
        """What one file is made from: an exposure, a source or target, a guide star."""
        return _BASES.get(self.family)

    @property
    def product_type(self) -> ProductType | None:
        """The row of `TYPES`; None where the suffix is none of a product of this basis."""
        return None if self.basis is None else product_type(self.suffix.lower(), self.basis)

    @property
    def level(self) -> str | None:
        """Data-processing level: ``2b``; a key of `LEVELS`."""
        return None if self.product_type is None else self.product_type.level

    @property
    def stage(self) -> int | None:
        """Stage of the pipeline, 0 to 3; what is made within a stage, as level 2c, counts to it."""
        return None if self.level is None else LEVELS[self.level].stage

    @property
    def mast_level(self) -> int | None:
        """Calibration level in the archive."""
        return None if self.level is None else LEVELS[self.level].mast_level

    @property
    def pipelines(self) -> tuple[str, ...]:
        """Pipelines that write such a product."""
        return () if self.product_type is None else self.product_type.pipelines

    @property
    def modes(self) -> tuple[str, ...]:
        """Observing modes that have such a product."""
        return () if self.product_type is None else self.product_type.modes

    @property
    def models(self) -> tuple[str, ...]:
        """Model classes that such a product opens as, the usual one first."""
        return () if self.product_type is None else self.product_type.models

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the data, the usual one first."""
        return () if self.product_type is None else self.product_type.units

    @property
    def layout(self) -> str | None:
        """The suffix whose HDUs the product has: ``cal`` for ``crf``, ``calints`` for ``crfints``."""
        return None if self.product_type is None else self.product_type.layout

    @property
    def step(self) -> str | None:
        """The step after which the product was saved, where the suffix names one."""
        return None if self.product_type else step_of(self.suffix.lower())

    @property
    def group_id(self) -> str | None:
        """What the detectors of one exposure share: ``jw02736007001_03103_00003``."""
        return _exposure_root(self) if self.family == "exposure" else None

    @property
    def source(self) -> str | None:
        """Target, source and epoch as they stand in the name: ``t002-s000000001``, ``s06355``."""
        source = f"{self.source_kind}{self.source_id}" if self.source_kind else None
        epoch = f"epoch{self.epoch}" if self.epoch is not None else None
        return "-".join(part for part in (self.target, source, epoch) if part is not None) or None

    @property
    def odd(self) -> tuple[str, ...]:
        """What differs from a name that the archive gives, a sentence each."""
        return tuple(oddities(self))


_FIELDS = tuple(field.name for field in fields(Product))


def _exposure_root(p: Product) -> str:
    activity = f"{p.visit_group}{p.parallel_sequence}{p.activity}"
    return f"jw{p.program}{p.observation}{p.visit}_{activity}_{p.exposure}"


def _joined(p: Product) -> str:
    """The name of these fields, whether or not they make one."""
    segment = "" if p.segment is None else f"-seg{p.segment}"
    last = p.suffix
    parts: list[str | None]
    match p.family:
        case "exposure":
            parts = [f"{_exposure_root(p)}{segment}", p.detector, p.inserted, p.acid]
        case "source":
            parts = [
                f"jw{p.program}-{p.acid}",
                p.source,
                p.instrument,
                p.optical_elements,
                p.inserted,
            ]
            last = p.suffix if p.activity is None else f"{p.suffix}-{p.activity}"
        case "guide star":
            when = p.time if p.attempt is None else p.attempt
            root = f"jw{p.program}{p.observation}{p.visit}_gs-{p.guide_function}"
            parts = [root, f"{when}{segment}", p.inserted]
        case "MSA":
            parts = [f"jw{p.program}{p.observation}{p.visit}", p.configuration]
        case "association":
            parts = [f"jw{p.program}-{p.acid}", p.time, p.asn_type, p.sequence]
        case "pool":
            parts = [f"jw{p.program}", p.time]
    stem = "_".join(part for part in (*parts, last) if part is not None)
    return f"{stem}{'.' if p.extension else ''}{p.extension}{'.gz' if p.gz else ''}"


# -- reading ------------------------------------------------------------------------------------

_ENDING = re.compile(r"(.*?)(?:\.([A-Za-z][A-Za-z0-9]*))?(\.gz)?", re.DOTALL)
_DIGITS = re.compile(r"[0-9]+")
_ALNUM = re.compile(r"[0-9A-Za-z]+")
_HEAD = re.compile(r"jw([0-9]+)(?:-(.+))?")
_ACTIVITY = re.compile(r"([0-9]{2})([0-9])([0-9A-Za-z]{2})")
# An exposure number, or one with something else than a segment joined to it.
_EXPOSURE = re.compile(r"([0-9]+)(?:-seg([0-9]{3}))?|([0-9]+-.+)")
_GUIDE = re.compile(r"gs-(id|acq1|acq2|track|fg)")
_GUIDE_WHEN = re.compile(r"([0-9]+)(?:-seg([0-9]{3}))?")
_LOOSE_ACID = re.compile(r"[ocar][0-9]+(?:-.+)?")
_SOURCE = re.compile(r"(?:(t[0-9]+)(?:-([sbv])([0-9]+))?|([sbv])([0-9]+))(?:-epoch([0-9]))?")
_ASN_TIME = re.compile(r"[0-9]{8}t[0-9]{6}")
# The activity of wavefront sensing.
_WITH_ACTIVITY = re.compile(r"(wfscmb)-([0-9a-z]{2})")


def parse(name: str | os.PathLike[str]) -> Product:
    """Read the name of a JWST product.

    Names that the archive would not give, but that can be read, are: with fields inserted by a user,
    an upper-case detector, an unknown suffix, the name of a step as suffix. `Product.odd` says what
    is odd. Nothing is looked up in the file system.

    Parameters
    ----------
    name : str or path-like
        The name of a file, or a path or URL that ends with it.

    Returns
    -------
    Product
        Its fields. ``parse(name).format() == name`` for each name that can be read.

    Raises
    ------
    ValueError
        It is no such name. The message says what was found and what was expected.

    Examples
    --------
    >>> product = parse("jw02736007001_03103_00003_nrs2_cal.fits")
    >>> product.detector, product.level, product.stage, product.group_id
    ('nrs2', '2b', 2, 'jw02736007001_03103_00003')
    >>> from dataclasses import replace
    >>> replace(product, suffix="rate").format()
    'jw02736007001_03103_00003_nrs2_rate.fits'
    """
    text = os.fspath(name)
    if not isinstance(text, str):
        raise TypeError(f"found a name of type {type(text).__name__}, expected text")
    text = os.path.basename(text)
    ending = _ENDING.fullmatch(text)
    assert ending is not None  # everything in it is optional
    stem, extension, gz = ending.groups()
    head, *rest = stem.split("_")
    found = _HEAD.fullmatch(head)
    if found is None:
        raise _fault(text, head, "'jw' and the number of a program")
    if not rest or not rest[-1]:
        raise _fault(text, stem, "fields joined by '_', the last one a suffix")
    digits, acid = found.groups()
    given: dict[str, str | None] = {}
    if acid is not None:
        read = _read_association if _is_association(rest) else _read_source
        family = read(text, acid, rest, given)
        given["program"] = digits
    elif rest[-1] == "pool" and len(rest) <= 2:
        family = _read_pool(text, rest, given)
        given["program"] = digits
    elif len(digits) != 11:
        raise _fault(
            text,
            head,
            "'jw' and 11 digits (program, observation, visit), or a program of 5 digits, '-' and an "
            "association candidate",
        )
    else:
        given |= {"program": digits[:5], "observation": digits[5:8], "visit": digits[8:]}
        family = _visit_reader(rest)(text, rest, given)
    return Product(family=family, extension=extension or "", gz=gz is not None, **given)  # type: ignore[arg-type]


def _fault(name: str, found: str, expected: str) -> ValueError:
    return ValueError(f"{name}: found {found!r}, expected {expected}")


_Given = dict[str, str | None]


def _visit_reader(rest: Sequence[str]) -> Callable[[str, list[str], _Given], Family]:
    """Which of the forms that start with program, observation and visit."""
    if rest[0].startswith("gs-"):
        return _read_guide_star
    if rest[-1] == "msa" and len(rest) == 2:
        return _read_msa
    return _read_exposure


def _read_exposure(name: str, rest: list[str], given: _Given) -> Family:
    activity = _ACTIVITY.fullmatch(rest[0])
    if activity is None:
        raise _fault(
            name,
            rest[0],
            "visit group (2 digits), parallel sequence (1 digit) and activity (2 of 0-9 and a-z)",
        )
    given |= zip(("visit_group", "parallel_sequence", "activity"), activity.groups(), strict=True)
    number = rest[1] if len(rest) > 1 else ""
    exposure = _EXPOSURE.fullmatch(number)
    if exposure is None:
        raise _fault(name, number, "the number of an exposure (5 digits)")
    given |= {"exposure": exposure[1] or exposure[3], "segment": exposure[2]}
    if len(rest) < 4:
        raise _fault(name, "_".join(rest[2:]), "a detector and a suffix")
    if not _ALNUM.fullmatch(rest[2]):
        raise _fault(name, rest[2], "a detector")
    given["detector"] = rest[2]
    before = _take_suffix(rest[3:], "exposure", given)
    if before and ACID.fullmatch(before[-1]):
        given["acid"] = before.pop()
    given["inserted"] = "_".join(before) if before else None
    return "exposure"


def _read_source(name: str, acid: str, rest: list[str], given: _Given) -> Family:
    if _LOOSE_ACID.fullmatch(acid) is None:
        raise _fault(name, acid, "an association candidate such as 'o001', 'c1001' or 'a3001'")
    given["acid"] = acid
    source = _SOURCE.fullmatch(rest[0])
    if source is not None:
        target, kind, number, lone_kind, lone_number, epoch = source.groups()
        given |= {"target": target, "epoch": epoch}
        given |= {"source_kind": kind or lone_kind, "source_id": number or lone_number}
        rest = rest[1:]
    instrument = rest[0] if rest else ""
    if instrument.lower() not in _INSTRUMENTS:
        wanted = "an instrument" if source else "a target, a source or an instrument"
        raise _fault(name, instrument, wanted)
    if len(rest) < 2:
        raise _fault(name, instrument, "a suffix after the instrument")
    given["instrument"] = instrument
    with_activity = _WITH_ACTIVITY.fullmatch(rest[-1])
    if with_activity is not None:
        given["suffix"], given["activity"] = with_activity.groups()
        before = rest[1:-1]
    else:
        before = _take_suffix(rest[1:], "source", given)
    if before:
        given["optical_elements"] = before.pop(0)
    given["inserted"] = "_".join(before) if before else None
    return "source"


def _take_suffix(rest: list[str], basis: Basis, given: _Given) -> list[str]:
    """Note the suffix; return the fields before it."""
    at = len(rest) - suffix_length(rest, basis)
    given["suffix"] = "_".join(rest[at:])
    return rest[:at]


def _read_guide_star(name: str, rest: list[str], given: _Given) -> Family:
    function = _GUIDE.fullmatch(rest[0])
    if function is None:
        raise _fault(name, rest[0], "'gs-' and one of id, acq1, acq2, track, fg")
    given["guide_function"] = function[1]
    when = _GUIDE_WHEN.fullmatch(rest[1]) if len(rest) > 2 else None
    if when is None:
        raise _fault(name, "_".join(rest[1:]), "the number of an attempt or a time, and a suffix")
    given["attempt" if function[1] == "id" else "time"] = when[1]
    given["segment"] = when[2]
    before = _take_suffix(rest[2:], "guide star", given)
    given["inserted"] = "_".join(before) if before else None
    return "guide star"


def _read_msa(name: str, rest: list[str], given: _Given) -> Family:
    if not _DIGITS.fullmatch(rest[0]):
        raise _fault(name, rest[0], "the number of an MSA configuration (2 digits)")
    given |= {"configuration": rest[0], "suffix": "msa"}
    return "MSA"


def _is_association(rest: Sequence[str]) -> bool:
    """Tell whether the fields after the candidate are those of an association."""
    return rest[-1] == "asn" and not (_SOURCE.fullmatch(rest[0]) or rest[0].lower() in _INSTRUMENTS)


def _read_association(name: str, acid: str, rest: list[str], given: _Given) -> Family:
    if _LOOSE_ACID.fullmatch(acid) is None:
        raise _fault(name, acid, "an association candidate such as 'o001', 'c1001' or 'a3001'")
    given |= {"acid": acid, "suffix": "asn"}
    middle = rest[:-1]
    if middle and _ASN_TIME.fullmatch(middle[0]):
        given["time"] = middle.pop(0)
    if len(middle) > 1 and _DIGITS.fullmatch(middle[-1]):
        given["sequence"] = middle.pop()
    if not middle:
        raise _fault(name, "_".join(rest), "the type of the association, such as 'image3'")
    given["asn_type"] = "_".join(middle)
    return "association"


def _read_pool(name: str, rest: list[str], given: _Given) -> Family:
    if len(rest) == 2:
        if _ASN_TIME.fullmatch(rest[0]) is None:
            raise _fault(name, rest[0], "a time (yyyymmddthhmmss)")
        given["time"] = rest[0]
    given["suffix"] = "pool"
    return "pool"
