"""Binary blocks: what is compressed is unpacked within bounds, what is not is a view of the file."""

from __future__ import annotations

import bz2
import hashlib
import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asdf_bytes import Block, asdf_bytes, read, same
from asdfits import FormatError, MissingExtraError, UnsupportedError
from asdfits._core import Product
from asdfits.file import File

VALUES = np.arange(1000, dtype="<i4")
STREAMED = "['*', 7]"


def node(dtype: str = "int32", shape: str = "[1000]", source: int = 0, more: str = "") -> str:
    return (
        f"!core/ndarray-1.1.0 {{source: {source}, datatype: {dtype}, byteorder: little, "
        f"shape: {shape}{more}}}"
    )


def lz4_frames(data: bytes, step: int = 1 << 22) -> bytes:
    """Data as python-asdf packs them: each frame after its length."""
    lz4 = pytest.importorskip("lz4.block")
    parts = [lz4.compress(data[at : at + step]) for at in range(0, len(data), step)]
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def zstd(data: bytes) -> bytes:
    return bytes(pytest.importorskip("zstandard").ZstdCompressor().compress(data))


def blosc(data: bytes) -> bytes:
    return bytes(pytest.importorskip("blosc").compress(data, typesize=4))


PACKERS = {
    b"zlib": zlib.compress,
    b"bzp2": bz2.compress,
    b"lz4\0": lz4_frames,
    b"zstd": zstd,
    b"blsc": blosc,
}
LABELS = pytest.mark.parametrize("label", PACKERS, ids=lambda label: label.decode().strip("\0"))


def packed(label: bytes, data: bytes, size: int | None = None) -> Block:
    return Block(PACKERS[label](data), label, len(data) if size is None else size)


# -- compression -----------------------------------------------------------------------------------


@LABELS
def test_a_compressed_block_reads_as_what_was_packed(label: bytes) -> None:
    tree = read(asdf_bytes(f"x: {node()}", packed(label, VALUES.tobytes())))
    assert same(tree["x"], VALUES)
    tree["x"][0] = 7  # its memory is its own


@LABELS
def test_a_block_that_unpacks_to_more_than_it_says_is_refused(label: bytes) -> None:
    content = asdf_bytes(f"x: {node(shape='[10]')}", packed(label, bytes(10_000_000), size=40))
    with pytest.raises(FormatError, match=r"byte \d+.*40"):
        read(content)


@LABELS
def test_a_block_that_unpacks_to_less_than_it_says_is_refused(label: bytes) -> None:
    content = asdf_bytes(f"x: {node()}", packed(label, VALUES.tobytes(), size=4001))
    with pytest.raises(FormatError, match=r"byte \d+.*4001"):
        read(content)


@LABELS
def test_compressed_data_that_break_off_or_are_damaged_are_refused(label: bytes) -> None:
    data = PACKERS[label](VALUES.tobytes())
    for broken in (data[:-30], data[:8] + b"\xff" * 8 + data[16:]):
        with pytest.raises(FormatError, match=r"byte \d+"):
            read(asdf_bytes(f"x: {node()}", Block(broken, label, 4000)))


@LABELS
def test_a_packed_block_that_claims_exabytes_costs_no_memory(label: bytes) -> None:
    block = packed(label, VALUES.tobytes(), size=2**62)
    with pytest.raises(FormatError, match=r"byte \d+"):
        read(asdf_bytes(f"x: {node()}", block))


@pytest.mark.parametrize(("label", "package"), [(b"zstd", "zstandard"), (b"blsc", "blosc")])
def test_a_compression_whose_package_is_missing_names_it(
    label: bytes, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=f"byte .*pip install {package}"):
        read(asdf_bytes(f"x: {node()}", Block(b"anything", label, 4000)))


def test_an_unknown_compression_is_unsupported_and_named() -> None:
    with pytest.raises(UnsupportedError, match=r"byte \d+.*abcd"):
        read(asdf_bytes(f"x: {node()}", Block(b"anything", b"abcd", 4000)))


@LABELS
def test_arrays_of_one_compressed_block_share_the_unpacked_memory(label: bytes) -> None:
    trees = f"x: {node()}\ny: {node(shape='[10]', more=', offset: 8')}"
    tree = read(asdf_bytes(trees, packed(label, VALUES.tobytes())))
    assert np.shares_memory(tree["x"], tree["y"])
    tree["x"][2] = -5
    assert tree["y"][0] == -5


def test_no_block_is_unpacked_before_its_array_is_touched() -> None:
    tree = f"x: {node()}\ny: {node(source=1)}"
    content = asdf_bytes(tree, packed(b"zlib", VALUES.tobytes()), Block(b"broken", b"zlib", 4000))
    file = File(Product.from_bytes(content))
    assert same(file.resolve(file.tree()["x"]), VALUES)
    with pytest.raises(FormatError):
        file.resolve(file.tree()["y"])


@pytest.mark.oracle
@pytest.mark.parametrize("compression", ["zlib", "bzp2", "lz4"])
def test_what_asdf_compressed_reads_as_asdf_reads_it(compression: str) -> None:
    asdf = pytest.importorskip("asdf")
    if compression == "lz4":
        pytest.importorskip("lz4.block")
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=100_000), np.zeros((3000, 700), "u1"), np.zeros(0), VALUES]
    written = io.BytesIO()
    asdf.AsdfFile({"x": arrays}).write_to(written, all_array_compression=compression)
    product = Product.from_bytes(written.getvalue())
    assert product.block_checksums() == [True] * 4
    for ours, expected in zip(read(written.getvalue())["x"], arrays, strict=True):
        assert same(ours, expected)


# -- checksums and sizes -----------------------------------------------------------------------------


def test_a_checksum_holds_or_fails_or_is_not_there() -> None:
    data, small = VALUES.tobytes(), zlib.compress(VALUES.tobytes())
    unpacked = hashlib.md5(data).digest()
    blocks = [
        Block(data),
        Block(data, checksum=b"x" * 16),
        Block(data, checksum=bytes(16)),
        Block(small, b"zlib", 4000),
        Block(small, b"zlib", 4000, checksum=unpacked),  # as some older writers did
        Block(small, b"zlib", 4000, checksum=b"x" * 16),
    ]
    product = Product.from_bytes(asdf_bytes("x: 1", *blocks))
    assert product.block_checksums() == [True, False, None, True, True, False]


def test_a_file_without_blocks_has_no_checksums() -> None:
    assert Product.from_bytes(asdf_bytes("x: 1")).block_checksums() == []


@pytest.mark.parametrize("claimed", [5000, 2**63, 2**64 - 1])
def test_a_block_that_claims_more_than_the_file_holds_is_refused_with_its_place(
    claimed: int,
) -> None:
    content = asdf_bytes(f"x: {node()}", Block(VALUES.tobytes(), used=claimed))
    place = content.index(b"\xd3BLK")
    with pytest.raises(FormatError, match=f"byte {place}: .*{claimed}"):
        read(content)


def test_a_block_number_that_is_not_there_is_refused_with_a_place() -> None:
    for number in (1, 2**40, -2):
        with pytest.raises(FormatError, match=r"byte \d+.*block"):
            read(asdf_bytes(f"x: {node(source=number)}", Block(VALUES.tobytes())))


@pytest.mark.parametrize(
    "wrong",
    [
        node(shape="[1001]"),
        node(more=", offset: 1"),
        node(more=", offset: -4"),
        node(more=", strides: [8]"),
        node(more=", strides: [-4]"),
        node(shape="[-1]"),
        node(shape="[a]"),
        node(shape="5"),
        node(shape="[9223372036854775807, 9223372036854775807]"),
        node(dtype="int33"),
        node(dtype="[ascii, -1]"),
        node(shape="[1000, '*']"),
        "!core/ndarray-1.1.0 {source: 0, datatype: int32, byteorder: little}",
        "!core/ndarray-1.1.0 {source: 0, shape: [1000]}",
        "!core/ndarray-1.1.0 {source: 0, data: [1], datatype: int32, shape: [1]}",
        "!core/ndarray-1.1.0 {source: 1.5, datatype: int32, shape: [1]}",
        "!core/ndarray-1.1.0 {source: true, datatype: int32, shape: [1]}",
        "!core/ndarray-1.1.0 {datatype: int32, shape: [1]}",
        "!core/ndarray-1.1.0 text",
    ],
)
def test_a_node_that_its_block_cannot_fill_is_refused_with_its_place(wrong: str) -> None:
    content = asdf_bytes(f"y: 1\nx: {wrong}", Block(VALUES.tobytes()))
    place = content.index(b"!core/nd")
    with pytest.raises(FormatError, match=f"byte {place}: "):
        read(content)


# -- views of the file -------------------------------------------------------------------------------


def test_an_uncompressed_block_is_a_view_of_the_file_that_leaves_the_file_alone(
    tmp_path: Path,
) -> None:
    trees = f"x: {node()}\ny: {node(shape='[10]', more=', offset: 8')}"
    content = asdf_bytes(trees, Block(VALUES.tobytes()))
    tree = read(content, tmp_path / "x.asdf")
    assert not tree["x"].flags.owndata
    tree["x"][2] = -5
    assert tree["y"][0] == -5
    assert (tmp_path / "x.asdf").read_bytes() == content


def test_arrays_of_one_block_share_memory_also_where_the_file_was_given_as_bytes() -> None:
    trees = f"x: {node()}\ny: {node(shape='[10]', more=', offset: 8')}"
    tree = read(asdf_bytes(trees, Block(VALUES.tobytes())))
    assert np.shares_memory(tree["x"], tree["y"])


def test_offset_and_strides_are_those_of_the_node() -> None:
    spec = node(shape="[3, 4]", more=", offset: 40, strides: [400, -8]")
    tree = read(asdf_bytes(f"x: {spec}", Block(VALUES.tobytes())))
    expected = np.ndarray((3, 4), "<i4", VALUES.tobytes(), 40, (400, -8))
    assert same(tree["x"], expected)
    assert tree["x"].strides == (400, -8)


def test_a_streamed_block_has_as_many_rows_as_the_file_holds() -> None:
    spec = node(shape=STREAMED, source=-1)
    stream = Block(VALUES.tobytes(), used=0, checksum=bytes(16), flags=1)
    tree = read(asdf_bytes(f"x: {spec}", Block(b"first"), stream))
    assert same(tree["x"], VALUES[: 142 * 7].reshape(142, 7))


def test_a_stream_without_data_has_no_rows() -> None:
    stream = Block(b"", checksum=bytes(16), flags=1)
    tree = read(asdf_bytes(f"x: {node(shape=STREAMED, source=-1)}", stream))
    assert tree["x"].shape == (0, 7)


@pytest.mark.oracle
def test_every_kind_of_array_reads_as_asdf_reads_it() -> None:
    asdf = pytest.importorskip("asdf")
    rng = np.random.default_rng(1)
    table = np.zeros(5, [("a", "<i2"), ("b", ">f8", (2, 3)), ("c", "S4"), ("d", "<U3"), ("e", "?")])
    table["b"], table["c"], table["d"] = rng.normal(size=(5, 2, 3)), b"text", "äöü"
    nested = np.zeros((2, 2), [("p", [("x", ">i4"), ("y", "<f4")]), ("q", "u1")])
    base = rng.normal(size=(20, 30))
    codes = ("i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16")
    orders = [f"{order}{code}" for order in "<>" for code in codes]
    arrays: dict[str, Any] = {
        f"plain{number}": rng.integers(0, 2, (3, 4)).astype(code)
        for number, code in enumerate(["?", "i1", "u1", *orders])
    }
    arrays |= {
        "table": table,
        "nested": nested,
        "bytes": np.array([b"a", b"bcd"]),
        "text": np.array(["a", "ö", "\U0001f600b"]),
        "scalar": np.array(5.0),
        "empty": np.zeros((0, 3)),
        "transposed": base.T,
        "strided": base[::3, 5:20:2],
        "reversed": base[::-1, ::-1],
        "fortran": np.asfortranarray(base),
        "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
        "masked": np.ma.array(base, mask=base > 0),
        "masked_int": np.ma.array([1, 2, 3], mask=[0, 1, 0]),
    }
    with asdf.config_context() as config:
        for save_base in (False, True):
            config.default_array_save_base = save_base
            written = io.BytesIO()
            asdf.AsdfFile({"x": arrays}).write_to(written)
            with asdf.open(io.BytesIO(written.getvalue()), lazy_load=False) as theirs:
                ours = read(written.getvalue())["x"]
                for name in arrays:
                    assert same(ours[name], theirs["x"][name]), name
                    assert ours[name].strides == theirs["x"][name].strides, name
