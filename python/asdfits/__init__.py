"""asdfits: a fast codec for JWST products, data models kept as ASDF in FITS.

>>> import asdfits
>>> model = asdfits.open("jw..._cal.fits")  # doctest: +SKIP
>>> model.meta.instrument.name, model.data.shape  # doctest: +SKIP

Every class of the reference implementation is an attribute of this module: `asdfits.ImageModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .diff import Difference, diff
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
from .verify import Finding, verify

if TYPE_CHECKING:
    from . import asdf_in_fits, products
    from .edit import update_metadata
    from .models.classes import *  # noqa: F403

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
    "model_class",
    "open",
    "products",
    "read_metadata",
    "update_metadata",
    "verify",
]


def _made(name: str) -> Any:
    """Make the class of a model, or read the version, when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version  # slow to import, seldom asked for

        return version("asdfits")
    if name in ("asdf_in_fits", "products"):
        from importlib import import_module  # most readers of files need neither

        return import_module(f".{name}", __name__)
    if name == "update_metadata":
        from .edit import update_metadata

        return update_metadata
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
