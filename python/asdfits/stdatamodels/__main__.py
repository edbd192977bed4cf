"""Run a script or a module with stdatamodels on asdfits, as ``python -m asdfits.stdatamodels x.py``."""

from __future__ import annotations

import os
import runpy
import sys

from . import VARIABLE, install

USAGE = """\
usage: python -m asdfits.stdatamodels [--help] (script.py | -m module | -c code) [argument ...]

Runs a script, a module or a piece of code as python does, with stdatamodels opening and saving
FITS products through asdfits, in its worker processes too.
"""


def main(arguments: list[str]) -> int:
    """Run what the arguments name; return the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stderr if not arguments else sys.stdout)
        return 0 if arguments else 2
    install()
    os.environ[VARIABLE] = "1"  # for the processes that it starts
    first, rest = arguments[0], arguments[1:]
    if first in ("-m", "-c"):
        if not rest:
            print(f"{first} needs an argument\n\n{USAGE}", file=sys.stderr)
            return 2
        sys.path.insert(0, "")
        if first == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = ["-c", *rest[1:]]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        return 0
    if not os.path.exists(first):
        print(f"{first}: no such file\n\n{USAGE}", file=sys.stderr)
        return 2
    sys.argv = [first, *rest]
    sys.path.insert(0, os.path.dirname(os.path.abspath(first)))
    runpy.run_path(first, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
