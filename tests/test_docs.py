"""The examples of README and docs, run as they stand, and the values that their comments claim.

A page is one script: its blocks run one after the other, in a folder with the files of `docs_files`.
A name that begins with `…` is that of the file there that ends so. A comment before a block, which no
reader sees, says what is there besides, or why the block is not run:

    <!-- with: array = np.zeros((4, 4)) -->
    <!-- file: steps.py -->
    <!-- not run: needs an account -->
"""

from __future__ import annotations

import ast
import io
import re
import shlex
import shutil
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import docs_files
from asdfits import cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<word>with|file|not run): (?P<said>.*?) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>python|console|pycon|bash|sh|shell)[^\n]*\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    kind: str
    text: str
    prepare: str
    reason: str | None
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    found = []
    text = page.read_text()
    for match in FENCE.finditer(text):
        said = {match["word"]: match["said"]}
        line = text.count("\n", 0, match.start("kind")) + 1
        content = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        words = said.get("with", ""), said.get("not run"), said.get("file")
        found.append(Block(page, line, match["kind"], content, *words))
    return found


BLOCKS = {page: blocks(page) for page in PAGES}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "files"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        docs_files.make(folder)
    return folder


@pytest.fixture
def here(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(files, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "here")
    yield tmp_path / "here"
    from asdfits import stdatamodels

    stdatamodels.uninstall()


def named(text: str, folder: Path) -> str:
    """Text with the names that begin with `…` written out."""

    def whole(match: re.Match[str]) -> str:
        ends = match[1]
        found = sorted(path.name for path in folder.iterdir() if path.name.endswith(ends))
        if not found:
            raise AssertionError(f"no file here ends with {ends}")
        return docs_files.MOS if docs_files.MOS in found else found[0]

    return re.sub(r"…(_[\w.]+\.(?:fits|json|asdf))", whole, text)


def comments(text: str) -> dict[int, str]:
    """Line -> the comment at its end."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {t.start[0]: t.string[1:].strip() for t in tokens if t.type == tokenize.COMMENT}


def run_python(block: Block, scope: dict[str, Any], folder: Path) -> None:
    text = named(block.text, folder)
    exec(named(block.prepare, folder), scope)
    notes = comments(text)
    for statement in ast.parse(text).body:
        place = f"{block}, line {statement.lineno} of it"
        try:
            if not isinstance(statement, ast.Expr):
                exec(compile(ast.Module([statement], []), place, "exec"), scope)
                continue
            value = eval(compile(ast.Expression(statement.value), place, "eval"), scope)
        except Exception as error:
            raise AssertionError(f"{place}: {ast.unparse(statement)}: {error!r}") from error
        claimed = notes.get(statement.end_lineno or 0)
        if claimed is not None:
            check(value, claimed, f"{place}: {ast.unparse(statement)}")


def check(value: Any, claimed: str, place: str) -> None:
    """Compare a value with the comment behind it, where that is a value or the form of an object."""
    if claimed.startswith("<"):
        assert claimed.partition(">")[0] + ">" in repr(value), f"{place} is {value!r}"
        return
    try:
        expected = ast.literal_eval(claimed)
    except (ValueError, SyntaxError):
        return  # a remark
    if isinstance(expected, tuple) and any(isinstance(each, float) for each in expected):
        assert np.allclose(value, expected, rtol=1e-3), f"{place} is {value!r}"
    else:
        assert value == expected, f"{place} is {value!r}"


def run_console(block: Block, folder: Path) -> None:
    words = dict(word.split("=", 1) for word in shlex.split(named(block.prepare, folder)))
    lines = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    assert lines, f"{block}: no line starts with $"
    for line in lines:
        command = shlex.split(named(line, folder), comments=True)
        assert command[0] == "asdfits", f"{block}: {line}: only asdfits is run; mark it"
        given = [words.get(word.rstrip("…"), word) for word in command[1:]]
        expected = (0, 1) if command[1] == "diff" else (0,)  # two files may well differ
        try:
            code = cli.main(given)
        except SystemExit as error:
            code = int(error.code or 0)
        assert code in expected, f"{block}: {line}: exit {code}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.filterwarnings("ignore")
def test_the_examples_of_a_page_run(page: Path, here: Path) -> None:
    scope: dict[str, Any] = {"__name__": "__docs__", "np": np}
    for block in BLOCKS[page]:
        if block.reason is not None:
            continue
        if block.file is not None:
            (here / block.file).write_text(block.text)
        elif block.kind == "python":
            run_python(block, scope, here)
        elif block.kind == "console":
            run_console(block, here)
        else:
            pytest.fail(f"{block}: found {block.kind}, expected python or console")


@pytest.mark.parametrize(
    "block", [b for each in BLOCKS.values() for b in each if b.reason], ids=str
)
def test_an_example_that_is_not_run_says_why(block: Block) -> None:
    assert len(block.reason or "") > 5
    if block.kind == "python":
        compile(block.text, str(block), "exec")
    pytest.skip(f"{block}: {block.reason}")


def test_the_runner_finds_what_is_wrong(here: Path) -> None:
    def block(text: str, kind: str = "python") -> Block:
        return Block(ROOT / "README.md", 1, kind, text, "", None)

    run_python(block("x = 3\nx + 1  # 4\nlen('ab')  # a remark\n"), {}, here)
    with pytest.raises(AssertionError, match="x \\+ 1 is 4"):
        run_python(block("x = 3\nx + 1  # 5\n"), {}, here)
    with pytest.raises(AssertionError, match="NameError"):
        run_python(block("y\n"), {}, here)
    with pytest.raises(AssertionError, match="exit 1"):
        run_console(block("$ asdfits info nothing.fits\n", "console"), here)
    with pytest.raises(AssertionError, match="only asdfits"):
        run_console(block("$ rm -r /\n", "console"), here)
    assert BLOCKS[ROOT / "README.md"]
