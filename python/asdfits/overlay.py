"""The rule "FITS overrides the tree, or adds to it", stated once.

A product says everything twice: in its ASDF tree and in its FITS headers. The tree holds a hash of
the headers it was written with. While that hash proves the headers unchanged the tree stands, since
it is exact where a card is rounded to 20 characters. Once a header was edited FITS wins wherever it
has a value, because FITS tools edit headers and do not know that the tree is there; what only the
tree knows stays.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from ._core import Rows
from .arrays import table_fault
from .errors import FormatWarning, ValidationError, ValidationWarning, warn
from .file import File, HduArray, child, is_lazy
from .mapping import ITEM, ArrayLeaf, Keyword, ModelSchema, SchemaNode
from .migrate import added_cards, added_columns
from .validate import check

__all__ = ["Conflict", "Provenance", "conflicts", "is_current", "overlay", "provenance"]

HASH = "_fits_hash"

# An EXTVER is a position in a list, which grows up to it: a damaged one must not fill the memory.
LONGEST = 100_000

Path = tuple[str | int, ...]

# Makes what stands for the data of an HDU: mapped by a leaf of the schema, or known to none.
MakeArray = Callable[[File, int, ArrayLeaf | None], HduArray]
# Says of a card that does not fit the schema whether its value is taken all the same.
Reject = Callable[[Keyword, Path, Any], bool]


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
    compat: bool = False,
    array: MakeArray | None = None,
    reject: Reject | None = None,
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
    compat
        Answer as the reference does where it is wrong: see `asdfits.open`.
    array
        What stands for the data of an HDU, if not a `HduArray`.
    reject
        What is done with a card that does not fit, in the place of `strict` and `keep_invalid`.

    Notes
    -----
    Nothing is read from the data: arrays are deferred until they are touched, unless `compat`.
    """
    tree = file.tree()
    if array is None:
        array = _strict_array if compat else _own_array
    if compat and file.product.missing_links:
        raise KeyError(f"{file.path}: the tree links to {file.product.missing_links[0]!r}")
    file.added = added_columns(file.product, schema)
    # The reference adds columns before it looks at the hash, which then does not match.
    if not file.added and is_current(file, tree, schema.name):
        # All cards, HISTORY as well, were written from this very tree.
        if file.product.has_table:
            # The reference casts every array as soon as one table is there; links alone are not cast.
            places = file.product.arrays_beside(schema_rows(schema))
            _put_arrays(tree, file, schema, places, array)
        if compat:
            _put_history(tree, file, compat=True)
        return tree
    if schema.lists:
        _warn_of_far_versions(file)
    cards, unknown, places = file.product.beside(schema_rows(schema), compat)
    cards += added_cards(file.product, schema)
    if reject is None:
        reject = _Rejection(file, strict, keep_invalid)
    _put_keywords(tree, file, schema, cards, reject if validate else None)
    placed = _put_arrays(tree, file, schema, places, array, check_tables=not compat)
    _put_extra(tree, file, unknown, placed, array, compat=compat)
    _put_history(tree, file, compat=compat)
    return tree


def metadata(file: File, schema: ModelSchema) -> dict[str, Any]:
    """Return the tree of `file` with the values of mapped cards, unchecked, and nothing else.

    Where the hash proves the headers unchanged a card counts only if the tree has no value in its place,
    as happens once a schema has renamed one.
    """
    tree = file.tree()
    cards = [*file.product.beside(schema_rows(schema))[0], *added_cards(file.product, schema)]
    if is_current(file, tree, schema.name):
        keywords = schema.keywords
        cards = [c for c in cards if file.lookup(_path(keywords[c[0]].path, c[1])) is None]
    _put_keywords(tree, file, schema, cards, None)
    return tree


def _own_array(file: File, index: int, row: ArrayLeaf | None) -> HduArray:
    return HduArray(file, index, None if row is None else row.node)


def _strict_array(file: File, index: int, row: ArrayLeaf | None) -> HduArray:
    data = HduArray(file, index, None if row is None else row.node, by_position=True)
    if row is not None:
        data.resolve()  # raises what is wrong with it
    return data


def is_current(file: File, tree: Mapping[str, Any], class_name: str) -> bool:
    """Tell whether the hash in the tree proves the headers to be those it was written with."""
    stored = tree.get(HASH)
    if stored is None or file.product.value(0, "DATAMODL") != class_name:
        return False
    # The hash of the very bytes proves them as well, whatever a library would make of an odd card.
    return bool(stored == file.product.header_hash()[0] or stored == header_hash(file))


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


def _warn_of_far_versions(file: File) -> None:
    """Warn of each EXTVER that is too high for a position in a list."""
    for index, (_, version) in enumerate(file.product.names()):
        if version > LONGEST:
            label = file.product.hdu(index).label
            message = f"EXTVER is no position in a list of at most {LONGEST} items; not used"
            warn(f"{file.path}: {label}: {message}", FormatWarning)


_known_rows: WeakKeyDictionary[ModelSchema, Rows] = WeakKeyDictionary()


def schema_rows(schema: ModelSchema) -> Rows:
    """Return what a class maps to FITS, arranged for the comparison of all cards with the tree.

    It names the values that need no check, so that only a card which is new, differs from the tree or
    may not fit the schema comes back.
    """
    found = _known_rows.get(schema)
    if found is None:
        keywords = [keyword_row(row) for row in schema.keywords]
        arrays = [(row.hdu, list(row.path), row.in_list) for row in schema.arrays]
        found = _known_rows.setdefault(schema, Rows(keywords, arrays, LONGEST))
    return found


def keyword_row(row: Keyword) -> tuple[str, str, list[str], bool, str, list[str] | None]:
    """Return a keyword as `Rows` takes it, with the values that fit for certain."""
    return row.hdu, row.keyword, list(row.path), row.in_list, *_certain(row.node)


_KINDS = {"string": "s", "boolean": "b", "integer": "i", "number": "if"}


def _certain(node: SchemaNode) -> tuple[str, list[str] | None]:
    """The values that fit a node for certain: their kinds and, if not any will do, which.

    Of rules other than a type and lists of values nothing is certain.
    """
    rules = dict(node.rules or ())
    kinds = _KINDS.get(rules.pop("type", ""), "sbif")
    listed = rules.pop("enum", None)
    choices = [dict(choice.rules or ()) for choice in rules.get("anyOf", ())]
    if choices and listed is None and all(list(choice) == ["enum"] for choice in choices):
        listed = [value for choice in choices for value in choice["enum"]]
        del rules["anyOf"]
    if rules:
        return "", None
    if listed is None:
        return kinds, None
    for kind, python in (("s", str), ("i", int)):
        if kind in kinds and all(type(value) is python for value in listed):
            return kind, list(map(str, listed))
    return "", None


def _find(file: File, name: str, item: int | None) -> int | None:
    """The HDU for a name outside lists, or for list item `item`, counted from 0.

    Outside lists the first HDU of the name counts, whatever its EXTVER.
    """
    if name == "PRIMARY":
        return 0 if item in (None, 0) else None
    return file.product.find(name, None if item is None else item + 1)


def _path(path: tuple[str, ...], item: int | None) -> Path:
    """A path with its list position filled in."""
    if item is None:
        return path
    place = path.index(ITEM)
    return (*path[:place], item, *path[place + 1 :])


def _put_keywords(
    tree: dict[str, Any],
    file: File,
    schema: ModelSchema,
    cards: Iterable[tuple[int, int | None, int, Any, bool, bool]],
    reject: Reject | None,
) -> None:
    """Lay header values over the tree: (row, list item, HDU, value, whether it is there, and fits).

    Without `reject` they are not checked.
    """
    put = _Putter(tree)
    keywords = schema.keywords
    for number, item, _, value, equal, fits in cards:
        row = keywords[number]
        path = row.path if item is None else _path(row.path, item)
        taken = fits or reject is None or check(value, row.node) is None
        if (taken or (reject is not None and reject(row, path, value))) and not equal:
            put(path, value)


class _Rejection:
    """Raises or warns of a card that does not fit the schema."""

    def __init__(self, file: File, strict: bool, keep: bool) -> None:
        self.file, self.strict, self.keep = file, strict, keep

    def __call__(self, row: Keyword, path: Path, value: Any) -> bool:
        item = next((part for part in path if isinstance(part, int)), None)
        index = _find(self.file, row.hdu, item if row.in_list else None)
        label = self.file.product.hdu(index or 0).label
        message = (
            f"While validating {'.'.join(map(str, path))} the following error occurred:\n"
            f"{check(value, row.node)} ({self.file.path}: {label}, keyword {row.keyword})"
        )
        if self.strict:
            raise ValidationError(message)
        warn(message, ValidationWarning)
        return self.keep


def _put_arrays(
    tree: dict[str, Any],
    file: File,
    schema: ModelSchema,
    places: Iterable[tuple[int, int | None, int, int | None]],
    array: MakeArray,
    *,
    check_tables: bool = False,
) -> set[int]:
    """Put the data of every mapped HDU into the tree, unread; return the HDUs.

    A place is (row, list item, HDU, node of the tree that links to it). Tables that do not fit the
    schema are named now if asked for: no writer has vouched for them.
    """
    placed = set()
    put = _Putter(tree)
    for number, item, index, node in places:
        row = schema.arrays[number]
        placed.add(index)
        data = array(file, index, row)
        if check_tables and index not in file.added:
            fault = table_fault(file.product, index, row.node)
            if fault is not None:
                label = file.product.hdu(index).label
                warn(f"{file.path}: {label}: {fault}; reading it fails", FormatWarning)
        if node is not None:
            file.linked[node] = data  # the tree says so itself, and its branch need not be made
        elif file.has_data(index):
            put(_path(row.path, item), data)
    return placed


class _Putter:
    """Stores values in a tree; each branch on the way is made, or looked for, once."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._branches: dict[Path, Any] = {(): tree}

    def __call__(self, path: Path, value: Any) -> None:
        """Store `value` at `path`; lists on the way grow by empty dicts."""
        above = path[:-1]
        branch = self._branches.get(above)
        if branch is None:
            branch = self._branch(above, dict)
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
    tree: dict[str, Any],
    file: File,
    unknown: list[tuple[int, list[list[Any]]]],
    placed: set[int],
    array: MakeArray,
    *,
    compat: bool,
) -> None:
    """Keep what the schema does not know: cards and data, by the name of their HDU."""
    names = file.product.names()
    extra: dict[str, dict[str, Any]] = {}
    parts: dict[int, dict[str, Any]] = {index: {"header": cards} for index, cards in unknown}
    for index, (name, _) in enumerate(names):
        if index not in placed and name != "ASDF" and file.has_data(index):
            parts.setdefault(index, {})["data"] = array(file, index, None)
    tree.pop("extra_fits", None)
    if not parts:
        return
    keys = _extra_names(names, parts) if not compat else {index: names[index][0] for index in parts}
    for index in sorted(parts):
        # The reference knows names alone: of HDUs with one name the last is kept.
        extra.setdefault(keys[index], {}).update(parts[index])
        if compat:
            for card in parts[index].get("header", ()):
                card[1] = _undefined() if card[1] is None else card[1]
    tree["extra_fits"] = extra


def _extra_names(names: list[tuple[str, int]], indexes: Iterable[int]) -> dict[int, str]:
    """The names of HDUs in `extra_fits`: the first of a name has it alone.

    The others have their EXTVER as well, ``SCI,2``; one that repeats an EXTVER has the next free one.
    """
    first: dict[str, int] = {}
    owners: dict[tuple[str, int], int] = {}
    for index, (name, version) in enumerate(names):
        first.setdefault(name, index)
        owners.setdefault((name, version), index)
    found = {}
    free: dict[tuple[str, int], int] = {}
    for index in sorted(indexes):
        name, version = names[index]
        if first[name] == index:
            found[index] = name
            continue
        if owners[name, version] != index:
            asked = version
            version = free.get((name, asked), asked)
            while (name, version) in owners:
                version += 1
            owners[name, version] = index
            free[name, asked] = version
        found[index] = f"{name},{version}"
    return found


def _undefined() -> Any:
    """What the reference has for a card without a value; None without astropy."""
    try:
        from astropy.io.fits.card import UNDEFINED
    except ImportError:
        return None
    return UNDEFINED


def _put_history(tree: dict[str, Any], file: File, *, compat: bool) -> None:
    """Let the HISTORY cards speak, unless the tree says the same and more.

    The tree knows the time and software of an entry; a card holds 72 characters of its text.
    """
    cards = file.product.commentary(0, "HISTORY")
    if not cards:
        return
    if not compat:
        entries = file.lookup(("history", "entries"))
        in_list = entries is None
        if in_list:
            entries = file.lookup(("history",))
        texts = [_text_of(entry) for entry in entries] if isinstance(entries, list) else []
        if cards == [line for text in texts for line in _split(text)]:
            if in_list and texts:
                # Files of ASDF standard 1.1 and before have the entries themselves here.
                tree["history"] = {"entries": child(tree, "history")}
            return
    tree["history"] = {"entries": [{"description": card} for card in cards]}


def _text_of(entry: Any) -> Any:
    return entry.get("description") if isinstance(entry, dict) else entry


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
    found = []
    for number, item, index, value, equal, _ in file.product.beside(schema_rows(schema))[0]:
        if equal:
            continue
        row = schema.keywords[number]
        path = _path(row.path, item)
        stored = file.lookup(path)
        if stored is not None and not is_lazy(stored) and not _same(value, stored):
            facts = file.product.hdu(index)
            hdu = f"{facts.name},{facts.version}"
            found.append(Conflict(".".join(map(str, path)), hdu, row.keyword, value, stored))
    return found


def provenance(file: File, schema: ModelSchema, path: Path, current: Any) -> Provenance:
    """Return where the value `current` at `path` came from."""
    dotted = ".".join(map(str, path))
    pattern = tuple(ITEM if isinstance(part, int) else part for part in path)
    item = next((part for part in path if isinstance(part, int)), None)
    stored = file.lookup(path)
    fits_value, hdu, keyword, index = None, None, None, None
    for keyword_row in schema.keywords:
        if keyword_row.path == pattern:
            hdu, keyword = keyword_row.hdu, keyword_row.keyword
            index = _find(file, hdu, item if keyword_row.in_list else None)
            if index is not None:
                fits_value = file.product.value(index, keyword)
            break
    else:
        for array_row in schema.arrays:
            if array_row.path == pattern:
                hdu = array_row.hdu
                index = _find(file, hdu, item if array_row.in_list else None)
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
