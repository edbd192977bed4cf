"""Filters in words: `exp_type == 'NRC_IMAGE' and level in ('2b', '2c')` as an expression of pyarrow.

The words are those of Python. A column is named as it is; a name that is no word of Python, such as
``SCI:BUNIT``, stands between backticks.
"""

from __future__ import annotations

import ast
import datetime
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from .scanning import arrow

__all__ = ["expression", "names_in"]

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }
)
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }
)
_METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "startswith": "starts_with",
        "endswith": "ends_with",
        "contains": "match_substring",
        "matches": "match_substring_regex",
    }
)
_QUOTED: Final = re.compile(r"`([^`]*)`")


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of the columns that a filter uses.

    Raises
    ------
    ValueError
        It is no filter.
    """
    filter_ = _Filter(text, {})
    filter_.made()
    return tuple(filter_.names)


def expression(text: str, types: Mapping[str, str]) -> Any:
    """Return a filter as an expression of pyarrow.

    Parameters
    ----------
    text
        Comparisons (``==``, ``<``, ``1 < x < 2``), ``in`` a tuple, ``'text' in column``, ``is None``,
        ``column.startswith('…')``, ``endswith``, ``contains``, ``matches`` (a regular expression),
        arithmetic, ``and``, ``or``, ``not`` (or ``&``, ``|``, ``~``), parentheses.
    types
        Column -> type, as in `Column`. Text that is compared with a time is read as one (ISO 8601).

    Notes
    -----
    A comparison with a value that is not there is neither true nor false, and the row is left out.
    """
    return _Filter(text, types).made()


class _Filter:
    def __init__(self, text: str, types: Mapping[str, str]) -> None:
        self.text = text
        self.types = types
        self.names: dict[str, None] = {}
        self._quoted: list[str] = []
        self._compute = arrow().compute

    def made(self) -> Any:
        def kept(match: re.Match[str]) -> str:
            self._quoted.append(match[1])
            return f"__quoted_{len(self._quoted) - 1}"

        try:
            tree = ast.parse(_QUOTED.sub(kept, self.text.strip()), mode="eval")
        except SyntaxError as error:
            raise ValueError(f"{self.text!r} is no filter: {error.msg}") from error
        return self._truth(tree.body)

    def _fault(self, node: ast.AST) -> ValueError:
        found = ast.unparse(node)
        return ValueError(f"{self.text!r} is no filter: found {found!r}, expected a comparison")

    def _truth(self, node: ast.expr) -> Any:
        """What is true or false."""
        match node:
            case ast.BoolOp(op, values):
                parts = [self._truth(value) for value in values]
                whole = parts[0]
                for part in parts[1:]:
                    whole = whole & part if isinstance(op, ast.And) else whole | part
                return whole
            case ast.BinOp(left, ast.BitAnd(), right):
                return self._truth(left) & self._truth(right)
            case ast.BinOp(left, ast.BitOr(), right):
                return self._truth(left) | self._truth(right)
            case ast.UnaryOp(ast.Not() | ast.Invert(), value):
                return ~self._truth(value)
            case ast.Compare(left, operators, values):
                sides = [left, *values]
                pairs = zip(sides[:-1], operators, sides[1:], strict=True)
                parts = [self._comparison(*pair) for pair in pairs]
                whole = parts[0]
                for part in parts[1:]:
                    whole = whole & part
                return whole
            case ast.Call(ast.Attribute(column, method), [ast.Constant(str(text))], []) if (
                method in _METHODS
            ):
                field = self._compute.field(self._name(column))
                return getattr(self._compute, _METHODS[method])(field, text)
            case ast.Name() | ast.Attribute():
                return self._compute.field(self._name(node))
        raise self._fault(node)

    def _comparison(self, left: ast.expr, compare: ast.cmpop, right: ast.expr) -> Any:
        negated = isinstance(compare, (ast.NotIn, ast.IsNot, ast.NotEq))
        is_none = isinstance(right, ast.Constant) and right.value is None
        found: Any
        if is_none and isinstance(compare, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
            found = self._value(left).is_null()
            return ~found if negated else found
        if isinstance(compare, (ast.In, ast.NotIn)):
            if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
                values = [self._constant(each, left) for each in right.elts]
                found = self._value(left).isin(values)
            elif isinstance(left, ast.Constant) and isinstance(left.value, str):
                field = self._compute.field(self._name(right))
                found = self._compute.match_substring(field, left.value)
            else:
                raise self._fault(right)
            return ~found if negated else found
        made = _COMPARISONS.get(type(compare))
        if made is None:
            raise self._fault(left)
        return made(self._side(left, right), self._side(right, left))

    def _side(self, node: ast.expr, other: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return self._compute.scalar(self._constant(node, other))
        return self._value(node)

    def _constant(self, node: ast.expr, other: ast.expr) -> Any:
        try:
            value = ast.literal_eval(node)
        except ValueError as error:
            raise self._fault(node) from error
        is_column = isinstance(other, (ast.Name, ast.Attribute))
        if isinstance(value, str) and is_column and self.types.get(self._name(other)) == "time":
            when = datetime.datetime.fromisoformat(value)
            zone = when.tzinfo or datetime.UTC
            return arrow().scalar(when.replace(tzinfo=zone), arrow().timestamp("us", tz="UTC"))
        return value

    def _value(self, node: ast.expr) -> Any:
        """A column, a constant, or what is computed from them."""
        match node:
            case ast.Constant(str() | int() | float() | bool() as value):
                return self._compute.scalar(value)
            case ast.UnaryOp(ast.USub(), value):
                return self._compute.scalar(0) - self._value(value)
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self._value(left), self._value(right))
        return self._compute.field(self._name(node))

    def _name(self, node: ast.expr) -> str:
        """The name of a column: `a`, `a.b`, `a[0].b`, or what stood between backticks."""
        match node:
            case ast.Name(name):
                if name.startswith("__quoted_"):
                    name = self._quoted[int(name.removeprefix("__quoted_"))]
            case ast.Attribute(value, part):
                name = f"{self._name(value)}.{part}"
                self.names.pop(self._name(value), None)
            case ast.Subscript(value, ast.Constant(int(place))):
                name = f"{self._name(value)}.{place}"
                self.names.pop(self._name(value), None)
            case _:
                raise self._fault(node)
        self.names[name] = None
        return name
