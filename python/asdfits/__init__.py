"""asdfits: a fast codec for JWST products, data models kept as ASDF in FITS.

>>> import asdfits
>>> model = asdfits.open("jw..._cal.fits")  # doctest: +SKIP
>>> model.meta.instrument.name, model.data.shape  # doctest: +SKIP

Every class of the reference implementation is an attribute of this module: `asdfits.ImageModel`.
"""

from __future__ import annotations

from typing import Any

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
from .verify import verify

__all__ = [
    "Conflict",
    "DataModel",
    "FormatError",
    "FormatWarning",
    "JwstDataModel",
    "MissingExtraError",
    "NoTypeWarning",
    "Provenance",
    "UnsupportedError",
    "ValidationError",
    "ValidationWarning",
    "model_class",
    "open",
    "read_metadata",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Make the class of a model, or read the version, when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version  # slow to import, seldom asked for

        return version("asdfits")
    if name.endswith("Model"):
        try:
            return model_class(name)
        except KeyError:
            pass
    raise AttributeError(f"module 'asdfits' has no attribute {name!r}")


def __dir__() -> list[str]:
    from .mapping import class_names

    return sorted({*__all__, *class_names(), "__version__"})
