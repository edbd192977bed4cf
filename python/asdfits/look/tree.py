"""A tree as nested HTML lists of bounded size; only the branches that are shown are made."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import render
from .._core import Deferred
from ..file import HduArray, Lazy, child, is_lazy
from ..overlay import Conflict

__all__ = ["escaped", "html_tree"]


@dataclass
class _Budget:
    """How much may still be shown, and what is to be marked."""

    rows: int
    items: int
    depth: int
    text: int
    conflicts: Mapping[str, Conflict]
    within: frozenset[str]
    paths: bool
    seen: set[int] = field(default_factory=set)


def escaped(value: object, most: int | None = None) -> str:
    """Return text for HTML: markup and control characters escaped, cut after `most` characters."""
    text = str(value)
    if most is not None and len(text) > most:
        text = text[: most - 1] + "…"
    text = "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return html.escape(text, quote=True)


def html_tree(
    tree: Any,
    conflicts: Mapping[str, Conflict] | None = None,
    *,
    rows: int,
    items: int,
    depth: int = 12,
    text: int = 200,
    paths: bool = False,
    opened: int = 0,
) -> str:
    """Return a tree as nested lists whose branches open and close.

    Parameters
    ----------
    tree
        The root, arrays and tagged parts unmade.
    conflicts
        Dotted path -> what headers and tree disagree on there.
    rows
        How many lines the whole may have; what lies beyond is counted, not shown.
    items
        How many items of one list are shown.
    depth
        How deep it goes.
    text
        How long a value may be.
    paths
        Whether each line carries its dotted path, to be searched for.
    opened
        How many levels are open at first.
    """
    marked = dict(conflicts or {})
    within = {path[:place] for path in marked for place in range(len(path)) if path[place] == "."}
    budget = _Budget(rows, items, depth, text, marked, frozenset(within), paths)
    budget.seen.add(id(tree))
    return "".join(_list(tree, "", 0, opened, budget))


def _list(node: Any, path: str, level: int, opened: int, budget: _Budget) -> list[str]:
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    shown = keys[: budget.items] if isinstance(node, list) else keys
    # What disagrees is seen, however long the list is.
    shown += [key for key in keys[len(shown) :] if _join(path, key) in budget.within]
    parts = ["<ul>"]
    left = 0
    for key in shown:
        if budget.rows <= 0:
            left += 1
            continue
        budget.rows -= 1
        parts += _entry(node, key, _join(path, key), level, opened, budget)
    left += len(keys) - len(shown)
    if left:
        parts.append(f'<li class="more">… {left:,} more</li>')
    parts.append("</ul>")
    return parts


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _entry(node: Any, key: Any, path: str, level: int, opened: int, budget: _Budget) -> list[str]:
    name = escaped(f"[{key}]" if isinstance(node, list) else key, 80)
    where = f' data-path="{escaped(path, 300)}"' if budget.paths else ""
    try:
        value = child(node, key)
    except Exception as error:  # a damaged branch is told of, and the rest of the tree shown
        return [f'<li{where}><span class="key">{name}</span> <em>{escaped(error, 200)}</em></li>']
    if isinstance(value, (dict, list)) and value:
        if id(value) in budget.seen or level >= budget.depth:
            return [
                f'<li{where}><span class="key">{name}</span> <em>{len(value):,} inside</em></li>'
            ]
        budget.seen.add(id(value))
        inner = _list(value, path, level + 1, opened, budget)
        budget.seen.discard(id(value))
        is_open = " open" if level < opened or path in budget.within else ""
        size = f" <small>{len(value):,}</small>" if isinstance(value, list) else ""
        return [
            f'<li{where}><details{is_open}><summary><span class="key">{name}</span>{size}</summary>',
            *inner,
            "</details></li>",
        ]
    line = (
        f'<span class="key">{name}</span> <span class="value">{_value(value, budget.text)}</span>'
    )
    conflict = budget.conflicts.get(path)
    if conflict is None:
        return [f"<li{where}>{line}</li>"]
    return [f'<li{where} class="conflict">{line} {_marked(conflict)}</li>']


def _marked(conflict: Conflict) -> str:
    return (
        f'<strong class="mark">≠ {escaped(conflict.hdu)} {escaped(conflict.keyword)} '
        f"{escaped(render.leaf(conflict.fits_value))}, tree "
        f"{escaped(render.leaf(conflict.asdf_value))}</strong>"
    )


def _value(value: Any, most: int) -> str:
    if isinstance(value, str):
        return escaped(" ".join(value.split()) or "''", most)
    return escaped(_described(value), most)


def _described(value: Any) -> str:
    """One value in a few words; arrays and objects stay unmade."""
    try:
        if isinstance(value, Deferred):
            link = value.owner.link_of(value) if "/core/ndarray-" in value.tag else None
            if link is None:
                return value.tag.rpartition(":")[2].removeprefix("asdf/") or "a branch"
            value = link
        if isinstance(value, HduArray):
            return _array_of(value)
    except Exception as error:  # a damaged part is told of
        return f"{type(error).__name__}: {error}"
    if isinstance(value, np.ndarray) and value.dtype.names:
        return f"table of {len(value):,} rows: {', '.join(value.dtype.names[:12])}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype.newbyteorder('=')} {_shape(value.shape)}"
    if isinstance(value, Lazy) and not isinstance(value, HduArray):
        return "an array, not made yet"
    return repr(value) if is_lazy(value) else render.leaf(value)


def _array_of(link: HduArray) -> str:
    hdu = link.file.product.hdu(link.index)
    if hdu.kind == "BINTABLE":
        return f"table of {hdu.shape[0]:,} rows in {hdu.label}"
    dtype, shape = link.file.describe(link.index)
    return f"{dtype.newbyteorder('=')} {_shape(shape)} in {hdu.label}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one value"
