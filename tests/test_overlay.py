from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asdfits
from asdfits import mapping, overlay, sample
from asdfits.overlay import Conflict, Provenance, header_hash

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle

Edit = Callable[[Any], None]

PI = "meta.program.pi_name"


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


def edited(path: Path, edit: Edit) -> Path:
    """Change headers or data as a FITS tool does, behind the back of the tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, mode="update", memmap=False) as hdus:
            edit(hdus)
    return path


def replaced(path: Path, keyword: str, card: bytes) -> Path:
    """Put a card as it is, however odd, in the place of another."""
    content = path.read_bytes()
    at = content.index(f"{keyword:<8}= ".encode())
    path.write_bytes(content[:at] + card.ljust(80) + content[at + 80 :])
    return path


def both(path: Path, *, strict_compat: bool = False, **switches: bool) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = asdfits.open(path, strict_compat=strict_compat, **switches)
        return datamodels.open(path, **switches), ours


def assert_same_tree(path: Path, **switches: bool) -> Any:
    """Check that both sides hold the same, and return our model."""
    theirs, ours = both(path, **switches)
    left, right = theirs.to_flat_dict(), ours.to_flat_dict()
    for place in [place for place in right if re.fullmatch(r"history\.entries\.\d+\.time", place)]:
        del right[place]  # the reference gives the texts of the cards alone
    assert sorted(right) == sorted(left)
    left["meta.date"] = right["meta.date"] = left["meta.date"][:16]  # if the file has none: now
    for place, value in left.items():
        found = right[place]
        if isinstance(value, np.ndarray):
            assert np.array_equal(np.asarray(found), np.asarray(value)), place
        elif type(value).__name__ not in ("WCS", "Undefined"):
            assert (found, type(found)) == (value, type(value)), place
    theirs.close()
    return ours


# -- who wins -----------------------------------------------------------------------------------


def test_while_the_hash_matches_the_tree_stands(product: Path) -> None:
    content = product.read_bytes()
    product.write_bytes(content.replace(b"pi_name: Cecilia Payne", b"pi_name: Cecilia P. G."))
    model = assert_same_tree(product)
    assert model[PI] == "Cecilia P. G."
    assert model.provenance(PI) == Provenance(
        PI, "asdf", "PRIMARY,1", "PI_NAME", "Cecilia Payne", "Cecilia P. G."
    )


def test_once_a_header_is_edited_fits_wins(product: Path) -> None:
    def edit(hdus: Any) -> None:
        hdus[0].header["PI_NAME"] = "Vera Rubin"
        hdus[0].header["NGROUPS"] = 9

    model = assert_same_tree(edited(product, edit))
    assert (model[PI], model.meta.exposure.ngroups) == ("Vera Rubin", 9)
    assert model.provenance(PI).layer == "fits"


def test_an_edit_of_one_card_lets_every_card_win(product: Path) -> None:
    content = product.read_bytes().replace(b"ngroups: 6", b"ngroups: 5")
    product.write_bytes(content)
    assert asdfits.open(product).meta.exposure.ngroups == 5
    model = assert_same_tree(
        edited(product, lambda hdus: hdus[0].header.set("PI_NAME", "Vera Rubin"))
    )
    assert model.meta.exposure.ngroups == 6


def test_data_do_not_count_as_an_edit(product: Path) -> None:
    content = bytearray(product.read_bytes())
    at = content.index(b"EXTNAME = 'SCI") + 2880
    content[at : at + 4] = b"\x42\x28\x00\x00"
    product.write_bytes(content)
    model = assert_same_tree(product)
    assert model.provenance(PI).layer == "asdf"


def test_an_added_keyword_is_taken_and_its_branch_made(product: Path) -> None:
    def edit(hdus: Any) -> None:
        hdus[0].header["S_FLAT"] = "COMPLETE"
        hdus["SCI"].header["PHOTMJSR"] = 0.5
        hdus["SCI"].header["CRPIX1"] = 7.0

    model = assert_same_tree(edited(product, edit))
    assert model.meta.cal_step.flat_field == "COMPLETE"
    assert model.meta.photometry.conversion_megajanskys == 0.5
    assert model.meta.wcsinfo.crpix1 == 7.0


def test_a_deleted_keyword_keeps_the_value_of_the_tree(product: Path) -> None:
    model = assert_same_tree(edited(product, lambda hdus: hdus[0].header.remove("PI_NAME")))
    assert model[PI] == "Cecilia Payne"
    assert model.provenance(PI) == Provenance(
        PI, "asdf", "PRIMARY,1", "PI_NAME", None, "Cecilia Payne"
    )


def test_an_undefined_card_keeps_the_value_of_the_tree(product: Path) -> None:
    model = assert_same_tree(replaced(product, "PI_NAME", b"PI_NAME ="))
    assert model[PI] == "Cecilia Payne"


def test_of_two_cards_with_one_keyword_the_first_counts(product: Path) -> None:
    def edit(hdus: Any) -> None:
        hdus[0].header.insert("PI_NAME", ("PI_NAME", "First"))

    assert assert_same_tree(edited(product, edit))[PI] == "First"


def test_another_class_than_the_headers_name_does_not_trust_the_hash(product: Path) -> None:
    product.write_bytes(product.read_bytes().replace(b"ngroups: 6", b"ngroups: 5"))
    assert asdfits.open(product).meta.exposure.ngroups == 5
    with datamodels.SlitModel(product) as theirs:
        assert theirs.meta.exposure.ngroups == 6
    assert asdfits.SlitModel(product).meta.exposure.ngroups == 6


UNCLEAN = [
    ("PI_NAME", b"pi_name = 'Vera Rubin'"),
    ("PI_NAME", b"PI_NAME = 'Vera Rubin         '"),
    ("EFFEXPTM", b"EFFEXPTM= 3.1136644e2"),
    ("EFFEXPTM", b"EFFEXPTM=            311.36644d0"),
    ("EFFEXPTM", b"EFFEXPTM= NaN"),
    ("NGROUPS", b"NGROUPS = 1 2"),
    ("NGROUPS", b"NGROUPS =6"),
    ("NGROUPS", b"NGROUPS = 0007"),
    ("TSOVISIT", b"TSOVISIT= t"),
    ("TARGNAME", b"TARGNAME= 'SAMPLE-1' x"),
    ("TARGNAME", b"TARGNAME= 'it''s' / Name"),
    ("TARG_RA", b"TARG_RA = +5.31600E+01 / [deg]"),
]


@pytest.mark.parametrize(("keyword", "card"), UNCLEAN, ids=[str(card) for _, card in UNCLEAN])
def test_an_odd_card_hashes_as_astropy_renders_it(keyword: str, card: bytes, product: Path) -> None:
    replaced(product, keyword, card)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(product) as hdus:
            from stdatamodels.fits_support import fits_hash

            expected = fits_hash(hdus)
        assert header_hash(asdfits.open(product)._file) == expected
    # A writer that rendered it so would have stored this hash: then the tree stands.
    stored = product.read_bytes()
    at = stored.index(b"_fits_hash: ") + 12
    product.write_bytes(stored[:at] + expected.encode() + stored[at + 64 :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asdfits.open(product).provenance(PI).layer == "asdf"


# -- what is compared without Python ------------------------------------------------------------

CARD_VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: f"{x!r}".upper()),
    st.sampled_from(
        ["T", "F", "0", "-0", "-0.0", "007", "1.", ".5", "1.0E5", "1.5D3", "1 2", "5e3"]
    ),
    st.text("AB '/&0.9-", max_size=9).map(lambda text: "'" + text.replace("'", "''") + "'"),
    st.text("AB '/&0.9-", max_size=9),
)
TREE_VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(repr),
    st.sampled_from(
        ["true", "yes", "~", "0", "-0", "-0.0", "007", "1.", ".5", "1.0e+5", "1:30", "''"]
    ),
    st.text("AB/&0.9", min_size=1, max_size=9).map(lambda text: f"'{text}'"),
    st.text("AB0.9", min_size=1, max_size=9),
    st.text("AB0.9", min_size=1, max_size=9).map(lambda text: f"!own {text}"),
)


@given(
    values=st.lists(st.tuples(CARD_VALUES, TREE_VALUES, st.booleans()), min_size=3, max_size=3),
    end=st.sampled_from(["", " / words", " /", " ' /", " x"]),
    more=st.booleans(),
)
def test_a_card_is_compared_by_its_bytes_as_by_its_value(
    values: list[tuple[str, str, bool]], end: str, more: bool
) -> None:
    keywords = {"PI_NAME": "pi_name", "TITLE": "title", "PROGRAM": "program_number"}
    records, lines = [], []
    for (keyword, key), (card, stored, same) in zip(keywords.items(), values, strict=True):
        records.append(f"{keyword:<8}= {card}{end}"[:80].ljust(80).encode())
        lines.append(f"{key}: {card.rstrip() if same and card.strip() else stored}")
        if more:
            records.append(b"CONTINUE  'and more'".ljust(80))
    tree = "meta: {program: {" + ", ".join(lines) + "}}\n"
    content = sample.product([("DATAMODL", "ImageModel")], [], tree)
    at = content.index(b"END".ljust(80))
    header = content[:at] + b"".join(records) + b"END".ljust(80)
    header += b" " * (-len(header) % 2880)
    try:
        product = asdfits._core.Product.from_bytes(header + content[2880:])
    except asdfits.FormatError:
        return  # the tree is no YAML
    rows = overlay.schema_rows(mapping.model("ImageModel"))
    quick, slow = product.beside(rows), product.beside(rows, True)
    assert repr(quick) == repr(slow)
    assert [card[:2] for _, cards in quick[1] for card in cards] == [
        card[:2] for _, cards in slow[1] for card in cards
    ]


def test_an_item_that_agrees_with_its_cards_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "slits.fits"
    model = datamodels.MultiSlitModel()
    for place in range(3):
        model.slits.append(datamodels.SlitModel(np.full((2, 3), place, "f4")))
        model.slits[-1].name = f"S{place}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    edited(path, lambda hdus: hdus["SCI", 2].header.set("SLTNAME", "EDITED"))
    slits = asdfits.open(path)._instance["slits"]
    assert [type(slit).__name__ for slit in slits] == ["Deferred", "dict", "Deferred"]
    assert_same_tree(path)


def test_a_linked_array_is_cast_to_the_schema_once_a_header_was_edited(product: Path) -> None:
    def edit(hdus: Any) -> None:
        hdus["SCI"].data = hdus["SCI"].data.astype("f8")

    model = assert_same_tree(edited(product, edit))
    assert model.data.dtype == np.dtype("f4")


# -- values that do not fit ---------------------------------------------------------------------


def bad_value(hdus: Any) -> None:
    hdus[0].header["EXP_TYPE"] = "NONSENSE"


def test_a_card_that_does_not_fit_is_warned_of_and_left_out(product: Path) -> None:
    edited(product, bad_value)
    with pytest.warns(asdfits.ValidationWarning, match="'NONSENSE' is not one of") as caught:
        model = asdfits.open(product)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "While validating meta.exposure.type" in message
    assert f"({product}: HDU 0 (PRIMARY,1), keyword EXP_TYPE)" in message
    assert Path(caught[0].filename) == Path(__file__)
    assert model.meta.exposure.type == "NRC_IMAGE"
    assert_same_tree(product)


def test_a_card_that_does_not_fit_is_an_error_if_strict(product: Path) -> None:
    edited(product, bad_value)
    with pytest.raises(asdfits.ValidationError, match="'NONSENSE' is not one of"):
        asdfits.open(product, strict_validation=True)


def test_a_card_that_does_not_fit_is_kept_if_invalid_values_pass(product: Path) -> None:
    edited(product, bad_value)
    with pytest.warns(asdfits.ValidationWarning):
        model = asdfits.open(product, pass_invalid_values=True)
    assert model.meta.exposure.type == "NONSENSE"
    assert_same_tree(product, pass_invalid_values=True)


def test_a_card_that_does_not_fit_is_taken_if_nothing_is_validated(product: Path) -> None:
    edited(product, bad_value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = asdfits.open(product, validate_on_assignment=False)
    assert model.meta.exposure.type == "NONSENSE"


# -- what no schema knows -----------------------------------------------------------------------


def test_cards_and_data_that_no_schema_knows_are_kept_by_their_hdu(product: Path) -> None:
    def edit(hdus: Any) -> None:
        hdus[0].header["MYKEY"] = (42, "my comment")
        hdus[0].header["HIERARCH my long key"] = 1.5
        hdus[0].header["COMMENT"] = "a comment"
        hdus["SCI"].header["CHECKSUM"] = "abc"
        hdus.append(fits.ImageHDU(np.arange(6).reshape(2, 3), name="MYIMAGE"))
        hdus.append(fits.BinTableHDU(np.array([(1, 2.0)], "i4,f8"), name="MYTABLE"))
        hdus.append(fits.ImageHDU(np.ones(3), name="MYIMAGE", ver=2))

    edited(product, edit)
    assert_same_tree(product, strict_compat=True)
    extra = asdfits.open(product).extra_fits
    assert extra.PRIMARY.header.instance[0] == ["MYKEY", 42, "my comment"]
    assert extra.SCI.header.instance == [["CHECKSUM", "abc", ""]]
    assert extra.MYTABLE.data["f1"].tolist() == [2.0]
    # The reference keeps the last HDU of a name.
    assert extra.MYIMAGE.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert getattr(extra, "MYIMAGE,2").data.tolist() == [1.0, 1.0, 1.0]
    assert asdfits.open(product, strict_compat=True).extra_fits.MYIMAGE.data.tolist() == [1, 1, 1]


def names_of_extra(path: Path, *hdus: tuple[str, int | None]) -> dict[str, float]:
    """Add HDUs, each with its place as its data, and return what extra_fits has of them."""

    def edit(found: Any) -> None:
        for number, (name, version) in enumerate(hdus):
            image = fits.ImageHDU(np.full(2, number, "f8"))
            if name:
                image.header["EXTNAME"] = name
            if version is not None:
                image.header["EXTVER"] = version
            found.append(image)

    extra = asdfits.open(edited(path, edit)).extra_fits.instance
    return {key: float(part["data"].resolve()[0]) for key, part in extra.items() if "data" in part}


@pytest.mark.parametrize(
    ("hdus", "expected"),
    [
        ([("A", 1), ("A", 2), ("A", 3)], {"A": 0, "A,2": 1, "A,3": 2}),
        ([("A", 3), ("A", 1)], {"A": 0, "A,1": 1}),
        ([("A", 1), ("A", 1), ("A", 2), ("A", 1)], {"A": 0, "A,3": 1, "A,2": 2, "A,4": 3}),
        ([("A", None), ("A", None)], {"A": 0, "A,2": 1}),
        ([("", None), ("", None)], {"": 0, ",2": 1}),
        ([("SCI", 2)], {"SCI,2": 0}),
        ([("SCI", 1)], {"SCI,2": 0}),
        ([("PRIMARY", 1)], {"PRIMARY,2": 0}),
    ],
)
def test_every_unknown_hdu_of_a_name_is_kept(
    hdus: list[tuple[str, int | None]], expected: dict[str, int], product: Path
) -> None:
    assert names_of_extra(product, *hdus) == expected


def test_many_unknown_hdus_of_one_name_take_no_time(product: Path) -> None:
    found = names_of_extra(product, *[("A", 1)] * 600)
    assert list(found) == ["A", *(f"A,{version}" for version in range(2, 601))]


def test_an_undefined_card_is_none_unless_the_reference_is_asked_for(product: Path) -> None:
    replaced(product, "PI_NAME", b"MYOWNKEY=")
    assert asdfits.open(product).extra_fits.PRIMARY.header.instance == [["MYOWNKEY", None, ""]]
    (card,) = asdfits.open(product, strict_compat=True).extra_fits.PRIMARY.header.instance
    assert isinstance(card[1], fits.card.Undefined)


def test_nothing_is_kept_while_the_tree_stands(product: Path) -> None:
    model = assert_same_tree(product)
    assert not hasattr(model, "extra_fits") or model.extra_fits is None


# -- history ------------------------------------------------------------------------------------


def entries(path: Path) -> list[dict[str, Any]]:
    return list(asdfits.open(path).history)


MADE = "Made by asdfits to show how a product is read"


def test_history_keeps_its_times_where_cards_and_tree_agree(product: Path) -> None:
    assert entries(product) == [{"description": MADE, "time": "2026-01-31 12:00:00.000"}]
    # The reference gives the text of the cards alone.
    with datamodels.open(product) as theirs:
        texts = [entry["description"] for entry in theirs._instance["history"]["entries"]]
    assert texts == [MADE]


def test_history_keeps_its_times_after_an_edit_elsewhere(product: Path) -> None:
    edited(product, bad_value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert entries(product)[0]["time"] == "2026-01-31 12:00:00.000"


def test_history_is_that_of_the_cards_where_they_differ(product: Path) -> None:
    edited(product, lambda hdus: hdus[0].header.add_history("Edited by hand"))
    assert entries(product) == [{"description": MADE}, {"description": "Edited by hand"}]


def test_an_entry_that_takes_two_cards_stays_one(tmp_path: Path) -> None:
    text = "one entry that is longer than the 72 characters of a card, as it often is " + "x" * 40
    primary = [("DATAMODL", "ImageModel"), ("HISTORY", text[:72]), ("HISTORY", text[72:])]
    tree = f"history:\n  entries:\n  - {{description: '{text}', time: now}}\n"
    path = tmp_path / "history.fits"
    path.write_bytes(sample.product(primary, [], tree))
    assert entries(path) == [{"description": text, "time": "now"}]


def test_without_cards_the_history_of_the_tree_stands(product: Path) -> None:
    replaced(edited(product, lambda hdus: hdus[0].header.remove("HISTORY")), "PROGRAM", b"")
    assert entries(product)[0]["time"] == "2026-01-31 12:00:00.000"


# -- the reference's answers -------------------------------------------------------------------


def test_the_history_of_the_cards_alone_if_asked_for(product: Path) -> None:
    for path in (product, edited(product, bad_value)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, ours = both(path, strict_compat=True)
        assert ours.instance["history"] == theirs._instance["history"]
        assert list(ours.history) == [{"description": MADE}]
        theirs.close()


def test_a_long_entry_of_the_history_is_in_pieces_if_asked_for(tmp_path: Path) -> None:
    text = "x" * 100
    primary = [("DATAMODL", "ImageModel"), ("HISTORY", text[:72]), ("HISTORY", text[72:])]
    tree = f"history:\n  entries:\n  - {{description: '{text}', time: now}}\n"
    path = tmp_path / "history.fits"
    path.write_bytes(sample.product(primary, [], tree))
    entries = asdfits.open(path, strict_compat=True).history
    assert [entry["description"] for entry in entries] == [text[:72], text[72:]]


def wrong_table(path: Path) -> Path:
    """A spectrum whose table has a column that the schema does not know."""
    model = datamodels.SpecModel()
    model.spec_table = np.zeros(2, model.get_dtype("spec_table"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
        with fits.open(path, memmap=False) as hdus:
            columns = [column for column in hdus[1].columns if column.name != "NPIXELS"]
            columns = [column for column in columns if column.bzero is None]
            hdus[1] = fits.BinTableHDU.from_columns(columns, name="EXTRACT1D")
            hdus.writeto(path, overwrite=True)
    return path


def wrong_ndim(path: Path) -> Path:
    path.write_bytes(sample.image_product())
    return edited(path, lambda hdus: setattr(hdus["SCI"], "data", np.zeros((2, 3, 4), "f4")))


def lost_hdu(path: Path) -> Path:
    path.write_bytes(sample.image_product())
    with fits.open(path, memmap=False) as hdus:
        del hdus["DQ"]
        hdus.writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize(
    ("make", "error"), [(wrong_table, ValueError), (wrong_ndim, ValueError), (lost_hdu, KeyError)]
)
def test_what_the_reference_refuses_is_refused_if_asked_for(
    make: Callable[[Path], Path], error: type[Exception], tmp_path: Path
) -> None:
    path = make(tmp_path / "wrong_cal.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert asdfits.open(path)
        with pytest.raises(error):
            datamodels.open(path)
        with pytest.raises(error):
            asdfits.open(path, strict_compat=True)


def test_unsigned_tables_are_matched_by_position_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "swapped_x1d.fits"
    model = datamodels.SpecModel()
    model.spec_table = np.zeros(3, model.get_dtype("spec_table"))
    model.spec_table["WAVELENGTH"] = 1.5
    model.spec_table["NPIXELS"] = 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
        with fits.open(path, memmap=False, uint=True) as hdus:
            columns = list(hdus[1].columns)
            assert any(column.bzero is not None for column in columns)
            columns.append(columns.pop(0))
            hdus[1] = fits.BinTableHDU.from_columns(columns, name="EXTRACT1D")
            hdus.writeto(path, overwrite=True)
        reference = datamodels.open(path)
    ours = asdfits.open(path, strict_compat=True).spec_table
    assert ours.dtype.names == reference.spec_table.dtype.names
    for name in ours.dtype.names:
        assert np.array_equal(ours[name], reference.spec_table[name]), name
    assert ours["WAVELENGTH"].tolist() == [0, 0, 0]
    assert asdfits.open(path).spec_table["WAVELENGTH"].tolist() == [1.5, 1.5, 1.5]
    reference.close()


# -- where a value came from --------------------------------------------------------------------


def test_provenance_tells_all_four_layers(product: Path) -> None:
    edited(product, lambda hdus: hdus[0].header.set("PI_NAME", "Vera Rubin"))
    model = asdfits.open(product)
    assert model.provenance(PI) == Provenance(
        PI, "fits", "PRIMARY,1", "PI_NAME", "Vera Rubin", "Cecilia Payne"
    )
    tree_alone = model.provenance("meta.instrument.name")
    assert (tree_alone.layer, tree_alone.keyword) == ("fits", "INSTRUME")
    assert model.provenance("meta.wcs").layer == "asdf"
    default = model.provenance("meta.exposure.nints")
    assert default == Provenance("meta.exposure.nints", "default", "PRIMARY,1", "NINTS", None, None)
    model.meta.exposure.nints = 3
    assert model.provenance("meta.exposure.nints").layer == "user"
    model.meta.program.pi_name = "Maria Mitchell"
    changed = model.provenance(PI)
    assert (changed.layer, changed.fits_value, changed.asdf_value) == (
        "user",
        "Vera Rubin",
        "Cecilia Payne",
    )


def test_provenance_of_an_array_names_its_hdu(product: Path) -> None:
    found = asdfits.open(product).provenance("dq")
    assert (found.layer, found.hdu, found.keyword) == ("fits", "DQ,1", None)
    assert found.fits_value == "<data of HDU 3 (DQ,1)>"
    assert "ndarray" in found.asdf_value


def test_provenance_of_an_unknown_path_is_a_key_error(product: Path) -> None:
    with pytest.raises(KeyError, match=r"meta\.nonsense"):
        asdfits.open(product).provenance("meta.nonsense")


def test_a_model_made_here_has_no_file_to_come_from() -> None:
    model = asdfits.ImageModel((2, 2))
    model.meta.telescope = "JWST"
    assert model.provenance("meta.telescope").layer == "user"
    assert model.provenance("meta.exposure.type").layer == "default"
    assert model.conflicts() == []


def test_conflicts_are_the_paths_on_which_both_sides_disagree(product: Path) -> None:
    assert asdfits.open(product).conflicts() == []

    def edit(hdus: Any) -> None:
        hdus[0].header["PI_NAME"] = "Vera Rubin"
        hdus[0].header["NINTS"] = 3
        hdus["ERR"].header["BUNIT"] = "DN"
        hdus[0].header.remove("TITLE")

    found = asdfits.open(edited(product, edit)).conflicts()
    assert sorted(found) == [
        Conflict("meta.bunit_err", "ERR,1", "BUNIT", "DN", "MJy/sr"),
        Conflict(PI, "PRIMARY,1", "PI_NAME", "Vera Rubin", "Cecilia Payne"),
    ]


def test_rounding_to_a_card_is_no_conflict(tmp_path: Path) -> None:
    path = tmp_path / "rounded.fits"
    cards = [("DATAMODL", "ImageModel"), ("TARG_RA", 1.2345678901234e-5), ("TARG_DEC", 1.5)]
    tree = "meta: {target: {ra: 1.23456789012341e-05, dec: 1.5000001}}\n"
    path.write_bytes(sample.product(cards, [], tree))
    assert [conflict.keyword for conflict in asdfits.open(path).conflicts()] == ["TARG_DEC"]


# -- lists, whose items are told apart by EXTVER ------------------------------------------------


def slit_file(path: Path, versions: tuple[int, ...], name: str = "SCI") -> Path:
    extensions = [
        sample.image(name, np.full((2, 3), version, "f4"), version, ("SLTNAME", f"S{version}"))
        for version in versions
    ]
    primary = [("DATAMODL", "MultiSlitModel"), ("TELESCOP", "JWST")]
    tree = "meta: {telescope: JWST}\nslits: [{name: T1, source_id: 7}]\n"
    path.write_bytes(sample.product(primary, extensions, tree))
    return path


@pytest.mark.parametrize("versions", [(1,), (1, 2), (2, 1), (1, 3), (2,), (3, 5), (1, 1), (0, 1)])
def test_extver_is_the_place_in_the_list(versions: tuple[int, ...], tmp_path: Path) -> None:
    path = slit_file(tmp_path / "slits.fits", versions)
    model = assert_same_tree(path, strict_compat=True)
    assert len(model.slits) == max(versions)
    for number, slit in enumerate(model.slits, 1):
        assert (slit.data is not None) == (number in versions)
        if number in versions:
            assert slit.data.max() == number
            assert slit.name == f"S{number}"
    assert model.slits[0].source_id == 7


def test_the_highest_extver_of_any_hdu_does_not_grow_the_list(tmp_path: Path) -> None:
    path = slit_file(tmp_path / "slits.fits", (1, 2))
    edited(path, lambda hdus: hdus.append(fits.ImageHDU(np.ones(2), name="OTHER", ver=9)))
    model = assert_same_tree(path)
    assert len(model.slits) == 2
    assert model.extra_fits.OTHER.data.tolist() == [1.0, 1.0]


def test_items_have_their_own_provenance(tmp_path: Path) -> None:
    model = asdfits.open(slit_file(tmp_path / "slits.fits", (1, 2)))
    assert model.provenance("slits.1.name") == Provenance(
        "slits.1.name", "fits", "SCI,2", "SLTNAME", "S2", None
    )
    assert model.provenance("slits.0.name").asdf_value == "T1"
    assert model.provenance("slits.0.source_id").layer == "asdf"
    assert model.provenance("slits.1.data").fits_value == "<data of HDU 2 (SCI,2)>"
    assert model.conflicts() == [Conflict("slits.0.name", "SCI,1", "SLTNAME", "S1", "T1")]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_files_by_the_reference_are_read_alike_after_an_edit(number: int, tmp_path: Path) -> None:
    model = datamodels.MultiSlitModel()
    for place in range(number + 1):
        slit = datamodels.SlitModel(np.full((2, 3), place, "f4"))
        slit.name, slit.source_ra = f"S{place}", 1 / 3
        model.slits.append(slit)
    path = tmp_path / "slits.fits"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    assert assert_same_tree(path).slits[number].source_ra == 1 / 3
    edited(path, lambda hdus: hdus["SCI", number + 1].header.set("SLTNAME", "EDITED"))
    assert assert_same_tree(path).slits[number].name == "EDITED"
