"""Bytes of a file as numpy arrays: images, tables, blocks of the tree, and their cast to a schema.

An image whose stored numbers are its values is a view of the mapped file, big-endian as FITS has it,
writable without changing the file. Where values must be computed (the unsigned convention, BSCALE,
BLANK, logical columns), or native numbers are asked for, the array is a fresh one in native byte order:
see `pixels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import pixels
from ._core import Hdu, Product, Region
from .errors import FormatError, MissingExtraError
from .mapping import NUMPY_CODES, SchemaNode
from .mapping import Column as SchemaColumn

__all__ = [
    "STORED",
    "Column",
    "Row",
    "Table",
    "asdf_dtype",
    "by_astropy",
    "cast",
    "has_data",
    "hdu_array",
    "image_values",
    "packed_dtype",
    "partly_stored_image",
    "shape_of",
    "stored_dtype",
    "stored_image",
    "table_fault",
]

# BITPIX -> the type of the stored numbers (FITS 4.0 table 8).
STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}

# TFORM letter -> the type of the stored numbers (FITS 4.0 table 18).
_FORMS = {
    "L": "u1",
    "X": "u1",
    "B": "u1",
    "I": ">i2",
    "J": ">i4",
    "K": ">i8",
    "E": ">f4",
    "D": ">f8",
    "C": ">c8",
    "M": ">c16",
}


class Column(NamedTuple):
    """What a table says of one column beside its numbers."""

    name: str
    unit: str | None


class Row(np.record):  # type: ignore[misc]  # numpy calls it final, and subclasses it itself
    """One row of a `Table`."""

    def __getitem__(self, key: Any) -> Any:
        return _text(super().__getitem__(_spelled(self.dtype.names, key)))

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return _text(value) if isinstance(value, bytes) else value


class Table(np.recarray[Any, Any]):
    """A table: a structured array with attribute access, text columns read as str.

    Columns are found without regard to case, as FITS asks for (FITS 4.0 §7.3.2.1). The stored type
    of a text column is bytes; reading the column gives str without trailing blanks.
    """

    units: dict[str, str]

    def __array_finalize__(self, obj: Any) -> None:
        if self.dtype.names is not None and self.dtype.type is not Row:
            self.dtype = self.dtype  # type: ignore[misc]
        self.units = getattr(obj, "units", {})

    def __setattr__(self, name: str, value: Any) -> None:
        # A recarray makes its rows plain records here.
        if name == "dtype" and np.dtype(value).names is not None:
            np.ndarray.__setattr__(self, name, np.dtype((Row, np.dtype(value))))
        else:
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_table_from, (np.asarray(self), self.units))

    def __getitem__(self, key: Any) -> Any:
        names = self.dtype.names
        spelled = _spelled(names, key)
        if isinstance(key, str) and names is not None and spelled not in names:
            raise KeyError(f"the table has no column {key!r}; it has {names}")
        return _text(super().__getitem__(spelled))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_spelled(self.dtype.names, key), value)

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return _text(value) if isinstance(value, np.ndarray) and name != "base" else value

    def __getattr__(self, name: str) -> Any:
        # Python asks here when no attribute has the exact name.
        spelled = _spelled(self.dtype.names, name)
        if spelled == name:
            raise AttributeError(f"the table has no column {name!r}; it has {self.dtype.names}")
        return self[spelled]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name and unit of each column."""
        names = self.dtype.names or ()
        return tuple(Column(name, self.units.get(name)) for name in names)

    def to_astropy(self, *, quantities: bool = False) -> Any:
        """Return an `astropy.table.Table` with the units of the columns.

        Parameters
        ----------
        quantities : bool
            Whether it is a `QTable`, whose columns with units are quantities.

        Raises
        ------
        MissingExtraError
            astropy is not installed.
        """
        from . import export  # few tables leave

        return export.to_astropy(self, self.units, quantities=quantities)

    def to_arrow(self) -> Any:
        """Return a `pyarrow.Table`.

        Cells that are arrays become lists of fixed size, nested for more than one axis. The unit of a
        column is in the metadata of its field.

        Raises
        ------
        MissingExtraError
            pyarrow is not installed.
        UnsupportedError
            A column is complex.
        """
        from . import export

        return export.to_arrow(self, self.units)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame`.

        Cells that are arrays stay arrays of numpy. ``attrs["units"]`` has the units.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        from . import export

        return export.to_pandas(self, self.units)

    def to_polars(self) -> Any:
        """Return a `polars.DataFrame`; cells that are arrays have the type `polars.Array`.

        Raises
        ------
        MissingExtraError
            polars is not installed.
        UnsupportedError
            A column is complex.
        """
        from . import export

        return export.to_polars(self)


def _spelled(names: tuple[str, ...] | None, key: Any) -> Any:
    """The name of a column as the table spells it."""
    if isinstance(key, str) and names is not None and key not in names:
        folded = key.lower()
        return next((name for name in names if name.lower() == folded), key)
    return key


def _table_from(array: np.ndarray[Any, Any], units: Mapping[str, str]) -> Table:
    table = array.view(Table)
    table.units = dict(units)
    return table


def _text(value: Any) -> Any:
    """Bytes as str without the padding that a fixed width brings; anything else as it is."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        # numpy would shrink the width to the longest text found.
        return np.char.rstrip(np.char.decode(np.asarray(value), "latin-1")).astype(
            f"U{value.dtype.itemsize}"
        )
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip()
    return value


def has_data(hdu: Hdu) -> bool:
    """Tell whether an HDU has data; an image or a table of size 0 counts."""
    kinds = ("PRIMARY", "IMAGE", "BINTABLE")
    return hdu.announced > 0 or (hdu.kind in kinds and bool(hdu.shape))


def shape_of(product: Product, index: int) -> list[int] | None:
    """Return the shape of an image or a table by its header; None where only the data tell.

    Raises
    ------
    FormatError
        The header of a compressed image contradicts itself.
    """
    hdu = product.hdu(index)
    if hdu.kind in ("PRIMARY", "IMAGE", "COMPRESSED"):
        return product.image(index)[1]
    return hdu.shape[:1] if hdu.kind == "BINTABLE" else None


def hdu_array(product: Product, index: int, *, native: bool = False) -> np.ndarray[Any, Any] | None:
    """Return the data of an HDU, in native byte order if asked for; None where it has none.

    Raises
    ------
    FormatError
        The file ends before the data do, or the header contradicts itself.
    MissingExtraError
        Data of a kind that this function does not read and astropy is not there to read them.
    """
    hdu = product.hdu(index)
    if not has_data(hdu):
        return None
    try:
        if hdu.kind in ("PRIMARY", "IMAGE"):
            return _image(product, index, native=native)
        if hdu.kind == "BINTABLE":
            return _table(product, index, native=native)
        if hdu.kind == "COMPRESSED":
            return _compressed(product, index)
        if hdu.kind == "OTHER":
            return _view(product, hdu.data_at, hdu.announced, "u1")
        array = by_astropy(product, index)
        return pixels.native_array(array) if native and array is not None else array
    except FormatError:
        raise
    except (TypeError, ValueError, OverflowError) as error:  # what numpy says of an absurd type
        raise FormatError(f"{product.path}: {hdu.label}: byte {hdu.at}: {error}") from error


def _view(product: Product, at: int, length: int, dtype: Any) -> np.ndarray[Any, Any]:
    """Bytes of the file as an array; the array keeps the map alive."""
    return np.frombuffer(memoryview(product.region(at, length)), dtype)


def _image(product: Product, index: int, *, native: bool) -> np.ndarray[Any, Any]:
    bitpix, shape, scale, zero, blank = product.image(index)
    if scale == 1 and zero == 0 and (blank is None or bitpix < 0) and (not native or bitpix == 8):
        hdu = product.hdu(index)
        return _view(product, hdu.data_at, hdu.announced, STORED[bitpix]).reshape(shape)
    stored = stored_image(product, index)
    return stored.values() if native else _as_stored(stored)


def _as_stored(stored: pixels.Stored) -> np.ndarray[Any, Any]:
    """Values in native byte order; scaled floats in that of the file, as astropy has them."""
    kind = stored.array.dtype
    return stored.values().astype(kind if kind.kind == "f" else stored.dtype, copy=False)


def stored_image(product: Product, index: int) -> pixels.Stored:
    """Return the numbers of an image as the file has them, whatever was written to arrays over it.

    Raises
    ------
    FormatError
        The file ends before the data do.
    """
    bitpix, shape, scale, zero, blank = product.image(index)
    hdu = product.hdu(index)
    region = product.unchanged(hdu.data_at, hdu.announced)
    stored = np.frombuffer(memoryview(region), STORED[bitpix]).reshape(shape)
    return pixels.image(stored, scale, zero, blank, region)


def partly_stored_image(
    product: Product,
    index: int,
    make: Callable[[int, str, tuple[int, ...]], np.ndarray[Any, Any]],
) -> pixels.Stored:
    """Return the numbers of an image from `make`, which gets their place, their type and their shape.

    Raises
    ------
    FormatError
        The file ends before the data do.
    """
    bitpix, shape, scale, zero, blank = product.image(index)
    hdu = product.hdu(index)
    if hdu.data_len < hdu.announced:
        product.unchanged(hdu.data_at, hdu.announced)  # which says what is wrong
    return pixels.image(make(hdu.data_at, STORED[bitpix], tuple(shape)), scale, zero, blank)


def _compressed(product: Product, index: int) -> np.ndarray[Any, Any] | None:
    bitpix, shape, scale, zero, blank = product.image(index)
    if not shape:
        return None
    dtype, unsigned = _unpacked_type(bitpix, scale, zero)
    region = product.decompress(index, unsigned)
    values = np.frombuffer(memoryview(region), dtype).reshape(shape)
    if packed_dtype(product, index) is not None:
        return values
    # The loops that compute values take numbers as files have them.
    big = values.astype(values.dtype.newbyteorder(">"))
    return pixels.image(big, scale, zero, blank).values()


def image_values(
    stored: np.ndarray[Any, Any], scale: float, zero: float, blank: int | None
) -> np.ndarray[Any, Any]:
    """Return what the big-endian numbers of an image stand for: themselves, where they do."""
    if scale == 1 and zero == 0 and (blank is None or stored.dtype.kind not in "iu"):
        return stored
    return _as_stored(pixels.image(stored, scale, zero, blank))


def stored_dtype(product: Product, index: int) -> np.dtype[Any] | None:
    """Return the type of an image whose stored numbers, or these and half their range, are its values.

    None for a table, and where values have to be computed.
    """
    if product.hdu(index).kind not in ("PRIMARY", "IMAGE"):
        return None
    bitpix, _, scale, zero, blank = product.image(index)
    stored = np.dtype(STORED[bitpix])
    if scale != 1 or (blank is not None and bitpix > 0):
        return None
    if zero == 0:
        return stored
    return pixels.unsigned(stored, scale, zero)


def packed_dtype(product: Product, index: int) -> np.dtype[Any] | None:
    """Return the type of a compressed image; None for other HDUs, and where values are computed."""
    if product.hdu(index).kind != "COMPRESSED":
        return None
    bitpix, _, scale, zero, blank = product.image(index)
    dtype, unsigned = _unpacked_type(bitpix, scale, zero)
    plain = scale == 1 and zero == 0 and (blank is None or bitpix < 0)
    return dtype if unsigned or plain else None


def _unpacked_type(bitpix: int, scale: float, zero: float) -> tuple[np.dtype[Any], bool]:
    """The type of unpacked numbers, and whether it is that of integers stored with an offset."""
    stored = np.dtype(STORED[bitpix])
    unsigned = pixels.unsigned(stored, scale, zero)
    return (stored.newbyteorder("="), False) if unsigned is None else (unsigned, True)


def _table(product: Product, index: int, *, native: bool) -> np.ndarray[Any, Any] | None:
    row, rows, columns = product.table(index)
    hdu = product.hdu(index)
    if any(code in "PQ" for (_, code, *_), *_ in columns):
        return by_astropy(product, index)
    names: list[str] = []
    for number, ((name, *_), *_) in enumerate(columns, 1):
        names.append(name if name and name not in names else f"{name or 'col'}{number}")
    formats = [_cell(code, repeat, dims) for (_, code, repeat, _, _, dims), *_ in columns]
    offsets = [offset for (_, _, _, offset, _, _), *_ in columns]
    dtype = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": row})
    kinds = [
        _column(dtype[name], code, repeat, scale, zero)
        for name, ((_, code, repeat, *_), _, scale, zero, _) in zip(names, columns, strict=True)
    ]
    if not row:
        table = np.zeros(rows, dtype)
    elif native or any(kind is not None for kind in kinds):
        region = product.unchanged(hdu.data_at, row * rows)
        stored = np.frombuffer(memoryview(region), dtype)
        table = _computed(stored, dict(zip(names, kinds, strict=True)), region, native=native)
    else:
        table = _view(product, hdu.data_at, row * rows, dtype)
    units = {name: unit for name, (_, unit, *_) in zip(names, columns, strict=True) if unit}
    return _table_from(table, units)


def _cell(code: str, repeat: int, dims: Sequence[int]) -> Any:
    """The numpy type of one cell."""
    shape = tuple(reversed(dims))
    if code == "A":
        if shape and int(np.prod(shape)) <= repeat:
            return (f"S{shape[-1]}", shape[:-1]) if len(shape) > 1 else f"S{repeat}"
        return f"S{repeat}"
    if code == "X":
        repeat, shape = -(-repeat // 8), ()
    if shape and int(np.prod(shape)) == repeat:
        return (_FORMS[code], shape)
    return _FORMS[code] if repeat == 1 else (_FORMS[code], (repeat,))


class _Computed(NamedTuple):
    """A column whose values are not its stored numbers.

    Attributes
    ----------
    dtype
        The type of a cell.
    read
        How the compiled half reads it; None if `values` does.
    values
        Makes the values from the stored cells.
    """

    dtype: np.dtype[Any]
    read: pixels.Read | None
    values: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]] | None = None


def _column(
    cell: np.dtype[Any], code: str, repeat: int, scale: float, zero: float
) -> _Computed | None:
    """How the values of a column are made; None where they are its stored numbers."""
    if code == "L":
        return _Computed(np.dtype((np.bool_, cell.shape)), ("logical", 1))
    if code == "X":
        return _Computed(
            np.dtype((np.bool_, (repeat,))), None, lambda stored: _bits(stored, repeat)
        )
    if code == "A" or (scale == 1 and zero == 0):
        return None
    kind = pixels.unsigned(cell.base, scale, zero)
    if kind is not None:
        width = kind.itemsize
        swap = width > 1 and np.little_endian
        return _Computed(np.dtype((kind, cell.shape)), ("bits", width, swap, True))
    kind = np.result_type(cell.base, "f8").newbyteorder("=")
    return _Computed(
        np.dtype((kind, cell.shape)), None, lambda stored: stored.astype(kind) * scale + zero
    )


def _bits(stored: np.ndarray[Any, Any], repeat: int) -> np.ndarray[Any, Any]:
    packed = stored.reshape(len(stored), -(-repeat // 8))
    return np.unpackbits(packed, axis=1, count=repeat).astype(bool)


def _computed(
    stored: np.ndarray[Any, Any],
    columns: Mapping[str, _Computed | None],
    region: Region,
    *,
    native: bool,
) -> np.ndarray[Any, Any]:
    """A packed copy of a table, read-only memory of a file, with some columns computed."""
    cells = {}
    for name, column in columns.items():
        cell = stored.dtype[name]
        cells[name] = column.dtype if column else cell.newbyteorder("=") if native else cell
    table = np.empty(stored.shape, [(name, cell.base, cell.shape) for name, cell in cells.items()])
    fields: list[pixels.Field] = []
    for name, column in columns.items():
        at, to = ((dtype.fields or {})[name][1] for dtype in (stored.dtype, table.dtype))
        if column is None:
            cell = stored.dtype[name]
            fields += pixels.leaves(cell if native else cell.newbyteorder("="), at, to)
        elif column.read is not None:
            count = column.dtype.itemsize // column.dtype.base.itemsize
            fields.append((at, to, count, column.read))
        elif column.values is not None:
            table[name] = column.values(stored[name])
    pixels.filled(stored, table, fields, region)
    return table


def by_astropy(product: Product, index: int) -> np.ndarray[Any, Any] | None:
    """Return the data of an HDU as astropy reads them; None where it has none."""
    hdu = product.hdu(index)
    if not has_data(hdu):
        return None
    try:
        from astropy.io import fits
    except ImportError as error:
        raise MissingExtraError(
            f"{product.path}: {hdu.label}: {hdu.kind} data of this form are read by astropy, "
            "which is not installed: pip install 'asdfits[wcs]'"
        ) from error
    whole = bytes(memoryview(product.region(hdu.at, hdu.data_at - hdu.at + hdu.announced)))
    # astropy wants a primary HDU first and its padding last.
    primary = fits.PrimaryHDU().header.tostring().encode()
    if hdu.index:
        whole = primary + whole
    padded = whole + bytes(-len(whole) % 2880)
    try:
        return np.asanyarray(fits.HDUList.fromstring(padded, uint=True)[min(hdu.index, 1)].data)
    except Exception as error:  # of any kind, where the header contradicts itself
        raise FormatError(
            f"{product.path}: {hdu.label}: byte {hdu.at}: astropy cannot read the data: {error!r}"
        ) from error


def asdf_dtype(datatype: Any, byteorder: str = "big") -> np.dtype[Any]:
    """Return the numpy type for a `core/datatype` of the ASDF standard.

    Parameters
    ----------
    datatype
        A name, ``[ascii, n]``, ``[ucs4, n]`` or a list of fields.
    byteorder
        ``big`` or ``little``; a field may say otherwise for itself.
    """
    order = ">" if byteorder == "big" else "<"
    if isinstance(datatype, str):
        if datatype not in NUMPY_CODES or datatype in ("ascii", "ucs4"):
            raise ValueError(f"unknown datatype {datatype!r} of an array")
        return np.dtype(order + NUMPY_CODES[datatype])
    if isinstance(datatype, dict):
        return asdf_dtype(datatype["datatype"], datatype.get("byteorder", byteorder))
    if isinstance(datatype, list):
        if len(datatype) == 2 and datatype[0] in ("ascii", "ucs4"):
            return np.dtype(f"{order}{'S' if datatype[0] == 'ascii' else 'U'}{datatype[1]}")
        return np.dtype([_field(field, byteorder, n) for n, field in enumerate(datatype)])
    raise ValueError(f"unknown datatype {datatype!r} of an array")


def _field(field: Any, byteorder: str, number: int) -> tuple[str, Any, tuple[int, ...]]:
    if not isinstance(field, dict):
        return (f"f{number}", asdf_dtype(field, byteorder), ())
    base = asdf_dtype(field["datatype"], field.get("byteorder", byteorder))
    return (field.get("name", f"f{number}"), base, tuple(field.get("shape", ())))


def cast(value: Any, node: SchemaNode | None, *, by_position: bool = False) -> Any:
    """Return `value` as the schema wants an array to be.

    A type that differs only in byte order is left alone, so that images stay views of the file. The
    columns of a table are matched by name, whatever their case and order, and become native;
    `by_position` pairs them as they stand, and drops or leaves at zero what has no partner.

    Raises
    ------
    ValueError
        Wrong number of dimensions, missing or unknown columns, or numbers that cannot be converted.
    """
    if value is None or node is None or not node.is_array:
        return value
    if node.datatype is not None:
        if isinstance(node.datatype, str):
            value = _plain(value, np.dtype(node.dtype_spec))
        else:
            if by_position:
                value = _renamed(value, node.datatype)
            value = _structured(value, node.datatype, extra=node.allow_extra_columns)
    ndim = np.ndim(value)
    if node.ndim is not None and ndim != node.ndim:
        raise ValueError(f"Array has wrong number of dimensions.  Expected {node.ndim}, got {ndim}")
    if node.max_ndim is not None and ndim > node.max_ndim:
        raise ValueError(
            f"Array has wrong number of dimensions.  Expected <= {node.max_ndim}, got {ndim}"
        )
    return value.item() if isinstance(value, np.generic) else value


def _plain(value: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if not isinstance(value, np.ndarray):
        try:
            return np.asarray(value, dtype)
        except Exception as error:
            raise ValueError(f"Can't convert {type(value)!s} to ndarray") from error
    if value.dtype.names is not None:
        raise ValueError(f"expected an image of {dtype}, found a table of {value.dtype.names}")
    if np.can_cast(value.dtype, dtype, "equiv"):
        return value
    return np.asanyarray(value, dtype)


def _structured(value: Any, columns: Sequence[SchemaColumn], *, extra: bool) -> Table:
    if not isinstance(value, np.ndarray):
        try:
            rows = np.asarray(value, _dtype(columns, _shapes_of(value, len(columns))))
        except Exception as error:
            raise ValueError(f"Can't convert {type(value)!s} to ndarray") from error
        return _table_from(rows, {})
    if value.dtype.names is None:
        raise ValueError(f"expected a table, found an array of {value.dtype}")
    units = dict(getattr(value, "units", {}))
    value = np.asarray(value)
    fault = _column_fault(value.dtype.names or (), columns, extra=extra)
    if fault is not None:
        raise ValueError(fault)
    found = {name.lower(): name for name in value.dtype.names or ()}
    wanted = {column.name.lower() for column in columns}
    sources = [found[column.name.lower()] for column in columns]
    shapes = [value.dtype[name].shape for name in sources]
    for column, shape in zip(columns, shapes, strict=True):
        _check_cell(column, len(shape))
    # FITS has no signed bytes: a column that the schema calls int8 is written as logical, and stays so.
    fields = _dtype(
        [
            column._replace(datatype="bool8")
            if column.datatype == "int8" and value.dtype[name].base == "?"
            else column
            for column, name in zip(columns, sources, strict=True)
        ],
        shapes,
    )
    others = [found[name] for name in found.keys() - wanted]
    others.sort(key=(value.dtype.names or ()).index)
    if others:
        fields = np.dtype(fields.descr + [(name, value.dtype[name]) for name in others])
    table = np.empty(value.shape, fields)
    for name, source in zip(fields.names or (), [*sources, *others], strict=True):
        table[name] = value[source]
    spelled = dict(zip([*sources, *others], fields.names or (), strict=True))
    return _table_from(table, {spelled[n]: unit for n, unit in units.items() if n in spelled})


def _renamed(value: np.ndarray[Any, Any], columns: Sequence[SchemaColumn]) -> Table:
    """A table with the names of the schema, column by column as they stand; zeros where none is left."""
    stored = np.asarray(value)
    names = (stored.dtype.names or ())[: len(columns)]
    shapes = [stored.dtype[name].shape for name in names]
    shapes += [column.shape or () for column in columns[len(names) :]]
    renamed = np.zeros(stored.shape, _dtype(columns, shapes))
    for name, source in zip(renamed.dtype.names or (), names, strict=False):
        renamed[name] = stored[source]
    units = getattr(value, "units", {})
    return _table_from(renamed, {n: units[n] for n in renamed.dtype.names or () if n in units})


def _column_fault(
    names: Iterable[str], columns: Sequence[SchemaColumn], *, extra: bool
) -> str | None:
    """What is wrong with the names of a table's columns, whatever their case and order."""
    found = {name.lower() for name in names}
    wanted = {column.name.lower() for column in columns}
    if found == wanted or (extra and wanted <= found):
        return None
    return (
        f"Column names don't match schema. Schema has {sorted(wanted - found)}. "
        f"Data has {sorted(found - wanted)}"
    )


def table_fault(product: Product, index: int, node: SchemaNode) -> str | None:
    """Return why the table of an HDU cannot become what the schema wants, judged by its header.

    None for a table that fits, and for what is no table on either side.
    """
    columns = node.datatype
    if not isinstance(columns, tuple) or product.hdu(index).kind != "BINTABLE":
        return None
    names = [name for (name, *_), *_ in product.table(index)[2]]
    return _column_fault(names, columns, extra=node.allow_extra_columns)


def _check_cell(column: SchemaColumn, ndim: int) -> None:
    if column.ndim is not None and ndim != column.ndim:
        raise ValueError(
            f"Array has wrong number of dimensions. Expected {column.ndim}, got {ndim} "
            f"in column {column.name}"
        )
    if column.max_ndim is not None and ndim > column.max_ndim:
        raise ValueError(
            f"Array has wrong number of dimensions. Expected <= {column.max_ndim}, got {ndim} "
            f"in column {column.name}"
        )


def _dtype(columns: Sequence[SchemaColumn], shapes: Iterable[tuple[int, ...]]) -> np.dtype[Any]:
    """The native type of the schema's columns; a shape that the schema leaves open is the data's."""
    fields = []
    for column, shape in zip(columns, shapes, strict=True):
        datatype: Any = column.datatype
        if column.length is not None:
            datatype = [column.datatype, column.length]
        base = asdf_dtype(datatype).newbyteorder("=")
        fields.append((column.name, base, shape if column.shape is None else column.shape))
    return np.dtype(fields)


def _shapes_of(rows: Any, count: int) -> list[tuple[int, ...]]:
    """The cell shapes of a list of tuples."""
    if isinstance(rows, list) and rows and isinstance(rows[0], tuple):
        return [np.shape(cell) for cell in rows[0]]
    return [()] * count
