"""What asdf finds among its extensions: it installs the accelerator where the environment asks for it.

Every process that opens a model lets asdf look for extensions, worker processes too; so one variable
reaches all of them, and nothing has to run when Python starts.
"""

from __future__ import annotations

import os
from typing import Any

from . import VARIABLE

__all__ = ["extensions", "is_wanted"]


def is_wanted() -> bool:
    """Tell whether the environment asks for the accelerator."""
    return os.environ.get(VARIABLE, "").strip().lower() not in ("", "0", "f", "false", "n", "no")


def extensions() -> list[Any]:
    """Return no extension of asdf."""
    if is_wanted():
        from . import patches

        patches.install()
    return []
