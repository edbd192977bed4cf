"""A function over many files: each output once and whole, whatever is killed, and no needless work."""

from __future__ import annotations

import gzip
import json
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
from astropy.io import fits

import asdfits
import bulk_steps as steps
from asdfits import bulk, cli, sample
from asdfits.bulk import manifest, names, running

HERE = Path(__file__).parent


def products(folder: Path, count: int) -> Path:
    """A folder of products, each with a target of its own."""
    folder.mkdir()
    product = sample.image_product()
    for n in range(count):
        name = f"jw02736007001_03103_{n:05}_nrcalong_cal.fits"
        (folder / name).write_bytes(product.replace(b"SAMPLE-1", f"S{n:07}".encode()))
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".fits")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / bulk.NAME).read_text().splitlines()]


def check_like_serial(source: Path, target: Path, tmp_path: Path) -> None:
    """All outputs are there, each once, and equal to what one process makes of the files."""
    wanted = [name.replace("_cal", "_bsub") for name in names_in(source)]
    assert names_in(target) == wanted
    done = Counter(line["output"] for line in lines(target) if line["state"] == "done")
    assert done == Counter(wanted)
    assert sorted(os.listdir(target)) == sorted([*wanted, bulk.NAME])
    serial = tmp_path / "serial.fits"
    for name in names_in(source):
        with asdfits.open(source / name) as model:
            steps.double(model).save(serial, durable=False)
        output = target / name.replace("_cal", "_bsub")
        assert asdfits.diff(serial, output) == []
        assert asdfits.verify(output) == []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return products(tmp_path / "in", 6)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


# -- outputs ------------------------------------------------------------------------------------


def test_outputs_are_those_of_a_serial_run(source: Path, out: Path, tmp_path: Path) -> None:
    told: list[int] = []
    result = bulk.map(steps.double, source, out, suffix="bsub", workers=2, progress=told.append)
    assert (result.made, result.files, result.failed) == (6, 6, 0)
    assert sum(told) == 6
    check_like_serial(source, out, tmp_path)
    assert asdfits.open(out / names_in(out)[0]).meta.filename == names_in(out)[0]


@pytest.mark.parametrize("durable", [True, False])
def test_bytes_are_written_as_they_are(source: Path, out: Path, durable: bool) -> None:
    bulk.map(steps.content, source, out, takes="path", workers=0, durable=durable)
    assert names_in(out) == names_in(source)
    for name in names_in(source):
        assert (out / name).read_bytes() == (source / name).read_bytes()


def test_a_function_may_write_its_output_itself(source: Path, out: Path) -> None:
    result = bulk.map(steps.copied, source, out, takes="path", writes=True, workers=0)
    assert result.made == 6
    for name in names_in(source):
        assert (out / name).read_bytes() == (source / name).read_bytes()


def test_an_output_that_was_begun_gets_no_place(source: Path, out: Path) -> None:
    cut = {"cut": True}
    result = bulk.map(
        steps.copied, source, out, takes="path", writes=True, arguments=cut, workers=0
    )
    assert result.failed == 6
    assert os.listdir(out) == [bulk.NAME]


def test_what_can_be_saved_is_saved(source: Path, out: Path) -> None:
    one = source / names_in(source)[0]
    for func, suffix, hdu in ((steps.hdus, "hdus", 0), (steps.theirs, "theirs", "SCI")):
        result = bulk.map(func, one, out, takes="path", suffix=suffix, workers=0)
        assert result.made == 1, [row.traceback for row in result.failures]
        made = out / one.name.replace("_cal", f"_{suffix}")
        assert np.array_equal(fits.getdata(made, hdu), asdfits.open(one).data)
    assert asdfits.open(made).meta.filename == made.name


def test_nothing_is_an_answer_too(source: Path, out: Path, log: Path) -> None:
    assert bulk.map(steps.nothing, source, out, workers=0).nothing == 6
    assert os.listdir(out) == [bulk.NAME]
    assert bulk.map(steps.nothing, source, out, workers=0).skipped == 6


def test_what_cannot_be_saved_is_a_failure_that_says_so(source: Path, out: Path) -> None:
    result = bulk.map(steps.number, names_in_full(source)[:1], out, workers=0)
    (row,) = result.failures
    assert row.error is not None
    assert "returned an object of builtins.int; expected a model" in row.error


def names_in_full(folder: Path) -> list[Path]:
    return [folder / name for name in names_in(folder)]


# -- what is done again -------------------------------------------------------------------------


def _input_changed(source: Path, out: Path) -> dict[str, Any]:
    path = names_in_full(source)[2]
    os.utime(path, ns=(1, 1))
    return {}


def _output_changed(source: Path, out: Path) -> dict[str, Any]:
    path = out / names_in(source)[2]
    path.write_bytes(path.read_bytes() + b" ")
    return {}


def _output_gone(source: Path, out: Path) -> dict[str, Any]:
    (out / names_in(source)[2]).unlink()
    return {}


def _new_input(source: Path, out: Path) -> dict[str, Any]:
    new = names_in(source)[2].replace("00002", "00009")
    (source / new).write_bytes(sample.image_product())
    return {}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda *_: {}, 0),
        (_input_changed, 1),
        (_output_changed, 1),
        (_output_gone, 1),
        (_new_input, 1),
        (lambda *_: {"version": "2"}, 6),
        (lambda *_: {"factor": 3}, 6),
        (lambda *_: {"func": steps.other}, 6),
        (lambda *_: {"options": {"native": True}}, 6),
        (lambda *_: {"redo": True}, 6),
    ],
    ids=[
        "nothing",
        "input",
        "output",
        "gone",
        "new",
        "version",
        "factor",
        "func",
        "options",
        "redo",
    ],
)
def test_a_second_run_does_what_is_out_of_date(
    source: Path, out: Path, log: Path, change: Any, again: int
) -> None:
    assert bulk.map(steps.double, source, out, arguments={"log": str(log)}, workers=0).made == 6
    log.unlink()
    given = {"func": steps.double, **change(source, out)}
    arguments = {"log": str(log)}
    if "factor" in given:
        arguments["factor"] = given.pop("factor")
    result = bulk.map(paths=source, out_dir=out, arguments=arguments, workers=0, **given)
    assert result.made == again == sum(steps.calls(log).values())
    assert result.skipped == result.files - again
    assert len(list(result.rows())) == result.files
    assert (
        bulk.map(
            paths=source, out_dir=out, arguments=arguments, workers=0, **{**given, "redo": False}
        ).made
        == 0
    )


def test_functions_share_a_folder(source: Path, out: Path, log: Path) -> None:
    for suffix in ("a", "b", "a", "b"):
        arguments = {"log": str(log), "factor": ord(suffix)}
        bulk.map(steps.double, source, out, suffix=suffix, arguments=arguments, workers=0)
    assert sum(steps.calls(log).values()) == 12


def test_a_line_that_was_cut_off_is_passed_over(source: Path, out: Path, log: Path) -> None:
    given: dict[str, Any] = {"arguments": {"log": str(log)}, "workers": 0}
    bulk.map(steps.double, source, out, **given)
    text = (out / bulk.NAME).read_bytes()
    (out / bulk.NAME).write_bytes(text[:-40])
    log.unlink()
    result = bulk.map(steps.double, source, out, **given)
    assert (result.made, result.skipped) == (1, 5)
    assert bulk.map(steps.double, source, out, **given).skipped == 6


@pytest.mark.parametrize("text", [b"", b"no JSON\n", b"[]\n{}\n3\nnull\n", b'{"input": 3}\n\xff\n'])
def test_a_manifest_of_something_else_is_no_hindrance(source: Path, out: Path, text: bytes) -> None:
    out.mkdir()
    (out / bulk.NAME).write_bytes(text)
    given: dict[str, Any] = {"takes": "path", "workers": 0}
    assert bulk.map(steps.content, source, out, **given).made == 6
    assert bulk.map(steps.content, source, out, **given).skipped == 6


def test_an_output_that_was_written_down_gets_its_place_later(
    source: Path, out: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is killed between the line of the manifest and the renaming."""
    given: dict[str, Any] = {"arguments": {"log": str(log)}, "workers": 0}

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(manifest.Manifest, "publish", killed)
        patch.setattr(manifest.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            bulk.map(steps.double, source, out, **given)
    (written,) = lines(out)
    assert not (out / written["output"]).exists()
    log.unlink()
    result = bulk.map(steps.double, source, out, **given)
    assert (result.made, result.skipped) == (5, 1)
    assert written["output"] not in steps.calls(log)
    assert names_in(out) == names_in(source)


# -- failures -----------------------------------------------------------------------------------


def test_failures_do_not_stop_the_rest(source: Path, out: Path, log: Path) -> None:
    arguments = {"log": str(log), "bad": "00003"}
    result = bulk.map(steps.picky, source, out, arguments=arguments, workers=2)
    assert (result.made, result.failed, result.retried) == (5, 1, 0)
    (row,) = result.failures
    assert row.input == str(names_in_full(source)[3])
    assert row.error == f"ArithmeticError: no such sky in {names_in(source)[3]}"
    assert row.traceback is not None
    assert 'bulk_steps.py", line' in row.traceback
    assert "bulk/work.py" not in row.traceback
    assert row.attempts == 1
    assert names_in(source)[3] not in names_in(out)
    # It is tried again, alone, and the older output of a file that fails later stays.
    result = bulk.map(steps.picky, source, out, arguments=arguments, workers=1)
    assert (result.made, result.failed, result.skipped) == (0, 1, 5)
    assert "1 failed" in str(result)
    pytest.importorskip("pyarrow")
    table = result.table()
    assert table.column("state").to_pylist().count("failed") == 1
    assert str(table.schema.field("seconds").type) == "double"


def test_damaged_files_are_failures(source: Path, out: Path) -> None:
    paths = names_in_full(source)
    paths[0].write_bytes(paths[0].read_bytes()[:3000])
    paths[1].write_bytes(b"SIMPLE")
    paths[2].unlink()
    paths[2].symlink_to("nowhere.fits")
    missing = source / "missing.fits"
    result = bulk.map(steps.double, [source, missing], out, workers=0)
    assert (result.made, result.failed) == (3, 4)
    errors = {os.path.basename(row.input): row.error for row in result.failures}
    assert errors["missing.fits"].startswith("FileNotFoundError")
    assert errors[paths[1].name].startswith("FormatError")
    assert len(list(result.rows())) == 7


@pytest.mark.parametrize(("error", "attempts"), [("connection", 3), ("stale", 3), ("value", 1)])
def test_errors_that_may_pass_are_tried_again(
    source: Path, out: Path, log: Path, error: str, attempts: int
) -> None:
    arguments = {"log": str(log), "error": error, "times": 2}
    given: dict[str, Any] = {"takes": "path", "arguments": arguments, "workers": 0, "pause": 0.01}
    result = bulk.map(steps.flaky, source, out, retries=2, **given)
    assert set(steps.calls(log).values()) == {attempts}
    assert {row.attempts for row in result.rows()} == {attempts}
    assert (result.made, result.failed) == ((0, 6) if attempts == 1 else (6, 0))
    assert result.retried == 6 * (attempts - 1)


def test_errors_that_pass_may_be_named(source: Path, out: Path, log: Path) -> None:
    arguments = {"log": str(log), "error": "value", "times": 1}
    given: dict[str, Any] = {"takes": "path", "arguments": arguments, "workers": 0, "pause": 0.01}
    assert bulk.map(steps.flaky, source, out, transient=[ValueError], **given).made == 6


def test_attempts_end(source: Path, out: Path, log: Path) -> None:
    arguments = {"log": str(log), "error": "stale", "times": 9}
    given: dict[str, Any] = {"takes": "path", "arguments": arguments, "workers": 0, "pause": 0.01}
    result = bulk.map(steps.flaky, source, out, retries=1, **given)
    assert (result.failed, result.retried) == (6, 6)
    assert set(steps.calls(log).values()) == {2}


def test_a_function_that_exits_is_a_failure(source: Path, out: Path) -> None:
    result = bulk.map(steps.exits, source, out, takes="path", workers=0)
    assert [row.error for row in result.failures] == ["SystemExit: 3"] * 6


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
        [*script, "0.05"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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


def killed_and_finished(how: str, sign: int, source: Path, out: Path, log: Path) -> None:
    """Kill a run as a whole when a third is done, and start it again: it does the rest alone."""
    count = len(names_in(source))
    run = start(how, source, out, log)
    try:
        wait_for(lambda: out.exists() and len(names_in(out)) >= count // 3)
        run.send_signal(sign)
        said = run.communicate(timeout=60)[0]
    finally:
        run.kill()
    assert run.returncode not in (0, None)
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


def test_ctrl_c_waits_for_an_output_to_get_its_place() -> None:
    done = []

    def placed() -> None:
        with running._unbroken():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        placed()
    assert done == [1]


# -- names --------------------------------------------------------------------------------------


def test_two_inputs_of_one_output_are_an_error_before_anything_is_done(
    source: Path, out: Path, log: Path, tmp_path: Path
) -> None:
    second = products(tmp_path / "second", 1)
    given: dict[str, Any] = {"arguments": {"log": str(log)}, "workers": 0}
    with pytest.raises(ValueError, match="which is that of another input"):
        bulk.map(steps.double, [source, second], out, **given)
    assert not out.exists()
    assert not log.exists()
    # An iterator is not read ahead, so that it comes out later; what was done is written down.
    with pytest.raises(ValueError, match="which is that of another input"):
        bulk.map(steps.double, iter([source, second]), out, **given)
    assert len(names_in(out)) == len(lines(out)) >= 4
    result = bulk.map(steps.double, [source, second], out, base=tmp_path, **given)
    assert result.made == 7
    assert names_in(out / "second") == names_in(second)
    assert names_in(out / "in") == names_in(source)


def test_a_file_that_is_named_twice_is_done_once(source: Path, out: Path, log: Path) -> None:
    one = names_in_full(source)[0]
    link = source.parent / "link"
    link.symlink_to(source)
    paths = [source, one, link / one.name]
    assert bulk.map(steps.double, paths, out, arguments={"log": str(log)}, workers=0).made == 6
    assert set(steps.calls(log).values()) == {1}


def test_an_output_is_no_input(source: Path, out: Path, log: Path) -> None:
    given: dict[str, Any] = {"arguments": {"log": str(log)}, "workers": 0}
    for paths in (source, iter([source])):
        with pytest.raises(ValueError, match="its output would take its place"):
            bulk.map(steps.double, paths, source, **given)
    one = names_in_full(source)[0]
    other = source / one.name.replace("_cal", "_bsub")
    other.write_bytes(one.read_bytes())
    for paths in ([one, other], [other, one]):
        with pytest.raises(ValueError, match=r"is an input itself|is the output of another"):
            bulk.map(
                steps.double,
                paths,
                source,
                name=lambda path: "x.fits" if "bsub" in path else other.name,
                **given,
            )
    assert not log.exists()


def test_in_place(source: Path, log: Path) -> None:
    given: dict[str, Any] = {"arguments": {"log": str(log)}, "workers": 0, "in_place": True}
    before = {path: asdfits.open(path).data.copy() for path in names_in_full(source)}
    first = names_in_full(source)[0]
    first.chmod(0o640)
    linked = source / "linked_cal.fits"
    elsewhere = source.parent / "elsewhere.fits"
    elsewhere.write_bytes(first.read_bytes())
    linked.symlink_to(elsewhere)
    assert bulk.map(steps.double, source, source, **given).made == 7
    assert bulk.map(steps.double, source, source, **given).skipped == 7
    assert set(steps.calls(log).values()) == {1}
    for path, data in before.items():
        assert np.array_equal(asdfits.open(path).data, data * 2)
    assert first.stat().st_mode & 0o777 == 0o640
    assert linked.is_symlink()
    assert np.array_equal(asdfits.open(elsewhere).data, before[first] * 2)


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("jw02736007001_03103_00003_nrs2_cal.fits", "x", "jw02736007001_03103_00003_nrs2_x.fits"),
        (
            "jw02736-o007_s06355_nirspec_f290lp-g395m_x1d.fits",
            "sky",
            "jw02736-o007_s06355_nirspec_f290lp-g395m_sky.fits",
        ),
        ("mosaic_i2d.fits", "sky", "mosaic_sky.fits"),
        ("my_field.asdf", "sky", "my_field_sky.asdf"),
        ("i2d.fits", "sky", "i2d_sky.fits"),
    ],
)
def test_suffixes(name: str, suffix: str, expected: str) -> None:
    assert names.renamed(name, suffix) == expected


def test_names(source: Path, out: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "jw02736007001_03103_00001_nrcalong_cal.fits.gz"
    zipped.write_bytes(gzip.compress(sample.image_product()))
    bulk.map(steps.double, zipped, out, workers=0)
    assert names_in(out) == [zipped.name.removesuffix(".gz")]
    result = bulk.map(
        steps.content,
        source,
        out,
        takes="path",
        name=lambda path: f"{os.path.basename(path)[20:25]}/a.bin",
        workers=0,
    )
    assert result.made == 6
    assert (out / "00003" / "a.bin").read_bytes() == names_in_full(source)[3].read_bytes()


@pytest.mark.parametrize("name", ["../a.fits", "/a.fits", ".", "", ".a.fits"])
def test_an_output_outside_of_its_folder_is_a_failure(source: Path, out: Path, name: str) -> None:
    result = bulk.map(steps.content, names_in_full(source)[:1], out, name=lambda _: name, workers=0)
    (row,) = result.failures
    assert row.output is None
    assert "its output" in str(row.error)
    assert os.listdir(out) == [bulk.NAME]


def test_a_name_that_cannot_be_made_is_a_failure(source: Path, out: Path) -> None:
    result = bulk.map(
        steps.content,
        source,
        out,
        takes="path",
        name=lambda path: {"00000": "a.bin"}[os.path.basename(path)[20:25]],
        workers=0,
    )
    assert (result.made, result.failed) == (1, 5)
    assert result.failures[0].error == "KeyError: '00001'"


def test_a_name_that_is_a_folder_is_a_failure(source: Path, out: Path) -> None:
    (out / names_in(source)[1] / "full").mkdir(parents=True)
    result = bulk.map(steps.double, source, out, workers=0)
    assert (result.made, result.failed) == (5, 1)
    assert str(result.failures[0].error).startswith(("IsADirectoryError", "OSError"))


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


@pytest.fixture
def client() -> Iterator[Any]:
    """A cluster of four processes."""
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
    killed_and_finished(how, signal.SIGKILL, source, out, log)
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


# -- the command --------------------------------------------------------------------------------


def test_the_command(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["map", "bulk_steps:double", str(source), "-o", str(out), "--suffix", "bsub"]
    words += ["--workers", "1", "--set", "factor=3"]
    assert cli.main(words) == 0
    assert "6 files" in capsys.readouterr().err
    one, made = names_in_full(source)[0], out / names_in(source)[0].replace("_cal", "_bsub")
    assert np.array_equal(asdfits.open(made).data, asdfits.open(one).data * 3)
    assert cli.main(words) == 0
    assert "6 up to date" in capsys.readouterr().err
    one.write_bytes(b"no FITS")
    assert cli.main([*words, "--quiet"]) == 1
    assert capsys.readouterr().err.startswith(f"asdfits: {one}: FormatError")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["steps"], "expected MODULE:FUNCTION"),
        (["no_such_module:f"], "there is no module 'no_such_module'"),
        (["bulk_steps:none"], "bulk_steps has no function 'none'"),
        (["bulk_steps:double", "--set", "factor"], "expected NAME=VALUE"),
    ],
)
def test_wrong_words(
    source: Path, out: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["map", *words, "-o", str(out), "--", str(source)]) == 1
    assert message in capsys.readouterr().err
