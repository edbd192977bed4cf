"""Editing the metadata of a product where it lies: header, tree and hash change together.

The pixels are never rewritten. Where the edited headers have room for their cards and the tree stands
at the end, as in products of the pipeline, some kilobytes of the file are overwritten, under an undo
journal: whatever interrupts the edit, the next that opens the file with asdfits finds the old bytes
put back. Otherwise the system copies the data into a new file, which then replaces the old one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from . import _core, mapping, overlay
from .encode import BLOCK, Part
from .errors import UnsupportedError
from .file import File, HduArray, Lazy, child
from .header import header_text, repaired
from .mapping import ITEM, ModelSchema
from .models import model_class
from .models.base import JwstDataModel
from .models.defaults import DefaultArray, StandardDQ
from .opening import class_of
from .overlay import HASH
from .plan import HduPlan, Stored, Wanted
from .save import asdf_cards, embedded_text, save_asdf
from .sums import as_bytes, with_sums

__all__ = ["update_metadata", "value_of"]

# Bytes that are compared and, where they differ, written as one.
_CHUNK = 4096


class _Change(NamedTuple):
    """A card to set, or to remove where the value is None."""

    place: int
    wanted: Wanted


class _Here(NamedTuple):
    """An HDU that stays where it is."""

    file: File
    place: int

    @property
    def source(self) -> str:
        """How the tree names it."""
        facts = self.file.product.hdu(self.place)
        return f"fits:{facts.name},{facts.version}" if facts.name else f"fits:{self.place}"

    def describe(self) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Return type and shape."""
        return self.file.describe(self.place)


class _Unmoved:
    """The arrays of a file's own tree: all stay in their HDUs."""

    def __init__(self, file: File) -> None:
        self.file = file

    def holds(self, value: Any) -> _Here | None:
        """Return the HDU of an unread array."""
        return _Here(value.file, value.index) if isinstance(value, HduArray) else None

    def moved(self, file: File, index: int) -> _Here | None:
        """Return the HDU itself."""
        return _Here(file, index) if file is self.file else None


def update_metadata(
    path: str | os.PathLike[str], changes: Mapping[str, Any], *, durable: bool = True
) -> None:
    """Change metadata of a product in its header, its tree and its hash, and nothing else.

    Parameters
    ----------
    path : str or path-like
        A ``.fits`` or ``.asdf`` file.
    changes : mapping of str to object
        Dotted path -> value, such as ``"meta.target.proposer_name": "M 31"``, or card -> value, such
        as ``"SCI,1:BUNIT": "MJy/sr"`` (``PRIMARY:`` may be left out: ``":EXP_TYPE"``). None removes.
    durable : bool
        Whether to wait until the disk has it.

    Raises
    ------
    KeyError
        A path leads through something that is not there.
    ValidationError
        A value does not fit the schema. The file is as it was, also if just one of several does not.
    ValueError
        A value cannot stand in a header card.
    UnsupportedError
        The file is compressed, or an array is asked for.
    OSError
        The file cannot be written.

    Notes
    -----
    Where the headers had been edited by other tools, so that the hash did not fit any more, the tree
    takes the headers' values: what a reader saw before and sees after is the same but for `changes`.

    Examples
    --------
    >>> asdfits.update_metadata("jw…_cal.fits", {"meta.target.proposer_name": "M 31"})  # doctest: +SKIP
    """
    try:
        file = File.open(path, edit=True)
    except BlockingIOError:
        # Somebody has it open, or the disk is a server's: the new bytes go into a new file.
        file = File.open(path)
    try:
        _update(file, changes, durable=durable)
    finally:
        # An exception keeps the file alive for as long as somebody looks at its traceback.
        file.product.unlock()


def _update(file: File, changes: Mapping[str, Any], *, durable: bool) -> None:
    if os.path.getsize(file.path) != file.product.size:
        raise UnsupportedError(f"{file.path}: a compressed file cannot be edited")
    name = class_of(file)
    schema = mapping.model(name)
    tree = overlay.overlay(file, schema) if file.product.is_fits else file.tree()
    changed, cards = _changed(file, schema, name, tree, changes)
    if not file.product.is_fits:
        save_asdf(file.path, changed, file, _made, durable=durable)
        return
    texts = _headers(file, cards)
    _write(file, schema, changed, texts, durable=durable)


def value_of(path: str | os.PathLike[str], key: str, text: str) -> Any:
    """Return what a text means at a place of a product: a text where the schema asks for one.

    Elsewhere it is read as YAML reads it: ``3``, ``2.5``, ``true``, ``null``; a number may also be
    spelled ``1e5``.
    """
    file = File.open(path)
    schema = mapping.model(class_of(file))
    hdu, colon, keyword = key.rpartition(":")
    if colon:
        name = hdu.upper().partition(",")[0] or "PRIMARY"
        card = (name, keyword.upper())
        node = next(
            (row.node for row in schema.keywords if (row.hdu, row.keyword.upper()) == card), None
        )
    else:
        node = schema.find([int(part) if part.isdecimal() else part for part in key.split(".")])
    types = set() if node is None else set(node.types())
    if types == {"string"}:
        return text
    if types == {"number"}:
        with suppress(ValueError):
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
    return _core.yaml_plain(text)


def _changed(
    file: File, schema: ModelSchema, name: str, tree: dict[str, Any], changes: Mapping[str, Any]
) -> tuple[dict[str, Any], list[_Change]]:
    """The tree with the changes made, and the cards that they mean."""
    had_date = "meta" in tree and "date" in child(tree, "meta")
    model = model_class(name)(tree, strict_validation=True)
    cards: list[_Change] = []
    for key, value in changes.items():
        if isinstance(value, (np.ndarray, dict, list)):
            raise UnsupportedError(f"{file.path}: {key}: only scalars are edited in place")
        hdu, colon, keyword = key.rpartition(":")
        if colon:
            cards += _set_card(file, schema, model, hdu, keyword.upper(), value)
        else:
            _set(model, key, value)
            cards += _cards_of(file, schema, key, value)
    if not had_date and not any(key == "meta.date" for key in changes):
        model._branch("meta").pop("date", None)
    return {key: _stored(value) for key, value in tree.items() if not _promised(value)}, cards


def _made(value: Any) -> Any:
    return value.resolve(None) if isinstance(value, Lazy) else value.owner.resolve(value)


def _promised(value: Any) -> bool:
    return isinstance(value, DefaultArray)


def _stored(value: Any) -> Any:
    return value.flags if isinstance(value, StandardDQ) else value


def _set(model: JwstDataModel, path: str, value: Any) -> None:
    if value is not None:
        model[path] = value
        return
    head, _, last = path.rpartition(".")
    node = model[head] if head else model
    if last in node.instance:
        delattr(node, last)


def _cards_of(file: File, schema: ModelSchema, path: str, value: Any) -> Iterator[_Change]:
    """The card that holds the value of a path, if its HDU is there."""
    parts = tuple(int(part) if part.isdecimal() else part for part in path.split("."))
    pattern = tuple(ITEM if isinstance(part, int) else part for part in parts)
    item = next((part for part in parts if isinstance(part, int)), None)
    for row in schema.keywords:
        if row.path == pattern:
            version = None if item is None or row.hdu == "PRIMARY" else item + 1
            index = file.find(row.hdu, version)
            if index is not None and not (row.hdu == "PRIMARY" and item):
                yield _Change(index, Wanted(row.keyword, value, parts))


def _set_card(
    file: File, schema: ModelSchema, model: JwstDataModel, hdu: str, keyword: str, value: Any
) -> Iterator[_Change]:
    """Change the tree at the places that a card stands for, and the card."""
    name, _, version = hdu.upper().partition(",")
    name = name or "PRIMARY"
    if version and not version.isdecimal():
        raise KeyError(f"{hdu}:{keyword}: expected NAME:KEYWORD or NAME,VERSION:KEYWORD")
    index = file.find(name, int(version) if version else None)
    if index is None:
        raise KeyError(f"{file.path}: no HDU {hdu}")
    item = file.product.hdu(index).version - 1
    found = False
    for row in schema.keywords:
        if (row.hdu, row.keyword.upper()) == (name, keyword):
            parts = [str(item) if part == ITEM else part for part in row.path]
            if not row.in_list or _has_item(model, row.path, item):
                _set(model, ".".join(parts), value)
                found = True
    if not found:
        _set_extra(model, name, keyword, value)
    yield _Change(index, Wanted(keyword, value, ()))


def _has_item(model: JwstDataModel, path: tuple[str, ...], item: int) -> bool:
    try:
        items = model[".".join(path[: path.index(ITEM)])]
    except KeyError:
        return False
    return len(items) > item


def _set_extra(model: JwstDataModel, name: str, keyword: str, value: Any) -> None:
    """Change a card that no schema knows, where the tree keeps those."""
    tree = model._instance
    extra = child(tree, "extra_fits") if "extra_fits" in tree else tree.setdefault("extra_fits", {})
    parts = child(extra, name) if name in extra else extra.setdefault(name, {})
    cards = child(parts, "header") if "header" in parts else parts.setdefault("header", [])
    for place in range(len(cards)):
        card = child(cards, place)
        if str(card[0]).upper() == keyword:
            if value is None:
                del cards[place]
            else:
                card[1] = value
            break
    else:
        if value is not None:
            cards.append([keyword, value, ""])
    if not cards:
        del parts["header"]
    if not parts:
        del extra[name]
    if not extra:
        del tree["extra_fits"]


def _headers(file: File, cards: list[_Change]) -> dict[int, bytes]:
    """The headers that change, as text."""
    by_hdu: dict[int, HduPlan] = {}
    for index, wanted in cards:
        facts = file.product.hdu(index)
        hdu = by_hdu.get(index)
        if hdu is None:
            says = file.product.value(index, "EXTVER") is not None
            hdu = by_hdu[index] = HduPlan(facts.name, facts.version if says else None)
            hdu.base, hdu.whole, hdu.number = Stored(file, index), True, index
        keyword = wanted.keyword.upper()
        if wanted.value is None:
            hdu.removed |= {keyword}
        else:
            hdu.wanted[keyword] = wanted
    texts = {}
    for index, hdu in by_hdu.items():
        history = file.product.commentary(index, "HISTORY")
        text = header_text(hdu, None, frozenset(), history, file.path)
        if text is not None:
            texts[index] = _summed(file, index, text)
    return texts


def _summed(file: File, index: int, text: bytes) -> bytes:
    """The header with its sums renewed, if it has sums."""
    datasum = file.product.value(index, "DATASUM")
    if file.product.value(index, "CHECKSUM") is None or not str(datasum or "").isdecimal():
        return text
    return with_sums(text, int(str(datasum)))


def _write(
    file: File,
    schema: ModelSchema,
    tree: dict[str, Any],
    texts: dict[int, bytes],
    *,
    durable: bool,
) -> None:
    product = file.product
    facts = product.asdf
    where = None if facts is None or schema.no_asdf else facts[0]
    if where == 0:
        raise UnsupportedError(
            f"{file.path}: the tree lies in the primary HDU, where it is not edited"
        )
    for index, text in texts.items():
        old = product.hdu(index)
        texts[index] = _filled(text, old.data_at - old.at)
    asdf = None if where is None else _asdf(file, tree, where, texts)
    last = len(product) - 1
    fits = all(
        len(text) == product.hdu(index).data_at - product.hdu(index).at
        for index, text in texts.items()
    )
    if product.locked and fits and (where is None or where == last):
        edits = [
            edit
            for index, text in sorted(texts.items())
            for edit in _differing(file, product.hdu(index).at, text)
        ]
        length = None
        if asdf is not None and where is not None:
            at = product.hdu(where).at
            edits += _differing(file, at, asdf)
            length = at + len(asdf)
        _core.edit_file(file.path, edits, length, fsync=durable, product=product)
        return
    parts: list[Part] = []
    for index in range(len(product)):
        old = product.hdu(index)
        end = product.hdu(index + 1).at if index < last else product.size
        if index == where and asdf is not None:
            parts.append(asdf)
        else:
            header = texts.get(index)
            at = old.at if header is None else old.data_at
            parts += [] if header is None else [header]
            parts += [("copy", product, at, end - at), ("pad", 0)]
    _core.write_file(file.path, parts, fsync=durable)


def _asdf(file: File, tree: dict[str, Any], where: int, texts: Mapping[int, bytes]) -> bytes:
    """The whole extension with the tree and the new hash."""
    product = file.product
    headers: list[Any] = []
    unclean = file.unclean()
    for index in range(len(product)):
        hdu = product.hdu(index)
        if index in texts:
            headers.append(texts[index])
        elif index in unclean:
            headers.append(repaired(file, index))
        elif index != where and hdu.name != "ASDF":
            headers.append((product, hdu.at, hdu.data_at - hdu.at))
    tree = {**tree, HASH: _core.sha256_headers(headers)}
    text = embedded_text(tree, _Unmoved(file), file, _made, file.path)
    header = _core.render_header(asdf_cards(text.length))
    whole = header + b"".join(as_bytes(part) for part in text.parts)
    return whole + bytes(-len(whole) % BLOCK)


def _filled(text: bytes, length: int) -> bytes:
    """A header that became shorter by blocks, filled up with blank cards before END."""
    if len(text) >= length:
        return text
    cards = text.rstrip(b" ").removesuffix(b"END")
    return cards.ljust(length - 80) + b"END".ljust(80)


def _differing(file: File, at: int, text: bytes) -> Iterator[tuple[int, bytes]]:
    """The stretches of `text` that differ from what the file has at `at`."""
    held = max(0, min(len(text), file.product.size - at))
    old = memoryview(file.product.region(at, held)) if held else memoryview(b"")
    start = None
    for place in range(0, len(text), _CHUNK):
        end = min(place + _CHUNK, len(text))
        same = end <= held and old[place:end] == text[place:end]
        if same and start is not None:
            yield (at + start, text[start:place])
            start = None
        elif not same and start is None:
            start = place
    if start is not None:
        yield (at + start, text[start:])
