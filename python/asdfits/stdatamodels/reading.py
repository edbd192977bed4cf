"""Opening: real models from files, by asdfits.

Each function here answers as the one of stdatamodels does, or raises: then the caller asks that one,
which knows best how to word what is wrong with a file.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from asdf import AsdfFile
from asdf.tags.core import AsdfObject, HistoryEntry
from astropy.io import fits
from stdatamodels import DataModel, filetype, validate
from stdatamodels.jwst import datamodels
from stdatamodels.jwst.datamodels import util

from .. import io, migrate, opening
from .._core import Product
from ..file import File
from ..lazytree import made
from ..mapping import ArrayLeaf, Keyword, ModelSchema
from ..overlay import is_current, metadata, overlay
from . import schemas
from .tree import RealArray, RealFile, rooted

__all__ = [
    "Mapped",
    "Switches",
    "UnfitError",
    "asdf_in_fits",
    "class_for",
    "embedded",
    "is_fits",
    "mapped",
    "read",
    "read_metadata",
]

log = logging.getLogger("asdfits.stdatamodels")


class UnfitError(Exception):
    """Something that asdfits leaves to stdatamodels."""


class Switches(NamedTuple):
    """How a model validates, as its constructor was told."""

    pass_invalid_values: bool
    strict_validation: bool
    validate_on_assignment: bool
    validate_arrays: bool
    ignore_missing_extensions: bool
    ignore_unrecognized_tag: bool


class Mapped(fits.HDUList):  # type: ignore[misc]  # astropy has no types
    """A file that asdfits has open, for code that expects HDUs: astropy reads them when asked for."""

    def __init__(self, path: str, file: RealFile) -> None:
        self._is_read = True
        super().__init__()
        self.mapped = file
        self._path = path
        self._read_all = False
        self._is_read = False

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has looked at the HDUs, or changed them."""
        return not self._is_read

    def fileinfo(self, index: Any) -> Any:
        """Return where an HDU is; of the first one the name of the file is known without reading it."""
        if index == 0 and self.is_untouched:
            return {"filename": self._path, "file": None, "filemode": "readonly"}
        return super().fileinfo(index)

    def filename(self) -> str:
        """Return the path of the file."""
        return self._path

    def _read_next_hdu(self) -> bool:
        if self._is_read:
            return bool(super()._read_next_hdu())
        self._is_read = True
        opened = fits.open(self._path, memmap=False)
        self.__dict__.update(opened.__dict__)
        self.extend(list.__iter__(opened))
        return True

    def __bool__(self) -> bool:
        return True

    def close(self, *args: Any, **kwargs: Any) -> None:
        """Let go of the file, if astropy has it open."""
        if self._is_read:
            super().close(*args, **kwargs)
        self._is_read, self._read_all = True, True

    def __reduce_ex__(self, protocol: Any) -> Any:
        # In another process there is nothing to be closed.
        return fits.HDUList, ()


def is_fits(init: object) -> bool:
    """Tell whether a model is to be made of a FITS file, given by its path."""
    if not isinstance(init, (str, PurePath)):
        return False
    try:
        return bool(filetype.check(init) == "fits")
    except (TypeError, ValueError):
        return False


def mapped(path: str | os.PathLike[str]) -> Mapped:
    """Return an open FITS file."""
    return Mapped(os.fspath(path), _opened(path))


def _opened(path: str | os.PathLike[str]) -> RealFile:
    file = RealFile(Product.open(os.path.expanduser(os.fspath(path))))
    if file.product.warnings:
        raise UnfitError(file.product.warnings[0])
    if not file.product.is_fits:
        raise UnfitError("the file is not FITS")
    return file


def class_for(hdus: Mapped) -> tuple[type[DataModel], bool]:
    """Return the class that a file opens as, and whether the file names it.

    Raises
    ------
    TypeError
        No class has such data.
    """
    name = hdus.mapped.product.value(0, "DATAMODL")
    named = datamodels._defined_models.get(name) if isinstance(name, str) else None
    if named is not None:
        return named, True
    return datamodels._defined_models[opening.guessed_class(hdus.mapped)], False


def read(
    model: DataModel, init: str | PurePath | Mapped, schema: dict[str, Any], switches: Switches
) -> None:
    """Give a model the tree of a file, with the values of its headers.

    Parameters
    ----------
    model
        The model, whose switches and schema are set.
    init
        The file.
    schema
        The schema of the model, merged.
    switches
        What the constructor was told.

    Raises
    ------
    UnfitError, Exception
        stdatamodels has to read this file.
    """
    if isinstance(init, Mapped):
        if not init.is_untouched:
            raise UnfitError("somebody looked at the HDUs")
        file = init.mapped
    else:
        file = _opened(init)
    compiled = schemas.compiled(type(model).__name__, schema)
    _check_fit(model, file, compiled.mapping, switches)
    file.ignore_unrecognized_tag = switches.ignore_unrecognized_tag

    def array(file: File, index: int, row: ArrayLeaf | None) -> RealArray:
        if row is None:
            return RealArray(file, index)
        data = RealArray(file, index, row.node, compiled.leaves[row.path])
        if not data.is_plausible():
            data.resolve()  # raises what is wrong with it
        return data

    rejected: list[tuple[list[str | int], Any, dict[str, Any]]] = []

    def reject(row: Keyword, path: tuple[str | int, ...], value: Any) -> bool:
        rejected.append((list(path), value, compiled.leaves[row.path]))
        return switches.pass_invalid_values

    file.tags = {}
    tree = overlay(file, compiled.mapping, compat=True, array=array, reject=reject)
    if file.product.commentary(0, "HISTORY"):
        tree["history"]["entries"] = list(map(HistoryEntry, tree["history"]["entries"]))
    root = rooted({key: file.dressed(value) for key, value in tree.items()}, file)
    file.tags = None
    state = model.__dict__
    state["_asdf"] = asdf_file(root, file, switches.ignore_missing_extensions)
    state["_instance"] = root
    for path, value, leaf in rejected:
        # Warns, or raises. At last, as a file that stdatamodels has to read is warned of by it.
        if validate.value_change(path, value, leaf, model) and not switches.pass_invalid_values:
            raise UnfitError(f"{path}: asdfits does not take {value!r}")


def asdf_file(root: AsdfObject, file: File, ignore_missing_extensions: bool) -> AsdfFile:
    """Return an AsdfFile that has a tree, unvalidated."""
    try:
        found = AsdfFile(
            version=file.standard, ignore_unrecognized_tag=file.ignore_unrecognized_tag
        )
    except ValueError:  # a standard that this asdf does not know
        found = AsdfFile(ignore_unrecognized_tag=file.ignore_unrecognized_tag)
    found._tree = root
    if not ignore_missing_extensions and file.standard is not None:
        found._check_extensions(root)
    return found


def _check_fit(model: DataModel, file: File, schema: ModelSchema, switches: Switches) -> None:
    """Raise what keeps asdfits from reading a file as stdatamodels would."""
    hook = type(model)._migrate_hdulist
    if hook is not DataModel._migrate_hdulist:
        if not hook.__module__.startswith("stdatamodels."):
            raise UnfitError("the class edits HDUs before they are read")
        product = file.product
        if migrate.added_columns(product, schema) or migrate.added_cards(product, schema):
            raise UnfitError("the file is of an older format")
    if file.unclean():
        raise UnfitError("cards need repair, of which astropy warns")
    if switches.validate_on_assignment and not switches.validate_arrays:
        return
    if file.product.has_table or not is_current(file, file.tree(), schema.name):
        raise UnfitError("values of headers are validated in another way")


def embedded(
    hdus: fits.HDUList,
    ignore_unrecognized_tag: bool = False,
    ignore_missing_extensions: bool = False,
) -> AsdfFile:
    """Return the tree among HDUs of astropy; their data stand where it links to them."""
    if isinstance(hdus, Mapped) and hdus.is_untouched:
        return asdf_in_fits_file(hdus.mapped, ignore_missing_extensions, ignore_unrecognized_tag)
    file = RealFile(Product.from_bytes(bytes(hdus["ASDF"].data), str(hdus.filename())), hdus)
    file.ignore_unrecognized_tag = ignore_unrecognized_tag
    for part in file.parts():
        # Now: the HDUs may be closed soon.
        if "/core/ndarray-" in part.tag and "fits:" in part.yaml:
            made(part)
    return asdf_file(rooted(file.tree(), file), file, ignore_missing_extensions)


def asdf_in_fits(
    path: str | os.PathLike[str], ignore_missing_extensions: bool, ignore_unrecognized_tag: bool
) -> AsdfFile:
    """Return the tree in a FITS file; no header is laid over it."""
    return asdf_in_fits_file(_opened(path), ignore_missing_extensions, ignore_unrecognized_tag)


def asdf_in_fits_file(
    file: RealFile, ignore_missing_extensions: bool, ignore_unrecognized_tag: bool
) -> AsdfFile:
    """Return the tree in an open FITS file."""
    if file.product.asdf is None or file.product.missing_links:
        raise UnfitError("no tree, or links to HDUs that are not there")
    file.ignore_unrecognized_tag = ignore_unrecognized_tag
    return asdf_file(rooted(file.tree(), file), file, ignore_missing_extensions)


def read_metadata(
    fname: str | Path, model_type: str | None = None, flatten: bool = True
) -> dict[str, Any]:
    """Return the metadata of a FITS product as `stdatamodels.jwst.datamodels.read_metadata` does."""
    file = _opened(fname)
    name = file.product.value(0, "DATAMODL") if model_type is None else model_type
    kind = datamodels._defined_models.get(name)
    if kind is None or file.product.asdf is None:
        raise UnfitError("no class, or no tree")
    schema = schemas.compiled(name, schemas.merged(kind.schema_url)).mapping
    return io.metadata_dict(metadata(file, schema), flatten=flatten)


def missing_type(model: DataModel, path: str) -> None:
    """Warn that the class of a model was guessed."""
    util._handle_missing_model_type(model, path)
