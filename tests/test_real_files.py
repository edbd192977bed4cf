"""Real products: asdfits says what stdatamodels says, or the difference is listed.

Each is read as it is and after edits; the quick run takes some of the edits, the long run all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import asdfits
from conftest import real_files
from oracle import Observed, judged, listed, observe

datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
mutations = pytest.importorskip("mutations")
pytestmark = pytest.mark.oracle

FILES = real_files()
if not FILES:
    pytest.skip(
        "real products are absent; set ASDFITS_DATA to their folder", allow_module_level=True
    )

# In the quick run, each edit meets one file in so many.
SHARE = 7

# What a file has of history, it has as written.
CASES = [
    (path, mutation)
    for path in FILES
    for mutation in mutations.MUTATIONS
    if mutation != "as written, with history"
]


class Workshop:
    """Looks at each edited copy of each file once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = cache(lambda path: mutations.taken_apart(path.read_bytes()))
        self.observed = cache(self._observed)

    def _observed(self, product: Path, mutation: str) -> list[Observed] | None:
        """What both sides made of it, by default and under strict_compat; None for no edit."""
        path = product
        edits = mutations.MUTATIONS[mutation].edits
        if edits:
            path = self.folder / product.name.removesuffix(".gz")
            if not mutations.edited(self.parts(product), edits, path):
                return None
        return observe(path, datamodels.open, asdfits.open)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("real"))


@pytest.mark.parametrize(
    ("product", "mutation"),
    [
        pytest.param(
            *case,
            marks=() if mutations.is_quick(case[0].name, case[1], SHARE) else pytest.mark.slow,
            id=f"{case[0].name}-{case[1]}",
        )
        for case in CASES
    ],
)
def test_a_real_product_reads_as_the_reference_reads_it(
    product: Path,
    mutation: str,
    workshop: Workshop,
    record_property: Callable[[str, object], None],
) -> None:
    seen = workshop.observed(product, mutation)
    if seen is None:
        return
    outcomes, unexplained = judged(seen, listed("real"), f"{product.name}: {mutation}")
    record_property("oracle", ["real", mutation, *outcomes])
    assert unexplained == [[], []]


def test_what_the_reference_refuses_opens_with_a_warning(workshop: Workshop) -> None:
    seen = {path.name: workshop.observed(path, "as written") for path in FILES}
    refused = {
        name: each[0]
        for name, each in seen.items()
        if each and "open" in {difference.kind for difference in each[0].differences}
    }
    assert refused
    assert all(each.our_warnings["FormatWarning"] for each in refused.values())


@pytest.mark.slow
def test_every_listed_difference_still_occurs(workshop: Workshop) -> None:
    known = listed("real")
    for product, mutation in CASES:
        seen = workshop.observed(product, mutation)
        if seen is not None:
            judged(seen, known, f"{product.name}: {mutation}")
    assert [entry.reason for entry in known if not entry.used] == []
