"""The least that any reader has to do, done by itself."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from .contest import Contestant


def extents_of(path: Path) -> list[tuple[int, int]]:
    """Return (position, length) in bytes of what a reader must see: all headers, at last the tree.

    Headers that touch are one extent. The last extent is the ASDF extension with its header, where
    there is one; of a plain ASDF file it is the tree.
    """
    product = _core.Product.open(path)
    if not product.is_fits:
        return [(0, path.read_bytes().find(b"\n...") + 5)]
    extents: list[tuple[int, int]] = []
    for hdu in map(product.hdu, range(len(product))):
        start, end = hdu.at, hdu.data_at
        if hdu.name == "ASDF":
            end += hdu.data_len
        elif extents and sum(extents[-1]) == start:
            start, _ = extents.pop()
        extents.append((start, end - start))
    return extents


def floors(path: Path, extents: Sequence[tuple[int, int]]) -> list[Contestant]:
    """Return the floors of a row that reads headers and tree.

    The second one also takes the hash of the headers, as every reader has to that wants to know
    whether the tree still speaks for them.
    """

    def read() -> list[bytes]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return [os.pread(descriptor, length, start) for start, length in extents]
        finally:
            os.close(descriptor)

    def read_and_hash() -> str:
        return hashlib.sha256(b"".join(read()[:-1])).hexdigest()

    return [
        Contestant("floor: pread headers and tree", read, "", floor=True),
        Contestant("floor: and SHA-256 of headers", read_and_hash, "", floor=True),
    ]


def copied_by_two(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> None:
    """Copy an array into another of its size, half of it in another thread."""
    source, target, half = source.reshape(-1), target.reshape(-1), source.size // 2
    other = threading.Thread(target=np.copyto, args=(target[half:], source[half:]))
    other.start()
    np.copyto(target[:half], source[:half])
    other.join()
