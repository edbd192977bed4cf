"""Models of asdfits as real ones of stdatamodels, and back.

What travels is what a pickle holds: values, arrays, and what was not touched as it stands in its file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from asdf.tags.core import HistoryEntry
from stdatamodels import DataModel as TheirModel
from stdatamodels import properties
from stdatamodels.jwst import datamodels

from .. import arrays, mapping
from ..arrays import Table
from ..clone import Packer, unpacked
from ..encode import asdf_datatype, table_values
from ..file import File, Lazy
from ..lazytree import lazy, raw
from ..mapping import SchemaNode
from ..models import DataModel, model_class
from . import schemas
from .tree import RealFile, rooted

__all__ = ["from_stdatamodels", "to_stdatamodels"]

# Makes what the other side has for an array: given the array, its schema, and its path.
Converted = Callable[[Any, SchemaNode | None, tuple[str, ...]], Any]


def to_stdatamodels(model: DataModel) -> Any:
    """Return a model as the `stdatamodels.jwst.datamodels` class of the same name.

    Parameters
    ----------
    model : asdfits.DataModel
        The model. It may have been changed; the file that it came from may be gone.

    Returns
    -------
    stdatamodels.DataModel
        A model of the same values. Images are shared by both models, tables become astropy's `FITS_rec`;
        a WCS that was not touched is made when it is touched.

    Raises
    ------
    TypeError
        It is no model of asdfits, or stdatamodels has no class of this name.
    """
    name = type(model).__name__
    kind = datamodels._defined_models.get(name)
    if kind is None or not isinstance(model, DataModel):
        raise TypeError(f"found {name}, expected a model of a class that stdatamodels has")
    real = kind()
    compiled = schemas.compiled(name, real._schema)

    def table(array: Any, node: SchemaNode | None, path: tuple[str, ...]) -> Any:
        if not isinstance(array, Table):
            return array
        plain = table_values(array)
        leaf = compiled.leaves.get(path) or {"datatype": asdf_datatype(plain.dtype)}
        found = properties._cast(plain, leaf)
        for column in found.columns:
            column.unit = array.units.get(column.name)
        return found

    # Now, for hooks and defaults of the class have been at work.
    tree = _moved(model, compiled.mapping.root, RealFile, table)
    history = tree.get("history")
    if isinstance(history, dict) and isinstance(history.get("entries"), list):
        history["entries"] = [HistoryEntry(entry) for entry in history["entries"]]
    real._instance = rooted({key: lazy(value) for key, value in tree.items()}, None)
    real._asdf._tree = real._instance
    return real


def from_stdatamodels(model: Any) -> DataModel:
    """Return a real stdatamodels model as the asdfits class of the same name.

    Parameters
    ----------
    model : stdatamodels.DataModel
        The model.

    Returns
    -------
    asdfits.DataModel
        A model of the same values; images and objects are shared by both.

    Raises
    ------
    TypeError
        It is no model of stdatamodels.
    KeyError
        asdfits has no class of this name.
    """
    if not isinstance(model, TheirModel):
        raise TypeError(f"found {type(model)}, expected a model of stdatamodels")
    kind = model_class(type(model).__name__)

    def table(array: Any, node: SchemaNode | None, path: tuple[str, ...]) -> Any:
        if array.dtype.names is None:
            return array
        units = {column.name: column.unit for column in getattr(array, "columns", ())}
        found = arrays.cast(table_values(array), node).view(Table)
        found.units = {name: unit for name, unit in units.items() if unit}
        return found

    tree = _moved(model, mapping.model(kind.__name__).root, File, table)
    flags = tree.get("dq")
    found = kind(tree)
    if flags is not None:
        tree["dq"] = (
            flags  # a model that is made takes them for those of its table; they are standard
        )
    return found


def _moved(model: Any, root: SchemaNode, kind: type[File], converted: Converted) -> Any:
    """The tree of a model with what is deferred in it, for the other side."""
    packer = Packer()
    packed = packer.pack(raw(model._instance))

    def walked(value: Any, node: SchemaNode | None, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            for key, each in value.items():
                below = None if node is None else node.child(str(key))
                value[key] = walked(each, below, (*path, str(key)))
        elif isinstance(value, list):
            below = None if node is None else node.item(0)
            value[:] = [walked(each, below, (*path, mapping.ITEM)) for each in value]
        elif isinstance(value, Lazy):
            return walked(value.resolve(model), node, path)
        elif isinstance(value, np.ndarray):
            return converted(value, node, path)
        return value

    return unpacked(walked(packed, root, ()), packer.files, kind)
