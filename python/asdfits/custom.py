"""Tagged parts of a tree as the objects they stand for, made by the installed asdf extensions.

Only ``core`` tags are asdfits' own. A WCS, a unit or a time is converted by asdf and its extensions
(asdf-astropy, gwcs), one part at a time, when it is touched: most readers never touch it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
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
        from asdf.yamlutil import tagged_tree_to_custom_tree
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
        return tagged_tree_to_custom_tree(tree, context)

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
