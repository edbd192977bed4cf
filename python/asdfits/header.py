"""The text of a header to be written: made anew, or a header that was read with what changed.

A header that was read keeps its cards where they say what the tree says: their order, their comments
and the way their numbers are spelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from . import _core
from .encode import BLOCK, Card, Encoded
from .file import File
from .plan import HduPlan, Stored, Wanted

__all__ = ["header_text", "is_builtin", "repaired"]

# Cards of a header that data bring with them; the others that FITS libraries manage name the HDU.
_NAMING = ("EXTNAME", "EXTVER", "EXTLEVEL", "HISTORY", "")


@cache
def is_builtin(keyword: str) -> bool:
    """Tell whether FITS libraries manage a card themselves: it says how data are stored."""
    return (
        re.fullmatch(
            r"(NAXIS\d{0,3}|BITPIX|XTENSION|PCOUNT|GCOUNT|EXTEND|BSCALE|BZERO|BLANK|DATAMAX|DATAMIN"
            r"|EXTNAME|EXTVER|EXTLEVEL|GROUPS|P(TYPE|SCAL|ZERO)\d|SIMPLE|TFIELDS"
            r"|T(BCOL|DIM|FORM|TYPE|UNIT|SCAL|ZERO|NULL|DISP)\d{1,3}|HISTORY)?",
            keyword.upper(),
        )
        is not None
    )


class _Entry(NamedTuple):
    keyword: str
    text: bytes


def header_text(
    hdu: HduPlan,
    structure: Encoded | None,
    known: frozenset[str],
    history: list[str],
    path: str,
) -> bytes | None:
    """Return the header of an HDU, padded; None where it is the base's, byte for byte.

    Parameters
    ----------
    hdu
        The HDU as planned.
    structure
        What describes its data; None if the base's cards do.
    known
        The keywords that the schema maps in this HDU.
    history
        The HISTORY cards.
    path
        The file to be written, for messages.

    Raises
    ------
    ValueError
        A value cannot stand in a card. The message names path, HDU and keyword.
    """
    try:
        if hdu.base is None:
            cards = list(structure.cards) if structure else []
            return _core.render_header([*cards, *_fresh(hdu, history)])
        return _edited(hdu, hdu.base, structure, known, history)
    except _UnfitError as error:
        card = error.card
        place = ".".join(map(str, card.path)) or "extra_fits"
        raise ValueError(
            f"{path}: HDU {hdu.number} ({hdu.name},{hdu.version or 1}): keyword {card.keyword} "
            f"({place}): {error.__cause__}"
        ) from error.__cause__


class _UnfitError(Exception):
    """A card that cannot be written."""

    def __init__(self, card: Wanted) -> None:
        self.card = card


def _fresh(hdu: HduPlan, history: list[str]) -> Iterator[Card]:
    """The cards of a new header behind those that describe its data."""
    if hdu.name and hdu.number:
        yield ("EXTNAME", hdu.name, "name of the extension")
    section: tuple[Any, ...] = ()
    for place, wanted in enumerate(hdu.wanted.values()):
        if place == hdu.version_after and hdu.version is not None:
            yield from _version(hdu)
        headings = wanted.headings
        if wanted.comment is None and not hdu.number and wanted.path[:-1] != section:
            section = wanted.path[:-1]
            headings = (_dotted(section),)
        for heading in headings:
            yield from (("", "", ""), ("", f"        {heading}", ""), ("", "", ""))
        _rendered(wanted, "")  # names the card that cannot be written
        yield (wanted.keyword, wanted.value, _comment(wanted))
    if len(hdu.wanted) <= hdu.version_after and hdu.version is not None:
        yield from _version(hdu)
    yield from _extra(hdu)
    yield from (("HISTORY", line, "") for line in history)


def _version(hdu: HduPlan) -> Iterator[Card]:
    yield ("EXTVER", hdu.version, "number among those of this name")


def _extra(hdu: HduPlan) -> Iterator[Card]:
    for card in hdu.extra:
        keyword, value, comment = (*card, "")[:3] if len(card) < 3 else card[:3]
        if not is_builtin(str(keyword)):
            value = None if type(value).__name__ == "Undefined" else value
            _rendered(Wanted(str(keyword), value, ()), "")
            yield (str(keyword), value, str(comment or ""))


def _dotted(path: Iterable[Any]) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))


def _comment(wanted: Wanted) -> str:
    """What a card stands for, in the words of the schema; else its place in the tree."""
    return _dotted(wanted.path) if wanted.comment is None else wanted.comment


def _rendered(wanted: Wanted, comment: str) -> bytes:
    try:
        return _core.render_card(wanted.keyword, wanted.value, comment)
    except (TypeError, ValueError, OverflowError) as error:
        raise _UnfitError(wanted) from error


def _edited(
    hdu: HduPlan,
    base: Stored,
    structure: Encoded | None,
    known: frozenset[str],
    history: list[str],
) -> bytes | None:
    """The base's header with what changed; None if nothing did."""
    product = base.file.product
    if hdu.whole and structure is None and _is_unchanged(hdu, base):
        return None
    raw = product.header_bytes(base.index)
    entries = _entries(base, raw)
    values = product.values(base.index)
    if structure is not None and not _describes(values, structure):
        entries = [entry for entry in entries if not is_structural(entry.keyword)]
        entries[:0] = [
            _Entry(keyword, _core.render_card(keyword, value, comment))
            for keyword, value, comment in structure.cards
        ]
    comments: dict[str, str] = {}

    def comment(keyword: str) -> str:
        if not comments:
            for name, _, text in product.cards(base.index):
                comments.setdefault(name.upper(), text or "")
        return comments.get(keyword, "")

    kept: list[_Entry] = []
    places: dict[str, int] = {}
    for entry in entries:
        keyword = entry.keyword
        wanted = hdu.wanted.get(keyword)
        if keyword in places:
            continue  # of equal cards the first counts
        if wanted is not None:
            if not _says(values.get(keyword), wanted.value):
                entry = _Entry(keyword, _rendered(wanted, comment(keyword)))
            places[keyword] = len(kept)
        elif keyword in hdu.removed or (keyword in known and not hdu.whole):
            continue
        elif keyword == "EXTVER" and values.get("EXTVER") != (hdu.version or 1):
            entry = _Entry(keyword, _core.render_card(keyword, hdu.version or 1, comment(keyword)))
        kept.append(entry)
    kept = _with_missing(kept, hdu, places)
    if hdu.version is not None and "EXTVER" not in values:
        naming = [
            n for n, e in enumerate(kept) if e.keyword == "EXTNAME" or is_structural(e.keyword)
        ]
        after = naming[-1] if naming else -1
        text = _core.render_card("EXTVER", hdu.version, "number among those of this name")
        kept.insert(after + 1, _Entry("EXTVER", text))
    kept = _with_extra(kept, hdu, base, known)
    kept = _with_history(kept, base, history)
    text = b"".join(entry.text for entry in kept) + b"END".ljust(80)
    text += b" " * (-len(text) % BLOCK)
    return None if text == raw else text


def repaired(file: File, index: int) -> bytes:
    """Return a header with the cards repaired that break the standard, as writers render them."""
    cards = [
        (keyword, value, comment or "") for keyword, value, comment in file.product.cards(index)
    ]
    return _core.render_header(cards)


def _is_unchanged(hdu: HduPlan, base: Stored) -> bool:
    """Tell whether all that is asked of a header that stays whole is there already."""
    facts = base.file.product.hdu(base.index)
    return (
        not hdu.extra
        and not hdu.removed
        and facts.version == (hdu.version or 1)
        and base.index not in base.file.unclean()
        and all(
            _says(base.file.product.value(base.index, keyword), wanted.value)
            for keyword, wanted in hdu.wanted.items()
        )
    )


def _entries(base: Stored, raw: bytes) -> list[_Entry]:
    """The cards of a header, with those that need repair repaired."""
    product = base.file.product
    if base.index in base.file.unclean():
        return [
            _Entry(keyword.upper(), _core.render_card(keyword, value, comment or ""))
            for keyword, value, comment in product.cards(base.index)
        ]
    return [_Entry(keyword, raw[start:end]) for keyword, start, end in _core.header_cards(raw)]


def is_structural(keyword: str) -> bool:
    """Tell whether a card describes the data."""
    return is_builtin(keyword) and keyword not in _NAMING


def _describes(values: Mapping[str, Any], structure: Encoded) -> bool:
    """Tell whether a header already describes these data, and nothing else."""
    wanted = {keyword: value for keyword, value, _ in structure.cards if keyword != "EXTEND"}
    if any(values.get(keyword) != value for keyword, value in wanted.items()):
        return False
    return not any(
        is_structural(keyword) and keyword not in wanted and keyword != "EXTEND"
        for keyword in values
    )


def _says(card: Any, value: Any) -> bool:
    return type(card) is type(value) and bool(card == value)


def _with_missing(entries: list[_Entry], hdu: HduPlan, places: Mapping[str, int]) -> list[_Entry]:
    """Add the cards that the tree asks for and the header lacks, each behind its neighbour."""
    if len(places) == len(hdu.wanted):
        return entries
    behind: dict[int, list[_Entry]] = {}
    last = max(
        (n for n, entry in enumerate(entries) if entry.keyword not in ("HISTORY", "COMMENT", "")),
        default=-1,
    )
    place = None
    for keyword, wanted in hdu.wanted.items():
        if keyword in places:
            place = places[keyword]
            continue
        text = _rendered(wanted, _comment(wanted))
        behind.setdefault(last if place is None else place, []).append(_Entry(keyword, text))
    result = behind.get(-1, [])
    for number, entry in enumerate(entries):
        result.append(entry)
        result += behind.get(number, ())
    return result


def _with_extra(
    entries: list[_Entry], hdu: HduPlan, base: Stored, known: frozenset[str]
) -> list[_Entry]:
    """Let the cards that no schema knows be those of the tree."""
    found = [
        [keyword, value, comment or ""]
        for keyword, value, comment in base.file.product.cards(base.index)
        if keyword.upper() not in known and not is_builtin(keyword)
    ]
    wanted = [list(card) for card in _extra(hdu)]
    if found == wanted or (hdu.whole and not hdu.extra):
        return entries
    kept = [e for e in entries if is_builtin(e.keyword) or e.keyword in known]
    last = max((n for n, entry in enumerate(kept) if entry.keyword != "HISTORY"), default=-1)
    added = [
        _Entry(keyword.upper(), _core.render_card(keyword, value, comment))
        for keyword, value, comment in wanted
    ]
    return kept[: last + 1] + added + kept[last + 1 :]


def _with_history(entries: list[_Entry], base: Stored, history: list[str]) -> list[_Entry]:
    found = base.file.product.commentary(base.index, "HISTORY")
    if [line.rstrip() for line in history] == found:
        return entries
    kept = [entry for entry in entries if entry.keyword != "HISTORY"]
    return kept + [_Entry("HISTORY", _core.render_card("HISTORY", line, "")) for line in history]
