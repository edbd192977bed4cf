"""What a notebook shows of a model: facts, thumbnail, conflicts, HDUs, tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Final

from .pieces import conflict_table, facts, hdu_table, thumbnail
from .shown import Shown
from .tree import escaped, html_tree

__all__ = ["notebook_html"]

# A model in a notebook is to be looked at, not read: some hundred lines.
_ROWS: Final = 400
_ITEMS: Final = 12
_HDUS: Final = 40


def notebook_html(model: Shown) -> str:
    """Return a model as HTML for a notebook.

    Its size is bounded whatever the model holds, and few pixels are read for the thumbnail. A part
    that cannot be shown says why; the others are shown all the same.
    """
    conflicts = {}
    said = []
    try:
        found = model.conflicts()
        conflicts = {each.path: each for each in found}
        if found:
            said.append(_folded("conflicts", conflict_table(found, 50), is_open=True))
    except Exception as error:  # what is damaged is said in the place of what it would show
        said.append(_failed("conflicts", error))
    picture = _part("picture", lambda: thumbnail(model))
    rows = _part("facts", lambda: _facts(model))
    hdus = ""
    file = model._file
    if file is not None and file.product.is_fits:
        hdus = _part(
            "HDUs", lambda: _folded(f"HDUs ({len(file.product):,})", hdu_table(file, _HDUS))
        )
    tree = _part(
        "tree",
        lambda: _folded(
            "tree", html_tree(model._instance, conflicts, rows=_ROWS, items=_ITEMS), is_open=True
        ),
    )
    return (
        f'<div class="asdfits"><style>{style("notebook.css")}</style>'
        f"<div><strong>{escaped(_part('name', lambda: _head(model)))}</strong></div>"
        f'<div class="top">{picture}{rows}</div>{"".join(said)}{hdus}{tree}</div>'
    )


@cache
def style(name: str) -> str:
    """Return a file of this room."""
    return files(__package__).joinpath(name).read_text("utf-8")


def _head(model: Shown) -> str:
    name = type(model).__name__
    text = repr(model)
    return text.strip("<>") if text.startswith("<") else name


def _facts(model: Shown) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value, 120)}</td></tr>'
        for name, value in facts(model)
    )
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def _folded(name: str, inner: str, *, is_open: bool = False) -> str:
    shown = " open" if is_open else ""
    return (
        f"<details{shown}><summary>{escaped(name)}</summary>"
        f'<div class="scroll">{inner}</div></details>'
    )


def _part(name: str, make: Callable[[], str]) -> str:
    try:
        return make()
    except Exception as error:  # a notebook shows what it can of a damaged file
        return _failed(name, error)


def _failed(name: str, error: Exception) -> str:
    kind = type(error).__name__
    return f'<div class="failed">{escaped(name)}: {kind}: {escaped(error, 300)}</div>'
