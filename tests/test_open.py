from __future__ import annotations

import gc
import gzip
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import sample

STATM = Path("/proc/self/statm")


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


def run(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


HEAVY = """
import sys
import asdfits
model = asdfits.open(sys.argv[1])
assert model.data.sum() != 0 and model.dq.max() == 2**31 and model.err.shape
assert model.meta.instrument.name == "NIRCAM" and model.search("filter") and len(model.history)
assert model.get_crds_parameters()["meta.telescope"] == "JWST"
asdfits.read_metadata(sys.argv[1])
repr(model), model.provenance("meta.telescope"), model.conflicts()
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_reading_an_image_imports_neither_astropy_nor_asdf(product: Path) -> None:
    loaded = run(HEAVY, product).split()
    assert "asdfits" in loaded
    assert {"astropy", "asdf", "gwcs", "stdatamodels", "yaml", "scipy"}.isdisjoint(loaded)


def test_an_import_alone_does_not_read_the_table_of_classes() -> None:
    code = "import sys, asdfits; print('json' in sys.modules, 'asdfits.mapping' in sys.modules)"
    assert run(code).split() == ["False", "False"]
    code = (
        "import asdfits; asdfits.open; from asdfits import mapping; print(mapping._loaded is None)"
    )
    assert run(code).split() == ["True"]


# -- what memory costs --------------------------------------------------------------------------

MEMORY = """
import resource, sys
import numpy as np
import asdfits

def resident():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize()

small = asdfits.open(sys.argv[1])
small.data, small.meta.telescope
before = resident()
model = asdfits.open(sys.argv[2])
assert model.meta.telescope == "JWST" and model.shape == (5500, 5500)
opened = resident()
data = model.data
assert data[0, 0] == 0 and data[-1, -1] == 0
print(opened - before, resident() - before, data.nbytes)
"""


def big_product(path: Path) -> None:
    """Write a product with an image of 121 MB that takes no space on the disk."""
    shape = (5500, 5500)
    whole = sample.image("SCI", np.broadcast_to(np.float32(0), (1, 1)), 1)
    header = whole[:2880].replace(
        b"NAXIS1  =                    1", b"NAXIS1  =                 5500"
    )
    header = header.replace(b"NAXIS2  =                    1", b"NAXIS2  =                 5500")
    primary = sample.product([("DATAMODL", "ImageModel"), ("TELESCOP", "JWST")], [], "meta: {}\n")
    size = 4 * shape[0] * shape[1]
    with path.open("wb") as file:
        file.write(primary[:2880] + header)
        file.seek(size + -size % 2880, os.SEEK_CUR)
        file.write(sample.asdf_hdu(b"#ASDF 1.0.0\n%YAML 1.1\n--- {meta: {telescope: JWST}}\n...\n"))


def test_a_large_image_is_opened_and_touched_without_reading_it(
    product: Path, tmp_path: Path
) -> None:
    if not STATM.exists():
        pytest.skip("resident memory is read from /proc")
    big = tmp_path / "big_cal.fits"
    big_product(big)
    opened, touched, size = map(int, run(MEMORY, product, big).split())
    assert size > 118e6
    assert opened < 5 * 2**20
    assert touched < 5 * 2**20


COPIED = MEMORY.replace(
    "data = model.data\n", "copied = model.copy()\nother = copied.copy()\ndata = np.zeros((1, 1))\n"
)


def test_a_large_image_is_copied_without_reading_it(product: Path, tmp_path: Path) -> None:
    if not STATM.exists():
        pytest.skip("resident memory is read from /proc")
    big = tmp_path / "big_cal.fits"
    big_product(big)
    _, copied, _ = map(int, run(COPIED, product, big).split())
    assert copied < 5 * 2**20


def test_an_image_is_a_view_of_the_file(product: Path) -> None:
    model = asdfits.open(product)
    data = model.data
    assert data.dtype == ">f4"
    assert not data.flags.owndata
    assert model.data is data
    base = data
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert type(base.obj if isinstance(base, memoryview) else base).__name__ == "Region"
    assert np.shares_memory(data, model.data[3:5])


def test_an_unsigned_image_is_its_values_in_native_order(product: Path) -> None:
    dq = asdfits.open(product).dq
    assert dq.dtype == np.dtype("u4")
    assert dq.dtype.isnative
    assert dq[0, 0] == 2**31
    assert dq[12, 16] == 1


# -- what a write changes -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["data", "err", "dq"])
def test_arrays_are_writable_and_the_file_stays_as_it_is(name: str, product: Path) -> None:
    before = product.read_bytes()
    model = asdfits.open(product)
    model[name][:] = 7
    assert model[name].min() == model[name].max() == 7
    del model
    gc.collect()
    assert product.read_bytes() == before
    assert asdfits.open(product)[name].max() != 7


def test_two_models_of_one_file_are_independent(product: Path) -> None:
    one, two = asdfits.open(product), asdfits.open(product)
    expected = two.data.copy()
    one.data[:] = -1
    one.meta.telescope = "HST"
    one.meta.exposure.type = "NRC_DARK"
    assert np.array_equal(two.data, expected)
    assert two.meta.telescope == "JWST"
    assert two.meta.exposure.type == "NRC_IMAGE"


def test_a_model_of_a_model_shares_its_tree(product: Path) -> None:
    model = asdfits.open(product)
    same = asdfits.open(model)
    assert type(same) is type(model)
    assert same.data is model.data
    same.meta.telescope = "HST"
    assert model.meta.telescope == "HST"


# -- how long arrays live -----------------------------------------------------------------------


def test_arrays_outlive_the_model(product: Path) -> None:
    with asdfits.open(product) as model:
        data, dq = model.data, model.dq
        expected = data.tobytes()
    model.close()
    del model
    gc.collect()
    assert data.tobytes() == expected
    assert dq[0, 0] == 2**31


def test_arrays_are_still_made_after_close(product: Path) -> None:
    with asdfits.open(product) as model:
        pass
    assert model.data.shape == (24, 32)


def test_arrays_survive_a_rename_over_the_path(product: Path, tmp_path: Path) -> None:
    model = asdfits.open(product)
    data = model.data
    expected = asdfits.open(product).data.tobytes()
    other = tmp_path / "other"
    other.write_bytes(sample.image_product((4, 5)))
    other.replace(product)
    assert data.tobytes() == expected
    assert model.err.shape == (24, 32)
    assert asdfits.open(product).data.shape == (4, 5)


def test_arrays_survive_the_removal_of_the_file(product: Path) -> None:
    model = asdfits.open(product)
    data = model.data
    product.unlink()
    assert data.sum() != 0
    assert model.dq[0, 0] == 2**31
    assert model.meta.telescope == "JWST"


def test_no_descriptor_stays_open(product: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("descriptors are listed in /proc")
    before = len(list(folder.iterdir()))
    models = [asdfits.open(product) for _ in range(5)]
    assert models[4].data.shape == (24, 32)
    assert len(list(folder.iterdir())) == before


def test_an_array_can_be_pickled_without_its_file(product: Path) -> None:
    data = asdfits.open(product).data
    assert np.array_equal(pickle.loads(pickle.dumps(data)), data)


# -- ways to name a file ------------------------------------------------------------------------


def assert_equal_models(one: Any, two: Any) -> None:
    left, right = one.to_flat_dict(), two.to_flat_dict()
    assert left.keys() == right.keys()
    for path, value in left.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == right[path].dtype
            assert value.tobytes() == right[path].tobytes(), path
        elif type(value).__module__ == "builtins" and path != "meta.filename":
            assert value == right[path], path


def test_a_path_may_be_text_or_a_path_object(
    product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = asdfits.open(product)
    assert_equal_models(asdfits.open(str(product)), expected)
    monkeypatch.chdir(product.parent)
    assert_equal_models(asdfits.open(product.name), expected)


def test_a_gzip_file_reads_as_the_plain_one(product: Path) -> None:
    packed = product.with_name(product.name + ".gz")
    packed.write_bytes(gzip.compress(product.read_bytes()))
    model, plain = asdfits.open(packed), asdfits.open(product)
    assert_equal_models(model, plain)
    assert model.meta.filename == packed.name
    model.data[:] = 3
    assert asdfits.open(packed).data.max() != 3
    assert asdfits.read_metadata(packed) == asdfits.read_metadata(product)


def test_a_file_without_a_class_may_not_be_guessed_at(product: Path) -> None:
    content = product.read_bytes()
    product.write_bytes(content.replace(b"DATAMODL=", b"DATAMUDL=", 1))
    with pytest.raises(TypeError, match="guessing has been disabled"):
        asdfits.open(product, guess=False)
    with pytest.warns(asdfits.NoTypeWarning, match="Opening .* as a ImageModel"):
        model = asdfits.open(product)
    assert type(model) is asdfits.ImageModel
    assert model.meta.model_type is None


def test_a_file_that_names_its_class_needs_no_guess(product: Path) -> None:
    assert type(asdfits.open(product, guess=False)) is asdfits.ImageModel


SHAPES: list[tuple[tuple[int, ...], tuple[sample.Card, ...], tuple[str, ...], str]] = [
    ((2, 3), (), (), "ImageModel"),
    ((2, 3), (("REFTYPE", "FLAT"),), (), "ReferenceImageModel"),
    ((2, 2, 3), (), (), "CubeModel"),
    ((2, 2, 3), (("REFTYPE", "DARK"),), (), "ReferenceCubeModel"),
    ((2, 2, 2, 3), (), (), "RampModel"),
    ((2, 2, 2, 3), (("REFTYPE", "DARK"),), (), "RampModel"),
    ((2, 2, 2, 3), (), ("DQ",), "QuadModel"),
    ((2, 2, 2, 3), (("REFTYPE", "DARK"),), ("DQ",), "ReferenceQuadModel"),
    ((2, 3), (), ("SCI",), "MultiSlitModel"),
]


@pytest.mark.parametrize(("shape", "cards", "others", "name"), SHAPES)
def test_the_class_is_guessed_from_the_image(
    shape: tuple[int, ...],
    cards: tuple[sample.Card, ...],
    others: tuple[str, ...],
    name: str,
    tmp_path: Path,
) -> None:
    image = np.ones(shape, "f4")
    extensions = [sample.image("SCI", image, 1)]
    extensions += [sample.image(other, image, 2 if other == "SCI" else 1) for other in others]
    path = tmp_path / "guess.fits"
    path.write_bytes(sample.product(cards, extensions, "meta: {telescope: JWST}\n"))
    with pytest.warns(asdfits.NoTypeWarning):
        assert type(asdfits.open(path)).__name__ == name
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert type(datamodels.open(path)).__name__ == name
