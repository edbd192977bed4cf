from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import asdfits
from asdfits import mapping, sample
from asdfits.models import schema
from snippets import both

datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle

PROSE = {
    "$schema",
    "id",
    "title",
    "description",
    "examples",
    "blend_table",
    "blend_rule",
    "definitions",
}


def facts(node: Any) -> Any:
    """A schema without prose; columns without what no table holds."""
    if isinstance(node, dict):
        return {
            key: facts(value)
            for key, value in node.items()
            if key not in PROSE or (isinstance(value, dict) and key != "definitions")
        }
    return [facts(each) for each in node] if isinstance(node, (list, tuple)) else node


@pytest.mark.parametrize("name", mapping.class_names())
def test_a_schema_has_the_facts_of_the_reference(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(datamodels, name)()
        ours = getattr(asdfits, name)()
    assert facts(ours.schema) == facts(theirs.schema)


def test_a_schema_that_is_handed_out_is_the_caller_s() -> None:
    model: Any = asdfits.ImageModel()
    model.schema["properties"]["meta"]["properties"].clear()
    assert model.meta.telescope is None
    with pytest.raises(AttributeError):
        model.schema = {}


@pytest.mark.parametrize(
    "name", ["ImageModel", "MultiSlitModel", "MultiExposureModel", "FlatModel"]
)
def test_a_table_made_of_a_schema_is_that_of_the_class(name: str) -> None:
    base = mapping.model(name)
    again = schema.extended(base, schema.as_dict(base.root))
    for part in ("keywords", "arrays", "lists"):
        rows = [(row.path, getattr(row, "hdu", ""), getattr(row, "keyword", ""), row.node.type,
                 row.node.datatype, row.node.enum) for row in getattr(again, part)]  # fmt: skip
        assert rows == [
            (row.path, getattr(row, "hdu", ""), getattr(row, "keyword", ""), row.node.type,
             row.node.datatype, row.node.enum) for row in getattr(base, part)]  # fmt: skip
    assert (again.primary_array, again.hdu_names) == (base.primary_array, base.hdu_names)


# -- what a user adds ---------------------------------------------------------------------------

ADDED = [
    ("m.add_schema_entry('meta.mine', {'type': 'integer'})", "m.meta.mine = 3; r = m.meta.mine"),
    ("m.add_schema_entry('meta.mine', {'type': 'integer'})", "m.meta.mine = 'x'; r = m.meta.mine"),
    ("m.add_schema_entry('meta.mine', {'type': 'integer'})", "r = m.meta.mine, hasattr(m.meta, 'x')"),
    ("m.add_schema_entry('meta.a.b.c', {'type': 'string'})", "m.meta.a.b.c = 'x'; r = m.meta.a"),
    ("m.add_schema_entry('meta.a.b.c', {'type': 'string'})", "m.meta.a.b.c = 3; r = m.meta.a.b.c"),
    (
        "m.add_schema_entry('meta.telescope', {'enum': ['HST']})",
        "m.meta.telescope = 'JWST'; r = m.meta.telescope",
    ),
    (
        "m.add_schema_entry('meta.telescope', {'enum': ['HST']})",
        "m.meta.telescope = 'HST'; r = m.meta.telescope, m.meta.instrument.name",
    ),
    (
        "m.add_schema_entry('extra', {'fits_hdu': 'EXTRA', 'datatype': 'int16', 'ndim': 2})",
        "m.extra = [[1, 2]]; r = m.extra, m.get_dtype('extra'), m.get_default('extra')",
    ),
    (
        "m.add_schema_entry('extra', {'fits_hdu': 'EXTRA', 'datatype': 'int16', 'ndim': 2})",
        "m.extra = [1, 2]",
    ),
    (
        "m.add_schema_entry('t', {'fits_hdu': 'T', 'datatype': [{'name': 'A', 'datatype': 'int16'},"
        " {'name': 'B', 'datatype': ['ascii', 4]}]})",
        "m.t = [(1, 'x'), (2, 'y')]; r = m.t['A'].tolist(), m.t['B'].tolist(), m.t.shape",
    ),
    (
        "m.add_schema_entry('meta.mine', {'type': 'integer', 'fits_keyword': 'MINE'})",
        "r = m.find_fits_keyword('MINE'), m.find_fits_keyword('TELESCOP')",
    ),
    (
        "m.meta.mine = 'x'; m.add_schema_entry('meta.mine', {'type': 'integer'})",
        "r = m.meta.mine",
    ),
    (
        "m.extend_schema({'type': 'object', 'properties': {'mine': {'type': 'array', 'items':"
        " {'type': 'object', 'properties': {'n': {'type': 'number'}}}}}})",
        "m.mine.append({'n': 3}); m.mine.append({'n': 'x'}); r = m.mine, m.mine[0].n",
    ),
    (
        "m.extend_schema({'allOf': [{'type': 'object', 'properties': {'a': {'type': 'string'}}},"
        " {'type': 'object', 'properties': {'b': {'type': 'number'}}}]})",
        "m.a = 'x'; m.b = 3; m.b = 'y'; r = m.a, m.b, m.meta.telescope",
    ),
    (
        "m.add_schema_entry('meta.one', {'type': 'integer'}).add_schema_entry('meta.two',"
        " {'type': 'string'})",
        "m.meta.one = 1; m.meta.two = 2; r = m.meta.one, m.meta.two",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("addition", "action"), ADDED)
def test_an_added_schema_works_as_in_the_reference(addition: str, action: str) -> None:
    theirs, ours = both(datamodels, asdfits, "m = d.ImageModel()", f"{addition}\n{action}")
    assert ours == theirs


SCHEMA = """
q = {'type': 'object', 'properties': {
    'meta': {'type': 'object', 'properties': {
        'filename': {'type': 'string'}, 'model_type': {'type': 'string'},
        'date': {'type': 'string'}, 'mine': {'type': 'integer', 'fits_keyword': 'MINE'}}},
    'data': {'fits_hdu': 'SCI', 'default': 1, 'ndim': 2, 'datatype': 'int16'},
    'other': {'fits_hdu': 'OTHER', 'datatype': 'float32'}}}
"""


@pytest.mark.parametrize(
    "action",
    [
        "m = d.JwstDataModel((2, 3), schema=q); r = m.data, m.shape",
        "m = d.JwstDataModel(schema=q); m.meta.mine = 'x'; r = m.meta.mine",
        "m = d.JwstDataModel(schema=q); m.meta.mine = 3; r = m.meta.mine, m.data",
        "m = d.JwstDataModel(schema=q); r = m.meta.telescope",
        "m = d.JwstDataModel(None, q); r = m.get_primary_array_name()",
        "m = d.JwstDataModel((2, 3), schema=q); r = m.get_default('other').shape, m.get_default('data')",
    ],
)
def test_a_schema_in_the_place_of_that_of_the_class(action: str) -> None:
    theirs, ours = both(datamodels, asdfits, "m = None", SCHEMA + action)
    assert ours == theirs


def test_an_added_schema_is_that_of_one_model() -> None:
    one, two = asdfits.ImageModel(), asdfits.ImageModel()
    assert one.add_schema_entry("meta.mine", {"type": "integer"}) is one
    assert hasattr(one.meta, "mine")
    assert not hasattr(two.meta, "mine")
    assert not hasattr(asdfits.ImageModel().meta, "mine")


def test_properties_need_no_type_beside_them() -> None:
    model: Any = asdfits.ImageModel()
    model.extend_schema({"properties": {"meta": {"properties": {"mine": {"type": "integer"}}}}})
    assert model.meta.mine is None
    assert model.meta.instrument.name is None
    # The reference loses all properties that the new schema does not name.
    reference = datamodels.ImageModel()
    reference.extend_schema({"properties": {"meta": {"properties": {"mine": {"type": "integer"}}}}})
    assert not hasattr(reference, "data")


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ({"type": "integer", "dependencies": {}}, "'dependencies' is no word"),
        ({"type": ["integer", "string"]}, "a list of types"),
        ({"type": "object", "properties": {"a b": {}}}, "'a b' is no name"),
        ({"type": "object", "properties": {"a": 3}}, "expected a schema, found 3"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_and_changes_nothing(
    fragment: dict[str, Any], words: str
) -> None:
    model: Any = asdfits.ImageModel()
    with pytest.raises(ValueError, match=words):
        model.add_schema_entry("meta.mine", fragment)
    assert not hasattr(model.meta, "mine")


def test_an_added_keyword_is_read_from_the_headers(tmp_path: Path) -> None:
    path = tmp_path / "any.fits"
    cards = [("DATAMODL", "JwstDataModel"), ("MINE", 7)]
    path.write_bytes(sample.product(cards, [], "meta: {telescope: JWST}\n"))
    added = schema.entry("meta.mine", {"type": "integer", "fits_keyword": "MINE"})
    base = asdfits.JwstDataModel().schema
    model: Any = asdfits.open(path, schema=schema.merged(base, added))
    assert model.meta.mine == 7
    assert "extra_fits" not in model.instance
    theirs: Any = datamodels.open(path)
    assert theirs.extra_fits.PRIMARY.header[0][:2] == ["MINE", 7]
    theirs.close()


# -- searching ----------------------------------------------------------------------------------


def test_a_schema_is_searched_by_path_keyword_and_values() -> None:
    model: Any = asdfits.ImageModel()
    found = dict(model.search_schema("exp_type"))
    assert found["meta.exposure.type"].startswith("keyword EXP_TYPE of PRIMARY, string")
    assert "meta.exposure.type" in dict(model.search_schema("NRC_TACQ"))
    assert dict(model.search_schema("var_flat"))["var_flat"].startswith("data of VAR_FLAT, float32")
    assert model.search_schema("no such thing") == []
    everything = model.search_schema("")
    assert everything == sorted(everything)
    assert repr(model.search_schema("exposure.ngroups")).startswith("meta.exposure.ngroups\n    ")


def test_every_path_that_the_reference_finds_is_found() -> None:
    for text in ("target", "Telescope", "data"):
        theirs = {path for path, _ in datamodels.ImageModel().search_schema(text) if path}
        ours = {path.replace("*", "items") for path, _ in asdfits.ImageModel().search_schema(text)}
        by_title = {path for path in theirs if text.lower() not in path.lower()}
        assert theirs - by_title <= ours
