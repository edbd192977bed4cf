"""Catalogues on the disk: Parquet, Arrow, CSV and ECSV, by the ending of the name."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ..errors import MissingExtraError
from ..remote import is_url
from .columns import Column, columns_of
from .entry import Entry
from .scanning import arrow, field_type

__all__ = ["ENDINGS", "FORMAT", "Previous", "read", "write"]

ENDINGS: Final = (".parquet", ".arrow", ".feather", ".csv", ".ecsv")

_GROUP: Final = 32_768

FORMAT: Final = {b"asdfits.catalogue": b"1"}
"""What a schema is marked with: rows of another version are not taken over."""


def _ending(path: str | os.PathLike[str]) -> str:
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in ENDINGS:
        raise ValueError(f"{path}: found another ending, expected one of {', '.join(ENDINGS)}")
    return ending


@contextmanager
def _whole_or_not(path: str | os.PathLike[str]) -> Iterator[str]:
    """A sibling that takes the name once it is written."""
    target = Path(path)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        made = Path(folder) / target.name
        yield str(made)
        made.replace(target)


def write(table: Any, path: str | os.PathLike[str]) -> int:
    """Write a catalogue; return the number of its rows.

    Parameters
    ----------
    table : pyarrow.Table or pyarrow.RecordBatchReader
        What `asdfits.scan` or `asdfits.scan_batches` gives. Of a reader one batch is in memory at a
        time, except for ECSV.
    path
        Where to; the ending says how: ``.parquet``, ``.arrow`` (or ``.feather``), ``.csv``, ``.ecsv``
        (needs astropy). A file of that name is replaced once the new one is whole.

    Raises
    ------
    ValueError
        Another ending.
    MissingExtraError
        pyarrow, or for ECSV astropy, is not installed.
    """
    pa = arrow()
    ending = _ending(path)
    reader = table.to_reader() if isinstance(table, pa.Table) else table
    if ending == ".ecsv":
        table = reader.read_all()
        with _whole_or_not(path) as made:
            _write_ecsv(table, made)
        return int(table.num_rows)
    rows = 0
    with _whole_or_not(path) as made, _writer(ending, made, reader.schema) as writer:
        for group in _groups(reader):
            rows += group.num_rows
            writer.write_table(group)
    return rows


def _groups(reader: Any) -> Iterator[Any]:
    """Batches joined to groups of a size that readers like."""
    pa = arrow()
    waiting: list[Any] = []
    for batch in reader:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= _GROUP:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _writer(ending: str, path: str, schema: Any) -> Any:
    if ending == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")
    if ending == ".csv":
        import pyarrow.csv

        return pyarrow.csv.CSVWriter(path, schema)
    return arrow().ipc.new_file(path, schema)


def read(path: str | os.PathLike[str]) -> Any:
    """Return a catalogue that `write` has written, as a `pyarrow.Table`.

    Raises
    ------
    ValueError
        Another ending.
    MissingExtraError
        pyarrow, or for ECSV astropy, is not installed.
    """
    ending = _ending(path)
    if ending == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path)
    if ending == ".csv":
        import pyarrow.csv

        with open(path, newline="", encoding="utf-8") as file:
            names = next(csv.reader(file), [])
        # Empty text is written in quotes, so that what is not there is told from it.
        how = pyarrow.csv.ConvertOptions(
            column_types={each.name: field_type(each.type) for each in columns_of(names)},
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )
        return pyarrow.csv.read_csv(path, convert_options=how)
    if ending == ".ecsv":
        return _read_ecsv(path)
    with arrow().memory_map(os.fspath(path)) as source:
        return arrow().ipc.open_file(source).read_all()


def _astropy_table() -> Any:
    try:
        from astropy.table import MaskedColumn, Table
    except ImportError as error:
        raise MissingExtraError(
            "ECSV is written and read by astropy: pip install astropy"
        ) from error
    return Table, MaskedColumn


def _write_ecsv(table: Any, path: str) -> None:
    pa = arrow()
    table_class, masked_column = _astropy_table()
    made = table_class()
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.string())
        fill = {"string": "", "int64": 0, "double": 0.0, "bool": False}[str(column.type)]
        values = [fill if value is None else value for value in column.to_pylist()]
        mask = [value is None for value in column.to_pylist()]
        kind = {"int64": "i8", "double": "f8", "bool": "?"}.get(str(column.type), str)
        made[name] = masked_column(values, mask=mask, dtype=kind)
    made.write(path, format="ascii.ecsv")


def _read_ecsv(path: str | os.PathLike[str]) -> Any:
    pa = arrow()
    found = _astropy_table()[0].read(path, format="ascii.ecsv")
    arrays = {}
    for name in found.colnames:
        values = found[name].tolist()
        kind = {"i": pa.int64(), "f": pa.float64(), "b": pa.bool_()}
        arrays[name] = pa.array(values, kind.get(found[name].dtype.kind, pa.string()))
    return pa.table(arrays)


class Previous:
    """The rows of an older catalogue that may be taken over."""

    def __init__(self, table: Any, columns: Sequence[Column]) -> None:
        pa = arrow()
        if not isinstance(table, pa.Table):
            table = read(table)
        self._places: dict[str, tuple[int, int, int]] = {}
        names = [column.name for column in columns]
        marks = table.schema.metadata or {}
        # A text file has no marks.
        other = any(marks.get(key, value) != value for key, value in FORMAT.items())
        if other or not set(names) <= set(table.column_names):
            return
        fields = [(column.name, field_type(column.type)) for column in columns]
        try:
            self._table = table.select(names).cast(pa.schema(fields)).combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return
        # A fault may go without a change of the file, as a permission does.
        own = self._table.select(["path", "size", "mtime", "error"])
        stamps = own.column("mtime").cast(pa.int64()).to_pylist()
        rows = zip(
            own.column("path").to_pylist(),
            own.column("size").to_pylist(),
            stamps,
            own.column("error").to_pylist(),
            strict=True,
        )
        for place, (path, size, mtime, error) in enumerate(rows):
            if error is None and size is not None and mtime is not None:
                self._places[path] = (size, mtime, place)

    def place(self, entry: Entry) -> int | None:
        """Return the row of a file that has not changed; None where there is none."""
        found = self._places.get(entry.path)
        if found is None or entry.fault is not None:
            return None
        if is_url(entry.path):
            # Listings and answers may know parts of a second or not.
            if entry.size != found[0] or entry.modified is None:
                return None
            return found[2] if entry.modified // 1_000_000 == found[1] // 1_000_000 else None
        try:
            status = os.stat(entry.path)
        except OSError:
            return None
        return found[2] if (status.st_size, status.st_mtime_ns // 1000) == found[:2] else None

    def take(self, places: Sequence[int]) -> Any:
        """Return rows, as a record batch."""
        taken = self._table.take(arrow().array(places, arrow().int64()))
        return taken.combine_chunks().to_batches()[0]

    def __len__(self) -> int:
        return len(self._places)


def types_of(columns: Sequence[Column]) -> Mapping[str, str]:
    """Return column -> type."""
    return {column.name: column.type for column in columns}
