"""The list of differences speaks of tests that are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STATED = tomllib.loads((HERE / "differences.toml").read_text())["stated"]


@pytest.mark.parametrize("entry", STATED, ids=lambda entry: entry["test"].partition("::")[2])
def test_a_stated_difference_is_held_by_a_test(entry: dict[str, str]) -> None:
    file, _, name = entry["test"].partition("::")
    assert re.search(rf"^def {name}\(", (HERE / file).read_text(), re.M)
    assert entry["what"].endswith(".")
