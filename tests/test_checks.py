from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import asdfits
from asdfits import Finding, asdf_in_fits, sample
from asdfits._core import Product
from asdfits.cli import main


def damaged(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "product.fits"
    path.write_bytes(content)
    return path


def test_a_sound_product_has_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = damaged(tmp_path, sample.image_product())
    assert asdfits.verify(path) == []
    assert main(["verify", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: fine\n"


def test_a_cut_product_is_named_with_its_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged(tmp_path, sample.image_product()[:9000])
    (fault,) = asdfits.verify(path)
    assert str(fault).startswith(f"{path}: byte 9000: ")
    assert (fault.kind, fault.hdu, fault.byte, fault.fault) == ("structure", None, 9000, True)
    assert main(["verify", str(path)]) == 1
    assert str(fault) in capsys.readouterr().out


def test_a_link_to_nothing_is_a_fault(tmp_path: Path) -> None:
    content = sample.image_product().replace(b"source: fits:ERR,1", b"source: fits:ERR,7")
    (fault,) = asdfits.verify(damaged(tmp_path, content))
    assert "fits:ERR,7" in fault.message
    assert (fault.kind, fault.fault) == ("link", True)


def test_a_table_whose_columns_do_not_fill_its_rows_is_a_fault(tmp_path: Path) -> None:
    content = sample.image_product()
    at = content.index(b"TFORM1  = ")
    content = content[:at] + sample.card("TFORM1", "7B") + content[at + 80 :]
    (fault,) = asdfits.verify(damaged(tmp_path, content))
    assert "HDU 4 (ASDF,1)" in fault.message
    assert "the columns take 7 bytes" in fault.message
    assert (fault.kind, fault.hdu) == ("data", 4)


def test_a_file_that_is_no_product_is_one_fault(tmp_path: Path) -> None:
    (fault,) = asdfits.verify(damaged(tmp_path, b"hello"))
    assert "SIMPLE" in fault.message
    assert (fault.kind, fault.byte) == ("structure", 0)


def test_a_missing_file_is_an_error_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FileNotFoundError):
        asdfits.verify(tmp_path / "none.fits")
    assert main(["verify", str(tmp_path / "none.fits")]) == 1
    assert "No such file" in capsys.readouterr().out


def test_a_block_that_differs_from_its_md5_is_a_fault(tmp_path: Path) -> None:
    asdf = pytest.importorskip("asdf")
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "x.asdf"
    asdf.AsdfFile({"a": numpy.arange(5000)}).write_to(path)
    assert asdfits.verify(path) == []
    content = bytearray(path.read_bytes())
    content[content.index(b"\xd3BLK") + 600] ^= 1
    path.write_bytes(content)
    (fault,) = asdfits.verify(path)
    assert "MD5 of binary block 0" in fault.message
    assert (fault.kind, fault.byte) == ("block", content.index(b"\xd3BLK") + 54)


def test_an_edited_header_is_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = sample.image_product()
    at = content.index(b"PI_NAME ")
    content = content[:at] + sample.card("PI_NAME", "Vera Rubin") + content[at + 80 :]
    path = damaged(tmp_path, content)
    (note,) = asdfits.verify(path)
    assert (note.kind, note.fault) == ("hash", False)
    assert main(["verify", str(path)]) == 0
    assert capsys.readouterr().out == f"note: {note}\n{path}: fine\n"


def test_data_of_another_shape_than_the_tree_says_are_a_note(tmp_path: Path) -> None:
    content = sample.image_product().replace(b"shape: [24, 32]", b"shape: [24, 33]", 1)
    (note,) = asdfits.verify(damaged(tmp_path, content))
    assert (note.kind, note.hdu, note.fault) == ("link", 1, False)
    assert "the data have the shape [24, 32], the tree says [24, 33] at byte" in note.message


def test_an_array_beyond_its_block_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    asdf_in_fits.write(path, {"deep": [{"a": np.arange(5)}]})
    path.write_bytes(path.read_bytes().replace(b"shape: [5]", b"shape: [6]"))
    (fault,) = asdfits.verify(path)
    assert (fault.kind, fault.fault) == ("array", True)
    assert fault.byte == path.read_bytes().index(b"!core/ndarray")


# -- schema -------------------------------------------------------------------------------------


def test_each_value_that_does_not_fit_the_schema_is_a_fault(tmp_path: Path) -> None:
    content = sample.image_product()
    for old, new in ((b"name: NIRCAM", b"name: NIRCUM"), (b"ngroups: 6", b"ngroups: x")):
        assert old in content
        content = content.replace(old, new)
    path = damaged(tmp_path, content)
    faults = asdfits.verify(path)
    assert {(fault.kind, fault.fault) for fault in faults} == {("schema", True)}
    places = sorted(str(fault).removeprefix(f"{path}: ").partition(":")[0] for fault in faults)
    assert places == ["meta.exposure.ngroups", "meta.instrument.name"]
    assert "'NIRCUM' is not one of" in next(f.message for f in faults if "name" in f.message)


def test_a_card_that_does_not_fit_the_schema_is_a_fault(tmp_path: Path) -> None:
    content = sample.image_product()
    at = content.index(b"NGROUPS ")
    content = content[:at] + sample.card("NGROUPS", "six") + content[at + 80 :]
    faults = [each for each in asdfits.verify(damaged(tmp_path, content)) if each.fault]
    (fault,) = faults
    assert (fault.kind, fault.hdu, fault.byte) == ("schema", 0, 0)
    assert "keyword NGROUPS" in fault.message
    assert "\n" not in fault.message


def test_an_image_of_other_dimensions_than_the_schema_has_is_a_fault(tmp_path: Path) -> None:
    cards = [("DATAMODL", "ImageModel", "Type of data model")]
    content = sample.product(
        cards,
        [sample.image("SCI", np.zeros((2, 3, 4), "f4"), 1)],
        "meta: {model_type: ImageModel}\n",
    )
    (fault,) = asdfits.verify(damaged(tmp_path, content))
    assert (fault.kind, fault.hdu) == ("schema", 1)
    assert "data: found 3 dimensions, expected 2" in fault.message


def test_a_file_of_no_class_has_no_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    asdf_in_fits.write(path, {"meta": {"exposure": {"ngroups": "six"}}})
    assert asdfits.verify(path) == []


# -- sums ---------------------------------------------------------------------------------------


@pytest.fixture
def summed(tmp_path: Path) -> Path:
    """Return a file that astropy wrote with CHECKSUM and DATASUM."""
    fits = pytest.importorskip("astropy.io.fits")
    table = np.zeros(7, [("a", "i4"), ("b", "S3")])
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(np.arange(1000, dtype="f4"), name="SCI"),
        fits.BinTableHDU(table, name="TAB"),
        fits.ImageHDU(name="NONE"),
        fits.ImageHDU(np.full((50, 50), -1, "i2"), name="ONES"),
    ]
    path = tmp_path / "summed.fits"
    fits.HDUList(hdus).writeto(path, checksum=True)
    return path


@pytest.mark.oracle
def test_sums_that_astropy_wrote_hold(summed: Path) -> None:
    assert b"CHECKSUM" in summed.read_bytes()
    assert asdfits.verify(summed) == []


@pytest.mark.oracle
def test_a_changed_byte_is_a_fault_of_its_hdu(summed: Path) -> None:
    content = bytearray(summed.read_bytes())
    product = Product.open(summed)
    for index in range(len(product)):
        hdu = product.hdu(index)
        places = [hdu.at + 9 * 80 + 79] + ([hdu.data_at + 5] if hdu.announced else [])
        for place in places:
            changed = bytearray(content)
            changed[place] ^= 1
            summed.write_bytes(changed)
            found = [each for each in asdfits.verify(summed) if each.kind == "checksum"]
            in_data = place >= hdu.data_at
            assert [(each.hdu, each.byte) for each in found] == [(index, hdu.at)] * (1 + in_data)
            assert "CHECKSUM" in found[-1].message
            if in_data:
                assert "DATASUM" in found[0].message


@pytest.mark.oracle
def test_astropy_finds_our_sums_right(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    path = tmp_path / "x.fits"
    table = np.array([(1, b"a"), (2, b"bcd")], [("u", "u2"), ("s", "S3")])
    hdus = [("SCI", np.arange(1000, dtype="u2")), ("TAB", table), ("NONE", None)]
    asdf_in_fits.write(path, {"free": np.arange(3)}, hdus, checksum=True)
    assert asdfits.verify(path) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as opened:
            assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in opened)
            assert all(hdu.verify_checksum() == hdu.verify_datasum() == 1 for hdu in opened)


def test_a_sum_that_is_no_number_is_a_fault_and_an_empty_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    hdus = [("SCI", np.arange(3), [("DATASUX", "many")]), ("DQ", np.arange(3), [("DATASUX", "")])]
    asdf_in_fits.write(path, {"n": 1}, hdus)
    path.write_bytes(path.read_bytes().replace(b"DATASUX ", b"DATASUM "))  # else it would be right
    (fault,) = [finding for finding in asdfits.verify(path) if finding.fault]
    assert (fault.kind, fault.hdu) == ("checksum", 1)
    assert "DATASUM says 'many'" in fault.message


# -- the command --------------------------------------------------------------------------------


def test_json_is_a_list_of_files_with_their_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, gone = (tmp_path / name for name in ("good.fits", "bad.fits", "gone.fits"))
    good.write_bytes(sample.image_product())
    bad.write_bytes(sample.image_product()[:9000])
    assert main(["verify", "--json", *map(str, (good, bad, gone))]) == 1
    first, second, third = json.loads(capsys.readouterr().out)
    assert first == {"path": str(good), "fine": True, "findings": []}
    assert (second["path"], second["fine"]) == (str(bad), False)
    (finding,) = asdfits.verify(bad)
    assert second["findings"] == [
        {
            "kind": "structure",
            "message": str(finding),
            "hdu": None,
            "byte": 9000,
            "fault": True,
        }
    ]
    assert third["findings"][0]["message"] == f"{gone}: No such file or directory"
    assert isinstance(finding, Finding)
