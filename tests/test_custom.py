from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import custom, sample
from asdfits._core import Deferred
from data.make import ROOT

gwcs = pytest.importorskip("gwcs")
asdf = pytest.importorskip("asdf")
pytestmark = pytest.mark.oracle


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


def written(path: Path, tree: str, standard: str = "1.6.0") -> Path:
    """Write a product with this tree and no images."""
    content = sample.product([("DATAMODL", "JwstDataModel"), ("TELESCOP", "JWST")], [], tree)
    path.write_bytes(content.replace(b"ASDF_STANDARD 1.6.0", f"ASDF_STANDARD {standard}".encode()))
    return path


def opened(path: Path, tree: str, standard: str = "1.6.0") -> Any:
    return asdfits.open(written(path, tree, standard))


SHIFT = "!transform/shift-1.4.0 {inputs: [x], offset: 3.0, outputs: [y]}"


# -- the WCS ------------------------------------------------------------------------------------


def test_a_wcs_is_deferred_until_it_is_touched_and_made_once(product: Path) -> None:
    model = asdfits.open(product)
    assert isinstance(model.meta.instance["wcs"], Deferred)
    wcs = model.meta.wcs
    assert isinstance(wcs, gwcs.WCS)
    assert model.meta.wcs is wcs
    assert model["meta.wcs"] is wcs
    assert model.meta.instance["wcs"] is wcs


def test_a_wcs_is_that_of_asdf(product: Path) -> None:
    content = product.read_bytes()
    start, end = content.index(b"meta:\n  bunit"), content.rindex(b"...\n") + 4
    path = product.with_name("tree.asdf")
    path.write_bytes(ROOT.encode() + content[start:end])
    with asdf.open(path, lazy_load=False) as file:
        expected = file.tree["meta"]["wcs"]
        wcs = asdfits.open(product).meta.wcs
        pixels = np.random.default_rng(3).uniform(0, 24, (2, 50))
        assert np.array_equal(wcs(*pixels), expected(*pixels))
        assert wcs.available_frames == expected.available_frames
    assert wcs(15.5, 11.5) == pytest.approx((53.16, -27.78))


def test_a_converted_part_can_be_replaced(product: Path) -> None:
    model = asdfits.open(product)
    wcs = model.meta.wcs
    other = asdfits.open(product)
    other.meta.wcs = wcs
    assert other.meta.wcs is wcs
    del other.meta.wcs
    assert other.meta.wcs is None


# -- aliases ------------------------------------------------------------------------------------


def test_an_alias_within_a_part_is_the_same_object(product: Path) -> None:
    # The sample scales both axes by one node.
    transform = asdfits.open(product).meta.wcs.forward_transform
    names = [type(transform[place]).__name__ for place in range(transform.n_submodels)]
    first, second = (place for place, name in enumerate(names) if name == "Scale")
    assert transform[first] is transform[second]


def test_an_alias_from_part_to_part_is_the_same_object(tmp_path: Path) -> None:
    tree = f"""meta:
  one: &id001 {SHIFT}
  two: *id001
  both: !transform/compose-1.4.0
    forward: [*id001, *id001]
    inputs: [x]
    outputs: [y]
  other: {SHIFT}
"""
    model = opened(tmp_path / "alias.fits", tree)
    assert model.meta.two is model.meta.one
    assert model.meta.both[0] is model.meta.one
    assert model.meta.both[1] is model.meta.one
    assert model.meta.other is not model.meta.one
    assert model.meta.one(1) == 4.0


@pytest.mark.parametrize("first", ["one", "two", "both"])
def test_an_alias_is_the_same_object_whichever_part_is_first(first: str, tmp_path: Path) -> None:
    tree = f"""meta:
  both: !transform/compose-1.4.0
    forward: [&id001 {SHIFT}, *id001]
    inputs: [x]
    outputs: [y]
  one: *id001
  two: [*id001]
"""
    model = opened(tmp_path / "alias.fits", tree)
    assert model["meta." + first] is not None
    assert model.meta.one is model.meta.both[0]
    assert model.meta.two[0] is model.meta.one


def test_an_alias_of_a_plain_branch_is_the_same_dict(tmp_path: Path) -> None:
    tree = "meta: {a: &id001 {b: 1, c: [1, 2]}, d: *id001, e: [*id001]}\n"
    model = opened(tmp_path / "alias.fits", tree)
    assert model.meta.a.instance is model.meta.d.instance
    assert model.meta.e[0].instance is model.meta.a.instance
    model.meta.a.b = 7
    assert model.meta.d.b == 7


def test_an_alias_of_an_array_is_the_same_array(tmp_path: Path) -> None:
    tree = "meta: {a: &id001 !core/ndarray-1.1.0 {data: [1, 2]}, b: *id001}\n"
    model = opened(tmp_path / "alias.fits", tree)
    assert model.meta.a.tolist() == [1, 2]
    assert model.meta.a is model.meta.b


def test_a_part_and_its_array_are_converted_together(tmp_path: Path) -> None:
    tree = """meta:
  points: &id001 !core/ndarray-1.1.0 {data: [0.0, 1.0, 4.0], datatype: float64, shape: [3]}
  table: !transform/tabular-1.4.0
    bounds_error: true
    fill_value: .nan
    inputs: [x]
    lookup_table: *id001
    method: linear
    name: t
    outputs: [y]
    points: [[0, 1, 2]]
"""
    model = opened(tmp_path / "table.fits", tree)
    assert model.meta.table(1.5) == 2.5
    assert model.meta.points.tolist() == [0.0, 1.0, 4.0]


# -- parts that contain themselves --------------------------------------------------------------


def test_a_model_may_be_its_own_inverse(tmp_path: Path) -> None:
    tree = """meta:
  flip: &id001 !transform/scale-1.4.0
    factor: -1.0
    inputs: [x]
    inverse: *id001
    outputs: [y]
  telescope: JWST
"""
    model = opened(tmp_path / "loop.fits", tree)
    assert model.meta.flip.inverse is model.meta.flip
    assert model.meta.flip(2.0) == -2.0


def test_a_list_may_contain_itself(tmp_path: Path) -> None:
    model = opened(tmp_path / "loop.fits", "meta: {a: &id001 [1, *id001]}\n")
    assert model.meta.a[0] == 1
    assert model.meta.a[1][1][1][0] == 1


def test_a_tagged_part_that_nobody_knows_may_contain_itself(tmp_path: Path) -> None:
    tree = "meta: {a: &id001 !<tag:nowhere.org/thing-1.0.0> {b: 1, c: *id001}}\n"
    with pytest.warns(Warning, match="nowhere.org/thing-1.0.0"):
        found = opened(tmp_path / "loop.fits", tree).meta.a
    assert found.b == 1
    assert found.c.c.b == 1


# -- tags ---------------------------------------------------------------------------------------


def test_an_unknown_tag_leaves_the_plain_content_and_a_warning(tmp_path: Path) -> None:
    tree = "meta: {a: !<tag:nowhere.org/thing-1.0.0> {b: [1, 2]}}\n"
    model = opened(tmp_path / "tag.fits", tree)
    with pytest.warns(Warning, match=r"nowhere.org/thing-1.0.0 is not recognized"):
        found = model.meta.a
    assert found.b.instance == [1, 2]
    assert found.instance._tag == "tag:nowhere.org/thing-1.0.0"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("!unit/unit-1.0.0 MJy", "Unit", "MJy"),
        ("!unit/quantity-1.3.0 {value: 2.5, unit: !unit/unit-1.0.0 m}", "Quantity", "2.5 m"),
        ("!time/time-1.4.0 {value: '2026-01-02 03:04:05', scale: utc}", "Time", "2026-01-02"),
    ],
)
def test_parts_that_asdf_converts_are_of_astropy(
    text: str, kind: str, value: str, tmp_path: Path
) -> None:
    found = opened(tmp_path / "part.fits", f"meta: {{a: {text}}}\n").meta.a
    assert kind in type(found).__name__
    assert value in str(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!core/complex-1.0.0 1+2j", 1 + 2j),
        ("!core/complex-1.0.0 -1.5e3-2.5i", -1500 - 2.5j),
        ("!core/software-1.0.0 {name: a, version: '1'}", {"name": "a", "version": "1"}),
        ("!!binary aGVsbG8=", b"hello"),
        ("!!str 12", "12"),
        ("!!set {a, b}", {"a", "b"}),
        ("!!omap [a: 1, b: 2]", {"a": 1, "b": 2}),
    ],
)
def test_parts_of_yaml_and_of_the_core_need_no_asdf(
    text: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("asdf", "asdf.tagged", "asdf.yamlutil"):
        monkeypatch.setitem(sys.modules, name, None)
    found = opened(tmp_path / "part.fits", f"meta:\n  a: {text}\n").meta.a
    assert getattr(found, "instance", found) == value


def test_without_asdf_a_wcs_names_the_extra_and_the_rest_is_read(
    product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("asdf", "asdf.tagged", "asdf.yamlutil"):
        monkeypatch.setitem(sys.modules, name, None)
    model = asdfits.open(product)
    assert model.data.shape == (24, 32)
    assert model.meta.instrument.name == "NIRCAM"
    with pytest.raises(asdfits.MissingExtraError, match=r"pip install 'asdfits\[wcs\]'") as raised:
        model.meta.wcs  # noqa: B018
    assert isinstance(raised.value, ImportError)
    assert str(product) in str(raised.value)
    assert "gwcs/wcs-1.4.0" in str(raised.value)
    monkeypatch.undo()
    assert isinstance(model.meta.wcs, gwcs.WCS)


def test_without_astropy_data_that_it_reads_name_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from astropy.io import fits

    path = tmp_path / "listed.fits"
    table = fits.TableHDU.from_columns([fits.Column("A", "I4", array=np.arange(3))], name="LIST")
    primary = fits.PrimaryHDU()
    primary.header["DATAMODL"] = "ImageModel"
    fits.HDUList([primary, table]).writeto(path)
    monkeypatch.setitem(sys.modules, "astropy.io", None)
    model = asdfits.open(path)
    with pytest.raises(asdfits.MissingExtraError, match=r"HDU 1 \(LIST,1\): TABLE data"):
        model.extra_fits.LIST.data  # noqa: B018
    monkeypatch.undo()
    assert model.extra_fits.LIST.data["A"].tolist() == [0, 1, 2]


# -- old standards ------------------------------------------------------------------------------


# Up to standard 1.5.0 writers left out what equals the default of the schema.
def test_defaults_that_an_old_writer_left_out_are_filled_in(tmp_path: Path) -> None:
    tree = """meta:
  ortho: !transform/ortho_polynomial-1.0.0
    coefficients: !core/ndarray-1.0.0 {data: [1.0, 2.0]}
    polynomial_type: chebyshev
  box: !transform/tabular-1.2.0
    lookup_table: !core/ndarray-1.0.0 {data: [0.0, 10.0], datatype: float64, shape: [2]}
    points: [[0, 1]]
"""
    path = written(tmp_path / "old.fits", tree, "1.5.0")
    content = path.read_bytes()
    start, end = content.index(b"#ASDF 1.0.0"), content.rindex(b"...\n") + 4
    alone = tmp_path / "old.asdf"
    alone.write_bytes(content[start:end])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = asdfits.open(path)
        with asdf.open(alone, lazy_load=False) as file:
            for name, at in (("ortho", 0.5), ("box", 0.25)):
                expected = file.tree["meta"][name]
                found = model[f"meta.{name}"]
                assert type(found) is type(expected), name
                assert found(at) == expected(at), name
    assert model.meta.box.method == "linear"
    assert model._file.standard == "1.5.0"


@pytest.mark.parametrize(
    ("standard", "version"),
    [
        ("1.0.0", "1.0.0"),
        ("1.4.0", "1.2.0"),
        ("1.5.0", "1.2.0"),
        ("1.6.0", "1.3.0"),
        ("9.9.9", "1.4.0"),
        ("odd", "1.4.0"),
    ],
)
def test_any_standard_is_read(standard: str, version: str, tmp_path: Path) -> None:
    tree = f"meta: {{a: {SHIFT.replace('1.4.0', version)}}}\n"
    model = opened(tmp_path / "any.fits", tree, standard)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.meta.a(1) == 4.0


def test_one_context_serves_all_conversions_of_a_standard(product: Path) -> None:
    asdfits.open(product).meta.wcs  # noqa: B018
    before = custom._context.cache_info().misses
    asdfits.open(product).meta.wcs  # noqa: B018
    assert custom._context.cache_info().misses == before
