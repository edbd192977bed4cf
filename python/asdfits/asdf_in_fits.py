"""Any tree in a FITS file: ASDF in FITS without a data model.

The functions are those of `stdatamodels.asdf_in_fits`, and each side reads what the other writes.
Reading needs neither asdf nor astropy; writing needs astropy where HDUs of astropy are given or asked
for, and asdf where the tree holds objects that only its extensions know.

>>> import numpy as np
>>> from asdfits import asdf_in_fits
>>> image = np.zeros((100, 100), "f4")
>>> tree = {"image": image, "gain": 1.8}
>>> asdf_in_fits.write("x.fits", tree, [("SCI", image)])  # doctest: +SKIP
>>> with asdf_in_fits.open("x.fits") as file:  # doctest: +SKIP
...     file["gain"], file["image"].shape
(1.8, (100, 100))
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from . import _core, custom, render
from ._core import Deferred, Product
from .encode import Card
from .errors import FormatError
from .file import File, is_lazy
from .header import is_builtin
from .lazytree import Branch, made, raw
from .overlay import HASH
from .plan import Plan, named_hdu
from .remote import refuse
from .save import embedded_text, write_plan
from .sums import as_bytes

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

__all__ = ["AsdfInFits", "open", "to_hdulist", "write"]

# (name, data) or (name, data, cards), a card being (keyword, value) or (keyword, value, comment).
Hdu = tuple[str, Any] | tuple[str, Any, Sequence[Any]]

# Parts of the ASDF standard that say something of the file itself: dicts, and no more than that.
_DESCRIPTIONS: Final = frozenset({"asdf", "software", "history_entry", "extension_metadata"})


# -- reading ------------------------------------------------------------------------------------


def open(  # noqa: A001  # the name that the reference has
    filename_or_hdu: str | os.PathLike[str] | HDUList,
    ignore_missing_extensions: bool = False,
    ignore_unrecognized_tag: bool = False,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> AsdfInFits:
    """Open the tree in a FITS file.

    The text of the tree is parsed; arrays and objects are made when they are touched. Header cards
    are not laid over the tree: that takes the schema of a model, see `asdfits.open`.

    Parameters
    ----------
    filename_or_hdu : str, path-like or astropy.io.fits.HDUList
        The file, also at a URL, or HDUs that astropy has opened or made. The latter are used as they
        are in memory and are not closed.
    ignore_missing_extensions : bool
        False warns where the first object is made of a file that was written with asdf extensions
        that are not installed.
    ignore_unrecognized_tag : bool
        True makes parts that no installed extension knows dicts and lists without a warning.
    storage_options : dict, optional
        For a URL, as for `asdfits.open`.

    Returns
    -------
    AsdfInFits
        The tree is empty where there is no HDU named ASDF.

    Raises
    ------
    OSError
        The file is missing, a folder, or may not be read.
    FormatError
        The file is not FITS, or its tree is damaged. The message names the path, the HDU and the byte.
    """
    if isinstance(filename_or_hdu, (str, os.PathLike)):
        file = _File.reached(filename_or_hdu, storage_options)
        hdus = None
    elif hasattr(filename_or_hdu, "index_of"):
        hdus = filename_or_hdu
        file = _File(_embedded(hdus))
    else:
        raise TypeError(f"found {type(filename_or_hdu)}, expected a path or an HDUList")
    file.in_memory = hdus
    file.ignore_unrecognized_tag = ignore_unrecognized_tag
    file.ignore_missing_extensions = ignore_missing_extensions
    return AsdfInFits(file)


def _embedded(hdus: HDUList) -> Product:
    """The ASDF file among HDUs of astropy."""
    path = hdus.filename() or "<HDUList>"
    if "ASDF" not in hdus:
        return Product.from_bytes(b"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n", path)
    return Product.from_bytes(np.asarray(hdus["ASDF"].data).tobytes(), path)


class _File(File):
    """A file whose tree is not that of a model, or HDUs of astropy in the place of a file."""

    __slots__ = ("ignore_missing_extensions", "in_memory")

    in_memory: HDUList | None
    ignore_missing_extensions: bool

    def _core(self, deferred: Deferred) -> Any:
        kind = deferred.tag.removeprefix(custom.CORE).rpartition("-")[0]
        if kind in _DESCRIPTIONS:
            return deferred.content(self._plain, lazy=True)
        return super()._core(deferred)

    def _converted(self, deferred: Deferred) -> Any:
        if not self.ignore_missing_extensions:
            self.ignore_missing_extensions = True  # once is enough
            custom.warn_of_missing_extensions(self.lookup(("history", "extensions")), self.path)
        return super()._converted(deferred)

    def _stored(self, spec: dict[str, Any], at: int) -> Any:
        source = spec["source"]
        if not isinstance(source, str) or not source.startswith("fits:"):
            return super()._stored(spec, at)
        if self.in_memory is not None:
            name, comma, number = source.removeprefix("fits:").rpartition(",")
            place = (name, int(number)) if comma else int(number)
            try:
                return self.in_memory[place].data
            except (KeyError, IndexError):
                pass
        else:
            index = self.product.linked(source)
            if index is not None:
                return self.array(index)
        raise FormatError(f"{self.path}: byte {at}: the tree links to {source!r}, no such HDU")


class AsdfInFits:
    """The tree of a file, and what it is good for.

    Attributes
    ----------
    tree : dict
        The tree; branches, arrays and objects in it are made when they are touched. It may be changed
        at will, and written by `write`. For code that takes dicts and lists alone, such as asdf, there
        is `whole_tree`.
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self.tree: dict[str, Any] = Branch(file.tree())

    def __getitem__(self, key: str) -> Any:
        return self.tree[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.tree[key] = value

    def __delitem__(self, key: str) -> None:
        del self.tree[key]

    def __contains__(self, key: object) -> bool:
        return key in self.tree

    def __iter__(self) -> Iterator[str]:
        return iter(self.tree)

    def __len__(self) -> int:
        return len(self.tree)

    def keys(self) -> Iterable[str]:
        """Return the names at the root of the tree."""
        return self.tree.keys()

    def whole_tree(self) -> dict[str, Any]:
        """Return the tree as plain dicts and lists, with everything in it made."""
        return raw(self.tree, whole=True)

    def info(self, max_rows: int | None = 40) -> None:
        """Print the tree, without making what is in it; None prints all of its lines."""
        print("\n".join(render.tree(raw(self.tree, branches=True), repr(self), max_rows)))

    def search(self, text: str) -> dict[str, Any]:
        """Return dotted path -> value for each leaf whose path or text has `text`, whatever the case.

        Arrays and objects are left out, and not made.
        """
        wanted = text.lower()
        return {
            path: value
            for path, value in _leaves(raw(self.tree, branches=True), "", 0)
            if wanted in path.lower() or (isinstance(value, str) and wanted in value.lower())
        }

    def close(self) -> None:
        """Let go of the file.

        Nothing has to be closed: the file is mapped, and arrays keep the map alive.
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
        return f"<AsdfInFits {self._file.path}>"


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > 512:
        raise ValueError(f"the tree contains itself at {path[:40]}…")
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        here = f"{path}.{key}" if path else str(key)
        if isinstance(each, (dict, list, tuple)):
            yield from _leaves(each, here, depth + 1)
        elif not is_lazy(each) and isinstance(each, (str, int, float, complex, bytes)):
            yield here, each


# -- writing ------------------------------------------------------------------------------------


def write(
    filename: str | os.PathLike[str],
    tree: Any,
    hdulist: HDUList | Iterable[Hdu] | None = None,
    *,
    overwrite: bool = False,
    checksum: bool = False,
    output_verify: str = "exception",
) -> None:
    """Write a tree into a FITS file.

    An array of the tree that *is* the data of an HDU becomes a link to it; other arrays become binary
    blocks behind the tree. As in the reference, ``extra_fits`` of the tree becomes HDUs and cards,
    ``history`` becomes HISTORY cards, and times become text. The file appears under its name once it
    is whole.

    Parameters
    ----------
    filename : str or path-like
        The file.
    tree : dict, AsdfInFits or asdf.AsdfFile
        The tree. What nobody touched of a tree that `open` gave is written as the text it came in.
    hdulist : astropy.io.fits.HDUList, or iterable of tuples, optional
        HDUs beside the tree. Those of astropy get the tree as one more; an ASDF extension among them is
        replaced. A tuple is (name, array) or (name, array, cards), an array with fields being a table;
        a name that occurs again counts up its EXTVER; the name PRIMARY stands for the first HDU, and
        the array may be None. These need no astropy.
    overwrite : bool
        Whether a file of this name is replaced.
    checksum : bool
        Whether each HDU gets CHECKSUM and DATASUM.
    output_verify : str
        What astropy does about headers of its HDUs that break the standard.

    Raises
    ------
    FileExistsError
        There is a file of this name.
    TypeError
        The tree holds an object that no installed extension of asdf knows.
    ValueError
        A value cannot stand in a header card.
    UnsupportedError
        FITS has no type for an array.
    OSError
        The file cannot be written; what was there is as it was.
    """
    path = os.fspath(filename)
    refuse(path)
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(17, "the file exists; overwrite=True replaces it", path)
    if hdulist is not None and hasattr(hdulist, "index_of"):
        import io

        # One more copy in memory: astropy swaps bytes of arrays in place while it writes them.
        buffer = io.BytesIO()
        whole = to_hdulist(tree, hdulist)
        whole.writeto(buffer, output_verify=output_verify, checksum=checksum)
        _core.write_file(path, [buffer.getbuffer()])
        return
    content = _tree(tree)
    plan = Plan()
    for each in hdulist or ():
        _add(plan, *each)
    for (name, version), data, cards in _extra(content):
        hdu = plan.find(name, version - 1) or plan.add(name, version)
        if data is not None:
            hdu.data = data
            plan.hold(data, hdu)
        hdu.extra += cards
    plan.history = _history(content)
    plan.number()
    write_plan(path, plan, content, {}, _owner(content), _value, checksum=checksum, durable=True)


def to_hdulist(tree: Any, hdulist: HDUList | None = None) -> HDUList:
    """Add a tree to HDUs of astropy, as their last one.

    Parameters
    ----------
    tree : dict, AsdfInFits or asdf.AsdfFile
        The tree; see `write`.
    hdulist : astropy.io.fits.HDUList, optional
        HDUs, which get one more in place; new ones if there are none.

    Returns
    -------
    astropy.io.fits.HDUList
        The HDUs.
    """
    from astropy.io import fits

    content = _tree(tree)
    hdus = fits.HDUList([fits.PrimaryHDU()]) if hdulist is None else hdulist
    while "ASDF" in hdus:
        del hdus["ASDF"]
    placed = []
    for place, data, cards in _extra(content):
        found = place in hdus
        table = data is not None and data.dtype.names is not None
        if not found or table:
            hdu = (fits.BinTableHDU if table else fits.ImageHDU)(data, name=place[0], ver=place[1])
            if found:
                hdu.header.extend(hdus[place].header, unique=True, bottom=True)
                hdus[place] = hdu
            else:
                hdus.append(hdu)
        elif data is not None:
            hdus[place].data = data
        if data is not None:
            placed.append((data, place))
        hdus[place].header.extend(cards, bottom=True)
    for line in _history(content):
        hdus[0].header.add_history(line)
    places = _AstropyPlaces(hdus)
    for data, place in placed:
        places.add(data, hdus.index_of(place))
    headers = b"".join(str(hdu.header).encode() for hdu in hdus)
    content = {**content, HASH: _core.sha256_headers([headers])}
    name = hdus.filename() or "<HDUList>"
    parts = embedded_text(content, places, _owner(content), _value, name).parts
    text = b"".join(as_bytes(part) for part in parts)
    data = np.frombuffer(text, "u1").reshape(1, -1)
    column = fits.Column(name="ASDF_METADATA", format=f"{len(text)}B", array=data)
    hdus.append(fits.BinTableHDU.from_columns([column], name="ASDF"))
    return hdus


class _AstropyPlace(NamedTuple):
    source: str
    data: np.ndarray[Any, Any]

    def describe(self) -> tuple[np.dtype[Any], tuple[int, ...]]:
        return self.data.dtype, self.data.shape


class _AstropyPlaces:
    """Which arrays of a tree HDUs of astropy hold."""

    def __init__(self, hdus: HDUList) -> None:
        self._hdus = hdus
        self._places: dict[int, _AstropyPlace] = {}
        for index, hdu in enumerate(hdus):
            if hdu.data is not None:
                self.add(hdu.data, index)

    def add(self, data: np.ndarray[Any, Any], index: int) -> None:
        hdu = self._hdus[index]
        source = f"fits:{hdu.name},{hdu.ver}" if hdu.name else f"fits:{index}"
        self._places.setdefault(id(data), _AstropyPlace(source, data))

    def holds(self, value: Any) -> _AstropyPlace | None:
        return self._places.get(id(value))

    def moved(self, file: File, index: int) -> None:
        return None


def _tree(tree: Any) -> dict[str, Any]:
    """A tree of plain dicts and lists, in which what is deferred is still so."""
    content = tree if isinstance(tree, dict) else getattr(tree, "tree", None)
    if not isinstance(content, dict):
        raise TypeError(f"found {type(tree)}, expected a dict or a file with a tree")
    return raw(content)


def _value(value: Any) -> Any:
    return made(value) if is_lazy(value) else value


def _owner(tree: dict[str, Any]) -> File | None:
    """The file that the parts of a tree come from; they are of the standard it was written to."""
    return next((each.owner for each in tree.values() if isinstance(each, Deferred)), None)


def _add(plan: Plan, name: str, data: Any, cards: Sequence[Any] = ()) -> None:
    """Plan an HDU that was given as a tuple."""
    name = name.upper()
    before = sum(hdu.name == name for hdu in plan.hdus)
    version = before + 1 if before and name else None
    hdu = plan.hdus[0] if name == "PRIMARY" else plan.add(name, version)
    if data is not None:
        array = np.asanyarray(data)
        if not array.ndim:
            raise ValueError(f"{name or 'an HDU'}: found a single value, expected an array")
        hdu.data = array
        plan.hold(data, hdu)
        plan.hold(array, hdu)
    hdu.extra += [_card(card) for card in cards]


def _card(card: Any) -> Card:
    keyword, value, *comment = card
    return str(keyword), value, str(comment[0]) if comment else ""


def _extra(
    tree: dict[str, Any],
) -> Iterator[tuple[tuple[str, int], np.ndarray[Any, Any] | None, list[Card]]]:
    """What the tree has for HDUs beside those that are given: (name, EXTVER), data, cards.

    Arrays are kept in the tree that is written, since a link goes by identity.
    """
    if "extra_fits" not in tree:
        return
    extra = tree["extra_fits"] = raw({"": _value(tree["extra_fits"])}, branches=True)[""]
    for key, parts in extra.items() if isinstance(extra, dict) else ():
        name, version = named_hdu(str(key))
        data = None
        if parts.get("data") is not None:
            data = parts["data"] = np.asanyarray(_value(parts["data"]))
        cards = [_card(card) for card in parts.get("header") or ()]
        yield (name, version or 1), data, [card for card in cards if not is_builtin(card[0])]


def _history(tree: dict[str, Any]) -> list[str]:
    """What stands in HISTORY cards: the descriptions alone, 72 characters a card."""
    history = _value(tree.get("history"))
    entries = _value(history.get("entries")) if isinstance(history, dict) else history
    lines: list[str] = []
    for entry in entries or ():
        entry = _value(entry)
        text = str(entry.get("description") or "") if isinstance(entry, dict) else str(entry)
        lines += [text[start : start + 72] for start in range(0, len(text), 72)] or [""]
    return lines
