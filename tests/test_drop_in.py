"""Real stdatamodels models, opened and saved by asdfits: they are what stdatamodels makes of the files.

Every class and every real product, as written and after edits: type, values, arrays, schema, warnings,
errors and the classes of what is in the tree are the reference's own.
"""

from __future__ import annotations

import datetime
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from conftest import real_files
from oracle import Difference, compare

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
accelerator = pytest.importorskip("asdfits.stdatamodels")
fill = pytest.importorskip("fill")
mutations = pytest.importorskip("mutations")

pytestmark = pytest.mark.oracle

# In the quick run, each edit meets one class, and one real file, in so many.
SHARE = 11

CLASSES = [
    name
    for name in sorted(datamodels.__all__)
    if isinstance(each := getattr(datamodels, name), type)
    and each.to_fits is datamodels.JwstDataModel.to_fits
]
FILES = {path.name: path for path in real_files()}
CASES = [
    (name, mutation)
    for name in (*CLASSES, *FILES)
    for mutation in mutations.MUTATIONS
    if name in CLASSES or mutation != "as written, with history"
]
# Files that stdatamodels still reads by itself, each for a reason that is not the drop-in's.
REASONS = Counter[str]()


class Workshop:
    """Writes the file of each class once, and edits copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = cache(self._parts)

    def _parts(self, name: str, history: bool) -> Any:
        if name in FILES:
            return mutations.taken_apart(FILES[name].read_bytes())
        path = self.folder / f"{name}.fits"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that are deprecated
            fill.filled(getattr(datamodels, name), history=history).save(path)
        return mutations.taken_apart(path.read_bytes())

    def path(self, name: str, mutation: str) -> Path | None:
        """The edited file; None where the edit finds nothing to change."""
        edits, history = mutations.MUTATIONS[mutation]
        if name in FILES and not edits:
            return FILES[name]
        path = self.folder / f"{name.removesuffix('.gz').removesuffix('.fits')}.fits"
        parts = self.parts(name, name in FILES or history)
        return path if mutations.edited(parts, edits, path) else None


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("drop-in"))


def attempt(opened: Callable[[], Any]) -> tuple[Any, Counter[str]]:
    """The model, everything in it made, or the error; and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result: Any = opened()
            result.to_flat_dict()
        except Exception as error:
            result = error
    kinds = Counter(
        f"{warning.category.__name__}: {str(warning.message)[:60]}"
        for warning in caught
        if not issubclass(warning.category, ResourceWarning)
    )
    return result, kinds


def kinds(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the class of each part of a tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from kinds(value, f"{path}.{key}")
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from kinds(value, f"{path}.{place}")
    name = type(tree).__name__
    # What makes its values when they are touched; and asdf's stand-in for an array.
    plain = {"Branch": "dict", "Items": "list", "NDArrayType": "ndarray"}
    yield path, plain.get(name, name)


def differences(theirs: Any, ours: Any) -> Iterator[Difference]:
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        if repr(theirs) != repr(ours):
            yield Difference("open", "", repr(theirs)[:300], repr(ours)[:300])
        return
    if type(theirs) is not type(ours):
        yield Difference("class", "", type(theirs).__name__, type(ours).__name__)
    # A model without a date gets one when it is made.
    yield from (each for each in compare(theirs, ours) if not is_just_now(each))
    left, right = dict(kinds(theirs._instance)), dict(kinds(ours._instance))
    for path in left.keys() | right.keys():
        if left.get(path) != right.get(path):
            yield Difference("kind", path, str(left.get(path)), str(right.get(path)))
    if theirs._schema != ours._schema:
        yield Difference("schema", "", "its schema", "another")
    if theirs._asdf.version != ours._asdf.version:
        yield Difference("standard", "", str(theirs._asdf.version), str(ours._asdf.version))


def is_just_now(difference: Difference) -> bool:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return difference.path == "meta.date" and all(
        abs(now - datetime.datetime.fromisoformat(date.strip("'"))).total_seconds() < 600
        for date in (difference.theirs, difference.ours)
    )


def beside(path: Path, **switches: Any) -> list[Difference]:
    """Open a file with stdatamodels, without and with asdfits."""
    theirs, their_warnings = attempt(lambda: datamodels.open(path, **switches))
    with accelerator.accelerated() as done:
        assert done
        ours, our_warnings = attempt(lambda: datamodels.open(path, **switches))
    with warnings.catch_warnings(action="ignore"):
        found = list(differences(theirs, ours))
    for text in their_warnings.keys() | our_warnings.keys():
        if their_warnings[text] != our_warnings[text]:
            both = f"{their_warnings[text]} times", f"{our_warnings[text]} times"
            found.append(Difference("warning", text, *both))
    for model in (theirs, ours):
        if not isinstance(model, Exception):
            model.close()
    return found
