"""Tables for other packages: astropy, arrow, pandas, polars; each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from . import pixels
from .errors import MissingExtraError, UnsupportedError

__all__ = ["native_columns", "to_arrow", "to_astropy", "to_pandas", "to_polars"]

Array = np.ndarray[Any, Any]


def to_astropy(table: Array, units: Mapping[str, str], *, quantities: bool) -> Any:
    """Return an astropy `Table` or, with columns that are quantities, a `QTable`."""
    package = _package("astropy.table", "wcs")
    unit = import_module("astropy.units").Unit
    kind = package.QTable if quantities else package.Table
    # A unit that astropy does not know is kept as it is spelled.
    known = {name: unit(text, parse_strict="silent") for name, text in units.items()}
    columns = {
        name: package.Column(values, name=name, unit=known.get(name))
        for name, values in native_columns(table)
    }
    if quantities:
        return kind(package.Table(columns))
    return kind(columns)


def to_arrow(table: Array, units: Mapping[str, str]) -> Any:
    """Return a pyarrow `Table`; cells that are arrays are lists of fixed size."""
    arrow = _package("pyarrow", "arrow")
    arrays, fields = [], []
    for name, values in native_columns(table):
        _refuse_complex(name, values, "arrow")
        flat = values.reshape(-1)
        if flat.dtype.kind == "U":
            array = arrow.array(flat.tolist(), arrow.string())
        else:
            array = arrow.array(flat)
        for axis in range(values.ndim - 1, 0, -1):
            size = values.shape[axis]
            if size:
                array = arrow.FixedSizeListArray.from_arrays(array, size)
            else:
                count = int(np.prod(values.shape[:axis]))
                array = arrow.array([[]] * count, arrow.list_(array.type, 0))
        unit = {"unit": units[name]} if name in units else None
        arrays.append(array)
        fields.append(arrow.field(name, array.type, metadata=unit))
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(fields))


def to_pandas(table: Array, units: Mapping[str, str]) -> Any:
    """Return a pandas `DataFrame`; cells that are arrays stay those of numpy, units are in `attrs`."""
    pandas = _package("pandas", "pandas")
    columns = {
        name: values if values.ndim == 1 else pandas.Series(list(values), dtype=object)
        for name, values in native_columns(table)
    }
    frame = pandas.DataFrame(columns, index=range(table.size))
    frame.attrs["units"] = dict(units)
    return frame


def to_polars(table: Array) -> Any:
    """Return a polars `DataFrame`; cells that are arrays have the type `Array`."""
    polars = _package("polars", "polars")
    series = []
    for name, values in native_columns(table):
        _refuse_complex(name, values, "polars")
        if values.dtype.kind == "U":
            kind = polars.String
            for size in reversed(values.shape[1:]):
                kind = polars.Array(kind, size)
            series.append(polars.Series(name, values.tolist(), dtype=kind))
        else:
            series.append(polars.Series(name, values))
    return polars.DataFrame(series)


def native_columns(table: Array) -> Iterator[tuple[str, Array]]:
    """Yield the name and the values of each column of a table: native copies, texts as str."""
    plain = np.asarray(table).reshape(-1)
    for name in plain.dtype.names or ():
        stored = plain[name]
        values = pixels.native_array(stored)
        if values.dtype.kind == "S":
            values = np.char.rstrip(np.char.decode(values, "latin-1"))
        # What is made of it shares no memory with the table.
        yield name, np.array(values, order="C", copy=True if values is stored else None)


def _refuse_complex(name: str, values: Array, package: str) -> None:
    if values.dtype.kind == "c":
        raise UnsupportedError(f"column {name}: {package} has no column of {values.dtype}")


def _package(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"the table becomes one of {package}, which is not installed: "
            f"pip install 'asdfits[{extra}]'"
        ) from error
