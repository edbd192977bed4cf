"""The attribute tree: dicts and lists of a model seen through its schema."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from .. import arrays
from .._core import Deferred
from ..clone import Packer, copied, unpacked
from ..file import HduArray, child, is_lazy
from ..mapping import ModelSchema, SchemaNode
from ..validate import check

__all__ = [
    "ListNode",
    "Model",
    "Node",
    "ObjectNode",
    "check_depth",
    "equal",
    "flatten",
    "make_branches",
    "unwrap",
]

# The parser refuses a tree that is nested deeper than this; an alias can lead back into itself.
_DEEPEST = 512


class Model(Protocol):
    """What a node asks of the model that it is a part of."""

    _validate_on_assignment: bool
    _validate_arrays: bool
    _strict_compat: bool

    @property
    def _model(self) -> ModelSchema:
        """The schema of the whole tree."""

    def _empty(self) -> Model:
        """Return a model of the same class, schema and switches without a tree."""

    def _resolve(self, container: Any, key: Any) -> Any:
        """Make the deferred value at `key` and keep it in its place."""

    def _leaves(self, tree: Any, path: str) -> Iterator[tuple[str, Any]]:
        """Yield (dotted path, value) for each leaf, arrays and tagged parts unmade."""

    def _report(self, name: str, fault: str) -> bool:
        """Warn of or raise a value that does not fit; whether to store it all the same."""

    def _default_array(self, name: str, schema: SchemaNode) -> Any:
        """Return an array of the schema's type and default."""


def unwrap(value: Any) -> Any:
    """Return the plain dict or list behind a node; any other value as it is."""
    return value._instance if isinstance(value, Node) else value


def flatten(tree: Any, model: Model, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) for each leaf below `tree` that is not None."""
    check_depth(depth, path)
    if isinstance(tree, dict):
        pairs: Iterable[tuple[Any, Any]] = list(tree.items())
    elif isinstance(tree, (list, tuple)):
        pairs = list(enumerate(tree))
    else:
        if tree is not None:
            yield path, tree
        return
    for key, value in pairs:
        if is_lazy(value):
            value = model._resolve(tree, key)
        yield from flatten(value, model, f"{path}.{key}" if path else str(key), depth + 1)


def equal(left: Any, right: Any) -> bool:
    """Tell whether two trees hold the same; arrays that are not one object are not equal."""
    left, right = _comparable(left), _comparable(right)
    if left is right:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            equal(child(left, key), child(right, key)) for key in left
        )
    if type(left) is type(right) and isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(equal, left, right))
    if is_lazy(left) or is_lazy(right):
        return False
    try:
        return bool(left == right)
    except ValueError:
        return False  # arrays have no single truth value


def _comparable(value: Any) -> Any:
    """What is compared in the place of a deferred part; arrays are not made for it."""
    if isinstance(value, Deferred):
        if not value.plain and "/core/ndarray-" in value.tag:
            return ("array", id(value.owner), value.node)
        return value.owner.resolve(value)
    if isinstance(value, HduArray):
        return ("array", id(value.file), -1 - value.index)
    return value


def make_branches(tree: Any) -> None:
    """Make every deferred branch of a dict or list; a part that has aliases is entered once."""
    seen = {id(tree)}
    waiting = [tree]
    while waiting:
        container = waiting.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            value = child(container, key)
            if isinstance(value, (dict, list)) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)


def check_depth(depth: int, path: str) -> None:
    """Raise ValueError where a path is longer than the tree of any file is deep."""
    if depth > _DEEPEST:
        raise ValueError(f"the tree contains itself at {path[:40]}…")


def _step(name: str) -> str | int:
    """A step of a path to a list item; an item that stands nowhere has the name of its list."""
    return int(name) if name.isdecimal() else 0


def _restored(
    kind: type[Node],
    name: str,
    path: tuple[str | int, ...] | None,
    model: Model,
    tree: Any,
    files: list[tuple[str, bytes]],
) -> Node:
    """Make a node from its pickle."""
    schema = None if path is None else model._model.find(path)
    return kind._detached(name, unpacked(tree, files), schema, model)


def copied_context(model: Model, memo: dict[int, Any]) -> Model:
    """Return the copy of a node's model, if it is part of the same deep copy, else an empty model."""
    known: Model | None = memo.get(id(model))
    return model._empty() if known is None else known


class Node:
    """A part of a model's tree with the schema that speaks of it."""

    _name: str
    _instance: Any
    _schema: SchemaNode | None

    @property
    def instance(self) -> Any:
        """The plain dict or list; arrays and tagged parts that were not touched are still deferred."""
        make_branches(self._instance)
        return self._instance

    @property
    def _ctx(self) -> Model:
        raise AttributeError("_ctx")

    def __eq__(self, other: object) -> bool:
        """Compare what the trees hold; arrays are equal if they are the same object."""
        return equal(self._instance, unwrap(other))

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        """Return a node over a copy of this part of the tree, with a model of its own around it."""
        empty = copied_context(self._ctx, memo)
        return type(self)._detached(self._name, copied(self._instance, memo), self._schema, empty)

    def __copy__(self) -> Node:
        """Return another node over the same part of the tree."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        """Only this part of the tree is pickled, with an empty model to speak for it."""
        packer = Packer()
        tree = packer.pack(self._instance)
        path = self._path() if self._schema is not None else None
        return _restored, (type(self), self._name, path, self._ctx._empty(), tree, packer.files)

    @classmethod
    def _detached(cls, name: str, instance: Any, schema: SchemaNode | None, model: Model) -> Node:
        """A node that has no other parent than an empty model."""
        kind = _Object if isinstance(instance, dict) else ListNode
        return kind(name, instance, schema, model)  # type: ignore[arg-type]

    def _path(self) -> tuple[str | int, ...]:
        """The place of this node's schema."""
        parts: list[str | int] = []
        node: Any = self
        while not hasattr(node, "_model_name"):
            parts.append(_step(node._name) if isinstance(node._parent, ListNode) else node._name)
            node = node._parent
        return tuple(reversed(parts))

    def _wrap(self, key: Any, schema: SchemaNode | None) -> Any:
        """The value at `key`, made now if it was deferred, as a node if it has children."""
        value = self._instance[key]
        if is_lazy(value):
            value = self._ctx._resolve(self._instance, key)
        if isinstance(value, dict):
            return _Object(str(key), value, schema, self)
        if isinstance(value, list):
            return ListNode(str(key), value, schema, self)
        return value

    def _accept(self, name: str, value: Any, schema: SchemaNode | None) -> tuple[bool, Any]:
        """Cast and validate a new value; (whether to store it, the value)."""
        value = arrays.cast(unwrap(value), schema)
        if schema is None or not self._ctx._validate_on_assignment:
            return True, value
        fault = check(value, schema, arrays=self._ctx._validate_arrays)
        return fault is None or self._ctx._report(name, fault), value


class ObjectNode(Node):
    """A dict of the tree with attribute access.

    Names that the schema knows always read: an absent scalar or array as None, an absent branch as
    an empty node that becomes part of the tree when something is stored in it.
    """

    def _own(self) -> dict[str, Any]:
        """The dict to write to."""
        return self._instance

    def __dir__(self) -> list[str]:
        known = self._schema.properties if self._schema is not None else None
        return sorted({*super().__dir__(), *(known or ()), *map(str, self._instance)})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"No attribute {name}")
        schema = self._schema.child(name) if self._schema is not None else None
        if name in self._instance:
            return self._wrap(name, schema)
        if schema is None:
            raise AttributeError(f"No attribute '{name}'")
        container = schema.container
        if container is not None and self._ctx._strict_compat:
            # The reference lets reading an absent branch make it, and some code counts on that.
            self._own()[name] = {} if container == "object" else []
            return self._wrap(name, schema)
        if container == "object":
            return _AbsentObject(name, schema, self)
        if container == "array":
            return _AbsentList(name, schema, self)
        return None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        if name == "instance":
            raise AttributeError("Attribute instance is read-only.")
        schema = self._schema.child(name) if self._schema is not None else None
        accepted, value = self._accept(name, value, schema)
        if accepted:
            self._own()[name] = value

    def __delattr__(self, name: str) -> None:
        if name.startswith("_"):
            object.__delattr__(self, name)
            return
        if name not in self._instance:
            raise AttributeError(f"Attribute '{name}' missing")
        del self._instance[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the dotted path of each leaf; lists are leaves."""
        return self._leaf_paths(self._instance, "")

    def _leaf_paths(self, tree: dict[str, Any], path: str, depth: int = 0) -> Iterator[str]:
        check_depth(depth, path)
        for key in list(tree):
            here = f"{path}.{key}" if path else str(key)
            value = child(tree, key)
            if isinstance(value, dict):
                yield from self._leaf_paths(value, here, depth + 1)
            else:
                yield here

    def hasattr(self, name: str) -> bool:
        """Tell whether the tree itself holds `name`, not only the schema."""
        return name in self._instance

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield (dotted path, value) of each leaf; lists are leaves."""
        for path in self:
            value: Any = self
            for part in path.split("."):
                value = getattr(value, part)
            yield path, value

    def get_default(self, name: str) -> Any:
        """Return the schema's default of `name`; None where it has none.

        Raises
        ------
        AttributeError
            The schema does not know the name.
        """
        schema = self._schema.child(name) if self._schema is not None else None
        if schema is None:
            raise AttributeError(f'{self} has no attribute "{name}"')
        if schema.is_array:
            return self._ctx._default_array(name, schema)
        if schema.has_default:
            return copy.copy(schema.default)
        return {"object": {}, "array": []}.get(schema.container or "")

    def get_dtype(self, name: str) -> np.dtype[Any]:
        """Return the numpy type that the schema gives to `name`.

        Raises
        ------
        AttributeError
            The schema does not know the name.
        ValueError
            The schema gives it no type.
        """
        schema = self._schema.child(name) if self._schema is not None else None
        if schema is None:
            raise AttributeError(f'{self} has no attribute "{name}"')
        if schema.dtype_spec is None:
            raise ValueError(f'Attribute "{name}" has no datatype defined in the schema.')
        return np.dtype(schema.dtype_spec)


class _Object(ObjectNode):
    """A dict below the model."""

    def __init__(
        self,
        name: str,
        instance: dict[str, Any],
        schema: SchemaNode | None,
        parent: Node,
    ) -> None:
        set_ = object.__setattr__
        set_(self, "_name", name)
        set_(self, "_instance", instance)
        set_(self, "_schema", schema)
        set_(self, "_parent", parent)

    @property
    def _ctx(self) -> Model:
        return self._parent._ctx

    def __repr__(self) -> str:
        return f"<{self._name}: {', '.join(map(str, self._instance)) or 'empty'}>"


class _AbsentObject(_Object):
    """A dict that the tree did not hold when it was asked for; it enters with its first value."""

    def __init__(self, name: str, schema: SchemaNode | None, parent: ObjectNode) -> None:
        set_ = object.__setattr__
        set_(self, "_name", name)
        set_(self, "_schema", schema)
        set_(self, "_parent", parent)

    @property
    def _instance(self) -> dict[str, Any]:
        # Another node for the same branch may have brought it into the tree.
        found = self._parent._instance.get(self._name)
        return found if isinstance(found, dict) else {}

    def _own(self) -> dict[str, Any]:
        parent: dict[str, Any] = self._parent._own()
        if not isinstance(parent.get(self._name), dict):
            parent[self._name] = {}
        found: dict[str, Any] = parent[self._name]
        return found


class ListNode(Node):
    """A list of the tree; items that have children come as nodes."""

    def __init__(
        self,
        name: str,
        instance: list[Any],
        schema: SchemaNode | None,
        parent: Node,
    ) -> None:
        self._name = name
        self._instance = instance
        self._schema = schema
        self._parent = parent

    @property
    def _ctx(self) -> Model:
        return self._parent._ctx

    def _own(self) -> list[Any]:
        """The list to write to."""
        return self._instance

    def _item(self, index: Any) -> SchemaNode | None:
        if self._schema is None:
            return None
        return self._schema.items if isinstance(index, slice) else self._schema.item(index)

    def __repr__(self) -> str:
        return repr(self.instance)

    def __len__(self) -> int:
        return len(self._instance)

    def __contains__(self, item: object) -> bool:
        return unwrap(item) in self.instance

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            places = range(len(self))[index]
            for place in places:
                self._wrap(place, None)  # what was deferred is made now, in the list itself
            return ListNode(self._name, self._instance[index], self._schema, self._parent)
        place = range(len(self))[index]  # also raises the IndexError, and counts from the end
        return self._wrap(place, self._item(place))

    def __setitem__(self, index: Any, value: Any) -> None:
        accepted, value = self._accept(self._name, value, self._item(index))
        if accepted:
            self._own()[index] = value

    def __delitem__(self, index: Any) -> None:
        del self._instance[index]
        if self._ctx._validate_on_assignment and self._schema is not None:
            fault = check(self._instance, self._schema, arrays=self._ctx._validate_arrays)
            if fault is not None:
                self._ctx._report(self._name, fault)

    def append(self, item: Any) -> None:
        """Add an item: a dict, a node, a whole model, or what the schema asks for."""
        self.insert(len(self._instance), item)

    def insert(self, index: int, item: Any) -> None:
        """Add an item before `index`."""
        accepted, item = self._accept(self._name, item, self._item(index))
        if accepted:
            self._own().insert(index, item)

    def extend(self, items: Iterable[Any]) -> None:
        """Add each of `items`."""
        for item in unwrap(items):
            self.append(item)

    def pop(self, index: int = -1) -> Any:
        """Remove and return an item."""
        item = self[index]
        del self._instance[index]
        return item

    def remove(self, item: Any) -> None:
        """Remove the first item equal to `item`."""
        self.instance.remove(unwrap(item))

    def index(self, item: Any) -> int:
        """Return the place of the first item equal to `item`."""
        return int(self.instance.index(unwrap(item)))

    def count(self, item: Any) -> int:
        """Return how many items are equal to `item`."""
        return int(self.instance.count(unwrap(item)))

    def reverse(self) -> None:
        """Reverse the order of the items."""
        self._instance.reverse()

    def sort(self, *args: Any, **kwargs: Any) -> None:
        """Sort the items as `list.sort` does."""
        self._instance.sort(*args, **kwargs)

    def item(self, **values: Any) -> ObjectNode | None:
        """Return a new item with these values, not yet in the list; None if it is not valid."""
        schema = self._item(len(self))
        accepted, _ = self._accept(self._name, values, schema)
        return _Object(self._name, values, schema, self) if accepted else None


class _AbsentList(ListNode):
    """A list that the tree did not hold when it was asked for; it enters with its first item."""

    def __init__(self, name: str, schema: SchemaNode | None, parent: ObjectNode) -> None:
        self._name = name
        self._schema = schema
        self._parent = parent

    @property
    def _instance(self) -> list[Any]:
        # Another node for the same list may have brought it into the tree.
        found = self._parent._instance.get(self._name)
        return found if isinstance(found, list) else []

    def _own(self) -> list[Any]:
        parent: dict[str, Any] = self._parent._own()  # type: ignore[attr-defined]
        if not isinstance(parent.get(self._name), list):
            parent[self._name] = []
        found: list[Any] = parent[self._name]
        return found


def plain_time(value: Any) -> Any:
    """Times as text, as a flat dict has them; any other value as it is."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if type(value).__name__ == "Time" and type(value).__module__.startswith("astropy.time"):
        return str(value)
    return value
