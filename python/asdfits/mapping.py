"""Which place in a tree belongs to which place in a FITS file, for each model class.

All of it is read from ``mapping.asdf``, which ``tools/compile_mapping.py`` makes from
the schemas of stdatamodels: 143 classes over some 1700 shared nodes. The file is parsed
on first use; nodes are made when something asks for them, once, and never change.

>>> from asdfits import mapping
>>> image = mapping.model("ImageModel")
>>> image.find(["meta", "exposure", "type"]).keyword
'EXP_TYPE'
>>> [row.dotted for row in image.keywords if row.keyword == "EXP_TYPE"]
['meta.exposure.type']
>>> [(row.dotted, row.hdu) for row in image.arrays][:2]
[('data', 'SCI'), ('dq', 'DQ')]

HDU names and keywords are upper-cased wherever they serve as a key, because FITS
compares them without case and some schemas spell them otherwise.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, NamedTuple

__all__ = [
    "ITEM",
    "NUMPY_CODES",
    "ArrayLeaf",
    "Column",
    "Keyword",
    "ListLeaf",
    "ModelSchema",
    "SchemaNode",
    "class_names",
    "is_class",
    "is_subclass",
    "model",
    "table_version",
]

FORMAT: Final = 2

ITEM: Final = "*"
"""Stands in a path for the position in a list: ``("slits", ITEM, "name")``."""

TreePath = tuple[str, ...]

# Words of a node that say where and how a value is kept, not which values are valid.
_NO_RULE: Final = frozenset(
    {
        "fits_keyword",
        "fits_hdu",
        "datatype",
        "ndim",
        "max_ndim",
        "default",
        "allow_extra_columns",
        "title",
        "comment",
    }
)
_COMBINERS: Final = ("allOf", "anyOf", "oneOf")
_NESTED: Final = frozenset({*_COMBINERS, "properties", "items"})

NUMPY_CODES: Final = {
    "bool8": "?",
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "float16": "f2",
    "float32": "f4",
    "float64": "f8",
    "complex64": "c8",
    "complex128": "c16",
    "ascii": "S",
    "ucs4": "U",
}
"""Datatypes of the ASDF standard -> numpy type codes, without byte order."""

DtypeSpec = str | list[tuple[str, str] | tuple[str, str, tuple[int, ...]]]


def class_names() -> tuple[str, ...]:
    """Return the names of all model classes, sorted."""
    return tuple(_table().classes)


def is_class(name: object) -> bool:
    """Tell whether `name` is the name of a model class."""
    return isinstance(name, str) and name in _table().classes


def table_version() -> str:
    """Return the version of stdatamodels from which the table was made."""
    return _table().version


def model(name: str) -> ModelSchema:
    """Return the schema of the model class `name`.

    Raises
    ------
    KeyError
        No class has this name; see `class_names`.
    """
    table = _table()
    found = table.models.get(name)
    if found is None:
        found = table.models.setdefault(name, ModelSchema(table, name, _whole(table.classes[name])))
    return found


def is_subclass(name: str, base: str) -> bool:
    """Tell whether class `name` is `base` or inherits from it."""
    return name == base or base in model(name).bases


class Column(NamedTuple):
    """One column that the schema of a table asks for."""

    name: str
    datatype: str
    """Name of the element type, as in the ASDF standard: ``float32``, ``ascii``."""
    length: int | None
    """Number of characters of a text column."""
    shape: tuple[int, ...] | None
    """Shape of one cell; None if the schema leaves it open."""
    ndim: int | None
    max_ndim: int | None
    unit: str | None


class Keyword(NamedTuple):
    """A scalar of the tree that is also a header card."""

    path: TreePath
    hdu: str
    """Upper-cased name of the HDU; ``PRIMARY`` if the schema names none."""
    keyword: str
    """As the schema spells it, which can be in lower case."""
    node: SchemaNode
    in_list: bool
    """Whether the EXTVER of the HDU counts the items of a list on the path."""

    @property
    def dotted(self) -> str:
        """The path as text: ``meta.exposure.type``, ``slits.*.name``."""
        return ".".join(self.path)


class ArrayLeaf(NamedTuple):
    """An array of the tree that is also the data of an HDU."""

    path: TreePath
    hdu: str
    """Upper-cased name of the HDU."""
    node: SchemaNode
    in_list: bool
    """Whether the EXTVER of the HDU counts the items of a list on the path."""

    @property
    def dotted(self) -> str:
        """The path as text: ``data``, ``slits.*.data``."""
        return ".".join(self.path)


class ListLeaf(NamedTuple):
    """A list whose item `i` stands in the HDUs with EXTVER `i` + 1."""

    path: TreePath
    node: SchemaNode

    @property
    def dotted(self) -> str:
        """The path as text: ``slits``."""
        return ".".join(self.path)


class SchemaNode:
    """What a schema says about one place in a tree; shared by all places of which it says the same.

    Attributes
    ----------
    type : str or None
        ``object``, ``array`` (a list), ``string``, ``number``, ``integer``, ``boolean``.
        Data arrays mostly have none.
    keyword, hdu : str or None
        The header card and the HDU, as the schema spells them.
    is_array : bool
        Whether this is the place of a data array.
    number : int
        Number of the node in the table.
    """

    __slots__ = (
        "_properties",
        "_raw",
        "_rules",
        "_table",
        "hdu",
        "is_array",
        "keyword",
        "number",
        "type",
    )

    def __init__(self, table: _Table, number: int) -> None:
        raw = _whole(table.nodes[number])
        get = raw.get
        self._table = table
        self._raw: dict[str, Any] = raw
        self._properties: Mapping[str, SchemaNode] | None = None
        self._rules: tuple[tuple[str, Any], ...] | None = None
        self.number = number
        self.type: str | None = get("type")
        self.keyword: str | None = get("fits_keyword")
        self.hdu: str | None = get("fits_hdu")
        self.is_array: bool = "datatype" in raw or "ndim" in raw or "max_ndim" in raw

    def __repr__(self) -> str:
        raw = self._raw
        facts = [
            f"{key}={raw[key]!r}" for key in ("type", "fits_hdu", "fits_keyword") if key in raw
        ]
        return f"<SchemaNode {self.number} {' '.join(facts)}>".replace(" >", ">")

    @property
    def properties(self) -> Mapping[str, SchemaNode] | None:
        """The named children in the order of the schema; None if the schema names none."""
        if self._properties is None:
            text = self._raw.get("properties")
            if text is None:
                return None
            pairs = (pair.split(":") for pair in text.split())
            node = self._table.node
            self._properties = MappingProxyType({name: node(int(number)) for name, number in pairs})
        return self._properties

    @property
    def items(self) -> SchemaNode | None:
        """The schema of every item of a list; None if there is none or one for each position."""
        return self.item(0) if isinstance(self._raw.get("items"), int) else None

    @property
    def positional_items(self) -> tuple[SchemaNode, ...]:
        """The schemas of the first items of a list, where each position has its own."""
        numbers = self._raw.get("items")
        return tuple(map(self._table.node, numbers)) if isinstance(numbers, list) else ()

    @property
    def enum(self) -> tuple[Any, ...] | None:
        """The values allowed here, or None."""
        number = self._raw.get("enum")
        return None if number is None else self._table.enum(number)

    @property
    def datatype(self) -> str | tuple[Column, ...] | None:
        """The element type of an image by its ASDF name, or the columns of a table."""
        datatype = self._raw.get("datatype")
        return self._table.columns(datatype) if isinstance(datatype, int) else datatype

    @property
    def dtype_spec(self) -> DtypeSpec | None:
        """What `numpy.dtype` takes for `datatype`, in native byte order.

        Cells whose shape the schema leaves open count as scalars.
        """
        datatype = self.datatype
        if datatype is None:
            return None
        if isinstance(datatype, str):
            return NUMPY_CODES[datatype]
        spec: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
        for column in datatype:
            code = f"{NUMPY_CODES[column.datatype]}{column.length or ''}"
            spec.append(
                (column.name, code) if column.shape is None else (column.name, code, column.shape)
            )
        return spec

    @property
    def ndim(self) -> int | None:
        """Number of dimensions that a data array must have."""
        return self._raw.get("ndim")

    @property
    def max_ndim(self) -> int | None:
        """Number of dimensions that a data array may have at most."""
        return self._raw.get("max_ndim")

    @property
    def allow_extra_columns(self) -> bool:
        """Whether a table may have more columns than the schema names."""
        return bool(self._raw.get("allow_extra_columns", False))

    @property
    def tag(self) -> str | None:
        """Pattern of the ASDF tags that a value may have."""
        return self._raw.get("tag")

    @property
    def title(self) -> str | None:
        """The schema's title. The compiled table has none, but a schema in JSON may."""
        return self._raw.get("title")

    @property
    def comment(self) -> str | None:
        """What a card says of itself: the first line of the title, or of the description."""
        return self._raw.get("comment")

    @property
    def default(self) -> Any:
        """The schema's default; None if it gives none."""
        return self._raw.get("default")

    @property
    def has_default(self) -> bool:
        """Whether the schema gives a default."""
        return "default" in self._raw

    @property
    def rules(self) -> tuple[tuple[str, Any], ...] | None:
        """The words that restrict values, each with its argument; None if any value will do.

        Schemas inside an argument are nodes: one, a tuple, or a mapping.
        """
        if self._rules is None:
            # A reference to another schema replaces all other words (draft 4). The few there are
            # lead into schemas of transforms, which the table does not have.
            raw = {} if "$ref" in self._raw else self._raw
            self._rules = tuple(
                (key, self._argument(key, value))
                for key, value in raw.items()
                if key not in _NO_RULE
            )
        return self._rules or None

    def _argument(self, key: str, value: Any) -> Any:
        node = self._table.node
        if key == "properties":
            return self.properties
        if key == "enum":
            return self.enum
        if key == "items":
            return self.items or self.positional_items
        if key in _COMBINERS:
            return tuple(map(node, value))
        if key == "patternProperties":
            return {pattern: node(number) for pattern, number in value.items()}
        if key == "additionalProperties" and not isinstance(value, bool):
            return node(value)
        return value

    @property
    def container(self) -> str | None:
        """``object`` or ``array`` if an absent value reads as an empty dict or list here.

        Alternatives count only where all of them and the node agree on the type.
        """
        if self.is_array or self.has_default:
            return None
        types = set(self.types())
        found = types.pop() if len(types) == 1 else None
        return found if found in ("object", "array") else None

    def types(self) -> Iterator[str]:
        """Yield the JSON types that a value may have here, those of alternatives included."""
        if self.type is not None:
            yield self.type
        if "anyOf" in self._raw or "allOf" in self._raw:
            for _, child in self.children():
                yield from child.types()

    def child(self, name: str) -> SchemaNode | None:
        """Return the schema of the property `name`, also when only an alternative has it."""
        properties = self.properties
        if properties is not None and name in properties:
            return properties[name]
        for combiner in ("allOf", "anyOf"):
            for number in self._raw.get(combiner, ()):
                found = self._table.node(number).child(name)
                if found is not None:
                    return found
        return None

    def item(self, index: int) -> SchemaNode | None:
        """Return the schema of the list item at `index`."""
        numbers = self._raw.get("items")
        if isinstance(numbers, list):
            return self._table.node(numbers[index]) if index < len(numbers) else None
        return None if numbers is None else self._table.node(numbers)

    def children(self) -> Iterator[tuple[str | None, SchemaNode]]:
        """Yield (path part or None, child) in the order of the reference's walk."""
        raw, node = self._raw, self._table.node
        for number in raw.get("allOf", ()):
            yield None, node(number)
        for combiner in ("anyOf", "oneOf"):
            for number in raw.get(combiner, ()):
                yield combiner, node(number)
        if self.type == "object":
            yield from (self.properties or {}).items()
        elif self.type == "array" and "items" in raw:
            numbers = raw["items"]
            for number in numbers if isinstance(numbers, list) else (numbers,):
                yield ITEM, node(number)


class ModelSchema:
    """The schema of one model class, and how it maps to FITS.

    Attributes
    ----------
    name : str
        Name of the class, which is also its ``meta.model_type``.
    bases : tuple of str
        The classes it inherits from, nearest first.
    root : SchemaNode
        Schema of the whole tree.
    schema_url : str
        Identifier of the schema that the class names.
    primary_array : str
        Name of the array that gives the others their shape; empty if there is none.
    no_asdf : bool
        FITS files of this class have no ASDF extension (reference files).
    no_fits : bool
        The class cannot be written to FITS.
    default_dq, default_err : bool
        A model with a primary array also gets the array ``dq`` or ``err``.
    deprecated : bool
        The reference warns when such a model is made.
    reftype : str or None
        The ``meta.reftype`` that the class sets.
    initial : dict
        Dotted path -> value that a model made from nothing starts with, apart from
        ``meta.date`` and ``meta.model_type``.
    hooks : tuple of str
        Names of what the class itself defines in the reference: where to look for
        behaviour that is not in the schema.
    observatory : str
        Name of the observatory for the selection of reference files.
    """

    def __init__(self, table: _Table, name: str, facts: Mapping[str, Any]) -> None:
        get = facts.get
        self.name = name
        self.root = table.node(facts["root"])
        self.bases: tuple[str, ...] = tuple(get("bases", ()))
        self.schema_url: str = facts["schema_url"]
        self.primary_array: str = get("primary_array", "")
        self.no_asdf: bool = get("no_asdf", False)
        self.no_fits: bool = get("no_fits", False)
        self.default_dq: bool = get("default_dq", False)
        self.default_err: bool = get("default_err", False)
        self.deprecated: bool = get("deprecated", False)
        self.reftype: str | None = get("reftype")
        self.initial: Mapping[str, Any] = MappingProxyType(get("initial", {}))
        self.hooks: tuple[str, ...] = tuple(get("hooks", ()))
        self.observatory = table.observatory

    def __repr__(self) -> str:
        return f"<ModelSchema {self.name}>"

    def find(self, path: Sequence[str | int]) -> SchemaNode | None:
        """Return the schema at `path`, or None if the schema does not know the place.

        Parameters
        ----------
        path
            Names of properties and positions in lists; `ITEM` is any position.
        """
        node: SchemaNode | None = self.root
        for part in path:
            if node is None:
                return None
            if isinstance(part, int):
                node = node.item(part)
            else:
                node = node.item(0) if part == ITEM else node.child(part)
        return node

    def walk(self) -> Iterator[tuple[TreePath, SchemaNode]]:
        """Yield (path, node) for every place of the schema, in the order of the reference.

        Alternatives have the part ``anyOf`` or ``oneOf`` in their path.
        """
        return _walk(self.root, ())

    @cached_property
    def _rows(self) -> _Rows:
        rows = _Rows([], [], [])
        _collect(self.root, (), rows, in_list=False)
        return rows

    @cached_property
    def keywords(self) -> tuple[Keyword, ...]:
        """All header cards of the model, in the order of the schema."""
        return tuple(self._rows.keywords)

    @cached_property
    def arrays(self) -> tuple[ArrayLeaf, ...]:
        """All arrays that have an HDU, in the order of the schema."""
        return tuple(self._rows.arrays)

    @cached_property
    def lists(self) -> tuple[ListLeaf, ...]:
        """The lists whose items are told apart by EXTVER."""
        return tuple(self._rows.lists)

    @cached_property
    def hdu_names(self) -> frozenset[str]:
        """``PRIMARY`` and every HDU name in the schema, as the schema spells it."""
        return frozenset({"PRIMARY", *(node.hdu for _, node in self.walk() if node.hdu)})


class _Rows(NamedTuple):
    keywords: list[Keyword]
    arrays: list[ArrayLeaf]
    lists: list[ListLeaf]


def _walk(node: SchemaNode, path: TreePath) -> Iterator[tuple[TreePath, SchemaNode]]:
    yield path, node
    for part, child in node.children():
        yield from _walk(child, path if part is None else (*path, part))


def _collect(node: SchemaNode, path: TreePath, rows: _Rows, *, in_list: bool) -> None:
    """Add what maps to FITS at `node` and below to `rows`.

    The order of the tests is the reference's: a keyword hides an array. Items count
    by EXTVER only if something inside the list names an HDU; other lists are entered
    once, and a keyword inside would belong to the list as a whole.
    """
    if node.keyword is not None:
        hdu = "PRIMARY" if node.hdu is None else node.hdu.upper()
        rows.keywords.append(Keyword(path, hdu, node.keyword, node, in_list))
    elif node.hdu is not None and node.is_array:
        rows.arrays.append(ArrayLeaf(path, node.hdu.upper(), node, in_list))
    if node._raw.keys().isdisjoint(_NESTED):
        return  # nearly all nodes: the generator below would cost more than all the rest
    for part, child in node.children():
        if part is ITEM and _names_hdu(node):
            rows.lists.append(ListLeaf(path, node))
            _collect(child, (*path, part), rows, in_list=True)
        else:
            below = path if part is None else (*path, part)
            _collect(child, below, rows, in_list=in_list)


def _names_hdu(node: SchemaNode) -> bool:
    return any(each.hdu is not None for _, each in _walk(node, ()))


class _Table:
    """The file as read, with the nodes that were asked for.

    Nodes enter through ``setdefault``, which is atomic: two threads that ask for the
    same node get the same object.
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        if raw["format"] != FORMAT:
            raise ValueError(f"mapping.asdf has format {raw['format']}, this code reads {FORMAT}")
        self.version: str = raw["stdatamodels"]
        self.observatory: str = raw["observatory"]
        # Entries are plain values, or parts of the file that are read when they are asked for.
        self.classes: dict[str, Any] = _entries(raw["classes"])
        self.nodes: list[Any] = _entries(raw["nodes"])
        self.models: dict[str, ModelSchema] = {}
        self._raw_enums: list[Any] = _entries(raw["enums"])
        self._raw_columns: list[Any] = _entries(raw["datatypes"])
        self._nodes: dict[int, SchemaNode] = {}
        self._enums: dict[int, tuple[Any, ...]] = {}
        self._columns: dict[int, tuple[Column, ...]] = {}

    def node(self, number: int) -> SchemaNode:
        found = self._nodes.get(number)
        if found is None:
            found = self._nodes.setdefault(number, SchemaNode(self, number))
        return found

    def enum(self, number: int) -> tuple[Any, ...]:
        found = self._enums.get(number)
        if found is None:
            found = self._enums.setdefault(number, tuple(_whole(self._raw_enums[number])))
        return found

    def columns(self, number: int) -> tuple[Column, ...]:
        found = self._columns.get(number)
        if found is None:
            columns = tuple(map(_column, _whole(self._raw_columns[number])))
            found = self._columns.setdefault(number, columns)
        return found


def _entries(part: Any) -> Any:
    """A dict or list of the table, its entries unread."""
    return part.content({}, lazy=True) if hasattr(part, "content") else part


def _whole(entry: Any) -> Any:
    """An entry of the table as a plain value."""
    return entry.content({}) if hasattr(entry, "content") else entry


def _column(raw: Mapping[str, Any]) -> Column:
    datatype, length = raw["datatype"], None
    if isinstance(datatype, list):
        datatype, length = datatype
    shape = raw.get("shape")
    return Column(
        name=raw["name"],
        datatype=datatype,
        length=length,
        shape=None if shape is None else tuple(shape),
        ndim=raw.get("ndim"),
        max_ndim=raw.get("max_ndim"),
        unit=raw.get("unit"),
    )


_lock: Final = threading.Lock()
_loaded: _Table | None = None


def _table() -> _Table:
    global _loaded
    if _loaded is None:
        from asdfits._core import Product

        with _lock:
            if _loaded is None:
                file = os.path.join(os.path.dirname(__file__), "mapping.asdf")
                _loaded = _Table(Product.open(file).tree(None, {}, lazy=True))
    return _loaded
