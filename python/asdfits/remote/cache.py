"""Bytes of a file that are kept for the next time, up to a limit."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock

from .transport import Range

__all__ = ["Cache", "merged"]


class Cache:
    """Pieces of a file by their place; those used last stay.

    Parameters
    ----------
    limit
        Bytes that are kept at most.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._starts: list[int] = []
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self._lock = Lock()

    def add(self, at: int, data: bytes) -> None:
        """Keep bytes; those that take more than half of the room are not kept."""
        if not data or len(data) > self.limit // 2:
            return
        with self._lock:
            old = self._pieces.pop(at, None)
            if old is None:
                insort(self._starts, at)
            elif len(old) > len(data):
                data = old
            self._pieces[at] = data
            self.size += len(data) - len(old or b"")
            while self.size > self.limit:
                start, gone = self._pieces.popitem(last=False)
                del self._starts[bisect_right(self._starts, start) - 1]
                self.size -= len(gone)

    def found(self, ranges: Sequence[Range]) -> tuple[list[tuple[int, bytes]], list[Range]]:
        """Return the pieces that ranges lie in, and the ranges that are not here as a whole."""
        pieces: dict[int, bytes] = {}
        missing = []
        with self._lock:
            for start, end in ranges:
                parts = dict(self._cover(start, end))
                if sum(map(len, parts.values())) and _reaches(parts, start, end):
                    pieces.update(parts)
                    for each in parts:
                        self._pieces.move_to_end(each)
                else:
                    missing.append((start, end))
        return list(pieces.items()), missing

    def _cover(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        while start < end:
            place = bisect_right(self._starts, start) - 1
            if place < 0:
                return
            at = self._starts[place]
            data = self._pieces[at]
            if at + len(data) <= start:
                return
            yield at, data
            start = at + len(data)


def _reaches(parts: dict[int, bytes], start: int, end: int) -> bool:
    last = max(parts)
    return min(parts) <= start and last + len(parts[last]) >= end


def merged(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Return ranges in order, those joined that overlap or lie no more than `gap` apart."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return joined
