"""The model classes: one for each name in the mapping, made when it is asked for.

Only what a class really does differently has code, in the families; the rest is schema.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

from .. import mapping
from .base import DataModel, JwstDataModel
from .nodes import ListNode, ObjectNode

__all__ = ["DataModel", "JwstDataModel", "ListNode", "ObjectNode", "model_class", "nearest_bases"]

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


def nearest_bases(name: str) -> list[str]:
    """Return the names of the classes that a class inherits from directly."""
    # The bases of a base stand behind it in the list; Python asks for the nearest ones alone.
    bases = mapping.model(name).bases
    return [
        base
        for base in bases
        if not any(mapping.is_subclass(other, base) for other in bases if other != base)
    ]


@cache
def _behaviour() -> dict[str, type[JwstDataModel]]:
    """Class name -> what its class does beside the schema."""
    from . import families, references, transforms  # an import of asdfits makes no class yet

    return {**families.BEHAVIOUR, **references.BEHAVIOUR, **transforms.BEHAVIOUR}


def _made(name: str) -> type[JwstDataModel]:
    schema = mapping.model(name)
    own = _behaviour().get(name)
    above = tuple(model_class(base) for base in nearest_bases(name)) or (JwstDataModel,)
    bases = above if own is None else (own, *(base for base in above if base is not JwstDataModel))
    body: dict[str, Any] = {"_model_name": name, "__doc__": _doc(schema), "__module__": "asdfits"}
    if schema.reftype is not None:
        body["reftype"] = schema.reftype
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
