"""The data model: a tree with a schema, and the file it came from."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np

from .. import arrays, dynamicdq, mapping, overlay, render
from ..errors import ValidationError, ValidationWarning, warn
from ..file import File, Lazy, child, is_lazy
from ..history import History
from ..mapping import ModelSchema, SchemaNode
from ..overlay import Conflict, Provenance
from ..validate import check
from .nodes import (
    ListNode,
    ObjectNode,
    check_depth,
    flatten,
    make_branches,
    plain_time,
    unwrap,
)

__all__ = ["DataModel", "JwstDataModel"]


class DefaultArray(Lazy):
    """An array that the class promises though the file lacks it: the schema's default."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self, model: DataModel) -> Any:
        """Return the default, in the shape of the primary array; None without a primary array."""
        return None if model.shape is None else model.get_default(self.name)


class StandardDQ(Lazy):
    """Data-quality flags of a reference file in the standard bits, by its own table of bits."""

    __slots__ = ("flags",)

    def __init__(self, flags: Any) -> None:
        self.flags = flags

    def resolve(self, model: DataModel) -> Any:
        """Return the flags with each bit moved to where the standard has it."""
        flags = model._made(self.flags)
        table = model.dq_def
        return flags if table is None or flags is None else dynamicdq.standard_mask(flags, table)


class DataModel(ObjectNode):
    """A tree of values with a schema.

    Parameters
    ----------
    init : None, dict, tuple of int, numpy.ndarray, DataModel, str or path-like
        Nothing, a tree, the shape of the primary array, the primary array, a model whose tree is
        shared, or a file.
    pass_invalid_values, strict_validation, validate_on_assignment : bool, optional
        What to do with values that do not fit the schema: take them, raise, do not look. The
        environment variables of the same names, in upper case, give the defaults.
    **kwargs
        Arrays by the name that the schema gives them.

    Raises
    ------
    TypeError
        `init` is of another kind, or has arrays beside a file.
    """

    # The class in the mapping; a subclass that is not there keeps that of its base.
    _model_name: ClassVar[str] = "JwstDataModel"

    _ctx = property(lambda self: self)

    @property
    def _model(self) -> ModelSchema:
        return mapping.model(self._model_name)

    def __init__(
        self,
        init: Any = None,
        *,
        pass_invalid_values: bool | None = None,
        strict_validation: bool | None = None,
        validate_on_assignment: bool | None = None,
        **kwargs: Any,
    ) -> None:
        self._pass_invalid_values = _switch("PASS_INVALID_VALUES", pass_invalid_values, False)
        self._strict_validation = _switch("STRICT_VALIDATION", strict_validation, False)
        self._validate_on_assignment = _switch(
            "VALIDATE_ON_ASSIGNMENT", validate_on_assignment, True
        )
        self._name = type(self).__name__
        self._schema = self._model.root
        self._file: File | None = None
        self._init_shape: tuple[int, ...] | None = None
        self._instance: dict[str, Any] = {}
        made_here = init is None or isinstance(init, (tuple, np.ndarray))
        if kwargs and not made_here:
            raise TypeError(
                f"{self._name} takes no arrays beside a file, a tree or a model: {', '.join(kwargs)}"
            )
        self._start(init)
        for name, value in kwargs.items():
            schema = self._schema.child(name)
            if value is not None and schema is not None and schema.datatype is not None:
                setattr(self, name, value)
        if made_here:
            for path, value in self._model.initial.items():
                self[path] = value
        self._promise_arrays()
        self._on_init()

    def _start(self, init: Any) -> None:
        """Take the tree from `init`."""
        if isinstance(init, dict):
            self._instance = init
        elif isinstance(init, np.ndarray):
            setattr(self, self._primary("An array"), init)
        elif isinstance(init, tuple):
            if not all(isinstance(size, int) for size in init):
                raise ValueError("shape must be a tuple of ints")
            name = self._primary("A shape")
            self._init_shape = init
            setattr(self, name, self.get_default(name))
            self._init_shape = None
        elif isinstance(init, DataModel):
            self._file = init._file
            self._instance = init._instance
            if type(init) is not type(self):
                # Another class: its own metadata, the same arrays.
                self._instance = {**init._instance, "meta": dict(init._branch("meta"))}
        elif isinstance(init, str) or hasattr(init, "__fspath__"):
            self._read(File.open(init))
        elif isinstance(init, File):
            self._read(init)
        elif init is not None:
            raise TypeError(f"Can't initialize datamodel using {type(init)}")

    def _primary(self, what: str) -> str:
        name = self.get_primary_array_name()
        if not name:
            raise TypeError(f"{what} was given, but {self._name} has no primary array")
        return name

    def _read(self, file: File) -> None:
        self._file = file
        if file.product.is_fits:
            self._instance = overlay.overlay(
                file,
                self._model,
                strict=self._strict_validation,
                keep_invalid=self._pass_invalid_values,
                validate=self._validate_on_assignment,
            )
        else:
            self._instance = file.tree()

    def _promise_arrays(self) -> None:
        """Put the arrays that the class promises into the tree, unmade."""
        promised = []
        if self._model.default_dq:
            promised.append("dq")
        if self._model.default_err:
            promised.append("err")
        if self._name in ("RampModel", "SuperstripeRampModel") and self.hasattr("data"):
            promised += ["pixeldq", "groupdq"]
        if promised and not self.hasattr(self.get_primary_array_name()):
            return
        for name in promised:
            self._instance.setdefault(name, DefaultArray(name))
        if self._model.default_dq and self._instance.get("dq_def") is not None:
            self._instance["dq"] = StandardDQ(self._instance["dq"])

    def _on_init(self) -> None:
        meta = self._branch("meta")
        if self._file is not None:
            meta["filename"] = os.path.basename(self._file.path)
        meta["model_type"] = self._name
        if "date" not in meta:
            now = datetime.datetime.now(datetime.UTC)
            meta["date"] = now.replace(tzinfo=None).isoformat(timespec="milliseconds")

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
        value = self._made(container[key])
        container[key] = value
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
            node[int(last)] = value
        elif isinstance(node, ObjectNode):
            setattr(node, last, value)
        else:
            raise KeyError(path)

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
        return isinstance(value, Lazy) or "/core/ndarray-" in value.tag

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

    # -- arrays ------------------------------------------------------------------------------

    def get_primary_array_name(self) -> str:
        """Return the name of the array that gives others their shape; empty if there is none."""
        return self._model.primary_array

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the primary array; None where it is absent."""
        name = self.get_primary_array_name()
        array = getattr(self, name, None) if name else None
        return None if array is None else tuple(array.shape)

    def getarray_noinit(self, name: str) -> Any:
        """Return an array that the tree holds; AttributeError where it does not."""
        if name not in self._instance:
            raise AttributeError(f'{self} has no attribute "{name}"')
        return getattr(self, name)

    def _default_array(self, name: str, schema: SchemaNode) -> Any:
        """An array of the schema's type and default, shaped like the primary array."""
        ndim = schema.ndim if schema.ndim is not None else schema.max_ndim
        dtype = np.dtype(schema.dtype_spec)
        shape = (0,) * (1 if ndim is None else ndim)
        primary = self.get_primary_array_name()
        if name == primary:
            shape = self._init_shape or self.shape or shape
        elif dtype.names is None and self.shape is not None:
            shape = self.shape if ndim is None else self.shape[-ndim:]
        value = np.zeros(shape, dtype)
        if schema.has_default and dtype.names is None and schema.default:
            value[...] = schema.default
        return arrays.cast(value, schema)

    # -- FITS --------------------------------------------------------------------------------

    @property
    def history(self) -> History:
        """The history entries: a list of dicts with `description` and, if known, `time`, `software`."""
        if "history" in self._instance:
            make_branches(child(self._instance, "history"))  # entries are handed out as plain dicts
        return History(self._instance)

    @history.setter
    def history(self, entries: Any) -> None:
        history = self.history
        history.clear()
        history.extend(entries)

    def add_history_entry(self, description: str, software: Any = None) -> None:
        """Add a line to the history, with the present time."""
        self.history.append(description, software)

    def find_fits_keyword(self, keyword: str) -> list[str]:
        """Return the dotted paths that `keyword` stands for in this class."""
        wanted = keyword.upper()
        return [row.dotted for row in self._model.keywords if row.keyword.upper() == wanted]

    def provenance(self, path: str) -> Provenance:
        """Return which side gave the value at a dotted path, and what each side holds.

        Raises
        ------
        KeyError
            Neither the model nor its schema knows the path.
        """
        current = unwrap(self[path])
        parts = tuple(int(part) if part.isdigit() else part for part in path.split("."))
        if self._file is None or not self._file.product.is_fits:
            stored = self._file.lookup(parts) if self._file is not None else None
            layer = "asdf" if stored is not None else "user" if current is not None else "default"
            return Provenance(path, layer, None, None, None, stored)
        return overlay.provenance(self._file, self._model, parts, current)

    def conflicts(self) -> list[Conflict]:
        """Return every path on which the FITS headers and the tree in the file disagree."""
        return [] if self._file is None else overlay.conflicts(self._file, self._model)

    # -- life --------------------------------------------------------------------------------

    def validate(self) -> None:
        """Check the whole tree against the schema: a warning, or ValidationError if strict."""
        fault = check(self._instance, self._model.root)
        if fault is not None:
            self._report(repr(self), fault)

    def close(self) -> None:
        """Let go of the file.

        Nothing has to be closed: the file is mapped, its descriptor is closed since it was opened, and
        arrays keep the map alive. The call is there for code that works with other models as well.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        name = self.get_primary_array_name()
        shape = self._known_shape(name) if name else None
        filename = self._branch("meta").get("filename")
        return f"<{self._name}{shape or ''}{f' from {filename}' if filename else ''}>"

    def _known_shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of an array, without making it for the sake of a repr."""
        value = self._instance.get(name)
        index = getattr(value, "index", None)
        if is_lazy(value) and self._file is not None:
            if index is None or not isinstance(index, int):
                return self.shape
            hdu = self._file.product.hdu(index)
            return tuple(hdu.shape) if hdu.kind in ("IMAGE", "PRIMARY") else self.shape
        return getattr(value, "shape", None)

    @property
    def override_handle(self) -> str:
        """What stands for a model in memory where a file name is expected."""
        return f"override://{self._name}"


class JwstDataModel(DataModel):
    """A JWST data model; also what a file opens as that names no known class and has no image."""

    @property
    def crds_observatory(self) -> str:
        """Name of the observatory for the choice of reference files."""
        return self._model.observatory

    def get_crds_parameters(self) -> dict[str, Any]:
        """Return the scalars of the tree by dotted path, for the choice of reference files."""
        kinds = (str, int, float, complex, bool)
        leaves = ((k, plain_time(v)) for k, v in self._leaves(self._instance, ""))
        return {path: value for path, value in leaves if isinstance(value, kinds)}


def _switch(name: str, given: bool | None, default: bool) -> bool:
    """A switch as given, or from the environment: a number, or true, t, yes, y and their opposites."""
    if given is not None:
        return given
    text = os.environ.get(name)
    if text is None:
        return default
    folded = text.strip().lower()
    if folded in ("true", "t", "yes", "y"):
        return True
    if folded in ("false", "f", "no", "n"):
        return False
    try:
        return bool(int(folded))
    except ValueError:
        raise ValueError(f'{name} is "{text}", expected a number, yes or no') from None
