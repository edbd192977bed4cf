"""Opening products: models, containers of many, the metadata alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from . import mapping, overlay, pixels
from ._core import Deferred, Numbers
from .file import File
from .models import DataModel, JwstDataModel
from .models.nodes import check_depth
from .opening import class_of, file_type, model_of

if TYPE_CHECKING:
    from .container import ModelContainer

__all__ = ["native", "open", "read_metadata"]

Model = TypeVar("Model", bound=DataModel)


@overload
def open(  # noqa: A001
    init: str | os.PathLike[str],
    guess: bool = True,
    *,
    asn_exptypes: str | Iterable[str],
    **kwargs: Any,
) -> ModelContainer: ...


@overload
def open(  # noqa: A001
    init: str | os.PathLike[str] | JwstDataModel, guess: bool = True, **kwargs: Any
) -> JwstDataModel: ...


@overload
def open(  # noqa: A001
    init: list[Any] | ModelContainer | Mapping[str, Any], guess: bool = True, **kwargs: Any
) -> ModelContainer: ...


def open(  # noqa: A001  # what users call it
    init: Any,
    guess: bool = True,
    *,
    native: bool = False,
    strict_compat: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Open a JWST product as the data model that it says it is.

    Headers and tree are parsed; no pixel is read. Arrays are made when they are touched, as views of
    the file where its bytes allow, writable without changing it. For an array that lies in another
    ASDF file, that file is read if it is in the same folder, and from nowhere else.

    Parameters
    ----------
    init : str, path-like, model or list
        A ``.fits``, ``.fits.gz`` or ``.asdf`` file, also at a URL; or a model, whose tree the new one
        shares. An association, ``…_asn.json``, or a list of paths and models is opened as an
        `asdfits.ModelContainer`, whose members open when they are touched.
    guess : bool
        Whether a file that names no known class opens as the class that its SCI array suggests.
    native : bool
        Whether every array comes in the byte order of this machine, as a copy, when it is touched; by
        default images are big-endian views of the file. What is saved is the same.
    strict_compat : bool
        Answer as stdatamodels does also where asdfits does better; see the notes.
    storage_options : dict, optional
        For a URL: what its file system in fsspec takes, such as ``{"anon": False}`` for S3 or
        ``{"headers": …}`` for HTTP; ``"policy"`` is an `asdfits.remote.Policy`. S3 is asked anonymously
        where this user has no credentials.
    **kwargs
        Passed to the class: `pass_invalid_values`, `strict_validation`, `validate_on_assignment`;
        to the container also `asn_exptypes`, `asn_n_members`, `asn_product`, `max_open`.

    Returns
    -------
    JwstDataModel or ModelContainer
        A model of the class that the keyword DATAMODL names; or a container. Type checkers take
        what stands at a path for a model: ``asdfits.ModelContainer(path)`` is the same and is typed.

    Raises
    ------
    OSError
        The file is missing, a folder, or may not be read; at a URL, nothing answers. An array raises it
        as well, if the file at a URL has changed since.
    FormatError
        The file is not FITS or ASDF, or its tree is damaged. The message names the path, the HDU and
        the byte.
    MissingExtraError
        The URL needs a package that is not installed.
    ValueError
        The name of the file does not end like a file that can be opened.
    TypeError
        The class is not known and may not, or cannot, be guessed; or `init` is of another kind.

    Notes
    -----
    Of a file at a URL headers and tree are fetched, in three requests or so. An array is fetched as a
    whole when it is touched, and is the model's own from then on; ``model.section`` fetches what it
    covers.

    Where asdfits and stdatamodels differ by design, asdfits' own answer is the default, and
    `strict_compat` gives that of stdatamodels, for pipelines that rely on it:

    - **HDUs of one name that the schema does not know** are all kept in ``extra_fits``: the first as
      ``NAME``, the others as ``NAME,VER``. Strict: the last one alone, as ``NAME``. Default because
      the others would be lost when the model is saved.
    - **History entries** keep their time, their software and their whole text while the HISTORY cards
      say the same. Strict: one entry for each card, its text alone, and no list of extensions.
      Default because the tree knows more and the cards agree.
    - **A card without a value** in ``extra_fits`` is None. Strict: an ``Undefined`` of astropy.
      Default because that object cannot be saved, and needs astropy.
    - **Columns** are found by name, whatever their case and order. Strict: in tables with a column
      of unsigned integers they are paired by position, so that a missing one shifts the rest.
      Default because the numbers would be those of another column.
    - **A keyword that the schema spells in lower case** is in its place in the tree. Strict: it is
      in ``extra_fits`` as well. Default because saving would write it twice.
    - **A table that does not fit the schema, an array of another number of dimensions, a link to an
      HDU that is not there**: the file opens, and the error comes when the array is touched; an array
      whose HDU is missing is None. Strict: the file is refused, with ValueError or KeyError, and
      every array that the schema names is read. Default because the rest of the file is sound.
    - **Reading an attribute** never changes the tree. Strict: reading an absent branch inserts it,
      empty. Default because a model that was only read should be saved as it was.

    Examples
    --------
    >>> with asdfits.open("jw02736007001_03103_00003_nrs2_cal.fits") as model:  # doctest: +SKIP
    ...     model.meta.instrument.name, model.slits[3].data.shape
    ('NIRSPEC', (31, 1365))
    """
    if isinstance(init, JwstDataModel):
        shared = type(init)(init, strict_compat=strict_compat, **kwargs)
        if native:
            shared.make_native()
        return shared
    switches = {"native": native, "strict_compat": strict_compat}
    if not isinstance(init, (str, os.PathLike)):
        if not _is_many(init):
            raise TypeError(f"Unsupported type for init argument to open {type(init)}")
        return _container(init, storage_options, guess=guess, **switches, **kwargs)
    path = os.fspath(init)
    kind = file_type(path)
    if kind == "asn":
        return _container(path, storage_options, guess=guess, **switches, **kwargs)
    file = File.open(path, storage_options=storage_options)
    return model_of(file, guess, **switches, **kwargs)


def _is_many(init: object) -> bool:
    """Tell whether something is what a container is made from: a list, or what an association says."""
    if isinstance(init, Mapping):
        return "asn_id" in init and "asn_pool" in init
    return isinstance(init, Sequence) and not isinstance(init, (bytes, tuple))


def _container(
    init: Any, storage_options: Mapping[str, Any] | None, **kwargs: Any
) -> ModelContainer:
    from .container import ModelContainer  # whoever opens one file does without

    if storage_options is not None:
        kwargs["storage_options"] = storage_options
    return ModelContainer(init, **kwargs)


@overload
def native(
    init: np.ndarray[Any, Any], out: np.ndarray[Any, Any] | None = None
) -> np.ndarray[Any, Any]: ...


@overload
def native(init: Model, out: None = None) -> Model: ...


@overload
def native(init: str | os.PathLike[str], out: None = None, **kwargs: Any) -> JwstDataModel: ...


def native(init: Any, out: np.ndarray[Any, Any] | None = None, **kwargs: Any) -> Any:
    """Return numbers in the byte order of this machine: those of an array, a model or a file.

    FITS numbers are big-endian. numpy works with them, but slower, and many libraries not at all. All
    cores read the array in one pass, while other Python threads run.

    Parameters
    ----------
    init : numpy.ndarray, DataModel, str or path-like
        An array of any type, shape and strides; tables are read column by column. A model: the arrays
        that it has made are replaced by native ones, and those that it will make are native. A path is
        opened by `asdfits.open` with ``native=True``.
    out : numpy.ndarray, optional
        Where the values of an array go: of its shape and native type. It may overlap with the array.
    **kwargs
        Passed to `asdfits.open`.

    Returns
    -------
    numpy.ndarray or DataModel
        `out`, or an array in C order. **An array that is native already, aligned and in C order, is
        returned itself**, as by `numpy.asarray`; so is astropy's `FITS_rec`, which computes its columns
        from stored numbers. Subclasses, masks and units are kept. A model is returned itself; arrays
        that were taken from it before are no longer those that it holds.

    Raises
    ------
    ValueError
        `out` has another shape or type.
    TypeError
        `out` cannot be written to, or is given beside something else than an array.

    Examples
    --------
    >>> import numpy as np
    >>> asdfits.native(np.array([1, 2], ">i2")).dtype
    dtype('int16')
    """
    if isinstance(init, np.ndarray):
        if kwargs:
            raise TypeError(f"an array is not opened: found {', '.join(kwargs)}")
        return pixels.native_array(init, out)
    if out is not None:
        raise TypeError("out is for arrays; a model has many")
    if isinstance(init, DataModel):
        init.make_native()
        return init
    return open(init, native=True, **kwargs)


def read_metadata(
    fname: str | os.PathLike[str],
    model_type: str | None = None,
    flatten: bool = True,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the metadata of a product without making a model, any array or any WCS.

    Parameters
    ----------
    fname : str or path-like
        A ``.fits``, ``.fits.gz`` or ``.asdf`` file, also at a URL.
    model_type : str, optional
        The class whose schema maps header cards to paths; by default the class that the file names, or
        else the one that its SCI array suggests. Of no effect for ASDF files.
    flatten : bool
        Whether the answer is dotted path -> value, or a nested dict.
    storage_options : dict, optional
        For a URL, as for `open`.

    Returns
    -------
    dict
        The tree with the values of the headers laid over it as in `open`, but unchecked, and without
        what no schema knows. An array is given as it stands in the tree, as its ``source``,
        ``datatype`` and ``shape``. Keys named ``wcs`` are left out, and ``cal_logs`` is one text.

    Raises
    ------
    OSError, FormatError
        As for `open`.
    TypeError
        `fname` is no path, or the class can be neither read nor guessed.
    ValueError
        `model_type` is no class, or the name does not end like a file that can be read.
    """
    if not isinstance(fname, str) and not hasattr(fname, "__fspath__"):
        raise TypeError("Input must be a file path.")
    kind = file_type(os.fspath(fname))
    if kind == "asn":
        raise ValueError(f"File type {kind} not supported. Must be FITS or ASDF.")
    file = File.open(fname, storage_options=storage_options)
    if not file.product.is_fits:
        tree = file.tree()
    elif model_type is None or mapping.is_class(model_type):
        schema = mapping.model(model_type or class_of(file))
        tree = overlay.metadata(file, schema)
    else:
        raise ValueError(f"Model type {model_type} not found.")
    return metadata_dict(tree, flatten=flatten)


def metadata_dict(tree: dict[str, Any], *, flatten: bool) -> dict[str, Any]:
    """Return a tree as `read_metadata` gives it."""
    metadata = _plain(tree, "")
    if isinstance(metadata.get("cal_logs"), dict):
        metadata["cal_logs"] = "".join(map(_log, metadata["cal_logs"].values()))
    return dict(_leaves(metadata, "")) if flatten else metadata


def _plain(value: Any, path: str, depth: int = 0) -> Any:
    """A part of a tree as dicts, lists and scalars; tags are dropped, and what is named wcs."""
    check_depth(depth, path)
    if isinstance(value, Deferred):
        value = value.content({})
    if isinstance(value, Numbers):
        return np.frombuffer(memoryview(value.data), value.dtype).reshape(value.shape).tolist()
    # Loops, since a comprehension would be one more call for each level.
    if isinstance(value, dict):
        entries = {}
        for key, each in value.items():
            if key != "wcs":
                entries[key] = _plain(each, f"{path}.{key}" if path else str(key), depth + 1)
        return entries
    if isinstance(value, list):
        items = []
        for place, each in enumerate(value):
            items.append(_plain(each, f"{path}.{place}", depth + 1))
        return items
    return value


def _log(messages: Any) -> str:
    """The messages of one step of the pipeline, a line each."""
    if isinstance(messages, dict):
        messages = [f"{key}: {value}" for key, value in messages.items()]
    return "\n".join(map(str, messages if isinstance(messages, list) else [messages])) + "\n"


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) of each leaf, positions in lists being numbers."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, (dict, list)):
            yield from _leaves(value, here)
        else:
            yield here, value
