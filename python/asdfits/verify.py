"""What is wrong with a file, found without reading what need not be read."""

from __future__ import annotations

import os
import warnings

from . import arrays
from ._core import Product
from .errors import FormatError, MissingExtraError

__all__ = ["verify"]


def verify(path: str | os.PathLike[str]) -> list[str]:
    """Return a sentence for each fault of a FITS or ASDF file; an empty list if there is none.

    Checked are the structure (headers, sizes, what lies behind the last HDU), the tree and its links
    to HDUs, the size of every array, the layout of every table, and the MD5 of each binary block that
    has one. A header hash that differs is no fault: a header may be edited, and then FITS speaks.

    Raises
    ------
    OSError
        The file is missing, a folder, or may not be read.

    Examples
    --------
    >>> asdfits.verify("jw..._cal.fits")  # doctest: +SKIP
    []
    """
    try:
        product = Product.open(os.fspath(path))
    except FormatError as error:
        return [str(error)]
    faults = list(product.warnings)
    for index in range(len(product)):
        hdu = product.hdu(index)
        # Data that lie as they are cost nothing to look at; those that must be unpacked are left alone.
        if hdu.kind not in ("PRIMARY", "IMAGE", "BINTABLE") or hdu.data_len < hdu.announced:
            continue
        try:
            if hdu.kind == "BINTABLE":
                product.table(index)
            else:
                with warnings.catch_warnings(action="ignore"):
                    arrays.hdu_array(product, index)
        except (FormatError, MissingExtraError) as error:
            faults.append(str(error))
    for number, holds in enumerate(product.block_checksums()):
        if holds is False:
            at = product.block(number)[0]
            faults.append(f"{product.path}: byte {at}: the MD5 of binary block {number} differs")
    return faults
