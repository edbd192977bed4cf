"""Arrays that a class promises though nobody has set them: defaults, and flags in standard bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import arrays, dynamicdq
from ..clone import copied
from ..file import Lazy
from ..mapping import NUMPY_CODES, SchemaNode

__all__ = ["DefaultArray", "StandardDQ", "default_array"]


class DefaultArray(Lazy):
    """An array that the class promises though the file lacks it: the schema's default."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, model: Any) -> Any:
        """Return the default, in the shape of the primary array; None without a primary array."""
        return None if model.shape is None else model.get_default(self.name)


class StandardDQ(Lazy):
    """Data-quality flags of a reference file in the standard bits, by its own table of bits."""

    __slots__ = ("flags",)

    def __init__(self, flags: Any) -> None:
        self.flags = flags

    def resolve(self, model: Any) -> Any:
        """Return the flags with each bit moved to where the standard has it."""
        flags = model._made(self.flags)
        table = model.dq_def
        return flags if table is None or flags is None else dynamicdq.standard_mask(flags, table)

    def __deepcopy__(self, memo: dict[int, Any]) -> StandardDQ:
        return StandardDQ(copied(self.flags, memo))

    def packed(self, pack: Callable[[Any], Any]) -> StandardDQ:
        """Return flags that need no file."""
        return StandardDQ(pack(self.flags))


def default_array(
    schema: SchemaNode, primary: tuple[int, ...] | None, *, is_primary: bool
) -> np.ndarray[Any, Any]:
    """Return an array of the schema's type and default.

    Parameters
    ----------
    schema
        The schema of the array.
    primary
        Shape of the primary array, if there is one: other images take as many of its last axes as
        they have; tables have no rows.
    is_primary
        Whether this is the primary array itself.

    Raises
    ------
    ValueError
        `primary` has another number of dimensions than the schema allows the primary array, or the
        default does not fit the columns.
    """
    ndim = schema.ndim if schema.ndim is not None else schema.max_ndim
    dtype = _dtype(schema)
    shape = (0,) * (1 if ndim is None else ndim)
    default = schema.default
    if is_primary:
        shape = primary or shape
        _check_shape(schema, shape)
    elif dtype.names is not None:
        default = None
    elif primary is not None:
        shape = primary if ndim is None else primary[len(primary) - min(ndim, len(primary)) :]
    value = np.zeros(shape, dtype)
    if isinstance(default, list):
        try:
            default = np.array(tuple(default), dtype)
        except ValueError as error:
            raise ValueError(f"the default {default} does not fit the columns {dtype}") from error
    if default is not None:
        value[...] = default
    made: np.ndarray[Any, Any] = arrays.cast(value, schema)
    return made


def _dtype(schema: SchemaNode) -> np.dtype[Any]:
    """The schema's type; cells of which only the number of dimensions is known are empty."""
    columns = schema.datatype
    if not isinstance(columns, tuple):
        return np.dtype(schema.dtype_spec)
    fields = []
    for column in columns:
        ndim = column.ndim if column.ndim is not None else column.max_ndim
        shape = (0,) * (ndim or 0) if column.shape is None else column.shape
        fields.append((column.name, f"{NUMPY_CODES[column.datatype]}{column.length or ''}", shape))
    return np.dtype(fields)


def _check_shape(schema: SchemaNode, shape: tuple[int, ...]) -> None:
    for ndim, word, fits in (
        (schema.ndim, "", len(shape) == schema.ndim),
        (schema.max_ndim, "<= ", len(shape) <= (schema.max_ndim or 0)),
    ):
        if ndim is not None and not fits:
            raise ValueError(
                f"Array has wrong number of dimensions. Expected {word}{ndim}, got {len(shape)}"
            )
