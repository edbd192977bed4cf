"""The data model: a tree with a schema, and the file it came from."""

from __future__ import annotations

import copy
import datetime
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from .. import custom, mapping, overlay
from .._core import Deferred
from ..clone import Packer, copied, unpacked
from ..errors import warn
from ..file import File, HduArray, Lazy, child, header_shape, native_once
from ..history import History
from ..mapping import ModelSchema, SchemaNode
from ..overlay import Conflict, Provenance
from ..remote import name_of
from ..validate import check
from .defaults import DefaultArray, StandardDQ, default_array
from .nodes import (
    make_branches,
    plain_time,
    unwrap,
)
from .schema import Found, as_dict, entry, extended, merged, search
from .tree import Tree

if TYPE_CHECKING:
    from ..reductions import Stats
    from ..section import Section

__all__ = ["DataModel", "JwstDataModel"]

_CORE: Final = "tag:stsci.edu:asdf/core/"
_TIME: Final = "tag:stsci.edu:asdf/time/"

PathLike = str | os.PathLike[str]

# What a model keeps apart from its tree, and what it has of its class or makes anew.
_NOT_PACKED: Final = frozenset({"_instance", "_file", "_lock", "_schema", "_own_schema"})


class DataModel(Tree):
    """A tree of values with a schema.

    Parameters
    ----------
    init : None, dict, tuple of int, numpy.ndarray, DataModel, str or path-like
        Nothing, a tree, the shape of the primary array, the primary array, a model whose tree is
        shared, or a file. A model of another class shares the arrays and has metadata of its own.
    schema : dict, optional
        The schema of the tree, in JSON, in the place of the schema of the class.
    pass_invalid_values, strict_validation, validate_on_assignment : bool, optional
        What to do with values that do not fit the schema: take them, raise, do not look. The
        environment variables of the same names, in upper case, give the defaults.
    validate_arrays : bool
        Whether types and dimensions of arrays are part of what is validated. An array that is
        assigned is converted to the schema's type all the same.
    ignore_missing_extensions : bool
        False warns where a file was written with asdf extensions that are not installed.
    ignore_unrecognized_tag : bool
        True converts parts of the tree that no extension knows without a warning.
    strict_compat : bool
        Answer as the reference does, also where asdfits does better; see `asdfits.open`.
    **kwargs
        Arrays by the name that the schema gives them.

    Raises
    ------
    TypeError
        `init` is of another kind, or has arrays beside a file.
    ValueError
        A switch in the environment is no number, yes or no; or `schema` cannot be used.
    """

    # The class in the mapping; a subclass that is not there keeps that of its base.
    _model_name: ClassVar[str] = "JwstDataModel"
    # Arrays that are there as soon as the primary one is.
    _promised: ClassVar[tuple[str, ...]] = ()

    _ctx = property(lambda self: self)

    @property
    def _model(self) -> ModelSchema:
        return self._own_schema or mapping.model(self._model_name)

    def __init__(
        self,
        init: Any = None,
        schema: Mapping[str, Any] | None = None,
        pass_invalid_values: bool | None = None,
        strict_validation: bool | None = None,
        validate_on_assignment: bool | None = None,
        validate_arrays: bool = False,
        ignore_missing_extensions: bool = True,
        ignore_unrecognized_tag: bool = False,
        *,
        strict_compat: bool = False,
        **kwargs: Any,
    ) -> None:
        self._pass_invalid_values = _switch("PASS_INVALID_VALUES", pass_invalid_values, False)
        self._strict_validation = _switch("STRICT_VALIDATION", strict_validation, False)
        self._validate_on_assignment = _switch(
            "VALIDATE_ON_ASSIGNMENT", validate_on_assignment, True
        )
        self._validate_arrays = validate_arrays
        self._ignore_missing_extensions = ignore_missing_extensions
        self._ignore_unrecognized_tag = ignore_unrecognized_tag
        self._strict_compat = strict_compat
        self._name = type(self).__name__
        self._lock = threading.RLock()
        self._own_schema: ModelSchema | None = None
        self._schemas: list[dict[str, Any]] = []
        self._use_schema([] if schema is None else [merged(schema)])
        self._file: File | None = None
        self._init_shape: tuple[int, ...] | None = None
        self._instance: dict[str, Any] = {}
        if self._model.deprecated:
            warn(f"{self._name} is deprecated in stdatamodels", DeprecationWarning)
        made_here = init is None or isinstance(init, (tuple, np.ndarray))
        if kwargs and not made_here:
            raise TypeError(
                f"{self._name} takes no arrays beside a file, a tree or a model: {', '.join(kwargs)}"
            )
        self._start(init)
        for name, value in kwargs.items():
            node = self._model.root.child(name)
            if value is not None and node is not None and node.datatype is not None:
                setattr(self, name, value)
        if init is None:
            for path, value in self._model.initial.items():
                self[path] = value
        self._promise_arrays(init)
        self.on_init(init)

    def _use_schema(self, schemas: list[dict[str, Any]]) -> None:
        """Let the model have a schema of its own; without one it has that of its class."""
        self._schemas = schemas
        self._own_schema = None
        if schemas:
            self._own_schema = extended(self._model, schemas[-1])
        self._schema = self._model.root

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
            self._share(init)
        elif isinstance(init, str) or hasattr(init, "__fspath__"):
            self._read(File.open(init))
        elif isinstance(init, File):
            self._read(init)
        elif init is not None:
            raise TypeError(f"Can't initialize datamodel using {type(init)}")

    def _share(self, init: DataModel) -> None:
        """Share the tree of a model; a model of another class has a root and metadata of its own."""
        self.clone(self, init)
        if type(init) is type(self):
            return
        for name in list(init._instance):
            # Both are to have the same array, whichever is asked first.
            if isinstance(init._instance[name], Lazy) or self._is_array(init._instance[name]):
                init._resolve(init._instance, name)
        self._instance = {**init._instance, "meta": dict(init._branch("meta"))}
        if not isinstance(init, type(self)):
            arrays, self._validate_arrays = self._validate_arrays, True
            try:
                self.validate()
            finally:
                self._validate_arrays = arrays

    def _primary(self, what: str) -> str:
        name = self.get_primary_array_name()
        if not name:
            raise TypeError(f"{what} was given, but {self._name} has no primary array")
        return name

    def _read(self, file: File) -> None:
        self._file = file
        file.ignore_unrecognized_tag = self._ignore_unrecognized_tag
        if not self._ignore_missing_extensions:
            custom.warn_of_missing_extensions(file.lookup(("history", "extensions")), file.path)
        if file.product.is_fits:
            self._instance = overlay.overlay(
                file,
                self._model,
                strict=self._strict_validation,
                keep_invalid=self._pass_invalid_values,
                validate=self._validate_on_assignment,
                compat=self._strict_compat,
            )
        else:
            self._instance = file.tree()

    def _promise_arrays(self, init: Any) -> None:
        """Put the arrays that the class promises into the tree, unmade."""
        schema = self._model
        promised = [
            *(("dq",) if schema.default_dq else ()),
            *(("err",) if schema.default_err else ()),
            *self._promised,
        ]
        primary = self.get_primary_array_name()
        if not promised or self._instance.get(primary) is None:
            return
        for name in promised:
            if self._instance.get(name) is None:
                self._instance[name] = DefaultArray(name)
        # A model with a table of bits has made them the standard ones when it was made itself.
        standard = isinstance(init, DataModel) and init._model.default_dq
        if schema.default_dq and not standard and self._instance.get("dq_def") is not None:
            self._instance["dq"] = StandardDQ(self._instance["dq"])

    def on_init(self, init: Any) -> None:
        """Set what a new model says of itself; called last by the constructor.

        Parameters
        ----------
        init
            What the model was made from. Only a path given as text becomes ``meta.filename``, as in
            the reference; `asdfits.open` sets it for each kind of path.
        """
        meta = self._branch("meta")
        if isinstance(init, str):
            meta["filename"] = name_of(init)
        elif isinstance(init, File) and init.product.is_fits:
            meta["filename"] = init.name
        meta["model_type"] = self._name
        if "date" not in meta:
            meta["date"] = _now()

    def on_save(self, path: Any = None) -> None:
        """Set what a model says of itself when it is written; called by whatever writes it.

        Parameters
        ----------
        path : str, optional
            Where it is written. Its last part becomes ``meta.filename``.
        """
        meta = self._branch("meta")
        if isinstance(path, str):
            meta["filename"] = os.path.basename(path)
        meta["model_type"] = self._name
        meta["date"] = _now()

    # -- copies ------------------------------------------------------------------------------

    @staticmethod
    def clone(
        target: DataModel,
        source: DataModel,
        deepcopy: bool = False,
        memo: dict[int, Any] | None = None,
    ) -> None:
        """Let `target` have the tree of `source`, or a copy of it if `deepcopy`."""
        memo = {} if memo is None else memo
        target._file = copy.deepcopy(source._file, memo) if deepcopy else source._file
        target._instance = copied(source._instance, memo) if deepcopy else source._instance
        # Models of one tree make its parts one at a time.
        target._lock = threading.RLock() if deepcopy else source._lock

    def copy(self, memo: dict[int, Any] | None = None) -> Self:
        """Return a model that shares nothing with this one; the same as `copy.deepcopy`.

        Nothing is read: what is still deferred stays so, and the copy makes arrays of its own from the
        file. Switches and an extended schema are kept.
        """
        memo = {} if memo is None else memo
        new = memo[id(self)] = object.__new__(type(self))
        for name, value in vars(self).items():
            if name not in ("_instance", "_file", "_lock"):
                shared = name in ("_schema", "_own_schema", "_schemas")
                new.__dict__[name] = value if shared else copy.deepcopy(value, memo)
        self.clone(new, self, deepcopy=True, memo=memo)
        return new

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy(memo)

    def _empty(self) -> Self:
        """Return a model of the same class, schema and switches without a tree."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._file, new._instance, new._lock = None, {}, threading.RLock()
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the values: arrays, and untouched tagged parts as text.

        It needs no file where it is read, and does not know which side of the file gave a value.
        """
        packer = Packer()
        tree = packer.pack(self._instance)
        rest = {name: each for name, each in vars(self).items() if name not in _NOT_PACKED}
        return _restored, (type(self), tree, packer.files, rest)

    # -- arrays ------------------------------------------------------------------------------

    def get_primary_array_name(self) -> str:
        """Return the name of the array that gives others their shape; empty if there is none."""
        return self._model.primary_array

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the primary array; None where it is absent. An image is not made for it."""
        name = self.get_primary_array_name()
        node = self._model.root.child(name) if name else None
        shape = header_shape(self._instance.get(name))
        if shape is not None and node is not None and _fits(shape, node):
            return shape
        array = getattr(self, name, None) if name else None
        return None if array is None else tuple(array.shape)

    def getarray_noinit(self, name: str) -> Any:
        """Return an array that the tree holds; AttributeError where it does not."""
        if name not in self._instance:
            raise AttributeError(f'{self} has no attribute "{name}"')
        return getattr(self, name)

    def _default_array(self, name: str, schema: SchemaNode) -> Any:
        """An array of the schema's type and default, shaped like the primary array."""
        is_primary = name == self.get_primary_array_name()
        shape = self._init_shape if is_primary and self._init_shape else self.shape
        return default_array(schema, shape, is_primary=is_primary)

    def section(self, path: str) -> Section:
        """Return an array as something that is indexed, and then reads no more than is asked for.

        Parameters
        ----------
        path : str
            Its dotted path: ``data``, ``slits.3.data``.

        Returns
        -------
        Section
            It has `shape` and `dtype`; indices of numpy give new native arrays, with offset and scale
            undone. Only images of the file are read in part: tables, compressed images and what was
            assigned are made as a whole.

        Raises
        ------
        KeyError
            There is no array at this path.
        FormatError
            The file ends before the data do.

        Examples
        --------
        >>> model.section("data")[..., 100:200, 100:200]  # doctest: +SKIP
        """
        from ..section import Section  # most models are read whole

        value = self._unmade(path)
        if not Section.is_image(value):
            value = self[path]
        if isinstance(value, (np.ndarray, HduArray)):
            return Section(value)
        raise KeyError(f"there is no array at {path}")

    def _unmade(self, path: str) -> Any:
        """What the tree has at a path, as it stands there; None where nothing is."""
        head, _, last = path.rpartition(".")
        node: Any = self[head] if head else self
        container = unwrap(node)
        value = None
        if isinstance(container, dict):
            value = container.get(last)
        elif isinstance(container, list) and last.isdecimal() and int(last) < len(container):
            value = container[int(last)]
        if isinstance(value, Deferred) and value.tag.startswith(custom.NDARRAY):
            made = value.owner.made(value.node)
            value = value.owner.link_of(value) if made is None else made
        return value

    def stats(
        self,
        path: str = "data",
        dq: str | None = "dq",
        *,
        bits: int = 1,
        percentiles: float | Sequence[float] = (),
    ) -> Stats:
        """Return mean, extremes and percentiles of an array, without making it; see `asdfits.stats`.

        Parameters
        ----------
        path : str
            Its dotted path.
        dq : str or None
            The name of the array of flags beside it, such as ``groupdq``. Where there is none of this
            name all pixels count.
        bits : int
            The flags that mask a pixel; 1 is DO_NOT_USE.
        percentiles : float or sequence of float
            Which percentiles, from 0 to 100.
        """
        from ..reductions import stats

        flags = None
        if dq is not None:
            head, dot, _ = path.rpartition(".")
            try:
                flags = self.section(f"{head}{dot}{dq}")
            except KeyError:
                flags = None
        return stats(self.section(path), flags, bits=bits, percentiles=percentiles)

    def make_native(self) -> None:
        """Have all arrays in native byte order, now and when they are made; see `asdfits.native`."""
        seen: dict[int, Any] = {}
        with self._lock:
            if self._file is not None:
                self._file.make_native(seen)
            entered = {id(self._instance)}
            waiting: list[Any] = [self._instance]
            while waiting:
                container = waiting.pop()
                for key in (
                    list(container) if isinstance(container, dict) else range(len(container))
                ):
                    value = container[key]
                    if isinstance(value, np.ndarray):
                        container[key] = native_once(value, seen)
                    elif isinstance(value, Deferred):
                        value.owner.make_native(seen)
                    elif isinstance(value, HduArray):
                        value.file.make_native(seen)
                    elif isinstance(value, (dict, list)) and id(value) not in entered:
                        entered.add(id(value))
                        waiting.append(value)

    # -- looking -----------------------------------------------------------------------------

    def plot(
        self,
        ax: Any = None,
        path: str | None = None,
        *,
        stretch: str = "asinh",
        cmap: str | None = None,
        section: tuple[slice | int, ...] = (),
        axes: str = "auto",
        most: int = 12,
        size: tuple[int, int] = (1000, 800),
    ) -> Any:
        """Draw what the model holds: an image, a cube, a ramp, slits or spectra; needs matplotlib.

        No window is opened and pyplot is not touched. A large image is read strip by strip and drawn
        as means of blocks; pixels with DO_NOT_USE do not count and are grey.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw the main part. Without it a figure is made, with colour bar, WCS axes or
            wavelengths, and the line that goes with a cube.
        path : str, optional
            Dotted path of an array, a table of a spectrum or a list: ``err``, ``slits.3.data``.
        stretch : {'asinh', 'zscale', 'linear'}
            How values become colours.
        cmap : str, optional
            A colour map of matplotlib.
        section : tuple of slice or int
            The part of an image that is drawn, for its last axes: ``numpy.s_[100:200, 50:150]``.
        axes : {'auto', 'fits', 'gwcs', 'pixel'}
            What the axes of an image say: the FITS WCS of the header (astropy), the WCS of the tree
            (gwcs), or pixels. ``auto`` takes the first that is there; the picture says which.
        most : int
            How many slits or spectra are drawn at most.
        size : tuple of int
            Width and height of the figure in pixels.

        Returns
        -------
        matplotlib.figure.Figure or matplotlib.axes.Axes
            The figure, or `ax`.

        Raises
        ------
        MissingExtraError
            matplotlib is not installed: ``pip install 'asdfits[plot]'``.
        KeyError
            There is nothing to draw at `path`.
        ValueError
            A stretch, colour map, section or kind of axes that there is not.
        """
        from ..look.draw import plot  # matplotlib is an extra

        return plot(
            self,
            ax,
            path,
            stretch=stretch,
            cmap=cmap,
            section=section,
            axes=axes,
            most=most,
            size=size,
        )

    def _repr_html_(self) -> str:
        """Return the model as a notebook shows it."""
        from ..look.notebook import notebook_html  # most models are never shown

        return notebook_html(self)

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

    def find_fits_keyword(self, keyword: str, return_result: bool = True) -> list[str]:
        """Return the dotted paths that `keyword` stands for in this class.

        `return_result` is there for code that gives it to other models.
        """
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

    # -- schema ------------------------------------------------------------------------------

    @property
    def schema(self) -> dict[str, Any]:
        """The schema as JSON, without titles and descriptions; a new dict each time."""
        return as_dict(self._model.root)

    def search_schema(self, substring: str) -> Found:
        """Return (dotted path, facts) of each place of the schema that has `substring` in it.

        Path, keyword, HDU, type and allowed values are searched, whatever the case.
        """
        return search(self._model, substring)

    def extend_schema(self, new_schema: Mapping[str, Any]) -> Self:
        """Add a schema, in JSON, to that of this model alone, and validate the tree.

        Where both speak of a place, the new one counts. Values are cast, validated and mapped to FITS
        by it from now on; what an open file holds is not read again.

        Raises
        ------
        ValueError
            The schema uses a word that no model schema has.
        """
        self._use_schema([merged(self.schema, new_schema)])
        self.validate()
        return self

    def add_schema_entry(self, position: str, new_schema: Mapping[str, Any]) -> Self:
        """Add the schema of one place, given by its dotted path; see `extend_schema`."""
        return self.extend_schema(entry(position, new_schema))

    # -- saving ------------------------------------------------------------------------------

    def save(
        self,
        path: PathLike | Callable[[str | None], PathLike],
        dir_path: PathLike | None = None,
        *,
        overwrite: bool = True,
        checksum: bool = False,
        durable: bool = True,
    ) -> str:
        """Write the model as a ``.fits`` or ``.asdf`` file.

        What was read and not touched is copied, byte for byte and without entering memory: HDUs, the
        comments of their cards, the text of the tree, its blocks. The file that was there is replaced
        once the new one is whole; it may be the very file that the model was opened from.

        Parameters
        ----------
        path : str, path-like or callable
            The file; a function makes its name from ``meta.filename``.
        dir_path : str or path-like, optional
            A folder that takes the place of the one in `path`.
        overwrite : bool
            Whether a file of this name may be replaced.
        checksum : bool
            Whether each HDU gets DATASUM and CHECKSUM (FITS 4.0 §4.4.2.7).
        durable : bool
            Whether to wait until the disk has it all.

        Returns
        -------
        str
            The path of the file.

        Raises
        ------
        ValidationError
            The tree does not fit the schema.
        ValueError
            The name ends otherwise; or a value cannot stand in a card: path and keyword are named.
        UnsupportedError
            FITS has no type for an array.
        NotImplementedError
            Models of this class cannot be FITS files.
        OSError
            The file cannot be written; what was there is as it was.
        """
        from . import saving  # what only reads does without

        name, kind = saving.target(self, path, dir_path)
        self.on_save(name)
        saving.save(self, name, kind, overwrite=overwrite, checksum=checksum, durable=durable)
        return name

    # -- life --------------------------------------------------------------------------------

    def validate(self) -> None:
        """Check the whole tree against the schema: a warning, or ValidationError if strict."""
        fault = check(self._instance, self._model.root, arrays=self._validate_arrays)
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
        shape = self.shape
        filename = self._branch("meta").get("filename")
        return f"<{self._name}{shape or ''}{f' from {filename}' if filename else ''}>"

    @property
    def override_handle(self) -> str:
        """What stands for a model in memory where a file name is expected."""
        return f"override://{self._name}"

    @property
    def crds_observatory(self) -> str:
        """Name of the observatory for the choice of reference files."""
        raise NotImplementedError("a model of no observatory has no reference files")

    def get_crds_parameters(self) -> dict[str, Any]:
        """Return the scalars of the tree by dotted path, for the choice of reference files."""
        raise NotImplementedError("a model of no observatory has no reference files")


class JwstDataModel(DataModel):
    """A JWST data model; also what a file opens as that names no known class and has no image."""

    @property
    def crds_observatory(self) -> str:
        """Name of the observatory for the choice of reference files."""
        return self._model.observatory

    def get_crds_parameters(self) -> dict[str, Any]:
        """Return the scalars of the tree by dotted path, for the choice of reference files."""
        kinds = (str, int, float, complex, bool)
        found = {}
        for path, value in self._leaves(self._instance, ""):
            # A time is text here; a WCS is no scalar, and is not made to see that.
            if isinstance(value, Deferred) and value.tag.startswith((_CORE, _TIME)):
                value = None if self._is_array(value) else self._made(value)
            value = plain_time(value)
            if isinstance(value, kinds):
                found[path] = value
        return found


def _restored(
    kind: type[DataModel], tree: Any, files: list[tuple[str, bytes]], rest: dict[str, Any]
) -> DataModel:
    """Make a model from its pickle."""
    model = object.__new__(kind)
    model.__dict__.update(rest)
    model._file, model._lock = None, threading.RLock()
    model._use_schema(model._schemas)
    model._instance = unpacked(tree, files)
    return model


def _fits(shape: tuple[int, ...], node: SchemaNode) -> bool:
    """Tell whether an array may have so many dimensions."""
    return node.ndim in (None, len(shape)) and len(shape) <= (node.max_ndim or len(shape))


def _now() -> str:
    """The time as a model's date has it: UTC, with milliseconds."""
    now = datetime.datetime.now(datetime.UTC)
    return now.replace(tzinfo=None).isoformat(timespec="milliseconds")


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
