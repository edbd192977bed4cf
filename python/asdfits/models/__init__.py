"""The model classes: one for each name in the mapping, made when it is asked for.

Only what a class really does differently has code, in the base module; the rest is schema.
"""

from __future__ import annotations

import threading
from typing import Final

from .. import mapping
from .base import DataModel, JwstDataModel
from .nodes import ListNode, ObjectNode

__all__ = ["DataModel", "JwstDataModel", "ListNode", "ObjectNode", "model_class"]

_classes: Final[dict[str, type[JwstDataModel]]] = {"JwstDataModel": JwstDataModel}
_lock: Final = threading.RLock()


def model_class(name: str) -> type[JwstDataModel]:
    """Return the class of models named `name`, such as ``ImageModel``.

    Raises
    ------
    KeyError
        The mapping has no class of this name.
    """
    found = _classes.get(name)
    if found is None:
        with _lock:
            found = _classes.get(name) or _made(name)
    return found


def _made(name: str) -> type[JwstDataModel]:
    schema = mapping.model(name)
    # The bases of a base stand behind it in the list; Python asks for the nearest ones alone.
    nearest = [
        base
        for base in schema.bases
        if not any(mapping.is_subclass(other, base) for other in schema.bases if other != base)
    ]
    bases = tuple(model_class(base) for base in nearest) or (JwstDataModel,)
    body = {"_model_name": name, "__doc__": _doc(schema), "__module__": "asdfits"}
    made = type(name, bases, body)
    _classes[name] = made
    return made


def _doc(schema: mapping.ModelSchema) -> str:
    """A docstring that names the arrays of the class."""
    lines = [f"A data model of class {schema.name}.", ""]
    if schema.arrays:
        lines += ["Attributes", "----------"]
        for row in schema.arrays:
            kind = row.node.datatype if isinstance(row.node.datatype, str) else "table"
            lines.append(f"{row.dotted.replace('.*', '[i]')} : {kind or 'array'}, HDU {row.hdu}")
    return "\n".join(lines)
