"""Copies of trees, and trees on their way to another process.

A copy shares nothing that can be written to. What nobody has touched is not made for it: a deferred
part of the copy is deferred as well, against a copy of its `File`, which makes arrays of its own.

A pickle holds values, not a path: the file may change or vanish. Arrays travel as arrays. A tagged
part that was not touched, such as a WCS, travels as it stands in the file: with the text of the tree
and its binary blocks, which is shorter than the objects and needs none of them on this side.
"""

from __future__ import annotations

import copy
import io
import pickle
import re
from typing import Any, NamedTuple

import numpy as np

from ._core import Deferred, Product
from .custom import CORE
from .file import File, HduArray, Lazy

__all__ = ["Packer", "Part", "copied", "unpacked"]

_ATOMS = frozenset({str, int, float, bool, complex, bytes, type(None)})
_NDARRAY = CORE + "ndarray-"
_LINK = re.compile(r"\bsource\W+fits:")


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """Return a deep copy of a tree in which deferred parts stay deferred.

    Parameters
    ----------
    value
        Dicts, lists, values, deferred parts.
    memo
        As for `copy.deepcopy`: id -> copy. Parts that are one object stay one.
    """
    new: Any
    kind = type(value)
    if kind in _ATOMS:
        return value
    if id(value) in memo:
        return memo[id(value)]
    if kind is dict:
        new = memo[id(value)] = {}
        for key, each in list(value.items()):
            new[key] = copied(each, memo)
    elif kind is list:
        new = memo[id(value)] = []
        new.extend(copied(each, memo) for each in list(value))
    elif kind is tuple:
        new = memo[id(value)] = tuple(copied(each, memo) for each in value)
    elif isinstance(value, Deferred):
        new = memo[id(value)] = _copied_part(value, memo)
    else:
        return copy.deepcopy(value, memo)
    memo.setdefault(id(memo), []).append(value)  # deepcopy's own way to keep an id from reuse
    return new


def _copied_part(deferred: Deferred, memo: dict[int, Any]) -> Any:
    owner: File = deferred.owner
    file = copy.deepcopy(owner, memo)
    made = known(deferred)
    if made is not None:
        # An alias of it was touched: both places of the copy hold one object, as both here would.
        new = copied(made, memo)
        file.remember(deferred, new)
        return new
    part = file.part(deferred.node)
    return copied(owner.resolve(deferred), memo) if part is None else part


def known(deferred: Deferred) -> Any:
    """Return what another alias of a deferred part was made into; None if none was made."""
    made = deferred.owner.made(deferred.node)
    return None if isinstance(made, Deferred) else made


class Part(NamedTuple):
    """A deferred part on its way: the number of its file in the pickle, and of its node there."""

    file: int
    node: int


class Tagged(NamedTuple):
    """A part whose tag no extension knows, on its way: asdf's own objects cannot be unpickled."""

    tag: str
    data: Any


class Packer:
    """Makes trees that can be pickled.

    Attributes
    ----------
    files : list of (str, bytes)
        Path and ASDF file of each file that a `Part` names, without the HDUs around it.
    """

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []
        self._numbers: dict[int, int | None] = {}
        self._plain: dict[int, dict[int, Any]] = {}
        self._memo: dict[int, Any] = {}
        self._kept: list[Any] = []

    def pack(self, value: Any) -> Any:
        """Return a tree without deferred parts, except for those that a `Part` stands for."""
        new: Any
        kind = type(value)
        if kind in _ATOMS or isinstance(value, np.ndarray):
            return value
        if id(value) in self._memo:
            return self._memo[id(value)]
        if kind is dict:
            new = self._memo[id(value)] = {}
            for key, each in list(value.items()):
                new[key] = self.pack(each)
        elif kind is list:
            new = self._memo[id(value)] = []
            new.extend(self.pack(each) for each in list(value))
        elif kind is tuple:
            new = tuple(self.pack(each) for each in value)
        elif isinstance(value, Deferred):
            new = self._part(value)
        elif isinstance(value, HduArray):
            new = value.resolve()
        elif isinstance(value, Lazy):
            new = value.packed(self.pack)
        elif kind.__module__ == "asdf.tagged":
            new = Tagged(value._tag, self.pack(value.data))
        else:
            new = self._object(value)
        self._memo[id(value)] = new
        self._kept.append(value)
        return new

    def _part(self, deferred: Deferred) -> Any:
        owner: File = deferred.owner
        made = known(deferred)
        if made is not None:
            return self.pack(made)
        if deferred.plain:
            memo = self._plain.setdefault(id(owner), {})
            return self.pack(deferred.content(memo, lazy=True))
        number = self._number(owner)
        if number is None or (deferred.tag.startswith(_NDARRAY) and _leads_out(deferred)):
            return self.pack(owner.resolve(deferred))
        return Part(number, deferred.node)

    def _object(self, value: Any) -> Any:
        """An object of a library; where its library cannot pickle it, as asdf writes it."""
        rooms = (base.__module__ for base in type(value).__mro__)
        if not any(room.startswith(("gwcs.", "astropy.modeling.")) for room in rooms):
            return value
        try:
            pickle.dumps(value)
        except Exception:  # of any kind: functions within functions are the common cause
            return self._written(value)
        return value

    def _written(self, value: Any) -> Part:
        import asdf  # which has the converters of such objects

        text = io.BytesIO()
        asdf.AsdfFile({"object": value}).write_to(text)
        file = File(Product.from_bytes(text.getvalue()))
        self.files.append((file.path, text.getvalue()))
        return Part(len(self.files) - 1, file.lookup(("object",)).node)

    def _number(self, owner: File) -> int | None:
        """The number of a file in the pickle; None if its tagged parts cannot travel as text."""
        if id(owner) not in self._numbers:
            facts = owner.product.asdf
            number = None
            if facts is not None and not _links_within(owner):
                number = len(self.files)
                region = owner.product.region(facts[1], facts[2])
                self.files.append((owner.path, bytes(memoryview(region))))
            self._numbers[id(owner)] = number
            self._kept.append(owner)
        return self._numbers[id(owner)]


def _leads_out(deferred: Deferred) -> bool:
    """Whether the numbers of an array stand outside the ASDF file: in an HDU or another file."""
    spec = deferred.content({})
    return isinstance(spec, dict) and isinstance(spec.get("source"), str)


def _links_within(owner: File) -> bool:
    """Whether an array inside a tagged part may be the data of an HDU.

    Judged by the text: all mentions of an HDU must stand in arrays of the tree itself.
    """
    mentions = len(_LINK.findall(owner.product.yaml.decode(errors="replace")))
    if mentions == 0:
        return False
    arrays = (part for part in owner.parts() if part.tag.startswith(_NDARRAY))
    return mentions != sum(len(_LINK.findall(part.yaml)) for part in arrays)


def unpacked(tree: Any, files: list[tuple[str, bytes]], kind: type[File] = File) -> Any:
    """Return a packed tree with its parts deferred again; the tree is changed in place."""
    opened = [kind(Product.from_bytes(data, path)) for path, data in files]
    seen: set[int] = set()
    waiting = [tree]
    while waiting:
        container = waiting.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        pairs = container.items() if type(container) is dict else enumerate(container)
        for key, value in list(pairs):
            if type(value) is Part:
                container[key] = opened[value.file].part(value.node)
            elif type(value) is Tagged:
                from asdf.tagged import tag_object  # as there was asdf where it was packed

                container[key] = tag_object(value.tag, value.data)
                if type(value.data) in (dict, list):
                    waiting.append(value.data)
            elif type(value) in (dict, list):
                waiting.append(value)
    return tree
