"""Many files: a function over all of them, and arrays and tables that are made of them.

>>> import asdfits
>>> asdfits.bulk.map(step, "data/**/*_cal.fits", "out", suffix="bsub")  # doctest: +SKIP
>>> asdfits.bulk.stack("data/*_cal.fits", "data").mean(axis=0).compute()  # doctest: +SKIP
>>> asdfits.bulk.dataframe("data/*_x1d.fits", "spec[0].spec_table")  # doctest: +SKIP

`map` needs nothing but numpy; a cluster, `stack` and `dataframe` come with the extra ``dask``:
``pip install 'asdfits[dask]'``.
"""

from __future__ import annotations

from .lazy import dataframe, stack
from .manifest import NAME, Row
from .running import TRANSIENT, Result, map  # noqa: A004  # what users call it

__all__ = ["NAME", "TRANSIENT", "Result", "Row", "dataframe", "map", "stack"]
