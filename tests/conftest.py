"""What all tests share: where the real files are, and a say when they are not there."""

from __future__ import annotations

import os
from pathlib import Path

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
