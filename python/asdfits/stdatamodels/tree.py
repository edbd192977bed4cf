"""The tree of a real model: asdf's own classes, in which each value is made when it is touched.

The classes are those that asdf makes of a file, tables are astropy's, arrays are cast by stdatamodels.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from asdf.tags.core import AsdfObject, ExtensionMetadata, HistoryEntry, Software
from stdatamodels import fits_support

from .. import arrays
from .._core import Deferred, Product
from ..clone import Packer, copied, unpacked
from ..custom import CORE
from ..file import File, HduArray, is_lazy
from ..lazytree import Branch, Items, lazy, made, raw
from ..mapping import SchemaNode

__all__ = ["RealArray", "RealFile", "Root", "is_ours", "pruned", "reduced", "rooted"]

_DESCRIPTIONS = {
    "software": Software,
    "history_entry": HistoryEntry,
    "extension_metadata": ExtensionMetadata,
}


class RealFile(File):
    """A file whose parts become what asdf and astropy make of them.

    Attributes
    ----------
    in_memory : astropy.io.fits.HDUList or None
        HDUs in memory that the tree belongs to, in the place of those of a file.
    tags : dict or None
        While headers are laid over the tree, the tags of the branches that were made for it.
    """

    __slots__ = ("in_memory", "tags")

    def __init__(self, product: Product, in_memory: Any = None) -> None:
        super().__init__(product)
        self.in_memory = in_memory
        self.tags: dict[int, tuple[Any, str]] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        other = super().__deepcopy__(memo)
        other.in_memory = self.in_memory
        return other

    def branch(self, deferred: Deferred) -> Any:
        """Return a plain part of the tree as a dict or a list, in which what is below is deferred."""
        content = super().branch(deferred)
        if type(content) not in (dict, list):
            return raw(content)  # an alias of it was touched
        if self.tags is not None:
            self.tags[id(content)] = content, deferred.tag
        return content

    def resolve(self, deferred: Deferred) -> Any:
        """Return what a deferred part of the tree stands for."""
        if not deferred.plain:
            return super().resolve(deferred)
        with self._lock:
            content = super().branch(deferred)
            if type(content) not in (dict, list):
                return content  # an alias of it was met before
            value = self.dressed(content, deferred.tag)
            self.remember(deferred, value)
            return value

    def dressed(self, content: Any, tag: str = "") -> Any:
        """Return a dict or a list of the tree as asdf has it under a tag, made when it is touched."""
        if self.tags is not None:
            tag = self.tags.get(id(content), (None, tag))[1]
        kind = tag.removeprefix(CORE).rpartition("-")[0]
        if kind in _DESCRIPTIONS and type(content) is dict:
            return _DESCRIPTIONS[kind]({key: _whole(each) for key, each in content.items()})
        if type(content) is dict:
            content = lazy({key: self.dressed(each) for key, each in content.items()})
        elif type(content) is list:
            content = lazy([self.dressed(each) for each in content])
        return held(Branch(content)) if kind == "asdf" else content

    def array(self, index: int) -> np.ndarray[Any, Any] | None:
        """Return the data of an HDU, tables as astropy has them; the same array each time."""
        if self.product.hdu(index).kind in ("PRIMARY", "IMAGE", "COMPRESSED"):
            return super().array(index)
        with self._lock:
            if index not in self._arrays:
                self._arrays[index] = arrays.by_astropy(self.product, index)
            return self._arrays[index]

    def _stored(self, spec: dict[str, Any], at: int) -> Any:
        source = spec["source"]
        if self.in_memory is None or not isinstance(source, str) or not source.startswith("fits:"):
            return super()._stored(spec, at)
        name, comma, number = source.removeprefix("fits:").rpartition(",")
        return self.in_memory[(name, int(number)) if comma else int(number)].data


def _whole(value: Any) -> Any:
    """A value with everything in it made: of descriptions, which are small."""
    if is_lazy(value):
        value = made(value)
    return raw(value, whole=True) if type(value) in (Branch, Items) else value


class RealArray(HduArray):
    """The data of an HDU, cast by stdatamodels to what its schema asks for."""

    __slots__ = ("_leaf", "_made")

    def __init__(
        self,
        file: File,
        index: int,
        node: SchemaNode | None = None,
        leaf: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(file, index, node)
        self._leaf = leaf
        self._made: Any = None

    def resolve(self, model: Any = None) -> Any:
        """Return the array, the same each time; None where the HDU has no data."""
        if self._made is None:
            data = self.file.array(self.index)
            if self._leaf is not None and data is not None:
                data = fits_support.from_fits_hdu(SimpleNamespace(data=data), self._leaf)
            self._made = data
        return self._made

    def is_plausible(self) -> bool:
        """Tell by the header whether the cast will do."""
        node, hdu = self.node, self.file.product.hdu(self.index)
        if node is None or not arrays.has_data(hdu):
            return True
        ndim = len(hdu.shape)
        if hdu.kind in ("PRIMARY", "IMAGE"):
            return (
                hdu.data_len >= hdu.announced
                and (node.datatype is None or isinstance(node.datatype, str))
                and node.ndim in (None, ndim)
                and (node.max_ndim is None or ndim <= node.max_ndim)
            )
        return (
            hdu.kind == "BINTABLE"
            and hdu.data_len >= hdu.announced
            and isinstance(node.datatype, tuple)
            and self.fault() is None
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> RealArray:
        other = RealArray(copy.deepcopy(self.file, memo), self.index, self.node, self._leaf)
        other._made = copy.deepcopy(self._made, memo)
        return other


class Root(Branch):
    """The entries at the root of a tree, and the file that they are from.

    A pickle of it holds values: arrays, and what was not touched as it stands in the file.
    """

    __slots__ = ("file",)

    file: File | None

    def copy(self) -> Root:
        """Return a dict of the same values; what was not made is not made for it."""
        return _root(Root(dict.items(self)), self.file)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Root:
        new = memo[id(self)] = Root()
        dict.update(new, {key: copied(value, memo) for key, value in dict.items(self)})
        return _root(new, copy.deepcopy(self.file, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        packer = Packer()
        return _unpickled, (packer.pack(raw(self)), packer.files)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()


def _root(root: Root, file: File | None) -> Root:
    root.file = file
    return root


def _unpickled(tree: dict[str, Any], files: list[tuple[str, bytes]]) -> Root:
    tree = unpacked(tree, files, RealFile)
    return _root(Root({key: lazy(value) for key, value in tree.items()}), None)


def reduced(value: AsdfObject) -> tuple[Any, ...]:
    """Return what a copy or a pickle of asdf's object is made of, without making what is in it."""
    if issubclass(type(value.data), Branch):
        return held, (value.data,)
    found: tuple[Any, ...] = value.__reduce__()
    return found


def held(data: Any) -> AsdfObject:
    """Return asdf's object with these entries."""
    found = AsdfObject()
    found.data = data
    return found


def rooted(tree: dict[str, Any], file: File | None) -> AsdfObject:
    """Return a tree as asdf has it."""
    return held(_root(Root(tree), file))


def is_ours(instance: Any) -> bool:
    """Tell whether the tree of a model makes its values when they are touched."""
    return isinstance(instance, AsdfObject) and type(instance.data) is Root


def pruned(instance: AsdfObject) -> AsdfObject:
    """Return a tree without the keys whose value is None; what was not made stays so."""
    memo: dict[int, Any] = {}

    def without(value: Any) -> Any:
        if id(value) in memo:
            return memo[id(value)][0]
        new: Any
        kind = type(value)
        if kind is AsdfObject:
            new = AsdfObject()
            memo[id(value)] = new, value
            new.data = without(value.data)
        elif kind in (dict, Branch, Root):
            new = _root(Root(), value.file) if kind is Root else kind()
            memo[id(value)] = new, value
            for key, each in dict.items(value):
                if each is not None:
                    dict.__setitem__(new, key, without(each))
        elif kind in (list, Items):
            new = kind()
            memo[id(value)] = new, value
            new.extend(without(each) for each in list.__iter__(value))
        else:
            return value
        return new

    found: AsdfObject = without(instance)
    return found
