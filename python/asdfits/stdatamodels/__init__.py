"""Unmodified stdatamodels code on the fast loader.

After `install` the classes and functions of stdatamodels open, copy, pickle and save FITS products
through asdfits. Models stay what they were, real `stdatamodels` objects with a real tree, so that
``isinstance``, ``model._instance``, subclasses and pipeline steps work as before; arrays are mapped,
and a WCS, a slit or a table is made when it is touched. Whatever asdfits does not take on goes through
stdatamodels' own code, which is never changed.

>>> import asdfits.stdatamodels
>>> asdfits.stdatamodels.install()  # doctest: +SKIP
>>> with asdfits.stdatamodels.accelerated():  # doctest: +SKIP
...     run_pipeline()

Without a line of code:

- ``python -m asdfits.stdatamodels script.py``, or ``-m module``, runs a script with it installed;
- ``ASDFITS_STDATAMODELS=1`` in the environment installs it in every process, workers too, as soon as
  asdf looks for its extensions;
- ``pytest -p asdfits.stdatamodels.plugin`` runs tests with it.

The logger ``asdfits.stdatamodels`` says at level DEBUG what went through stdatamodels' own code, and
why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "VARIABLE",
    "accelerated",
    "from_stdatamodels",
    "install",
    "is_installed",
    "to_stdatamodels",
    "uninstall",
]

VARIABLE = "ASDFITS_STDATAMODELS"
"""Environment variable that installs the accelerator in every process where it is set to a truth."""

if TYPE_CHECKING:
    from .exchange import from_stdatamodels, to_stdatamodels
    from .patches import accelerated, install, is_installed, uninstall


def __getattr__(name: str) -> Any:
    # The rooms behind import stdatamodels, which takes a second; asdf imports this one alone.
    if name in ("from_stdatamodels", "to_stdatamodels"):
        from . import exchange

        return getattr(exchange, name)
    if name in __all__:
        from . import patches

        return getattr(patches, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
