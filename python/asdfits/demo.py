"""The main job in one go: make a product, open it, edit a header, see that FITS overrides the tree."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import sample
from .io import open as open_product

__all__ = ["demo"]

PATH = "meta.program.pi_name"
KEYWORD = "PI_NAME"


def demo(folder: Path) -> int:
    """Write a sample product into `folder`, run the main job on it and print what happens.

    Returns
    -------
    int
        0, or 1 if something is not as it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sample.NAME
    path.write_bytes(sample.image_product())
    print(f"wrote {path}: {path.stat().st_size:,} bytes\n")

    model = open_product(path)
    print(f"asdfits.open -> {model!r}")
    print(f"  meta.instrument.name  {model.meta.instrument.name}")
    print(f"  data                  {model.data.dtype.str} {model.data.shape}, a view of the file")
    print(f"  dq[0, 0]              {model.dq[0, 0]} (stored with an offset, read as unsigned)")
    print(f"  meta.wcs(0, 0)        {_world(model)}")
    before = model.provenance(PATH)
    print(f"  {PATH}  {model[PATH]!r}, from {before.layer}: the header hash matches\n")

    _edit(path, KEYWORD, "Vera Rubin")
    model = open_product(path)
    after = model.provenance(PATH)
    print(f"edited one card, {KEYWORD} = 'Vera Rubin', as a FITS tool would; opened again:")
    print(f"  {PATH}  {model[PATH]!r}, from {after.layer}, {after.hdu} {after.keyword}")
    print(f"  the tree still says   {after.asdf_value!r}")
    for conflict in model.conflicts():
        print(f"  conflict              {conflict.path}: {conflict.hdu} {conflict.keyword}")
    print()
    _compare_times(path)
    fine = (before.layer, after.layer, model[PATH]) == ("asdf", "fits", "Vera Rubin")
    print("\nFITS overrides the tree." if fine else "\nThe demo did not do what it should.")
    return 0 if fine else 1


def _world(model: Any) -> str:
    try:
        return "({:.5f}, {:.5f}) deg".format(*map(float, model.meta.wcs(0, 0)))
    except ImportError:
        return "needs asdf and gwcs: pip install 'asdfits[wcs]'"


def _edit(path: Path, keyword: str, value: str) -> None:
    """Change one card in place, behind the tree's back."""
    content = path.read_bytes()
    at = content.index(f"{keyword:<8}= ".encode())
    path.write_bytes(content[:at] + sample.card(keyword, value) + content[at + 80 :])


def _compare_times(path: Path) -> None:
    def ours() -> None:
        with open_product(path) as model:
            assert model.data.shape

    jobs: dict[str, Callable[[], None]] = {"asdfits.open, data touched": ours}
    try:
        from astropy.io import fits
    except ImportError:
        print("astropy is not installed: no time to compare with")
    else:

        def theirs() -> None:
            with fits.open(path) as hdus:
                assert hdus["SCI"].data.shape

        jobs["astropy.io.fits.open, SCI touched"] = theirs
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(30):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(each) for name, each in times.items()}
    fastest = min(medians.values())
    for name, median in medians.items():
        print(f"  {name:<36} {median * 1000:8.3f} ms   {median / fastest:5.1f} x")
