"""Which files are scanned: those of a folder, a pattern, a list or an iterator."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from typing import Any

from ..remote import is_url
from .entry import Entry

__all__ = ["PATTERNS", "Source", "entries"]

PATTERNS = ("*.fits", "*.fits.gz", "*.asdf")
"""The names that are taken from a folder."""

Path = str | os.PathLike[str]
Source = Path | Iterable[Path]


def entries(
    source: Source,
    patterns: Iterable[str] = PATTERNS,
    storage_options: Mapping[str, Any] | None = None,
) -> Iterator[Entry]:
    """Yield the files that `source` means, one after the other.

    Parameters
    ----------
    source
        A file; a folder, whose files are taken, and those of the folders in it; a pattern such as
        ``data/*/*_cal.fits`` (``**`` stands for any depth); a URL of any of these; or an iterable.
    patterns
        The names that are taken from folders. A name that begins with a dot is not.
    storage_options
        For URLs, as in `asdfits.open`.

    Notes
    -----
    In a folder the files come first, then the folders, each by name. Links to folders are followed,
    and a folder that was visited is not visited again, so that links in a circle end. A folder that
    cannot be read is an entry with a fault. Nothing is read ahead of an iterator.
    """
    patterns = tuple(patterns)
    if not isinstance(source, (str, os.PathLike)):
        for each in source:
            yield from entries(each, patterns, storage_options)
        return
    path = os.fspath(source)
    if is_url(path):
        from .far import listed  # most files are near

        yield from listed(path, patterns, storage_options)
    elif os.path.isdir(path):
        yield from _walk(path, patterns)
    elif not os.path.lexists(path) and glob.has_magic(path):
        for found in sorted(glob.iglob(path, recursive=True)):
            yield from _walk(found, patterns) if os.path.isdir(found) else (Entry(found),)
    else:
        yield Entry(path)


def _walk(top: str, patterns: tuple[str, ...]) -> Iterator[Entry]:
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                inside = sorted((each.name, _is_folder(each)) for each in found)
        except OSError as error:
            yield Entry(folder, error)
            continue
        visible = [each for each in inside if not each[0].startswith(".")]
        for name, is_folder in visible:
            if not is_folder and any(fnmatch(name, pattern) for pattern in patterns):
                yield Entry(os.path.join(folder, name))
        folders = [os.path.join(folder, name) for name, is_folder in visible if is_folder]
        waiting.extend(reversed(folders))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads nowhere; reading it gives the error
