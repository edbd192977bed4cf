"""What is timed: a row, those who take part in it, and what asdfits has to reach."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

Facts = dict[str, Any]


def seconds(value: float) -> str:
    """Return a time with three digits and the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1.0 or unit == "us":
            scaled = value * factor
            digits = max(0, 2 - math.floor(math.log10(scaled))) if scaled > 0 else 0
            return f"{scaled:.{min(digits, 2)}f} {unit}"
    raise AssertionError("the loop ends with the smallest unit")


@dataclass(frozen=True)
class Contestant:
    """One reader in a row.

    Attributes
    ----------
    name : str
        As the table shows it.
    run : callable
        What is timed.
    package : str
        What must be installed for it.
    answer : callable, optional
        Returns what this reader says of the product, for the comparison.
    floor : bool
        Whether this is the row's floor.
    around : callable
        Returns a context in which it runs and answers; entering it is not timed.
    """

    name: str
    run: Callable[[], object]
    package: str
    answer: Callable[[], Facts] | None = None
    floor: bool = False
    around: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True)
class Target:
    """What asdfits has to reach: less than the peer's time over `ratio`, plus `extra` seconds.

    With `limit` it is less than so many seconds, and there is no peer.
    """

    peer: str
    ratio: float = 1.0
    extra: float = 0.0
    limit: float | None = None

    def __str__(self) -> str:
        """Return the target as a user reads it."""
        if self.limit is not None:
            return f"< {seconds(self.limit)}"
        peer = self.peer.removeprefix("floor: ")
        share = peer
        if self.ratio > 1:
            share = f"1/{self.ratio:.0f} of {peer}"
        elif self.ratio < 1:
            share = f"{1 / self.ratio:.2g} x {peer}"
        return f"< {share}" + (f" + {seconds(self.extra)}" if self.extra else "")


@dataclass
class Row:
    """One thing that a user does, and those who do it."""

    name: str
    subject: str
    contestants: list[Contestant]
    target: Target | list[Target] | None = None
    exact: bool = True
    """Whether asdfits must say the same as stdatamodels in every key, type and digit."""


@dataclass
class Timing:
    """The samples of one reader, in seconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of the wall time."""
        return statistics.median(self.wall)

    @property
    def median_cpu(self) -> float:
        """Median of the CPU time."""
        return statistics.median(self.cpu)
