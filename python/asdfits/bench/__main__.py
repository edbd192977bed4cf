"""Measure files of the user's own: ``python -m asdfits.bench FILES…``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from .files import makers
from .options import add_options
from .timing import PEERS, environment, installed, run_row


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status.

    Parameters
    ----------
    arguments
        The words after the command's name; those of the process if None.
    """
    parser = argparse.ArgumentParser(
        prog="python -m asdfits.bench",
        description="Time asdfits beside its peers on files of your own.",
    )
    add_options(parser)
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Measure the files; return 0, or 1 where a file is missing or two answers differ."""
    versions = installed(["asdfits", "numpy", *(p for p in PEERS if p not in options.without)])
    found, wrong = [], 0
    with tempfile.TemporaryDirectory(prefix="asdfits-bench-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, path in enumerate(options.files):
            if not path.is_file():
                print(f"{path}: not a file", file=sys.stderr)
                wrong += 1
                continue
            path.read_bytes()  # into the page cache
            space = Path(folder) / str(number)
            for make in makers(path, space, saves=not options.quick):
                faults: list[str] = []
                try:
                    found.append(
                        run_row(
                            make(),
                            versions,
                            options.repeat or (1 if options.quick else 7),
                            options.budget,
                            weighed=not options.quick,
                            faults=faults,
                        )
                    )
                except AssertionError as error:
                    print(f"NOT TIMED: {error}\n", flush=True)
                    wrong += 1
                for fault in faults:
                    print(f"{path.name}: {fault}\n", flush=True)
    if options.json is not None:
        results = {"environment": environment(versions), "quick": options.quick, "rows": found}
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
