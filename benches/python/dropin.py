"""The rows of the drop-in: classes of stdatamodels, opened and saved by asdfits and by themselves."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from asdfits.bench.contest import Contestant, Facts, Row, Target
from saving import scratch

OPEN_TARGETS = {"image": 10, "mos": 100, "x1d": 10}
"""How many times faster than by itself a product has to open."""

SAVE_TARGETS = {"image": 1, "mos": 20}
"""How many times faster than by itself a product has to be saved."""

WCS_TARGET = 5
"""How many times faster a product has to open if the WCS of each slit is evaluated."""

ModelFacts = Callable[[Any, str], Facts]
MODELS = "stdatamodels.jwst.datamodels"


def accelerated() -> AbstractContextManager[object]:
    """Let stdatamodels run on asdfits."""
    context: AbstractContextManager[object] = importlib.import_module(
        "asdfits.stdatamodels"
    ).accelerated()
    return context


def both(run: Callable[[str], object], answer: Callable[[str], Facts]) -> list[Contestant]:
    """Return those who do the same with and without asdfits; each is told its name."""
    return [
        Contestant(
            "asdfits",
            lambda: run("asdfits"),
            "asdfits",
            lambda: answer("asdfits"),
            around=accelerated,
        ),
        Contestant(
            "stdatamodels", lambda: run("stdatamodels"), MODELS, lambda: answer("stdatamodels")
        ),
    ]


def opened(path: Path) -> Any:
    """Open a product with whatever is behind stdatamodels."""
    return importlib.import_module(MODELS).open(str(path))


def open_row(name: str, path: Path, facts: ModelFacts) -> Row:
    """Return the row for opening one product."""

    def run(_: str) -> str:
        with opened(path) as model:
            return type(model).__name__

    def answer(_: str) -> Facts:
        with opened(path) as model:
            return facts(model, name)

    target = Target("stdatamodels", ratio=OPEN_TARGETS[name])
    return Row(f"drop-in open {name}", "datamodels.open", both(run, answer), target)


def wcs_row(path: Path) -> Row:
    """Return the row for opening the MOS product and evaluating the WCS of each slit once."""

    def evaluated(_: str) -> list[Any]:
        with opened(path) as model:
            return [slit.meta.wcs(20, 5) for slit in model.slits]

    def answer(who: str) -> Facts:
        return {str(number): list(world) for number, world in enumerate(evaluated(who))}

    target = Target("stdatamodels", ratio=WCS_TARGET)
    subject = "datamodels.open, then slit.meta.wcs(20, 5) of every slit"
    return Row("drop-in wcs mos", subject, both(evaluated, answer), target)


def save_row(name: str, path: Path, facts: ModelFacts) -> Row:
    """Return the row for saving one product with one keyword changed."""
    folder = scratch()

    def run(who: str) -> None:
        target = folder / f"{who}.fits"
        target.unlink(missing_ok=True)
        with opened(path) as model:
            model.meta.target.proposer_name = "M 31"
            model.save(str(target))

    def answer(who: str) -> Facts:
        run(who)
        with opened(folder / f"{who}.fits") as model:
            return facts(model, name)

    size = os.path.getsize(path) / 1e6
    subject = f"{size:.1f} MB; opened, one keyword changed, saved; synced by asdfits"
    target = Target("stdatamodels", ratio=SAVE_TARGETS[name])
    return Row(f"drop-in save {name}", subject, both(run, answer), target)
