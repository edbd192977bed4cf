"""URLs as names: which texts are URLs, what the file behind one is called, what may be shown of it."""

from __future__ import annotations

import errno
import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["is_url", "name_of", "refuse", "shown"]

_URL = re.compile(r"(?:[a-z][a-z0-9+.-]+::)*[a-z][a-z0-9+.-]+://", re.IGNORECASE)

# Parts of URLs that let their holder in.
_SECRET = re.compile(r"(?<=[?&])([^=&]*(?:sig|token|key|secret|credential)[^=&]*)=[^&#]*", re.I)
_LOGIN = re.compile(r"(?<=://)[^/@]*@")

_ENDINGS = (".fits", ".asdf", ".json", ".gz", ".fz")


def is_url(path: Any) -> bool:
    """Tell whether a path is a URL, or a chain of them as fsspec has it."""
    return isinstance(path, str) and _URL.match(path) is not None


def name_of(url: str) -> str:
    """Return the name of the file at a path or behind a URL.

    Where a service is asked for the file, the name is that in the query.

    Examples
    --------
    >>> name_of("https://mast.stsci.edu/api/v0.1/Download/file?uri=mast:JWST/product/jw1_cal.fits")
    'jw1_cal.fits'
    """
    if not is_url(url):
        return os.path.basename(url)
    first = url.split("::", 1)[0] if "://" in url.split("::", 1)[0] else url.rpartition("::")[2]
    parts = urlsplit(first)
    # The scheme of a bucket has no query: a question mark there is part of the name.
    if parts.scheme not in ("http", "https"):
        return first.rstrip("/").rpartition("/")[2]
    found = unquote(parts.path).rstrip("/").rpartition("/")[2]
    if not found.lower().endswith(_ENDINGS):
        for _, value in parse_qsl(parts.query):
            if value.lower().endswith(_ENDINGS):
                return re.split(r"[/:]", value)[-1]
    return found


def shown(url: str) -> str:
    """Return a URL as it may stand in a message: without passwords, keys and signatures."""
    return _SECRET.sub(r"\1=…", _LOGIN.sub("", url))


def refuse(path: Any) -> None:
    """Raise where a path to write to is a URL.

    Raises
    ------
    OSError
        It is one.
    """
    if is_url(path):
        text = "asdfits does not write to URLs; save to a file, and upload that (fsspec: fs.put)"
        raise OSError(errno.EROFS, text, shown(path))
