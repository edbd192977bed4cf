"""Saving a model: where to, under which name, and what a saved model says of itself."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Protocol

from .. import dynamicdq
from ..file import File
from ..mapping import ModelSchema
from ..remote import refuse
from ..save import save_asdf, save_fits
from .defaults import StandardDQ

__all__ = ["save", "target"]

Path = str | os.PathLike[str]


class Model(Protocol):
    """What is asked of a model that is saved."""

    _instance: dict[str, Any]
    _file: File | None

    @property
    def _model(self) -> ModelSchema:
        """The schema that applies."""

    def _made(self, value: Any) -> Any:
        """What a deferred value stands for."""

    def __getitem__(self, path: str) -> Any:
        """Return the value at a dotted path."""


def target(
    model: Model, path: Path | Callable[[str | None], Path], dir_path: Path | None
) -> tuple[str, str]:
    """Return the file that a model is saved to, and its kind, ``.fits`` or ``.asdf``.

    Raises
    ------
    ValueError
        The name ends otherwise.
    OSError
        It is a URL.
    """
    name = os.fspath(path(model["meta.filename"]) if callable(path) else path)
    refuse(name)
    kind = os.path.splitext(name)[1]
    if kind not in (".fits", ".asdf"):
        raise ValueError(f"unknown filetype {kind!r} of {name}; expected .fits or .asdf")
    if dir_path is not None:
        refuse(os.fspath(dir_path))
        name = os.path.join(os.fspath(dir_path), os.path.basename(name))
    return name, kind


def save(
    model: Model, path: str, kind: str, *, overwrite: bool, checksum: bool, durable: bool
) -> None:
    """Write a model; the file that was there is replaced once the new one is whole."""
    if not overwrite and os.path.exists(path):
        raise FileExistsError(errno.EEXIST, "File exists; overwrite=True replaces it", path)
    if kind == ".fits" and model._model.no_fits:
        raise NotImplementedError(
            f"FITS format is not supported for {type(model).__name__}; save it as .asdf"
        )
    tree = model._instance
    flags, table = tree.get("dq"), tree.get("dq_def")
    if model._model.default_dq and flags is not None and table is not None:
        tree = {**tree, "dq": _own_flags(model, flags)}
    if kind == ".asdf":
        save_asdf(path, tree, model._file, model._made, durable=durable)
    else:
        schema, file = model._model, model._file
        save_fits(path, tree, schema, file, model._made, checksum=checksum, durable=durable)


def _own_flags(model: Model, flags: Any) -> Any:
    """Data-quality flags of a reference file in the bits of its own table, as it stores them."""
    if isinstance(flags, StandardDQ):
        return flags.flags  # nobody asked for them in standard bits
    return dynamicdq.inverse(model["dq"], model["dq_def"])
