"""The options of ``python -m asdfits.bench`` and of ``asdfits bench``; imports nothing slow."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--quick", action="store_true", help="one round, nothing is saved, none is weighed"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all samples there")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds (default: 7; quick: 1)")
    parser.add_argument(
        "--budget", type=float, default=20.0, help="seconds after which a slow reader stops (20)"
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PEER",
        help="leave a peer out; repeatable",
    )
