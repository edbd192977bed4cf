"""An open file as a model: which class it opens as."""

from __future__ import annotations

from typing import Any

from . import mapping
from .errors import NoTypeWarning, warn
from .file import File
from .models import JwstDataModel, model_class
from .remote import name_of

__all__ = ["class_of", "file_type", "guess", "guessed_class", "model_of", "named_class", "no_guess"]


def model_of(
    file: File,
    guess: bool = True,
    *,
    native: bool = False,
    strict_compat: bool = False,
    **kwargs: Any,
) -> JwstDataModel:
    """Return an open file as a model; see `asdfits.open`."""
    file.native = native
    name = named_class(file)
    if name is not None:
        return model_class(name)(file, strict_compat=strict_compat, **kwargs)
    if not guess:
        raise TypeError(
            f"{file.path}: Model type is not specifically defined and guessing has been disabled."
        )
    name = guessed_class(file)
    warn(f"model_type not found. Opening {file.path} as a {name}", NoTypeWarning)
    model = model_class(name)(file, strict_compat=strict_compat, **kwargs)
    del model._branch("meta")["model_type"]
    return model


def file_type(path: str) -> str:
    """Return ``fits``, ``asdf`` or ``asn``, by the last two suffixes of the name.

    Raises
    ------
    ValueError
        The name has no suffix, or none that is known.
    """
    name = name_of(path)
    suffixes = [f".{part}" for part in name.lstrip(".").split(".")[1:]]
    if not suffixes:
        raise ValueError(f"Input file path does not have an extension: {path}")
    for suffix in reversed(suffixes[-2:]):
        kind = {".fits": "fits", ".asdf": "asdf", ".json": "asn"}.get(suffix)
        if kind is not None:
            return kind
    raise ValueError(f"Unrecognized file type for: {path}")


def named_class(file: File) -> str | None:
    """The class that the file names, if there is such a class."""
    if file.product.is_fits:
        name = file.product.value(0, "DATAMODL")
    else:
        name = file.lookup(("meta", "model_type"))
    return name if mapping.is_class(name) else None


def class_of(file: File) -> str:
    """Return the class that the file names, or else the one that its SCI array suggests."""
    return named_class(file) or guessed_class(file)


def guessed_class(file: File) -> str:
    """Return the class that the shape of the first SCI array suggests."""
    product = file.product
    science = product.find("SCI", 1) if product.is_fits else None
    dimensions = 0 if science is None else len(product.hdu(science).shape)
    found = guess(
        product.is_fits,
        dimensions,
        has_quality=product.find("DQ") is not None,
        is_reference=product.is_fits and product.value(0, "REFTYPE") is not None,
        has_second=product.find("SCI", 2) is not None,
    )
    if found is None:
        raise TypeError(f"{file.path}: {no_guess(dimensions)}")
    return found


def guess(
    is_fits: bool, dimensions: int, *, has_quality: bool, is_reference: bool, has_second: bool
) -> str | None:
    """Return the class for a file that names none; None where there is none.

    Parameters
    ----------
    is_fits
        Whether it is a FITS file.
    dimensions
        Those of the first SCI array; 0 without one.
    has_quality, has_second
        Whether there is an HDU DQ; a second SCI array.
    is_reference
        Whether the file says that it is a reference file (keyword REFTYPE).
    """
    if not is_fits:
        return "JwstDataModel"
    if dimensions == 4 and not has_quality:
        return "RampModel"
    if is_reference:
        reference = {
            0: "ReferenceFileModel",
            2: "ReferenceImageModel",
            3: "ReferenceCubeModel",
            4: "ReferenceQuadModel",
        }
        if dimensions in reference:
            return reference[dimensions]
    if dimensions == 2:
        return "MultiSlitModel" if has_second else "ImageModel"
    return {0: "JwstDataModel", 3: "CubeModel", 4: "QuadModel"}.get(dimensions)


def no_guess(dimensions: int) -> str:
    """Say why the class of a file can be neither read nor guessed."""
    return (
        f"no data model has a SCI array of {dimensions} dimensions, and the file names no class "
        "(keyword DATAMODL)"
    )
