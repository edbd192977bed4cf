"""Files from parts and edits in place: exact bytes, all of it or nothing, whatever happens."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import itertools
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asdfits import _core

BLOCK = 2880

HEADER = _core.render_header([("SIMPLE", True, ""), ("BITPIX", 8, ""), ("NAXIS", 0, "")])


def fits_of(data: bytes) -> bytes:
    """Return a FITS file with an image of bytes."""
    cards = [("SIMPLE", True, ""), ("BITPIX", 8, ""), ("NAXIS", 1, ""), ("NAXIS1", len(data), "")]
    return _core.render_header(cards) + data + bytes(-len(data) % BLOCK)


def strays(folder: Path) -> list[str]:
    """Return what is left in a folder of writers and editors."""
    return [name for name in os.listdir(folder) if "asdfits" in name]


def run(code: str, *args: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start a process of Python."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


# --- parts -----------------------------------------------------------------------------------------


def part_kinds(product: _core.Product) -> st.SearchStrategy[tuple[Any, Callable[[int], bytes]]]:
    """Return parts of every kind, each with the bytes that it stands for, given where it starts."""
    arrays = st.tuples(
        st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "f4", "u8", "i8", "f8"]),
        st.integers(0, 3000) | st.sampled_from([65535, 65536, 70001, 262144, 262145]),
    ).map(lambda pair: (np.arange(pair[1]) * 7919).astype(pair[0]))

    def flipped(array: np.ndarray, order: str) -> bytes:
        width = array.dtype.itemsize
        top = np.array(1 << (8 * width - 1), f"u{width}")
        return (array.view(f"u{width}") ^ top).astype(f"{order}u{width}").tobytes()

    def swapped(array: np.ndarray) -> tuple[Any, Callable[[int], bytes]]:
        expected = array.astype(array.dtype.newbyteorder(">")).tobytes()
        return ("swap", array, array.dtype.itemsize, False), lambda at: expected

    def unsigned(array: np.ndarray) -> tuple[Any, Callable[[int], bytes]]:
        return ("swap", array, array.dtype.itemsize, True), lambda at: flipped(array, ">")

    def signed(array: np.ndarray) -> tuple[Any, Callable[[int], bytes]]:
        return (
            "sign",
            array.view(f"u{array.dtype.itemsize}").byteswap(),
            array.itemsize,
        ), lambda at: flipped(array, ">")

    def copied(place: tuple[int, int]) -> tuple[Any, Callable[[int], bytes]]:
        at, length = place[0], min(place[1], product.size - place[0])
        return ("copy", product, at, length), lambda _: bytes(product.region(at, length))

    plain = st.binary(max_size=200) | st.integers(60000, 70000).map(bytes)
    return st.one_of(
        plain.map(lambda data: (data, lambda at: data)),
        plain.map(lambda data: (bytearray(data), lambda at: data)),
        arrays.map(lambda array: (array, lambda at: array.tobytes())),
        arrays.map(swapped),
        arrays.map(unsigned),
        arrays.map(signed),
        st.tuples(st.integers(0, product.size), st.integers(0, 300000)).map(copied),
        st.integers(0, 5000).map(lambda n: (("zeros", n), lambda at: bytes(n))),
        st.sampled_from([0, 32]).map(
            lambda byte: (("pad", byte), lambda at: bytes([byte]) * (-at % BLOCK))
        ),
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.fits"
    path.write_bytes(fits_of(np.random.default_rng(1).bytes(400_000)))
    return path


@pytest.mark.parametrize("kind", ["mapped", "replaced", "memory", "gzip"])
def test_a_file_is_its_parts_one_after_the_other(kind: str, large: Path, tmp_path: Path) -> None:
    data = large.read_bytes()
    source = tmp_path / "source.fits"
    source.write_bytes(data)
    if kind == "gzip":
        source.write_bytes(gzip.compress(data, 1))
    product = _core.Product.from_bytes(data) if kind == "memory" else _core.Product.open(source)
    if kind == "replaced":
        # The path stands for another file now; what was opened is still there.
        (tmp_path / "other").write_bytes(fits_of(b"other"))
        os.replace(tmp_path / "other", source)

    @settings(
        max_examples=80,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(parts=st.lists(part_kinds(product), max_size=12))
    def check(parts: list[tuple[Any, Callable[[int], bytes]]]) -> None:
        expected = b""
        for _, stands_for in parts:
            expected += stands_for(len(expected))
        path = tmp_path / "out.fits"
        length = _core.write_file(path, [part for part, _ in parts], fsync=False)
        assert length == len(expected)
        assert path.read_bytes() == expected
        assert not strays(tmp_path)

    check()


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        (("swap", b"123", 2, False), ValueError, "3 bytes are no items of 2 bytes"),
        (("swap", b"123", 3, False), ValueError, "1, 2, 4 or 8 bytes, not 3"),
        (("sign", b"1234", 16), ValueError, "not 16"),
        (("turn", b"123"), ValueError, "no part is called `turn`"),
        (np.zeros((4, 4))[:, :2], (TypeError, BufferError), "contiguous"),
        (("swap", np.zeros((4, 4)).T, 8, False), (TypeError, BufferError), "contiguous"),
        ("text", TypeError, "buffer|bytes-like"),
        (("zeros", -1), OverflowError, "negative|unsigned"),
        (("pad", 256), OverflowError, "range"),
    ],
)
def test_a_wrong_part_is_refused_before_anything_is_written(
    part: Any, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.fits"
    path.write_bytes(b"old")
    with pytest.raises(error, match=message):
        _core.write_file(path, [HEADER, part])
    assert path.read_bytes() == b"old"
    assert not strays(tmp_path)


def test_bytes_beyond_the_end_of_a_source_are_refused_with_its_name(tmp_path: Path) -> None:
    source = tmp_path / "source.fits"
    source.write_bytes(HEADER)
    product = _core.Product.open(source)
    with pytest.raises(_core.FormatError, match=r"100 bytes from byte 2800 of .*source\.fits"):
        _core.write_file(tmp_path / "out.fits", [("copy", product, 2800, 100)])
    assert not (tmp_path / "out.fits").exists()


@pytest.mark.parametrize("length", [100, 1_000_000])
def test_a_source_that_was_cut_short_is_an_error_with_its_name(length: int, tmp_path: Path) -> None:
    # By a program that knows nothing of locks; neither a signal nor a short copy may come of it.
    source = tmp_path / "source.fits"
    source.write_bytes(fits_of(bytes(2_000_000)))
    product = _core.Product.open(source)
    os.truncate(source, 8192)
    target = tmp_path / "out.fits"
    target.write_bytes(b"old")
    with pytest.raises(_core.FormatError, match=r"source\.fits .*cut short"):
        _core.write_file(target, [HEADER, ("copy", product, 900_000, length)])
    assert target.read_bytes() == b"old"
    assert not strays(tmp_path)


# --- the file that is replaced ---------------------------------------------------------------------


def test_a_file_is_written_over_itself_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    data = np.random.default_rng(2).bytes(300_000)
    path.write_bytes(fits_of(data))
    product = _core.Product.open(path)
    array = np.frombuffer(product.region(BLOCK, len(data)), "u1")
    array[0] ^= 255  # of this process alone
    expected = array.copy()
    for _ in range(3):
        header = bytes(product.header_bytes(0))
        _core.write_file(path, [header, array, ("pad", 0), ("copy", product, 0, product.size)])
        assert path.read_bytes()[BLOCK : BLOCK + len(data)] == expected.tobytes()
    assert array.tobytes() == expected.tobytes()
    assert path.read_bytes()[-product.size :] == fits_of(data)


def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / "real.fits"
    link, second = tmp_path / "link.fits", tmp_path / "second.fits"
    link.symlink_to("far/real.fits")
    second.symlink_to(link)
    for content in (b"made through a link to nothing", b"and replaced"):
        _core.write_file(second, [content])
        assert link.is_symlink()
        assert second.is_symlink()
        assert real.read_bytes() == content
    assert not strays(tmp_path)
    assert not strays(real.parent)
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        _core.write_file(loop, [b"x"])


def test_permissions_stay_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"

    def mode() -> int:
        return stat.S_IMODE(path.stat().st_mode)

    before = os.umask(0o027)
    try:
        _core.write_file(path, [b"1"])
        assert mode() == 0o640
        path.chmod(0o604)
        _core.write_file(path, [b"2"])
        assert mode() == 0o604
        _core.write_file(path, [b"3"], mode=0o600)
        assert mode() == 0o600
        path.unlink()
        _core.write_file(path, [b"4"], mode=0o666)
        assert mode() == 0o666
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    path.write_bytes(b"1")
    os.chown(path, 1234, 4321)
    _core.write_file(path, [b"2"])
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        _core.write_file(tmp_path, [b"x"])
    with pytest.raises(FileNotFoundError, match=r"out\.fits"):
        _core.write_file(tmp_path / "no such folder" / "out.fits", [b"x"])
    with pytest.raises(OSError, match="device or a pipe"):
        _core.write_file("/dev/null", [b"x"])
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("length", [100, 250])
def test_a_long_name_leaves_room_for_the_temporary_one(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("n" * (length - 5) + ".fits")
    path.write_bytes(b"old")
    _core.write_file(path, [b"new"])
    _core.edit_file(path, [(0, b"N")])
    assert path.read_bytes() == b"New"
    assert len(os.listdir(tmp_path)) == 1


# --- what goes wrong -------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a full disk: no small file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file_and_says_so(small_disk: Path) -> None:
    path = small_disk / "m.fits"
    path.write_bytes(bytes(400_000))
    source = small_disk.parent / "source.fits"
    source.write_bytes(fits_of(bytes(1_000_000)))
    product = _core.Product.open(source)
    array = np.zeros(100_000)
    for part in (bytes(800_000), ("swap", array, 8, False), ("copy", product, 0, 900_000)):
        with pytest.raises(OSError, match="No space left on device") as caught:
            _core.write_file(path, [HEADER, part])
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.filename == str(path)
        assert path.read_bytes() == bytes(400_000)
        assert os.listdir(small_disk) == ["m.fits"]


@pytest.mark.parametrize(
    ("count", "more"), [(100_000, 500_000), (350_000, 0)], ids=["for the edit", "for the journal"]
)
def test_an_edit_on_a_full_disk_leaves_the_old_file_and_says_so(
    count: int, more: int, small_disk: Path
) -> None:
    path = small_disk / "m.fits"
    old = bytes(range(256)) * 1400
    path.write_bytes(old)
    changed = bytes(255 - byte for byte in old[:count])
    with pytest.raises(OSError, match="No space left") as caught:
        _core.edit_file(path, [(100, changed), (len(old), bytes(more))])
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == old
    assert os.listdir(small_disk) == ["m.fits"]
    _core.edit_file(path, [(100, b"changed")])
    assert path.read_bytes()[100:107] == b"changed"


# A limit to the size of files is for the whole process, so another one has it.
LIMITED = """
    import errno, resource, sys
    import numpy as np
    from asdfits import _core
    path = sys.argv[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    for write in (
        lambda: _core.write_file(path, [b"x" * 500_000]),
        lambda: _core.write_file(path, [("swap", np.zeros(100_000), 8, False)]),
        lambda: _core.edit_file(path, [(5, b"changed"), (299_000, bytes(10_000))]),
    ):
        try:
            write()
        except OSError as error:
            assert error.errno == errno.EFBIG, error
            assert "File too large" in str(error) and path in str(error), error
        else:
            raise SystemExit("was written")
"""


def test_a_limit_to_the_size_of_files_is_an_error_not_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    old = bytes(range(256)) * 1100
    path.write_bytes(old)
    child = run(LIMITED, path)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said.decode()
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["m.fits"]


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file m.fits that takes no new file; root is not kept out by permissions."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "m.fits").write_bytes(HEADER)
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    chattr = shutil.which("chattr")
    if chattr and not subprocess.run([chattr, "+i", folder], capture_output=True).returncode:
        yield folder
        subprocess.run([chattr, "-i", folder], check=True)
        return
    mount = ["mount", "--bind", str(folder), str(folder)]
    again = ["mount", "-o", "remount,bind,ro", str(folder)]
    if any(subprocess.run(command, capture_output=True).returncode for command in (mount, again)):
        pytest.skip("a read-only folder: neither chattr nor mount is allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_is_named_in_the_error(closed_folder: Path) -> None:
    path = closed_folder / "m.fits"
    with pytest.raises(OSError, match="new file cannot be made in the folder") as caught:
        _core.write_file(path, [b"new"])
    assert caught.value.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    assert caught.value.filename == str(path)
    with pytest.raises(OSError, match=r"not permitted|denied|Read-only"):
        _core.edit_file(path, [(0, b"new")])
    assert path.read_bytes() == HEADER
    assert os.listdir(closed_folder) == ["m.fits"]


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    for slot in (0, 1, 3):
        (tmp_path / f".m.fits.{slot}.asdfits-tmp").write_bytes(b"stray")
    others = tmp_path / ".n.fits.0.asdfits-tmp"
    others.write_bytes(b"of another file")
    _core.write_file(path, [b"new"])
    assert sorted(os.listdir(tmp_path)) == [others.name, "m.fits"]


def test_a_file_that_is_being_written_is_no_stray(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    theirs = tmp_path / ".m.fits.0.asdfits-tmp"
    with theirs.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _core.write_file(path, [b"new"])
        assert theirs.exists()
    _core.write_file(path, [b"newer"])
    assert os.listdir(tmp_path) == ["m.fits"]


def test_writers_of_one_file_at_the_same_time_leave_one_of_their_files(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    contents = [bytes([number]) * 200_000 for number in range(6)]
    failures: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(30):
                _core.write_file(path, [content], fsync=False)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            assert path.read_bytes() in contents
    for thread in threads:
        thread.join()
    assert not failures
    assert os.listdir(tmp_path) == ["m.fits"]


# --- edits in place --------------------------------------------------------------------------------


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    size=st.integers(0, 3000),
    places=st.lists(st.tuples(st.integers(0, 3500), st.binary(max_size=1200)), max_size=5),
    length=st.none() | st.integers(0, 5000),
)
def test_an_edit_changes_what_it_names_and_nothing_else(
    size: int, places: list[tuple[int, bytes]], length: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    old = bytes(number % 251 for number in range(size))
    path.write_bytes(old)
    edits: list[tuple[int, bytes]] = []
    for at, data in places:
        if all(at + len(data) <= other or at >= other + len(more) for other, more in edits):
            edits.append((at, data))
    end = max((at + len(data) for at, data in edits), default=0)
    if length is not None and length < end:
        with pytest.raises(_core.FormatError, match="beyond the length"):
            _core.edit_file(path, edits, length)
        assert path.read_bytes() == old
        return
    expected = bytearray(old.ljust(max(end if any(d for _, d in edits) else 0, size), b"\0"))
    for at, data in edits:
        if data:
            expected[at : at + len(data)] = data
    if length is not None:
        expected = expected[:length].ljust(length, b"\0")
    else:
        expected = expected.ljust(max(size, end), b"\0")
    inode = path.stat().st_ino
    _core.edit_file(path, edits, length, fsync=False)
    assert path.read_bytes() == expected
    assert path.stat().st_ino == inode
    assert os.listdir(tmp_path) == ["m"]


def test_edits_that_meet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(bytes(100))
    with pytest.raises(_core.FormatError, match="byte 12: two edits want the same byte"):
        _core.edit_file(path, [(12, b"abc"), (10, b"abc")])
    _core.edit_file(path, [(13, b"def"), (10, b"abc")])
    assert path.read_bytes()[10:16] == b"abcdef"


def test_what_is_the_same_already_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(bytes(10_000))
    before = path.stat().st_mtime_ns
    _core.edit_file(path, [(0, bytes(5000))], 10_000)
    assert path.stat().st_mtime_ns == before


def test_a_file_that_somebody_has_open_is_not_edited_in_place(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    path.write_bytes(fits_of(b"abc"))
    product = _core.Product.open(path)
    array = np.frombuffer(product.region(BLOCK, 3), "u1")
    for attempt in ("product", "array"):
        with pytest.raises(BlockingIOError, match="it is open"):
            _core.edit_file(path, [(BLOCK, b"x")])
        with pytest.raises(BlockingIOError, match="it is open"):
            _core.Product.open(path, edit=True)
        if attempt == "product":
            del product
    assert array.tobytes() == b"abc"
    del array
    _core.edit_file(path, [(BLOCK, b"x")])
    assert path.read_bytes() == fits_of(b"xbc")


def test_who_opens_a_file_to_edit_it_is_alone_until_it_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    path.write_bytes(fits_of(b"abc"))
    product = _core.Product.open(path, edit=True)
    assert product.locked
    child = run(
        """
        import sys, time
        from asdfits import _core
        print("ready", flush=True)
        print(bytes(_core.Product.open(sys.argv[1]).region(2880, 3)).decode())
        """,
        path,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    assert child.poll() is None, "the reader waits for the editor"
    _core.edit_file(path, [(BLOCK, b"xyz")], product=product)
    product.unlock()
    assert child.communicate(timeout=60)[0] == b"xyz\n"
    # An array that outlives the edit keeps nobody out.
    array = np.frombuffer(product.region(0, 10), "u1")
    del product
    _core.edit_file(path, [(BLOCK, b"abc")])
    assert array is not None


def test_an_edit_of_a_file_that_was_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    path.write_bytes(fits_of(b"abc"))
    product = _core.Product.open(path, edit=True)
    _core.write_file(path, [fits_of(b"new")])
    with pytest.raises(BlockingIOError, match="another file has taken its name"):
        _core.edit_file(path, [(BLOCK, b"x")], product=product)
    assert path.read_bytes() == fits_of(b"new")


def test_a_file_of_several_names_is_not_edited_in_place(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"abc")
    os.link(path, tmp_path / "backup")
    with pytest.raises(BlockingIOError, match="2 names"):
        _core.edit_file(path, [(0, b"x")])
    assert path.read_bytes() == b"abc"


# --- an edit that was cut off ----------------------------------------------------------------------


def journal_of(path: Path, edits: list[tuple[int, bytes]], length: int | None) -> bytes:
    """Return the journal that an edit writes: see `save/undo.rs`."""
    old = path.read_bytes()
    end = max([len(old), *(at + len(data) for at, data in edits)]) if length is None else length
    stretches = [(at, old[at : at + len(data)], data) for at, data in edits]
    if end < len(old):
        stretches.append((end, old[end:], b""))

    def number(value: int) -> bytes:
        return value.to_bytes(8, "little")

    content = b"asdfits undo 1\n\0" + number(len(old)) + number(end) + number(len(stretches))
    for at, before, after in stretches:
        content += number(at)
        for part in (before, after[: len(before)]):
            content += number(len(part)) + part
    return content + hashlib.sha256(content).digest()


def applied(old: bytes, edits: list[tuple[int, bytes]], length: int | None) -> bytes:
    """Return the bytes of a file after edits."""
    new = bytearray(old)
    for at, data in edits:
        new = new.ljust(at, b"\0")
        new[at : at + len(data)] = data
    return bytes(new if length is None else new[:length].ljust(length, b"\0"))


EDITS: list[tuple[list[tuple[int, bytes]], int | None]] = [
    ([(BLOCK + 10, b"changed"), (80, b"BITPIX  =                   16")], None),
    ([(BLOCK + 5, b"x" * 4000)], None),
    ([(BLOCK + 10, b"changed")], BLOCK + 100),
    ([(9000, b"appended")], 12000),
]


@pytest.mark.parametrize(("edits", "length"), EDITS)
@pytest.mark.parametrize("through", ["open", "recover", "edit", "link"])
def test_every_state_of_a_cut_off_edit_is_undone(
    edits: list[tuple[int, bytes]], length: int | None, through: str, tmp_path: Path
) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    link = tmp_path / "link.fits"
    link.symlink_to(path)
    old = fits_of(bytes(number % 253 for number in range(3000)))
    path.write_bytes(old)
    journal = journal_of(path, edits, length)
    new = applied(old, edits, length)
    # Byte by byte through the edits, some bytes at a time, then the length.
    states = [old, new]
    for count in range(len(edits)):
        at, data = edits[count]
        parts = range(0, len(data), max(1, len(data) // 7))
        states += [applied(old, [*edits[:count], (at, data[:part])], None) for part in parts]
    for state in states:
        path.write_bytes(state)
        undo.write_bytes(journal)
        if through == "open":
            assert _core.Product.open(path).size == len(old)
        elif through == "link":
            assert _core.Product.open(link).size == len(old)
        elif through == "recover":
            assert _core.recover_file(path) is (state != old)
        else:
            _core.edit_file(path, [])
        assert path.read_bytes() == old
        assert not undo.exists()


def test_an_unfinished_journal_is_removed_and_the_file_left_alone(tmp_path: Path) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    path.write_bytes(HEADER)
    journal = journal_of(path, [(100, b"changed")], None)
    for end in range(0, len(journal), 7):
        undo.write_bytes(journal[:end])
        assert _core.recover_file(path) is False
        assert path.read_bytes() == HEADER
        assert not undo.exists()


def test_a_journal_of_another_file_is_removed_and_the_file_left_alone(tmp_path: Path) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    path.write_bytes(HEADER)
    undo.write_bytes(journal_of(path, [(100, b"changed")], None))
    other = fits_of(b"another file")
    path.unlink()
    path.write_bytes(other)
    assert _core.Product.open(path).size == len(other)
    assert path.read_bytes() == other
    assert not undo.exists()


def test_a_save_ends_the_journal_of_the_file_that_it_replaces(tmp_path: Path) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    path.write_bytes(HEADER)
    edits = [(100, b"changed")]
    undo.write_bytes(journal_of(path, edits, None))
    # Even if the new file looks as the half-edited one does.
    new = applied(HEADER, edits, None)
    _core.write_file(path, [new])
    assert not undo.exists()
    assert _core.recover_file(path) is False
    assert path.read_bytes() == new


def test_a_journal_of_a_newer_version_is_an_error(tmp_path: Path) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    path.write_bytes(HEADER)
    content = b"asdfits undo 2\n\0 in words of the future"
    undo.write_bytes(content + hashlib.sha256(content).digest())
    with pytest.raises(OSError, match=r"an edit of this file broke off.*newer version"):
        _core.Product.open(path)
    assert undo.exists()


def test_a_half_edited_file_in_a_read_only_folder_is_an_error_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    if os.geteuid() == 0 and shutil.which("chattr") is None:
        pytest.skip("a read-only file: chattr is not there")
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    path.write_bytes(HEADER)
    edits = [(100, b"changed"), (200, b"too")]
    undo.write_bytes(journal_of(path, edits, None))
    path.write_bytes(applied(HEADER, edits[:1], None))

    def protect(sign: str) -> bool:
        if os.geteuid() != 0:
            path.chmod(0o444 if sign == "+" else 0o644)
            return True
        command = ["chattr", f"{sign}i", str(path)]
        return not subprocess.run(command, capture_output=True).returncode

    if not protect("+"):
        pytest.skip("a read-only file: chattr is not allowed here")
    try:
        with pytest.raises(OSError, match=r"edit of this file broke off.*where it may be written"):
            _core.Product.open(path)
    finally:
        protect("-")
    assert _core.Product.open(path).size == len(HEADER)
    assert path.read_bytes() == HEADER


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_in_a_shared_folder_the_journal_of_a_stranger_is_not_played_back(tmp_path: Path) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    tmp_path.chmod(0o1777)
    path.write_bytes(HEADER)
    # Old bytes of the stranger's making, for new ones that are those of the file.
    forged = journal_of(path, [(100, HEADER[100:107])], None).replace(
        (7).to_bytes(8, "little") + HEADER[100:107], (7).to_bytes(8, "little") + b"forged!", 1
    )
    undo.write_bytes(forged[:-32] + hashlib.sha256(forged[:-32]).digest())
    os.chown(undo, 4242, 4242)
    with pytest.raises(OSError, match="another user's"):
        _core.Product.open(path)
    assert path.read_bytes() == HEADER


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_journal_keeps_no_file_from_being_read(kind: str, tmp_path: Path) -> None:
    path, undo = tmp_path / "m.fits", tmp_path / ".m.fits.asdfits-undo"
    stray = tmp_path / ".m.fits.0.asdfits-tmp"
    path.write_bytes(HEADER)
    for name in (undo, stray):
        if kind == "pipe":
            os.mkfifo(name)
        elif kind == "link":
            name.symlink_to("/dev/zero")
        else:
            name.mkdir()
    assert _core.Product.open(path).size == len(HEADER)
    with pytest.raises(OSError, match="exists"):
        _core.edit_file(path, [(0, b"x")])
    _core.write_file(path, [b"new"])
    assert path.read_bytes() == b"new"


# --- kill -9 ---------------------------------------------------------------------------------------

COUNTS = [pytest.param(20, id="few"), pytest.param(200, id="many", marks=pytest.mark.slow)]


def states() -> list[bytes]:
    """Return three files of different bytes and lengths."""
    return [fits_of(bytes([number]) * (60_000 * number)) for number in (1, 2, 3)]


def write_for_ever(path: Path) -> None:
    """Replace a file by one of the three after the other."""
    for turn in itertools.count():
        _core.write_file(path, [states()[turn % 3], ("pad", 0)], fsync=turn % 4 == 0)


def edit_for_ever(path: Path) -> None:
    """Make one of the three files of the one before it, in place, from its end to its start."""
    for turn in itertools.count():
        new = states()[turn % 3]
        pieces = [(at, new[at : at + 5000]) for at in range(0, len(new), 5000)]
        _core.edit_file(path, pieces[::-1], len(new), fsync=turn % 4 == 0)


def kill_at_work(work: Callable[[Path], None], path: Path, seed: int) -> None:
    """Start a process that works on a file, and kill it some milliseconds later."""
    child = os.fork()
    if child == 0:
        try:
            work(path)
        finally:
            os._exit(1)
    time.sleep(random.Random(seed).uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the work failed before it was killed"


@pytest.mark.parametrize("count", COUNTS)
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(count: int, tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    whole = states()
    path.write_bytes(whole[0])
    left = 0
    for seed in range(count):
        kill_at_work(write_for_ever, path, seed)
        assert path.read_bytes() in whole
        left += bool(strays(tmp_path))
    assert left, "no writer was killed while it wrote"
    _core.write_file(path, [whole[0]])
    assert os.listdir(tmp_path) == ["m.fits"]


@pytest.mark.parametrize("count", COUNTS)
def test_a_killed_editor_leaves_the_old_file_or_the_new_one(count: int, tmp_path: Path) -> None:
    path = tmp_path / "m.fits"
    whole = states()
    path.write_bytes(whole[0])
    undone = half = 0
    for seed in range(count):
        kill_at_work(edit_for_ever, path, seed)
        half += path.read_bytes() not in whole
        undone += bool(strays(tmp_path))
        if seed % 3 == 0:
            _core.recover_file(path)
        else:
            assert _core.Product.open(path).size in map(len, whole)
        assert path.read_bytes() in whole
        assert os.listdir(tmp_path) == ["m.fits"]
    assert undone, "no editor was killed while it edited"
    if count >= 200:
        assert half, "no editor was killed between two edits"


# --- sums ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8"])
def test_sums_are_those_of_astropy(dtype: str) -> None:
    fits = pytest.importorskip("astropy.io.fits")
    for size in (1, 2, 3, 7, 719, 720, 1441, 100_003):
        array = np.random.default_rng(size).integers(0, 100, size).astype(dtype)
        hdu = fits.ImageHDU(array)
        hdu.add_checksum(when="")
        sign = dtype in ("u2", "u4")
        width = array.dtype.itemsize
        datasum = _core.checksum(("swap", array, width, sign))
        assert str(datasum) == hdu.header["DATASUM"]
        assert datasum == _core.checksum(_raw(array, sign))
        header = str(hdu.header).encode()
        text = hdu.header["CHECKSUM"]
        zeroed = header.replace(text.encode(), b"0" * 16)
        total = _core.checksum(zeroed, datasum)
        assert _core.checksum_text(total) == text
        assert _core.checksum(header, datasum) == 0xFFFFFFFF
        assert _core.checksum_text(total, complement=False) == hdu._char_encode(total)


def _raw(array: np.ndarray, sign: bool) -> bytes:
    """Return the bytes of an image."""
    if sign:
        width = array.dtype.itemsize
        array = array ^ array.dtype.type(1 << (8 * width - 1))
    return array.astype(array.dtype.newbyteorder(">")).tobytes()


def test_the_sum_of_bytes_of_a_file_is_taken_where_they_lie(large: Path) -> None:
    product = _core.Product.open(large)
    data = large.read_bytes()
    for at, length in ((0, product.size), (BLOCK, 400_000), (100, 1001), (0, 0)):
        whole = _core.checksum(data[at : at + length])
        assert _core.datasum(product, at, length) == whole
        assert _core.checksum(("copy", product, at, length)) == whole
    assert _core.checksum(("zeros", 12), 7) == 7
    with pytest.raises(_core.FormatError):
        _core.datasum(product, 0, product.size + 1)
