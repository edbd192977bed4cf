"""The model classes as names of a module; type checkers read what they are in `classes.pyi`."""

from __future__ import annotations

from typing import Any

from .. import mapping
from . import model_class


def __getattr__(name: str) -> Any:
    """Make the class of a model when it is first asked for."""
    try:
        return model_class(name)
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return list(mapping.class_names())
