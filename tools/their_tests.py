#!/usr/bin/env python
"""Run stdatamodels' own tests on asdfits, for each version that the accelerator knows.

    python tools/their_tests.py                the versions below
    python tools/their_tests.py 6.0.0 5.0.2    or these

Each version gets an environment of its own in .cache/their-tests, with a wheel of asdfits, and the test
files of its source distribution, unmodified. They run without and with the pytest plugin
``asdfits.stdatamodels.plugin``; the exit status is 1 if a test fails with it alone. Tests that need the
network (CRDS) are left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

HERE: Final = Path(__file__).resolve().parents[1]
CACHE: Final = HERE / ".cache" / "their-tests"
VERSIONS: Final = ("6.0.0", "5.0.2", "4.1.0")
NEEDED: Final = (
    "gwcs",
    "psutil",
    "pytest",
    "pytest-asdf-plugin",
    "pytest-doctestplus",
    "pytest-xdist",
)
LEFT_OUT: Final = ("tests/jwst/datamodels/test_schema_against_crds.py",)
PLUGIN: Final = "asdfits.stdatamodels.plugin"


def run(*command: str | Path, cwd: Path | None = None, check: bool = True) -> None:
    """Run a command and show what it says."""
    subprocess.run([str(part) for part in command], cwd=cwd, check=check)


def wheel() -> Path:
    """Build a wheel of asdfits, as users install it."""
    folder = CACHE / "wheel"
    run(sys.executable, "-m", "maturin", "build", "--release", "--quiet", "-o", folder, cwd=HERE)
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def environment(version: str, asdfits: Path) -> Path:
    """Make the environment of a version and return its Python."""
    folder = CACHE / f"env-{version}"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", f"stdatamodels=={version}", *NEEDED)
    run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", asdfits)
    return python


def sources(version: str) -> Path:
    """Return the folder of a version's source distribution."""
    folder = CACHE / f"stdatamodels-{version}"
    if not folder.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        run(*download, "--no-binary", "stdatamodels", "-d", CACHE, f"stdatamodels=={version}")
        with tarfile.open(CACHE / f"stdatamodels-{version}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return folder


def failures(python: Path, folder: Path, *options: str) -> tuple[set[str], int]:
    """Run the tests; return those that fail, and how many there are."""
    report = folder / "report.xml"
    ignored = [f"--ignore={path}" for path in LEFT_OUT]
    command = [str(python), "-m", "pytest", "-q", "--color=no", "--tb=no", "-n", "auto", *ignored]
    command += [*options, "-p", "no:cacheprovider", f"--junitxml={report}", "tests"]
    run(*command, cwd=folder, check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    bad = {
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    return bad, len(cases)


def main() -> int:
    """Run the tests of each version, and say what fails with asdfits alone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("versions", nargs="*", default=VERSIONS, help="versions of stdatamodels")
    versions = parser.parse_args().versions
    CACHE.mkdir(parents=True, exist_ok=True)
    asdfits = wheel()
    status = 0
    lines = []
    for version in versions:
        python, folder = environment(version, asdfits), sources(version)
        without, count = failures(python, folder)
        with_it, accelerated_count = failures(python, folder, "-p", PLUGIN)
        new = sorted(with_it - without)
        lines.append(
            f"stdatamodels {version}: {count} tests, {len(without)} fail by themselves; "
            f"accelerated: {accelerated_count} tests, {len(new)} more fail {' '.join(new)}".rstrip()
        )
        status |= bool(new) or accelerated_count != count
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
