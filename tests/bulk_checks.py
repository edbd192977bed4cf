"""What the tests of `asdfits.bulk` share: folders of products, and what has to become of them."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import asdfits
import bulk_steps as steps
from asdfits import bulk, sample


def products(folder: Path, count: int) -> Path:
    """A folder of products, each with a target of its own."""
    folder.mkdir()
    product = sample.image_product()
    for n in range(count):
        name = f"jw02736007001_03103_{n:05}_nrcalong_cal.fits"
        (folder / name).write_bytes(product.replace(b"SAMPLE-1", f"S{n:07}".encode()))
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix == ".fits")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / bulk.NAME).read_text().splitlines()]


def check_like_serial(source: Path, target: Path, tmp_path: Path) -> None:
    """All outputs are there, each once, and equal to what one process makes of the files."""
    wanted = [name.replace("_cal", "_bsub") for name in names_in(source)]
    assert names_in(target) == wanted
    done = Counter(line["output"] for line in lines(target) if line["state"] == "done")
    assert done == Counter(wanted)
    assert sorted(os.listdir(target)) == sorted([*wanted, bulk.NAME])
    serial = tmp_path / "serial.fits"
    for name in names_in(source):
        with asdfits.open(source / name) as model:
            steps.double(model).save(serial, durable=False)
        output = target / name.replace("_cal", "_bsub")
        assert asdfits.diff(serial, output) == []
        assert asdfits.verify(output) == []


def names_in_full(folder: Path) -> list[Path]:
    return [folder / name for name in names_in(folder)]
