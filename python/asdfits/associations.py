"""Associations: JSON files that say which products something is made from, and what each is for.

An association has `products`, and each of these `members`: ``expname`` is a file, mostly one beside
the association, and ``exptype`` what it is used for, such as ``science`` or ``background``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from .errors import FormatError
from .remote import is_url

__all__ = ["SCIENCE", "Association", "Entry"]

SCIENCE: Final = "science"
"""What a member is where nothing else is said."""

# Facts that schemas ask for, as they are given for an association that is made from a list.
_MADE: Final = {"asn_rule": "DMS_Level3_Base", "asn_id": "a3001", "asn_pool": "none"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as an association names it.

    Attributes
    ----------
    expname : str
        The file, as it stands there.
    exptype : str or None
        What it is for, such as ``science``; None where it is not said.
    product : int
        Place of the product that it is a member of.
    facts : mapping
        Whatever else is said of it, such as ``group_id``.
    """

    expname: str
    exptype: str | None = None
    product: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Association:
    """An association, its members by product, and where it lies.

    Attributes
    ----------
    table : dict
        What the file says.
    path : str or None
        The file, if it comes from one.
    """

    table: dict[str, Any]
    path: str | None = None

    @classmethod
    def read(
        cls, path: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
    ) -> Association:
        """Read an association, also at a URL.

        Raises
        ------
        OSError
            The file is missing or may not be read.
        FormatError
            It is no JSON, or no association; the message names the place in it.
        """
        name = os.fspath(path)
        if is_url(name):
            from .remote.reader import file_system  # only URLs need it

            files, place, _ = file_system(name, storage_options or {})
            text = files.cat_file(place)
        else:
            with open(name, "rb") as file:
                text = file.read()
        try:
            table = json.loads(text)
        except json.JSONDecodeError as error:
            raise FormatError(
                f"{name}: line {error.lineno}, column {error.colno}: no JSON: {error.msg}"
            ) from error
        except (UnicodeDecodeError, RecursionError) as error:
            raise FormatError(f"{name}: no JSON: {error}") from error
        return cls.of(table, name)

    @classmethod
    def of(cls, table: Any, path: str | None = None) -> Association:
        """Take an association that was read; FormatError names what is wrong with it."""
        fault = _fault(table)
        if fault is not None:
            raise FormatError(f"{path or 'the association'}: {fault}")
        return cls(table, path)

    @classmethod
    def made(cls, product: str) -> Association:
        """Return the association of a list of files: one product without members so far."""
        return cls({**_MADE, "products": [{"name": product, "members": []}]})

    @property
    def name(self) -> str | None:
        """Name of the file."""
        return None if self.path is None else os.path.basename(self.path)

    @property
    def folder(self) -> str:
        """Where members are that are named without a folder."""
        return os.path.dirname(self.path or "")

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products; empty where one has none."""
        return tuple(str(product.get("name") or "") for product in self.table["products"])

    @property
    def entries(self) -> list[Entry]:
        """All members, product by product."""
        return [
            Entry(
                member["expname"],
                member.get("exptype") or None,
                number,
                {k: v for k, v in member.items() if k not in ("expname", "exptype")},
            )
            for number, product in enumerate(self.table["products"])
            for member in product["members"]
        ]

    def place(self, name: str) -> str:
        """Return the path of a file that the association names; an address or a path stays one."""
        return name if is_url(name) else os.path.join(self.folder, name)

    def with_entries(self, entries: Iterable[Entry]) -> bytes:
        """Return the text of this association with other members; products without any are left out."""
        members: dict[int, list[dict[str, Any]]] = {}
        for entry in entries:
            member = {"expname": entry.expname, "exptype": entry.exptype or SCIENCE, **entry.facts}
            members.setdefault(entry.product, []).append(member)
        table = deepcopy(self.table)
        table["products"] = [
            {**product, "members": members[number]}
            for number, product in enumerate(table["products"])
            if number in members or not members
        ]
        return (json.dumps(table, indent=4, ensure_ascii=False) + "\n").encode()


def _fault(table: Any) -> str | None:
    """What keeps JSON from being an association; None if it is one."""
    if not isinstance(table, dict):
        return f"found {_kind(table)}, expected an object with products"
    products = table.get("products")
    if not isinstance(products, list) or not products:
        found = f"found {_kind(products)}" if "products" in table else "found none"
        return f"products: {found}, expected a list of at least one"
    for number, product in enumerate(products):
        here = f"products[{number}]"
        if not isinstance(product, dict) or not isinstance(product.get("members"), list):
            return f"{here}: expected an object with a list of members"
        for place, member in enumerate(product["members"]):
            there = f"{here}.members[{place}]"
            if not isinstance(member, dict):
                return f"{there}: found {_kind(member)}, expected an object"
            expname, exptype = member.get("expname"), member.get("exptype")
            if not isinstance(expname, str) or not expname:
                return f"{there}: expname: found {expname!r}, expected the name of a file"
            if exptype is not None and not isinstance(exptype, str):
                return f"{there}: exptype: found {exptype!r}, expected a word"
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), repr(value))
