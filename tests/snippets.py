"""Running the same lines on a model of asdfits and on one of stdatamodels."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Snippet = Callable[[Any], Any]


def outcome(open_model: Callable[[Path], Any], path: Path, snippet: Snippet) -> Any:
    """What a snippet gives, or raises, and the kinds of warnings on the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        model = open_model(path)
        warnings.simplefilter("always")
        try:
            result: Any = plain(snippet(model))
        except Exception as error:
            result = ("raised", next(c.__name__ for c in type(error).__mro__ if builtin(c)))
            if type(error).__name__ == "ValidationError":
                result = ("raised", "ValidationError")
    return result, [warning.category.__name__ for warning in caught]


def builtin(kind: type) -> bool:
    return kind.__module__ == "builtins"


def plain(value: Any) -> Any:
    """A result as something to compare: arrays as type, shape and bytes, nodes as what they hold."""
    if isinstance(value, np.ndarray):
        if value.dtype.names is not None:
            return [(name, np.asarray(value[name]).tolist()) for name in value.dtype.names]
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if type(value).__name__ in ("ObjectNode", "_Object", "_AbsentObject"):
        return ("object", plain(value.instance))
    if type(value).__name__ in ("ListNode", "_AbsentList"):
        return ("list", plain(value.instance))
    if isinstance(value, dict):
        return {
            key: plain(each) for key, each in value.items() if key not in ("date", "_fits_hash")
        }
    if isinstance(value, (list, tuple)):
        return type(value)(plain(each) for each in value)
    if hasattr(value, "_make_array"):
        return plain(value._make_array())
    if hasattr(value, "resolve") or type(value).__name__ == "Deferred":
        return "deferred"
    return value


def strict(action: str) -> Snippet:
    """A snippet of statements in which `m` is the model and `r` the result."""

    def run(model: Any) -> Any:
        scope = {"m": model, "np": np, "copy": copy, "r": None, "pickle": pickle}
        exec(action, scope)
        return scope["r"]

    return run


def both(theirs: Any, ours: Any, make: str, action: str, **names: Any) -> tuple[Any, Any]:
    """What an action on a model gives on both sides; `make` makes it of the module ``d``."""

    def made(module: Any) -> Callable[[Any], Any]:
        def run(_: Any) -> Any:
            scope = {"d": module, "np": np, "m": None, **names}
            exec(make, scope)
            return scope["m"]

        return run

    def acting(module: Any) -> Snippet:
        def run(model: Any) -> Any:
            scope = {"m": model, "d": module, "np": np, "copy": copy, "r": None, **names}
            exec(action, scope)
            return scope["r"]

        return run

    left = outcome(made(theirs), Path(), acting(theirs))
    return left, outcome(made(ours), Path(), acting(ours))
