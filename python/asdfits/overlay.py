"""The rule "FITS overrides the tree, or adds to it", stated once.

A product says everything twice: in its ASDF tree and in its FITS headers. The tree holds a hash of
the headers it was written with. While that hash proves the headers unchanged the tree stands, since
it is exact where a card is rounded to 20 characters. Once a header was edited FITS wins wherever it
has a value, because FITS tools edit headers and do not know that the tree is there; what only the
tree knows stays.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from .arrays import table_fault
from .errors import FormatWarning, ValidationError, ValidationWarning, warn
from .file import File, HduArray, child, is_lazy
from .mapping import ITEM, Keyword, ModelSchema
from .validate import check

__all__ = ["Conflict", "Provenance", "conflicts", "is_current", "overlay", "provenance"]

HASH = "_fits_hash"

# An EXTVER is a position in a list, which grows up to it: a damaged one must not fill the memory.
LONGEST = 100_000

Path = tuple[str | int, ...]


class Provenance(NamedTuple):
    """Where a value of a model came from.

    Attributes
    ----------
    path : str
        The dotted path.
    layer : str
        ``fits`` or ``asdf``, the side whose value the model took; ``user`` if it was set later;
        ``default`` if the file has no value.
    hdu : str or None
        The HDU that the schema names for the value: ``SCI,1``.
    keyword : str or None
        The header keyword that the schema names for the value.
    fits_value, asdf_value : object
        What each side holds; None where it holds nothing. Arrays are given by a short description.
    """

    path: str
    layer: str
    hdu: str | None
    keyword: str | None
    fits_value: Any
    asdf_value: Any


class Conflict(NamedTuple):
    """A path at which a header and the tree disagree."""

    path: str
    hdu: str
    keyword: str
    fits_value: Any
    asdf_value: Any


def overlay(
    file: File,
    schema: ModelSchema,
    *,
    strict: bool = False,
    keep_invalid: bool = False,
    validate: bool = True,
    arrays: bool = True,
) -> dict[str, Any]:
    """Return the tree of `file` with the values that FITS overrides or adds.

    Parameters
    ----------
    file
        An open FITS file.
    schema
        The model class whose mapping applies.
    strict
        Raise `ValidationError` for a card that does not fit the schema, instead of a warning.
    keep_invalid
        Take such a card's value all the same.
    validate
        Whether cards are checked against the schema at all.
    arrays
        Whether data, and what no schema knows, become part of the tree.

    Notes
    -----
    Nothing is read from the data: arrays are deferred until they are touched.
    """
    tree = file.tree()
    if is_current(file, tree, schema.name):
        # All cards, HISTORY as well, were written from this very tree.
        if arrays and file.product.has_table:
            # The reference casts every array as soon as one table is there; links alone are not cast.
            _put_arrays(tree, schema, _Versions(file))
        return tree
    versions = _Versions(file)
    if schema.lists:
        versions.warn_of_far_versions()
    known = _put_keywords(tree, schema, versions, strict, keep_invalid, validate)
    if arrays:
        placed = _put_arrays(tree, schema, versions, check_tables=True)
        _put_extra(tree, file, known, placed)
    _put_history(tree, file)
    return tree


def is_current(file: File, tree: Mapping[str, Any], class_name: str) -> bool:
    """Tell whether the hash in the tree proves the headers to be those it was written with."""
    stored = tree.get(HASH)
    if stored is None or file.product.value(0, "DATAMODL") != class_name:
        return False
    return bool(stored == header_hash(file))


def header_hash(file: File) -> str | None:
    """Return the SHA-256 of all headers but that of the ASDF extension.

    The writer hashes headers as astropy renders them. Where a card needs repair before it is
    rendered, astropy is asked; without astropy the hash is unknown, None.
    """
    digest, unclean = file.product.header_hash()
    if not unclean:
        return digest
    try:
        from astropy.io.fits import Header
    except ImportError:
        return None
    import hashlib  # seldom needed, and slow to import

    rendered = hashlib.sha256()
    for index, (name, _) in enumerate(file.product.names()):
        if name == "ASDF":
            continue
        raw = file.product.header_bytes(index)
        if index in unclean:
            try:
                with warnings.catch_warnings(action="ignore"):  # of the repairs that it makes
                    raw = str(Header.fromstring(raw)).encode()
            except (
                Exception
            ):  # astropy raises many kinds; each means that no writer made this header
                return None
        rendered.update(raw)
    return rendered.hexdigest()


class _Versions:
    """The HDUs of a file as the mapping looks for them, and their headers, each parsed once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.names = file.product.names()
        self._items = sorted({version - 1 for _, version in self.names if 0 < version <= LONGEST})
        self._headers: dict[int, dict[str, Any]] = {}

    def find(self, name: str, item: int | None) -> int | None:
        """The HDU for a name outside lists, or for list item `item`, counted from 0.

        Outside lists the first HDU of the name counts, whatever its EXTVER.
        """
        if name == "PRIMARY":
            return 0 if item in (None, 0) else None
        return self.file.product.find(name, None if item is None else item + 1)

    def header(self, index: int) -> dict[str, Any]:
        header = self._headers.get(index)
        if header is None:
            header = self._headers[index] = self.file.product.values(index)
        return header

    def items(self) -> list[int]:
        """The list items that some HDU may stand for."""
        return self._items

    def warn_of_far_versions(self) -> None:
        """Warn of each EXTVER that is too high for a position in a list."""
        for index, (_, version) in enumerate(self.names):
            if version > LONGEST:
                label = self.file.product.hdu(index).label
                message = f"EXTVER is no position in a list of at most {LONGEST} items; not used"
                warn(f"{self.file.path}: {label}: {message}", FormatWarning)


def _cards(schema: ModelSchema, versions: _Versions) -> Iterator[tuple[Keyword, Path, int, Any]]:
    """Every mapped card: its row, its path, its HDU, its value, None where it is undefined."""
    outside, inside = _rows(schema)
    yield from _cards_of(outside, versions, None)
    if inside:
        for item in versions.items():
            yield from _cards_of(inside, versions, item)


def _cards_of(
    rows: Iterable[tuple[str, str, Keyword]], versions: _Versions, item: int | None
) -> Iterator[tuple[Keyword, Path, int, Any]]:
    headers: dict[str, tuple[int, dict[str, Any]]] = {}
    for hdu, keyword, row in rows:
        found = headers.get(hdu)
        if found is None:
            index = versions.find(hdu, item)
            found = headers[hdu] = (-1, {}) if index is None else (index, versions.header(index))
        if keyword in found[1]:
            yield row, _path(row.path, item), found[0], found[1][keyword]


@cache
def _rows(
    schema: ModelSchema,
) -> tuple[tuple[tuple[str, str, Keyword], ...], tuple[tuple[str, str, Keyword], ...]]:
    """The keyword rows outside and inside lists, as (HDU, KEYWORD, row)."""
    rows = [(row.hdu, row.keyword.upper(), row) for row in schema.keywords]
    outside = tuple(row for row in rows if not row[2].in_list)
    return outside, tuple(row for row in rows if row[2].in_list)


def _path(path: tuple[str, ...], item: int | None) -> Path:
    """A path with its list position filled in."""
    if item is None:
        return path
    place = path.index(ITEM)
    return (*path[:place], item, *path[place + 1 :])


def _put_keywords(
    tree: dict[str, Any],
    schema: ModelSchema,
    versions: _Versions,
    strict: bool,
    keep_invalid: bool,
    validate: bool,
) -> dict[int, set[str]]:
    """Lay the header values over the tree; return the keywords that the schema knows, by HDU."""
    known: dict[int, set[str]] = {}
    put = _Putter(tree)
    for row, path, index, value in _cards(schema, versions):
        known.setdefault(index, set()).add(row.keyword.upper())
        if value is None:
            continue
        fault = check(value, row.node) if validate else None
        if fault is not None:
            message = (
                f"While validating {'.'.join(map(str, path))} the following error occurred:\n"
                f"{fault} ({versions.file.path}: {versions.file.product.hdu(index).label}, "
                f"keyword {row.keyword})"
            )
            if strict:
                raise ValidationError(message)
            warn(message, ValidationWarning)
            if not keep_invalid:
                continue
        put(path, value)
    return known


def _put_arrays(
    tree: dict[str, Any], schema: ModelSchema, versions: _Versions, *, check_tables: bool = False
) -> set[int]:
    """Put the data of every mapped HDU into the tree, unread; return the HDUs.

    Tables that do not fit the schema are named now if asked for: no writer has vouched for them.
    """
    placed = set()
    put = _Putter(tree)
    for row in schema.arrays:
        for item in versions.items() if row.in_list else (None,):
            index = versions.find(row.hdu, item)
            if index is None:
                continue
            placed.add(index)
            fault = table_fault(versions.file.product, index, row.node) if check_tables else None
            if fault is not None:
                label = versions.file.product.hdu(index).label
                warn(f"{versions.file.path}: {label}: {fault}; reading it fails", FormatWarning)
            if versions.file.has_data(index):
                put(_path(row.path, item), HduArray(versions.file, index, row.node))
    return placed


class _Putter:
    """Stores values in a tree; each branch on the way is made, or looked for, once."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._branches: dict[Path, Any] = {(): tree}

    def __call__(self, path: Path, value: Any) -> None:
        """Store `value` at `path`; lists on the way grow by empty dicts."""
        branch = self._branch(path[:-1], dict)
        if branch is not None:
            branch[path[-1]] = value

    def _branch(self, path: Path, kind: type[dict[Any, Any]] | type[list[Any]]) -> Any:
        """The dict or list at `path`; None if something else stands there or on the way."""
        if path in self._branches:
            return self._branches[path]
        last = path[-1]
        branch: Any = None
        if isinstance(last, int):
            items = self._branch(path[:-1], list)
            if items is not None:
                items.extend({} for _ in range(len(items), last + 1))
                branch = child(items, last)
        else:
            above = self._branch(path[:-1], dict)
            if above is not None:
                branch = child(above, last) if last in above else above.setdefault(last, kind())
        self._branches[path] = branch if isinstance(branch, kind) else None
        return self._branches[path]


def _put_extra(
    tree: dict[str, Any], file: File, known: Mapping[int, set[str]], placed: set[int]
) -> None:
    """Keep what the schema does not know: cards and data, by the name of their HDU."""
    extra: dict[str, dict[str, Any]] = {}
    for index, (name, _) in enumerate(file.product.names()):
        if name == "ASDF":
            continue
        names = known.get(index, set())
        cards = [
            card
            for card in file.product.cards(index)
            if card[0].upper() not in names and not _is_builtin(card[0])
        ]
        if cards:
            extra.setdefault(name, {})["header"] = cards
        if index not in placed and file.has_data(index):
            extra.setdefault(name, {})["data"] = HduArray(file, index)
    tree.pop("extra_fits", None)
    if extra:
        tree["extra_fits"] = extra


@cache
def _is_builtin(keyword: str) -> bool:
    """Tell whether FITS libraries manage a card themselves: it says how data are stored."""
    return (
        re.fullmatch(
            r"(NAXIS\d{0,3}|BITPIX|XTENSION|PCOUNT|GCOUNT|EXTEND|BSCALE|BZERO|BLANK|DATAMAX|DATAMIN"
            r"|EXTNAME|EXTVER|EXTLEVEL|GROUPS|P(TYPE|SCAL|ZERO)\d|SIMPLE|TFIELDS"
            r"|T(BCOL|DIM|FORM|TYPE|UNIT|SCAL|ZERO|NULL|DISP)\d{1,3}|HISTORY)?",
            keyword,
        )
        is not None
    )


def _put_history(tree: dict[str, Any], file: File) -> None:
    """Let the HISTORY cards speak, unless the tree says the same and more.

    The tree knows the time and software of an entry; a card holds 72 characters of its text.
    """
    cards = file.product.commentary(0, "HISTORY")
    if not cards:
        return
    history = child(tree, "history") if "history" in tree else None
    entries = history
    if isinstance(history, dict):
        entries = child(history, "entries") if "entries" in history else []
    if isinstance(entries, list):
        each = [child(entries, place) for place in range(len(entries))]
        texts = [e.get("description") if isinstance(e, dict) else e for e in each]
        if cards == [line for text in texts for line in _split(text)]:
            # Files of ASDF standard 1.1 and before have the entries themselves here.
            tree["history"] = history if isinstance(history, dict) else {"entries": entries}
            return
    tree["history"] = {"entries": [{"description": card} for card in cards]}


def _split(text: Any) -> list[str]:
    """A text as the HISTORY cards that hold it; none for what is no text."""
    if not isinstance(text, str):
        return []
    return [text[i : i + 72].rstrip() for i in range(0, len(text), 72)] or [""]


def conflicts(file: File, schema: ModelSchema) -> list[Conflict]:
    """Return every path at which a header and the tree both have a value and these differ.

    A number in a card counts as equal to the tree's when rounding to a card explains the difference.
    """
    if not file.product.is_fits:
        return []
    tree = file.whole_tree()
    found = []
    for row, path, index, value in _cards(schema, _Versions(file)):
        stored = _at(tree, path)
        both = value is not None and stored is not None and not is_lazy(stored)
        if both and not _same(value, stored):
            label = file.product.hdu(index)
            hdu = f"{label.name},{label.version}"
            found.append(Conflict(".".join(map(str, path)), hdu, row.keyword, value, stored))
    return found


def provenance(file: File, schema: ModelSchema, path: Path, current: Any) -> Provenance:
    """Return where the value `current` at `path` came from."""
    dotted = ".".join(map(str, path))
    pattern = tuple(ITEM if isinstance(part, int) else part for part in path)
    item = next((part for part in path if isinstance(part, int)), None)
    versions = _Versions(file)
    stored = file.lookup(path)
    fits_value, hdu, keyword, index = None, None, None, None
    for keyword_row in schema.keywords:
        if keyword_row.path == pattern:
            hdu, keyword = keyword_row.hdu, keyword_row.keyword
            index = versions.find(hdu, item if keyword_row.in_list else None)
            if index is not None:
                fits_value = versions.header(index).get(keyword.upper())
            break
    else:
        for array_row in schema.arrays:
            if array_row.path == pattern:
                hdu = array_row.hdu
                index = versions.find(hdu, item if array_row.in_list else None)
                if index is not None and file.has_data(index):
                    fits_value = repr(HduArray(file, index))
                break
    if index is not None:
        facts = file.product.hdu(index)
        hdu = f"{facts.name},{facts.version}"
    asdf_value = repr(stored) if is_lazy(stored) else stored
    layer = _layer(file, schema, current, fits_value, stored, is_array=keyword is None)
    return Provenance(dotted, layer, hdu, keyword, fits_value, asdf_value)


def _layer(
    file: File, schema: ModelSchema, current: Any, fits_value: Any, stored: Any, *, is_array: bool
) -> str:
    """The side that the model took, judged by what it holds now."""
    if fits_value is None and stored is None:
        return "default" if current is None else "user"
    if is_array and fits_value is not None:
        return "fits"
    if stored is not None and is_lazy(stored):
        return "asdf"
    took_tree = fits_value is None or is_current(file, file.tree(), schema.name)
    taken, layer = (stored, "asdf") if took_tree else (fits_value, "fits")
    if current is taken or (type(current) is type(taken) and bool(current == taken)):
        return layer
    if stored is not None and type(current) is type(stored) and bool(current == stored):
        return "asdf"
    return "user"


def _at(tree: Any, path: Path) -> Any:
    """The value at `path` of a plain tree; None where nothing is."""
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree


def _same(card: Any, stored: Any) -> bool:
    """Tell whether a card says what the tree says, as far as a card can."""
    if isinstance(card, bool) or isinstance(stored, bool):
        return card is stored
    if isinstance(card, (int, float)) and isinstance(stored, (int, float)):
        # 20 characters leave 13 significant digits in the worst case: sign, point and exponent.
        return card == stored or abs(card - stored) <= 1e-12 * abs(stored)
    if isinstance(card, str) and isinstance(stored, str):
        return card == stored.rstrip()
    return bool(card == stored)
