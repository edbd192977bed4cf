"""`asdfits preview` and `asdfits report`: products as pictures and as pages, from a shell."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, BinaryIO, Final

from ..errors import FormatError
from .axes import AXES
from .scale import STRETCHES

__all__ = ["add_commands"]

_STDOUT: Final = "-"


def add_commands(commands: Any) -> None:
    """Add both commands to the parser of `asdfits`."""
    preview = commands.add_parser(
        "preview", help="pictures: images, cubes, ramps, slits, spectra; needs matplotlib"
    )
    preview.set_defaults(run=_preview)
    preview.add_argument("files", nargs="+", metavar="FILE")
    preview.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a .png, .jpg, .pdf or .svg; - for PNG to the standard output; a folder: a picture "
        "for each file; for several files one .png is a sheet of all (default: a .png beside each)",
    )
    preview.add_argument("--array", metavar="PATH", help="what to draw: err, slits.3.data, spec.2")
    preview.add_argument(
        "--section",
        type=_section,
        default=(),
        metavar="Y0:Y1,X0:X1",
        help="part of an image, counted from 0 as in Python; one more in front for planes of a cube",
    )
    preview.add_argument("--stretch", choices=STRETCHES, default=STRETCHES[0])
    preview.add_argument("--cmap", metavar="NAME", help="a colour map of matplotlib")
    preview.add_argument(
        "--axes", choices=AXES, default=AXES[0], help="FITS WCS, gwcs of the tree, or pixels"
    )
    preview.add_argument(
        "--size", type=_size, default=(1000, 800), metavar="WxH", help="in pixels (1000x800)"
    )
    preview.add_argument(
        "--most", type=_count, default=12, metavar="N", help="slits or spectra at most (12)"
    )
    _add_overwrite(preview)

    report = commands.add_parser(
        "report", help="one HTML page: summary, pictures, HDUs, tree, conflicts, what is wrong"
    )
    report.set_defaults(run=_report)
    report.add_argument("file", metavar="FILE")
    report.add_argument(
        "-o", "--output", metavar="OUT", help="a file, or - (default: an .html beside FILE)"
    )
    report.add_argument("--no-picture", action="store_true", help="without a picture")
    _add_overwrite(report)


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")


def _section(text: str) -> tuple[slice | int, ...]:
    """`100:200,:50` as an index."""
    try:
        found: list[slice | int] = []
        for word in text.strip("[] ").split(","):
            ends = [int(end) if end.strip() else None for end in word.split(":")]
            if len(ends) == 1 and ends[0] is not None:
                found.append(ends[0])
            elif len(ends) == 2:
                found.append(slice(*ends))
            else:
                raise ValueError(word)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected something like 100:200,50:150"
        ) from None
    return tuple(found)


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 1000x800") from None
    return width, height


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1")
    return int(text)


def _preview(options: argparse.Namespace) -> int:
    from .pictures import check_free, picture_name, preview, sheet  # matplotlib is slow to start

    words = {
        name: getattr(options, name)
        for name in ("array", "section", "stretch", "cmap", "axes", "size", "most", "overwrite")
    }
    out = options.output
    if out == _STDOUT:
        target: Any = _stdout()
    else:
        target = out
    folder = out is not None and out != _STDOUT and (out.endswith(os.sep) or os.path.isdir(out))
    if len(options.files) > 1 and out is not None and not folder:
        errors = sheet(options.files, target, **words)
        for path, error in errors.items():
            _complain(path, error)
        return int(bool(errors))
    if folder:
        os.makedirs(out, exist_ok=True)
    failed = 0
    for path in options.files:
        if folder:
            target = os.path.join(out, os.path.basename(picture_name(path)))
        try:
            if target is None:
                check_free(picture_name(path), overwrite=options.overwrite)
            name = preview(path, target, **words)
        except (OSError, FormatError, ValueError, LookupError) as error:
            if len(options.files) == 1:
                raise
            # One damaged file does not keep the others from being drawn.
            _complain(path, error)
            failed = 1
        else:
            if name and out is None:
                print(name)
    return failed


def _complain(path: str, error: Exception) -> None:
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        text = text if path in text else f"{path}: {text}"
    print(f"asdfits: {text}", file=sys.stderr)


def _report(options: argparse.Namespace) -> int:
    from .page import report

    target: Any = _stdout() if options.output == _STDOUT else options.output
    made = report(options.file, target, picture=not options.no_picture, overwrite=options.overwrite)
    if made.name and options.output is None:
        print(made.name)
    if made.fault is not None:
        print(f"asdfits: {made.fault}", file=sys.stderr)
        return 1
    return 0


def _stdout() -> BinaryIO:
    return sys.stdout.buffer
