"""What is replaced in stdatamodels, and how it comes back."""

from __future__ import annotations

import copyreg
import inspect
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, NamedTuple

import stdatamodels
from asdf.tags.core import AsdfObject
from astropy.io import fits
from stdatamodels import DataModel, asdf_in_fits, fits_support
from stdatamodels import schema as their_schema
from stdatamodels.jwst.datamodels import util
from stdatamodels.model_base import _FileReference
from stdatamodels.util import get_envar_as_boolean

from . import reading, saving, schemas, tree, wcs

__all__ = ["accelerated", "install", "is_installed", "uninstall"]

VERSIONS: Final = ("4", "5", "6")
"""Major versions of stdatamodels that the replacements were made for."""

log = logging.getLogger("asdfits.stdatamodels")

Function = Callable[..., Any]


class _Patch(NamedTuple):
    """One function that is replaced.

    Attributes
    ----------
    owner
        The module or class that defines it.
    name : str
        Its name there.
    parameters : str
        What it takes in each version that is known; ``*`` stands for any.
    new : callable
        What replaces it.
    """

    owner: Any
    name: str
    parameters: tuple[str, ...]
    new: Function


def _left(what: str, error: BaseException) -> None:
    """Note that stdatamodels' own code does it."""
    log.debug("%s is left to stdatamodels: %s: %s", what, type(error).__name__, error)


# -- the replacements ---------------------------------------------------------------------------


def _open(init: Any = None, guess: bool = True, **kwargs: Any) -> Any:
    if not reading.is_fits(init) or "memmap" in kwargs:
        return _original(util, "open")(init, guess=guess, **kwargs)
    try:
        hdus = reading.mapped(init)
        kind, is_named = reading.class_for(hdus)
        if not (guess or is_named):
            raise reading.UnfitError("the class is not named and may not be guessed")
    except Exception as error:
        _left(str(init), error)
        return _original(util, "open")(init, guess=guess, **kwargs)
    util.log.debug(f"Opening {init} as {kind}")
    try:
        model = kind(hdus, **kwargs)
    except BaseException:
        hdus.close()
        raise
    model._file_references.append(_FileReference(hdus))
    if not is_named:
        reading.missing_type(model, os.fspath(init))
    return model


def _init(
    self: Any,
    init: Any = None,
    schema: Any = None,
    pass_invalid_values: bool | None = None,
    strict_validation: bool | None = None,
    validate_on_assignment: bool | None = None,
    validate_arrays: bool = False,
    ignore_missing_extensions: bool = True,
    ignore_unrecognized_tag: bool = False,
    **kwargs: Any,
) -> None:
    if schema is None and self.schema_url is not None:
        schema = schemas.merged(self.schema_url)
    if (
        not kwargs
        and schema is not None
        and (isinstance(init, reading.Mapped) or reading.is_fits(init))
    ):
        switches = reading.Switches(
            _switch("PASS_INVALID_VALUES", pass_invalid_values, False),
            _switch("STRICT_VALIDATION", strict_validation, False),
            _switch("VALIDATE_ON_ASSIGNMENT", validate_on_assignment, True),
            validate_arrays,
            ignore_missing_extensions,
            ignore_unrecognized_tag,
        )
        before = dict(self.__dict__)  # what a subclass set before it called this
        try:
            _read(self, init, schema, switches)
        except Exception as error:
            _left(str(getattr(init, "_path", init)), error)
            self.__dict__.clear()
            self.__dict__.update(before)
        else:
            self.on_init(init)
            return
    _original(DataModel, "__init__")(
        self,
        init,
        schema,
        pass_invalid_values,
        strict_validation,
        validate_on_assignment,
        validate_arrays,
        ignore_missing_extensions,
        ignore_unrecognized_tag,
        **kwargs,
    )


def _switch(name: str, given: bool | None, default: bool) -> bool:
    return bool(get_envar_as_boolean(name, default) if given is None else given)


def _read(model: Any, init: Any, schema: Any, switches: reading.Switches) -> None:
    """Make a model of a file, but for its hook."""
    state = model.__dict__
    state["_pass_invalid_values"] = switches.pass_invalid_values
    state["_strict_validation"] = switches.strict_validation
    state["_ignore_missing_extensions"] = switches.ignore_missing_extensions
    state["_validate_on_assignment"] = switches.validate_on_assignment
    state["_validate_arrays"] = switches.validate_arrays
    state["_schema"] = _merge_property_trees(schema)
    state["_parent"] = None
    state["_file_references"] = []
    state["_no_asdf_extension"] = False
    if stdatamodels.__version__[0] in "45":
        state["_shape"] = None
    is_merged = type(schema) is schemas.Merged
    reading.read(model, init, schema if is_merged else state["_schema"], switches)


def _merge_property_trees(schema: Any) -> Any:
    if type(schema) is schemas.Merged:
        return dict(schema)
    return _original(their_schema, "merge_property_trees")(schema)


def _on_save(self: Any, path: Any = None) -> None:
    if not tree.is_ours(self._instance):
        _original(DataModel, "on_save")(self, path)
        return
    if isinstance(path, str):
        self.meta.filename = os.path.basename(path)
    self.meta.model_type = self._model_type
    self._instance = tree.pruned(self._instance)


def _to_fits(self: Any, init: Any, *args: Any, **kwargs: Any) -> None:
    original = _original(DataModel, "to_fits")
    if not saving.is_fit(init, args, kwargs):
        original(self, init, *args, **kwargs)
        return
    self.on_save(init)
    try:
        saving.write(self, init, bool(kwargs.get("checksum", False)))
    except Exception as error:
        _left(f"saving {init}", error)
        # The hook has been called, and is not to change anything twice.
        self.__dict__["on_save"] = lambda *_: None
        try:
            original(self, init, *args, **kwargs)
        finally:
            del self.__dict__["on_save"]


def _read_metadata(fname: Any, model_type: str | None = None, flatten: bool = True) -> Any:
    if reading.is_fits(fname):
        try:
            return reading.read_metadata(fname, model_type, flatten)
        except Exception as error:
            _left(str(fname), error)
    return _original(util, "read_metadata")(fname, model_type=model_type, flatten=flatten)


def _from_fits_asdf(
    hdulist: Any,
    ignore_unrecognized_tag: bool = False,
    ignore_missing_extensions: bool = False,
    **kwargs: Any,
) -> Any:
    if not kwargs:
        try:
            return reading.embedded(hdulist, ignore_unrecognized_tag, ignore_missing_extensions)
        except Exception as error:
            _left("the tree among HDUs", error)
    return _original(fits_support, "from_fits_asdf")(
        hdulist,
        ignore_unrecognized_tag=ignore_unrecognized_tag,
        ignore_missing_extensions=ignore_missing_extensions,
        **kwargs,
    )


def _asdf_in_fits_open(
    filename_or_hdu: Any,
    ignore_missing_extensions: bool = False,
    ignore_unrecognized_tag: bool = False,
    **kwargs: Any,
) -> Any:
    if not kwargs and not isinstance(filename_or_hdu, fits.HDUList):
        try:
            return reading.asdf_in_fits(
                filename_or_hdu, ignore_missing_extensions, ignore_unrecognized_tag
            )
        except Exception as error:
            _left(str(filename_or_hdu), error)
    return _original(asdf_in_fits, "open")(
        filename_or_hdu,
        ignore_missing_extensions=ignore_missing_extensions,
        ignore_unrecognized_tag=ignore_unrecognized_tag,
        **kwargs,
    )


_MODEL = (
    "self init schema pass_invalid_values strict_validation validate_on_assignment validate_arrays "
    "ignore_missing_extensions ignore_unrecognized_tag kwargs"
)
_TREE = "hdulist ignore_unrecognized_tag ignore_missing_extensions"
_FILE = "filename_or_hdu ignore_missing_extensions ignore_unrecognized_tag"

_PATCHES: Final = (
    _Patch(DataModel, "__init__", (_MODEL,), _init),
    _Patch(DataModel, "on_save", ("self path",), _on_save),
    _Patch(DataModel, "to_fits", ("self init args kwargs",), _to_fits),
    _Patch(util, "open", ("init guess kwargs", "init guess memmap kwargs"), _open),
    _Patch(util, "read_metadata", ("fname model_type flatten",), _read_metadata),
    _Patch(their_schema, "merge_property_trees", ("schema",), _merge_property_trees),
    _Patch(fits_support, "from_fits_asdf", (_TREE, f"{_TREE} kwargs"), _from_fits_asdf),
    _Patch(asdf_in_fits, "open", (_FILE, f"{_FILE} kwargs"), _asdf_in_fits_open),
)

# Of use wherever a WCS is made, and left out where `wcs.is_fit` says no.
_WCS: Final = (
    _Patch(wcs.Parameter, "__deepcopy__", (), wcs.copy_parameter),
    _Patch(wcs.CompoundModel, "_map_parameters", (), wcs.map_parameters),
)

# What the replacements use of stdatamodels beside what they replace: object -> parameters.
_USED: Final = (
    (fits_support.from_fits_hdu, "hdu schema"),
    (util._handle_missing_model_type, "model file_name"),
    (_FileReference.__init__, "self file"),
)


# -- putting them in place ----------------------------------------------------------------------

_lock: Final = threading.RLock()
_originals: dict[tuple[int, str], Function | None] = {}
_installed = 0
_is_permanent = False


def _original(owner: Any, name: str) -> Function:
    """The function of stdatamodels that was replaced; a thread may still be in its replacement."""
    found = _originals.get((id(owner), name))
    return getattr(owner, name) if found is None else found


def is_installed() -> bool:
    """Tell whether stdatamodels runs on asdfits at this moment."""
    return _installed > 0


def install() -> bool:
    """Let stdatamodels open and save FITS products through asdfits, until `uninstall`.

    Returns
    -------
    bool
        Whether it does now. With a version of stdatamodels, or with internals, that asdfits does not
        know, a UserWarning says so, and stdatamodels stays as it is.
    """
    global _is_permanent
    with _lock:
        if not _is_permanent:
            _is_permanent = _enter()
        return _is_permanent


def uninstall() -> None:
    """Give stdatamodels its own functions back; models that are open stay as they are.

    Inside `accelerated` they come back at its end.
    """
    global _is_permanent
    with _lock:
        if _is_permanent:
            _is_permanent = False
            _leave()


@contextmanager
def accelerated() -> Iterator[bool]:
    """Let stdatamodels run on asdfits within a ``with`` block.

    Blocks may be nested and entered by several threads: all threads are accelerated as long as one
    is inside.

    Yields
    ------
    bool
        Whether it does; see `install`.
    """
    done = _enter()
    try:
        yield done
    finally:
        if done:
            _leave()


def _enter() -> bool:
    global _installed
    with _lock:
        if _installed == 0:
            fault = _fault()
            if fault is not None:
                _warn_once(fault)
                return False
            _replace()
        _installed += 1
        return True


def _leave() -> None:
    global _installed
    with _lock:
        _installed -= 1
        if _installed == 0:
            _restore()


def _fault() -> str | None:
    """What keeps the replacements from fitting the installed stdatamodels."""
    version = stdatamodels.__version__
    if version.split(".")[0] not in VERSIONS:
        return f"stdatamodels {version} is not known, expected {', '.join(VERSIONS)}"
    for patch in _PATCHES:
        found = _parameters(getattr(patch.owner, patch.name))
        if found not in patch.parameters:
            return f"{patch.owner.__name__}.{patch.name} of stdatamodels {version} takes ({found})"
    for function, expected in _USED:
        if _parameters(function) != expected:
            return f"{function.__qualname__} of stdatamodels {version} has changed"
    return None


def _parameters(function: Any) -> str:
    return " ".join(inspect.signature(function).parameters)


_warned: set[str] = set()


def _warn_once(fault: str) -> None:
    if fault not in _warned:
        _warned.add(fault)
        warnings.warn(
            f"stdatamodels is not accelerated, and goes on as it is: {fault}",
            UserWarning,
            stacklevel=4,
        )


def _replace() -> None:
    exchanged = {}
    for patch in _PATCHES:
        old = vars(patch.owner)[patch.name]
        _originals[id(patch.owner), patch.name] = old
        new = _dressed(patch.new, old)
        if isinstance(patch.owner, type):
            setattr(patch.owner, patch.name, new)
        else:
            exchanged[id(old)] = new
    _exchange(exchanged)
    copyreg.pickle(AsdfObject, tree.reduced)
    if not wcs.is_fit():
        log.debug("objects of astropy.modeling are left to it: it is not the one that is known")
        return
    for patch in _WCS:
        _originals[id(patch.owner), patch.name] = vars(patch.owner).get(patch.name)
        setattr(patch.owner, patch.name, patch.new)


def _dressed(new: Function, old: Function) -> Function:
    """A replacement that looks like what it replaces."""

    @wraps(old)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        return new(*args, **kwargs)

    return replacement


def _restore() -> None:
    copyreg.dispatch_table.pop(AsdfObject, None)
    exchanged = {}
    for patch in (*_PATCHES, *_WCS):
        if (id(patch.owner), patch.name) not in _originals:
            continue
        old = _originals.pop((id(patch.owner), patch.name))
        if old is None:
            delattr(patch.owner, patch.name)
        elif isinstance(patch.owner, type):
            setattr(patch.owner, patch.name, old)
        else:
            exchanged[id(vars(patch.owner)[patch.name])] = old
    _exchange(exchanged)


def _exchange(functions: dict[int, Function]) -> None:
    """Put new functions wherever a module has the old ones, as modules import functions by name.

    Parameters
    ----------
    functions
        The id of an old function -> the new one. The old ones live as long as this runs.
    """
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if id(value) in functions and module.__name__ != __name__:
                setattr(module, name, functions[id(value)])
