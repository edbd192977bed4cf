"""Parts of an image, read from the file when they are asked for, and nothing but them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from . import arrays, pixels
from .file import File, HduArray

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
    the file is read.
    """

    __slots__ = ("_array", "_file", "_index", "_stored", "dtype", "shape")

    def __init__(self, array: np.ndarray[Any, Any] | HduArray) -> None:
        self._array: np.ndarray[Any, Any] | None = None
        self._file: File | None = None
        self._index = 0
        self._stored: pixels.Stored | None = None
        if isinstance(array, HduArray):
            self._file, self._index = array.file, array.index
            self._stored = arrays.stored_image(array.file.product, array.index)
            self.shape: tuple[int, ...] = self._stored.array.shape
            self.dtype: np.dtype[Any] = self._stored.dtype
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

    def stored(self) -> pixels.Stored:
        """Return the numbers, and how they are read."""
        touched = None if self._file is None else self._file.touched(self._index)
        if touched is not None:
            return pixels.plain(touched)
        if self._stored is not None:
            return self._stored
        return pixels.plain(np.asarray(self._array))

    def __getitem__(self, key: Any) -> Any:
        """Return the values at an index of numpy, basic or not: a new array, or one number."""
        stored = self.stored()
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
