"""One request for ranges of bytes: over HTTP, to S3, or through any other file system of fsspec."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
from collections.abc import AsyncIterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, Protocol

from .names import shown
from .policy import Policy

__all__ = ["Answer", "ManyRefusedError", "PassingError", "Range", "Stamp", "Transport", "transport"]

# (start, end), the end not included
Range = tuple[int, int]

# Services known to answer a request for several ranges with the whole file.
_SINGLE: Final = ("amazons3", "cloudfront", "uploadserver", "cloudflare", "windows-azure-blob")

# Servers that did so, and servers that answer for several ranges, as they were found out.
_found_single: set[str] = set()
_found_multi: set[str] = set()

# What a server says of an address that was good for a while.
_GONE: Final = (400, 401, 403, 404, 410)

# What may be on its way, in bytes, where a server is not known yet: it may send the whole file.
_WINDOW: Final = 64 << 10


class Stamp(NamedTuple):
    """What tells one state of a file from another."""

    size: int
    tag: str | None = None
    """ETag, or what the file system has in its place."""
    modified: str | None = None
    seconds: float | None = None
    """The time of the last change, since 1970."""

    def differs(self, other: Stamp) -> bool:
        """Tell whether another answer is of another state of the file."""
        if self.size != other.size:
            return True
        if self.tag is not None and other.tag is not None:
            return self.tag.removeprefix("W/") != other.tag.removeprefix("W/")
        return None not in (self.modified, other.modified) and self.modified != other.modified


class Answer(NamedTuple):
    """Bytes by their place, and the state of the file that they are of."""

    pieces: list[tuple[int, bytes]]
    stamp: Stamp
    whole: bool = False
    """Whether the server sends whole files alone."""


class PassingError(OSError):
    """A fault that may be gone the next time."""

    wait: float = 0.0


class ManyRefusedError(Exception):
    """Several ranges were asked for, and the answer was something else."""


class Transport(Protocol):
    """Where the bytes come from."""

    multi: bool
    """Whether several ranges may be asked for at once."""

    async def get(self, ranges: Sequence[Range], stamp: Stamp | None) -> Answer:
        """Fetch ranges; with a stamp, of that state of the file."""


def transport(fs: Any, path: str, policy: Policy, *, anonymous: bool = False) -> Transport:
    """Return how a file of a file system is reached."""
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(fs).__mro__}
    if "fsspec.implementations.http.HTTPFileSystem" in names:
        return _Http(fs, path, policy)
    if "s3fs.core.S3FileSystem" in names:
        return _S3(fs, path, anonymous=anonymous)
    return _Any(fs, path)


def fault(url: str, status: int, text: str) -> OSError:
    """Return what the status of an answer means, in Python's words."""
    url = shown(url)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"access is denied ({status} {text})", url)
    if status in (404, 410):
        return FileNotFoundError(errno.ENOENT, f"there is no such file ({status} {text})", url)
    if status == 412:
        return changed(url)
    if status == 408:
        return PassingError(errno.ETIMEDOUT, f"the server gave up ({status} {text})", url)
    if status == 429 or status >= 500:
        return PassingError(errno.EAGAIN, f"the server cannot answer ({status} {text})", url)
    return OSError(errno.EIO, f"the server answered {status} {text}", url)


def changed(url: str) -> OSError:
    """Return what is said of a file that is another than when it was opened."""
    text = "the file has changed since it was opened; open it again"
    return OSError(errno.ESTALE, text, shown(url))


class _Http:
    """A server of HTTP, asked through the session of fsspec, with all that it was configured with."""

    def __init__(self, fs: Any, url: str, policy: Policy) -> None:
        self.fs, self.url, self.policy = fs, url, policy
        # Where a redirection led, which need not be followed each time.
        self.place: Any = None
        self.origin = "/".join(url.split("/", 3)[:3])
        self.multi = self.origin not in _found_single

    async def get(self, ranges: Sequence[Range], stamp: Stamp | None) -> Answer:
        import aiohttp

        options = {**self.fs.kwargs}
        headers = {**options.pop("headers", {}), "Accept-Encoding": "identity"}
        headers["Range"] = "bytes=" + ",".join(f"{start}-{end - 1}" for start, end in ranges)
        if stamp is not None and stamp.tag is not None and not stamp.tag.startswith("W/"):
            headers["If-Match"] = stamp.tag
        seconds = self.policy.timeout
        options.setdefault(
            "timeout",
            aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
        )
        place = self.place
        url = self.fs.encode_url(self.url) if place is None else place
        try:
            async with (
                self._session(probe=len(ranges) > 1) as session,
                session.get(url, headers=headers, auto_decompress=False, **options) as response,
            ):
                try:
                    if place is not None and response.status in _GONE:
                        # What a redirection leads to may be meant for a while.
                        self.place = None
                        raise PassingError(errno.EAGAIN, "the place has moved", shown(self.url))
                    answer = await self._answer(response, ranges)
                    if response.history:
                        self.place = response.url
                    return answer
                except BaseException:
                    # Nobody reads the rest of the body.
                    response.close()
                    raise
        except TimeoutError as error:
            text = f"nothing came for {seconds:g} seconds"
            raise PassingError(errno.ETIMEDOUT, text, shown(self.url)) from error
        except aiohttp.InvalidURL as error:
            raise OSError(errno.EINVAL, "this is no URL", shown(self.url)) from error
        except aiohttp.TooManyRedirects as error:
            text = "the server redirects without end"
            raise OSError(errno.ELOOP, text, shown(self.url)) from error
        except aiohttp.ClientError as error:
            text = f"the connection failed: {error}"
            raise PassingError(errno.ECONNABORTED, text, shown(self.url)) from error

    @contextlib.asynccontextmanager
    async def _session(self, *, probe: bool) -> AsyncIterator[Any]:
        """The session of the file system; to try a server out, one that takes in little at a time.

        A server that does not know several ranges begins to send the whole file, and what is on its way
        until it is stopped is as much as the buffers of the connection hold.
        """
        import aiohttp

        connector = None
        if probe and self.origin not in _found_multi:
            with contextlib.suppress(TypeError):  # aiohttp before 3.12
                connector = aiohttp.TCPConnector(socket_factory=_small_socket)
        if connector is None or "connector" in self.fs.client_kwargs:
            yield await self.fs.set_session()
            return
        words = {**self.fs.client_kwargs, "connector": connector}
        session = await self.fs.get_client(loop=self.fs.loop, **words)
        async with session:
            yield session

    async def _answer(self, response: Any, ranges: Sequence[Range]) -> Answer:
        status, head = response.status, response.headers
        if any(name in head.get("Server", "").lower() for name in _SINGLE):
            self.multi = False
        if status == 416:
            # An empty file has no first byte.
            if re.match(r"bytes\s+\*/0\b", head.get("Content-Range", "")):
                return Answer([], self._stamp(head, 0))
            raise changed(self.url)
        if status == 200:
            return await self._whole(response, ranges)
        if status != 206:
            error = fault(self.url, status, response.reason or "")
            if isinstance(error, PassingError):
                with contextlib.suppress(ValueError):
                    error.wait = float(head.get("Retry-After", 0))
            raise error
        kind = head.get("Content-Type", "")
        if kind.lower().startswith("multipart/byteranges"):
            room = sum(end - start + 1024 for start, end in ranges)
            body = await self._body(response, room)
            pieces, size = _parts(body, kind, self.url)
            _found_multi.add(self.origin)
            return Answer(pieces, self._stamp(head, size))
        found = _content_range(head.get("Content-Range", ""))
        if found is None:
            text = f"found Content-Range {head.get('Content-Range')!r}, expected bytes a-b/size"
            raise OSError(errno.EPROTO, text, shown(self.url))
        start, end, size = found
        if len(ranges) > 1:
            # A server may join ranges; one that takes the first alone is asked otherwise.
            if start > ranges[0][0] or end < ranges[-1][1]:
                self._single()
            room = sum(stop - begin for begin, stop in ranges) + self.policy.gap
            if end - start > room:
                self._single()
        elif not start <= ranges[0][0] < end or end > ranges[0][1]:
            text = f"found bytes {start}-{end - 1}, asked for {ranges[0][0]}-{ranges[0][1] - 1}"
            raise OSError(errno.EPROTO, f"wrong Content-Range: {text}", shown(self.url))
        body = await self._body(response, end - start)
        return Answer([(start, body[: end - start])], self._stamp(head, size))

    def _single(self) -> None:
        _found_single.add(self.origin)
        self.multi = False
        raise ManyRefusedError

    async def _whole(self, response: Any, ranges: Sequence[Range]) -> Answer:
        """Take a whole file, if it is short: the server does not know ranges."""
        if len(ranges) > 1:
            self._single()
        limit = self.policy.whole
        length = response.content_length
        body = b""
        if length is None or length <= limit:
            body = await self._body(response, limit + 1)
        if len(body) > limit or (length is not None and length > limit):
            size = "more than" if length is None else f"{length:,} bytes, more than the"
            text = (
                f"the server sends whole files alone, and this one has {size} {limit:,} bytes; "
                f"open simplecache::{shown(self.url)}, or download it"
            )
            raise OSError(errno.EFBIG, text, shown(self.url))
        return Answer([(0, body)], self._stamp(response.headers, len(body)), whole=True)

    async def _body(self, response: Any, limit: int) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            parts.append(part)
            if size > limit:
                break
        return b"".join(parts)

    def _stamp(self, head: Any, size: int) -> Stamp:
        modified = head.get("Last-Modified")
        seconds = None
        if modified is not None:
            with contextlib.suppress(ValueError):
                seconds = parsedate_to_datetime(modified).timestamp()
        return Stamp(size, head.get("ETag"), modified, seconds)


def _small_socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
    return made


_RANGE: Final = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+)")


def _content_range(text: str) -> tuple[int, int, int] | None:
    """Start, end and size of the file; a server that does not know the size cannot be read in part."""
    found = _RANGE.match(text.strip())
    if found is None:
        return None
    start, last, size = map(int, found.groups())
    return (start, last + 1, size) if start <= last < size else None


def _parts(body: bytes, kind: str, url: str) -> tuple[list[tuple[int, bytes]], int]:
    """Take a multipart/byteranges body apart (RFC 9110 §14.6)."""
    found = re.search(r'boundary="?([^";]+)"?', kind)
    mark = b"--" + (found[1].encode("latin-1") if found else b"")
    pieces: list[tuple[int, bytes]] = []
    sizes = set()
    place = body.find(mark)
    while found and place >= 0 and not body.startswith(mark + b"--", place):
        head, _, _ = body[place : place + 4096].partition(b"\r\n\r\n")
        line = re.search(rb"(?im)^content-range:\s*(.*?)\s*$", head)
        range_ = _content_range(line[1].decode("latin-1")) if line else None
        if range_ is None:
            break
        start, end, size = range_
        at = place + len(head) + 4
        data = body[at : at + end - start]
        pieces.append((start, data))
        sizes.add(size)
        place = body.find(mark, at + end - start)
    if len(sizes) != 1:
        text = "the answer has several parts of which none says its place, or two sizes of the file"
        raise OSError(errno.EPROTO, text, shown(url))
    return pieces, sizes.pop()


class _S3:
    """An object of S3; s3fs signs, finds the region and sends again."""

    multi = False

    def __init__(self, fs: Any, path: str, *, anonymous: bool) -> None:
        self.fs, self.path, self.anonymous = fs, path, anonymous
        self.url = f"s3://{path}"

    async def get(self, ranges: Sequence[Range], stamp: Stamp | None) -> Answer:
        ((start, end),) = ranges
        bucket, key, version = self.fs.split_path(self.path)
        words = {"Bucket": bucket, "Key": key, "Range": f"bytes={start}-{end - 1}"}
        if version is not None:
            words["VersionId"] = version
        if stamp is not None and stamp.tag is not None:
            words["IfMatch"] = stamp.tag
        try:
            found = await self.fs._call_s3("get_object", **words)
        except Exception as error:  # botocore has its own, of no common kind
            # An empty object has no first byte.
            if self._code(error) in ("InvalidRange", "416"):
                return Answer([], Stamp(0))
            raise self._fault(error) from error
        try:
            async with found["Body"] as stream:
                body = await stream.read()
        except Exception as error:
            raise PassingError(errno.ECONNABORTED, _one_line(error), self.url) from error
        range_ = _content_range(found.get("ContentRange", f"bytes 0-0/{len(body)}"))
        if range_ is None:
            text = f"found ContentRange {found.get('ContentRange')!r}"
            raise OSError(errno.EPROTO, text, self.url)
        modified = found.get("LastModified")
        seconds = None if modified is None else modified.timestamp()
        size = range_[2]
        return Answer([(start, body)], Stamp(size, found.get("ETag"), None, seconds))

    @staticmethod
    def _code(error: BaseException | None) -> str:
        """The word that S3 has for an error."""
        while error is not None:
            response = getattr(error, "response", None)
            if isinstance(response, dict):
                return str(response.get("Error", {}).get("Code", ""))
            error = error.__cause__ or error.__context__
        return ""

    def _fault(self, error: Exception) -> OSError:
        """What S3 says, in Python's words; s3fs has asked again already where that may help."""
        code = self._code(error)
        if code in ("PreconditionFailed", "412"):
            return changed(self.url)
        if isinstance(error, FileNotFoundError):
            text = f"there is no such object ({code or '404'})"
            return FileNotFoundError(errno.ENOENT, text, self.url)
        if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
            how = (
                "; it was asked for anonymously, storage_options={'anon': False} signs requests"
                if self.anonymous
                else "; storage_options={'anon': True} asks anonymously"
            )
            return PermissionError(
                errno.EACCES, f"access is denied ({code or '403'}){how}", self.url
            )
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return OSError(errno.ETIMEDOUT, f"nothing came in time: {_one_line(error)}", self.url)
        return OSError(errno.EIO, _one_line(error), self.url)


class _Any:
    """A file of any other file system that fsspec knows."""

    multi = False

    def __init__(self, fs: Any, path: str) -> None:
        self.fs, self.path = fs, path
        self.url = str(fs.unstrip_protocol(path)) if hasattr(fs, "unstrip_protocol") else path

    async def get(self, ranges: Sequence[Range], stamp: Stamp | None) -> Answer:
        ((start, end),) = ranges
        try:
            facts = await self._call("info", self.path)
            size = facts.get("size")
            if size is None:
                body = await self._call("cat_file", self.path)
                return Answer([(0, body)], Stamp(len(body)), whole=True)
            end = min(end, size)
            body = b""
            if start < end:
                body = await self._call("cat_file", self.path, start=start, end=end)
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            number, text = _WORDS[type(error)]
            raise type(error)(number, text, shown(self.url)) from error
        except OSError as error:
            raise PassingError(error.errno or errno.EIO, _one_line(error), self.url) from error
        if facts.get("type") == "directory":
            raise IsADirectoryError(*_WORDS[IsADirectoryError], shown(self.url))
        return Answer([(start, bytes(body))], self._stamp(facts, size))

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if getattr(self.fs, "async_impl", False):
            return await getattr(self.fs, f"_{name}")(*args, **kwargs)
        return await asyncio.to_thread(getattr(self.fs, name), *args, **kwargs)

    @staticmethod
    def _stamp(facts: dict[str, Any], size: int) -> Stamp:
        tag = facts.get("ETag") or facts.get("etag") or facts.get("md5") or facts.get("checksum")
        for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
            found = facts.get(name)
            if found is not None:
                seconds = found.timestamp() if hasattr(found, "timestamp") else found
                known = isinstance(seconds, (int, float))
                return Stamp(size, tag, str(found), float(seconds) if known else None)
        return Stamp(size, tag)


_WORDS: Final[dict[type[OSError], tuple[int, str]]] = {
    FileNotFoundError: (errno.ENOENT, "there is no such file"),
    PermissionError: (errno.EACCES, "access is denied"),
    IsADirectoryError: (errno.EISDIR, "is a folder, expected a file"),
}


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) < 300 else text[:300] + " …"


def has_credentials() -> bool:
    """Tell whether this user has credentials for S3 as programs find them, without asking a server."""
    names = (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    if any(os.environ.get(name) for name in names):
        return True
    files = (
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
    )
    return any(os.path.exists(os.path.expanduser(file)) for file in files)
