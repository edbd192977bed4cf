"""A file that is to be scanned."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Entry"]


class Entry(NamedTuple):
    """A file to be scanned, or why there is none."""

    path: str
    fault: OSError | None = None
    size: int | None = None
    """Bytes, where a listing says it."""
    modified: int | None = None
    """Microseconds since 1970, where a listing says it."""
