"""What can go wrong, and the warnings that say what looks wrong but was read all the same.

Where Python has the word, its own exception is raised: `FileNotFoundError`,
`KeyError`, `AttributeError`, `TypeError`. The rest is here.
"""

from __future__ import annotations

import sys
import warnings

from ._core import FormatError, UnsupportedError

__all__ = [
    "FormatError",
    "FormatWarning",
    "MissingExtraError",
    "NoTypeWarning",
    "UnsupportedError",
    "ValidationError",
    "ValidationWarning",
    "warn",
]


class MissingExtraError(ImportError):
    """A part of the file needs packages that come with an extra of asdfits."""


class ValidationError(ValueError):
    """A value does not fit the schema, and strict validation was asked for."""


class ValidationWarning(Warning):
    """A value does not fit the schema and was not taken."""


class NoTypeWarning(Warning):
    """The file does not name a known model class, so that the class was guessed."""


class FormatWarning(UserWarning):
    """The file breaks its format in a way that could be read around."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn, and show the line of the caller's own code that led here."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("asdfits."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
