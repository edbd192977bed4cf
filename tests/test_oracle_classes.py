"""Every class that stdatamodels writes to FITS: filled, written by it, edited, read by both.

The quick run takes of each class the file as written and some of the edits, so that each edit meets a
part of the classes; the long run takes all. The counts of each edit are printed after the tests.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import asdfits
from oracle import Observed, judged, listed, observe

datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
fill = pytest.importorskip("fill")
mutations = pytest.importorskip("mutations")

pytestmark = pytest.mark.oracle

# In the quick run, each edit meets one class in so many.
SHARE = 5

CLASSES = {
    name: each
    for name in sorted(datamodels.__all__)
    if isinstance(each := getattr(datamodels, name), type)
}
# Reference files that hold transforms are ASDF files; each such class has a to_fits that says so.
WRITABLE = [
    name for name, each in CLASSES.items() if each.to_fits is datamodels.JwstDataModel.to_fits
]
CASES = [(name, mutation) for name in WRITABLE for mutation in mutations.MUTATIONS]


class Workshop:
    """Writes the file of each class once, and looks at each edited copy once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = cache(self._parts)
        self.observed = cache(self._observed)

    def _parts(self, name: str, history: bool) -> Any:
        path = self.folder / f"{name}.fits"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that are deprecated
            fill.filled(CLASSES[name], history=history).save(path)
        return mutations.taken_apart(path.read_bytes())

    def _observed(self, name: str, mutation: str) -> list[Observed] | None:
        """What both sides made of it; None where the edit finds nothing to change."""
        edits, history = mutations.MUTATIONS[mutation]
        path = self.folder / f"{name}.fits"
        if not mutations.edited(self.parts(name, history), edits, path):
            return None
        return observe(path, datamodels.open, asdfits.open)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("classes"))


@pytest.mark.parametrize("name", [name for name in CLASSES if name not in WRITABLE])
def test_the_reference_writes_no_fits_file_of_this_class(name: str) -> None:
    with pytest.raises(NotImplementedError):
        CLASSES[name]().to_fits()


@pytest.mark.parametrize(
    ("name", "mutation"),
    [
        pytest.param(
            *case,
            marks=() if mutations.is_quick(*case, SHARE) else pytest.mark.slow,
            id="-".join(case),
        )
        for case in CASES
    ],
)
def test_a_filled_model_reads_as_the_reference_reads_it(
    name: str,
    mutation: str,
    workshop: Workshop,
    record_property: Callable[[str, object], None],
) -> None:
    observed = workshop.observed(name, mutation)
    if observed is None:
        return
    outcomes, unexplained = judged(observed, listed("classes"), f"{name}: {mutation}")
    record_property("oracle", ["classes", mutation, *outcomes])
    assert unexplained == [[], []]


@pytest.mark.slow
def test_every_listed_difference_still_occurs(workshop: Workshop) -> None:
    known = listed("classes")
    for name, mutation in CASES:
        observed = workshop.observed(name, mutation)
        if observed is not None:
            judged(observed, known, f"{name}: {mutation}")
    assert [entry.reason for entry in known if not entry.used] == []
