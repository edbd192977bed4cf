"""Who does the work: processes of this machine, or the workers of a Dask cluster.

Both take jobs one by one and put what became of them into a queue; the rest is the same for both.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, Protocol

from .work import Job, Outcome, Work, main_is_a_file, missing, probe, run

__all__ = ["Answer", "Cluster", "Here", "Local", "Workers", "check_bootstrapped"]

_STARTS: Final = 3
"""How often in a row a process may die before it is ready."""

_GUARD: Final = (
    "asdfits.bulk.map starts processes, which import the script that calls it: put what is to run once "
    "below `if __name__ == '__main__':`"
)


class Answer(NamedTuple):
    """A job that is over, one way or the other."""

    job: Job
    future: Any
    slot: Any = None


class Workers(Protocol):
    """What does jobs."""

    def room(self) -> int:
        """Return how many jobs may be added now."""

    def submit(self, job: Job) -> None:
        """Add a job; its `Answer` will be in the queue."""

    def outcome(self, answer: Answer) -> Outcome:
        """Return what became of a job.

        Raises
        ------
        RuntimeError
            No job can be done.
        """

    def stop(self, *, at_once: bool) -> None:
        """Let the workers go; `at_once` gives up the jobs that they are at."""


def _lost(what: str) -> Outcome:
    return Outcome("failed", error=what, passing=True)


# -- this process -------------------------------------------------------------------------------


class Here:
    """The process that runs, where a debugger sees what is done."""

    def __init__(self, work: Work, answers: SimpleQueue[Any]) -> None:
        self._work, self._answers, self._busy = work, answers, False

    def room(self) -> int:
        """Return whether the last job is over."""
        return int(not self._busy)

    def submit(self, job: Job) -> None:
        """Do a job."""
        future: Future[Outcome] = Future()
        future.set_result(run(self._work, job))
        self._busy = True
        self._answers.put(Answer(job, future))

    def outcome(self, answer: Answer) -> Outcome:
        """Return what became of a job."""
        self._busy = False
        found = answer.future.result()
        assert isinstance(found, Outcome)
        return found

    def stop(self, *, at_once: bool) -> None:
        """Do nothing: no job is left."""


# -- processes of this machine ------------------------------------------------------------------


def check_bootstrapped() -> None:
    """Raise where a worker has come here by importing the script that starts workers."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(_GUARD)


def _prepare() -> None:
    """Make a worker that Ctrl-C leaves to its parent, and that ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _importable_main() -> Iterator[None]:
    """Have processes that start not look for `<stdin>`, which a script that is piped calls its file."""
    import __main__

    if main_is_a_file() or not hasattr(__main__, "__file__"):
        yield
        return
    name = __main__.__file__
    del __main__.__file__
    try:
        yield
    finally:
        __main__.__file__ = name


class _Slot:
    """One process at a time, with at most one job."""

    def __init__(self, work: Work, answers: SimpleQueue[Any], recycle: int | None) -> None:
        self._work, self._answers, self._recycle = work, answers, recycle
        self._pool: ProcessPoolExecutor | None = None
        self.ready: Future[tuple[int, str | None]] | None = None
        self.busy = False
        self._done = 0

    def submit(self, job: Job) -> None:
        self.busy = True
        try:
            future = self._executor().submit(run, self._work, job)
        except BrokenProcessPool:  # it died while it had nothing to do
            self.drop()
            future = self._executor().submit(run, self._work, job)
        future.add_done_callback(lambda done: self._answers.put(Answer(job, done, self)))

    def _executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A fork would take over threads that do not run in it: those of the core, of Dask, of a
            # notebook. A pool of one process tells whose job it was when it dies.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, context, initializer=_prepare)
            with _importable_main():
                self.ready = self._pool.submit(probe, self._work)
            self._done = 0
        return self._pool

    def freed(self) -> None:
        """The job is over; a process that has done its share goes."""
        self.busy = False
        self._done += 1
        if self._recycle is not None and self._done >= self._recycle:
            self.drop()

    def drop(self, *, patient: bool = False) -> None:
        """Let the process go once it has nothing to do."""
        if self._pool is not None:
            self._pool.shutdown(wait=patient)
        self._pool = None

    def kill(self) -> None:
        """End the process, whatever it is at; outputs that it has not finished have no place yet."""
        if self._pool is not None and self.ready is not None:
            with suppress(Exception):
                os.kill(self.ready.result(timeout=10)[0], signal.SIGKILL)
        self.drop(patient=True)


class Local:
    """Processes of this machine.

    Parameters
    ----------
    count
        How many.
    recycle
        After how many jobs a process is replaced by a new one.
    """

    def __init__(
        self, work: Work, answers: SimpleQueue[Any], count: int, recycle: int | None
    ) -> None:
        self._slots = [_Slot(work, answers, recycle) for _ in range(count)]
        self._failed_starts = 0

    def room(self) -> int:
        """Return how many processes have no job."""
        return sum(not slot.busy for slot in self._slots)

    def submit(self, job: Job) -> None:
        """Give a job to a process that has none."""
        next(slot for slot in self._slots if not slot.busy).submit(job)

    def outcome(self, answer: Answer) -> Outcome:
        """Return what became of a job; a process that died is replaced when the next job comes."""
        slot: _Slot = answer.slot
        assert slot.ready is not None
        error = answer.future.exception()
        if isinstance(error, BrokenProcessPool):
            slot.busy = False
            started = slot.ready.done() and slot.ready.exception() is None
            self._failed_starts = 0 if started else self._failed_starts + 1
            slot.drop()
            if self._failed_starts >= _STARTS:
                raise RuntimeError(
                    f"worker processes die as soon as they start; what they said is above. {_GUARD}"
                )
            return _lost(
                "WorkerLost: the process that did it died: killed, out of memory, or crashed"
            )
        self._failed_starts = 0
        _, fault = slot.ready.result()
        if fault is not None:
            raise RuntimeError(fault)
        slot.freed()
        if error is not None:
            return _lost(f"{type(error).__name__}: {error}")
        return answer.future.result()

    def stop(self, *, at_once: bool) -> None:
        """Let the processes go."""
        for slot in self._slots:
            if at_once and slot.busy:
                slot.kill()
        for slot in self._slots:
            slot.drop(patient=True)


# -- Dask ---------------------------------------------------------------------------------------


class Cluster:
    """The workers of a `dask.distributed` cluster, which come and go as they like.

    Parameters
    ----------
    client
        A synchronous client.
    ahead
        How many jobs there are for each thread of a worker: one is done, the others wait there.
    """

    _AGE: Final = 2.0  # seconds that the number of threads is believed

    def __init__(self, work: Work, answers: SimpleQueue[Any], client: Any, ahead: int = 2) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise missing("distributed", "client is for a Dask cluster") from error
        if not isinstance(client, Client) or client.asynchronous:
            raise TypeError(
                f"found {type(client).__name__} as client, expected a synchronous distributed.Client"
            )
        self._work, self._answers, self._client, self._ahead = work, answers, client, ahead
        self._futures: dict[int, Any] = {}
        self._threads, self._asked = 0, -self._AGE
        _, fault = client.submit(probe, work, pure=False).result()
        if fault is not None:
            raise RuntimeError(fault)

    def room(self) -> int:
        """Return how many jobs the workers there are now can take."""
        now = time.monotonic()
        if now - self._asked >= self._AGE:
            self._threads, self._asked = sum(self._client.nthreads().values()), now
        return max(1, self._ahead * self._threads) - len(self._futures)

    def submit(self, job: Job) -> None:
        """Give a job to the scheduler."""
        future = self._client.submit(
            run,
            self._work,
            job,
            pure=False,
            key=f"asdfits-{os.path.basename(self._work.stage)}-{job.number}-{job.attempt}",
        )
        self._futures[job.number] = future
        future.add_done_callback(lambda done: self._answers.put(Answer(job, done)))

    def outcome(self, answer: Answer) -> Outcome:
        """Return what became of a job. If its worker died meanwhile, Dask has it done again."""
        future = self._futures.pop(answer.job.number)
        try:
            result = future.result()
        except CancelledError as error:
            if self._client.status != "running":
                raise RuntimeError("the scheduler of the Dask cluster is gone") from error
            return _lost("WorkerLost: Dask gave the job up")
        except Exception as error:  # `run` raises nothing: it is Dask's
            # Dask has tried this one on several workers, and each of them died.
            deadly = type(error).__name__ == "KilledWorker"
            return Outcome("failed", error=f"{type(error).__name__}: {error}", passing=not deadly)
        finally:
            future.release()
        assert isinstance(result, Outcome)
        return result

    def stop(self, *, at_once: bool) -> None:
        """Withdraw the jobs that are not done yet; a worker finishes the one it is at."""
        if at_once and self._futures:
            with suppress(Exception):
                self._client.cancel(list(self._futures.values()), force=True)
        self._futures.clear()
