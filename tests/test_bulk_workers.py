"""Runs over many files whose workers, or which themselves, are killed: each output once and whole."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
import bulk_steps as steps
from asdfits import bulk
from asdfits.bulk import manifest, running
from bulk_checks import check_like_serial, lines, names_in, names_in_full, products

HERE = Path(__file__).parent


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return products(tmp_path / "in", 6)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


# -- killed workers -----------------------------------------------------------------------------


def test_the_file_of_a_killed_worker_is_done_by_another(source: Path, out: Path, log: Path) -> None:
    arguments = {"log": str(log), "bad": "00001", "times": 1}
    given: dict[str, Any] = {"takes": "path", "arguments": arguments, "pause": 0.0}
    result = bulk.map(steps.deadly, source, out, workers=2, **given)
    assert (result.made, result.retried) == (6, 1)
    assert {row.attempts for row in result.rows() if "00001" not in row.input} == {1}
    assert len(names_in(out)) == 6


def test_a_file_that_kills_each_worker_is_a_failure(source: Path, out: Path, log: Path) -> None:
    arguments = {"log": str(log), "bad": "00001", "times": 9}
    given: dict[str, Any] = {"takes": "path", "arguments": arguments, "pause": 0.0}
    result = bulk.map(steps.deadly, source, out, workers=2, retries=1, **given)
    assert (result.made, result.failed) == (5, 1)
    (row,) = result.failures
    assert (row.attempts, row.error) == (
        2,
        "WorkerLost: the process that did it died: killed, out of memory, or crashed",
    )
    assert steps.calls(log)[os.path.basename(row.input)] == 2


def test_processes_are_replaced_when_they_have_done_their_share(
    source: Path, out: Path, log: Path
) -> None:
    arguments = {"log": str(log)}
    bulk.map(steps.content, source, out, takes="path", arguments=arguments, workers=1, recycle=2)
    processes = [line.split()[0] for line in log.read_text().splitlines()]
    assert sorted(Counter(processes).values()) == [2, 2, 2]


def start(
    how: str, source: Path, out: Path, log: Path, rest: float = 0.05
) -> subprocess.Popen[str]:
    script = [sys.executable, str(HERE / "bulk_steps.py"), how, str(source), str(out), str(log)]
    return subprocess.Popen(
        [*script, "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(what: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to this"
        time.sleep(0.02)


def is_alive(process: str) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def killed_and_finished(how: str, sign: int, source: Path, out: Path, log: Path) -> str:
    """Kill a run as a whole when a third is done, and start it again: it does the rest alone."""
    count = len(names_in(source))
    run = start(how, source, out, log)
    try:
        wait_for(lambda: out.exists() and len(names_in(out)) >= count // 3)
        if sign == signal.SIGINT:
            os.killpg(run.pid, sign)  # as a terminal does: the workers get it too
        else:
            run.send_signal(sign)
        said = run.communicate(timeout=60)[0]
    finally:
        run.kill()
    assert run.returncode not in (0, None)
    assert "SpawnProcess" not in said  # no worker has an error of its own to tell
    workers = {line.split()[0] for line in log.read_text().splitlines()}
    wait_for(lambda: not any(map(is_alive, workers)))
    before = set(names_in(out))
    assert count // 3 <= len(before) < count, said
    written = {line["output"] for line in lines(out) if line["state"] == "done"}
    # One output may wait for its place, if the run was killed right then.
    assert before <= written
    assert len(written - before) <= (1 if sign == signal.SIGKILL else 0)
    for name in before:
        assert asdfits.verify(out / name) == []
    log.unlink()
    again = start(how, source, out, log)
    said = again.communicate(timeout=120)[0]
    assert again.returncode == 0, said
    left = {name.replace("_bsub", "_cal") for name in written} ^ set(names_in(source))
    assert steps.calls(log) == Counter(left)
    assert f"{len(left)} made, {len(written)} up to date" in said
    return f"{count} files: killed with {len(before)} outputs; then {len(left)} calls"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_as_a_whole_is_resumed(
    tmp_path: Path, out: Path, log: Path, sign: int
) -> None:
    source = products(tmp_path / "in", 24)
    killed_and_finished("local", sign, source, out, log)
    check_like_serial(source, out, tmp_path)


def test_one_run_at_a_time_writes_to_a_folder(source: Path, out: Path) -> None:
    with manifest.Manifest(str(out), "first"), pytest.raises(BlockingIOError, match="another run"):
        bulk.map(steps.double, source, out)


class Three(running.Here):
    """Does three jobs before one is looked at, as a cluster does."""

    def room(self) -> int:
        return 3 - self._answers.qsize()


def test_outputs_of_one_name_do_not_meet_before_they_have_their_places(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "Here", Three)
    bulk.map(
        steps.content,
        source,
        out,
        takes="path",
        name=lambda path: f"{os.path.basename(path)[20:25]}/a.bin",
        workers=0,
    )
    for number, path in enumerate(names_in_full(source)):
        assert (out / f"{number:05}" / "a.bin").read_bytes() == path.read_bytes()


def test_what_was_done_when_a_run_is_broken_off_is_kept(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def progress(_: int) -> None:
        if len(names_in(out)) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "Here", Three)
    with pytest.raises(KeyboardInterrupt):
        bulk.map(steps.content, source, out, takes="path", workers=0, progress=progress)
    assert names_in(out) == [line["output"] for line in lines(out)] == names_in(source)[:3]
    assert sorted(os.listdir(out)) == sorted([bulk.NAME, *names_in(out)])


def test_ctrl_c_is_for_the_process_that_gave_out_the_work(source: Path, out: Path) -> None:
    bulk.map(steps.interrupted, source, out, takes="path", workers=1)
    assert b"SIG_IGN" in (out / names_in(source)[0]).read_bytes()


def test_ctrl_c_waits_for_an_output_to_get_its_place() -> None:
    done = []

    def placed() -> None:
        with running._unbroken():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        placed()
    assert done == [1]


# -- iterators, workers -------------------------------------------------------------------------


def test_an_iterator_is_read_no_further_than_there_is_work_for(
    tmp_path: Path, out: Path, log: Path
) -> None:
    source = products(tmp_path / "in", 24)
    read, done, ahead = 0, 0, []

    def paths() -> Iterator[Path]:
        nonlocal read
        for path in names_in_full(source):
            read += 1
            ahead.append(read - done)
            yield path

    def progress(files: int) -> None:
        nonlocal done
        done += files

    result = bulk.map(steps.content, paths(), out, takes="path", workers=2, progress=progress)
    assert (result.made, read) == (24, 24)
    assert max(ahead) <= 3


def test_without_cloudpickle_what_cannot_travel_says_so(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)

    def local(model: Any) -> Any:
        return model

    for func in (local, lambda model: model):
        with pytest.raises(TypeError, match="define it with `def` at the top of a module"):
            bulk.map(func, source, out)
    with pytest.raises(TypeError, match="cannot be sent to worker processes"):
        bulk.map(steps.double, source, out, arguments={"log": (n for n in "ab")})
    assert not out.exists()
    assert bulk.map(steps.double, source, out, workers=1).made == 6


def test_with_cloudpickle_a_lambda_does(source: Path, out: Path) -> None:
    pytest.importorskip("cloudpickle")
    scale = 3
    result = bulk.map(lambda path: bytes(scale), source, out, takes="path", workers=1)
    assert result.made == 6
    assert (out / names_in(source)[0]).read_bytes() == bytes(3)


class Elsewhere:
    """What can be pickled here and not be made elsewhere."""

    def __call__(self, model: Any) -> Any:
        return model

    def __reduce__(self) -> Any:
        return _here, (os.getpid(),)


def _here(process: int) -> Elsewhere:
    if os.getpid() != process:
        raise ModuleNotFoundError("No module named 'of_this_process'")
    return Elsewhere()


def test_a_function_that_workers_cannot_import_ends_the_run(source: Path, out: Path) -> None:
    assert pickle.loads(pickle.dumps(Elsewhere()))
    with pytest.raises(RuntimeError, match=r"made in a worker: ModuleNotFoundError: .*process"):
        bulk.map(Elsewhere(), source, out, workers=1)


def test_a_script_without_a_guard_is_told(tmp_path: Path, source: Path, out: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import asdfits\n"
        "def same(model):\n    return model\n"
        f"asdfits.bulk.map(same, {str(source)!r}, {str(out)!r}, workers=1)\n"
    )
    run = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 1
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: worker processes die as soon as they start")
    assert "if __name__ == '__main__':" in last
    assert names_in(out) == []


def test_a_script_that_is_piped(source: Path, out: Path) -> None:
    script = (
        "import asdfits\n"
        "def same(model): return model\n"
        f"print(asdfits.bulk.map(same, {str(source)!r}, {str(out)!r}, workers=1))\n"
    )
    for head, expected in (
        ("", "6 made"),
        ("import sys; sys.modules['cloudpickle'] = None\n", "it was typed in, and is in no file"),
    ):
        run = subprocess.run(
            [sys.executable],
            input=head + script,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert expected in run.stdout + run.stderr
    assert len(names_in(out)) == 6


@pytest.mark.slow
def test_a_file_that_kills_each_worker_of_a_cluster_is_a_failure(
    client: Any, source: Path, out: Path, log: Path
) -> None:
    arguments = {"log": str(log), "bad": "00001", "times": 99}
    given: dict[str, Any] = {"takes": "path", "arguments": arguments, "pause": 0.0}
    result = bulk.map(steps.deadly, source, out, client=client, **given)
    assert (result.made, result.failed) == (5, 1)
    (row,) = result.failures
    assert str(row.error).startswith("KilledWorker: ")
    assert steps.calls(log)[os.path.basename(row.input)] == 4  # as Dask has it


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"takes": "file"}, ValueError, "takes='file'"),
        ({"workers": -1}, ValueError, "0 or more"),
        ({"recycle": 0}, ValueError, "1 or more"),
        ({"retries": -1}, ValueError, "0 or more"),
        ({"name": str, "suffix": "a"}, TypeError, "give it alone"),
        ({"client": "tcp://host"}, TypeError, "found str as client"),
    ],
)
def test_wrong_arguments(
    source: Path, out: Path, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    if "client" in given:
        pytest.importorskip("distributed")
    with pytest.raises(error, match=message):
        bulk.map(steps.double, source, out, **given)


# -- Dask ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A cluster of four processes; one that is killed is replaced by Dask."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=4, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def check_cluster(client: Any, count: int, tmp_path: Path) -> dict[str, int]:
    """Kill a worker that is at a job when a third is done."""
    source, out, log = products(tmp_path / "in", count), tmp_path / "out", tmp_path / "log"
    client.wait_for_workers(4)
    workers = client.run(os.getpid)
    assert len(set(workers.values())) == 4
    done = 0
    killed: list[int] = []

    def progress(files: int) -> None:
        nonlocal done
        done += files
        if done >= count // 3 and not killed:
            killed.append(int(log.read_text().splitlines()[-1].split()[0]))
            os.kill(killed[0], signal.SIGKILL)

    arguments = {"log": str(log), "rest": 0.02}
    given: dict[str, Any] = {"suffix": "bsub", "client": client, "arguments": arguments}
    result = bulk.map(steps.double, source, out, progress=progress, **given)
    assert killed[0] in workers.values()
    assert (result.made, result.failed, result.files) == (count, 0, count)
    check_like_serial(source, out, tmp_path)
    called = steps.calls(log)
    assert len(called) == count
    processes = {line.split()[0] for line in log.read_text().splitlines()}
    assert bulk.map(steps.double, source, out, **given).skipped == count
    return {"calls": sum(called.values()), "processes": len(processes)}


def test_a_cluster_that_loses_a_worker_makes_each_output_once(client: Any, tmp_path: Path) -> None:
    check_cluster(client, 24, tmp_path)


@pytest.mark.slow
def test_500_files_on_a_cluster_that_loses_a_worker(client: Any, tmp_path: Path) -> None:
    found = check_cluster(client, 500, tmp_path)
    print(f"500 files, {found['calls']} calls, {found['processes']} processes")
    assert found["calls"] >= 500


@pytest.mark.slow
@pytest.mark.parametrize("how", ["local", "dask"])
def test_500_files_killed_as_a_whole(how: str, tmp_path: Path, out: Path, log: Path) -> None:
    if how == "dask":
        pytest.importorskip("distributed")
    source = products(tmp_path / "in", 500)
    print(how, killed_and_finished(how, signal.SIGKILL, source, out, log))
    check_like_serial(source, out, tmp_path)


def test_failures_and_attempts_on_a_cluster(
    client: Any, source: Path, out: Path, log: Path, tmp_path: Path
) -> None:
    arguments = {"log": str(log), "bad": "00003"}
    result = bulk.map(steps.picky, source, out, arguments=arguments, client=client)
    assert (result.made, result.failed) == (5, 1)
    assert "ArithmeticError" in str(result.failures[0].traceback)
    more = {"log": str(tmp_path / "second"), "error": "connection", "times": 1}
    given: dict[str, Any] = {"takes": "path", "suffix": "b", "pause": 0.01, "client": client}
    result = bulk.map(steps.flaky, source, out, arguments=more, **given)
    assert (result.made, result.retried) == (6, 6)
    with pytest.raises(RuntimeError, match="made in a worker"):
        bulk.map(Elsewhere(), source, out, suffix="c", client=client)
    with pytest.raises(ValueError, match="another input"):
        bulk.map(steps.double, iter(names_in_full(source)), out, name=lambda _: "x", client=client)


def test_lazy_arrays_are_computed_on_a_cluster(client: Any, source: Path) -> None:
    stacked = bulk.stack(source)
    wanted = [asdfits.open(path).data for path in names_in_full(source)]
    assert np.array_equal(client.compute(stacked).result(), np.array(wanted))
