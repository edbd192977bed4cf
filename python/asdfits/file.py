"""An open file: its HDUs, its tree and its arrays, each made when it is asked for."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from . import arrays, custom
from ._core import Deferred, Hdu, Product
from .errors import FormatWarning, UnsupportedError
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

    __slots__ = ("__weakref__", "_arrays", "_custom", "_plain", "path", "product")

    def __init__(self, product: Product) -> None:
        self.product = product
        self.path = product.path
        # Node -> object, one table for the plain tree and one for converted parts.
        self._plain: dict[int, Any] = {}
        self._custom: dict[int, Any] = {}
        self._arrays: dict[int, np.ndarray[Any, Any] | None] = {}

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
            warnings.warn(message, FormatWarning, stacklevel=2)
        for message in file.missing_links():
            warnings.warn(message, FormatWarning, stacklevel=2)
        return file

    @property
    def standard(self) -> str | None:
        """The version of the ASDF standard that the tree was written to."""
        facts = self.product.asdf
        return None if facts is None else facts[-1]

    def missing_links(self) -> list[str]:
        """Return a sentence for each link of the tree to an HDU that is not there."""
        return [
            f"{self.path}: the tree links to `{source}`, but the file has no such HDU; "
            "the array reads as None"
            for source in self.product.missing_links
        ]

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
        if deferred.tag.startswith(custom.NDARRAY):
            known = self._custom.get(deferred.node)
            if known is None:
                known = self._custom[deferred.node] = self._ndarray(deferred.content(self._plain))
            return known
        return custom.convert(deferred, self._custom, self._ndarray, self.path, self.standard)

    def _ndarray(self, spec: Any) -> Any:
        """The array of a `core/ndarray` node, given its content."""
        if isinstance(spec, list):
            return arrays.inline(spec, {})
        if "data" in spec:
            return arrays.inline(spec["data"], spec)
        source = spec.get("source")
        if isinstance(source, int):
            array: Any = arrays.block(self.product, spec)
        elif isinstance(source, str) and source.startswith("fits:"):
            index = self.product.linked(source)
            array = None if index is None else self.array(index)
        else:
            raise UnsupportedError(f"{self.path}: an array with source {source!r} is not read yet")
        mask = spec.get("mask")
        if mask is None or array is None:
            return array
        mask = self.resolve(mask) if isinstance(mask, Deferred) else mask
        return np.ma.array(array, mask=mask if isinstance(mask, np.ndarray) else array == mask)

    def __repr__(self) -> str:
        return f"<File {self.path}>"
