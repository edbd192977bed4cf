"""What happens in a worker: one file is opened, the function called, its result written aside.

Nothing here knows where it runs; local processes and workers of a cluster call `run` alike.
"""

from __future__ import annotations

import errno
import os
import pickle
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from ..errors import MissingExtraError
from ..remote import is_url

__all__ = [
    "Call",
    "Job",
    "Outcome",
    "Work",
    "main_is_a_file",
    "missing",
    "packed",
    "probe",
    "run",
    "stamp",
]

# Errors of the system that may be gone in a moment: of file servers, of networks, of a full machine.
_PASSING: Final = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
_LONGEST: Final = 20_000
"""Characters of a traceback that are kept, the last ones."""

Stamp = tuple[int, int]

# Where the outputs of this thread go; a folder for each of them would take longer than many of them do.
_thread: Final = threading.local()


class Call(NamedTuple):
    """What is called on each file."""

    func: Callable[..., Any]
    arguments: Mapping[str, Any]
    options: Mapping[str, Any]
    takes: Literal["model", "path"]
    writes: bool
    transient: tuple[type[BaseException], ...]
    durable: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What all jobs of a run share.

    Attributes
    ----------
    call
        The pickle of a `Call`; or the call itself, where it does not travel.
    stage
        The folder that outputs are written to before they get their place. A worker whose run is over
        does not find it, and can do no harm.
    """

    call: bytes | Call
    stage: str


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be worked on: its number, its path, the name of its output, which attempt it is."""

    number: int
    input: str
    output: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt at a job.

    Attributes
    ----------
    state
        ``staged`` where there is an output, ``nothing`` where the function returned None.
    staged
        Where the output lies, relative to the stage.
    input, size
        Size and time of change (ns) of the input, as it was opened, and of the output.
    passing
        Whether another attempt may fare better.
    """

    state: Literal["staged", "nothing", "failed"]
    seconds: float = 0.0
    worker: str = ""
    staged: str | None = None
    input: Stamp | None = None
    output: Stamp | None = None
    error: str | None = None
    traceback: str | None = None
    passing: bool = False


def stamp(path: str) -> Stamp | None:
    """Return size and time of change (ns) of a file; None where it has none."""
    if is_url(path):
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def packed(call: Call) -> bytes:
    """Return a call as it travels to workers.

    Raises
    ------
    TypeError
        It cannot travel; the message says why, and what helps.
    """
    name = getattr(call.func, "__qualname__", repr(call.func))
    try:
        from cloudpickle import dumps
    except ImportError:
        dumps = pickle.dumps
        if getattr(call.func, "__module__", None) == "__main__" and not main_is_a_file():
            raise TypeError(_immobile(name, "it was typed in, and is in no file")) from None
    try:
        return bytes(dumps(call))
    except Exception as error:  # whatever the parts of it say of themselves
        raise TypeError(_immobile(name, str(error))) from error


def main_is_a_file() -> bool:
    """Tell whether what runs was read from a file, not typed in or piped."""
    import __main__

    return os.path.exists(getattr(__main__, "__file__", None) or "")


def _immobile(name: str, why: str) -> str:
    return (
        f"{name} cannot be sent to worker processes ({why}): define it with `def` at the top of a "
        "module that workers can import; with cloudpickle, which comes with 'asdfits[dask]', a function "
        "of a notebook and a lambda do as well, where all that they refer to can be pickled"
    )


@lru_cache(maxsize=4)
def _unpacked(call: bytes) -> Call:
    made: object = pickle.loads(call)
    assert isinstance(made, Call)
    return made


def _call(work: Work) -> Call:
    return work.call if isinstance(work.call, Call) else _unpacked(work.call)


def probe(work: Work) -> tuple[int, str | None]:
    """Return the number of this process, and what keeps it from doing the work, if anything."""
    try:
        _call(work)
    except Exception as error:
        return os.getpid(), f"the function cannot be made in a worker: {_said(error)}"
    if not os.path.isdir(work.stage):
        return os.getpid(), f"{work.stage}: the worker on {socket.gethostname()} does not see it"
    return os.getpid(), None


def run(work: Work, job: Job) -> Outcome:
    """Do a job; whatever goes wrong in it is in the answer."""
    started = time.perf_counter()
    worker = f"{socket.gethostname()}:{os.getpid()}"
    before = stamp(job.input)
    target = None
    passing: tuple[type[BaseException], ...] = ()
    try:
        call = _call(work)
        passing = call.transient
        target = _target(work.stage, os.path.basename(job.output), own=call.writes)
        if not _made(call, job.input, target):
            return Outcome("nothing", time.perf_counter() - started, worker, input=before)
        staged = os.path.relpath(target, work.stage)
        made = stamp(target)
    except (Exception, SystemExit) as error:
        if target is not None:
            with suppress(OSError):
                os.unlink(target)
        return Outcome(
            "failed",
            time.perf_counter() - started,
            worker,
            input=before,
            error=_said(error),
            traceback=_trace(error),
            passing=isinstance(error, passing)
            or (isinstance(error, OSError) and error.errno in _PASSING),
        )
    return Outcome("staged", time.perf_counter() - started, worker, staged, before, made)


def _target(stage: str, name: str, *, own: bool) -> str:
    """A path that is not there yet: in the folder of this thread, or in one of its `own`."""
    folders: dict[str, str] = _thread.__dict__.setdefault("folders", {})
    folder = folders.get(stage)
    if not own and folder is not None and os.path.isdir(folder):
        target = os.path.join(folder, name)
        if not os.path.lexists(target):
            return target
    folder = tempfile.mkdtemp(dir=stage)
    if not own:
        folders.clear()
        folders[stage] = folder
    return os.path.join(folder, name)


def _said(error: BaseException) -> str:
    """The name of an error and its words, as in a catalogue."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _trace(error: BaseException) -> str:
    """The traceback, from the call that was asked for on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    if trace is None:
        trace = error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, trace))
    return text if len(text) <= _LONGEST else f"…{text[-_LONGEST:]}"


def _made(call: Call, path: str, target: str) -> bool:
    """Call the function; return whether it made an output, which then lies at `target`."""
    extra = (target,) if call.writes else ()
    if call.takes == "path":
        return _stored(call, call.func(path, *extra, **call.arguments), target)
    from ..io import open as open_product

    with open_product(path, **call.options) as model:
        return _stored(call, call.func(model, *extra, **call.arguments), target)


def _stored(call: Call, result: Any, target: str) -> bool:
    """Write what a function returned; return whether there is an output."""
    from ..models import DataModel  # not needed where paths are taken

    if call.writes:
        if result is not None and not isinstance(result, (str, os.PathLike)):
            raise TypeError(
                f"the function writes its output itself (writes=True), and returned "
                f"{_kind(result)}; expected None"
            )
        if not os.path.lexists(target):
            return False
        if not os.path.isfile(target) or os.path.islink(target):
            raise ValueError(f"{target}: the function made no file of it")
    elif result is None:
        return False
    elif isinstance(result, DataModel):
        result.save(target, durable=call.durable)
        return True
    elif isinstance(result, (bytes, bytearray, memoryview)):
        with open(target, "xb") as file:
            file.write(result)
    elif callable(getattr(result, "save", None)):
        result.save(target)
    elif callable(getattr(result, "writeto", None)):
        result.writeto(target)
    else:
        raise TypeError(
            f"the function returned {_kind(result)}; expected a model, something else that has `save` "
            "or `writeto`, bytes, or None (to write a file itself, take its path and writes=True)"
        )
    if not os.path.isfile(target):
        raise ValueError(f"{_kind(result)} was saved, but not as the file {target}")
    if call.durable:
        with open(target, "rb") as file:
            os.fsync(file.fileno())
    return True


def _kind(value: Any) -> str:
    return f"an object of {type(value).__module__}.{type(value).__qualname__}"


def missing(package: str, what: str) -> MissingExtraError:
    """Return the error that a package of the extra is not installed."""
    return MissingExtraError(f"{what}, and {package} is not installed: pip install 'asdfits[dask]'")
