"""Where two files differ, as far as it means something.

What a reader gets is compared: the tree with what FITS overrides in it, the cards, the pixels. What
every writer sets anew (dates, file names, sums, the writer's own name) is passed over unless it is
asked for. Nothing is made that need not be: equal bytes are equal pixels, and two WCS are compared as
the trees they are written as.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Any, Final, NamedTuple

import numpy as np

from . import arrays, mapping, overlay, render
from ._core import Deferred, Product
from .errors import FormatError
from .file import File, HduArray, child
from .mapping import ITEM, Keyword, ModelSchema
from .opening import named_class

__all__ = ["VOLATILE", "Difference", "diff"]

VOLATILE: Final = (
    "meta.date",
    "*.meta.date",
    "meta.filename",
    "*.meta.filename",
    "_fits_hash",
    "asdf_library",
    "history.extensions",
    "DATE",
    "FILENAME",
    "CHECKSUM",
    "DATASUM",
)
"""What is different each time a file is written: paths of the tree and keywords."""

# Cards that say how data are stored: what they stand for is compared with the data.
_STORAGE: Final = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|THEAP|TFIELDS"
    r"|T(TYPE|FORM|DIM|SCAL|ZERO|NULL|BCOL)\d+|Z(IMAGE|TABLE|BITPIX|NAXIS\d*|TILE\d+|CMPTYPE)"
)
# Cards that name an HDU: by these HDUs are paired, and no EXTVER is 1.
_NAMES: Final = ("EXTNAME", "EXTVER")
_COMMENTARY: Final = ("", "COMMENT", "HISTORY")
_NDARRAY: Final = "tag:stsci.edu:asdf/core/ndarray-"
_CORE: Final = "tag:stsci.edu:asdf/core/"
# Tags of the standard whose content is all there is to them.
_DESCRIPTIONS: Final = ("asdf-", "software-", "history_entry-", "extension_metadata-")

# Values compared at a time: some megabytes, whatever the size of an array.
_CHUNK: Final = 1 << 19

# What a card of 20 characters keeps of a number in the worst case.
_CARD_PRECISION: Final = 1e-12

_PIXELS: Final = ("PRIMARY", "IMAGE")

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Difference:
    """One place where two files differ.

    Attributes
    ----------
    kind : str
        ``tree``, ``header``, ``data`` or ``hdu`` (one is missing, or stands elsewhere).
    path : str
        The dotted path in the tree; empty for what no path leads to.
    hdu : str
        The HDU, ``SCI,1``; empty where it is in none.
    keyword : str
        The header card.
    a, b : object
        What each file has; None for nothing. For arrays, the first values that differ.
    text : str
        What differs, where `a` and `b` do not say it all.
    """

    kind: str
    path: str
    hdu: str
    keyword: str
    a: Any
    b: Any
    text: str = ""

    @property
    def place(self) -> str:
        """Where: ``meta.exposure.type (PRIMARY,1 EXP_TYPE)``."""
        card = f"{self.hdu} {self.keyword}".strip()
        return f"{self.path} ({card})" if self.path and card else self.path or card or "the file"

    @property
    def what(self) -> str:
        """What differs, in words."""
        return self.text or f"{_word(self.a)} -> {_word(self.b)}"

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def _word(value: Any) -> str:
    return "nothing" if value is None else render.leaf(value)


def diff(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    ignore: Iterable[str] = (),
    strict: bool = False,
) -> list[Difference]:
    """Return every difference between two products; an empty list if there is none.

    Parameters
    ----------
    a, b : str or path-like
        FITS or ASDF files, also one of each. HDUs and cards are compared between two FITS files.
    rtol, atol : float
        Numbers are equal if ``|a - b| <= atol + rtol * |b|``: pixels, cards, and those of the tree.
        NaN equals NaN.
    ignore : iterable of str
        What else to pass over: a path of the tree with all below it, a KEYWORD, an ``HDU:KEYWORD``,
        an HDU, ``*`` standing for anything. A path and the keyword that it is mapped to are one.
    strict : bool
        Compare all: what `VOLATILE` lists, comments of cards, how data are stored, the type of a
        number, empty branches.

    Returns
    -------
    list of Difference
        Of the tree, then of HDUs, in the order of `a`. What the tree and a card say alike is
        given once.

    Raises
    ------
    OSError, FormatError
        A file is missing, or cannot be read where it has to be.

    Examples
    --------
    >>> for each in asdfits.diff("a_cal.fits", "b_cal.fits", rtol=1e-6):  # doctest: +SKIP
    ...     print(each)
    data (SCI,1): 3 of 4194304 values differ, by up to 0.5; the first at [3, 4]: 1.0 -> 1.5
    """
    patterns = (*ignore, *(() if strict else VOLATILE))
    comparison = _Comparison(_Side(a), _Side(b), _Equal(rtol, atol, strict), patterns)
    return list(comparison.run())


class _Side:
    """One of the two files."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.file = File.open(path)
        self.product = self.file.product
        self.names = self.product.names()
        name = named_class(self.file)
        self.schema: ModelSchema | None = None if name is None else mapping.model(name)
        self.rounded = False
        if self.schema is None or not self.product.is_fits:
            self.tree = self.file.tree()
        else:
            with warnings.catch_warnings(action="ignore"):  # `verify` tells of these
                self.tree = overlay.overlay(self.file, self.schema)
            self.rounded = not overlay.is_current(self.file, self.tree, self.schema.name)

    def hdu_of(self, value: Any) -> int | None:
        """Return the HDU that holds an array of the tree."""
        if isinstance(value, HduArray):
            return value.index
        if isinstance(value, Deferred) and value.tag.startswith(_NDARRAY):
            spec = value.content({})
            source = spec.get("source") if isinstance(spec, dict) else None
            if isinstance(source, str) and source.startswith("fits:"):
                return self.product.linked(source)
        return None

    def labels(self) -> dict[tuple[str, int, int], int]:
        """Return (name, EXTVER, how many had these before) -> HDU, without that of the tree."""
        found: dict[tuple[str, int, int], int] = {}
        for index, (name, version) in enumerate(self.names):
            if name == "ASDF":
                continue
            number = 0
            while (name, version, number) in found:
                number += 1
            found[name, version, number] = index
        return found


class _Equal(NamedTuple):
    """When two values are equal."""

    rtol: float
    atol: float
    strict: bool

    def scalars(self, x: Any, y: Any, rtol: float = 0.0) -> bool:
        """Compare two values of the tree or of cards; `rtol` is allowed in any case."""
        if isinstance(x, bool) or isinstance(y, bool):
            return x is y
        if isinstance(x, (int, float, complex)) and isinstance(y, (int, float, complex)):
            if self.strict and type(x) is not type(y):
                return False
            if x == y or (x != x and y != y):
                return True
            rtol = max(rtol, self.rtol)
            # An infinite difference is within no tolerance.
            return bool(abs(x - y) <= self.atol + rtol * abs(y) < float("inf"))
        return type(x) is type(y) and bool(x == y)

    def unequal(self, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return where the values of two arrays differ."""
        if x.dtype.kind in "SU" or y.dtype.kind in "SU":
            return np.asarray(_texts(x) != _texts(y))
        if "O" in (x.dtype.kind, y.dtype.kind):  # cells of any length
            pairs = zip(x.flat, y.flat, strict=True)
            return np.array([not np.array_equal(p, q) for p, q in pairs], bool).reshape(x.shape)
        wrong = np.asarray(x != y)
        if not wrong.any():
            return wrong
        places = np.nonzero(wrong)
        left, right = x[places], y[places]
        fine = (left != left) & (right != right)
        if (self.rtol or self.atol) and "b" not in (left.dtype.kind, right.dtype.kind):
            kind = "c16" if "c" in (left.dtype.kind, right.dtype.kind) else "f8"
            p, q = left.astype(kind), right.astype(kind)
            with np.errstate(all="ignore"):
                near = np.abs(p - q) <= self.atol + self.rtol * np.abs(q)
            fine |= near & np.isfinite(p) & np.isfinite(q)
        wrong[places] = ~fine
        return wrong


def _texts(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Texts without the padding that a fixed width brings."""
    array = np.asarray(array)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "latin-1")
    return np.char.rstrip(array.astype("U"))


class _Values:
    """The values of an array, some at a time."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = np.asarray(array)
        self.dtype = self.array.dtype
        self.shape = self.array.shape

    def chunk(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Return values as a flat array, the last axis varying fastest."""
        if self.array.flags.c_contiguous:
            return self.array.reshape(-1)[start:stop]
        return np.asarray(self.array.flat[start:stop])

    def stored(self) -> Any:
        """Return how values are stored; what is stored alike is equal if its bytes are."""
        return (self.dtype.str, None)

    def raw(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Return bytes of values."""
        return self.chunk(start, stop).view("u1")


class _Pixels(_Values):
    """The values of an image in a file; no more of them in memory than are asked for."""

    def __init__(self, product: Product, index: int) -> None:
        self.product = product
        self.hdu = product.hdu(index)
        bitpix, shape, scale, zero, blank = product.image(index)
        self.bitpix = bitpix
        self.scaling = (scale, zero, blank)
        self.shape = tuple(shape)
        self.dtype = arrays.image_values(np.empty(0, arrays.STORED[bitpix]), *self.scaling).dtype

    def chunk(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        stored = self.raw(start, stop).view(arrays.STORED[self.bitpix])
        return arrays.image_values(stored, *self.scaling)

    def stored(self) -> Any:
        return (self.bitpix, self.scaling)

    def raw(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        width = abs(self.bitpix) // 8
        region = self.product.region(self.hdu.data_at + start * width, (stop - start) * width)
        return np.frombuffer(memoryview(region), "u1")


class _Comparison:
    def __init__(self, a: _Side, b: _Side, equal: _Equal, ignore: Sequence[str]) -> None:
        self.a, self.b = a, b
        self.equal = equal
        # Most patterns are plain names, and looking these up is quick.
        globs = {pattern for pattern in ignore if set(pattern) & set("*?[")}
        self._names = frozenset(ignore) - globs
        self._globs = [re.compile(translate(pattern)) for pattern in sorted(globs)]
        self.both_fits = a.product.is_fits and b.product.is_fits
        self.keywords: dict[tuple[str, ...], Keyword] = {}
        for side in (b, a):
            if side.schema is not None:
                self.keywords |= {row.path: row for row in side.schema.keywords}
        self.cards: dict[tuple[str, str], list[Keyword]] = {}
        for row in self.keywords.values():
            self.cards.setdefault((row.hdu, row.keyword.upper()), []).append(row)
        # A number that came from a card of one side may lack digits that the other has.
        self.card_rtol = _CARD_PRECISION if (a.rounded or b.rounded) and not equal.strict else 0.0
        self.paths: dict[int, str] = {}  # HDU of `a` -> the path of the array that it holds
        self.told: set[tuple[str, str]] = set()  # (HDU, keyword) that the tree has told of
        self._told_of_history = False
        self._seen: dict[tuple[Any, ...], Any] = {}
        self._depth = 0  # tagged parts that are being compared

    def run(self) -> Iterator[Difference]:
        """Yield all differences."""
        for found in self._values((), self.a.tree, self.b.tree):
            self.told.add((found.hdu, found.keyword))
            self._told_of_history |= found.path.partition(".")[0] == "history"
            yield found
        if self.both_fits:
            yield from self._hdus()

    # -- what is passed over -------------------------------------------------------------------

    def _ignores(self, form: str) -> bool:
        return form in self._names or any(glob.match(form) for glob in self._globs)

    def _ignores_path(self, path: Path) -> bool:
        parts = list(map(str, path))
        if any(self._ignores(".".join(parts[:length])) for length in range(1, len(parts) + 1)):
            return True
        row = self._row(path)
        return row is not None and self._ignores_card(*_card(row, path), by_path=False)

    def _ignores_card(self, label: str, keyword: str, *, by_path: bool = True) -> bool:
        name = label.rpartition(",")[0]
        forms = (keyword, f"{name}:{keyword}", f"{label}:{keyword}", name, label)
        if any(map(self._ignores, filter(None, forms))):
            return True
        return by_path and any(self._ignores_path(path) for path in self._paths_of(label, keyword))

    def _row(self, path: Path) -> Keyword | None:
        return self.keywords.get(tuple(ITEM if isinstance(p, int) else p for p in path))

    def _paths_of(self, label: str, keyword: str) -> Iterator[Path]:
        """The paths that a card is mapped to."""
        name, _, version = label.rpartition(",")
        for row in self.cards.get((name, keyword), ()):
            yield tuple(int(version) - 1 if part == ITEM else part for part in row.path)

    # -- the tree ------------------------------------------------------------------------------

    def _differ(self, path: Path, a: Any, b: Any, text: str = "") -> Difference:
        row = self._row(path) if self.both_fits else None
        label, keyword = ("", "") if row is None else _card(row, path)
        return Difference("tree", ".".join(map(str, path)), label, keyword, a, b, text)

    def _values(self, path: Path, x: Any, y: Any) -> Iterator[Difference]:
        if path == ("extra_fits",) and self.both_fits and not self.equal.strict:
            return  # compared where it comes from
        x, y = _unwrapped(x), _unwrapped(y)
        if self._is_nothing(x) and self._is_nothing(y):
            return
        if _is_array(x) and _is_array(y):
            yield from self._tree_arrays(path, x, y)
        elif isinstance(x, Deferred) and isinstance(y, Deferred):
            yield from self._parts(path, x, y)
        elif isinstance(x, dict) and isinstance(y, dict):
            if self._is_new(x, y):
                for key in [*x, *(key for key in y if key not in x)]:
                    left = child(x, key) if key in x else None
                    right = child(y, key) if key in y else None
                    yield from self._values((*path, key), left, right)
        elif isinstance(x, list) and isinstance(y, list):
            if self._is_new(x, y):
                if len(x) != len(y) and not self._ignores_path(path):
                    text = f"{len(x)} items -> {len(y)} items"
                    yield self._differ(path, len(x), len(y), text)
                for place in range(min(len(x), len(y))):
                    yield from self._values((*path, place), child(x, place), child(y, place))
        elif not self._same_leaves(path, x, y) and not self._ignores_path(path):
            yield self._differ(path, x, y)

    def _is_nothing(self, value: Any) -> bool:
        return value is None or (
            not self.equal.strict and type(value) in (dict, list) and not value
        )

    def _is_new(self, x: Any, y: Any) -> bool:
        """Tell whether a pair was not compared yet; shared parts and circles are met again."""
        key = (id(x), id(y))
        known = key in self._seen
        self._seen[key] = (x, y)  # kept alive, so that the numbers stay theirs
        return not known

    def _same_leaves(self, path: Path, x: Any, y: Any) -> bool:
        containers = (dict, list, Deferred, HduArray, np.ndarray)
        if isinstance(x, containers) or isinstance(y, containers):
            return False
        if self.equal.scalars(x, y):
            return True
        rtol = self.card_rtol if self._row(path) is not None else 0.0
        return bool(rtol) and self.equal.scalars(x, y, rtol)

    def _parts(self, path: Path, x: Deferred, y: Deferred) -> Iterator[Difference]:
        """Compare two tagged parts: as text, as trees, and last as what they are made into."""
        key = (id(x.owner), x.node, id(y.owner), y.node)
        if key in self._seen:
            return
        self._seen[key] = (x, y)
        text = x.yaml
        if text == y.yaml and "*" not in text and "source:" not in text:
            return
        if self._ignores_path(path):
            return
        self._depth += 1
        found = list(self._contents(path, x, y))
        self._depth -= 1
        if found and not self._depth:
            # Trees of other versions may stand for the same: as one version they tell.
            left, right = _rewritten(x), _rewritten(y)
            if left is not None and right is not None:
                self._depth += 1
                found = list(self._contents(path, left, right))
                self._depth -= 1
        yield from found

    def _contents(self, path: Path, x: Deferred, y: Deferred) -> Iterator[Difference]:
        left, right = x.tag.rpartition("-")[0], y.tag.rpartition("-")[0]
        if left != right:
            yield self._differ(path, x.tag, y.tag)
            return
        yield from self._values(path, x.content({}), y.content({}))

    def _tree_arrays(self, path: Path, x: Any, y: Any) -> Iterator[Difference]:
        left, right = self.a.hdu_of(x), self.b.hdu_of(y)
        if self.both_fits and left is not None and right is not None:
            self.paths.setdefault(left, ".".join(map(str, path)))
            if self.a.names[left] == self.b.names[right]:
                return  # compared as HDUs
        if self._ignores_path(path):
            return

        def differ(text: str, p: Any, q: Any) -> Difference:
            return self._differ(path, p, q, text)

        yield from self._arrays(_array(self.a, x, left), _array(self.b, y, right), differ)

    # -- HDUs ----------------------------------------------------------------------------------

    def _hdus(self) -> Iterator[Difference]:
        left, right = self.a.labels(), self.b.labels()
        common = [each for each in left if each in right]
        for each in [*left, *(each for each in right if each not in left)]:
            label = f"{each[0]},{each[1]}"
            if self._ignores_card(label, ""):
                continue
            if each in common:
                yield from self._headers(label, left[each], right[each])
                yield from self._data(label, left[each], right[each])
            else:
                here = (each in left or None, each in right or None)
                text = "only in the first file" if here[0] else "only in the second file"
                yield Difference("hdu", "", label, "", *here, text)
        if common != [each for each in right if each in left]:
            yield Difference("hdu", "", "", "", None, None, "the HDUs stand in another order")

    def _headers(self, label: str, left: int, right: int) -> Iterator[Difference]:
        x, y = self.a.product.values(left), self.b.product.values(right)
        strict = self.equal.strict
        for keyword in [*x, *(keyword for keyword in y if keyword not in x)]:
            if keyword in _COMMENTARY or (label, keyword) in self.told:
                continue
            if not strict and (keyword in _NAMES or _STORAGE.fullmatch(keyword)):
                continue
            p, q = x.get(keyword), y.get(keyword)
            # Where the tree has the number as well, its card may have lost digits.
            mapped = (label.rpartition(",")[0], keyword) in self.cards and not strict
            rtol = _CARD_PRECISION if mapped else 0.0
            same = (keyword in x) == (keyword in y) and self.equal.scalars(p, q, rtol)
            if not same and not self._ignores_card(label, keyword):
                left_value = "no value" if p is None and keyword in x else p
                right_value = "no value" if q is None and keyword in y else q
                yield Difference("header", "", label, keyword, left_value, right_value)
        # The tree knows the same of the history, and more.
        looked_at = {"COMMENT"} if self._told_of_history else {"COMMENT", "HISTORY"}
        for keyword in _COMMENTARY if strict else sorted(looked_at):
            texts = [s.product.commentary(i, keyword) for s, i in ((self.a, left), (self.b, right))]
            if texts[0] != texts[1] and not self._ignores_card(label, keyword):
                yield _commentary(label, keyword, *texts)
        if strict:
            yield from self._comments(label, left, right)

    def _comments(self, label: str, left: int, right: int) -> Iterator[Difference]:
        sides = ((self.a, left), (self.b, right))
        x, y = ({key: text for key, _, text in s.product.cards(i)} for s, i in sides)
        for keyword in x:
            if keyword in _COMMENTARY or keyword not in y or self._ignores_card(label, keyword):
                continue
            p, q = x[keyword] or "", y[keyword] or ""
            if p != q:
                yield Difference("header", "", label, keyword, p, q, f"comment {p!r} -> {q!r}")

    def _data(self, label: str, left: int, right: int) -> Iterator[Difference]:
        path = self.paths.get(left, "")
        if path and self._ignores_path(tuple(path.split("."))):
            return

        def differ(text: str, p: Any, q: Any) -> Difference:
            return Difference("data", path, label, "", p, q, text)

        x, y = self.a.product.hdu(left), self.b.product.hdu(right)
        here, there = arrays.has_data(x), arrays.has_data(y)
        if here and there:
            if self._same_storage(left, right) and self._same_bytes(left, right):
                return
            yield from self._arrays(_data_of(self.a, left), _data_of(self.b, right), differ)
        elif here or there:
            text = f"data only in the {'first' if here else 'second'} file"
            yield differ(text, x.shape if here else None, y.shape if there else None)

    def _same_storage(self, left: int, right: int) -> bool:
        x, y = (
            {k: v for k, v in side.product.values(index).items() if _STORAGE.fullmatch(k)}
            for side, index in ((self.a, left), (self.b, right))
        )
        # A primary HDU and an extension say differently that they are there.
        names = ("SIMPLE", "XTENSION", "EXTEND", "PCOUNT", "GCOUNT")
        return all(x.get(key) == y.get(key) for key in {*x, *y} if key not in names)

    def _same_bytes(self, left: int, right: int) -> bool:
        x, y = self.a.product.hdu(left), self.b.product.hdu(right)
        if x.announced != y.announced:
            return False
        for start in range(0, x.announced, 8 * _CHUNK):
            length = min(8 * _CHUNK, x.announced - start)
            p = memoryview(self.a.product.region(x.data_at + start, length))
            q = memoryview(self.b.product.region(y.data_at + start, length))
            if not np.array_equal(np.frombuffer(p, "u1"), np.frombuffer(q, "u1")):
                return False
        return True

    # -- arrays --------------------------------------------------------------------------------

    def _arrays(self, x: Any, y: Any, differ: _Differ) -> Iterator[Difference]:
        """Compare two arrays; None stands for no data."""
        if x is None or y is None:
            if x is not y:
                text = f"{_described(x)} -> {_described(y)}"
                yield differ(text, None if x is None else x.shape, None if y is None else y.shape)
        elif (x.dtype.names is None) != (y.dtype.names is None):
            yield differ(f"{_described(x)} -> {_described(y)}", x.shape, y.shape)
        elif x.shape != y.shape:
            yield differ(f"shape {list(x.shape)} -> {list(y.shape)}", x.shape, y.shape)
        elif x.dtype.names is not None:
            yield from self._columns(x, y, differ)
        else:
            kinds = _kind(x.dtype), _kind(y.dtype)
            if kinds[0] != kinds[1]:
                yield differ(f"{kinds[0]} -> {kinds[1]}", *kinds)
            if isinstance(x, np.ma.MaskedArray) or isinstance(y, np.ma.MaskedArray):
                masks = np.ma.getmaskarray(x), np.ma.getmaskarray(y)
                masked = _prefixed(differ, "mask: ")
                yield from self._numbers(_Values(masks[0]), _Values(masks[1]), masked)
                hidden = masks[0] | masks[1]
                x, y = (np.where(hidden, each.dtype.type(), np.asarray(each)) for each in (x, y))
            x, y = (each if isinstance(each, _Values) else _Values(each) for each in (x, y))
            yield from self._numbers(x, y, differ)

    def _columns(self, x: Any, y: Any, differ: _Differ) -> Iterator[Difference]:
        """Compare two tables column by column; names have no case (FITS 4.0 §7.3.2.1)."""
        left, right = ({name.lower(): name for name in each.dtype.names} for each in (x, y))
        for name in [*left, *(name for name in right if name not in left)]:
            if name in left and name in right:
                p, q = np.asanyarray(x[left[name]]), np.asanyarray(y[right[name]])
                yield from self._arrays(p, q, _prefixed(differ, f"column {left[name]}: "))
            else:
                here = name in left
                text = f"column {left[name] if here else right[name]} only in the "
                yield differ(text + ("first file" if here else "second file"), *_which(here))
        if [each for each in left if each in right] != [each for each in right if each in left]:
            yield differ("the columns stand in another order", list(left), list(right))

    def _numbers(self, x: _Values, y: _Values, differ: _Differ) -> Iterator[Difference]:
        """Compare values, some at a time: bytes, and where these differ what they stand for."""
        size = int(np.prod(x.shape, dtype=int))
        alike = x.stored() == y.stored() and not x.dtype.hasobject
        count, worst = 0, 0.0
        first: tuple[int, Any, Any] | None = None
        for start in range(0, size, _CHUNK) if x.dtype.itemsize else ():
            stop = min(start + _CHUNK, size)
            if alike and np.array_equal(x.raw(start, stop), y.raw(start, stop)):
                continue
            p, q = x.chunk(start, stop), y.chunk(start, stop)
            wrong = np.nonzero(self.equal.unequal(p, q))[0]
            if not wrong.size:
                continue
            if first is None:
                first = (start + int(wrong[0]), _item(p, wrong[0]), _item(q, wrong[0]))
            count += wrong.size
            worst = max(worst, _largest(p[wrong], q[wrong]))
        if first is not None:
            at, left, right = first
            place = [int(each) for each in np.unravel_index(at, x.shape)] if x.shape else []
            size_of = f", by up to {worst:g}" if worst else ""
            text = f"{count} of {size} values differ{size_of}; the first at {place}: "
            yield differ(text + f"{left!r} -> {right!r}", left, right)


_Differ = Callable[[str, Any, Any], Difference]


def _prefixed(differ: _Differ, head: str) -> _Differ:
    return lambda text, p, q: differ(head + text, p, q)


def _which(first: bool) -> tuple[bool | None, bool | None]:
    return (True, None) if first else (None, True)


def _card(row: Keyword, path: Path) -> tuple[str, str]:
    """The HDU and the keyword that a path is mapped to."""
    item = next((part for part in path if isinstance(part, int)), 0) if row.in_list else 0
    return f"{row.hdu},{item + 1}", row.keyword.upper()


def _unwrapped(value: Any) -> Any:
    """A part that is no more than a dict or a list as that."""
    if isinstance(value, Deferred):
        kind = value.tag.removeprefix(_CORE)
        if value.plain or (kind != value.tag and kind.startswith(_DESCRIPTIONS)):
            return value.content({})
    return value


def _is_array(value: Any) -> bool:
    return isinstance(value, (HduArray, np.ndarray)) or (
        isinstance(value, Deferred) and value.tag.startswith(_NDARRAY)
    )


def _array(side: _Side, value: Any, index: int | None) -> Any:
    """An array of the tree; one that lies in an HDU as it is comes as `_Pixels`."""
    if isinstance(value, Deferred):
        value = side.file.linked.get(value.node, value)
    as_stored = not isinstance(value, HduArray) or value.is_stored()
    if index is not None and as_stored:
        return _data_of(side, index)
    return value.owner.resolve(value) if isinstance(value, Deferred) else value.resolve(None)


def _data_of(side: _Side, index: int) -> Any:
    hdu = side.product.hdu(index)
    if hdu.kind not in _PIXELS:
        return side.file.array(index)
    if hdu.data_len < hdu.announced:
        raise FormatError(
            f"{side.file.path}: {hdu.label}: byte {hdu.data_at}: the file holds {hdu.data_len} bytes "
            f"of data, the header announces {hdu.announced}"
        )
    return _Pixels(side.product, index) if arrays.has_data(hdu) else None


def _rewritten(part: Deferred) -> Deferred | None:
    """A tagged part as asdf would write it today; None where that cannot be told."""
    try:
        import asdf

        buffer = io.BytesIO()
        with warnings.catch_warnings(action="ignore"):
            asdf.AsdfFile({"part": part.owner.resolve(part)}).write_to(buffer)
    except Exception:  # of any kind: it is compared as it stands
        return None
    found = File(Product.from_bytes(buffer.getvalue(), part.owner.path)).tree()["part"]
    return found if isinstance(found, Deferred) else None


def _kind(dtype: np.dtype[Any]) -> str:
    """A type without byte order; the width of texts means nothing."""
    return "text" if dtype.kind in "SU" else dtype.newbyteorder("=").name


def _described(array: Any) -> str:
    if array is None:
        return "no data"
    return f"{'an array' if array.dtype.names is None else 'a table'} of shape {list(array.shape)}"


def _item(values: np.ndarray[Any, Any], place: int) -> Any:
    value = values[place]
    return value.item() if isinstance(value, np.generic) else value


def _largest(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    """The largest finite difference between numbers; 0 for what has none."""
    if any(each.dtype.kind not in "iufc" for each in (x, y)):
        return 0.0
    kind = "c16" if "c" in (x.dtype.kind, y.dtype.kind) else "f8"
    with np.errstate(all="ignore"):
        differences = np.abs(x.astype(kind) - y.astype(kind))
    finite = differences[np.isfinite(differences)]
    return float(finite.max()) if finite.size else 0.0


def _commentary(label: str, keyword: str, a: list[str], b: list[str]) -> Difference:
    """The first line of commentary that differs."""
    place = next((n for n, (p, q) in enumerate(zip(a, b, strict=False)) if p != q), None)
    if place is None:
        return Difference("header", "", label, keyword, a, b, f"{len(a)} lines -> {len(b)} lines")
    text = f"line {place + 1}: {a[place]!r} -> {b[place]!r}"
    return Difference("header", "", label, keyword, a, b, text)
