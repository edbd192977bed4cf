"""Files that are far away: what is fetched of them, when, and in how many requests.

>>> import asdfits
>>> model = asdfits.open("s3://stpubdata/jwst/public/…_i2d.fits")  # doctest: +SKIP
>>> model.section("data")[100:300, 100:300]  # doctest: +SKIP

What a URL means is fsspec's business: ``https://``, ``s3://``, ``memory://``, ``simplecache::https://…``.
It comes with the extra ``cloud``: ``pip install 'asdfits[cloud]'``.

Opening a product takes three requests or so, whatever its size: the head of the file, its end with the
tree, and the headers between, whose places the tree lets guess. No pixel is fetched. An array that is
touched is fetched as a whole, in parallel chunks; a section costs what it covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .names import is_url, name_of, refuse

if TYPE_CHECKING:
    from .policy import Policy

__all__ = ["Policy", "is_url", "name_of", "refuse"]


def __getattr__(name: str) -> Any:
    # Whoever opens a file that is near asks whether it is far, and no more.
    if name == "Policy":
        from .policy import Policy

        return Policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
