"""What is timed: a row, those who take part in it, and what asdfits has to reach."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
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
    weighed : bool
        Whether its memory can be told; that of an interpreter which it starts cannot.
    partial : bool
        Whether it does only a part of what the row asks; it is shown, and is nobody's best peer.
    """

    name: str
    run: Callable[[], object]
    package: str
    answer: Callable[[], Facts] | None = None
    floor: bool = False
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    weighed: bool = True
    partial: bool = False

    @property
    def distribution(self) -> str:
        """Name of what must be installed, without the module in it; empty for a floor."""
        return self.package.partition(".")[0]


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
    notes: tuple[str, ...] = ()
    """Lines on those who are missing, or on what is peculiar."""


@dataclass(frozen=True)
class Weight:
    """What one run of a reader took beside time, in bytes.

    Attributes
    ----------
    memory : int
        How far the resident memory rose at most; pages of a mapped file count while they are held.
    read : int or None
        What calls to read gave, out of the page cache too; pages of a mapped file are not read by calls.
    disk : int or None
        What came from the disk.
    """

    memory: int
    read: int | None = None
    disk: int | None = None


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


# ----------------------------------------------------------------------
# Output


def ratio(value: float, to: float | None) -> str:
    """Return a ratio, or a dash where there is nothing to compare to."""
    if not to:
        return "-"
    result = value / to
    return (
        f"{result:,.0f}x" if result >= 10 else f"{result:.2g}x" if result < 1 else f"{result:.2f}x"
    )


def size(value: float | None) -> str:
    """Return a number of bytes in MB, or a dash where it is not known."""
    if value is None:
        return "-"
    return f"{value / 1e6:,.0f} MB" if value >= 1e7 else f"{value / 1e6:.1f} MB"


def table(
    row: Row,
    timings: Mapping[str, Timing],
    weights: Mapping[str, Weight | None],
    versions: Mapping[str, str],
) -> list[str]:
    """Return the lines of a row's table."""
    floor = next((timings[c.name].median for c in row.contestants if c.floor), None)
    own = timings["asdfits"].median if "asdfits" in timings else None
    lines = [f"{row.name}  ({row.subject})"]
    lines.append(
        f"  {'':36}{'median':>10}{'CPU':>10}{'best':>10}{'n':>4}{'/asdfits':>11}{'/floor':>11}"
        f"{'memory':>11}{'calls read':>12}"
    )
    for contestant in row.contestants:
        timing, weight = timings[contestant.name], weights.get(contestant.name)
        version = versions.get(contestant.distribution, "")
        label = (
            contestant.name if contestant.floor else contestant.name.replace(",", f" {version},", 1)
        )
        if version and not contestant.floor and "," not in contestant.name:
            label = f"{label} {version}"
        lines.append(
            f"  {label:36}{seconds(timing.median):>10}{seconds(timing.median_cpu):>10}"
            f"{seconds(min(timing.wall)):>10}{len(timing.wall):>4}"
            f"{ratio(timing.median, own):>11}{ratio(timing.median, floor):>11}"
            f"{size(weight.memory if weight else None):>11}"
            f"{size(weight.read if weight else None):>12}"
        )
    return lines
