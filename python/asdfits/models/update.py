"""`update`: metadata of one model taken over by another."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from ..clone import copied
from ..file import HduArray, Lazy, child, is_lazy
from ..mapping import SchemaNode
from ..mapping import _walk as walk
from .nodes import Model, Node, ObjectNode, check_depth

__all__ = ["update"]

# What a model says of itself.
_PROTECTED: Final = frozenset({("meta", "date"), ("meta", "model_type")})

Path = tuple[Any, ...]


def update(
    target: Any,
    source: Any,
    hdus: frozenset[str],
    *,
    extra_fits: bool,
    cal_logs: bool,
) -> None:
    """Take metadata over; see `asdfits.DataModel.update`.

    Parameters
    ----------
    target : DataModel
        The model that receives.
    source : Node or Mapping
        What gives.
    hdus
        Names of HDUs, as schemas spell them, whose keywords are taken from a node.
    """
    if isinstance(source, Node):
        if not isinstance(source, ObjectNode):
            raise AttributeError(f"{type(source).__name__} has no metadata to take over")
        tree = source._instance
        leaves = _mapped_leaves(tree, source._ctx, _keyword_paths(source._schema, hdus))
    else:
        tree = copy.deepcopy(dict(source))
        leaves = _leaves(tree)
    if cal_logs:
        _merge_logs(target, child(tree, "cal_logs") if "cal_logs" in tree else None)
    for path, value in list(leaves):
        if path not in _PROTECTED:
            try:
                target[".".join(map(str, path))] = value
            except (KeyError, AttributeError, IndexError):
                continue  # a place that the target does not have
    if extra_fits:
        _take_extra(target, tree, hdus)


def _keyword_paths(schema: SchemaNode | None, hdus: frozenset[str]) -> frozenset[Path]:
    """The places of a schema that are keywords of certain HDUs."""
    return frozenset(
        path
        for path, node in (() if schema is None else walk(schema, ()))
        if node.keyword is not None and (node.hdu or "PRIMARY") in hdus
    )


def _mapped_leaves(
    tree: Any, model: Model, wanted: frozenset[Path], path: Path = ()
) -> Iterator[tuple[Path, Any]]:
    """Yield (path, a copy of the value) of the leaves at `wanted`; no array, nothing in lists."""
    check_depth(len(path), ".".join(map(str, path)))
    for key in list(tree):
        here = (*path, key)
        value = child(tree, key)
        if isinstance(value, dict):
            if here != ("extra_fits",):
                yield from _mapped_leaves(value, model, wanted, here)
        elif here in wanted and not isinstance(value, (list, HduArray)):
            if is_lazy(value):
                value = model._resolve(tree, key)
            if not isinstance(value, np.ndarray):
                yield here, copy.deepcopy(value)


def _leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) of each leaf of a plain tree that is no array."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        here = (*path, key)
        if here in (("extra_fits",), ("cal_logs",)):
            continue
        if isinstance(value, (dict, list)):
            yield from _leaves(value, here)
        elif not isinstance(value, (np.ndarray, Lazy)):
            yield here, value


def _merge_logs(target: Any, logs: Any) -> None:
    if not logs:
        return
    logs = copied(logs, {})
    if target.hasattr("cal_logs"):
        target.cal_logs._own().update(logs)
    else:
        target.cal_logs = logs


def _take_extra(target: Any, source: Mapping[str, Any], hdus: Iterable[str]) -> None:
    """Take over the cards that no schema knows, HDU by HDU."""
    extra = child(source, "extra_fits") if "extra_fits" in source else None
    if not isinstance(extra, dict):
        return
    for name in sorted(hdus):
        part = child(extra, name) if name in extra else None
        if isinstance(part, dict) and "header" in part:
            own = target._branch("extra_fits")
            kept = child(own, name) if name in own else own.setdefault(name, {})
            kept["header"] = copied(child(part, "header"), {})
