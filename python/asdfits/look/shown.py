"""What is shown: a model, as far as pictures and pages have to know it."""

from __future__ import annotations

from typing import Any, Protocol

from ..file import File
from ..mapping import ModelSchema
from ..overlay import Conflict
from ..section import Section

__all__ = ["Shown"]


class Shown(Protocol):
    """What `asdfits.models.DataModel` offers to whoever shows it; models know that they are shown."""

    _file: File | None
    _instance: dict[str, Any]

    @property
    def _model(self) -> ModelSchema: ...

    def __getitem__(self, path: str) -> Any: ...

    def get_primary_array_name(self) -> str:
        """Return the name of the main array; empty where there is none."""
        ...

    def section(self, path: str) -> Section:
        """Return an array that is read where it is indexed."""
        ...

    def conflicts(self) -> list[Conflict]:
        """Return the paths on which headers and tree disagree."""
        ...
