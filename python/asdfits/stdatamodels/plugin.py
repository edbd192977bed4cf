"""pytest plugin: runs tests with stdatamodels on asdfits.

``pytest -p asdfits.stdatamodels.plugin``; the header of the run says whether it is at work, its end how
often stdatamodels' own code was asked, and why.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import Any

from . import install, is_installed, uninstall

__all__ = [
    "pytest_configure",
    "pytest_report_header",
    "pytest_terminal_summary",
    "pytest_unconfigure",
]

_left: Counter[str] = Counter()
_said = logging.getLogger("asdfits.stdatamodels")


class _Tally(logging.Handler):
    """Counts what is left to stdatamodels, by reason."""

    def emit(self, record: logging.LogRecord) -> None:
        reason = record.getMessage().partition(" is left to stdatamodels: ")[2]
        _left[re.sub(r"\S*/\S+|'[^']*'", "…", reason)[:100]] += 1


_tally = _Tally()


def pytest_configure(config: Any) -> None:
    """Install the accelerator."""
    _said.setLevel(logging.DEBUG)
    _said.addHandler(_tally)
    install()


def pytest_unconfigure(config: Any) -> None:
    """Give stdatamodels its own functions back."""
    uninstall()
    _said.removeHandler(_tally)


def pytest_report_header() -> str:
    """Say whether the accelerator is at work."""
    return f"asdfits: stdatamodels is {'' if is_installed() else 'NOT '}accelerated"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was left to stdatamodels' own code."""
    terminalreporter.section("left to stdatamodels' own code")
    for reason, times in _left.most_common(20):
        terminalreporter.write_line(f"{times:6} {reason}")
