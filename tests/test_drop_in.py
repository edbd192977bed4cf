"""Real stdatamodels models, opened and saved by asdfits: they are what stdatamodels makes of the files.

Every class and every real product, as written and after edits: type, values, arrays, schema, warnings,
errors and the classes of what is in the tree are the reference's own.
"""

from __future__ import annotations

import datetime
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from conftest import real_files
from oracle import Difference, compare, listed, unlisted
from test_oracle_save import compare_saved

fits = pytest.importorskip("astropy.io.fits")
datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
stdatamodels = pytest.importorskip("stdatamodels")
asdf_in_fits = pytest.importorskip("stdatamodels.asdf_in_fits")
accelerator = pytest.importorskip("asdfits.stdatamodels")
fill = pytest.importorskip("fill")
mutations = pytest.importorskip("mutations")

pytestmark = pytest.mark.oracle

# In the quick run, one case in so many.
SHARE = 60

CLASSES = [
    name
    for name in sorted(datamodels.__all__)
    if isinstance(each := getattr(datamodels, name), type)
    and each.to_fits is datamodels.JwstDataModel.to_fits
]
FILES = {path.name: path for path in real_files()}
CASES = [
    (name, mutation)
    for name in (*CLASSES, *FILES)
    for mutation in mutations.MUTATIONS
    if name in CLASSES or mutation != "as written, with history"
]


class Workshop:
    """Writes the file of each class once, and edits copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = cache(self._parts)

    def _parts(self, name: str, history: bool) -> Any:
        if name in FILES:
            return mutations.taken_apart(FILES[name].read_bytes())
        path = self.folder / f"{name}.fits"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that are deprecated
            fill.filled(getattr(datamodels, name), history=history).save(path)
        return mutations.taken_apart(path.read_bytes())

    def path(self, name: str, mutation: str) -> Path | None:
        """The edited file; None where the edit finds nothing to change."""
        edits, history = mutations.MUTATIONS[mutation]
        if name in FILES and not edits:
            return FILES[name]
        path = self.folder / f"{name.removesuffix('.gz').removesuffix('.fits')}.fits"
        parts = self.parts(name, name in FILES or history)
        return path if mutations.edited(parts, edits, path) else None


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("drop-in"))


def attempt(done: Callable[[], Any]) -> tuple[Any, Counter[str]]:
    """The model, everything in it made, or the error; and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result: Any = done()
            if not isinstance(result, Path):
                result.to_flat_dict()
        except Exception as error:
            result = error
    kinds = Counter(
        f"{warning.category.__name__}: {str(warning.message)[:60]}"
        for warning in caught
        if not issubclass(warning.category, ResourceWarning)
    )
    return result, kinds


def kinds(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the class of each part of a tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from kinds(value, f"{path}.{key}")
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from kinds(value, f"{path}.{place}")
    name = type(tree).__name__
    # What makes its values when they are touched; and asdf's stand-in for an array.
    plain = {"Branch": "dict", "Items": "list", "NDArrayType": "ndarray"}
    yield path, plain.get(name, name)


def differences(theirs: Any, ours: Any) -> Iterator[Difference]:
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        if repr(theirs) != repr(ours):
            yield Difference("open", "", repr(theirs)[:300], repr(ours)[:300])
        return
    if type(theirs) is not type(ours):
        yield Difference("class", "", type(theirs).__name__, type(ours).__name__)
    # A model without a date gets one when it is made.
    yield from (each for each in compare(theirs, ours) if not is_just_now(each))
    left, right = dict(kinds(theirs._instance)), dict(kinds(ours._instance))
    for path in left.keys() | right.keys():
        if left.get(path) != right.get(path):
            yield Difference("kind", path, str(left.get(path)), str(right.get(path)))
    if theirs._schema != ours._schema:
        yield Difference("schema", "", "its schema", "another")
    if theirs._asdf.version != ours._asdf.version:
        yield Difference("standard", "", str(theirs._asdf.version), str(ours._asdf.version))


def is_just_now(difference: Difference) -> bool:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return difference.path == "meta.date" and all(
        abs(now - datetime.datetime.fromisoformat(date.strip("'"))).total_seconds() < 600
        for date in (difference.theirs, difference.ours)
    )


def beside(path: Path, **switches: Any) -> list[Difference]:
    """Open a file with stdatamodels, without and with asdfits."""
    theirs, their_warnings = attempt(lambda: datamodels.open(path, **switches))
    with accelerator.accelerated() as done:
        assert done
        ours, our_warnings = attempt(lambda: datamodels.open(path, **switches))
    with warnings.catch_warnings(action="ignore"):
        found = list(differences(theirs, ours))
    for text in their_warnings.keys() | our_warnings.keys():
        if their_warnings[text] != our_warnings[text]:
            both = f"{their_warnings[text]} times", f"{our_warnings[text]} times"
            found.append(Difference("warning", text, *both))
    for model in (theirs, ours):
        if not isinstance(model, Exception):
            model.close()
    return found


def quick(*case: str) -> Any:
    """A case, which is left to the long run unless its turn has come."""
    turn = zlib.crc32(" ".join(case).encode()) % SHARE
    return pytest.param(*case, marks=pytest.mark.slow if turn else (), id="-".join(case))


@pytest.mark.parametrize(("name", "mutation"), [quick(*case) for case in CASES])
def test_a_model_is_the_one_that_stdatamodels_makes(
    name: str, mutation: str, workshop: Workshop
) -> None:
    path = workshop.path(name, mutation)
    if path is None:
        return
    known = listed("drop-in")
    assert unlisted(beside(path), known, f"{name}: {mutation}") == []


def changed(model: Any) -> None:
    """What a step of a pipeline does to a model."""
    model.meta.target.proposer_name = "M 31"
    model.meta.observation.date = None
    model.meta.cal_step.flat_field = "COMPLETE"
    name = model.get_primary_array_name()
    array = getattr(model, name) if name else None
    if array is not None and array.dtype.names is None and array.size:
        array.flat[0] = 7


@pytest.mark.parametrize(
    ("name", "mutation"),
    [quick(each, edit) for each in (*CLASSES, *FILES) for edit in ("as written", "header edit")],
)
def test_either_saves_the_same(
    name: str, mutation: str, workshop: Workshop, tmp_path: Path
) -> None:
    path = workshop.path(name, mutation)
    if path is None:
        return
    found: list[Difference] = []
    for edit in (lambda model: None, changed):
        saved = []
        for side in ("theirs", "ours"):
            target = tmp_path / side / "saved.fits"
            target.parent.mkdir(exist_ok=True)
            saved.append(attempt(partial(saved_by, side, path, edit, target))[0])
        if all(isinstance(each, Path) for each in saved):
            with warnings.catch_warnings(action="ignore"):
                found += compare_saved(*saved, in_order=False)
        elif repr(saved[0]) != repr(saved[1]):
            found.append(Difference("save", "", repr(saved[0])[:300], repr(saved[1])[:300]))
    known = listed("drop-in-save") + listed("save")
    assert unlisted(found, known, f"{name}: {mutation}") == []


def saved_by(side: str, path: Path, edit: Callable[[Any], None], target: Path) -> Any:
    if side == "ours":
        with accelerator.accelerated():
            return saved_by("", path, edit, target)
    with datamodels.open(path) as model:
        edit(model)
        model.save(target)
    return target


# -- what a pipeline does -----------------------------------------------------------------------


def product(folder: Path) -> Path:
    """A product with slits, images and a table, and a history."""
    model = datamodels.MultiSlitModel()
    model.meta.instrument.name = "NIRSPEC"
    for number in range(3):
        slit = datamodels.SlitModel(
            data=np.arange(20, dtype="f4").reshape(4, 5) + number,
            dq=np.full((4, 5), number, "u4"),
        )
        slit.name = f"S{number}"
        slit.int_times = np.zeros(number, slit.get_dtype("int_times"))
        model.slits.append(slit)
    model.add_history_entry("made")
    path = folder / "slits_cal.fits"
    model.save(path)
    return path


def step(path: str, target: str) -> str:
    """Open, check, edit, update, look at slits, pickle, save and open again, as pipelines do."""
    with datamodels.open(path) as model:
        assert isinstance(model, datamodels.MultiSlitModel)
        result = model.copy()
        result.meta.cal_step.srctype = "COMPLETE"
        for slit in result.slits:
            slit.data = slit.data * 2
            slit.source_type = "POINT"
        one = result[0]
        assert isinstance(one, datamodels.SlitModel)
        image = datamodels.ImageModel(one.data)
        image.update(model)
        image.meta.filename = "image.fits"
        image.save(target.replace("slits", "image"))
        result.slits.append(datamodels.SlitModel(data=one.data.copy()))
        result.slits[-1].name = "a new one"
        result.slits[-1].meta.date = "2026-01-01T00:00:00.000"
        result.add_history_entry("a step was run")
        result.save(target)
    with datamodels.open(target) as model:
        return f"{model.slits[-1].name} {model.meta.cal_step.srctype} {len(model.slits)}"


def work(path: str, target: str) -> str:
    """In another process: the step, on asdfits."""
    with warnings.catch_warnings(action="ignore"), accelerator.accelerated() as done:
        assert done
        return step(path, target)


def given(pickled: bytes) -> tuple[str, float]:
    """In another process: a model that came as a pickle."""
    model = pickle.loads(pickled)
    return type(model).__name__, float(model.slits[1].data.sum())


@pytest.mark.slow
def test_steps_in_four_processes_write_the_same_files(tmp_path: Path) -> None:
    path = str(product(tmp_path))
    theirs = str(tmp_path / "theirs_slits.fits")
    with warnings.catch_warnings(action="ignore"):
        expected = step(path, theirs)
    targets = [str(tmp_path / f"ours{number}_slits.fits") for number in range(8)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.starmap(work, [(path, target) for target in targets]) == [expected] * 8
        with accelerator.accelerated():
            model = datamodels.open(path)
        pickled = pickle.dumps(model)
        assert (
            pool.map(given, [pickled] * 4)
            == [("MultiSlitModel", float(model.slits[1].data.sum()))] * 4
        )
    for target in targets:
        for name in (target, target.replace("slits", "image")):
            other = theirs if name == target else theirs.replace("slits", "image")
            assert [str(d) for d in compare_saved(Path(other), Path(name), in_order=False)] == []


def test_a_copy_and_a_pickle_share_nothing_and_make_nothing(tmp_path: Path) -> None:
    with accelerator.accelerated():
        model = datamodels.open(product(tmp_path))
        copied, pickled = model.copy(), pickle.loads(pickle.dumps(model))
    assert waiting(copied) == waiting(model) != set()
    for other in (copied, pickled):
        assert type(other) is type(model)
        assert other._asdf._tree is other._instance
        assert np.array_equal(other.slits[1].data, model.slits[1].data)
        other.slits[1].data[0, 0] += 1
        assert not np.array_equal(other.slits[1].data, model.slits[1].data)
    assert pickled._file_references == [] or pickled.close() is None


def waiting(model: Any) -> set[str]:
    """The entries of the root that were not made."""
    return {
        key
        for key, value in dict.items(model._instance.data)
        if type(value).__name__ in ("Deferred", "RealArray")
    }


def test_nothing_is_made_before_it_is_touched(tmp_path: Path) -> None:
    with accelerator.accelerated():
        model = datamodels.open(product(tmp_path))
        assert {"slits", "asdf_library"} <= waiting(model)
        slit = model.slits[1]._instance
        slit = getattr(slit, "data", slit)
        made = {key for key, value in dict.items(slit) if isinstance(value, np.ndarray)}
        assert made == set()
        assert model.slits[1].data is model.slits[1].data
        assert model._instance["slits"][1]["data"] is model.slits[1].data
        assert {k for k, v in dict.items(slit) if isinstance(v, np.ndarray)} == {"data"}
        other = model._instance["slits"][0]
        entries = dict.items(getattr(other, "data", other))
        assert not any(isinstance(value, np.ndarray) for _, value in entries)


def test_a_large_image_costs_no_memory_until_it_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "large.fits"
    datamodels.ImageModel(data=np.ones((2000, 2000), "f4")).save(path)
    with accelerator.accelerated():
        datamodels.open(path).close()  # what is made once in a process
        tracemalloc.start()
        model = datamodels.open(path)
        assert model.data.shape == (2000, 2000)
        grown = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert model.data.sum(dtype="f8") == 4e6
    assert grown < 4e6  # of 16 MB


def test_the_file_may_be_written_over_while_arrays_live(tmp_path: Path) -> None:
    path = product(tmp_path)
    with accelerator.accelerated():
        model = datamodels.open(path)
        data = model.slits[0].data
        before = data.copy()
        model.slits[1].name = "renamed"
        model.save(path)
        assert datamodels.open(path).slits[1].name == "renamed"
    assert np.array_equal(data, before)


def test_asdf_in_fits_and_metadata_are_read_alike(tmp_path: Path) -> None:
    path = product(tmp_path)
    theirs, metadata = asdf_in_fits.open(path), datamodels.read_metadata(path)
    with accelerator.accelerated(), fits.open(path) as hdus:
        ours = asdf_in_fits.open(path)
        among = asdf_in_fits.open(hdus)
        assert datamodels.read_metadata(path) == metadata
        assert datamodels.read_metadata(str(path), flatten=False) == {
            **datamodels.read_metadata(path, flatten=False)
        }
        for found in (ours, among):
            assert type(found) is type(theirs)
            assert type(found.tree) is type(theirs.tree)
            assert found["meta"] == theirs["meta"]
            for left, right in zip(found["slits"], theirs["slits"], strict=True):
                assert np.array_equal(left["data"], right["data"])
        model = datamodels.MultiSlitModel(hdus)
    assert np.array_equal(model.slits[0].data, theirs["slits"][0]["data"])
    assert theirs.search("instrument").paths == ours.search("instrument").paths != []
    theirs.close()


# -- how it comes and goes ----------------------------------------------------------------------


def functions() -> list[Any]:
    model = stdatamodels.DataModel
    from astropy.modeling.core import CompoundModel
    from astropy.modeling.parameters import Parameter

    return [
        *(vars(model)[name] for name in ("__init__", "on_save", "to_fits")),
        *(datamodels.open, datamodels.util.open, datamodels.read_metadata),
        *(stdatamodels.fits_support.from_fits_asdf, asdf_in_fits.open),
        *(stdatamodels.schema.merge_property_trees, CompoundModel._map_parameters),
        vars(Parameter).get("__deepcopy__"),
    ]


def test_everything_is_as_before_afterwards(tmp_path: Path) -> None:
    before = functions()
    assert accelerator.install()
    assert accelerator.install()  # once is enough
    assert accelerator.is_installed()
    during = functions()
    assert all(old is not new for old, new in zip(before, during, strict=True))
    model = datamodels.open(product(tmp_path))
    accelerator.uninstall()
    accelerator.uninstall()
    assert not accelerator.is_installed()
    assert all(old is new for old, new in zip(before, functions(), strict=True))
    model.slits[1].name = "after"  # a model that is open stays as it is
    model.save(tmp_path / "after.fits")
    assert datamodels.open(tmp_path / "after.fits").slits[1].name == "after"


def test_an_error_inside_leaves_nothing_replaced() -> None:
    before = functions()
    with pytest.raises(ZeroDivisionError), accelerator.accelerated(), accelerator.accelerated():
        1 / 0  # noqa: B018
    assert all(old is new for old, new in zip(before, functions(), strict=True))


def test_two_threads_may_use_it(tmp_path: Path) -> None:
    path = product(tmp_path)
    before = functions()
    expected = float(datamodels.open(path).slits[2].data.sum())
    found: list[float] = []

    def read() -> None:
        for _ in range(10):
            with accelerator.accelerated():
                found.append(float(datamodels.open(path).slits[2].data.sum()))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 20
    assert all(old is new for old, new in zip(before, functions(), strict=True))


def test_another_version_is_left_alone_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdatamodels, "__version__", "7.1.0")
    before = functions()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not accelerator.install()
        assert not accelerator.install()
        with accelerator.accelerated() as done:
            assert not done
    assert ["7.1.0 is not known" in str(warning.message) for warning in caught] == [True]
    assert all(old is new for old, new in zip(before, functions(), strict=True))


def test_a_changed_function_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_fits(self: Any, init: Any, another: Any) -> None: ...

    monkeypatch.setattr(stdatamodels.DataModel, "to_fits", to_fits)
    with pytest.warns(UserWarning, match=r"DataModel.to_fits .* takes \(self init another\)"):
        assert not accelerator.install()


def test_what_a_class_does_to_hdus_is_left_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Own(datamodels.ImageModel):
        def __init__(self, init: Any) -> None:
            self._own = "set before the file is read"
            super().__init__(init)

        def _migrate_hdulist(self, hdulist: Any) -> Any:
            hdulist[0].header["TELESCOP"] = "JWST"
            hdulist["SCI"].data = hdulist["SCI"].data + 1
            return hdulist

    path = tmp_path / "own.fits"
    datamodels.ImageModel(data=np.zeros((2, 2), "f4")).save(path)
    with accelerator.accelerated(), caplog.at_level(logging.DEBUG, "asdfits.stdatamodels"):
        model = Own(path)
        assert model.data.tolist() == [[1, 1], [1, 1]]
        assert model._own == "set before the file is read"
    assert "edits HDUs before they are read" in caplog.text


SCRIPT = """
import sys, warnings
warnings.simplefilter("ignore")
from stdatamodels.jwst import datamodels
import asdfits.stdatamodels
from stdatamodels import DataModel
DataModel()
model = datamodels.open(sys.argv[1])
print(asdfits.stdatamodels.is_installed(), type(model._instance.data).__name__)
"""


@pytest.mark.parametrize("way", ["module", "variable", "neither"])
def test_a_script_needs_no_line_for_it(way: str, tmp_path: Path) -> None:
    path = tmp_path / "image.fits"
    datamodels.ImageModel(data=np.zeros((2, 2), "f4")).save(path)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    start = [sys.executable, *(["-m", "asdfits.stdatamodels"] if way == "module" else [])]
    done = subprocess.run(
        [*start, script, path],
        env={**clean_environment(), "ASDFITS_STDATAMODELS": "1" if way == "variable" else "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == (["False", "dict"] if way == "neither" else ["True", "Root"])


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}


def test_the_command_says_how_it_is_used() -> None:
    start = [sys.executable, "-m", "asdfits.stdatamodels"]
    done = subprocess.run([*start, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: python -m asdfits.stdatamodels")
    assert subprocess.run(start, capture_output=True).returncode == 2
    missing = subprocess.run([*start, "no-such.py"], capture_output=True, text=True)
    assert (missing.returncode, missing.stderr.splitlines()[0]) == (2, "no-such.py: no such file")


def test_the_plugin_runs_tests_on_asdfits(tmp_path: Path) -> None:
    datamodels.ImageModel(data=np.zeros((2, 2), "f4")).save(tmp_path / "image.fits")
    (tmp_path / "test_it.py").write_text(
        "from stdatamodels.jwst import datamodels\n"
        "def test_it():\n"
        "    model = datamodels.open('image.fits')\n"
        "    assert type(model._instance.data).__name__ == 'Root'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "asdfits.stdatamodels.plugin", "test_it.py"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "asdfits: stdatamodels is accelerated" in done.stdout


# -- models of one side as models of the other --------------------------------------------------


@pytest.mark.parametrize("name", ["MultiSlitModel", "MultiSpecModel", "FlatModel", "Level1bModel"])
def test_models_go_over_and_come_back(name: str, workshop: Workshop) -> None:
    path = workshop.path(name, "as written, with history")
    assert path is not None
    ours = asdfits.open(path, strict_compat=True)
    ours.meta.origin = "M 31"
    real = asdfits.to_stdatamodels(ours)
    back = asdfits.from_stdatamodels(real)
    assert type(real) is getattr(datamodels, name)
    assert type(back) is getattr(asdfits, name)
    with warnings.catch_warnings(action="ignore"):
        expected = datamodels.open(path)
        expected.meta.origin = "M 31"
        found = [*compare(expected, real), *compare(expected, back)]
    assert unlisted(found, listed("exchange"), name) == []
    with pytest.raises(TypeError, match="expected a model"):
        asdfits.to_stdatamodels(real)
    with pytest.raises(TypeError, match="expected a model"):
        asdfits.from_stdatamodels(back)
