"""Looking at products: pictures, pages, and what notebooks show of a model.

>>> asdfits.look.preview("jw..._cal.fits", "cal.png")  # doctest: +SKIP
>>> asdfits.look.report("jw..._cal.fits", "cal.html")  # doctest: +SKIP
>>> model.plot()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .page import report
    from .pictures import preview, sheet

__all__ = ["preview", "report", "sheet"]

_ROOMS = {"preview": "pictures", "report": "page", "sheet": "pictures"}


def __getattr__(name: str) -> Any:
    """Import what is asked for: the command line looks into this package each time it starts."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'asdfits.look' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)
