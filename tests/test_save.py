"""Saving: what was read goes back, what was changed is there, nothing else is different."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import sample
from asdfits._core import Product

BLOCK = 2880


@pytest.fixture
def product(tmp_path: Path) -> Path:
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


@pytest.fixture
def slits(tmp_path: Path) -> Path:
    """A product of five slits with keywords, an array outside FITS, and a shared branch."""
    model = asdfits.MultiSlitModel()
    for number in range(5):
        slit = {
            "name": f"S{number}",
            "slitlet_id": number,
            "data": np.full((3, 4), number, "f4"),
            "dq": np.full((3, 4), 2**31 + number, "u4"),
            "kept_in_tree": np.arange(number + 1),
        }
        model.slits.append(slit)
    model.meta.telescope = "JWST"
    path = tmp_path / "slits.fits"
    model.save(path)
    return path


def hdus(path: Path) -> dict[tuple[str, int], tuple[bytes, bytes]]:
    """(Name, version) -> header and data of each HDU."""
    whole = path.read_bytes()
    product = Product.open(path)
    found = {}
    for index in range(len(product)):
        hdu = product.hdu(index)
        end = hdu.data_at + -(-hdu.announced // BLOCK) * BLOCK
        found[hdu.name, hdu.version] = whole[hdu.at : hdu.data_at], whole[hdu.data_at : end]
    return found


def cards(path: Path, hdu: int = 0) -> dict[str, tuple[Any, str]]:
    return {key: (value, text) for key, value, text in Product.open(path).cards(hdu) if key}


# -- what nobody touched ---------------------------------------------------------------------------


def test_what_nobody_touched_goes_back_byte_for_byte(product: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved" / sample.NAME
    saved.parent.mkdir()
    asdfits.open(product).save(saved)
    before, after = hdus(product), hdus(saved)
    assert list(before) == list(after)
    for key in before:
        if key[0] not in ("PRIMARY", "ASDF"):  # these have the date
            assert before[key] == after[key], key
    assert len(saved.read_bytes()) % BLOCK == 0


def test_a_saved_product_reads_by_its_hash(product: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.fits"
    asdfits.open(product).save(saved)
    headers = [header for (name, _), (header, _) in hdus(saved).items() if name != "ASDF"]
    tree = asdfits.open(saved).instance
    assert tree["_fits_hash"] == hashlib.sha256(b"".join(headers)).hexdigest()
    assert asdfits.open(saved).provenance("meta.telescope").layer == "asdf"


def test_reading_a_saved_product_gives_the_same_model(product: Path, tmp_path: Path) -> None:
    first = asdfits.open(product)
    first.save(tmp_path / "saved.fits")
    left = asdfits.open(product).to_flat_dict()
    right = asdfits.open(tmp_path / "saved.fits").to_flat_dict()
    may_differ = ("meta.date", "meta.filename", "_fits_hash", "asdf_library")
    assert left.keys() - right.keys() <= {"asdf_library.author", "asdf_library.homepage"}
    for path, value in right.items():
        if not path.startswith(may_differ) and path != "meta.wcs":
            assert np.array_equal(value, left[path], equal_nan=isinstance(value, np.ndarray)), path


def test_the_source_is_not_changed_by_a_save_elsewhere(product: Path, tmp_path: Path) -> None:
    before = product.read_bytes()
    model = asdfits.open(product)
    model.data[:] = 5
    model.save(tmp_path / "other.fits")
    assert product.read_bytes() == before


# -- what was changed ------------------------------------------------------------------------------


def test_a_changed_keyword_changes_one_card_and_keeps_its_comment(
    product: Path, tmp_path: Path
) -> None:
    model = asdfits.open(product)
    model.meta.instrument.filter = "F070W"
    saved = tmp_path / product.name
    (tmp_path / "x").mkdir()
    saved = tmp_path / "x" / product.name
    model.save(saved)
    before, after = cards(product), cards(saved)
    assert after["FILTER"] == ("F070W", before["FILTER"][1])
    changed = {key for key in before if before[key] != after.get(key)}
    assert changed <= {"FILTER", "DATE"}
    assert list(before) == list(after)


def test_a_new_keyword_is_added_and_a_removed_one_goes(product: Path, tmp_path: Path) -> None:
    model = asdfits.open(product)
    assert "READPATT" not in cards(product)
    assert "FILTER" in cards(product)
    model.meta.exposure.readpatt = "FAST"
    model.meta.instrument.filter = None
    model.save(tmp_path / "saved.fits")
    after = cards(tmp_path / "saved.fits")
    assert after["READPATT"][0] == "FAST"
    assert "FILTER" not in after
    read = asdfits.open(tmp_path / "saved.fits")
    assert read.meta.exposure.readpatt == "FAST"
    assert read.meta.instrument.filter is None


def test_pixels_written_in_place_are_saved(product: Path, tmp_path: Path) -> None:
    model = asdfits.open(product)
    model.data[3, 4] = 42
    model.dq[0, 0] = 2**31 + 7
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert read.data[3, 4] == 42
    assert read.dq[0, 0] == 2**31 + 7
    before = asdfits.open(product)
    before.data[3, 4] = 42
    assert np.array_equal(read.data, before.data, equal_nan=True)


@pytest.mark.parametrize(
    "dtype", ["f4", ">f4", "<f8", "i2", ">i4", "u1"], ids=lambda code: code.replace(">", "big ")
)
def test_a_new_array_is_cast_and_saved(product: Path, tmp_path: Path, dtype: str) -> None:
    model = asdfits.open(product)
    values = np.arange(30).reshape(5, 6).astype(dtype)
    model.data = values
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits").data
    assert read.dtype == np.dtype(">f4")
    assert np.array_equal(read, values)


def test_arrays_that_are_no_rows_of_memory_are_saved(product: Path, tmp_path: Path) -> None:
    model = asdfits.open(product)
    values = np.arange(120, dtype="f4").reshape(10, 12)
    model.data = values[::2, ::-3].T
    model.save(tmp_path / "saved.fits")
    assert np.array_equal(asdfits.open(tmp_path / "saved.fits").data, values[::2, ::-3].T)


@pytest.mark.parametrize("dtype", ["i1", "u2", "u4", "u8", "i8", ">u4", "c8", "b1"])
def test_every_type_goes_into_an_image_or_is_refused(tmp_path: Path, dtype: str) -> None:
    values = np.array([[0, 1], [3, 127]]).astype(dtype)
    model = asdfits.ImageModel()
    model.extra_fits = {"MINE": {"data": values}}
    if np.dtype(dtype).kind in "cb":
        with pytest.raises(asdfits.UnsupportedError, match=r"MINE.*no image of"):
            model.save(tmp_path / "saved.fits")
        return
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits").extra_fits.MINE.data
    assert read.dtype.kind == values.dtype.kind
    assert np.array_equal(read, values)


def test_an_array_that_is_deleted_takes_its_hdu_along(product: Path, tmp_path: Path) -> None:
    model = asdfits.open(product)
    del model.err
    model.meta.bunit_err = None  # a keyword of that HDU
    model.save(tmp_path / "saved.fits")
    assert ("ERR", 1) in hdus(product)
    assert ("ERR", 1) not in hdus(tmp_path / "saved.fits")
    assert asdfits.open(tmp_path / "saved.fits").err is None


def test_a_model_made_from_nothing_is_saved(tmp_path: Path) -> None:
    model = asdfits.ImageModel(np.arange(6, dtype="f4").reshape(2, 3))
    model.meta.exposure.type = "NRC_IMAGE"
    model.add_history_entry("made by a test " * 10)
    model.save(tmp_path / "made.fits")
    read = asdfits.open(tmp_path / "made.fits")
    assert type(read) is asdfits.ImageModel
    assert read.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read.meta.exposure.type == "NRC_IMAGE"
    assert [entry["description"] for entry in read.history] == ["made by a test " * 10]
    lines = Product.open(tmp_path / "made.fits").commentary(0, "HISTORY")
    assert [len(line) for line in lines] == [72, 72, 5]


# -- lists -----------------------------------------------------------------------------------------


def test_untouched_slits_keep_their_hdus_byte_for_byte(slits: Path, tmp_path: Path) -> None:
    model = asdfits.open(slits)
    model.slits[2].name = "changed"
    model.save(tmp_path / "saved.fits")
    before, after = hdus(slits), hdus(tmp_path / "saved.fits")
    assert list(before) == list(after)
    different = {key for key in before if before[key] != after[key]}
    assert different <= {("PRIMARY", 1), ("ASDF", 1), ("SCI", 3)}
    assert ("SCI", 3) in different


def test_slits_that_move_take_their_arrays_along(slits: Path, tmp_path: Path) -> None:
    model = asdfits.open(slits)
    del model.slits[0]
    model.slits.append(asdfits.open(slits).slits[0])
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert [slit.name for slit in read.slits] == ["S1", "S2", "S3", "S4", "S0"]
    assert [int(slit.data[0, 0]) for slit in read.slits] == [1, 2, 3, 4, 0]
    assert [int(slit.dq[0, 0]) - 2**31 for slit in read.slits] == [1, 2, 3, 4, 0]
    assert [len(slit.kept_in_tree) for slit in read.slits] == [2, 3, 4, 5, 1]
    assert read.conflicts() == []


def test_slits_of_another_file_come_over(slits: Path, tmp_path: Path) -> None:
    one, two = asdfits.open(slits), asdfits.open(slits)
    one.slits.extend(two.slits)
    one.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert [slit.slitlet_id for slit in read.slits] == [0, 1, 2, 3, 4] * 2
    assert [int(slit.data[1, 1]) for slit in read.slits] == [0, 1, 2, 3, 4] * 2


def test_a_product_saves_the_same_from_a_hash_miss(slits: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.fits"
    edited.write_bytes(slits.read_bytes().replace(b"TELESCOP= 'JWST    '", b"TELESCOP= 'JWST'    "))
    assert asdfits.open(edited).provenance("meta.telescope").layer == "fits"
    asdfits.open(edited).save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert [int(slit.data[0, 0]) for slit in read.slits] == [0, 1, 2, 3, 4]
    assert [len(slit.kept_in_tree) for slit in read.slits] == [1, 2, 3, 4, 5]


# -- tables, the tree, other values ----------------------------------------------------------------


def test_tables_of_every_column_type_come_back(tmp_path: Path) -> None:
    table = np.array(
        [(1, True, "ab", [1.5, 2.5], 2**63 + 5), (65535, False, "", [np.nan, -0.0], 0)],
        [("COUNT", "u2"), ("GOOD", "?"), ("NAME", "U4"), ("PAIR", "f4", (2,)), ("BIG", "u8")],
    )
    model = asdfits.ImageModel()
    model.extra_fits = {"MINE": {"data": table}}
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits").extra_fits.MINE.data
    for name in table.dtype.names or ():
        left, right = np.asarray(table[name]), np.asarray(read[name])
        assert left.shape == right.shape, name
        assert left.dtype.kind == right.dtype.kind, name
        assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), name


def test_the_units_of_columns_are_kept(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    column = fits.Column(name="FLUX", format="D", unit="Jy", array=np.arange(3.0))
    table = fits.BinTableHDU.from_columns([column], name="MINE")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "in.fits")
    with warnings.catch_warnings(action="ignore"):
        model = asdfits.open(tmp_path / "in.fits")
    assert model.extra_fits.MINE.data["FLUX"].tolist() == [0, 1, 2]
    model.save(tmp_path / "out.fits")
    assert fits.getheader(tmp_path / "out.fits", "MINE")["TUNIT1"] == "Jy"


def test_arrays_outside_the_schema_become_blocks_in_their_own_byte_order(tmp_path: Path) -> None:
    model = asdfits.ImageModel()
    model.mine = {"little": np.arange(5, dtype="<i4"), "big": np.arange(5, dtype=">f8")}
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert read.mine.little.dtype == np.dtype("<i4")
    assert read.mine.little.tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert read.mine.big.dtype == np.dtype(">f8")
    assert read.mine.big.tolist() == [0, 1, 2, 3, 4]
    read.mine.little[0] = 7
    read.save(tmp_path / "again.fits")
    assert asdfits.open(tmp_path / "again.fits").mine.little.tolist() == [7, 1, 2, 3, 4]


def test_one_object_in_two_places_stays_one_object(tmp_path: Path) -> None:
    shared = {"a": [1, 2], "b": np.arange(3)}
    model = asdfits.ImageModel()
    model.one = shared
    model.two = shared
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert read.one.instance is read.two.instance
    read.save(tmp_path / "again.fits")
    again = asdfits.open(tmp_path / "again.fits")
    assert again.one.instance is again.two.instance


def test_none_goes_from_dicts_and_stays_in_lists(tmp_path: Path) -> None:
    model = asdfits.ImageModel()
    model.mine = {"gone": None, "list": [1, None, 3]}
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert read.mine.instance == {"list": [1, None, 3]}


def test_numbers_stay_exact_in_the_tree(tmp_path: Path) -> None:
    model = asdfits.ImageModel()
    model.meta.exposure.exposure_time = -1.2345678901234567e-100
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert read.meta.exposure.exposure_time == -1.2345678901234567e-100
    assert read.conflicts() == []


def test_objects_of_other_packages_go_through_their_extensions(tmp_path: Path) -> None:
    units = pytest.importorskip("astropy.units")
    pytest.importorskip("asdf_astropy")
    from astropy.time import Time

    model = asdfits.ImageModel()
    quantity = units.Quantity([1.0, 2.0], "Jy")
    model.mine = {"flux": quantity, "again": quantity, "when": Time("2024-01-02T03:04:05.678")}
    model.save(tmp_path / "saved.fits")
    read = asdfits.open(tmp_path / "saved.fits")
    assert (read.mine.flux == quantity).all()
    assert read.mine.flux.unit == units.Jy
    assert read.mine.again is read.mine.flux
    assert read.mine.when == "2024-01-02 03:04:05.678"  # as FITS products have times
    names = [entry["extension_uri"] for entry in read.instance["history"]["extensions"]]
    assert any("astropy" in name for name in names)


def test_an_object_that_nobody_knows_is_refused_with_its_path(tmp_path: Path) -> None:
    pytest.importorskip("asdf")
    model = asdfits.ImageModel()
    model.mine = {"here": object()}
    with pytest.raises(TypeError, match=r"saved\.fits: mine\.here: <class 'object'>"):
        model.save(tmp_path / "saved.fits")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta.exposure.exposure_time", float("nan")),
        ("meta.exposure.exposure_time", float("inf")),
        ("meta.target.proposer_name", "Андромеда"),
        ("meta.target.proposer_name", "two\nlines"),
    ],
)
def test_what_a_card_cannot_hold_is_refused_by_name(
    product: Path, path: str, value: object
) -> None:
    before = product.read_bytes()
    model = asdfits.open(product)
    model[path] = value
    row = next(row for row in model._model.keywords if row.dotted == path)
    with pytest.raises(ValueError, match=rf"{product.name}.*{row.keyword} \({path}\)"):
        model.save(product)
    assert product.read_bytes() == before
    assert os.listdir(product.parent) == [product.name]


def test_a_tree_that_does_not_fit_the_schema_is_refused(product: Path) -> None:
    before = product.read_bytes()
    model = asdfits.open(product, pass_invalid_values=True)
    with warnings.catch_warnings(action="ignore"):
        model.meta.exposure.nints = "many"
    with pytest.raises(asdfits.ValidationError, match=r"meta\.exposure\.nints: 'many'"):
        model.save(product)
    assert product.read_bytes() == before


# -- paths, files ----------------------------------------------------------------------------------


def test_saving_over_the_open_file_works_while_its_arrays_live(product: Path) -> None:
    model = asdfits.open(product)
    data = model.data
    first = data.copy()
    data[0, 0] = 99
    model.meta.target.proposer_name = "M 31"
    for _ in range(3):
        model.save(product)
    assert data[0, 0] == 99
    assert np.array_equal(data[1:], first[1:], equal_nan=True)
    read = asdfits.open(product)
    assert read.data[0, 0] == 99
    assert read.meta.target.proposer_name == "M 31"


def test_save_returns_the_path_and_takes_folders_and_functions(
    product: Path, tmp_path: Path
) -> None:
    model = asdfits.open(product)
    folder = tmp_path / "out"
    folder.mkdir()
    assert model.save("new.fits", dir_path=folder) == str(folder / "new.fits")
    assert model.meta.filename == "new.fits"
    assert model.save(lambda name: f"{name[:3]}_x.fits", dir_path=str(folder)).endswith(
        "new_x.fits"
    )
    assert sorted(os.listdir(folder)) == ["new.fits", "new_x.fits"]
    with pytest.raises(ValueError, match="unknown filetype"):
        model.save(folder / "new.txt")
    with pytest.raises(OSError, match="exists"):
        model.save(folder / "new.fits", overwrite=False)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "new.fits")


def test_a_saved_file_has_new_date_name_and_class(product: Path, tmp_path: Path) -> None:
    model = asdfits.open(product)
    before = model.meta.date
    model.save(tmp_path / "renamed.fits")
    after = cards(tmp_path / "renamed.fits")
    assert after["FILENAME"][0] == "renamed.fits"
    assert after["DATAMODL"][0] == "ImageModel"
    assert after["DATE"][0] == model.meta.date > before


def test_an_asdf_file_has_everything_and_comes_back(product: Path, tmp_path: Path) -> None:
    asdfits.open(product).save(tmp_path / "saved.asdf")
    left, right = asdfits.open(product), asdfits.open(tmp_path / "saved.asdf")
    assert type(right) is asdfits.ImageModel
    assert np.array_equal(left.data, right.data, equal_nan=True)
    assert np.array_equal(left.dq, right.dq)
    assert right.dq.dtype.kind == "u"
    right.save(tmp_path / "back.fits")
    back = asdfits.open(tmp_path / "back.fits")
    assert np.array_equal(left.data, back.data, equal_nan=True)
    assert back.meta.instrument.name == left.meta.instrument.name
    assert list(hdus(tmp_path / "back.fits")) == list(hdus(product))


def test_reference_files_have_no_tree(tmp_path: Path) -> None:
    model = asdfits.FlatModel(np.ones((4, 4), "f4"))
    model.save(tmp_path / "flat.fits")
    assert ("ASDF", 1) not in hdus(tmp_path / "flat.fits")
    read = asdfits.open(tmp_path / "flat.fits")
    assert type(read) is asdfits.FlatModel
    assert read.data.sum() == 16


def test_checksums_are_those_of_the_standard(product: Path, tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    model = asdfits.open(product)
    model.data = np.asarray(model.data).astype("f4")
    model.save(tmp_path / "saved.fits", checksum=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(tmp_path / "saved.fits", checksum=True) as found:
            assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in found)
    assert asdfits.open(tmp_path / "saved.fits").provenance("meta.telescope").layer == "asdf"
    # A later save without them being asked for keeps them right.
    again = asdfits.open(tmp_path / "saved.fits")
    again.meta.target.proposer_name = "M 31"
    again.data[0, 0] = 3
    again.save(tmp_path / "again.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(tmp_path / "again.fits", checksum=True) as found:
            assert "CHECKSUM" in found["SCI"].header


def test_fitsverify_finds_nothing(product: Path, slits: Path, tmp_path: Path) -> None:
    """The reference checker of the standard where it is installed, else astropy's."""
    table = np.array([(1, True, "ab")], [("COUNT", "u2"), ("GOOD", "?"), ("NAME", "U4")])
    model = asdfits.open(product)
    model.extra_fits = {"MINE": {"data": table}, "WIDE": {"data": np.arange(6, dtype="u8")}}
    # No long text: fitsverify asks for the LONGSTRN of an older convention, FITS 4.0 §4.2.1.2 does not.
    model.save(tmp_path / "image.fits", checksum=True)
    asdfits.open(slits).save(tmp_path / "again.fits")
    asdfits.update_metadata(tmp_path / "again.fits", {"meta.telescope": "JWST", ":MYKEY": 1.5})
    saved = [tmp_path / "image.fits", slits, tmp_path / "again.fits"]
    checker = shutil.which("fitsverify")
    if checker is None:
        fits = pytest.importorskip("astropy.io.fits")
        for path in saved:
            with fits.open(path) as found:
                found.verify("exception")
        return
    done = subprocess.run([checker, "-q", *map(str, saved)], capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if "verification OK" not in line] == []
    assert done.returncode == 0


def test_a_table_that_cannot_be_read_goes_back_as_it_came(tmp_path: Path) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    model = asdfits.MultiSpecModel()
    model.spec.append({"spec_table": asdfits.SpecModel().get_default("spec_table")})
    model.save(tmp_path / "in.fits")
    with fits.open(tmp_path / "in.fits", mode="update") as found:
        found["EXTRACT1D"].header["TTYPE1"] = "NOT_IN_THE_SCHEMA"
    with pytest.warns(asdfits.FormatWarning, match="reading it fails"):
        model = asdfits.open(tmp_path / "in.fits")
    model.meta.target.proposer_name = "M 31"
    model.save(tmp_path / "out.fits")
    before, after = hdus(tmp_path / "in.fits"), hdus(tmp_path / "out.fits")
    assert before["EXTRACT1D", 1] == after["EXTRACT1D", 1]
    assert cards(tmp_path / "out.fits")["TARGPROP"][0] == "M 31"


@pytest.mark.parametrize("kind", ["fits", "asdf"])
def test_flags_of_a_reference_file_are_saved_in_its_own_bits(tmp_path: Path, kind: str) -> None:
    model = asdfits.MaskModel(np.array([[0, 1], [2, 3]], "u4"))
    bits = [(0, 1, "DO_NOT_USE", "bad"), (1, 2, "HOT", "hot")]
    model.dq_def = np.array(bits, model.get_dtype("dq_def"))
    standard = {0: 0, 1: 1, 2: 2**11, 3: 1 + 2**11}
    model.dq = np.vectorize(standard.get)([[0, 1], [2, 3]]).astype("u4")
    path = tmp_path / f"mask.{kind}"
    model.save(path)
    assert model.dq.tolist() == [[0, 1], [2**11, 1 + 2**11]]  # the model itself keeps its bits
    if kind == "fits":
        product = Product.open(path)
        at = product.hdu(product.find("DQ")).data_at
        raw = np.frombuffer(path.read_bytes()[at : at + 16], ">u4") ^ 2**31
        assert raw.tolist() == [0, 1, 2, 3]
    read = asdfits.open(path)
    assert read.dq.tolist() == [[0, 1], [2**11, 1 + 2**11]]
    read.save(tmp_path / f"again.{kind}")
    assert asdfits.open(tmp_path / f"again.{kind}").dq.tolist() == read.dq.tolist()
