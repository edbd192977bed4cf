"""The columns of a catalogue: what they are called, what they hold and of which type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from .. import mapping
from ..mapping import ITEM, SchemaNode
from ..products import names

__all__ = ["DEFAULT", "Column", "Kind", "Type", "columns_of"]

Type = Literal["text", "integer", "float", "logical", "time"]

Kind = Literal["own", "name", "product", "file", "model"]
"""Where a value comes from: scanning itself, the name, what the product is, the file, a model."""

DEFAULT: Final = "default"
"""Stands among the names of columns for the default ones."""

# What every catalogue has, first and last.
_FIRST: Final = ("path", "size", "mtime")
_LAST: Final = ("error", "warnings")

_OWN: Final[Mapping[str, Type]] = MappingProxyType(
    {"path": "text", "size": "integer", "mtime": "time", "error": "text", "warnings": "text"}
)

_PRODUCT: Final[Mapping[str, Type]] = MappingProxyType(
    {"level": "text", "stage": "integer", "mast_level": "integer"}
)

# Column -> what the core calls it, with words, and its type.
_FACTS: Final[Mapping[str, tuple[str, tuple[str, ...], Type]]] = MappingProxyType(
    {
        "class": ("class", (), "text"),
        "format": ("format", (), "text"),
        "hash": ("hash", (), "text"),
        "hdus": ("hdus", (), "integer"),
        "shape": ("shape", ("SCI",), "text"),
        "sci": ("count", ("SCI",), "integer"),
    }
)

# Short names of paths.
_SHORT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "instrument": "meta.instrument.name",
        "detector": "meta.instrument.detector",
        "channel": "meta.instrument.channel",
        "band": "meta.instrument.band",
        "filter": "meta.instrument.filter",
        "pupil": "meta.instrument.pupil",
        "grating": "meta.instrument.grating",
        "exp_type": "meta.exposure.type",
        "start": "meta.exposure.start_time",
        "exposure_time": "meta.exposure.exposure_time",
        "integrations": "meta.exposure.nints",
        "groups": "meta.exposure.ngroups",
        "readout": "meta.exposure.readpatt",
        "subarray": "meta.subarray.name",
        "program": "meta.observation.program_number",
        "observation": "meta.observation.observation_number",
        "visit": "meta.observation.visit_number",
        "date_obs": "meta.observation.date",
        "time_obs": "meta.observation.time",
        "target": "meta.target.catalog_name",
        "proposer_target": "meta.target.proposer_name",
        "ra": "meta.target.ra",
        "dec": "meta.target.dec",
        "s_region": "meta.wcsinfo.s_region",
        "date": "meta.date",
        "cal_version": "meta.calibration_software_version",
        "crds_context": "meta.ref_file.crds.context_used",
    }
)

_NAME: Final = (
    "name.family",
    "name.program",
    "name.observation",
    "name.visit",
    "name.exposure",
    "name.segment",
    "name.detector",
    "name.acid",
    "name.source",
    "name.instrument",
    "name.optical_elements",
    "name.suffix",
    "name.group_id",
)

# In the order in which a reader wants them.
_DEFAULTS: Final = (*_NAME, "level", "stage", "class", *_SHORT, "shape", "sci", "hdus", "hash")

_NAME_FIELDS: Final = frozenset(field.name for field in fields(names.Product))
_NAME_FACTS: Final = frozenset({*_NAME_FIELDS, "basis", "step", "group_id", "source"})

_TYPES: Final[Mapping[str, Type]] = MappingProxyType(
    {"string": "text", "integer": "integer", "number": "float", "boolean": "logical"}
)

# Cards whose type the standard gives (FITS 4.0 §4.4.1, §4.4.2.5).
_INTEGERS: Final = frozenset(
    ["BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "TFIELDS", "EXTVER", "EXTLEVEL", "BLANK"]
)
_FLOATS: Final = frozenset(["BSCALE", "BZERO", "DATAMAX", "DATAMIN"])


class Column(NamedTuple):
    """One column.

    Attributes
    ----------
    name : str
        As the user names it.
    kind : str
        Where its values come from.
    word, words : str and tuple of str
        What the core, or the name, calls it.
    type : str
        ``text``, ``integer``, ``float``, ``logical`` or ``time``.
    """

    name: str
    kind: Kind
    word: str
    words: tuple[str, ...]
    type: Type


def columns_of(named: Iterable[str] | None) -> tuple[Column, ...]:
    """Return the columns of a catalogue.

    Parameters
    ----------
    named
        Names of columns, `DEFAULT` for the default ones among them; None for these alone. ``path``,
        ``size``, ``mtime``, ``error`` and ``warnings`` are there in any case.

    Raises
    ------
    ValueError
        There is no such column.
    """
    if isinstance(named, str):
        named = named.split(",")
    found: dict[str, Column] = {}
    for name in (DEFAULT,) if named is None else named:
        for each in _DEFAULTS if name == DEFAULT else (name.strip(),):
            found[each] = _column(each)
    order = (*_FIRST, *(name for name in found if name not in _OWN), *_LAST)
    return tuple(found.get(name) or _column(name) for name in order)


def _column(name: str) -> Column:
    if name in _OWN:
        return Column(name, "own", name, (), _OWN[name])
    if name in _PRODUCT:
        return Column(name, "product", name, (), _PRODUCT[name])
    if name in _FACTS:
        return Column(name, "file", *_FACTS[name])
    if name.startswith("name."):
        fact = name.removeprefix("name.")
        if fact not in _NAME_FACTS:
            known = ", ".join(sorted(_NAME_FACTS))
            raise ValueError(f"{name}: no field of a name is called {fact!r}; there are {known}")
        return Column(name, "name", fact, (), "logical" if fact == "gz" else "text")
    if ":" in name:
        return _card(name)
    path = _SHORT.get(name, name)
    if not all(path.split(".")) or ("." not in path and not _nodes(path)):
        raise ValueError(
            f"{name!r} is no column: expected one of {', '.join((*_OWN, *_DEFAULTS))}, name.FIELD, "
            "a path such as meta.exposure.type, or HDU:KEYWORD"
        )
    return _path(name, path)


def _card(name: str) -> Column:
    """The column of a card: `SCI,2:BUNIT`, `PRIMARY:DATE`, `0:DATE`."""
    place, _, keyword = name.rpartition(":")
    hdu, _, version = (part.strip().upper() for part in place.partition(","))
    keyword = keyword.strip().upper()
    if not keyword or not hdu or (version and not _is_integer(version)):
        raise ValueError(f"{name!r} is no card: expected HDU:KEYWORD or HDU,EXTVER:KEYWORD")
    if hdu.isdigit() and not version:
        return Column(name, "file", "number", (hdu, keyword), _card_type(None, keyword))
    words = (hdu, version, keyword) if version else (hdu, keyword)
    return Column(name, "file", "card", words, _card_type(hdu, keyword))


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdigit()


def _path(name: str, path: str) -> Column:
    parts = tuple(path.split("."))
    nodes = _nodes(path)
    type_ = _joint(kind for node in nodes for kind in node.types())
    if path == "meta.model_type":
        return Column(name, "file", "model", parts, "text")
    if path == "meta.filename":
        return Column(name, "file", "name", parts, "text")
    whole = any(node.is_array or node.container for node in nodes)
    if whole or parts[0] in ("history", "extra_fits"):
        return Column(name, "model", path, parts, "text")
    return Column(name, "file", "path", parts, type_)


@cache
def _nodes(path: str) -> tuple[SchemaNode, ...]:
    """What the schemas say of a path, those of all classes where the common one says nothing."""
    steps = [int(part) if part.isdecimal() else part for part in path.split(".")]
    common = mapping.model("JwstDataModel").find(steps)
    if common is not None:
        return (common,)
    found = (mapping.model(name).find(steps) for name in mapping.class_names())
    return tuple({node.number: node for node in found if node is not None}.values())


@cache
def _card_type(hdu: str | None, keyword: str) -> Type:
    """The type of a card's values: of the standard, or what the schemas say."""
    if keyword in _INTEGERS or keyword.removeprefix("NAXIS").isdigit():
        return "integer"
    if keyword in _FLOATS:
        return "float"
    rows = (row for name in mapping.class_names() for row in mapping.model(name).keywords)
    nodes = {
        row.node.number: row.node
        for row in rows
        if row.keyword.upper() == keyword and hdu in (None, row.hdu)
    }
    return _joint(kind for node in nodes.values() for kind in node.types())


def _joint(kinds: Iterable[str]) -> Type:
    """The type that holds values of all kinds: text, if they are of several."""
    found = {_TYPES.get(kind, "text") for kind in kinds}
    if found == {"integer", "float"}:
        return "float"
    return found.pop() if len(found) == 1 else "text"


def pattern_of(words: Iterable[str]) -> tuple[tuple[str, ...], int | None]:
    """Return a path as the mapping spells it, and the first position in a list on it."""
    parts = tuple(words)
    item = next((int(part) for part in parts if part.isdecimal()), None)
    return tuple(ITEM if part.isdecimal() else part for part in parts), item
