"""Arrays and tables of many files: what Dask computes is what the models have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

import asdfits
from asdfits import arrays, bulk
from asdfits.bulk import lazy
from bulk_checks import names_in_full, products
from conftest import real_files

pytest.importorskip("dask.array")

FILES = real_files()
real = pytest.mark.skipif(not FILES, reason="real products are absent; set ASDFITS_DATA")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three images, each with pixels of its own."""
    paths = names_in_full(products(tmp_path / "in", 3))
    for number, path in enumerate(paths):
        with asdfits.open(path) as model:
            model.data = model.data + number
            model.save(path, durable=False)
    return paths


@pytest.fixture
def cubes(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(1)
    paths = []
    for number in range(2):
        model = asdfits.RampModel(rng.random((2, 3, 5, 7)).astype("f4"))
        paths.append(Path(model.save(tmp_path / f"{number}_ramp.fits", durable=False)))
    return paths


@pytest.fixture
def spectra(tmp_path: Path) -> list[Path]:
    """Three files of two spectra, of 4, 5 and 6 points."""
    paths = []
    for number in range(3):
        model = asdfits.MultiSpecModel()
        for each in range(2):
            columns = asdfits.SpecModel()._model.root.child("spec_table").datatype
            table = np.zeros(4 + number, [(name, kind) for name, kind, *_ in columns])
            table["WAVELENGTH"] = np.arange(len(table)) + 10 * each
            table["FLUX"] = number
            model.spec.append({"spec_table": table, "name": f"S{each}"})
        paths.append(Path(model.save(tmp_path / f"{number}_x1d.fits", durable=False)))
    return paths


# -- arrays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("path", ["data", "dq", "err"])
def test_an_array_of_files_is_what_the_models_have(
    images: list[Path], path: str, native: bool
) -> None:
    stacked = bulk.stack(images, path, native=native)
    wanted = [asdfits.open(file)[path] for file in images]
    assert stacked.shape == (3, *wanted[0].shape)
    assert stacked.chunks == ((1, 1, 1), *((size,) for size in wanted[0].shape))
    dtype = wanted[0].dtype.newbyteorder("=") if native else wanted[0].dtype
    computed = stacked.compute()
    assert computed.dtype == stacked.dtype == dtype
    assert np.array_equal(computed, np.array(wanted))
    cut = stacked[1:, 3:5, 7].compute()
    assert np.array_equal(cut, np.array(wanted)[1:, 3:5, 7])
    assert np.allclose(stacked.mean(axis=0).compute(), np.mean(wanted, axis=0))


def test_planes_are_chunks_of_their_own(cubes: list[Path]) -> None:
    stacked = bulk.stack(cubes, planes=True)
    assert stacked.chunks == ((1, 1), (1, 1), (1, 1, 1), (5,), (7,))
    wanted = np.array([asdfits.open(file).data for file in cubes])
    assert np.array_equal(stacked.compute(), wanted)
    assert np.array_equal(stacked[1, 0, 2].compute(), wanted[1, 0, 2])
    assert bulk.stack(cubes).numblocks == (2, 1, 1, 1, 1)


def test_making_it_reads_headers_alone(images: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("an array was made")

    with monkeypatch.context() as patch:
        patch.setattr(arrays, "hdu_array", read)
        patch.setattr(asdfits.Section, "__getitem__", read)
        stacked = bulk.stack(images)
    assert stacked.compute().shape == (3, 24, 32)


def test_a_chunk_reads_its_file_alone(images: list[Path]) -> None:
    stacked = bulk.stack(images)
    images[0].unlink()
    assert stacked[1:].compute().shape == (2, 24, 32)
    with pytest.raises(FileNotFoundError):
        stacked[0].compute()


def test_compressed_images(tmp_path: Path) -> None:
    pixels = np.arange(24 * 32, dtype="i4").reshape(24, 32)
    for number in range(2):
        hdus = [fits.PrimaryHDU(), fits.CompImageHDU(pixels + number, name="SCI")]
        hdus[0].header["DATAMODL"] = "ImageModel"
        fits.HDUList(hdus).writeto(tmp_path / f"{number}.fits")
    stacked = bulk.stack(tmp_path / "*.fits")
    assert stacked.dtype == np.float32  # as the schema wants it
    assert np.array_equal(stacked.compute(), np.array([pixels, pixels + 1], "f4"))


@real
@pytest.mark.filterwarnings("ignore")
def test_arrays_of_real_files_are_what_the_models_have() -> None:
    compared = 0
    for file in FILES:
        try:
            model = asdfits.open(file)
        except ValueError:
            continue
        for path in ("data", "dq", "slits[0].data"):
            try:
                stacked = bulk.stack([file], path, planes=True)
            except (KeyError, TypeError, ValueError):
                continue
            wanted = np.asarray(model[lazy._dotted(path)])
            if wanted.nbytes > 50_000_000:
                continue
            computed = stacked.compute()
            assert computed.dtype == stacked.dtype == wanted.dtype.newbyteorder("=")
            assert np.array_equal(computed[0], wanted, equal_nan=wanted.dtype.kind == "f")
            compared += 1
    assert compared > 20


def test_shapes_that_differ_are_named(images: list[Path], cubes: list[Path]) -> None:
    small = images[1]
    model = asdfits.open(small)
    asdfits.ImageModel(model.data[:10]).save(small, durable=False)
    with pytest.raises(ValueError, match="1 of 3 files cannot be stacked") as caught:
        bulk.stack(images)
    assert f"{small}: (10, 32) of float32" in str(caught.value)
    assert f"{images[0]}, which has (24, 32) of float32" in str(caught.value)
    with pytest.raises(ValueError, match="4 of 5 files") as caught:
        bulk.stack([images[0], *[small] * 4])
    assert str(caught.value).count(str(small)) == 4


def test_types_that_differ_are_named(images: list[Path]) -> None:
    with pytest.raises(ValueError, match=r"of float64.*\n.*of uint8"):
        bulk.stack([_image(images[0], "f8"), _image(images[1], "u1")], "extra_fits.OWN.data")


def _image(path: Path, dtype: str) -> Path:
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.zeros((3, 4), dtype), name="OWN"))
    return path


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda paths: paths[:0], ValueError, "found no file"),
        (lambda paths: [paths[0].with_name("none.fits")], FileNotFoundError, "none.fits"),
    ],
)
def test_files_that_are_not_there(
    images: list[Path], change: Callable[[list[Path]], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bulk.stack(change(images))


@pytest.mark.parametrize("path", ["nothing", "slits[3].data", "meta", "meta.telescope"])
def test_what_is_no_array(images: list[Path], path: str) -> None:
    with pytest.raises(KeyError, match=f"{images[0].name}: there is no array at"):
        bulk.stack(images, path)


def test_a_table_is_no_array(spectra: list[Path]) -> None:
    with pytest.raises(TypeError, match=r"is a table: asdfits\.bulk\.dataframe"):
        bulk.stack(spectra, "spec[0].spec_table")


def test_a_file_that_changed_meanwhile_is_named(images: list[Path]) -> None:
    stacked = bulk.stack(images)
    asdfits.ImageModel(np.zeros((5, 5), "f4")).save(images[2], durable=False)
    with pytest.raises(ValueError, match=r"found the shape \(5, 5\), expected \(24, 32\)"):
        stacked.compute()


def test_the_same_files_are_the_same_array_to_dask(images: list[Path]) -> None:
    name = bulk.stack(images).name
    assert bulk.stack(images).name == name
    assert bulk.stack(images, native=False).name != name
    os.utime(images[0], ns=(1, 1))
    assert bulk.stack(images).name != name


# -- tables -------------------------------------------------------------------------------------


def test_rows_of_files(spectra: list[Path]) -> None:
    pytest.importorskip("dask.dataframe")
    frame = bulk.dataframe(spectra, "spec[1].spec_table")
    assert frame.npartitions == 3
    rows = frame.compute()
    wanted = [asdfits.open(file).spec[1].spec_table for file in spectra]
    assert len(rows) == sum(map(len, wanted)) == 15
    for name in wanted[0].dtype.names:
        assert np.array_equal(rows[name], np.concatenate([table[name] for table in wanted]))
    assert list(rows["file"]) == [
        str(file) for file, table in zip(spectra, wanted, strict=True) for _ in table
    ]
    assert rows.dtypes.to_dict() == frame.dtypes.to_dict()
    medians = frame.groupby("file").FLUX.mean().compute()
    assert medians.to_dict() == {str(file): n for n, file in enumerate(spectra)}


def test_some_columns(spectra: list[Path]) -> None:
    pytest.importorskip("dask.dataframe")
    frame = bulk.dataframe(spectra, "spec.0.spec_table", columns=["flux", "WAVELENGTH"], file=None)
    assert list(frame.columns) == list(frame.compute().columns) == ["FLUX", "WAVELENGTH"]
    with pytest.raises(KeyError, match="the table has no column 'NONE'; it has WAVELENGTH"):
        bulk.dataframe(spectra, "spec.0.spec_table", columns=["NONE"])
    with pytest.raises(ValueError, match="has a column 'FLUX' itself"):
        bulk.dataframe(spectra, "spec.0.spec_table", file="FLUX")


def own_table(path: Path, array: np.ndarray[Any, Any]) -> Path:
    primary = fits.PrimaryHDU(header=fits.Header({"DATAMODL": "ImageModel"}))
    fits.HDUList([primary, fits.BinTableHDU(array, name="OWN")]).writeto(path)
    return path


def test_texts_and_lists(tmp_path: Path) -> None:
    pytest.importorskip("dask.dataframe")
    kind = [("NAME", "S5"), ("BOX", ">i4", (2, 3)), ("OK", "?")]
    array = np.array(
        [(b"one", np.arange(6).reshape(2, 3), True), (b"two", np.ones((2, 3)), False)], kind
    )
    files = [own_table(tmp_path / f"{n}.fits", array) for n in range(2)]
    frame = bulk.dataframe(files, "extra_fits.OWN.data")
    rows = frame.compute()
    assert list(rows["NAME"]) == ["one", "two"] * 2
    assert list(rows["OK"]) == [True, False] * 2
    assert [list(map(list, cell)) for cell in rows["BOX"]][:2] == array["BOX"].tolist()
    assert frame[frame.NAME == "two"].NAME.count().compute() == 2


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ([("A", ">i4"), ("B", ">f4"), ("C", ">f4")], "it has a column 'C' more"),
        ([("A", ">i4")], "it has no column 'B'"),
        ([("A", ">i4"), ("B", ">f8")], "column 'B' is float64, expected float32"),
        ([("B", ">f4"), ("A", ">i4")], r"its columns stand in the order \['B', 'A', 'file'\]"),
    ],
)
def test_tables_that_differ_are_named(tmp_path: Path, kind: list[Any], fault: str) -> None:
    pytest.importorskip("dask.dataframe")
    first = own_table(tmp_path / "a.fits", np.zeros(2, [("A", ">i4"), ("B", ">f4")]))
    other = own_table(tmp_path / "b.fits", np.zeros(2, kind))
    frame = bulk.dataframe([first, other], "extra_fits.OWN.data")
    assert len(frame.partitions[0].compute()) == 2
    with pytest.raises(
        ValueError, match=f"{other}: .*another than that of the first file: {fault}"
    ):
        frame.compute()


def test_what_is_no_table(images: list[Path], spectra: list[Path]) -> None:
    pytest.importorskip("dask.dataframe")
    with pytest.raises(TypeError, match="data is no table"):
        bulk.dataframe(images, "data")
    with pytest.raises(KeyError, match=r"there is no table at spec\.7\.spec_table"):
        bulk.dataframe(spectra, "spec[7].spec_table")
    frame = bulk.dataframe([spectra[0], images[0]], "spec[0].spec_table")
    with pytest.raises(KeyError, match=f"{images[0]}: there is no table"):
        frame.compute()


def test_dask_is_imported_when_it_is_used() -> None:
    code = (
        "import sys, asdfits.cli, asdfits.bulk as b; b.map, b.stack, b.dataframe\n"
        "assert not {'dask', 'distributed', 'cloudpickle', 'pandas'} & set(sys.modules)\n"
        "sys.modules.update({'dask.array': None, 'dask.dataframe': None})\n"
        "for f in (b.stack, b.dataframe):\n"
        "    try: f('x.fits', 'data')\n"
        "    except asdfits.MissingExtraError as error: assert 'asdfits[dask]' in str(error)\n"
        "    else: assert False\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
