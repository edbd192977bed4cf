"""Dicts and lists of a tree in which each value is made when it is touched.

They are dicts and lists to whoever asks, so that asdf, json or numpy take them as such. Whatever is
read through them is made first: an array, an object, a branch. What nobody touched stays deferred.
"""

from __future__ import annotations

import threading
from collections.abc import ItemsView, Iterator, ValuesView
from typing import Any, Final, Self

from .clone import copied
from .file import Lazy, is_lazy

__all__ = ["Branch", "Items", "entries", "lazy", "made", "raw"]

# Two threads that touch one place must get the same object.
_touching: Final = threading.RLock()


class Branch(dict[Any, Any]):
    """A dict of the tree; each value is made when it is touched, and kept."""

    __slots__ = ()

    # Libraries that rebuild what they walk, such as asdf, make a plain dict of it.
    __class__ = property(lambda self: dict)

    def __getitem__(self, key: Any) -> Any:
        return _touched(super(), key)

    # Python would look past __getitem__ in a dict whose __iter__ is not its own.
    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value at `key`, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401  # get is what this is

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """Return the values."""
        return ValuesView(self)

    def items(self) -> ItemsView[Any, Any]:  # type: ignore[override]
        """Return (key, value) of each entry."""
        return ItemsView(self)

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove the value at `key` and return it, or `default`."""
        if key in self:
            self[key]
        return super().pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last entry and return it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value at `key`, which becomes `default` if there is none."""
        super().setdefault(key, default)
        return self[key]

    def copy(self) -> Branch:
        """Return a dict of the same values; what was not made is not made for it."""
        return Branch(dict.items(self))

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Branch:
        new = memo[id(self)] = Branch()
        dict.update(new, {key: copied(value, memo) for key, value in dict.items(self)})
        return new

    def __repr__(self) -> str:
        return repr(dict(self))

    def __eq__(self, other: object) -> bool:
        return dict(self) == (dict(other) if isinstance(other, Branch) else other)

    __hash__ = None

    def __or__(self, other: Any) -> Any:
        return dict(self) | dict(other)

    def __ror__(self, other: Any) -> Any:
        return dict(other) | dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()


class Items(list[Any]):
    """A list of the tree; each value is made when it is touched, and kept."""

    __slots__ = ()

    __class__ = property(lambda self: list)

    def _whole(self) -> Self:
        for place in range(len(self)):
            _touched(super(), place)
        return self

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return list(self)[key]
        return _touched(super(), key)

    def __iter__(self) -> Iterator[Any]:
        place = 0
        while place < len(self):
            yield self[place]
            place += 1

    def __reversed__(self) -> Iterator[Any]:
        return (self[place] for place in reversed(range(len(self))))

    def __contains__(self, value: object) -> bool:
        return value in list(self)

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, Items) else other)

    __hash__ = None

    def __add__(self, other: Any) -> Any:
        return list(self) + list(other)

    def __mul__(self, times: Any) -> Any:
        return list(self) * times

    __rmul__ = __mul__

    def index(self, value: Any, *limits: Any) -> int:
        """Return the first place of a value."""
        return list(self).index(value, *limits)

    def count(self, value: Any) -> int:
        """Return how often a value is there."""
        return list(self).count(value)

    def remove(self, value: Any) -> None:
        """Remove the first of a value."""
        del self[self.index(value)]

    def pop(self, place: Any = -1) -> Any:
        """Remove the value at a place and return it."""
        self[place]
        return super().pop(place)

    def sort(self, **how: Any) -> None:
        """Sort the values in place."""
        super(Items, self._whole()).sort(**how)

    def copy(self) -> Items:
        """Return a list of the same values; what was not made is not made for it."""
        return Items(list.__iter__(self))

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Items:
        new = memo[id(self)] = Items()
        new.extend(copied(value, memo) for value in list.__iter__(self))
        return new

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()


def _touched(container: Any, key: Any) -> Any:
    """The value at `key` of a plain container, made and kept there if it was not yet."""
    value = container.__getitem__(key)
    if not is_lazy(value):
        return value
    with _touching:
        value = container.__getitem__(key)
        if is_lazy(value):
            value = made(value)
            container.__setitem__(key, value)
    return value


def made(value: Any) -> Any:
    """What a deferred value stands for; dicts and lists as such that make theirs when touched."""
    if isinstance(value, Lazy):
        return value.resolve(None)
    made = value.owner.resolve(value)
    if type(made) in (dict, list):
        made = lazy(made)
        value.owner.remember(value, made)
    return made


def lazy(value: Any) -> Any:
    """Return dicts and lists that make their values when touched, if there are any to make."""
    if type(value) is dict:
        pairs = {key: lazy(each) for key, each in value.items()}
        return Branch(pairs) if any(map(_waits, pairs.values())) else value
    if type(value) is list:
        items = [lazy(each) for each in value]
        return Items(items) if any(map(_waits, items)) else value
    return value


def _waits(value: Any) -> bool:
    return is_lazy(value) or type(value) in (Branch, Items)


def raw(tree: Any, *, branches: bool = False, whole: bool = False) -> dict[str, Any]:
    """Return a tree as plain dicts and lists, with what is deferred in them.

    `branches` makes the branches among that, `whole` everything. An object that stands in several
    places does so in the result.
    """
    memo: dict[int, Any] = {}

    def plain(value: Any) -> Any:
        if is_lazy(value) and (whole or (branches and getattr(value, "plain", False))):
            value = made(value)
        if id(value) in memo:
            return memo[id(value)][0]
        # Others that are dicts are objects of asdf, of which the root of a tree is one.
        root = type(value).__name__ == "AsdfObject" or value is tree
        if type(value) in (dict, Branch) or (root and isinstance(value, dict)):
            result: Any = {}
            memo[id(value)] = result, value
            result.update((key, plain(each)) for key, each in entries(value))
            return result
        if type(value) in (list, Items):
            result = []
            memo[id(value)] = result, value
            result += [plain(each) for each in list.__iter__(value)]
            return result
        return value

    found: dict[str, Any] = plain(tree)
    return found


def entries(value: Any) -> Any:
    """Return the entries of a dict as they stand; an object of asdf has them in a dict beside it."""
    held = getattr(value, "data", value)
    return dict.items(held) if issubclass(type(held), Branch) else value.items()
