"""Small faulty and odd files, each named by its fault, with what must happen to it.

Run as ``python tests/data/make.py DIR`` it writes them all; tests import `FAULTS`.
"""

from __future__ import annotations

import gzip
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asdfits import sample
from asdfits.errors import (
    FormatError,
    FormatWarning,
    NoTypeWarning,
    UnsupportedError,
    ValidationWarning,
)

BLOCK = 2880
ROOT = "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n"
ROOT += "--- !core/asdf-1.1.0\n"


@dataclass(frozen=True)
class Fault:
    """A file and what must happen to it."""

    content: bytes
    model: str = "ImageModel"
    """The class that it opens as, unless opening raises."""
    opening: type[Exception] | None = None
    """What opening raises."""
    warns: type[Warning] | None = None
    """What opening warns of; nothing if None."""
    touching: type[Exception] | None = None
    """What touching `path` raises."""
    flattening: type[Exception] | None = None
    """What a flat dict of the model, or of its metadata, raises."""
    path: str = "data"
    says: str = ""
    """Pattern of the message of any of these."""


def spliced(content: bytes, keyword: str, card: bytes, extname: str = "PRIMARY") -> bytes:
    """Return `content` with the first card of a keyword, in the HDU of that name, replaced."""
    start = 0 if extname == "PRIMARY" else header_at(content, extname)
    at = content.index(f"{keyword:<8}= ".encode(), start)
    return content[:at] + card.ljust(80)[:80] + content[at + 80 :]


def header_at(content: bytes, extname: str) -> int:
    """Return the byte at which the extension of that name starts."""
    name = content.index(f"EXTNAME = '{extname}".encode())
    return content.rindex(b"XTENSION", 0, name)


def resized(content: bytes, keyword: str, value: object, extname: str = "SCI") -> bytes:
    """Return `content` with the value of a card replaced, in free format."""
    return spliced(content, keyword, f"{keyword:<8}= {value}".encode(), extname)


PRIMARY: list[sample.Card] = [("TELESCOP", "JWST")]
MANDATORY: list[sample.Card] = [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]


def typed(model: str, *more: sample.Card) -> list[sample.Card]:
    """Return the cards of a primary header that names a class."""
    return [("DATAMODL", model), *PRIMARY, *more]


def tree_of(yaml: str, model: str = "JwstDataModel") -> bytes:
    """Return a product without images whose tree is this."""
    return sample.product(typed(model), [], yaml)


def plain(hdu: bytes, model: str = "ImageModel", *more: bytes) -> bytes:
    """Return a file without a tree."""
    return b"".join([sample.header([*MANDATORY, *typed(model)]), hdu, *more])


def ramp(shape: tuple[int, ...] = (3, 4)) -> np.ndarray:
    """Return numbers that differ from pixel to pixel."""
    return np.arange(np.prod(shape), dtype="f4").reshape(shape)


def slit(version: int) -> bytes:
    """Return the SCI extension of one slit."""
    return sample.image("SCI", ramp() + version, version, ("SLTNAME", f"S{version}"))


def table(cards: list[sample.Card], row: int, rows: int, data: bytes = b"") -> bytes:
    """Return a BINTABLE extension."""
    shape = [("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", row)]
    shape += [("NAXIS2", rows), ("PCOUNT", 0), ("GCOUNT", 1), *cards, ("EXTNAME", "ODD")]
    return sample.header(shape) + sample.padded(data)


def with_block(
    node: str, sizes: tuple[int, int, int], data: bytes, kind: bytes = b"\0" * 4
) -> bytes:
    """Return a product whose tree has one array in one binary block of these sizes."""
    block = b"\xd3BLK" + struct.pack(">HI4sQQQ16s", 48, 0, kind, *sizes, b"\0" * 16) + data
    text = f"{ROOT}extra: !core/ndarray-1.1.0\n  {node}\nmeta: {{telescope: JWST}}\n...\n"
    primary = sample.header([*MANDATORY, *typed("JwstDataModel")])
    return primary + sample.asdf_hdu(text.encode() + block)


def _files() -> dict[str, Fault]:
    good = sample.image_product()
    asdf_at = good.index(b"#ASDF 1.0.0")
    yaml = good[asdf_at : good.rindex(b"...\n") + 4]
    before = good[: header_at(good, "ASDF")]
    float32 = "{source: 0, datatype: float32, byteorder: little, shape: [4]}"
    sixteen = (16, 16, 16)
    end = b"END".ljust(80)
    return {
        # -- the file as a whole
        "empty.fits": Fault(b"", opening=FormatError, says="byte 0: the file is empty"),
        "text.fits": Fault(
            b"This is no FITS file.\n" * 200,
            opening=FormatError,
            says="byte 0: found `This is n`, expected `SIMPLE  =`",
        ),
        "gzip-cut.fits.gz": Fault(
            gzip.compress(good, mtime=0)[:2000], opening=FormatError, says="gzip"
        ),
        "gzip-of-text.fits.gz": Fault(
            gzip.compress(b"no FITS", mtime=0), opening=FormatError, says="byte 0: found `no FITS`"
        ),
        "asdf-alone.fits": Fault(yaml, warns=FormatWarning, says="links to `fits:SCI,1`"),
        "trailing-bytes.fits": Fault(
            good + b"more" * 9, warns=FormatWarning, says=f"byte {len(good)}: 36 bytes after"
        ),
        "trailing-blank-block.fits": Fault(good + b" " * BLOCK),
        "trailing-zero-bytes.fits": Fault(good + bytes(77)),
        "cut-inside-sci.fits": Fault(
            good[: header_at(good, "ERR") - 2900],
            warns=FormatWarning,
            touching=FormatError,
            says=r"byte \d+: HDU 1 \(SCI\) announces 3072 bytes|3072 bytes are announced",
        ),
        # -- headers
        "no-end-card.fits": Fault(
            good.replace(end, b" " * 80), opening=FormatError, says="no END card"
        ),
        "no-end-card-in-extension.fits": Fault(
            before[: header_at(good, "SCI")] + before[header_at(good, "SCI") :].replace(end, b""),
            warns=FormatWarning,
            says="no END card",
        ),
        "first-card-not-simple.fits": Fault(
            b"SIMPLY  =" + good[9:], opening=FormatError, says="byte 0: found `SIMPLY  =`"
        ),
        "bitpix-of-12.fits": Fault(
            resized(good, "BITPIX", 12, "PRIMARY"),
            opening=FormatError,
            says=r"byte 80: BITPIX must be one of .*, found `BITPIX  = 12`",
        ),
        "bitpix-of-12-in-extension.fits": Fault(
            resized(good, "BITPIX", 12), warns=FormatWarning, says="BITPIX must be one of"
        ),
        "negative-naxis.fits": Fault(
            resized(good, "NAXIS", -1, "PRIMARY"),
            opening=FormatError,
            says="NAXIS must be an integer of at least 0, found `NAXIS   = -1`",
        ),
        "negative-naxis1.fits": Fault(
            resized(good, "NAXIS1", -32), warns=FormatWarning, says="found `NAXIS1  = -32`"
        ),
        "naxis-of-1000.fits": Fault(
            resized(good, "NAXIS", 1000, "PRIMARY"), opening=FormatError, says="at most 999"
        ),
        "naxis1-missing.fits": Fault(
            resized(good, "NAXIS1", 32).replace(b"NAXIS1  = 32", b"NOAXIS  = 32", 1),
            warns=FormatWarning,
            says="no NAXIS1 card",
        ),
        "naxis1-is-text.fits": Fault(
            resized(good, "NAXIS1", "'wide'"), warns=FormatWarning, says="found `NAXIS1  = 'wide'`"
        ),
        "naxis1-of-1e18.fits": Fault(
            resized(good, "NAXIS1", 10**18),
            warns=FormatWarning,
            says=r"must be a size below 2\^64 bytes",
        ),
        "naxis1-of-1e15.fits": Fault(
            resized(good, "NAXIS1", 10**15),
            warns=FormatWarning,
            touching=FormatError,
            says="96000000000000000 bytes",
        ),
        "naxis-product-over-2e64.fits": Fault(
            resized(resized(good, "NAXIS1", 10**18), "NAXIS2", 10**18),
            warns=FormatWarning,
            says="a size below 2",
        ),
        "pcount-beyond-file.fits": Fault(
            resized(good, "PCOUNT", 10**12),
            warns=FormatWarning,
            touching=FormatError,
            says="4000000003072 bytes",
        ),
        "gcount-negative.fits": Fault(
            resized(good, "GCOUNT", -1), warns=FormatWarning, says="GCOUNT must be an integer"
        ),
        "card-no-closing-quote.fits": Fault(
            spliced(good, "TARGNAME", b"TARGNAME= 'SAMPLE-1 / Name of the target")
        ),
        "card-not-ascii.fits": Fault(
            spliced(good, "TARGNAME", "TARGNAME= 'NGC 1°'".encode("latin-1"))
        ),
        "card-of-control-characters.fits": Fault(spliced(good, "TARGNAME", b"TARGNAME= 'a\tb\0c'")),
        "card-text-for-a-number.fits": Fault(
            resized(good, "NGROUPS", "'six'", "PRIMARY"),
            warns=ValidationWarning,
            says="(?s)meta.exposure.ngroups .*'six' is not of type 'integer'.*keyword NGROUPS",
        ),
        "card-nan-for-a-number.fits": Fault(
            resized(good, "EFFEXPTM", "NaN", "PRIMARY"),
            warns=ValidationWarning,
            says="is not of type 'number'",
        ),
        "card-integer-of-30-digits.fits": Fault(
            resized(good, "NGROUPS", 10**29, "PRIMARY"),
            warns=ValidationWarning,
            says="too large to safely represent",
        ),
        "continue-without-string.fits": Fault(spliced(good, "TITLE", b"CONTINUE  'left alone'")),
        "lower-case-keyword.fits": Fault(spliced(good, "PI_NAME", b"pi_name = 'Ada'")),
        # -- which HDU is which
        "unknown-datamodl.fits": Fault(
            resized(good, "DATAMODL", "'NoSuchModel'", "PRIMARY"),
            warns=NoTypeWarning,
            says="model_type not found. Opening .* as a ImageModel",
        ),
        "datamodl-misspelt.fits": Fault(
            resized(good, "DATAMODL", "'CubeModels'", "PRIMARY"),
            warns=NoTypeWarning,
            says="as a ImageModel",
        ),
        "no-datamodl-no-image.fits": Fault(
            sample.product(PRIMARY, [], "meta: {telescope: JWST}\n"),
            model="JwstDataModel",
            warns=NoTypeWarning,
            says="as a JwstDataModel",
        ),
        "no-datamodl-image-of-5-axes.fits": Fault(
            sample.product(PRIMARY, [sample.image("SCI", ramp((1, 1, 1, 2, 2)))], "meta: {}\n"),
            opening=TypeError,
            says="no data model has a SCI array of 5 dimensions",
        ),
        "duplicate-extname.fits": Fault(
            plain(sample.image("SCI", ramp()), "ImageModel", sample.image("SCI", ramp() + 100))
        ),
        "extver-gap.fits": Fault(plain(slit(1), "MultiSlitModel", slit(3)), model="MultiSlitModel"),
        "extver-of-zero.fits": Fault(plain(slit(0), "MultiSlitModel"), model="MultiSlitModel"),
        "extver-of-1e9.fits": Fault(
            plain(slit(1), "MultiSlitModel", slit(10**9)),
            model="MultiSlitModel",
            warns=FormatWarning,
            says=r"HDU 2 \(SCI,1000000000\).*EXTVER",
        ),
        "extver-of-2e63.fits": Fault(
            plain(slit(1), "MultiSlitModel", slit(2**63 - 1)),
            model="MultiSlitModel",
            warns=FormatWarning,
            says="EXTVER",
        ),
        "extname-missing.fits": Fault(
            plain(sample.image("", ramp()), "ImageModel", sample.image("SCI", ramp()))
        ),
        "link-to-missing-hdu.fits": Fault(
            sample.product(
                typed("ImageModel"),
                [],
                "data: !core/ndarray-1.1.0 {source: 'fits:SCI,1', datatype: float32, shape: [2, 2]}\n",
            ),
            warns=FormatWarning,
            says="the tree links to `fits:SCI,1`, but the file has no such HDU",
        ),
        "link-to-hdu-without-data.fits": Fault(
            resized(good, "NAXIS", 0).replace(b"NAXIS1  =", b"NOAXIS1 =", 1)[
                : header_at(good, "SCI") + BLOCK
            ]
            + before[header_at(good, "ERR") :]
            + good[header_at(good, "ASDF") :]
        ),
        # -- what the data are
        "sci-of-3-axes.fits": Fault(
            plain(sample.image("SCI", ramp((2, 3, 4)))),
            touching=ValueError,
            says=r"HDU 1 \(SCI,1\): Array has wrong number of dimensions.  Expected 2, got 3",
        ),
        "table-for-an-image.fits": Fault(
            plain(table([("TFIELDS", 1), ("TFORM1", "E")], 4, 2, bytes(8)).replace(b"ODD", b"SCI")),
            touching=ValueError,
            says="expected an image of float32, found a table",
        ),
        "table-form-unknown.fits": Fault(
            plain(table([("TFIELDS", 1), ("TFORM1", "Z")], 4, 2, bytes(8))),
            touching=FormatError,
            path="extra_fits.ODD.data",
            says="TFORM1 must be a repeat count and one of",
        ),
        "table-form-missing.fits": Fault(
            plain(table([("TFIELDS", 2), ("TFORM1", "E")], 4, 2, bytes(8))),
            touching=FormatError,
            path="extra_fits.ODD.data",
            says="TFORM2 must be",
        ),
        "table-columns-beyond-row.fits": Fault(
            plain(table([("TFIELDS", 1), ("TFORM1", "3D")], 4, 2, bytes(8))),
            touching=FormatError,
            path="extra_fits.ODD.data",
            says="NAXIS1 is 4, but the columns take 24 bytes",
        ),
        "table-form-of-2e64.fits": Fault(
            plain(table([("TFIELDS", 1), ("TFORM1", f"{2**63}D")], 4, 2, bytes(8))),
            touching=FormatError,
            path="extra_fits.ODD.data",
            says="TFORM1 must be|the columns take",
        ),
        "table-of-1e15-rows.fits": Fault(
            plain(table([("TFIELDS", 1), ("TFORM1", "E")], 4, 10**15, bytes(8))),
            warns=FormatWarning,
            touching=FormatError,
            path="extra_fits.ODD.data",
            says="4000000000000000 bytes",
        ),
        "table-of-1e15-empty-rows.fits": Fault(
            plain(table([("TFIELDS", 0)], 0, 10**15)),
            path="extra_fits.ODD.data",
        ),
        "table-with-tfields-of-1000.fits": Fault(
            plain(table([("TFIELDS", 1000)], 4, 2, bytes(8))),
            touching=FormatError,
            path="extra_fits.ODD.data",
            says="TFIELDS must be at most 999",
        ),
        "xtension-of-its-own.fits": Fault(
            plain(
                sample.image("ODD", ramp()).replace(b"'IMAGE   '", b"'FOREIGN '"),
                "ImageModel",
                sample.image("SCI", ramp()),
            )
        ),
        # -- where the tree stands
        "asdf-missing.fits": Fault(before),
        "asdf-as-image.fits": Fault(before + sample.image("ASDF", np.frombuffer(yaml, "u1"))),
        "asdf-as-own-xtension.fits": Fault(
            before
            + sample.image("ASDF", np.frombuffer(yaml, "u1")).replace(b"'IMAGE   '", b"'ASDF    '")
        ),
        "asdf-in-lower-case.fits": Fault(good.replace(b"'ASDF    '", b"'asdf    '")),
        "asdf-twice.fits": Fault(good + tree_of("meta: {telescope: HST}\n")[BLOCK:]),
        "asdf-of-no-bytes.fits": Fault(
            before + sample.image("ASDF", np.zeros(0, "u1")), opening=FormatError, says="ASDF"
        ),
        "asdf-is-garbage.fits": Fault(
            before + sample.asdf_hdu(b"no ASDF at all\n"), opening=FormatError, says=r"\(ASDF,1\)"
        ),
        "asdf-cut-inside-yaml.fits": Fault(
            good[: asdf_at + 1000], opening=FormatError, says=r"HDU 4 \(ASDF,1\): byte \d+"
        ),
        "asdf-of-comments-alone.fits": Fault(
            before + sample.asdf_hdu(ROOT[: ROOT.index("%YAML")].encode())
        ),
        # -- the text of the tree
        "yaml-not-indented.fits": Fault(
            tree_of("meta:\n  a: 1\n b: 2\n"), opening=FormatError, says=r"byte \d+"
        ),
        "yaml-flow-not-closed.fits": Fault(
            tree_of("meta: {a: 1\n"), opening=FormatError, says=r"byte \d+"
        ),
        "yaml-unknown-alias.fits": Fault(
            tree_of("meta: *id001\n"),
            opening=FormatError,
            says=r"byte \d+: .*an alias that no earlier anchor names",
        ),
        "yaml-with-tab.fits": Fault(
            tree_of("meta:\n\ta: 1\n"), opening=FormatError, says=r"byte \d+"
        ),
        "yaml-not-utf8.fits": Fault(
            tree_of("meta: {a: XX}\n").replace(b"XX", b"\xff\xfe"),
            opening=FormatError,
            says=r"byte \d+",
        ),
        "yaml-of-50000-levels.fits": Fault(
            tree_of("a: " + "[" * 50000 + "]" * 50000 + "\n"), opening=FormatError, says=r"byte \d+"
        ),
        "yaml-alias-to-itself.fits": Fault(
            tree_of("a: &id001 [*id001]\nmeta: {telescope: JWST}\n"),
            model="JwstDataModel",
            flattening=ValueError,
            says="the tree contains itself at a.0.0",
        ),
        "yaml-of-python-code.fits": Fault(
            tree_of("a: !!python/object/apply:os.getcwd []\n"), model="JwstDataModel"
        ),
        "root-is-a-list.fits": Fault(
            tree_of("").replace(b"asdf_library: ", b"-".ljust(14)), model="JwstDataModel"
        ),
        "meta-is-a-list.fits": Fault(tree_of("meta: [1, 2]\n"), model="JwstDataModel"),
        "meta-is-text.fits": Fault(tree_of("meta: text\n"), model="JwstDataModel"),
        "history-is-text.fits": Fault(
            sample.product(typed("ImageModel", ("HISTORY", "made")), [], "history: text\n")
        ),
        "keys-are-numbers.fits": Fault(tree_of("1: {2: 3}\n"), model="JwstDataModel"),
        # -- binary blocks
        "block-claims-2e63-bytes.fits": Fault(
            with_block(float32, (2**63, 2**63, 2**63), bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="the block holds 16 bytes, its header announces 9223372036854775808",
        ),
        "block-header-cut.fits": Fault(
            with_block(float32, sixteen, bytes(16)).rstrip(b"\0")[:-30],
            opening=FormatError,
            says="the file ends within the header of a binary block",
        ),
        "block-missing.fits": Fault(
            with_block(float32.replace("0", "7", 1), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="the tree names binary block 7, but there are 1",
        ),
        "block-compression-unknown.fits": Fault(
            with_block(float32, sixteen, bytes(16), b"pack"),
            model="JwstDataModel",
            touching=UnsupportedError,
            path="extra",
            says="pack",
        ),
        "block-zlib-damaged.fits": Fault(
            with_block(float32, sixteen, bytes(16), b"zlib"),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="zlib",
        ),
        "array-beyond-block.fits": Fault(
            with_block(float32.replace("[4]", "[5]"), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="buffer is too small",
        ),
        "array-of-1e18.fits": Fault(
            with_block(float32.replace("[4]", f"[{10**18}]"), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="buffer is too small",
        ),
        "array-of-negative-shape.fits": Fault(
            with_block(float32.replace("[4]", "[-4]"), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="expected no negative number",
        ),
        "array-shape-is-text.fits": Fault(
            with_block(float32.replace("[4]", "wide"), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="cannot be made",
        ),
        "array-without-datatype.fits": Fault(
            with_block("{source: 0, shape: [4]}", sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="KeyError.'datatype'",
        ),
        "array-of-unknown-datatype.fits": Fault(
            with_block(float32.replace("float32", "float31"), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="unknown datatype 'float31'",
        ),
        "array-in-another-file.fits": Fault(
            with_block(float32.replace(": 0", ": other.asdf"), sixteen, bytes(16)),
            model="JwstDataModel",
            touching=FormatError,
            path="extra",
            says="other.asdf",
        ),
    }


FAULTS = _files()


def write(folder: Path, names: Callable[[str], bool] = lambda name: True) -> list[Path]:
    """Write the files into `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, fault in FAULTS.items():
        if names(name):
            paths.append(folder / name)
            paths[-1].write_bytes(fault.content)
    return paths


if __name__ == "__main__":
    print("\n".join(map(str, write(Path(sys.argv[1])))))
