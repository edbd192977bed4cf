"""The text of a header: byte for byte astropy's, and the same cards refused."""

from __future__ import annotations

import string
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asdfits import _core

fits = pytest.importorskip("astropy.io.fits")

Card = tuple[str, Any, str]


def theirs(cards: list[Card], end: bool = True) -> bytes:
    """Return what astropy writes for cards that are appended to a fresh header."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = fits.Header([fits.Card(*card) for card in cards])
        return header.tostring(endcard=end, padding=end).encode("ascii")


def same(*card: Any) -> bytes:
    """Return our text of one card, after a look whether astropy's is the same."""
    keyword, value, comment = (*card, "")[:3]
    ours = _core.render_card(keyword, value, comment)
    assert ours == theirs([(keyword, value, comment)], end=False)
    assert len(ours) % 80 == 0
    return ours


PRINTABLE = "".join(map(chr, range(32, 127)))
# Words of many lengths, quotes and ampersands: what decides where a long text is cut.
texts = st.one_of(
    st.text(PRINTABLE, max_size=90),
    st.lists(st.text(string.ascii_letters + "'&/", max_size=30), max_size=20).map(" ".join),
    st.text("ab '", min_size=60, max_size=300),
    st.text(" ", max_size=90),
)
keywords = st.one_of(
    st.text(string.ascii_uppercase + string.digits + "_-", max_size=8),
    st.text(string.ascii_letters, max_size=9),
    st.sampled_from(["COMMENT", "HISTORY", "", "comment", "CONTINUE", "HIERARCH", "END", "DP1"]),
    st.text(PRINTABLE.replace("=", ""), max_size=30),
    st.text(string.ascii_lowercase, max_size=12).map("HIERARCH {}".format),
    st.text(string.ascii_uppercase, min_size=50, max_size=70),
)
numbers = st.one_of(
    st.booleans(),
    st.integers(),
    st.integers(-(10**69), 10**69),
    st.floats(allow_nan=False, allow_infinity=False),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(np.float32),
    st.floats(allow_nan=False, allow_infinity=False, width=16).map(np.float16),
    st.floats(allow_nan=False, allow_infinity=False).map(np.float64),
    st.integers(-(2**15), 2**15 - 1).map(np.int16),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.booleans().map(np.bool_),
    st.complex_numbers(allow_nan=False, allow_infinity=False, width=64).map(np.complex64),
)
values = st.one_of(st.none(), texts, texts.map(np.str_), numbers)


def rendered(keyword: str, value: Any, comment: str) -> bytes | str:
    """Return our text of a card, or what is said against it."""
    try:
        return _core.render_card(keyword, value, comment)
    except ValueError as error:
        return str(error)


def reads_back(record: bytes, value: Any) -> bool:
    """Say whether astropy reads a value from the records of its card."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = fits.Header.fromstring(record).cards[0].value
        except Exception:
            return False
    return read == (value.rstrip() if isinstance(value, str) else value)


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(keyword=keywords, value=values, comment=texts)
@example(keyword="A", value="x" * 67 + "'", comment="")
@example(keyword="A" * 9, value="x" * 66, comment="c" * 100)
@example(keyword="A" * 65, value="x y", comment="c")
@example(keyword="A" * 55, value="x" * 13, comment="")
@example(keyword="a", value="x" * 68, comment="")
@example(keyword="a", value="x" * 69, comment="")
@example(keyword="DP1", value="AXIS.1: 02", comment="c")
@example(keyword="DP1", value="AXIS.1: 1D5", comment="c")
@example(keyword="DP1.AXIS.1", value=2.5, comment="c")
@example(keyword="HISTORY", value="x" * 145, comment="")
@example(keyword="", value="   ", comment="")
def test_any_card_is_rendered_or_refused_as_astropy_does(
    keyword: str, value: Any, comment: str
) -> None:
    if keyword.upper().strip() in ("COMMENT", "HISTORY", ""):
        if value is None:
            value = ""  # astropy writes the address of its object for None
        elif isinstance(value, complex | np.complexfloating):
            value = float(value.real)
    elif "." in keyword and isinstance(value, np.number):
        value = value.item()  # only Python's own numbers make a record-valued card there
    card = (keyword, value, comment)
    try:
        expected = theirs([card], end=False)
    except ValueError:
        with pytest.raises(ValueError, match="cannot be a card"):
            _core.render_card(*card)
        return
    ours = rendered(*card)
    if isinstance(ours, str):
        # What does not fit is refused; astropy cuts the value or the keyword.
        assert "a record has 80" in ours or "no room" in ours, card
        assert not isinstance(value, str) or not reads_back(expected, value), card
        return
    if ours != expected:
        assert isinstance(value, str), card
        assert "'" in value, card
        # astropy has cut a doubled quote in two, which only astropy reads; we do not.
        assert reads_back(ours, value), card


def test_headers_are_whole_blocks_of_the_same_bytes() -> None:
    cards: list[Card] = [
        ("SIMPLE", True, "conforms to FITS standard"),
        ("BITPIX", np.int32(8), "array data type"),
        ("EXPTIME", 1234.5, "[s] time"),
        ("NOTHING", None, ""),
        ("TITLE", "a long title, " * 20, "of the program"),
        ("", "        Section", ""),
        ("HISTORY", "first", ""),
        ("HISTORY", "second " * 30, ""),
        ("lower case key", 1, ""),
    ]
    for count in range(len(cards) + 1):
        assert _core.render_header(cards[:count]) == theirs(cards[:count])
        assert _core.render_header(cards[:count], end=False) == theirs(cards[:count], end=False)
    many = [(f"KEY{number}", number, "") for number in range(35)]
    assert len(_core.render_header(many)) == 2880
    assert len(_core.render_header([*many, ("LAST", 1, "")])) == 5760


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (("PI", float("nan"), ""), "PI = nan cannot be .* NaN"),
        (("PI", float("-inf"), ""), "infinity"),
        (("PI", np.float32("nan"), ""), "NaN"),
        (("PI", complex(0, float("inf")), ""), "infinity"),
        (("OBSERVER", "Zoë", ""), r"OBSERVER = .*value has 'ë' \(U\+00EB\)"),
        (("OBSERVER", "a\nb", ""), r"value has '\\n'"),
        (("OBSERVER", "a", "µm"), "comment has 'µ'"),
        (("A=B", 1, ""), "`=`"),
        (("ÄB", 1, ""), "keyword has 'Ä'"),
        (("END", None, ""), "END closes a header"),
        (("A", 10**80, ""), "a record has 80"),
        (("A" * 70, "text", ""), "no room"),
        (("A" * 66, 1.5e-300, ""), "a record has 80"),
        (("A", [1], ""), "not list"),
        (("A", b"x", ""), "not bytes"),
        (("A", np.array([1, 2]), ""), "not ndarray"),
        (("A", np.datetime64("2024-01-01"), ""), "not datetime64"),
    ],
)
def test_what_no_header_can_hold_is_refused_with_its_reason(card: Card, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _core.render_card(*card)
    with pytest.raises(ValueError, match=reason):
        _core.render_header([("SIMPLE", True, ""), card])


def test_numbers_have_the_digits_that_astropy_gives_them() -> None:
    assert b"= -1.234567890123E-100 " in same("A", -1.2345678901234567e-100)
    assert b"                  0.1 " in same("A", np.float32(0.1))
    assert b"                1E+16 " in same("A", 1e16)
    same("A", np.longdouble("0.25"))
    same("A", 2**64)
    same("A", complex(1.5, -2))
    same("A", None)
    same("A", None, "only a comment")


@pytest.mark.parametrize("length", range(120, 150))
def test_no_record_ends_within_a_doubled_quote(length: int) -> None:
    value = "x" * (length % 5) + "'" * length
    ours = _core.render_card("A", value, "why")
    for at in range(0, len(ours), 80):
        record = ours[at : at + 80].split(b" / ")[0]
        assert record.count(b"'") % 2 == 0
    assert fits.Header.fromstring(ours)["A"] == value


def test_cards_of_a_header_are_found_with_their_places() -> None:
    cards: list[Card] = [
        ("SIMPLE", True, ""),
        ("TITLE", "a long title, " * 20, "of the program"),
        ("HISTORY", "text", ""),
        ("lower case key", 1, ""),
        ("A", 1, ""),
    ]
    header = _core.render_header(cards)
    found = _core.header_cards(header)
    assert [keyword for keyword, _, _ in found] == [
        "SIMPLE",
        "TITLE",
        "HISTORY",
        "LOWER CASE KEY",
        "A",
    ]
    for card, (_, start, end) in zip(cards, found, strict=True):
        assert header[start:end] == _core.render_card(*card)


def test_the_hash_of_pieces_is_that_of_the_whole(tmp_path: Any) -> None:
    import hashlib

    data = bytes(range(256)) * 30
    header = _core.render_header([("SIMPLE", True, ""), ("BITPIX", 8, ""), ("NAXIS", 0, "")])
    product = _core.Product.from_bytes(header)
    whole = hashlib.sha256(data + header[80:240]).hexdigest()
    assert _core.sha256_headers([data, (product, 80, 160)]) == whole
    with pytest.raises(_core.FormatError, match="2881 bytes"):
        _core.sha256_headers([(product, 0, 2881)])
