"""What can go wrong, and the warnings that say what looks wrong but was read all the same.

Where Python has the word, its own exception is raised: `FileNotFoundError`,
`KeyError`, `AttributeError`, `TypeError`. The rest is here.
"""

from __future__ import annotations

from ._core import FormatError, UnsupportedError

__all__ = [
    "FormatError",
    "FormatWarning",
    "MissingExtraError",
    "NoTypeWarning",
    "UnsupportedError",
    "ValidationError",
    "ValidationWarning",
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
