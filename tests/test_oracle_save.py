"""What asdfits saves is what stdatamodels saves: every class, every real file, from every state.

A product is opened and saved by both; then the reference reads both files. HDUs, cards (keyword and
value, in order), values, arrays and the bits of a WCS have to be the same, and the reference has to
accept the hash that asdfits stored.
"""

from __future__ import annotations

import logging
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import asdfits
from conftest import real_files
from oracle import Difference, compare, listed, unlisted

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
fits_support = pytest.importorskip("stdatamodels.fits_support")
fill = pytest.importorskip("fill")

pytestmark = pytest.mark.oracle

CLASSES = [
    name
    for name in sorted(datamodels.__all__)
    if isinstance(each := getattr(datamodels, name), type)
    and each.to_fits is datamodels.JwstDataModel.to_fits
]
# How asdfits comes by the model that it saves.
STATES = ("untouched", "after a header edit", "made anew")
FILES = {path.name: path for path in real_files()}

# Every save sets these; who saved last and when is not what is compared.
NOT_COMPARED = ("history.extensions", "meta.date", "meta.filename", "_fits_hash", "asdf_library")
NOT_COMPARED_CARDS = ("DATE", "FILENAME", "")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(action="ignore"):
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("save")

    @cache
    def write(name: str) -> Path:
        path = folder / f"{name}.fits"
        fill.filled(getattr(datamodels, name), history=True).save(path)
        return Path(path)

    return write


def edited(source: Path, path: Path) -> Path:
    """A copy with an edit in its header, so that the hash does not fit."""
    shutil.copy(source, path)
    with fits.open(path, mode="update", memmap=False) as hdus:
        hdus[0].header["PI_NAME"] = "Edwin Hubble"
        hdus[0].header["MYOWNKEY"] = (42, "not in any schema")
    return path


def plain(tree: Any) -> Any:
    """A tree of new dicts and lists, so that nothing in it is known as untouched."""
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    return [plain(value) for value in tree] if isinstance(tree, list) else tree


def made_anew(model: Any) -> Any:
    """A model of the same values that knows no file."""
    model.to_flat_dict()
    anew = type(model)(plain(model.instance))
    if model.hasattr("dq") and model.hasattr("dq_def"):
        anew.dq = model.dq  # a model that is made takes them for flags in the bits of its table
    return anew


def compare_saved(theirs: Path, ours: Path, *, in_order: bool) -> list[Difference]:
    """Read both files with the reference."""
    with datamodels.open(theirs) as left, datamodels.open(ours) as right:
        found = [each for each in compare(left, right) if not each.path.startswith(NOT_COMPARED)]
    with fits.open(theirs) as left, fits.open(ours) as right:
        found += compare_headers(left, right, in_order=in_order)
        if "ASDF" in right:
            stored = asdfits.open(ours).instance.get("_fits_hash")
            if stored != fits_support.fits_hash(right):
                found.append(Difference("hash", "", "accepted", "not its own"))
    return found


def compare_headers(theirs: Any, ours: Any, *, in_order: bool) -> Iterator[Difference]:
    """Compare the cards; a header that was read keeps the order of its cards."""
    names = [[(hdu.name, hdu.ver) for hdu in side] for side in (theirs, ours)]
    if names[0] != names[1]:
        yield Difference("hdus", "", str(names[0])[:300], str(names[1])[:300])
    for hdu in theirs:
        key = (hdu.name, hdu.ver)
        if hdu.name == "ASDF" or key not in names[1]:
            continue
        other = ours[names[1].index(key)]
        left, right = (
            [(c.keyword, c.value) for c in side.header.cards if c.keyword not in NOT_COMPARED_CARDS]
            for side in (hdu, other)
        )
        if not in_order:
            left, right = sorted(left, key=repr), sorted(right, key=repr)
        if repr(left) != repr(right):
            both = zip([*left, None], [*right, None], strict=False)
            first = next(pair for pair in both if repr(pair[0]) != repr(pair[1]))
            yield Difference("header", f"{hdu.name},{hdu.ver}", repr(first[0]), repr(first[1]))


def saved_by_both(source: Path, state: str, folder: Path) -> list[Difference]:
    """What differs between the files that both make of a product."""
    if state == "after a header edit":
        source = edited(source, folder / source.name)
    try:
        with datamodels.open(source) as model:
            model.save(folder / "theirs.fits")
    except Exception as error:
        pytest.skip(f"the reference cannot save it: {type(error).__name__}")
    model = asdfits.open(source)
    anew = state == "made anew"
    if anew:
        model = made_anew(model)
    model.save(folder / "ours.fits")
    return compare_saved(folder / "theirs.fits", folder / "ours.fits", in_order=anew)


def is_quick(name: str, state: str) -> bool:
    """Tell whether the quick run takes a case: each class in one state."""
    return zlib.crc32(name.encode()) % len(STATES) == STATES.index(state)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        pytest.param(
            name,
            state,
            marks=() if is_quick(name, state) else pytest.mark.slow,
            id=f"{name}-{state.replace(' ', '-')}",
        )
        for name in CLASSES
        for state in STATES
    ],
)
def test_a_filled_model_is_saved_as_the_reference_saves_it(
    name: str, state: str, written: Callable[[str], Path], tmp_path: Path
) -> None:
    found = saved_by_both(written(name), state, tmp_path)
    assert "\n".join(unlisted(found, listed("save"), f"{name}: {state}")) == ""


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", FILES)
def test_a_real_product_is_saved_as_the_reference_saves_it(
    name: str, state: str, tmp_path: Path
) -> None:
    found = saved_by_both(FILES[name], state, tmp_path)
    assert "\n".join(unlisted(found, listed("save"), f"{name}: {state}")) == ""


@pytest.mark.slow
def test_every_listed_difference_still_occurs(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    known = listed("save")
    for name, source in [*((name, written(name)) for name in CLASSES), *FILES.items()]:
        for state in STATES:
            try:
                unlisted(saved_by_both(source, state, tmp_path), known, f"{name}: {state}")
            except pytest.skip.Exception:
                continue
    assert [entry.reason for entry in known if not entry.used] == []
