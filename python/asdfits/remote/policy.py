"""The few numbers that decide how far files are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["MULTI_GAP", "PARTS", "REQUESTS", "Policy"]

MULTI_GAP: Final = 2048
"""What is read over within one request for several ranges: a range costs some 150 bytes."""

PARTS: Final = 100
"""Ranges in one request: Apache answers more than 200 with the whole file, and headers have limits."""

REQUESTS: Final = 64
"""Requests for one section; where it would take more, wider gaps are read over."""


@dataclass(frozen=True)
class Policy:
    """How a file that is far away is read; pass it as ``storage_options={"policy": Policy(…)}``.

    Attributes
    ----------
    head, tail : int
        Bytes that are fetched of the start and the end of a file when it is opened.
    gap : int
        Bytes between two ranges that are rather fetched than asked for apart, where each range is a
        request of its own.
    chunk : int
        The longest range of one request.
    parallel : int
        Requests at a time.
    whole : int
        The longest file that is taken whole from a server which does not serve ranges.
    cache : int
        Bytes of sections that are kept for each open file; those used last stay.
    timeout : float
        Seconds without an answer, or without further bytes of one, after which a request is lost.
    retries : int
        How often a request is sent again that was lost, or refused for the moment (429, 5xx).
    backoff : float
        Seconds before it is sent again for the first time; each time it is twice as long.
    """

    head: int = 64 << 10
    tail: int = 128 << 10
    gap: int = 128 << 10
    chunk: int = 8 << 20
    parallel: int = 8
    whole: int = 64 << 20
    cache: int = 64 << 20
    timeout: float = 30.0
    retries: int = 3
    backoff: float = 0.5
