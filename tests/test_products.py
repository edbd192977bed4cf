from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import asdfits
from asdfits import mapping, products, sample
from asdfits.errors import FormatError
from asdfits.products import DETECTORS, LEVELS, STEPS, TYPES, Product, classify, parse

# -- levels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stage", "mast_level", "available", "basis"),
    [
        ("planned", None, -1, False, None),
        ("0", None, None, False, None),
        ("0.5", None, None, False, None),
        ("1a", 0, 0, False, "exposure"),
        ("1b", 0, 1, True, "exposure"),
        ("2a", 1, 2, True, "exposure"),
        ("2b", 2, 2, True, "exposure"),
        ("2c", 3, 2, True, "exposure"),
        ("3", 3, 3, True, "source"),
    ],
)
def test_a_level_has_a_stage_and_a_level_in_the_archive(
    name: str, stage: int | None, mast_level: int | None, available: bool, basis: str | None
) -> None:
    level = LEVELS[name]
    assert (level.name, level.stage, level.mast_level) == (name, stage, mast_level)
    assert (level.available, level.basis) == (available, basis)


def test_the_table_of_levels_is_whole_and_cannot_be_changed() -> None:
    assert list(LEVELS) == ["planned", "0", "0.5", "1a", "1b", "2a", "2b", "2c", "3"]
    with pytest.raises(TypeError):
        LEVELS["4"] = LEVELS["3"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        LEVELS["3"].stage = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"mast_level": 2}, ["2a", "2b", "2c"]),
        ({"mast_level": -1}, ["planned"]),
        ({"mast_level": 0}, ["1a"]),
        ({"stage": 0}, ["1a", "1b"]),
        ({"stage": 0, "available": True}, ["1b"]),
        ({"stage": 3}, ["2c", "3"]),
        ({"stage": 3, "mast_level": 2}, ["2c"]),
        ({"available": False}, ["planned", "0", "0.5", "1a"]),
        ({"stage": 7}, []),
    ],
)
def test_stages_and_archive_levels_lead_back_to_levels(
    wanted: dict[str, Any], names: list[str]
) -> None:
    assert [level.name for level in products.find_levels(**wanted)] == names


# -- the table of product types -----------------------------------------------------------------


def test_every_class_in_the_table_is_a_model_class() -> None:
    named = {model for row in TYPES.values() for model in row.models}
    assert named <= set(mapping.class_names())
    assert len(named) > 20


def test_every_row_of_the_table_stands_by_itself() -> None:
    suffixes = {suffix for suffix, _ in TYPES}
    for (suffix, basis), row in TYPES.items():
        assert (row.suffix, row.basis) == (suffix, basis)
        assert row.level is None or row.level in LEVELS
        assert row.layout in suffixes
        assert row.extension in ("fits", "ecsv")
        assert not row.models or row.extension == "fits"
        assert row.modes


@pytest.mark.parametrize(
    ("suffix", "basis", "level"),
    [
        ("uncal", "exposure", "1b"),
        ("rate", "exposure", "2a"),
        ("rateints", "exposure", "2a"),
        ("trapsfilled", "exposure", "2a"),
        ("cal", "exposure", "2b"),
        ("cal", "source", "3"),
        ("cal", "guide star", "2b"),
        ("calints", "exposure", "2b"),
        ("bsub", "exposure", "2b"),
        ("i2d", "exposure", "2b"),
        ("i2d", "source", "3"),
        ("s2d", "exposure", "2b"),
        ("s2d", "source", "3"),
        ("s3d", "exposure", "2b"),
        ("s3d", "source", "3"),
        ("x1d", "exposure", "2b"),
        ("x1d", "source", "3"),
        ("x1dints", "exposure", "2b"),
        ("x1dints", "source", "3"),
        ("crf", "exposure", "2c"),
        ("crf", "source", "2c"),
        ("crfints", "exposure", "2c"),
        ("psfalign", "exposure", "3"),
        ("psfstack", "source", "3"),
        ("ami-oi", "exposure", "3"),
        ("aminorm-oi", "source", "3"),
        ("c1d", "source", "3"),
        ("cat", "source", "3"),
        ("whtlt", "source", "3"),
        ("wfscmb", "source", "3"),
        ("blot", "exposure", None),
        ("stream", "guide star", None),
    ],
)
def test_the_level_of_a_suffix_depends_on_the_basis(
    suffix: str, basis: Any, level: str | None
) -> None:
    assert TYPES[suffix, basis].level == level


@pytest.mark.parametrize(
    ("suffix", "layout"),
    [
        ("crf", "cal"),
        ("crfints", "calints"),
        ("bsub", "rate"),
        ("bsubints", "rateints"),
        ("cal", "cal"),
    ],
)
def test_level_2c_has_the_layout_of_what_it_was_made_from(suffix: str, layout: str) -> None:
    product = parse(f"jw12345001002_02101_00001_nrcb1_{suffix}.fits")
    made_from = replace(product, suffix=layout)
    assert product.layout == layout
    assert product.models == made_from.models
    assert product.units == made_from.units


# -- names that the archive gives ---------------------------------------------------------------

EXPOSURE = {
    "family": "exposure",
    "program": "12345",
    "observation": "067",
    "visit": "089",
    "visit_group": "02",
    "parallel_sequence": "1",
    "activity": "01",
    "exposure": "00003",
    "detector": "nrs2",
    "suffix": "cal",
}
SOURCE = {
    "family": "source",
    "program": "12345",
    "acid": "o067",
    "instrument": "nirspec",
    "optical_elements": "f290lp-g395m",
    "suffix": "x1d",
}
GUIDE = {"family": "guide star", "program": "12345", "observation": "067", "visit": "089"}

CANONICAL: dict[str, dict[str, Any]] = {
    "jw12345067089_02101_00003_nrs2_cal.fits": EXPOSURE,
    "jw12345067089_0210h_00003_nrs2_cal.fits": EXPOSURE | {"activity": "0h"},
    "jw12345067089_02501_00003_nrs2_cal.fits": EXPOSURE | {"parallel_sequence": "5"},
    "jw12345067089_02101_00003_nrs2_cal.fits.gz": EXPOSURE | {"gz": True},
    "jw12345067089_02101_00003_nrs2_cal.asdf": EXPOSURE | {"extension": "asdf"},
    "jw12345067089_02101_00003-seg012_nrs2_uncal.fits": EXPOSURE
    | {"segment": "012", "suffix": "uncal"},
    "jw12345067089_02101_00003_nrcalong_c1001_crf.fits": EXPOSURE
    | {"detector": "nrcalong", "acid": "c1001", "suffix": "crf"},
    "jw12345067089_02101_00003-seg001_mirimage_o067_crfints.fits": EXPOSURE
    | {"segment": "001", "detector": "mirimage", "acid": "o067", "suffix": "crfints"},
    "jw12345067089_02101_00003_nis_a3001_ami-oi.fits": EXPOSURE
    | {"detector": "nis", "acid": "a3001", "suffix": "ami-oi"},
    "jw12345067089_02101_00003_nis_r0001_psf-ami-oi.fits": EXPOSURE
    | {"detector": "nis", "acid": "r0001", "suffix": "psf-ami-oi"},
    "jw12345067089_02101_00003_guider1_cal.fits": EXPOSURE | {"detector": "guider1"},
    "jw12345-o067_t001_nirspec_f290lp-g395m_x1d.fits": SOURCE | {"target": "t001"},
    "jw12345-o067_s06789_nirspec_f290lp-g395m_x1d.fits": SOURCE
    | {"source_kind": "s", "source_id": "06789"},
    "jw12345-o067_b000000021_nirspec_f290lp-g395m_x1d.fits": SOURCE
    | {"source_kind": "b", "source_id": "000000021"},
    "jw12345-o067_v000000353_nirspec_f290lp-g395m_x1d.fits": SOURCE
    | {"source_kind": "v", "source_id": "000000353"},
    "jw12345-c1001_t002-s000000001_nirspec_f290lp-g395h-s1600a1-allslits_s2d.fits": SOURCE
    | {
        "acid": "c1001",
        "target": "t002",
        "source_kind": "s",
        "source_id": "000000001",
        "optical_elements": "f290lp-g395h-s1600a1-allslits",
        "suffix": "s2d",
    },
    "jw12345-o067_t001-epoch1_miri_f1130w_i2d.fits": SOURCE
    | {
        "target": "t001",
        "epoch": "1",
        "instrument": "miri",
        "optical_elements": "f1130w",
        "suffix": "i2d",
    },
    "jw12345-a3001_t001_niriss_f480m-nrm_aminorm-oi.fits": SOURCE
    | {
        "acid": "a3001",
        "target": "t001",
        "instrument": "niriss",
        "optical_elements": "f480m-nrm",
        "suffix": "aminorm-oi",
    },
    "jw12345-o067_t001_fgs_clear_cat.ecsv": SOURCE
    | {
        "target": "t001",
        "instrument": "fgs",
        "optical_elements": "clear",
        "suffix": "cat",
        "extension": "ecsv",
    },
    "jw12345-o067_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits": SOURCE
    | {
        "target": "t001",
        "instrument": "nircam",
        "optical_elements": "f212n-wlm8-nrca3",
        "suffix": "wfscmb",
        "activity": "04",
    },
    "jw12345067089_gs-id_1_image_cal.fits": GUIDE
    | {"guide_function": "id", "attempt": "1", "suffix": "image_cal"},
    "jw12345067089_gs-id_12_stacked-uncal.fits": GUIDE
    | {"guide_function": "id", "attempt": "12", "suffix": "stacked-uncal"},
    "jw12345067089_gs-acq1_2022150070312_uncal.fits": GUIDE
    | {"guide_function": "acq1", "time": "2022150070312", "suffix": "uncal"},
    "jw12345067089_gs-acq2_2022150070312_cal.fits": GUIDE
    | {"guide_function": "acq2", "time": "2022150070312", "suffix": "cal"},
    "jw12345067089_gs-track_2022150070312_stream.fits": GUIDE
    | {"guide_function": "track", "time": "2022150070312", "suffix": "stream"},
    "jw12345067089_gs-fg_2022150070312-seg002_uncal.fits": GUIDE
    | {"guide_function": "fg", "time": "2022150070312", "segment": "002", "suffix": "uncal"},
    "jw12345067089_01_msa.fits": GUIDE | {"family": "MSA", "configuration": "01", "suffix": "msa"},
    "jw12345-o067_20240131t010203_spec3_00001_asn.json": {
        "family": "association",
        "program": "12345",
        "acid": "o067",
        "time": "20240131t010203",
        "asn_type": "spec3",
        "sequence": "00001",
        "suffix": "asn",
        "extension": "json",
    },
    "jw12345-c1001_wfs-image3_002_asn.json": {
        "family": "association",
        "program": "12345",
        "acid": "c1001",
        "asn_type": "wfs-image3",
        "sequence": "002",
        "suffix": "asn",
        "extension": "json",
    },
    "jw12345_20240131t010203_pool.csv": {
        "family": "pool",
        "program": "12345",
        "time": "20240131t010203",
        "suffix": "pool",
        "extension": "csv",
    },
    "jw12345_20240131t010203_pool": {
        "family": "pool",
        "program": "12345",
        "time": "20240131t010203",
        "suffix": "pool",
        "extension": "",
    },
}


@pytest.mark.parametrize("name", CANONICAL)
def test_a_name_is_read_into_its_fields_and_made_from_them(name: str) -> None:
    product = parse(name)
    assert product == Product(**CANONICAL[name])
    assert product.odd == ()
    assert product.format() == str(product) == name


@pytest.mark.parametrize(
    ("name", "basis", "level", "stage", "mast_level"),
    [
        ("jw12345067089_02101_00003_nrs2_uncal.fits", "exposure", "1b", 0, 1),
        ("jw12345067089_02101_00003_nrs2_rate.fits", "exposure", "2a", 1, 2),
        ("jw12345067089_02101_00003_nrs2_s2d.fits", "exposure", "2b", 2, 2),
        ("jw12345067089_02101_00003_nrs2_o067_crf.fits", "exposure", "2c", 3, 2),
        ("jw12345067089_02101_00003_mirimage_c1001_psfsub.fits", "exposure", "3", 3, 3),
        ("jw12345-o067_s06789_nirspec_f290lp-g395m_s2d.fits", "source", "3", 3, 3),
        ("jw12345-o067_s06789_nirspec_f290lp-g395m_crf.fits", "source", "2c", 3, 2),
        ("jw12345067089_gs-id_1_stacked_uncal.fits", "guide star", "1b", 0, 1),
        ("jw12345067089_01_msa.fits", None, None, None, None),
        ("jw12345-o067_spec3_00001_asn.json", None, None, None, None),
        ("jw12345067089_02101_00003_nrs2_blot.fits", "exposure", None, None, None),
        ("jw12345067089_02101_00003_nrs2_destreak.fits", "exposure", None, None, None),
    ],
)
def test_a_name_has_level_stage_and_level_in_the_archive(
    name: str,
    basis: str | None,
    level: str | None,
    stage: int | None,
    mast_level: int | None,
) -> None:
    product = parse(name)
    assert (product.basis, product.level) == (basis, level)
    assert (product.stage, product.mast_level) == (stage, mast_level)


def test_a_name_says_what_to_expect_of_the_file() -> None:
    product = parse("jw12345067089_02101_00003_mirifulong_s3d.fits")
    assert product.models == ("IFUCubeModel",)
    assert product.units == ("MJy/sr", "MJy")
    assert product.pipelines == ("spec2",)
    assert product.modes == ("NIRSpec IFU", "MIRI MRS")
    assert product.layout == "s3d"
    nothing = parse("jw12345067089_02101_00003_mirifulong_mine.fits")
    assert nothing.models == nothing.units == nothing.pipelines == nothing.modes == ()
    assert nothing.layout is nothing.step is nothing.product_type is None


def test_what_the_detectors_of_an_exposure_share_is_the_group() -> None:
    names = [f"jw12345067089_02101_00003{rest}" for rest in ("_nrs1_rate", "-seg002_nrs2_o067_crf")]
    assert {parse(name).group_id for name in names} == {"jw12345067089_02101_00003"}
    assert parse("jw12345-o067_t001_miri_f770w_i2d.fits").group_id is None
    assert parse("jw12345067089_gs-id_1_image_cal.fits").group_id is None


@pytest.mark.parametrize("field", ["t001", "s06789", "t002-s000000001", "v000000353-epoch2"])
def test_the_source_is_what_stands_in_the_name(field: str) -> None:
    assert parse(f"jw12345-o067_{field}_nirspec_clear-prism_x1d.fits").source == field


def test_paths_and_urls_are_read_by_their_last_part() -> None:
    name = "jw12345067089_02101_00003_nrs2_cal.fits"
    for path in (
        Path("data") / "jw12345" / name,
        f"/archive/jw12345/jw12345067089/{name}",
        f"s3://bucket/public/{name}",
        f"mast:JWST/product/{name}",
    ):
        assert parse(path) == parse(name)
    with pytest.raises(TypeError, match="found a name of type bytes, expected text"):
        parse(os.fsencode(name))  # type: ignore[arg-type]


# -- names of other products --------------------------------------------------------------------


def test_a_changed_field_makes_the_name_of_another_product() -> None:
    product = parse("jw12345067089_02101_00003_nrs2_cal.fits")
    rate = replace(product, suffix="rate")
    assert rate.format() == "jw12345067089_02101_00003_nrs2_rate.fits"
    assert (rate.level, rate.stage) == ("2a", 1)
    crf = replace(product, suffix="crf", acid="o067", detector="nrs1", gz=True)
    assert crf.format() == "jw12345067089_02101_00003_nrs1_o067_crf.fits.gz"
    segment = replace(product, segment="002", extension="")
    assert segment.format() == "jw12345067089_02101_00003-seg002_nrs2_cal"
    x1d = parse("jw12345-o067_s06789_nirspec_f290lp-g395m_x1d.fits")
    other = replace(x1d, source_id="000000007", target="t001", epoch="2")
    assert other.format() == "jw12345-o067_t001-s000000007-epoch2_nirspec_f290lp-g395m_x1d.fits"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suffix": ""}, "expected fields joined by '_', the last one a suffix"),
        ({"suffix": "my_cal"}, "inserted would be read as 'my', not as None"),
        ({"detector": None}, "expected a detector and a suffix"),
        ({"detector": "nrs2_x"}, "detector would be read as 'nrs2', not as 'nrs2_x'"),
        ({"acid": "067"}, "acid would be read as None, not as '067'"),
        ({"inserted": "o067"}, "acid would be read as 'o067', not as None"),
        ({"inserted": "outlier", "suffix": "i2d"}, "inserted would be read as None"),
        ({"activity": None}, "expected visit group"),
        ({"target": "t001"}, "target would be read as None, not as 't001'"),
        ({"extension": "", "gz": True}, "extension would be read as 'gz', not as ''"),
    ],
)
def test_fields_that_make_no_name_are_refused(change: dict[str, Any], message: str) -> None:
    product = replace(parse("jw12345067089_02101_00003_nrs2_cal.fits"), **change)
    with pytest.raises(ValueError, match=re.escape(message)):
        product.format()


def test_a_product_is_a_value() -> None:
    name = "jw12345067089_02101_00003_nrs2_cal.fits"
    product = parse(name)
    assert {product: 1}[parse(name)] == 1
    assert pickle.loads(pickle.dumps(product)) == product
    with pytest.raises(FrozenInstanceError):
        product.suffix = "rate"  # type: ignore[misc]
    assert repr(product) == (
        "Product(family='exposure', program='12345', observation='067', visit='089', "
        "visit_group='02', parallel_sequence='1', activity='01', exposure='00003', "
        "detector='nrs2', suffix='cal', extension='fits')"
    )


# -- odd names ----------------------------------------------------------------------------------

ODD = {
    "jw12345067089_02101_00003_NRS2_cal.fits": ["detector 'NRS2', expected 'nrs2'"],
    "jw12345067089_02101_00003_nrcb5_cal.fits": ["detector 'nrcb5', expected 'nrcblong'"],
    "jw12345067089_02101_00003_nrca_cal.fits": [
        "detector 'nrca', expected the name of one detector"
    ],
    "jw12345067089_0210H_00003_nrs2_cal.fits": ["activity '0H', expected 2 of 0-9 and a-z"],
    "jw12345067089_02101_3_nrs2_cal.fits": ["exposure '3', expected 5 digits"],
    "jw12345067089_02101_00003-first20_nrs2_calints.fits": [
        "exposure '00003-first20', expected 5 digits"
    ],
    "jw12345067089_02101_00003_nrcb1_mine_o067_crf.fits": ["inserted 'mine' before the suffix"],
    "jw12345067089_02101_00003_nrcb1__cal.fits": ["inserted '' before the suffix"],
    "jw12345067089_02101_00003_NRCB1_image_uncal.fits": [
        "detector 'NRCB1', expected 'nrcb1'",
        "inserted 'image' before the suffix",
    ],
    "jw12345067089_02101_00003_nrs1_destreak.fits": ["suffix 'destreak' is not known"],
    "jw12345067089_02101_00003_nrs1_CAL.fits": ["suffix 'CAL', expected 'cal'"],
    "jw12345067089_02101_00003_nrs1_uncal_F444W_seed_image.fits": [
        "inserted 'uncal_F444W_seed' before the suffix",
        "suffix 'image' is not known",
    ],
    "jw12345067089_02101_00003_nrs1_assign_wcs.fits": [
        "suffix 'assign_wcs' names a step, assign_wcs"
    ],
    "jw12345067089_02101_00003_nrs1_assignwcsstep.fits": [
        "suffix 'assignwcsstep' names a step, assign_wcs"
    ],
    "jw12345067089_02101_00003_nrs1_gain_scaleints.fits": [
        "suffix 'gain_scaleints' names a step, gain_scale"
    ],
    "jw12345067089_02101_00003_nrcb1_cat.fits": [
        "suffix 'cat' is not one of exposure-based products"
    ],
    "jw12345067089_02101_00003_nrs1_outlier_i2d.fits": [
        "suffix 'outlier_i2d', of what a pipeline saves on its way"
    ],
    "jw12345067089_02101_00003_nrs1_s2d.jpg": ["extension 'jpg', a preview"],
    "jw12345067089_02101_00003_nrs1_cal": ["no extension, expected 'fits'"],
    "jw12345067089_02101_00003_nrs1_cal.txt": ["extension 'txt', expected 'fits'"],
    "jw12345-o067_t001_nircam_clear-f200w_cat.fits": ["extension 'fits', expected 'ecsv'"],
    "jw012345-o067_t001_nircam_clear-f200w_i2d.fits": ["program '012345', expected 5 digits"],
    "jw12345-o067-998_t001_nircam_clear-f200w_i2d.fits": [
        "association candidate 'o067-998', expected one such as 'o001', 'c1001' or 'a3001'"
    ],
    "jw12345-o067_t1_nircam_clear-f200w_i2d.fits": ["target 't1', expected 't' and 3 digits"],
    "jw12345-o067_s7_nirspec_clear-prism_x1d.fits": [
        "number of the source '7', expected 9 digits, or 5 in older files"
    ],
    "jw12345-o067_t001_NIRCAM_clear-f200w_i2d.fits": ["instrument 'NIRCAM', expected lower case"],
    "jw12345-o067_t001_nircam_F200W_i2d.fits": [
        "optical elements 'F200W', expected lower-case letters, digits and '-'"
    ],
    "jw12345-a3001_miri_f770w_i2d.fits": ["no target or source"],
    "jw12345-o067_t001_niriss_segm.fits": ["no optical elements"],
    "jw12345-o067_t001_miri_f2550w_v2_i2d.fits": ["inserted 'v2' before the suffix"],
    "jw12345-o067_t001_miri_f2550w_i2d_v2.fits": [
        "inserted 'i2d' before the suffix",
        "suffix 'v2' is not known",
    ],
    "jw12345067089_gs-fg_20221500_cal.fits": [
        "time '20221500', expected 13 digits (yyyydddhhmmss)"
    ],
    "jw12345067089_gs-id_1234_image_cal.fits": ["attempt '1234', expected 1 to 3 digits"],
    "jw12345067089_gs-id_1_mine_cal.fits": ["inserted 'mine' before the suffix"],
    "jw12345067089_gs-id_1_rate.fits": ["suffix 'rate' is not known"],
    "jw12345067089_1_msa.fits": ["configuration '1', expected 2 digits"],
    "jw12345-o067_20240131t010203_image3_asn.json": ["no number of the association"],
    "jw12345-o067_mine_00001_asn.json": [
        "association type 'mine', expected one such as 'image2', 'spec3'"
    ],
    "jw12345-o067_spec3_00001_asn.txt": ["extension 'txt', expected 'json'"],
    "jw12345_pool.csv": ["no time of the pool"],
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_read_and_the_odd_part_named(name: str) -> None:
    product = parse(name)
    assert list(product.odd) == ODD[name]
    assert product.format() == name


def test_every_step_is_known_by_its_alias_and_its_class() -> None:
    for step in STEPS:
        for suffix in (step, f"{step.replace('_', '')}step"):
            product = parse(f"jw12345067089_02101_00003_nrs1_{suffix}.fits")
            assert (product.suffix, product.step, product.inserted) == (suffix, step, None)


REFUSED = {
    "": "found '', expected 'jw' and the number of a program",
    "folder/": "found '', expected 'jw' and the number of a program",
    "hst_1_cal.fits": "found 'hst', expected 'jw' and the number of a program",
    "JW12345067089_02101_00003_nrs2_cal.fits": "found 'JW12345067089', expected 'jw'",
    "jw12345067089.fits": "found 'jw12345067089', expected fields joined by '_'",
    "jw12345067089_02101_00003_nrs2_.fits": "the last one a suffix",
    "jw1234567089_02101_00003_nrs2_cal.fits": "found 'jw1234567089', expected 'jw' and 11 digits",
    "jw12345_cal.fits": "a program of 5 digits, '-' and an association candidate",
    "jw12345067089_sky.csv": "found 'sky', expected visit group (2 digits)",
    "jw12345067089_021001_00003_nrs2_cal.fits": "found '021001', expected visit group (2 digits)",
    "jw12345067089_02101_0000n_nrs2_cal.fits": "found '0000n', expected the number of an exposure",
    "jw12345067089_02101.fits": "expected the number of an exposure",
    "jw12345067089_02101_00003.fits": "expected a detector and a suffix",
    "jw12345067089_02101_00003_nrs2.fits": "found 'nrs2', expected a detector and a suffix",
    "jw12345067089_02101_00003_nr-s_cal.fits": "found 'nr-s', expected a detector",
    "jw12345067089_gs-warp_1_cal.fits": "found 'gs-warp', expected 'gs-' and one of id, acq1",
    "jw12345067089_gs-id_one_image_cal.fits": "expected the number of an attempt or a time",
    "jw12345067089_gs-id.fits": "expected the number of an attempt or a time",
    "jw12345067089_gs-id_1.fits": "expected the number of an attempt or a time, and a suffix",
    "jw12345067089_x_msa.fits": "found 'x', expected the number of an MSA configuration",
    "jw12345-test_spec2_00001_asn_x.fits": "found 'test', expected an association candidate",
    "jw12345-test_spec2_00001_asn.json": "found 'test', expected an association candidate",
    "jw12345-o067_asn.json": "found 'asn', expected the type of the association",
    "jw12345-o067_20240131t010203_asn.json": "expected the type of the association",
    "jw12345-o067_s2d.fits": "found 's2d', expected a target, a source or an instrument",
    "jw12345-o067_t001.fits": "expected an instrument",
    "jw12345-o067_t001_mine_miri_f770w_x1d.fits": "found 'mine', expected an instrument",
    "jw12345-o067_t001_miri.fits": "found 'miri', expected a suffix after the instrument",
    "jw12345_yesterday_pool.csv": "found 'yesterday', expected a time (yyyymmddthhmmss)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_of_no_form_is_refused_with_what_was_found_and_expected(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[name])) as refused:
        parse(name)
    assert str(refused.value).startswith(f"{os.path.basename(name)}: found ")


# -- properties ---------------------------------------------------------------------------------


def digits(count: int) -> st.SearchStrategy[str]:
    return st.from_regex(rf"[0-9]{{{count}}}", fullmatch=True)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def suffixes(basis: str) -> st.SearchStrategy[str]:
    known = [suffix for suffix, each in TYPES if each == basis]
    return st.sampled_from([*known, *STEPS] if basis != "guide star" else known)


ACIDS = st.from_regex(r"o[0-9]{3}|[car][0-9]{4}", fullmatch=True)
TIMES = st.from_regex(r"[0-9]{8}t[0-9]{6}", fullmatch=True)
ENDINGS = {"extension": st.sampled_from(["fits", "asdf", "ecsv", "jpg"]), "gz": st.booleans()}
VISIT = {"program": digits(5), "observation": digits(3), "visit": digits(3)}


def exposures() -> st.SearchStrategy[Product]:
    return st.builds(
        Product,
        family=st.just("exposure"),
        **VISIT,
        visit_group=digits(2),
        parallel_sequence=digits(1),
        activity=st.from_regex(r"[0-9a-z]{2}", fullmatch=True),
        exposure=digits(5),
        segment=maybe(digits(3)),
        detector=st.sampled_from([*DETECTORS, "nrca5", "MIRIMAGE"]),
        acid=maybe(ACIDS),
        suffix=suffixes("exposure"),
        **ENDINGS,
    )


@st.composite
def sources(draw: st.DrawFn) -> Product:
    kind = draw(maybe(st.sampled_from("sbv")))
    suffix = draw(suffixes("source"))
    return Product(
        family="source",
        program=draw(digits(5)),
        acid=draw(ACIDS),
        target=draw(digits(3).map("t".__add__) if kind is None else maybe(st.just("t012"))),
        source_kind=kind,
        source_id=None if kind is None else draw(digits(9) | digits(5)),
        epoch=draw(maybe(digits(1))),
        instrument=draw(st.sampled_from(sorted(set(DETECTORS.values())))),
        optical_elements=draw(st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True)),
        suffix=suffix,
        activity=draw(maybe(st.from_regex(r"[0-9a-z]{2}", fullmatch=True)))
        if suffix == "wfscmb"
        else None,
        extension=draw(ENDINGS["extension"]),
        gz=draw(ENDINGS["gz"]),
    )


@st.composite
def guide_stars(draw: st.DrawFn) -> Product:
    function = draw(st.sampled_from(["id", "acq1", "acq2", "track", "fg"]))
    image = draw(st.sampled_from(["", "image_", "image-", "stacked_", "stacked-"]))
    return Product(
        family="guide star",
        program=draw(digits(5)),
        observation=draw(digits(3)),
        visit=draw(digits(3)),
        guide_function=function,
        attempt=draw(digits(1)) if function == "id" else None,
        time=None if function == "id" else draw(digits(13)),
        segment=draw(maybe(digits(3))),
        suffix=image + draw(suffixes("guide star")),
    )


def others() -> st.SearchStrategy[Product]:
    msa = st.builds(
        Product, family=st.just("MSA"), **VISIT, configuration=digits(2), suffix=st.just("msa")
    )
    association = st.builds(
        Product,
        family=st.just("association"),
        program=digits(5),
        acid=ACIDS,
        time=maybe(TIMES),
        asn_type=st.sampled_from(["ami3", "image2", "nrslamp-spec2", "spec3", "wfs-image3"]),
        sequence=digits(5) | digits(3),
        suffix=st.just("asn"),
        extension=st.just("json"),
    )
    pool = st.builds(
        Product,
        family=st.just("pool"),
        program=digits(5),
        time=maybe(TIMES),
        suffix=st.just("pool"),
        extension=st.sampled_from(["csv", ""]),
    )
    return msa | association | pool


@given(exposures() | sources() | guide_stars() | others())
def test_what_is_made_is_read_back(product: Product) -> None:
    assert parse(product.format()) == product


WORDS = st.text("abco_-.019 éß", max_size=12)


@given(exposures() | sources() | guide_stars(), WORDS, maybe(WORDS), st.text("az.-_", max_size=5))
def test_what_is_made_of_odd_fields_is_read_back_or_not_made(
    product: Product, suffix: str, inserted: str | None, extension: str
) -> None:
    odd = replace(product, suffix=suffix, inserted=inserted, extension=extension)
    try:
        name = odd.format()
    except ValueError:
        return
    assert parse(name) == odd


# The last part is the digit three in Arabic.
PARTS = """
jw12345067089 jw12345 -o067 - _ 02101 00003 -seg001 nrs2 t001 -s00001 b000000001 -epoch1 miri f770w
cal i2d assign wcs wfscmb-04 gs-id gs-fg 1 2022150070312 image stacked 01 msa spec3 asn pool
20240131t010203 . .fits .gz \u0663
"""


@given(st.lists(st.sampled_from(PARTS.split()), max_size=16).map("".join) | st.text(max_size=40))
@example("jw12345067089_02101_00003_nrs2_cal.fits\n")
@example("jw\u0661\u0662\u0663\u0664\u0665067089_02101_00003_nrs2_cal.fits")
def test_any_text_is_a_name_that_is_made_again_or_refused(text: str) -> None:
    product, reason = read(text)
    if product is None:
        assert re.search(": found .*, expected ", reason, re.DOTALL)
    else:
        assert product.format() == os.path.basename(text)
        assert isinstance(product.odd, tuple)
        assert all(value is None or value.isascii() for value in numbers(product))


def read(name: str) -> tuple[Product | None, str]:
    """Return the product of a name, or None and the reason."""
    try:
        return parse(name), ""
    except ValueError as error:
        return None, str(error)


def numbers(product: Product) -> list[str | None]:
    """What is digits wherever a name can be read."""
    names = "program observation visit visit_group parallel_sequence segment source_id epoch"
    return [getattr(product, name) for name in names.split()]


# -- real names ---------------------------------------------------------------------------------

ACID = r"(o\d{3}|[car]\d{4})"
REAL = {
    "exposure": r"jw\d{11}_\d{3}[0-9a-z]{2}_\d{5}(-seg\d{3})?_[a-z0-9]+"
    rf"(_{ACID})?_[a-z0-9-]+\.(fits|ecsv|asdf|jpg)(\.gz)?",
    "source": rf"jw\d{{5}}-{ACID}_(t\d{{1,3}}(-[sbv]\d{{5,9}})?|[sbv]\d{{5,9}})(-epoch\d)?"
    r"_(nircam|niriss|nirspec|miri|fgs)_[a-z0-9-]+_[a-z0-9-]+\.(fits|ecsv|jpg)",
    "guide star": r"jw\d{11}_gs-(id_\d{1,3}_(image|stacked)[_-](un)?cal"
    r"|(acq1|acq2|track|fg)_\d{13}(-seg\d{3})?_(uncal|cal|stream))\.fits",
    "MSA": r"jw\d{11}_\d{2}_msa\.fits",
    "association": rf"jw\d{{5}}-{ACID}(_\d{{8}}t\d{{6}})?"
    r"_(nrslamp-|tso-|wfs-)?(ami|coron|image|spec|tso)\d_(\d{5}|\d{3})_asn\.json",
    "pool": r"jw\d{5}_\d{8}t\d{6}_pool(\.csv)?",
}


def test_real_names(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = (data / "names.txt").read_text().split()
    counts: Counter[str] = Counter()
    for name in names:
        form = next((form for form, shape in REAL.items() if re.fullmatch(shape, name)), None)
        product, reason = read(name)
        if product is None:
            assert form is None, name
            assert re.search(": found .*, expected ", reason), name
            counts["refused with a reason"] += 1
            continue
        assert product.format() == name
        if form is not None:
            assert product.family == form, name
            counts["canonical, made again exactly"] += 1
            # In the form of the archive, but a word in it is none of the archive's.
            counts["  of these with a detector, suffix or extension named odd"] += bool(product.odd)
        else:
            assert product.odd, name
            counts["other, made again exactly, the odd part named"] += 1
    assert sum(counts.values()) >= len(names) > 1000
    with capsys.disabled():
        print(f"\n{len(names)} real names")
        for what, count in counts.items():
            print(f"{count:>6} {what}")


# -- groups -------------------------------------------------------------------------------------

GROUP = "jw12345067089_02101_00003"
NIRCAM = [detector for detector in DETECTORS if detector.startswith("nrc")]


def rates(*detectors: str) -> list[str]:
    return [f"{GROUP}_{detector}_rate.fits" for detector in detectors]


@pytest.mark.parametrize(
    ("detectors", "missing"),
    [
        (NIRCAM, []),
        (NIRCAM[:5], []),
        (NIRCAM[5:], []),
        (["nrcblong"], ["nrcb1", "nrcb2", "nrcb3", "nrcb4"]),
        (["nrca3", "nrcb5"], sorted({*NIRCAM} - {"nrca3", "nrcblong"})),
        (["nrs1"], ["nrs2"]),
        (["nrs1", "nrs2"], []),
        (["mirimage"], []),
        (["mirifulong"], ["mirifushort"]),
        (["mirimage", "mirifushort"], ["mirifulong"]),
        (["nis"], []),
        (["guider2"], []),
        (["nrca"], []),
        (["NRS2"], ["nrs1"]),
    ],
)
def test_an_exposure_misses_what_is_read_together_with_what_is_there(
    detectors: list[str], missing: list[str]
) -> None:
    (exposure,) = products.group_exposures(rates(*detectors))
    assert list(exposure.missing) == missing
    assert set(exposure.missing_names) == set(rates(*missing))
    assert len(exposure.detectors) == len(detectors)


def test_a_full_nircam_exposure_is_ten_files() -> None:
    (exposure,) = products.group_exposures(Path(name) for name in reversed(rates(*NIRCAM)))
    assert len(exposure.paths) == 10
    assert list(exposure.detectors) == NIRCAM
    assert exposure.paths == tuple(rates(*NIRCAM))
    assert exposure.products[0] == parse(rates("nrca1")[0])


def test_an_exposure_is_grouped_by_kind_of_product() -> None:
    names = [
        f"{GROUP}_nrs1_rate.fits",
        f"{GROUP}_nrs2_rate.fits.gz",
        f"deep/down/{GROUP}_nrs1_cal.fits",
        f"{GROUP}_nrs1_o067_crf.fits",
        f"{GROUP}_nrs1_c1001_crf.fits",
        f"{GROUP}_nrs1_mine_cal.fits",
        f"{GROUP}_nrs1_cal.jpg",
        "jw12345067089_02101_00001_nrs1_cal.fits",
        "jw12345-o067_t001_nirspec_clear-prism_x1d.fits",
        "jw12345067089_gs-id_1_image_cal.fits",
        "notes.txt",
    ]
    found = products.group_exposures(names)
    assert [(each.group_id[-1], each.acid, each.suffix, len(each.paths)) for each in found] == [
        ("1", None, "cal", 1),
        ("3", None, "cal", 1),
        ("3", None, "cal", 1),
        ("3", None, "cal", 1),
        ("3", "c1001", "crf", 1),
        ("3", "o067", "crf", 1),
        ("3", None, "rate", 2),
    ]
    assert {path for each in found for path in each.paths} == set(names[:8])
    assert repr(found[-1]) == f"<Exposure {GROUP} rate: nrs1, nrs2>"
    assert repr(found[-2]) == f"<Exposure {GROUP} o067 crf: nrs1; missing nrs2>"


def test_segments_up_to_the_last_seen_are_expected() -> None:
    root = "jw12345067089_02101_00003-seg"
    names = [
        f"{root}{each}_uncal.fits" for each in ("001_nrs1", "003_nrs1", "001_nrs2", "002_nrs2")
    ]
    (exposure,) = products.group_exposures(names)
    assert exposure.segments == ("001", "002", "003")
    assert exposure.missing == ()
    assert exposure.missing_names == (f"{root}002_nrs1_uncal.fits", f"{root}003_nrs2_uncal.fits")
    assert exposure.paths[:2] == (names[0], names[1])
    assert repr(exposure) == f"<Exposure {GROUP} uncal (3 of 3 segments): nrs1, nrs2>"


def test_sources_of_an_observation_are_told_apart() -> None:
    def name(source: str, suffix: str, acid: str = "o067") -> str:
        return f"jw12345-{acid}_{source}_nirspec_f290lp-g395m_{suffix}.fits"

    names = [
        name("s000000002", "x1d"),
        name("s000000001", "x1d"),
        name("s000000001", "cal"),
        name("b000000001", "x1d"),
        name("t001-s000000001", "x1d"),
        name("s000000001", "x1d", "o068"),
        name("s000000001-epoch2", "x1d"),
        f"{GROUP}_nrs1_cal.fits",
    ]
    found = products.group_sources(names)
    assert [(each.acid, each.source, each.suffixes) for each in found] == [
        ("o067", "b000000001", ("x1d",)),
        ("o067", "s000000001", ("cal", "x1d")),
        ("o067", "s000000001-epoch2", ("x1d",)),
        ("o067", "s000000002", ("x1d",)),
        ("o067", "t001-s000000001", ("x1d",)),
        ("o068", "s000000001", ("x1d",)),
    ]
    assert found[1].paths == (names[2], names[1])
    assert repr(found[1]) == "<Source jw12345-o067 s000000001: cal, x1d>"
    assert products.group_sources([]) == products.group_exposures([]) == []


# -- by content ---------------------------------------------------------------------------------

CARDS: dict[str, Any] = {"TELESCOP": "JWST"}
DETECTOR1 = {"S_JUMP": "COMPLETE", "S_RAMP": "COMPLETE"}
FLUX = DETECTOR1 | {"S_WCS": "COMPLETE", "S_FLAT": "COMPLETE", "S_PHOTOM": "COMPLETE"}
STAGE3 = {"ASNTABLE": "jw12345-o067_20240131t010203_image3_00001_asn.json"}

CONTENT: list[tuple[str, dict[str, Any], tuple[str, str, str] | None]] = [
    ("Level1bModel", {}, ("uncal", "exposure", "1b")),
    ("RampModel", {}, None),
    ("RampModel", {"S_JUMP": "SKIPPED"}, ("ramp", "exposure", "2a")),
    ("RampModel", {"EXP_TYPE": "MIR_DARKIMG"}, ("dark", "exposure", "2a")),
    ("TrapsFilledModel", DETECTOR1, ("trapsfilled", "exposure", "2a")),
    ("ImageModel", {}, None),
    ("ImageModel", DETECTOR1, ("rate", "exposure", "2a")),
    ("jwst.datamodels.image.ImageModel", DETECTOR1, ("rate", "exposure", "2a")),
    ("CubeModel", DETECTOR1, ("rateints", "exposure", "2a")),
    ("ImageModel", DETECTOR1 | {"S_WCS": "COMPLETE"}, None),
    ("ImageModel", DETECTOR1 | {"S_WCS": "COMPLETE", "S_FLAT": "COMPLETE"}, None),
    (
        "CubeModel",
        DETECTOR1 | {"S_FLAT": "COMPLETE", "EXP_TYPE": "NIS_AMI"},
        ("calints", "exposure", "2b"),
    ),
    (
        "CubeModel",
        DETECTOR1 | {"S_WCS": "COMPLETE", "S_BKDSUB": "COMPLETE"},
        ("bsubints", "exposure", "2b"),
    ),
    ("ImageModel", FLUX, ("cal", "exposure", "2b")),
    ("ImageModel", FLUX | {"S_PHOTOM": "SKIPPED"}, ("cal", "exposure", "2b")),
    ("MultiSlitModel", FLUX, ("cal", "exposure", "2b")),
    ("MultiSlitModel", FLUX | {"TSOVISIT": True}, ("calints", "exposure", "2b")),
    ("SlitModel", FLUX | {"EXP_TYPE": "NRS_BRIGHTOBJ"}, ("calints", "exposure", "2b")),
    ("SlitModel", FLUX | {"ASNTABLE": "jw12345-o067_spec3_00001_asn.json"}, ("cal", "source", "3")),
    ("MultiExposureModel", FLUX, ("cal", "source", "3")),
    ("MultiExposureModel", FLUX | {"S_OUTLIR": "COMPLETE"}, ("crf", "source", "2c")),
    ("ImageModel", FLUX | {"S_OUTLIR": "COMPLETE"} | STAGE3, ("crf", "exposure", "2c")),
    ("CubeModel", FLUX | {"S_OUTLIR": "COMPLETE"}, ("crfints", "exposure", "2c")),
    ("ImageModel", FLUX | {"S_RESAMP": "COMPLETE"}, ("i2d", "exposure", "2b")),
    ("ImageModel", FLUX | {"S_RESAMP": "COMPLETE"} | STAGE3, ("i2d", "source", "3")),
    (
        "ImageModel",
        FLUX | {"S_RESAMP": "COMPLETE", "ASNTABLE": "jw12345-o067_image2_00001_asn.json"},
        ("i2d", "exposure", "2b"),
    ),
    ("ImageModel", FLUX | {"S_RESAMP": "COMPLETE", "HDRTAB": True}, ("i2d", "source", "3")),
    ("SlitModel", FLUX | {"S_RESAMP": "COMPLETE", "S_OUTLIR": "SKIPPED"}, ("s2d", "source", "3")),
    ("MultiSpecModel", FLUX | {"ASNTABLE": "mine.json"}, ("x1d", "exposure", "2b")),
    ("MultiSpecModel", FLUX | {"DETECTOR": "MULTIPLE"}, ("x1d", "source", "3")),
    ("IFUCubeModel", FLUX | STAGE3, ("s3d", "source", "3")),
    ("TSOMultiSpecModel", FLUX, ("x1dints", "exposure", "2b")),
    ("MultiCombinedSpecModel", FLUX, ("c1d", "source", "3")),
    ("CubeModel", FLUX | {"S_PSFSTK": "COMPLETE"}, ("psfstack", "source", "3")),
    ("CubeModel", FLUX | {"S_PSFALI": "COMPLETE"}, ("psfalign", "exposure", "3")),
    (
        "CubeModel",
        FLUX | {"S_PSFALI": "COMPLETE", "S_KLIP": "COMPLETE"},
        ("psfsub", "exposure", "3"),
    ),
    ("ImageModel", FLUX | {"S_WFSCOM": "COMPLETE"}, ("wfscmb", "source", "3")),
    ("AmiOIModel", {}, ("ami-oi", "exposure", "3")),
    ("AmiOIModel", {"S_AMINOR": "COMPLETE"}, ("aminorm-oi", "source", "3")),
    ("GuiderRawModel", {"EXP_TYPE": "FGS_ID-STACK"}, ("stacked_uncal", "guide star", "1b")),
    ("GuiderCalModel", {"EXP_TYPE": "FGS_TRACK"}, ("cal", "guide star", "2b")),
    ("DarkModel", {"REFTYPE": "dark"}, None),
    ("ImageModel", FLUX | {"REFTYPE": "flat"}, None),
    ("NonsenseModel", FLUX, None),
]


def write(path: Path, model: str | None, cards: dict[str, Any]) -> Path:
    """Write a file of headers, such as it would be classified by."""
    extensions = [sample.image("SCI", np.zeros((2, 2), "f4"), 1)]
    if "HDRTAB" in cards:
        extensions.append(sample.image("HDRTAB", np.zeros((2, 2), "f4"), 1))
    all_cards = [(keyword, value) for keyword, value in cards.items() if keyword != "HDRTAB"]
    if model is not None:
        all_cards.append(("DATAMODL", model))
    path.write_bytes(sample.product(all_cards, extensions, "meta: {telescope: JWST}\n"))
    return path


@pytest.mark.parametrize(("model", "cards", "expected"), CONTENT)
def test_content_tells_where_the_name_says_nothing(
    model: str, cards: dict[str, Any], expected: tuple[str, str, str] | None, tmp_path: Path
) -> None:
    path = write(tmp_path / "mine.fits", model, CARDS | cards)
    kind = classify(path)
    found = kind and (kind.suffix, kind.basis, kind.level)
    assert found == expected
    if kind is not None:
        assert kind.evidence[0] == f"DATAMODL = {model}"
        assert products.level_of(str(path)) == kind.level
        assert products.stage_of(path) == kind.stage == LEVELS[expected[2]].stage  # type: ignore[index]


def test_the_evidence_is_what_had_weight(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.fits", "ImageModel", FLUX | {"S_RESAMP": "COMPLETE", "HDRTAB": 1})
    kind = classify(path)
    assert kind == products.Kind(
        "i2d", "source", "3", ("DATAMODL = ImageModel", "S_RESAMP = COMPLETE", "an HDU HDRTAB")
    )
    assert (kind.stage, kind.mast_level) == (3, 3)
    kind = classify(write(path, "MultiSpecModel", FLUX))
    assert kind is not None
    assert kind.evidence == ("DATAMODL = MultiSpecModel", "no sign of stage 3")


def test_an_open_model_is_classified_and_stays_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.fits", "ImageModel", CARDS | FLUX)
    with asdfits.open(path) as model:
        before = model.to_flat_dict(include_arrays=False)
        kind = classify(model)
        assert kind == classify(path)
        assert products.stage_of(model) == 2
        assert model.to_flat_dict(include_arrays=False) == before


def test_a_model_made_in_memory_is_classified() -> None:
    model = asdfits.ImageModel(np.zeros((2, 2), "f4"))
    assert classify(model) is None
    model.meta.cal_step.ramp_fit = "COMPLETE"
    assert products.level_of(model) == "2a"
    model.meta.filename = "jw12345-o067_t001_nircam_clear-f200w_i2d.fits"
    assert classify(model) == products.Kind("i2d", "source", "3", ("name",))


def test_a_plain_asdf_file_is_classified(tmp_path: Path) -> None:
    tree = "meta: {model_type: CubeModel, cal_step: {ramp_fit: COMPLETE}}\n"
    path = tmp_path / "mine.asdf"
    path.write_bytes(f"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n---\n{tree}...\n".encode())
    assert products.level_of(path) == "2a"
    with asdfits.open(path) as model:
        assert products.level_of(model) == "2a"


@pytest.mark.parametrize(
    ("name", "suffix", "basis", "level", "stage"),
    [
        ("gone/jw12345067089_02101_00003_nrs2_i2d.fits", "i2d", "exposure", "2b", 2),
        ("gone/jw12345-o067_t001_nircam_clear-f200w_i2d.fits", "i2d", "source", "3", 3),
        ("jw12345067089_02101_00003_nrs2_o067_crf.fits", "crf", "exposure", "2c", 3),
        ("jw12345067089_02101_00003_NRS2_mine_rate.fits.gz", "rate", "exposure", "2a", 1),
        ("jw12345067089_02101_00003_nrs2_blot.fits", "blot", "exposure", None, None),
        ("jw12345067089_gs-id_1_image_cal.fits", "image_cal", "guide star", "2b", 2),
        ("jw12345067089_01_msa.fits", "msa", None, None, None),
        ("jw12345-o067_spec3_00001_asn.json", "asn", None, None, None),
    ],
)
def test_a_name_decides_and_no_file_is_needed(
    name: str, suffix: str, basis: Any, level: str | None, stage: int | None
) -> None:
    assert classify(name) == products.Kind(suffix, basis, level, ("name",))
    assert products.level_of(Path(name)) == level
    assert products.stage_of(name) == stage


def test_the_suffix_of_another_name_counts_where_the_content_says_nothing(tmp_path: Path) -> None:
    by_suffix = ("suffix of the name",)
    assert classify("gone_rateints.fits") == products.Kind("rateints", "exposure", "2a", by_suffix)
    assert classify("gone_crf.fits") == products.Kind("crf", None, "2c", by_suffix)
    silent = write(tmp_path / "mine_rate.fits", None, CARDS)
    assert classify(silent) == products.Kind("rate", "exposure", "2a", by_suffix)
    other = write(tmp_path / "your_rate.fits", "ImageModel", CARDS | FLUX)
    assert products.level_of(other) == "2b"
    reference = write(tmp_path / "mine_dark.fits", None, CARDS | {"REFTYPE": "dark"})
    assert classify(reference) is None


def test_an_unknown_suffix_or_that_of_a_step_leaves_it_to_the_content(tmp_path: Path) -> None:
    root = "jw12345067089_02101_00003_nrs2"
    for suffix in ("destreak", "photom", "cat"):
        path = write(tmp_path / f"{root}_{suffix}.fits", "ImageModel", CARDS | FLUX)
        assert products.level_of(path) == "2b"


def test_what_cannot_be_told_is_none_or_an_error(tmp_path: Path) -> None:
    for name in ("gone_cal.fits", "gone.fits", "jw12345067089_02101_00003_nrs2_mine.fits"):
        with pytest.raises(FileNotFoundError):
            classify(tmp_path / name)
    for name in ("gone.txt", "gone", "gone_cal.ecsv", "gone.json"):
        assert classify(tmp_path / name) is None
    wrong = tmp_path / "wrong.fits"
    wrong.write_text("no FITS")
    with pytest.raises(FormatError):
        classify(wrong)
    assert products.level_of(write(tmp_path / "mine.fits", None, CARDS)) is None
    assert products.stage_of(tmp_path / "mine.fits") is None


@pytest.mark.filterwarnings("ignore")
def test_content_agrees_with_the_names_of_real_files(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = 0
    for path in sorted((data / "jwst").rglob("*.fits")):
        try:
            product = parse(path)
        except ValueError:
            continue
        if product.level is None:
            continue
        link = tmp_path / "link.fits"
        link.symlink_to(path)
        kind = classify(link)
        link.unlink()
        assert kind is not None, path
        assert (kind.suffix, kind.basis) == (product.suffix, product.basis), path
        checked += 1
    with capsys.disabled():
        print(f"\n{checked} real files classified by content as by name")


# -- the module ---------------------------------------------------------------------------------


def test_the_package_does_not_import_products_until_they_are_asked_for() -> None:
    code = (
        "import sys, asdfits; assert 'asdfits.products' not in sys.modules; "
        "assert asdfits.products.LEVELS['2b'].stage == 2; assert 'products' in dir(asdfits)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_field_of_a_product_is_described() -> None:
    text = Product.__doc__ or ""
    assert all(re.search(rf"\b{field.name}\b.* : ", text) for field in fields(Product))
