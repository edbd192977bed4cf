"""Containers: members are opened when they are touched, few at a time, and no change of one is lost."""

from __future__ import annotations

import gc
import json
import os
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import asdfits
from asdfits import associations, cli, members, sample
from asdfits.associations import Association, Entry
from asdfits.container import ModelContainer
from conftest import real_files

ROOT = "jw02736007001_03103_0000{}"
DETECTORS = ("nrca1", "nrca2", "nrca3")


def product(folder: Path, name: str, **observation: Any) -> Path:
    """A small image of an exposure, in three keywords as the names of files have it."""
    path = folder / name
    path.write_bytes(sample.image_product((8, 8)))
    with asdfits.open(path) as model:
        for key, value in observation.items():
            model[f"meta.observation.{key}"] = value
        model.meta.instrument.detector = name.split("_")[3].upper() if "_" in name else "NRCA1"
        model.save(path, durable=False)
    return path


def exposure(folder: Path, number: int) -> list[str]:
    """The files of an exposure, one for each detector."""
    names = [f"{ROOT.format(number)}_{detector}_cal.fits" for detector in DETECTORS]
    for name in names:
        product(
            folder,
            name,
            program_number="02736",
            observation_number="007",
            visit_number="001",
            visit_group="03",
            sequence_id="1",
            activity_id="03",
            exposure_number=f"0000{number}",
        )
    return names


def association(folder: Path, *products: list[dict[str, Any]], **facts: Any) -> Path:
    table = {
        "asn_type": "image3",
        "asn_rule": "Asn_Lv3Image",
        "asn_id": "o007",
        "asn_pool": "jw02736_pool",
        "program": "02736",
        **facts,
        "products": [
            {"name": f"jw02736-o007_t00{n}_nircam_clear-f200w", "members": members}
            for n, members in enumerate(products, 1)
        ],
    }
    path = folder / "jw02736-o007_image3_00001_asn.json"
    path.write_text(json.dumps(table))
    return path


def science(*names: str, exptype: str = "science", **facts: Any) -> list[dict[str, Any]]:
    return [{"expname": name, "exptype": exptype, **facts} for name in names]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An association of two exposures, not to be written to."""
    folder = tmp_path_factory.mktemp("exposures")
    names = [*exposure(folder, 1), *exposure(folder, 2)]
    return association(folder, science(*names))


@pytest.fixture
def asn(made: Path, tmp_path: Path) -> Path:
    """The same, of a test's own."""
    for file in made.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / made.name


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were opened as models."""
    found: list[str] = []
    model_of = members.model_of

    def counted(file: Any, *args: Any, **kwargs: Any) -> Any:
        found.append(os.path.basename(file.path))
        return model_of(file, *args, **kwargs)

    monkeypatch.setattr(members, "model_of", counted)
    return found


def touch(container: ModelContainer, *places: int) -> None:
    """Open members and let go of them."""
    for place in places:
        assert container[place].meta.telescope == "JWST"


def maps(folder: Path) -> int:
    """How many files of a folder this process maps."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return len({line.split()[-1] for line in lines if str(folder) in line})


# -- a list -------------------------------------------------------------------------------------


def test_an_association_opens_as_a_list_of_models(made: Path) -> None:
    container = asdfits.open(made)
    assert isinstance(container, ModelContainer)
    assert len(container) == 6
    assert isinstance(container[0], asdfits.ImageModel)
    assert [m.meta.instrument.detector for m in container] == [d.upper() for d in DETECTORS] * 2
    assert container[-1].meta.filename == f"{ROOT.format(2)}_nrca3_cal.fits"
    assert container[2] is container[2]
    with pytest.raises(IndexError):
        container[6]


def test_text_path_and_table_are_the_same(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.parent)
    table = json.loads(made.read_text())
    for init in (str(made), made, made.name, table):
        assert [m.meta.filename for m in asdfits.open(init)] == [
            each["expname"] for each in table["products"][0]["members"]
        ]


def test_nothing_is_opened_before_it_is_touched(made: Path, opens: list[str]) -> None:
    container = asdfits.open(made)
    assert opens == []
    assert "6 members (6 science), 0 open" in repr(container)
    assert isinstance(container[1:4], ModelContainer)
    assert opens == []
    touch(container, 4)
    assert opens == [f"{ROOT.format(2)}_nrca2_cal.fits"]
    assert "1 open" in repr(container)


def test_a_slice_shares_its_members(made: Path) -> None:
    container = asdfits.open(made)
    part = container[1:3]
    part[0].meta.target.proposer_name = "M 31"
    assert container[1].meta.target.proposer_name == "M 31"
    assert part[0] is container[1]


def test_paths_and_models_make_a_list(made: Path) -> None:
    paths = sorted(made.parent.glob("*.fits"))
    given = asdfits.ImageModel((4, 4))
    container = asdfits.open([str(paths[0]), paths[1], given])
    assert container[2] is given
    assert container.paths == (str(paths[0]), str(paths[1]), None)
    assert container.asn_table["products"][0]["name"] == f"{ROOT.format(1)}_nrca1"
    assert container.exptypes == ("science",) * 3
    with pytest.raises(TypeError, match="expected paths and models"):
        asdfits.open([3])
    with pytest.raises(ValueError, match="an association cannot be a member"):
        asdfits.open([made])
    with pytest.raises(TypeError, match="Unsupported type"):
        asdfits.open((paths[0],))
    assert len(asdfits.open([])) == 0


def test_members_are_added_and_removed_as_in_a_list(made: Path) -> None:
    paths = sorted(made.parent.glob("*.fits"))
    container = ModelContainer()
    container.append(paths[0])
    container.extend([paths[1], asdfits.ImageModel((4, 4))])
    container.insert(0, paths[2])
    assert [path and Path(path).name[-14:-9] for path in container.paths] == [
        "nrca3",
        "nrca1",
        "nrca2",
        None,
    ]
    popped = container.pop()
    assert popped.shape == (4, 4)
    del container[0]
    container[0] = asdfits.ImageModel((2, 2))
    assert [model.shape for model in container] == [(2, 2), (8, 8)]


def test_switches_go_to_each_member(made: Path) -> None:
    assert asdfits.open(made, native=True)[0].data.dtype.isnative
    assert not asdfits.open(made)[0].data.dtype.isnative
    assert asdfits.open(made, strict_validation=True)[0]._strict_validation


# -- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize("touch", ["m.meta.instrument.name", "m.data.sum()", "m.dq.sum()", "m.err"])
def test_of_sixty_members_few_are_open(made: Path, touch: str) -> None:
    files = sorted(made.parent.glob("*.fits")) * 10
    container = ModelContainer(files, max_open=4)
    models = []
    for m in container:
        eval(touch)
        models.append(weakref.ref(m))
        alive = sum(each() is not None for each in models)
        assert alive <= 4 + 1  # the one of the turn before is still in the loop
    assert len(models) == 60


def test_maps_are_let_go_with_their_members(tmp_path: Path) -> None:
    content = sample.image_product((64, 64))
    files = [tmp_path / f"jw1_{n}_cal.fits" for n in range(60)]
    for file in files:
        file.write_bytes(content)
    container = asdfits.open(files, max_open=4)
    for m in container:
        assert m.data[0, 0] != 0
        assert maps(tmp_path) <= 5
    assert asdfits.open(files)[3:].groups.keys() == {f"exposure{n:04}" for n in range(1, 58)}
    assert maps(tmp_path) <= 5
    with container:
        pass
    del m
    assert maps(tmp_path) == 0


def test_a_member_that_was_let_go_opens_again(made: Path, opens: list[str]) -> None:
    container = asdfits.open(made, max_open=1)
    first = weakref.ref(container[0])
    assert first() is not None
    touch(container, 1)
    assert first() is None
    assert container[0].meta.instrument.detector == "NRCA1"
    assert opens.count(f"{ROOT.format(1)}_nrca1_cal.fits") == 3  # one of them to compare with


# What may be done to a member, and what must be there afterwards.
CHANGES = {
    "a value": ("m.meta.target.proposer_name = 'M 31'", "m.meta.target.proposer_name == 'M 31'"),
    "a value of a dict": (
        "m.instance['meta']['target']['ra'] = 3.0",
        "m.meta.target.ra == 3.0",
    ),
    "a value removed": ("del m.meta.target.ra", "m.meta.target.ra is None"),
    "a pixel": ("m.data[3, 3] = 7", "m.data[3, 3] == 7"),
    "a flag": ("m.dq[3, 3] = 4", "m.dq[3, 3] == 4"),
    "an array": ("m.err = m.err * 2", "m.err[0, 0] == 2 * fresh.err[0, 0]"),
    "an array of the class": ("m.area = m.data", "m.area[0, 0] == m.data[0, 0]"),
    "the history": ("m.history.append('x')", "m.history.entries[-1]['description'] == 'x'"),
    "a wcs": ("m.meta.wcs.name = 'mine'", "m.meta.wcs.name == 'mine'"),
    "a new wcs": ("m.meta.wcs = None", "m.meta.wcs is None"),
    "an unknown card": ("m.extra_fits = {'X': {'header': [['A', 1, '']]}}", "m.extra_fits.X"),
}


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_no_change_is_lost(asn: Path, change: str, native: bool) -> None:
    action, check = CHANGES[change]
    container = asdfits.open(asn, max_open=1, native=native)
    fresh = asdfits.open(container.paths[0])
    exec(action, {"m": container[0]})
    for _ in range(2):
        touch(container, *range(1, 6))
    assert eval(check, {"m": container[0], "fresh": fresh})
    saved = container.save(asn.parent / "out")
    for m in (container[0], asdfits.open(saved)[0]):
        assert eval(check, {"m": m, "fresh": fresh})
    with suppress(AttributeError, TypeError):  # what was added is not there
        assert not eval(check, {"m": asdfits.open(asn)[0], "fresh": fresh})


@pytest.mark.parametrize(
    "hold", ["m", "m.meta", "m.meta.instrument", "m.data", "m.data[2:4]", "m.dq.T", "m.err.ravel()"]
)
def test_what_somebody_holds_is_not_let_go(made: Path, hold: str) -> None:
    container = asdfits.open(made, max_open=1)
    held = eval(hold, {"m": container[0]})
    before = weakref.ref(container[0])
    for _ in range(2):
        touch(container, 1, 2)
    assert before() is not None
    assert container[0] is before()
    del held
    touch(container, 1, 2)
    assert before() is None


def test_objects_are_kept_and_given_back(made: Path) -> None:
    pytest.importorskip("gwcs")
    container = asdfits.open(made, max_open=1)
    wcs = container[0].meta.wcs
    wcs(3, 4)
    model = weakref.ref(container[0])
    touch(container, 1)
    assert model() is None
    assert container[0].meta.wcs is wcs


def test_a_file_that_was_replaced_meanwhile_gives_no_old_objects(asn: Path) -> None:
    pytest.importorskip("gwcs")
    container = asdfits.open(asn, max_open=1)
    path = Path(container.paths[0] or "")
    wcs = container[0].meta.wcs
    touch(container, 1)
    path.write_bytes(sample.image_product((9, 9)))
    assert container[0].shape == (9, 9)
    assert container[0].meta.wcs is not wcs


def test_a_changed_member_is_kept_where_its_file_is_gone(asn: Path) -> None:
    container = asdfits.open(asn, max_open=1)
    container[0].data[0, 0] = 5
    os.unlink(container.paths[0] or "")
    touch(container, 1)
    assert container[0].data[0, 0] == 5


def test_strict_reading_leaves_no_change(made: Path) -> None:
    container = asdfits.open(made, max_open=1, strict_compat=True)
    assert not container[0].meta.dither.instance  # the reference inserts a branch for it
    model = weakref.ref(container[0])
    touch(container, 1)
    assert model() is None


@pytest.mark.parametrize("fits", ["asis", "edited"])
def test_members_with_edited_headers_are_let_go(asn: Path, fits: str) -> None:
    if fits == "edited":
        for path in asn.parent.glob("*.fits"):
            path.write_bytes(path.read_bytes().replace(b"F200W", b"F356W", 1))
    container = asdfits.open(asn, max_open=1)
    model = weakref.ref(container[0])
    assert container[0].meta.instrument.filter == ("F356W" if fits == "edited" else "F200W")
    container[0].to_flat_dict()
    gc.collect()
    touch(container, 1)
    assert model() is None


# -- what the association says ------------------------------------------------------------------


def test_members_know_their_association(made: Path) -> None:
    asn = asdfits.open(made)[0].meta.asn
    assert asn.exptype == "science"
    assert asn.table_name == made.name
    assert asn.pool_name == "jw02736_pool"


def test_members_are_chosen_by_type_and_number(asn: Path) -> None:
    names = sorted(each.name for each in asn.parent.glob("*.fits"))
    members = [*science(*names[:4], exptype="SCIENCE"), *science(*names[4:], exptype="background")]
    association(asn.parent, members)
    container = asdfits.open(asn)
    assert container.exptypes == ("science",) * 4 + ("background",) * 2
    assert container.ind_asn_type("Background") == [4, 5]
    assert container[0].meta.asn.exptype == "SCIENCE"
    assert len(asdfits.open(asn, asn_exptypes="science")) == 4
    assert len(asdfits.open(asn, asn_exptypes=["Background", "psf"])) == 2
    assert len(asdfits.open(asn, asn_exptypes="science", asn_n_members=3)) == 3
    assert len(asdfits.open(asn, asn_n_members=5)) == 5


def test_products_are_containers(asn: Path) -> None:
    names = sorted(each.name for each in asn.parent.glob("*.fits"))
    background = science(names[1], exptype="background")
    association(asn.parent, science(names[0]) + background, science(names[1]))
    container = asdfits.open(asn)
    assert container.exptypes == ("science", "background", "science")
    first, second = container.products.values()
    assert (len(first), len(second)) == (2, 1)
    assert second[0] is container[2]
    # One file, two members.
    assert container[1] is not container[2]
    assert [m.meta.asn.exptype for m in container] == ["science", "background", "science"]
    name = list(container.products)[1]
    assert len(asdfits.open(asn, asn_product=name)) == 1
    assert len(asdfits.open(asn, asn_product=0)) == 2
    assert len(asdfits.open(asn, strict_compat=True)) == 2
    with pytest.raises(KeyError, match="no product 'none'"):
        asdfits.open(asn, asn_product="none")


def test_a_group_and_a_catalogue_of_the_association_come_into_the_models(asn: Path) -> None:
    names = sorted(each.name for each in asn.parent.glob("*.fits"))
    told = [{"group_id": "1", "tweakreg_catalog": "a.ecsv"}, {"group_id": 2}, {"group_id": None}]
    listed = [m for name, each in zip(names, told, strict=False) for m in science(name, **each)]
    association(asn.parent, listed)
    container = asdfits.open(asn)
    assert container.group_names == ["1", "2", ROOT.format(1)]
    assert container[0].meta.tweakreg_catalog == str(asn.parent / "a.ecsv")
    assert container[0].meta.group_id == "1"
    assert container.group_names == ["1", "2", ROOT.format(1)]
    away = json.loads(Path(container.save(asn.parent / "out")).read_text())
    assert away["products"][0]["members"][0]["tweakreg_catalog"] == str(asn.parent / "a.ecsv")
    beside = json.loads(Path(container.save(asn.parent)).read_text())
    assert beside["products"][0]["members"][0]["tweakreg_catalog"] == "a.ecsv"
    container[0].meta.group_id = "2"
    assert container.group_indices == {"2": [0, 1], ROOT.format(1): [2]}


# -- groups -------------------------------------------------------------------------------------


def test_groups_are_exposures_and_open_no_member(made: Path, opens: list[str]) -> None:
    container = asdfits.open(made)
    assert container.group_names == [ROOT.format(1), ROOT.format(2)]
    assert container.group_indices == {ROOT.format(1): [0, 1, 2], ROOT.format(2): [3, 4, 5]}
    assert [len(group) for group in container.models_grouped] == [3, 3]
    assert opens == []
    assert container.groups[ROOT.format(2)][1] is container[4]
    assert opens == [f"{ROOT.format(2)}_nrca2_cal.fits"]


def test_headers_say_the_group_even_where_the_name_says_another(asn: Path) -> None:
    first = asn.parent / f"{ROOT.format(1)}_nrca1_cal.fits"
    first.rename(asn.parent / f"{ROOT.format(9)}_nrca1_cal.fits")
    found = asdfits.open(sorted(asn.parent.glob("*.fits")))
    assert found.group_indices == {ROOT.format(1): [0, 1, 5], ROOT.format(2): [2, 3, 4]}


def test_without_headers_the_name_says_the_group_or_each_has_its_own(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in (f"{ROOT.format(1)}_nrca1_cal.fits", "a.fits", "b.fits")]
    for path in paths:
        path.write_bytes(sample.image_product((8, 8)))
    container = asdfits.open([*paths, asdfits.ImageModel((2, 2))])
    assert container.group_names == [
        ROOT.format(1),
        "exposure0002",
        "exposure0003",
        "exposure0004",
    ]


@pytest.mark.oracle
def test_groups_are_those_of_the_reference_s_rule(made: Path) -> None:
    """The reference joins the values of these keywords; the rule itself is in another package."""
    from stdatamodels.jwst import datamodels

    container = asdfits.open(made)
    for path, (name, _) in zip(container.paths, _members_of(container), strict=True):
        with datamodels.open(path) as theirs:
            o = theirs.meta.observation
            head = f"jw{o.program_number}{o.observation_number}{o.visit_number}"
            tail = f"{o.visit_group}{o.sequence_id}{o.activity_id}_{o.exposure_number}"
        assert name == f"{head}_{tail}"


def _members_of(container: ModelContainer) -> Iterator[tuple[str, int]]:
    for name, places in container.group_indices.items():
        for place in places:
            yield name, place


# -- what is wrong ------------------------------------------------------------------------------


def test_a_member_that_is_missing_is_named_when_it_is_touched(asn: Path) -> None:
    os.unlink(asn.parent / f"{ROOT.format(1)}_nrca2_cal.fits")
    container = asdfits.open(asn)
    assert container[0].meta.telescope == "JWST"
    with pytest.raises(FileNotFoundError) as caught:
        container[1]
    assert f"{ROOT.format(1)}_nrca2_cal.fits" in str(caught.value)
    assert asn.name in str(caught.value)
    assert caught.value.filename == str(asn.parent / f"{ROOT.format(1)}_nrca2_cal.fits")
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="nrca2"):
            _ = container.group_names
    assert container[2].meta.telescope == "JWST"


def test_a_member_that_is_damaged_is_named_when_it_is_touched(asn: Path) -> None:
    (asn.parent / f"{ROOT.format(1)}_nrca2_cal.fits").write_bytes(b"not a product")
    container = asdfits.open(asn)
    with pytest.raises(asdfits.FormatError, match=rf"nrca2_cal\.fits.*\(a member of .*{asn.name}"):
        container[1]
    assert container[2].meta.telescope == "JWST"


def test_a_member_that_is_no_product_is_in_no_group(asn: Path) -> None:
    names = sorted(each.name for each in asn.parent.glob("*.fits"))
    (asn.parent / "a_cat.ecsv").write_text("# %ECSV 1.0\n")
    listed = [*science(names[0]), *science("a_cat.ecsv", exptype="sourcecat")]
    association(asn.parent, listed)
    container = asdfits.open(asn)
    assert container.group_indices == {ROOT.format(1): [0]}
    with pytest.raises(ValueError, match=rf"a_cat\.ecsv.*\(a member of .*{asn.name}"):
        container[1]
    target = container.save(asn.parent / "out")
    assert Path(target).with_name("a_cat.ecsv").read_text() == "# %ECSV 1.0\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", r"line 1, column 2: no JSON"),
        ("[1]", r"found a list, expected an object with products"),
        ("{}", r"products: found none, expected a list of at least one"),
        ('{"products": []}', r"products: found a list, expected a list of at least one"),
        ('{"products": [{}]}', r"products\[0\]: expected an object with a list of members"),
        ('{"products": [{"members": ["a.fits"]}]}', r"members\[0\]: found a text, expected an"),
        (
            '{"products": [{"members": [{"exptype": "science"}]}]}',
            r"products\[0\]\.members\[0\]: expname: found None, expected the name of a file",
        ),
        (
            '{"products": [{"members": [{"expname": "a.fits", "exptype": 3}]}]}',
            r"exptype: found 3, expected a word",
        ),
        ("[" * 100000, "no JSON"),
        (b"\xff\xfe\xff", "no JSON"),
    ],
)
def test_what_is_no_association_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = tmp_path / "jw1_asn.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(asdfits.FormatError, match=says) as caught:
        asdfits.open(path)
    assert str(path) in str(caught.value)


def test_an_association_that_is_missing() -> None:
    with pytest.raises(FileNotFoundError):
        asdfits.open("nowhere_asn.json")


def test_read_metadata_is_for_one_file(made: Path) -> None:
    with pytest.raises(ValueError, match="asn"):
        asdfits.read_metadata(made)


# -- saving -------------------------------------------------------------------------------------


def test_what_was_not_changed_is_copied(made: Path, tmp_path: Path, opens: list[str]) -> None:
    container = asdfits.open(made)
    container[1].data.sum()
    container[2].meta.target.proposer_name = "M 31"
    target = container.save(tmp_path / "new" / "folder")
    assert target == str(tmp_path / "new" / "folder" / made.name)
    for path in sorted(made.parent.glob("*.fits")):
        same = path.read_bytes() == (tmp_path / "new" / "folder" / path.name).read_bytes()
        assert same == ("00001_nrca3" not in path.name)
    table, before = json.loads(Path(target).read_text()), json.loads(made.read_text())
    assert table == before
    again = asdfits.open(target)
    assert [m.meta.target.proposer_name for m in again][1:4] == [None, "M 31", None]


def test_a_changed_member_stands_for_its_new_file_and_is_let_go(asn: Path) -> None:
    container = asdfits.open(asn, max_open=1)
    for n in range(3):
        container[n].data[0, 0] = n
    models = [weakref.ref(container[n]) for n in range(3)]
    touch(container, 5)
    assert all(model() is not None for model in models)
    container.save(asn.parent / "out")
    assert not any(model() is not None for model in models)
    assert [container[n].data[0, 0] for n in range(3)] == [0, 1, 2]
    assert container.paths[0] == str(asn.parent / "out" / f"{ROOT.format(1)}_nrca1_cal.fits")


def test_a_container_is_saved_over_itself(asn: Path) -> None:
    container = asdfits.open(asn)
    container[0].data[0, 0] = 5
    stay = asn.parent / f"{ROOT.format(1)}_nrca2_cal.fits"
    before = stay.stat()
    container.save(asn.parent)
    assert asdfits.open(asn)[0].data[0, 0] == 5
    assert stay.stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(p.suffix for p in asn.parent.iterdir()) == [".fits"] * 6 + [".json"]


def test_a_list_is_saved_with_an_association_of_its_own(made: Path, tmp_path: Path) -> None:
    paths = sorted(made.parent.glob("*nrca1*.fits"))
    container = asdfits.open([*paths, asdfits.ImageModel((4, 4))])
    target = container.save(tmp_path)
    assert Path(target).name == f"{ROOT.format(1)}_nrca1_asn.json"
    again = asdfits.open(target)
    assert [Path(path or "").name for path in again.paths][2] == "exposure0003.fits"
    assert [m.shape for m in again] == [(8, 8), (8, 8), (4, 4)]
    table = json.loads(Path(target).read_text())
    assert isinstance(table["asn_id"], str)
    assert isinstance(table["asn_pool"], str)


def test_a_part_of_a_container_is_saved_with_its_products_alone(asn: Path, tmp_path: Path) -> None:
    names = sorted(each.name for each in asn.parent.glob("*.fits"))
    association(asn.parent, science(names[0]), science(*names[1:3], note="x"))
    second = list(asdfits.open(asn).products.values())[1]
    table = json.loads(Path(second.save(tmp_path / "out", "mine_asn.json")).read_text())
    assert [product["name"][-21:] for product in table["products"]] == [
        "t002_nircam_clear-f200w"[-21:]
    ]
    assert table["products"][0]["members"] == science(*names[1:3], note="x")


def test_nothing_is_written_where_two_members_have_one_name(asn: Path, tmp_path: Path) -> None:
    container = asdfits.open([*asdfits.open(asn).paths, asdfits.open(asn).paths[0]])
    with pytest.raises(ValueError, match="2 members would be saved as"):
        container.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_unless_it_may_be(asn: Path, tmp_path: Path) -> None:
    container = asdfits.open(asn)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / asn.name).write_text("mine")
    with pytest.raises(FileExistsError):
        container.save(tmp_path / "out", overwrite=False)
    assert [each.name for each in (tmp_path / "out").iterdir()] == [asn.name]


def test_the_association_comes_last(asn: Path, tmp_path: Path) -> None:
    os.unlink(asn.parent / f"{ROOT.format(2)}_nrca3_cal.fits")
    with pytest.raises(FileNotFoundError, match=asn.name):
        asdfits.open(asn).save(tmp_path / "out")
    written = sorted(each.name for each in (tmp_path / "out").iterdir())
    assert len(written) == 5
    assert not any(name.endswith((".json", ".tmp")) for name in written)


def test_a_changed_member_that_was_zipped_is_saved_unzipped(tmp_path: Path) -> None:
    import gzip

    for n in range(2):
        content = gzip.compress(sample.image_product((8, 8)))
        (tmp_path / f"{ROOT.format(n)}_nrca1_cal.fits.gz").write_bytes(content)
    container = asdfits.open(sorted(tmp_path.glob("*.gz")))
    container[0].data[0, 0] = 3
    target = container.save(tmp_path / "out")
    assert [Path(path or "").suffix for path in asdfits.open(target).paths] == [".fits", ".gz"]
    assert asdfits.open(target)[0].data[0, 0] == 3


def test_an_association_at_a_url_opens_its_members_there(asn: Path, tmp_path: Path) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for path in asn.parent.iterdir():
        memory.pipe(f"/container/{path.name}", path.read_bytes())
    try:
        container = asdfits.open(f"memory://container/{asn.name}", max_open=1)
        assert container.group_names == [ROOT.format(1), ROOT.format(2)]
        container[1].meta.target.proposer_name = "M 31"
        touch(container, 0, 2, 3)
        target = container.save(tmp_path / "out")
        assert [m.meta.target.proposer_name for m in asdfits.open(target)][:2] == [None, "M 31"]
        with pytest.raises(FileNotFoundError):
            asdfits.open("memory://container/none_asn.json")
    finally:
        memory.rm("/container", recursive=True)


# -- life ---------------------------------------------------------------------------------------


def test_a_copy_shares_nothing(asn: Path) -> None:
    container = asdfits.open(asn)
    container[0].data[0, 0] = 5
    other = container.copy()
    assert other[0].data[0, 0] == 5
    other[0].data[0, 0] = 6
    other[1].meta.target.proposer_name = "M 31"
    assert container[0].data[0, 0] == 5
    assert container[1].meta.target.proposer_name is None


def test_warnings_are_heard_once_for_each_opening(tmp_path: Path) -> None:
    for n in range(3):
        content = sample.image_product((8, 8)).replace(b"DATAMODL=", b"DATAMODX=")
        (tmp_path / f"{n}_cal.fits").write_bytes(content)
    container = asdfits.open(sorted(tmp_path.glob("*.fits")), max_open=1)
    with pytest.warns(asdfits.NoTypeWarning) as heard:
        touch(container, 0, 1, 2)
    assert len(heard) == 3


def test_close_forgets_what_was_not_saved(asn: Path) -> None:
    given = asdfits.ImageModel((2, 2))
    container = asdfits.open([*asdfits.open(asn).paths, given])
    with container:
        container[0].data[0, 0] = 5
    assert "1 open" in repr(container)
    assert container[-1] is given
    assert container[0].data[0, 0] != 5


def test_no_warning_and_no_leak(asn: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with asdfits.open(asn, max_open=2) as container:
            assert [m.shape for m in container] == [(8, 8)] * 6
    gc.collect()
    assert maps(asn.parent) == 0


# -- the command --------------------------------------------------------------------------------


def test_info_of_an_association(asn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.unlink(asn.parent / f"{ROOT.format(2)}_nrca3_cal.fits")
    assert cli.main(["info", str(asn)]) == 0
    printed = capsys.readouterr().out
    assert "rule        Asn_Lv3Image" in printed
    assert "product     jw02736-o007_t001_nircam_clear-f200w: 6 science" in printed
    assert f"groups      {ROOT.format(1)}: {ROOT.format(1)}_nrca1_cal.fits, " in printed
    assert f"missing     {ROOT.format(2)}_nrca3_cal.fits" in printed
    asn.write_text("{")
    assert cli.main(["info", str(asn)]) == 1
    assert "no JSON" in capsys.readouterr().err


def test_an_association_keeps_what_it_does_not_know() -> None:
    table = {"products": [{"name": "a", "more": 1, "members": []}], "other": {"x": None}}
    asn = Association.of(table)
    text = asn.with_entries([Entry("b.fits", facts={"exposerr": None})])
    assert json.loads(text) == {
        "products": [
            {
                "name": "a",
                "more": 1,
                "members": [
                    {"expname": "b.fits", "exptype": associations.SCIENCE, "exposerr": None}
                ],
            }
        ],
        "other": {"x": None},
    }
    assert asn.place("s3://bucket/a.fits") == "s3://bucket/a.fits"
    assert Association.of(table, "/x/a_asn.json").place("a.fits") == "/x/a.fits"
    assert Association.of(table, "/x/a_asn.json").place("/y/a.fits") == "/y/a.fits"


def test_a_product_without_a_date_is_let_go(asn: Path) -> None:
    for path in asn.parent.glob("*.fits"):
        content = (
            path.read_bytes().replace(b"  date: ", b"  dat_: ").replace(b"DATE    =", b"DAT_    =")
        )
        path.write_bytes(content)
    container = asdfits.open(asn, max_open=1)
    model = weakref.ref(container[0])
    time.sleep(0.005)  # the next one opens at another time
    touch(container, 1)
    assert model() is None


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stat().st_size > 1e6 else [])
        for path in real_files()
    ],
    ids=lambda path: path.name,
)
@pytest.mark.filterwarnings("ignore")
def test_a_real_product_that_was_read_whole_is_let_go(path: Path) -> None:
    container = ModelContainer([path, path], max_open=1)
    model = weakref.ref(container[0])
    with suppress(ValueError):  # a table that does not fit the schema
        container[0].to_flat_dict()
    assert container[1].meta is not None
    assert model() is None
