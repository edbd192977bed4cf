"""Time what a user does with a product, beside the other readers and beside the floor.

Each row first asserts that all readers give the same answer and only then times them. Within a row
the readers take turns, round by round, so that a slow moment of the machine hits all of them; the
table gives medians. Files are in the page cache. The floor is the least that any reader has to do,
done in the same run: for a file, one ``pread`` for each header and for the tree.

============  =====================================================================
row           what is timed
============  =====================================================================
``import``    a new interpreter that imports the package
``open``      open a product, know its class, close it
``metadata``  read the metadata of a product as one dictionary, no array, no WCS
``tree``      open a product and make everything in it: arrays, WCS, all metadata
``save``      open a product, change something or nothing, write it to another file
``miss``      open a product whose header was edited, beside the same product as written
``edit``      change one value of a product where it lies
``drop-in``   the same with the classes of stdatamodels, by ``asdfits.stdatamodels``
``unpack``    read a compressed image or a ``.fits.gz``
``native``    open a product and read an image of it in native byte order
``cutout``    open a mosaic and read 200 x 200 pixels of it
``stats``     open an image; mean, extremes and percentiles of the pixels that are not flagged
``scan``      know what is in a folder of 500 products
============  =====================================================================

Run ``python benches/python/run.py --help`` for the options.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import io
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# The script's own directory comes first when it is run by its name, but not as a module.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import compressed
import corpus
import dropin
import pixels
import report
import saving
import scanning
from asdfits.bench.answers import checksum, flatten, plain_facts
from asdfits.bench.contest import Contestant, Facts, Row, Target
from asdfits.bench.floors import extents_of, floors
from asdfits.bench.timing import PEERS, environment, installed, run_row

PRODUCTS = ("image", "mos", "x1d", "wfss", "s3d")

SLOW = ("wfss",)
"""Products that the reference takes minutes to open; it takes part with the small ones only."""

ASKED = 20
"""How many of the small files are asked what they are before all are timed."""

KEYWORDS = {
    "class": "DATAMODL",
    "meta.instrument.name": "INSTRUME",
    "meta.exposure.type": "EXP_TYPE",
    "meta.observation.obs_id": "OBS_ID",
    "meta.target.proposer_name": "TARGPROP",
    "meta.exposure.ngroups": "NGROUPS",
}
"""Values that every reader can state, by tree path and by FITS keyword."""

SPEEDUP_TARGET = 300
"""How many times faster than stdatamodels an open has to be."""

IMPORT_TARGET = 0.015
"""How much an import may cost on top of numpy's, in seconds."""

# ----------------------------------------------------------------------
# Answers


def model_facts(model: Any, name: str) -> Facts:
    """Return what an open model says of itself; works for asdfits and for stdatamodels."""
    facts: Facts = {"class": type(model).__name__}
    for path in KEYWORDS:
        if path != "class":
            facts[path] = functools.reduce(getattr, path.split("."), model)
    match name:
        case "image" | "s3d":
            facts["data"], facts["dq"] = checksum(model.data), checksum(model.dq)
        case "mos" | "wfss":
            facts["names"] = [slit.name for slit in model.slits]
            for number in (0, 3, len(model.slits) - 1):
                slit = model.slits[number]
                facts[f"data {number}"], facts[f"dq {number}"] = (
                    checksum(slit.data),
                    checksum(slit.dq),
                )
        case "x1d":
            facts["names"] = [spectrum.name for spectrum in model.spec]
            table = model.spec[2].spec_table
            facts["flux"], facts["dq"] = checksum(table["FLUX"]), checksum(table["DQ"])
    return facts


def fits_facts(hdus: Any, name: str) -> Facts:
    """Return the same, from the HDUs that astropy read."""
    facts: Facts = {path: hdus[0].header[keyword] for path, keyword in KEYWORDS.items()}
    match name:
        case "image" | "s3d":
            facts["data"], facts["dq"] = checksum(hdus["SCI"].data), checksum(hdus["DQ"].data)
        case "mos" | "wfss":
            slits = [hdu for hdu in hdus if hdu.name == "SCI"]
            facts["names"] = [hdu.header["SLTNAME"] for hdu in slits]
            for number in (0, 3, len(slits) - 1):
                facts[f"data {number}"] = checksum(hdus["SCI", number + 1].data)
                facts[f"dq {number}"] = checksum(hdus["DQ", number + 1].data)
        case "x1d":
            spectra = [hdu for hdu in hdus if hdu.name == "EXTRACT1D"]
            facts["names"] = [hdu.header["SLTNAME"] for hdu in spectra]
            facts["flux"], facts["dq"] = (
                checksum(spectra[2].data["FLUX"]),
                checksum(spectra[2].data["DQ"]),
            )
    return facts


# ----------------------------------------------------------------------
# Readers


def import_row() -> Row:
    """Return the row ``import``."""

    def contestant(name: str, statement: str, package: str, *, floor: bool = False) -> Contestant:
        command = [sys.executable, "-I", "-c", statement]
        return Contestant(
            name, lambda: subprocess.run(command, check=True), package, floor=floor, weighed=False
        )

    return Row(
        "import",
        "a new interpreter",
        [
            contestant("asdfits", "import asdfits", "asdfits"),
            contestant("stdatamodels", "import stdatamodels.jwst.datamodels", "stdatamodels"),
            contestant("astropy", "import astropy.io.fits", "astropy"),
            contestant("python", "pass", ""),
            contestant("floor: numpy", "import numpy", "numpy", floor=True),
        ],
        Target("floor: numpy", extra=IMPORT_TARGET),
    )


def open_row(name: str, path: Path) -> Row:
    """Return the row ``open`` for one product."""
    file = str(path)
    extents = extents_of(path)

    def with_model(package: str, opener: Callable[[Any, str], Any]) -> Contestant:
        def run() -> str:
            with opener(importlib.import_module(package), file) as model:
                return type(model).__name__

        def answer() -> Facts:
            with opener(importlib.import_module(package), file) as model:
                return model_facts(model, name)

        return Contestant(package.partition(".")[0], run, package, answer)

    def all_headers() -> int:
        from astropy.io import fits

        with fits.open(file, memmap=False) as hdus:
            return sum(len(hdu.header) for hdu in hdus)

    def all_headers_answer() -> Facts:
        from astropy.io import fits

        with fits.open(file, memmap=False) as hdus:
            return fits_facts(hdus, name)

    def one_keyword() -> Any:
        from astropy.io import fits

        return fits.getval(file, "DATAMODL")

    def fitsio_headers() -> Any:
        fitsio = importlib.import_module("fitsio")
        with fitsio.FITS(file) as hdus:
            headers = [hdu.read_header() for hdu in hdus]
        return headers[0]

    return Row(
        f"open {name}",
        describe(path, extents),
        [
            with_model("asdfits", lambda asdfits, file: asdfits.open(file)),
            with_model(
                "stdatamodels.jwst.datamodels", lambda datamodels, file: datamodels.open(file)
            ),
            Contestant("astropy, all headers", all_headers, "astropy", all_headers_answer),
            Contestant(
                "astropy, one keyword",
                one_keyword,
                "astropy",
                lambda: {"class": one_keyword()},
                partial=True,
            ),
            Contestant(
                "fitsio, all headers",
                fitsio_headers,
                "fitsio",
                lambda: {path: fitsio_headers()[keyword] for path, keyword in KEYWORDS.items()},
            ),
            *floors(path, extents),
        ],
        Target("stdatamodels", ratio=SPEEDUP_TARGET) if name in ("image", "mos") else None,
    )


def many_row(files: Sequence[Path]) -> Row:
    """Return the row ``open small``: many files, of which the first are asked."""

    def with_model(package: str) -> Contestant:
        def opened(path: Path) -> str:
            with importlib.import_module(package).open(str(path)) as model:
                return f"{type(model).__name__} {model.meta.exposure.type}"

        return contestant(package.partition(".")[0], opened)

    def by_astropy(path: Path) -> str:
        from astropy.io import fits

        with fits.open(path, memmap=False) as hdus:
            headers = [hdu.header for hdu in hdus]
        return f"{headers[0]['DATAMODL']} {headers[0]['EXP_TYPE']}"

    def by_fitsio(path: Path) -> str:
        with importlib.import_module("fitsio").FITS(str(path)) as hdus:
            headers = [hdu.read_header() for hdu in hdus]
        return f"{headers[0]['DATAMODL']} {headers[0]['EXP_TYPE']}"

    def contestant(name: str, read: Callable[[Path], str]) -> Contestant:
        return Contestant(
            name,
            lambda: [read(path) for path in files],
            name.partition(",")[0],
            lambda: {path.name: read(path) for path in files[:ASKED]},
        )

    one_by_one = [floors(file, extents_of(file))[0].run for file in files]
    return Row(
        "open small",
        f"{len(files)} files of {files[0].stat().st_size / 1e6:.1f} MB, one after the other",
        [
            with_model("asdfits"),
            with_model("stdatamodels.jwst.datamodels"),
            contestant("astropy, all headers", by_astropy),
            contestant("fitsio, all headers", by_fitsio),
            Contestant(
                "floor: pread headers and tree",
                lambda: [read() for read in one_by_one],
                "",
                floor=True,
            ),
        ],
        exact=False,
    )


def sat_out(make: Callable[[], Row]) -> Row:
    """Return a row that stdatamodels sits out, with a line that says so."""
    row = make()
    row.contestants = [c for c in row.contestants if c.distribution != "stdatamodels"]
    row.notes = (*row.notes, "stdatamodels sits out: minutes for each round")
    return row


def tree_row(name: str, path: Path) -> Row:
    """Return the row ``tree`` for one product."""
    file = str(path)
    extents = extents_of(path)

    def with_model(package: str, opener: Callable[[Any, str], Any]) -> Contestant:
        def run() -> dict[str, Any]:
            with opener(importlib.import_module(package), file) as model:
                return dict(model.to_flat_dict())

        return Contestant(package.partition(".")[0], run, package, lambda: plain_facts(run()))

    return Row(
        f"tree {name}",
        describe(path, extents),
        [
            with_model("asdfits", lambda asdfits, file: asdfits.open(file)),
            with_model(
                "stdatamodels.jwst.datamodels", lambda datamodels, file: datamodels.open(file)
            ),
            *floors(path, extents),
        ],
    )


def metadata_row(name: str, path: Path) -> Row:
    """Return the row ``metadata`` for one product."""
    file = str(path)
    extents = extents_of(path)
    embedded = embedded_asdf(path)

    def reader(name: str, package: str) -> Contestant:
        def run() -> dict[str, Any]:
            return dict(importlib.import_module(package).read_metadata(file))

        return Contestant(name, run, package, lambda: metadata_only(plain_facts(run())))

    def load_yaml() -> Any:
        return importlib.import_module("asdf.util").load_yaml(io.BytesIO(embedded))

    def loaded_metadata() -> Facts:
        tree = flatten(load_yaml()["meta"], "meta")
        return {key: value for key, value in tree.items() if not key.startswith("meta.wcs.")}

    return Row(
        f"metadata {name}",
        describe(path, extents),
        [
            reader("asdfits", "asdfits"),
            reader("stdatamodels", "stdatamodels.jwst.datamodels"),
            Contestant("asdf, load_yaml of the tree", load_yaml, "asdf", loaded_metadata),
            *floors(path, extents),
        ],
        # The reference takes every value from a card here, rounded to what fits on it.
        exact=False,
    )


def metadata_only(facts: Facts) -> Facts:
    """Return only what stands under ``meta``, without links and coefficients of arrays."""
    return {key: value for key, value in facts.items() if key.startswith("meta.")}


def embedded_asdf(path: Path) -> bytes:
    """Return the ASDF file inside a product."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        return bytes(hdus["ASDF"].data.tobytes())


def describe(path: Path, extents: Sequence[tuple[int, int]]) -> str:
    """Return one line on a product."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        count = len(hdus)
    tree = embedded_asdf(path)
    text = len(tree.partition(b"\n...")[0])
    return (
        f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {count} HDUs, "
        f"{text / 1e6:.2f} MB of YAML, "
        f"{sum(length for _, length in extents) / 1e6:.2f} MB of headers and tree"
    )


# ----------------------------------------------------------------------
# The run


def rows(
    products: corpus.Corpus, wanted: Sequence[str], *, quick: bool
) -> dict[str, Callable[[], Row]]:
    """Return what makes each row, by its name, in the order in which they are run.

    Rows are made late: each reads its product, and may never be asked for.
    """
    makers: dict[str, Callable[[], Row]] = {"import": import_row}
    miss_row = functools.partial(saving.miss_row, facts=model_facts)
    kinds: dict[str, Callable[[str, Path], Row]]
    kinds = {"open": open_row, "metadata": metadata_row, "tree": tree_row, "miss": miss_row}
    for kind, row in kinds.items():
        for name in PRODUCTS:
            made = functools.partial(row, name, products.paths(name)[0])
            slow = name in SLOW and not quick
            makers[f"{kind} {name}"] = functools.partial(sat_out, made) if slow else made
    makers["open small"] = functools.partial(many_row, products.paths("small"))
    for name in ("image", "mos"):
        path = products.paths(name)[0]
        makers[f"save {name}"] = functools.partial(saving.save_row, name, path, model_facts)
        makers[f"drop-in save {name}"] = functools.partial(dropin.save_row, name, path, model_facts)
    for name in ("image", "mos", "x1d"):
        path = products.paths(name)[0]
        makers[f"drop-in open {name}"] = functools.partial(dropin.open_row, name, path, model_facts)
    makers["drop-in wcs mos"] = functools.partial(dropin.wcs_row, products.paths("mos")[0])
    makers["edit image"] = functools.partial(saving.edit_row, products.paths("image")[0])
    makers.update(compressed.makers(quick=quick))
    makers |= pixels.makers(products.size == corpus.QUICK, checksum)
    makers["scan"] = functools.partial(scanning.scan_row, products.paths("small"))
    return {
        name: maker
        for name, maker in makers.items()
        if not wanted or any(matches(name, want) for want in wanted)
    }


def matches(name: str, wanted: str) -> bool:
    """Tell whether a row is meant by ``open``, by ``mos`` or by ``open mos``."""
    return wanted == name or wanted in name.split()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="run.py", description="Time asdfits beside its peers.")
    parser.add_argument(
        "--quick", action="store_true", help="small products, one round: a test of the answers"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="import, open, mos, 'open mos' ...",
    )
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds (default: 7; quick: 1)")
    parser.add_argument(
        "--budget", type=float, default=20.0, help="seconds after which a slow reader stops (20)"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all samples there")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="write JSON, table and plot there (default: benches/results after a run of everything)",
    )
    parser.add_argument(
        "--compare", type=Path, metavar="PATH", help="exit with 3 if a ratio got worse than there"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=report.TOLERANCE,
        metavar="X",
        help=f"how many times worse a ratio may be ({report.TOLERANCE})",
    )
    parser.add_argument(
        "--dir", type=Path, help="the corpus (default: .cache/corpus of the repository)"
    )
    options = parser.parse_args(arguments)
    try:
        stored = report.load(options.compare) if options.compare is not None else None
    except (OSError, ValueError) as error:
        parser.error(str(error))

    versions = installed(("asdfits", *PEERS, "numpy"))
    products = corpus.at(options.dir, quick=options.quick)
    makers = rows(products, options.only, quick=options.quick)
    if not makers:
        parser.error(f"no row is called {' or '.join(options.only)}")
    # The many small ones take a while to make, and only two rows read them.
    needed = [n for n in products.names if any(matches(row, n) for row in makers)]
    if "scan" in makers and "small" not in needed:
        needed.append("small")
    corpus.make(products, needed)
    for path in (path for name in needed for path in products.paths(name)):
        path.read_bytes()  # into the page cache
    print()

    found, wrong = run(list(makers.values()), versions, options)
    results = {"environment": environment(versions), "quick": options.quick, "rows": found}
    if options.json is not None:
        options.json.write_text(report.as_json(results))
    # A part of the rows, or small products, do not replace the results of everything.
    whole = not (options.quick or options.only or stored or wrong)
    folder = options.results or (report.FOLDER if whole else None)
    if folder is not None:
        print("\n".join(report.write(results, folder)))
    status = 0
    if stored is not None:
        status, lines = report.compare(results, stored, options.tolerance)
        print("\n".join(lines))
    return 1 if wrong else status


def run(
    makers: Sequence[Callable[[], Row]], versions: dict[str, str], options: argparse.Namespace
) -> tuple[list[dict[str, Any]], int]:
    """Run the rows; return what they found, and how many had a wrong answer."""
    found, wrong = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for maker in makers:
            row = maker()
            if options.quick:
                row.target = None  # targets are set for full products
            repeat = options.repeat or (1 if options.quick else 7)
            try:
                found.append(
                    run_row(
                        row,
                        versions,
                        repeat,
                        options.budget,
                        weighed=not options.quick or options.results is not None,
                    )
                )
            except AssertionError as error:
                # Not timed, as a wrong answer has no time; the other rows still have one.
                print(f"WRONG ANSWER in {error}\n", flush=True)
                wrong += 1
    return found, wrong


if __name__ == "__main__":
    sys.exit(main())
