from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asdfits import _core, mapping
from asdfits.mapping import ITEM, SchemaNode

ROOT = Path(__file__).resolve().parents[1]
MODULE = Path(mapping.__file__)
TABLE = MODULE.with_name("mapping.asdf")


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"fresh_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiler() -> Any:
    return load(ROOT / "tools" / "compile_mapping.py")


@pytest.fixture(scope="module")
def reference() -> Any:
    """Return the classes of stdatamodels and the merged schema of each."""
    pytest.importorskip("stdatamodels")
    from stdatamodels.jwst import datamodels

    classes = {
        name: value
        for name, value in vars(datamodels).items()
        if name in datamodels.__all__ and isinstance(value, type)
    }
    return SimpleNamespace(classes=classes, schemas=merged_schemas(classes))


def merged_schemas(classes: dict[str, Any]) -> dict[str, Any]:
    from asdf import schema as asdf_schema
    from stdatamodels import schema

    schemas = {}
    for name, cls in classes.items():
        if hasattr(cls, "_build_schema"):
            raw = cls._build_schema(cls)
        else:
            raw = asdf_schema.load_schema(cls.schema_url, resolve_references=True)
        schemas[name] = schema.merge_property_trees(raw)
    return schemas


def walk_reference(schema: dict[str, Any]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    from stdatamodels.schema import walk_schema

    places: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def visit(subschema: Any, path: Any, _combiner: Any, _context: Any, _recurse: Any) -> None:
        places.append((tuple(path), subschema))

    walk_schema(schema, visit)
    return places


# The table as such


def test_an_unknown_class_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="NoSuchModel"):
        mapping.model("NoSuchModel")


def test_a_table_of_another_format_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "mapping.py"
    copy.write_text(MODULE.read_text())
    table = TABLE.read_text().replace("\nformat: 2\n", "\nformat: 3\n")
    copy.with_name("mapping.asdf").write_text(table)
    with pytest.raises(ValueError, match="format 3, this code reads 2"):
        load(copy).class_names()


def test_importing_reads_no_table_and_the_table_needs_no_package() -> None:
    code = (
        "import sys, asdfits.mapping as module\n"
        "assert module._loaded is None\n"
        "assert len(module.class_names()) == 143\n"
        "assert module._loaded is not None\n"
        "assert not {'asdf', 'astropy', 'json', 'stdatamodels', 'yaml'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_table_is_read_by_the_fast_tier() -> None:
    text = TABLE.read_bytes()
    assert _core.yaml_events(text[text.index(b"%YAML") :], "fast") is not None


def test_an_entry_is_read_when_it_is_asked_for() -> None:
    table = load(MODULE)._table()
    unread = {type(entry).__name__ for entry in [*table.nodes, *table.classes.values()]}
    assert "Deferred" in unread
    assert len(table._nodes) == 0


def test_threads_share_one_table_and_its_nodes() -> None:
    fresh = load(MODULE)
    start = threading.Barrier(8)
    seen: list[tuple[Any, ...]] = []

    def use() -> None:
        start.wait()
        model = fresh.model("MultiSlitModel")
        nodes = tuple(id(node) for _, node in model.walk())
        seen.append((id(fresh._table()), id(model), nodes))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_classes_share_nodes() -> None:
    path = ["meta", "exposure", "type"]
    image = mapping.model("ImageModel").find(path)
    assert image is not None
    assert image is mapping.model("CubeModel").find(path)


# What a model says


def at(
    model: mapping.ModelSchema, hdu: str, keyword: str, *, in_list: bool
) -> list[mapping.Keyword]:
    """The places that a card stands for."""
    return [
        row
        for row in model.keywords
        if (row.hdu, row.keyword.upper(), row.in_list) == (hdu, keyword, in_list)
    ]


def hdus(model: mapping.ModelSchema, *, in_list: bool) -> dict[str, list[str]]:
    """HDU -> the arrays that hold its data."""
    found: dict[str, list[str]] = {}
    for row in model.arrays:
        if row.in_list == in_list:
            found.setdefault(row.hdu, []).append(row.dotted)
    return found


def test_a_keyword_knows_its_place() -> None:
    image = mapping.model("ImageModel")
    (row,) = at(image, "PRIMARY", "EXP_TYPE", in_list=False)
    assert row.path == ("meta", "exposure", "type")
    assert row.dotted == "meta.exposure.type"
    assert not row.in_list
    assert row.node is image.find(row.path)
    assert row.node.enum is not None
    assert "NRC_IMAGE" in row.node.enum


def test_list_items_have_cards_of_their_own() -> None:
    slits = mapping.model("MultiSlitModel")
    assert [each.dotted for each in slits.lists] == ["slits"]
    (top,) = at(slits, "SCI", "SRCTYPE", in_list=False)
    (item,) = at(slits, "SCI", "SRCTYPE", in_list=True)
    assert top.path == ("meta", "target", "source_type")
    assert item.path == ("slits", ITEM, "source_type")
    assert item.dotted == "slits.*.source_type"
    assert item.in_list
    assert at(slits, "PRIMARY", "EXP_TYPE", in_list=True) == []
    assert hdus(slits, in_list=False) == {}
    assert hdus(slits, in_list=True)["SCI"] == ["slits.*.data"]
    data = slits.find(["slits", 7, "data"])
    assert data is not None
    assert data is slits.find(["slits", ITEM, "data"])
    assert (data.dtype_spec, data.ndim, data.hdu) == ("f4", None, "SCI")


def test_primary_cards_inside_list_items_are_told_apart() -> None:
    profile = mapping.model("SpecProfileModel")
    assert {row.hdu for row in profile.keywords if row.in_list} == {"PRIMARY", "ORDER"}
    (top,) = at(profile, "PRIMARY", "EXP_TYPE", in_list=False)
    (item,) = at(profile, "PRIMARY", "EXP_TYPE", in_list=True)
    assert top.path == ("meta", "exposure", "type")
    assert item.path == ("profile", ITEM, "meta", "exposure", "type")


def test_one_card_can_have_two_places() -> None:
    slit = mapping.model("SlitModel")
    rows = at(slit, "SCI", "SRCTYPE", in_list=False)
    assert [row.dotted for row in rows] == ["meta.target.source_type", "source_type"]


def test_an_hdu_whose_columns_are_alternatives_is_no_array() -> None:
    level1b = mapping.model("Level1bModel")
    node = level1b.find(["cheby_coefficients"])
    assert node is not None
    assert (node.hdu, node.is_array) == ("CHEBY", False)
    assert "CHEBY" not in hdus(level1b, in_list=False)
    assert "CHEBY" in level1b.hdu_names


def test_names_match_in_upper_case_and_keep_their_spelling() -> None:
    pathloss = mapping.model("PathlossModel")
    (row,) = at(pathloss, "PS", "CRPIX1", in_list=True)
    assert (row.hdu, row.keyword, row.node.hdu) == ("PS", "crpix1", "ps")
    barshadow = mapping.model("BarshadowModel")
    (leaf,) = (row for row in barshadow.arrays if row.hdu == "DATA1X1")
    assert leaf.node.hdu == "data1x1"
    assert "data1x1" in barshadow.hdu_names


def test_columns_of_a_table() -> None:
    times = mapping.model("RampModel").find(["int_times"])
    assert times is not None
    assert isinstance(times.datatype, tuple)
    first = times.datatype[0]
    assert (first.name, first.datatype, first.length) == ("integration_number", "int32", None)
    assert times.dtype_spec is not None
    assert times.dtype_spec[0] == ("integration_number", "i4")


def test_paths_outside_the_schema_lead_nowhere() -> None:
    slits = mapping.model("MultiSlitModel")
    paths: list[list[str | int]] = [
        ["nothing"],
        ["meta", "nothing", "below"],
        ["slits", "name"],
        ["meta", 3],
        [ITEM],
    ]
    for path in paths:
        assert slits.find(path) is None
    assert slits.find([]) is slits.root


def test_a_node_without_facts_has_none() -> None:
    node = mapping.model("NIRISSGrismModel").find(["fwcpos_ref"])
    assert node is not None
    facts = (node.type, node.keyword, node.hdu, node.items, node.properties, node.rules, node.enum)
    assert set(facts) == {None}
    assert node.datatype is None
    assert node.dtype_spec is None
    assert not node.is_array
    assert not node.has_default


def made(*nodes: dict[str, Any]) -> SchemaNode:
    """Return the last of `nodes`, in a table of nothing else."""
    rest = {"stdatamodels": "0", "observatory": "", "classes": {}, "enums": [], "datatypes": []}
    return mapping._Table({"format": mapping.FORMAT, "nodes": list(nodes), **rest}).node(
        len(nodes) - 1
    )


def test_a_property_of_an_alternative_is_a_child() -> None:
    text, number = {"type": "string"}, {"type": "number"}
    first = {"type": "object", "properties": "a:0"}
    second = {"type": "object", "properties": "a:1 b:1"}
    node = made(text, number, first, second, {"anyOf": [2, 3]})
    assert [each and each.type for each in map(node.child, "abc")] == ["string", "number", None]
    both = made(text, first, {"properties": "a:1", "allOf": [1]}).child("a")
    assert both is not None
    assert both.type == "object"


def test_what_an_absent_value_reads_as() -> None:
    text, mapped, listed = {"type": "string"}, {"type": "object"}, {"type": "array"}
    assert made(mapped).container == "object"
    assert made(listed).container == "array"
    assert made(text).container is None
    assert made({"type": "object", "default": {}}).container is None
    assert made({"type": "array", "datatype": "int8"}).container is None
    assert made(mapped, {"anyOf": [0, 0]}).container == "object"
    assert made(mapped, listed, {"anyOf": [0, 1]}).container is None
    assert made(mapped, {"oneOf": [0]}).container is None


def test_facts_of_classes() -> None:
    image, flat = mapping.model("ImageModel"), mapping.model("FlatModel")
    assert (image.no_asdf, flat.no_asdf) == (False, True)
    assert (image.default_dq, flat.default_dq, flat.default_err) == (False, True, True)
    assert (image.primary_array, mapping.model("MaskModel").primary_array) == ("data", "dq")
    assert flat.initial == {"meta.telescope": "JWST"}
    assert mapping.model("DistortionModel").no_fits
    assert mapping.model("AsnModel").deprecated
    assert mapping.model("RegionsModel").reftype == "regions"
    assert "_migrate_hdulist" in mapping.model("RSCDModel").hooks
    assert mapping.is_subclass("FlatModel", "ReferenceFileModel")
    assert mapping.is_subclass("FlatModel", "FlatModel")
    assert not mapping.is_subclass("ReferenceFileModel", "FlatModel")


# The compiler


def test_differences_name_class_and_path(compiler: Any) -> None:
    old = compiler.load(TABLE)
    new = compiler.load(TABLE)
    assert list(compiler.differences(old, new)) == []
    (number,) = (i for i, node in enumerate(new["nodes"]) if node.get("fits_keyword") == "DURATION")
    new["nodes"][number]["fits_keyword"] = "LENGTH"
    new["classes"]["ImageModel"]["primary_array"] = "image"
    del new["classes"]["AsnModel"]
    found = list(compiler.differences(old, new))
    assert "ImageModel: primary_array 'data' became 'image'" in found
    assert "AsnModel: class removed" in found
    (line,) = (each for each in found if each.startswith("ImageModel at"))
    assert line.startswith("ImageModel at meta.exposure.duration: ")
    assert line.endswith('"fits_keyword":"LENGTH"}')


def test_the_order_of_properties_is_a_difference(compiler: Any) -> None:
    old = compiler.load(TABLE)
    new = compiler.load(TABLE)
    root = new["nodes"][new["classes"]["ImageModel"]["root"]]
    root["properties"] = " ".join(reversed(root["properties"].split()))
    assert "ImageModel: the order of properties changed" in compiler.differences(old, new)


def test_check_exits_by_the_outcome(
    compiler: Any, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    table = compiler.load(TABLE)
    monkeypatch.setattr(compiler, "compile_table", lambda: table)
    copy = tmp_path / "table.asdf"
    arguments = ["--check", "--table", str(copy), "--limit", "1"]
    assert compiler.main(arguments) == 1
    assert "missing" in capsys.readouterr().err
    assert compiler.main(["--table", str(copy)]) == 0
    assert copy.read_bytes() == TABLE.read_bytes()
    assert compiler.main(arguments) == 0
    copy.write_text(copy.read_text().replace("stdatamodels: '", "stdatamodels: '0."))
    capsys.readouterr()
    assert compiler.main(arguments) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0].startswith("stdatamodels: '0.")
    assert errors[1] == "... and 1 more"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"exclusiveMinimum": True}, r"schema keywords \['exclusiveMinimum'\]"),
        ({"type": ["string", "null"]}, "list of types"),
        ({"properties": {"a": {}}}, "property 'a'"),
        ({"properties": {"a b": {"type": "string"}}}, "property 'a b'"),
        ({"datatype": ["ascii", 8]}, "column 'ascii'"),
        ({"datatype": [{"name": "a", "datatype": "int8", "zeros": 1}]}, "column"),
    ],
)
def test_what_the_table_cannot_hold_is_refused(
    compiler: Any, schema: dict[str, Any], message: str
) -> None:
    with pytest.raises(compiler.UnknownFactError, match=message):
        compiler.Pool().node(schema, "here")


# The reference decides


@pytest.mark.oracle
def test_the_table_is_what_the_installed_schemas_say(compiler: Any) -> None:
    pytest.importorskip("stdatamodels")
    fresh = compiler.compile_table()
    assert list(compiler.differences(compiler.load(TABLE), fresh)) == []
    assert compiler.render(fresh) == TABLE.read_text()


@pytest.mark.oracle
def test_classes_and_bases(reference: Any) -> None:
    from stdatamodels import __version__

    assert mapping.table_version() == __version__
    assert mapping.class_names() == tuple(sorted(reference.classes))
    for name, cls in reference.classes.items():
        public = [each.__name__ for each in cls.__mro__[1:] if each.__name__ in reference.classes]
        assert mapping.model(name).bases == tuple(public), name
        for base, other in reference.classes.items():
            assert mapping.is_subclass(name, base) == issubclass(cls, other), (name, base)


@pytest.mark.oracle
def test_every_node_in_the_order_of_the_reference(reference: Any) -> None:
    from asdf.tags.core.ndarray import asdf_datatype_to_numpy_dtype
    from numpy import dtype

    for name, schema in reference.schemas.items():
        ours = list(mapping.model(name).walk())
        theirs = walk_reference(schema)
        paths = [tuple("items" if part is ITEM else part for part in path) for path, _ in ours]
        assert paths == [path for path, _ in theirs], name
        for (path, node), (_, facts) in zip(ours, theirs, strict=True):
            where = name, path
            assert node.type == facts.get("type"), where
            assert node.keyword == facts.get("fits_keyword"), where
            assert node.hdu == facts.get("fits_hdu"), where
            assert node.ndim == facts.get("ndim"), where
            assert node.max_ndim == facts.get("max_ndim"), where
            assert node.tag == facts.get("tag"), where
            assert node.allow_extra_columns == facts.get("allow_extra_columns", False), where
            assert node.has_default == ("default" in facts), where
            assert node.default == facts.get("default"), where
            assert type(node.default) is type(facts.get("default")), where
            assert list(node.enum or ()) == facts.get("enum", []), where
            assert list(node.properties or ()) == list(facts.get("properties", {})), where
            assert node.is_array == bool({"datatype", "ndim", "max_ndim"} & set(facts)), where
            if "datatype" in facts:
                expected = asdf_datatype_to_numpy_dtype(facts["datatype"])
                assert dtype(node.dtype_spec) == expected, where
                check_columns(node, facts)
            else:
                assert node.datatype is None, where


def check_columns(node: SchemaNode, facts: dict[str, Any]) -> None:
    if isinstance(facts["datatype"], str):
        assert node.datatype == facts["datatype"]
        return
    assert isinstance(node.datatype, tuple)
    for column, expected in zip(node.datatype, facts["datatype"], strict=True):
        assert column.ndim == expected.get("ndim")
        assert column.max_ndim == expected.get("max_ndim")
        assert column.unit == expected.get("unit")


@pytest.mark.oracle
def test_rows_are_what_the_reference_loads(reference: Any, monkeypatch: Any) -> None:
    """Run the reference's own loader over a file with EXTVER 1 and 2, and note what it looks up."""
    from stdatamodels import fits_support, properties

    asked: list[tuple[Any, ...]] = []
    stored: list[tuple[Any, ...]] = []

    def keyword(_hdus: Any, name: str, schema: Any, index: Any, *_rest: Any) -> str:
        asked.append(("keyword", schema.get("fits_hdu", "PRIMARY").upper(), name, index))
        return "value"

    def array(_hdus: Any, schema: Any, index: Any, *_rest: Any) -> str:
        asked.append(("array", schema["fits_hdu"].upper(), None, index))
        return "value"

    monkeypatch.setattr(fits_support, "_fits_keyword_loader", keyword)
    monkeypatch.setattr(fits_support, "_fits_array_loader", array)
    monkeypatch.setattr(properties, "put_value", lambda path, *_rest: stored.append(tuple(path)))
    hdus = [SimpleNamespace(ver=1), SimpleNamespace(ver=2)]
    context = SimpleNamespace(_validate_on_assignment=False)
    for name, schema in reference.schemas.items():
        asked.clear()
        stored.clear()
        fits_support._load_from_schema(hdus, schema, {}, context)
        assert len(asked) == len(stored)
        found = [(path, *look) for path, look in zip(stored, asked, strict=True)]
        # The reference goes through a list once for each EXTVER, the table goes through it once.
        for index in (None, 0, 1):
            for kind in ("keyword", "array"):
                expected = [row for row in found if row[1] == kind and row[4] == index]
                assert rows_of(mapping.model(name), kind, index) == expected, (name, kind, index)


def rows_of(model: mapping.ModelSchema, kind: str, index: int | None) -> list[tuple[Any, ...]]:
    rows = model.keywords if kind == "keyword" else model.arrays
    return [
        (
            tuple(index if part is ITEM else part for part in row.path),
            kind,
            row.hdu,
            getattr(row, "keyword", None),
            index,
        )
        for row in rows
        if row.in_list == (index is not None)
    ]


@pytest.mark.oracle
def test_keyword_rows_equal_an_independent_walk(reference: Any) -> None:
    total = 0
    for name, schema in reference.schemas.items():
        model = mapping.model(name)
        expected = [
            (path, facts.get("fits_hdu", "PRIMARY").upper(), facts["fits_keyword"])
            for path, facts in walk_reference(schema)
            if "fits_keyword" in facts
        ]
        rows = [
            (tuple("items" if part is ITEM else part for part in row.path), row.hdu, row.keyword)
            for row in model.keywords
        ]
        assert rows == expected, name
        total += len(rows)
    assert total > 20_000


@pytest.mark.oracle
def test_children_and_empty_values_as_the_reference_finds_them(reference: Any) -> None:
    from stdatamodels.properties import _get_schema_for_property, _make_default

    names = {"array": "list", "object": "dict"}
    seen: set[int] = set()
    for name, schema in reference.schemas.items():
        ours = mapping.model(name).walk()
        for (path, node), (_, facts) in zip(ours, walk_reference(schema), strict=True):
            if node.number in seen:
                continue
            seen.add(node.number)
            for child in [*facts.get("properties", {}), "wavelength", "nothing"]:
                found = node.child(child)
                expected = _get_schema_for_property(facts, child)
                assert (found is None) == (expected == {}), (name, path, child)
                if found is not None:
                    assert found.keyword == expected.get("fits_keyword")
            if not node.is_array:
                empty = _make_default("", facts, None)
                made = type(empty).__name__ if isinstance(empty, dict | list) else None
                assert names.get(str(node.container)) == made, (name, path)
    assert len(seen) > 1000


@pytest.mark.oracle
def test_facts_of_classes_as_the_reference_has_them(reference: Any) -> None:
    from stdatamodels.jwst.datamodels.model_base import DefaultDQMixin, DefaultErrMixin

    for name, cls in reference.classes.items():
        model = mapping.model(name)
        assert model.no_asdf == issubclass(cls, reference.classes["ReferenceFileModel"]), name
        assert model.default_dq == issubclass(cls, DefaultDQMixin), name
        assert model.default_err == issubclass(cls, DefaultErrMixin), name
        assert model.schema_url == cls.schema_url, name
        data = reference.schemas[name]["properties"].get("data", {})
        if "get_primary_array_name" not in model.hooks:
            assert model.primary_array == ("data" if "default" in data else ""), name
        hdus = {facts.get("fits_hdu") for _, facts in walk_reference(reference.schemas[name])}
        assert model.hdu_names == {"PRIMARY", *filter(None, hdus)}, name
