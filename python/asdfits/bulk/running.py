"""A run: jobs are given out as they are needed, and what becomes of them is written down."""

from __future__ import annotations

import datetime
import heapq
import json
import os
import pickle
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal, NamedTuple

from ..catalogue.files import PATTERNS, Source, entries
from ..progress import progress_bar
from .manifest import Manifest, Row, key_of
from .names import Claims, Naming, Path, Plan, whole
from .result import Result
from .work import Call, Job, Outcome, Work, packed, stamp
from .workers import Cluster, Here, Local, Workers, check_bootstrapped

__all__ = ["TRANSIENT", "map"]

TRANSIENT: Final = (ConnectionError, TimeoutError, MemoryError)
"""Errors after which a job is tried again, besides those of file servers and of a full machine."""

_GLANCE: Final = 256
"""Files that are passed over, as they are up to date, before finished jobs are looked at again."""


class _Rule(NamedTuple):
    """What an output depends on besides its input."""

    function: str
    version: str
    arguments: str


def map(  # noqa: A001  # as those of concurrent.futures, multiprocessing and Dask
    func: Callable[..., Any],
    paths: Source,
    out_dir: Path,
    *,
    client: Any = None,
    workers: int | None = None,
    suffix: str | None = None,
    name: Callable[[str], Path] | None = None,
    base: Path | None = None,
    pattern: str | Iterable[str] = PATTERNS,
    takes: Literal["model", "path"] = "model",
    writes: bool = False,
    arguments: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    version: str = "",
    redo: bool = False,
    in_place: bool = False,
    retries: int = 2,
    pause: float = 1.0,
    transient: Sequence[type[BaseException]] = TRANSIENT,
    durable: bool = True,
    recycle: int | None = None,
    progress: bool | Callable[[int], object] = False,
) -> Result:
    """Run a function over many files, on all cores or a cluster, and write what it returns.

    Each file is opened in a worker and given to the function; the model that it returns is written to
    `out_dir`, under the name of the file. A second call does only what is missing or out of date. What
    goes wrong with a file is written down, and does not stop the others.

    Parameters
    ----------
    func : callable
        Called with what `asdfits.open` gives: a model, whose arrays are made when they are touched; for
        an association, the container of its members. It returns

        - a model, the same one or another, or anything that has a method ``save`` or ``writeto``, as
          models of stdatamodels and astropy's HDU lists have;
        - bytes: the content of the output;
        - None, where there is nothing to write.
    paths : str, path-like or iterable of these
        A file, a folder (with the folders in it), a pattern such as ``data/**/*_cal.fits``, or any
        number of these, as for `asdfits.scan`. An iterator is read no further than there is work for.
    out_dir : str or path-like
        The folder of the outputs; it is made if it is not there. Workers of a cluster must see it by
        the same path. One run at a time writes to it, but several functions may, one after the other.
    client : dask.distributed.Client, optional
        The cluster whose workers do the work (extra ``dask``).
    workers : int, optional
        How many processes of this machine do it, if there is no client; one for each processor if not
        given. 0 does it in this process, one file after the other, where a debugger sees it.
    suffix : str, optional
        The suffix of outputs: ``"bsub"`` makes ``…_nrs2_bsub.fits`` of ``…_nrs2_cal.fits``. If not
        given, outputs have the names of their inputs (without ``.gz``).
    name : callable, optional
        Gives the name of the output for the path of an input, relative to `out_dir`; it may have
        folders. Called in this process.
    base : str or path-like, optional
        The folder whose folders are kept: with ``base="data"``, ``data/a/x.fits`` becomes
        ``a/x.fits`` in `out_dir`. If not given, all outputs are in `out_dir` itself.
    pattern : str or iterable of str
        The names that are taken from folders.
    takes : {'model', 'path'}
        Whether the function gets a model or the path of the file, which is not opened then.
    writes : bool
        Whether the function writes its output itself. It gets, as its second argument, the path of a
        file that is not there yet, in a folder of its own, and with the name of the output. If it
        writes nothing there is no output.
    arguments : mapping, optional
        More arguments of the function, by name. They go to the workers with each file: give the name
        of a file rather than a large array.
    options : mapping, optional
        Options of `asdfits.open`, such as ``{"native": True}``.
    version : str
        The version of the function. Outputs of another version are made again; nobody else looks
        whether the code of a function has changed.
    redo : bool
        Whether outputs that are up to date are made again.
    in_place : bool
        Whether an output may take the place of its input: ``out_dir`` is the folder of the inputs, or
        `base` is given as well. The input is replaced once the output is whole.
    retries : int
        How often a file is tried again, after an error that may pass or when its worker has died.
    pause : float
        Seconds until the second attempt after an error; twice as many until the third, and so on.
    transient : sequence of exception types
        Errors that may pass, besides those that file servers and a machine short of memory give. Other
        errors, as of a damaged file, are final at once.
    durable : bool
        Whether each output waits until the disk has it all.
    recycle : int, optional
        After how many files a process of this machine is replaced by a new one, for functions that
        lose memory.
    progress : bool or callable
        True draws a bar on a terminal. A callable is called with the number of files, each time some
        are done.

    Returns
    -------
    Result
        Counts, and the rows of the files.

    Raises
    ------
    ValueError
        Two files would have the same output, or an output would replace an input. Nothing is done then;
        of an iterator, what was done before stays.
    TypeError
        The function cannot be sent to workers: a lambda, a local function, one that was typed in, where
        cloudpickle is not installed.
    BlockingIOError
        Another run writes to `out_dir`.
    RuntimeError
        Workers do not start, or cannot import the function. A script that calls this must do so below
        ``if __name__ == "__main__":``, as the processes import it.
    MissingExtraError
        There is a client, and Dask is not installed.

    Notes
    -----
    **Outputs are whole, and there once.** A worker writes to ``.asdfits-bulk`` in `out_dir`; this
    process writes a line to the manifest, ``asdfits-bulk.jsonl``, and then gives the output its place,
    by renaming. So whatever is killed when, each output is there as a whole if the manifest says so, and
    else not at all. A function may be called more than once for a file whose worker died; what the dead
    worker wrote gets no place.

    **What is done again.** An output is up to date if it and its input have the size and time of change
    that the manifest has, the function has the same name, `version`, `arguments` and `options`, and the
    last attempt did not fail. Of a URL only the name is looked at, of an association only its own file.
    When a file fails whose output was made before, that output stays.

    **Memory.** There are as many jobs at a time as there are processes, or two for each thread of a
    cluster. Rows stay on the disk; of each file some 500 bytes are remembered.

    **Ctrl-C** ends the processes (on a cluster, withdraws the jobs) and raises KeyboardInterrupt. What
    was done is in the manifest.

    **When a worker dies**, killed or out of memory, another one takes its place and its file is tried
    again, which counts as an attempt. On a cluster Dask does so itself, as often as its setting
    ``distributed.scheduler.allowed-failures`` says.

    Examples
    --------
    A function in a module, ``steps.py``:

    >>> def subtract_median(model):
    ...     model.data = model.data - np.nanmedian(model.data)
    ...     return model

    and a script:

    >>> if __name__ == "__main__":  # doctest: +SKIP
    ...     result = asdfits.bulk.map(subtract_median, "data/**/*_cal.fits", "out", suffix="bsub")
    ...     print(result)  # 500 files in 12.3 s (41 a second): 498 made, 2 failed
    ...     for row in result.failures:
    ...         print(row.input, row.error)

    On a cluster:

    >>> with Client("tcp://scheduler:8786") as client:  # doctest: +SKIP
    ...     asdfits.bulk.map(subtract_median, "data", "out", suffix="bsub", client=client)
    """
    here = client is None and workers == 0
    check_bootstrapped()
    if takes not in ("model", "path"):
        raise ValueError(f"found takes={takes!r}, expected 'model' or 'path'")
    if retries < 0 or (workers or 0) < 0 or (1 if recycle is None else recycle) < 1:
        raise ValueError("expected workers and retries of 0 or more, and recycle of 1 or more")
    call = Call(
        func,
        dict(arguments or {}),
        dict(options or {}),
        takes,
        writes,
        tuple(transient),
        durable,
    )
    payload, rule = call if here else packed(call), _rule(call, version)
    plan = Plan(
        entries(paths, (pattern,) if isinstance(pattern, str) else pattern),
        Naming(suffix, name, base),
        Claims(os.fspath(out_dir), in_place=in_place),
    )
    if not isinstance(paths, Iterator):
        plan.read()  # what is wrong with the names comes out before anything is done
    folder = os.path.abspath(out_dir)
    named = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    with Manifest(folder, f"{named}-{uuid.uuid4().hex[:8]}") as manifest:
        answers: SimpleQueue[Any] = SimpleQueue()
        work = Work(payload, manifest.stage)
        crew: Workers
        if client is not None:
            crew = Cluster(work, answers, client)
        elif here:
            crew = Here(work, answers)
        else:
            crew = Local(work, answers, workers or len(os.sched_getaffinity(0)), recycle)
        result = Result(folder, manifest.run)
        run = _Run(plan, manifest, crew, answers, result, rule, retries, pause, redo=redo)
        if callable(progress):
            run.go(progress)
        else:
            with progress_bar(quiet=not progress, total=plan.total) as bar:
                run.go(bar)
    return result


def _rule(call: Call, version: str) -> _Rule:
    func: Any = call.func
    bound: list[Any] = []
    while isinstance(func, partial):
        bound.append([list(func.args), func.keywords])
        func = func.func
    named = func if hasattr(func, "__qualname__") else type(func)
    given = [bound, call.arguments, call.options, call.takes, call.writes]
    text = json.dumps(given, sort_keys=True, default=_digest)
    digest = sha256(text.encode()).hexdigest()[:16]
    return _Rule(f"{named.__module__}.{named.__qualname__}", version, digest)


def _digest(value: Any) -> str:
    """What stands for an argument that is no plain value."""
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    try:
        return sha256(pickle.dumps(value)).hexdigest()
    except Exception:  # cloudpickle takes more, but not always to the same bytes
        return repr(value)


class _Run:
    def __init__(
        self,
        plan: Plan,
        manifest: Manifest,
        crew: Workers,
        answers: SimpleQueue[Any],
        result: Result,
        rule: _Rule,
        retries: int,
        pause: float,
        *,
        redo: bool,
    ) -> None:
        self._plan, self._manifest, self._crew, self._answers = iter(plan), manifest, crew, answers
        self._result, self._rule, self._retries, self._pause = result, rule, retries, pause
        self._redo = redo
        self._tell: Callable[[int], object] = lambda _: None
        self._number = 0
        self._keys: list[bytes] = []
        self._active = 0
        # Jobs that are to be tried again: when, their number, they themselves.
        self._again: list[tuple[float, int, Job]] = []
        self._more = True

    def go(self, tell: Callable[[int], object]) -> None:
        """Do all there is to do."""
        self._tell = tell
        started = time.perf_counter()
        try:
            while True:
                self._give_out()
                if not (self._active or self._again or self._more):
                    break
                self._take_in()
            self._crew.stop(at_once=False)
        except BaseException:
            self._crew.stop(at_once=True)
            with suppress(OSError):
                self._rescue()
            raise
        finally:
            self._result.seconds = time.perf_counter() - started
            places = self._manifest.places
            self._result.places = [places[key] for key in self._keys if key in places]

    def _give_out(self) -> None:
        """Give jobs to workers that have none."""
        passed = 0
        while passed < _GLANCE and (self._again or self._more) and self._crew.room() > 0:
            if self._again and self._again[0][0] <= time.monotonic():
                self._submit(heapq.heappop(self._again)[-1])
                continue
            if not self._more:
                return
            found = next(self._plan, None)
            if found is None:
                self._more = False
                continue
            path, output, fault = found
            self._keys.append(key_of(path, output))
            self._number += 1
            if output is None:
                self._settle(Job(self._number, path, ""), _unread(fault))
            elif not self._redo and self._is_current(path, output):
                self._result.skipped += 1
                self._tell(1)
                passed += 1
            else:
                self._submit(Job(self._number, path, output))

    def _submit(self, job: Job) -> None:
        self._crew.submit(job)
        self._active += 1

    def _is_current(self, path: str, output: str) -> bool:
        row = self._manifest.find(path, output)
        if row is None or row.state == "failed" or row.input != path:
            return False
        if (row.function, row.version, row.arguments) != self._rule:
            return False
        if stamp(path) != row.input_stamp:
            return False
        place = os.path.join(self._manifest.folder, output)
        return row.state == "nothing" or stamp(place) == row.output_stamp

    def _take_in(self) -> None:
        """Take what workers have done; wait for it if there is nothing else to do."""
        rest = None
        if self._again:
            rest = max(0.0, self._again[0][0] - time.monotonic())
        if self._more and self._crew.room() > 0:
            rest = 0.0
        if rest is None or self._active:
            # Workers of a cluster that come meanwhile are to get work.
            rest = min(1.0 if rest is None else rest, 1.0)
        try:
            answer = self._answers.get(timeout=rest)
        except Empty:
            return
        while True:
            self._active -= 1
            self._decide(answer.job, self._crew.outcome(answer))
            try:
                answer = self._answers.get_nowait()
            except Empty:
                return

    def _decide(self, job: Job, outcome: Outcome) -> None:
        """Write down what became of a job, or try it again."""
        if outcome.state == "failed" and outcome.passing and job.attempt <= self._retries:
            self._result.retried += 1
            due = time.monotonic() + self._pause * 2 ** (job.attempt - 1)
            again = Job(job.number, job.input, job.output, job.attempt + 1)
            heapq.heappush(self._again, (due, job.number, again))
        else:
            self._settle(job, outcome)

    def _settle(self, job: Job, outcome: Outcome) -> None:
        with _unbroken():
            row = self._row(job, outcome)
            self._manifest.append(row)
            if row.state == "done":
                row = self._publish(row)
        match row.state:
            case "done":
                self._result.made += 1
            case "nothing":
                self._result.nothing += 1
            case "failed":
                self._result.failed += 1
        self._tell(1)

    def _publish(self, row: Row) -> Row:
        """Give an output its place; return what is to be said of it then."""
        try:
            if self._manifest.publish(row):
                return row
            fault = "OSError: the output is not where the worker has put it"
        except OSError as error:
            fault = f"{type(error).__name__}: {error}"
        failed = Row(
            "failed",
            row.input,
            row.output,
            error=fault,
            attempts=row.attempts,
            seconds=row.seconds,
            worker=row.worker,
            time=row.time,
            run=row.run,
            **self._rule._asdict(),
        )
        self._manifest.append(failed)
        return failed

    def _row(self, job: Job, outcome: Outcome) -> Row:
        input_, output = outcome.input, outcome.output
        place = None
        if (
            output is not None
            and whole(os.path.join(self._manifest.folder, job.output)) == job.input
        ):
            # What stands there from now on is the output.
            input_, place = output, os.path.realpath(job.input)
        return Row(
            "done" if outcome.state == "staged" else outcome.state,
            job.input,
            job.output or None,
            error=outcome.error,
            traceback=outcome.traceback,
            attempts=job.attempt,
            seconds=round(outcome.seconds, 6),
            worker=outcome.worker,
            time=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            input_size=None if input_ is None else input_[0],
            input_mtime=None if input_ is None else input_[1],
            output_size=None if output is None else output[0],
            output_mtime=None if output is None else output[1],
            run=self._manifest.run,
            staged=outcome.staged,
            place=place,
            **self._rule._asdict(),
        )

    def _rescue(self) -> None:
        """Write down what was done before the run was broken off."""
        while True:
            try:
                answer = self._answers.get_nowait()
            except Empty:
                return
            future = answer.future
            if getattr(future, "status", "finished") != "finished" or not future.done():
                continue
            with suppress(Exception):
                outcome = future.result(timeout=1)
                if outcome.state != "failed":
                    self._settle(answer.job, outcome)


def _unread(fault: Exception | None) -> Outcome:
    return Outcome("failed", error=f"{type(fault).__name__}: {fault}")


@contextmanager
def _unbroken() -> Iterator[None]:
    """Have Ctrl-C wait until this is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[Any] = []
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # it is ignored, or not Python's
        yield
        return
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            before(*came[0])
