"""The rows of what is written: saving, editing, and opening what others have edited."""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from asdfits.bench.contest import Contestant, Facts, Row, Target

SAVE_TARGET = 200
"""How many times faster than stdatamodels a MOS product has to be saved."""

COPY_TARGET = 1.3
"""How much longer than copying the file it may take to save a product that was not touched."""

MISS_TARGET = 2.0
"""How much longer than as written it may take to open a product with an edited header."""

ModelFacts = Callable[[Any, str], Facts]


def scratch() -> Path:
    """Return a folder that is removed at the end; on the disk where the corpus is, not in memory."""
    cache = Path(__file__).resolve().parents[2] / ".cache"
    cache.mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(prefix="save-", dir=cache)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def copied(source: Path, target: Path, *, synced: bool) -> None:
    """Copy a file as `cp` does."""
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    if synced:
        with target.open("rb") as file:
            os.fsync(file.fileno())


def save_row(name: str, path: Path, facts: ModelFacts) -> Row:
    """Return the row ``save`` for one product."""
    folder = scratch()

    def save(package: str, change: Callable[[Any], None], target: Path, **options: Any) -> None:
        with importlib.import_module(package).open(str(path)) as model:
            change(model)
            model.save(str(target), **options)

    def contestant(
        label: str, package: str, change: Callable[[Any], None], **options: Any
    ) -> Contestant:
        target = folder / f"{label.replace(' ', '-')}.fits"

        def run() -> None:
            target.unlink(missing_ok=True)
            save(package, change, target, **options)

        def answer() -> Facts:
            run()
            with importlib.import_module("stdatamodels.jwst.datamodels").open(target) as model:
                found = facts(model, name)
            # It is not the same for those who change it.
            return {
                k: v for k, v in found.items() if k not in ("meta.target.proposer_name", "data")
            }

        return Contestant(label, run, package, answer)

    def keyword(model: Any) -> None:
        model.meta.target.proposer_name = "M 31"

    @functools.cache
    def other_pixels() -> Any:
        with importlib.import_module("asdfits").open(str(path)) as model:
            return np.asarray(model.data).astype(np.float32) + 1

    def pixels(model: Any) -> None:
        model.data = other_pixels()  # native numbers, which have to be swapped; made before

    def nothing(_: Any) -> None:
        pass

    contestants = [
        contestant("asdfits", "asdfits", keyword, durable=False),
        contestant("asdfits, untouched", "asdfits", nothing, durable=False),
        contestant("asdfits, synced", "asdfits", keyword),
        contestant("stdatamodels", "stdatamodels.jwst.datamodels", keyword),
    ]
    if name == "image":
        contestants.insert(2, contestant("asdfits, new pixels", "asdfits", pixels, durable=False))
    copy = folder / "copy.fits"
    written = folder / "written.fits"

    def write_bytes() -> None:
        written.unlink(missing_ok=True)
        written.write_bytes(content())

    @functools.cache
    def content() -> bytes:
        return path.read_bytes()

    contestants += [
        Contestant("floor: write the bytes", write_bytes, "", floor=False),
        Contestant("floor: cp, synced", lambda: copied(path, copy, synced=True), "", floor=False),
        Contestant("floor: cp", lambda: copied(path, copy, synced=False), "", floor=True),
    ]
    subject = (
        f"{os.path.getsize(path) / 1e6:.1f} MB, one keyword changed; what is saved is read back"
    )
    target = (
        Target("floor: cp", ratio=1 / COPY_TARGET)
        if name == "image"
        else Target("stdatamodels", ratio=SAVE_TARGET)
    )
    return Row(f"save {name}", subject, contestants, target)


def miss_row(name: str, path: Path, facts: ModelFacts) -> Row:
    """Return the row ``miss``: a product with an edited header beside itself."""
    asdfits = importlib.import_module("asdfits")
    edited = scratch() / f"edited-{path.name}"
    raw = path.read_bytes()
    letter = raw.index(b"PI_NAME =") + 11
    raw = raw[:letter] + (b"Q" if raw[letter : letter + 1] != b"Q" else b"R") + raw[letter + 1 :]
    edited.write_bytes(raw)
    with asdfits.open(edited) as model:
        assert model.provenance("meta.program.pi_name").layer == "fits"

    def opener(label: str, package: str, file: Path) -> Contestant:
        def run() -> str:
            with importlib.import_module(package).open(str(file)) as model:
                return type(model).__name__

        def answer() -> Facts:
            with importlib.import_module(package).open(str(file)) as model:
                return facts(model, name)

        return Contestant(label, run, package, answer)

    return Row(
        f"miss {name}",
        "one letter of PI_NAME is another, so that the hash does not fit",
        [
            opener("asdfits", "asdfits", edited),
            opener("asdfits, as written", "asdfits", path),
            opener("stdatamodels", "stdatamodels.jwst.datamodels", edited),
        ],
        Target("asdfits, as written", ratio=1 / MISS_TARGET),
    )


def edit_row(path: Path) -> Row:
    """Return the row ``edit``: one value of an image."""
    folder = scratch()
    ours, theirs = folder / "ours.fits", folder / "theirs.fits"
    shutil.copyfile(path, ours)
    shutil.copyfile(path, theirs)
    count = iter(range(10**9))

    def edit(durable: bool) -> None:
        asdfits = importlib.import_module("asdfits")
        name = f"M {next(count)}"
        asdfits.update_metadata(ours, {"meta.target.proposer_name": name}, durable=durable)

    def astropy_edit() -> None:
        fits = importlib.import_module("astropy.io.fits")
        fits.setval(str(theirs), "TARGPROP", value=f"M {next(count)}")

    return Row(
        "edit image",
        f"{os.path.getsize(path) / 1e6:.1f} MB; astropy leaves the tree and its hash as they were",
        [
            Contestant("asdfits", lambda: edit(durable=False), "asdfits"),
            Contestant("asdfits, synced", lambda: edit(durable=True), "asdfits"),
            Contestant("astropy, header alone", astropy_edit, "astropy"),
        ],
    )
