"""Time readers in turns, weigh each in a process of its own, and say what came of it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .answers import assert_answers
from .contest import Contestant, Row, Target, Timing, Weight, seconds, table

PEERS = ("stdatamodels", "asdf", "astropy", "fitsio")
"""Whom asdfits is compared to, where they are installed."""

PATIENCE = 2.0
"""A reader whose median is longer than this times the budget is not run once more to be weighed."""

HANGING = 600.0
"""Seconds after which a process that weighs a reader is ended."""


def measure(function: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds of one call; children that it waits for count."""
    gc.collect()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, cpu + after.ru_utime - children.ru_utime + after.ru_stime - children.ru_stime


def time_row(row: Row, repeat: int, budget: float) -> dict[str, Timing]:
    """Time the readers of a row in turns.

    Parameters
    ----------
    row : Row
        The row.
    repeat : int
        How many rounds.
    budget : float
        Seconds after which a reader sits the other rounds out; each has at least one.

    Returns
    -------
    dict
        Timings by the name of the reader.
    """
    timings = {contestant.name: Timing() for contestant in row.contestants}
    for number in range(repeat):
        # Another reader begins each round, so that none always follows the same one.
        first = number % len(row.contestants)
        for contestant in row.contestants[first:] + row.contestants[:first]:
            timing = timings[contestant.name]
            if sum(timing.wall) < budget:
                with contestant.around():
                    wall, cpu = measure(contestant.run)
                timing.wall.append(wall)
                timing.cpu.append(cpu)
    return timings


# ----------------------------------------------------------------------
# Memory and bytes


def weigh(contestant: Contestant) -> Weight | None:
    """Run a reader once in a forked process, untimed; return what it took, None if that cannot be told.

    The process has everything imported and every cache filled that the timed runs had.
    """
    if not (contestant.weighed and hasattr(os, "fork")):
        return None
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the parent may run on here: no handler, no buffer, no clean-up of its folders.
        try:
            os.write(writing, json.dumps(_weighed(contestant)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        if not select.select([reading], [], [], HANGING)[0]:
            os.kill(child, signal.SIGKILL)
        text = os.read(reading, 4096)
    finally:
        os.close(reading)
        os.waitpid(child, 0)
    return Weight(*json.loads(text)) if text else None


def _weighed(contestant: Contestant) -> list[int | None]:
    with contestant.around():
        memory, calls = _peak(), _transferred()
        contestant.run()
        after = _transferred()
        memory = _peak() - memory
    return [memory, *(after[key] - calls[key] if key in after else None for key in _COUNTERS)]


_COUNTERS = ("rchar", "read_bytes")


def _peak() -> int:
    """Return the most resident memory so far, in bytes; macOS counts it in bytes, others in kB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _transferred() -> dict[str, int]:
    """Return the kernel's counters of this process; none where it keeps none."""
    counters = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/io").read_text().splitlines():
            name, _, value = line.partition(":")
            counters[name] = int(value)
    return counters


# ----------------------------------------------------------------------
# A row, from the answers to the table


def run_row(
    row: Row,
    versions: Mapping[str, str],
    repeat: int,
    budget: float,
    *,
    weighed: bool = True,
    faults: list[str] | None = None,
) -> dict[str, Any]:
    """Check, time, weigh and print one row; return it for the JSON file.

    Parameters
    ----------
    row : Row
        The row; readers that are not installed are taken from it.
    versions : mapping
        Versions of the packages that are installed.
    repeat : int
        How many rounds.
    budget : float
        Seconds after which a reader sits the other rounds out.
    weighed : bool
        Whether each reader runs once more for memory and bytes.
    faults : list of str, optional
        As `assert_answers` takes it.

    Raises
    ------
    AssertionError
        If two answers differ.
    """
    row.contestants = [c for c in row.contestants if c.distribution in ("", *versions)]
    compared = assert_answers(row, faults)
    timings = time_row(row, repeat, budget)
    weights = {
        contestant.name: weigh(contestant)
        for contestant in row.contestants
        if weighed and timings[contestant.name].median < PATIENCE * budget
    }
    print("\n".join(table(row, timings, weights, versions)))
    if compared:
        print(f"  same answers: {'; '.join(compared)}")
    for note in row.notes:
        print(f"  {note}")
    targets = row.target if isinstance(row.target, list) else [row.target] if row.target else []
    verdicts = [judge(target, timings) for target in targets]
    for target, verdict in zip(targets, verdicts, strict=True):
        if verdict is not None:
            reached = "met" if verdict["met"] else "MISSED"
            print(f"  target {verdict['text']} = {seconds(verdict['limit'])}: {reached}")
        else:
            print(f"  target {target}")
    print(flush=True)
    return {
        "name": row.name,
        "subject": row.subject,
        "notes": list(row.notes),
        "same_answers": compared,
        "targets": [verdict for verdict in verdicts if verdict is not None],
        "readers": {
            contestant.name: _sampled(
                contestant, timings[contestant.name], weights.get(contestant.name)
            )
            for contestant in row.contestants
        },
    }


def _sampled(contestant: Contestant, timing: Timing, weight: Weight | None) -> dict[str, Any]:
    return {
        "package": contestant.distribution,
        "floor": contestant.floor,
        "partial": contestant.partial,
        "median": timing.median,
        "median_cpu": timing.median_cpu,
        "peak_memory": weight.memory if weight else None,
        "read_by_calls": weight.read if weight else None,
        "read_from_disk": weight.disk if weight else None,
        "wall": timing.wall,
        "cpu": timing.cpu,
    }


def judge(target: Target, timings: Mapping[str, Timing]) -> dict[str, Any] | None:
    """Return whether a row met its target; None if one of the two readers is missing."""
    if "asdfits" not in timings or (target.limit is None and target.peer not in timings):
        return None
    limit = target.limit
    if limit is None:
        limit = timings[target.peer].median / target.ratio + target.extra
    reached = timings["asdfits"].median
    return {"text": str(target), "limit": limit, "reached": reached, "met": reached < limit}


def environment(versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what a reader of the figures has to know about the machine."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": dict(versions),
    }


def processor() -> str:
    """Return the processor's own name for itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), ""
    )


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that can be imported; print which cannot."""
    versions = {}
    for package in packages:
        try:
            importlib.import_module(package)
            versions[package] = importlib.metadata.version(package)
        except (ImportError, importlib.metadata.PackageNotFoundError) as error:
            print(f"{package} is skipped: {error}")
    return versions
