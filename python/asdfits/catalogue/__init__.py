"""Catalogues: one row for each file of a tree of files, as tables of pyarrow.

>>> import asdfits
>>> table = asdfits.scan("data", where="exp_type == 'NRC_IMAGE' and level == '2b'")  # doctest: +SKIP
>>> asdfits.catalogue.write(table, "catalogue.parquet")  # doctest: +SKIP

pyarrow comes with the extra ``arrow``: ``pip install 'asdfits[arrow]'``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..remote import is_url
from .columns import DEFAULT, Column, columns_of
from .entry import Entry
from .files import PATTERNS, Source, entries
from .scanning import BATCH, Rows, arrow
from .storage import FORMAT, Previous, read, types_of, write
from .where import expression, names_in

__all__ = ["DEFAULT", "PATTERNS", "Column", "columns_of", "read", "scan", "scan_batches", "write"]


def scan(
    source: Source,
    columns: Iterable[str] | None = None,
    where: Any = None,
    previous: Any = None,
    *,
    pattern: str | Iterable[str] = PATTERNS,
    jobs: int | None = None,
    progress: Callable[[int], object] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Any:
    """Return what the headers and trees of many files say, a row for each file.

    Only headers and trees are read, on several threads. Whatever is wrong with a file is in its row:
    no file keeps the others from being scanned.

    Parameters
    ----------
    source : str, path-like or iterable of these
        A file, a folder (with the folders in it), a pattern such as ``data/**/*_cal.fits``, or any
        number of these; an iterator is not read ahead. URLs are as good: a file, ``s3://bucket/prefix/``,
        ``s3://bucket/*/*_cal.fits``.
    columns : iterable of str, optional
        Names of columns, among them ``"default"`` for the default ones; only those if not given.

        - ``name.FIELD``: a field of the file's name, as in `asdfits.products.Product`;
        - ``level``, ``stage``, ``mast_level``: by the name, or by the content where that says nothing;
        - ``class``, ``format``, ``shape`` and ``sci`` (the shape of the first SCI, the number of
          them), ``hdus``, ``hash`` (``matches``, ``differs``, ``absent``);
        - short names of common paths: ``instrument``, ``exp_type``, ``target`` …
        - any path of a model, ``meta.exposure.type``, ``slits.0.name``: what ``asdfits.open(path)``
          has there, whichever side of the file it is from;
        - a card as it stands: ``SCI:BUNIT``, ``SCI,2:BUNIT``, ``0:DATE``.

        ``path``, ``size``, ``mtime``, ``error`` and ``warnings`` are there in any case.
    where : str, pyarrow.compute.Expression or callable, optional
        Which rows are kept. Text is read as in `asdfits.catalogue.where`, and may name columns that
        are not asked for: ``"exp_type == 'NRC_IMAGE' and ra > 80"``. A callable gets each record
        batch and returns a mask or an expression. Where a value is not there a comparison leaves the
        row out, rows with an error as well: ask for them by ``error is not None``.
    previous : pyarrow.Table or path, optional
        An older catalogue with these columns. The row of a file of the same path, size and time of
        change is taken from it, unless it has an error.
    pattern : str or iterable of str
        The names that are taken from folders.
    jobs : int, optional
        Threads that read files; as many as there are processors, if not given.
    progress : callable, optional
        Called with the number of files, each time some are done.
    storage_options : dict, optional
        For URLs, as in `asdfits.open`.

    Returns
    -------
    pyarrow.Table
        In the order of the files.

    Raises
    ------
    MissingExtraError
        pyarrow is not installed.
    ValueError
        There is no such column, or `where` is no filter.

    Notes
    -----
    The type of a column does not depend on the files: that of a path or card is what the schemas say
    (text, 64-bit integer or double, true or false), text where they say nothing or several things. A
    value of another type is left out, with a warning in its row. Lists and branches are JSON, an
    array is its type and shape.

    The text in ``error`` begins with the name of the exception that opening the file raises, or with
    ``Truncated`` for a file that opens but is cut short. What could be read all the same is there.

    Most values are taken from bytes by the core. Where a card does not fit the schema, or must be
    repaired before the headers can be hashed, where a class completes files of older software and where
    a value is more than a scalar, the file is opened as a model, which takes some milliseconds.
    """
    reader = scan_batches(
        source,
        columns,
        where,
        previous,
        pattern=pattern,
        jobs=jobs,
        progress=progress,
        storage_options=storage_options,
    )
    return reader.read_all().combine_chunks()


def scan_batches(
    source: Source,
    columns: Iterable[str] | None = None,
    where: Any = None,
    previous: Any = None,
    *,
    pattern: str | Iterable[str] = PATTERNS,
    jobs: int | None = None,
    progress: Callable[[int], object] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Any:
    """Return a `pyarrow.RecordBatchReader` that scans as it is read; for what does not fit in memory.

    Parameters and errors are those of `scan`. A hundred rows or so are in memory at a
    time.
    """
    pa = arrow()
    wanted = columns_of(columns)
    made = wanted
    if isinstance(where, str):
        known = {column.name for column in wanted}
        more = columns_of(name for name in names_in(where) if name not in known)
        made = (*wanted, *(column for column in more if column.name not in known))
        where = expression(where, types_of(made))
    jobs = len(os.sched_getaffinity(0)) if jobs is None else max(1, jobs)
    patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern)
    rows = Rows(made, jobs, storage_options)
    older = None if previous is None else Previous(previous, made)
    names = [column.name for column in wanted]
    schema = pa.schema([rows.schema.field(name) for name in names], metadata=FORMAT)

    def batches() -> Iterator[Any]:
        files = entries(source, patterns, storage_options)
        for batch, count in _batches(rows, files, older):
            if progress is not None:
                progress(count)
            for kept in _kept(batch, where):
                chosen = [kept.column(name) for name in names]
                yield pa.RecordBatch.from_arrays(chosen, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _batches(
    rows: Rows, files: Iterator[Entry], older: Previous | None
) -> Iterator[tuple[Any, int]]:
    """Yield (batch, number of files), with the rows of unchanged files taken over."""
    if not older:
        for batch, chunk in rows.batches(files):
            yield batch, len(chunk)
        return
    pa = arrow()
    while chunk := list(islice(files, BATCH)):
        if any(is_url(entry.path) for entry in chunk):
            from .far import dated  # most files are near

            for number, entry in dated(chunk, rows.options).items():
                chunk[number] = entry
        places = [older.place(entry) for entry in chunk]
        changed = [entry for entry, place in zip(chunk, places, strict=True) if place is None]
        parts = [batch for batch, _ in rows.batches(changed)]
        parts.append(older.take([place for place in places if place is not None]))
        # Where each row of the chunk stands: the new rows come first.
        new, old = iter(range(len(changed))), iter(range(len(changed), len(chunk)))
        order = [next(new) if place is None else next(old) for place in places]
        whole = pa.Table.from_batches(parts, rows.schema).combine_chunks().take(pa.array(order))
        for batch in whole.combine_chunks().to_batches():
            yield batch, len(chunk)


def _kept(batch: Any, where: Any) -> Sequence[Any]:
    """The rows that a filter keeps."""
    pa = arrow()
    if callable(where):
        where = where(batch)
    if where is None:
        return (batch,)
    if isinstance(where, pa.compute.Expression):
        return tuple(pa.Table.from_batches([batch]).filter(where).to_batches())
    mask = where if isinstance(where, (pa.Array, pa.ChunkedArray)) else pa.array(where, pa.bool_())
    return (batch.filter(mask),)
