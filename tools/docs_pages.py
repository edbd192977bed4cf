"""Pages of the site that are made when it is built, from what they speak of.

A hook of mkdocs: the command line from its own parser, the benchmark from what `make bench` wrote, the
differences from the list that the tests read, the changelog as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "benches" / "results"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    pages: dict[str, Callable[[], str]] = {
        "cli.md": command_line,
        "benchmark.md": benchmark,
        "differences.md": differences,
        "changelog.md": changelog,
    }
    for name, made in pages.items():
        files.append(File.generated(config, name, content=made()))
    plot = str(RESULTS / "results.png")
    files.append(File.generated(config, "assets/results.png", abs_src_path=plot))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put tables that the package has into pages that ask for them."""
    return markdown.replace("<!-- the table of levels -->", levels())


def on_page_content(html: str, **_: Any) -> str:
    """Undo what becomes of a hyphen in the type of a parameter, which is read as Python."""
    return html.replace("path - like", "path-like")


def levels() -> str:
    """Return the levels, stages and levels of the archive."""
    from asdfits.products import LEVELS, TYPES

    lines = [
        "| level | stage | MAST level | what its files hold | suffixes |",
        "|---|---|---|---|---|",
    ]
    for level in LEVELS.values():
        if not level.available:
            continue
        of = sorted({f"`{kind.suffix}`" for kind in TYPES.values() if kind.level == level.name})
        stage, mast = (("-" if n is None else n) for n in (level.stage, level.mast_level))
        lines.append(f"| {level.name} | {stage} | {mast} | {level.title} | {' '.join(of)} |")
    return "\n".join(lines)


# -- the command --------------------------------------------------------------------------------


def command_line() -> str:
    """Return the page of the command, as its help has it."""
    os.environ["COLUMNS"] = "96"  # what argparse folds at
    from asdfits.cli import _parser

    parser = _parser()
    parts = ["# Command line", str(parser.description), *_commands(parser, "")]
    return "\n\n".join(parts) + "\n"


def _commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        helps = {choice.dest: choice.help for choice in action._choices_actions}
        rows = [f"| [`{name}{each}`](#{_anchor(name + each)}) | {helps[each]} |" for each in helps]
        yield "\n".join(["| command | what it does |", "|---|---|", *rows])
        for each, command in action.choices.items():
            whole = f"{name}{each}"
            title = f"## asdfits {whole} {{ #{_anchor(whole)} }}"
            yield f"{title}\n\n{_sentence(helps.get(each) or '')}\n\n```text\n{_help(command)}\n```"
            yield from _commands(command, f"{whole} ")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _help(command: argparse.ArgumentParser) -> str:
    return command.format_help().strip()


# -- the benches --------------------------------------------------------------------------------


def benchmark() -> str:
    """Return what the benches wrote, with the plot, as a page of the site."""
    text = (RESULTS / "results.md").read_text()
    title, _, body = text.partition("\n")
    if not title.startswith("# "):
        raise ValueError(f"{RESULTS / 'results.md'}: found {title!r}, expected a title")
    # What the site does not have is named instead.
    body = re.sub(r"\[([^]]*)\]\(\.\./README\.md\)", r"\1 (`benches/README.md`)", body)
    body = body.replace("](results.png)", "](assets/results.png)")
    plot = "![How long others take, as a multiple of asdfits](assets/results.png)"
    return f"# Benchmark\n\n{plot if plot not in body else ''}\n{body}"


# -- differences --------------------------------------------------------------------------------

_KINDS: Final = {
    "class": "Class",
    "missing": "Only the reference has it",
    "extra": "Only asdfits has it",
    "type": "Type of a value",
    "value": "Value",
    "dtype": "Type of an array",
    "shape": "Shape of an array",
    "bits": "Bits of an array",
    "unit": "Unit",
    "wcs": "World coordinates",
    "open": "Whether a file opens",
    "warning": "Warnings",
}


def differences() -> str:
    """Return the list of the differences from stdatamodels, with their reasons."""
    with open(ROOT / "tests" / "differences.toml", "rb") as file:
        table = tomllib.load(file)
    parts = [
        "# Differences from stdatamodels",
        "asdfits says what stdatamodels says. Where it does not, the difference is in this list. It is "
        "the one that the tests read: they accept these differences and no other, and an entry that "
        "no file meets any more fails them. Where an entry says *by default*, `strict_compat=True` "
        "gives the reference's answer.",
        "## In what a file says",
        "Places are patterns of dotted paths.",
        *_listed(table.get("difference", [])),
        "## In behaviour",
        *[f"- {_text(each['what'])}" for each in table.get("stated", [])],
    ]
    return "\n\n".join(parts) + "\n"


def _listed(entries: Iterable[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        kinds = [_KINDS.get(kind, kind) for kind in str(entry["kind"]).split()]
        kind = kinds[0] + "".join(f", {each[:1].lower()}{each[1:]}" for each in kinds[1:])
        where = f" at `{entry['path']}`" if entry.get("path") else ""
        mode = {"default": ", by default", "strict": ", under `strict_compat`"}
        head = f"**{kind}**{where}{mode.get(entry.get('mode', 'both'), '')}."
        yield f"- {head} {_text(entry['reason'])}"


def _text(text: str) -> str:
    """A reason as text of a page: what stands for itself in it would be markup there."""
    parts = " ".join(text.split()).split("`")
    parts[::2] = [re.sub(r"([<>*_|\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def changelog() -> str:
    """Return the changelog."""
    return (ROOT / "CHANGELOG.md").read_text()
