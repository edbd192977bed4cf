"""Kinds of products: levels and stages, names and their fields, what belongs together.

>>> from asdfits import products
>>> product = products.parse("jw02736007001_03103_00003_nrs2_cal.fits")
>>> product.suffix, product.level, product.stage, product.mast_level, product.basis
('cal', '2b', 2, 2, 'exposure')

A name is read by `parse` and made by `Product.format`. `classify` looks into a file where its name
says nothing; all the rest knows names only.
"""

from __future__ import annotations

from .content import Kind, classify, level_of, stage_of
from .fields import DETECTORS
from .groups import Exposure, Source, group_exposures, group_sources
from .levels import LEVELS, Level, find_levels
from .names import Product, parse
from .suffixes import STEPS, TYPES, ProductType

__all__ = [
    "DETECTORS",
    "LEVELS",
    "STEPS",
    "TYPES",
    "Exposure",
    "Kind",
    "Level",
    "Product",
    "ProductType",
    "Source",
    "classify",
    "find_levels",
    "group_exposures",
    "group_sources",
    "level_of",
    "parse",
    "stage_of",
]
