"""Servers that stand in for the cloud: they count what they send, and can be told to go wrong."""

from __future__ import annotations

import email.utils
import gzip
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class RangeServer(ThreadingHTTPServer):
    """Serves the files of a folder, in ranges.

    Attributes
    ----------
    multi : bool
        Whether it answers for several ranges at once; a server that does not sends the whole file.
    faults : list of str
        What to do wrong, one for each request to come; `always` is for all of them.
    requests : list of (str, str, str | None)
        Method, path and ranges of each request.
    sent : int
        Bytes that were sent, headers too.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, *, multi: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.multi = multi
        self.faults: list[str] = []
        self.always = ""
        self.name = "ranges/1"
        self.requests: list[tuple[str, str, str | None]] = []
        self.sent = 0
        self.lock = threading.Lock()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def clear(self) -> None:
        self.requests.clear()
        self.sent = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has seen enough is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RangeServer

    def setup(self) -> None:
        # What is counted is on its way, and does not wait in a buffer of the system.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 15)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""

    def version_string(self) -> str:
        return self.server.name

    def do_HEAD(self) -> None:
        self.do_GET(with_body=False)

    def do_GET(self, *, with_body: bool = True) -> None:
        server = self.server
        asked = self.headers.get("Range")
        with server.lock:
            server.requests.append((self.command, self.path, asked))
            fault = server.faults.pop(0) if server.faults else server.always
        path = server.folder / self.path.partition("?")[0].lstrip("/")
        if fault.isdigit():
            return self._answer(int(fault), {}, [b"no"])
        if fault == "hang":
            time.sleep(1.5)
        if fault == "redirect":
            return self._answer(302, {"Location": self.path + "?again"}, [])
        if fault == "circle":
            return self._answer(302, {"Location": self.path}, [])
        if not path.is_file():
            return self._answer(404, {}, [b"nothing here"])
        size = path.stat().st_size
        tag = f'"{size}-{path.stat().st_mtime_ns}"'
        heads = {
            "ETag": f"W/{tag}" if fault == "weak" else tag,
            "Last-Modified": email.utils.formatdate(path.stat().st_mtime, usegmt=True),
        }
        match = self.headers.get("If-Match")
        if match is not None and match != tag and fault != "careless":
            return self._answer(412, heads, [])
        ranges = self._ranges(asked, size)
        if ranges is not None and (fault == "deaf" or (len(ranges) > 1 and not server.multi)):
            ranges = None
        if fault == "zip" or (fault == "polite" and "gzip" in self.headers["Accept-Encoding"]):
            body = gzip.compress(path.read_bytes())
            return self._answer(200, {**heads, "Content-Encoding": "gzip"}, [body])
        if ranges is None:
            return self._answer(200, heads, self._file(path, 0, size) if with_body else [], size)
        if not ranges:
            return self._answer(416, {"Content-Range": f"bytes */{size}"}, [])
        if fault == "first":
            ranges = ranges[:1]
        if fault == "short":
            start, end = ranges.pop()
            ranges.append((start, end - 500))
        if fault == "backwards":
            start, end = ranges.pop()
            ranges.append((start, start - 500))
        if len(ranges) == 1:
            start, end = ranges[0]
            told = start + 100 if fault == "elsewhere" else start
            heads["Content-Range"] = f"bytes {told}-{end - 1 + told - start}/{size}"
            if fault == "nowhere":
                del heads["Content-Range"]
            parts = self._file(path, start, end)
            if fault == "cut":
                parts = iter([next(parts)[:1000]])
            return self._answer(206, heads, parts, end - start, cut=fault == "cut")
        body = b""
        for start, end in ranges:
            body += b"\r\n--marker\r\nContent-Type: application/octet-stream\r\n"
            body += b"Content-Range: bytes %d-%d/%d\r\n\r\n" % (start, end - 1, size)
            body += b"".join(self._file(path, start, end))
        body += b"\r\n--marker--\r\n"
        if fault == "cut":
            body = body[:-3000]
        heads["Content-Type"] = "multipart/byteranges; boundary=marker"
        return self._answer(206, heads, [body])

    @staticmethod
    def _ranges(asked: str | None, size: int) -> list[tuple[int, int]] | None:
        if asked is None:
            return None
        found = re.findall(r"(\d+)-(\d+)", asked)
        ranges = [(int(start), min(int(end) + 1, size)) for start, end in found]
        return [each for each in ranges if each[0] < each[1]]

    @staticmethod
    def _file(path: Path, start: int, end: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(start)
            while start < end:
                data = file.read(min(1 << 16, end - start))
                start += len(data)
                yield data

    def _answer(
        self,
        status: int,
        heads: dict[str, str],
        parts: Any,
        length: int | None = None,
        *,
        cut: bool = False,
    ) -> None:
        if length is None:
            parts = list(parts)
            length = sum(map(len, parts))
        self.send_response(status)
        for name, value in heads.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.flush_later = b"".join(self._headers_buffer)
        self.end_headers()
        with self.server.lock:
            self.server.sent += len(self.flush_later) + 2
        for part in parts:
            self.wfile.write(part)
            with self.server.lock:
                self.server.sent += len(part)
        if cut:
            self.close_connection = True


@contextmanager
def serving(folder: Path, **how: Any) -> Iterator[RangeServer]:
    """A range server for as long as the block lasts."""
    server = RangeServer(folder, **how)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Counting:
    """A WSGI application whose requests and answers are counted."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application
        self.faults: list[str] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.signed: list[bool] = []
        self.sent = 0
        self.lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        with self.lock:
            facts = (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_RANGE"))
            self.requests.append(facts)
            self.signed.append("HTTP_AUTHORIZATION" in environ)
            fault = self.faults.pop(0) if self.faults else ""
        if fault == "503":
            start("503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", "0")])
            return
        for part in self.application(environ, start):
            if fault == "cut":
                part = part[:1000]
            with self.lock:
                self.sent += len(part)
            yield part

    def clear(self) -> None:
        self.faults.clear()
        self.requests.clear()
        self.signed.clear()
        self.sent = 0


class S3Server(_Counting):
    """moto's S3, counted; `options` let s3fs find it."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        super().__init__(DomainDispatcherApplication(create_backend_app))
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.options: dict[str, Any] = {"endpoint_url": self.endpoint}
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def clear_credentials(environment: Any) -> None:
    """Take away what programs take for this user's credentials for S3."""
    for name in os.environ:
        if name.startswith("AWS_"):
            environment.delenv(name)
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull + "/none")
    environment.setenv("AWS_CONFIG_FILE", os.devnull + "/none")
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
