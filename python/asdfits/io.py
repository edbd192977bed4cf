"""Opening products: which class a file opens as, and the metadata alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from . import mapping, overlay
from .errors import NoTypeWarning, warn
from .file import File, child, is_lazy
from .models import JwstDataModel, model_class
from .models.nodes import check_depth

__all__ = ["open", "read_metadata"]


def open(  # noqa: A001  # what users call it
    init: str | os.PathLike[str] | JwstDataModel,
    guess: bool = True,
    **kwargs: Any,
) -> JwstDataModel:
    """Open a JWST product as the data model that it says it is.

    Headers and tree are parsed; no pixel is read. Arrays are made when they are touched, as views of
    the file where its bytes allow, writable without changing it. For an array that lies in another
    ASDF file, that file is read if it is in the same folder, and from nowhere else.

    Parameters
    ----------
    init : str, path-like or model
        A ``.fits``, ``.fits.gz`` or ``.asdf`` file; or a model, whose tree the new one shares.
    guess : bool
        Whether a file that names no known class opens as the class that its SCI array suggests.
    **kwargs
        Passed to the class: `pass_invalid_values`, `strict_validation`, `validate_on_assignment`.

    Returns
    -------
    JwstDataModel
        A model of the class that the keyword DATAMODL names.

    Raises
    ------
    OSError
        The file is missing, a folder, or may not be read.
    FormatError
        The file is not FITS or ASDF, or its tree is damaged. The message names the path, the HDU and
        the byte.
    ValueError
        The name of the file does not end like a file that can be opened.
    TypeError
        The class is not known and may not, or cannot, be guessed; or `init` is of another kind.

    Examples
    --------
    >>> with asdfits.open("jw02736007001_03103_00003_nrs2_cal.fits") as model:  # doctest: +SKIP
    ...     model.meta.instrument.name, model.slits[3].data.shape
    ('NIRSPEC', (31, 1365))
    """
    if isinstance(init, JwstDataModel):
        return type(init)(init, **kwargs)
    if not isinstance(init, str) and not hasattr(init, "__fspath__"):
        if isinstance(init, Sequence) and not isinstance(init, (bytes, tuple)):
            raise ValueError("a list of files is not opened yet; open them one by one")
        raise TypeError(f"Unsupported type for init argument to open {type(init)}")
    path = os.fspath(init)
    kind = file_type(path)
    if kind == "asn":
        raise ValueError(f"{path}: associations are not opened yet; open their members one by one")
    file = File.open(path)
    name = _named_class(file)
    if name is not None:
        return model_class(name)(file, **kwargs)
    if not guess:
        raise TypeError(
            f"{path}: Model type is not specifically defined and guessing has been disabled."
        )
    name = _guessed_class(file)
    warn(f"model_type not found. Opening {path} as a {name}", NoTypeWarning)
    model = model_class(name)(file, **kwargs)
    del model._branch("meta")["model_type"]
    return model


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the metadata of a product as dotted path -> value; no array is made.

    Raises
    ------
    OSError, FormatError, TypeError, ValueError
        As for `open`.
    """
    file = File.open(path)
    name = _named_class(file) or _guessed_class(file)
    if file.product.is_fits:
        tree = overlay.overlay(file, mapping.model(name), arrays=False)
    else:
        tree = file.tree()
    return dict(_scalars(tree, ""))


def _scalars(tree: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    check_depth(depth, path)
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        here = f"{path}.{key}" if path else str(key)
        value = child(tree, key)
        if isinstance(value, (dict, list)):
            yield from _scalars(value, here, depth + 1)
        elif value is not None and not is_lazy(value):
            yield here, value


def file_type(path: str) -> str:
    """Return ``fits``, ``asdf`` or ``asn``, by the last two suffixes of the name.

    Raises
    ------
    ValueError
        The name has no suffix, or none that is known.
    """
    suffixes = [f".{part}" for part in os.path.basename(path).lstrip(".").split(".")[1:]]
    if not suffixes:
        raise ValueError(f"Input file path does not have an extension: {path}")
    for suffix in reversed(suffixes[-2:]):
        kind = {".fits": "fits", ".asdf": "asdf", ".json": "asn"}.get(suffix)
        if kind is not None:
            return kind
    raise ValueError(f"Unrecognized file type for: {path}")


def _named_class(file: File) -> str | None:
    """The class that the file names, if there is such a class."""
    if file.product.is_fits:
        name = file.product.value(0, "DATAMODL")
    else:
        name = file.lookup(("meta", "model_type"))
    return name if mapping.is_class(name) else None


def _guessed_class(file: File) -> str:
    """The class that the shape of the first SCI array suggests."""
    if not file.product.is_fits:
        return "JwstDataModel"
    product = file.product
    science = product.find("SCI", 1)
    shape = [] if science is None else product.hdu(science).shape
    if len(shape) == 4 and product.find("DQ") is None:
        return "RampModel"
    if product.value(0, "REFTYPE") is not None:
        reference = {
            0: "ReferenceFileModel",
            2: "ReferenceImageModel",
            3: "ReferenceCubeModel",
            4: "ReferenceQuadModel",
        }
        if len(shape) in reference:
            return reference[len(shape)]
    if len(shape) == 2:
        return "ImageModel" if product.find("SCI", 2) is None else "MultiSlitModel"
    guesses = {0: "JwstDataModel", 3: "CubeModel", 4: "QuadModel"}
    if len(shape) not in guesses:
        raise TypeError(
            f"{file.path}: no data model has a SCI array of {len(shape)} dimensions, and the file "
            "names no class (keyword DATAMODL)"
        )
    return guesses[len(shape)]
