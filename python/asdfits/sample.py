"""A small complete product, made from nothing: what the demo shows and the tests start from.

It is an image with errors, data quality, a WCS and a history, as the pipeline would write it, with
the tree, the links and the header hash of a real product. No other package is needed to make it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["asdf_hdu", "card", "header", "image", "image_product", "padded", "product"]

Card = tuple[str, Any] | tuple[str, Any, str]

NAME = "jw00001001001_01101_00001_nrca1_cal.fits"


def card(keyword: str, value: Any = None, comment: str = "") -> bytes:
    """Return one 80-byte card in fixed format (FITS 4.0 §4.2)."""
    if keyword in ("HISTORY", "COMMENT", ""):
        return f"{keyword:<8}{value or ''}".ljust(80).encode("ascii")
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        quoted = value.replace("'", "''")
        text = f"'{quoted:<8}'".ljust(20)
    elif value is None:
        text = ""
    else:
        text = f"{repr(value).upper():>20}"
    line = f"{keyword:<8}= {text}{f' / {comment}' if comment else ''}"
    if len(line) > 80:
        raise ValueError(f"{keyword} does not fit in one card")
    return line.ljust(80).encode("ascii")


def padded(data: bytes, filler: bytes = b"\0") -> bytes:
    """Return `data` filled up to whole 2880-byte blocks."""
    return data + filler * (-len(data) % 2880)


def header(cards: Iterable[Card]) -> bytes:
    """Return a header of these cards, END and padding."""
    return padded(b"".join(card(*each) for each in cards) + b"END".ljust(80), b" ")


def image(name: str, array: np.ndarray[Any, Any], version: int | None = None, *more: Card) -> bytes:
    """Return an IMAGE extension; unsigned integers take an offset (FITS 4.0 table 11)."""
    cards = _extension("IMAGE", _bitpix(array.dtype), array.shape)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        half = 2 ** (8 * array.dtype.itemsize - 1)
        cards += [("BSCALE", 1), ("BZERO", half)]
        array = (array ^ array.dtype.type(half)).view(f"i{array.dtype.itemsize}")
    cards.append(("EXTNAME", name))
    if version is not None:
        cards.append(("EXTVER", version))
    return header([*cards, *more]) + padded(array.astype(array.dtype.newbyteorder(">")).tobytes())


def _bitpix(dtype: np.dtype[Any]) -> int:
    return 8 * dtype.itemsize * (-1 if dtype.kind == "f" else 1)


def _extension(kind: str, bitpix: int, shape: tuple[int, ...]) -> list[Card]:
    axes = [(f"NAXIS{n}", size) for n, size in enumerate(reversed(shape), 1)]
    return [
        ("XTENSION", f"{kind:<8}"),
        ("BITPIX", bitpix),
        ("NAXIS", len(shape)),
        *axes,
        ("PCOUNT", 0),
        ("GCOUNT", 1),
    ]


def asdf_hdu(content: bytes) -> bytes:
    """Return the extension that holds an ASDF file: a table of one cell of bytes."""
    cards = [
        *_extension("BINTABLE", 8, (1, len(content))),
        ("TFIELDS", 1),
        ("TTYPE1", "ASDF_METADATA"),
        ("TFORM1", f"{len(content)}B"),
        ("EXTNAME", "ASDF"),
    ]
    return header(cards) + padded(content)


def product(primary: Iterable[Card], extensions: Iterable[bytes], tree: str) -> bytes:
    """Return a whole product.

    Parameters
    ----------
    primary
        Cards of the primary header after the mandatory ones.
    extensions
        The other HDUs, whole.
    tree
        YAML of the tree below its root, in which ``{hash}`` stands for the header hash.
    """
    mandatory: list[Card] = [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]
    hdus = [header([*mandatory, *primary]), *extensions]
    digest = hashlib.sha256()
    for hdu in hdus:
        end = next(at for at in range(0, len(hdu), 80) if hdu[at : at + 80] == b"END".ljust(80))
        digest.update(hdu[: end + 80 + -(end + 80) % 2880])
    text = _PROLOGUE + tree.replace("{hash}", digest.hexdigest()) + "...\n"
    return b"".join([*hdus, asdf_hdu(text.encode())])


def image_product(shape: tuple[int, int] = (24, 32)) -> bytes:
    """Return the bytes of a calibrated image of a made-up star field."""
    rng = np.random.default_rng(20221)
    data = rng.normal(0.3, 0.02, shape).astype("f4")
    for row, column in rng.uniform((0, 0), shape, (12, 2)):
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        data += (5 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 3)).astype("f4")
    err = np.sqrt(np.abs(data) * np.float32(0.01)).astype("f4")
    dq = np.zeros(shape, "u4")
    dq[0, :] = 2**31  # reference pixels
    dq[shape[0] // 2, shape[1] // 2] = 1
    extensions = [
        image("SCI", data, 1, ("BUNIT", "MJy/sr")),
        image("ERR", err, 1, ("BUNIT", "MJy/sr")),
        image("DQ", dq, 1),
    ]
    links = "".join(_LINK.format(path, name, kind, *shape) for path, name, kind in _ARRAYS)
    return product(_PRIMARY, extensions, f"_fits_hash: {{hash}}\n{links}{_TREE}")


_ARRAYS = (("data", "SCI", "float32"), ("dq", "DQ", "uint32"), ("err", "ERR", "float32"))

_LINK = """{}: !core/ndarray-1.1.0
  source: fits:{},1
  datatype: {}
  byteorder: big
  shape: [{}, {}]
"""

_PRIMARY: list[Card] = [
    ("DATE", "2026-01-31T12:00:00.000", "UTC date file created"),
    ("FILENAME", NAME, "Name of the file"),
    ("DATAMODL", "ImageModel", "Type of data model"),
    ("TELESCOP", "JWST", "Telescope"),
    ("CAL_VER", "2.0.1", "Calibration software version"),
    ("TITLE", "A made-up star field", "Proposal title"),
    ("PI_NAME", "Cecilia Payne", "Name of principal investigator"),
    ("PROGRAM", "00001", "Program number"),
    ("TARGNAME", "SAMPLE-1", "Name of the target"),
    ("TARG_RA", 53.16, "[deg] Right ascension of the target"),
    ("TARG_DEC", -27.78, "[deg] Declination of the target"),
    ("INSTRUME", "NIRCAM", "Instrument"),
    ("DETECTOR", "NRCA1", "Detector"),
    ("FILTER", "F200W", "Filter"),
    ("PUPIL", "CLEAR", "Pupil"),
    ("EXP_TYPE", "NRC_IMAGE", "Type of exposure"),
    ("EFFEXPTM", 311.36644, "[s] Effective exposure time"),
    ("NGROUPS", 6, "Groups in an integration"),
    ("TSOVISIT", False, "Time series observation"),
    ("HISTORY", "Made by asdfits to show how a product is read"),
]

_PROLOGUE = """#ASDF 1.0.0
#ASDF_STANDARD 1.6.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
asdf_library: !core/software-1.0.0 {author: The asdfits developers, homepage: none, name: asdfits,
  version: sample}
"""

_TREE = """history:
  entries:
  - !core/history_entry-1.0.0 {description: Made by asdfits to show how a product is read,
    time: '2026-01-31 12:00:00.000'}
meta:
  bunit_data: MJy/sr
  bunit_err: MJy/sr
  calibration_software_version: 2.0.1
  date: '2026-01-31T12:00:00.000'
  exposure: {exposure_time: 311.36644, ngroups: 6, type: NRC_IMAGE}
  filename: jw00001001001_01101_00001_nrca1_cal.fits
  instrument: {detector: NRCA1, filter: F200W, name: NIRCAM, pupil: CLEAR}
  model_type: ImageModel
  program: {pi_name: Cecilia Payne, title: A made-up star field}
  observation: {program_number: '00001'}
  target: {catalog_name: SAMPLE-1, dec: -27.78, ra: 53.16}
  telescope: JWST
  visit: {tsovisit: false}
  wcs: !<tag:stsci.edu:gwcs/wcs-1.4.0>
    name: ''
    pixel_shape: null
    steps:
    - !<tag:stsci.edu:gwcs/step-1.3.0>
      frame: !<tag:stsci.edu:gwcs/frame2d-1.2.0>
        axes_names: [x, y]
        axes_order: [0, 1]
        axis_physical_types: ['custom:x', 'custom:y']
        name: detector
        unit: [!unit/unit-1.0.0 pixel, !unit/unit-1.0.0 pixel]
      transform: !transform/compose-1.4.0
        forward:
        - !transform/concatenate-1.4.0
          forward:
          - !transform/compose-1.4.0
            forward:
            - !transform/shift-1.4.0 {inputs: [x], offset: -15.5, outputs: [y]}
            - &id001 !transform/scale-1.4.0 {factor: 8.6e-06, inputs: [x], outputs: [y]}
            inputs: [x]
            outputs: [y]
          - !transform/compose-1.4.0
            forward:
            - !transform/shift-1.4.0 {inputs: [x], offset: -11.5, outputs: [y]}
            - *id001
            inputs: [x]
            outputs: [y]
          inputs: [x0, x1]
          outputs: [y0, y1]
        - !transform/compose-1.4.0
          forward:
          - !transform/gnomonic-1.4.0 {direction: pix2sky, inputs: [x, y], outputs: [phi, theta]}
          - !transform/rotate3d-1.5.0
            direction: native2celestial
            inputs: [phi_N, theta_N]
            outputs: [alpha_C, delta_C]
            phi: 53.16
            psi: 180.0
            theta: -27.78
          inputs: [x, y]
          outputs: [alpha_C, delta_C]
        inputs: [x0, x1]
        outputs: [alpha_C, delta_C]
    - !<tag:stsci.edu:gwcs/step-1.3.0>
      frame: !<tag:stsci.edu:gwcs/celestial_frame-1.2.0>
        axes_names: [lon, lat]
        axes_order: [0, 1]
        axis_physical_types: [pos.eq.ra, pos.eq.dec]
        name: world
        reference_frame: !<tag:astropy.org:astropy/coordinates/frames/icrs-1.1.0>
          frame_attributes: {}
        unit: [!unit/unit-1.0.0 deg, !unit/unit-1.0.0 deg]
      transform: null
"""
