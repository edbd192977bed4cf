"""Saving: a model as a FITS product or as an ASDF file.

A file is a list of parts: headers, data, the ASDF file. Parts that are as they were in an open file
are copied from there by the system; the compiled half writes all of them to a sibling of the target
and renames it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _core, encode
from .encode import BLOCK, Encoded, Part
from .errors import FormatError, UnsupportedError, ValidationError
from .file import File
from .header import header_text
from .mapping import ModelSchema
from .overlay import HASH
from .plan import HduPlan, Plan, Stored, known_keywords, make_plan
from .sums import Written, as_bytes, has_sums, keep_sums, summed
from .treetext import AsdfText, Nowhere, Places, asdf_text
from .validate import check

__all__ = ["asdf_cards", "embedded_text", "save_asdf", "save_fits", "write_plan"]

# The standard that a tree is written to where no file says otherwise.
STANDARD = "1.6.0"

Made = Callable[[Any], Any]


def save_fits(
    path: str,
    tree: dict[str, Any],
    schema: ModelSchema,
    file: File | None,
    made: Made,
    *,
    checksum: bool = False,
    durable: bool = True,
) -> None:
    """Write a tree as a FITS product.

    Parameters
    ----------
    path
        The file; another of this name is replaced, once the new one is whole.
    tree
        The tree of a model.
    schema
        The mapping to FITS.
    file
        The file that the model was opened from, if any.
    made
        Makes the value of a deferred part.
    checksum
        Whether each HDU gets DATASUM and CHECKSUM (FITS 4.0 §4.4.2.7).
    durable
        Whether to wait until the disk has it all.

    Raises
    ------
    ValidationError
        The tree does not fit the schema.
    ValueError
        A value cannot stand in a header card.
    UnsupportedError
        FITS has no type for an array.
    OSError
        The file cannot be written; what was there is as it was.
    """
    fault = check(tree, schema.root, writing=True)
    if fault is not None:
        raise ValidationError(f"{path}: {fault}")
    write_plan(
        path,
        make_plan(tree, schema, file, made),
        None if schema.no_asdf else tree,
        known_keywords(schema),
        file,
        made,
        checksum=checksum,
        durable=durable,
    )


def write_plan(
    path: str,
    plan: Plan,
    tree: dict[str, Any] | None,
    known: Mapping[str, frozenset[str]],
    file: File | None,
    made: Made,
    *,
    checksum: bool,
    durable: bool,
) -> None:
    """Write the HDUs of a plan and, unless it is None, the tree behind them; see `save_fits`."""
    written = [
        _hdu(hdu, known.get(hdu.name, frozenset()), plan, path, checksum) for hdu in plan.hdus
    ]
    if tree is not None:
        # A part that is copied has its place behind what it is.
        headers = [h if isinstance(h, bytes) else h[1:] for h in (hdu.header for hdu in written)]
        tree = {**tree, HASH: _core.sha256_headers(headers)}
        embedded = _asdf_hdu(tree, plan, file, made, path)
        written.append(summed(embedded) if checksum else embedded)
    parts = [part for hdu in written for part in hdu.parts]
    _core.write_file(path, _joined(parts), fsync=durable)


def save_asdf(
    path: str,
    tree: dict[str, Any],
    file: File | None,
    made: Made,
    *,
    durable: bool = True,
) -> None:
    """Write a tree as an ASDF file; all arrays become blocks of it.

    Raises
    ------
    TypeError
        The tree holds an object that no installed extension of asdf knows.
    OSError
        The file cannot be written; what was there is as it was.
    """
    tree = {key: value for key, value in tree.items() if key != HASH}  # of no header any more
    text = asdf_text(
        tree,
        standard=standard_of(file),
        places=Nowhere(),
        made=made,
        times_as_text=False,
        path=path,
    )
    _core.write_file(path, text.parts, fsync=durable)


def standard_of(file: File | None) -> str:
    """Return that of the file, since untouched parts keep the versions of their tags."""
    return (file.standard if file is not None else None) or STANDARD


def _hdu(hdu: HduPlan, known: frozenset[str], plan: Plan, path: str, checksum: bool) -> Written:
    primary = hdu.number == 0
    try:
        encoded = _data(hdu.data, primary=primary)
    except UnsupportedError as error:
        raise UnsupportedError(f"{path}: {hdu.name},{hdu.version or 1}: {error}") from error
    stored = hdu.data if isinstance(hdu.data, Stored) else None
    structure = None if stored is not None and stored is hdu.base else encoded
    text = header_text(hdu, structure, known, plan.history if primary else [], path)
    if text is not None:
        header: Part = text
    else:
        base = _base(hdu).file.product
        facts = base.hdu(_base(hdu).index)
        header = ("copy", base, facts.at, facts.data_at - facts.at)
    padding = [("pad", encoded.fill)] if encoded.length % BLOCK else []
    written = Written(header, [header, *encoded.parts, *padding])
    changed = text is not None or stored is None
    if checksum or (changed and has_sums(hdu)):
        # Before the hash, which is that of the headers as they are written.
        written = summed(written)
        keep_sums(hdu, as_bytes(written.header))
    return written


def _base(hdu: HduPlan) -> Stored:
    assert hdu.base is not None  # only the header of a base is left as it is
    return hdu.base


def _data(data: Stored | np.ndarray[Any, Any] | None, *, primary: bool) -> Encoded:
    if data is None:
        return encode.empty(primary=primary)
    if isinstance(data, np.ndarray):
        return encode.encode(data, primary=primary)
    product = data.file.product
    facts = product.hdu(data.index)
    if facts.data_len < facts.announced:
        raise FormatError(
            f"{product.path}: {facts.label}: byte {facts.data_at}: the file holds {facts.data_len} "
            f"bytes of data, the header announces {facts.announced}"
        )
    # With the padding, if it is there: HDUs that follow each other are copied as one.
    padded = min(-(-facts.announced // BLOCK) * BLOCK, product.size - facts.data_at)
    fill = 32 if facts.kind == "TABLE" else 0
    return Encoded([], [("copy", product, facts.data_at, padded)], padded, fill)


def _asdf_hdu(
    tree: dict[str, Any], plan: Plan, file: File | None, made: Made, path: str
) -> Written:
    text = embedded_text(tree, plan, file, made, path)
    header = _core.render_header(asdf_cards(text.length))
    return Written(header, [header, *text.parts, ("pad", 0)])


def asdf_cards(length: int) -> list[encode.Card]:
    """Return the header of the extension that holds the tree, a table of one cell."""
    return [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "bits of a value"),
        ("NAXIS", 2, "number of axes"),
        ("NAXIS1", length, "bytes of a row"),
        ("NAXIS2", 1, "number of rows"),
        ("PCOUNT", 0, "bytes after the table"),
        ("GCOUNT", 1, "number of groups"),
        ("TFIELDS", 1, "number of columns"),
        ("TTYPE1", "ASDF_METADATA", ""),
        ("TFORM1", f"{length}B", ""),
        ("EXTNAME", "ASDF", "name of the extension"),
    ]


def embedded_text(
    tree: dict[str, Any], places: Places, file: File | None, made: Made, path: str
) -> AsdfText:
    """Return a tree as the ASDF file that goes into a FITS file."""
    return asdf_text(
        tree,
        standard=standard_of(file),
        places=places,
        made=made,
        times_as_text=True,
        path=path,
    )


def _joined(parts: list[Part]) -> list[Part]:
    """Make one copy of ranges that follow each other in their file."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if (
            isinstance(part, tuple)
            and part[0] == "copy"
            and isinstance(last, tuple)
            and last[0] == "copy"
            and last[1] is part[1]
            and last[2] + last[3] == part[2]
        ):
            joined[-1] = ("copy", last[1], last[2], last[3] + part[3])
        else:
            joined.append(part)
    return joined
