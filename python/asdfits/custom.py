"""Tagged parts of a tree as the objects they stand for, made by the installed asdf extensions.

Only ``core`` tags are asdfits' own. A WCS, a unit or a time is converted by asdf and its extensions
(asdf-astropy, gwcs), one part at a time, when it is touched: most readers never touch it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import GeneratorType
from typing import Any

from ._core import Deferred
from .errors import MissingExtraError

__all__ = ["CORE", "convert", "warn_of_missing_extensions"]

CORE = "tag:stsci.edu:asdf/core/"
NDARRAY = "tag:stsci.edu:asdf/core/ndarray-"

Memo = dict[int, Any]


def convert(
    deferred: Deferred,
    memo: Memo,
    array: Callable[[Any], Any],
    path: str,
    standard: str | None,
    *,
    ignore_unrecognized_tag: bool = False,
) -> Any:
    """Return the object that a tagged part of the tree stands for.

    Parameters
    ----------
    deferred
        The part.
    memo
        Node number -> object for nodes that have an alias: the same node gives the same object, also
        across parts.
    array
        Makes an array from the content of a `core/ndarray` node.
    path
        The file's path, for messages.
    standard
        The version of the ASDF standard that the file was written to.
    ignore_unrecognized_tag
        Convert parts that no extension knows without a warning.

    Raises
    ------
    MissingExtraError
        asdf is not installed.
    """
    if deferred.node in memo:
        return memo[deferred.node]
    try:
        from asdf.tagged import tag_object
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: {deferred.tag} is converted by asdf and its extensions, which are not "
            "installed: pip install 'asdfits[wcs]'"
        ) from error

    def wrap(tag: str, content: Any) -> Any:
        return array(content) if tag.startswith(NDARRAY) else tag_object(tag, content)

    def finish(tree: Any) -> Any:
        context, fill_defaults = _context(standard, ignore_unrecognized_tag)
        if fill_defaults is not None:
            fill_defaults(tree, context, reading=True)
        return _converted(tree, context)

    with _uncollected():
        result = deferred.build(memo, wrap, finish)
    memo[deferred.node] = result
    return result


@lru_cache(maxsize=8)
def _context(
    standard: str | None, ignore_unrecognized_tag: bool
) -> tuple[Any, Callable[..., None] | None]:
    """An AsdfFile for conversions, and what fills in the defaults that old writers left out.

    Making an AsdfFile enumerates every installed plugin, so there is one for each standard. Up to
    standard 1.5.0 writers removed values equal to the schema's default, and readers put them back.
    """
    import asdf
    from asdf import schema

    try:
        context = asdf.AsdfFile(version=standard, ignore_unrecognized_tag=ignore_unrecognized_tag)
    except ValueError:  # a standard that this asdf does not know: newer, or odd
        context = asdf.AsdfFile(ignore_unrecognized_tag=ignore_unrecognized_tag)
    legacy = context.version <= "1.5.0" and asdf.get_config().legacy_fill_schema_defaults
    return context, schema.fill_defaults if legacy else None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking over and over what is being made, a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _converted(tree: Any, context: Any) -> Any:
    """A tagged tree as the objects that it stands for.

    asdf's own walk takes as long as the objects; what is out of the ordinary is left to it, so that
    its words are heard of tags that it does not know and of objects that cannot be made.
    """
    from asdf.yamlutil import tagged_tree_to_custom_tree

    try:
        return _Conversion(context).whole(tree)
    except Exception:
        return tagged_tree_to_custom_tree(tree, context)


class _Conversion:
    """Converts a tree whose parts do not contain each other, from its leaves to its root."""

    def __init__(self, context: Any) -> None:
        from asdf.tagged import TaggedDict, TaggedList, TaggedString

        self.kinds = (dict, list, TaggedDict, TaggedList, TaggedString)
        self.manager = context.extension_manager
        self.context = context._create_serialization_context()
        self.done: dict[int, Any] = {}
        self.open: set[int] = set()
        self.unfinished: list[Iterator[Any]] = []

    def whole(self, tree: Any) -> Any:
        """Return what a tree stands for."""
        found = self.node(tree)
        while self.unfinished:
            for _ in self.unfinished.pop():
                pass  # what a converter does once the object is known, as to its inverse
        return found

    def node(self, value: Any) -> Any:
        kind = type(value)
        if kind not in self.kinds:
            if isinstance(value, (dict, list, tuple)):
                raise TypeError(f"found {kind}, expected a dict or a list")
            return value
        key = id(value)
        if key in self.done:
            return self.done[key]
        if key in self.open:
            raise ValueError("a part of the tree contains itself")
        self.open.add(key)
        tag = None if kind in (dict, list) else value._tag
        data = value if tag is None else value.data
        if isinstance(data, dict):
            data = {name: self.node(each) for name, each in data.items()}
        elif isinstance(data, list):
            data = [self.node(each) for each in data]
        found = self.done[key] = data if tag is None else self.made(tag, data)
        self.open.remove(key)
        return found

    def made(self, tag: str, data: Any) -> Any:
        # Of a tag that nobody knows there is no converter, which asdf has to say.
        converter = self.manager.get_converter_for_tag(tag)
        found = converter.from_yaml_tree(data, tag, self.context)
        if isinstance(found, GeneratorType):
            self.unfinished.append(found)
            found = next(found)
        return found


def warn_of_missing_extensions(extensions: Any, path: str) -> None:
    """Let asdf warn of the extensions that a file was written with and that are not installed.

    Parameters
    ----------
    extensions
        What the tree says under ``history.extensions``.
    path
        The file's path, for the message.

    Raises
    ------
    MissingExtraError
        asdf is not installed.
    """
    try:
        import asdf
        from asdf.tags.core import ExtensionMetadata, Software
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: which extensions are missing is known to asdf, which is not installed: "
            "pip install 'asdfits[wcs]'"
        ) from error
    found = []
    for extension in extensions if isinstance(extensions, list) else ():
        facts = {**extension}
        if isinstance(facts.get("software"), dict):
            facts["software"] = Software(**facts["software"])
        found.append(ExtensionMetadata(**facts))
    file = asdf.AsdfFile()
    file._fname = path
    file._check_extensions({"history": {"extensions": found}})
