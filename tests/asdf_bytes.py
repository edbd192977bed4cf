"""ASDF files made by hand: a tree as text, blocks with any header."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asdfits._core import Deferred, Product
from asdfits.file import File

HEAD = (
    "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n"
    "%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"
)


@dataclass
class Block:
    """A binary block; what is None says what the data ask for."""

    data: bytes
    label: bytes = b"\0\0\0\0"
    size: int | None = None  # once unpacked
    used: int | None = None
    checksum: bytes | None = None
    flags: int = 0

    def __bytes__(self) -> bytes:
        used = len(self.data) if self.used is None else self.used
        size = used if self.size is None else self.size
        checksum = hashlib.md5(self.data).digest() if self.checksum is None else self.checksum
        fields = struct.pack(">I4sQQQ", self.flags, self.label, used, used, size)
        return b"\xd3BLK" + struct.pack(">H", 48) + fields + checksum + self.data


def asdf_bytes(tree: str, *blocks: Block) -> bytes:
    """Return an ASDF file."""
    return (HEAD + tree.rstrip("\n") + "\n...\n").encode() + b"".join(map(bytes, blocks))


def read(content: bytes, path: Path | None = None) -> Any:
    """Return the tree of an ASDF file with everything in it made."""
    if path is None:
        file = File(Product.from_bytes(content))
    else:
        path.write_bytes(content)
        file = File.open(path)
    return made(file.tree())


def made(value: Any, seen: set[int] | None = None) -> Any:
    """Replace what is deferred, in place, by what it stands for."""
    seen = set() if seen is None else seen
    if isinstance(value, Deferred):
        value = value.owner.resolve(value)
    if isinstance(value, (dict, list)) and id(value) not in seen:
        seen.add(id(value))
        pairs: Iterable[Any] = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in list(pairs):
            value[key] = made(item, seen)
    return value


def same(left: Any, right: Any) -> bool:
    """Tell whether two trees are equal in type and value, arrays bit by bit."""
    left, right = plain(left), plain(right)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        masks = np.array_equal(np.ma.getmaskarray(left), np.ma.getmaskarray(right))
        kinds = left.dtype == right.dtype and left.shape == right.shape
        return masks and kinds and bits(left) == bits(right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        keys = list(map(repr, left)) == list(map(repr, right))
        return keys and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    # repr tells 0.0 from -0.0 and holds nan equal to itself.
    return repr(left) == repr(right)


def bits(array: np.ndarray[Any, Any]) -> bytes:
    """The bytes of an array; the sign of a NaN means nothing."""
    array = np.asarray(array)
    return (
        np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array
    ).tobytes()


def plain(value: Any) -> Any:
    """What the reference wraps, unwrapped; a mapping of one of its classes as dict."""
    name = type(value).__name__
    if name == "NDArrayType":
        return value._make_array()
    if name in ("IntegerType", "Constant"):
        return value._value
    if name in ("TaggedDict", "TaggedList"):
        return value.data
    if name == "TaggedString":
        return str(value)
    return dict(value) if isinstance(value, dict) and name != "OrderedDict" else value
