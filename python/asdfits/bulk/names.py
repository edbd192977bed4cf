"""Which output belongs to which input, and that no two inputs have the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from ..catalogue.entry import Entry
from ..products import parse
from ..products.suffixes import TYPES, step_of
from ..remote import is_url, name_of

__all__ = ["Claims", "Naming", "Plan", "renamed", "whole"]

Path = str | os.PathLike[str]

_SUFFIXES = frozenset(suffix for suffix, _ in TYPES)


def renamed(name: str, suffix: str) -> str:
    """Return the name of a product with another suffix.

    Of a name that no product has, the last word is replaced if it is a suffix; otherwise one is added.

    >>> renamed("jw02736007001_03103_00003_nrs2_cal.fits", "bsub")
    'jw02736007001_03103_00003_nrs2_bsub.fits'
    >>> renamed("mosaic_i2d.fits", "sky"), renamed("mosaic.fits", "sky")
    ('mosaic_sky.fits', 'mosaic_sky.fits')
    """
    try:
        return str(replace(parse(name), suffix=suffix))
    except ValueError:
        stem, dot, ending = name.partition(".")
        head, _, last = stem.rpartition("_")
        known = head and (last in _SUFFIXES or step_of(last) is not None)
        return f"{head if known else stem}_{suffix}{dot}{ending}"


@lru_cache(maxsize=4096)
def _folder(path: str) -> str:
    return os.path.realpath(path)


def whole(path: Path) -> str:
    """Return the absolute path of a file, with links to its folder followed; a URL as it is."""
    text = os.fspath(path)
    if is_url(text):
        return text
    head, tail = os.path.split(os.path.abspath(text))
    return os.path.join(_folder(head), tail)


class Naming:
    """The rule for the names of outputs; see `asdfits.bulk.map`.

    Raises
    ------
    TypeError
        Two rules are given.
    """

    def __init__(
        self,
        suffix: str | None,
        name: Callable[[str], Path] | None,
        base: Path | None,
    ) -> None:
        if name is not None and (suffix is not None or base is not None):
            raise TypeError("name makes the whole name: give it alone, or suffix and base")
        self._suffix, self._name = suffix, name
        self._base = None if base is None else whole(base)

    def output(self, path: str) -> str:
        """Return the output of an input, relative to the folder of outputs.

        Raises
        ------
        ValueError
            It would lie outside of that folder, or the input is not in `base`.
        """
        if self._name is not None:
            made: Any = os.fspath(self._name(path))
        else:
            name = name_of(path)
            made = name.removesuffix(".gz")
            if self._suffix is not None:
                made = renamed(made, self._suffix)
                if made.endswith(".json"):  # what is made of an association is a product
                    made = made.removesuffix(".json") + ".fits"
            if self._base is not None:
                inside = os.path.relpath(os.path.dirname(path), self._base)
                if is_url(path) or inside.split(os.sep)[0] == os.pardir:
                    raise ValueError(f"{path}: not in the folder {self._base}, given as base")
                made = os.path.join(inside, made)
        made = os.path.normpath(made)
        if os.path.isabs(made) or made.split(os.sep)[0] in (os.pardir, os.curdir, ""):
            raise ValueError(
                f"{path}: found the name {made!r} for its output, expected one inside of the folder of "
                "outputs"
            )
        if os.path.basename(made).startswith("."):
            raise ValueError(f"{path}: the name of its output, {made!r}, begins with a dot")
        return str(made)


def _digest(path: str) -> bytes:
    return blake2b(os.fsencode(path), digest_size=16).digest()


class Claims:
    """The outputs and inputs that were seen; some 300 bytes of memory for each.

    Parameters
    ----------
    folder
        The folder of outputs.
    in_place
        Whether an input may be its own output.
    """

    def __init__(self, folder: str, *, in_place: bool) -> None:
        self._folder = whole(folder)
        self._in_place = in_place
        # Output -> its input, as digests; what is there in thousands is not kept as text.
        self._outputs: dict[bytes, bytes] = {}
        self._inputs: set[bytes] = set()

    def add(self, input_: str, output: str) -> bool:
        """Take an output for an input; return False if the input has it already.

        Raises
        ------
        ValueError
            Another input has this output; or the output is an input.
        """
        place = whole(os.path.join(self._folder, output))
        made, read = _digest(place), _digest(input_)
        if made in self._outputs:
            if self._outputs[made] == read:
                return False
            raise ValueError(
                f"{input_}: its output would be {place}, which is that of another input; "
                "name=… gives each a name of its own, base=… keeps the folders that they are in"
            )
        own = made == read
        if own and not self._in_place:
            raise ValueError(
                f"{input_}: its output would take its place; give another folder or a suffix, or "
                "in_place=True if that is meant"
            )
        if not own and made in self._inputs:
            raise ValueError(f"{input_}: its output would be {place}, which is an input itself")
        if not own and read in self._outputs:
            raise ValueError(f"{input_}: it is the output of another input")
        self._outputs[made] = read
        self._inputs.add(read)
        return True


class Plan:
    """The files, one by one, each with its output; or an entry that has none, and why."""

    def __init__(self, files: Iterator[Entry], naming: Naming, claims: Claims) -> None:
        self._files, self._naming, self._claims = files, naming, claims
        self._found: Iterator[tuple[str, str | None, Exception | None]] = self._find()
        self.total: int | None = None

    def read(self) -> None:
        """Find all files now."""
        found = list(self._find())
        self.total, self._found = len(found), iter(found)

    def __iter__(self) -> Iterator[tuple[str, str | None, Exception | None]]:
        return self._found

    def _find(self) -> Iterator[tuple[str, str | None, Exception | None]]:
        for entry in self._files:
            path = whole(entry.path)
            if entry.fault is not None:
                yield path, None, entry.fault
                continue
            try:
                output = self._naming.output(path)
            except Exception as error:  # also what a user's function raises
                yield path, None, error
                continue
            if self._claims.add(path, output):
                yield path, output, None
