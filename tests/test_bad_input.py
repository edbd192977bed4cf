from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import sample
from asdfits.errors import FormatError, FormatWarning, NoTypeWarning, ValidationWarning
from data.make import BLOCK, FAULTS, Fault, header_at

GOOD = sample.image_product()
MAKE = Path(__file__).with_name("data") / "make.py"

# What a damaged file may raise. TypeError: the class is not named and cannot be guessed.
REFUSALS = (FormatError, OSError, ValueError, TypeError)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of all faulty files, written by the script."""
    folder = tmp_path_factory.mktemp("faulty")
    subprocess.run([sys.executable, str(MAKE), str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


def opened(path: Path) -> tuple[Any, list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = asdfits.open(path)
    return model, caught


def assert_placed(message: str, path: Path) -> None:
    """Check that a message names the path and a byte inside the file."""
    assert str(path) in message
    raw = path.read_bytes()
    size = len(gzip.decompress(raw)) if raw[:2] == b"\x1f\x8b" else len(raw)
    place = re.search(r"byte (\d+)", message)
    assert place is not None, message
    assert 0 <= int(place[1]) <= size, message


def faults(stage: str) -> list[str]:
    return [name for name, fault in FAULTS.items() if getattr(fault, stage) is not None]


def test_the_script_writes_every_file(faulty: Path) -> None:
    assert {path.name for path in faulty.iterdir()} == set(FAULTS)
    assert len(FAULTS) > 60


@pytest.mark.parametrize("name", faults("opening"))
def test_a_fault_that_forbids_opening_raises_the_error_listed(name: str, faulty: Path) -> None:
    fault = FAULTS[name]
    assert fault.opening is not None
    with pytest.raises(fault.opening, match=fault.says) as raised:
        asdfits.open(faulty / name)
    assert str(faulty / name) in str(raised.value)
    if fault.opening is FormatError and not name.startswith("gzip-cut"):
        assert_placed(str(raised.value), faulty / name)


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in faults("opening")])
def test_any_other_fault_opens_as_its_class_with_the_warning_listed(
    name: str, faulty: Path
) -> None:
    fault = FAULTS[name]
    model, caught = opened(faulty / name)
    assert type(model).__name__ == fault.model
    assert {warning.category for warning in caught} == ({fault.warns} if fault.warns else set())
    messages = [str(warning.message) for warning in caught]
    if fault.warns:
        assert any(re.search(fault.says, message) for message in messages), messages
    for message in messages:
        assert str(faulty / name) in message
        if "byte" in message:
            assert_placed(message, faulty / name)


@pytest.mark.parametrize("name", faults("touching"))
def test_a_fault_of_an_array_is_raised_when_it_is_touched(name: str, faulty: Path) -> None:
    fault = FAULTS[name]
    model, _ = opened(faulty / name)
    assert fault.touching is not None
    with pytest.raises(fault.touching, match=fault.says) as raised:
        model[fault.path]
    assert str(faulty / name) in str(raised.value)
    if type(raised.value) is FormatError:
        assert_placed(str(raised.value), faulty / name)


@pytest.mark.parametrize(
    "name", [n for n in FAULTS if n not in {*faults("opening"), *faults("flattening")}]
)
def test_metadata_can_be_read_whatever_is_wrong_with_the_arrays(name: str, faulty: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flat = asdfits.open(faulty / name).to_flat_dict(include_arrays=False)
        scalars = asdfits.read_metadata(faulty / name)
    # An ASDF file keeps the name that its tree says, as in the reference.
    assert flat["meta.filename"] == (sample.NAME if name == "asdf-alone.fits" else name)
    assert flat.get("meta.telescope") in ((None, "JWST") if name in ODD_TREES else ("JWST",))
    # Arrays are there as the tree has them, and what is null.
    scalars = {path: value for path, value in scalars.items() if value is not None}
    extra = scalars.keys() - flat.keys() - {"meta.model_type", "history"}
    assert (
        all(
            re.match(r"\w+\.(source|datatype|byteorder|shape|data|mask|offset|strides)\b", each)
            for each in extra
        )
        or name in ODD_TREES
    )


# `meta` is no dict there, so that the model makes its own.
ODD_TREES = {"meta-is-text.fits", "meta-is-a-list.fits"}


@pytest.mark.parametrize("name", faults("flattening"))
def test_a_tree_that_cannot_be_flattened_says_why(name: str, faulty: Path) -> None:
    fault = FAULTS[name]
    model, _ = opened(faulty / name)
    assert fault.flattening is not None
    for flatten in (
        model.to_flat_dict,
        lambda: model.to_flat_dict(include_arrays=False),
        lambda: list(model.keys()),
        lambda: asdfits.read_metadata(faulty / name),
    ):
        with pytest.raises(fault.flattening, match=fault.says):
            flatten()


# -- what the odd files that open hold --------------------------------------------------------


def ramp(shape: tuple[int, ...] = (3, 4)) -> np.ndarray[Any, Any]:
    return np.arange(np.prod(shape), dtype="f4").reshape(shape)


def model_of(name: str, faulty: Path) -> Any:
    return opened(faulty / name)[0]


def test_of_two_hdus_of_one_name_the_first_is_the_array(faulty: Path) -> None:
    model = model_of("duplicate-extname.fits", faulty)
    assert np.array_equal(model.data, ramp())


def test_a_gap_in_extver_gives_an_empty_item(faulty: Path) -> None:
    model = model_of("extver-gap.fits", faulty)
    assert len(model.slits) == 3
    assert np.array_equal(model.slits[2].data, ramp() + 3)
    assert model.slits[1].data is None
    assert [slit.name for slit in model.slits] == ["S1", None, "S3"]


@pytest.mark.parametrize("name", ["extver-of-1e9.fits", "extver-of-2e63.fits"])
def test_an_absurd_extver_does_not_grow_the_list(name: str, faulty: Path) -> None:
    model = model_of(name, faulty)
    assert [slit.name for slit in model.slits] == ["S1"]


def test_an_image_without_a_name_is_not_the_data(faulty: Path) -> None:
    model = model_of("extname-missing.fits", faulty)
    assert np.array_equal(model.data, ramp())
    assert list(model.extra_fits.instance) == [""]


@pytest.mark.parametrize(
    "name", ["asdf-as-image.fits", "asdf-as-own-xtension.fits", "asdf-in-lower-case.fits"]
)
def test_the_tree_is_found_in_every_form_of_extension(name: str, faulty: Path) -> None:
    model = model_of(name, faulty)
    assert model.provenance("meta.program.pi_name").layer == "asdf"
    assert model.meta.bunit_data == "MJy/sr"


def test_of_two_trees_the_first_counts(faulty: Path) -> None:
    assert model_of("asdf-twice.fits", faulty).meta.telescope == "JWST"


def test_links_to_nothing_and_to_an_empty_hdu_read_as_none(faulty: Path) -> None:
    assert model_of("link-to-missing-hdu.fits", faulty).data is None
    model = model_of("link-to-hdu-without-data.fits", faulty)
    assert model.data is None
    assert model.err.shape == (24, 32)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("card-text-for-a-number.fits", "meta.exposure.ngroups", 6),
        ("card-nan-for-a-number.fits", "meta.exposure.exposure_time", 311.36644),
        ("card-integer-of-30-digits.fits", "meta.exposure.ngroups", 6),
        (
            "card-no-closing-quote.fits",
            "meta.target.catalog_name",
            "'SAMPLE-1 / Name of the target",
        ),
        ("card-not-ascii.fits", "meta.target.catalog_name", "NGC 1?"),
        ("lower-case-keyword.fits", "meta.program.pi_name", "Ada"),
        ("asdf-missing.fits", "meta.program.pi_name", "Cecilia Payne"),
        ("asdf-of-comments-alone.fits", "meta.program.pi_name", "Cecilia Payne"),
        ("keys-are-numbers.fits", "meta.telescope", "JWST"),
    ],
)
def test_a_faulty_card_leaves_this_value(name: str, path: str, value: Any, faulty: Path) -> None:
    assert model_of(name, faulty)[path] == value


def test_code_in_the_tree_is_never_run(faulty: Path) -> None:
    model = model_of("yaml-of-python-code.fits", faulty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert list(model.a) == []


# -- what is no product -----------------------------------------------------------------------


def test_a_missing_file_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone_cal\.fits") as raised:
        asdfits.open(tmp_path / "gone_cal.fits")
    assert raised.value.filename == str(tmp_path / "gone_cal.fits")


def test_a_folder_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "folder.fits").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.fits"):
        asdfits.open(tmp_path / "folder.fits")


def test_a_file_that_may_not_be_read_is_a_permission_error(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read every file")
    path = tmp_path / "secret_cal.fits"
    path.write_bytes(GOOD)
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"secret_cal\.fits"):
        asdfits.open(path)


@pytest.mark.parametrize("init", [None, 3, 2.5, b"a.fits", ("a.fits",), {"meta": {}}, object()])
def test_open_refuses_what_is_no_path(init: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported type for init argument to open"):
        asdfits.open(init)


def test_open_refuses_an_array_and_a_file_object(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="ndarray"):
        asdfits.open(np.zeros((2, 2)))  # type: ignore[arg-type]
    path = tmp_path / "s_cal.fits"
    path.write_bytes(GOOD)
    with path.open("rb") as file, pytest.raises(TypeError, match="BufferedReader"):
        asdfits.open(file)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["no_suffix", "a.txt", "a.fits.bak.old", "a.FITS", ".fits"])
def test_open_refuses_a_name_that_does_not_say_what_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(GOOD)
    with pytest.raises(ValueError, match=r"extension|Unrecognized file type"):
        asdfits.open(tmp_path / name)


def test_open_refuses_unknown_keywords(tmp_path: Path) -> None:
    path = tmp_path / "s_cal.fits"
    path.write_bytes(GOOD)
    with pytest.raises(TypeError, match="memmap"):
        asdfits.open(path, memmap=True)


# -- damage -----------------------------------------------------------------------------------


def touched(path: Path) -> None:
    """Open a file and read everything in it."""
    model = asdfits.open(path)
    model.to_flat_dict(include_arrays=False)
    for place in ("data", "err", "dq", "var_rnoise"):
        array = getattr(model, place, None)
        if isinstance(array, np.ndarray):
            assert array.nbytes < 10**8
            array.sum() if array.dtype.names is None else len(array)
    list(model.history)
    model.conflicts()


def survived(content: bytes, path: Path) -> BaseException | None:
    """Read a damaged file; return the refusal. Anything but a refusal is a failure."""
    path.write_bytes(content)
    refusal: BaseException | None = None
    try:
        touched(path)
    except REFUSALS as error:
        refusal = error
    if isinstance(refusal, (FormatError, OSError)):
        assert str(path) in str(refusal)
    if type(refusal) is FormatError:
        assert_placed(str(refusal), path)
    path.unlink()  # never written again: a map of it may still be alive
    return refusal


@pytest.mark.parametrize("stride", [BLOCK, 97])
def test_a_product_cut_anywhere_is_refused_or_warned_of(stride: int, tmp_path: Path) -> None:
    for end in range(0, len(GOOD), stride):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            refusal = survived(GOOD[:end], tmp_path / f"cut{end}_cal.fits")
        kinds = {warning.category for warning in caught}
        if refusal is None and FormatWarning not in kinds:
            # Whole HDUs, or padding alone, were cut off: the rest is a file in itself.
            following = min((at for at in whole_ends() if at >= end), default=len(GOOD))
            assert GOOD[end:following].strip(b" \0") == b"", end
        for warning in caught:
            if warning.category is FormatWarning and "byte" in str(warning.message):
                place = re.search(r"byte (\d+)", str(warning.message))
                assert place is not None
                assert int(place[1]) <= end


def whole_ends() -> set[int]:
    """The bytes at which an HDU ends, padding included, and the next one starts."""
    return {header_at(GOOD, name) for name in ("SCI", "ERR", "DQ", "ASDF")}


def asdf_end() -> int:
    """The byte after which only padding follows."""
    return GOOD.rindex(b"...\n") + 3


def places(step: int) -> Iterator[int]:
    """The bytes of the headers up to END and of the tree, every `step`th."""
    for name in ("PRIMARY", "SCI", "DQ", "ASDF"):
        start = 0 if name == "PRIMARY" else header_at(GOOD, name)
        end = next(at for at in range(start, len(GOOD), 80) if GOOD[at : at + 8] == b"END     ")
        yield from range(start, end + 80, step)
    yield from range(GOOD.index(b"#ASDF 1.0.0"), asdf_end(), step)


def mutate(step: int, offset: int, values: bytes, tmp_path: Path) -> int:
    refused = 0
    for number, at in enumerate(places(step)):
        for value in values:
            where = min(at + offset, len(GOOD) - 1)
            changed = GOOD[:where] + bytes([value]) + GOOD[where + 1 :]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = tmp_path / f"m{number}_{value}_cal.fits"
                refused += survived(changed, path) is not None
    return refused


VALUES = b"\x00 '9-\xff\n{*&:Z"


@pytest.mark.parametrize("value", [bytes([value]) for value in b"\x00'9-\xff*"])
def test_a_changed_byte_is_read_or_refused(value: bytes, tmp_path: Path) -> None:
    offset = value[0] % 61
    assert mutate(61, offset, value, tmp_path) > 0


@pytest.mark.slow
@pytest.mark.parametrize("value", [bytes([value]) for value in VALUES])
def test_every_changed_byte_is_read_or_refused(value: bytes, tmp_path: Path) -> None:
    assert mutate(1, 0, value, tmp_path) > 0


HUGE = [name for name in FAULTS if re.search(r"1e1[58]|2e6[34]|1e9", name)]

LIMITED = """
import resource, sys, warnings
import asdfits
warnings.simplefilter("ignore")
before = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (before + 2**28, before + 2**28))
for path in sys.argv[1:]:
    try:
        model = asdfits.open(path)
        model.to_flat_dict()
        len(model.slits if hasattr(model, "slits") else model.data if model.data is not None else "")
    except (ValueError, OSError) as error:
        print(type(error).__name__, path)
    else:
        print("fine", path)
"""


def test_absurd_sizes_take_no_memory(faulty: Path) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("the size of the process is read from /proc")
    assert len(HUGE) >= 8
    paths = [str(faulty / name) for name in HUGE]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *paths], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(HUGE)


def test_a_fault_says_one_thing_per_file() -> None:
    for name, fault in FAULTS.items():
        assert isinstance(fault, Fault)
        assert fault.warns in (None, FormatWarning, NoTypeWarning, ValidationWarning), name
        assert not (fault.opening and (fault.warns or fault.touching)), name
        assert bool(fault.says) == bool(
            fault.opening or fault.warns or fault.touching or fault.flattening
        ), name
