"""The rows of a file that a user names: opened, its metadata, all of it, all arrays, saved."""

from __future__ import annotations

import functools
import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .answers import checksum, plain_facts
from .contest import Contestant, Facts, Row
from .floors import copied_by_two, extents_of, floors

KEYWORDS = {
    "meta.model_type": "DATAMODL",
    "meta.telescope": "TELESCOP",
    "meta.instrument.name": "INSTRUME",
    "meta.exposure.type": "EXP_TYPE",
}
"""What every reader can state of a product, by tree path and by FITS keyword."""

STAMPS = ("meta.date", "meta.filename", "_fits_hash", "asdf_library", "history.")
"""What each writer sets itself."""

MODELS = "stdatamodels.jwst.datamodels"

Arrays = dict[str, Any]


def makers(path: Path, space: Path, *, saves: bool) -> Iterator[Callable[[], Row]]:
    """Yield what makes each row.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    space : pathlib.Path
        A folder of its own for what is saved.
    saves : bool
        Whether there is a row for saving.
    """
    yield functools.partial(open_row, path)
    yield functools.partial(metadata_row, path)
    yield functools.partial(tree_row, path)
    if is_fits(path):
        yield functools.partial(arrays_row, path, native=False)
        yield functools.partial(arrays_row, path, native=True)
    if saves:
        yield functools.partial(save_row, path, space)


def is_fits(path: Path) -> bool:
    """Tell whether a file is FITS, packed or not."""
    return bool(file_of(path).product.is_fits)


def file_of(path: Path) -> Any:
    """Return the file as asdfits sees it, without a model."""
    return importlib.import_module("asdfits.file").File.open(path)


def least(path: Path) -> list[Contestant]:
    """Return the floors of reading headers and tree; a packed file has none."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return [] if packed else floors(path, extents_of(path))


def subject(path: Path) -> str:
    """Return one line on a file."""
    product = file_of(path).product
    hdus = f", {len(product)} HDUs" if product.is_fits else ""
    return f"{path.stat().st_size / 1e6:.1f} MB{hdus}"


# ----------------------------------------------------------------------
# Open


def open_row(path: Path) -> Row:
    """Return the row ``open``: a model whose class is known; all headers; the tree."""
    file, fits = str(path), is_fits(path)

    def model(package: str) -> Contestant:
        def run() -> str:
            with importlib.import_module(package).open(file) as opened:
                return type(opened).__name__

        def answer() -> Facts:
            with importlib.import_module(package).open(file) as opened:
                facts = stated(lambda path: functools.reduce(part, path.split("."), opened))
                facts["class"] = type(opened).__name__
            if package == "asdfits" and fits:
                facts["HDUs"] = len(file_of(path).product)
            return facts

        return Contestant(package.partition(".")[0], run, package, answer)

    def astropy() -> Any:
        with importlib.import_module("astropy.io.fits").open(file, memmap=False) as hdus:
            return [hdu.header for hdu in hdus]

    def fitsio() -> Any:
        with importlib.import_module("fitsio").FITS(file) as hdus:
            return [hdu.read_header() for hdu in hdus]

    def headers(read: Callable[[], Any]) -> Callable[[], Facts]:
        def answer() -> Facts:
            found = read()
            return {**stated(lambda path: found[0].get(KEYWORDS[path])), "HDUs": len(found)}

        return answer

    def asdf() -> Any:
        with importlib.import_module("asdf").open(file) as opened:
            return opened.tree

    def asdf_answer() -> Facts:
        tree = asdf()
        return stated(lambda path: functools.reduce(part, path.split("."), tree))

    others = (
        [
            Contestant("astropy, all headers", astropy, "astropy", headers(astropy)),
            Contestant("fitsio, all headers", fitsio, "fitsio", headers(fitsio)),
        ]
        if fits
        else [Contestant("asdf", asdf, "asdf", asdf_answer)]
    )
    return Row(
        f"open {path.name}",
        subject(path),
        [model("asdfits"), model(MODELS), *others, *least(path)],
        exact=False,
    )


def part(of: Any, name: str) -> Any:
    """Return a part of a model or of a tree; None where there is none."""
    return of.get(name) if isinstance(of, dict) else getattr(of, name, None)


def stated(find: Callable[[str], Any]) -> Facts:
    """Return those of the values that somebody finds."""
    found = {path: find(path) for path in KEYWORDS}
    return {path: value for path, value in found.items() if isinstance(value, str)}


# ----------------------------------------------------------------------
# Metadata, and everything


def metadata_row(path: Path) -> Row:
    """Return the row ``metadata``: one dictionary, no array."""

    def reader(package: str) -> Contestant:
        def run() -> dict[str, Any]:
            return dict(importlib.import_module(package).read_metadata(str(path)))

        def answer() -> Facts:
            facts = plain_facts(run())
            return {key: value for key, value in facts.items() if key.startswith("meta.")}

        return Contestant(package.partition(".")[0], run, package, answer)

    # The reference takes values from cards here, rounded to what fits on them.
    row = [reader("asdfits"), reader(MODELS), *least(path)]
    return Row(f"metadata {path.name}", "read_metadata", row, exact=False)


def tree_row(path: Path) -> Row:
    """Return the row ``tree``: everything in the file is made, arrays and WCS too."""

    def reader(package: str) -> Contestant:
        def run() -> dict[str, Any]:
            with importlib.import_module(package).open(str(path)) as model:
                return dict(model.to_flat_dict())

        return Contestant(package.partition(".")[0], run, package, lambda: plain_facts(run()))

    row = [reader("asdfits"), reader(MODELS), *least(path)]
    return Row(f"tree {path.name}", "open, to_flat_dict: WCS and arrays made", row, exact=False)


# ----------------------------------------------------------------------
# Arrays


def arrays_row(path: Path, *, native: bool) -> Row:
    """Return the row ``arrays`` or ``native``: the data of every HDU but the tree."""
    readers: dict[str, Callable[[Path], Arrays]] = {
        "asdfits": functools.partial(by_asdfits, native=native),
        "astropy": by_astropy,
        "fitsio": by_fitsio,
    }

    def contestant(name: str, read: Callable[[Path], Arrays]) -> Contestant:
        def run() -> Arrays:
            found = read(path)
            # asdfits is asked for native numbers in the first place.
            return found if name == "asdfits" or not native else as_native(found)

        return Contestant(name, run, name, lambda: array_facts(run()))

    bytes_of = np.fromfile(path, np.uint8)

    def read_bytes() -> None:
        with path.open("rb") as file:
            file.readinto(bytes_of.data)

    def copy_bytes() -> Any:
        target = np.empty(bytes_of.shape, bytes_of.dtype)
        copied_by_two(bytes_of, target)
        return target

    floor = (
        Contestant("floor: a copy by two threads", copy_bytes, "", floor=True)
        if native
        else Contestant("floor: a cached read of the file", read_bytes, "", floor=True)
    )
    return Row(
        f"{'native' if native else 'arrays'} {path.name}",
        "the data of all HDUs in native byte order"
        if native
        else "the data of all HDUs as each reader gives them; asdfits: views of the file, not yet read",
        [*(contestant(name, read) for name, read in readers.items()), floor],
        exact=False,
    )


def by_asdfits(path: Path, native: bool = True) -> Arrays:
    """Return label -> array."""
    file = file_of(path)
    file.native = native
    found = {label(hdu): file.array(hdu.index) for hdu in file.hdus() if hdu.name != "ASDF"}
    return {name: array for name, array in found.items() if array is not None}


def by_astropy(path: Path) -> Arrays:
    """Return label -> array."""
    found = {}
    # A plane with an offset cannot be mapped.
    with importlib.import_module("astropy.io.fits").open(path, memmap=False) as hdus:
        for number, hdu in enumerate(hdus):
            if hdu.name != "ASDF" and hdu.data is not None:
                found[f"{number} {hdu.name}"] = hdu.data
    return found


def by_fitsio(path: Path) -> Arrays:
    """Return label -> array."""
    found = {}
    with importlib.import_module("fitsio").FITS(str(path)) as hdus:
        for number, hdu in enumerate(hdus):
            name = hdu.get_extname() or ("PRIMARY" if number == 0 else "")
            if name != "ASDF" and hdu.has_data():
                found[f"{number} {name}"] = hdu.read()
    return found


def label(hdu: Any) -> str:
    """Return what tells an HDU from the others in every reader."""
    return f"{hdu.index} {hdu.name}"


def as_native(found: Arrays) -> Arrays:
    """Return arrays in native byte order, as users of the peers make them."""
    made = {}
    for name, array in found.items():
        if array.dtype.names is None:
            made[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
            continue
        columns = {column: np.asarray(array[column]) for column in array.dtype.names}
        made[name] = {
            column: values.astype(values.dtype.newbyteorder("="), copy=False)
            for column, values in columns.items()
        }
    return made


def array_facts(found: Arrays) -> Facts:
    """Return shape, type and checksum of images and of columns of numbers."""
    facts: Facts = {"names": sorted(found)}
    for name, array in found.items():
        columns = array if isinstance(array, dict) else None
        names = columns or getattr(array.dtype, "names", None)
        for column in names or ():
            values = np.asarray(array[column])
            if values.dtype.kind in "iuf":
                facts[f"{name} {column.upper()}"] = checksum(values)
        if not names:
            facts[name] = checksum(array)
    return facts


# ----------------------------------------------------------------------
# Save


def save_row(path: Path, space: Path) -> Row:
    """Return the row ``save``: opened and saved under another name, nothing changed."""

    def contestant(name: str, package: str, **options: Any) -> Contestant:
        # The file keeps its name, as that is also written into it.
        target = space / name.replace(", ", "-") / path.name
        target.parent.mkdir(parents=True)

        def run() -> None:
            target.unlink(missing_ok=True)
            with importlib.import_module(package).open(str(path)) as model:
                model.save(str(target), **options)

        def answer() -> Facts:
            run()
            facts = plain_facts(importlib.import_module("asdfits").read_metadata(target))
            if is_fits(target):
                facts.update(saved_arrays(target))
            return {key: value for key, value in facts.items() if not key.startswith(STAMPS)}

        return Contestant(name, run, package, answer)

    copy = space / "copy"

    def copied() -> None:
        copy.unlink(missing_ok=True)
        shutil.copyfile(path, copy)

    return Row(
        f"save {path.name}",
        "opened, saved under another name; what is saved is read back by asdfits",
        [
            contestant("asdfits", "asdfits", durable=False),
            contestant("asdfits, synced", "asdfits"),
            contestant("stdatamodels", MODELS),
            Contestant("floor: cp", copied, "", floor=True),
        ],
        exact=False,
    )


def saved_arrays(path: Path) -> Facts:
    """Return checksums by name and version, as writers may order HDUs in their own way."""
    file = file_of(path)
    found = {
        f"{hdu.name},{hdu.version}": file.array(hdu.index)
        for hdu in file.hdus()
        if hdu.name != "ASDF"
    }
    return array_facts({name: array for name, array in found.items() if array is not None})
