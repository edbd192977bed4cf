"""From a URL to a product: which bytes are fetched first, and which headers are guessed to be where.

The header of an HDU stands behind the data of the one before, so that who reads header by header sends
a request for each. But the tree, at the end of the file, says how large each array is, and writers put
the arrays in the order of the schema: where the headers are can be guessed, and all be asked for at
once. A guess costs a request at worst. What counts is the walk through what was fetched.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from .. import mapping
from .._core import Deferred, FormatError, Product, Stretches
from ..arrays import asdf_dtype
from .reader import Reader, local
from .transport import Range

__all__ = ["Opened", "fetched", "opened"]

_BLOCK: Final = 2880

_NDARRAY: Final = "tag:stsci.edu:asdf/core/ndarray-"

# A longer ASDF file is not taken whole, but its tree alone and the headers of its binary blocks.
_TREE: Final = 1 << 20

# The longest end of a file that is fetched to find the tree before the walk comes to it.
_END: Final = 16 << 20

# The walk asks for no more than this of a binary block.
_LOOK: Final = 4096

# The most headers that are guessed at a time, and the most bytes for them.
_AHEAD: Final = 100
_ROOM: Final = 256 << 10

_GZIP: Final = b"\x1f\x8b"
_INDEX: Final = b"#ASDF BLOCK INDEX"

# (name, version, header, data, end, bytes of data)
_Hdu = tuple[str, int, int, int, int | None, int]


class Opened(NamedTuple):
    """What was fetched of a file.

    Attributes
    ----------
    stretches : Stretches
        Its headers and its tree, or all of it.
    whole : bytes or None
        All of it, where it is packed or the server sends nothing less.
    """

    stretches: Stretches
    whole: bytes | None


class _Link(NamedTuple):
    """An array of the tree that is the data of an HDU."""

    name: str
    version: int
    size: int


def opened(url: str, options: Mapping[str, Any] | None) -> tuple[Product, Reader | None]:
    """Return a file as a product, and who fetches its arrays when they are touched.

    There is nobody to fetch them where all of the file is here: it lies on this machine, is short or
    packed, or its server sends nothing less.

    Raises
    ------
    OSError
        There is no such file, it may not be read, or nothing answers.
    FormatError
        It is neither FITS nor ASDF, or its tree is damaged.
    """
    path = local(url, options)
    if path is not None:
        return Product.open(path), None
    reader = Reader(url, options)
    found = fetched(reader)
    if found.whole is not None:
        return Product.from_bytes(found.whole, reader.url), None
    return Product.far(found.stretches, reader, reader.url), reader


def fetched(reader: Reader, *, with_blocks: bool = True) -> Opened:
    """Fetch the headers and the tree of a file, and the headers of its binary blocks."""
    first = reader.first()
    size = first.stamp.size
    held = Stretches(size)
    for at, data in first.pieces:
        held.add(at, data)
    start = first.pieces[0][1] if first.pieces else b""
    policy = reader.policy
    if len(start) >= size:
        return Opened(held, start)
    if start.startswith(_GZIP) or size <= policy.head + policy.tail:
        whole = start + bytes(reader.read(len(start), size - len(start)))
        held.add(0, whole)
        return Opened(held, whole)
    guesses = _Guesses(reader, start, size)
    while True:
        hdus, _, wanted = held.survey(with_blocks)
        if wanted is None:
            return Opened(held, None)
        for at, data in reader.fetch(guesses.ranges(hdus, wanted)):
            held.add(at, data)
            guesses.take(at, data)


class _Guesses:
    """What to fetch next: what is wanted, and what will be."""

    def __init__(self, reader: Reader, start: bytes, size: int) -> None:
        self.size = size
        self.tail_at = size
        self._tail = b""
        self._room = reader.policy.tail
        self._links: list[_Link] | None = None
        self._order = _order(start)
        self._most = 16
        self._expected = 0

    def ranges(self, hdus: list[_Hdu], wanted: Range) -> list[Range]:
        """Return ranges; `wanted` is (place, length) of what the walk lacks."""
        at, length = wanted
        found = [(at, at + length)]
        tree_at = 0 if not hdus else hdus[-1][3] if hdus[-1][0] == "ASDF" else None
        if tree_at is not None and at >= tree_at:
            end = self.size if not hdus else hdus[-1][3] + hdus[-1][5]
            return self._of_tree(found[0], tree_at, end)
        more = self._more_tail()
        if more is None:
            found += self._headers(hdus, at)
        else:
            found.append(more)
        return [(start, min(end, self.size)) for start, end in found]

    def take(self, at: int, data: bytes) -> None:
        """Look at what was fetched: the end of the file has the tree."""
        if at < self.tail_at <= at + len(data):
            self._tail = data[: self.tail_at - at] + self._tail
            self.tail_at = at

    def _of_tree(self, wanted: Range, tree_at: int, end: int) -> list[Range]:
        at, stop = wanted
        if end - tree_at <= _TREE:
            return [(at, end)]
        if stop - at > _LOOK:
            # The tree, in steps that grow: how long it is shows when it ends.
            return [(at, min(at + max(stop - at, _TREE, 3 * (at - tree_at)), end))]
        # The blocks follow each other; their index tells where, all at once.
        index = self._tail.rfind(_INDEX)
        if not self._tail:
            return [wanted, (max(self.size - self._room, at), self.size)]
        offsets = re.findall(rb"(?m)^- (\d+)\s*$", self._tail[index:]) if index >= 0 else []
        blocks = [tree_at + int(each) for each in offsets]
        ahead = [(each, min(each + _LOOK, end)) for each in blocks if at < each < end]
        return [wanted, *ahead[:1000]]

    def _more_tail(self) -> Range | None:
        """The range before what there is of the end, if more of it is wanted."""
        if self._links is not None:
            return None
        if self._tail:
            self._links = self._found_links()
        if self._links is not None:
            return None
        looks_like_tree = not self._tail or b"\n...\n" in self._tail or _INDEX in self._tail
        if not looks_like_tree or self.size - self.tail_at >= _END:
            self._links = []
            return None
        end, self._room = self.tail_at, self._room * (8 if self._tail else 1)
        start = max(end - self._room, 0)
        return None if start >= end else (start, end)

    def _found_links(self) -> list[_Link] | None:
        """The arrays of the tree, if it starts in what was fetched of the end."""
        place = self._tail.find(b"#ASDF ")
        while place >= 0 and (self.tail_at + place) % _BLOCK:
            place = self._tail.find(b"#ASDF ", place + 1)
        if place < 0:
            return None
        try:
            links = list(_links(Product.from_bytes(self._tail[place:])))
        except (FormatError, LookupError, TypeError, ValueError, OverflowError):
            return []
        key = {link: self._order.get(link.name, len(self._order)) for link in links}
        return sorted(links, key=lambda link: (link.version, key[link]))

    def _headers(self, hdus: list[_Hdu], at: int) -> Iterator[Range]:
        """Yield where the next headers should be, the first at `at`.

        The length of a header is that of the last one of its name, or else a block: what is not known
        makes the places of those behind it uncertain, and their ranges longer.
        """
        # A header that goes on beyond what was fetched of it is fetched again.
        at = min(at, hdus[-1][4] or at)
        reached = len(hdus) >= self._expected
        self._most = min(2 * self._most, _AHEAD) if reached else max(self._most // 4, 1)
        blocks = {name: (data - start) // _BLOCK for name, _, start, data, _, _ in hdus}
        slack = room = 0
        count = 0
        for name, size in self._following(hdus):
            known = blocks.get(name)
            length = (known or 2) * _BLOCK + slack
            room += length
            if count >= self._most or room > _ROOM or at >= self.tail_at:
                break
            yield (at, at + length)
            count += 1
            slack += _BLOCK if known is None else 0
            at += (known or 1) * _BLOCK + -(-size // _BLOCK) * _BLOCK
        self._expected = len(hdus) + count

    def _following(self, hdus: list[_Hdu]) -> Iterator[tuple[str, int]]:
        """Yield name and bytes of data of the HDUs that should come next."""
        links = self._links or []
        name, version = hdus[-1][:2]
        known = {(link.name, link.version): place for place, link in enumerate(links)}
        place = known.get((name, version))
        if place is None and len(hdus) > 1:
            # No array of the tree; those beside it may be as large.
            yield name, hdus[-1][5]
            return
        for link in links[0 if place is None else place + 1 :]:
            yield link.name, link.size
        # The one behind the last array.
        yield "", 0


def _order(start: bytes) -> dict[str, int]:
    """The place of each HDU in the schema of the class that the primary header names."""
    found = re.search(rb"DATAMODL= '(\w+) *'", start)
    name = found[1].decode() if found else ""
    if not mapping.is_class(name):
        return {}
    return {leaf.hdu: place for place, leaf in enumerate(mapping.model(name).arrays)}


def _links(product: Product) -> Iterator[_Link]:
    for spec in _arrays(product.tree(None, {})):
        source = spec.get("source") if isinstance(spec, dict) else None
        if not isinstance(source, str) or not source.startswith("fits:"):
            continue
        name, comma, version = source.removeprefix("fits:").rpartition(",")
        if comma and version.strip().isdecimal():
            dtype: np.dtype[Any] = asdf_dtype(spec["datatype"], spec.get("byteorder", "big"))
            size = math.prod(spec["shape"]) * dtype.itemsize
            yield _Link(name.strip().upper(), int(version), size)


def _arrays(tree: Any) -> Iterator[Any]:
    """Yield what the tree says of each of its arrays, not of those inside objects."""
    seen: set[int] = set()
    waiting = [tree]
    while waiting:
        container = waiting.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        for value in container.values() if isinstance(container, dict) else container:
            if isinstance(value, (dict, list)):
                waiting.append(value)
            elif isinstance(value, Deferred) and value.tag.startswith(_NDARRAY):
                yield value.content({})
