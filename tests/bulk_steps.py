"""What the tests of `asdfits.bulk` run in workers; as a script, runs that may be killed as a whole."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import asdfits


def note(log: str, path: str) -> None:
    """Write down that a file is worked on; lines of several processes do not mix."""
    with open(log, "a") as file:
        file.write(f"{os.getpid()} {os.path.basename(path)}\n")


def calls(log: Path) -> Counter[str]:
    """How often each file was worked on."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(line.split()[1] for line in lines)


def double(model: Any, log: str | None = None, factor: int = 2, rest: float = 0.0) -> Any:
    if log is not None:
        note(log, model.meta.filename)
    time.sleep(rest)
    model.data = model.data * factor
    model.meta.target.proposer_name = f"times {factor}"
    return model


def other(model: Any, log: str) -> Any:
    return double(model, log)


def content(path: str, log: str | None = None) -> bytes:
    if log is not None:
        note(log, path)
    return Path(path).read_bytes()


def copied(path: str, target: str, cut: bool = False) -> None:
    data = Path(path).read_bytes()
    Path(target).write_bytes(data[:100] if cut else data)
    if cut:
        raise ValueError("stopped within the output")


def nothing(model: Any) -> None:
    return None


def number(model: Any) -> int:
    return 3


def hdus(path: str) -> Any:
    from astropy.io import fits

    return fits.HDUList([fits.PrimaryHDU(data=asdfits.open(path).data)])


def theirs(path: str) -> Any:
    from stdatamodels.jwst import datamodels

    return datamodels.open(path)


def picky(model: Any, log: str, bad: str) -> Any:
    note(log, model.meta.filename)
    if bad in model.meta.filename:
        raise ArithmeticError(f"no such sky in {model.meta.filename}")
    return model


def flaky(path: str, log: str, error: str, times: int) -> bytes:
    """Fail with an error as often as that, then do it."""
    note(log, path)
    if calls(Path(log))[os.path.basename(path)] <= times:
        raise {"connection": ConnectionError, "stale": stale, "value": ValueError}[error]("away")
    return Path(path).read_bytes()


def stale(_: str) -> OSError:
    import errno

    return OSError(errno.ESTALE, "Stale file handle")


def deadly(path: str, log: str, bad: str, times: int) -> bytes:
    """Kill the process that does it, as often as that."""
    note(log, path)
    if bad in path and calls(Path(log))[os.path.basename(path)] <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return Path(path).read_bytes()


def interrupted(path: str) -> bytes:
    return repr(signal.getsignal(signal.SIGINT)).encode()


def together(container: Any) -> Any:
    """The sum of the members of an association."""
    first = container[0].copy()
    first.data = sum(model.data for model in container)
    return first


def exits(path: str) -> bytes:
    sys.exit(3)


def main(how: str, source: str, target: str, log: str, rest: str) -> None:
    given = {"arguments": {"log": log, "rest": float(rest)}, "suffix": "bsub"}
    if how == "local":
        print(asdfits.bulk.map(double, source, target, workers=2, **given))
        return
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=4, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        print(asdfits.bulk.map(double, source, target, client=client, **given))


if __name__ == "__main__":
    main(*sys.argv[1:])
