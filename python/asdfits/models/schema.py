"""Schemas as JSON: what the table knows of a class, and what a user adds to one model.

The table's nodes are shared by all models and never change. A model whose schema a user extends gets
a table of its own, made of the merged JSON; everything that reads schemas then works with it alike.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .. import mapping
from ..mapping import ModelSchema, SchemaNode

__all__ = ["Found", "as_dict", "entry", "extended", "merged", "search"]

_LISTS: Final = ("allOf", "anyOf", "oneOf")
_MAPPINGS: Final = ("properties", "patternProperties")
_SCHEMAS: Final = (*_LISTS, *_MAPPINGS, "items", "additionalProperties")
# Words that a table has no use for, but a user may write.
_PROSE: Final = frozenset(
    {"$schema", "id", "title", "description", "examples", "definitions", "propertyOrder"}
)
_COLUMN: Final = ("name", "datatype", "shape", "ndim", "max_ndim", "unit")
_PLAIN: Final = frozenset(
    {
        "type",
        "fits_keyword",
        "fits_hdu",
        "ndim",
        "max_ndim",
        "default",
        "pattern",
        "minimum",
        "minItems",
        "maxItems",
        "required",
        "tag",
        "allow_extra_columns",
        "$ref",
    }
)


# -- the table's nodes as JSON ------------------------------------------------------------------


def as_dict(node: SchemaNode) -> dict[str, Any]:
    """Return a schema as JSON: the facts that the table holds, without titles and descriptions."""
    found: dict[str, Any] = {}
    for word, value in node._raw.items():
        if word in ("title", "comment"):
            continue
        if word == "enum":
            found[word] = list(node.enum or ())
        elif word == "datatype":
            found[word] = _datatype(node)
        elif word in _SCHEMAS:
            found[word] = _children(node, word, value)
        else:
            found[word] = copy.deepcopy(value)
    return found


def _datatype(node: SchemaNode) -> Any:
    columns = node.datatype
    if not isinstance(columns, tuple):
        return columns
    found = []
    for column in columns:
        facts = {key: getattr(column, key) for key in _COLUMN}
        if column.length is not None:
            facts["datatype"] = [column.datatype, column.length]
        if column.shape is not None:
            facts["shape"] = list(column.shape)
        found.append({key: value for key, value in facts.items() if value is not None})
    return found


def _children(node: SchemaNode, word: str, raw: Any) -> Any:
    if isinstance(raw, bool):
        return raw
    if word == "properties":
        return {name: as_dict(child) for name, child in (node.properties or {}).items()}
    argument = node._argument(word, raw)
    if isinstance(argument, SchemaNode):
        return as_dict(argument)
    if isinstance(argument, Mapping):
        return {name: as_dict(child) for name, child in argument.items()}
    return [as_dict(child) for child in argument]


# -- what a user adds ---------------------------------------------------------------------------


def entry(position: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that says `schema` of one dotted position."""
    found = dict(schema)
    for part in reversed(position.split(".")):
        found = {"type": "object", "properties": {part: found}}
    return found


def merged(*schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return one schema for what several say: the later ones count more, place by place.

    Properties are joined, and so are the parts of an ``allOf`` with what stands beside it.
    """
    found: dict[str, Any] = {}
    for schema in schemas:
        _merge(found, schema)
    return found


def _merge(target: dict[str, Any], schema: Any) -> None:
    if not isinstance(schema, Mapping):
        raise ValueError(f"expected a schema, found {schema!r}")
    for part in schema.get("allOf", ()):
        _merge(target, part)
    for word, value in schema.items():
        if word == "allOf":
            continue
        if word == "properties":
            properties = target.setdefault(word, {})
            for name, child in value.items():
                _merge(properties.setdefault(name, {}), child)
        elif word == "items" and isinstance(value, Mapping):
            items = target.get(word)
            target[word] = items if isinstance(items, dict) else {}
            _merge(target[word], value)
        else:
            target[word] = copy.deepcopy(value)
    if "properties" in target:
        target.setdefault("type", "object")


def extended(base: ModelSchema, schema: Mapping[str, Any]) -> ModelSchema:
    """Return the mapping of one model, whose tree has the schema `schema`.

    Parameters
    ----------
    base
        The mapping of the model's class, for all that is not in a schema.
    schema
        JSON, merged.

    Raises
    ------
    ValueError
        The schema uses a word that no model schema has, or a property cannot be an attribute.
    """
    compiler = _Compiler()
    root = compiler.node(schema, "the schema")
    table = mapping._Table(
        {
            "format": mapping.FORMAT,
            "stdatamodels": mapping.table_version(),
            "observatory": base.observatory,
            "classes": {},
            "nodes": compiler.nodes,
            "enums": compiler.enums,
            "datatypes": compiler.datatypes,
        }
    )
    found = ModelSchema(table, base.name, {"root": root, "schema_url": base.schema_url})
    for name in ("bases", "no_asdf", "no_fits", "default_dq", "default_err", "deprecated"):
        setattr(found, name, getattr(base, name))
    found.reftype, found.initial, found.hooks = base.reftype, base.initial, base.hooks
    found.primary_array = base.primary_array
    if base.primary_array in ("", "data"):
        data = found.root.child("data")
        found.primary_array = "data" if data is not None and data.has_default else ""
    return found


class _Compiler:
    """Numbers the nodes of a JSON schema as the table does."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.enums: list[list[Any]] = []
        self.datatypes: list[list[dict[str, Any]]] = []

    def node(self, schema: Any, where: str) -> int:
        if not isinstance(schema, Mapping):
            raise ValueError(f"{where}: expected a schema, found {schema!r}")
        node: dict[str, Any] = {}
        for word, value in schema.items():
            if word in _PLAIN:
                node[word] = value
            elif word in _SCHEMAS:
                node[word] = self._nested(word, value, f"{where}: {word}")
            elif word == "enum":
                node[word] = len(self.enums)
                self.enums.append(list(value))
            elif word == "datatype":
                node[word] = self._datatype(value)
            elif word == "title":
                node[word] = value
            elif word not in _PROSE and not word.startswith("blend_"):
                raise ValueError(f"{where}: {word!r} is no word of a model's schema")
        if not isinstance(node.get("type", ""), str):
            raise ValueError(f"{where}: a list of types is not known; use anyOf")
        if "fits_keyword" in node:
            prose = schema.get("title", schema.get("description", ""))
            node["comment"] = str(prose).partition("\n")[0]
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _nested(self, word: str, value: Any, where: str) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, list):
            return [self.node(each, f"{where}[{place}]") for place, each in enumerate(value)]
        if word not in _MAPPINGS:
            return self.node(value, where)
        numbers = {name: self.node(each, f"{where}.{name}") for name, each in value.items()}
        if word == "patternProperties":
            return numbers
        for name in numbers:
            # The table separates names and numbers by these.
            if re.search(r"[\s:]", name) or not name:
                raise ValueError(f"{where}: {name!r} is no name of a property")
        return " ".join(f"{name}:{number}" for name, number in numbers.items())

    def _datatype(self, datatype: Any) -> Any:
        if isinstance(datatype, str):
            return datatype
        columns = []
        for place, column in enumerate(datatype):
            facts = column if isinstance(column, Mapping) else {"datatype": column}
            facts = {"name": f"f{place}", **facts}
            columns.append({key: facts[key] for key in _COLUMN if key in facts})
        self.datatypes.append(columns)
        return len(self.datatypes) - 1


# -- searching ----------------------------------------------------------------------------------


class Found(list[tuple[str, str]]):
    """Places of a schema, each with what is known of it; prints as an indented list."""

    def __repr__(self) -> str:
        return "\n".join(f"{path}\n    {facts}" for path, facts in self)


def search(schema: ModelSchema, text: str) -> Found:
    """Return (dotted path, facts) of each place that has `text` in it, whatever the case.

    The path, the keyword, the HDU, the type and the allowed values are searched.
    """
    wanted = text.lower()
    found = Found()
    for path, node in schema.walk():
        dotted, facts = ".".join(path), ", ".join(_facts(node))
        if dotted and (wanted in dotted.lower() or wanted in facts.lower()):
            found.append((dotted, facts))
    found.sort()
    return found


def _facts(node: SchemaNode) -> Iterator[str]:
    if node.keyword is not None:
        yield f"keyword {node.keyword} of {node.hdu or 'PRIMARY'}"
    elif node.hdu is not None:
        yield f"data of {node.hdu}"
    datatype = node.datatype
    if isinstance(datatype, str):
        yield datatype
    elif datatype is not None:
        yield f"table of {' '.join(column.name for column in datatype)}"
    if node.type is not None:
        yield node.type
    for word, number in (("ndim", node.ndim), ("at most ndim", node.max_ndim)):
        if number is not None:
            yield f"{word} {number}"
    if node.enum is not None:
        yield "one of " + " ".join(map(str, node.enum))
