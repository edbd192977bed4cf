"""CHECKSUM and DATASUM: the sums by which a reader notices damage (FITS 4.0 §4.4.2.7)."""

from __future__ import annotations

from typing import NamedTuple

from . import _core
from .encode import BLOCK, Part
from .plan import HduPlan

__all__ = ["Written", "as_bytes", "has_sums", "keep_sums", "summed", "with_sums"]

_KEYWORDS = ("CHECKSUM", "DATASUM")


class Written(NamedTuple):
    """An HDU as parts to write: the header, the data, the padding."""

    header: Part
    parts: list[Part]


def as_bytes(part: Part) -> bytes:
    """Return the bytes that a part stands for; not of one that is swapped."""
    if not isinstance(part, tuple):
        return bytes(part)
    _, product, at, length = part
    return bytes(memoryview(product.region(at, length)))


def has_sums(hdu: HduPlan) -> bool:
    """Tell whether the header has sums, which a change makes wrong."""
    if hdu.base is not None:
        product = hdu.base.file.product
        return any(product.value(hdu.base.index, keyword) is not None for keyword in _KEYWORDS)
    return any(card and card[0] in _KEYWORDS for card in hdu.extra)


def keep_sums(hdu: HduPlan, header: bytes) -> None:
    """Let the tree have the new sums where it had the old ones, among the cards of no schema."""
    texts = {keyword: header[start:end] for keyword, start, end in _core.header_cards(header)}
    for card in hdu.extra:
        if isinstance(card, list) and card and card[0] in _KEYWORDS and card[0] in texts:
            card[1] = texts[card[0]].split(b"'")[1].decode("ascii")


def summed(hdu: Written) -> Written:
    """Return an HDU with its sums."""
    header, parts = as_bytes(hdu.header), hdu.parts[1:]
    if len(parts) > 2:
        # The tree, whose parts are of any length, while sums go by words of 4 bytes.
        parts = [b"".join(as_bytes(part) for part in parts[:-1])]
    datasum = 0
    for part in parts:
        datasum = _core.checksum(part, datasum)
    text = with_sums(header, datasum)
    return Written(text, [text, *hdu.parts[1:]])


def with_sums(header: bytes, datasum: int) -> bytes:
    """Return a header with DATASUM and CHECKSUM for data of this sum, in their places if it has them."""
    cards = {
        "DATASUM": _core.render_card("DATASUM", str(datasum), "sum of the data"),
        "CHECKSUM": b"",
    }
    texts: list[tuple[str, bytes]] = []
    for keyword, start, end in _core.header_cards(header):
        texts.append((keyword, header[start:end]))
    held = {keyword for keyword, _ in texts}
    texts += [(keyword, b"") for keyword in cards if keyword not in held]

    def whole(checksum: str) -> bytes:
        cards["CHECKSUM"] = _core.render_card("CHECKSUM", checksum, "sum of the HDU, complemented")
        text = b"".join(cards.get(keyword, text) for keyword, text in texts) + b"END".ljust(80)
        return text + b" " * (-len(text) % BLOCK)

    return whole(_core.checksum_text(_core.checksum(whole("0" * 16), datasum)))
