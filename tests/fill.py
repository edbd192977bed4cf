"""Models of stdatamodels with a value in every place that their schema names.

Everything is drawn from a generator that is seeded by the name of the class: two runs make the same
model. The schema alone says what is valid, so that a class new in the reference is filled as well.
"""

from __future__ import annotations

import datetime
import math
import re
import string
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from asdf.tags.core import HistoryEntry, Software
from asdf.tags.core.ndarray import asdf_datatype_to_numpy_dtype
from stdatamodels import properties

ROWS = 3
ITEMS = 3

# Parts of a tree that the library makes itself, or that `filled` makes by hand.
_BY_HAND = ("asdf_library", "extra_fits", "history")

# Texts that a card cannot take as they come: quotes, slashes, blanks at either end, a second card.
_TEXTS = (
    "O'Brien's / not a comment",
    " blanks at both ends  ",
    "",
    "long " * 24 + "text",
    "word" * 30,
    "3.5",
)


def filled(model_class: Any, *, history: bool = False, seed: int = 0) -> Any:
    """Return a model of `model_class` in which every keyword, array and list has a value.

    With `history`, it has entries with time and software too.
    """
    schema = model_class().schema
    filler = _Filler(model_class.__name__, seed)
    tree = {
        name: value
        for name, part in schema.get("properties", {}).items()
        if name not in _BY_HAND and (value := filler.value(part, (name,))) is not None
    }
    filler.add_what_no_schema_knows(tree)
    if history:
        tree["history"] = {"entries": _history()}
    model = model_class(tree)
    model.meta.date = "2024-05-06T07:08:09.123"
    return model


class _Filler:
    def __init__(self, name: str, seed: int) -> None:
        self.rng = np.random.default_rng([seed, zlib.crc32(name.encode())])

    def chance(self, one_in: int) -> bool:
        return bool(self.rng.integers(one_in) == 0)

    def choice(self, values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    # -- scalars and branches --------------------------------------------------------------------

    def value(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        """Return a valid value; None for what only software makes, such as a WCS."""
        schema = self.plain(schema)
        if "datatype" in schema or "ndim" in schema or "max_ndim" in schema:
            # An array that has no HDU of its own cannot be written.
            return self.array(schema, path) if "fits_hdu" in schema else None
        if "tag" in schema:
            return self.array(schema, path) if "/core/ndarray-" in schema["tag"] else None
        if "enum" in schema:
            return self.choice(schema["enum"])
        kind = schema.get("type")
        if "properties" in schema:
            pairs = (
                (name, self.value(part, (*path, name)))
                for name, part in schema["properties"].items()
            )
            return {name: value for name, value in pairs if value is not None}
        if kind == "array":
            return self.items(schema, path)
        if kind == "object":
            return {"free": self.text(), "form": self.number()}
        if kind == "boolean":
            return bool(self.rng.integers(2))
        if kind == "integer":
            return self.integer(schema)
        if kind == "number":
            return self.integer(schema) if self.chance(8) else self.number()
        if kind == "string":
            return self.matching(schema["pattern"]) if "pattern" in schema else self.text()
        # A card of any type.
        return (
            self.choice([self.text(), self.number(), 7])
            if "fits_keyword" in schema
            else self.text()
        )

    def plain(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return a schema with one of its alternatives taken."""
        merged = dict(schema)
        if any("datatype" in part for part in schema.get("anyOf", [])):
            merged.pop("fits_hdu", None)  # the reference looks for it beside the datatype
        for word in ("anyOf", "oneOf"):
            if word in merged:
                merged.update(self.plain(self.choice(merged.pop(word))))
        for part in merged.pop("allOf", []):
            merged.update(self.plain(part))
        return merged

    def items(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> list[Any]:
        items = schema.get("items", {"type": "number"})
        if isinstance(items, list):
            return [self.value(item, path) for item in items]
        count = min(max(ITEMS, schema.get("minItems", 0)), schema.get("maxItems", ITEMS))
        return [self.value(items, path) for _ in range(count)]

    def integer(self, schema: Mapping[str, Any]) -> int:
        least = int(schema.get("minimum", -10))
        return least + int(self.rng.integers(10 ** int(self.rng.integers(1, 12))))

    def number(self) -> float:
        # A card holds 20 characters of it, the tree all of it.
        return float(self.rng.normal() * 10.0 ** int(self.rng.integers(-12, 13)))

    def text(self, longest: int = 12) -> str:
        if self.chance(8) and longest == 12:
            return str(self.choice(_TEXTS))
        letters = self.rng.integers(
            len(string.ascii_letters), size=self.rng.integers(1, longest + 1)
        )
        return "".join(string.ascii_letters[place] for place in letters)

    def matching(self, pattern: str) -> str:
        """Return a text for one of the patterns of the schemas: names, each with a bar behind it."""
        names = re.fullmatch(r"\^\(\((.*)\)\\s\*\\\|\\s\*\)\+\$", pattern)
        found = "".join(f"{self.choice(names[1].split('|'))}|" for _ in range(2)) if names else "a"
        found = found.replace("\\ ", " ")
        if not re.search(pattern, found):
            raise ValueError(f"no text is known for the pattern {pattern}")
        return found

    # -- arrays ----------------------------------------------------------------------------------

    def array(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        datatype = schema.get("datatype", "float32")
        if isinstance(datatype, list) and isinstance(datatype[0], Mapping):
            made = self.table(datatype, path, extra=schema.get("allow_extra_columns", False))
        else:
            ndim = schema.get("ndim", schema.get("max_ndim", 2))
            made = self.numbers(asdf_datatype_to_numpy_dtype(datatype), (2, 3, 4, 5)[-ndim:])
        return properties._cast(made, schema)

    def table(self, columns: list[dict[str, Any]], path: tuple[str, ...], *, extra: bool) -> Any:
        fields = []
        for column in columns:
            open_shape = (2, 3, 2)[: column.get("ndim", column.get("max_ndim", 0))]
            shape = tuple(column.get("shape", open_shape))
            fields.append((column["name"], asdf_datatype_to_numpy_dtype(column["datatype"]), shape))
        if extra:
            fields.append(("not_in_schema", np.dtype("f8"), (2,)))
        table = np.zeros(ROWS, np.dtype([(n, d.newbyteorder("="), s) for n, d, s in fields]))
        for name, dtype, shape in fields:
            table[name] = self.numbers(dtype, (ROWS, *shape))
        if path[-1] == "dq_def":
            # The flags of the array beside it are translated by this table.
            table["NAME"] = [b"DO_NOT_USE", b"JUMP_DET", b"NO_SUCH_FLAG"]
            table["VALUE"] = [2, 4, 1]
        return table

    def numbers(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
        """Values of every size that the type can hold, and NaN."""
        size = math.prod(shape)
        if dtype.kind in "SU":
            texts = [self.text(min(dtype.itemsize, 11)) for _ in range(size)]
            return np.array(texts, dtype).reshape(shape)
        if dtype.kind == "b":
            return self.rng.integers(2, size=shape).astype(bool)
        if dtype.kind in "iu":
            span = np.iinfo(dtype)
            return self.rng.integers(
                span.min, span.max, shape, dtype.newbyteorder("="), endpoint=True
            )
        values = self.rng.normal(size=size).astype(dtype.newbyteorder("="))
        if size > 1:
            values[int(self.rng.integers(size))] = np.nan
        return values.reshape(shape)

    # -- what no schema knows --------------------------------------------------------------------

    def add_what_no_schema_knows(self, tree: dict[str, Any]) -> None:
        meta = tree.setdefault("meta", {})
        meta["not_in_schema"] = {
            "nested": {"list": [1, 2.5, "x", {"deep": True}]},
            "text": self.text(),
        }
        meta["array_not_in_schema"] = self.numbers(np.dtype("f8"), (4, 2))
        tree["table_not_in_schema"] = np.array([(1, 2.5), (3, 4.5)], [("a", "i4"), ("b", "f8")])
        tree["extra_fits"] = {
            "PRIMARY": {
                "header": [["MYOWNKEY", self.number(), "of no schema"], ["OTHERKEY", "x", ""]]
            },
            "UNKNOWN": {
                "header": [["FLAG", True, ""], ["COUNT", 5, "how many"]],
                "data": self.numbers(np.dtype("i2"), (3, 4)),
            },
            "ONLYCARDS": {"header": [["NAME", self.text(), ""]]},
        }


def _history() -> list[Any]:
    software = Software({"name": "tests", "version": "1.0", "author": "x", "homepage": "http://x"})
    when = datetime.datetime(2024, 1, 2, 3, 4, 5)
    return [
        HistoryEntry({"description": "flat fielded", "time": when, "software": software}),
        HistoryEntry({"description": "An entry longer than one card. " * 4, "time": when}),
    ]
