"""A tree as an ASDF file: text, then binary blocks.

What nobody touched goes out as the text it came in. Arrays that an HDU holds become links; other
arrays become blocks. Objects of other packages, such as a WCS, are turned into trees by asdf and its
installed extensions, all at once: they are written to an ASDF file in memory, and that file's text is
taken.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from . import emit
from ._core import Deferred, Product
from .encode import Part, asdf_datatype, byteorder, table_values
from .errors import MissingExtraError
from .file import File, Lazy
from .lazytree import entries

__all__ = ["AsdfText", "Place", "Places", "asdf_text"]

CORE = "tag:stsci.edu:asdf/core/"
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, complex})
MAGIC = b"\xd3BLK"
# Bytes of a block's header, with the magic bytes and its own size.
HEADER = 54


class Place(Protocol):
    """Where the data of an array are."""

    @property
    def source(self) -> str:
        """How the tree names it: ``fits:SCI,1``."""

    def describe(self) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """Return type and shape."""


class Places(Protocol):
    """Which arrays of a tree lie elsewhere in the file to be written."""

    def holds(self, value: Any) -> Place | None:
        """Return where an array of the tree goes; None for a block."""

    def moved(self, file: File, index: int) -> Place | None:
        """Return where the data of an HDU of an open file go; None for a block."""


class Nowhere:
    """All arrays are blocks."""

    def holds(self, value: Any) -> None:
        """Return None."""

    def moved(self, file: File, index: int) -> None:
        """Return None."""


class AsdfText(NamedTuple):
    """An ASDF file as parts to write."""

    parts: list[Part]
    length: int


class _Block(NamedTuple):
    part: Part
    stored: int
    size: int
    compression: bytes
    checksum: bytes


class _Custom:
    """Stands for an object that asdf makes a tree of."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def asdf_text(
    tree: dict[str, Any],
    *,
    standard: str,
    places: Places,
    made: Callable[[Any], Any],
    times_as_text: bool,
    path: str,
) -> AsdfText:
    """Return a tree as an ASDF file.

    Parameters
    ----------
    tree
        The tree. Keys whose value is None are left out.
    standard
        The version of the ASDF standard.
    places
        Which arrays HDUs hold.
    made
        Makes the value of a deferred part.
    times_as_text
        Whether times become texts, as they do in FITS products.
    path
        The file to be written, for messages.

    Raises
    ------
    TypeError
        The tree holds an object that no installed extension of asdf knows.
    MissingExtraError
        It holds an object of another package and asdf is not installed.
    """
    return _Writer(standard, places, made, times_as_text, path).write(tree)


class _Writer:
    def __init__(
        self,
        standard: str,
        places: Places,
        made: Callable[[Any], Any],
        times_as_text: bool,
        path: str,
    ) -> None:
        self.standard = standard
        self.places = places
        self.made = made
        self.times_as_text = times_as_text
        self.path = path
        self.blocks: list[_Block] = []
        self._copied: dict[tuple[int, int | str], int] = {}
        self._memo: dict[int, tuple[Any, Any]] = {}
        self._customs: list[tuple[Any, str]] = []
        self._converted: list[Deferred] = []

    def write(self, tree: dict[str, Any]) -> AsdfText:
        prepared = dict(self._prepared(tree, ""))
        prepared["asdf_library"] = _library()
        if self._customs:
            extensions = self._convert()
            prepared["history"] = _with_extensions(prepared.get("history"), extensions)
        text = emit.dump(
            prepared,
            standard=self.standard,
            default=self._default,
            link=self._link,
            made=self._was_made,
        )
        head = f"#ASDF 1.0.0\n#ASDF_STANDARD {self.standard}\n".encode() + text
        return _assembled(head, self.blocks)

    # -- what the emitter asks -----------------------------------------------------------------

    def _default(self, value: Any) -> Any:
        if isinstance(value, _Custom):
            if value.number >= len(self._converted):
                self._convert()  # it came to light while the text was made
            return self._converted[value.number]
        raise TypeError(f"{self.path}: a tree cannot hold {type(value)!r}")

    def _link(self, owner: File, source: int | str) -> int | str:
        """Where the data of an array in an untouched part go."""
        if isinstance(source, str):
            index = owner.product.linked(source) if source.startswith("fits:") else None
            if index is None:
                return source
            place = self.places.moved(owner, index)
            if place is not None:
                return place.source
            return self._once(owner, source, lambda: _new(owner.array(index), "big"))
        number = source
        return self._once(owner, source, lambda: _copied(owner.product, number))

    def _once(self, owner: File, source: int | str, block: Callable[[], _Block]) -> int:
        key = (id(owner), source)
        if key not in self._copied:
            self._copied[key] = self._add(block())
        return self._copied[key]

    def _was_made(self, owner: File, node: int) -> Any:
        value = owner.made(node)
        return None if value is None else self._prepared(value, "")

    # -- the tree as plain values --------------------------------------------------------------

    def _prepared(self, value: Any, path: str) -> Any:
        """`value` with arrays as nodes, times as text, and without None in dicts."""
        if type(value) in _PLAIN or isinstance(value, (np.generic, Deferred)):
            return self._moved(value) if isinstance(value, Deferred) else value
        known = self._memo.get(id(value))
        if known is not None:
            return known[1]
        if isinstance(value, dict):
            result: Any = {}
            self._memo[id(value)] = (value, result)
            for key, each in entries(value):
                each = self._prepared(each, f"{path}.{key}" if path else str(key))
                if each is not None:
                    result[key] = each
            return result
        if isinstance(value, (list, tuple)):
            result = []
            self._memo[id(value)] = (value, result)
            unmade = list.__iter__(value) if isinstance(value, list) else value
            result += [self._prepared(each, f"{path}.{n}") for n, each in enumerate(unmade)]
            return result
        result = self._leaf(value, path)
        self._memo[id(value)] = (value, result)
        return result

    def _moved(self, value: Deferred) -> Any:
        """A deferred part; None where it links to an HDU that is not there."""
        if value.plain and isinstance(self.places, Nowhere) and value.owner.product.is_fits:
            # The nodes of its arrays say how HDUs hold them, and no HDU will.
            return self._prepared(value.owner.resolve(value), "")
        if "/core/ndarray-" not in value.tag:
            return value
        made = value.owner.made(value.node)
        if isinstance(made, np.ndarray):
            return self._prepared(made, "")
        spec = value.content({})
        source = spec.get("source") if isinstance(spec, dict) else None
        if not isinstance(source, str) or not source.startswith("fits:"):
            return value
        index = value.owner.product.linked(source)
        if index is None:
            return None
        # Of data that no HDU will hold the node may say the wrong type.
        held = self.places.moved(value.owner, index) is not None
        return value if held else self._prepared(value.owner.resolve(value), "")

    def _leaf(self, value: Any, path: str) -> Any:
        if isinstance(value, Lazy):
            place = self.places.holds(value)
            if place is not None:
                return _array_node(place.source, *place.describe(), "big", self.standard)
            value = self.made(value)
        if type(value) in _PLAIN:
            return value
        if type(value).__name__ == "NDArrayType":
            value = value._make_array()  # what asdf has for an array that it opened
        if isinstance(value, np.ndarray) and _is_bare(value):
            if value.dtype.kind != "O":
                return self._array(value)
        elif isinstance(value, datetime.datetime):
            return time_text(value) if self.times_as_text else value
        elif isinstance(value, datetime.date):
            return value
        elif self.times_as_text and _is_time(value):
            return str(type(value)(value, format="iso"))
        self._customs.append((value, path))
        return _Custom(len(self._customs) - 1)

    def _array(self, array: np.ndarray[Any, Any]) -> emit.Tagged:
        place = self.places.holds(array)
        if place is not None:
            return _array_node(place.source, array.dtype, array.shape, "big", self.standard)
        array = table_values(array)
        order = byteorder(array.dtype)
        number = self._add(_new(array, order))
        return _array_node(number, array.dtype, array.shape, order, self.standard)

    def _add(self, block: _Block) -> int:
        self.blocks.append(block)
        return len(self.blocks) - 1

    # -- objects of other packages -------------------------------------------------------------

    def _convert(self) -> list[Any]:
        """Let asdf write the objects to a file in memory; return the extensions it used."""
        waiting = self._customs[len(self._converted) :]
        try:
            import asdf
        except ImportError as error:
            value, path = waiting[0]
            raise MissingExtraError(
                f"{self.path}: {path}: an object of {type(value)!r} is written by asdf and its "
                "extensions, which are not installed: pip install 'asdfits[wcs]'"
            ) from error
        import io

        buffer = io.BytesIO()
        objects = [value for value, _ in waiting]
        try:
            written = asdf.AsdfFile(
                # Twice, so that each has an anchor and can be referred to from several places.
                {"objects": objects, "shared": list(objects)},
                version=self.standard,
            )
            written.write_to(buffer)
        except Exception as error:
            raise TypeError(f"{self.path}: {self._culprit()}: {error}") from error
        file = File(Product.from_bytes(buffer.getvalue(), f"<objects of {self.path}>"))
        self._converted += file.product.lookup(["objects"], file, {})
        return list(file.product.lookup(["history", "extensions"], file, {}) or [])

    def _culprit(self) -> str:
        """The path of the first object that asdf cannot write."""
        import io

        import asdf

        for value, path in self._customs:
            try:
                asdf.AsdfFile({"object": value}, version=self.standard).write_to(io.BytesIO())
            except Exception:
                return f"{path}: {type(value)!r}"
        return "the tree"


def _array_node(
    source: int | str, dtype: np.dtype[Any], shape: Any, order: str, standard: str
) -> emit.Tagged:
    version = "1.1.0" if standard >= "1.6.0" else "1.0.0"
    # In an HDU all numbers are big-endian; in a block each column has the order of its own.
    fields = order if isinstance(source, str) else None
    return emit.Tagged(
        f"{CORE}ndarray-{version}",
        {
            "source": source,
            "datatype": asdf_datatype(dtype, fields),
            "byteorder": order,
            "shape": list(shape),
        },
    )


def _new(array: np.ndarray[Any, Any] | None, order: str) -> _Block:
    """A block with the values of an array, packed."""
    if array is None:
        array = np.empty(0, "u1")
    array = np.asarray(array)
    if array.dtype.names is not None:
        fields = [(name, array.dtype[name]) for name in array.dtype.names]
        array = array.astype(np.dtype(fields), copy=False)
    elif byteorder(array.dtype) != order and array.dtype.itemsize > 1:
        array = array.astype(array.dtype.newbyteorder())
    import hashlib  # slow to import, and readers do without

    part: Any = np.ascontiguousarray(array).reshape(-1).view("u1")
    digest = hashlib.md5(part, usedforsecurity=False).digest()
    return _Block(part, part.nbytes, part.nbytes, bytes(4), digest)


def _copied(product: Product, number: int) -> _Block:
    """A block of another file, as it is stored there."""
    at, stored, size, compression = product.block(number)
    header = bytes(memoryview(product.region(at - HEADER, HEADER)))
    # A header may be longer than the standard's; its checksum is not looked for there.
    checksum = header[-16:] if header.startswith(MAGIC) else bytes(16)
    return _Block(("copy", product, at, stored), stored, size, compression, checksum)


def _assembled(head: bytes, blocks: list[_Block]) -> AsdfText:
    parts: list[Part] = [head]
    at = len(head)
    places = []
    for block in blocks:
        places.append(at)
        header = struct.pack(
            ">4sHI4sQQQ16s",
            MAGIC,
            48,
            0,
            block.compression,
            block.stored,
            block.stored,
            block.size,
            block.checksum,
        )
        parts += [header, block.part]
        at += len(header) + block.stored
    if blocks:
        index = "".join(f"- {place}\n" for place in places)
        tail = f"#ASDF BLOCK INDEX\n%YAML 1.1\n---\n{index}...\n".encode()
        parts.append(tail)
        at += len(tail)
    return AsdfText(parts, at)


def _library() -> dict[str, str]:
    from . import __version__

    return {"name": "asdfits", "version": __version__}


def _with_extensions(history: Any, extensions: list[Any]) -> dict[str, Any]:
    """The history with what the writer used: one entry for each extension, the newest counts."""
    result = dict(history) if isinstance(history, dict) else {"entries": history or []}
    if not result.get("entries"):
        result.pop("entries", None)
    known = [entry for entry in result.get("extensions", ()) if isinstance(entry, dict)]

    def name(entry: dict[str, Any]) -> Any:
        return entry.get("extension_uri") or entry.get("extension_class")

    newest = {name(entry): entry for entry in [*known, *extensions]}
    result["extensions"] = list(newest.values())
    return result


def time_text(moment: datetime.datetime) -> str:
    """A time as FITS products have it in their tree: to the millisecond, in UTC."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    moment += datetime.timedelta(microseconds=500)
    return moment.isoformat(" ", "milliseconds")


def _is_bare(array: np.ndarray[Any, Any]) -> bool:
    """Tell whether an array is no more than its values: no mask, no unit."""
    if isinstance(array, np.ma.MaskedArray):
        return False
    kind = type(array)
    return kind.__module__.partition(".")[0] in ("numpy", "asdfits") or kind.__name__ == "FITS_rec"


def _is_time(value: Any) -> bool:
    return type(value).__name__ == "Time" and type(value).__module__.startswith("astropy.time")
