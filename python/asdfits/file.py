"""An open file: its HDUs, its tree and its arrays, each made when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import arrays, custom, ndarray
from ._core import Deferred, Hdu, Product, Region
from .errors import FormatError, FormatWarning, MissingExtraError, UnsupportedError, warn
from .mapping import SchemaNode

__all__ = ["File", "HduArray", "Lazy", "child", "is_lazy"]


class Lazy:
    """A value of the tree that is made when it is touched."""

    __slots__ = ()

    def resolve(self, model: Any) -> Any:
        """Make the value for the model in whose tree it stands."""
        raise TypeError(f"{type(self).__name__} does not say how its value is made")


def is_lazy(value: object) -> bool:
    """Tell whether `value` stands for one that is made when it is touched."""
    return isinstance(value, (Deferred, Lazy))


def child(container: Any, key: Any) -> Any:
    """Return ``container[key]``; a branch is made, and kept there, if it was not yet.

    Arrays and tagged parts stay as they are.
    """
    value = container[key]
    if isinstance(value, Deferred) and value.plain:
        value = container[key] = value.owner.resolve(value)
    return value


class HduArray(Lazy):
    """The data of an HDU, cast to the schema's type where there is a schema."""

    __slots__ = ("file", "index", "node")

    def __init__(self, file: File, index: int, node: SchemaNode | None = None) -> None:
        self.file = file
        self.index = index
        self.node = node

    def resolve(self, model: Any = None) -> Any:
        """Return the array; None where the HDU has no data."""
        try:
            return arrays.cast(self.file.array(self.index), self.node)
        except ValueError as error:
            if type(error) is not ValueError:
                raise
            label = self.file.product.hdu(self.index).label
            raise ValueError(f"{self.file.path}: {label}: {error}") from error

    def __repr__(self) -> str:
        return f"<data of {self.file.product.hdu(self.index).label}>"


class File:
    """A FITS or ASDF file.

    Attributes
    ----------
    path : str
        The path as given.
    product : asdfits._core.Product
        The compiled half: HDUs, headers, tape, memory.
    """

    __slots__ = (
        "__weakref__",
        "_arrays",
        "_blocks",
        "_custom",
        "_plain",
        "_siblings",
        "path",
        "product",
    )

    def __init__(self, product: Product) -> None:
        self.product = product
        self.path = product.path
        # Node -> object, one table for the plain tree and one for converted parts.
        self._plain: dict[int, Any] = {}
        self._custom: dict[int, Any] = {}
        self._arrays: dict[int, np.ndarray[Any, Any] | None] = {}
        # (Path, place) -> the bytes of a block; path -> a file that an array lies in.
        self._blocks: dict[tuple[str, int], Region | bytearray] = {}
        self._siblings: dict[str, Product] = {}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> File:
        """Open a file; no pixel is read.

        Raises
        ------
        OSError
            The file is missing, a folder, or may not be read.
        FormatError
            The file is neither FITS nor ASDF, or its tree is damaged.
        """
        file = cls(Product.open(os.fspath(path)))
        for message in file.product.warnings:
            warn(message, FormatWarning)
        return file

    @property
    def standard(self) -> str | None:
        """The version of the ASDF standard that the tree was written to."""
        facts = self.product.asdf
        return None if facts is None else facts[-1]

    def tree(self) -> dict[str, Any]:
        """Return the root of the tree; its branches are made when they are touched."""
        tree = self.product.tree(self, self._plain, lazy=True)
        return tree if isinstance(tree, dict) else {}

    def whole_tree(self) -> dict[str, Any]:
        """Return the tree as read, apart from the one that a model works on; tagged parts deferred."""
        tree = self.product.tree(self, {})
        return tree if isinstance(tree, dict) else {}

    def lookup(self, path: tuple[str | int, ...]) -> Any:
        """Return what the tree in the file holds at `path`, as read; None where nothing is."""
        return self.product.lookup(list(path), self, {})

    def find(self, name: str | None, version: int | None = None) -> int | None:
        """Return the index of an HDU: the first of its name, or the one with this EXTVER."""
        if name is None or name == "PRIMARY":
            return 0
        return self.product.find(name, version)

    def hdus(self) -> list[Hdu]:
        """Return what the headers say of each HDU."""
        return [self.product.hdu(index) for index in range(len(self.product))]

    def has_data(self, index: int) -> bool:
        """Tell whether an HDU has data, also where the file is cut within them."""
        return arrays.has_data(self.product.hdu(index))

    def array(self, index: int) -> np.ndarray[Any, Any] | None:
        """Return the data of an HDU; the same array each time."""
        if index not in self._arrays:
            self._arrays[index] = arrays.hdu_array(self.product, index)
        return self._arrays[index]

    def resolve(self, deferred: Deferred) -> Any:
        """Return what a deferred part of the tree stands for."""
        if deferred.plain:
            return deferred.content(self._plain, lazy=True)
        if not deferred.tag.startswith(custom.CORE):
            return self._converted(deferred)
        if deferred.node not in self._custom:
            self._custom[deferred.node] = self._core(deferred)
        return self._custom[deferred.node]

    def _core(self, deferred: Deferred) -> Any:
        """A part with a tag of the ASDF standard itself; none of these needs asdf."""
        kind = deferred.tag.removeprefix(custom.CORE).rpartition("-")[0]
        if kind == "constant":
            return deferred.content(self._plain)
        if kind == "ndarray":
            return self._ndarray(deferred.content(self._plain), deferred.at)
        if kind == "integer":
            spec = deferred.content(self._plain)
            with self._blaming(deferred.at):
                words = spec["words"]
                words = self.resolve(words) if isinstance(words, Deferred) else words
                return ndarray.constant_integer(spec, words)
        return self._converted(deferred)

    def _converted(self, deferred: Deferred) -> Any:
        def array(spec: Any) -> Any:
            return self._ndarray(spec, deferred.at)

        return custom.convert(deferred, self._custom, array, self.path, self.standard)

    @contextmanager
    def _blaming(self, at: int) -> Iterator[None]:
        """Name the place of a node with whose content Python or numpy cannot work.

        A node may ask for anything; numpy words best what is wrong with it.
        """
        try:
            yield
        except (FormatError, MissingExtraError):
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise FormatError(
                f"{self.path}: byte {at}: an array or number that cannot be made: {error!r}"
            ) from error

    def _ndarray(self, spec: Any, at: int) -> Any:
        """The array of a `core/ndarray` node, given its content."""
        with self._blaming(at):
            if not isinstance(spec, dict):
                return ndarray.inline(spec, {}, self._limit)
            if "data" in spec and "source" in spec:
                raise ValueError("found both source and data, expected one of them")
            if "data" in spec:
                array: Any = ndarray.inline(spec["data"], spec, self._limit)
            else:
                array = self._stored(spec, at)
            mask = spec.get("mask")
            if array is None or mask is None:
                return array
            return ndarray.masked(array, self.resolve(mask) if isinstance(mask, Deferred) else mask)

    def _stored(self, spec: dict[str, Any], at: int) -> Any:
        """The array of a node whose numbers stand elsewhere; None where it links to no HDU."""
        source = spec["source"]
        if isinstance(source, str) and source.startswith("fits:"):
            index = self.product.linked(source)
            return None if index is None else self.array(index)
        if isinstance(source, str):
            return ndarray.from_buffer(self._external(source, at), spec)
        if isinstance(source, bool) or not isinstance(source, int):
            raise TypeError(f"found the source {source!r}, expected a number or a name")
        return ndarray.from_buffer(self._block(self.product, source), spec)

    def _block(self, product: Product, number: int) -> Region | bytearray:
        """The bytes of a block; the same memory each time, so that arrays of one block share it."""
        key = (product.path, product.block(number)[0])
        if key not in self._blocks:
            self._blocks[key] = ndarray.block(product, number)
        return self._blocks[key]

    def _external(self, source: str, at: int) -> Region | bytearray:
        """The first block of another ASDF file in the folder of this one."""
        path = ndarray.sibling(self.path, source)
        if path is None:
            raise UnsupportedError(
                f"{self.path}: byte {at}: an array's data lie in {source!r}; only files in the same "
                "folder are opened"
            )
        try:
            if path not in self._siblings:
                self._siblings[path] = Product.open(path)
            return self._block(self._siblings[path], 0)
        except (OSError, FormatError) as error:
            raise FormatError(
                f"{self.path}: byte {at}: an array's data lie in another file: {error}"
            ) from error

    @property
    def _limit(self) -> int:
        """The most values an inline array may have: none is shorter than a byte."""
        facts = self.product.asdf
        return 0 if facts is None else facts[3]

    def __repr__(self) -> str:
        return f"<File {self.path}>"
