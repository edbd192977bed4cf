"""Edits of a FITS file as tools and people make them, behind the back of the tree.

A file is taken apart into headers and bytes, so that an edit changes what it means to and nothing else.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

# Cards that say how data are stored, which class the file is, and when it was made: without a date
# each side takes the time of opening.
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|TFIELDS|GROUPS|BSCALE|BZERO|EXTNAME|EXTVER"
    r"|T(BCOL|DIM|FORM|TYPE|UNIT|SCAL|ZERO|NULL|DISP)\d+|DATAMODL|DATE|HISTORY|COMMENT|THEAP|Z[A-Z]+\d*|"
)


@dataclass
class Part:
    """One HDU: its header as it stands in the file, its data without what they mean."""

    raw: bytes
    data: bytes
    _header: Any = None

    @property
    def header(self) -> Any:
        """The header to edit; who edits it has it written anew."""
        if self._header is None:
            self._header = fits.Header.fromstring(self.raw)
        return self._header

    @property
    def name(self) -> str:
        return str(self.header.get("EXTNAME", "")).strip().upper()

    @property
    def version(self) -> int:
        return int(self.header.get("EXTVER", 1))

    @property
    def is_table(self) -> bool:
        return bool(self.header.get("XTENSION") == "BINTABLE" and self.name != "ASDF")

    def copy(self) -> Part:
        return replace(self, _header=None)

    def content(self) -> bytes:
        header = self.raw if self._header is None else self._header.tostring().encode("latin-1")
        return header + self.data


Parts = list[Part]
# Changes the parts in place; False where the file has nothing to change.
Edit = Callable[[Parts], bool]


def taken_apart(content: bytes) -> Parts:
    """Return the HDUs of a file, unpacked if need be; what follows the last one belongs to it."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    with fits.open(io.BytesIO(content), memmap=False) as hdus:
        places = [hdu.fileinfo() for hdu in hdus]
    ends = [place["hdrLoc"] for place in places[1:]] + [len(content)]
    return [
        Part(content[place["hdrLoc"] : place["datLoc"]], content[place["datLoc"] : end])
        for place, end in zip(places, ends, strict=True)
    ]


def edited(parts: Parts, edits: tuple[Edit, ...], path: Path) -> bool:
    """Write the file with all edits made; False, and no file, if there is nothing for the first."""
    copies = [part.copy() for part in parts]
    if not all(edit(copies) for edit in edits[:1]):
        return False
    for edit in edits[1:]:
        edit(copies)
    path.write_bytes(b"".join(part.content() for part in copies))
    return True


def _cards(parts: Parts, one_in: int) -> list[tuple[Any, str, Any]]:
    """(header, keyword, value) of some cards that say something of the observation."""
    found = []
    for part in parts:
        if part.name != "ASDF":
            keywords = list(dict.fromkeys(part.header))
            found += [
                (part.header, k, part.header[k]) for k in keywords if not _STRUCTURE.fullmatch(k)
            ]
    return found[::one_in]


# -- the edits -----------------------------------------------------------------------------------


def header_edit(parts: Parts) -> bool:
    header = parts[0].header
    header["PI_NAME"] = ("Edwin Hubble", "by hand")
    header["EXP_TYPE"] = "N/A"
    header["MYOWNKEY"] = (42, "not in any schema")
    for place, (within, keyword, value) in enumerate(_cards(parts[1:], 5)):
        if place % 3 == 0:
            del within[keyword]
        elif isinstance(value, float):
            within[keyword] = value / 2
    return True


def no_asdf(parts: Parts) -> bool:
    kept = [parts[0], *(part for part in parts[1:] if part.name != "ASDF")]
    found = len(kept) < len(parts)
    parts[:] = kept
    return found


def hdu_removed(parts: Parts) -> bool:
    """An HDU is stripped, though the tree may link to it."""
    if not _has_data(parts):
        return False
    del parts[1]
    return True


def _has_data(parts: Parts) -> bool:
    return len(parts) > 1 and parts[1].name != "ASDF"


def duplicate_name(parts: Parts) -> bool:
    """A second HDU of one name and version, with other numbers and cards; a third without version."""
    if not _has_data(parts):
        return False
    for versioned in (True, False):
        double = parts[1].copy()
        if not double.is_table:  # whose cells would be no numbers and no text
            found = double.data.rstrip(b"\0")
            double.data = found[::-1] + double.data[len(found) :]
        double.header["DOUBLE"] = versioned
        if not versioned and "EXTVER" in double.header:
            del double.header["EXTVER"]
        parts.insert(2, double)
    return True


def version_gaps(parts: Parts) -> bool:
    """Second HDUs are missing, third ones are the fifth; without lists, the first is the fourth."""
    no_asdf(parts)  # its links would name what is missing
    if not _has_data(parts):
        return False
    if any(part.version > 1 for part in parts[1:]):
        twice = [part for part in parts[1:] if part.version == 2]
        parts[:] = [part for part in parts if not any(part is each for each in twice[::2])]
        for part in parts[1:]:
            if part.version == 3:
                part.header["EXTVER"] = 5
    else:
        parts[1].header["EXTVER"] = 4
    return True


def wrong_types(parts: Parts) -> bool:
    for header, keyword, value in _cards(parts, 4):
        if isinstance(value, str):
            header[keyword] = 42
        elif isinstance(value, bool):
            header[keyword] = 3
        else:
            header[keyword] = "text" if isinstance(value, int) else True
    return True


def _columns(parts: Parts) -> list[tuple[Part, int]]:
    return [(part, part.header["TFIELDS"]) for part in parts if part.is_table]


def lower_case_columns(parts: Parts) -> bool:
    for part, count in _columns(parts):
        for number in range(1, count + 1):
            name = part.header[f"TTYPE{number}"]
            part.header[f"TTYPE{number}"] = name.lower() if name != name.lower() else name.upper()
    return bool(_columns(parts))


_WIDTHS = {"L": 1, "X": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}


def reordered_columns(parts: Parts) -> bool:
    """The last column comes first."""
    found = False
    for part, count in _columns(parts):
        header = part.header
        forms = [re.fullmatch(r"(\d*)([A-Z]).*", header[f"TFORM{n + 1}"]) for n in range(count)]
        if count < 2 or any(form is None or form[2] not in _WIDTHS for form in forms):
            continue
        found = True
        widths = [int(form[1] or 1) * _WIDTHS[form[2]] for form in forms if form is not None]
        rows, length = header["NAXIS2"], header["NAXIS1"]
        table = np.frombuffer(part.data, "u1", rows * length).reshape(rows, length)
        cells = np.split(table, np.cumsum(widths)[:-1], axis=1)[::-1]
        part.data = np.hstack(cells).tobytes() + part.data[rows * length :]
        columns: list[list[tuple[str, Any, str]]] = [[] for _ in range(count)]
        for card in list(header.cards):
            word = re.fullmatch(r"(T[A-Z]{3,4})(\d+)", card.keyword)
            if word and _STRUCTURE.fullmatch(card.keyword):
                columns[int(word[2]) - 1].append((word[1], card.value, card.comment))
                del header[card.keyword]
        for number, column in enumerate(reversed(columns), 1):
            for keyword, value, comment in column:
                header.append((f"{keyword}{number}", value, comment))
    return found


@cache
def _strangers() -> tuple[Part, ...]:
    """HDUs that no schema knows: two images and a table of one name, one image without a name."""
    table = fits.BinTableHDU(
        np.array([(1, 2.5), (3, 4.5)], [("a", "i4"), ("b", "f8")]), name="MYSTERY"
    )
    table.header["EXTVER"] = 3
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(np.arange(6, dtype="i2").reshape(2, 3), name="MYSTERY", ver=1),
        fits.ImageHDU(np.arange(4, dtype="u2"), name="MYSTERY", ver=2),
        table,
        fits.ImageHDU(np.arange(3, dtype="f4")),
    ]
    hdus[1].header["ODDITY"] = ("first", "of one name")
    hdus[4].header["NAMELESS"] = True
    file = io.BytesIO()
    fits.HDUList(hdus).writeto(file)
    return tuple(taken_apart(file.getvalue())[1:])


def unknown_hdu(parts: Parts) -> bool:
    parts[1:1] = [_strangers()[0].copy(), _strangers()[3].copy()]
    return True


def unknown_hdus_of_one_name(parts: Parts) -> bool:
    parts[1:1] = [part.copy() for part in _strangers()]
    return True


def undefined_known_cards(parts: Parts) -> bool:
    for header, keyword, _ in _cards(parts, 7):
        header[keyword] = None
    return True


def undefined_unknown_cards(parts: Parts) -> bool:
    parts[0].header["NOVALUE"] = None
    return True


def history_edit(parts: Parts) -> bool:
    header = parts[0].header
    if "HISTORY" in header:
        header["HISTORY"][0] = "rewritten"
    header.add_history("added by hand")
    header.add_history("a long line " * 12)
    return True


def history_removed(parts: Parts) -> bool:
    header = parts[0].header
    found = "HISTORY" in header
    header.remove("HISTORY", ignore_missing=True, remove_all=True)
    return found


def odd_cards(parts: Parts) -> bool:
    """Legal and nearly legal forms that no writer makes."""
    odd = [
        "ODD1    = 1.5e3",
        "ODD2    =                1.5D-10 / of old",
        "ODD3    =T",
        "ODD4    = 'it''s'/ close",
        "ODD5    = ''",
        "ODD6    = '  '",
        "ODD7    =  +0012",
        "ODD8    = (1.5, -2)",
        "HIERARCH a.long.keyword = 3",
        "COMMENT = is not a value",
        "PI_NAME = 'Payne&  '",
        "CONTINUE  '-Gaposchkin'",
    ]
    cards = [card for card in _raw_cards(parts[0]) if not card.startswith(("PI_NAME ", "CONTINUE"))]
    text = "".join(card.ljust(80) for card in [*cards, *odd, "END"])
    parts[0].raw = text.ljust(-(-len(text) // 2880) * 2880).encode()
    parts[0]._header = None
    return True


def _raw_cards(part: Part) -> list[str]:
    text = part.header.tostring()
    cards = [text[at : at + 80] for at in range(0, len(text), 80)]
    return cards[: cards.index("END".ljust(80))]


def no_class(parts: Parts) -> bool:
    parts[0].header.remove("DATAMODL", ignore_missing=True)
    return True


EDITS = (
    header_edit,
    wrong_types,
    undefined_known_cards,
    unknown_hdu,
    history_edit,
    lower_case_columns,
)


class Mutation(NamedTuple):
    edits: tuple[Edit, ...] = ()
    history: bool = False  # whether the file has history entries with time and software before


MUTATIONS = {
    "as written": Mutation(),
    "as written, with history": Mutation(history=True),
    "header edit": Mutation((header_edit,)),
    "ASDF removed": Mutation((no_asdf,), history=True),
    "ASDF removed, header edit": Mutation((no_asdf, header_edit)),
    "HDU removed": Mutation((hdu_removed,)),
    "duplicate EXTNAME": Mutation((duplicate_name,)),
    "EXTVER gaps": Mutation((version_gaps,)),
    "wrong types": Mutation((wrong_types,)),
    "lower-case columns": Mutation((lower_case_columns,)),
    "reordered columns": Mutation((reordered_columns,)),
    "unknown HDUs": Mutation((unknown_hdu,)),
    "unknown HDUs of one name": Mutation((unknown_hdus_of_one_name,)),
    "undefined cards": Mutation((undefined_known_cards,)),
    "undefined unknown card": Mutation((undefined_unknown_cards,)),
    "HISTORY edit": Mutation((history_edit,), history=True),
    "HISTORY removed": Mutation((history_removed,), history=True),
    "odd cards": Mutation((odd_cards,)),
    "class not named": Mutation((no_class,)),
    "all edits": Mutation(EDITS),
    "all edits, ASDF removed": Mutation((no_asdf, *EDITS)),
}


def is_quick(name: str, mutation: str, one_in: int) -> bool:
    """Tell whether the quick run takes this case: each edit meets one file in so many."""
    turn = zlib.crc32(name.encode()) + list(MUTATIONS).index(mutation)
    return mutation == "as written" or turn % one_in == 0
