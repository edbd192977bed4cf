"""A bar on a terminal, for what takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(
    *, quiet: bool = False, total: int | None = None
) -> Iterator[Callable[[int], object]]:
    """Yield what is told of files that are done: a bar by tqdm, or a plain count without it.

    Parameters
    ----------
    quiet
        Whether nothing is shown. Nothing is in any case where stderr is no terminal.
    total
        How many files there are, where that is known.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        done = 0

        def plain(files: int) -> None:
            nonlocal done
            done += files
            print(f"\r{done:,} files", end="", file=sys.stderr, flush=True)

        yield plain
        print("\r", end="", file=sys.stderr)
        return
    with tqdm(unit=" files", unit_scale=True, leave=False, total=total) as bar:
        yield bar.update
