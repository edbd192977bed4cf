"""Many products as a list: the members of an association, each opened when it is touched.

>>> import asdfits
>>> with asdfits.open("jw02736-o007_image3_00001_asn.json") as container:  # doctest: +SKIP
...     for group in container.models_grouped:
...         for model in group:
...             print(model.meta.instrument.detector, model.data.mean())
"""

from __future__ import annotations

import copy
import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from types import TracebackType
from typing import Any, Self, overload

from . import _core
from .associations import Association, Entry
from .members import Member, Shelf
from .models import JwstDataModel
from .opening import file_type

__all__ = ["ModelContainer", "described"]

PathLike = str | os.PathLike[str]


class ModelContainer(MutableSequence[JwstDataModel]):
    """A list of models, of which only a few are open at a time.

    A member is opened when it is touched. When more than `max_open` are open, those that were not
    touched for the longest time are let go, and opened again when they are touched again. **A member
    that was changed is never let go**, whether its metadata or a number in an array, nor is one that
    somebody holds, itself, a part of it or an array of it; `save` writes what was changed. Objects
    that were made from tagged parts, such as ``meta.wcs``, are kept and given to the member when it is
    opened again, since they do not tell whether they were changed.

    Parameters
    ----------
    init : str, path-like, mapping, iterable or None
        A file ``…_asn.json``; what such a file says; paths and open models; or nothing. Members of
        another container are shared with it.
    asn_exptypes : str or iterable of str, optional
        Only members of these types, such as ``"science"``, whatever the case.
    asn_n_members : int, optional
        Only so many of them, from the first.
    asn_product : str or int, optional
        Only the members of this product, by its name or place; those of all products, one after the
        other, if not given.
    max_open : int
        How many members are kept open that nobody holds and that were not changed.
    **kwargs
        Passed to `asdfits.open` for each member: `guess`, `native`, `strict_compat` …

    Raises
    ------
    OSError
        The association is missing or may not be read.
    FormatError
        It is no JSON or no association; the message names the place in it.
    KeyError
        There is no such product.
    TypeError
        `init`, or something in it, is of another kind.

    Notes
    -----
    Nothing is said of members that are missing or damaged until they are touched; then the error names
    the association as well. A member of an association gets ``meta.asn`` (exptype, table_name,
    pool_name), and ``meta.group_id`` and ``meta.tweakreg_catalog`` if the association has them.
    The reference has the members of the first product alone; so has this with ``strict_compat=True``.
    """

    def __init__(
        self,
        init: Any = None,
        asn_exptypes: str | Iterable[str] | None = None,
        asn_n_members: int | None = None,
        *,
        asn_product: str | int | None = None,
        max_open: int = 8,
        **kwargs: Any,
    ) -> None:
        self._shelf = Shelf(max_open)
        self._association = Association.made("")
        self._kwargs = kwargs
        self._members: list[Member]
        if isinstance(init, ModelContainer):
            self._shelf, self._association = init._shelf, init._association
            members = list(init._members)
        elif isinstance(init, (str, os.PathLike)):
            members = self._listed(Association.read(init, kwargs.get("storage_options")))
        elif isinstance(init, Mapping):
            members = self._listed(Association.of(copy.deepcopy(dict(init))))
        else:
            members = [self._member(each) for each in (() if init is None else init)]
            first = members[0].name if members else ""
            self._association = Association.made(first.partition(".")[0].rpartition("_")[0])
        if asn_product is None and kwargs.get("strict_compat"):
            asn_product = 0
        if asn_product is not None:
            place = self._product(asn_product)
            members = [each for each in members if each.entry.product == place]
        if asn_exptypes is not None:
            words = [asn_exptypes] if isinstance(asn_exptypes, str) else asn_exptypes
            wanted = {word.lower() for word in words}
            members = [each for each in members if each.exptype in wanted]
        self._members = members[:asn_n_members]

    def _listed(self, association: Association) -> list[Member]:
        self._association = association
        return [
            Member(entry, association.place(entry.expname), association, self._kwargs)
            for entry in association.entries
        ]

    def _member(self, init: Any) -> Member:
        """A path or a model as a member."""
        if isinstance(init, JwstDataModel):
            return Member(Entry(""), None, None, {}, init)
        if not isinstance(init, (str, os.PathLike)):
            raise TypeError(f"found {type(init)}, expected paths and models")
        path = os.fspath(init)
        if file_type(path) == "asn":
            raise ValueError(f"{path}: an association cannot be a member")
        return Member(Entry(path), path, None, self._kwargs)

    def _product(self, product: str | int) -> int:
        names = self._association.products
        if isinstance(product, int) and 0 <= product < len(names):
            return product
        if product in names:
            return names.index(str(product))
        raise KeyError(f"no product {product!r}; found {', '.join(map(repr, names))}")

    def _view(self, members: list[Member]) -> Self:
        """Some of the members as a container; they are the same in both."""
        view = type(self)(**self._kwargs)
        view._shelf, view._association = self._shelf, self._association
        view._members = members
        return view

    # -- a list ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, index: int) -> JwstDataModel: ...

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Open a member; a slice is a container that shares its members with this one."""
        if isinstance(index, slice):
            return self._view(self._members[index])
        return self._shelf.model(self._members[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._members[index] = [self._member(each) for each in value]
        else:
            self._members[index] = self._member(value)

    def __delitem__(self, index: int | slice) -> None:
        del self._members[index]

    def __iter__(self) -> Iterator[JwstDataModel]:
        for member in self._members:
            yield self._shelf.model(member)

    def insert(self, index: int, value: Any) -> None:
        """Put a model, or the path of one, before the member at `index`."""
        self._members.insert(index, self._member(value))

    def copy(self) -> Self:
        """Return a container of copies: of models where they are changed or given, else of paths."""
        with self._shelf.lock:
            new = self._view([member.copied() for member in self._members])
        new._shelf = Shelf(self._shelf.size)
        return new

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all members, changes that were not saved with them; they open anew when touched.

        Models that were given to the container stay.
        """
        self._shelf.clear(self._members)

    def __repr__(self) -> str:
        name = f" {self.asn_table_name}" if self.asn_table_name else ""
        kinds = _kinds(self._members)
        types = f" ({kinds})" if kinds else ""
        is_open = sum(member.model is not None for member in self._members)
        return f"<ModelContainer{name}: {len(self)} members{types}, {is_open} open>"

    # -- the association ---------------------------------------------------------------------

    @property
    def asn_table(self) -> dict[str, Any]:
        """The association as it was read; that of a list has its names alone."""
        return self._association.table

    @property
    def asn_table_name(self) -> str | None:
        """Name of the association's file; None where there is none."""
        return self._association.name

    @property
    def asn_pool_name(self) -> str | None:
        """Name of the pool that the association was made from, if it says so."""
        return self._association.table.get("asn_pool")

    @property
    def asn_file_path(self) -> str | None:
        """The association's file; None where there is none."""
        return self._association.path

    @property
    def products(self) -> dict[str, Self]:
        """Name of each product -> its members as a container; of equal names the place is appended."""
        names = self._association.products
        found: dict[str, Self] = {}
        for place, name in enumerate(names):
            key = name if name and names.count(name) == 1 else f"{name}[{place}]"
            found[key] = self._view([m for m in self._members if m.entry.product == place])
        return found

    @property
    def paths(self) -> tuple[str | None, ...]:
        """The file of each member; None for a model that was given."""
        return tuple(member.path for member in self._members)

    @property
    def exptypes(self) -> tuple[str, ...]:
        """What each member is for, in lower case; ``science`` where neither list nor file says."""
        return tuple(member.exptype for member in self._members)

    def ind_asn_type(self, asn_exptype: str) -> list[int]:
        """Return the places of the members that are of a type, such as ``science``."""
        wanted = asn_exptype.lower()
        return [place for place, exptype in enumerate(self.exptypes) if exptype == wanted]

    # -- groups ------------------------------------------------------------------------------

    @property
    def groups(self) -> dict[str, Self]:
        """Group -> its members as a container: the detectors of an exposure, in order of appearance.

        The group is what the association says (``group_id``), else ``meta.group_id``, else program,
        observation, visit and exposure, joined: ``jw02736007001_03103_00003``. Where these are not
        there it is taken from the name of the file, and else each member is in a group of its own,
        ``exposure0001``. Headers are read for it, once; no member is opened. A member that is no
        product, such as a catalogue, is in no group.
        """
        return {
            name: self._view([self._members[place] for place in places])
            for name, places in self.group_indices.items()
        }

    @property
    def group_indices(self) -> dict[str, list[int]]:
        """Group -> the places of its members; see `groups`."""
        found: dict[str, list[int]] = {}
        for place, member in enumerate(self._members):
            if member.is_product:
                name = member.group or f"exposure{place + 1:04}"
                found.setdefault(name, []).append(place)
        return found

    @property
    def group_names(self) -> list[str]:
        """Names of the groups; see `groups`."""
        return list(self.group_indices)

    @property
    def models_grouped(self) -> list[Self]:
        """The members of each group as a container; see `groups`."""
        return list(self.groups.values())

    # -- saving ------------------------------------------------------------------------------

    def save(
        self,
        dir_path: PathLike,
        asn_name: str | None = None,
        *,
        overwrite: bool = True,
        **kwargs: Any,
    ) -> str:
        """Write all members to a folder, and then an association of them.

        A member that was not changed is copied, byte for byte. Each file is whole or not there, and the
        association comes last: it never names a file that was not written. A member that was changed
        stands for its new file afterwards, and is let go if nobody holds it.

        Parameters
        ----------
        dir_path : str or path-like
            The folder, made if it is not there. It may be the one that the members are in.
        asn_name : str, optional
            Name of the association; that of the one that was opened, or made from the first product's
            name.
        overwrite : bool
            Whether files of these names may be replaced.
        **kwargs
            Passed to the `save` of models: `checksum`, `durable`.

        Returns
        -------
        str
            Path of the association.

        Raises
        ------
        ValueError
            Two members would have the same name; nothing is written.
        FileExistsError
            A file is there, and `overwrite` is not given; nothing is written.
        OSError, FormatError
            A member cannot be read or written; those before it are.
        """
        folder = os.fspath(dir_path)
        names = self._names()
        name = (
            asn_name or self.asn_table_name or f"{self._association.products[0] or 'made'}_asn.json"
        )
        if not name.endswith(".json"):
            raise ValueError(f"{name}: found another ending, expected .json")
        targets = [os.path.join(folder, each) for each in (*names, name)]
        if not overwrite:
            for target in targets:
                if os.path.lexists(target):
                    raise FileExistsError(
                        errno.EEXIST, "File exists; overwrite=True replaces it", target
                    )
        os.makedirs(folder, exist_ok=True)
        entries = []
        for member, target in zip(self._members, targets, strict=False):
            with self._shelf.lock:
                written = member.save(target, self._shelf, **kwargs)
            entries.append(member.renamed(written))
        text = self._association.with_entries(entries)
        _core.write_file(targets[-1], [text], fsync=kwargs.get("durable", True))
        return targets[-1]

    def _names(self) -> list[str]:
        """The names that members are saved under."""
        names = [m.name or f"exposure{n:04}.fits" for n, m in enumerate(self._members, 1)]
        for name, count in Counter(names).items():
            if count > 1:
                raise ValueError(f"{count} members would be saved as {name}")
        return names


def _kinds(members: Iterable[Member]) -> str:
    """How many members an association has of each type; empty where it says nothing."""
    kinds = Counter(m.entry.exptype.lower() for m in members if m.entry.exptype is not None)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())


# What of an association `asdfits info` shows, and as what.
_SHOWN = {"asn_rule": "rule", "asn_type": "type", "program": "program", "target": "target"}
_SHOWN |= {"asn_pool": "pool", "degraded_status": "status"}


def described(path: PathLike) -> list[str]:
    """Return what `asdfits info` says of an association: products, members, groups, what is missing."""
    container = ModelContainer(path)
    lines = [os.fspath(path), f"  {'association':<11} {container.asn_table.get('asn_id') or '-'}"]
    for key, label in _SHOWN.items():
        value = container.asn_table.get(key)
        if value not in (None, ""):
            lines.append(f"  {label:<11} {value}")
    for name, part in container.products.items():
        lines.append(f"  {'product':<11} {name or '-'}: {_kinds(part._members) or 'no members'}")
    missing = [m for m in container._members if not m.is_there]
    there = [m for m in container._members if m.is_there]
    groups = container._view(there).groups
    label = "groups"
    for name, part in groups.items():
        lines.append(f"  {label:<11} {name}: {', '.join(m.name for m in part._members)}")
        label = ""
    label = "missing"
    for member in missing:
        lines.append(f"  {label:<11} {member.entry.expname}")
        label = ""
    return lines
