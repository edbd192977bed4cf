"""The rows of what has to be unpacked: tile-compressed images and ``.fits.gz``."""

from __future__ import annotations

import functools
import gzip
import importlib
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asdfits.bench.contest import Contestant, Facts, Row, Target
from saving import scratch

UNPACK_TARGET = 2.0
"""How many times faster than astropy a compressed image has to be read."""


def scene(side: int) -> np.ndarray[Any, Any]:
    """Return a sky with structure, noise and stars, `side` x `side` doubles."""
    rng = np.random.default_rng(1)
    rows, columns = np.indices((side, side))
    sky = 1000 + 300 * np.sin(rows / 200) * np.cos(columns / 300) + rng.normal(0, 12, (side, side))
    stars = rng.integers(0, sky.size, sky.size // 200)
    sky.flat[stars] += rng.exponential(5000, stars.size)
    return sky


def mask(side: int) -> np.ndarray[Any, Any]:
    """Return flags of a few bright or broken pixels and of whole columns."""
    flags = (scene(side) > 1400).astype("i4")
    flags[:, :: side // 16] |= 4
    flags[side // 3 : side // 2, side // 4 : side // 2] |= 1024
    return flags


def as_type(dtype: str) -> Callable[[int], np.ndarray[Any, Any]]:
    """Return what makes the scene in another type, of as many bytes as 4 for each pixel."""

    def make(side: int) -> np.ndarray[Any, Any]:
        values = scene(side).astype(dtype)
        return np.concatenate([values] * (4 // values.itemsize))

    return make


EXACT: Mapping[str, Any] = {"quantize_level": 0.0}
DITHERED: Mapping[str, Any] = {"quantize_level": 16, "quantize_method": 1, "dither_seed": 1}

CASES: Mapping[str, tuple[Callable[[int], np.ndarray[Any, Any]], dict[str, Any]]] = {
    "rice-i2": (as_type("i2"), {"compression_type": "RICE_1"}),
    "rice-i4": (as_type("i4"), {"compression_type": "RICE_1"}),
    "rice-f4": (as_type("f4"), {"compression_type": "RICE_1", **DITHERED}),
    "rice-f4-tiles": (
        as_type("f4"),
        {"compression_type": "RICE_1", "tile_shape": (100, 100), **DITHERED},
    ),
    "gzip-i4": (as_type("i4"), {"compression_type": "GZIP_1"}),
    "gzip2-f4": (as_type("f4"), {"compression_type": "GZIP_2", **EXACT}),
    "hcompress-i4": (as_type("i4"), {"compression_type": "HCOMPRESS_1"}),
    "hcompress-i2": (
        as_type("i2"),
        {"compression_type": "HCOMPRESS_1", "tile_shape": (512, 512)},
    ),
    "plio-mask": (mask, {"compression_type": "PLIO_1"}),
}
"""What is packed, by the name of its row, and how astropy packs it."""


def facts(values: Any) -> Facts:
    """Return shape, type and sum of an image."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return {"image": (native.shape, native.dtype.str, zlib.crc32(native.tobytes()))}


def read_with_asdfits(path: Path) -> Any:
    """Return the image in the first extension."""
    return importlib.import_module("asdfits.file").File.open(path).array(1)


def read_with_astropy(path: Path) -> Any:
    """Return the image in the first extension."""
    with importlib.import_module("astropy.io.fits").open(path) as hdus:
        return hdus[1].data


def read_with_fitsio(path: Path) -> Any:
    """Return the image in the first extension."""
    with importlib.import_module("fitsio").FITS(str(path)) as file:
        return file[1].read()


READERS = {
    "asdfits": read_with_asdfits,
    "astropy": read_with_astropy,
    "fitsio": read_with_fitsio,
}


def contestants(path: Path, values: np.ndarray[Any, Any]) -> list[Contestant]:
    """Return the readers of one file, and the copy of its values as the floor."""
    found = [
        Contestant(
            name,
            functools.partial(read, path),
            name,
            functools.partial(lambda each: facts(each(path)), read),
        )
        for name, read in READERS.items()
    ]
    return [*found, Contestant("floor: copy the pixels", values.copy, "", floor=True)]


def unpack_row(name: str, *, quick: bool) -> Row:
    """Return the row ``unpack`` for one way of packing."""
    fits = importlib.import_module("astropy.io.fits")
    make, options = CASES[name]
    values = make(256 if quick else 2048)
    path = scratch() / f"{name}.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values, **options)]).writeto(path)
    size = path.stat().st_size
    subject = f"{values.nbytes / 1e6:.1f} MB of {values.dtype.name} in {size / 1e6:.1f} MB"
    target = Target("astropy", ratio=UNPACK_TARGET)
    return Row(f"unpack {name}", subject, contestants(path, values), target, exact=False)


def gzip_row(*, quick: bool) -> Row:
    """Return the row ``unpack gz``: a plain image in a gzip file."""
    fits = importlib.import_module("astropy.io.fits")
    values = as_type("f4")(256 if quick else 2048)
    path = scratch() / "image.fits.gz"
    plain = path.with_suffix("")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(values)]).writeto(plain)
    path.write_bytes(gzip.compress(plain.read_bytes(), 6))
    subject = f"{values.nbytes / 1e6:.1f} MB in {path.stat().st_size / 1e6:.1f} MB"
    return Row("unpack gz", subject, contestants(path, values), exact=False)


def makers(*, quick: bool) -> dict[str, Callable[[], Row]]:
    """Return what makes each row, by its name."""
    found: dict[str, Callable[[], Row]] = {
        f"unpack {name}": functools.partial(unpack_row, name, quick=quick) for name in CASES
    }
    found["unpack gz"] = functools.partial(gzip_row, quick=quick)
    return found
