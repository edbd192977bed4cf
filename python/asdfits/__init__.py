"""asdfits: a fast codec for JWST products, data models kept as ASDF in FITS.

>>> import asdfits
>>> model = asdfits.open("jw..._cal.fits")  # doctest: +SKIP
>>> model.meta.instrument.name, model.data.shape  # doctest: +SKIP

Every class of the reference implementation is an attribute of this module: `asdfits.ImageModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    FormatError,
    FormatWarning,
    MissingExtraError,
    NoTypeWarning,
    UnsupportedError,
    ValidationError,
    ValidationWarning,
)
from .io import open, read_metadata
from .models import DataModel, JwstDataModel, model_class
from .overlay import Conflict, Provenance

if TYPE_CHECKING:
    from . import asdf_in_fits, products, stdatamodels
    from .checks import Finding, verify
    from .compare import Difference, diff
    from .edit import update_metadata
    from .models.classes import *  # noqa: F403
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
    "NoTypeWarning",
    "Provenance",
    "UnsupportedError",
    "ValidationError",
    "ValidationWarning",
    "asdf_in_fits",
    "diff",
    "from_stdatamodels",
    "model_class",
    "open",
    "products",
    "read_metadata",
    "stdatamodels",
    "to_stdatamodels",
    "update_metadata",
    "verify",
]


# What most readers of files do without -> the room that has it.
_ROOMS = {
    "Difference": "compare",
    "Finding": "checks",
    "diff": "compare",
    "from_stdatamodels": "stdatamodels",
    "to_stdatamodels": "stdatamodels",
    "update_metadata": "edit",
    "verify": "checks",
}


def _made(name: str) -> Any:
    """Make the class of a model, import a room or read the version, when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version  # slow to import, seldom asked for

        return globals().setdefault(name, version("asdfits"))
    if name in _ROOMS or name in ("asdf_in_fits", "products", "stdatamodels"):
        from importlib import import_module

        room = import_module(f".{_ROOMS.get(name, name)}", __name__)
        return getattr(room, name) if name in _ROOMS else room
    if name.endswith("Model"):
        try:
            return model_class(name)
        except KeyError:
            pass
    raise AttributeError(f"module 'asdfits' has no attribute {name!r}")


if not TYPE_CHECKING:
    # Type checkers know the classes by name, and a name that is none as an error.
    __getattr__ = _made


def __dir__() -> list[str]:
    from .mapping import class_names

    return sorted({*__all__, *class_names(), "__version__"})
