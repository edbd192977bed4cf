"""What is wrong with a file: structure, sums, links, arrays, schema."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from . import _core, arrays, mapping, overlay
from ._core import Deferred, Product
from .encode import BLOCK
from .errors import FormatError, MissingExtraError, ValidationWarning
from .file import File
from .mapping import ModelSchema, SchemaNode
from .models.nodes import make_branches
from .opening import named_class
from .validate import check

__all__ = ["Finding", "verify"]

# Kinds whose data lie in the file as the header says, so that looking at them costs nothing.
_PLAIN_KINDS: Final = ("PRIMARY", "IMAGE", "BINTABLE")

# The sum of an HDU whose CHECKSUM is right: -0 in ones' complement (FITS 4.0 §4.4.2.7).
_ALL_ONES: Final = 0xFFFFFFFF


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a file, or worth a note.

    Attributes
    ----------
    kind : str
        ``structure``, ``data``, ``checksum``, ``hash``, ``link``, ``array``, ``block`` or ``schema``.
    message : str
        One sentence that names the file and the place.
    hdu : int or None
        The HDU, counted from 0.
    byte : int or None
        The place in the file.
    fault : bool
        False for a note: a sound file may be so.
    """

    kind: str
    message: str
    hdu: int | None = None
    byte: int | None = None
    fault: bool = True

    def __str__(self) -> str:
        return self.message


def verify(
    path: str | os.PathLike[str], *, storage_options: Mapping[str, Any] | None = None
) -> list[Finding]:
    """Return what is wrong with a FITS or ASDF file; an empty list if nothing is.

    Checked are the structure (headers, sizes, what lies behind the last HDU), DATASUM and CHECKSUM
    where a header has them, the tree and its links to HDUs, every array and the layout of every
    table, the MD5 of each binary block that has one, and all values against the schema of the model
    that the file names.

    Two things are notes, not faults: a header hash that differs, since a header may be edited, and
    then FITS overrides the tree; and what cannot be checked because a package is missing.

    Parameters
    ----------
    path
        The file. At a URL, data are fetched where there are sums of them to be checked.
    storage_options : dict, optional
        For a URL, as for `asdfits.open`.

    Raises
    ------
    OSError
        The file is missing, a folder, or may not be read.

    Examples
    --------
    >>> asdfits.verify("jw..._cal.fits")  # doctest: +SKIP
    []
    """
    name = os.fspath(path)
    try:
        file = File.reached(name, storage_options)
    except FormatError as error:
        return [_located("structure", name, str(error))]
    return list(_findings(file))


def _located(kind: str, path: str, message: str, *, fault: bool = True) -> Finding:
    """A finding for a message that names its place itself."""
    place = re.match(r": (?:HDU (\d+) [^:]*: )?(?:byte (\d+))?", message[len(path) :])
    numbers = place.groups() if place and message.startswith(path) else (None, None)
    hdu, byte = (None if number is None else int(number) for number in numbers)
    return Finding(kind, message, hdu, byte, fault)


def _findings(file: File) -> Iterator[Finding]:
    product = file.product
    for message in product.warnings:
        missing = any(source in message for source in product.missing_links)
        yield _located("link" if missing else "structure", file.path, message)
    for index in range(len(product)):
        yield from _sums(product, index)
        yield from _data(product, index)
    yield from _blocks(product)
    yield from _tree_arrays(file)
    yield from _links(file)
    yield from _hash(file)
    yield from _model(product)


def _sums(product: Product, index: int) -> Iterator[Finding]:
    """Check DATASUM and CHECKSUM (FITS 4.0 §4.4.2.7); either may be missing or empty."""
    values = product.values(index)
    stored, whole = values.get("DATASUM"), values.get("CHECKSUM")
    hdu = product.hdu(index)
    length = -(-hdu.announced // BLOCK) * BLOCK
    if (not stored and not whole) or hdu.data_at + length > product.size:
        return  # a cut file has been told of
    data = _core.datasum(product, hdu.data_at, length)
    head = f"{product.path}: {hdu.label}: byte {hdu.at}"
    if stored:
        try:
            expected = int(str(stored))
        except ValueError:
            expected = -1
        if expected != data:
            yield Finding(
                "checksum",
                f"{head}: the sum of the data is {data}, DATASUM says {stored!r}",
                index,
                hdu.at,
            )
    if whole:
        total = _core.checksum(product.header_bytes(index), data)
        if total != _ALL_ONES:
            yield Finding(
                "checksum",
                f"{head}: the sum of the HDU is {total:#x}, with CHECKSUM {whole!r} it should be "
                f"{_ALL_ONES:#x}",
                index,
                hdu.at,
            )


def _data(product: Product, index: int) -> Iterator[Finding]:
    """Look at data that lie as they are and unpack compressed images; others are left alone."""
    hdu = product.hdu(index)
    packed = hdu.kind == "COMPRESSED" and arrays.has_data(hdu)
    if not (packed or hdu.kind in _PLAIN_KINDS) or hdu.data_len < hdu.announced:
        return
    try:
        if packed:
            product.decompress(index, False)
        elif hdu.kind == "BINTABLE":
            product.table(index)
        else:
            product.image(index)
    except FormatError as error:
        yield _located("data", product.path, str(error))


def _blocks(product: Product) -> Iterator[Finding]:
    for number, holds in enumerate(product.block_checksums()):
        if holds is False:
            at = product.block(number)[0]
            message = f"{product.path}: byte {at}: the MD5 of binary block {number} differs"
            yield Finding("block", message, _tree_hdu(product), at)


def _tree_hdu(product: Product) -> int | None:
    return None if product.asdf is None else product.asdf[0]


def _ndarrays(file: File) -> Iterator[tuple[Deferred, Any]]:
    """Each array of the tree, with its node; not those inside objects."""
    for part in file.parts():
        if part.tag.startswith("tag:stsci.edu:asdf/core/ndarray-"):
            yield part, part.content({})


def _tree_arrays(file: File) -> Iterator[Finding]:
    """Make the arrays that lie in the tree itself or in blocks."""
    for part, spec in _ndarrays(file):
        source = spec.get("source") if isinstance(spec, dict) else None
        if isinstance(source, str) and source.startswith("fits:"):
            continue
        try:
            file.resolve(part)
        except FormatError as error:
            yield _located("array", file.path, str(error))
        except MissingExtraError as error:
            yield _located("array", file.path, str(error), fault=False)


def _links(file: File) -> Iterator[Finding]:
    """Compare what the tree says of linked arrays with their HDUs.

    Readers take the HDU as it is, so that a difference is a note: some tool replaced the data.
    """
    for part, spec in _ndarrays(file):
        source = spec.get("source") if isinstance(spec, dict) else None
        if not isinstance(source, str) or not source.startswith("fits:"):
            continue
        index = file.product.linked(source)
        if index is None:
            continue  # told of by the layout
        hdu = file.product.hdu(index)
        try:
            found = arrays.shape_of(file.product, index)
        except FormatError:
            continue  # told of where data are looked at
        if found is not None and list(spec.get("shape", found)) != found:
            yield Finding(
                "link",
                f"{file.path}: {hdu.label}: byte {hdu.at}: the data have the shape {found}, the tree "
                f"says {spec['shape']} at byte {part.at}",
                index,
                hdu.at,
                fault=False,
            )


def _hash(file: File) -> Iterator[Finding]:
    stored = file.lookup((overlay.HASH,)) if file.product.is_fits else None
    if stored is None or stored == overlay.header_hash(file):
        return
    yield Finding(
        "hash",
        f"{file.path}: the headers are not those that the tree was written with; FITS overrides it",
        _tree_hdu(file.product),
        fault=False,
    )


def _model(product: Product) -> Iterator[Finding]:
    """Check the model that the file holds against its schema."""
    file = File(product)  # a tree of its own, as values are laid over it
    name = named_class(file)
    if name is None:
        return
    schema = mapping.model(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = overlay.overlay(file, schema) if product.is_fits else file.tree()
    for warning in caught:
        # What is said of tables is looked for below, whether or not the headers were edited.
        if issubclass(warning.category, ValidationWarning):
            yield _located_card(file, str(warning.message))
    make_branches(tree)
    for path, fault in _schema_faults(tree, schema.root, ()):
        place = ".".join(map(str, path))
        yield Finding("schema", f"{file.path}: {place}{': ' if place else ''}{fault}")
    if product.is_fits:
        yield from _array_faults(file, schema)


def _located_card(file: File, message: str) -> Finding:
    """A finding for a card that does not fit the schema, from the warning that the overlay gives."""
    place = re.search(r"HDU (\d+) \([^)]*\), keyword", message)
    index = None if place is None else int(place[1])
    at = None if index is None else file.product.hdu(index).at
    return Finding("schema", f"{file.path}: {' '.join(message.splitlines())}", index, at)


def _schema_faults(
    value: Any, node: SchemaNode, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (path, fault) of what does not fit, each as deep in the tree as it can be told."""
    fault = check(value, node)
    if fault is None:
        return
    deeper = False
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, each in pairs:
        below = node.child(key) if isinstance(key, str) else node.item(key)
        if below is not None:
            for found in _schema_faults(each, below, (*path, key)):
                deeper = True
                yield found
    if not deeper:
        yield path, fault


def _array_faults(file: File, schema: ModelSchema) -> Iterator[Finding]:
    """Yield the arrays that cannot become what the schema wants, judged by their headers."""
    product = file.product
    for number, _, index, _ in product.arrays_beside(overlay.schema_rows(schema)):
        node = schema.arrays[number].node
        hdu = product.hdu(index)
        if hdu.kind not in ("IMAGE", "COMPRESSED", "BINTABLE") or not arrays.has_data(hdu):
            continue
        try:
            fault = arrays.table_fault(product, index, node)
            shape = arrays.shape_of(product, index)
        except FormatError:
            continue  # told of where data are looked at
        if hdu.kind != "BINTABLE" and shape is not None:
            ndim = len(shape)
            if node.ndim not in (None, ndim):
                fault = f"found {ndim} dimensions, expected {node.ndim}"
            elif node.max_ndim is not None and ndim > node.max_ndim:
                fault = f"found {ndim} dimensions, expected {node.max_ndim} at most"
        if fault is not None:
            path = schema.arrays[number].dotted
            message = f"{product.path}: {hdu.label}: byte {hdu.at}: {path}: {fault}"
            yield Finding("schema", message, index, hdu.at)
