"""Arrays and tables of many files that Dask reads when they are computed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from typing import Any, Final

import numpy as np

from .. import arrays, export
from ..catalogue.files import PATTERNS, Source, entries
from ..file import HduArray, header_shape
from ..io import open as open_product
from ..models import JwstDataModel
from ..section import Section
from .names import whole
from .work import missing, stamp

__all__ = ["dataframe", "stack"]

_NAMED: Final = 5
"""How many files an error names."""


def stack(
    paths: Source,
    path: str = "data",
    *,
    native: bool = True,
    planes: bool = False,
    pattern: str | Iterable[str] = PATTERNS,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Return an array of many files as one lazy `dask.array`, with an axis more.

    Only headers are read for it. When it is computed each chunk opens its file and reads its pixels,
    wherever it is computed; an index of the array reads the chunks that it needs.

    Parameters
    ----------
    paths : str, path-like or iterable of these
        Files, folders or patterns, as for `asdfits.scan`; the first axis has them in this order.
    path : str
        The dotted path of the array in each file: ``data``, ``slits[3].data`` or ``slits.3.data``.
    native : bool
        Whether the numbers are in the byte order of this machine, which is faster for nearly all that
        is done with them. Otherwise they are as the model has them: big-endian, as in the file, where
        the file's numbers are the values.
    planes : bool
        Whether a chunk is one plane, the last two axes, of cubes and ramps. By default it is all of a
        file.
    pattern : str or iterable of str
        The names that are taken from folders.
    options : mapping, optional
        Options of `asdfits.open`.

    Returns
    -------
    dask.array.Array
        Of shape (files, …); its chunks are of one file each.

    Raises
    ------
    ValueError
        Arrays differ in shape or type, the files that differ are named; there is no file; or, when the
        array is computed, a file is not as it was.
    KeyError
        A file has no such array.
    OSError, FormatError
        As for `asdfits.open`.
    TypeError
        It is a table.
    MissingExtraError
        Dask is not installed.

    Examples
    --------
    >>> cube = asdfits.bulk.stack("data/*_cal.fits", "data")  # doctest: +SKIP
    >>> cube
    dask.array<data, shape=(500, 2048, 2048), dtype=float32, chunksize=(1, 2048, 2048), …>
    >>> da.nanmedian(cube[:, 1000:1100], axis=0).compute()
    """
    array = _dask("array")
    graphs = import_module("dask.highlevelgraph")
    path, options = _dotted(path), dict(options or {})
    files = _files(paths, pattern)
    shape, dtype = _common(files, path, options, native=native)
    cut = max(0, len(shape) - 2) if planes else 0
    chunks = ((1,) * len(files), *((1,) * n for n in shape[:cut]), *((n,) for n in shape[cut:]))
    marks = [(file, stamp(file)) for file in files]
    token = import_module("dask.base").tokenize(marks, path, native, planes, options)
    name = f"{path}-{token}"
    graph = {
        (name, number, *index, *(0,) * (len(shape) - cut)): (
            _read,
            _Part(file, path, index, shape, dtype, options),
        )
        for number, file in enumerate(files)
        for index in product(*map(range, shape[:cut]))
    }
    whole_graph = graphs.HighLevelGraph.from_collections(name, graph, dependencies=[])
    return array.Array(whole_graph, name, chunks, dtype=dtype)


@dataclass(frozen=True, slots=True)
class _Part:
    """What a chunk is made of."""

    file: str
    path: str
    index: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    options: dict[str, Any]


def _read(part: _Part) -> np.ndarray[Any, Any]:
    with open_product(part.file, **part.options) as model:
        if part.dtype.isnative:
            found: Any = _section(model, part.file, part.path)
        else:
            found = model[part.path]
        if tuple(found.shape) != part.shape:
            raise ValueError(
                f"{part.file}: {part.path}: found the shape {tuple(found.shape)}, expected "
                f"{part.shape}, as when the array was made"
            )
        values = np.asarray(found[part.index] if part.index else found[...])
    return values.astype(part.dtype, copy=False)[(np.newaxis,) * (1 + len(part.index))]


def _dotted(path: str) -> str:
    """A path with numbers as words: ``spec[0].spec_table`` is ``spec.0.spec_table``."""
    return re.sub(r"\[(\d+)\]", r".\1", path)


def _files(paths: Source, pattern: str | Iterable[str]) -> list[str]:
    found = []
    for entry in entries(paths, (pattern,) if isinstance(pattern, str) else pattern):
        if entry.fault is not None:
            raise entry.fault
        found.append(whole(entry.path))
    if not found:
        raise ValueError(f"{paths}: found no file, expected at least one")
    return found


def _section(model: JwstDataModel, file: str, path: str) -> Section:
    try:
        found = model.section(path)
    except KeyError as error:
        raise KeyError(f"{file}: there is no array at {path}") from error
    if found.dtype.names is not None:
        raise TypeError(f"{file}: {path} is a table: asdfits.bulk.dataframe is for tables")
    return found


def _described(
    file: str, path: str, options: Mapping[str, Any], *, native: bool
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array, by the header where that tells."""
    with open_product(file, **options) as model:
        try:
            value = model._unmade(path)
        except KeyError as error:
            raise KeyError(f"{file}: there is no array at {path}") from error
        if isinstance(value, HduArray) and value.file.product.hdu(value.index).kind == "COMPRESSED":
            shape = header_shape(value)
            dtype = arrays.packed_dtype(value.file.product, value.index)
            if value.node is not None and isinstance(value.node.datatype, str):
                dtype = np.dtype(value.node.dtype_spec)
            if shape is not None and dtype is not None:
                return shape, dtype
        found = _section(model, file, path)
        shape, dtype = tuple(found.shape), found.dtype
        if native or not isinstance(value, HduArray):
            return shape, dtype
        stored = arrays.stored_dtype(value.file.product, value.index)
        own = stored is not None and np.can_cast(stored, dtype, "equiv")
        return shape, stored if own and stored is not None else dtype


def _common(
    files: Sequence[str], path: str, options: Mapping[str, Any], *, native: bool
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type that all arrays have."""
    found = [_described(file, path, options, native=native) for file in files]
    first = found[0]
    others = [(file, each) for file, each in zip(files, found, strict=True) if each != first]
    if others:
        told = "".join(
            f"\n  {file}: {shape} of {dtype}" for file, (shape, dtype) in others[:_NAMED]
        )
        more = f"\n  and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
        raise ValueError(
            f"{path}: {len(others):,} of {len(files):,} files cannot be stacked with "
            f"{files[0]}, which has {first[0]} of {first[1]}:{told}{more}"
        )
    return first


# -- tables -------------------------------------------------------------------------------------


def dataframe(
    paths: Source,
    path: str,
    *,
    columns: Sequence[str] | None = None,
    file: str | None = "file",
    pattern: str | Iterable[str] = PATTERNS,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Return the rows of a table of many files as one lazy Dask dataframe.

    The header of the first file says which columns there are; the other files are opened when their
    rows are computed, and must have the same columns.

    Parameters
    ----------
    paths : str, path-like or iterable of these
        Files, folders or patterns, as for `asdfits.scan`.
    path : str
        The dotted path of the table in each file: ``spec[0].spec_table`` or ``spec.0.spec_table``.
    columns : sequence of str, optional
        The columns that are taken, in this order; whatever their case. All if not given.
    file : str or None
        The name of the column that has the path of the file; None leaves it out.
    pattern : str or iterable of str
        The names that are taken from folders.
    options : mapping, optional
        Options of `asdfits.open`.

    Returns
    -------
    dask.dataframe.DataFrame
        A partition for each file, with rows numbered from 0 in each. Numbers are in native byte order,
        texts are ``string[pyarrow]``, and cells that are arrays are lists of Arrow.

    Raises
    ------
    ValueError
        There is no file; or, when it is computed, a file has other columns or types, which are named.
    KeyError
        A file has no such table, or it has no such column.
    TypeError
        It is no table.
    OSError, FormatError
        As for `asdfits.open`.
    MissingExtraError
        Dask, with its dataframes, is not installed.

    Examples
    --------
    >>> frame = asdfits.bulk.dataframe("data/*_x1d.fits", "spec[0].spec_table")  # doctest: +SKIP
    >>> frame[frame.DQ == 0].groupby("file").FLUX.median().compute()
    """
    frames = _dask("dataframe")
    path, options = _dotted(path), dict(options or {})
    if columns is not None:
        columns = tuple(columns)
    files = _files(paths, pattern)
    meta = _frame(files[0], path, columns, file, options, rows=0)
    return frames.from_map(
        _rows,
        files,
        meta=meta,
        path=path,
        wanted=columns,
        file_column=file,
        options=options,
        expected={name: str(dtype) for name, dtype in meta.dtypes.items()},
        enforce_metadata=False,
    )


def _rows(
    file: str,
    *,
    path: str,
    wanted: Sequence[str] | None,
    file_column: str | None,
    options: dict[str, Any],
    expected: Mapping[str, str],
) -> Any:
    """The rows of one file."""
    frame = _frame(file, path, wanted, file_column, options)
    found = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    if list(found) == list(expected) and found == expected:
        return frame
    faults = [
        *(f"it has no column {name!r}" for name in expected if name not in found),
        *(f"it has a column {name!r} more" for name in found if name not in expected),
        *(
            f"column {name!r} is {found[name]}, expected {kind}"
            for name, kind in expected.items()
            if found.get(name, kind) != kind
        ),
    ]
    raise ValueError(
        f"{file}: {path}: the table is another than that of the first file: "
        f"{'; '.join(faults) or f'its columns stand in the order {list(found)}'}"
    )


def _frame(
    file: str,
    path: str,
    wanted: Sequence[str] | None,
    file_column: str | None,
    options: Mapping[str, Any],
    *,
    rows: int | None = None,
) -> Any:
    """The table of a file, or its first rows, as a dataframe of pandas."""
    import pandas as pd
    import pyarrow as pa

    text = pd.StringDtype("pyarrow")
    with open_product(file, **options) as model:
        try:
            table = model[path]
        except KeyError as error:
            raise KeyError(f"{file}: there is no table at {path}") from error
        if table is None:
            raise KeyError(f"{file}: there is no table at {path}")
        if not isinstance(table, np.ndarray) or table.dtype.names is None:
            raise TypeError(f"{file}: {path} is no table; found {type(table).__name__}")
        table = np.asarray(table)[:rows]
        if wanted is not None:
            names = table.dtype.names or ()
            cut: Any = [_spelled(file, names, name) for name in wanted]
            table = table[cut]
        made: dict[str, Any] = {}
        for name, values in export.native_columns(table):
            if values.ndim > 1:
                made[name] = pd.arrays.ArrowExtensionArray(_lists(pa, values))
            elif values.dtype.kind == "U":
                made[name] = pd.array(values.tolist(), dtype=text)
            else:
                made[name] = values
        if file_column is not None:
            if file_column in made:
                raise ValueError(
                    f"{file}: {path} has a column {file_column!r} itself; give file=… another name"
                )
            made[file_column] = pd.array([file] * len(table), dtype=text)
    return pd.DataFrame(made, index=pd.RangeIndex(len(table)))


def _lists(pa: Any, values: np.ndarray[Any, Any]) -> Any:
    """Cells that are arrays, as lists of Arrow."""
    flat = values.reshape(-1)
    made = pa.array(flat.tolist() if flat.dtype.kind == "U" else flat)
    for size in reversed(values.shape[1:]):
        made = pa.FixedSizeListArray.from_arrays(made, max(size, 1))
    return made


def _spelled(file: str, names: tuple[str, ...], wanted: str) -> str:
    folded = wanted.lower()
    for name in names:
        if name.lower() == folded:
            return name
    raise KeyError(f"{file}: the table has no column {wanted!r}; it has {', '.join(names)}")


def _dask(room: str) -> Any:
    try:
        return import_module(f"dask.{room}")
    except ImportError as error:
        raise missing(f"dask[{room}]", f"it is a lazy {room} of Dask") from error
