"""One page that says what is in a file and what is wrong with it; it needs no other file."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from ..checks import Finding, verify
from ..errors import FormatError, MissingExtraError
from ..models import DataModel
from ..products import classify
from ..remote import is_url
from .canvas import counted
from .notebook import style
from .pictures import check_free, opened, picture_name, preview, written
from .pieces import conflict_table, facts, hdu_table, table, thumbnail
from .tree import escaped, html_tree

__all__ = ["Made", "report"]

PathLike = str | os.PathLike[str]

# What a page shows of a tree: it is searched in the browser, and has to stay quick.
_ROWS: Final = 6000
_ITEMS: Final = 25
_HDUS: Final = 400
_HISTORY: Final = 200
_FINDINGS: Final = 500

_EXTRA: Final = "pip install 'asdfits[plot]'"


@dataclass(frozen=True)
class Made:
    """What became of a report.

    Attributes
    ----------
    name : str
        The file; empty for a file object.
    fault : str or None
        Why the product could not be opened; the page says so too.
    """

    name: str
    fault: str | None = None


def report(
    path: PathLike,
    out: PathLike | BinaryIO | None = None,
    *,
    picture: bool = True,
    overwrite: bool = False,
) -> Made:
    """Write a page about a product: summary, picture, HDUs, tree, conflicts, findings, history.

    The page holds all that it shows. It works without JavaScript, by keyboard, and in the dark. A file
    that cannot be opened has a page as well, with what `asdfits.verify` finds.

    Parameters
    ----------
    path : str or path-like
        The product.
    out : str, path-like or binary file, optional
        Where to; without it an ``.html`` beside the product.
    picture : bool
        Whether a picture is drawn. Where matplotlib is not installed the page has a thumbnail.
    overwrite : bool
        Whether a file of this name may be replaced.

    Returns
    -------
    Made

    Raises
    ------
    FileExistsError
        There is a file of this name.
    OSError
        The product cannot be read, or the page not be written.
    """
    name = ""
    if out is None or isinstance(out, (str, os.PathLike)):
        name = picture_name(path, ".html") if out is None else os.fspath(out)
        check_free(name, overwrite=overwrite)
    fault = None
    try:
        with opened(path) as model:
            sections = _sections(model, os.fspath(path), picture=picture)
    except FormatError as error:
        fault = str(error)
        sections = [_section("summary", "Summary", f'<p class="fault">{escaped(fault, 600)}</p>')]
    sections.insert(1, _findings(path))
    data = _page(os.fspath(path), sections).encode("utf-8")
    if name:
        written(name, lambda file: file.write(data))
    elif out is not None and not isinstance(out, (str, os.PathLike)):
        out.write(data)
    return Made(name, fault)


# A section of the page: its name, its heading, what is in it.
_Section = tuple[str, str, str]


def _section(name: str, heading: str, inner: str) -> _Section:
    return name, heading, inner


def _sections(model: DataModel, path: str, *, picture: bool) -> list[_Section]:
    sections = [_section("summary", "Summary", _summary(model, path))]
    if picture:
        sections.append(_section("picture", "Picture", _guarded(lambda: _picture(model, path))))
    conflicts: dict[str, Any] = {}
    inner = '<p class="good">Headers and tree agree.</p>'
    try:
        found = model.conflicts()
        conflicts = {each.path: each for each in found}
        if found:
            inner = f'<div class="scroll">{conflict_table(found)}</div>'
        elif model._file is None or not model._file.product.is_fits:
            inner = "<p>The file has no headers.</p>"
    except (FormatError, ValueError) as error:
        inner = f'<p class="fault">{escaped(error, 600)}</p>'
    sections.append(_section("conflicts", "Conflicts", inner))
    file = model._file
    if file is not None and file.product.is_fits:
        hdus = _guarded(lambda: f'<div class="scroll">{hdu_table(file, _HDUS)}</div>')
        sections.append(_section("hdus", "HDUs", hdus))
    sections.append(_section("tree", "Tree", _guarded(lambda: _tree(model, conflicts))))
    sections.append(_section("history", "History", _guarded(lambda: _history(model))))
    return sections


def _guarded(make: Any) -> str:
    try:
        return str(make())
    except Exception as error:  # one damaged part does not cost the page
        return f'<p class="fault">{type(error).__name__}: {escaped(error, 600)}</p>'


def _summary(model: DataModel, path: str) -> str:
    rows = [("class", type(model).__name__), *facts(model)]
    kind = None
    try:
        kind = classify(model)
    except (OSError, ValueError):
        kind = None
    if kind is not None and kind.level is not None:
        words = f"{kind.suffix}: level {kind.level}, stage {kind.stage}"
        rows.insert(1, ("product", words))
    file = model._file
    size = file.product.size if file is not None and is_url(path) else os.path.getsize(path)
    rows.append(("size", f"{size:,} bytes"))
    return f'<div class="scroll">{table("What the file says of itself", ("what", "value"), rows)}</div>'


def _picture(model: DataModel, path: str) -> str:
    file = io.BytesIO()
    try:
        preview(path, file)
    except MissingExtraError:
        small = thumbnail(model, 320)
        words = f"A thumbnail; a picture with axes needs matplotlib: {_EXTRA}"
        return f"<figure>{small}<figcaption>{escaped(words)}</figcaption></figure>"
    data = base64.b64encode(file.getvalue()).decode("ascii")
    words = f"{type(model).__name__} of {os.path.basename(path)}"
    return (
        f'<figure><img src="data:image/png;base64,{data}" width="1000" height="800" '
        f'alt="{escaped(words)}: picture with axes and scale"><figcaption>{escaped(words)}'
        "</figcaption></figure>"
    )


def _tree(model: DataModel, conflicts: dict[str, Any]) -> str:
    inner = html_tree(
        model._instance, conflicts, rows=_ROWS, items=_ITEMS, text=400, paths=True, opened=1
    )
    return (
        '<form id="search" class="search" role="search" hidden>'
        '<label for="words">Search paths and values</label>'
        '<input id="words" type="search" autocomplete="off" spellcheck="false">'
        '<button type="button" id="open">Open all</button>'
        '<button type="button" id="shut">Close all</button>'
        '<span id="hits" role="status"></span></form>'
        f'<div id="nodes" class="tree">{inner}</div>'
    )


def _findings(path: PathLike) -> _Section:
    try:
        found: list[Finding] = verify(path)
    except (OSError, ValueError) as error:
        found = [Finding("structure", str(error))]
    faults = sum(each.fault for each in found)
    if not found:
        inner = '<p class="good">Nothing is wrong.</p>'
    else:
        notes = len(found) - faults
        state = "fault" if faults else "good"
        lines = [
            f'<li><strong class="{"fault" if each.fault else "faint"}">'
            f"{'fault' if each.fault else 'note'}, {escaped(each.kind)}</strong> "
            f"{escaped(each.message, 600)}</li>"
            for each in found[:_FINDINGS]
        ]
        if len(found) > _FINDINGS:
            lines.append(f"<li>… {len(found) - _FINDINGS:,} more</li>")
        inner = (
            f'<p class="{state}">{counted(faults, "faults")}, {counted(notes, "notes")}</p>'
            f'<ul class="findings">{"".join(lines)}</ul>'
        )
    return _section("findings", "What is wrong", inner)


def _history(model: DataModel) -> str:
    entries = list(model.history)
    if not entries:
        return "<p>No entry.</p>"
    lines = []
    for each in entries[:_HISTORY]:
        entry = (
            each if isinstance(each, dict) else {"description": getattr(each, "description", each)}
        )
        when = entry.get("time")
        head = f"<time>{escaped(when)}</time> " if when is not None else ""
        lines.append(f"<li>{head}{escaped(entry.get('description', ''), 1000)}</li>")
    if len(entries) > _HISTORY:
        lines.append(f"<li>… {len(entries) - _HISTORY:,} more</li>")
    return f"<ol>{''.join(lines)}</ol>"


def _page(path: str, sections: list[_Section]) -> str:
    from .. import __version__

    script = style("report.js")
    # Only this very script runs, whatever stands in the file, and nothing is fetched.
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    name = escaped(os.path.basename(path))
    links = "".join(f'<li><a href="#{each}">{heading}</a></li>' for each, heading, _ in sections)
    body = "".join(
        f'<section id="{each}" aria-labelledby="{each}-heading"><h2 id="{each}-heading">{heading}</h2>'
        f"{inner}</section>"
        for each, heading, inner in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: report</title>"
        '<link rel="icon" href="data:,">'
        f"<style>{style('report.css')}</style></head><body>"
        '<a class="skip" href="#main">Skip to the content</a>'
        f"<header><h1>{name}</h1><p>{escaped(path)}</p></header>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
        f'<main id="main" tabindex="-1">{body}</main>'
        f"<footer>asdfits {escaped(__version__)}</footer>"
        f"<script>{script}</script></body></html>\n"
    )
