"""What readers say of a file, and where two of them differ."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .contest import Facts, Row

MARGIN = 1e-12
"""Relative difference that two readers may show who read a number from different texts of it."""

KEPT = "history."
"""Where asdfits may know more than stdatamodels, which reads the history from the FITS cards and so
loses the time of an entry, its software, and the list of extensions."""


def checksum(array: Any) -> tuple[tuple[int, ...], str, int]:
    """Return shape, kind of number and CRC of an array's values, whatever its byte order."""
    values = np.asarray(array)
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return values.shape, values.dtype.str[1:], zlib.crc32(values.tobytes())


def plain_facts(flat: Mapping[str, Any]) -> Facts:
    """Return a flat dictionary with arrays as shapes and objects as a mark.

    A WCS isn't looked into: a reader that builds it only when asked need not do so here.
    """
    facts: Facts = {}
    for key, value in flat.items():
        if value is None or isinstance(value, bool | int | float | str):
            facts[key] = value
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            facts[key] = ("array", tuple(value.shape))
        else:
            facts[key] = ("object",)
    return facts


def flatten(tree: Any, path: str = "") -> Facts:
    """Return a tree as one dictionary with dotted keys, as ``to_flat_dict`` does."""
    if isinstance(tree, Mapping):
        items: Iterable[tuple[Any, Any]] = tree.items()
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        return {path: tree} if tree is not None else {}
    facts: Facts = {}
    for key, value in items:
        facts.update(flatten(value, f"{path}.{key}" if path else str(key)))
    return facts


def disagreement(given: Facts, expected: Facts, *, exact: bool) -> str | None:
    """Say where two answers differ; None if they don't.

    Parameters
    ----------
    given, expected : dict
        The answers.
    exact : bool
        Whether both must have the same keys (`KEPT` ones aside), and values of the same type
        and every digit.
        Without it only keys in both are compared, and numbers may differ in the last digits: a
        FITS card has fewer than the tree.
    """
    if exact:
        missing = sorted(expected.keys() - given.keys())
        extra = sorted(key for key in given.keys() - expected.keys() if not key.startswith(KEPT))
        if missing or extra:
            return f"{len(missing)} keys missing {missing[:5]}, {len(extra)} too many {extra[:5]}"
    shared = given.keys() & expected.keys()
    if not shared:
        return "the answers have nothing in common"
    for key in sorted(shared):
        mine, theirs = given[key], expected[key]
        if isinstance(mine, float) and isinstance(theirs, float):
            same = math.isclose(mine, theirs, rel_tol=0 if exact else MARGIN, abs_tol=0)
            same = same or (math.isnan(mine) and math.isnan(theirs))
        else:
            same = bool(mine == theirs) and (not exact or type(mine) is type(theirs))
        if not same:
            return f"{key} is {mine!r}, expected {theirs!r}"
    return None


def assert_answers(row: Row, faults: list[str] | None = None) -> list[str]:
    """Let every reader of a row answer and compare the answers; return who was compared.

    The reference implementation decides; where it says nothing of what another says, asdfits does, and
    without both the first reader that answers.

    Parameters
    ----------
    row : Row
        The row.
    faults : list of str, optional
        Takes a line for each reader that fails, which then leaves the row. asdfits may not fail.

    Raises
    ------
    AssertionError
        If two answers differ, or a reader fails and there is no list for it.
    """
    answers: dict[str, Facts] = {}
    for contestant in [c for c in row.contestants if c.answer is not None]:
        assert contestant.answer is not None
        try:
            with contestant.around():
                answers[contestant.name] = contestant.answer()
        except Exception as error:
            if faults is None or contestant.distribution == "asdfits":
                raise AssertionError(f"{row.name}: {contestant.name}: {error!r}") from error
            faults.append(f"{contestant.name} cannot do this: {type(error).__name__}: {error}")
            row.contestants.remove(contestant)
    if not answers:
        return []
    reference = "stdatamodels" if "stdatamodels" in answers else next(iter(answers))
    for name, facts in answers.items():
        exact = row.exact and name == "asdfits" and reference == "stdatamodels"
        expected = answers[reference]
        if not facts.keys() & expected.keys():
            # Such as the number of HDUs, of which the reference says nothing.
            expected = answers.get("asdfits", expected)
        difference = disagreement(facts, expected, exact=exact)
        if difference is not None:
            raise AssertionError(f"{row.name}: {name} and {reference} disagree: {difference}")
    return list(answers)
