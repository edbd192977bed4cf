"""The `asdfits` command: look at products from a shell."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from . import __version__, arrays, overlay, render
from .bench.options import add_options
from .bulk.command import add_command
from .catalogue import command
from .checks import Finding, verify
from .compare import diff
from .errors import FormatError, MissingExtraError
from .file import File, is_lazy
from .io import open as open_product
from .look import command as look
from .models import JwstDataModel
from .opening import file_type
from .remote import is_url

__all__ = ["main"]

# What the fields of a name stand for.
_NAME_FACTS = (
    "level",
    "stage",
    "mast_level",
    "group_id",
    "pipelines",
    "modes",
    "models",
    "units",
    "layout",
    "step",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 1 where something could not be done.

    Parameters
    ----------
    arguments
        The words after the command's name; those of the process if None.
    """
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return int(options.run(options) or 0)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        sys.stderr.close()
        return 0
    except (OSError, FormatError, MissingExtraError, TypeError, ValueError, LookupError) as error:
        print(f"asdfits: {_message(error)}", file=sys.stderr)
        return 1


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KeyError):
        return f"no such path or HDU: {error.args[0]}"
    return str(error)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"asdfits: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asdfits", description="Look into JWST products: FITS files that hold a data model."
    )
    parser.add_argument("--version", action="version", version=f"asdfits {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    info = commands.add_parser(
        "info", help="HDUs, class, level and stage, group, the tree, the hash"
    )
    info.add_argument("files", nargs="+", metavar="FILE")
    info.add_argument(
        "--conflicts", action="store_true", help="list where the headers and the tree disagree"
    )
    info.set_defaults(run=_info)

    tree = commands.add_parser("tree", help="the tree of the model, or a part of it")
    tree.add_argument("file", metavar="FILE")
    tree.add_argument("path", nargs="?", metavar="PATH", help="dotted, such as meta.instrument")
    tree.add_argument(
        "--raw", action="store_true", help="the YAML text as it stands in the file, whole"
    )
    tree.set_defaults(run=_tree)

    get = commands.add_parser("get", help="values by path, or by HDU:KEYWORD")
    get.add_argument("file", metavar="FILE")
    get.add_argument("paths", nargs="+", metavar="PATH", help="meta.exposure.type or SCI,1:BUNIT")
    get.add_argument("--json", action="store_true", help="one JSON object of path: value")
    get.add_argument("--provenance", action="store_true", help="also say which side gave the value")
    get.set_defaults(run=_get)

    change = commands.add_parser(
        "set", help="metadata where it lies: header, tree and hash; pixels are not rewritten"
    )
    change.add_argument(
        "words",
        nargs="+",
        metavar="FILE… PATH=VALUE",
        help="files, then meta.target.proposer_name=M31 or SCI,1:BUNIT=MJy/sr",
    )
    change.add_argument(
        "--remove", action="append", default=[], metavar="PATH", help="remove a value"
    )
    change.set_defaults(run=_set)

    check = commands.add_parser("verify", help="what is wrong with files; exit 1 if anything is")
    check.add_argument("files", nargs="+", metavar="FILE")
    check.add_argument(
        "--json", action="store_true", help="a JSON list: path, whether it is fine, findings"
    )
    check.set_defaults(run=_verify)

    compare = commands.add_parser(
        "diff", help="where two files differ; exit 1 if they do, 2 if one cannot be read"
    )
    compare.add_argument("a", metavar="A")
    compare.add_argument("b", metavar="B")
    compare.add_argument("--rtol", type=float, default=0.0, help="relative tolerance of numbers")
    compare.add_argument("--atol", type=float, default=0.0, help="absolute tolerance of numbers")
    compare.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="NAME",
        help="also pass over a PATH, a KEYWORD, HDU:KEYWORD or an HDU; * is anything",
    )
    compare.add_argument(
        "--strict", action="store_true", help="also dates, file names, sums, comments, storage"
    )
    compare.add_argument("--json", action="store_true", help="a JSON list of differences")
    compare.set_defaults(run=_diff)

    convert = commands.add_parser("convert", help="between .fits and .asdf, by the names")
    convert.add_argument("source", metavar="IN")
    convert.add_argument("target", metavar="OUT")
    convert.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    convert.set_defaults(run=_convert)

    scan = commands.add_parser("scan", help="a catalogue of many files; exit 1 if one has an error")
    scan.set_defaults(run=_scan)
    command.add_arguments(scan)
    add_command(commands)

    look.add_commands(commands)

    name = commands.add_parser("name", help="what the names of products say; no file is opened")
    name.add_argument("names", nargs="+", metavar="NAME")
    name.set_defaults(run=_name)

    bench = commands.add_parser("bench", help="time files of your own beside other readers")
    add_options(bench)
    bench.set_defaults(run=_bench)

    demo = commands.add_parser(
        "demo", help="make a small product, edit it, show what overrides what"
    )
    demo.add_argument("folder", nargs="?", type=Path, default=Path("demo"), metavar="FOLDER")
    demo.set_defaults(run=_demo)
    return parser


def _info(options: argparse.Namespace) -> int:
    failed = 0
    for number, path in enumerate(options.files):
        if number:
            print()
        try:
            facts = _facts(path, conflicts=options.conflicts)
        except (OSError, FormatError, TypeError, ValueError) as error:
            print(f"asdfits: {_message(error)}", file=sys.stderr)
            failed = 1
        else:
            print("\n".join(facts))
    return failed


def _facts(path: str, *, conflicts: bool) -> list[str]:
    if file_type(path) == "asn":
        from .container import described

        return described(path)
    model = open_product(path)
    file = _file(model)
    lines = [path, f"  class       {type(model).__name__}"]
    kind = _kind(model)
    if kind is not None:
        lines.append(f"  product     {kind}")
    lines += [
        f"  {'' if row else 'group':<11} {line}" for row, line in enumerate(_group(path, model))
    ]
    lines += [f"  {name:<11} {text}" for name, text in _tree_facts(file, model)]
    if file.product.is_fits:
        lines.append("  HDUs        no. name             ver  kind        shape")
        lines += [f"              {line}" for line in _hdu_lines(file)]
    if conflicts:
        found = model.conflicts()
        lines.append(f"  conflicts   {len(found) or 'none'}")
        lines += [
            f"              {c.path}: {c.hdu} {c.keyword} = {c.fits_value!r}, tree {c.asdf_value!r}"
            for c in found
        ]
    return lines


def _kind(model: JwstDataModel) -> str | None:
    """Level and stage, from the name or, where it says nothing, from the content."""
    from .products import classify

    found = classify(model)
    if found is None:
        return None
    if found.level is None:
        kind = f"{found.suffix}: no level"
    else:
        kind = (
            f"{found.suffix}: level {found.level}, stage {found.stage}, "
            f"MAST level {found.mast_level}"
        )
    return kind if found.evidence == ("name",) else f"{kind} (by {', '.join(found.evidence)})"


def _group(path: str, model: JwstDataModel) -> list[str]:
    """What belongs to the same exposure or source, of the files in the same folder."""
    from .products import group_exposures, group_sources, parse

    folder, name = os.path.split(path)
    if is_url(path):
        return []  # what lies beside it would have to be asked for
    try:
        product = parse(name)
    except ValueError:
        return []
    if product.family not in ("exposure", "source"):
        return []
    root = product.group_id or name.partition("_")[0]
    try:
        beside = {name, *os.listdir(folder or ".")}
    except PermissionError:
        beside = {name}
    beside = {each for each in beside if each.startswith((f"{root}_", f"{root}-"))}
    if product.family == "exposure":
        exposure = next(each for each in group_exposures(beside) if name in each.paths)
        line = f"{root}: {', '.join(exposure.detectors)}"
        if exposure.missing:
            line += f"; missing {', '.join(exposure.missing)}{_subarray(model)}"
        gaps = [
            missing
            for missing in exposure.missing_names
            if parse(missing).detector in exposure.detectors
        ]
        return [line, *(f"missing {each}" for each in gaps)]
    sources = [each for each in group_sources(beside) if each.acid == product.acid]
    source = next(each for each in sources if name in each.paths)
    count = f"{len(sources)} sources" if len(sources) > 1 else "no other source"
    return [f"{root} {source.source}: {', '.join(source.suffixes)}; {count} here"]


def _subarray(model: JwstDataModel) -> str:
    """What to think of missing detectors: a subarray may read fewer than the names let expect."""
    try:
        name = model["meta.subarray.name"]
    except KeyError:
        return ""
    return "" if name in (None, "FULL") else f" (if subarray {name} reads them)"


def _tree_facts(file: File, model: JwstDataModel) -> list[tuple[str, str]]:
    facts = file.product.asdf
    if facts is None:
        return [("tree", "none: the model comes from the FITS headers alone")]
    hdu, at, length, text, blocks, standard = facts
    place = f"HDU {hdu}, byte {at}" if hdu is not None else "the file itself"
    lines = [
        ("tree", f"{place}: {length:,} bytes, {text:,} of YAML, {blocks} binary blocks"),
        ("ASDF", f"standard {standard or 'not named'}"),
    ]
    if file.product.is_fits:
        lines.append(("hash", _hash_state(file, type(model).__name__)))
    return lines


def _hash_state(file: File, name: str) -> str:
    tree = file.tree()
    if tree.get(overlay.HASH) is None:
        return "none stored; FITS overrides the tree"
    if overlay.is_current(file, tree, name):
        return "matches: the headers are those the tree was written with"
    return "differs: a header was changed; FITS overrides the tree"


def _hdu_lines(file: File) -> list[str]:
    lines = []
    for hdu in file.hdus():
        shape = " x ".join(map(str, hdu.shape)) or "-"
        if hdu.kind == "BINTABLE" and len(hdu.shape) == 2:
            shape = f"{hdu.shape[0]} rows of {hdu.shape[1]} bytes"
        elif hdu.kind == "COMPRESSED":
            shape = _packed_shape(file, hdu.index)
        lines.append(f"{hdu.index:>3} {hdu.name:<16} {hdu.version:>3}  {hdu.kind:<11} {shape}")
    return lines


def _packed_shape(file: File, index: int) -> str:
    """The shape of a compressed image and how it is compressed, as far as its header tells."""
    try:
        shape = " x ".join(map(str, arrays.shape_of(file.product, index) or ())) or "-"
    except FormatError:
        shape = "?"  # `verify` says why
    return f"{shape}, {file.product.value(index, 'ZCMPTYPE')}"


def _tree(options: argparse.Namespace) -> int:
    if options.raw:
        sys.stdout.write(File.open(options.file).product.yaml.decode("utf-8", "replace"))
        return 0
    model = open_product(options.file)
    value: Any = model.instance if options.path is None else _plain(model[options.path])
    if isinstance(value, (dict, list)):
        print("\n".join(render.tree(value, options.path or repr(model))))
    else:
        print(render.leaf(value))
    return 0


def _get(options: argparse.Namespace) -> int:
    model = open_product(options.file)
    found: dict[str, Any] = {}
    for path in options.paths:
        value = _card(model, path) if ":" in path else _plain(model[path])
        found[path] = value
        if options.json:
            continue
        head = f"{path} = " if len(options.paths) > 1 else ""
        print(head + (value if isinstance(value, str) else render.leaf(value)))
        if options.provenance and ":" not in path:
            origin = model.provenance(path)
            card = f"{origin.hdu} {origin.keyword or 'data'}" if origin.hdu else "no card"
            print(
                f"  from {origin.layer}; {card}: {origin.fits_value!r}; tree: {origin.asdf_value!r}"
            )
    if options.json:
        print(json.dumps(found, default=render.leaf, indent=2))
    return 0


def _card(model: JwstDataModel, place: str) -> Any:
    """The value of a card: `SCI,2:BUNIT`, `PRIMARY:DATE`, `0:DATE`."""
    name, _, keyword = place.rpartition(":")
    name, _, version = name.partition(",")
    file = _file(model)
    if name.isdigit() and not version:
        index: int | None = int(name)
    else:
        index = file.find(name, int(version) if version else None)
    if index is None:
        raise KeyError(place.rpartition(":")[0])
    return file.product.value(index, keyword)


def _plain(value: Any) -> Any:
    return value.instance if hasattr(value, "instance") and not is_lazy(value) else value


def _file(model: JwstDataModel) -> File:
    assert model._file is not None  # every model here was opened from a file
    return model._file


def _set(options: argparse.Namespace) -> int:
    from .edit import update_metadata, value_of

    # A name with an equals sign may be a file's; what is there is a file.
    files = [word for word in options.words if "=" not in word or os.path.exists(word)]
    words = [word.partition("=") for word in options.words if word not in files]
    if not files or not (words or options.remove):
        raise ValueError("expected files and PATH=VALUE (or --remove PATH)")
    failed = 0
    for path in files:
        try:
            changes = {key: value_of(path, key, text) for key, _, text in words}
            update_metadata(path, {**changes, **dict.fromkeys(options.remove)})
        except (OSError, FormatError, MissingExtraError, ValueError, LookupError) as error:
            # One damaged file does not keep the others from being edited.
            print(f"asdfits: {_message(error)}", file=sys.stderr)
            failed = 1
    return failed


def _verify(options: argparse.Namespace) -> int:
    failed = 0
    reports = []
    for path in options.files:
        try:
            found = verify(path)
        except OSError as error:
            found = [Finding("structure", _message(error))]
        faults = sum(finding.fault for finding in found)
        failed |= bool(faults)
        if options.json:
            findings = [asdict(finding) for finding in found]
            reports.append({"path": path, "fine": not faults, "findings": findings})
            continue
        for finding in found:
            print(finding if finding.fault else f"note: {finding}")
        if not faults:
            print(f"{path}: fine")
    if options.json:
        print(json.dumps(reports, indent=2))
    return failed


def _diff(options: argparse.Namespace) -> int:
    try:
        found = diff(
            options.a,
            options.b,
            rtol=options.rtol,
            atol=options.atol,
            ignore=options.ignore,
            strict=options.strict,
        )
    except (OSError, FormatError, MissingExtraError, ValueError, LookupError) as error:
        print(f"asdfits: {_message(error)}", file=sys.stderr)
        return 2
    if options.json:
        # Not asdict, which copies: the values may be whole branches of a tree.
        plain = [{**vars(each), "text": each.what} for each in found]
        print(json.dumps(plain, default=render.leaf, indent=2))
    else:
        for each in found:
            print(each)
    return int(bool(found))


def _convert(options: argparse.Namespace) -> int:
    target = options.target
    if file_type(target) not in ("fits", "asdf") or target.endswith(".gz"):
        raise ValueError(f"{target}: found another ending, expected .fits or .asdf")
    if os.path.lexists(target) and not options.overwrite:
        raise FileExistsError(errno.EEXIST, "the file exists; --overwrite replaces it", target)
    open_product(options.source).save(target)
    return 0


def _scan(options: argparse.Namespace) -> int:
    return command.run(options)


def _name(options: argparse.Namespace) -> int:
    from .products import parse

    failed, separator = 0, ""
    for name in options.names:
        try:
            product = parse(name)
        except ValueError as error:
            print(f"asdfits: {error}", file=sys.stderr)
            failed = 1
            continue
        print(f"{separator}{product}")
        separator = "\n"
        for fact in (*(field.name for field in fields(product)), *_NAME_FACTS):
            value = getattr(product, fact)
            if value is None or value is False or value in ("", ()):
                continue
            text = ", ".join(value) if isinstance(value, tuple) else str(value)
            print(f"  {fact.replace('_', ' ').replace('mast', 'MAST'):<17} {text}")
        for odd in product.odd:
            print(f"  {'odd':<17} {odd}")
    return failed


def _bench(options: argparse.Namespace) -> int:
    from .bench.__main__ import run

    return run(options)


def _demo(options: argparse.Namespace) -> int:
    from .demo import demo

    return demo(options.folder)


if __name__ == "__main__":
    raise SystemExit(main())
