"""Files as older writers made them: asdfits reads them as the reference does."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import sample
from oracle import compare

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle

DATA = np.arange(12, dtype=">f4").reshape(3, 4)
META = "meta: {telescope: JWST, exposure: {ngroups: 6}, date: '2017-01-01'}\n"
NODE = "{source: 'fits:SCI,1', datatype: float32, byteorder: big, shape: [3, 4]}"
LINK = f"data: !core/ndarray-1.0.0 {NODE}\n"


def asdf_file(tree: str, standard: str = "1.1.0", blocks: bytes = b"") -> bytes:
    text = (
        f"#ASDF 1.0.0\n#ASDF_STANDARD {standard}\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n"
        f"--- !core/asdf-1.1.0\n{tree}...\n"
    )
    return text.encode() + blocks


def as_table(content: bytes) -> bytes:
    return sample.asdf_hdu(content)


def as_image(content: bytes) -> bytes:
    return sample.image("ASDF", np.frombuffer(content, "u1"))


def as_extension_of_its_own(content: bytes) -> bytes:
    cards = [("XTENSION", "ASDF"), ("BITPIX", 8), ("NAXIS", 1), ("NAXIS1", len(content))]
    rest = [("PCOUNT", 0), ("GCOUNT", 1), ("EXTNAME", "ASDF")]
    return sample.header([*cards, *rest]) + sample.padded(content)


FORMS = [as_table, as_image, as_extension_of_its_own]


def old(path: Path, hdu: bytes, *, name: str = "ImageModel", more: bytes = b"") -> Path:
    primary = [("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)]
    cards = [*primary, ("DATAMODL", name), ("NGROUPS", 6)]
    path.write_bytes(sample.header(cards) + sample.image("SCI", DATA) + hdu + more)
    return path


def assert_as_the_reference(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = datamodels.open(path), asdfits.open(path)
        found = [each for each in compare(theirs, ours) if each.path != "meta.date"]
        theirs.close()
    assert found == []
    return ours


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_extension(form: Any, tmp_path: Path) -> None:
    path = old(tmp_path / "old_cal.fits", form(asdf_file(META + LINK)))
    model = assert_as_the_reference(path)
    assert model.meta.exposure.ngroups == 6
    assert model.meta.telescope == "JWST"
    assert model.data.tolist() == DATA.tolist()


@pytest.mark.parametrize("standard", [f"1.{minor}.0" for minor in range(7)])
def test_every_version_of_the_standard(standard: str, tmp_path: Path) -> None:
    history = (
        "history:\n- !core/history_entry-1.0.0 {description: old, time: !!timestamp '2016-01-01'}\n"
        if standard < "1.2"
        else "history: {entries: [!core/history_entry-1.0.0 {description: new}]}\n"
    )
    tree = asdf_file(META + LINK + history, standard)
    model = asdfits.open(old(tmp_path / "old_cal.fits", as_table(tree)))
    assert model._file.standard == standard
    assert [entry["description"] for entry in model.history] == [
        "old" if standard < "1.2" else "new"
    ]
    assert_as_the_reference(
        old(tmp_path / "old_cal.fits", as_table(asdf_file(META + LINK, standard)))
    )


def test_a_dotted_class_name_is_no_class_and_the_image_decides(tmp_path: Path) -> None:
    hdu = as_table(asdf_file(META + LINK))
    path = old(tmp_path / "old_cal.fits", hdu, name="jwst.datamodels.image.ImageModel")
    with pytest.warns(asdfits.NoTypeWarning, match="as a ImageModel"):
        model = asdfits.open(path)
    assert type(model) is asdfits.ImageModel
    assert model.meta.model_type is None
    assert_as_the_reference(path)


def test_views_of_one_base_block(tmp_path: Path) -> None:
    base = np.arange(20, dtype="<i4")
    block = b"\xd3BLK\x00\x30" + bytes(8) + (80).to_bytes(8) * 3 + bytes(16) + base.tobytes()
    node = "!core/ndarray-1.0.0 {source: 0, datatype: int32, byteorder: little, "
    tree = (
        META
        + f"base: {node}shape: [20]}}\n"
        + f"part: {node}shape: [3], offset: 8, strides: [12]}}\n"
        + f"back: {node}shape: [2, 3], offset: 40, strides: [-20, 4]}}\n"
    )
    path = old(tmp_path / "old_cal.fits", as_image(asdf_file(tree, blocks=block)))
    model = assert_as_the_reference(path)
    assert model.part.tolist() == [2, 5, 8]
    assert model.back.tolist() == [[10, 11, 12], [5, 6, 7]]
    assert np.shares_memory(model.base, model.part)


@pytest.mark.parametrize("form", [as_table, as_image])
def test_a_packed_file(form: Any, tmp_path: Path) -> None:
    path = old(tmp_path / "old_cal.fits", form(asdf_file(META + LINK)))
    packed = tmp_path / "old_cal.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert assert_as_the_reference(packed).data.tolist() == DATA.tolist()


@pytest.mark.parametrize("more", [bytes(2880), b" " * 2880, b"\0" * 17])
def test_blank_bytes_after_the_last_hdu_are_nothing(more: bytes, tmp_path: Path) -> None:
    path = old(tmp_path / "old_cal.fits", as_table(asdf_file(META + LINK)), more=more)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asdfits.open(path).data.tolist() == DATA.tolist()


def test_other_bytes_after_the_last_hdu_are_named(tmp_path: Path) -> None:
    hdu = as_table(asdf_file(META + LINK))
    path = old(tmp_path / "old_cal.fits", hdu, more=b"left over")
    with pytest.warns(asdfits.FormatWarning, match="9 bytes after the last HDU"):
        model = asdfits.open(path)
    assert model.data.tolist() == DATA.tolist()


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_2", "HCOMPRESS_1"])
def test_a_compressed_image(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "small_cal.fits"
    image = np.arange(600, dtype="i4").reshape(20, 30)
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "ImageModel"
    packed = fits.CompImageHDU(image, name="SCI", compression_type=kind)
    packed.header["BUNIT"] = "DN"
    packed.header["MYKEY"] = 1
    fits.HDUList([primary, packed]).writeto(path)
    model = assert_as_the_reference(path)
    assert model.meta.bunit_data == "DN"
    assert np.array_equal(model.data, image)
    assert model.data.dtype == np.dtype("f4")
    assert model.extra_fits.SCI.header.instance == [["MYKEY", 1, ""]]
