"""Whether a value may stand where the schema of a model has a node.

The rules are those of JSON Schema draft 4, with the reading that asdf gives them:
an integer is any `numbers.Integral` that is not a bool, so ``3`` and ``np.int64(3)``
are integers and ``3.0`` is not; a tuple is an array; ``tag`` compares ASDF tags.
None is a value that is not there, and is valid everywhere.

>>> from asdfits import mapping
>>> exposure_type = mapping.model("ImageModel").find(["meta", "exposure", "type"])
>>> check("NRC_IMAGE", exposure_type)
>>> check(3, exposure_type)
"3 is not of type 'string'"

Element types and dimensions of data arrays are mostly an error of conversion, found where
an array is converted; what nobody converted, such as the arrays of a dict that becomes a list
item, is looked at if `arrays` asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Number, Real
from typing import Any, Final, NamedTuple

import numpy as np

from .mapping import NUMPY_CODES, Column, SchemaNode

__all__ = ["check"]

# The integers that every reader of ASDF can hold; asdf refuses to write others as text.
_LARGEST: Final = 2**63 - 1
_SMALLEST: Final = -(2**63) + 2

# Stand in headers for what is not known; when a file is written, they have any type.
_PLACEHOLDERS: Final = ("N/A", "#TODO", "")

# A message may quote a value, and a value may be long.
_LONGEST: Final = 500

# What an object that only a converter knows can become in a file.
_CONVERTED: Final = frozenset({"string", "array", "object"})
# What a transform or a WCS becomes.
_MAPPED: Final = frozenset({"object"})

_TAGS: Final[Mapping[type, str]] = {
    str: "tag:yaml.org,2002:str",
    bytes: "tag:yaml.org,2002:str",
    bool: "tag:yaml.org,2002:bool",
    int: "tag:yaml.org,2002:int",
    float: "tag:yaml.org,2002:float",
    complex: "tag:stsci.edu:asdf/core/complex-1.0.0",
    list: "tag:yaml.org,2002:seq",
    dict: "tag:yaml.org,2002:map",
    np.ndarray: "tag:stsci.edu:asdf/core/ndarray-1.1.0",
}


# What a data array is in a file, as far as rules for objects go.
_ARRAY_NODE: Final = {"source": 0, "datatype": "float64", "byteorder": "little", "shape": [0]}


# The rules of most places: the value is a text.
_TEXT: Final = (("type", "string"),)


class _Mode(NamedTuple):
    """What is checked beside the schema's rules for values."""

    writing: bool = False
    arrays: bool = False


class _Fault(NamedTuple):
    text: str
    path: tuple[str | int, ...] = ()

    def below(self, part: str | int) -> _Fault:
        return _Fault(self.text, (part, *self.path))


def check(
    value: object, node: SchemaNode, *, writing: bool = False, arrays: bool = False
) -> str | None:
    """Return what is wrong with `value` at `node`, or None.

    Parameters
    ----------
    value
        A value of a tree: scalars, dicts, lists, arrays. What any other object becomes
        in a file is decided by a converter that this module does not know: such a value
        is only invalid where nothing but a number or a boolean is valid.
    node
        The schema of the place.
    writing
        Apply the rules for writing to FITS, where ``N/A``, ``#TODO`` and the empty
        text have any type.
    arrays
        Also check element types and numbers of dimensions of data arrays. What is still
        deferred is not read for it.

    Returns
    -------
    str or None
        One line without the path of `node`. If the fault lies inside `value`, the line
        begins with the path from there: ``[0].name: 3 is not of type 'string'``.
    """
    if value is None:
        return None
    fault = _invalid(value, node, _Mode(writing, arrays)) or _unwritable(value)
    if fault is None:
        return None
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.path)
    path = "".join(steps).removeprefix(".")
    text = " ".join(fault.text.splitlines())
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + " ..."
    return f"{path}: {text}" if path else text


def _invalid(value: Any, node: SchemaNode, mode: _Mode) -> _Fault | None:
    if mode.arrays and node.is_array:
        fault = _array(value, node)
        if fault is not None:
            return fault
    rules = node.rules
    if rules == _TEXT and type(value) is str:
        return None  # most cards
    if rules is None or (isinstance(value, dict) and "$ref" in value):
        return None  # anything goes; or a link, and what it points to is not at hand
    for word, argument in rules:
        fault = _RULES[word](value, argument, node, mode)
        if fault is not None:
            return fault
    return None


def _unwritable(value: Any) -> _Fault | None:
    """Return what asdf would refuse in `value`, whatever the schema says."""
    if isinstance(value, Integral):
        if not _SMALLEST <= int(value) <= _LARGEST:
            return _Fault(f"Integer value {value} is too large to safely represent in ASDF")
    elif isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str | int):
                return _Fault(f"Mapping key {key!r} is not of type str, int or bool")
            fault = _unwritable(key) or _unwritable(each)
            if fault is not None:
                return fault.below(key)
    elif isinstance(value, list | tuple):
        return _first((index, _unwritable(each)) for index, each in enumerate(value))
    return None


def _first(found: Iterable[tuple[str | int, _Fault | None]]) -> _Fault | None:
    return next((fault.below(part) for part, fault in found if fault is not None), None)


def _types(value: Any) -> frozenset[str]:
    """Return the names of the JSON types that `value` has."""
    for python, names in _PYTHON_TYPES:
        if isinstance(value, python):
            return names
    # Python's and numpy's other types have no converter and no place in a tree.
    if isinstance(value, np.generic) or type(value).__module__ in ("builtins", "datetime"):
        return frozenset()
    rooms = (base.__module__ for base in type(value).__mro__)
    return _MAPPED if any(map(_makes_mappings, rooms)) else _CONVERTED


def _makes_mappings(room: str) -> bool:
    return room.startswith(("astropy.modeling.", "gwcs.wcs"))


# The first hit counts: bool is an int, and numpy's complex a complex.
_PYTHON_TYPES: Final[Sequence[tuple[type, frozenset[str]]]] = [
    (str, frozenset({"string"})),
    (bool, frozenset({"boolean"})),
    (Integral, frozenset({"integer", "number"})),
    (float, frozenset({"number"})),
    (dict, frozenset({"object"})),
    (list, frozenset({"array"})),
    (tuple, frozenset({"array"})),
    (np.ndarray, frozenset({"object"})),
    (np.number, frozenset({"number"})),
    (complex, frozenset({"string"})),
    (Number, frozenset({"number"})),
]


def _type(value: Any, name: str, _node: SchemaNode, mode: _Mode) -> _Fault | None:
    if name in _types(value) or (
        mode.writing and isinstance(value, str) and value in _PLACEHOLDERS
    ):
        return None
    return _Fault(f"{value!r} is not of type {name!r}")


def _enum(value: Any, allowed: Sequence[Any], _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    if isinstance(value, np.ndarray):
        equal = False
    elif isinstance(value, bool):
        equal = any(value is each for each in allowed)
    else:
        equal = any(value == each and not isinstance(each, bool) for each in allowed)
    if equal or _is_converted(value):
        return None
    return _Fault(f"{value!r} is not one of {list(allowed)!r}")


def _pattern(value: Any, pattern: str, _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    if type(value) is complex:
        value = str(value).strip("()")  # as a file spells it
    if not isinstance(value, str) or re.search(pattern, value):
        return None
    return _Fault(f"{value!r} does not match {pattern!r}")


def _minimum(value: Any, minimum: float, _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    if not isinstance(value, Real) or isinstance(value, bool) or not value < minimum:
        return None
    return _Fault(f"{value!r} is less than the minimum of {minimum!r}")


def _min_items(value: Any, least: int, _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    if not isinstance(value, list | tuple) or len(value) >= least:
        return None
    return _Fault(f"{value!r} is too short")


def _max_items(value: Any, most: int, _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    if not isinstance(value, list | tuple) or len(value) <= most:
        return None
    return _Fault(f"{value!r} is too long")


def _items(
    value: Any,
    items: SchemaNode | tuple[SchemaNode, ...],
    _node: SchemaNode,
    mode: _Mode,
) -> _Fault | None:
    if not isinstance(value, list | tuple):
        return None
    # One schema is for all items; several are for the first ones, and the rest is free.
    nodes = [items] * len(value) if isinstance(items, SchemaNode) else items
    pairs = enumerate(zip(value, nodes, strict=False))
    return _first((index, _invalid(each, node, mode)) for index, (each, node) in pairs)


def _entries(value: Any) -> dict[Any, Any] | None:
    """Return the entries of an object, None if `value` is none."""
    if isinstance(value, np.ndarray):
        return _ARRAY_NODE
    return value if isinstance(value, dict) else None


def _properties(
    value: Any, properties: Mapping[str, SchemaNode], _node: SchemaNode, mode: _Mode
) -> _Fault | None:
    entries = _entries(value)
    if entries is None:
        return None
    return _first(
        (name, _invalid(entries[name], node, mode))
        for name, node in properties.items()
        if entries.get(name) is not None
    )


def _pattern_properties(
    value: Any, patterns: Mapping[str, SchemaNode], _node: SchemaNode, mode: _Mode
) -> _Fault | None:
    entries = _entries(value)
    if entries is None:
        return None
    return _first(
        (name, _invalid(each, node, mode))
        for pattern, node in patterns.items()
        for name, each in entries.items()
        if each is not None and re.search(pattern, name)
    )


def _additional_properties(
    value: Any, allowed: bool | SchemaNode, node: SchemaNode, mode: _Mode
) -> _Fault | None:
    entries = _entries(value)
    if entries is None or allowed is True:
        return None
    patterns: Mapping[str, SchemaNode] = dict(node.rules or ()).get("patternProperties", {})
    named = node.properties or {}
    extra = {
        name: each
        for name, each in entries.items()
        if each is not None
        and name not in named
        and not any(re.search(pattern, name) for pattern in patterns)
    }
    if isinstance(allowed, SchemaNode):
        return _first((name, _invalid(each, allowed, mode)) for name, each in extra.items())
    if not extra:
        return None
    names = ", ".join(map(repr, extra))
    return _Fault(f"Additional properties are not allowed ({names})")


def _required(value: Any, names: Sequence[str], _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    entries = _entries(value)
    if entries is None:
        return None
    missing = (name for name in names if entries.get(name) is None)
    return next((_Fault(f"{name!r} is a required property") for name in missing), None)


def _all_of(
    value: Any, nodes: Sequence[SchemaNode], _node: SchemaNode, mode: _Mode
) -> _Fault | None:
    faults = (_invalid(value, each, mode) for each in nodes)
    return next((fault for fault in faults if fault is not None), None)


def _any_of(
    value: Any, nodes: Sequence[SchemaNode], _node: SchemaNode, mode: _Mode
) -> _Fault | None:
    if any(_invalid(value, each, mode) is None for each in nodes):
        return None
    return _Fault(f"{value!r} is not valid under any of the given schemas")


def _one_of(
    value: Any, nodes: Sequence[SchemaNode], node: SchemaNode, mode: _Mode
) -> _Fault | None:
    fits = sum(_invalid(value, each, mode) is None for each in nodes)
    if fits == 1 or (fits > 1 and _is_converted(value)):
        return None
    if fits == 0:
        return _any_of(value, nodes, node, mode)
    return _Fault(f"{value!r} is valid under more than one of the given schemas")


def _tag(value: Any, pattern: str, _node: SchemaNode, _mode: _Mode) -> _Fault | None:
    if _is_converted(value):
        return None
    tag = next((_TAGS[each] for each in type(value).__mro__ if each in _TAGS), "no tag")
    if _tag_pattern(pattern).fullmatch(tag):
        return None
    return _Fault(f"mismatched tags, wanted {pattern!r}, got {tag!r}")


def _is_converted(value: Any) -> bool:
    types = _types(value)
    return types is _CONVERTED or types is _MAPPED


@lru_cache
def _tag_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a tag pattern: ``*`` stops at a slash, ``**`` does not."""
    text = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return re.compile(text)


def _array(value: Any, node: SchemaNode) -> _Fault | None:
    """Return what is wrong with a data array, if it is at hand."""
    if _is_converted(value):
        return None  # deferred, or of a kind that only a converter knows
    if not isinstance(value, np.ndarray):
        if not isinstance(value, list):
            return _Fault(f"expected an array, found {value!r}")
        try:
            value = np.array(value)
        except ValueError as error:
            return _Fault(f"expected an array, found {value!r}: {error}")
    for limit, word, fits in (
        (node.ndim, "", value.ndim == node.ndim),
        (node.max_ndim, "at most ", value.ndim <= (node.max_ndim or 0)),
    ):
        if limit is not None and not fits:
            return _Fault(f"found {value.ndim} dimensions, expected {word}{limit}")
    datatype = node.datatype
    if isinstance(datatype, tuple):
        return _columns(value.dtype, datatype, extra=node.allow_extra_columns)
    if datatype is None or np.can_cast(value.dtype, _numpy(datatype), "equiv"):
        return None
    return _Fault(f"found an array of {value.dtype}, expected {datatype}")


def _columns(found: np.dtype[Any], columns: Sequence[Column], *, extra: bool) -> _Fault | None:
    names = found.names or ()
    if not names:
        return _Fault(f"found an array of {found}, expected a table")
    wanted = [column.name for column in columns]
    if list(names[: len(wanted)]) != wanted or (len(names) > len(wanted) and not extra):
        return _Fault(f"found the columns {list(names)}, expected {wanted}")
    for column in columns:
        cell = found[column.name]
        if not np.can_cast(cell.base, _numpy(column.datatype, column.length), "equiv"):
            return _Fault(f"found {cell.base} in column {column.name}, expected {column.datatype}")
        least, most = column.ndim, column.max_ndim
        if (
            (least is not None and cell.ndim != least)
            or (most is not None and cell.ndim > most)
            or (column.shape is not None and cell.shape != column.shape)
        ):
            return _Fault(f"found cells of shape {cell.shape} in column {column.name}")
    return None


def _numpy(datatype: str, length: int | None = None) -> np.dtype[Any]:
    return np.dtype(f"{NUMPY_CODES[datatype]}{length or ''}")


_RULES: Final[Mapping[str, Callable[[Any, Any, SchemaNode, _Mode], _Fault | None]]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "minItems": _min_items,
    "maxItems": _max_items,
    "items": _items,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "required": _required,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "tag": _tag,
}
