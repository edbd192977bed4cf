"""Files that are far away: the same values, in few requests, and clear words for what goes wrong."""

from __future__ import annotations

import copy
import gzip
import os
import pickle
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import cli, sample
from asdfits.remote import Policy, is_url, name_of
from asdfits.remote import transport as transports
from asdfits.remote.cache import Cache, merged
from asdfits.remote.names import shown
from conftest import real_files
from servers import RangeServer, S3Server, clear_credentials, serving

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

PLANES = ("data", "err", "con", "wht", "var_poisson", "var_rnoise", "var_flat")
NAME = "jw00001-o001_t001_nircam_clear-f090w_i2d.fits"
SHORT = "jw00001-o001_t001_nircam_clear-f200w_i2d.fits"
QUICK: dict[str, Any] = {"policy": Policy(timeout=0.4, retries=2, backoff=0.01)}
MB = 1_000_000


def write_image(path: Path, rows: int, columns: int = 4096, planes: Any = PLANES) -> Path:
    """A combined image of seven planes, each with values of its own."""
    model = asdfits.ImageModel()
    ramp = np.arange(columns, dtype="f4")[None] + np.arange(rows, dtype="f4")[:, None] * columns
    for number, name in enumerate(planes):
        if name == "con":
            model.con = np.broadcast_to(ramp.astype("i4"), (1, rows, columns))
        elif name == "dq":
            model.dq = ramp.astype("u4")
        else:
            setattr(model, name, ramp + number)
    model.meta.instrument.name = "NIRCAM"
    model.meta.exposure.type = "NRC_IMAGE"
    model.save(path, durable=False)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("far")
    write_image(folder / NAME, 252)
    write_image(folder / "larger_i2d.fits", 500)
    write_image(folder / SHORT, 80, 1024)
    (folder / "small_cal.fits").write_bytes(sample.image_product())
    return folder


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[RangeServer]:
    with serving(folder) as server:
        yield server


@pytest.fixture
def server(shared: RangeServer) -> RangeServer:
    shared.faults.clear()
    shared.name = "ranges/1"
    shared.always = ""
    shared.multi = True
    shared.clear()
    transports._found_multi.clear()
    transports._found_single.clear()
    return shared


@pytest.fixture(scope="module")
def stored(folder: Path) -> Iterator[S3Server]:
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    server = S3Server()
    client = server.client()
    client.create_bucket(Bucket="bucket")
    for path in sorted(folder.glob("*.fits")):
        client.upload_file(str(path), "bucket", f"x/{path.name}", ExtraArgs={"ACL": "public-read"})
    private = (folder / NAME).read_bytes()
    client.put_object(Bucket="bucket", Key=f"private/{NAME}", Body=private)
    yield server
    server.stop()


@pytest.fixture
def s3(stored: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    clear_credentials(monkeypatch)
    stored.clear()
    return stored


def cutout(model: Any) -> Any:
    found = model.section("data")[50:250, 1000:1200]
    assert found.shape == (200, 200)
    assert found[3, 5] == 53 * model.shape[-1] + 1005
    return found


def kept(url: str, **kwargs: Any) -> Any:
    """Open a file of which not all came with the opening."""
    model = asdfits.open(url, **kwargs)
    assert model._file.remote is not None
    return model


# -- what it costs -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [NAME, "larger_i2d.fits"])
def test_opening_takes_three_requests_and_a_cutout_two_whatever_the_size(
    server: RangeServer, name: str
) -> None:
    model = kept(server.url(name))
    assert len(server.requests) == 3
    assert model.shape[-1] == 4096
    cutout(model)
    assert len(server.requests) == 5
    assert server.sent < 0.5 * MB
    assert model._file.remote.requests == 5


@pytest.mark.parametrize("name", [NAME, "larger_i2d.fits"])
def test_a_server_without_several_ranges_is_asked_for_one_at_a_time(
    server: RangeServer, name: str
) -> None:
    server.multi = False
    cutout(kept(server.url(name)))
    # The head; several at once, in vain; the end and six headers; rows, read over the gaps.
    assert len(server.requests) == 10
    assert server.sent < 3.4 * MB + 0.6 * MB
    server.clear()
    cutout(kept(server.url(name)))  # it is known now
    assert len(server.requests) == 9
    assert not any("," in str(asked) for _, _, asked in server.requests)
    assert server.sent < 3.4 * MB + 0.4 * MB


def test_services_known_to_send_whole_files_are_not_tried(server: RangeServer) -> None:
    server.name = "AmazonS3"
    cutout(kept(server.url(NAME)))
    assert not any("," in str(asked) for _, _, asked in server.requests)


@pytest.mark.parametrize("name", [NAME, "larger_i2d.fits"])
def test_an_object_of_s3_is_read_in_parallel_requests(s3: S3Server, name: str) -> None:
    model = kept(f"s3://bucket/x/{name}", storage_options=s3.options)
    assert len(s3.requests) == 8
    cutout(model)
    assert len(s3.requests) == 9
    assert s3.sent < 3.4 * MB + 0.4 * MB
    assert {method for method, *_ in s3.requests} == {"GET"}


def large(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < 2_000 * MB:
        pytest.skip(f"there are {free / MB:.0f} MB of disk, expected 2,000")


@pytest.mark.slow
def test_a_cutout_of_470_mb_costs_what_it_covers(tmp_path: Path, record_property: Any) -> None:
    large(tmp_path)
    path = write_image(tmp_path / "large_i2d.fits", 4096)
    assert path.stat().st_size > 469 * MB
    with serving(tmp_path) as server:
        cutout(kept(server.url(path.name)))
        record_property("http", (len(server.requests), server.sent))
        assert len(server.requests) <= 8
        assert server.sent < 2 * MB


@pytest.mark.slow
def test_a_cutout_of_470_mb_on_s3(tmp_path: Path, s3: S3Server, record_property: Any) -> None:
    """On S3 a range is a request: rows of 8 kB keep both limits, rows of 16 kB miss them."""
    large(tmp_path)
    rates = tmp_path / "large_rateints.fits"
    model = asdfits.CubeModel()
    ramp = np.arange(4 * 2048 * 2048, dtype="f4") % 1e6
    for name in ("data", "err", "var_poisson", "var_rnoise"):
        setattr(model, name, np.tile(ramp, 2).reshape(8, 2048, 2048)[:6])
    model.dq = np.zeros((6, 2048, 2048), "u4")
    model.save(rates, durable=False)
    assert rates.stat().st_size > 470 * MB
    image = write_image(tmp_path / "large_i2d.fits", 4096)
    for path in (rates, image):
        extra = {"ACL": "public-read"}
        s3.client().upload_file(str(path), "bucket", path.name, ExtraArgs=extra)
    s3.clear()
    far = kept(f"s3://bucket/{rates.name}", storage_options=s3.options)
    found = far.section("data")[3, 50:250, 1000:1200]
    assert np.array_equal(found, model.data[3, 50:250, 1000:1200])
    record_property("rateints on S3", (len(s3.requests), s3.sent))
    assert len(s3.requests) <= 8
    assert s3.sent < 2 * MB
    s3.clear()
    cutout(kept(f"s3://bucket/{image.name}", storage_options=s3.options))
    record_property("i2d on S3", (len(s3.requests), s3.sent))
    assert len(s3.requests) == 9
    assert s3.sent < 3.7 * MB


def test_headers_of_many_slits_are_not_asked_for_one_by_one(
    server: RangeServer, tmp_path: Path
) -> None:
    model = asdfits.MultiSlitModel()
    rng = np.random.default_rng(3)
    for number in range(40):
        model.slits.append({"name": f"s{number}"})
        shape = (20 + number % 7, 400 + number)
        for name in ("data", "err", "dq", "var_poisson", "wavelength"):
            setattr(model.slits[number], name, rng.integers(0, 99, shape))
        model.slits[number].source_ra = 5.0 + number
    path = server.folder / "slits_cal.fits"
    model.save(path)
    far, near = kept(server.url(path.name)), asdfits.open(path)
    assert len(far._file.product) == 202
    assert len(server.requests) < 15
    assert far._file.product.header_hash() == near._file.product.header_hash()
    assert np.array_equal(far.slits[33].data, near.slits[33].data)
    server.clear()
    server.multi = False
    transports._found_single.add(server.url("").rstrip("/"))
    kept(server.url(path.name))
    assert len(server.requests) < 220  # several at a time, none after the other


def test_what_was_fetched_for_a_section_is_kept_up_to_a_limit(server: RangeServer) -> None:
    model = kept(server.url(NAME))
    section = model.section("err")
    first = section[10:20, 100:300]
    server.clear()
    assert np.array_equal(section[10:20, 100:300], first)
    assert np.array_equal(section[12:15, 150:200], first[2:5, 50:100])
    assert not server.requests
    section[10:21, 100:300]
    assert server.sent < 3_000  # the new row alone
    small = kept(server.url(NAME), storage_options={"policy": Policy(cache=20_000)})
    for _ in range(3):
        small.section("err")[10:60, 100:300]
        assert small._file.remote.cache.size <= 20_000


def test_a_section_that_would_take_too_many_requests_reads_over_gaps(server: RangeServer) -> None:
    server.name = "AmazonS3"
    policy = Policy(gap=2000)
    model = kept(server.url(NAME), storage_options={"policy": policy})
    server.clear()
    column = model.section("data")[:, 7]
    assert np.array_equal(column, np.arange(252, dtype="f4") * 4096 + 7)
    assert len(server.requests) <= 64


# -- the same values -----------------------------------------------------------------------------


def test_a_far_file_says_what_the_near_one_says(server: RangeServer, folder: Path) -> None:
    far, near = kept(server.url(SHORT)), asdfits.open(folder / SHORT)
    product = far._file.product
    assert product.header_hash() == near._file.product.header_hash()
    assert product.names() == near._file.product.names()
    assert far.to_flat_dict(include_arrays=False) == near.to_flat_dict(include_arrays=False)
    assert (far.meta.filename, far.meta.model_type) == (SHORT, "ImageModel")
    assert far.conflicts() == []
    assert asdfits.read_metadata(server.url(SHORT)) == asdfits.read_metadata(folder / SHORT)
    server.clear()
    for name in PLANES:
        mine, other = getattr(far, name), getattr(near, name)
        assert mine.dtype == other.dtype
        assert np.array_equal(mine, other)
        assert mine is getattr(far, name)
    far.data[0, 0] = -1
    assert far.data[0, 0] == -1
    assert far.section("data")[0, 0] == -1  # as written, not as fetched
    assert near.data[0, 0] == 0


def test_native_arrays_statistics_and_sums(server: RangeServer, folder: Path) -> None:
    with asdfits.open(server.url(SHORT), native=True) as far:
        assert far.data.dtype == np.dtype("f4").newbyteorder("=")
    far, near = kept(server.url(SHORT)), asdfits.open(folder / SHORT)
    assert far.stats("err", percentiles=50) == near.stats("err", percentiles=50)
    near.save(folder / "summed_i2d.fits", checksum=True)
    url = server.url("summed_i2d.fits")
    assert asdfits.verify(url) == []
    data = bytearray((folder / "summed_i2d.fits").read_bytes())
    data[1_200_000] ^= 1
    (folder / "wrong_i2d.fits").write_bytes(data)
    kinds = {finding.kind for finding in asdfits.verify(server.url("wrong_i2d.fits"))}
    assert kinds == {"checksum"}
    assert asdfits.diff(url, server.url("wrong_i2d.fits"))


KEYS: list[Any] = [
    np.s_[:],
    np.s_[3],
    np.s_[-1, 4],
    np.s_[..., 5:7],
    np.s_[20:10:-3, ::-2],
    np.s_[None, 2, ..., None],
    np.s_[5:5],
    np.s_[40:, ::700],
    [1, 3, 3, -2],
    np.s_[[1, -1], [7, 9]],
    np.s_[[[1, 2], [3, 79]]],
    np.s_[:, [3]],
    (slice(None), np.arange(1024) % 500 == 7),
    np.add.outer(np.arange(80), np.arange(1024)) % 1999 == 3,
    True,
]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("name", ["err", "con"])
def test_an_index_gives_what_the_array_gives(
    server: RangeServer, folder: Path, name: str, key: Any
) -> None:
    with asdfits.open(server.url(SHORT)) as far, asdfits.open(folder / SHORT) as near:
        key = key if name == "err" else (0, *key) if isinstance(key, tuple) else (0, key)
        section, expected = far.section(name), near.section(name)
        server.clear()
        found = section[key]
        assert np.array_equal(found, expected[key])
        assert (found.dtype, type(found)) == (expected[key].dtype, type(expected[key]))
        assert far._file.touched(section._index) is None
        if found.size < 20:
            assert server.sent < 0.4 * MB


@pytest.mark.parametrize("key", [3000, np.s_[1, 2, 3], np.s_[[5000]], "x", np.s_[0.5]])
def test_a_wrong_index_is_numpys_error_and_costs_nothing(server: RangeServer, key: Any) -> None:
    section = kept(server.url(SHORT)).section("err")
    server.clear()
    with pytest.raises(IndexError):
        section[key]
    assert not server.requests


def test_copies_pickles_and_saves_need_no_near_file(
    server: RangeServer, folder: Path, tmp_path: Path
) -> None:
    far, near = kept(server.url(SHORT)), asdfits.open(folder / SHORT)
    twin = far.copy()
    far.err[0] = 5
    assert np.array_equal(twin.err, near.err)
    twin.data[0] = 7
    assert np.array_equal(far.data, near.data)
    other = pickle.loads(pickle.dumps(kept(server.url(SHORT))))
    assert np.array_equal(other.con, near.con)
    assert np.array_equal(copy.deepcopy(twin).wht, near.wht)
    again = kept(server.url(SHORT))
    for model, path in ((again, tmp_path / "a_i2d.fits"), (near, tmp_path / "b_i2d.fits")):
        model.meta.target.proposer_name = "M 31"
        model.meta.date = "2026-01-01T00:00:00"
        model.save(path)
    assert asdfits.diff(tmp_path / "a_i2d.fits", tmp_path / "b_i2d.fits") == []
    again.save(tmp_path / "c.asdf")
    assert np.array_equal(asdfits.open(tmp_path / "c.asdf").var_flat, near.var_flat)


def test_a_list_of_urls_is_a_container(server: RangeServer, s3: S3Server, folder: Path) -> None:
    paths = [server.url(SHORT), str(folder / SHORT)]
    with asdfits.open(paths, max_open=1) as container:
        sums = [model.err.sum() for model in container]
    assert sums[0] == sums[1]
    urls = [f"s3://bucket/x/{SHORT}"]
    with asdfits.open(urls, storage_options=s3.options) as container:
        assert container[0].err.sum() == sums[0]


def test_nothing_is_written_to_a_url(server: RangeServer) -> None:
    url = server.url(SHORT)
    model = asdfits.open(url)
    with pytest.raises(OSError, match="does not write to URLs"):
        model.save("s3://bucket/out.fits")
    with pytest.raises(OSError, match="does not write to URLs"):
        model.save("out.fits", dir_path="s3://bucket")
    with pytest.raises(OSError, match="does not write to URLs"):
        asdfits.update_metadata(url, {"meta.target.proposer_name": "M 31"})
    with pytest.raises(OSError, match="does not write to URLs"):
        asdfits.asdf_in_fits.write("s3://bucket/out.fits", {"a": 1})
    with pytest.raises(ValueError, match="storage_options are for URLs"):
        asdfits.open(SHORT, storage_options={"anon": True})


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_read_alike_from_afar(path: Path, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/real/{path.name}", path.read_bytes())
    # Nothing comes by chance: the head and the end are as short as they can be.
    options = {"policy": Policy(head=3000, tail=3000, gap=0, cache=1 << 20)}

    def said(name: str, **kwargs: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model = asdfits.open(name, **kwargs)
            except (ValueError, TypeError) as error:
                return type(error), str(error).replace(name, "…")
        facts = model._file.product
        blocks = [facts.block(n) for n in range(facts.asdf[4])] if facts.asdf else []
        values = asdfits.read_metadata(name, **kwargs)
        texts = sorted(str(each.message).replace(name, "…") for each in caught)
        return type(model), values, facts.header_hash(), facts.asdf, blocks, texts

    assert said(f"memory://real/{path.name}", storage_options=options) == said(str(path))
    memory.rm("/real", recursive=True)


# -- other kinds of files ------------------------------------------------------------------------


def test_zipped_files_are_taken_whole(server: RangeServer, folder: Path) -> None:
    packed = folder / f"{SHORT}.gz"
    packed.write_bytes(gzip.compress((folder / SHORT).read_bytes(), 1))
    far = asdfits.open(server.url(packed.name))
    assert np.array_equal(far.err, asdfits.open(folder / SHORT).err)


def test_an_asdf_file_is_read_block_by_block(server: RangeServer, folder: Path) -> None:
    near = asdfits.open(folder / SHORT)
    near.save(folder / "image.asdf")
    assert (folder / "image.asdf").stat().st_size > 2 * MB
    server.clear()
    far = kept(server.url("image.asdf"))
    assert len(server.requests) <= 4
    assert server.sent < 0.5 * MB
    server.clear()
    assert np.array_equal(far.wht, near.wht)
    assert server.sent < 0.5 * MB


@pytest.mark.oracle
def test_compressed_tiles_are_fetched_when_touched(server: RangeServer, folder: Path) -> None:
    from astropy.io import fits

    rng = np.random.default_rng(4)
    image = rng.integers(0, 1 << 14, (900, 500)).astype("i4")
    hdus = [fits.PrimaryHDU(), fits.CompImageHDU(image, name="SCI"), fits.CompImageHDU(image + 1)]
    fits.HDUList(hdus).writeto(folder / "packed.fits")
    with pytest.warns(asdfits.NoTypeWarning):
        far = kept(server.url("packed.fits"))
    server.clear()
    assert np.array_equal(far.data, image)
    assert server.sent < 1.2 * MB


def test_chains_and_other_file_systems(server: RangeServer, folder: Path, tmp_path: Path) -> None:
    near = asdfits.open(folder / SHORT)
    memory = fsspec.filesystem("memory")
    memory.put(str(folder / SHORT), f"/{SHORT}")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(folder / SHORT, SHORT)
    urls = {
        f"memory://{SHORT}": True,
        f"file://{folder / SHORT}": False,
        f"zip://{SHORT}::file://{tmp_path / 'all.zip'}": True,
        f"simplecache::{server.url(SHORT)}": True,
    }
    for url, is_far in urls.items():
        with asdfits.open(url) as model:
            assert (model._file.remote is not None) == is_far
            assert model.meta.filename == SHORT
            assert np.array_equal(model.var_poisson, near.var_poisson)
            assert model.section("data")[3, 5] == 3077
    memory.rm(f"/{SHORT}")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        asdfits.open(f"memory://{SHORT}")


def test_a_generic_tree_is_read_from_afar(server: RangeServer, folder: Path) -> None:
    asdfits.asdf_in_fits.write(folder / "any.fits", {"a": np.arange(200_000), "b": [1, "x"]})
    with asdfits.asdf_in_fits.open(server.url("any.fits")) as found:
        assert found.tree["b"] == [1, "x"]
        assert np.array_equal(found.tree["a"], np.arange(200_000))


def test_files_that_are_no_products(server: RangeServer, folder: Path) -> None:
    (folder / "empty.fits").write_bytes(b"")
    (folder / "text.fits").write_bytes(b"<html>" * 100_000)
    (folder / "cut_i2d.fits").write_bytes((folder / SHORT).read_bytes()[:800_000])
    with pytest.raises(asdfits.FormatError, match="the file is empty"):
        asdfits.open(server.url("empty.fits"))
    with pytest.raises(asdfits.FormatError, match="found `<html><ht`"):
        asdfits.open(server.url("text.fits"))
    assert server.sent < 0.3 * MB
    with pytest.warns(asdfits.FormatWarning, match="the file ends after") as far:
        model = kept(server.url("cut_i2d.fits"))
    with pytest.warns(asdfits.FormatWarning) as near:
        asdfits.open(folder / "cut_i2d.fits")
    texts = [[str(w.message).rpartition(".fits: ")[2] for w in caught] for caught in (far, near)]
    assert texts[0] == texts[1]
    cut = "con"
    assert f"({cut.upper()}) announces" in texts[0][0]
    with pytest.raises(asdfits.FormatError, match="announced here"):
        getattr(model, cut)
    with pytest.raises(asdfits.FormatError, match="announced here"):
        model.section(cut)


# -- what may go wrong ---------------------------------------------------------------------------

FINAL: list[tuple[str, type[OSError], str]] = [
    ("401", PermissionError, r"access is denied \(401"),
    ("403", PermissionError, r"access is denied \(403"),
    ("404", FileNotFoundError, r"there is no such file \(404"),
    ("410", FileNotFoundError, "there is no such file"),
    ("400", OSError, "the server answered 400"),
    ("503", OSError, r"the server cannot answer \(503 .*\) \(3 attempts\)"),
    ("429", OSError, r"cannot answer \(429 .*\(3 attempts\)"),
    ("hang", TimeoutError, r"nothing came for .* seconds \(3 attempts\)"),
    ("cut", OSError, r"\(3 attempts\)"),
    ("short", OSError, r"other bytes than those that were asked for \(3 attempts\)"),
    ("elsewhere", OSError, "wrong Content-Range"),
    ("nowhere", OSError, "found Content-Range None, expected"),
    ("circle", OSError, "redirects without end"),
]


@pytest.mark.parametrize(("wrong", "kind", "text"), FINAL, ids=[each[0] for each in FINAL])
def test_what_cannot_be_read_is_said_in_pythons_words(
    server: RangeServer, wrong: str, kind: type[OSError], text: str
) -> None:
    server.always = wrong
    with pytest.raises(kind, match=text) as caught:
        asdfits.open(server.url(NAME), storage_options=QUICK)
    assert caught.value.filename == server.url(NAME)
    assert caught.value.errno
    again = 3 if "attempts" in text else 1
    assert wrong == "circle" or len(server.requests) == again
    assert asdfits.remote.Policy is Policy


@pytest.mark.parametrize(
    "wrong", ["503", "429", "408", "hang", "cut", "short", "backwards", "redirect"]
)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_what_passes_is_waited_for(server: RangeServer, wrong: str, place: int) -> None:
    model_of = asdfits.open
    server.faults = [""] * place + [wrong]
    model = model_of(server.url(NAME), storage_options=QUICK)
    cutout(model)
    assert not server.faults
    assert len(server.requests) == 6


def test_a_weak_tag_is_compared_and_not_sent(server: RangeServer, folder: Path) -> None:
    server.always = "weak"
    path = shutil.copy(folder / SHORT, folder / "weak_i2d.fits")
    model = kept(server.url("weak_i2d.fits"))
    os.utime(path, (1_000_000, 1_000_000))
    with pytest.raises(OSError, match="has changed since it was opened"):
        _ = model.wht


def test_an_array_is_fetched_in_chunks_that_are_sent_again(server: RangeServer) -> None:
    policy = Policy(chunk=1 << 20, retries=1, backoff=0.01)
    model = kept(server.url(NAME), storage_options={"policy": policy})
    server.clear()
    server.faults = ["", "cut", "503", ""]
    assert model.err[251, 4095] == 251 * 4096 + 4096
    assert len(server.requests) == 6  # four chunks, two of them twice
    server.always = "403"
    with pytest.raises(PermissionError, match="access is denied") as caught:
        _ = model.wht
    assert caught.value.filename == server.url(NAME)
    with pytest.raises(PermissionError):
        model.section("wht")[5]
    server.always = ""
    assert model.wht[0, 0] == 3  # a fault is not kept


@pytest.mark.parametrize("wrong", ["", "careless"])
def test_bytes_of_two_states_of_a_file_are_not_mixed(
    server: RangeServer, folder: Path, wrong: str
) -> None:
    path = shutil.copy(folder / SHORT, folder / "changing_i2d.fits")
    model = kept(server.url("changing_i2d.fits"))
    assert model.section("data")[3, 5] == 3077
    write_image(path, 80, 1024, PLANES[::-1])
    os.utime(path, (1_000_000, 1_000_000))
    server.always = wrong
    server.clear()
    with pytest.raises(OSError, match="has changed since it was opened"):
        model.section("err")[7]
    with pytest.raises(OSError, match="has changed since it was opened"):
        _ = model.wht
    assert wrong or server.sent < 2000  # nothing is sent that is not wanted any more
    kept(server.url("changing_i2d.fits"))


def test_a_file_that_shrank_is_told_of(server: RangeServer, folder: Path) -> None:
    path = folder / "shrinking_i2d.fits"
    path.write_bytes((folder / SHORT).read_bytes())
    model = kept(server.url(path.name))
    path.write_bytes(b"x" * 1000)
    server.always = "careless"
    with pytest.raises(OSError, match="has changed"):
        _ = model.wht


def test_a_file_system_that_says_when_files_change(folder: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(folder / SHORT), "/m_i2d.fits")
    model = kept("memory://m_i2d.fits")
    memory.put(str(folder / SHORT), "/m_i2d.fits")
    with pytest.raises(OSError, match="has changed"):
        _ = model.err
    memory.rm("/m_i2d.fits")


def test_a_server_that_is_deaf_to_ranges_gives_short_files_alone(
    server: RangeServer, folder: Path
) -> None:
    server.always = "deaf"
    model = asdfits.open(server.url("small_cal.fits"))
    assert np.array_equal(model.data, asdfits.open(folder / "small_cal.fits").data)
    server.clear()
    policy = {"policy": Policy(whole=10 * MB, retries=0)}
    with pytest.raises(OSError, match="sends whole files alone, and this one has 28,") as caught:
        asdfits.open(server.url(NAME), storage_options=policy)
    assert "simplecache::http" in str(caught.value)
    assert server.sent < 2 * MB
    model = asdfits.open(server.url(NAME))  # as a file of 29 MB still is
    assert model._file.remote is None
    cutout(model)


def test_a_server_that_zips_on_the_way_gives_the_file(server: RangeServer, folder: Path) -> None:
    server.always = "zip"
    model = asdfits.open(server.url("small_cal.fits"))
    assert np.array_equal(model.data, asdfits.open(folder / "small_cal.fits").data)
    server.always = "polite"
    cutout(kept(server.url(NAME)))


def test_a_server_that_takes_the_first_of_several_ranges(server: RangeServer) -> None:
    server.faults = ["", "first"]
    cutout(kept(server.url(NAME)))
    assert transports._found_single


def test_a_redirection_is_followed_once_and_again_when_its_place_is_gone(
    server: RangeServer,
) -> None:
    server.faults = ["redirect"]
    model = kept(server.url(NAME), storage_options=QUICK)
    assert len(server.requests) == 4
    assert all(path.endswith("?again") for _, path, _ in server.requests[1:])
    server.clear()
    server.faults = ["403"]
    cutout(model)
    assert not server.requests[-1][1].endswith("?again")
    server.always = "403"
    with pytest.raises(PermissionError):
        _ = model.wht


@pytest.mark.parametrize(("wrong", "text"), [("403", "is denied"), ("404", "no such file")])
@pytest.mark.parametrize("place", [1, 2, 3])
def test_what_does_not_pass_is_not_waited_for(
    server: RangeServer, wrong: str, text: str, place: int
) -> None:
    server.faults = [""] * place + [wrong]
    with pytest.raises(OSError, match=text):
        cutout(asdfits.open(server.url(NAME), storage_options=QUICK))
    assert not server.faults


def test_nobody_listens() -> None:
    with pytest.raises(OSError, match=r"the connection failed: .*\(3 attempts\)"):
        asdfits.open("http://127.0.0.1:9/x_cal.fits", storage_options=QUICK)


# -- S3 ------------------------------------------------------------------------------------------


def test_s3_is_asked_anonymously_unless_there_are_credentials(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"s3://bucket/private/{NAME}"
    kept(f"s3://bucket/x/{NAME}", storage_options=s3.options)
    assert not any(s3.signed)
    with pytest.raises(PermissionError, match=r"denied \(.*anonymously, storage_options=.*'anon'"):
        asdfits.open(url, storage_options=s3.options)
    s3.clear()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    cutout(kept(url, storage_options=s3.options))
    assert all(s3.signed)


def test_objects_that_are_not_there_or_change(s3: S3Server, folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no such object") as caught:
        asdfits.open("s3://bucket/x/none_cal.fits", storage_options=s3.options)
    assert caught.value.filename == "s3://bucket/x/none_cal.fits"
    with pytest.raises(FileNotFoundError):
        asdfits.open("s3://no-such-bucket/none_cal.fits", storage_options=s3.options)
    body = (folder / SHORT).read_bytes()
    put = {"Bucket": "bucket", "Key": "x/changing_i2d.fits", "ACL": "public-read"}
    s3.client().put_object(Body=body, **put)
    model = kept("s3://bucket/x/changing_i2d.fits", storage_options=s3.options)
    s3.client().put_object(Body=body[:-1] + b"x", **put)
    with pytest.raises(OSError, match="has changed since it was opened"):
        _ = model.wht
    s3.client().put_object(Body=b"", **put)
    with pytest.raises(asdfits.FormatError, match="the file is empty"):
        asdfits.open("s3://bucket/x/changing_i2d.fits", storage_options=s3.options)
    s3.client().delete_object(Bucket="bucket", Key="x/changing_i2d.fits")


@pytest.mark.parametrize("wrong", ["503", "cut"])
def test_an_object_that_comes_badly_is_asked_for_again(s3: S3Server, wrong: str) -> None:
    model = kept(f"s3://bucket/x/{NAME}", storage_options={**s3.options, **QUICK})
    s3.faults = [wrong]
    cutout(model)
    assert not s3.faults
    assert len(s3.requests) == 10


# -- catalogues ----------------------------------------------------------------------------------


def test_urls_are_scanned_like_files(server: RangeServer, folder: Path) -> None:
    pytest.importorskip("pyarrow")
    names = [SHORT, "small_cal.fits", "none_cal.fits", "text2_cal.fits"]
    (folder / "text2_cal.fits").write_bytes(b"<html>" * 100_000)
    columns = ["default", "PRIMARY:INSTRUME"]
    far = asdfits.scan(iter(map(server.url, names)), columns).to_pylist()
    near = asdfits.scan([folder / name for name in names], columns).to_pylist()
    assert [row.pop("path") for row in far] == [server.url(name) for name in names]
    for mine, other in zip(far, near, strict=True):
        del other["path"]
        assert str(mine.pop("mtime"))[:19] == str(other.pop("mtime"))[:19]
        if other["error"] and other["error"].startswith("FileNotFound"):
            assert mine["error"].startswith("FileNotFoundError: there is no such file (404")
            continue
        assert mine == other


def test_a_prefix_is_listed_and_unchanged_objects_are_not_read(s3: S3Server, folder: Path) -> None:
    pytest.importorskip("pyarrow")
    first = asdfits.scan("s3://bucket/x/", storage_options=s3.options)
    found = first.column("path").to_pylist()
    assert f"s3://bucket/x/{SHORT}" in found
    assert first.column("error").null_count == len(found)
    size = first.column("size").to_pylist()[found.index(f"s3://bucket/x/{SHORT}")]
    assert size == (folder / SHORT).stat().st_size
    s3.clear()
    fsspec.filesystem("s3", anon=True, **s3.options).invalidate_cache()
    again = asdfits.scan("s3://bucket/x/", previous=first, storage_options=s3.options)
    assert again.equals(first)
    assert all(asked is None for _, _, asked in s3.requests)  # the listing alone
    some = asdfits.scan("s3://bucket/*/small*.fits", storage_options=s3.options)
    assert some.column("path").to_pylist() == ["s3://bucket/x/small_cal.fits"]
    gone = asdfits.scan(["s3://no-such-bucket/x/"], storage_options=s3.options)
    assert gone.column("error").to_pylist()[0].startswith("FileNotFoundError")


def test_unchanged_urls_cost_one_small_request(server: RangeServer) -> None:
    pytest.importorskip("pyarrow")
    urls = [server.url(SHORT), server.url("small_cal.fits")]
    first = asdfits.scan(urls)
    server.clear()
    assert asdfits.scan(urls, previous=first).equals(first)
    assert len(server.requests) == 2
    assert server.sent < 1000


# -- the rest ------------------------------------------------------------------------------------


def test_the_command_takes_urls(
    server: RangeServer, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.url(SHORT)
    assert cli.main(["info", url]) == 0
    out = capsys.readouterr().out
    assert "ImageModel" in out
    assert "matches: the headers are those" in out
    assert cli.main(["get", url, "meta.exposure.type", "SCI:EXTNAME"]) == 0
    assert "NRC_IMAGE" in capsys.readouterr().out
    assert cli.main(["verify", url]) == 0
    assert cli.main(["report", url, "-o", str(tmp_path / "page.html")]) == 0
    assert "bytes" in (tmp_path / "page.html").read_text()
    assert cli.main(["convert", url, str(tmp_path / "near.asdf")]) == 0
    assert cli.main(["diff", url, str(folder / SHORT)]) == 0
    assert cli.main(["set", url, "meta.exposure.type=X"]) == 1
    assert "does not write to URLs" in capsys.readouterr().err
    server.always = "404"
    assert cli.main(["info", url]) == 1
    assert f"{url}: there is no such file (404" in capsys.readouterr().err


def test_what_is_a_url_and_what_the_file_is_called() -> None:
    assert all(map(is_url, ["s3://b/k.fits", "simplecache::https://x/y", "zip://a::file:///b"]))
    assert not any(map(is_url, ["/a/b.fits", "a::b.fits", r"c:\x.fits", "c://x", Path("s3://b/k")]))
    mast = "https://mast.stsci.edu/api/v0.1/Download/file?uri=mast:JWST/product/jw1_cal.fits"
    assert name_of(mast) == "jw1_cal.fits"
    assert name_of("https://x/y/jw1_cal.fits?X-Amz-Signature=abc/d") == "jw1_cal.fits"
    assert name_of("s3://b/k/what?.fits") == "what?.fits"
    assert name_of("zip://in/a.fits::s3://b/all.zip") == "a.fits"
    secret = "https://me:word@x/a.fits?X-Amz-Signature=abc&uri=y&access_token=d"
    assert shown(secret) == "https://x/a.fits?X-Amz-Signature=…&uri=y&access_token=…"


def test_ranges_that_lie_near_each_other_are_joined() -> None:
    assert merged([(50, 60), (0, 10), (12, 20), (5, 11), (30, 30)], 2) == [(0, 20), (50, 60)]


def test_a_cache_keeps_what_was_used_last() -> None:
    cache = Cache(100)
    for at in range(0, 100, 10):
        cache.add(at, bytes(range(at, at + 10)))
    pieces, missing = cache.found([(5, 25), (95, 105)])
    assert dict(pieces).keys() == {0, 10, 20}
    assert missing == [(95, 105)]
    cache.add(200, b"x" * 20)
    assert cache.size == 100
    assert cache.found([(0, 30), (200, 220)])[1] == []
    assert cache.found([(30, 40)])[1] == [(30, 40)]
    cache.add(300, b"x" * 51)
    assert cache.found([(300, 301)])[1] == [(300, 301)]


def test_nothing_of_it_is_imported_before_it_is_needed(folder: Path) -> None:
    code = (
        "import sys, asdfits; asdfits.open(sys.argv[1]).data; "
        "print([n for n in ('fsspec', 'aiohttp', 's3fs', 'asyncio') if n in sys.modules])"
    )
    words = [sys.executable, "-c", code, str(folder / NAME)]
    found = subprocess.run(words, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(asdfits.MissingExtraError, match=r"pip install 'asdfits\[cloud\]'"):
        asdfits.open("https://localhost/x_cal.fits")
