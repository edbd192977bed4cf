"""Arrays of the tree: `core/ndarray` nodes as numpy arrays.

A node keeps its numbers in one of three places: a binary block behind the tree (a view of the mapped
file where the block is not compressed), the tree itself, or the first block of another ASDF file,
which must lie in the same folder. Nothing else is opened for a node: no parent folder, no absolute
path, no URL.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ._core import Numbers, Product, Region
from .arrays import asdf_dtype
from .errors import FormatError, MissingExtraError

__all__ = ["block", "constant_integer", "from_buffer", "inline", "masked", "sibling"]

Array = np.ndarray[Any, Any]


def block(product: Product, number: int) -> Region | bytearray:
    """Return the bytes of a binary block as writable memory; -1 is the last block.

    An uncompressed block is a view of the mapped file. `zlib`, `bzp2` and `lz4` are undone here,
    `zstd` and `blsc` by the packages that made them. No more is unpacked than the block's header
    announces.

    Raises
    ------
    FormatError
        There is no such block, it is cut short, or its data do not unpack to the announced size.
    UnsupportedError
        The compression is not known.
    MissingExtraError
        The compression needs a package that is not installed.
    """
    at, stored, size, label = product.block(number)
    if not any(label):
        return product.region(at, stored)
    if label not in _PACKAGES:
        return product.unpack(number)
    package, unpack = _PACKAGES[label]
    where = f"{product.path}: byte {at}"
    try:
        data = unpack(bytes(memoryview(product.region(at, stored))), size)
    except ImportError as error:
        raise MissingExtraError(
            f"{where}: a block compressed by {package}, which is not installed: "
            f"pip install {package}"
        ) from error
    except Exception as error:  # each package has its own
        raise FormatError(f"{where}: {package} cannot unpack the block: {error}") from error
    if len(data) != size:
        raise FormatError(f"{where}: found {len(data)} bytes of unpacked data, expected {size}")
    return bytearray(data)


def _unpack_zstd(data: bytes, size: int) -> bytes:
    import zstandard

    # A stream is read as far as it is asked for, whatever its own header says.
    reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    return bytes(reader.read(size + 1))


def _unpack_blosc(data: bytes, size: int) -> bytes:
    import blosc

    # Blosc 1 writes the size of the result into bytes 4 to 7, and makes room for that much.
    announced = int.from_bytes(data[4:8], "little")
    if announced != size:
        raise ValueError(f"it announces {announced} bytes, the block {size}")
    return bytes(blosc.decompress(data))


# Labels of block headers -> the package that reads them, and how.
_PACKAGES: dict[bytes, tuple[str, Callable[[bytes, int], bytes]]] = {
    b"zstd": ("zstandard", _unpack_zstd),
    b"blsc": ("blosc", _unpack_blosc),
}


def from_buffer(buffer: Region | bytearray, spec: Mapping[str, Any]) -> Array:
    """Return the array that a node describes, as a view of the bytes of a block.

    Raises
    ------
    KeyError, TypeError, ValueError
        The node lacks a datatype or a shape, or reaches beyond the block.
    """
    dtype = asdf_dtype(spec["datatype"], spec.get("byteorder", "big"))
    offset, strides = spec.get("offset", 0), spec.get("strides")
    shape = list(spec["shape"])
    memory = memoryview(buffer)
    if "*" in shape[:1]:
        # As many rows as there are: the data of a stream reach to the end of the file.
        row = strides[0] if strides else math.prod(shape[1:]) * dtype.itemsize
        shape[0] = max(memory.nbytes - offset, 0) // row if row > 0 else 0
    if any(size < 0 for size in shape) or offset < 0:
        # numpy takes a negative offset as it is, and would read before the block.
        raise ValueError(f"found shape {shape} and offset {offset}, expected no negative number")
    # numpy itself checks that nothing reaches beyond the end.
    return np.ndarray(tuple(shape), dtype, memory, offset, strides)


def inline(data: Any, spec: Mapping[str, Any], limit: int) -> Array:
    """Return the array whose values stand in the tree itself; those that are null are masked.

    Parameters
    ----------
    data
        Numbers that were read in one go, or lists.
    spec
        The node: `datatype` and `shape`, where it has them.
    limit
        The most values that lists may hold once aliases are followed.

    Raises
    ------
    TypeError, ValueError, OverflowError
        The values do not form an array, or not one of this type and shape.
    """
    # The text of a number has no byte order; fields of a table may say theirs all the same.
    dtype = asdf_dtype(spec["datatype"], _NATIVE) if "datatype" in spec else None
    if isinstance(data, Numbers):
        array = _from_numbers(data, dtype)
    else:
        if not isinstance(data, list):
            raise TypeError(f"the data of an array are a {type(data).__name__}, expected a list")
        _check_size(data, limit)
        array = _from_lists(data, dtype, spec)
    shape = spec.get("shape")
    if shape is None:
        return array
    wanted = tuple(
        found if size == "*" else size
        for size, found in zip(shape, [*array.shape, *shape[array.ndim :]], strict=False)
    )
    if array.size == 0 and 0 in wanted:
        return array.reshape(wanted)
    if array.shape != wanted:
        raise ValueError(f"found values of shape {array.shape}, expected {wanted}")
    return array


_NATIVE = "little" if np.little_endian else "big"


def _from_numbers(numbers: Numbers, dtype: np.dtype[Any] | None) -> Array:
    array = np.frombuffer(memoryview(numbers.data), numbers.dtype).reshape(numbers.shape)
    if dtype is None or dtype == array.dtype:
        return array
    if dtype.names is not None or dtype.kind not in "biufc":
        return np.asarray(array.tolist(), dtype)
    if dtype.kind in "iu" and array.size:
        # Out of range is an error, not a remainder.
        low, high = array.min(), array.max()
        limits = np.iinfo(dtype)
        if not (limits.min <= low and high <= limits.max):
            raise OverflowError(f"found values from {low} to {high}, expected {dtype.name}")
    return array.astype(dtype)


def _from_lists(data: list[Any], dtype: np.dtype[Any] | None, spec: Mapping[str, Any]) -> Array:
    if dtype is not None and dtype.names:
        depth = len(spec["shape"]) if "shape" in spec else _nesting(data) - _row_nesting(dtype)
        data = _rows(data, dtype, depth)
    if not _has_none(data):
        return np.array(data, dtype)
    return np.ma.array(np.array(_without_none(data), dtype), mask=_none_mask(data))


def _rows(data: Any, dtype: np.dtype[Any], depth: int) -> Any:
    """Lists with those at `depth` made tuples: numpy takes tuples for rows of a table."""
    if depth > 0:
        return [_rows(item, dtype, depth - 1) for item in data]
    cells = zip(data, (dtype[name] for name in dtype.names or ()), strict=True)
    return tuple(
        _rows(cell, kind.base, kind.ndim) if kind.base.names else cell for cell, kind in cells
    )


def _nesting(data: Any) -> int:
    """How many lists stand around the innermost value."""
    return 1 + max(map(_nesting, data), default=0) if isinstance(data, list) else 0


def _row_nesting(dtype: np.dtype[Any]) -> int:
    """How many lists a row of a table is written with."""
    cells = (dtype[name] for name in dtype.names or ())
    return 1 + max(
        cell.ndim + (_row_nesting(cell.base) if cell.base.names else 0) for cell in cells
    )


def _check_size(data: list[Any], limit: int) -> None:
    """Refuse lists that are short in the file and long in memory, because aliases repeat them."""
    known: dict[int, int] = {}

    def count(item: Any) -> int:
        if not isinstance(item, list):
            return 1
        if id(item) not in known:
            known[id(item)] = limit + 1  # what a list that contains itself comes to
            known[id(item)] = sum(map(count, item))
        return known[id(item)]

    if count(data) > limit:
        raise ValueError(f"aliases make the array longer than {limit} values")


def _has_none(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        return any(map(_has_none, data))
    return data is None


def _none_mask(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return type(data)(map(_none_mask, data))
    return data is None


def _without_none(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return type(data)(map(_without_none, data))
    return 0 if data is None else data


def masked(array: Array, mask: Any) -> Array:
    """Return `array` with a mask: an array of truth values, or the value that means "no value"."""
    if mask is None:
        return array
    if isinstance(mask, np.ndarray):
        return np.ma.array(array, mask=mask)
    if np.isnan(mask):
        return np.ma.array(array, mask=np.isnan(array))
    return np.ma.masked_values(array, mask)


def constant_integer(spec: Mapping[str, Any], words: Any) -> int:
    """Return the integer of a `core/integer` node; its 32-bit words begin with the lowest."""
    value = 0
    for word in reversed(words):
        value = value << 32 | int(word)
    return -value if spec["sign"] == "-" else value


def sibling(path: str, source: str) -> str | None:
    """Return the path of the file that a source names, if it lies in the folder of `path`.

    None for a URL, an absolute path, another folder, and where there is no file at `path` itself.
    """
    from urllib.parse import unquote, urlsplit  # few files have such a source

    url = urlsplit(source)
    name = unquote(url.path).removeprefix("./")
    plain = not (url.scheme or url.netloc or url.query or url.fragment)
    if not plain or name in ("", ".", "..") or os.path.basename(name) != name or "\0" in name:
        return None
    return os.path.join(os.path.dirname(path), name) if os.path.isfile(path) else None
