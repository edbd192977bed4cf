#!/usr/bin/env python
"""Write what type checkers know of the model classes, which exist only when they are asked for.

python tools/make_stubs.py            write python/asdfits/models/classes.pyi
python tools/make_stubs.py --check    compare it with what would be written
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from asdfits import mapping
from asdfits.models import nearest_bases
from asdfits.models.families import BEHAVIOUR as FAMILIES
from asdfits.models.references import BEHAVIOUR as REFERENCES
from asdfits.models.transforms import BEHAVIOUR as TRANSFORMS

STUB: Final = Path(__file__).resolve().parents[1] / "python" / "asdfits" / "models" / "classes.pyi"

HEAD: Final = '''"""The model classes, for type checkers; made by tools/make_stubs.py."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Table
from . import families, references, transforms
from .base import JwstDataModel
from .nodes import ListNode, ObjectNode

'''
_ROOT: Final = "JwstDataModel"


def attributes(name: str) -> dict[str, str]:
    """Return attribute -> type for what stands at the root of a class's tree."""
    found = {}
    for key, node in (mapping.model(name).root.properties or {}).items():
        if isinstance(node.datatype, str):
            found[key] = f"NDArray[np.{_SCALARS.get(node.datatype, node.datatype)}]"
        elif node.datatype is not None:
            found[key] = "Table"
        elif node.is_array:
            found[key] = "NDArray[np.generic]"
        elif node.container is not None:
            found[key] = "ObjectNode" if node.container == "object" else "ListNode"
    return found


_SCALARS: Final = {"bool8": "bool_"}


def lines() -> Iterator[str]:
    """Yield the lines of the stub; a base stands before what inherits from it."""
    names = [name for name in mapping.class_names() if name != _ROOT]
    names.sort(key=lambda name: len(mapping.model(name).bases))
    yield "__all__ = ["
    yield from (f'    "{name}",' for name in sorted(names))
    yield "]"
    for name in names:
        yield ""
        yield from class_lines(name)


def class_lines(name: str) -> Iterator[str]:
    """Yield the lines of one class: its bases, and what they do not say already."""
    bases = nearest_bases(name)
    own = [
        f"{room}.{table[name].__name__}"
        for room, table in (
            ("families", FAMILIES),
            ("references", REFERENCES),
            ("transforms", TRANSFORMS),
        )
        if name in table
    ]
    listed = own + [base for base in bases if base != _ROOT or not own]
    known = attributes(_ROOT)
    for base in bases:
        known |= attributes(base)
    yield f"class {name}({', '.join(listed)}):"
    body = [
        f"    {key}: {kind}" for key, kind in attributes(name).items() if known.get(key) != kind
    ]
    if mapping.model(name).reftype is not None:
        body.append("    reftype: ClassVar[str]")
    yield from body or ["    pass"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    parser = argparse.ArgumentParser(description="Write the stub of the model classes.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing, exit 0 or 1")
    parser.add_argument("--stub", type=Path, default=STUB, help="default: %(default)s")
    options = parser.parse_args(arguments)
    text = HEAD + "\n".join(lines()) + "\n"
    if options.check:
        same = options.stub.exists() and options.stub.read_text() == text
        if not same:
            print(f"{options.stub}: not what tools/make_stubs.py writes", file=sys.stderr)
        return 0 if same else 1
    options.stub.write_text(text)
    print(f"{options.stub}: {len(mapping.class_names()) - 1} classes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
