"""What a folder of outputs was made from: a file of JSON lines, to which one process appends.

The last line of an output counts. A line is written before its output gets its place, so that an
output is there only if the manifest says so; if a run is killed between the two, the next one puts the
output in its place. A line that was cut off is passed over.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any, Final, Literal, Self

from .work import Stamp, stamp

__all__ = ["NAME", "STAGE", "Manifest", "Row", "key_of", "read_rows"]

NAME: Final = "asdfits-bulk.jsonl"
"""The name of the manifest in a folder of outputs."""

STAGE: Final = ".asdfits-bulk"
"""The folder beside it, for outputs that have no place yet; gone when a run is over."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one input.

    Attributes
    ----------
    state : {'done', 'nothing', 'failed'}
        ``nothing`` where the function returned None.
    input : str
        The absolute path of the input, or its URL.
    output : str or None
        The path of the output relative to the folder of outputs; None where no name could be made.
    error : str or None
        The name of the exception and its message.
    traceback : str or None
        Its traceback, from the call on.
    attempts : int
        How often it was tried.
    seconds : float
        How long the last attempt took.
    worker : str
        Host and process of the last attempt.
    time : str
        When the row was written (UTC).
    input_size, input_mtime : int or None
        Size in bytes and time of change (ns) of the input, as it was opened.
    output_size, output_mtime : int or None
        Those of the output.
    function, version, arguments : str
        What was called: its name, its `version`, a digest of its arguments.
    run : str
        The run that wrote the row.
    staged : str or None
        Where the output lay before it got its place.
    place : str or None
        The file that was replaced, of an input that is its own output.
    """

    state: Literal["done", "nothing", "failed"]
    input: str
    output: str | None
    error: str | None = None
    traceback: str | None = None
    attempts: int = 1
    seconds: float = 0.0
    worker: str = ""
    time: str = ""
    input_size: int | None = None
    input_mtime: int | None = None
    output_size: int | None = None
    output_mtime: int | None = None
    function: str = ""
    version: str = ""
    arguments: str = ""
    run: str = ""
    staged: str | None = None
    place: str | None = None

    @property
    def input_stamp(self) -> Stamp | None:
        """Size and time of change of the input."""
        return _stamp(self.input_size, self.input_mtime)

    @property
    def output_stamp(self) -> Stamp | None:
        """Size and time of change of the output."""
        return _stamp(self.output_size, self.output_mtime)


_FIELDS: Final = tuple(field.name for field in fields(Row))


def _stamp(size: int | None, mtime: int | None) -> Stamp | None:
    return None if size is None or mtime is None else (size, mtime)


def key_of(input_: str, output: str | None) -> bytes:
    """Return what stands for an output, or for an input that has none, in 16 bytes."""
    text = f"> {output}" if output is not None else f"< {input_}"
    return blake2b(os.fsencode(text), digest_size=16).digest()


def _read(line: bytes) -> Row | None:
    """A row; None where the line is none."""
    try:
        found: Any = json.loads(line)
        row = Row(**{"output": None} | {name: found[name] for name in _FIELDS if name in found})
    except (ValueError, TypeError):
        return None
    texts = (row.input, row.output or "", row.run, row.staged or "", row.place or "")
    return row if all(isinstance(text, str) for text in texts) else None


def read_rows(path: str, places: Iterable[int]) -> Iterator[Row]:
    """Yield the rows at these bytes of a manifest."""
    with open(path, "rb") as file:
        for place in places:
            file.seek(place)
            row = _read(file.readline())
            if row is not None:
                yield row


class Manifest:
    """The manifest of a folder, open for one run.

    Parameters
    ----------
    folder
        The folder of outputs; it is made if it is not there.
    run
        The name of the run.

    Raises
    ------
    BlockingIOError
        Another run writes to this folder.

    Attributes
    ----------
    places : dict
        Key -> the byte of its last line; some 150 bytes of memory for each output.
    stage : str
        The folder for outputs of this run that have no place yet.
    """

    def __init__(self, folder: str, run: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.path = os.path.join(folder, NAME)
        self.run = run
        self.places: dict[bytes, int] = {}
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o666)
        try:
            self._lock()
            self._load()
            # What a killed run left is of no use, and its workers must not find it.
            shutil.rmtree(os.path.join(folder, STAGE), ignore_errors=True)
            self.stage = os.path.join(folder, STAGE, run)
            os.makedirs(self.stage)
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                errno.EWOULDBLOCK, "another run writes to this folder", self.folder
            ) from None
        except OSError as error:
            # Some file servers have no locks; then it is up to the user.
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                raise

    def _load(self) -> None:
        at, last, line = 0, None, b"\n"
        with open(self.path, "rb") as file:
            for line in file:
                row = _read(line)
                if row is not None:
                    self.places[key_of(row.input, row.output)] = at
                last = row
                at += len(line)
        self._at = at
        if not line.endswith(b"\n"):
            self._write(b"\n")  # the next line begins anew
        if last is not None:
            with suppress(OSError):
                self.publish(last)

    def publish(self, row: Row) -> bool:
        """Give an output its place; return whether it was there to be given one."""
        if row.staged is None or row.output is None:
            return False
        staged = os.path.join(self.folder, STAGE, row.run, row.staged)
        if stamp(staged) != row.output_stamp:
            return False
        place = os.path.join(self.folder, row.output)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if row.place is not None:
            # An input that is replaced keeps its mode, and links to it stay links.
            place = row.place
            os.chmod(staged, stat.S_IMODE(os.stat(place).st_mode))
        os.replace(staged, place)
        return True

    def find(self, input_: str, output: str) -> Row | None:
        """Return the last row of an output."""
        place = self.places.get(key_of(input_, output))
        if place is None:
            return None
        line = bytearray()
        while not line.endswith(b"\n"):
            more = os.pread(self._file, 4096, place + len(line))
            if not more:
                break
            end = more.find(b"\n") + 1
            line += more[:end] if end else more
        return _read(bytes(line))

    def append(self, row: Row) -> None:
        """Write a row, which counts from now on."""
        # Not asdict, which copies.
        values = {name: getattr(row, name) for name in _FIELDS}
        text = {name: value for name, value in values.items() if value is not None}
        line = json.dumps(text, ensure_ascii=True).encode() + b"\n"
        place = self._at
        self._write(line)
        self.places[key_of(row.input, row.output)] = place

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            count = os.write(self._file, left)
            self._at += count
            left = left[count:]

    def close(self) -> None:
        """Let go of the folder: what was staged is removed, the rows go to the disk."""
        shutil.rmtree(os.path.join(self.folder, STAGE), ignore_errors=True)
        os.fsync(self._file)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
