"""Make the products that the benches read.

The products are written by stdatamodels itself, so a bench compares readers on files that the
reference implementation calls its own. Everything is seeded and the clock stands still: the same
versions of the writers give the same bytes. What is already there is left alone.

=========  ====================================================================================
name       what it is
=========  ====================================================================================
``image``  a full NIRCam ``cal`` image, 2048 x 2048 pixels in seven planes (118 MB)
``mos``    a NIRSpec multi-object ``cal`` product: 150 slits, 1,500 data HDUs, 150 own WCSs
``x1d``    a NIRSpec ``x1d`` product: 30 tables of extracted spectra
``wfss``   a slitless ``cal`` product: 500 cutouts, 3,500 data HDUs, 500 own WCSs
``s3d``    a cube of 1,000 x 64 x 64, four planes (66 MB)
``small``  500 small NIRCam images, for work on many files
=========  ====================================================================================

Run ``python benches/python/corpus.py --help`` for the options.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib.metadata
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

# The script's own directory comes first when it is run by its name, but not as a module.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import products

FORMAT = 1
"""Version of the corpus itself: raise it when a product changes, and old files are made again."""

DEFAULT_DIRECTORY = Path(__file__).resolve().parents[2] / ".cache" / "corpus"

WRITERS = ("stdatamodels", "asdf", "gwcs", "astropy", "numpy")
"""Packages whose version decides the bytes of a product."""


@dataclass(frozen=True)
class Size:
    """How large the products are."""

    image_shape: tuple[int, int] = (2048, 2048)
    slits: int = 150
    spectra: int = 30
    small: int = 500
    cutouts: int = 500
    cube: tuple[int, int, int] = (1000, 64, 64)


FULL = Size()
QUICK = Size(image_shape=(256, 256), slits=4, spectra=4, small=4, cutouts=4, cube=(20, 16, 16))


# ----------------------------------------------------------------------
# Writing


@contextmanager
def repeatable() -> Iterator[None]:
    """Let the writers give the same bytes each time.

    stdatamodels stamps the time of the save, and asdf lists the extensions it used in the order of
    a set, which is another one in each process. Here the date is fixed and the list is sorted.
    """
    from asdf.extension import SerializationContext
    from stdatamodels.jwst.datamodels import model_base

    def in_order(context: Any) -> list[Any]:
        used = context._SerializationContext__extensions_used
        return sorted(used, key=lambda extension: (extension.extension_uri or "", str(extension)))

    clock = SimpleNamespace(now=lambda: SimpleNamespace(isot=products.SAVED_AT))
    with (
        mock.patch.object(model_base, "Time", clock),
        mock.patch.object(SerializationContext, "_extensions_used", property(in_order)),
    ):
        yield


@contextmanager
def indexed_hdu_lookups() -> Iterator[None]:
    """Let stdatamodels find an HDU by (name, version) in a dictionary while it writes.

    It asks astropy, which walks over all HDUs, once for each keyword and array: the time grows with
    the square of their number. The answers are the same; `verify_lookups` compares the files.
    """
    from stdatamodels import fits_support

    original = fits_support.get_hdu
    places = HduIndex()

    def get_hdu(hdulist: Any, hdu_name: Any, index: int | None = None, _cache: Any = None) -> Any:
        # The first version has rules of its own: any HDU of that name may stand for it.
        if _cache is not None or not index or not isinstance(hdu_name, str):
            return original(hdulist, hdu_name, index=index, _cache=_cache)
        hdu = places.find(hdulist, hdu_name, index + 1)
        if hdu is None:
            raise AttributeError(
                f"Property missing because FITS file has no '{(hdu_name, index + 1)!r}' HDU"
            )
        return hdu

    with mock.patch.object(fits_support, "get_hdu", get_hdu):
        yield


def write(model: Any, path: Path, report: Callable[[str], None], built: float = 0.0) -> None:
    """Save a model under its final name, in one step: there is never half a product.

    Parameters
    ----------
    model : stdatamodels.DataModel
        What to save.
    path : pathlib.Path
        The final name.
    report : callable
        Takes one progress line.
    built : float
        How long it took to build the model, in seconds; reported.
    """
    started = time.perf_counter()
    path.parent.mkdir(parents=True, exist_ok=True)
    # The product keeps its own name in a directory of its own, as the name is also written into it.
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as directory:
        made = Path(directory) / path.name
        with repeatable(), indexed_hdu_lookups(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.save(str(made))
        made.replace(path)
    seconds = time.perf_counter() - started
    megabytes = path.stat().st_size / 1e6
    report(f"  {path.name}: {megabytes:.1f} MB, built in {built:.1f} s, written in {seconds:.1f} s")


def verify_lookups(report: Callable[[str], None], slits: int = 3) -> bool:
    """Write a few slits with and without the index; tell whether the bytes are the same."""
    with tempfile.TemporaryDirectory() as directory:
        # One name in two directories, as the name is also written into the file.
        ours, theirs = (Path(directory) / way / "mos.fits" for way in ("index", "walk"))
        write(products.mos_model(np.random.default_rng(7), slits), ours, report)
        theirs.parent.mkdir()
        started = time.perf_counter()
        with repeatable(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            products.mos_model(np.random.default_rng(7), slits, validate=True).save(str(theirs))
        report(f"  the same, validated and without an index: {time.perf_counter() - started:.1f} s")
        return filecmp.cmp(ours, theirs, shallow=False)


# ----------------------------------------------------------------------
# The corpus


def at(directory: Path | None = None, *, quick: bool = False, small: int | None = None) -> Corpus:
    """Return the corpus in a directory, made or not.

    Parameters
    ----------
    directory : pathlib.Path, optional
        Where it is; by default ``.cache/corpus`` of the repository.
    quick : bool
        Whether its products are the small ones for tests; they live in a directory of their own.
    small : int, optional
        How many small images, if not the usual number.
    """
    size = QUICK if quick else FULL
    if small is not None:
        size = replace(size, small=small)
    directory = directory or DEFAULT_DIRECTORY
    return Corpus(directory / "quick" if quick else directory, size)


def make(
    corpus: Corpus, names: Sequence[str] | None = None, report: Callable[[str], None] = print
) -> None:
    """Make the products that aren't there yet.

    Parameters
    ----------
    corpus : Corpus
        Where they go and how large they are.
    names : sequence of str, optional
        Which of ``image``, ``mos``, ``x1d``, ``wfss``, ``s3d`` and ``small``; all of them if not given.
    report : callable
        Takes the progress lines.
    """
    for name in names or corpus.names:
        paths = corpus.paths(name)
        there = all(path.exists() for path in paths)
        try:
            stamp = corpus.stamp(name)
        except importlib.metadata.PackageNotFoundError as error:
            if not there:
                raise
            report(f"{name}: already there; not checked, as {error.name} is not installed")
            continue
        if there and corpus.stamps().get(name) == stamp:
            report(f"{name}: already there")
            continue
        report(f"{name}: {len(paths)} file{'s' if len(paths) > 1 else ''}")
        for number, path in enumerate(paths):
            rng = np.random.default_rng([FORMAT, *name.encode(), number])
            started = time.perf_counter()
            model = corpus.model(name, rng, number)
            write(model, path, report, built=time.perf_counter() - started)
        corpus.set_stamp(name, stamp)


class HduIndex:
    """Where each (name, version) stands in an HDU list that somebody appends to."""

    def __init__(self) -> None:
        self.hdus: list[Any] = []
        self.places: dict[tuple[str, int], int] = {}
        self.owner: Any = None

    def find(self, hdulist: Any, name: str, version: int) -> Any:
        """Return the first HDU of that name and version, or None."""
        if self.owner is not hdulist or not self.still_holds(hdulist):
            self.owner, self.hdus, self.places = hdulist, [], {}
        for place in range(len(self.hdus), len(hdulist)):
            hdu = hdulist[place]
            self.places.setdefault((hdu.name.strip().upper(), hdu.ver), place)
            self.hdus.append(hdu)
        found = self.places.get((name.strip().upper(), version))
        return None if found is None else self.hdus[found]

    def still_holds(self, hdulist: Any) -> bool:
        """Tell whether the HDUs that were indexed are still the first ones of the list.

        The writer only appends, or replaces one HDU by a new last one: then the place of the last
        one indexed holds another.
        """
        count = len(self.hdus)
        return count == 0 or (len(hdulist) >= count and hdulist[count - 1] is self.hdus[-1])


@dataclass
class Corpus:
    """The products in a directory.

    Attributes
    ----------
    directory : pathlib.Path
        Where they are.
    size : Size
        How large they are.
    """

    directory: Path
    size: Size = FULL
    names: tuple[str, ...] = field(
        default=("image", "mos", "x1d", "wfss", "s3d", "small"), init=False
    )

    def paths(self, name: str) -> list[Path]:
        """Return the paths of a product; they need not exist."""
        if name == "small":
            return [
                self.directory / "small" / f"jw09901001001_02101_{number + 1:05d}_nrcalong_cal.fits"
                for number in range(self.size.small)
            ]
        return [
            self.directory
            / {
                "image": "image_cal.fits",
                "mos": "mos_cal.fits",
                "x1d": "mos_x1d.fits",
                "wfss": "wfss_cal.fits",
                "s3d": "cube_s3d.fits",
            }[name]
        ]

    def model(self, name: str, rng: np.random.Generator, number: int) -> Any:
        """Return the model that belongs into file `number` of a product."""
        match name:
            case "image":
                planes = ("data", "dq", "err", "var_poisson", "var_rnoise", "var_flat", "area")
                return products.image_model(rng, self.size.image_shape, planes)
            case "mos":
                return products.mos_model(rng, self.size.slits)
            case "x1d":
                return products.x1d_model(rng, self.size.spectra)
            case "wfss":
                return products.wfss_model(rng, self.size.cutouts)
            case "s3d":
                return products.s3d_model(rng, self.size.cube)
            case "small":
                return products.small_model(rng, number)
        raise ValueError(f"no product is called {name!r}; there are {', '.join(self.names)}")

    def stamp(self, name: str) -> str:
        """Return what a product's file depends on, as one line."""
        versions = " ".join(f"{writer} {importlib.metadata.version(writer)}" for writer in WRITERS)
        sizes = {
            "image": self.size.image_shape,
            "mos": self.size.slits,
            "x1d": self.size.spectra,
            "wfss": self.size.cutouts,
            "s3d": self.size.cube,
            "small": self.size.small,
        }
        return f"corpus {FORMAT}, {name} {sizes[name]}, {versions}"

    def stamps(self) -> dict[str, str]:
        """Return the stamps of the products that were made here."""
        try:
            stamps = json.loads(self.stamp_path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {str(name): str(stamp) for name, stamp in stamps.items()}

    def set_stamp(self, name: str, stamp: str) -> None:
        """Note that a product was made."""
        text = json.dumps({**self.stamps(), name: stamp}, indent=2)
        made = self.stamp_path.with_suffix(f".{os.getpid()}")
        made.write_text(text + "\n")
        made.replace(self.stamp_path)

    @property
    def stamp_path(self) -> Path:
        """The file that holds the stamps."""
        return self.directory / "corpus.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="corpus.py", description="Make the products that the benches read."
    )
    parser.add_argument(
        "--dir", type=Path, help="where they go (default: .cache/corpus of the repository)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="small ones, for tests; they go to quick/"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="NAME",
        help="image, mos, x1d, wfss, s3d or small; repeatable",
    )
    parser.add_argument("--small", type=int, metavar="N", help="how many small images")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="only compare a product written with the HDU index to one written without it",
    )
    options = parser.parse_args(arguments)
    if options.verify:
        same = verify_lookups(print)
        print("the bytes are the same" if same else "THE BYTES DIFFER")
        return 0 if same else 1
    corpus = at(options.dir, quick=options.quick, small=options.small)
    for name in options.only or ():
        if name not in corpus.names:
            parser.error(f"--only {name}: must be one of {', '.join(corpus.names)}")
    make(corpus, options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
