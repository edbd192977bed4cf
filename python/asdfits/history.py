"""The history of a product: a list of entries in its tree."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["History"]


class History:
    """The history entries of a tree, as a list of dicts.

    An entry has a `description` and may have a `time` and the `software` at work. Text given where an
    entry is expected becomes an entry with the present time.
    """

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    @property
    def entries(self) -> list[Any]:
        """The entries themselves; an empty list where the tree has none."""
        history = self._tree.get("history")
        if isinstance(history, list):
            return history  # files of ASDF standard 1.1 and before
        entries = history.get("entries") if isinstance(history, dict) else None
        return entries if isinstance(entries, list) else []

    def _own(self) -> list[Any]:
        history = self._tree.setdefault("history", {})
        if isinstance(history, dict):
            return history.setdefault("entries", [])
        return history

    def append(self, entry: Any, software: Any = None) -> None:
        """Add an entry: a dict, or a text that becomes one."""
        if not isinstance(entry, dict):
            now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            entry = {"description": str(entry), "time": now}
            if software is not None:
                entry["software"] = software
        self._own().append(entry)

    def extend(self, entries: Iterable[Any]) -> None:
        """Add each of several entries, or one text."""
        for entry in [entries] if isinstance(entries, (str, dict)) else entries:
            self.append(entry)

    def clear(self) -> None:
        """Remove all entries."""
        self._own().clear()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries)

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]

    def __setitem__(self, index: int, entry: Any) -> None:
        self.append(entry)
        self.entries[index] = self.entries.pop()

    def __delitem__(self, index: Any) -> None:
        del self.entries[index]

    def __eq__(self, other: object) -> bool:
        """Compare with a list of texts (by description) or of dicts (by the keys they have)."""
        if isinstance(other, (str, dict)):
            other = [other]
        if not isinstance(other, (History, list, tuple)) or len(self) != len(other):
            return NotImplemented if not isinstance(other, (History, list, tuple)) else False
        return all(_matches(mine, theirs) for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.entries)


def _matches(entry: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return bool((entry.get("description") if isinstance(entry, dict) else entry) == wanted)
    if isinstance(wanted, dict) and isinstance(entry, dict):
        return all(entry.get(key) == value for key, value in wanted.items())
    return bool(entry == wanted)
