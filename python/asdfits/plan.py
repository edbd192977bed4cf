"""Which HDUs a tree becomes, in which order, with which cards and data.

The walk follows the schema as the reference's writer does: an HDU comes into being when a keyword or
an array first asks for it. What differs is where the parts come from. Each HDU of the plan may have
a base, the HDU of an open file that it was read from: what has not changed since goes into the new
file as it is, cards with their comments, data without entering memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from ._core import Deferred
from .errors import UnsupportedError
from .file import File, HduArray, Lazy, child
from .mapping import ITEM, ModelSchema, SchemaNode
from .overlay import is_current

__all__ = ["HduPlan", "Plan", "Stored", "Wanted", "known_keywords", "make_plan"]

PRIMARY: Final = "PRIMARY"

Path = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Stored:
    """Data of an HDU of an open file, unread."""

    file: File
    index: int


class Wanted(NamedTuple):
    """A card that the tree asks for.

    Attributes
    ----------
    comment : str or None
        What the schema says of it, if it has words.
    headings : tuple of str
        The titles of the sections that begin with it.
    """

    keyword: str
    value: Any
    path: Path
    comment: str | None = None
    headings: tuple[str, ...] = ()


class HduPlan:
    """One HDU to be written.

    Attributes
    ----------
    name : str
        EXTNAME, in upper case; ``PRIMARY`` for the first.
    version : int or None
        EXTVER; None where no card says it, which counts as 1.
    base : Stored or None
        The HDU that this one was read from.
    data : Stored, numpy.ndarray or None
        What it holds.
    wanted : dict
        KEYWORD -> the card that the tree asks for, in the order of the schema.
    version_after : int
        How many of these cards come before EXTVER.
    whole : bool
        The base's mapped cards stay, also those that the tree was not asked about.
    removed : frozenset
        Keywords of the base that go.
    extra : list
        Cards that no schema knows.
    """

    __slots__ = (
        "base",
        "data",
        "extra",
        "name",
        "number",
        "removed",
        "version",
        "version_after",
        "wanted",
        "whole",
    )

    def __init__(self, name: str, version: int | None = None) -> None:
        self.name = name
        self.version = version
        self.version_after = 0
        self.base: Stored | None = None
        self.data: Stored | np.ndarray[Any, Any] | None = None
        self.wanted: dict[str, Wanted] = {}
        self.whole = False
        self.removed: frozenset[str] = frozenset()
        self.extra: list[Any] = []
        self.number = 0

    @property
    def source(self) -> str:
        """How the tree links to the data: ``fits:SCI,1``."""
        return f"fits:{self.name},{self.version or 1}" if self.name else f"fits:{self.number}"

    def describe(self) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Return the type and shape of the data."""
        if isinstance(self.data, Stored):
            return self.data.file.describe(self.data.index)
        assert self.data is not None  # only HDUs with data are linked to
        return self.data.dtype, self.data.shape

    def __repr__(self) -> str:
        return f"<HduPlan {self.name},{self.version or 1}>"


class Plan:
    """The HDUs of a file to be written, and which arrays of the tree they hold."""

    def __init__(self) -> None:
        self.hdus = [HduPlan(PRIMARY)]
        self.history: list[str] = []
        self._placed: dict[tuple[str, int], HduPlan] = {(PRIMARY, 1): self.hdus[0]}
        self._first: dict[str, HduPlan] = {PRIMARY: self.hdus[0]}
        # Objects of the tree and HDUs of open files -> where their values go.
        self._objects: dict[int, tuple[Any, HduPlan]] = {}
        self._stored: dict[tuple[int, int], HduPlan] = {}

    def find(self, name: str, item: int | None) -> HduPlan | None:
        """Return the HDU for a name outside lists, or for list item `item`, counted from 0."""
        if item is None:
            return self._first.get(name)
        return self._placed.get((name, item + 1))

    def add(self, name: str, version: int | None) -> HduPlan:
        """Append an HDU."""
        hdu = HduPlan(name, version)
        self.hdus.append(hdu)
        self._placed.setdefault((name, version or 1), hdu)
        self._first.setdefault(name, hdu)
        return hdu

    def hold(self, value: Any, hdu: HduPlan) -> None:
        """Note that the array `value` of the tree goes to `hdu`."""
        self._objects.setdefault(id(value), (value, hdu))

    def holds(self, value: Any) -> HduPlan | None:
        """Return the HDU that an array of the tree goes to."""
        found = self._objects.get(id(value))
        return None if found is None else found[1]

    def put(self, hdu: HduPlan, stored: Stored) -> None:
        """Note that the data of an HDU of an open file go to `hdu`."""
        self._stored.setdefault((id(stored.file), stored.index), hdu)

    def moved(self, file: File, index: int) -> HduPlan | None:
        """Return the HDU that the data of an HDU of an open file go to."""
        return self._stored.get((id(file), index))

    def number(self) -> None:
        """Give each HDU its place."""
        for number, hdu in enumerate(self.hdus):
            hdu.number = number


def make_plan(
    tree: dict[str, Any], schema: ModelSchema, file: File | None, made: Callable[[Any], Any]
) -> Plan:
    """Return the HDUs that `tree` becomes.

    Parameters
    ----------
    tree
        The tree of a model; branches are made where the walk has to look into them.
    schema
        The mapping that applies.
    file
        The file that the model was opened from.
    made
        Makes the value of a deferred array.

    Raises
    ------
    UnsupportedError
        An array of the tree has no place in FITS.
    """
    walk = _Walk(schema, file, made)
    walk.visit(schema.root, tree, (), None)
    walk.add_extra(tree)
    if not schema.no_asdf:
        walk.add_linked(tree)
    walk.add_history(tree)
    walk.plan.number()
    walk.find_bases()
    return walk.plan


@cache
def known_keywords(schema: ModelSchema) -> Mapping[str, frozenset[str]]:
    """Return HDU -> the keywords that the schema maps there, in upper case."""
    known: dict[str, set[str]] = {}
    for row in schema.keywords:
        known.setdefault(row.hdu, set()).add(row.keyword.upper())
    return {hdu: frozenset(keywords) for hdu, keywords in known.items()}


class _Walk:
    def __init__(self, schema: ModelSchema, file: File | None, made: Callable[[Any], Any]) -> None:
        self.plan = Plan()
        self.schema = schema
        self.file = file if file is not None and file.product.is_fits else None
        self.made = made
        self._origins = {} if self.file is None else self.file.origins()
        self._whole: set[int] = set()
        self._positions: dict[tuple[int, Path], dict[int, int]] = {}
        self._names: dict[Path, frozenset[str]] = {}
        # Titles of the sections on the way here that have no card yet.
        self._titles: list[str] = []

    def visit(self, node: SchemaNode, value: Any, path: Path, item: int | None) -> None:
        """Plan what `value` and what is below it ask for, in the order of the schema."""
        if node.keyword is not None:
            self._card(node, value, path, item)
            return
        if node.hdu is not None and node.is_array:
            self._array(node, value, path, item)
            return
        titles = self._titles
        if node.title is not None and isinstance(value, dict):
            titles.append(node.title)
        self._below(node, value, path, item)
        if node.title is not None and isinstance(value, dict):
            titles.pop()

    def _below(self, node: SchemaNode, value: Any, path: Path, item: int | None) -> None:
        for part, below in node.children():
            if part == ITEM:
                if isinstance(value, list):
                    self._items(below, value, path, item)
            elif part in (None, "anyOf", "oneOf"):
                self.visit(below, value, path, item)
            elif isinstance(value, dict) and part in value:
                found = child(value, part)
                if found is not None:
                    self.visit(below, found, (*path, part), item)

    def _items(self, node: SchemaNode, value: list[Any], path: Path, item: int | None) -> None:
        for place, each in enumerate(value):
            if isinstance(each, Deferred) and self._whole_item(each, path, place):
                continue
            self.visit(node, child(value, place), (*path, place), place)

    def _card(self, node: SchemaNode, value: Any, path: Path, item: int | None) -> None:
        if isinstance(value, (Lazy, Deferred)):
            value = self.made(value)
        if value is None:
            return
        name = PRIMARY if node.hdu is None else node.hdu.upper()
        if name == PRIMARY and item:
            return  # read for the first item alone
        hdu = self.plan.find(name, None if name == PRIMARY else item)
        if hdu is None:
            hdu = self.plan.add(name, None if item is None else item + 1)
        keyword = str(node.keyword)
        if isinstance(value, np.generic):
            value = value.item()
        headings, self._titles = tuple(self._titles), []
        hdu.wanted[keyword.upper()] = Wanted(keyword, value, path, node.comment, headings)

    def _array(self, node: SchemaNode, value: Any, path: Path, item: int | None) -> None:
        data = self._data(value)
        if data is None:
            return
        name = str(node.hdu).upper()
        if name == PRIMARY:
            raise UnsupportedError(
                f"{_dotted(path)}: the schema names no HDU beside the primary one for this array"
            )
        version = 1 if item is None else item + 1
        hdu = self.plan.find(name, version - 1) or (
            self.plan.find(name, None) if version == 1 else None
        )
        if hdu is None or (hdu.version or 1) != version:
            hdu = self.plan.add(name, version)
        elif hdu.data is None and _is_table(data):
            # The reference makes a table anew, behind all others, where keywords were first.
            self.plan.hdus.remove(hdu)
            self.plan.hdus.append(hdu)
            if hdu.version is None:
                hdu.version = version
        self._hold(hdu, value, data)
        if hdu.version is None:
            hdu.version, hdu.version_after = version, len(hdu.wanted)

    def _data(self, value: Any) -> Stored | np.ndarray[Any, Any] | None:
        """What an HDU holds for an array of the tree; None for nothing."""
        if isinstance(value, Deferred):
            stored = _linked(value)
            if stored is not None:
                return stored
        if isinstance(value, HduArray) and _goes_as_it_is(value):
            return Stored(value.file, value.index)
        if isinstance(value, (Deferred, Lazy)):
            value = self.made(value)
        if value is None:
            return None
        array = np.asanyarray(value)
        return array if array.ndim else None

    def _hold(self, hdu: HduPlan, value: Any, data: Stored | np.ndarray[Any, Any]) -> None:
        hdu.data = data
        self.plan.hold(value, hdu)
        if isinstance(data, np.ndarray):
            self.plan.hold(data, hdu)
            origin = self._origins.get(id(data))
            stored = None if origin is None or self.file is None else Stored(self.file, origin)
        else:
            stored = data
            touched = data.file.touched(data.index)
            if touched is not None:
                hdu.data = touched  # it may have been written to
        if stored is None:
            return
        self.plan.put(hdu, stored)
        if (stored.index == 0) != (hdu is self.plan.hdus[0]):
            hdu.data = stored.file.array(stored.index)  # no header of another kind describes it
        else:
            hdu.base = stored

    def _whole_item(self, item: Deferred, path: Path, place: int) -> bool:
        """Plan the HDUs of a list item that nobody touched; False if they are not known."""
        owner = item.owner
        if not item.plain or not isinstance(owner, File) or not owner.product.is_fits:
            return False
        names = self._item_names(path)
        was = self._places(owner, path).get(item.node)
        if was is None or PRIMARY in names:
            return False
        found = (owner.product.find(name, was + 1) for name in names)
        for index in sorted(index for index in found if index is not None):
            facts = owner.product.hdu(index)
            hdu = self.plan.find(facts.name, place)
            if hdu is None:
                hdu = self.plan.add(facts.name, place + 1)
            hdu.whole = True
            self._whole.add(id(item))
            hdu.base = Stored(owner, index)
            if owner.has_data(index):
                self._hold(hdu, hdu.base, hdu.base)
        return True

    def _item_names(self, path: Path) -> frozenset[str]:
        """The HDUs in which the items of the list at `path` are."""
        names = self._names.get(path)
        if names is None:
            rows: list[Any] = [*self.schema.keywords, *self.schema.arrays]
            inside = (*path, ITEM)
            names = frozenset(
                row.hdu for row in rows if row.in_list and row.path[: len(inside)] == inside
            )
            self._names[path] = names
        return names

    def _places(self, owner: File, path: Path) -> dict[int, int]:
        """Node -> position for the items of a list as a file has them.

        Empty unless the hash proves that the headers hold what the tree holds, by the same mapping.
        """
        key = (id(owner), path)
        places = self._positions.get(key)
        if places is None:
            places = {}
            # A tree apart from the one that a model works on, and changes.
            value: Any = owner.product.tree(owner, {}, lazy=True)
            if isinstance(value, dict) and is_current(owner, value, self.schema.name):
                for part in path:
                    value = value[part]
                    value = value.content({}, lazy=True) if isinstance(value, Deferred) else value
                places = {
                    each.node: place
                    for place, each in enumerate(value)
                    if isinstance(each, Deferred)
                }
            self._positions[key] = places
        return places

    def add_extra(self, tree: dict[str, Any]) -> None:
        """Plan what no schema knows."""
        extra = child(tree, "extra_fits") if "extra_fits" in tree else None
        for key in extra if isinstance(extra, dict) else ():
            parts = child(extra, key)
            if key == "ASDF" or not isinstance(parts, dict):
                continue
            name, version = named_hdu(key)
            hdu = self.plan.find(name, None if version is None else version - 1)
            data = self._data(child(parts, "data")) if "data" in parts else None
            cards = _plain(parts, "header")
            if hdu is None:
                if data is None and not cards:
                    continue
                hdu = self.plan.add(name, version)
            if data is not None:
                self._hold(hdu, parts["data"], data)
            hdu.extra = cards

    def add_linked(self, tree: dict[str, Any]) -> None:
        """Plan the HDUs that the tree links to where the schema knows no array.

        The reference moves such arrays into the tree; here they stay what they were.
        """
        seen = {id(tree)}
        waiting: list[Any] = [tree]
        while waiting:
            container = waiting.pop()
            for key in list(container) if isinstance(container, dict) else range(len(container)):
                value = container[key]
                if id(value) in self._whole:
                    continue
                value = child(container, key)
                if isinstance(value, (dict, list)) and id(value) not in seen:
                    seen.add(id(value))
                    waiting.append(value)
                elif isinstance(value, Deferred):
                    self._keep_linked(value)

    def _keep_linked(self, value: Deferred) -> None:
        stored = _linked(value)
        if stored is None or self.plan.moved(stored.file, stored.index) is not None:
            return
        facts = stored.file.product.hdu(stored.index)
        if stored.index and facts.name and self.plan.find(facts.name, facts.version - 1) is None:
            self._hold(self.plan.add(facts.name, facts.version), value, stored)

    def add_history(self, tree: dict[str, Any]) -> None:
        """Plan the HISTORY cards: the descriptions alone, 72 characters a card."""
        history = child(tree, "history") if "history" in tree else None
        entries = history
        if isinstance(history, dict):
            entries = child(history, "entries") if "entries" in history else None
        for place in range(len(entries) if isinstance(entries, list) else 0):
            entry = child(entries, place)
            text = entry.get("description") if isinstance(entry, dict) else entry
            text = "" if text is None else str(text)
            self.plan.history += [text[i : i + 72] for i in range(0, len(text), 72)] or [""]

    def find_bases(self) -> None:
        """Give each HDU without a base the one of its name and version in the model's own file."""
        if self.file is None:
            return
        used = {(id(hdu.base.file), hdu.base.index) for hdu in self.plan.hdus if hdu.base}
        for hdu in self.plan.hdus:
            if hdu.base is not None or not hdu.name:
                continue
            index = 0
            if hdu.number:
                index = self.file.product.find(hdu.name, hdu.version or 1) or 0
            if (index == 0) != (hdu.number == 0) or self.file.product.hdu(index).name != hdu.name:
                continue  # a primary HDU may be named like an extension, or hold the tree
            if (id(self.file), index) not in used:
                hdu.base = Stored(self.file, index)


def _linked(value: Deferred) -> Stored | None:
    """The HDU that an untouched array of the tree lies in."""
    if "/core/ndarray-" not in value.tag or value.owner.made(value.node) is not None:
        return None
    placed = value.owner.linked.get(value.node)
    if placed is not None and not _goes_as_it_is(placed):
        return None  # the schema wants another type than the file has
    spec = value.content({})
    source = spec.get("source") if isinstance(spec, dict) else None
    if not isinstance(source, str) or not source.startswith("fits:") or "mask" in spec:
        return None
    index = value.owner.product.linked(source)
    return None if index is None or not value.owner.has_data(index) else Stored(value.owner, index)


def _goes_as_it_is(array: HduArray) -> bool:
    """Tell whether the schema wants the data as they are, or they cannot be made what it wants."""
    return array.is_stored() or array.fault() is not None


def _is_table(data: Stored | np.ndarray[Any, Any]) -> bool:
    if isinstance(data, Stored):
        return data.file.product.hdu(data.index).kind == "BINTABLE"
    return data.dtype.names is not None


def named_hdu(key: str) -> tuple[str, int | None]:
    """An entry of extra_fits as name and version: ``SCI,2`` or ``SCI``."""
    name, comma, version = key.rpartition(",")
    return (name, int(version)) if comma and version.isdecimal() else (key.upper(), None)


def _plain(parts: dict[str, Any], key: str) -> list[Any]:
    """A list of lists, whole; None and what is no list count as empty."""
    value = child(parts, key) if key in parts else None
    if not isinstance(value, list):
        return []
    return [child(value, place) for place in range(len(value))]


def _dotted(path: Iterable[Any]) -> str:
    return ".".join(map(str, path))
