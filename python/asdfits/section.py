"""Parts of an image, read from the file when they are asked for, and nothing but them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import arrays, pixels
from ._core import Product
from .file import File, HduArray

if TYPE_CHECKING:
    from .remote.reader import Reader

__all__ = ["Section"]

_IMAGES: Final = ("PRIMARY", "IMAGE")


class Section:
    """An array of which only what is indexed is read; see `DataModel.section`.

    Attributes
    ----------
    shape : tuple of int
        As that of the whole array.
    dtype : numpy.dtype
        The type of what indexing gives, in native byte order.

    Notes
    -----
    Each index gives a new array, writable and independent of the model. Memory is taken for the cut
    alone. What was written to the array of the model before is seen; where the array was not made yet,
    the file is read. Of a file at a URL the ranges that an index covers are fetched, and some
    of them kept for the next one; for an index by arrays, the box around what they name.
    """

    __slots__ = ("_array", "_file", "_index", "_stored", "dtype", "shape")

    def __init__(self, array: np.ndarray[Any, Any] | HduArray) -> None:
        self._array: np.ndarray[Any, Any] | None = None
        self._file: File | None = None
        self._index = 0
        self._stored: pixels.Stored | None = None
        if isinstance(array, HduArray):
            self._file, self._index = array.file, array.index
            if array.file.remote is None:
                stored = self._stored = arrays.stored_image(array.file.product, array.index)
            else:
                stored = arrays.partly_stored_image(array.file.product, array.index, _nothing)
            self.shape: tuple[int, ...] = stored.array.shape
            self.dtype: np.dtype[Any] = stored.dtype
            if array.node is not None and array.node.datatype is not None:
                self.dtype = np.dtype(array.node.dtype_spec)
        else:
            self._array = array
            self.shape = array.shape
            self.dtype = pixels.native_dtype(array)

    @staticmethod
    def is_image(value: Any) -> bool:
        """Tell whether a value of the tree is an image of a file that can be read in part."""
        if not isinstance(value, HduArray):
            return False
        node, hdu = value.node, value.file.product.hdu(value.index)
        if hdu.kind not in _IMAGES or not hdu.shape:
            return False
        ndim = len(hdu.shape)
        return node is None or (
            (node.datatype is None or isinstance(node.datatype, str))
            and node.ndim in (None, ndim)
            and (node.max_ndim is None or ndim <= node.max_ndim)
        )

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def nbytes(self) -> int:
        """The bytes that the whole array would take."""
        return self.size * self.dtype.itemsize

    def stored(self, key: Any = ...) -> pixels.Stored:
        """Return the numbers, and how they are read; those of a file far away where an index looks."""
        touched = None if self._file is None else self._file.touched(self._index)
        if touched is not None:
            return pixels.plain(touched)
        if self._stored is not None:
            return self._stored
        if self._file is not None and self._file.remote is not None:
            return self._fetched(self._file.product, self._file.remote, key)
        return pixels.plain(np.asarray(self._array))

    def _fetched(self, product: Product, reader: Reader, key: Any) -> pixels.Stored:
        if key is Ellipsis:
            return arrays.stored_image(product, self._index)

        def make(at: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
            from .remote.cutting import canvas

            return canvas(reader, at, dtype, shape, key)

        return arrays.partly_stored_image(product, self._index, make)

    def __getitem__(self, key: Any) -> Any:
        """Return the values at an index of numpy, basic or not: a new array, or one number."""
        stored = self.stored(key)
        # A single number of numpy is native, whatever the array is.
        cut = np.asarray(stored.array[key], stored.array.dtype)
        if cut.dtype.kind not in "iuf" or cut.dtype.itemsize > 8:
            values = np.array(pixels.native_array(cut))
        else:
            values = stored._replace(array=cut).values()
        values = values.astype(self.dtype, copy=False)
        return values if values.ndim else values[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is False:
            raise ValueError("a section holds no array; one has to be made")
        return np.asarray(self[...] if self.ndim else np.asarray(self[()]), dtype)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        where = f" of {self._file.product.hdu(self._index).label}" if self._file else ""
        return f"<Section {self.shape} {self.dtype}{where}>"


def _nothing(_: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """An array that takes no memory, of which type and shape are asked alone."""
    return np.broadcast_to(np.zeros((), dtype), shape)
