"""The rows of numbers: whole images in native byte order, a cut of a large one, what a preview asks."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from asdfits.bench.contest import Contestant, Facts, Row, Target
from asdfits.bench.floors import copied_by_two
from saving import scratch

FLOOR_TARGET = 1.25
"""How much longer than a plain copy by two threads an image of floats may take."""

PEER_TARGET = 5
"""How many times faster than its peers unsigned integers have to be read."""

CUT_TARGET = 20
"""How many times faster than opening and slicing the whole image a cut has to be read."""

Array = np.ndarray[Any, Any]
Checksum = Callable[[Any], Any]


@functools.cache
def made(name: str, quick: bool) -> Path:
    """Write one file, with astropy: an image of 118 MB with flags of 118 MB, a ramp, a mosaic."""
    fits = importlib.import_module("astropy.io.fits")
    rng = np.random.default_rng(7)
    side = (
        {"image": 256, "ramp": 128, "i2d": 512}
        if quick
        else {"image": 5430, "ramp": 2048, "i2d": 10840}
    )
    shape: tuple[int, ...] = (side[name], side[name])
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "Level1bModel" if name == "ramp" else "ImageModel"
    hdus = [primary]
    if name == "ramp":
        hdus.append(fits.ImageHDU(rng.integers(0, 2**16, (1, 14, *shape), dtype="u2"), name="SCI"))
    else:
        hdus.append(fits.ImageHDU(rng.standard_normal(shape, dtype="f4"), name="SCI"))
    if name == "image":
        hdus.append(fits.ImageHDU(rng.integers(0, 2**32, shape, dtype="u4"), name="DQ"))
    path = scratch() / f"{name}.fits"
    fits.HDUList(hdus).writeto(path)
    path.read_bytes()  # into the page cache
    return path


def native(array: Array) -> Array:
    """Return an array in native byte order, as users of astropy make one."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def plain_copy(path: Path, place: int, shape: tuple[int, ...], dtype: str) -> Array:
    """Copy bytes of a mapped file into a fresh array, half of it in another thread."""
    target = np.empty(shape, dtype)
    copied_by_two(np.memmap(path, dtype, "r", place, shape), target)
    return target


def native_row(name: str, hdu: str, quick: bool, checksum: Checksum) -> Row:
    """Return the row of one image of a file: opened, read, in native byte order."""
    path = made(name, quick)
    asdfits = importlib.import_module("asdfits")
    fits = importlib.import_module("astropy.io.fits")
    with fits.open(path, memmap=False) as hdus:
        place = hdus[hdu].fileinfo()["datLoc"]
        shape, dtype = hdus[hdu].data.shape, hdus[hdu].data.dtype.str[1:]
    field = hdu.lower().replace("sci", "data")

    def ours() -> Array:
        with asdfits.open(path, native=True) as model:
            array: Array = model[field]
        return array

    def view() -> Array:
        with asdfits.open(path) as model:
            array: Array = asdfits.native(model[field])
        return array

    def astropy(memmap: bool) -> Array:
        with fits.open(path, memmap=memmap) as hdus:
            return native(hdus[hdu].data)

    def fitsio() -> Array:
        return native(importlib.import_module("fitsio").read(str(path), ext=hdu))

    def contestant(label: str, run: Callable[[], Array], package: str) -> Contestant:
        return Contestant(label, run, package, lambda: {"pixels": checksum(run())})

    contestants = [
        contestant("asdfits", ours, "asdfits"),
        contestant("asdfits, native(model.data)", view, "asdfits"),
        contestant("astropy", lambda: astropy(False), "astropy"),
        contestant("fitsio", fitsio, "fitsio"),
    ]
    if name == "image" and hdu == "SCI":  # no plane with an offset can be mapped
        contestants.insert(3, contestant("astropy, mapped", lambda: astropy(True), "astropy"))
    contestants.append(
        Contestant(
            "floor: a copy by two threads",
            lambda: plain_copy(path, place, shape, dtype),
            "",
            floor=True,
        )
    )
    floats = dtype == "f4"
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return Row(
        f"native {hdu.lower() if name == 'image' else name}",
        f"{size / 1e6:.0f} MB of {np.dtype(dtype)}, opened and read",
        contestants,
        Target("floor: a copy by two threads", ratio=1 / FLOOR_TARGET)
        if floats
        else Target("astropy", ratio=PEER_TARGET),
    )


def cut_row(quick: bool, checksum: Checksum) -> Row:
    """Return the row ``cutout``: 200 x 200 pixels of a mosaic."""
    path, small = made("i2d", quick), made("i2d", True)
    asdfits = importlib.import_module("asdfits")
    fits = importlib.import_module("astropy.io.fits")
    fitsio = importlib.import_module("fitsio")
    start = 100 if quick else 5000
    key = (slice(start, start + 200), slice(start, start + 200))

    def ours(file: Path, key: Any = key) -> Array:
        with asdfits.open(file) as model:
            cut: Array = model.section("data")[key]
        return cut

    def whole(memmap: bool) -> Array:
        with fits.open(path, memmap=memmap) as hdus:
            return native(hdus["SCI"].data[key])

    def section() -> Array:
        with fits.open(path) as hdus:
            return native(hdus["SCI"].section[key])

    def by_fitsio() -> Array:
        with fitsio.FITS(str(path)) as hdus:
            return native(hdus["SCI"][key])

    def contestant(label: str, run: Callable[[], Array], package: str) -> Contestant:
        return Contestant(label, run, package, lambda: {"pixels": checksum(run())})

    return Row(
        "cutout",
        f"200 x 200 pixels of {path.stat().st_size / 1e6:.0f} MB",
        [
            contestant("asdfits", lambda: ours(path), "asdfits"),
            Contestant("asdfits, of 1 MB", lambda: ours(small, np.s_[100:300, 100:300]), "asdfits"),
            contestant("astropy, whole image", lambda: whole(False), "astropy"),
            contestant("astropy, mapped", lambda: whole(True), "astropy"),
            contestant("astropy, section", section, "astropy"),
            contestant("fitsio, section", by_fitsio, "fitsio"),
        ],
        Target("astropy, whole image", ratio=CUT_TARGET),
    )


def stats_row(quick: bool) -> Row:
    """Return the row ``stats``: what a preview asks of an image with flags."""
    path = made("image", quick)
    asdfits = importlib.import_module("asdfits")
    wanted = (1, 50, 99)

    def ours() -> tuple[float, ...]:
        with asdfits.open(path) as model:
            found = model.stats(percentiles=wanted)
        return (found.mean, found.min, found.max, *found.percentiles)

    def by_numpy() -> tuple[float, ...]:
        with importlib.import_module("astropy.io.fits").open(path, memmap=False) as hdus:
            good = np.where(hdus["DQ"].data & 1, np.nan, native(hdus["SCI"].data))
        few = (np.nanmean(good, dtype="f8"), np.nanmin(good), np.nanmax(good))
        return tuple(map(float, (*few, *np.nanpercentile(good, wanted))))

    def answer(run: Callable[[], tuple[float, ...]]) -> Facts:
        return {"numbers": [float(f"{number:.5e}") for number in run()]}

    return Row(
        "stats",
        f"mean, extremes, three percentiles in {path.stat().st_size / 1e6:.1f} MB, half of it flags",
        [
            Contestant("asdfits", ours, "asdfits", lambda: answer(ours)),
            Contestant("astropy, with numpy", by_numpy, "astropy", lambda: answer(by_numpy)),
        ],
    )


def makers(quick: bool, checksum: Checksum) -> dict[str, Callable[[], Row]]:
    """Return name -> what makes the row."""
    row = functools.partial(native_row, quick=quick, checksum=checksum)
    return {
        "native sci": lambda: row("image", "SCI"),
        "native dq": lambda: row("image", "DQ"),
        "native ramp": lambda: row("ramp", "SCI"),
        "cutout": lambda: cut_row(quick, checksum),
        "stats": lambda: stats_row(quick),
    }
