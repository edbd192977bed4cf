from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import arrays
from asdfits.arrays import Table
from asdfits.errors import MissingExtraError, UnsupportedError


def table(rows: int = 3) -> Table:
    """Return a big-endian table of every kind of column, as a file has it."""
    values = np.zeros(
        rows,
        [
            ("flux", ">f4"),
            ("count", ">u8"),
            ("name", "S5"),
            ("good", "?"),
            ("cell", ">i2", (2, 3)),
            ("words", "S3", (2,)),
            ("none", ">f8", (0,)),
        ],
    )
    values["flux"] = np.arange(rows) / 2
    values["count"] = 2**63 + np.arange(rows, dtype="u8")
    values["name"] = [b"ab ", b"", b"xyz"][:rows]
    values["good"] = np.arange(rows) == 1
    values["cell"] = np.arange(rows * 6).reshape(rows, 2, 3)
    values["words"] = b"q "
    return arrays._table_from(values, {"flux": "Jy", "cell": "furlong2"})


def expected(name: str, rows: int = 3) -> list[Any]:
    found: list[Any] = table(rows)[name].tolist()
    return found


NAMES = ["flux", "count", "name", "good", "cell", "words", "none"]


@pytest.mark.parametrize("rows", [3, 0])
def test_astropy_gets_native_columns_with_units(rows: int) -> None:
    units = pytest.importorskip("astropy.units")
    found = table(rows).to_astropy()
    assert found.colnames == NAMES
    assert len(found) == rows
    for name in NAMES:
        assert found[name].tolist() == expected(name, rows)
        assert found[name].dtype.isnative
    assert found["flux"].unit == units.Jy
    assert str(found["cell"].unit) == "furlong2"
    assert found["count"].unit is None
    quantities = table(rows).to_astropy(quantities=True)
    assert isinstance(quantities["flux"], units.Quantity)
    assert quantities["flux"].unit == units.Jy


@pytest.mark.parametrize("rows", [3, 0])
def test_arrow_gets_lists_of_fixed_size(rows: int) -> None:
    arrow = pytest.importorskip("pyarrow")
    found = table(rows).to_arrow()
    assert found.column_names == NAMES
    assert found.num_rows == rows
    for name in NAMES:
        assert found[name].to_pylist() == expected(name, rows)
    kinds = [arrow.float32(), arrow.uint64(), arrow.string(), arrow.bool_()]
    kinds += [arrow.list_(arrow.list_(arrow.int16(), 3), 2), arrow.list_(arrow.string(), 2)]
    kinds += [arrow.list_(arrow.float64(), 0)]
    assert found.schema.types == kinds
    assert found.field("flux").metadata == {b"unit": b"Jy"}
    assert found.field("good").metadata is None
    found.validate(full=True)


@pytest.mark.parametrize("rows", [3, 0])
def test_pandas_keeps_cells_that_are_arrays(rows: int) -> None:
    pytest.importorskip("pandas")
    found = table(rows).to_pandas()
    assert list(found) == NAMES
    assert len(found) == rows
    for name in NAMES:
        assert [np.asarray(cell).tolist() for cell in found[name]] == expected(name, rows)
    assert found["flux"].dtype == np.float32
    assert found["good"].dtype == bool
    assert found.attrs["units"] == {"flux": "Jy", "cell": "furlong2"}
    if rows:
        assert found["flux"].sum() == 1.5


@pytest.mark.parametrize("rows", [3, 0])
def test_polars_gets_arrays(rows: int) -> None:
    polars = pytest.importorskip("polars")
    found = table(rows).to_polars()
    assert found.columns == NAMES
    assert found.height == rows
    for name in NAMES:
        assert np.asarray(found[name].to_list()).tolist() == expected(name, rows)
    assert found.dtypes[:4] == [polars.Float32, polars.UInt64, polars.String, polars.Boolean]
    assert found.dtypes[4] == polars.Array(polars.Int16, (2, 3))
    assert found.dtypes[5] == polars.Array(polars.String, 2)


def test_what_is_made_shares_no_memory() -> None:
    pytest.importorskip("pyarrow")
    native = arrays._table_from(np.zeros(4, [("a", "f8")]), {})
    made = native.to_arrow()
    frame = pytest.importorskip("pandas") and native.to_pandas()
    native["a"] = 5
    assert made["a"].to_pylist() == [0] * 4
    assert frame["a"].tolist() == [0] * 4


def test_complex_columns_go_where_they_can() -> None:
    numbers = arrays._table_from(np.ones(2, [("z", ">c8")]), {})
    pytest.importorskip("pyarrow")
    with pytest.raises(UnsupportedError, match=r"column z: arrow has no column of complex64"):
        numbers.to_arrow()
    pytest.importorskip("polars")
    with pytest.raises(UnsupportedError, match="polars"):
        numbers.to_polars()
    pytest.importorskip("pandas")
    assert numbers.to_pandas()["z"].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["astropy", "pyarrow", "pandas", "polars"])
def test_a_package_that_is_not_there_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    if name == "astropy":
        monkeypatch.setitem(sys.modules, "astropy.table", None)
    method = {"pyarrow": "to_arrow"}.get(name, f"to_{name}")
    with pytest.raises(MissingExtraError, match=rf"{name}, which.*pip install 'asdfits\["):
        getattr(table(), method)()


def test_a_table_of_a_file_with_every_row(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    model = asdfits.SpecModel()
    rows = np.zeros(50, model.get_dtype("spec_table"))
    rows["WAVELENGTH"], rows["DQ"] = np.linspace(1, 5, 50), np.arange(50)
    model.spec_table = rows
    model.save(tmp_path / "x1d.fits")
    for native in (False, True):
        with asdfits.open(tmp_path / "x1d.fits", native=native) as model:
            found = model.spec_table.to_arrow()
            assert found["WAVELENGTH"].to_pylist() == np.linspace(1, 5, 50).tolist()
            assert found["DQ"].to_pylist() == list(range(50))
