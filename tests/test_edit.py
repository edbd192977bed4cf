"""Editing metadata where it lies: header, tree and hash together, pixels never."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import asdfits
from asdfits import sample
from asdfits._core import Product
from test_save import cards, hdus


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


def test_a_value_changes_in_header_tree_and_hash(product: Path) -> None:
    before = cards(product)
    asdfits.update_metadata(
        product, {"meta.instrument.filter": "F070W", "meta.exposure.ngroups": 7}
    )
    after = cards(product)
    assert after["FILTER"] == ("F070W", before["FILTER"][1])
    assert after["NGROUPS"] == (7, before["NGROUPS"][1])
    assert {key for key in before if before[key] != after[key]} == {"FILTER", "NGROUPS"}
    assert list(before) == list(after)
    read = asdfits.open(product)
    found = read.provenance("meta.instrument.filter")
    assert (found.layer, found.fits_value, found.asdf_value) == ("asdf", "F070W", "F070W")
    assert read.conflicts() == []


def test_nothing_else_changes(product: Path) -> None:
    before, inode = hdus(product), product.stat().st_ino
    tree = asdfits.open(product).to_flat_dict(include_arrays=False)
    asdfits.update_metadata(product, {"meta.instrument.filter": "F070W"})
    after = hdus(product)
    assert product.stat().st_ino == inode  # in place
    assert list(before) == list(after)
    assert {key for key in before if before[key] != after[key]} == {("PRIMARY", 1), ("ASDF", 1)}
    now = asdfits.open(product).to_flat_dict(include_arrays=False)
    different = {path for path in tree if str(tree[path]) != str(now.get(path))}
    assert different - {"meta.wcs"} <= {
        "meta.instrument.filter",
        "_fits_hash",
        "asdf_library.name",
        "asdf_library.version",
        "asdf_library.author",
        "asdf_library.homepage",
    }


def test_cards_are_addressed_by_hdu_and_keyword(product: Path) -> None:
    asdfits.update_metadata(product, {"SCI,1:BUNIT": "DN/s", ":FILTER": "F070W", "sci:mykey": 5})
    read = asdfits.open(product)
    assert read.meta.bunit_data == "DN/s"
    assert read.meta.instrument.filter == "F070W"
    assert cards(product, 1)["MYKEY"][0] == 5
    assert read.extra_fits.SCI.header.instance == [["MYKEY", 5, ""]]
    assert read.provenance("meta.bunit_data").layer == "asdf"
    asdfits.update_metadata(product, {"SCI:MYKEY": None})
    assert "MYKEY" not in cards(product, 1)
    assert not asdfits.open(product).hasattr("extra_fits")


def test_none_removes(product: Path) -> None:
    asdfits.update_metadata(product, {"meta.instrument.filter": None})
    assert "FILTER" not in cards(product)
    assert asdfits.open(product).meta.instrument.filter is None


def test_a_value_without_a_card_is_in_the_tree_alone(product: Path) -> None:
    asdfits.update_metadata(product, {"meta.my_own_note": "kept"})
    assert asdfits.open(product).meta.my_own_note == "kept"


def test_a_header_without_room_makes_a_new_file(product: Path) -> None:
    before, inode = hdus(product), product.stat().st_ino
    many = {f"PRIMARY:KEY{n}": n for n in range(60)}
    asdfits.update_metadata(product, many)
    assert product.stat().st_ino != inode
    after = hdus(product)
    assert {key for key in before if before[key] != after[key]} == {("PRIMARY", 1), ("ASDF", 1)}
    assert asdfits.open(product).provenance("meta.telescope").layer == "asdf"
    assert os.listdir(product.parent) == [product.name]
    # And shorter again: in place, with blank cards before END.
    inode = product.stat().st_ino
    asdfits.update_metadata(product, dict.fromkeys(many))
    assert product.stat().st_ino == inode
    assert asdfits.open(product).provenance("meta.telescope").layer == "asdf"
    assert "KEY3" not in cards(product)


def test_edits_of_other_tools_are_kept(product: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    with fits.open(product, mode="update") as found:
        found[0].header["FILTER"] = "F200W"
        found["SCI"].header["UNKNOWN"] = 3
    asdfits.update_metadata(product, {"meta.exposure.ngroups": 7})
    read = asdfits.open(product)
    assert read.meta.instrument.filter == "F200W"
    assert read.meta.exposure.ngroups == 7
    assert read.provenance("meta.instrument.filter").layer == "asdf"
    assert read.extra_fits.SCI.header.instance == [["UNKNOWN", 3, ""]]
    assert np.array_equal(read.data, asdfits.open(product).data, equal_nan=True)


def test_sums_stay_right(product: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    asdfits.open(product).save(product, checksum=True)
    asdfits.update_metadata(product, {"meta.instrument.filter": "F070W"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(product, checksum=True) as found:
            assert "CHECKSUM" in found[0].header


def test_an_item_of_a_list_is_edited(tmp_path: Path) -> None:
    model = asdfits.MultiSlitModel()
    for number in range(3):
        model.slits.append({"name": f"S{number}", "data": np.ones((2, 2), "f4")})
    model.save(tmp_path / "slits.fits")
    asdfits.update_metadata(tmp_path / "slits.fits", {"slits.1.name": "new"})
    read = asdfits.open(tmp_path / "slits.fits")
    assert [slit.name for slit in read.slits] == ["S0", "new", "S2"]
    assert read.conflicts() == []
    assert read.provenance("slits.1.name").layer == "asdf"


def test_an_asdf_file_is_edited(product: Path, tmp_path: Path) -> None:
    asdfits.open(product).save(tmp_path / "saved.asdf")
    asdfits.update_metadata(tmp_path / "saved.asdf", {"meta.instrument.filter": "F070W"})
    read = asdfits.open(tmp_path / "saved.asdf")
    assert read.meta.instrument.filter == "F070W"
    assert np.array_equal(read.data, asdfits.open(product).data, equal_nan=True)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"meta.exposure.ngroups": "many"}, asdfits.ValidationError, "ngroups"),
        ({"meta.exposure.type": "NOTHING"}, asdfits.ValidationError, "not one of"),
        ({"meta.exposure.exposure_time": float("nan")}, ValueError, "EFFEXPTM"),
        ({"meta.nothing.of_this.kind": 1}, KeyError, "meta.nothing"),
        ({"NOHDU:KEY": 1}, KeyError, "NOHDU"),
        ({"data": np.zeros(3)}, asdfits.UnsupportedError, "scalars"),
    ],
)
def test_a_refused_edit_leaves_the_file_alone(
    product: Path, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    before = product.read_bytes()
    with pytest.raises(error, match=message):
        asdfits.update_metadata(product, {"meta.instrument.filter": "F070W", **changes})
    assert product.read_bytes() == before
    assert os.listdir(product.parent) == [product.name]


def test_a_compressed_file_is_refused(product: Path) -> None:
    packed = product.with_suffix(".fits.gz")
    packed.write_bytes(gzip.compress(product.read_bytes()))
    with pytest.raises(asdfits.UnsupportedError, match="compressed"):
        asdfits.update_metadata(packed, {"meta.instrument.filter": "F070W"})


def test_the_reference_reads_an_edited_product(product: Path) -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    fits_support = pytest.importorskip("stdatamodels.fits_support")
    fits = pytest.importorskip("astropy.io.fits")
    asdfits.update_metadata(product, {"meta.instrument.filter": "F070W", "PRIMARY:MYKEY": "x"})
    with datamodels.open(product) as model, fits.open(product) as found:
        assert model.meta.instrument.filter == "F070W"
        assert model.instance["_fits_hash"] == fits_support.fits_hash(found)


EDITS = """
import sys
import asdfits
for number in range(1, 100000):
    both = {"meta.exposure.ngroups": number, "meta.exposure.nints": number}
    asdfits.update_metadata(sys.argv[1], both)
    if number == 1:
        print("started", flush=True)
"""


@pytest.mark.parametrize(
    "rounds", [pytest.param(8), pytest.param(200, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_killed_edit_leaves_the_old_file_or_the_new_one(product: Path, rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    for _ in range(rounds):
        worker = subprocess.Popen(
            [sys.executable, "-c", EDITS, str(product)], stdout=subprocess.PIPE
        )
        assert worker.stdout is not None
        assert worker.stdout.readline()
        time.sleep(float(rng.uniform(0, 0.05)))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        read = asdfits.open(product)
        assert read.meta.exposure.ngroups == read.meta.exposure.nints
        assert read.provenance("meta.exposure.nints").layer == "asdf"
        assert cards(product)["NGROUPS"][0] == read.meta.exposure.ngroups
        assert os.listdir(product.parent) == [product.name]


def test_an_edit_costs_the_header_and_the_tree(tmp_path: Path) -> None:
    """A sparse product of 64 MB: what is written is counted by the system."""
    path = tmp_path / "large.fits"
    model = asdfits.ImageModel(np.zeros((4096, 4096), "f4"))
    model.meta.instrument.filter = "F200W"
    model.save(path)
    asdfits.open(path)
    before = written()
    asdfits.update_metadata(path, {"meta.instrument.filter": "F070W"})
    assert written() - before < 100_000
    assert Product.open(path).value(0, "FILTER") == "F070W"


def written() -> int:
    """Bytes that this process asked the system to write."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    pytest.skip("the system does not count")
