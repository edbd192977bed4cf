"""Schemas of the real classes: merged once for each class, and compiled to a mapping to FITS.

stdatamodels loads, copies and merges the schema of its class for every model. Some of its code writes
into a model's schema, so each model still gets one of its own here, but as a copy of the merged one.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from asdf import schema as asdf_schema
from stdatamodels import schema as their_schema

from .. import mapping
from ..mapping import ITEM, ModelSchema
from ..models.schema import extended

__all__ = ["Compiled", "Merged", "compiled", "merge", "merged"]

Schema = dict[str, Any]

merge: Callable[[Schema], Schema] = their_schema.merge_property_trees


class Merged(Schema):
    """A schema in which nothing is left to be merged, for one model alone; nobody has written into it.

    Attributes
    ----------
    url : str
        Where it is from.
    """

    url: str


def merged(url: str) -> Merged:
    """Return the merged schema behind a URL; a new object each time."""
    packed = _packed(url)
    found = Merged(marshal.loads(packed) if packed else _load(url))
    found.url = url
    return found


def _load(url: str) -> Schema:
    return merge(asdf_schema.load_schema(url, resolve_references=True))


@lru_cache(maxsize=256)
def _packed(url: str) -> bytes:
    """A merged schema in bytes, from which copies are made; empty if it is not of JSON alone."""
    try:
        return marshal.dumps(_load(url))
    except ValueError:
        return b""


class Compiled:
    """A schema as asdfits works with it.

    Attributes
    ----------
    mapping : ModelSchema
        What it maps to FITS.
    """

    def __init__(self, name: str, schema: Schema, no_asdf: bool) -> None:
        self.mapping: ModelSchema = extended(mapping.model("JwstDataModel"), schema)
        self.mapping.name = name
        self.mapping.bases = ()
        self.mapping.no_asdf = no_asdf
        self._schema = schema

    @cached_property
    def leaves(self) -> dict[tuple[str, ...], Schema]:
        """The JSON of each place that is mapped to FITS."""
        paths = [row.path for row in self.mapping.keywords]
        paths += [row.path for row in self.mapping.arrays]
        return {path: _leaf(self._schema, path) for path in paths}


def _leaf(schema: Any, path: tuple[str, ...]) -> Schema:
    for part in path:
        if part == ITEM:
            schema = schema["items"]
        else:
            schema = schema.get("properties", {}).get(part) or schema[part]
    return dict(schema)


def compiled(name: str, schema: Schema, *, no_asdf: bool = False) -> Compiled:
    """Return a merged schema compiled for the class `name`.

    Parameters
    ----------
    name
        What the FITS keyword DATAMODL says of such models.
    schema
        JSON, merged; it is not kept.
    no_asdf
        Whether files of the class have no ASDF extension.

    Raises
    ------
    ValueError
        The schema has something that asdfits does not know.
    """
    if isinstance(schema, Merged):
        return _compiled_class(name, schema.url, no_asdf)
    # Of the formats this one is the same for equal schemas.
    return _compiled(name, marshal.dumps(schema, 2), no_asdf)


@lru_cache(maxsize=256)
def _compiled_class(name: str, url: str, no_asdf: bool) -> Compiled:
    return compiled(name, dict(merged(url)), no_asdf=no_asdf)


@lru_cache(maxsize=256)
def _compiled(name: str, packed: bytes, no_asdf: bool) -> Compiled:
    return Compiled(name, marshal.loads(packed), no_asdf)
