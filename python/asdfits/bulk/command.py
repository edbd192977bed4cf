"""`asdfits map`: a function over many files from a shell."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from importlib import import_module
from typing import Any

__all__ = ["add_command"]


def add_command(commands: Any) -> None:
    """Add the command to those of the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "map", help="run a function over many files; exit 1 if one fails; again: only what is left"
    )
    parser.add_argument("function", metavar="MODULE:FUNCTION", help="gets a model, returns one")
    parser.add_argument("sources", nargs="+", metavar="DIR", help="folders, files or patterns")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="folder of the outputs"
    )
    parser.add_argument(
        "--suffix", help="suffix of the outputs; else they have their inputs' names"
    )
    parser.add_argument("--base", metavar="DIR", help="the folder whose folders are kept in OUT")
    parser.add_argument(
        "--pattern", action="append", metavar="PATTERN", help="names taken from folders; repeatable"
    )
    parser.add_argument(
        "--path", action="store_true", help="the function gets the path, not a model"
    )
    parser.add_argument(
        "--writes", action="store_true", help="it also gets a path, to which it writes its output"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the function: a value of Python, or else text; repeatable",
    )
    parser.add_argument("--version", default="", help="that of the function: another is done again")
    parser.add_argument("--all", action="store_true", help="do what is up to date again as well")
    parser.add_argument(
        "--in-place", action="store_true", help="outputs may take the place of their inputs"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes (default: one a processor; 0: none but this)",
    )
    parser.add_argument(
        "--retries", type=int, default=2, metavar="N", help="attempts after the first"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster: tcp://host:8786")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ..catalogue.files import PATTERNS
    from . import map as map_files

    func = _function(options.function)
    with _client(options.scheduler) as client:
        result = map_files(
            func,
            options.sources,
            options.output,
            client=client,
            workers=options.workers,
            suffix=options.suffix,
            base=options.base,
            pattern=options.pattern or PATTERNS,
            takes="path" if options.path else "model",
            writes=options.writes,
            arguments=dict(map(_argument, options.set)),
            version=options.version,
            redo=options.all,
            in_place=options.in_place,
            retries=options.retries,
            progress=not options.quiet,
        )
    for row in result.failures:
        print(f"asdfits: {row.input}: {row.error}", file=sys.stderr)
    if not options.quiet:
        print(f"{result} -> {result.folder}", file=sys.stderr)
        if result.failed:
            print(f"  tracebacks are in {result.manifest}", file=sys.stderr)
    return int(bool(result.failed))


def _function(text: str) -> Callable[..., Any]:
    """The function that `module:function` names; modules of the present folder are found."""
    module, colon, name = text.partition(":")
    if not colon or not name or not module:
        raise ValueError(f"found {text!r}, expected MODULE:FUNCTION")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"{module} cannot be imported: {error}") from error
        raise ValueError(
            f"there is no module {error.name!r}, in this folder or installed"
        ) from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ValueError(f"{module} has no function {name!r}")
    return found


def _argument(text: str) -> tuple[str, Any]:
    from ast import literal_eval

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"found {text!r}, expected NAME=VALUE")
    try:
        return name, literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _client(address: str | None) -> Any:
    """A client of the cluster, as a context."""
    if address is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError as error:
        from .work import missing

        raise missing("distributed", "--scheduler is for a Dask cluster") from error
    return closing(Client(address))
