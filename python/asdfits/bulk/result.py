"""What became of the files of a run: counts, and rows that stay on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..errors import MissingExtraError
from .manifest import NAME, Row, read_rows

__all__ = ["Result"]


class Result:
    """What became of the files of a run.

    Attributes
    ----------
    made : int
        Files whose output was made.
    skipped : int
        Files that were up to date.
    nothing : int
        Files of which the function returned None.
    failed : int
        Files that failed, after all attempts.
    retried : int
        Attempts that were not the first of their file.
    seconds : float
        How long the run took.
    folder, manifest : str
        The folder of outputs, and the file in it that says what they were made from.
    run : str
        The name of the run; rows of other runs have that of theirs.
    places : list of int
        The bytes of the manifest at which the rows are.
    """

    def __init__(self, folder: str, run: str) -> None:
        self.made = self.skipped = self.nothing = self.failed = self.retried = 0
        self.seconds = 0.0
        self.folder = folder
        self.manifest = os.path.join(folder, NAME)
        self.run = run
        self.places: list[int] = []

    @property
    def files(self) -> int:
        """How many files there were."""
        return self.made + self.skipped + self.nothing + self.failed

    def rows(self) -> Iterator[Row]:
        """Yield what is known of each file, in their order; read from the manifest, one by one.

        The rows of files that were skipped are those of the run that made them.
        """
        return read_rows(self.manifest, self.places)

    @property
    def failures(self) -> list[Row]:
        """The rows of the files that failed, with their tracebacks."""
        return [row for row in self.rows() if row.state == "failed"] if self.failed else []

    def table(self) -> Any:
        """Return the rows as a `pyarrow.Table`.

        Raises
        ------
        MissingExtraError
            pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtraError(
                "the rows become a table of pyarrow: pip install 'asdfits[arrow]'"
            ) from error
        kinds = {"int": pa.int64(), "float": pa.float64()}
        names = {
            name: kinds.get(str(kind).partition(" ")[0], pa.string())
            for name, kind in Row.__annotations__.items()
        }
        rows = list(self.rows())
        columns = {
            name: pa.array([getattr(row, name) for row in rows], kind)
            for name, kind in names.items()
        }
        return pa.table(columns)

    def __str__(self) -> str:
        words = {
            "made": self.made,
            "up to date": self.skipped,
            "without an output": self.nothing,
            "failed": self.failed,
            "attempts more": self.retried,
        }
        told = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
        speed = self.files / self.seconds if self.seconds else 0.0
        return f"{self.files:,} files in {self.seconds:.1f} s ({speed:,.0f} a second): {told or 'none'}"

    def __repr__(self) -> str:
        return f"<Result {self}>"
