from __future__ import annotations

import datetime
import functools
import importlib.util
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from asdfits import mapping
from asdfits.mapping import SchemaNode
from asdfits.validate import check

SCALARS: list[Any] = [
    None,
    "",
    "N/A",
    "#TODO",
    "ANY",
    "some text",
    "3",
    np.str_("ANY"),
    0,
    1,
    -1,
    4,
    2**63 - 1,
    2**63,
    -(2**63) + 2,
    -(2**63) + 1,
    True,
    False,
    0.0,
    1.0,
    4.0,
    1.5,
    -0.5,
    float("nan"),
    float("inf"),
    1j,
    b"ANY",
    datetime.datetime(2026, 1, 2, 3, 4, 5),
    datetime.date(2026, 1, 2),
    {1, 2},
    np.bool_(True),
    np.int16(4),
    np.uint64(2**64 - 1),
    np.float32(1.5),
    np.float64(1.0),
    np.complex128(1j),
    np.bytes_(b"ANY"),
    np.datetime64("2026-01-02"),
]
CONTAINERS: list[Any] = [
    [],
    (),
    [1],
    (1, 2),
    [1, 2, 3],
    [1.5, "text", None],
    ["text"],
    [[1, 2], [3, 4]],
    [[1, None]],
    [{}],
    [{"a": None}],
    [[{}]],
    [0.5, "F090W", 1.5, 2.5],
    [1.0, "GDHS0", "F090W", 1.5, 2.5],
    {},
    {"a": 1},
    {"a": None},
    {"a": {"b": [2**64]}},
    {1: 2, False: 3},
    {1.5: 2},
    {2**64: 2},
    {"$ref": "elsewhere"},
    np.zeros(3),
    np.zeros((2, 2), "i2"),
    np.zeros(2, [("a", "f4")]),
]


ODD: list[Any] = ["no such thing", 3, 2.5, None, [], {}, [None]]
PROSE = {"title", "description", "examples", "id", "$schema"}
NO_RULES = {*PROSE, "blend_table", "blend_rule", "default", "fits_hdu", "fits_keyword"}


class Foreign:
    """What only a converter could turn into part of a file."""


def node(model: str, *path: str | int) -> SchemaNode:
    found = mapping.model(model).find(path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("telescope", "JWST", None),
        ("telescope", None, None),
        ("telescope", 3, "3 is not of type 'string'"),
        ("exposure.start_time", 1, None),
        ("exposure.start_time", np.float32(1), None),
        ("exposure.start_time", True, "True is not of type 'number'"),
        ("exposure.ngroups", np.int64(3), None),
        ("exposure.ngroups", 3.0, "3.0 is not of type 'integer'"),
        (
            "exposure.ngroups",
            2**63,
            f"Integer value {2**63} is too large to safely represent in ASDF",
        ),
        ("exposure.noutputs", 4, None),
        ("exposure.noutputs", 3, "3 is not one of [1, 4, 5]"),
        ("exposure.noutputs", True, "True is not of type 'integer'"),
        ("instrument.channel", "12", None),
        ("instrument.channel", "5", "'5' is not valid under any of the given schemas"),
        ("exposure.read_times", [[1, 2.5], []], None),
        ("exposure.read_times", [[1, "x"]], "[0][1]: 'x' is not of type 'number'"),
        ("exposure", {"type": None, "ngroups": "x"}, "ngroups: 'x' is not of type 'integer'"),
        ("exposure", {"read_times": [[1], 2]}, "read_times[1]: 2 is not of type 'array'"),
        ("exposure", {"anything": object}, None),
    ],
)
def test_messages(path: str, value: Any, message: str | None) -> None:
    assert check(value, node("ImageModel", "meta", *path.split("."))) == message


def test_an_integer_too_large_for_asdf_is_invalid_anywhere() -> None:
    message = f"Integer value {2**63} is too large to safely represent in ASDF"
    assert check(2**63, node("ImageModel", "meta", "exposure", "ngroups")) == message
    assert check({"a": [0, 2**63]}, node("ImageModel", "meta")) == f"a[1]: {message}"


def test_a_pattern() -> None:
    types = node("BarshadowModel", "meta", "exposure", "p_exptype")
    assert check("NRC_IMAGE|NRS_IFU|", types) is None
    assert str(check("|", types)).startswith("'|' does not match '^((FGS_DARK|")


def test_a_message_is_one_short_line() -> None:
    for value in (np.zeros((50, 50)), ["long"] * 1000):
        message = check(value, node("ImageModel", "meta", "telescope"))
        assert message is not None
        assert "\n" not in message
        assert len(message) < 600


def test_placeholders_have_any_type_in_a_file() -> None:
    groups = node("ImageModel", "meta", "exposure", "ngroups")
    for value in ("N/A", "#TODO", ""):
        assert check(value, groups) is not None
        assert check(value, groups, writing=True) is None
    assert check("x", groups, writing=True) == "'x' is not of type 'integer'"
    state = node("ImageModel", "meta", "instrument", "ccc_state")
    assert check("N/A", state, writing=True) is not None


def test_a_foreign_object_is_only_wrong_for_numbers_and_booleans() -> None:
    meta = ("ImageModel", "meta")
    assert check(Foreign(), node(*meta, "date")) is None
    assert check(Foreign(), node(*meta, "instrument", "channel")) is None
    assert check(Foreign(), node(*meta, "wcs")) is None
    assert check(Foreign(), node(*meta)) is None
    assert check([Foreign()], node("NIRCAMGrismModel", "displ")) is None
    for name in ("ngroups", "start_time"):
        assert "is not of type" in str(check(Foreign(), node(*meta, "exposure", name)))


def test_every_rule_of_the_table_is_known() -> None:
    from asdfits.validate import _RULES

    words = {
        word
        for name in mapping.class_names()
        for _, each in mapping.model(name).walk()
        for word, _ in each.rules or ()
    }
    assert words <= set(_RULES)
    assert set(_RULES) <= words | {"allOf", "patternProperties"}


# The reference decides


@pytest.fixture(scope="module")
def places() -> list[SimpleNamespace]:
    """Return one place for every different set of rules in any schema of stdatamodels."""
    pytest.importorskip("stdatamodels")
    from asdf import schema as asdf_schema
    from stdatamodels.jwst import datamodels
    from stdatamodels.schema import merge_property_trees, walk_schema

    found: dict[str, SimpleNamespace] = {}
    for name in mapping.class_names():
        cls = getattr(datamodels, name)
        if name == "MultiExposureModel":
            schema = cls._build_schema(cls)
        else:
            schema = asdf_schema.load_schema(cls.schema_url, resolve_references=True)
        schema = merge_property_trees(schema)
        theirs: list[Any] = []
        walk_schema(schema, lambda facts, path, *_rest, to=theirs: to.append((path, facts)))
        ours = mapping.model(name).walk()
        for (path, facts), (_, each) in zip(theirs, ours, strict=True):
            if each.rules is not None and len(path) > 1:
                # Large objects add nothing: what they consist of is here by itself.
                key = json.dumps(rules_only(facts))
                if len(key) < 1200:
                    place = SimpleNamespace(where=(name, path), schema=facts, node=each)
                    found.setdefault(key, place)
    assert len(found) > 150
    return list(found.values())


def rules_only(facts: Any) -> Any:
    if isinstance(facts, dict):
        return {key: rules_only(each) for key, each in facts.items() if key not in NO_RULES}
    return [rules_only(each) for each in facts] if isinstance(facts, list) else facts


def samples(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield values made to suit `schema`, each also with one part that may not suit."""
    good = suited(schema)
    yield good
    if isinstance(good, dict):
        for name in good:
            yield {key: value for key, value in good.items() if key != name}
            for other in ODD:
                yield {**good, name: other}
        yield {**good, "no_such_name": "text"}
    if isinstance(good, list):
        for other in ODD:
            yield [*good, other]
            yield [other, *good]
        yield good * 2
        yield good[:-1]
    if isinstance(good, str):
        yield f" {good} "
        yield good.lower()


def suited(schema: dict[str, Any]) -> Any:
    for combiner in ("anyOf", "oneOf"):
        if combiner in schema:
            return suited(schema[combiner][0])
    if "enum" in schema:
        return schema["enum"][-1]
    if "pattern" in schema:
        return schema["pattern"].strip("^$()").split("|")[0].strip("()\\") + "|"
    kind = schema.get("type")
    if kind == "object":
        return {name: suited(each) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        items = schema.get("items", {})
        if isinstance(items, list):
            return [suited(each) for each in items]
        return [suited(items)] * schema.get("minItems", 1)
    return {"string": "text", "number": 2.5, "integer": 3, "boolean": True}.get(str(kind), "text")


@pytest.mark.oracle
def test_verdicts_are_those_of_the_reference(places: list[SimpleNamespace]) -> None:
    from asdf._jsonschema.exceptions import RefResolutionError
    from asdf.exceptions import ValidationError
    from stdatamodels.jwst.datamodels import ImageModel
    from stdatamodels.validate import _check_value

    context = ImageModel()
    compared = {True: 0, False: 0}
    wrong = []
    for place in places:
        for value in [*SCALARS, *CONTAINERS, *samples(place.schema)]:
            try:
                _check_value(value, place.schema, context)
                valid = True
            except ValidationError:
                valid = False
            except RefResolutionError:
                # Schemas of transforms refer to parts of themselves that the merge took away: the
                # reference has no answer, or one from elsewhere, and the table takes any value.
                assert "$ref" in str(place.schema)
                continue
            found = check(value, place.node)
            compared[valid] += 1
            if (found is None) != valid and not (valid is False and "$ref" in str(place.schema)):
                wrong.append((place.where, value, valid, found))
    assert wrong == []
    assert min(compared.values()) > 2000


@pytest.mark.oracle
@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "b"},
        {"pattern": "^b$"},
        {"pattern": "^1j$"},
        {"minimum": 1},
        {"minimum": 0.5, "type": "number"},
        {"minItems": 2, "maxItems": 3},
        {"enum": [0, "b", 2.5]},
        {"enum": [1, "1"]},
        {"enum": [True]},
        {"items": {"type": "integer"}},
        {"items": [{"type": "integer"}, {"type": "string"}]},
        {"required": ["a", "b"]},
        {"properties": {"a": {"type": "string"}, "b": {"required": ["c"]}}},
        {"properties": {"a": {}, "b": {}}, "additionalProperties": False},
        {"additionalProperties": True},
        {"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}},
        {"patternProperties": {"^[ab]$": {"type": "integer"}}},
        {"patternProperties": {"b": {"type": "integer"}}, "additionalProperties": False},
        {"patternProperties": {"b": {}}, "additionalProperties": {"type": "string"}},
        {"anyOf": [{"type": "string"}, {"minimum": 2}]},
        {"oneOf": [{"type": "string"}, {"minimum": 2}]},
        {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        {"allOf": [{"type": "number"}, {"minimum": 2}]},
        {"tag": "tag:yaml.org,2002:str"},
        {"tag": "tag:yaml.org,2002:*"},
        {"tag": "tag:stsci.edu:*/ndarray-1.*"},
        {"tag": "tag:stsci.edu:**"},
        {"tag": "**"},
    ],
    ids=str,
)
def test_each_rule_by_itself(schema: dict[str, Any]) -> None:
    from asdf.exceptions import ValidationError
    from stdatamodels.jwst.datamodels import ImageModel
    from stdatamodels.validate import _check_value

    values = ["b", "abc", 1, 2, 2.0, 2.5, True, [1, "b"], ["b", 1], [1, 2, 3], [1, 2, 3, 4], [None]]
    values += [{"a": 1}, {"a": "b", "b": 2}, {"b": {"c": 1}}, {"a": None}, {"abc": 1}, {"abc": "b"}]
    values += [{}, [], {"d": "x"}, {"a": "x", "d": 1}, np.zeros(1), b"b", 1j, {"a": "x", "b": None}]
    context = ImageModel()
    rules = compiled(schema)
    for value in values:
        try:
            _check_value(value, schema, context)
            valid = True
        except ValidationError:
            valid = False
        assert (check(value, rules) is None) == valid, value


def compiled(schema: dict[str, Any]) -> SchemaNode:
    """Return `schema` as a node of a table of its own."""
    properties = schema.get("properties", {})
    path = Path(__file__).resolve().parents[1] / "tools" / "compile_mapping.py"
    spec = importlib.util.spec_from_file_location("compile_mapping", path)
    assert spec is not None
    assert spec.loader is not None
    compiler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compiler)
    pool = compiler.Pool()
    # A property without a schema is unknown to the reference, so the compiler refuses it.
    named = {name: each or {"title": ""} for name, each in properties.items()}
    root = pool.node({**schema, **({"properties": named} if named else {})}, "schema")
    table = {"nodes": pool.nodes, "enums": pool.enums, "datatypes": pool.datatypes, "classes": {}}
    facts = {"format": mapping.FORMAT, "stdatamodels": "0", "observatory": ""}
    return mapping._Table({**table, **facts}).node(root)


@pytest.mark.oracle
def test_verdicts_for_writing_are_those_of_the_reference(places: list[SimpleNamespace]) -> None:
    from asdf import schema as asdf_schema
    from asdf.exceptions import ValidationError
    from asdf.util import HashableDict
    from stdatamodels.fits_support import _fits_type

    validators = HashableDict(asdf_schema.YAML_VALIDATORS)
    validators["type"] = functools.partial(_fits_type, None)
    compared = 0
    for place in places:
        if place.schema.get("type") not in ("string", "number", "integer", "boolean"):
            continue
        validator = asdf_schema.get_validator(place.schema, None, validators)
        for value in SCALARS:
            # What is no plain value has been converted before the reference comes here.
            if value is None or not isinstance(value, str | int | float) or value != value:
                continue
            try:
                validator.validate(value)
                valid = True
            except ValidationError:
                valid = False
            compared += 1
            found = check(value, place.node, writing=True)
            too_large = isinstance(value, int) and not -(2**63) + 2 <= value < 2**63
            assert (found is None) == (valid and not too_large), (place.where, value, found)
    assert compared > 1000


@pytest.mark.oracle
def test_values_from_headers_get_the_verdict_of_a_load(places: list[SimpleNamespace]) -> None:
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst.datamodels import ImageModel
    from stdatamodels.validate import value_change

    context = ImageModel()
    header = ["text", "", "2026-01-02", 3, 3.5, True, 2**70, 1 + 2j]
    for place in places:
        if "$ref" in str(place.schema):
            continue
        for value in header:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ValidationWarning)
                valid = value_change("path", value, place.schema, context)
            assert (check(value, place.node) is None) == valid, (place.where, value)
