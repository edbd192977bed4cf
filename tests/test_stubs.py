from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import asdfits
from asdfits import mapping

ROOT = Path(__file__).parent.parent
TOOL = ROOT / "tools" / "make_stubs.py"


def run(*arguments: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=300, **kwargs
    )  # type: ignore[call-overload]


def test_the_stub_is_what_the_tool_writes(tmp_path: Path) -> None:
    assert run(str(TOOL), "--check").returncode == 0
    other = tmp_path / "classes.pyi"
    assert run(str(TOOL), "--stub", str(other)).returncode == 0
    other.write_text(other.read_text().replace("class ImageModel(", "class ImagModel("))
    done = run(str(TOOL), "--stub", str(other), "--check")
    assert done.returncode == 1
    assert "not what tools/make_stubs.py writes" in done.stderr


def test_all_classes_are_listed_and_lead_to_the_same_objects() -> None:
    from asdfits.models import classes

    assert set(mapping.class_names()) <= set(dir(asdfits))
    assert set(mapping.class_names()) == set(dir(classes))
    assert classes.ImageModel is asdfits.ImageModel
    assert "VAR_POISSON" in asdfits.ImageModel.__doc__
    with pytest.raises(AttributeError, match="NoSuchModel"):
        classes.NoSuchModel  # noqa: B018


USER = """
import numpy as np
from numpy.typing import NDArray
import asdfits

model = asdfits.ImageModel((2, 3))
data: NDArray[np.float32] = model.data
flags: NDArray[np.uint32] = model.dq
meta: asdfits.models.ObjectNode = model.meta
copied: asdfits.ImageModel = model.copy()
slits: asdfits.models.ListNode = asdfits.MultiSlitModel().slits
text: str = asdfits.__version__
opened: asdfits.JwstDataModel = asdfits.open("x.fits")
ranges = asdfits.WavelengthrangeModel().get_wfss_wavelength_range("F", [1])
wrong_class = asdfits.ImagModel()
wrong_type: NDArray[np.uint8] = model.data
"""


@pytest.mark.slow
def test_a_type_checker_knows_the_classes(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    user = tmp_path / "user.py"
    user.write_text(USER)
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nmypy_path = {ROOT / 'python'}\n")
    done = run("-m", "mypy", "--strict", "--config-file", "mypy.ini", "user.py", cwd=tmp_path)
    faults = [line for line in done.stdout.splitlines() if line.startswith("user.py")]
    assert [fault.split(":")[1] for fault in faults if ": error:" in fault] == ["15", "16"]
