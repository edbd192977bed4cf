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
import gc
import hashlib
import importlib
import importlib.metadata
import io
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# The script's own directory comes first when it is run by its name, but not as a module.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import compressed
import corpus
import dropin
import pixels
import saving
import scanning
from contest import Contestant, Facts, Row, Target, Timing, seconds

PRODUCTS = ("image", "mos", "x1d")

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

MARGIN = 1e-12
"""Relative difference that two readers may show who read a number from different texts of it."""


KEPT = "history."
"""Where asdfits may know more than stdatamodels, which reads the history from the FITS cards and so
loses the time of an entry, its software, and the list of extensions."""


# ----------------------------------------------------------------------
# Answers


def checksum(array: Any) -> tuple[tuple[int, ...], str, int]:
    """Return shape, kind of number and CRC of an array's values, whatever its byte order."""
    values = np.asarray(array)
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return values.shape, values.dtype.str[1:], zlib.crc32(values.tobytes())


def model_facts(model: Any, name: str) -> Facts:
    """Return what an open model says of itself; works for asdfits and for stdatamodels."""
    facts: Facts = {"class": type(model).__name__}
    for path in KEYWORDS:
        if path != "class":
            facts[path] = functools.reduce(getattr, path.split("."), model)
    match name:
        case "image":
            facts["data"], facts["dq"] = checksum(model.data), checksum(model.dq)
        case "mos":
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
        case "image":
            facts["data"], facts["dq"] = checksum(hdus["SCI"].data), checksum(hdus["DQ"].data)
        case "mos":
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


def plain_facts(flat: Mapping[str, Any]) -> Facts:
    """Return a flat dictionary with arrays as shapes and objects as a mark.

    A WCS isn't looked into: a reader that builds it only when asked need not do so here.
    """
    facts: Facts = {}
    for key, value in flat.items():
        if value is None or isinstance(value, bool | int | float | str):
            facts[key] = value
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            facts[key] = ("array", tuple(value.shape))
        else:
            facts[key] = ("object",)
    return facts


def flatten(tree: Any, path: str = "") -> Facts:
    """Return a tree as one dictionary with dotted keys, as ``to_flat_dict`` does."""
    if isinstance(tree, Mapping):
        items: Iterable[tuple[Any, Any]] = tree.items()
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        return {path: tree} if tree is not None else {}
    facts: Facts = {}
    for key, value in items:
        facts.update(flatten(value, f"{path}.{key}" if path else str(key)))
    return facts


def disagreement(given: Facts, expected: Facts, *, exact: bool) -> str | None:
    """Say where two answers differ; None if they don't.

    Parameters
    ----------
    given, expected : dict
        The answers.
    exact : bool
        Whether both must have the same keys (`KEPT` ones aside), and values of the same type
        and every digit.
        Without it only keys in both are compared, and numbers may differ in the last digits: a
        FITS card has fewer than the tree.
    """
    if exact:
        missing = sorted(expected.keys() - given.keys())
        extra = sorted(key for key in given.keys() - expected.keys() if not key.startswith(KEPT))
        if missing or extra:
            return f"{len(missing)} keys missing {missing[:5]}, {len(extra)} too many {extra[:5]}"
    shared = given.keys() & expected.keys()
    if not shared:
        return "the answers have nothing in common"
    for key in sorted(shared):
        mine, theirs = given[key], expected[key]
        if isinstance(mine, float) and isinstance(theirs, float):
            same = math.isclose(mine, theirs, rel_tol=0 if exact else MARGIN, abs_tol=0)
            same = same or (math.isnan(mine) and math.isnan(theirs))
        else:
            same = bool(mine == theirs) and (not exact or type(mine) is type(theirs))
        if not same:
            return f"{key} is {mine!r}, expected {theirs!r}"
    return None


# ----------------------------------------------------------------------
# Readers


def import_row() -> Row:
    """Return the row ``import``."""

    def contestant(name: str, statement: str, package: str, *, floor: bool = False) -> Contestant:
        command = [sys.executable, "-I", "-c", statement]
        return Contestant(name, lambda: subprocess.run(command, check=True), package, floor=floor)

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
                "astropy, one keyword", one_keyword, "astropy", lambda: {"class": one_keyword()}
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


# ----------------------------------------------------------------------
# Floors


def extents_of(path: Path) -> list[tuple[int, int]]:
    """Return (position, length) in bytes of what a reader must see: all headers, at last the tree.

    Headers that touch are one extent. The last extent is the ASDF extension with its header.
    """
    from astropy.io import fits

    extents: list[tuple[int, int]] = []
    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            info = hdu.fileinfo()
            start, end = info["hdrLoc"], info["datLoc"]
            if hdu.name == "ASDF":
                end += hdu.header["NAXIS1"]
            elif extents and sum(extents[-1]) == start:
                start, _ = extents.pop()
            extents.append((start, end - start))
    return extents


def embedded_asdf(path: Path) -> bytes:
    """Return the ASDF file inside a product."""
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        return bytes(hdus["ASDF"].data.tobytes())


def floors(path: Path, extents: Sequence[tuple[int, int]]) -> list[Contestant]:
    """Return the floors of a row that reads headers and tree.

    The second one also takes the hash of the headers, as every reader has to that wants to know
    whether the tree still speaks for them.
    """

    def read() -> list[bytes]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return [os.pread(descriptor, length, start) for start, length in extents]
        finally:
            os.close(descriptor)

    def read_and_hash() -> str:
        return hashlib.sha256(b"".join(read()[:-1])).hexdigest()

    return [
        Contestant("floor: pread headers and tree", read, "", floor=True),
        Contestant("floor: and SHA-256 of headers", read_and_hash, "", floor=True),
    ]


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
# Timing


def assert_answers(row: Row) -> list[str]:
    """Let every reader of a row answer and compare the answers; return who was compared.

    The reference implementation decides; without it, the first reader that answers does.

    Raises
    ------
    AssertionError
        If two answers differ, or a reader has none.
    """
    answers: dict[str, Facts] = {}
    for contestant in row.contestants:
        if contestant.answer is not None:
            try:
                with contestant.around():
                    answers[contestant.name] = contestant.answer()
            except Exception as error:
                raise AssertionError(f"{row.name}: {contestant.name}: {error!r}") from error
    if not answers:
        return []
    reference = "stdatamodels" if "stdatamodels" in answers else next(iter(answers))
    for name, facts in answers.items():
        exact = row.exact and name == "asdfits" and reference == "stdatamodels"
        difference = disagreement(facts, answers[reference], exact=exact)
        if difference is not None:
            raise AssertionError(f"{row.name}: {name} and {reference} disagree: {difference}")
    return list(answers)


def measure(function: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds of one call; children that it waits for count."""
    gc.collect()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, cpu + after.ru_utime - children.ru_utime + after.ru_stime - children.ru_stime


def time_row(row: Row, repeat: int, budget: float) -> dict[str, Timing]:
    """Time the readers of a row in turns.

    Parameters
    ----------
    row : Row
        The row.
    repeat : int
        How many rounds.
    budget : float
        Seconds after which a reader sits the other rounds out; each has at least one.

    Returns
    -------
    dict
        Timings by the name of the reader.
    """
    timings = {contestant.name: Timing() for contestant in row.contestants}
    for number in range(repeat):
        # Another reader begins each round, so that none always follows the same one.
        first = number % len(row.contestants)
        for contestant in row.contestants[first:] + row.contestants[:first]:
            timing = timings[contestant.name]
            if sum(timing.wall) < budget:
                with contestant.around():
                    wall, cpu = measure(contestant.run)
                timing.wall.append(wall)
                timing.cpu.append(cpu)
    return timings


# ----------------------------------------------------------------------
# Output


def ratio(value: float, to: float | None) -> str:
    """Return a ratio, or a dash where there is nothing to compare to."""
    if to is None:
        return "-"
    result = value / to
    return (
        f"{result:,.0f}x" if result >= 10 else f"{result:.2g}x" if result < 1 else f"{result:.2f}x"
    )


def table(row: Row, timings: Mapping[str, Timing], versions: Mapping[str, str]) -> list[str]:
    """Return the lines of a row's table."""
    floor = next((timings[c.name].median for c in row.contestants if c.floor), None)
    own = timings["asdfits"].median if "asdfits" in timings else None
    lines = [f"{row.name}  ({row.subject})"]
    lines.append(
        f"  {'':36}{'median':>10}{'CPU':>10}{'best':>10}{'n':>4}{'/asdfits':>11}{'/floor':>11}"
    )
    for contestant in row.contestants:
        timing = timings[contestant.name]
        version = versions.get(contestant.package.partition(".")[0], "")
        label = (
            contestant.name if contestant.floor else contestant.name.replace(",", f" {version},", 1)
        )
        if version and not contestant.floor and "," not in contestant.name:
            label = f"{label} {version}"
        lines.append(
            f"  {label:36}{seconds(timing.median):>10}{seconds(timing.median_cpu):>10}"
            f"{seconds(min(timing.wall)):>10}{len(timing.wall):>4}"
            f"{ratio(timing.median, own):>11}{ratio(timing.median, floor):>11}"
        )
    return lines


def judge(target: Target, timings: Mapping[str, Timing]) -> dict[str, Any] | None:
    """Return whether a row met its target; None if one of the two readers is missing."""
    if "asdfits" not in timings or (target.limit is None and target.peer not in timings):
        return None
    limit = target.limit
    if limit is None:
        limit = timings[target.peer].median / target.ratio + target.extra
    reached = timings["asdfits"].median
    return {"text": str(target), "limit": limit, "reached": reached, "met": reached < limit}


def environment(versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what a reader of the figures has to know about the machine."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": dict(versions),
    }


def processor() -> str:
    """Return the processor's own name for itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), ""
    )


# ----------------------------------------------------------------------
# The run


def rows(products: corpus.Corpus, wanted: Sequence[str], *, quick: bool) -> list[Callable[[], Row]]:
    """Return what makes each row, in the order in which they are run.

    Rows are made late: each reads its product, and may never be asked for.
    """
    makers: dict[str, Callable[[], Row]] = {"import": import_row}
    for kind, row in (("open", open_row), ("metadata", metadata_row), ("tree", tree_row)):
        for name in PRODUCTS:
            makers[f"{kind} {name}"] = functools.partial(row, name, products.paths(name)[0])
    for name in ("image", "mos"):
        path = products.paths(name)[0]
        makers[f"save {name}"] = functools.partial(saving.save_row, name, path, model_facts)
        makers[f"miss {name}"] = functools.partial(saving.miss_row, name, path, model_facts)
        makers[f"drop-in save {name}"] = functools.partial(dropin.save_row, name, path, model_facts)
    for name in PRODUCTS:
        path = products.paths(name)[0]
        makers[f"drop-in open {name}"] = functools.partial(dropin.open_row, name, path, model_facts)
    makers["drop-in wcs mos"] = functools.partial(dropin.wcs_row, products.paths("mos")[0])
    makers["edit image"] = functools.partial(saving.edit_row, products.paths("image")[0])
    makers.update(compressed.makers(quick=quick))
    makers |= pixels.makers(products.size == corpus.QUICK, checksum)
    makers["scan"] = functools.partial(scanning.scan_row, products.paths("small"))
    return [
        maker
        for name, maker in makers.items()
        if not wanted or any(matches(name, want) for want in wanted)
    ]


def matches(name: str, wanted: str) -> bool:
    """Tell whether a row is meant by ``open``, by ``mos`` or by ``open mos``."""
    return wanted == name or wanted in name.split()


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that can be imported; print which cannot."""
    versions = {}
    for package in packages:
        try:
            importlib.import_module(package)
            versions[package] = importlib.metadata.version(package)
        except (ImportError, importlib.metadata.PackageNotFoundError) as error:
            print(f"{package} is skipped: {error}")
    return versions


def run_row(row: Row, versions: Mapping[str, str], repeat: int, budget: float) -> dict[str, Any]:
    """Check, time and print one row; return it for the JSON file."""
    row.contestants = [c for c in row.contestants if c.package.partition(".")[0] in ("", *versions)]
    compared = assert_answers(row)
    timings = time_row(row, repeat, budget)
    print("\n".join(table(row, timings, versions)))
    if compared:
        print(f"  same answers: {'; '.join(compared)}")
    targets = row.target if isinstance(row.target, list) else [row.target] if row.target else []
    verdicts = [judge(target, timings) for target in targets]
    for target, verdict in zip(targets, verdicts, strict=True):
        if verdict is not None:
            reached = "met" if verdict["met"] else "MISSED"
            print(f"  target {verdict['text']} = {seconds(verdict['limit'])}: {reached}")
        else:
            print(f"  target {target}")
    print(flush=True)
    return {
        "name": row.name,
        "subject": row.subject,
        "same_answers": compared,
        "target": verdicts[0] if len(verdicts) == 1 else verdicts or None,
        "readers": {
            name: {"wall": timing.wall, "cpu": timing.cpu, "median": timing.median}
            for name, timing in timings.items()
        },
    }


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
        "--dir", type=Path, help="the corpus (default: .cache/corpus of the repository)"
    )
    parser.add_argument(
        "--peers-only", action="store_true", help="run although asdfits isn't installed"
    )
    options = parser.parse_args(arguments)

    versions = installed(("asdfits", "stdatamodels", "asdf", "astropy", "fitsio", "numpy"))
    if "asdfits" not in versions and not options.peers_only:
        print("asdfits is not installed; --peers-only measures the others")
        return 2
    products = corpus.at(options.dir, quick=options.quick)
    makers = rows(products, options.only, quick=options.quick)
    if not makers:
        parser.error(f"no row is called {' or '.join(options.only)}")
    # The many small ones take a while to make, and only one row reads them.
    names: tuple[str, ...] = PRODUCTS if options.only != ["scan"] else ()
    if not options.only or any(matches("scan", want) for want in options.only):
        names = (*names, "small")
    corpus.make(products, names)
    for name in names:
        for path in products.paths(name):
            path.read_bytes()  # into the page cache
    print()

    results, wrong = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for maker in makers:
            row = maker()
            if options.quick:
                row.target = None  # targets are set for full products
            repeat = options.repeat or (1 if options.quick else 7)
            try:
                results.append(run_row(row, versions, repeat, options.budget))
            except AssertionError as error:
                # Not timed, as a wrong answer has no time; the other rows still have one.
                print(f"WRONG ANSWER in {error}\n", flush=True)
                wrong += 1
    if options.json is not None:
        report = {"environment": environment(versions), "quick": options.quick, "rows": results}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
