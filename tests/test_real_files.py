"""Real products: asdfits says what stdatamodels says, or the difference is listed."""

from __future__ import annotations

import shutil
import warnings
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import asdfits
from conftest import real_files
from oracle import Difference, Listed, compare, listed, unlisted

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle

FILES = real_files()
if not FILES:
    pytest.skip(
        "real products are absent; set ASDFITS_DATA to their folder", allow_module_level=True
    )


@pytest.fixture(scope="module")
def known() -> list[Listed]:
    return listed()


@pytest.fixture(params=FILES, ids=[path.name for path in FILES])
def product(request: pytest.FixtureRequest) -> Path:
    return request.param


class Observed(NamedTuple):
    differences: list[Difference]
    their_warnings: set[str]
    our_warnings: set[str]


@cache
def observed(path: Path) -> Observed:
    """Open one file with both, once for all tests: the reference takes its time."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            reference: Any = datamodels.open(path)
        except Exception as error:
            reference = error
    theirs = {warning.category.__name__ for warning in caught}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = asdfits.open(path)
    mine = {warning.category.__name__ for warning in caught}
    if isinstance(reference, Exception):
        found = [Difference("open", "", type(reference).__name__, type(ours).__name__)]
        return Observed(found, theirs, mine)
    with warnings.catch_warnings(), reference, ours:
        warnings.simplefilter("ignore")
        return Observed(compare(reference, ours), theirs, mine)


def test_a_real_product_reads_as_the_reference_reads_it(product: Path, known: list[Listed]) -> None:
    assert unlisted(observed(product).differences, known, product.name) == []


def test_a_real_product_raises_the_warnings_of_the_reference(product: Path) -> None:
    seen = observed(product)
    if "open" in {difference.kind for difference in seen.differences}:
        assert "FormatWarning" in seen.our_warnings
        return
    shared = {"NoTypeWarning", "ValidationWarning"}
    assert seen.our_warnings & shared == seen.their_warnings & shared


def test_an_edited_header_overrides_the_tree_as_in_the_reference(
    product: Path, known: list[Listed], tmp_path: Path
) -> None:
    edited = tmp_path / product.name
    shutil.copy(product, edited)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(edited, mode="update", memmap=False) as hdus:
            hdus[0].header["PI_NAME"] = "Edwin Hubble"
            hdus[0].header["EXP_TYPE"] = "N/A"
            hdus[0].header["MYOWNKEY"] = (42, "not in any schema")
    assert unlisted(observed(edited).differences, known, product.name) == []


def test_every_listed_difference_still_occurs() -> None:
    known = listed()
    for path in FILES:
        unlisted(observed(path).differences, known, path.name)
    assert [entry.reason for entry in known if not entry.used] == []
