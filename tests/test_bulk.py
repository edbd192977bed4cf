"""A function over many files: what is made, what is made again, what fails, under which names."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import asdfits
import bulk_steps as steps
from asdfits import bulk, cli, sample
from asdfits.bulk import manifest, names
from bulk_checks import check_like_serial, lines, names_in, names_in_full, products


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


def test_an_association_is_given_as_a_whole(source: Path, out: Path) -> None:
    members = [{"expname": name, "exptype": "science"} for name in names_in(source)]
    association = source / "jw02736-o007_20260131t120000_image2_00001_asn.json"
    product = {"name": "jw02736-o007_t001_nircam_f200w", "members": members}
    association.write_text(json.dumps({"asn_type": "image2", "products": [product]}))
    result = bulk.map(steps.together, association, out, suffix="sum", workers=0)
    assert result.made == 1, [row.traceback for row in result.failures]
    made = asdfits.open(out / association.name.replace("_asn.json", "_sum.fits"))
    one = asdfits.open(names_in_full(source)[0])
    assert np.allclose(made.data, one.data * 6)


def test_nothing_is_an_answer_too(source: Path, out: Path, log: Path) -> None:
    assert bulk.map(steps.nothing, source, out, workers=0).nothing == 6
    assert os.listdir(out) == [bulk.NAME]
    assert bulk.map(steps.nothing, source, out, workers=0).skipped == 6


def test_what_cannot_be_saved_is_a_failure_that_says_so(source: Path, out: Path) -> None:
    result = bulk.map(steps.number, names_in_full(source)[:1], out, workers=0)
    (row,) = result.failures
    assert row.error is not None
    assert "returned an object of builtins.int; expected a model" in row.error


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
