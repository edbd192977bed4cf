"""asdfits: a fast codec for JWST products, data models kept as ASDF in FITS.

>>> import asdfits
>>> model = asdfits.open("jw..._cal.fits")  # doctest: +SKIP
>>> model.meta.instrument.name, model.data.shape  # doctest: +SKIP

Every class of the reference implementation is an attribute of this module: `asdfits.ImageModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import asdf_in_fits, bulk, catalogue, look, products, remote, stdatamodels
    from .catalogue import scan, scan_batches
    from .checks import Finding, verify
    from .compare import Difference, diff
    from .container import ModelContainer
    from .edit import update_metadata
    from .errors import (
        FormatError,
        FormatWarning,
        MissingExtraError,
        NoTypeWarning,
        UnsupportedError,
        ValidationError,
        ValidationWarning,
    )
    from .io import native, open, read_metadata
    from .models import DataModel, JwstDataModel, model_class
    from .models.classes import *  # noqa: F403
    from .overlay import Conflict, Provenance
    from .reductions import Stats, stats
    from .section import Section
    from .stdatamodels import from_stdatamodels, to_stdatamodels

    __version__: str

__all__ = [
    "Conflict",
    "DataModel",
    "Difference",
    "Finding",
    "FormatError",
    "FormatWarning",
    "JwstDataModel",
    "MissingExtraError",
    "ModelContainer",
    "NoTypeWarning",
    "Provenance",
    "Section",
    "Stats",
    "UnsupportedError",
    "ValidationError",
    "ValidationWarning",
    "asdf_in_fits",
    "bulk",
    "catalogue",
    "diff",
    "from_stdatamodels",
    "look",
    "model_class",
    "native",
    "open",
    "products",
    "read_metadata",
    "remote",
    "scan",
    "scan_batches",
    "stats",
    "stdatamodels",
    "to_stdatamodels",
    "update_metadata",
    "verify",
]


# Name -> the room that it is in. A room is imported when it is first asked for: scripts that only might
# open a product, and every command, start sooner.
_ROOMS = {
    "Conflict": "overlay",
    "DataModel": "models",
    "Difference": "compare",
    "Finding": "checks",
    "FormatError": "errors",
    "FormatWarning": "errors",
    "JwstDataModel": "models",
    "MissingExtraError": "errors",
    "ModelContainer": "container",
    "NoTypeWarning": "errors",
    "Provenance": "overlay",
    "Section": "section",
    "Stats": "reductions",
    "UnsupportedError": "errors",
    "ValidationError": "errors",
    "ValidationWarning": "errors",
    "diff": "compare",
    "from_stdatamodels": "stdatamodels",
    "model_class": "models",
    "native": "io",
    "open": "io",
    "read_metadata": "io",
    "scan": "catalogue",
    "scan_batches": "catalogue",
    "stats": "reductions",
    "to_stdatamodels": "stdatamodels",
    "update_metadata": "edit",
    "verify": "checks",
}

# Rooms that are asked for as a whole; the last ones came with the package before.
_WHOLE = frozenset({"asdf_in_fits", "bulk", "catalogue", "look", "products", "remote"})
_WHOLE |= {"stdatamodels", "arrays", "errors", "file", "io", "mapping", "models", "overlay"}


def _made(name: str) -> Any:
    """Make the class of a model, import a room or read the version, when it is first asked for."""
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import version  # slow to import, seldom asked for

        return globals().setdefault(name, version("asdfits"))
    if name in _WHOLE:
        return import_module(f".{name}", __name__)
    if name in _ROOMS:
        value = globals()[name] = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
        return value
    if name.endswith("Model"):
        try:
            return import_module(".models", __name__).model_class(name)
        except KeyError:
            pass
    raise AttributeError(f"module 'asdfits' has no attribute {name!r}")


if not TYPE_CHECKING:
    # Type checkers know the classes by name, and a name that is none as an error.
    __getattr__ = _made


def __dir__() -> list[str]:
    from .mapping import class_names

    return sorted({*__all__, *class_names(), "__version__"})
