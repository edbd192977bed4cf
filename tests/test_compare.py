from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asdfits import Difference, FormatError, FormatWarning, asdf_in_fits, diff, sample
from asdfits.compare import VOLATILE

Edit = Callable[..., Path]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / "first.fits"
    path.write_bytes(sample.image_product())
    return path


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """Return what makes another product: `sample.image_product` with bytes replaced."""

    def edit(*pairs: tuple[bytes, bytes], name: str = "second.fits") -> Path:
        content = sample.image_product()
        for old, new in pairs:
            assert content.count(old) >= 1
            assert len(old) == len(new)
            content = content.replace(old, new, 1)
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return edit


def card(keyword: str, old: Any, new: Any, comment: str = "") -> tuple[bytes, bytes]:
    return sample.card(keyword, old, comment), sample.card(keyword, new, comment)


PI = card("PI_NAME", "Cecilia Payne", "Vera Rubin", "Name of principal investigator")
DATE = card("DATE", "2026-01-31T12:00:00.000", "2027-01-31T12:00:00.000", "UTC date file created")


def texts(found: list[Difference]) -> list[str]:
    return list(map(str, found))


def test_equal_files_do_not_differ(first: Path, edited: Edit) -> None:
    assert diff(first, first, strict=True) == []
    assert diff(first, edited(), strict=True) == []


# -- tree and cards -----------------------------------------------------------------------------


def test_a_card_and_its_path_are_one_difference(first: Path, edited: Edit) -> None:
    (found,) = diff(first, edited(PI))
    assert found == Difference(
        "tree",
        "meta.program.pi_name",
        "PRIMARY,1",
        "PI_NAME",
        "Cecilia Payne",
        "Vera Rubin",
    )
    assert str(found) == (
        "meta.program.pi_name (PRIMARY,1 PI_NAME): 'Cecilia Payne' -> 'Vera Rubin'"
    )


def test_a_difference_has_the_sides_in_the_order_given(first: Path, edited: Edit) -> None:
    (found,) = diff(edited(PI), first)
    assert (found.a, found.b) == ("Vera Rubin", "Cecilia Payne")


def test_a_card_without_a_path_is_a_difference_of_the_header(first: Path, edited: Edit) -> None:
    # The schema knows CAL_VER; a keyword of nobody takes its place.
    pair = (
        sample.card("CAL_VER", "2.0.1", "Calibration software version"),
        sample.card("NOBODY", 5),
    )
    found = diff(first, edited(pair))
    assert texts(found) == [
        "PRIMARY,1 CAL_VER: '2.0.1' -> nothing",
        "PRIMARY,1 NOBODY: nothing -> 5",
    ]
    assert {each.kind for each in found} == {"header"}


def test_what_only_the_tree_has_is_compared(first: Path, edited: Edit) -> None:
    # The hash holds no more than headers, so that the tree still stands.
    assert texts(diff(first, edited((b"ngroups: 6", b"ngroups: 7")))) == [
        "meta.exposure.ngroups (PRIMARY,1 NGROUPS): 6 -> 7"
    ]
    found = diff(first, edited((b"telescope: JWST\n", b"telescopf: JWST\n")))
    assert [(each.path, each.a, each.b) for each in found] == [
        ("meta.telescope", "JWST", None),
        ("meta.telescopf", None, "JWST"),
    ]


def test_what_every_writer_sets_is_passed_over_unless_strict(first: Path, edited: Edit) -> None:
    second = edited(DATE)
    assert diff(first, second) == []
    found = diff(first, second, strict=True)
    assert ("meta.date", "PRIMARY,1", "DATE") in {(f.path, f.hdu, f.keyword) for f in found}


@pytest.mark.parametrize("name", ["meta.date", "_fits_hash", "asdf_library", "CHECKSUM"])
def test_the_list_of_what_is_passed_over(name: str) -> None:
    assert name in VOLATILE


@pytest.mark.parametrize(
    "pattern",
    [
        "meta.program.pi_name",
        "meta.program",
        "meta.*",
        "PI_NAME",
        "PRIMARY:PI_NAME",
        "PRIMARY,1:PI_*",
        "PRIMARY",
    ],
)
def test_a_path_a_keyword_or_an_hdu_is_ignored(first: Path, edited: Edit, pattern: str) -> None:
    second = edited(PI, (b"BUNIT   = 'MJy/sr  '", b"BUNIT   = 'Jy/sr   '"))
    found = diff(first, second)
    assert len(found) == 2
    assert [each.path for each in diff(first, second, ignore=[pattern])] == (
        ["meta.bunit_data"] if pattern != "meta.*" else []
    )


@pytest.mark.parametrize("pattern", ["meta.progra", "PI", "SCI:PI_NAME", "PRIMARY,2:PI_NAME"])
def test_a_pattern_that_does_not_match_ignores_nothing(
    first: Path, edited: Edit, pattern: str
) -> None:
    assert len(diff(first, edited(PI), ignore=[pattern])) == 1


def test_comments_of_cards_differ_when_strict(first: Path, edited: Edit) -> None:
    second = edited((b"/ Proposal title", b"/ Pr0posal title"))
    assert diff(first, second) == []
    found = [each for each in diff(first, second, strict=True) if each.keyword == "TITLE"]
    assert texts(found) == ["PRIMARY,1 TITLE: comment 'Proposal title' -> 'Pr0posal title'"]


def test_history_is_told_once(first: Path, edited: Edit) -> None:
    found = diff(first, edited((b"HISTORY Made by asdfits", b"HISTORY Make by asdfits")))
    # A card does not know the time of an entry.
    assert [each.path for each in found] == [
        "history.entries.0.description",
        "history.entries.0.time",
    ]


def test_numbers_that_a_card_has_rounded_are_equal(first: Path, edited: Edit) -> None:
    pair = (
        b"{catalog_name: SAMPLE-1, dec: -27.78, ra: 53.16}",
        b"{dec: -27.78, ra: 53.16000000000001" + b" " * 12 + b"}",
    )
    exact = edited(pair, name="exact.fits")
    name = "meta.target.catalog_name"
    assert [each.path for each in diff(first, exact)] == [name, "meta.target.ra"]
    # With a header that was edited, the card speaks on the other side.
    assert diff(edited(PI), exact, ignore=["PI_NAME", name]) == []


def test_tolerance_holds_for_the_tree_and_cards(first: Path, edited: Edit) -> None:
    second = edited((b"exposure_time: 311.36644", b"exposure_time: 311.36645"))
    assert len(diff(first, second)) == 1
    assert diff(first, second, rtol=1e-6) == []
    assert diff(first, second, atol=1e-4) == []
    assert len(diff(first, second, atol=1e-6)) == 1


# -- WCS ----------------------------------------------------------------------------------------


def test_a_wcs_is_compared_without_being_made(first: Path, edited: Edit) -> None:
    code = f"""
import sys, asdfits
assert asdfits.diff({str(first)!r}, {str(edited())!r}) == []
print([m for m in ("asdf", "gwcs", "astropy") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_number_of_a_wcs_differs_at_its_place(first: Path, edited: Edit) -> None:
    second = edited((b"offset: -15.5", b"offset: -15.6"))
    (found,) = diff(first, second)
    assert found.path.startswith("meta.wcs.steps.0.transform.forward")
    assert found.path.endswith(".offset")
    assert (found.a, found.b) == (-15.5, -15.6)
    assert diff(first, second, ignore=["meta.wcs"]) == []
    assert diff(first, second, rtol=0.1) == []


def test_a_wcs_of_other_versions_is_the_same_if_it_stands_for_the_same(
    first: Path, edited: Edit
) -> None:
    pytest.importorskip("gwcs")
    pair = (b"{inputs: [x], offset: -15.5, outputs: [y]}", b"{offset: -15.5}" + b" " * 27)
    assert diff(first, edited(pair)) == []


# -- pixels -------------------------------------------------------------------------------------


def written(path: Path, *hdus: tuple[str, Any], **tree: Any) -> Path:
    asdf_in_fits.write(path, tree or {"n": 1}, hdus, overwrite=True)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[Any, Any], tuple[Path, Path]]:
    """Return what writes two arrays into two files."""

    def make(a: Any, b: Any) -> tuple[Path, Path]:
        return written(tmp_path / "a.fits", ("SCI", a)), written(tmp_path / "b.fits", ("SCI", b))

    return make


Pair = Callable[[Any, Any], tuple[Path, Path]]


def test_pixels_are_counted_and_the_first_is_named(first: Path, edited: Edit) -> None:
    content = sample.image_product()
    at = content.index(b"XTENSION= 'IMAGE") + 2880
    second = edited()
    pixels = np.frombuffer(content, ">f4", 24 * 32, at).reshape(24, 32).copy()
    pixels[3, 4] += 0.5
    pixels[5, 6] -= 0.25
    second.write_bytes(content[:at] + pixels.tobytes() + content[at + pixels.nbytes :])
    (found,) = diff(first, second)
    assert (found.kind, found.path, found.hdu, found.b) == ("data", "data", "SCI,1", pixels[3, 4])
    assert "2 of 768 values differ, by up to 0.5; the first at [3, 4]" in str(found)
    for ignore in ("data", "SCI"):
        assert diff(first, second, ignore=[ignore]) == []
    assert diff(first, second, atol=0.51) == []


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u2", "u4", "u1", "i1", "i8", "u8"])
def test_one_value_of_any_type_is_found(pair: Pair, dtype: str) -> None:
    a = np.arange(60, dtype=dtype).reshape(5, 12)
    b = a.copy()
    assert diff(*pair(a, b)) == []
    b[4, 11] = 7
    (found,) = diff(*pair(a, b))
    assert (found.a, found.b) == (59, 7)
    assert "1 of 60 values differ, by up to 52; the first at [4, 11]" in str(found)


@pytest.mark.parametrize(
    ("x", "y", "equal"),
    [
        (np.nan, np.nan, True),
        (np.nan, 1.0, False),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (1.0, np.inf, False),
        (0.0, -0.0, True),
        (1.0, 1.05, True),
        (1.0, 1.2, False),
    ],
)
def test_values_that_tolerance_does_not_join(pair: Pair, x: float, y: float, equal: bool) -> None:
    a, b = np.array([5.0, x]), np.array([5.0, y])
    a[0] = 5.01  # the bytes differ in any case
    assert (diff(*pair(a, b), rtol=0.1) == []) is equal


def test_nan_of_other_bits_is_nan(pair: Pair) -> None:
    a = np.array([0x7FC00000, 0x3F800000], "u4").view("f4")
    b = np.array([0xFFC00001, 0x3F800000], "u4").view("f4")
    assert diff(*pair(a, b)) == []


def test_shape_and_type_are_differences(pair: Pair) -> None:
    zeros = np.zeros((2, 3), "f4")
    assert texts(diff(*pair(zeros, zeros.T.copy()))) == ["SCI,1: shape [2, 3] -> [3, 2]"]
    assert texts(diff(*pair(zeros, zeros.astype("f8")))) == ["SCI,1: float32 -> float64"]
    table = np.zeros(2, [("a", "i4")])
    assert "an array of shape [2, 3] -> a table of shape [2]" in texts(diff(*pair(zeros, table)))[0]
    assert texts(diff(*pair(zeros, None))) == ["SCI,1: data only in the first file"]


def test_tables_are_compared_by_columns(pair: Pair) -> None:
    a = np.array(
        [(1, 2.5, b"ab", True, 7), (2, -1, b"c", False, 8)],
        [("i", "i4"), ("f", "f8"), ("s", "S3"), ("b", "?"), ("u", "u2")],
    )
    b = a[["i", "s", "b", "u"]].copy()
    b = b.astype([("I", "i4"), ("s", "S9"), ("b", "?"), ("u", "u2")])
    assert texts(diff(*pair(a, b))) == ["SCI,1: column f only in the first file"]
    b["I"][1], b["s"][0], b["b"][1], b["u"][0] = 5, b"xy", True, 65535
    assert texts(diff(*pair(a, b))) == [
        "SCI,1: column i: 1 of 2 values differ, by up to 3; the first at [1]: 2 -> 5",
        "SCI,1: column f only in the first file",
        "SCI,1: column s: 1 of 2 values differ; the first at [0]: 'ab' -> 'xy'",
        "SCI,1: column b: 1 of 2 values differ; the first at [1]: False -> True",
        "SCI,1: column u: 1 of 2 values differ, by up to 65528; the first at [0]: 7 -> 65535",
    ]
    assert texts(diff(*pair(a, a[:1]))) == ["SCI,1: shape [2] -> [1]"]
    assert texts(diff(*pair(a[["i", "f"]], a[["f", "i"]]))) == [
        "SCI,1: the columns stand in another order"
    ]


def test_arrays_of_the_tree_are_compared(tmp_path: Path) -> None:
    a = written(
        tmp_path / "a.fits", free=np.arange(5), deep={"m": np.ma.array([1, 2], mask=[0, 1])}
    )
    b = written(
        tmp_path / "b.fits", free=np.arange(5), deep={"m": np.ma.array([1, 9], mask=[0, 1])}
    )
    assert diff(a, b) == []
    b = written(
        tmp_path / "b.fits", free=-np.arange(5), deep={"m": np.ma.array([1, 2], mask=[1, 0])}
    )
    found = diff(a, b)
    assert [each.path for each in found] == ["deep.m", "free"]
    assert "mask: 2 of 2 values differ" in str(found[0])
    assert "4 of 5 values differ, by up to 8; the first at [1]: 1 -> -1" in str(found[1])


def test_hdus_are_paired_by_name_and_version(tmp_path: Path) -> None:
    x, y, z = (np.full(3, value) for value in (1.0, 2.0, 3.0))
    a = written(tmp_path / "a.fits", ("SCI", x), ("SCI", y), ("DQ", z))
    b = written(tmp_path / "b.fits", ("DQ", z), ("SCI", x), ("SCI", z), ("NEW", x))
    assert texts(diff(a, b)) == [
        "SCI,2: 3 of 3 values differ, by up to 1; the first at [0]: 2.0 -> 3.0",
        "NEW,1: only in the second file",
        "the file: the HDUs stand in another order",
    ]
    assert texts(diff(b, a, ignore=["SCI,2"]))[0] == "NEW,1: only in the first file"


@pytest.mark.parametrize("same", [True, False])
def test_big_images_take_little_memory(pair: Pair, same: bool) -> None:
    a = np.zeros((4000, 4000), "u2")
    b = a.copy()
    if not same:
        b[::2, ::2] = 1
    paths = pair(a, b)
    tracemalloc.start()
    found = diff(*paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == (not same)
    if found:
        assert "4000000 of 16000000 values differ, by up to 1;" in str(found[0])
    assert peak < 25e6  # the arrays have 32 MB each


# -- FITS and ASDF ------------------------------------------------------------------------------


def test_a_product_is_compared_with_its_asdf(first: Path, tmp_path: Path) -> None:
    from asdfits.cli import main

    other = tmp_path / "other.asdf"
    assert main(["convert", str(first), str(other)]) == 0
    assert diff(first, other) == []
    assert diff(other, first) == []
    content = bytearray(other.read_bytes())
    content[content.rindex(b"\xd3BLK") + 60] ^= 1
    other.write_bytes(content)
    assert [each.path for each in diff(first, other)] == ["err"]


def test_an_unreadable_file_is_an_error(first: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        diff(first, tmp_path / "none.fits")
    cut = tmp_path / "cut.fits"
    cut.write_bytes(first.read_bytes()[:8000])
    with (
        pytest.warns(FormatWarning),
        pytest.raises(FormatError, match=r"HDU 1 \(SCI,1\): byte 5760"),
    ):
        diff(first, cut)
