"""Many files: a function over all of them, and arrays and tables that are made of them.

>>> import asdfits
>>> asdfits.bulk.map(step, "data/**/*_cal.fits", "out", suffix="bsub")  # doctest: +SKIP
>>> asdfits.bulk.stack("data/*_cal.fits", "data").mean(axis=0).compute()  # doctest: +SKIP
>>> asdfits.bulk.dataframe("data/*_x1d.fits", "spec[0].spec_table")  # doctest: +SKIP

`map` needs nothing but numpy; a cluster, `stack` and `dataframe` come with the extra ``dask``:
``pip install 'asdfits[dask]'``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lazy import dataframe, stack
    from .manifest import NAME, Row
    from .result import Result
    from .running import TRANSIENT, map

__all__ = ["NAME", "TRANSIENT", "Result", "Row", "dataframe", "map", "stack"]

# Name -> the room that it is in; the command asks for none of them before it runs.
_ROOMS = {
    "NAME": "manifest",
    "TRANSIENT": "running",
    "Result": "result",
    "Row": "manifest",
    "dataframe": "lazy",
    "map": "running",
    "stack": "lazy",
}


def _made(name: str) -> Any:
    if name in _ROOMS:
        value = globals()[name] = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:
    # Type checkers know the names.
    __getattr__ = _made


def __dir__() -> list[str]:
    return list(__all__)
