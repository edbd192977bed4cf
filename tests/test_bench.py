"""The benches: what they write, what they call worse, what they refuse to time."""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benches" / "python"))

import report
import run
from asdfits import sample as samples
from asdfits.bench import __main__ as own
from asdfits.bench import files
from asdfits.bench.contest import Contestant, Row
from asdfits.bench.timing import run_row, weigh
from asdfits.cli import main as command


def reader(median: float, package: str = "", **more: Any) -> dict[str, Any]:
    return {
        "package": package,
        "floor": False,
        "partial": False,
        "median": median,
        "median_cpu": median,
        "peak_memory": 12_300_000,
        "read_by_calls": None,
        "read_from_disk": None,
        "wall": [median],
        "cpu": [median],
    } | more


def row(name: str, **readers: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "subject": "a | b",
        "notes": ["stdatamodels sits out"],
        "same_answers": [],
        "targets": [{"text": "< 1/2 of astropy", "limit": 0.05, "reached": 0.01, "met": True}],
        "readers": {key.replace("_", " "): value for key, value in readers.items()},
    }


@pytest.fixture
def results() -> dict[str, Any]:
    return {
        "environment": {
            "python": "3.11",
            "system": "Linux",
            "machine": "x86_64",
            "processor": "a processor",
            "cores": 2,
            "versions": {"asdfits": "0.1", "astropy": "8.0", "fitsio": "1.4"},
        },
        "quick": False,
        "rows": [
            row(
                "open image",
                asdfits=reader(0.010, "asdfits"),
                asdfits_synced=reader(0.001, "asdfits"),
                astropy=reader(0.100, "astropy"),
                astropy_keyword=reader(0.002, "astropy", partial=True),
                fitsio=reader(0.050, "fitsio"),
                floor=reader(0.005, floor=True),
            ),
            row(
                "miss mos",
                asdfits=reader(0.010, "asdfits"),
                stdatamodels=reader(9.0, "stdatamodels"),
            ),
        ],
    }


# ----------------------------------------------------------------------
# What is written


def test_a_run_is_written_as_json_table_and_plot(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    said = report.write(results, tmp_path / "new")
    assert report.load(tmp_path / "new" / "results.json") == results
    assert any("results.png" in line for line in said)
    png = (tmp_path / "new" / "results.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert 600 < int.from_bytes(png[16:20]) < 2000


def test_the_table_has_every_reader_with_its_ratio(results: dict[str, Any]) -> None:
    lines = report.markdown(results).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {8}
    assert (
        "| **open image**<br>a \\| b | **asdfits** | 10.0 ms | 1.00x | 10.0 ms | 12 MB | - |"
        in table
    )
    assert "|  | fitsio | 50.0 ms | 5.00x | 50.0 ms | 12 MB | - |" in table
    assert "|  | floor | 5.00 ms | 0.5x | 5.00 ms | 12 MB | - |" in table
    assert "| | target < 1/2 of astropy | 50.0 ms | met | | | |" in table
    assert "| | stdatamodels sits out | | | | | |" in table


def test_the_plot_shows_the_best_of_each_package_that_does_the_whole(
    results: dict[str, Any],
) -> None:
    first, second = report.bars(results)
    assert first == report.Bars("open image", {"astropy": 10.0, "fitsio": 5.0}, 0.5)
    assert second.peers == {"stdatamodels": 900.0}
    assert second.floor is None


def test_a_line_says_that_matplotlib_is_missing(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert any("matplotlib is not installed" in line for line in report.write(results, tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "results.md"]


# ----------------------------------------------------------------------
# What is worse


def slower(results: dict[str, Any], number: int, name: str, times: float) -> dict[str, Any]:
    changed = copy.deepcopy(results)
    changed["rows"][number]["readers"][name]["median"] *= times
    return changed


def test_the_same_run_is_no_worse(results: dict[str, Any]) -> None:
    status, lines = report.compare(results, results)
    assert (status, lines) == (0, ["0 of 3 ratios got worse by more than 1.3 times"])


@pytest.mark.parametrize(
    ("number", "name", "times", "named"),
    [
        (0, "asdfits", 1.4, ["open image: asdfits / fitsio", "open image: asdfits / floor"]),
        (0, "fitsio", 0.7, ["open image: asdfits / fitsio"]),
        (0, "floor", 0.7, ["open image: asdfits / floor"]),
        (1, "asdfits", 1.4, ["miss mos: asdfits / stdatamodels"]),
        (0, "asdfits", 1.2, []),
        (0, "asdfits", 0.1, []),
        # A machine half as fast: nothing else is measured here.
        (0, "astropy", 0.9, []),
    ],
)
def test_a_ratio_that_got_worse_is_named(
    results: dict[str, Any], number: int, name: str, times: float, named: list[str]
) -> None:
    status, lines = report.compare(slower(results, number, name, times), results)
    worse = [line for line in lines if line.startswith("WORSE")]
    assert status == (3 if named else 0)
    assert [line[6:].partition(" is ")[0] for line in worse] == named


def test_a_machine_half_as_fast_is_no_worse(results: dict[str, Any]) -> None:
    now = copy.deepcopy(results)
    for each in now["rows"]:
        for found in each["readers"].values():
            found["median"] *= 2
    assert report.compare(now, results)[0] == 0


def test_the_tolerance_is_kept(results: dict[str, Any]) -> None:
    now = slower(results, 1, "asdfits", 1.9)
    assert report.compare(now, results, 2.0)[0] == 0
    assert report.compare(now, results, 1.8)[0] == 3


def test_a_peer_that_is_gone_is_replaced_by_the_next(results: dict[str, Any]) -> None:
    now = copy.deepcopy(results)
    del now["rows"][0]["readers"]["fitsio"]
    to = [change.to for change in report.changes(now, results)]
    assert to == ["astropy", "floor", "stdatamodels"]


def test_what_cannot_be_compared_is_said(results: dict[str, Any]) -> None:
    status, lines = report.compare(results | {"quick": True}, results)
    assert status == 2
    assert "small products" in lines[0]
    assert report.compare(results | {"rows": []}, results)[0] == 2
    status, lines = report.compare(results | {"rows": results["rows"][:1]}, results)
    assert status == 0
    assert lines[0] == "note: 1 stored rows were not compared: miss mos"


@pytest.mark.parametrize("text", ["{", "[]", '{"rows": [{"readers": {"asdfits": {"median": 1}}}]}'])
def test_what_is_no_run_is_not_compared_to(text: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=r"results\.json: found"):
        report.load(tmp_path / "results.json")


@pytest.mark.oracle
def test_run_exits_with_3_where_a_ratio_got_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "first.json"
    assert run.main(["--quick", "--only", "stats", "--json", str(path)]) == 0
    stored = json.loads(path.read_text())
    stored["rows"][0]["readers"]["asdfits"]["median"] /= 1e6
    path.write_text(json.dumps(stored))
    capsys.readouterr()
    assert run.main(["--quick", "--only", "stats", "--compare", str(path)]) == 3
    assert "WORSE stats: asdfits / astropy, with numpy" in capsys.readouterr().out


# ----------------------------------------------------------------------
# What is measured


def test_memory_is_that_of_one_reader() -> None:
    def grown(size: int) -> int:
        weight = weigh(Contestant("x", lambda: np.ones(size, "u1").sum(), ""))
        assert weight is not None
        return weight.memory

    assert grown(64_000_000) > 60_000_000
    # What an earlier one took does not count; pages of libraries do.
    assert grown(1000) < 20_000_000


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the kernel counts no bytes")
def test_bytes_are_those_of_one_reader(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(3_000_000))
    weight = weigh(Contestant("x", path.read_bytes, ""))
    assert weight is not None
    assert weight.read is not None
    assert 3_000_000 <= weight.read < 3_100_000


def test_a_reader_that_fails_weighs_nothing() -> None:
    assert weigh(Contestant("x", lambda: os._exit(1), "")) is None


def test_a_wrong_answer_is_not_timed() -> None:
    timed = []

    def contestant(name: str, value: int) -> Contestant:
        return Contestant(name, lambda: timed.append(name), name, lambda: {"value": value})

    wrong = Row("open", "", [contestant("asdfits", 1), contestant("astropy", 2)])
    with pytest.raises(AssertionError, match="value is 2, expected 1"):
        run_row(wrong, {"asdfits": "1", "astropy": "1"}, 3, 1.0)
    assert timed == []


# ----------------------------------------------------------------------
# Files of the user's own


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / samples.NAME
    path.write_bytes(samples.image_product())
    return path


@pytest.mark.oracle
def test_own_files_are_read_by_all_and_saved(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.json"
    assert own.main([str(sample), "--repeat", "1", "--json", str(path)]) == 0
    found = {row["name"].split()[0]: row for row in json.loads(path.read_text())["rows"]}
    assert list(found) == ["open", "metadata", "tree", "arrays", "native", "save"]
    peers = {each["package"] for row in found.values() for each in row["readers"].values()}
    assert peers == {"", "asdfits", "stdatamodels", "astropy", "fitsio"}
    for each in found.values():
        assert len(each["same_answers"]) > 1
        assert all(len(r["wall"]) == 1 and r["peak_memory"] >= 0 for r in each["readers"].values())
        assert any(r["floor"] for r in each["readers"].values())
    assert str(tmp_path) not in path.read_text()
    assert not list(tmp_path.glob("**/copy"))


@pytest.mark.oracle
def test_own_asdf_files_are_read_by_asdf(sample: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.asdf"
    assert command(["convert", str(sample), str(plain)]) == 0
    path = tmp_path / "own.json"
    assert command(["bench", "--quick", str(plain), "--json", str(path)]) == 0
    rows = {row["name"]: row for row in json.loads(path.read_text())["rows"]}
    assert list(rows) == ["open plain.asdf", "metadata plain.asdf", "tree plain.asdf"]
    assert "asdf" in rows["open plain.asdf"]["same_answers"]


@pytest.mark.oracle
def test_a_difference_is_said_and_its_row_not_timed(
    sample: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = files.by_astropy

    def wrong(path: Path) -> dict[str, Any]:
        found = read(path)
        name = next(iter(found))
        return found | {name: found[name] + 1}

    monkeypatch.setattr(files, "by_astropy", wrong)
    assert own.main([str(sample), "--quick", "--without", "stdatamodels"]) == 1
    out = capsys.readouterr().out
    assert "NOT TIMED: arrays" in out
    assert "astropy and asdfits disagree" in out
    assert "stdatamodels" not in out
    assert "\nmetadata " in out


@pytest.mark.oracle
def test_a_missing_file_and_a_missing_peer_are_said(
    sample: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fitsio", None)
    assert own.main(["--quick", str(sample), "nowhere.fits"]) == 1
    said = capsys.readouterr()
    assert "fitsio is skipped" in said.out
    assert "fitsio, all headers" not in said.out
    assert "nowhere.fits: not a file" in said.err
