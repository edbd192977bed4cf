"""A tree as lines of text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .file import is_lazy

__all__ = ["leaf", "tree"]


def tree(root: Any, title: str, max_rows: int | None = None) -> list[str]:
    """Return the lines of a tree under a title line, cut after `max_rows`."""
    lines = [title]
    for line in _lines(root, ""):
        if max_rows is not None and len(lines) >= max_rows:
            lines.append("… more; max_rows=None shows all")
            break
        lines.append(line)
    return lines


def _lines(node: Any, indent: str) -> Iterator[str]:
    pairs = list(node.items() if isinstance(node, dict) else enumerate(node))
    for place, (key, value) in enumerate(pairs):
        last = place == len(pairs) - 1
        name = f"[{key}]" if isinstance(node, list) else str(key)
        head = f"{indent}{'└─' if last else '├─'}{name}"
        if isinstance(value, (dict, list)) and value:
            yield head
            yield from _lines(value, indent + ("  " if last else "│ "))
        else:
            yield f"{head}: {leaf(value)}"


def leaf(value: Any) -> str:
    """Return one value on one line."""
    if is_lazy(value):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"array {value.dtype.names or value.dtype.str} {value.shape}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else text[:97] + "…"
