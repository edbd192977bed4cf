from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import asdfits
from asdfits import sample
from asdfits.cli import main

COMMANDS = (
    "info",
    "tree",
    "get",
    "set",
    "verify",
    "diff",
    "scan",
    "preview",
    "report",
    "convert",
    "name",
    "bench",
    "demo",
)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """Return the path of a sample product."""
    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    return path


@pytest.fixture
def edited(product: Path) -> Path:
    """Return the path of a sample product with one card changed."""
    content = product.read_bytes()
    at = content.index(b"PI_NAME ")
    product.write_bytes(content[:at] + sample.card("PI_NAME", "Vera Rubin") + content[at + 80 :])
    return product


Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *words: object) -> tuple[int, str, str]:
    """Run the command; return its exit code, its output and its errors."""
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_info_says_what_a_file_is(product: Path, capsys: Capture) -> None:
    code, out, err = run(capsys, "info", product)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == str(product)
    assert "  class       ImageModel" in lines
    assert "  product     cal: level 2b, stage 2, MAST level 2" in lines
    assert "  ASDF        standard 1.6.0" in lines
    assert "  hash        matches: the headers are those the tree was written with" in lines
    assert re.search(r"tree +HDU 4, byte 31680: [\d,]+ bytes, [\d,]+ of YAML, 0 binary", out)
    assert re.search(r" 0 PRIMARY +1 +PRIMARY +-$", out, re.M)
    assert re.search(r" 1 SCI +1 +IMAGE +24 x 32$", out, re.M)
    assert re.search(r" 4 ASDF +1 +BINTABLE +1 rows of \d+ bytes$", out, re.M)


def test_info_says_that_a_header_was_edited(edited: Path, capsys: Capture) -> None:
    code, out, err = run(capsys, "info", "--conflicts", edited)
    assert (code, err) == (0, "")
    assert "hash        differs: a header was changed; FITS overrides the tree" in out
    assert "conflicts   1" in out
    line = "meta.program.pi_name: PRIMARY,1 PI_NAME = 'Vera Rubin', tree 'Cecilia Payne'"
    assert line in out


def test_info_without_conflicts_says_so(product: Path, capsys: Capture) -> None:
    assert "conflicts   none" in run(capsys, "info", "--conflicts", product)[1]


def test_info_goes_on_after_a_file_that_cannot_be_read(product: Path, capsys: Capture) -> None:
    gone, text = product.with_name("gone.fits"), product.with_name("text.fits")
    text.write_text("no FITS")
    code, out, err = run(capsys, "info", gone, text, product)
    assert code == 1
    assert "class       ImageModel" in out
    first, second = err.splitlines()
    assert first == f"asdfits: {gone}: No such file or directory"
    assert second == f"asdfits: {text}: byte 0: found `no FITS`, expected `SIMPLE  =`"


def test_info_of_a_file_without_a_tree(product: Path, capsys: Capture) -> None:
    content = product.read_bytes()
    product.write_bytes(content[: content.rindex(b"XTENSION")])
    code, out, _ = run(capsys, "info", product)
    assert code == 0
    assert "tree        none: the model comes from the FITS headers alone" in out
    assert "ASDF  " not in out


def test_info_of_a_plain_asdf_file(product: Path, capsys: Capture) -> None:
    content = product.read_bytes()
    start, end = content.index(b"#ASDF 1.0.0"), content.rindex(b"...\n") + 4
    path = product.with_name("tree.asdf")
    path.write_bytes(content[start:end].replace(b"fits:", b"hdus:"))
    code, out, _ = run(capsys, "info", path)
    assert code == 0
    assert "tree        the file itself: " in out
    assert "HDUs" not in out


def group(out: str) -> list[str]:
    """Return what `asdfits info` says of the group, a line each."""
    lines = out.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("  group "))
    end = next(end for end in range(at + 1, len(lines)) if lines[end][2] != " ")
    return [line[14:] for line in lines[at:end]]


def copied(product: Path, *names: str) -> list[Path]:
    """Return copies of a product in a folder of their own."""
    folder = product.parent / "copies"
    folder.mkdir()
    return [Path(shutil.copy(product, folder / name)) for name in names]


@pytest.mark.parametrize("words", [["info"], ["info", "--conflicts"]])
def test_info_says_which_detectors_of_the_exposure_are_there(
    words: list[str], product: Path, capsys: Capture
) -> None:
    root = "jw00001001001_01101_00001"
    assert group(run(capsys, *words, product)[1]) == [
        f"{root}: nrca1; missing nrca2, nrca3, nrca4, nrcalong"
    ]
    names = [f"{root}_nrca{which}_cal.fits" for which in ("1", "3", "4", "long")]
    path, *_ = copied(product, *names, f"{root}_nrca2_rate.fits", "notes.fits")
    assert group(run(capsys, *words, path)[1]) == [
        f"{root}: nrca1, nrca3, nrca4, nrcalong; missing nrca2"
    ]
    shutil.copy(path, path.with_name(f"{root}_nrca2_cal.fits.gz"))
    assert group(run(capsys, *words, path)[1]) == [f"{root}: nrca1, nrca2, nrca3, nrca4, nrcalong"]


def test_info_says_that_a_subarray_may_read_fewer_detectors(product: Path, capsys: Capture) -> None:
    content = product.read_bytes()
    at = content.index(b"PI_NAME ")
    changed = content[:at] + sample.card("SUBARRAY", "SUB64P") + content[at + 80 :]
    product.write_bytes(changed)
    (line,) = group(run(capsys, "info", product)[1])
    assert line.endswith("missing nrca2, nrca3, nrca4, nrcalong (if subarray SUB64P reads them)")


def test_info_says_which_segments_are_missing(
    product: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = "jw00001001001_01101_00001"
    segments = ("seg001_nrs1", "seg003_nrs1", "seg001_nrs2", "seg002_nrs2", "seg003_nrs2")
    path, *_ = copied(product, *(f"{root}-{each}_cal.fits" for each in segments))
    monkeypatch.chdir(path.parent)
    assert group(run(capsys, "info", path.name)[1]) == [
        f"{root}: nrs1, nrs2",
        f"missing {root}-seg002_nrs1_cal.fits",
    ]


def test_info_says_which_products_of_a_source_are_there(product: Path, capsys: Capture) -> None:
    root = "jw00001-o001"
    names = [f"s000000001_nirspec_clear-prism_{suffix}" for suffix in ("cal", "s2d", "x1d")]
    path, *_ = copied(product, *(f"{root}_{name}.fits" for name in names))
    _, out, _ = run(capsys, "info", path)
    assert "  product     cal: level 3, stage 3, MAST level 3" in out.splitlines()
    assert group(out) == [f"{root} s000000001: cal, s2d, x1d; no other source here"]
    shutil.copy(path, path.with_name(f"{root}_s000000002_nirspec_clear-prism_x1d.fits"))
    assert group(run(capsys, "info", path)[1]) == [
        f"{root} s000000001: cal, s2d, x1d; 2 sources here"
    ]


def test_info_tells_by_content_what_the_name_does_not(product: Path, capsys: Capture) -> None:
    content = product.read_bytes()
    at = content.index(b"PI_NAME ")
    changed = content[:at] + sample.card("S_PHOTOM", "COMPLETE") + content[at + 80 :]
    path = product.with_name("mine.fits")
    path.write_bytes(changed)
    _, out, _ = run(capsys, "info", path)
    line = "cal: level 2b, stage 2, MAST level 2 (by DATAMODL = ImageModel, S_PHOTOM = COMPLETE)"
    assert f"  product     {line}" in out.splitlines()
    assert "  group" not in out
    path.write_bytes(content)
    assert "  product" not in run(capsys, "info", path)[1]
    path = product.rename(product.with_name("jw00001001001_01101_00001_nrca1_blot.fits"))
    assert "  product     blot: no level" in run(capsys, "info", path)[1].splitlines()


def test_name_prints_what_a_name_says(capsys: Capture) -> None:
    name = "jw12345067089_02101_00003_NRS2_o067_crf.fits"
    code, out, err = run(capsys, "name", f"gone/{name}")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        name,
        "  family            exposure",
        "  program           12345",
        "  observation       067",
        "  visit             089",
        "  visit group       02",
        "  parallel sequence 1",
        "  activity          01",
        "  exposure          00003",
        "  detector          NRS2",
        "  acid              o067",
        "  suffix            crf",
        "  extension         fits",
        "  level             2c",
        "  stage             3",
        "  MAST level        2",
        "  group id          jw12345067089_02101_00003",
        "  pipelines         image3, spec3",
        "  modes             imaging, spectroscopy",
        "  models            ImageModel, IFUImageModel, SlitModel, MultiSlitModel",
        "  units             MJy/sr, MJy, DN/s",
        "  layout            cal",
        "  odd               detector 'NRS2', expected 'nrs2'",
    ]


def test_name_goes_on_after_a_name_of_no_form(capsys: Capture) -> None:
    good = "jw12345067089_gs-id_1_stacked-uncal.fits.gz", "jw12345_20240131t010203_pool.csv"
    code, out, err = run(capsys, "name", "hst.fits", good[0], "hst.fits", good[1])
    assert code == 1
    first, second = out.split("\n\n")
    assert first.splitlines()[0] == good[0]
    assert "  stage             0" in first.splitlines()
    assert "  gz                True" in first.splitlines()
    assert second.splitlines()[0] == good[1]
    assert err == "asdfits: hst.fits: found 'hst', expected 'jw' and the number of a program\n" * 2


def test_tree_shows_all_branches_and_no_numbers(product: Path, capsys: Capture) -> None:
    code, out, err = run(capsys, "tree", product)
    assert (code, err) == (0, "")
    assert out.startswith("<ImageModel(24, 32) from jw00001001001_01101_00001_nrca1_cal.fits>\n")
    assert "│ │ ├─name: 'NIRCAM'" in out or "name: 'NIRCAM'" in out
    assert "dq: <deferred tag:stsci.edu:asdf/core/ndarray-1.1.0>" in out
    assert "wcs: <deferred tag:stsci.edu:gwcs/wcs-1.4.0>" in out


def test_tree_of_a_path_shows_that_branch(product: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "tree", product, "meta.instrument")
    assert code == 0
    assert out.splitlines() == [
        "meta.instrument",
        "├─detector: 'NRCA1'",
        "├─filter: 'F200W'",
        "├─name: 'NIRCAM'",
        "└─pupil: 'CLEAR'",
    ]


def test_tree_of_a_leaf_shows_its_value(product: Path, capsys: Capture) -> None:
    assert run(capsys, "tree", product, "meta.exposure.ngroups")[:2] == (0, "6\n")
    assert run(capsys, "tree", product, "dq")[:2] == (0, "array <u4 (24, 32)\n")


def test_tree_raw_is_the_text_as_it_stands(product: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "tree", "--raw", product)
    content = product.read_bytes()
    assert code == 0
    assert out.encode() in content
    assert out.startswith(("#ASDF 1.0.0", "%YAML 1.1"))
    assert "pi_name: Cecilia Payne" in out


def test_get_prints_one_value_bare(product: Path, capsys: Capture) -> None:
    assert run(capsys, "get", product, "meta.instrument.name") == (0, "NIRCAM\n", "")
    assert run(capsys, "get", product, "meta.target.ra")[1] == "53.16\n"
    assert run(capsys, "get", product, "meta.exposure.nints")[1] == "None\n"


def test_get_prints_several_values_with_their_paths(product: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "get", product, "meta.exposure.type", "SCI,1:BUNIT", "0:ngroups")
    assert code == 0
    assert out.splitlines() == [
        "meta.exposure.type = NRC_IMAGE",
        "SCI,1:BUNIT = MJy/sr",
        "0:ngroups = 6",
    ]


def test_get_reads_cards_by_name_or_number(edited: Path, capsys: Capture) -> None:
    for place in ("PRIMARY:PI_NAME", "primary:pi_name", "0:PI_NAME"):
        assert run(capsys, "get", edited, place)[1] == "Vera Rubin\n"
    assert run(capsys, "get", edited, "ERR:BUNIT")[1] == "MJy/sr\n"
    assert run(capsys, "get", edited, "ERR:NONSENSE")[1] == "None\n"


def test_get_json_is_one_object(product: Path, capsys: Capture) -> None:
    paths = ["meta.target.ra", "meta.visit.tsovisit", "meta.instrument", "data", "SCI:NAXIS1"]
    code, out, _ = run(capsys, "get", "--json", product, *paths)
    assert code == 0
    assert json.loads(out) == {
        "meta.target.ra": 53.16,
        "meta.visit.tsovisit": False,
        "meta.instrument": {
            "detector": "NRCA1",
            "filter": "F200W",
            "name": "NIRCAM",
            "pupil": "CLEAR",
        },
        "data": "array >f4 (24, 32)",
        "SCI:NAXIS1": 32,
    }


def test_get_provenance_says_which_side_gave_the_value(edited: Path, capsys: Capture) -> None:
    _, out, _ = run(capsys, "get", "--provenance", edited, "meta.program.pi_name")
    assert out.splitlines() == [
        "Vera Rubin",
        "  from fits; PRIMARY,1 PI_NAME: 'Vera Rubin'; tree: 'Cecilia Payne'",
    ]
    _, out, _ = run(capsys, "get", "--provenance", edited, "meta.wcs")
    assert "from asdf; no card" in out


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("meta.nonsense", "no such path or HDU: meta.nonsense"),
        ("NOHDU:KEY", "no such path or HDU: NOHDU"),
        ("SCI,7:BUNIT", "no such path or HDU: SCI,7"),
        ("99:BUNIT", "there are 5 HDUs, none is 99"),
        ("SCI,x:BUNIT", "invalid literal"),
    ],
)
def test_get_of_what_is_not_there_is_an_error(
    path: str, message: str, product: Path, capsys: Capture
) -> None:
    code, out, err = run(capsys, "get", product, path)
    assert (code, out) == (1, "")
    assert err.startswith("asdfits: ")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["tree", "get"])
def test_a_missing_file_is_one_line_on_stderr(
    command: str, tmp_path: Path, capsys: Capture
) -> None:
    words = ["meta"] if command == "get" else []
    code, out, err = run(capsys, command, tmp_path / "gone.fits", *words)
    assert (code, out) == (1, "")
    assert err == f"asdfits: {tmp_path / 'gone.fits'}: No such file or directory\n"


def test_warnings_are_one_line_each_on_stderr(product: Path, capsys: Capture) -> None:
    product.write_bytes(product.read_bytes() + b"more")
    code, out, err = run(capsys, "get", product, "meta.telescope")
    assert (code, out) == (0, "JWST\n")
    assert err.startswith(f"asdfits: warning: {product}: byte 37440: 4 bytes after the last HDU")


def test_the_command_leaves_the_warnings_of_its_process_alone(
    product: Path, capsys: Capture
) -> None:
    import warnings

    before = warnings.showwarning
    run(capsys, "get", product, "meta.telescope")
    assert warnings.showwarning is before


def test_diff_prints_differences_and_is_exit_code_1(
    product: Path, tmp_path: Path, capsys: Capture
) -> None:
    other = tmp_path / "other.fits"
    content = product.read_bytes()
    at = content.index(b"PI_NAME ")
    other.write_bytes(content[:at] + sample.card("PI_NAME", "Vera Rubin") + content[at + 80 :])
    assert run(capsys, "diff", product, product) == (0, "", "")
    line = "meta.program.pi_name (PRIMARY,1 PI_NAME): 'Cecilia Payne' -> 'Vera Rubin'\n"
    assert run(capsys, "diff", product, other) == (1, line, "")
    assert run(capsys, "diff", "--ignore", "PI_NAME", product, other) == (0, "", "")
    assert run(capsys, "diff", "--ignore", "DQ", "--ignore", "meta.program", product, other)[0] == 0
    code, out, _ = run(capsys, "diff", "--strict", product, other)
    assert code == 1
    assert "comment 'Name of principal investigator' -> ''" in out


def test_diff_json_is_a_list(product: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(capsys, "diff", "--json", product, product) == (0, "[]\n", "")
    other = tmp_path / "other.fits"
    other.write_bytes(product.read_bytes().replace(b"ngroups: 6", b"ngroups: 7"))
    code, out, _ = run(capsys, "diff", "--json", product, other)
    assert code == 1
    assert json.loads(out) == [
        {
            "kind": "tree",
            "path": "meta.exposure.ngroups",
            "hdu": "PRIMARY,1",
            "keyword": "NGROUPS",
            "a": 6,
            "b": 7,
            "text": "6 -> 7",
        }
    ]


def test_diff_takes_tolerances(product: Path, tmp_path: Path, capsys: Capture) -> None:
    other = tmp_path / "other.fits"
    other.write_bytes(product.read_bytes().replace(b"offset: -15.5", b"offset: -15.6"))
    assert run(capsys, "diff", product, other)[0] == 1
    assert run(capsys, "diff", "--rtol", "0.01", product, other)[0] == 0
    assert run(capsys, "diff", "--atol", "0.2", product, other)[0] == 0


def test_diff_of_what_cannot_be_read_is_exit_code_2(product: Path, capsys: Capture) -> None:
    gone, text = product.with_name("gone.fits"), product.with_name("text.fits")
    text.write_text("no FITS")
    for other in (gone, text):
        code, out, err = run(capsys, "diff", product, other)
        assert (code, out) == (2, "")
        assert err.startswith(f"asdfits: {other}: ")


def test_convert_goes_both_ways_and_loses_nothing(
    product: Path, tmp_path: Path, capsys: Capture
) -> None:
    tree, back = tmp_path / "tree.asdf", tmp_path / "back.fits"
    assert run(capsys, "convert", product, tree) == (0, "", "")
    assert run(capsys, "convert", tree, back) == (0, "", "")
    for made in (tree, back):
        assert run(capsys, "verify", made) == (0, f"{made}: fine\n", "")
        assert run(capsys, "diff", product, made) == (0, "", "")
    assert asdfits.open(tree).meta.filename == "tree.asdf"
    assert asdfits.open(back).meta.filename == "back.fits"


def test_convert_replaces_a_file_only_when_asked_to(
    product: Path, tmp_path: Path, capsys: Capture
) -> None:
    there = tmp_path / "there.asdf"
    there.write_text("precious")
    code, out, err = run(capsys, "convert", product, there)
    assert (code, out) == (1, "")
    assert err == f"asdfits: {there}: the file exists; --overwrite replaces it\n"
    assert there.read_text() == "precious"
    assert run(capsys, "convert", "--overwrite", product, there) == (0, "", "")
    assert asdfits.verify(there) == []


@pytest.mark.parametrize("name", ["x.fits.gz", "x.json", "x.txt", "x"])
def test_convert_refuses_other_endings(
    product: Path, tmp_path: Path, name: str, capsys: Capture
) -> None:
    code, _, err = run(capsys, "convert", product, tmp_path / name)
    assert code == 1
    assert str(tmp_path / name) in err
    assert not (tmp_path / name).exists()


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["x.asdf", "x.fits"])
def test_the_reference_reads_what_was_converted(
    product: Path, tmp_path: Path, name: str, capsys: Capture
) -> None:
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    path = tmp_path / name
    source = product
    if name == "x.fits":
        source = tmp_path / "theirs.asdf"
        with datamodels.open(product) as model:
            model.save(source)
    assert run(capsys, "convert", source, path) == (0, "", "")
    with datamodels.open(path) as made, datamodels.open(product) as model:
        assert type(made) is type(model)
        for array in ("data", "dq", "err"):
            assert (getattr(made, array) == getattr(model, array)).all()
        assert made.meta.target.ra == model.meta.target.ra
        assert made.meta.wcs(10, 20) == model.meta.wcs(10, 20)


# -- as a process -------------------------------------------------------------------------------


def process(*words: object, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "asdfits.cli", *map(str, words)]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_each_command_has_help(command: str, capsys: Capture) -> None:
    words = [command, "--help"] if command else ["--help"]
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: asdfits {command}".rstrip())
    if not command:
        assert all(f"\n    {name} " in out for name in COMMANDS)


def test_the_version_is_that_of_the_package(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"asdfits {asdfits.__version__}\n"


@pytest.mark.parametrize("words", [[], ["nonsense"], ["get"], ["get", "a.fits"], ["info"]])
def test_wrong_usage_is_exit_code_2(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: asdfits")


def test_the_module_runs_as_a_command(product: Path) -> None:
    done = process("get", product, "meta.telescope")
    assert (done.returncode, done.stdout, done.stderr) == (0, "JWST\n", "")
    failed = process("get", product, "meta.nonsense")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "asdfits: no such path or HDU: meta.nonsense\n"


def test_a_reader_that_has_seen_enough_is_no_error(product: Path) -> None:
    command = [sys.executable, "-m", "asdfits.cli", "info", *[str(product)] * 400]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline() == f"{product}\n".encode()
    running.stdout.close()
    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait(60) == 0


def test_the_demo_shows_that_fits_overrides_the_tree(tmp_path: Path) -> None:
    done = process("demo", tmp_path / "made" / "here")
    assert (done.returncode, done.stderr) == (0, "")
    assert "from asdf: the header hash matches" in done.stdout
    assert "'Vera Rubin', from fits, PRIMARY,1 PI_NAME" in done.stdout
    assert "conflict              meta.program.pi_name: PRIMARY,1 PI_NAME" in done.stdout
    assert done.stdout.endswith("FITS overrides the tree.\n")
    made = asdfits.open(tmp_path / "made" / "here" / sample.NAME)
    assert made.meta.program.pi_name == "Vera Rubin"


def test_set_changes_values_of_several_files_by_path_and_card(
    product: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other=file.fits"
    shutil.copy(product, other)
    words = ("meta.instrument.filter=F070W", "meta.exposure.ngroups=7", "SCI,1:BUNIT=a = b")
    more = ("meta.exposure.exposure_time=1e2", "PRIMARY:PROGRAM=00007")
    assert run(capsys, "set", product, other, *words, *more) == (0, "", "")
    for path in (product, other):
        model = asdfits.open(path)
        assert model.meta.instrument.filter == "F070W"
        assert model.meta.exposure.ngroups == 7
        assert model.meta.exposure.exposure_time == 100
        assert model.meta.bunit_data == "a = b"
        assert model.meta.observation.program_number == "00007"  # a text, whatever it looks like
        assert model.provenance("meta.instrument.filter").layer == "asdf"
    assert run(capsys, "set", product, "--remove", "meta.instrument.filter") == (0, "", "")
    assert asdfits.open(product).meta.instrument.filter is None


def test_set_names_what_is_wrong_and_goes_on_with_the_other_files(
    product: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.fits"
    code, _, err = run(capsys, "set", missing, product, "meta.exposure.ngroups=9")
    assert code == 1
    assert "missing.fits" in err
    assert asdfits.open(product).meta.exposure.ngroups == 9
    code, _, err = run(capsys, "set", product, "meta.exposure.ngroups=many")
    assert code == 1
    assert "ngroups" in err
    assert asdfits.open(product).meta.exposure.ngroups == 9
    assert run(capsys, "set", product)[0] == 1
