"""Rows of a catalogue, batch by batch: from the core where it can, from a model where it must."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .. import io, mapping, migrate, opening, overlay
from .._core import FormatError, Scanner, UnsupportedError
from ..errors import MissingExtraError
from ..models import JwstDataModel
from ..models.nodes import Node, plain_time
from ..products import LEVELS, classify, parse
from ..products.content import EVIDENCE, judge
from ..remote import is_url, name_of
from .columns import Column, Type, pattern_of
from .entry import Entry

if TYPE_CHECKING:
    from .far import Fetched

__all__ = ["BATCH", "Rows", "arrow"]

BATCH: Final = 128
"""Files in a batch: what is in memory at a time, besides the files that are being read."""

_TRUNCATED: Final = "Truncated"

# What opening a file, or touching a value, may raise.
_OPENED = (OSError, FormatError, MissingExtraError, TypeError, ValueError, LookupError)


def arrow() -> Any:
    """Return pyarrow; only catalogues need it."""
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError as error:
        raise MissingExtraError(
            "catalogues are tables of pyarrow: pip install 'asdfits[arrow]'"
        ) from error
    return pyarrow


def field_type(type_: Type) -> Any:
    """Return the type that pyarrow has for a column."""
    pa = arrow()
    return {
        "text": pa.string,
        "integer": pa.int64,
        "float": pa.float64,
        "logical": pa.bool_,
        "time": partial(pa.timestamp, "us", tz="UTC"),
    }[type_]()


class _Scan(NamedTuple):
    """What the core says of some files; files and columns by their number."""

    size: Any
    modified: Any
    columns: list[Any]
    faults: dict[int, str]
    warnings: dict[int, list[str]]
    unsettled: list[int]
    far: dict[int, Fetched]


class Rows:
    """Makes the rows of files.

    Parameters
    ----------
    columns
        What the rows have.
    jobs
        Threads that read files.
    options
        For URLs, as in `asdfits.open`.
    """

    def __init__(
        self, columns: Sequence[Column], jobs: int, options: Mapping[str, Any] | None = None
    ) -> None:
        self.columns = columns
        self.jobs = jobs
        self.options = options
        self.schema = arrow().schema([(c.name, field_type(c.type)) for c in columns])
        # The class is asked for in any case, as it says whether there is one.
        asked = [column for column in columns if column.kind == "file" and column.word != "class"]
        self._asked = [Column("class", "file", "class", (), "text"), *asked]
        self._places = {column.name: place for place, column in enumerate(self._asked)}
        self._scanner = Scanner([(c.word, list(c.words), c.type) for c in self._asked])
        words = [("card", ["PRIMARY", key], "text") for key in EVIDENCE if key != "HDRTAB"]
        words = [(w, k, "logical" if k[1] == "TSOVISIT" else t) for w, k, t in words]
        self._evidence = Scanner([*words, ("count", ["HDRTAB"], "integer")])

    def batches(self, files: Iterable[Entry]) -> Iterator[tuple[Any, list[Entry]]]:
        """Yield a record batch for each `BATCH` files, in their order, and the files."""
        files = iter(files)
        # The core reads the next files while the rows of these are put together.
        with ThreadPoolExecutor(1) as ahead:
            pending = None
            while True:
                chunk = list(islice(files, BATCH))
                following = (chunk, ahead.submit(self._scan, chunk)) if chunk else None
                if pending is not None:
                    yield self._batch(pending[0], pending[1].result()), pending[0]
                if following is None:
                    return
                pending = following

    # -- what the core says ------------------------------------------------------------------

    def _scan(self, chunk: Sequence[Entry]) -> _Scan:
        paths = [entry.path for entry in chunk]
        fetched: dict[int, Fetched] = {}
        if any(is_url(path) for path in paths):
            from .far import fetch  # most files are near

            fetched = fetch(chunk, self.options)
        far = {number: each[:3] for number, each in fetched.items()}
        answer = self._scanner.run(paths, self.jobs, self._plan, far)
        size, modified, columns, faults, notes, guessed, unsettled, unfit = answer
        scan = _Scan(
            _array(size, "integer", len(chunk)),
            _array(modified, "time", len(chunk)),
            [
                _array(buffers, column.type, len(chunk))
                for buffers, column in zip(columns, self._asked, strict=True)
            ],
            {number: _fault(kind, errno, text) for number, kind, errno, text in faults},
            {},
            unsettled,
            fetched,
        )
        for number, text in notes:
            scan.warnings.setdefault(number, []).append(text)
        for number, each in fetched.items():
            if each.fault is not None:
                scan.faults[number] = _words(each.fault, paths[number])
        for number in guessed:
            name = scan.columns[0][number].as_py()
            if name is None:
                scan.faults.setdefault(number, f"TypeError: {opening.no_guess(5)}")
            else:
                scan.warnings.setdefault(number, []).append(f"no class is named; opens as {name}")
        for number, place in unfit:
            column = self._asked[place]
            text = f"{column.name}: the value is no {column.type}; left out"
            scan.warnings.setdefault(number, []).append(text)
        for number, entry in enumerate(chunk):
            if entry.fault is not None:
                scan.faults[number] = _words(entry.fault, entry.path)
        return scan

    def _plan(self, key: Any) -> Any:
        """What a name or a guess stands for: the class, its keywords, the columns that they are for."""
        if isinstance(key, str):
            name = key if mapping.is_class(key) else None
        else:
            is_fits, dimensions, quality, reference, second = key
            name = opening.guess(
                is_fits,
                dimensions,
                has_quality=quality,
                is_reference=reference,
                has_second=second,
            )
        if name is None:
            return None
        schema = mapping.model(name)
        wanted: dict[tuple[str, ...], list[tuple[int, int | None]]] = {}
        for place, column in enumerate(self._asked):
            if column.word == "path":
                pattern, item = pattern_of(column.words)
                wanted.setdefault(pattern, []).append((place, item))
        keywords, targets = [], []
        for row in schema.keywords:
            found = wanted.get(row.path)
            if found is not None:
                keywords.append(overlay.keyword_row(row))
                targets.append([(place, item if row.in_list else None) for place, item in found])
        odd = sorted(migrate.completed_hdus(schema))
        return name, keywords, targets, odd, overlay.LONGEST

    # -- rows --------------------------------------------------------------------------------

    def _batch(self, chunk: Sequence[Entry], scan: _Scan) -> Any:
        pa = arrow()
        opened = self._opened(chunk, scan)
        made: dict[str, Any] = {
            "path": [entry.path for entry in chunk],
            "size": scan.size,
            "mtime": scan.modified,
            **self._of_names(chunk, scan),
        }
        for column in self.columns:
            if column.kind == "file":
                values = scan.columns[self._places[column.name]]
                made[column.name] = _patched(values, opened.get(column.name, {}))
            elif column.kind == "model":
                patches = opened.get(column.name, {})
                made[column.name] = [patches.get(number) for number in range(len(chunk))]
        made["error"] = [scan.faults.get(number) for number in range(len(chunk))]
        made["warnings"] = [
            "; ".join(scan.warnings[number]) if number in scan.warnings else None
            for number in range(len(chunk))
        ]
        arrays = []
        for field in self.schema:
            values = made[field.name]
            is_made = isinstance(values, pa.Array)
            arrays.append(values if is_made else pa.array(values, field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _of_names(self, chunk: Sequence[Entry], scan: _Scan) -> dict[str, list[Any]]:
        """The columns that the names give, and what the products are."""
        facts = [column for column in self.columns if column.kind == "name"]
        kinds = [column for column in self.columns if column.kind == "product"]
        if not facts and not kinds:
            return {}
        # One of a kind is looked up once: there are few kinds, and many files.
        levels: dict[tuple[str, str], tuple[bool, str | None]] = {}
        pick = attrgetter("family", "suffix", *(column.word for column in facts))
        nothing = (None,) * len(facts)
        rows, found, open_ = [], [], []
        for number, entry in enumerate(chunk):
            try:
                product = parse(name_of(entry.path))
            except ValueError:
                rows.append(nothing)
                is_known, level = False, None
            else:
                family, suffix, *values = pick(product)
                rows.append(tuple(values))
                if (family, suffix) not in levels:
                    levels[family, suffix] = (product.product_type is not None, product.level)
                is_known, level = levels[family, suffix]
            found.append(level)
            if not is_known and number not in scan.faults:
                open_.append(number)
        made: dict[str, list[Any]] = {}
        for place, column in enumerate(facts):
            made[column.name] = [row[place] for row in rows]
        if kinds and open_:
            for number, level in self._judged(chunk, open_, scan.far):
                found[number] = level
        for column in kinds:
            made[column.name] = [_of_level(column.word, level) for level in found]
        return made

    def _judged(
        self, chunk: Sequence[Entry], numbers: list[int], fetched: Mapping[int, Fetched]
    ) -> Iterator[tuple[int, str | None]]:
        """Yield (number, level) of files whose names say nothing, by what is in them."""
        paths = [chunk[number].path for number in numbers]
        places = enumerate(numbers)
        far = {place: fetched[number][:3] for place, number in places if number in fetched}
        answer = self._evidence.run(paths, self.jobs, lambda _: None, far)
        types: list[Type] = ["logical" if key == "TSOVISIT" else "text" for key in EVIDENCE[:-1]]
        arrays = [
            _array(buffers, type_, len(paths)).to_pylist()
            for buffers, type_ in zip(answer[2], [*types, "integer"], strict=True)
        ]
        for place, number in enumerate(numbers):
            values = {key: array[place] for key, array in zip(EVIDENCE, arrays, strict=True)}
            if name_of(paths[place]).endswith(".asdf"):
                try:
                    kind = classify(_opened(paths[place], self.options))
                except _OPENED:
                    kind = None
            else:
                values["HDRTAB"] = values["HDRTAB"] or None
                kind = judge(name_of(paths[place]), values.get)
            yield number, None if kind is None else kind.level

    # -- what only a model knows ---------------------------------------------------------------

    def _opened(self, chunk: Sequence[Entry], scan: _Scan) -> dict[str, dict[int, Any]]:
        """Values that are taken from a model: column -> number of the file -> value."""
        always = [column for column in self.columns if column.kind == "model"]
        unsettled = set(scan.unsettled)
        # A file that is cut short opens; one with another fault does not.
        lost = {n for n, fault in scan.faults.items() if not fault.startswith(_TRUNCATED)}
        found: dict[str, dict[int, Any]] = {}
        for number in sorted((unsettled.union(range(len(chunk))) if always else unsettled) - lost):
            columns = always
            if number in unsettled:
                columns = [column for column in self.columns if column.word in ("path", "hash")]
                columns = [*(column for column in columns if column.kind == "file"), *always]
            notes = scan.warnings.pop(number, [])
            try:
                values = _looked_up(chunk[number].path, self.options, columns, notes)
            except _OPENED as error:
                scan.faults.setdefault(number, _words(error, chunk[number].path))
                values = {}
            for name, value in values.items():
                found.setdefault(name, {})[number] = value
            if notes:
                scan.warnings[number] = list(dict.fromkeys(notes))
        return found


def _array(buffers: tuple[bytes, bytes, bytes], type_: Type, length: int) -> Any:
    pa = arrow()
    validity, offsets, data = map(pa.py_buffer, buffers)
    parts = [validity, offsets, data] if type_ == "text" else [validity, data]
    return pa.Array.from_buffers(field_type(type_), length, parts)


def _patched(values: Any, patches: Mapping[int, Any]) -> Any:
    if not patches:
        return values
    plain = values.to_pylist()
    for number, value in patches.items():
        plain[number] = value
    return arrow().array(plain, values.type)


def _of_level(word: str, level: str | None) -> Any:
    if level is None or word == "level":
        return level
    return getattr(LEVELS[level], word)


def _opened(path: str, options: Mapping[str, Any] | None) -> JwstDataModel:
    return io.open(path, storage_options=options if is_url(path) else None)


def _looked_up(
    path: str, options: Mapping[str, Any] | None, columns: Sequence[Column], notes: list[str]
) -> dict[str, Any]:
    """Return the values of columns as the model has them; what is odd is added to `notes`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _opened(path, options) as model:
            values = {column.name: _value(model, column, notes) for column in columns}
    for warning in caught:
        text = str(warning.message).removeprefix(f"{path}: ").partition("\n")
        notes.append(" ".join("".join(text).split()))
    return values


def _value(model: JwstDataModel, column: Column, notes: list[str]) -> Any:
    if column.word == "hash":
        return _hash(model)
    path = ".".join(column.words)
    try:
        value = plain_time(model[path])
    except KeyError:
        return None
    except _OPENED as error:
        notes.append(f"{column.name}: {error}")
        return None
    # A model without a date gets that of now.
    if path == "meta.date" and model.provenance(path).layer == "user":
        return None
    return _fitting(value, column, notes)


def _fitting(value: Any, column: Column, notes: list[str]) -> Any:
    """Return a value as what the column holds; None where it is none."""
    if isinstance(value, Node):
        value = value.instance
        return json.dumps(value, default=_described) if value else None
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=_described)
    if value is None:
        return None
    if column.type == "text":
        return value if isinstance(value, str) else _described(value)
    if column.type == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if column.type == "integer" and isinstance(value, (int, float)) and value == int(value):
        return None if isinstance(value, bool) else int(value)
    if column.type == "logical" and isinstance(value, bool):
        return value
    notes.append(f"{column.name}: the value is no {column.type}; left out")
    return None


def _described(value: Any) -> str:
    """A value that is no text, as text; an array by its type and shape."""
    if isinstance(value, np.ndarray):
        kind = "table" if value.dtype.names else value.dtype.name
        return f"{kind} {'x'.join(map(str, value.shape))}"
    plain = (bool, int, float, complex, str, bytes, datetime.date)
    return (
        str(value)
        if isinstance(value, plain)
        else f"<{getattr(value, 'tag', type(value).__name__)}>"
    )


def _hash(model: JwstDataModel) -> str | None:
    file = model._file
    if file is None or file.product.asdf is None:
        return None
    tree = file.tree()
    if tree.get(overlay.HASH) is None:
        return "absent"
    return "matches" if overlay.is_current(file, tree, type(model).__name__) else "differs"


def _fault(kind: str, errno: int | None, message: str) -> str:
    """What is wrong with a file, by the name of the exception that opening it raises."""
    if kind == "system":
        return f"{type(OSError(errno, message)).__name__}: {message}"
    names = {"truncated": _TRUNCATED, "unsupported": UnsupportedError.__name__}
    return f"{names.get(kind, FormatError.__name__)}: {message}"


def _words(error: BaseException, path: str) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{type(error).__name__}: {' '.join(text.removeprefix(f'{path}: ').split())}"
