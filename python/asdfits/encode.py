"""Arrays as the data of an HDU: the cards that describe it and the bytes that hold it.

The inverse of `arrays`. FITS stores big-endian numbers and has no unsigned integers but those of 8
bits: others are stored with an offset of half their range (FITS 4.0 table 11), which is a flip of
the highest bit. The compiled half swaps and flips while it writes, so that no second copy of an
image is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from .errors import UnsupportedError

__all__ = [
    "BLOCK",
    "Card",
    "Encoded",
    "Part",
    "asdf_datatype",
    "empty",
    "encode",
    "raw",
    "table_values",
]

# Headers and data fill whole blocks (FITS 4.0 §3.1).
BLOCK = 2880

# (keyword, value, comment)
Card = tuple[str, Any, str]

# What `_core.write_file` writes: bytes, or how to get them.
Part = Any

# Type of numpy, without byte order -> BITPIX.
_BITPIX = {"u1": 8, "i1": 8, "i2": 16, "u2": 16, "i4": 32, "u4": 32, "i8": 64, "u8": 64}
_BITPIX |= {"f4": -32, "f8": -64}

# Type of numpy -> letter of TFORM (FITS 4.0 table 18).
_LETTERS = {"b1": "L", "u1": "B", "i1": "B", "i2": "I", "u2": "I", "i4": "J", "u4": "J"}
_LETTERS |= {"i8": "K", "u8": "K", "f4": "E", "f8": "D", "c8": "C", "c16": "M"}


class Encoded(NamedTuple):
    """The data of an HDU.

    Attributes
    ----------
    cards : list of Card
        From XTENSION or SIMPLE to the last card that describes the data.
    parts : list of Part
        The bytes, without padding.
    length : int
        Their number.
    fill : int
        The byte that pads them.
    """

    cards: list[Card]
    parts: list[Part]
    length: int
    fill: int = 0


def empty(*, primary: bool) -> Encoded:
    """Return the description of an HDU without data."""
    return Encoded(_structure(8, (), primary=primary), [], 0)


def encode(array: np.ndarray[Any, Any], *, primary: bool = False) -> Encoded:
    """Return an array as the data of an image or, if it has fields, of a table.

    Raises
    ------
    UnsupportedError
        FITS has no type for its values.
    """
    if array.dtype.names is None:
        return _image(array, primary=primary)
    return _table(table_values(array), _units(array))


def table_values(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a table as a tree holds it: its values, text columns as text.

    That concerns asdfits' own tables and astropy's `FITS_rec`, which keep the bytes of a file; any
    other array is returned as it is.
    """
    if type(array).__name__ not in ("FITS_rec", "Table") or array.dtype.names is None:
        return array
    columns = {name: np.asarray(array[name]) for name in array.dtype.names}
    raw = array.view(np.ndarray)
    for name, values in columns.items():
        if values.dtype.kind == "U":  # as wide as in the file, whatever the longest text is
            width = raw.dtype[name].base.itemsize // (1 if raw.dtype[name].base.kind == "S" else 4)
            columns[name] = values.astype(f"U{width}")
    table = np.empty(
        array.shape,
        [(name, values.dtype, values.shape[array.ndim :]) for name, values in columns.items()],
    )
    for name, values in columns.items():
        table[name] = values
    return table


def _structure(bitpix: int, shape: tuple[int, ...], *, primary: bool) -> list[Card]:
    first: Card = (
        ("SIMPLE", True, "conforms to the FITS standard")
        if primary
        else ("XTENSION", "IMAGE", "image extension")
    )
    cards = [
        first,
        ("BITPIX", bitpix, "bits of a value"),
        ("NAXIS", len(shape), "number of axes"),
    ]
    cards += [(f"NAXIS{n}", size, "") for n, size in enumerate(reversed(shape), 1)]
    if primary:
        cards.append(("EXTEND", True, ""))
    else:
        cards += [("PCOUNT", 0, "bytes after the table"), ("GCOUNT", 1, "number of groups")]
    return cards


def _image(array: np.ndarray[Any, Any], *, primary: bool) -> Encoded:
    code = array.dtype.str[1:]
    if code not in _BITPIX:
        raise UnsupportedError(f"FITS has no image of {array.dtype}")
    bitpix = _BITPIX[code]
    cards = _structure(bitpix, array.shape, primary=primary)
    offset = _offset(array.dtype)
    if offset:
        cards += [("BSCALE", 1, ""), ("BZERO", offset, "offset of unsigned integers")]
    return Encoded(cards, [raw(array, "big", offset=bool(offset))], array.nbytes)


def _offset(dtype: np.dtype[Any]) -> int:
    """What FITS adds to stored integers to get those of `dtype`; 0 for what it stores as is."""
    if dtype.kind == "u" and dtype.itemsize > 1:
        return int(2 ** (dtype.itemsize * 8 - 1))
    return -128 if dtype.str[1:] == "i1" else 0


def raw(array: np.ndarray[Any, Any], order: str, *, offset: bool = False) -> Part:
    """Return the values of an array as a part, in the byte order `order`, ``big`` or ``little``.

    `offset` flips the highest bit of each value: the unsigned convention.
    """
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    stored = "little" if array.dtype.str[0] == "<" else "big"
    width = array.dtype.itemsize
    swaps = array.dtype.str[0] in "<>" and stored != order and width > 1
    if array.dtype.kind == "c":
        width //= 2
    values = array.reshape(-1).view("u1")
    if swaps:
        return ("swap", values, width, offset)
    return ("sign", values, width) if offset else values


def _units(array: np.ndarray[Any, Any]) -> Mapping[str, str]:
    """The units of columns, as our own tables and those of astropy keep them."""
    if type(array).__name__ == "FITS_rec":
        columns: Any = getattr(array, "columns", ())
        return {column.name: column.unit for column in columns if column.unit}
    return getattr(array, "units", {})


def _table(array: np.ndarray[Any, Any], units: Mapping[str, str]) -> Encoded:
    array = array.reshape(-1)
    names = array.dtype.names or ()
    columns = [_column(np.asarray(array)[name], name) for name in names]
    row = sum(field.dtype.itemsize * _size(field.shape[1:]) for field in columns)
    cards: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "bits of a value"),
        ("NAXIS", 2, "number of axes"),
        ("NAXIS1", row, "bytes of a row"),
        ("NAXIS2", len(array), "number of rows"),
        ("PCOUNT", 0, "bytes after the table"),
        ("GCOUNT", 1, "number of groups"),
        ("TFIELDS", len(names), "number of columns"),
    ]
    for number, name in enumerate(names, 1):
        cards += _column_cards(number, name, array.dtype[name], units.get(name))
    packed = np.empty(
        len(array), [(f"f{n}", field.dtype, field.shape[1:]) for n, field in enumerate(columns)]
    )
    for number, field in enumerate(columns):
        packed[f"f{number}"] = field
    return Encoded(cards, [packed.view("u1")] if packed.nbytes else [], packed.nbytes)


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=int))


def _column(values: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """The values of a column as a table stores them."""
    dtype = values.dtype
    if dtype.kind == "b":
        return np.where(values, np.uint8(ord("T")), np.uint8(ord("F")))
    if dtype.kind == "U":
        try:
            return np.char.encode(np.asarray(values), "ascii").astype(f"S{dtype.itemsize // 4}")
        except UnicodeEncodeError as error:
            raise UnsupportedError(f"column {name}: {error}") from error
    if dtype.kind == "S":
        return values
    if dtype.str[1:] not in _LETTERS:
        raise UnsupportedError(f"column {name}: FITS has no column of {dtype}")
    if _offset(dtype):
        bits = f"u{dtype.itemsize}"
        values = values.view(dtype.str[0] + bits) ^ np.array(1 << (dtype.itemsize * 8 - 1), bits)
    return values.astype(values.dtype.newbyteorder(">"), copy=False)


def _column_cards(number: int, name: str, dtype: np.dtype[Any], unit: str | None) -> Iterator[Card]:
    base, shape = dtype.base, dtype.shape
    count = _size(shape)
    dims = shape[::-1]
    if base.kind in "SU":
        width = base.itemsize // (4 if base.kind == "U" else 1)
        form = f"{count * width}A"
        dims = (width, *dims) if dims else ()
    else:
        form = f"{'' if count == 1 else count}{_LETTERS[base.str[1:]]}"
    yield (f"TTYPE{number}", name, "")
    yield (f"TFORM{number}", form, "")
    if _offset(base):
        yield (f"TZERO{number}", _offset(base), "")
    if unit:
        yield (f"TUNIT{number}", unit, "")
    if dims:
        yield (f"TDIM{number}", f"({','.join(map(str, dims))})", "")


_ASDF_NAMES = {"b1": "bool8", "i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16"}
_ASDF_NAMES |= {"i4": "int32", "u4": "uint32", "i8": "int64", "u8": "uint64", "f2": "float16"}
_ASDF_NAMES |= {"f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128"}


def asdf_datatype(dtype: np.dtype[Any], order: str | None = None) -> Any:
    """Return the `core/datatype` of a numpy type; `order` gives fields their byte order.

    Raises
    ------
    UnsupportedError
        The ASDF standard has no such type.
    """
    if dtype.names is not None:
        return [_asdf_field(name, dtype[name], order) for name in dtype.names]
    if dtype.kind in "SU":
        kind, width = ("ascii", 1) if dtype.kind == "S" else ("ucs4", 4)
        return [kind, dtype.itemsize // width]
    try:
        return _ASDF_NAMES[dtype.str[1:]]
    except KeyError:
        raise UnsupportedError(f"ASDF has no array of {dtype}") from None


def _asdf_field(name: str, dtype: np.dtype[Any], order: str | None) -> dict[str, Any]:
    field: dict[str, Any] = {"name": name, "datatype": asdf_datatype(dtype.base, order)}
    field["byteorder"] = order or byteorder(dtype.base)
    if dtype.shape:
        field["shape"] = list(dtype.shape)
    return field


def byteorder(dtype: np.dtype[Any]) -> str:
    """Return ``big`` or ``little``; single bytes count as big."""
    return "little" if dtype.str[0] == "<" else "big"
