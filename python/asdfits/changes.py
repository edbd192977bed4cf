"""Whether a model that was opened from a file can be let go: nobody holds it, and nothing of it changed.

A write to an array leaves no trace, so what was made is compared with what the file gives when it is
opened anew. What was not made cannot have changed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from ._core import Deferred
from .custom import NDARRAY
from .file import HduArray, is_lazy
from .models import DataModel
from .models.defaults import StandardDQ
from .models.nodes import check_depth

__all__ = ["holds_arrays", "is_changed", "references"]

# Bytes that are compared at a time.
_CHUNK = 1 << 20


def _alone() -> tuple[int, int]:
    """What `getrefcount` says of an object that one attribute, or one item of a list, refers to.

    Versions of Python differ in what the call itself adds.
    """
    holder = SimpleNamespace(value=object())
    items = [object()]
    return sys.getrefcount(getattr(holder, _VALUE)), sys.getrefcount(items[0])


_VALUE: Final = "value"
_ALONE, _ALONE_IN_LIST = _alone()


def references(holder: Any, name: str) -> int:
    """Return how many others than `holder` refer to the object that its attribute `name` is."""
    return sys.getrefcount(getattr(holder, name)) - _ALONE


def holds_arrays(model: DataModel) -> bool:
    """Tell whether somebody holds an array of a model, or a part of one.

    The places that the model, its file and views among them have it in are counted. Whatever else refers
    to it is somebody's.
    """
    known = Counter(map(id, _arrays(model, every=True)))
    known.update(id(each.base) for each in _unique(model) if isinstance(each.base, np.ndarray))
    arrays = _unique(model)
    return any(
        sys.getrefcount(arrays[n]) - _ALONE_IN_LIST > known[id(arrays[n])]
        for n in range(len(arrays))
    )


def _unique(model: DataModel) -> list[np.ndarray[Any, Any]]:
    """The arrays of HDUs and of the tree that were made and those that they are views of, once each."""
    found = {id(each): each for each in _arrays(model, every=False)}
    bases = [each.base for each in found.values()]
    found.update((id(base), base) for base in bases if isinstance(base, np.ndarray))
    return list(found.values())


def _arrays(model: DataModel, *, every: bool) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays that were made, as often as the tree and the file refer to them.

    Not `every` one: those that a WCS holds are of the file, but of no HDU, and not of the tree.
    """
    hdus, nodes = ([], []) if model._file is None else model._file.made_arrays()
    yield from hdus
    if every:
        yield from nodes
    seen: set[int] = set()
    waiting: list[Any] = [model._instance]
    while waiting:
        container = waiting.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        for key in _keys(container):
            if isinstance(container[key], np.ndarray):
                yield container[key]
            elif isinstance(container[key], (dict, list)):
                waiting.append(container[key])


def _keys(container: Any) -> Any:
    return list(container) if isinstance(container, dict) else range(len(container))


def is_changed(model: DataModel, fresh: DataModel) -> bool:
    """Tell whether a model differs from `fresh`, the same file opened anew in the same way.

    Objects that tagged parts became, such as a WCS, are not looked into: a model whose tree has the very
    object in its place that its file made counts as unchanged.
    """
    meta = model._instance.get("meta")
    if isinstance(meta, dict) and _date_is_its_own(model):
        fresh._branch("meta")["date"] = meta.get("date")
    return not _Comparison(model, fresh).same(model._instance, fresh._instance)


def _date_is_its_own(model: DataModel) -> bool:
    """Tell whether the file names no date, so that a model of it has that of its opening."""
    file = model._file
    if file is None or file.lookup(("meta", "date")) is not None:
        return False
    return not file.product.is_fits or file.product.value(0, "DATE") is None


class _Comparison:
    """Two models of one file; functions in each other's reach would keep both alive."""

    def __init__(self, model: DataModel, fresh: DataModel) -> None:
        self.model = model
        self.fresh = fresh
        self.seen: set[tuple[int, int]] = set()

    def same(self, x: Any, y: Any, depth: int = 0) -> bool:
        check_depth(depth, "")
        if (id(x), id(y)) in self.seen:
            return True
        if isinstance(x, dict):
            self.seen.add((id(x), id(y)))
            if not isinstance(y, dict) or any(key not in x for key in y):
                return False
            # Reading may have added an empty branch, under `strict_compat`.
            keys = [key for key in x if key in y or not _is_empty(x[key])]
            return all(key in y and self.same_at(x, y, key, depth) for key in keys)
        if isinstance(x, (list, tuple)):
            self.seen.add((id(x), id(y)))
            if type(x) is not type(y) or len(x) != len(y):
                return False
            return all(self.same_at(x, y, place, depth) for place in range(len(x)))
        if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
            return _same_array(x, y)
        return type(x) is type(y) and bool(x == y or x != x)  # NaN is itself

    def same_at(self, x: Any, y: Any, key: Any, depth: int) -> bool:
        """Compare what two containers have in one place."""
        mine, theirs = x[key], y[key]
        if is_lazy(mine):
            if is_lazy(theirs):
                return _same_place(mine, theirs, self.model, self.fresh)
            mine = self.model._resolve(x, key)
        elif is_lazy(theirs):
            if isinstance(theirs, Deferred) and not theirs.plain:
                file = self.model._file
                made = None if file is None else file.made(theirs.node)
                if made is not None and mine is made and not isinstance(mine, np.ndarray):
                    return True
                if not theirs.tag.startswith(NDARRAY):
                    return False
            theirs = self.fresh._resolve(y, key)
        return self.same(mine, theirs, depth + 1)


def _is_empty(value: Any) -> bool:
    return isinstance(value, (dict, list)) and not value


def _same_place(x: Any, y: Any, model: DataModel, fresh: DataModel) -> bool:
    """Tell whether two values that were not made stand for the same part of the file."""
    if type(x) is not type(y):
        return False
    if isinstance(x, Deferred):
        return x.owner is model._file and y.owner is fresh._file and x.node == y.node
    if isinstance(x, HduArray):
        return x.file is model._file and y.file is fresh._file and x.index == y.index
    if isinstance(x, StandardDQ):
        x, y = x.flags, y.flags
        return _same_place(x, y, model, fresh) if is_lazy(x) else _same_array(x, y)
    return True  # defaults


def _same_array(x: Any, y: Any) -> bool:
    """Tell whether two arrays are the same, byte by byte; what cannot be compared so is not."""
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        return x is y
    if isinstance(x, np.ma.MaskedArray) and isinstance(y, np.ma.MaskedArray):
        masks = np.ma.getmaskarray(x), np.ma.getmaskarray(y)
        return _same_array(x.data, y.data) and _same_array(*masks)
    if type(x) is not type(y) or x.dtype != y.dtype or x.shape != y.shape or x.dtype.hasobject:
        return False
    left, right = _bytes(x), _bytes(y)
    return all(
        np.array_equal(left[at : at + _CHUNK], right[at : at + _CHUNK])
        for at in range(0, left.size, _CHUNK)
    )


def _bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    plain = np.ascontiguousarray(array.view(np.ndarray)).reshape(-1)
    return plain.view(np.uint8) if plain.size and plain.itemsize else np.empty(0, np.uint8)
