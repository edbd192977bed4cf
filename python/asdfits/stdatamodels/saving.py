"""Saving: real models to FITS files, by asdfits.

What nobody touched goes out as it came: HDUs, the text of the tree, its blocks.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any

from stdatamodels import DataModel

from ..errors import ValidationError
from ..file import File
from ..lazytree import made, raw
from ..save import save_fits
from ..validate import check
from . import schemas
from .tree import is_ours

__all__ = ["is_fit", "write"]


def is_fit(path: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Tell whether asdfits writes what `to_fits` was asked for."""
    return (
        isinstance(path, (str, PurePath))
        and not args
        and kwargs.keys() <= {"overwrite", "checksum", "output_verify"}
        and kwargs.get("output_verify", "exception") == "exception"
        and isinstance(kwargs.get("checksum", False), bool)
        and os.path.splitext(path)[1] == ".fits"
        and (bool(kwargs.get("overwrite", False)) or not os.path.exists(path))
    )


def write(model: DataModel, path: str | os.PathLike[str], checksum: bool = False) -> None:
    """Write a model as a FITS file, whole or not at all."""
    schema = schemas.compiled(
        type(model).__name__, model._schema, no_asdf=bool(model._no_asdf_extension)
    )
    tree = raw(model._instance)
    fault = check(tree, schema.mapping.root, writing=True, arrays=True)
    if fault is not None:
        raise ValidationError(fault)
    save_fits(
        os.path.expanduser(os.fspath(path)),
        tree,
        schema.mapping,
        _file_of(model),
        made,
        checksum=checksum,
    )


def _file_of(model: DataModel) -> File | None:
    return model._instance.data.file if is_ours(model._instance) else None
