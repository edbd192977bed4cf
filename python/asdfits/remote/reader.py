"""A file that is far away: ranges of it in as few requests as its server allows, sent again if lost."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..errors import MissingExtraError
from .cache import Cache, merged
from .names import name_of, shown
from .policy import MULTI_GAP, PARTS, REQUESTS, Policy
from .transport import (
    Answer,
    ManyRefusedError,
    PassingError,
    Range,
    Stamp,
    Transport,
    changed,
    has_credentials,
    transport,
)

__all__ = ["Reader", "file_system", "local"]

# The least bytes a second; a server that sends less is taken for lost.
_SLOWEST: Final = 32 << 10

# The most seconds before a request is sent again, whatever the server asks for.
_LONGEST: Final = 60

# What says how S3 is asked; where none is given, anonymously unless there are credentials.
_SIGNED: Final = frozenset({"anon", "key", "secret", "token", "profile", "session", "username"})


def fsspec() -> Any:
    """Return fsspec; only URLs need it."""
    try:
        import fsspec
        import fsspec.asyn
    except ImportError as error:
        raise MissingExtraError(
            "files at URLs are read through fsspec: pip install 'asdfits[cloud]'"
        ) from error
    return fsspec


def file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str, bool]:
    """Return the file system of a URL, the path there, and whether S3 is asked without a name.

    Raises
    ------
    MissingExtraError
        fsspec, or the package for this kind of URL, is not installed.
    ValueError
        No file system has URLs of this kind.
    """
    known = {name: value for name, value in options.items() if name != "policy"}
    anonymous = url.startswith(("s3://", "s3a://")) and not _SIGNED & known.keys()
    if anonymous:
        anonymous = known["anon"] = not has_credentials()
    try:
        fs, path = fsspec().core.url_to_fs(url, **known)
    except ImportError as error:
        text = (
            f"{shown(url)}: {error} (pip install 'asdfits[cloud]' has what https:// and s3:// need)"
        )
        raise MissingExtraError(text) from error
    return fs, path, anonymous or known.get("anon") is True


def local(url: str, options: Mapping[str, Any] | None) -> str | None:
    """Return the path of a file on this machine; None for any other URL."""
    if not url.lower().startswith(("file://", "local://")) or "::" in url:
        return None
    fs, path, _ = file_system(url, options or {})
    return path if type(fs).__name__ == "LocalFileSystem" else None


class Reader:
    """Reads ranges of one file.

    Parameters
    ----------
    url : str
        The file.
    options : mapping
        For the file system; ``policy`` is a `Policy`.

    Attributes
    ----------
    url, name : str
        The URL as it may be shown, and the name of the file.
    stamp : Stamp or None
        The state of the file that was met first; any other is an error.
    requests : int
        How many were sent.

    Notes
    -----
    Several threads may read at once. A process that was forked gets connections of its own.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self._url = url
        self._options = dict(options or {})
        self.url, self.name = shown(url), name_of(url)
        self.policy: Policy = self._options.get("policy") or Policy()
        self.cache = Cache(self.policy.cache)
        self.stamp: Stamp | None = None
        self.requests = 0
        self._reached: tuple[int, Transport] | None = None

    @property
    def _transport(self) -> Transport:
        if self._reached is None or self._reached[0] != os.getpid():
            fs, path, anonymous = file_system(self._url, self._options)
            reached = transport(fs, path, self.policy, anonymous=anonymous)
            self._reached = (os.getpid(), reached)
        return self._reached[1]

    @property
    def gap(self) -> int:
        """The bytes between ranges that are read over."""
        return MULTI_GAP if self._transport.multi else self.policy.gap

    def first(self) -> Answer:
        """Fetch the start of the file, and learn its size.

        Raises
        ------
        OSError
            There is none, it may not be read, or nothing answers.
        """
        answer = self._run([[(0, self.policy.head)]])[0]
        self.stamp = answer.stamp
        return answer

    def fetch(self, ranges: Iterable[Range]) -> list[tuple[int, bytes]]:
        """Fetch ranges, near ones together; more may come than was asked for.

        Raises
        ------
        OSError
            The file has changed, or nothing answers.
        """
        wanted = [each for each in ranges if each[0] < each[1]]
        if not wanted:
            return []
        gap = self.gap
        joined = merged(wanted, gap)
        while self._count(joined) > REQUESTS:
            gap *= 2
            joined = merged(wanted, gap)
        try:
            answers = self._run(self._requests(joined))
        except ManyRefusedError:
            # The server is known now; nothing is asked for in this way again.
            return self.fetch(wanted)
        return [piece for answer in answers for piece in answer.pieces]

    def read(self, at: int, length: int) -> bytearray:
        """Fetch a range that is wanted whole, such as an array; it is not kept."""
        step = self.policy.chunk
        ends = range(at, at + length, step)
        whole = bytearray(length)
        view = memoryview(whole)
        for answer in self._run([[(start, min(start + step, at + length))] for start in ends]):
            for start, data in answer.pieces:
                skip = max(at - start, 0)
                part = data[skip : skip + at + length - max(start, at)]
                view[max(start, at) - at :][: len(part)] = part
        return whole

    def kept(self, ranges: Sequence[Range]) -> list[tuple[int, bytes]]:
        """Return pieces that ranges lie in, fetched where they are not kept from before."""
        pieces, missing = self.cache.found(ranges)
        fetched = self.fetch(missing)
        for at, data in fetched:
            self.cache.add(at, data)
        return pieces + fetched

    def _count(self, ranges: Sequence[Range]) -> int:
        return len(ranges) // PARTS if self._transport.multi else len(ranges)

    def _requests(self, ranges: Sequence[Range]) -> list[list[Range]]:
        """What is asked for in each request: one long range, or several short ones where that may be."""
        step = self.policy.chunk
        long = [each for each in ranges if each[1] - each[0] > step]
        short = [each for each in ranges if each[1] - each[0] <= step]
        if self._transport.multi:
            starts = range(0, len(short), PARTS)
            requests = [list(short[start : start + PARTS]) for start in starts]
        else:
            requests = [[each] for each in short]
        for start, end in long:
            requests += [[(at, min(at + step, end))] for at in range(start, end, step)]
        return requests

    def _run(self, requests: Sequence[Sequence[Range]]) -> list[Answer]:
        asyn = fsspec().asyn
        answers: list[Answer]
        answers, fault = asyn.sync(asyn.get_loop(), self._caught, requests)
        if fault is not None:
            raise fault
        return answers

    async def _caught(
        self, requests: Sequence[Sequence[Range]]
    ) -> tuple[list[Answer], Exception | None]:
        """Answers, or what kept them from coming: fsspec would make an exception of its own of some."""
        try:
            return await self._gathered(requests), None
        except Exception as error:
            return [], error

    async def _gathered(self, requests: Sequence[Sequence[Range]]) -> list[Answer]:
        turn = asyncio.Semaphore(self.policy.parallel)

        async def one(ranges: Sequence[Range]) -> Answer:
            async with turn:
                return await self._patient(ranges)

        tasks = [asyncio.create_task(one(ranges)) for ranges in requests]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _patient(self, ranges: Sequence[Range]) -> Answer:
        """One request, sent again as long as there is hope."""
        wait, tries = self.policy.backoff, self.policy.retries + 1
        for number in range(1, tries + 1):
            try:
                return await self._once(ranges)
            except PassingError as error:
                text = error.strerror or str(error)
                if number == tries:
                    if tries > 1:
                        text += f" ({tries} attempts)"
                    raise OSError(error.errno, text, self.url) from error
                await asyncio.sleep(min(max(wait, error.wait), _LONGEST))
                wait *= 2
        raise AssertionError  # the last attempt has returned or raised

    async def _once(self, ranges: Sequence[Range]) -> Answer:
        self.requests += 1
        size = sum(end - start for start, end in ranges)
        limit = self.policy.timeout + size / _SLOWEST
        try:
            async with asyncio.timeout(limit):
                answer = await self._transport.get(ranges, self.stamp)
        except TimeoutError as error:
            if isinstance(error, PassingError) or error.errno is not None:
                raise
            text = f"nothing came for {limit:.0f} seconds"
            raise PassingError(errno.ETIMEDOUT, text, self.url) from error
        if self.stamp is not None and answer.stamp.differs(self.stamp):
            raise changed(self.url)
        if not answer.whole and not _has(answer, ranges):
            text = "the answer has other bytes than those that were asked for"
            raise PassingError(errno.EPROTO, text, self.url)
        return answer

    def __repr__(self) -> str:
        return f"<Reader {self.url}>"


def _has(answer: Answer, ranges: Sequence[Range]) -> bool:
    """Whether an answer has all that was asked for, as far as the file goes."""
    held = merged([(at, at + len(data)) for at, data in answer.pieces], 0)
    size = answer.stamp.size
    return all(
        any(start <= begin and min(stop, size) <= end for start, end in held)
        for begin, stop in ranges
        if begin < min(stop, size)
    )
