"""The row of many files: a catalogue of 500 products."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asdfits.bench.contest import Contestant, Facts, Row, Target

FILES = 500

RATE_TARGET = 5_000
"""Files a second that have to be scanned."""

REFERENCE_TARGET = 500
"""How many times faster than stdatamodels."""

ASTROPY_TARGET = 20
"""How many times faster than astropy, which reads the primary headers alone."""

COLUMNS = {
    "instrument": ("meta.instrument.name", "INSTRUME"),
    "detector": ("meta.instrument.detector", "DETECTOR"),
    "exp_type": ("meta.exposure.type", "EXP_TYPE"),
    "filter": ("meta.instrument.filter", "FILTER"),
    "pupil": ("meta.instrument.pupil", "PUPIL"),
    "program": ("meta.observation.program_number", "PROGRAM"),
    "target": ("meta.target.catalog_name", "TARGNAME"),
    "proposer_target": ("meta.target.proposer_name", "TARGPROP"),
    "date_obs": ("meta.observation.date", "DATE-OBS"),
    "ra": ("meta.target.ra", "TARG_RA"),
    "groups": ("meta.exposure.ngroups", "NGROUPS"),
}
"""Columns that each reader can state, by path and by keyword of the primary header."""


def scan_row(paths: list[Path]) -> Row:
    """Return the row ``scan``: what is in a folder of small products."""
    folder = paths[0].parent

    def scan() -> Any:
        return importlib.import_module("asdfits").scan([folder], pattern="*_cal.fits")

    def scanned() -> Facts:
        table = scan()
        assert table.num_rows == len(paths), table.num_rows
        assert table["error"].null_count == len(paths)
        assert set(table["hash"].to_pylist()) == {"matches"}
        rows = dict(zip(table["path"].to_pylist(), table.to_pylist(), strict=True))
        return {f"{path.name} {name}": rows[str(path)][name] for path in paths for name in COLUMNS}

    def metadata() -> list[dict[str, Any]]:
        read = importlib.import_module("stdatamodels.jwst.datamodels").read_metadata
        return [read(str(path)) for path in paths]

    def headers() -> list[Any]:
        fits = importlib.import_module("astropy.io.fits")
        return [fits.getheader(path) for path in paths]

    def stated() -> list[dict[str, Any]]:
        # astropy parses a card when it is asked for it.
        return [{key: header[key] for _, key in COLUMNS.values()} for header in headers()]

    def answer(read: Callable[[], list[Any]], by: int) -> Facts:
        return {
            f"{path.name} {name}": found[places[by]]
            for path, found in zip(paths, read(), strict=True)
            for name, places in COLUMNS.items()
        }

    def floor() -> list[bytes]:
        found = []
        for path, each in extents:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                found.append(b"".join(os.pread(descriptor, n, at) for at, n in each))
            finally:
                os.close(descriptor)
        return found

    def whole() -> None:
        for path in paths:
            path.read_bytes()

    extents = [(path, _extents(path)) for path in paths]
    return Row(
        "scan",
        f"{len(paths)} products of {paths[0].stat().st_size / 1e3:.0f} kB, default columns",
        [
            Contestant("asdfits", scan, "asdfits", scanned),
            Contestant(
                "stdatamodels, read_metadata", metadata, "stdatamodels", lambda: answer(metadata, 0)
            ),
            Contestant("astropy, primary header", headers, "astropy", lambda: answer(headers, 1)),
            Contestant("astropy, and these values", stated, "astropy"),
            Contestant("floor: read the files", whole, ""),
            Contestant("floor: pread headers and tree", floor, "", floor=True),
        ],
        [
            Target("stdatamodels, read_metadata", ratio=REFERENCE_TARGET),
            Target("astropy, primary header", ratio=ASTROPY_TARGET),
            Target("", limit=len(paths) / RATE_TARGET),
        ],
        exact=False,
    )


def _extents(path: Path) -> list[tuple[int, int]]:
    """Return (position, length) of each header, the last one with the tree."""
    product = importlib.import_module("asdfits._core").Product.open(str(path))
    hdus = [product.hdu(number) for number in range(len(product))]
    return [
        (hdu.at, hdu.data_at - hdu.at + (hdu.data_len if hdu.name == "ASDF" else 0)) for hdu in hdus
    ]
