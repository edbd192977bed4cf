from __future__ import annotations

from pathlib import Path

import pytest

import asdfits
from asdfits import sample
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
    assert str(path) in fault
    assert "byte 9000" in fault
    assert main(["verify", str(path)]) == 1
    assert fault in capsys.readouterr().out


def test_a_link_to_nothing_is_a_fault(tmp_path: Path) -> None:
    content = sample.image_product().replace(b"source: fits:ERR,1", b"source: fits:ERR,7")
    (fault,) = asdfits.verify(damaged(tmp_path, content))
    assert "fits:ERR,7" in fault


def test_a_table_whose_columns_do_not_fill_its_rows_is_a_fault(tmp_path: Path) -> None:
    content = sample.image_product()
    at = content.index(b"TFORM1  = ")
    content = content[:at] + sample.card("TFORM1", "7B") + content[at + 80 :]
    (fault,) = asdfits.verify(damaged(tmp_path, content))
    assert "HDU 4 (ASDF,1)" in fault
    assert "the columns take 7 bytes" in fault


def test_a_file_that_is_no_product_is_one_fault(tmp_path: Path) -> None:
    (fault,) = asdfits.verify(damaged(tmp_path, b"hello"))
    assert "SIMPLE" in fault


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
    assert "MD5 of binary block 0" in fault
