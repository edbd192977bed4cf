from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import asdfits
from asdfits import sample
from conftest import real_files


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


def with_card(path: Path, keyword: str, value: Any) -> Path:
    """Put a card in the place of another of the keyword."""
    content = path.read_bytes()
    at = content.index(f"{keyword:<8}= ".encode())
    path.write_bytes(content[:at] + sample.card(keyword, value) + content[at + 80 :])
    return path


ARRAYS = ("data.", "dq.", "err.")


def test_metadata_are_those_of_the_model(product: Path) -> None:
    flat = asdfits.open(product).to_flat_dict(include_arrays=False)
    alone = asdfits.read_metadata(product)
    scalars = {path: value for path, value in alone.items() if not path.startswith(ARRAYS)}
    assert scalars == {k: v for k, v in flat.items() if not k.startswith("meta.wcs")}
    assert "meta.wcs" in flat


def test_arrays_are_given_as_the_tree_has_them(product: Path) -> None:
    alone = asdfits.read_metadata(product)
    assert alone["data.source"] == "fits:SCI,1"
    assert (alone["data.shape.0"], alone["data.shape.1"]) == (24, 32)
    tree = asdfits.read_metadata(product, flatten=False)
    assert tree["data"]["shape"] == [24, 32]
    assert tree["meta"]["telescope"] == "JWST"
    assert "wcs" not in tree["meta"]


def test_an_edited_header_counts(product: Path) -> None:
    alone = asdfits.read_metadata(with_card(product, "PI_NAME", "Vera Rubin"))
    assert alone["meta.program.pi_name"] == "Vera Rubin"
    assert alone["meta.bunit_data"] == "MJy/sr"


def test_values_are_not_checked(product: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = asdfits.read_metadata(with_card(product, "EXP_TYPE", "NONSENSE"))
    assert alone["meta.exposure.type"] == "NONSENSE"


def file_with(path: Path, cards: list[sample.Card], tree: str) -> Path:
    """Write a file whose hash matches."""
    cards = [("DATAMODL", "ImageModel"), *cards]
    path.write_bytes(sample.product(cards, [], f"_fits_hash: {'0' * 64}\n{tree}"))
    digest = asdfits._core.Product.open(path).header_hash()[0]
    path.write_bytes(path.read_bytes().replace(b"0" * 64, digest.encode()))
    return path


def test_a_card_fills_what_a_tree_of_an_older_schema_lacks(tmp_path: Path) -> None:
    cards: list[sample.Card] = [("S_BKDSUB", "COMPLETE"), ("TARG_RA", 1.25)]
    tree = "meta: {cal_step: {back_sub: COMPLETE}, target: {ra: 1.2500000000000002}}\n"
    path = file_with(tmp_path / "renamed.fits", cards, tree)
    alone = asdfits.read_metadata(path)
    assert alone["meta.cal_step.bkg_subtract"] == "COMPLETE"
    assert alone["meta.target.ra"] == 1.2500000000000002  # the card is rounded
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    assert datamodels.read_metadata(path)["meta.cal_step.bkg_subtract"] == "COMPLETE"


def test_the_class_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "guess.fits"
    path.write_bytes(sample.product([("SLTNAME", "S1")], [], "meta: {telescope: JWST}\n"))
    assert "name" not in asdfits.read_metadata(path)
    with pytest.raises(ValueError, match="Model type NoModel not found"):
        asdfits.read_metadata(path, model_type="NoModel")
    path.write_bytes(sample.product([("TSOVISIT", True)], [], "meta: {telescope: JWST}\n"))
    alone = asdfits.read_metadata(path, model_type="ImageModel")
    assert alone["meta.visit.tsovisit"] is True


def test_cal_logs_are_one_text(tmp_path: Path) -> None:
    path = tmp_path / "logs.fits"
    tree = "cal_logs: {ramp: [one, two], flat: {a: b}, last: words}\n"
    path.write_bytes(sample.product([("DATAMODL", "ImageModel")], [], tree))
    assert asdfits.read_metadata(path)["cal_logs"] == "one\ntwo\na: b\nwords\n"
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    assert datamodels.read_metadata(path)["cal_logs"] == "one\ntwo\na: b\nwords\n"


@pytest.mark.parametrize(
    ("path", "error"),
    [(3, TypeError), (None, TypeError), ("jw1_asn.json", ValueError), ("jw1.txt", ValueError)],
)
def test_what_is_no_file_of_metadata_is_refused(path: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        asdfits.read_metadata(path)


def test_an_asdf_file_is_its_tree(tmp_path: Path) -> None:
    path = tmp_path / "tree.asdf"
    path.write_bytes(b"#ASDF 1.0.0\n%YAML 1.1\n--- {meta: {a: [1, {b: 2}], c: ~}, wcs: 3}\n...\n")
    assert asdfits.read_metadata(path) == {"meta.a.0": 1, "meta.a.1.b": 2, "meta.c": None}


# No DATAMODL, or one that names no class: asdfits takes the class that the image suggests.
UNKNOWN = {
    "asdf.fits.gz",
    "fits_model.fits",
    "jwst_image.fits",
    "jwst_miri_photom_9998.fits",
    "miri_image_assign_wcs.fits.gz",
    "sample_ramp.fits",
    "version_mismatch.fits",
}


def explained(theirs: Any, ours: Any) -> bool:
    """Whether two values are one, but for the rounding of a float to a card."""
    if isinstance(theirs, float) and isinstance(ours, float):
        return theirs == ours or theirs != theirs or abs(theirs - ours) <= 1e-12 * abs(theirs)
    return bool(theirs == ours) and type(theirs) is type(ours)


@pytest.mark.oracle
@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_metadata_are_those_of_the_reference(path: Path) -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = asdfits.read_metadata(path)
        if path.name in UNKNOWN:
            with pytest.raises((KeyError, ValueError), match=r"DATAMODL|not found"):
                datamodels.read_metadata(str(path))
            return
        theirs = datamodels.read_metadata(str(path))
    assert ours.keys() == theirs.keys()
    for place, value in theirs.items():
        assert explained(value, ours[place]), (place, value, ours[place])
