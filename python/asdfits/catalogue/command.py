"""`asdfits scan`: a catalogue from a shell, with progress, a listing or a file, and a summary."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from ..progress import progress_bar
from . import scan_batches
from .columns import DEFAULT
from .files import PATTERNS
from .storage import ENDINGS, read, write

__all__ = ["add_arguments", "run"]

# What a listing shows where no columns are named; each only if some file has it.
_LISTED: Final = (
    "class",
    "level",
    "instrument",
    "detector",
    "exp_type",
    "filter",
    "pupil",
    "grating",
    "target",
    "shape",
    "hash",
)

# Rows that a listing holds back to find the width of its columns.
_PAGE: Final = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of the command."""
    parser.add_argument("sources", nargs="+", metavar="DIR", help="folders, files or patterns")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"where to: {', '.join(ENDINGS)}; else a listing"
    )
    parser.add_argument(
        "--columns",
        metavar="NAME,…",
        help=f"columns, {DEFAULT!r} for the default ones: {DEFAULT};meta.exposure.type;SCI,2:BUNIT "
        "(separated by ; where a name has a comma)",
    )
    parser.add_argument(
        "--where", metavar="FILTER", help="rows to keep: \"exp_type == 'NRC_IMAGE' and ra > 80\""
    )
    parser.add_argument(
        "--pattern",
        action="append",
        metavar="PATTERN",
        help=f"names that are taken from folders (default: {' '.join(PATTERNS)}); repeatable",
    )
    parser.add_argument(
        "--previous",
        metavar="FILE",
        help="an older catalogue, whose rows are kept for unchanged files; FILE of -o, if it is there",
    )
    parser.add_argument("--all", action="store_true", help="scan unchanged files as well")
    parser.add_argument("--jobs", type=int, metavar="N", help="threads (default: one a processor)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(options: argparse.Namespace) -> int:
    """Scan; return 1 if a file has an error, else 0."""
    columns = _names(options.columns)
    if columns is None and options.output is None:
        columns = list(_LISTED)
    previous = options.previous
    if previous is None and options.output is not None and os.path.exists(options.output):
        # Whatever stands there is to be replaced.
        with suppress(OSError, ValueError):
            previous = read(options.output)
    count = _Count()
    started = time.perf_counter()
    with progress_bar(quiet=options.quiet) as progress:
        reader = scan_batches(
            options.sources,
            columns,
            options.where,
            None if options.all else previous,
            pattern=options.pattern or PATTERNS,
            jobs=options.jobs,
            progress=count.told(progress),
        )
        counted = count.of(reader)
        if options.output is None:
            for line in _listing(counted, reader.schema.names):
                print(line)
        else:
            import pyarrow

            write(pyarrow.RecordBatchReader.from_batches(reader.schema, counted), options.output)
    if not options.quiet:
        for line in count.summary(time.perf_counter() - started, options.output):
            print(line, file=sys.stderr)
    return int(bool(count.errors))


def _names(text: str | None) -> list[str] | None:
    """The names of columns: `SCI,2:BUNIT` has a comma itself, so a semicolon separates as well."""
    if text is None:
        return None
    return [name.strip() for name in text.split(";" if ";" in text else ",") if name.strip()]


class _Count:
    """What a summary says."""

    def __init__(self) -> None:
        self.files = self.rows = 0
        self.errors: Counter[str] = Counter()
        self.kinds: dict[str, Counter[str]] = {"class": Counter(), "level": Counter()}

    def told(self, progress: Callable[[int], object]) -> Callable[[int], object]:
        """Return what counts the files that are done, and passes their number on."""

        def count(files: int) -> None:
            self.files += files
            progress(files)

        return count

    def of(self, reader: Any) -> Iterator[Any]:
        """Yield the batches, counted."""
        for batch in reader:
            self.rows += batch.num_rows
            errors = batch.column("error").drop_null().to_pylist()
            self.errors.update(error.partition(":")[0] for error in errors)
            for name, counter in self.kinds.items():
                if name in batch.schema.names:
                    counter.update(batch.column(name).drop_null().to_pylist())
            yield batch

    def summary(self, seconds: float, output: str | None) -> list[str]:
        speed = self.files / seconds if seconds else 0.0
        rows = f", {self.rows:,} kept" if self.rows != self.files else ""
        lines = [f"{self.files:,} files{rows} in {seconds:.1f} s ({speed:,.0f} a second)"]
        if output is not None:
            lines[0] += f" -> {output}"
        for name, counter in (*self.kinds.items(), ("error", self.errors)):
            if counter:
                found = ", ".join(f"{each} {count:,}" for each, count in counter.most_common())
                lines.append(f"  {name:<7} {found}")
        return lines


def _listing(batches: Iterator[Any], names: list[str]) -> Iterator[str]:
    """Lines of a table; a page of rows decides which columns there are and how wide they are."""
    shown = [name for name in names if name not in ("size", "mtime", "error", "warnings")]
    kept: list[str] = []
    widths: dict[str, int] = {}
    waiting: list[dict[str, Any]] = []

    def lines() -> Iterator[str]:
        if not kept:
            kept.extend(name for name in shown if any(row[name] is not None for row in waiting))
            for name in kept:
                longest = max(len(_text(row[name])) for row in waiting)
                widths[name] = max(len(name), min(longest, 100 if name == "path" else 40))
            yield "  ".join(f"{name:<{widths[name]}}" for name in kept).rstrip()
        for row in waiting:
            yield "  ".join(f"{_text(row[name]):<{widths[name]}}" for name in kept).rstrip()
            if row["error"] is not None:
                yield f"  {row['error']}"

    for batch in batches:
        waiting += batch.to_pylist()
        if len(waiting) >= _PAGE:
            yield from lines()
            waiting.clear()
    if waiting:
        yield from lines()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
