"""A model as a tree of values that dotted paths lead through."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .. import render
from .._core import Deferred
from ..errors import ValidationError, ValidationWarning, warn
from ..file import Lazy, child, is_lazy
from ..mapping import ModelSchema
from .nodes import ListNode, ObjectNode, check_depth, flatten, plain_time
from .update import update

__all__ = ["Tree"]


class Tree(ObjectNode):
    """The root of a tree: what a model is apart from where its values came from."""

    _instance: dict[str, Any]
    _lock: threading.RLock
    _strict_validation: bool
    _pass_invalid_values: bool
    meta: ObjectNode

    @property
    def _model(self) -> ModelSchema:
        raise AttributeError("_model")

    # -- values ------------------------------------------------------------------------------

    def _branch(self, name: str) -> dict[str, Any]:
        """The dict at `name` of the root, made if it is not there."""
        value = self._instance.get(name)
        if is_lazy(value):
            value = self._resolve(self._instance, name)
        if not isinstance(value, dict):
            value = self._instance[name] = {}
        return value

    def _made(self, value: Any) -> Any:
        """What a deferred value stands for."""
        if isinstance(value, Lazy):
            return value.resolve(self)
        return value.owner.resolve(value) if is_lazy(value) else value

    def _resolve(self, container: Any, key: Any) -> Any:
        """Make the deferred value at `key` and keep it in its place."""
        value = child(container, key)
        if is_lazy(value):
            with self._lock:
                value = container[key]  # another thread may have made it meanwhile
                if is_lazy(value):
                    value = container[key] = self._made(value)
        return value

    def _report(self, name: str, fault: str) -> bool:
        """Warn of or raise a value that does not fit; whether to store it all the same."""
        message = f"While validating {name} the following error occurred:\n{fault}"
        if self._strict_validation:
            raise ValidationError(message)
        warn(message, ValidationWarning)
        return self._pass_invalid_values

    def __getitem__(self, path: str) -> Any:
        """Return the value at a dotted path; list positions are numbers: ``slits.0.name``."""
        node: Any = self
        for part in path.split("."):
            if isinstance(node, ListNode) and not part.isdecimal():
                raise KeyError(path)
            try:
                # A fault of the file, found when the value is made, is no missing key.
                node = node[int(part)] if isinstance(node, ListNode) else getattr(node, part)
            except (AttributeError, IndexError) as error:
                raise KeyError(path) from error
        return node

    def __setitem__(self, path: str, value: Any) -> None:
        """Store a value at a dotted path."""
        head, _, last = path.rpartition(".")
        node = self[head] if head else self
        if isinstance(node, ListNode):
            if not last.isdecimal():
                raise KeyError(path)
            node[int(last)] = value
        elif isinstance(node, ObjectNode):
            setattr(node, last, value)
        else:
            raise KeyError(path)

    def __setattr__(self, name: str, value: Any) -> None:
        # Properties of a model, which are no places of its tree.
        if name in ("shape", "history", "schema"):
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def update(
        self,
        d: Any,
        only: str | Iterable[str] | None = None,
        extra_fits: bool = False,
        cal_logs: bool = True,
    ) -> None:
        """Take metadata over from another model, a node, or a dict.

        From a model or a node come the values of its FITS keywords; from a dict comes every value
        that is no array. No lists, no WCS, and neither ``meta.date`` nor ``meta.model_type``; what
        this model has no place for is passed over.

        Parameters
        ----------
        d : DataModel, ObjectNode or dict
            What gives. Its values are copied.
        only : str or list of str, optional
            HDUs whose keywords are taken; all HDUs that this class has, if not given. A dict has no
            HDUs, and all of it is taken.
        extra_fits : bool
            Whether cards that no schema knows are taken over as well, HDU by HDU.
        cal_logs : bool
            Whether the logs of calibration steps are joined with those of this model.
        """
        if only is None:
            hdus = self._model.hdu_names
        else:
            hdus = frozenset([only] if isinstance(only, str) else only)
        update(self, d, hdus, extra_fits=extra_fits, cal_logs=cal_logs)

    def keys(self) -> Iterator[str]:
        """Yield the dotted path of each leaf, lists included."""
        return (path for path, _ in self._leaves(self._instance, ""))

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield (dotted path, value) of each leaf, lists included; absent values are left out."""
        return flatten(self._instance, self)

    def _leaves(self, tree: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield (dotted path, value) for each leaf, arrays and tagged parts unmade."""
        check_depth(depth, path)
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            here = f"{path}.{key}" if path else str(key)
            value = child(tree, key)
            if isinstance(value, (dict, list, tuple)):
                yield from self._leaves(value, here, depth + 1)
            else:
                yield here, value

    def values(self) -> Iterator[Any]:
        """Yield the value of each leaf, lists included."""
        return (value for _, value in self.items())

    def to_flat_dict(self, include_arrays: bool = True) -> dict[str, Any]:
        """Return dotted path -> value for the whole tree; times as text.

        Parameters
        ----------
        include_arrays
            Whether arrays are made and included. Without them no data are read.
        """
        if include_arrays:
            return {path: plain_time(value) for path, value in self.items()}
        flat = {}
        for path, value in self._leaves(self._instance, ""):
            if is_lazy(value):
                if self._is_array(value):
                    continue
                value = self._made(value)
            if value is not None and not isinstance(value, np.ndarray):
                flat[path] = plain_time(value)
        return flat

    @staticmethod
    def _is_array(value: Any) -> bool:
        return isinstance(value, Lazy) or (
            isinstance(value, Deferred) and "/core/ndarray-" in value.tag
        )

    def search(self, text: str) -> dict[str, Any]:
        """Return path -> value for each leaf whose path or text has `text`, whatever the case."""
        wanted = text.lower()
        found = {}
        for path, value in self._leaves(self._instance, ""):
            if wanted in path.lower():
                # Only what is asked for is converted: a WCS takes its time.
                if is_lazy(value):
                    value = None if self._is_array(value) else self._made(value)
            elif not (isinstance(value, str) and wanted in value.lower()):
                continue
            if value is not None and not isinstance(value, np.ndarray):
                found[path] = plain_time(value)
        return found

    def info(self, max_rows: int | None = 40) -> None:
        """Print the tree.

        Parameters
        ----------
        max_rows
            Stop after this many lines; None for all.
        """
        print("\n".join(render.tree(self.instance, repr(self), max_rows)))
