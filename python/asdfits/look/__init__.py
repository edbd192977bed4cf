"""Looking at products: pictures, what notebooks show of a model, and reports."""

from __future__ import annotations

__all__: list[str] = []
