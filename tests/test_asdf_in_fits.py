from __future__ import annotations

import copy
import datetime
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdf_bytes import plain, same
from asdfits import FormatError, asdf_in_fits, sample
from asdfits._core import Deferred
from asdfits.lazytree import Branch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a file is to be written."""
    return tmp_path / "x.fits"


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    table = np.array(
        [(1, 2.5, b"ab", True), (2, -1, b"c", False)],
        [("i", "i4"), ("f", "f8"), ("s", "S3"), ("b", "?")],
    )
    return {
        "image": np.arange(12, dtype="f4").reshape(3, 4),
        "unsigned": np.array([0, 1, 65535], "u2"),
        "table": table,
    }


def links(path: Path) -> dict[str, str]:
    """Return name -> source for the arrays at the root of a tree."""
    return {
        key: str(value.content({})["source"])
        for key, value in dict.items(asdf_in_fits.open(path).tree)
        if isinstance(value, Deferred) and "ndarray" in value.tag
    }


# -- our own both ways --------------------------------------------------------------------------


def test_what_is_written_is_read_and_arrays_of_hdus_are_links(path: Path) -> None:
    given = arrays()
    tree = {**given, "free": np.arange(3), "deep": {"list": [1, {"again": given["image"]}]}}
    hdus = [("SCI", given["image"]), ("SCI", given["unsigned"]), ("TAB", given["table"])]
    asdf_in_fits.write(path, tree, hdus)
    assert links(path) == {
        "image": "fits:SCI,1",
        "unsigned": "fits:SCI,2",
        "table": "fits:TAB,1",
        "free": "0",
    }
    with asdf_in_fits.open(path) as file:
        assert file["image"].dtype == ">f4"
        assert np.array_equal(file["image"], given["image"])
        assert np.array_equal(file["unsigned"], given["unsigned"])
        assert file["table"]["s"].tolist() == ["ab", "c"]
        assert file["table"]["b"].tolist() == [True, False]
        assert file["free"].tolist() == [0, 1, 2]
        assert file["deep"]["list"][1]["again"] is file["image"]
    assert asdfits.verify(path) == []


def test_an_equal_array_is_no_link(path: Path) -> None:
    given = arrays()["image"]
    asdf_in_fits.write(path, {"a": given.copy(), "v": given[:]}, [("SCI", given)])
    assert links(path) == {"a": "0", "v": "1"}


def test_cards_an_unnamed_hdu_and_primary_data(path: Path) -> None:
    first, second = np.zeros((2, 2)), np.ones(3, "i2")
    hdus = [
        ("PRIMARY", first, [("OBSERVER", "Payne", "who")]),
        ("", second),
        ("HEAD", None, [("GAIN", 1.8)]),
    ]
    asdf_in_fits.write(path, {"first": first, "second": second}, hdus)
    assert links(path) == {"first": "fits:PRIMARY,1", "second": "fits:1"}
    file = asdf_in_fits.open(path)
    assert (file["first"].shape, file["second"].tolist()) == ((2, 2), [1, 1, 1])
    product = file._file.product
    assert ["OBSERVER", "Payne", "who"] in product.cards(0)
    assert product.names() == [("PRIMARY", 1), ("", 1), ("HEAD", 1), ("ASDF", 1)]
    assert product.value(2, "GAIN") == 1.8


def test_extra_fits_and_history_become_hdus_and_cards(path: Path) -> None:
    tree = {
        "history": [{"description": "h" * 100}, "second"],
        "extra_fits": {
            "FOO": {"data": np.ones(3), "header": [["BAR", 5, "c"], ["NAXIS", 9, ""]]},
            "PRIMARY": {"header": [["QQ", "x", ""]]},
        },
    }
    asdf_in_fits.write(path, tree)
    product = asdf_in_fits.open(path)._file.product
    assert product.names() == [("PRIMARY", 1), ("FOO", 1), ("ASDF", 1)]
    assert (product.value(0, "QQ"), product.value(1, "BAR"), product.value(1, "NAXIS")) == (
        "x",
        5,
        1,
    )
    assert product.commentary(0, "HISTORY") == ["h" * 72, "h" * 28, "second"]
    again = path.with_name("again.fits")
    asdf_in_fits.write(again, asdf_in_fits.open(path))
    assert asdf_in_fits.open(again)["extra_fits"]["FOO"]["data"].tolist() == [1, 1, 1]
    assert asdfits.verify(again) == []


def test_times_are_text_and_none_is_left_out(path: Path) -> None:
    when = datetime.datetime(2020, 1, 2, 3, 4, 5, 678000)
    asdf_in_fits.write(path, {"when": when, "none": None, "list": [None]})
    file = asdf_in_fits.open(path)
    assert (file["when"], "none" in file, file["list"][0]) == (
        "2020-01-02 03:04:05.678",
        False,
        None,
    )


def test_a_file_is_replaced_only_when_asked_for(path: Path) -> None:
    asdf_in_fits.write(path, {"n": 1})
    with pytest.raises(FileExistsError, match="overwrite=True"):
        asdf_in_fits.write(path, {"n": 2})
    assert asdf_in_fits.open(path)["n"] == 1
    asdf_in_fits.write(path, {"n": 2}, overwrite=True)
    assert asdf_in_fits.open(path)["n"] == 2


def test_a_tree_that_cannot_be_written_leaves_the_file_as_it_was(path: Path) -> None:
    asdf_in_fits.write(path, {"n": 1})
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"a\.b"):
        asdf_in_fits.write(path, {"a": {"b": object()}}, overwrite=True)
    with pytest.raises(ValueError, match="single value"):
        asdf_in_fits.write(path, {}, [("SCI", 3)], overwrite=True)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_open_file_is_written_over_and_its_arrays_live_on(path: Path) -> None:
    image = arrays()["image"]
    asdf_in_fits.write(path, {"image": image, "n": 1}, [("SCI", image)])
    file = asdf_in_fits.open(path)
    file["n"] = 2
    asdf_in_fits.write(path, file, [("SCI", file["image"])], overwrite=True)
    again = asdf_in_fits.open(path)
    assert (again["n"], links(path)) == (2, {"image": "fits:SCI,1"})
    assert np.array_equal(file["image"], image)
    assert np.array_equal(again["image"], image)


def test_a_missing_link_is_an_error_where_it_is_touched(path: Path) -> None:
    path.write_bytes(sample.image_product().replace(b"source: fits:ERR,1", b"source: fits:ERR,7"))
    file = asdf_in_fits.open(path)
    assert file["data"].shape == (24, 32)
    with pytest.raises(FormatError, match=r"byte \d+: the tree links to 'fits:ERR,7'"):
        file["err"]


def test_a_file_without_a_tree_has_an_empty_one(path: Path) -> None:
    content = sample.image_product()
    path.write_bytes(content[: content.rindex(b"XTENSION")])
    assert asdf_in_fits.open(path).tree == {}


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asdf_in_fits.open(tmp_path / "none.fits")
    with pytest.raises(TypeError, match="HDUList"):
        asdf_in_fits.open(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a dict"):
        asdf_in_fits.write(tmp_path / "x.fits", [1])


def test_neither_reading_nor_writing_imports_asdf_or_astropy(path: Path) -> None:
    code = f"""
import sys, numpy
from asdfits import asdf_in_fits
a = numpy.ones((2, 2))
asdf_in_fits.write({str(path)!r}, {{"a": a, "b": a.copy()}}, [("SCI", a)])
with asdf_in_fits.open({str(path)!r}) as file:
    assert file["a"].sum() + file["b"].sum() == 8 and file["asdf_library"]["name"] == "asdfits"
    file.info()
print([m for m in ("asdf", "astropy") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# -- the lazy tree ------------------------------------------------------------------------------


@pytest.fixture
def tree(path: Path) -> Any:
    """Return a tree of which nothing was touched."""
    shared = {"deep": 1}
    content = {
        "a": np.arange(3),
        "d": {"x": {"y": [1, {"z": np.ones(2)}]}},
        "one": shared,
        "two": shared,
        "items": [[3], [1], [2]],
    }
    asdf_in_fits.write(path, content)
    return asdf_in_fits.open(path).tree


def deferred(tree: Any) -> set[str]:
    return {key for key, value in dict.items(tree) if isinstance(value, Deferred)}


def test_nothing_is_made_before_it_is_touched_and_then_once(tree: Any) -> None:
    everything = {"asdf_library", "a", "d", "one", "two", "items"}
    assert deferred(tree) == everything
    assert tree["a"] is tree["a"]
    assert tree["d"]["x"]["y"][1]["z"].tolist() == [1, 1]
    assert deferred(tree) == everything - {"a", "d"}
    assert tree["one"] is tree["two"]


@pytest.mark.parametrize(
    "read",
    [
        lambda t: dict(t),
        lambda t: {**t},
        lambda t: dict(t.items()),
        lambda t: dict(zip(t, t.values(), strict=True)),
        lambda t: {key: t.get(key) for key in t},
        lambda t: {key: t.pop(key) for key in list(t)},
        lambda t: {key: t.setdefault(key) for key in t},
        lambda t: dict(t.popitem() for _ in range(len(t))),
        lambda t: t.copy(),
        lambda t: t | {},
        lambda t: {} | t,
        copy.copy,
        copy.deepcopy,
    ],
)
def test_every_way_to_read_a_branch_makes_its_values(tree: Any, read: Any) -> None:
    found = read(tree)
    assert type(found) is Branch or not deferred(found)
    assert found["a"].tolist() == [0, 1, 2]
    assert found["d"]["x"]["y"][0] == 1


def test_a_copy_makes_nothing_and_a_deep_one_shares_nothing(tree: Any) -> None:
    shallow, deep = copy.copy(tree), copy.deepcopy(tree)
    assert deferred(shallow) == deferred(deep) == deferred(tree) != set()
    assert shallow["a"] is tree["a"]
    assert shallow["d"] is tree["d"]
    deep["a"][0] = 7
    deep["d"]["x"]["y"][0] = 8
    assert tree["a"].tolist() == [0, 1, 2]
    assert tree["d"]["x"]["y"][0] == 1
    assert deep["one"] is deep["two"] is not tree["one"]


@pytest.mark.parametrize(
    "read",
    [
        list,
        lambda t: [*t],
        lambda t: list(reversed(t))[::-1],
        lambda t: t[:],
        lambda t: [t.pop(0) for _ in range(len(t))],
        lambda t: t + type(t)(),
        lambda t: t * 1,
        lambda t: t.copy(),
        copy.deepcopy,
        lambda t: [t[t.index([3])], t[t.index([1])], t[-1]],
        lambda t: json.loads(json.dumps(t)),
        lambda t: np.array(t).tolist(),
    ],
)
def test_every_way_to_read_a_list_makes_its_values(tree: Any, read: Any) -> None:
    assert read(tree["items"]) == [[3], [1], [2]]


def test_lists_and_branches_compare_sort_and_search(tree: Any) -> None:
    items = tree["items"]
    assert items == [[3], [1], [2]]
    assert items != [[3]]
    assert [1] in items
    assert items.count([1]) == 1
    items.remove([3])
    items.sort()
    assert items == [[1], [2]]
    assert tree["one"] == {"deep": 1} == tree["two"]
    assert tree["one"] != {"deep": 2}
    assert tree.get("none") is None
    assert tree.pop("none", 5) == 5


def test_a_users_own_dict_stays_the_object_it_is(tree: Any) -> None:
    mine: dict[str, Any] = {"n": []}
    tree["mine"] = mine
    tree["mine"]["n"].append(1)
    assert tree["mine"] is mine
    assert mine == {"n": [1]}


def test_threads_that_touch_one_place_get_one_object(tree: Any) -> None:
    found: list[Any] = []
    barrier = threading.Barrier(8)

    def touch() -> None:
        barrier.wait()
        found.append(tree["d"]["x"])

    threads = [threading.Thread(target=touch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_untouched_parts_are_written_as_they_came(path: Path, tree: Any) -> None:
    path.write_bytes(sample.image_product())
    file = asdf_in_fits.open(path)
    file["meta"]["telescope"] = "none"
    again = path.with_name("again.fits")
    asdf_in_fits.write(again, {"in": file.tree})
    found = asdf_in_fits.open(again)._file.product.yaml
    assert b"!<tag:stsci.edu:gwcs/wcs-1.4.0>" in found
    assert b"telescope: none" in found
    assert isinstance(dict.__getitem__(file["meta"], "wcs"), Deferred)


def test_info_and_search_make_nothing(
    path: Path, tree: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = asdf_in_fits.open(path)
    file.info()
    out = capsys.readouterr().out
    assert out.startswith(f"<AsdfInFits {path}>\n")
    assert "z: <deferred tag:stsci.edu:asdf/core/ndarray-1.1.0>" in out
    assert file.search("deep") == {"one.deep": 1, "two.deep": 1}
    assert file.search("ASDFITS") == {"asdf_library.name": "asdfits"}
    assert "a" in deferred(file.tree)
    file.info(max_rows=3)
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert list(file.keys()) == list(file) == list(file.tree)
    assert len(file) == len(file.tree)
    del file["one"]
    assert "one" not in file


# -- astropy ------------------------------------------------------------------------------------

fits = pytest.importorskip("astropy.io.fits")


def hdulist(given: dict[str, np.ndarray[Any, Any]]) -> Any:
    return fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(given["image"], name="SCI", ver=2),
            fits.ImageHDU(given["unsigned"]),
            fits.BinTableHDU(given["table"], name="TAB"),
        ]
    )


def linked(hdus: Any) -> dict[str, Any]:
    return {"image": hdus[1].data, "unsigned": hdus[2].data, "table": hdus[3].data}


SOURCES = {"image": "fits:SCI,2", "unsigned": "fits:2", "table": "fits:TAB,1"}


def test_hdus_of_astropy_are_linked_by_identity(path: Path) -> None:
    given = arrays()
    hdus = hdulist(given)
    tree = {**linked(hdus), "free": given["image"].copy()}
    asdf_in_fits.write(path, tree, hdus, output_verify="fix")
    assert links(path) == {**SOURCES, "free": "0"}
    file = asdf_in_fits.open(path)
    assert same(file["image"], given["image"].astype(">f4"))
    assert same(file["unsigned"], given["unsigned"])
    assert file["table"]["b"].tolist() == [True, False]
    assert asdfits.verify(path) == []


def test_to_hdulist_makes_or_extends_hdus_and_replaces_the_tree() -> None:
    hdus = asdf_in_fits.to_hdulist({"n": 1})
    assert [hdu.name for hdu in hdus] == ["PRIMARY", "ASDF"]
    image = np.ones((2, 2))
    hdus.append(fits.ImageHDU(image, name="SCI"))
    given = asdf_in_fits.to_hdulist({"n": 2, "image": image}, hdus)
    assert given is hdus
    assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ASDF"]
    file = asdf_in_fits.open(hdus)
    assert file["n"] == 2
    assert file["image"] is image


def test_extra_fits_of_a_tree_goes_into_hdus_of_astropy() -> None:
    table = arrays()["table"]
    tree = {
        "extra_fits": {
            "PRIMARY": {"header": [["QQ", "x", "y"]]},
            "SCI": {"data": np.ones(3)},
            "TAB": {"data": table, "header": [["UNIT", "Jy", ""]]},
            "NEW": {"header": [["A", 1, ""]]},
        },
        "history": ["made"],
    }
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(name="SCI"), fits.ImageHDU(name="TAB")])
    hdus["TAB"].header["KEPT"] = 3
    asdf_in_fits.to_hdulist(tree, hdus)
    assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "TAB", "NEW", "ASDF"]
    assert (hdus[0].header["QQ"], hdus[0].header.comments["QQ"]) == ("x", "y")
    assert list(hdus[0].header["HISTORY"]) == ["made"]
    assert hdus["SCI"].data.tolist() == [1, 1, 1]
    assert (hdus["TAB"].header["KEPT"], hdus["TAB"].header["UNIT"]) == (3, "Jy")
    assert hdus["TAB"].data["i"].tolist() == [1, 2]
    assert hdus["NEW"].header["A"] == 1
    found = asdf_in_fits.open(hdus)["extra_fits"]
    assert found["TAB"]["data"]["f"].tolist() == [2.5, -1]


def test_a_table_of_astropy_keeps_its_values_without_an_hdu(path: Path) -> None:
    columns = [
        fits.Column("u", "I", bzero=32768, array=np.array([1, 65535], "u2")),
        fits.Column("b", "L", array=[True, False]),
        fits.Column("s", "3A", array=["a", "bcd"]),
        fits.Column("m", "2E", unit="Jy", array=np.ones((2, 2))),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    with fits.open(path) as hdus:
        table = hdus[1].data
        asdf_in_fits.write(path.with_name("block.fits"), {"t": table})
        asdf_in_fits.write(path.with_name("linked.fits"), {"t": table}, [("T", table)])
    for name in ("block.fits", "linked.fits"):
        found = asdf_in_fits.open(path.with_name(name))["t"]
        assert found["u"].tolist() == [1, 65535]
        assert found["b"].tolist() == [True, False]
        assert found["s"].tolist() == ["a", "bcd"]  # text, in a block as well
        assert found["m"].tolist() == [[1, 1], [1, 1]]
    assert found.units == {"m": "Jy"}


# -- the reference ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> Any:
    return pytest.importorskip("stdatamodels.asdf_in_fits")


def objects() -> dict[str, Any]:
    """Return what only extensions of asdf can write."""
    units = pytest.importorskip("astropy.units")
    return {
        "quantity": 3 * units.m,
        "unit": units.Jy,
        "masked": np.ma.array([1, 2], mask=[0, 1]),
        "complex": 1 + 2j,
        "bytes": b"abc",
        "free": np.arange(3.0),
        "deep": {"list": [1, {"x": "y"}], "float": 0.1},
    }


@pytest.mark.oracle
def test_the_reference_reads_what_we_write(path: Path, reference: Any) -> None:
    given = arrays()
    hdus = hdulist(given)
    asdf_in_fits.write(path, {**objects(), **linked(hdus)}, hdus)
    own = path.with_name("own.fits")
    asdf_in_fits.write(own, {**objects(), **given}, [(k.upper(), v) for k, v in given.items()])
    for each in (path, own):
        with reference.open(each) as file:
            check_objects(file.tree)
            check_arrays(file.tree)


@pytest.mark.oracle
def test_we_read_what_the_reference_writes(path: Path, reference: Any) -> None:
    hdus = hdulist(arrays())
    reference.write(path, {**objects(), **linked(hdus)}, hdus)
    assert links(path).items() >= SOURCES.items()
    file = asdf_in_fits.open(path)
    check_objects(file.tree)
    check_arrays(file.tree)
    with fits.open(path) as opened:
        in_memory = asdf_in_fits.open(opened)
        assert in_memory["image"] is opened[1].data
        check_objects(in_memory.tree)
        check_arrays(in_memory.tree)


@pytest.mark.oracle
def test_a_tree_goes_from_one_to_the_other_and_back(path: Path, reference: Any) -> None:
    again = path.with_name("again.fits")
    reference.write(path, {**objects(), **arrays()})
    with reference.open(path) as file:
        asdf_in_fits.write(again, file)
        check_objects(asdf_in_fits.open(again).tree)
        check_arrays(asdf_in_fits.open(again).tree)
    reference.write(path, asdf_in_fits.open(again).whole_tree(), overwrite=True)
    with reference.open(path) as file:
        check_objects(file.tree)
        check_arrays(file.tree)


@pytest.mark.oracle
def test_the_header_hash_is_that_of_the_reference(path: Path, reference: Any) -> None:
    hashed = pytest.importorskip("stdatamodels.fits_support").fits_hash
    given = arrays()
    hdus = [("SCI", given["image"], [("BUNIT", "Jy", "unit")]), ("TAB", given["table"])]
    for name, checksum in (("x.fits", False), ("y.fits", True)):
        asdf_in_fits.write(path.with_name(name), given, hdus, checksum=checksum)
        with fits.open(path.with_name(name)) as opened:
            assert asdf_in_fits.open(path.with_name(name))["_fits_hash"] == hashed(opened)
    made = asdf_in_fits.to_hdulist({}, hdulist(given))
    assert asdf_in_fits.open(made)["_fits_hash"] == hashed(made)


def check_objects(tree: Any) -> None:
    for key, value in objects().items():
        found = plain(tree[key])
        if isinstance(value, np.ndarray) and key != "quantity":
            assert np.ma.allequal(found, value)
            assert np.array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(value))
        else:
            assert found == value, key
            assert type(found) is type(value) or isinstance(value, dict)
            assert isinstance(value, dict) or str(found) == str(value)


def check_arrays(tree: Any) -> None:
    given = arrays()
    for key in ("image", "unsigned"):
        assert np.array_equal(np.asarray(tree[key]), given[key])
        assert np.asarray(tree[key]).dtype.newbyteorder("=") == given[key].dtype
    for name in ("i", "f", "b"):
        assert np.asarray(tree["table"][name]).tolist() == given["table"][name].tolist()
    texts = [text.decode() if isinstance(text, bytes) else text for text in tree["table"]["s"]]
    assert texts == ["ab", "c"]
