"""Members of a container: files that are opened when they are touched, and which of them are open."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from . import mapping, overlay
from .associations import SCIENCE, Association, Entry
from .changes import holds_arrays, is_changed, references
from .errors import FormatError, MissingExtraError, UnsupportedError
from .file import File, child
from .models import JwstDataModel
from .opening import class_of, file_type, model_of
from .remote import is_url, name_of

__all__ = ["Member", "Shelf"]

# What names an exposure, in this order (the reference joins the same).
_OBSERVATION: Final = (
    "program_number",
    "observation_number",
    "visit_number",
    "visit_group",
    "sequence_id",
    "activity_id",
    "exposure_number",
)

# What an association may say of a member that becomes a part of its model.
_TOLD: Final = ("group_id", "tweakreg_catalog")

# Exceptions that are made from one text.
_ONE_TEXT: Final = (FormatError, UnsupportedError, MissingExtraError, ValueError, TypeError)


class Member:
    """A place in a container: a file, its model while it is open, and what is known of it."""

    __slots__ = (
        "_known",
        "_objects",
        "_stamp",
        "association",
        "entry",
        "kept",
        "kwargs",
        "model",
        "path",
    )

    def __init__(
        self,
        entry: Entry,
        path: str | None,
        association: Association | None,
        kwargs: dict[str, Any],
        model: JwstDataModel | None = None,
    ) -> None:
        self.entry = entry
        self.path = path
        self.association = association
        self.kwargs = kwargs
        self.model = model
        # Given by the user, or found to be changed.
        self.kept = model is not None
        self._known: tuple[str | None, str | None] | None = None
        # Objects of a model that was let go, and what its file was then.
        self._objects: dict[int, Any] = {}
        self._stamp: tuple[int, int, int] | None = None

    # -- what is known without opening -------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the file; of a model the one that it says it has."""
        if self.path is not None:
            return name_of(self.path)
        tree = None if self.model is None else self.model._instance
        return os.path.basename(str(_value(tree, "meta", "filename") or ""))

    @property
    def is_product(self) -> bool:
        """Whether the name is that of a file that can be opened."""
        if self.path is None:
            return True
        try:
            return file_type(self.path) != "asn"
        except ValueError:
            return False

    @property
    def is_there(self) -> bool:
        """Whether there is a file, or a model that needs none."""
        return self.path is None or is_url(self.path) or os.path.exists(self.path)

    @property
    def exptype(self) -> str:
        """What it is for, by the association, else by itself."""
        return (self.entry.exptype or self._facts()[1] or SCIENCE).lower()

    @property
    def group(self) -> str | None:
        """What it is grouped by; None where nothing tells."""
        told = self.entry.facts.get("group_id")
        if self.model is None and told not in (None, ""):
            return str(told)
        return self._facts()[0] or self._group_of_name()

    def _facts(self) -> tuple[str | None, str | None]:
        """Group and type as the model says, or the headers and the tree of its file."""
        if self.model is not None:
            return _facts(self.model._instance)
        if not self.is_product:
            return None, None
        if self._known is None:
            with _Blaming(self):
                file = File.open(self.path or "", storage_options=self._options())
                self._known = _facts(_metadata(file))
        return self._known

    def _group_of_name(self) -> str | None:
        from .products import parse

        try:
            return parse(self.name).group_id
        except ValueError:
            return None

    # -- its model ---------------------------------------------------------------------------

    def opened(self) -> JwstDataModel:
        """Open the file once more."""
        assert self.path is not None
        with _Blaming(self):
            file_type(self.path)
            file = File.open(self.path, storage_options=self._options())
            if self._objects and self._stamp == _stamp(self.path):
                file.objects = self._objects
            kwargs = {k: v for k, v in self.kwargs.items() if k != "storage_options"}
            model = model_of(file, **kwargs)
            if self.association is not None:
                self._tell(model, self.association)
        return model

    def _options(self) -> Any:
        """What a URL is opened with."""
        return self.kwargs.get("storage_options") if is_url(self.path) else None

    def _tell(self, model: JwstDataModel, association: Association) -> None:
        """Let a model know what the association says of it."""
        told = {
            "meta.asn.exptype": self.entry.exptype,
            "meta.asn.table_name": association.name,
            "meta.asn.pool_name": association.table.get("asn_pool"),
        }
        for fact in _TOLD:
            value = self.entry.facts.get(fact)
            if fact == "tweakreg_catalog" and isinstance(value, str):
                value = association.place(value) if value.strip() else None
            if fact in self.entry.facts:
                told[f"meta.{fact}"] = value
        for path, value in told.items():
            if value is not None:
                with suppress(KeyError):  # a class that knows no associations
                    model[path] = value

    def is_free(self) -> bool:
        """Tell whether the model may be let go; one that was changed is kept from now on."""
        if self.kept or self.model is None:
            return False
        if references(self, "model") > 0 or holds_arrays(self.model):
            return False
        self.kept = self._differs(self.model)
        return not self.kept

    def _differs(self, model: JwstDataModel) -> bool:
        """Tell whether a model was changed, or its file is gone or another one."""
        try:
            with warnings.catch_warnings(action="ignore"):  # they were heard when it was opened
                return is_changed(model, self.opened())
        except (OSError, ValueError, TypeError, LookupError, MissingExtraError):
            return True

    def drop(self) -> None:
        """Let go of the model."""
        if self.path is not None and self.model is not None and self.model._file is not None:
            self._objects = self.model._file.objects
            self._stamp = _stamp(self.path) if self._objects else None
            self._known = None
            self.model = None

    def forget(self) -> None:
        """Let go of the model and of all that was changed."""
        if self.path is not None:
            self.model, self.kept, self._objects, self._known = None, False, {}, None

    def copied(self) -> Member:
        """Return a member that shares nothing with this one."""
        changed = self.model is not None and not self.is_free()
        model = copy.deepcopy(self.model) if changed else None
        new = Member(self.entry, self.path, self.association, self.kwargs, model)
        new._objects, new._stamp = copy.deepcopy(self._objects), self._stamp
        return new

    # -- saving ------------------------------------------------------------------------------

    def save(self, target: str, shelf: Shelf, **kwargs: Any) -> str:
        """Write the member, its file if it was not changed, else its model; return where it is."""
        is_file = self.path is not None and not self._objects and not is_url(self.path)
        if is_file and (self.model is None or self._is_as_read()):
            with _Blaming(self):
                _copy_file(self.path or "", target, durable=kwargs.get("durable", True))
            return target
        target = target.removesuffix(".gz")
        shelf.model(self).save(target, **kwargs)
        if self.path is not None:
            self.path, self._objects = target, {}
            if references(self, "model") == 0 and self.model and not holds_arrays(self.model):
                self.forget()
        return target

    def _is_as_read(self) -> bool:
        """Tell whether the open model says what its file says; what was made of tags may not."""
        model = self.model
        if model is None or model._file is None or self.kept or model._file.objects:
            return False
        return not self._differs(model)

    def renamed(self, path: str) -> Entry:
        """What an association beside `path` says of the member that was saved there."""
        facts = dict(self.entry.facts)
        catalogue = facts.get("tweakreg_catalog")
        if self.association is not None and isinstance(catalogue, str) and catalogue.strip():
            beside = os.path.abspath(os.path.dirname(path))
            if beside != os.path.abspath(self.association.folder):
                facts["tweakreg_catalog"] = os.path.abspath(self.association.place(catalogue))
        exptype = self.entry.exptype or self.exptype
        return replace(self.entry, expname=os.path.basename(path), exptype=exptype, facts=facts)


class Shelf:
    """Which members of some containers are open, the one that was touched last at the end."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"found max_open={size}, expected at least 1")
        self.size = size
        self.lock = threading.RLock()
        self._open: dict[Member, None] = {}

    def model(self, member: Member) -> JwstDataModel:
        """Return the model of a member, opened if it is not."""
        with self.lock:
            if member.model is None:
                self._make_room()
                member.model = member.opened()
            if member.path is not None:
                self._open.pop(member, None)
                if not member.kept:
                    self._open[member] = None
            return member.model

    def _make_room(self) -> None:
        surplus = len(self._open) - self.size + 1
        for member in list(self._open):
            if surplus <= 0:
                return
            if member.is_free():
                member.drop()
            if member.model is None or member.kept:
                del self._open[member]
                surplus -= 1

    def clear(self, members: Iterable[Member]) -> None:
        """Let go of members, whatever was done to them."""
        with self.lock:
            for member in members:
                self._open.pop(member, None)
                member.forget()


class _Blaming:
    """Says of which association a member is that cannot be opened."""

    def __init__(self, member: Member) -> None:
        self.member = member

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        association = self.member.association
        if error is None or association is None:
            return
        of = f"a member of {association.path or 'the association'}"
        if isinstance(error, OSError) and error.errno is not None:
            text = f"{error.strerror} ({of})"
            raise type(error)(error.errno, text, error.filename or self.member.path) from error
        if type(error) in _ONE_TEXT:
            raise type(error)(f"{error} ({of})") from error
        error.add_note(f"{self.member.path} is {of}")


def _facts(tree: dict[str, Any]) -> tuple[str | None, str | None]:
    """The group and the type that a tree says it is of."""
    group = _value(tree, "meta", "group_id")
    if group in (None, ""):
        parts = [_value(tree, "meta", "observation", each) for each in _OBSERVATION]
        if None not in parts:
            program, observation, visit, *activity, exposure = parts
            group = f"jw{program}{observation}{visit}_{''.join(map(str, activity))}_{exposure}"
    kind = _value(tree, "meta", "asn", "exptype")
    return None if group is None else str(group), None if kind is None else str(kind)


def _value(tree: Any, *path: str) -> Any:
    """What a tree has at a path; None where nothing is."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = child(tree, key)
    return tree


def _metadata(file: File) -> dict[str, Any]:
    """The tree of a file with the values of its headers; its branches are made when they are walked."""
    if not file.product.is_fits:
        return file.tree()
    try:
        name = class_of(file)
    except TypeError:
        name = "JwstDataModel"  # what all classes have in common
    return overlay.metadata(file, mapping.model(name))


def _stamp(path: str) -> tuple[int, int, int] | None:
    """What tells whether a file is still the one that it was."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _copy_file(source: str, target: str, *, durable: bool) -> None:
    """Copy a file; the target is whole or as it was."""
    if os.path.exists(target) and os.path.samefile(source, target):
        return
    folder, name = os.path.split(target)
    handle, sibling = tempfile.mkstemp(".tmp", f".{name}.", folder or ".")
    os.close(handle)
    try:
        shutil.copyfile(source, sibling)
        shutil.copymode(source, sibling)
        if durable:
            with open(sibling, "rb") as file:
                os.fsync(file.fileno())
        os.replace(sibling, target)
    except BaseException:
        os.unlink(sibling)
        raise
