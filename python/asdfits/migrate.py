"""What files of older versions lack, by class: added when they are read.

The reference edits the HDUs before it looks at them. Here the columns are added to a table when it
is touched, and the cards join those that are laid over the tree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from ._core import Product
from .arrays import Table
from .mapping import ModelSchema

__all__ = ["Added", "added_cards", "added_columns", "completed", "completed_hdus"]


class Added(NamedTuple):
    """Columns of a table that older files do not have.

    Attributes
    ----------
    columns : dict
        Name -> type.
    fill : float
        The value in every row.
    like : str or None
        The column whose cells have the same shape.
    """

    columns: Mapping[str, str]
    fill: float
    like: str | None = None


# Class -> HDU -> columns. A table is an old one if it lacks the first of them.
_COLUMNS: Final[Mapping[str, Mapping[str, Added]]] = {
    "Level1bModel": {"MOVING_TARGET_POSITION": Added({"mt_v2": "f8", "mt_v3": "f8"}, math.nan)},
    "NirspecFlatModel": {"FAST_VARIATION": Added({"error": "f4"}, math.nan, "wavelength")},
    "NirspecQuadFlatModel": {"FAST_VARIATION": Added({"error": "f4"}, math.nan, "wavelength")},
    "RSCDModel": {"RSCD_GROUP_SKIP": Added({"group_skip1": "i4"}, -1)},
}

# Class -> HDU -> keyword -> its value where neither that HDU nor the primary one has it.
_CARDS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "SpecPsfModel": {"PSF": {"APERTURE": "ANY", "CENTCOL": None, "CENTROW": None, "SUBPIX": None}}
}


def completed_hdus(schema: ModelSchema) -> frozenset[str]:
    """Return the names of the HDUs that may lack something in files of older versions."""
    return frozenset([*_COLUMNS.get(schema.name, ()), *_CARDS.get(schema.name, ())])


def added_columns(product: Product, schema: ModelSchema) -> dict[int, Added]:
    """Return HDU -> columns that it lacks, for each table of an older version."""
    rules = _COLUMNS.get(schema.name)
    if rules is None:
        return {}
    found = {}
    for index, (name, _) in enumerate(product.names()):
        added = rules.get(name)
        if added is not None and product.hdu(index).kind == "BINTABLE":
            columns = {column.lower() for (column, *_), *_ in product.table(index)[2]}
            if next(iter(added.columns)) not in columns:
                found[index] = added
    return found


def added_cards(
    product: Product, schema: ModelSchema
) -> Iterator[tuple[int, int | None, int, Any, bool, bool]]:
    """Yield the cards that an older version has elsewhere, as `Product.beside` gives cards."""
    rules = _CARDS.get(schema.name, {})
    for number, row in enumerate(schema.keywords) if rules else ():
        defaults = rules.get(row.hdu, {})
        if row.keyword not in defaults or not row.in_list:
            continue
        for index, (name, version) in enumerate(product.names()):
            first = product.find(name, version) == index
            if name != row.hdu or version < 1 or not first:
                continue
            if product.value(index, row.keyword) is None:
                value = product.value(0, row.keyword)
                value = defaults[row.keyword] if value is None else value
                if value is not None:
                    yield number, version - 1, index, value, False, False


def completed(table: Any, added: Added | None) -> Any:
    """Return a table with the columns added to it."""
    if added is None or table is None:
        return table
    names = table.dtype.names
    like = next((name for name in names if name.lower() == added.like), None)
    shape = () if like is None else table.dtype[like].shape
    fields: list[Any] = [(name, table.dtype[name]) for name in names]
    fields += [(name, code, shape) for name, code in added.columns.items()]
    stored = np.asarray(table)
    whole = np.empty(stored.shape, fields)
    for name in names:
        whole[name] = stored[name]
    for name in added.columns:
        whole[name] = added.fill
    found = whole.view(Table)
    found.units = dict(getattr(table, "units", {}))
    return found
