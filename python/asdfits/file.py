"""An open file: its HDUs, its tree and its arrays, each made when it is asked for."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from . import arrays, custom, ndarray, pixels
from ._core import Deferred, Hdu, Product, Region
from .errors import FormatError, FormatWarning, MissingExtraError, UnsupportedError, warn
from .mapping import SchemaNode
from .migrate import Added, completed
from .remote import is_url, name_of, refuse

if TYPE_CHECKING:
    from .remote.reader import Reader

__all__ = ["File", "HduArray", "Lazy", "child", "header_shape", "is_lazy", "native_once"]


# Two threads that walk one tree must end up with the same dict for a branch. Making one holds the
# interpreter's own lock all along, so that one lock for all trees delays nobody.
_branches: Final = threading.RLock()


class Lazy:
    """A value of the tree that is made when it is touched."""

    __slots__ = ()

    def resolve(self, model: Any) -> Any:
        """Make the value for the model in whose tree it stands."""
        raise TypeError(f"{type(self).__name__} does not say how its value is made")

    def packed(self, pack: Callable[[Any], Any]) -> Lazy:
        """Return what stands for it in a pickle; `pack` does the same for what it holds."""
        return self


def is_lazy(value: object) -> bool:
    """Tell whether `value` stands for one that is made when it is touched."""
    return isinstance(value, (Deferred, Lazy))


def child(container: Any, key: Any) -> Any:
    """Return ``container[key]``; a branch is made, and kept there, if it was not yet.

    Arrays and tagged parts stay as they are.
    """
    value = container[key]
    if isinstance(value, Deferred) and value.plain:
        with _branches:
            value = container[key]
            if isinstance(value, Deferred):
                value = container[key] = value.owner.branch(value)
    return value


class HduArray(Lazy):
    """The data of an HDU, cast to the schema's type where there is a schema."""

    __slots__ = ("by_position", "file", "index", "node")

    def __init__(
        self,
        file: File,
        index: int,
        node: SchemaNode | None = None,
        *,
        by_position: bool = False,
    ) -> None:
        self.file = file
        self.index = index
        self.node = node
        self.by_position = by_position

    def resolve(self, model: Any = None) -> Any:
        """Return the array; None where the HDU has no data."""
        try:
            by_position = self.by_position and self.file.has_offset_column(self.index)
            array = completed(self.file.array(self.index), self.file.added.get(self.index))
            return arrays.cast(array, self.node, by_position=by_position)
        except ValueError as error:
            if type(error) is not ValueError:
                raise
            label = self.file.product.hdu(self.index).label
            raise ValueError(f"{self.file.path}: {label}: {error}") from error

    def is_stored(self) -> bool:
        """Tell whether the HDU holds the array just as the schema wants it."""
        if self.node is None:
            return True
        stored = arrays.stored_dtype(self.file.product, self.index)
        ndim = len(self.file.product.hdu(self.index).shape)
        return (
            stored is not None
            and isinstance(self.node.datatype, str)
            and np.can_cast(stored, np.dtype(self.node.dtype_spec), "equiv")
            and self.node.ndim in (None, ndim)
            and (self.node.max_ndim is None or ndim <= self.node.max_ndim)
        )

    def fault(self) -> str | None:
        """Return why the table of the HDU cannot become what the schema wants, judged by its header."""
        if self.node is None:
            return None
        return arrays.table_fault(self.file.product, self.index, self.node)

    def __deepcopy__(self, memo: dict[int, Any]) -> HduArray:
        file = copy.deepcopy(self.file, memo)
        return HduArray(file, self.index, self.node, by_position=self.by_position)

    def __repr__(self) -> str:
        return f"<data of {self.file.product.hdu(self.index).label}>"


def header_shape(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a deferred image by its header; None where only the data tell."""
    if isinstance(value, Deferred) and value.tag.startswith(custom.NDARRAY):
        value = value.owner.link_of(value)
    if not isinstance(value, HduArray):
        return None
    hdu = value.file.product.hdu(value.index)
    if hdu.kind == "BINTABLE":
        return None
    return tuple(arrays.shape_of(value.file.product, value.index) or ()) or None


def native_once(array: np.ndarray[Any, Any], seen: dict[int, Any]) -> np.ndarray[Any, Any]:
    """Return an array in native byte order, the same one each time: id -> (array, native) in `seen`."""
    if id(array) not in seen:
        native = pixels.native_array(array)
        seen[id(array)] = (array, native)
        seen.setdefault(id(native), (native, native))
    return seen[id(array)][1]


class File:
    """A FITS or ASDF file.

    Attributes
    ----------
    path : str
        The path as given.
    product : asdfits._core.Product
        The compiled half: HDUs, headers, tape, memory.
    linked : dict
        Node of the tree -> the HDU that it links to, with the schema that its data are cast to.
    added : dict
        HDU -> columns that its table lacks, as it was made by an older version.
    ignore_unrecognized_tag : bool
        Whether tags that no installed extension knows are converted without a warning.
    native : bool
        Whether arrays are made in native byte order.
    remote : Reader or None
        Who fetches the data of a file that is far away.

    Notes
    -----
    The arrays of a file share one private map, and each is made once. A deep copy of a file stands for
    the same bytes and shares no array: what was made is copied with it, and what is made later is
    copied from the map on both sides, since what one wrote to the map the other would read.
    """

    __slots__ = (
        "__weakref__",
        "_arrays",
        "_blocks",
        "_custom",
        "_lock",
        "_parts",
        "_plain",
        "_shared",
        "_siblings",
        "added",
        "ignore_unrecognized_tag",
        "linked",
        "native",
        "path",
        "product",
        "remote",
    )

    def __init__(self, product: Product) -> None:
        self.product = product
        self.path = product.path
        self.linked: dict[int, HduArray] = {}
        self.added: dict[int, Added] = {}
        # Node -> object, one table for the plain tree and one for converted parts.
        self._plain: dict[int, Any] = {}
        self._custom: dict[int, Any] = {}
        self._arrays: dict[int, np.ndarray[Any, Any] | None] = {}
        # (Path, place) -> the bytes of a block; path -> a file that an array lies in.
        self._blocks: dict[tuple[str, int], Region | bytearray] = {}
        self._siblings: dict[str, Product] = {}
        self._parts: dict[int, Deferred] | None = None
        # Whether another File stands for the same map.
        self._shared = False
        self.ignore_unrecognized_tag = False
        self.native = False
        self.remote: Reader | None = None
        self._lock = threading.RLock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        with self._lock:
            self._shared = True
            other = memo[id(self)] = type(self)(self.product)
            other.path = self.path
            other.ignore_unrecognized_tag = self.ignore_unrecognized_tag
            other.native = self.native
            other.remote = self.remote
            other._shared = True
            other._siblings = dict(self._siblings)
            other.added = self.added
            other.linked = {n: copy.deepcopy(a, memo) for n, a in self.linked.items()}
            other._arrays = {n: copy.deepcopy(a, memo) for n, a in self._arrays.items()}
            other._blocks = {k: bytearray(memoryview(b)) for k, b in self._blocks.items()}
            return other

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        edit: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Self:
        """Open a file; no pixel is read. To `edit` it in place nobody else may have it open.

        A path that is a URL is opened by `storage_options` for fsspec.

        Raises
        ------
        OSError
            The file is missing, a folder, or may not be read.
        FormatError
            The file is neither FITS nor ASDF, or its tree is damaged.
        """
        if edit:
            refuse(path)
            file = cls(Product.open(os.fspath(path), edit))
        else:
            file = cls.reached(path, storage_options)
        for message in file.product.warnings:
            warn(message, FormatWarning)
        return file

    @classmethod
    def reached(
        cls, path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
    ) -> Self:
        """Open a file, at a URL or not, without a word on what is wrong with it; see `open`."""
        if is_url(path):
            from .remote.opening import opened  # most files are near

            product, remote = opened(str(path), storage_options)
            file = cls(product)
            file.remote = remote
            return file
        if storage_options:
            raise ValueError(f"{os.fspath(path)}: storage_options are for URLs, and this is none")
        return cls(Product.open(os.fspath(path)))

    @property
    def name(self) -> str:
        """The name of the file, without what leads there."""
        return name_of(self.path)

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

    def has_offset_column(self, index: int) -> bool:
        """Tell whether a column of a table has TZERO, as unsigned integers do."""
        if self.product.hdu(index).kind != "BINTABLE":
            return False
        return any(zero != 0 for _, _, _, zero, _ in self.product.table(index)[2])

    def array(self, index: int) -> np.ndarray[Any, Any] | None:
        """Return the data of an HDU; the same array each time."""
        with self._lock:
            if index not in self._arrays:
                array = arrays.hdu_array(self.product, index, native=self.native)
                if self._shared and array is not None and not array.flags.owndata:
                    array = array.copy()
                self._arrays[index] = array
            return self._arrays[index]

    def make_native(self, seen: dict[int, Any]) -> None:
        """Make all arrays in native byte order from now on, and those that were made.

        `seen` is id -> (array, the native one), and gets more.
        """
        with self._lock:
            self.native = True
            for made in (self._arrays, self._custom):
                for key, value in made.items():
                    if isinstance(value, np.ndarray):
                        made[key] = native_once(value, seen)

    def part(self, node: int) -> Deferred | None:
        """Return the deferred part that stands in the tree as read under this node number."""
        return self._found_parts().get(node)

    def link_of(self, deferred: Deferred) -> HduArray | None:
        """Return the data of the HDU that an array of the tree links to; None if it links to none."""
        if deferred.node in self.linked:
            return self.linked[deferred.node]
        spec = deferred.content({})
        source = spec.get("source") if isinstance(spec, dict) else None
        if not isinstance(source, str) or not source.startswith("fits:"):
            return None
        index = self.product.linked(source)
        return None if index is None else HduArray(self, index)

    def parts(self) -> Iterator[Deferred]:
        """Yield every part that is deferred in the tree as read; not those inside tagged parts."""
        yield from self._found_parts().values()

    def _found_parts(self) -> dict[int, Deferred]:
        with self._lock:
            if self._parts is None:
                self._parts = self._find_parts()
            return self._parts

    def _find_parts(self) -> dict[int, Deferred]:
        memo: dict[int, Any] = {}
        found: dict[int, Deferred] = {}
        waiting = [self.product.tree(self, memo, lazy=True)]
        while waiting:
            container = waiting.pop()
            for value in container.values() if isinstance(container, dict) else container:
                if isinstance(value, (dict, list)):
                    waiting.append(value)
                elif isinstance(value, Deferred) and value.node not in found:
                    found[value.node] = value
                    if value.plain:
                        waiting.append(value.content(memo, lazy=True))
        return found

    def remember(self, deferred: Deferred, value: Any) -> None:
        """Let every alias of a deferred part be `value`."""
        (self._plain if deferred.plain else self._custom)[deferred.node] = value

    def describe(self, index: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Return the type and shape of the data of an HDU; an image is not read for it."""
        stored = arrays.stored_dtype(self.product, index)
        if stored is not None:
            return stored, tuple(self.product.hdu(index).shape)
        packed = arrays.packed_dtype(self.product, index)
        if packed is not None:
            return packed, tuple(arrays.shape_of(self.product, index) or ())
        array = self.array(index)
        return (np.dtype("u1"), (0,)) if array is None else (array.dtype, array.shape)

    def touched(self, index: int) -> np.ndarray[Any, Any] | None:
        """Return the data of an HDU if they were made, as they may have been written to."""
        return self._arrays.get(index)

    def origins(self) -> dict[int, int]:
        """Return id -> HDU for each array that was made."""
        return {id(array): index for index, array in self._arrays.items() if array is not None}

    def made_arrays(self) -> tuple[list[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
        """Return the arrays that HDUs, and those that nodes of the tree were made into."""
        nodes = [*self._custom.values(), *self._plain.values()]
        return (
            [array for array in self._arrays.values() if array is not None],
            [value for value in nodes if isinstance(value, np.ndarray)],
        )

    @property
    def objects(self) -> dict[int, Any]:
        """Node -> the object that a tagged part of the tree was made into; arrays are left out.

        Set on the same file opened anew, its parts become the same objects.
        """
        return {n: each for n, each in self._custom.items() if not isinstance(each, np.ndarray)}

    @objects.setter
    def objects(self, objects: dict[int, Any]) -> None:
        self._custom.update(objects)

    def unclean(self) -> frozenset[int]:
        """Return the HDUs whose headers have cards that need repair."""
        return frozenset(self.product.header_hash()[1])

    def made(self, node: int) -> Any:
        """Return the object that a shared or tagged node was made into; None if it was not."""
        found = self._custom.get(node)
        return self._plain.get(node) if found is None else found

    def branch(self, deferred: Deferred) -> Any:
        """Return a plain part of the tree as a dict or a list, in which what is below is deferred."""
        return deferred.content(self._plain, lazy=True)

    def resolve(self, deferred: Deferred) -> Any:
        """Return what a deferred part of the tree stands for."""
        if deferred.plain:
            return self.branch(deferred)
        with self._lock:
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
        if deferred.node in self.linked:
            return self.linked[deferred.node].resolve()
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

        return custom.convert(
            deferred,
            self._custom,
            array,
            self.path,
            self.standard,
            ignore_unrecognized_tag=self.ignore_unrecognized_tag,
        )

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
        array = self._as_described(spec, at)
        return pixels.native_array(array) if self.native and array is not None else array

    def _as_described(self, spec: Any, at: int) -> Any:
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
            block = ndarray.block(product, number)
            self._blocks[key] = bytearray(memoryview(block)) if self._shared else block
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
