"""The text of a tree, byte for byte as asdf writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import _core

__all__ = ["Tagged", "dump"]

_PREFIX = "tag:stsci.edu:asdf/"
_CORE = _PREFIX + "core/"
# What the schemas of the standard say of the order of keys (`propertyOrder`); others are sorted.
_ORDERS = [
    (_CORE + "asdf-", ["asdf_library", "history"]),
    (
        _CORE + "ndarray-",
        ["source", "data", "mask", "datatype", "byteorder", "shape", "offset", "strides"],
    ),
]


class Tagged:
    """A value with its tag: a dict, a list or a string.

    Two places that hold the same object share one node.
    """

    __slots__ = ("_tag", "data")

    def __init__(self, tag: str, data: Any) -> None:
        self._tag = tag
        self.data = data

    @property
    def tag(self) -> str:
        """The whole tag, such as ``tag:stsci.edu:asdf/core/software-1.0.0``."""
        return self._tag

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tagged):
            return NotImplemented
        return self._tag == other._tag and bool(self.data == other.data)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tagged({self._tag!r}, {self.data!r})"


def dump(
    tree: Any,
    *,
    standard: str = "1.6.0",
    handles: Mapping[str, str] | None = None,
    default: Callable[[Any], Any] | None = None,
    link: Callable[[Any, int | str], int | str] | None = None,
    made: Callable[[Any, int], Any] | None = None,
) -> bytes:
    """Return the YAML of a tree, from ``%YAML`` to ``...``.

    Plain Python objects and numpy scalars are written as asdf writes them; what asdf keeps under a tag
    has one here: an object with the attributes `_tag` and `data`, such as `Tagged` and those of
    `asdf.tagged`. A container that stands in several places is written once, under an anchor. A
    `Deferred` part goes out as the text that it came in.

    Parameters
    ----------
    tree : dict or other
        The tree. The root, if it is a dict, and the parts of it that describe the file
        (``asdf_library``, ``history``) get the tags that the standard asks for.
    standard : str
        The version of the ASDF standard to write to.
    handles : mapping of str to str, optional
        Further handles of tags, with their prefixes; ``!`` is the ASDF standard's.
    default : callable, optional
        Makes a tree of an object that is none. It is called once for each object.
    link : callable, optional
        ``link(owner, source)`` says where the data of an array in an untouched part are to be: the
        number of a block or a name. It may be called twice for one source.
    made : callable, optional
        ``made(owner, node)`` returns what a shared node within an untouched part was made into, or
        None. The object is written instead of the node, so that all places still share it.

    Returns
    -------
    bytes
        UTF-8.

    Raises
    ------
    TypeError
        The tree holds an object that is neither plain nor made so by `default`. A note names its place.
    ValueError
        The tree is nested deeper than 512 levels, or a string holds half a surrogate pair.

    Examples
    --------
    >>> print(dump({"shape": [2, 3], "name": "yes"}).decode(), end="")
    %YAML 1.1
    %TAG ! tag:stsci.edu:asdf/
    --- !core/asdf-1.1.0
    name: 'yes'
    shape: [2, 3]
    ...
    """
    known = {"!": _PREFIX, **(handles or {})}
    if type(tree) is dict:
        tree = _described(tree, standard)
    return _core.emit(tree, list(known.items()), _ORDERS, default, link, made)


def _described(tree: dict[Any, Any], standard: str) -> Tagged:
    """The root with the tags that the standard gives to what describes the file."""
    version = "1.0.0" if standard in ("1.0.0", "1.1.0") else "1.1.0"
    root = dict(tree)
    if "asdf_library" in root:
        root["asdf_library"] = _software(root["asdf_library"])
    history = root.get("history")
    if type(history) is list:
        root["history"] = [_entry(entry) for entry in history]
    elif type(history) is dict:
        history = root["history"] = dict(history)
        for key, tag in (("extensions", _extension), ("entries", _entry)):
            if type(history.get(key)) is list:
                history[key] = [tag(part) for part in history[key]]
    return Tagged(f"{_CORE}asdf-{version}", root)


def _software(part: Any) -> Any:
    return Tagged(_CORE + "software-1.0.0", part) if type(part) is dict else part


def _entry(part: Any) -> Any:
    return _with_software(part, "history_entry-1.0.0", ("software",))


def _extension(part: Any) -> Any:
    return _with_software(part, "extension_metadata-1.0.0", ("software", "manifest_software"))


def _with_software(part: Any, tag: str, keys: tuple[str, ...]) -> Any:
    if type(part) is not dict:
        return part
    part = dict(part)
    for key in keys:
        if key in part:
            value = part[key]
            listed = type(value) is list
            part[key] = [_software(one) for one in value] if listed else _software(value)
    return Tagged(_CORE + tag, part)
