from __future__ import annotations

import copy
import multiprocessing
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import sample
from asdfits._core import Deferred
from asdfits.file import is_lazy
from conftest import real_files

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": lambda model: model.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "old pickle": lambda model: pickle.loads(pickle.dumps(model, protocol=2)),
}


@pytest.fixture(params=COPIES)
def copied(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return COPIES[request.param]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


BLOCKS = b"""#ASDF 1.0.0
#ASDF_STANDARD 1.6.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
meta:
  shared: &id001 {a: 1, list: [1, 2]}
  again: *id001
  big: &id002 !core/ndarray-1.1.0 {source: 0, datatype: int16, byteorder: little, shape: [4]}
  same: *id002
  part: !core/ndarray-1.1.0
    {source: 0, datatype: int16, byteorder: little, shape: [2], offset: 4}
  inline: !core/ndarray-1.1.0 {data: [1, 2, 3], datatype: int64}
  odd: !<tag:example.org:odd-1.0.0> {x: [1, 2]}
  shift: !transform/shift-1.4.0 {inputs: [x], offset: 3.0, outputs: [y]}
...
"""


@pytest.fixture
def blocks(tmp_path: Path) -> Path:
    """Return a product whose tree has blocks, aliases, and tags that nobody knows."""
    data = np.arange(4, dtype="<i2").tobytes()
    header = b"\0" * 8 + 3 * len(data).to_bytes(8, "big") + bytes(16)
    block = b"\xd3BLK" + (48).to_bytes(2, "big") + header + data
    path = tmp_path / "blocks.fits"
    primary = sample.product([("DATAMODL", "JwstDataModel")], [], "meta: {}\n")[:2880]
    path.write_bytes(primary + sample.asdf_hdu(BLOCKS + block))
    return path


def opened(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asdfits.open(path)


def assert_same(one: Any, two: Any) -> None:
    """Check that two models hold equal values and share no memory."""
    assert type(one) is type(two)
    left, right = one.to_flat_dict(), two.to_flat_dict()
    assert list(left) == list(right)
    for path, value in left.items():
        assert type(value) is type(right[path]), path
        if isinstance(value, np.ndarray):
            # numpy's pickle makes numbers native, except in its newest form.
            native = value.dtype.newbyteorder("=")
            assert native == right[path].dtype.newbyteorder("="), path
            left_bytes, right_bytes = (np.asarray(a).astype(native) for a in (value, right[path]))
            assert left_bytes.tobytes() == right_bytes.tobytes(), path
            assert not np.shares_memory(value, right[path]), path
            assert right[path].flags.writeable, path
        elif type(value).__module__ == "builtins":
            assert repr(value) == repr(right[path]), path


# -- what a copy holds --------------------------------------------------------------------------


@pytest.mark.parametrize("touched", [False, True])
def test_a_copy_holds_the_same_and_shares_nothing(
    touched: bool, product: Path, copied: Callable[[Any], Any]
) -> None:
    model = opened(product)
    if touched:
        model.to_flat_dict()
    other = copied(model)
    assert_same(model, other)
    other.meta.instrument.name = "MIRI"
    other.meta.target.ra = None
    assert model.meta.instrument.name == "NIRCAM"
    assert model.meta.wcs is not other.meta.wcs
    pixels = np.arange(20.0), np.arange(20.0)
    assert np.array_equal(model.meta.wcs(*pixels), other.meta.wcs(*pixels))


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_a_copy_of_a_real_product_holds_the_same(path: Path) -> None:
    if "det_image_seq1_MIRIFUSHORT_12SHORTexp1_s3d" in path.name:
        pytest.skip("one of its tables cannot be read")
    model = opened(path)
    copies = [model.copy(), pickle.loads(pickle.dumps(model))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for other in copies:
            assert_same(model, other)
        assert_same(copies[0], pickle.loads(pickle.dumps(copies[0])))


def test_a_copy_is_made_without_reading_or_making_anything(product: Path) -> None:
    model = opened(product)
    before = {key: value for key, value in model.instance.items() if is_lazy(value)}
    other = model.copy()
    assert {"data", "err", "dq"} <= before.keys()
    for tree in (model.instance, other.instance):
        assert all(is_lazy(tree[key]) for key in before)
    assert isinstance(other.meta.instance["wcs"], Deferred)
    assert other.meta.instance["wcs"].owner is not model.meta.instance["wcs"].owner


def test_a_copy_is_of_the_moment_when_it_was_made(
    product: Path, copied: Callable[[Any], Any]
) -> None:
    pristine = opened(product).data.copy()
    early = opened(product)
    early.data[:] = 5
    after_change = copied(early)
    late = opened(product)
    before_change = copied(late)
    late.data[:] = 6
    assert np.all(after_change.data == 5)
    assert np.array_equal(before_change.data, pristine)
    before_change.err[:] = 7
    assert not np.any(late.err == 7)


def test_a_change_made_before_the_copy_is_seen_through_another_place(
    product: Path, copied: Callable[[Any], Any]
) -> None:
    model = opened(product)
    data = model.data
    data[:] = 3
    del model.data
    again = opened(product)
    again._instance["first"] = again._instance["data"]
    again.data[:] = 3
    other = copied(again)
    assert np.all(other.first == 3)
    assert not copied(model).hasattr("data")


def test_copies_of_copies_are_independent(product: Path) -> None:
    first = opened(product)
    second = first.copy()
    third = second.copy()
    for number, model in enumerate((first, second, third)):
        model.data[:] = number
        model.dq[:] = number
    assert [int(m.data.max()) for m in (first, second, third)] == [0, 1, 2]
    assert [int(m.dq.max()) for m in (first, second, third)] == [0, 1, 2]


def test_a_part_moved_from_a_copy_does_not_lead_back(product: Path) -> None:
    model = opened(product)
    other = model.copy()
    target: Any = asdfits.JwstDataModel()
    target.instance["data"] = other.instance["data"]
    target.data[:] = 9
    assert np.all(other.data == 9)
    assert not np.any(model.data == 9)


def test_blocks_and_aliases_stay_what_they_were(blocks: Path, copied: Callable[[Any], Any]) -> None:
    model = opened(blocks)
    half = opened(blocks)
    assert half.meta.big[0] == 0  # one alias of each is touched
    assert half.meta.shared.a == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for source in (model, half):
            other = copied(source)
            other.meta.shared.a = 5
            assert other.meta.again.a == 5
            other.meta.big[0] = 77
            assert other.meta.same[0] == 77
            assert other.meta.part.tolist() == [2, 3]
            assert other.meta.inline.tolist() == [1, 2, 3]
            assert other.meta.odd.x.instance == [1, 2]
            assert other.meta.shift(1) == 4
            assert (source.meta.again.a, source.meta.same[0]) == (1, 0)


def test_parts_that_were_made_with_a_tag_that_nobody_knows_are_pickled(blocks: Path) -> None:
    model = opened(blocks)
    with pytest.warns(Warning, match="odd-1.0.0"):
        odd = model.meta.odd
    other = pickle.loads(pickle.dumps(model))
    assert other.meta.odd.x.instance == odd.x.instance == [1, 2]
    assert other.meta.instance["odd"]._tag == "tag:example.org:odd-1.0.0"


def test_a_pickle_needs_no_file(product: Path) -> None:
    expected = opened(product)
    expected.to_flat_dict()
    content = pickle.dumps(opened(product))
    product.unlink()
    assert_same(expected, pickle.loads(content))


def test_an_untouched_wcs_travels_as_text(product: Path) -> None:
    model = opened(product)
    content = pickle.dumps(model)
    assert b"gwcs/wcs-1" in content
    assert b"gwcs.wcs" not in content
    assert isinstance(model.meta.instance["wcs"], Deferred)
    assert isinstance(pickle.loads(content).meta.instance["wcs"], Deferred)
    assert model.meta.wcs is not None
    assert b"gwcs.wcs" in pickle.dumps(model)


@pytest.mark.oracle
def test_a_transform_that_cannot_be_pickled_travels_as_asdf_writes_it() -> None:
    transforms = pytest.importorskip("stdatamodels.jwst.transforms.models")
    rotation = transforms.Rotation3DToGWA([0.1, 0.2, 0.3], "xyz")
    with pytest.raises(Exception, match="_wrap_ufunc"):
        pickle.dumps(rotation)
    model: Any = asdfits.ImageModel()
    model.meta.rotation = rotation
    other = pickle.loads(pickle.dumps(model)).meta.rotation
    assert other.parameters.tolist() == rotation.parameters.tolist()
    assert other(0.1, 0.2, 1.0) == rotation(0.1, 0.2, 1.0)


def test_an_array_that_cannot_be_read_is_named_when_it_is_pickled(product: Path) -> None:
    content = product.read_bytes()
    product.write_bytes(content[: content.index(b"XTENSION", 4000) + 2880 + 100])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = asdfits.open(product)
    with pytest.raises(asdfits.FormatError, match=r"HDU \d"):
        pickle.dumps(model)


def sum_of(model: Any) -> tuple[str, float, Any]:
    return type(model).__name__, float(model.data.sum()), model.meta.wcs(1.0, 2.0)


def name_of(slit: Any) -> tuple[str, float]:
    return slit.name, float(slit.data.sum())


def test_models_and_slits_go_to_other_processes(product: Path) -> None:
    models = [opened(product) for _ in range(3)]
    slits: Any = asdfits.MultiSlitModel()
    for number in range(3):
        slits.slits.append({"name": f"S{number}", "data": np.full((2, 2), number, "f4")})
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(sum_of, models)
        names = pool.map(name_of, list(slits.slits))
    assert found == [sum_of(model) for model in models]
    assert names == [("S0", 0.0), ("S1", 4.0), ("S2", 8.0)]


# -- what else belongs to a model ---------------------------------------------------------------


def test_a_copy_keeps_switches_schema_and_private_attributes(
    copied: Callable[[Any], Any],
) -> None:
    model: Any = asdfits.ImageModel(strict_validation=True, validate_arrays=True)
    model.add_schema_entry("meta.mine", {"type": "integer"})
    model._private = [1]
    other = copied(model)
    assert other._private == [1]
    assert other._private is not model._private
    with pytest.raises(asdfits.ValidationError):
        other.meta.mine = "text"
    other.add_schema_entry("meta.other", {"type": "integer"})
    assert hasattr(other.meta, "other")
    assert not hasattr(model.meta, "other")


def test_a_subclass_with_a_constructor_of_its_own_is_copied(
    copied: Callable[[Any], Any],
) -> None:
    other = copied(Wanting(3))
    assert (other._wanted, other.meta.title) == (3, "x")


class Wanting(asdfits.JwstDataModel):
    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._wanted = wanted
        self.meta.title = "x"


def test_default_arrays_and_masks_are_copied_unmade(copied: Callable[[Any], Any]) -> None:
    model: Any = asdfits.CubeModel(np.ones((2, 3, 4), "f4"))
    other = copied(model)
    assert is_lazy(model.instance["err"])
    assert other.err.shape == (2, 3, 4)
    assert is_lazy(model.instance["err"])
    bits = np.array([(0, 2, "HOT", "")], asdfits.MaskModel().get_dtype("dq_def"))
    mask: Any = asdfits.MaskModel({"dq": np.array([[2, 0]], "u4"), "dq_def": bits})
    other = copied(mask)
    assert other.dq.tolist() == mask.dq.tolist() == [[2**11, 0]]
    assert copied(mask).dq.tolist() == [[2**11, 0]]


def test_models_of_one_deep_copy_share_what_they_shared() -> None:
    model: Any = asdfits.ImageModel(np.ones((2, 3)))
    one, two, data = copy.deepcopy([model, asdfits.ImageModel(model), model.data])
    assert one.data is two.data is data
    assert data is not model.data


def test_clone_shares_or_copies_a_tree() -> None:
    source: Any = asdfits.ImageModel(np.ones((2, 3)))
    shared, apart = asdfits.ImageModel(), asdfits.ImageModel()
    asdfits.ImageModel.clone(shared, source)
    asdfits.ImageModel.clone(apart, source, deepcopy=True)
    source.meta.title = "later"
    source.data[0, 0] = 5
    assert (shared.meta.title, apart.meta.hasattr("title")) == ("later", False)
    assert (shared.data[0, 0], apart.data[0, 0]) == (5, 1)


# -- parts of a model ---------------------------------------------------------------------------


def nodes(model: Any) -> Iterator[Any]:
    yield from (model.meta, model.meta.instrument, model.meta.cal_step, model.slits)
    yield from model.slits
    yield model.slits.item(name="new")


def test_a_node_is_copied_and_pickled_with_its_schema() -> None:
    model: Any = asdfits.MultiSlitModel()
    model.meta.instrument.name = "NIRSPEC"
    model.slits.append({"name": "a", "data": np.ones((2, 3), "f4")})
    for how in ("copy.deepcopy", "pickle"):
        for node in nodes(model):
            other = COPIES[how](node)
            assert plain_kind(other) == plain_kind(node)
            assert repr(other.instance) == repr(node.instance)
        slit = COPIES[how](model.slits[0])
        assert slit.data is not model.slits[0].data
        with pytest.warns(asdfits.ValidationWarning):
            slit.name = 3
        assert (slit.name, slit.dq) == ("a", None)
        slit.name = "b"
        assert model.slits[0].name == "a"
    assert len(pickle.dumps(model.slits[0])) < len(pickle.dumps(model)) + 200


def plain_kind(node: Any) -> type:
    return asdfits.models.ListNode if hasattr(node, "append") else asdfits.models.ObjectNode


def test_a_shallow_copy_of_a_node_is_of_the_same_place() -> None:
    model: Any = asdfits.ImageModel()
    node = copy.copy(model.meta.instrument)
    node.name = "MIRI"
    absent = copy.copy(model.meta.photometry)
    absent.pixelarea_steradians = 1.0
    assert model.meta.instrument.name == "MIRI"
    assert model.meta.photometry.pixelarea_steradians == 1.0


# -- equality -----------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize(
    "expression",
    [
        "m == m",
        "m == d.ImageModel(m)",
        "m.meta == m.copy().meta",
        "m == m.copy()",
        "m.meta == d.ImageModel(m).meta",
        "m.meta.instrument == {'name': 'MIRI'}",
        "m.meta == m.meta.instance",
        "m.meta.instrument == 3",
        "m != m.copy()",
        "e.copy() == e",
        "e == d.ImageModel(e)",
        "m.copy() == m.copy()",
    ],
)
def test_models_are_equal_where_those_of_the_reference_are(expression: str) -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")

    def value(module: Any) -> bool:
        model, empty = module.ImageModel(np.ones((2, 3))), module.ImageModel()
        model.meta.instrument.name = empty.meta.instrument.name = "MIRI"
        return eval(expression, {"m": model, "e": empty, "d": module, "np": np})

    assert value(asdfits) == value(datamodels)


def test_two_models_of_a_file_without_arrays_are_equal(blocks: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = opened(blocks), opened(blocks)
        assert one.meta.shared == two.meta.again
        assert one.meta.odd == two.meta.odd
        assert one.meta != two.meta  # arrays of two files are two
        assert one == asdfits.JwstDataModel(one)


# -- threads ------------------------------------------------------------------------------------


def together(*actions: Callable[[], Any]) -> list[Any]:
    """Run actions in threads that start at once; return their results, or raise their error."""
    barrier = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = actions[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


@pytest.mark.parametrize(
    "touch",
    [
        lambda m: m.data,
        lambda m: m.dq,
        lambda m: m.meta.wcs,
        lambda m: m.meta.instance,
        lambda m: m.meta.instrument.instance,
    ],
)
def test_threads_that_touch_one_model_get_the_same_objects(
    touch: Callable[[Any], Any], product: Path
) -> None:
    for _ in range(20):
        model = opened(product)
        found = together(*[lambda m=model: touch(m)] * 8)
        assert len({id(each) for each in found}) == 1


def test_threads_may_read_write_copy_and_pickle_one_model(product: Path) -> None:
    for _ in range(5):
        model = opened(product)

        def write(model: Any = model) -> None:
            for number in range(50):
                setattr(model.meta, f"key{number}", number)
                model.meta.instrument.name = "MIRI"

        def read(model: Any = model) -> Any:
            return model.to_flat_dict()

        def copied(model: Any = model) -> Any:
            return model.copy().data.sum()

        def pickled(model: Any = model) -> Any:
            return pickle.loads(pickle.dumps(model)).data.sum()

        results = together(write, read, copied, pickled, read)
        assert results[2] == results[3] == model.data.sum()
        assert [model[f"meta.key{n}"] for n in range(50)] == list(range(50))
