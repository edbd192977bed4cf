"""Files at URLs for a catalogue: listed, and headers and trees of many fetched at a time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from typing import Any, Final, NamedTuple, TypeVar

from .._core import FormatError, Stretches
from ..errors import MissingExtraError
from ..remote import Policy, is_url, name_of
from .entry import Entry

__all__ = ["Fetched", "dated", "fetch", "listed"]

# Files at a time: most of the time a server is waited for.
_AT_ONCE: Final = 16

_ENDINGS: Final = (".fits", ".fits.gz", ".fits.fz", ".asdf")

Options = Mapping[str, Any] | None
Got = TypeVar("Got")


class Fetched(NamedTuple):
    """What was fetched of a file: its headers and its tree, its size, when it was changed."""

    stretches: Stretches | None
    size: int | None
    modified: int | None
    fault: Exception | None = None


def listed(url: str, patterns: Sequence[str], options: Options) -> Iterator[Entry]:
    """Yield the files that a URL means: one, those below a folder or a prefix, or those of a pattern.

    A URL means a folder where it ends with a slash, or has no ending of a product and is one. Of
    ``http`` only ``*`` makes a pattern, as addresses have question marks of their own.
    """
    from ..remote.reader import file_system

    is_web = url.startswith(("http://", "https://"))
    pattern = "*" in url if is_web else glob.has_magic(url)
    is_file = name_of(url).lower().endswith(_ENDINGS) and not url.endswith("/")
    if not pattern and (is_file or (is_web and not url.endswith("/"))):
        yield Entry(url)
        return
    try:
        fs, path, _ = file_system(url, options or {})
        if pattern:
            found = fs.glob(path, detail=True)
        elif url.endswith("/") or fs.isdir(path):
            found = fs.find(path, detail=True)
        else:
            yield Entry(url)
            return
    except (OSError, ValueError) as error:
        yield Entry(url, error if isinstance(error, OSError) else OSError(str(error)))
        return
    for name, facts in sorted(found.items()):
        last = name_of(name)
        wanted = pattern or any(fnmatch(last, each) for each in patterns)
        if facts.get("type") != "directory" and wanted and not last.startswith("."):
            where = name if is_url(name) else fs.unstrip_protocol(name)
            yield Entry(where, None, facts.get("size"), _microseconds(facts))


def _microseconds(facts: Mapping[str, Any]) -> int | None:
    for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
        found: Any = facts.get(name)
        seconds = found.timestamp() if hasattr(found, "timestamp") else found
        if isinstance(seconds, (int, float)):
            return int(seconds * 1_000_000)
    return None


def fetch(entries: Sequence[Entry], options: Options) -> dict[int, Fetched]:
    """Return what was fetched of those entries that are URLs, by their number."""
    from ..remote.opening import fetched

    def one(entry: Entry) -> Fetched:
        from ..remote.reader import Reader

        reader = Reader(entry.path, options)
        try:
            found = fetched(reader, with_blocks=False)
        except (OSError, FormatError, MissingExtraError, ValueError) as error:
            return Fetched(None, entry.size, entry.modified, error)
        seconds = None if reader.stamp is None else reader.stamp.seconds
        modified = None if seconds is None else int(seconds * 1_000_000)
        size = None if reader.stamp is None else reader.stamp.size
        return Fetched(found.stretches, size, modified)

    return _each(entries, one)


def dated(entries: Sequence[Entry], options: Options) -> dict[int, Entry]:
    """Return the entries that are URLs, with size and time of change.

    A small request is sent for each whose listing does not have them.
    """

    def one(entry: Entry) -> Entry:
        from ..remote.reader import Reader

        if entry.size is not None and entry.modified is not None:
            return entry
        policy = (options or {}).get("policy") or Policy()
        reader = Reader(entry.path, {**(options or {}), "policy": _small(policy)})
        try:
            stamp = reader.first().stamp
        except (OSError, MissingExtraError, ValueError):
            return entry  # it is scanned, which says why
        if stamp.seconds is None:
            return entry
        return entry._replace(size=stamp.size, modified=int(stamp.seconds * 1_000_000))

    return _each(entries, one)


def _small(policy: Policy) -> Policy:
    from dataclasses import replace

    return replace(policy, head=1, whole=0)


def _each(entries: Sequence[Entry], one: Callable[[Entry], Got]) -> dict[int, Got]:
    numbers = [n for n, entry in enumerate(entries) if is_url(entry.path) and entry.fault is None]
    if not numbers:
        return {}
    with ThreadPoolExecutor(min(_AT_ONCE, len(numbers))) as pool:
        made = list(pool.map(one, [entries[number] for number in numbers]))
    return dict(zip(numbers, made, strict=True))
