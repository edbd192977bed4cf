from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits._core import Deferred
from snippets import both

datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle

# A source with metadata of several HDUs, arrays, a list, logs, and what no schema knows.
SOURCE = """
s = d.ImageModel(np.ones((2, 3)))
s.meta.telescope = 'JWST'
s.meta.date = '2020-01-01'
s.meta.instrument.name = 'NIRCAM'
s.meta.exposure.ngroups = 7
s.meta.wcsinfo.crval1 = 5.5
s.meta.target.source_type = 'POINT'
s.meta.photometry.conversion_megajanskys = 3.0
s.meta.no_keyword = {'a': [1, 2], 'b': 3}
s.cal_logs = {'one': ['x'], 'two': ['y']}
s.extra_fits = {'PRIMARY': {'header': [['MYKEY', 1, 'mine']]}, 'SCI': {'header': [['K', 2, '']]}}
"""
SHOW = "r = {k: v for k, v in m.to_flat_dict().items() if k != 'meta.date'}"
ACTIONS = [
    "m.update(s)",
    "m.update(s, only='PRIMARY')",
    "m.update(s, only='SCI')",
    "m.update(s, only=['PRIMARY', 'SCI'])",
    "m.update(s, only='NONSENSE')",
    "m.update(s, extra_fits=True)",
    "m.update(s, only='SCI', extra_fits=True)",
    "m.update(s, cal_logs=False)",
    "m.cal_logs = {'one': ['kept'], 'three': ['z']}; m.update(s)",
    "m.update(s.meta)",
    "m.update(s.meta.instrument)",
    "m.update({'meta': {'telescope': 'HST', 'date': 'x', 'model_type': 'y'}})",
    "m.update({'meta': {'instrument': {'name': 'NONSENSE'}}})",
    "m.update({'meta': {'unknown': {'deep': 1}, 'target': {'ra': 4.5}}})",
    "m.update({'unknown': 3, 'meta': {'unknown': 4}})",
    "m.update({'data': np.zeros((2, 2)), 'meta': {'target': {'ra': None}}})",
    "m.update({'cal_logs': {'three': ['z']}, 'meta': {'telescope': 'JWST'}})",
    "m.update({'cal_logs': {'three': ['z']}}, cal_logs=False)",
    "m.update(s.to_flat_dict(include_arrays=False))",
    "m.update(s.instance)",
    "m.update(s.instance, extra_fits=True)",
    "m.update({})",
    "m.update(3)",
    "s.meta.exposure.ngroups = None; m.meta.exposure.ngroups = 2; m.update(s)",
    "q = d.MultiSlitModel(); q.slits.append({'name': 'a'}); q.meta.telescope = 'JWST'; m.update(q)",
    "m.update(d.MultiSlitModel().slits)",
]


@pytest.mark.parametrize("kind", ["ImageModel", "SlitModel", "MultiSlitModel", "FlatModel"])
@pytest.mark.parametrize("action", ACTIONS)
def test_metadata_are_taken_over_as_in_the_reference(kind: str, action: str) -> None:
    theirs, ours = both(datamodels, asdfits, f"m = d.{kind}()", f"{SOURCE}{action}\n{SHOW}")
    if isinstance(theirs[0], tuple):  # an error, of whatever kind, is one on both sides
        assert ours[0][0] == theirs[0][0] == "raised"
        return
    assert ours == theirs


def test_values_are_copied() -> None:
    source = asdfits.ImageModel()
    source.cal_logs = {"step": ["a"]}
    source.extra_fits = {"PRIMARY": {"header": [["K", 1, ""]]}}
    target = asdfits.ImageModel()
    target.update(source, extra_fits=True)
    target.cal_logs.instance["step"].append("b")
    target.extra_fits.PRIMARY.header[0][1] = 2
    assert source.cal_logs.instance == {"step": ["a"]}
    assert source.extra_fits.instance["PRIMARY"]["header"] == [["K", 1, ""]]


def test_a_list_that_the_target_does_not_have_is_passed_over() -> None:
    tree = {"slits": [{"name": "a"}, {"name": "b"}], "meta": {"telescope": "JWST"}}
    target = asdfits.MultiSlitModel()
    target.slits.append({"name": "x"})
    target.update(tree)
    assert [slit.name for slit in target.slits] == ["a"]
    assert target.meta.telescope == "JWST"
    reference = datamodels.MultiSlitModel()
    reference.slits.append({"name": "x"})
    with pytest.raises(IndexError):
        reference.update(tree)


def test_neither_arrays_nor_the_wcs_of_the_source_are_made(tmp_path: Path) -> None:
    from asdfits import sample

    path = tmp_path / sample.NAME
    path.write_bytes(sample.image_product())
    source: Any = asdfits.open(path)
    target = asdfits.ImageModel(np.zeros((2, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target.update(source)
    assert target.meta.instrument.name == source.meta.instrument.name == "NIRCAM"
    assert isinstance(source.meta.instance["wcs"], Deferred)
    assert not isinstance(source.instance["data"], np.ndarray)
    assert target.meta.wcs is None
