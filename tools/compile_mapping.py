#!/usr/bin/env python
"""Compile the schemas of the installed stdatamodels into one table of facts.

The table answers, for each model class, which tree path belongs to which FITS
header card or HDU, and what a value there may look like. It holds no prose:
titles and descriptions stay where they are.

    python tools/compile_mapping.py            write python/asdfits/mapping.asdf
    python tools/compile_mapping.py --check    compare it with a fresh compilation

Layout of the table
-------------------
``format``        version of this layout
``stdatamodels``  version of the package that was compiled
``observatory``   what every class answers for ``crds_observatory``
``classes``       class name -> root node and the facts of the class
``enums``         lists of allowed values, shared by the nodes
``datatypes``     lists of table columns, shared by the nodes
``nodes``         one object for each distinct schema node

A node uses the schema's own words. Wherever the schema has a schema inside, the
node has a node number; ``enum`` is a position in ``enums``, and ``datatype`` is a
scalar's name or a position in ``datatypes``. Children come before their parents.
``properties`` is one text, ``name:number name:number ...``: a parser would spend most
of its time on 4000 small numbers of which one model needs a sixth. Its order is
the order in which the reference walks, hence the order of cards and HDUs in a file.

The table is an ASDF file: asdfits reads it as it reads a product, so that an entry
costs nothing until it is asked for. One entry a line lets a diff be read.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 2
TABLE: Final = Path(__file__).resolve().parents[1] / "python" / "asdfits" / "mapping.asdf"

# Facts that are copied as they stand.
_PLAIN: Final = (
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
)
# Facts that hold schemas: one, a list of them, or a mapping to them.
_NESTED: Final = (
    "anyOf",
    "oneOf",
    "allOf",
    "additionalProperties",
    "patternProperties",
    "items",
    "properties",
)
# Prose, bookkeeping of the schema files, and what only the blending step of the pipeline reads.
_DROPPED: Final = frozenset(
    {
        "$schema",
        "id",
        "title",
        "description",
        "examples",
        "definitions",
        "blend_table",
        "blend_rule",
    }
)
_KNOWN: Final = frozenset({*_PLAIN, *_NESTED, "enum", "datatype"})
_COLUMN: Final = ("name", "datatype", "shape", "ndim", "max_ndim", "unit")

# What every model sets on construction, with a value of the moment or of the class.
_STAMPED: Final = frozenset({"meta.date", "meta.model_type"})
# Parents that give a model its DQ and ERR arrays.
_MIXINS: Final = ("DefaultDQMixin", "DefaultErrMixin")

Table = dict[str, Any]


class UnknownFactError(ValueError):
    """A schema holds something that the table has no place for."""


class Pool:
    """Distinct nodes, enumerations and column lists, each under a number."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.enums: list[list[Any]] = []
        self.datatypes: list[list[dict[str, Any]]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def node(self, schema: Mapping[str, Any], where: str) -> int:
        """Return the number of `schema`; `where` names it in errors."""
        if unknown := set(schema) - _KNOWN - _DROPPED:
            raise UnknownFactError(f"{where}: schema keywords {sorted(unknown)} are not known")
        if not isinstance(schema.get("type", ""), str):
            raise UnknownFactError(f"{where}: a list of types is not known")
        node = {key: schema[key] for key in _PLAIN if key in schema}
        if "datatype" in schema:
            node["datatype"] = self._datatype(schema["datatype"], where)
        if "enum" in schema:
            node["enum"] = self._intern("enum", self.enums, schema["enum"])
        for key in _NESTED:
            if key in schema:
                node[key] = self._nested(schema[key], f"{where}/{key}")
        return self._intern("node", self.nodes, node)

    def _nested(self, value: Any, where: str) -> Any:
        keyword = where.rpartition("/")[2]
        if isinstance(value, bool):
            return value
        if isinstance(value, list):
            return [self.node(each, f"{where}/{i}") for i, each in enumerate(value)]
        if keyword not in ("properties", "patternProperties"):
            return self.node(value, where)
        numbers = {name: self.node(each, f"{where}/{name}") for name, each in value.items()}
        if keyword == "patternProperties":
            return numbers
        for name, each in value.items():
            # The reference takes a property with an empty schema for an unknown one. None exists,
            # and a node without facts stands for a property of which only prose is known.
            if each == {} or not name.isidentifier():
                raise UnknownFactError(f"{where}: property {name!r} is not known")
        return " ".join(f"{name}:{number}" for name, number in numbers.items())

    def _datatype(self, datatype: Any, where: str) -> str | int:
        if isinstance(datatype, str):
            return datatype
        columns = []
        for column in datatype:
            if not isinstance(column, dict) or set(column) - {*_COLUMN, *_DROPPED}:
                raise UnknownFactError(f"{where}: column {column!r} is not known")
            columns.append({key: column[key] for key in _COLUMN if key in column})
        return self._intern("datatype", self.datatypes, columns)

    def _intern(self, kind: str, pool: list[Any], value: Any) -> int:
        key = kind, _dump(value)
        number = self._numbers.setdefault(key, len(pool))
        if number == len(pool):
            pool.append(value)
        return number


def compile_table() -> Table:
    """Compile the installed stdatamodels.

    Raises
    ------
    UnknownFactError
        A schema uses a word that the table cannot hold. The tool, its format and
        the readers of the table then need a decision, not a guess.
    """
    stdatamodels: Any = importlib.import_module("stdatamodels")
    datamodels: Any = importlib.import_module("stdatamodels.jwst.datamodels")
    pool = Pool()
    classes: dict[str, Any] = {}
    observatories: set[str] = set()
    for name in sorted(datamodels._defined_models):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = datamodels._defined_models[name]()
        classes[name] = _class_facts(model, datamodels)
        classes[name]["root"] = pool.node(model.schema, name)
        observatories.add(model.crds_observatory)
    (observatory,) = observatories
    return {
        "format": FORMAT,
        "stdatamodels": stdatamodels.__version__,
        "observatory": observatory,
        "classes": classes,
        "enums": pool.enums,
        "datatypes": pool.datatypes,
        "nodes": pool.nodes,
    }


def _class_facts(model: Any, datamodels: Any) -> dict[str, Any]:
    """Return what differs between classes and is not in the schema; absent means no."""
    cls = type(model)
    ancestors = [each.__name__ for each in cls.__mro__[1:]]
    initial = {
        path: value
        for path, value in model.to_flat_dict(include_arrays=False).items()
        if path not in _STAMPED and isinstance(value, str | int | float)
    }
    # A private parent is no name that a user can see: what it defines counts as the class's own.
    own = [cls] + [
        each
        for each in cls.__mro__[1:]
        if each.__module__.startswith(datamodels.__name__)
        and each.__name__ not in (*datamodels._defined_models, *_MIXINS)
    ]
    facts = {
        "bases": [each for each in ancestors if each in datamodels._defined_models],
        "schema_url": cls.schema_url,
        "primary_array": model.get_primary_array_name(),
        "no_asdf": model._no_asdf_extension,
        "no_fits": cls.to_fits is not datamodels.JwstDataModel.to_fits,
        "default_dq": _MIXINS[0] in ancestors,
        "default_err": _MIXINS[1] in ancestors,
        "deprecated": cls.__name__ in datamodels._deprecated_models,
        "reftype": getattr(cls, "reftype", None),
        "initial": initial,
        "hooks": sorted(
            {
                name
                for each in own
                for name, value in vars(each).items()
                if callable(value) or isinstance(value, property | classmethod | staticmethod)
            }
        ),
    }
    return {key: value for key, value in facts.items() if value}


def render(table: Table) -> str:
    """Return the text of `table`: ASDF with one class, enumeration or node a line."""
    lines = ["#ASDF 1.0.0", "#ASDF_STANDARD 1.5.0", "%YAML 1.1", "---"]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {name}: {_flow(entry)}" for name, entry in value.items())]
        elif isinstance(value, list):
            lines += [f"{key}:", *(f"- {_flow(entry)}" for entry in value)]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join([*lines, "...", ""])


def load(path: Path) -> Table:
    """Return the table in a file."""
    yaml: Any = importlib.import_module("yaml")
    table: Table = yaml.load(path.read_text("ascii"), yaml.CSafeLoader)
    return table


def _flow(value: Any) -> str:
    """A value as YAML in one line, texts always in quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return _dump(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][\w.]*", key) else _flow(key)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def differences(old: Table, new: Table) -> Iterator[str]:
    """Yield in words where two tables disagree, by class and path rather than by number."""
    for key in ("format", "stdatamodels", "observatory"):
        if old.get(key) != new.get(key):
            yield f"{key}: {old.get(key)!r} became {new.get(key)!r}"
    names = dict.fromkeys([*old["classes"], *new["classes"]])
    for name in names:
        before, after = old["classes"].get(name), new["classes"].get(name)
        if before is None or after is None:
            yield f"{name}: class {'added' if before is None else 'removed'}"
            continue
        for key in dict.fromkeys([*before, *after]):
            if key != "root" and before.get(key) != after.get(key):
                yield f"{name}: {key} {before.get(key)!r} became {after.get(key)!r}"
        yield from _node_differences(
            name, dict(_flat(old, before["root"])), dict(_flat(new, after["root"]))
        )
    if render(old) != render(new):
        yield "the tables differ (in sharing or in the order of entries, if nothing else is named)"


def _node_differences(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path):
            where = f"{name} at {path or 'the root'}"
            if path not in before or path not in after:
                yield f"{where}: {'added' if path not in before else 'removed'}"
            else:
                yield f"{where}: {_dump(before[path])} became {_dump(after[path])}"
    if before.keys() == after.keys() and list(before) != list(after):
        yield f"{name}: the order of properties changed"


def _flat(table: Table, number: int, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, facts) for a node and all below it, with nothing left as a number."""
    node = dict(table["nodes"][number])
    if "enum" in node:
        node["enum"] = table["enums"][node["enum"]]
    if isinstance(node.get("datatype"), int):
        node["datatype"] = table["datatypes"][node["datatype"]]
    nested = {key: node.pop(key) for key in _NESTED if not isinstance(node.get(key, True), bool)}
    yield path, node
    for key, value in nested.items():
        children: dict[Any, int]
        if isinstance(value, int):
            children = {"": value}
        elif isinstance(value, str):
            pairs = (pair.split(":") for pair in value.split())
            children = {name: int(child) for name, child in pairs}
        else:
            children = value if isinstance(value, dict) else dict(enumerate(value))
        for part, child in children.items():
            step = str(part) if key == "properties" else f"{key}[{part}]"
            yield from _flat(table, child, f"{path}.{step}" if path else step)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    parser = argparse.ArgumentParser(
        description="Compile the schemas of the installed stdatamodels into the mapping table."
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing, exit 0 or 1")
    parser.add_argument("--table", type=Path, default=TABLE, help="default: %(default)s")
    parser.add_argument("--limit", type=int, default=20, help="differences to name (default: 20)")
    options = parser.parse_args(arguments)
    table = compile_table()
    if options.check:
        if not options.table.exists():
            print(f"{options.table}: missing", file=sys.stderr)
            return 1
        found = list(differences(load(options.table), table))
        for line in found[: options.limit]:
            print(line, file=sys.stderr)
        if len(found) > options.limit:
            print(f"... and {len(found) - options.limit} more", file=sys.stderr)
        return 1 if found else 0
    text = render(table)
    options.table.write_text(text, "ascii")
    counts = ", ".join(f"{len(table[key])} {key}" for key in ("classes", "nodes", "enums"))
    print(f"{options.table}: {counts}, {len(text)} bytes, stdatamodels {table['stdatamodels']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
