"""What all tests share: where the real files are, and a say when they are not there."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DATA = Path(os.environ.get("ASDFITS_DATA", HERE.parent.parent / "shared" / "data"))


def real_files() -> list[Path]:
    """Return the real products: those that an INDEX.tsv lists beside the checkout."""
    index = DATA / "jwst" / "INDEX.tsv"
    if not index.exists():
        return []
    rows = index.read_text().splitlines()[1:]
    return [DATA / row.split("\t")[0] for row in rows if row]


def pytest_report_header() -> str:
    found = real_files()
    if found:
        return f"real files: {len(found)} products in {DATA}"
    return (
        "real files: ABSENT; tests on real products are skipped (set ASDFITS_DATA to their folder)"
    )


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.exists():
        pytest.skip("the folder of real files is absent; set ASDFITS_DATA")
    return DATA


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how often asdfits said what stdatamodels says, for each way of editing a file.

    Tests leave ("oracle", [files, edit, outcome by default, outcome under strict_compat]) among the
    properties of their reports, which come here from every worker.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, found in getattr(report, "user_properties", ()):
                if name == "oracle" and report.when == "call":
                    files, edit, outcome, strict = found
                    each = counts.setdefault((files, edit), Counter())
                    each.update([outcome, f"strict {strict}"])
    if not counts:
        return
    heads = ("all", "same", "listed", "different", "strict: same", "listed", "different")
    terminalreporter.section("asdfits beside stdatamodels")
    terminalreporter.write_line(f"{'':40}" + "".join(f"{head:>13}" for head in heads))
    kinds = ("same", "listed", "different")
    for (files, edit), each in sorted(counts.items()):
        numbers = [each[kind] for kind in (*kinds, *(f"strict {kind}" for kind in kinds))]
        line = "".join(f"{number:>13}" for number in (sum(numbers[:3]), *numbers))
        terminalreporter.write_line(f"{f'{files}: {edit}':40}{line}")
