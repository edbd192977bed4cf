from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import mapping
from snippets import both, outcome, plain, strict

datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
pytestmark = pytest.mark.oracle

# -- the same files for both sides --------------------------------------------------------------


def image() -> Any:
    model = datamodels.ImageModel(np.arange(12, dtype="f4").reshape(3, 4))
    model.err = np.ones((3, 4), "f4")
    model.meta.instrument.name = "NIRCAM"
    model.meta.exposure.type = "NRC_IMAGE"
    model.meta.exposure.ngroups = 6
    model.meta.target.ra = 53.16
    model.meta.program.pi_name = "Cecilia Payne"
    model.meta.background.subtracted = False
    return model


def slits() -> Any:
    model = datamodels.MultiSlitModel()
    for number in range(3):
        slit = datamodels.SlitModel(np.full((2, 3), number, "f4"))
        slit.name = f"S{number}"
        slit.source_id = number + 10
        model.slits.append(slit)
    model.meta.instrument.name = "NIRSPEC"
    return model


def ramp() -> Any:
    model = datamodels.RampModel(np.arange(24, dtype="f4").reshape(1, 2, 3, 4))
    model.meta.exposure.ngroups = 2
    return model


def mask() -> Any:
    flags = np.array([[0, 1, 2**11], [2**11 + 1, 4, 8]], "u4")
    bits = [(0, 1, "DO_NOT_USE", "bad"), (1, 2, "HOT", "hot"), (2, 4, "NO_SUCH_FLAG", "?")]
    model = datamodels.MaskModel(dq=flags)
    model.dq_def = np.array(bits, model.get_dtype("dq_def"))
    return model


def spectra() -> Any:
    model = datamodels.MultiSpecModel()
    for number in range(2):
        rows = np.zeros(5, datamodels.SpecModel().get_dtype("spec_table"))
        rows["WAVELENGTH"] = np.arange(5) + number
        model.spec.append(datamodels.SpecModel(spec_table=rows))
    model.meta.instrument.name = "NIRISS"
    return model


MAKERS: dict[str, Callable[[], Any]] = {
    "image": image,
    "slits": slits,
    "ramp": ramp,
    "mask": mask,
    "spectra": spectra,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return one file of each kind, written by the reference."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, make in MAKERS.items():
            found[name] = folder / f"{name}.fits"
            make().save(found[name])
    return found


READS = {
    "image": [
        "r = hasattr(m, 'data'), hasattr(m, 'var_flat'), hasattr(m, 'nonsense')",
        "r = hasattr(m, 'meta'), hasattr(m.meta, 'exposure'), hasattr(m.meta, 'nonsense')",
        "r = hasattr(m.meta.exposure, 'type'), hasattr(m.meta.exposure, '_type')",
        "r = m.nonsense",
        "r = m.meta.nonsense",
        "r = m.meta.exposure.nonsense",
        "r = m._nonsense",
        "r = m.meta._nonsense",
        "r = m.var_flat",
        "r = m.dq",
        "r = m.area",
        "r = m.meta.exposure.nints",
        "r = m.meta.exposure.type",
        "r = m.meta.background.subtracted",
        "r = m.meta.photometry.pixelarea_steradians",
        "r = m.meta.photometry",
        "r = m.meta.cal_step",
        "r = m.meta.wcs",
        "r = m.meta.asn.table_name",
        "m.meta.cal_step; r = m.meta.hasattr('nonsense')",
        "r = m.meta.hasattr('exposure'), m.meta.hasattr('telescope'), m.hasattr('data')",
        "r = m.hasattr('var_flat'), m.meta.exposure.hasattr('nints')",
        "r = m['meta.exposure.type']",
        "r = m['meta.exposure.nints']",
        "r = m['meta.exposure.nonsense']",
        "r = m['nonsense']",
        "r = m['meta.exposure.type.more']",
        "r = m['data'].shape",
        "r = sorted(m)",
        "r = sorted(m.meta)",
        "r = sorted(m.meta.exposure)",
        "r = sorted(m.keys())",
        "r = sorted(k for k, _ in m.items())",
        "r = sorted(m.meta.exposure.items())",
        "r = len(list(m.values()))",
        "r = sorted(m.to_flat_dict())",
        "r = {k: v for k, v in m.to_flat_dict(include_arrays=False).items() if k != 'meta.date'}",
        "r = 'meta.exposure.type' in m, 'meta' in m, 'exposure.type' in m.meta, 'x' in m.meta",
        "r = m.get_default('data').shape, m.get_default('data').dtype.str",
        "r = m.get_default('dq')",
        "r = m.get_default('var_flat')",
        "r = m.get_default('nonsense')",
        "r = m.meta.get_default('exposure'), m.meta.exposure.get_default('type')",
        "r = m.meta.get_default('telescope'), m.meta.get_default('nonsense')",
        "r = m.get_dtype('data'), m.get_dtype('dq')",
        "r = m.get_dtype('nonsense')",
        "r = m.get_dtype('meta')",
        "r = m.meta.get_dtype('telescope')",
        "r = m.getarray_noinit('data')",
        "r = m.getarray_noinit('var_flat')",
        "r = m.shape",
        "r = m.get_primary_array_name()",
        "r = m.override_handle",
        "r = m.crds_observatory",
        "r = repr(m)",
        "r = m.find_fits_keyword('EXP_TYPE')",
        "r = m.find_fits_keyword('NONSENSE')",
        "r = m.find_fits_keyword('BUNIT')",
        "r = {k: v for k, v in m.get_crds_parameters().items() if 'date' not in k}",
        "r = m.meta == m.meta, m.meta.exposure == m.meta.instrument, m.meta.exposure == {}",
        "r = m.meta.exposure == m.meta.exposure.instance, m == 3",
        "r = m.meta.exposure.instance",
        "r = type(m).__name__, m.meta.model_type, m.meta.filename",
        "r = m.data.dtype.str, m.data.flags.writeable",
    ],
    "slits": [
        "r = len(m.slits), [s.name for s in m.slits]",
        "r = m.slits[1].name, m.slits[-1].source_id",
        "r = m.slits[5]",
        "r = m.slits[-4]",
        "r = m.slits['name']",
        "r = [s.name for s in m.slits[1:]]",
        "r = len(m.slits[::2]), type(m.slits[:1]).__name__",
        "r = m.slits[1].data",
        "r = m.slits[1].dq",
        "r = m.slits[1].nonsense",
        "r = m.slits[0].meta.hasattr('nonsense')",
        "r = sorted(m)",
        "r = sorted(k for k in m.keys() if k.startswith('slits.1.'))",
        "r = m.shape, repr(m)",
        "r = m.slits == m.slits, m.slits[0] == m.slits[1]",
        "r = bool(m.slits), m.exp_type if hasattr(m, 'exp_type') else 'none'",
        "r = m.get_default('slits'), m.get_primary_array_name()",
        "m.nonsense = 3; r = m.nonsense",
    ],
    "ramp": [
        "r = m.data, m.pixeldq, m.groupdq",
        "r = m.shape, m.pixeldq.shape, m.groupdq.shape, repr(m)",
        "r = m.hasattr('pixeldq'), m.hasattr('groupdq'), m.hasattr('refout')",
        "r = m.refout",
        "r = m.get_default('pixeldq').dtype.str, m.get_default('groupdq').dtype.str",
    ],
    "mask": [
        "r = m.dq",
        "r = m.dq_def",
        "r = m.shape, m.get_primary_array_name(), m.meta.telescope",
    ],
    "spectra": [
        "r = [s.spec_table['WAVELENGTH'].tolist() for s in m.spec]",
        "r = m.spec[1].spec_table.dtype.names",
        "r = m.spec[0].spec_table.shape, m.spec[0].hasattr('spec_table')",
        "r = m.spec[0].spec_table['nonsense']",
        "r = m.spec[0].spec_table.nonsense",
    ],
}

WRITES = {
    "image": [
        "m.meta.exposure.type = 'NRC_DARK'; r = m.meta.exposure.type",
        "m.meta.exposure.type = 'NONSENSE'; r = m.meta.exposure.type",
        "m.meta.exposure.ngroups = 'six'; r = m.meta.exposure.ngroups",
        "m.meta.exposure.ngroups = 3.5; r = m.meta.exposure.ngroups",
        "m.meta.exposure.ngroups = 3.0; r = m.meta.exposure.ngroups",
        "m.meta.exposure.ngroups = np.int64(3); r = m.meta.exposure.ngroups, 1",
        "m.meta.exposure.ngroups = True; r = m.meta.exposure.ngroups",
        "m.meta.target.ra = 3; r = m.meta.target.ra",
        "m.meta.target.ra = np.float32(1.5); r = float(m.meta.target.ra)",
        "m.meta.target.ra = '3'; r = m.meta.target.ra",
        "m.meta.exposure.type = None; r = m.meta.exposure.type, m.meta.exposure.hasattr('type')",
        "m.meta.nonsense = 'anything'; r = m.meta.nonsense, m['meta.nonsense']",
        "m.meta.nonsense = {'a': {'b': 1}}; r = m.meta.nonsense.a.b",
        "m.nonsense = [1, {'a': 2}]; r = m.nonsense[1].a",
        "m.instance = {}",
        "m.meta.instance = {}",
        "m._plain = 3; r = m._plain, m.hasattr('_plain')",
        "m.meta._plain = 3; r = m.meta.hasattr('_plain')",
        "m.meta.cal_step.flat_field = 'COMPLETE'; r = m.meta.cal_step",
        "m.meta.photometry.pixelarea_steradians = 1e-13; r = m.meta.photometry",
        "a = m.meta.asn; b = m.meta.asn; a.exptype = 'science'; del b.exptype; r = a.exptype",
        "c = m.meta.cal_step; c.dark_sub = 'SKIPPED'; r = m.meta.cal_step.dark_sub",
        "a = m.meta.cal_step; b = m.meta.cal_step; a.dark_sub = 'SKIPPED'; r = b.dark_sub",
        "del m.meta.exposure.type; r = m.meta.exposure.type, m.meta.exposure.hasattr('type')",
        "del m.meta.exposure.nints",
        "del m.meta.nonsense",
        "del m.err; r = m.err",
        "del m.meta.exposure; r = m.meta.exposure.type",
        "m['meta.exposure.type'] = 'NRC_DARK'; r = m.meta.exposure.type",
        "m['meta.cal_step.flat_field'] = 'COMPLETE'; r = m.meta.cal_step.flat_field",
        "m['meta.nonsense.deeper'] = 3",
        "m['meta.nonsense'] = 3; r = m.meta.nonsense",
        "m['data'] = np.ones((2, 2)); r = m.data",
        "m.data = np.ones((2, 2)); r = m.data",
        "m.data = [[1, 2], [3, 4]]; r = m.data",
        "m.data = np.ones((2, 2, 2)); r = m.data",
        "m.data = 'text'; r = m.data",
        "m.data = None; r = m.data, m.shape",
        "m.dq = np.array([[-1]], 'i4'); r = m.dq",
        "m.data[1, 1] = 99; r = m.data[1, 1].item()",
        "m.data += 1; r = m.data.sum().item()",
        "m.area = m.data; r = m.area is m.data",
        "m.meta.exposure = {'type': 'NRC_DARK'}; r = m.meta.exposure",
        "m.meta.exposure = 3; r = m.meta.exposure.type",
        "m.meta.exposure = m.meta.instrument; r = m.meta.exposure",
        "m.meta.exposure.update({'type': 'NRC_DARK'})",
        "m.meta.asn.exptype = 'science'; r = m.meta.asn",
    ],
    "slits": [
        "m.slits.append({'name': 'new'}); r = len(m.slits), m.slits[3].name",
        "m.slits.append({'name': 3}); r = len(m.slits)",
        "m.slits.append(3); r = len(m.slits)",
        "m.slits.insert(1, {'name': 'new'}); r = [s.name for s in m.slits]",
        "r = m.slits.pop().name, len(m.slits)",
        "r = m.slits.pop(0).name, [s.name for s in m.slits]",
        "r = m.slits.pop(7)",
        "del m.slits[0]; r = [s.name for s in m.slits]",
        "del m.slits[1:]; r = [s.name for s in m.slits]",
        "del m.slits[9]",
        "m.slits[1] = {'name': 'new'}; r = [s.name for s in m.slits]",
        "m.slits[1] = {'name': 3}; r = [s.name for s in m.slits]",
        "m.slits[9] = {'name': 'new'}",
        "m.slits[1].name = 'new'; r = [s.name for s in m.slits]",
        "m.slits[1].name = 3; r = [s.name for s in m.slits]",
        "m.slits.append(m.slits[0]); r = m.slits[3].name, m.slits[3].data is m.slits[0].data",
        "m.slits.extend([{'name': 'a'}, {'name': 'b'}]); r = [s.name for s in m.slits]",
        "m.slits.reverse(); r = [s.name for s in m.slits]",
        "r = m.slits.item(name='new').name",
        "r = m.slits.item(name=3)",
        "m['slits.1.name'] = 'new'; r = m.slits[1].name",
        "m.slits = []; r = len(m.slits)",
        "m.slits = 3; r = len(m.slits)",
        "m.slits[0].data = np.zeros((4, 5)); r = m.slits[0].data",
        "m.slits[0].data = np.zeros(5)",
        "m.slits.clear()",
        "del m.slits; r = len(m.slits)",
    ],
    "spectra": [
        "t = m.spec[0].spec_table; m.spec[1].spec_table = t[:2]; r = m.spec[1].spec_table.shape",
        "m.spec[0].spec_table['WAVELENGTH'][:] = 7; r = m.spec[0].spec_table['WAVELENGTH'].tolist()",
    ],
    "ramp": ["m.groupdq[:] = 4; r = m.groupdq", "m.data = np.zeros((2, 2, 2, 2)); r = m.shape"],
}


def cases(table: dict[str, list[str]]) -> list[Any]:
    return [
        pytest.param(kind, action, id=f"{kind}: {action}")
        for kind, actions in table.items()
        for action in actions
    ]


@pytest.mark.parametrize(("kind", "action"), cases(READS))
def test_reading_gives_what_the_reference_gives(
    kind: str, action: str, files: dict[str, Path]
) -> None:
    theirs = outcome(datamodels.open, files[kind], strict(action))
    assert outcome(asdfits.open, files[kind], strict(action)) == theirs


@pytest.mark.parametrize(("kind", "action"), cases(WRITES))
def test_writing_does_what_the_reference_does(
    kind: str, action: str, files: dict[str, Path]
) -> None:
    theirs = outcome(datamodels.open, files[kind], strict(action))
    assert outcome(asdfits.open, files[kind], strict(action)) == theirs


# Where asdfits does something else, and why.
DIFFERENT = [
    ("image", "r = m.find_fits_keyword('exp_type')", "keywords have no case in FITS"),
    ("slits", "r = m.find_fits_keyword('SLTNAME')", "'*' stands for the position, not 'items'"),
    ("slits", "r = m['slits']", "the reference takes any other path than meta for a position"),
    ("slits", "m['slits.7.name'] = 'new'", "a path beyond a list is a KeyError in both directions"),
    ("spectra", "r = m.spec[0].spec_table.wavelength.tolist()", "columns have no case in FITS"),
    (
        "spectra",
        "m.spec[0].spec_table = np.zeros(3)",
        "zeros are no table; numpy would spread them",
    ),
]


@pytest.mark.parametrize(("kind", "action", "reason"), DIFFERENT)
def test_a_listed_difference_is_still_one(
    kind: str, action: str, reason: str, files: dict[str, Path]
) -> None:
    theirs = outcome(datamodels.open, files[kind], strict(action))
    assert outcome(asdfits.open, files[kind], strict(action)) != theirs, reason


def test_reading_inserts_nothing_into_the_tree(files: dict[str, Path]) -> None:
    model = asdfits.open(files["image"])
    before = set(model.meta.instance)
    assert model.meta.cal_step.dark_sub is None
    assert not model.meta.cal_step.hasattr("dark_sub")
    assert asdfits.MultiSlitModel().slits.instance == []
    assert set(model.meta.instance) == before
    # The reference inserts an empty dict for each branch that is read.
    reference = datamodels.open(files["image"])
    assert reference.meta.cal_step.dark_sub is None
    assert "cal_step" in reference.meta.instance
    reference.close()


def test_a_model_of_another_class_leaves_its_source_alone(files: dict[str, Path]) -> None:
    image = asdfits.open(files["image"])
    base = asdfits.JwstDataModel(image)
    assert (image.meta.model_type, base.meta.model_type) == ("ImageModel", "JwstDataModel")
    assert base.data is image.data
    same = asdfits.ImageModel(image)
    same.meta.title = "shared"
    assert image.meta.title == "shared"


def test_an_absent_branch_enters_the_tree_with_its_first_value(files: dict[str, Path]) -> None:
    model = asdfits.open(files["image"])
    node = model.meta.photometry
    assert "photometry" not in model.meta.instance
    node.pixelarea_steradians = 1e-13
    assert model.meta.instance["photometry"] == {"pixelarea_steradians": 1e-13}
    assert node == model.meta.photometry


def test_items_of_an_absent_list_enter_the_tree(files: dict[str, Path]) -> None:
    model = asdfits.MultiSlitModel()
    first, second = model.slits, model.slits
    first.append({"name": "one"})
    second.append({"name": "two"})
    assert [slit.name for slit in model.slits] == ["one", "two"]
    assert len(first) == len(second) == 2


def test_a_model_can_be_an_item(files: dict[str, Path]) -> None:
    model = asdfits.open(files["slits"])
    model.slits.append(asdfits.SlitModel(np.full((2, 3), 7, "f4")))
    assert len(model.slits) == 4
    assert model.slits[3].data[0, 0] == 7
    other = asdfits.open(files["slits"])
    model.slits.append(other.slits[1])
    assert model.slits[4].name == "S1"
    assert model.slits[4].data.tobytes() == other.slits[1].data.tobytes()


# -- what is done about values that do not fit --------------------------------------------------

SWITCHES: list[dict[str, bool]] = [
    {},
    {"pass_invalid_values": True},
    {"strict_validation": True},
    {"validate_on_assignment": False},
    {"pass_invalid_values": True, "strict_validation": True},
    {"validate_on_assignment": False, "strict_validation": True},
]
ASSIGNMENTS = [
    "m.meta.exposure.ngroups = 'six'; r = m.meta.exposure.ngroups",
    "m.meta.exposure.type = 'NONSENSE'; r = m.meta.exposure.type",
    "m.meta.exposure.ngroups = 7; r = m.meta.exposure.ngroups",
    "m.meta.exposure.ngroups = None; r = m.meta.exposure.ngroups",
    "m.validate(); r = 'valid'",
    "m.meta.instance['telescope'] = 3; m.validate(); r = 'checked'",
]


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda s: ",".join(s) or "none")
@pytest.mark.parametrize("action", ASSIGNMENTS)
def test_a_switch_does_what_it_does_in_the_reference(
    switches: dict[str, bool], action: str, files: dict[str, Path]
) -> None:
    def opened(opener: Callable[..., Any]) -> Any:
        return lambda path: opener(path, **switches)

    theirs = outcome(opened(datamodels.open), files["image"], strict(action))
    assert outcome(opened(asdfits.open), files["image"], strict(action)) == theirs


@pytest.mark.parametrize("text", ["1", "0", "true", "F", "yes", "No", "t", "n", "2", "maybe", ""])
@pytest.mark.parametrize(
    "name", ["PASS_INVALID_VALUES", "STRICT_VALIDATION", "VALIDATE_ON_ASSIGNMENT"]
)
def test_a_switch_in_the_environment_does_what_it_does_in_the_reference(
    name: str, text: str, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)

    def made(module: Any) -> Any:
        try:
            return outcome(lambda _: module.ImageModel(), files["image"], strict(ASSIGNMENTS[0]))
        except ValueError:
            return "ValueError"

    assert made(asdfits) == made(datamodels)


def test_a_switch_given_counts_more_than_the_environment(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRICT_VALIDATION", "yes")
    with pytest.raises(asdfits.ValidationError, match="'six' is not of type 'integer'"):
        asdfits.open(files["image"]).meta.exposure.ngroups = "six"
    lenient = asdfits.open(files["image"], strict_validation=False)
    with pytest.warns(asdfits.ValidationWarning, match="While validating ngroups"):
        lenient.meta.exposure.ngroups = "six"
    assert lenient.meta.exposure.ngroups == 6


# -- making models ------------------------------------------------------------------------------

INITS: dict[str, str] = {
    "nothing": "r = d.ImageModel()",
    "shape": "r = d.ImageModel((4, 5))",
    "shape of a cube": "r = d.CubeModel((2, 4, 5))",
    "array": "r = d.ImageModel(np.ones((4, 5)))",
    "array by name": "r = d.ImageModel(data=np.ones((4, 5)), err=np.ones((4, 5)))",
    "unknown name": "r = d.ImageModel(data=np.ones((4, 5)), nonsense=np.ones(3))",
    "name of metadata": "r = d.ImageModel(meta=3)",
    "tree": "r = d.ImageModel({'meta': {'telescope': 'HST'}})",
    "wrong shape": "r = d.ImageModel((2, 4, 5))",
    "shape of floats": "r = d.ImageModel((2.0, 4))",
    "wrong array": "r = d.ImageModel(np.ones(3))",
    "list": "r = d.ImageModel([1, 2])",
    "number": "r = d.ImageModel(3)",
    "bytes": "r = d.ImageModel(b'x')",
    "no primary array": "r = d.JwstDataModel(np.ones((2, 2)))",
    "ramp": "r = d.RampModel((1, 2, 3, 4))",
    "cube with dq": "r = d.CubeModel(np.ones((2, 3, 4)))",
    "reference": "r = d.FlatModel(np.ones((3, 4)))",
    "mask": "r = d.MaskModel((3, 4))",
    "dark": "r = d.DarkModel((2, 3, 4))",
    "multi": "r = d.MultiSlitModel()",
    "wcs reference": "r = d.DistortionModel()",
}


@pytest.mark.parametrize("name", INITS)
def test_a_model_made_here_holds_what_the_reference_makes(name: str) -> None:
    def run(module: Any) -> Any:
        def made(_: Any) -> Any:
            scope = {"d": module, "np": np}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(INITS[name], scope)
            model: Any = scope["r"]
            flat = model.to_flat_dict()
            flat.pop("meta.date")
            return dict(sorted(flat.items())), model.shape

        return outcome(lambda _: None, Path(), made)[0]

    assert run(asdfits) == run(datamodels)


def test_the_default_arrays_of_a_model_have_the_shape_of_its_data() -> None:
    model = asdfits.CubeModel(np.ones((2, 3, 4), "f4"))
    reference = datamodels.CubeModel(np.ones((2, 3, 4), "f4"))
    for name in ("dq", "err"):
        assert plain(model[name]) == plain(reference[name])
    assert asdfits.CubeModel().dq is None
    assert asdfits.RampModel((1, 2, 3, 4)).groupdq.shape == (1, 2, 3, 4)


def test_bits_of_a_mask_move_to_where_the_standard_has_them(files: dict[str, Path]) -> None:
    flags = asdfits.open(files["mask"]).dq
    hot = 2**11
    assert flags.tolist() == [[0, 1, hot], [1 + hot, 0, 0]]


# -- classes ------------------------------------------------------------------------------------


def public() -> dict[str, type]:
    return {
        name: kind
        for name, kind in vars(datamodels).items()
        if name in datamodels.__all__ and isinstance(kind, type)
    }


def test_there_is_a_class_for_each_of_the_reference() -> None:
    assert set(mapping.class_names()) == set(public())
    assert len(public()) == 143


@pytest.mark.parametrize("name", sorted(public()))
def test_a_class_is_a_subclass_of_what_it_is_in_the_reference(name: str) -> None:
    classes = public()
    theirs = {other for other, kind in classes.items() if issubclass(classes[name], kind)}
    ours = getattr(asdfits, name)
    found = {other for other in classes if issubclass(ours, getattr(asdfits, other))}
    assert found == theirs
    assert ours.__name__ == name


def test_an_unknown_class_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchModel"):
        asdfits.NoSuchModel  # noqa: B018
    assert {"ImageModel", "open"} <= set(dir(asdfits))


def test_a_subclass_by_a_user_behaves_as_its_base(files: dict[str, Path]) -> None:
    class MyModel(asdfits.ImageModel):  # type: ignore[misc, valid-type]
        pass

    model = MyModel(files["image"])
    assert model.data.shape == (3, 4)
    assert model.meta.model_type == "MyModel"
    assert isinstance(model, asdfits.ImageModel)


def test_a_model_of_another_class_shares_the_arrays_alone(files: dict[str, Path]) -> None:
    model = asdfits.open(files["image"])
    slit = asdfits.SlitModel(model)
    assert slit.data is model.data
    assert (slit.meta.model_type, model.meta.model_type) == ("SlitModel", "ImageModel")
    slit.meta.telescope = "HST"
    assert model.meta.telescope is None


# -- what a model says of its arrays and keywords ------------------------------------------------


def same_of_all(name: str, question: str) -> None:
    """Ask both sides the same of each array that stands at the root of the tree."""

    def answer(module: Any) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = getattr(module, name)()
            scope = {"m": model, "np": np}
            return {
                row.path[0]: eval(question, {**scope, "a": row.path[0]})
                for row in mapping.model(name).arrays
                if len(row.path) == 1
            }

    assert answer(asdfits) == answer(datamodels)


@pytest.mark.parametrize("name", mapping.class_names())
def test_types_and_defaults_of_arrays_are_those_of_the_reference(name: str) -> None:
    same_of_all(name, "m.get_dtype(a)")
    same_of_all(name, "(m.get_default(a).shape, m.get_default(a).dtype.fields is None)")
    same_of_all(name, "(m.hasattr(a), getattr(m, a) is None, hasattr(m, a))")


@pytest.mark.parametrize("name", ["ImageModel", "MultiSlitModel", "RampModel", "PathlossModel"])
def test_keywords_are_found_as_in_the_reference(name: str) -> None:
    theirs, ours = getattr(datamodels, name)(), getattr(asdfits, name)()
    for row in mapping.model(name).keywords:
        expected = theirs.find_fits_keyword(row.keyword)
        found = [path.replace("*", "items") for path in ours.find_fits_keyword(row.keyword)]
        assert found == expected, row.keyword
    assert ours.find_fits_keyword("TELESCOP", return_result=True) == ["meta.telescope"]


DEFAULTS = [
    "m = d.ImageModel((2, 3)); r = m.get_default('dq').shape, m.get_default('area').shape",
    "m = d.CubeModel((2, 3, 4)); r = m.get_default('dq'), m.get_default('wavelength').shape",
    "m = d.CubeModel((2, 3, 4)); r = m.get_default('int_times').shape",
    "m = d.ImageModel((2, 3)); r = m.get_default('data').shape",
    "m = d.ImageModel((2, 3, 4)); r = m.shape",
    "m = d.ImageModel(); m.data = None; r = m.get_default('data').shape",
    "m = d.SpecModel(); r = m.get_default('spec_table').shape",
    "m = d.MultiSlitModel(); r = m.slits.item().get_default('data').shape",
    "m = d.MultiSlitModel(); r = m.slits.item().get_dtype('dq')",
    "m = d.DarkModel((2, 3, 4)); r = m.dq, m.err",
    "m = d.LinearityModel(coeffs=np.ones((2, 3, 4))); r = m.dq, m.shape",
    "m = d.ImageModel(); r = m.getarray_noinit('data')",
    "m = d.ImageModel(); r = m.crds_observatory, m.override_handle",
    "m = d.ImageModel((2, 3)); m.meta.x = {'a': [1, 'b', None, 2.5, True, np.ones(2)]};"
    "r = {k: v for k, v in m.get_crds_parameters().items() if k != 'meta.date'}",
    "m = d.ImageModel(); m.shape = 3",
    "m = d.ImageModel(); del m.meta.model_type; r = m.meta.model_type",
    "m = d.ImageModel((2, 3)); del m.data; r = m.data, m.shape, m.hasattr('data')",
    "m = d.MultiSlitModel(); m.slits.append({}); m.slits.append({'name': 'x'}); m.slits.sort("
    "key=lambda s: s.get('name', 'y')); r = m.slits.instance",
    "m = d.MultiSlitModel(); m.slits.extend([{'name': 'a'}, {'name': 'b'}, {'name': 'c'}]);"
    "m.slits[1:] = [{'name': 'z'}]; r = m.slits",
    "m = d.MultiSlitModel(); m.slits.extend([{'name': 'a'}, {'name': 'b'}]); m.slits.remove("
    "{'name': 'a'}); r = m.slits.instance, m.slits.count({'name': 'b'}), m.slits.index({'name': 'b'})",
    "m = d.MultiSlitModel(); m.slits.append({'name': 'a'}); m.slits._instance[0]['name'] = 3;"
    "m.slits.append({'name': 'b'}); del m.slits[1]; r = len(m.slits)",
    "m = d.MultiSlitModel(validate_on_assignment=False); r = m.slits.item(name=3).name",
]


@pytest.mark.parametrize("action", DEFAULTS)
def test_models_made_here_answer_as_those_of_the_reference(action: str) -> None:
    theirs, ours = both(datamodels, asdfits, "m = None", action)
    assert ours == theirs


@pytest.mark.parametrize(
    "action",
    [
        "m = d.ImageModel({}, data=np.ones((2, 3)))",
        "m = d.ImageModel({}, nonsense=3)",
        "m = d.ImageModel(nonsense=3)",
        "m = d.ImageModel(None, None, True); m.meta.exposure.ngroups = 'x'; r = m.meta.exposure.ngroups",
        "m = d.ImageModel(strict_validation=True); m.meta.exposure.ngroups = 'x'",
        "m = d.ImageModel(ignore_missing_extensions=False, ignore_unrecognized_tag=True)",
        "m = d.ImageModel(data=None); r = m.data",
        "m = d.SlitModel({}, name='x')",
        "m = d.ImageModel(d.ImageModel((2, 3))); r = m.shape",
    ],
)
def test_arguments_are_taken_or_refused_as_by_the_reference(action: str) -> None:
    theirs, ours = both(datamodels, asdfits, "m = None", action)
    assert ours == theirs


def test_arrays_beside_a_model_are_refused() -> None:
    with pytest.raises(TypeError, match="takes no arrays beside"):
        asdfits.ImageModel(asdfits.ImageModel(), data=np.ones((2, 3)))
    assert datamodels.ImageModel(datamodels.ImageModel(), data=np.ones((2, 3))).data is None


def test_history_is_set_as_a_whole() -> None:
    model: Any = asdfits.ImageModel()
    model.history = ["one", "two"]
    assert model.history == ["one", "two"]
    assert [entry["description"] for entry in model.instance["history"]["entries"]] == [
        "one",
        "two",
    ]


ARRAYS = [
    "m.slits.append({'data': np.zeros(3, 'f4')}); r = len(m.slits)",
    "m.slits.append({'data': np.zeros((2, 3), 'f8')}); r = len(m.slits)",
    "m.slits.append({'data': np.zeros((2, 3), '>f4')}); r = len(m.slits)",
    "m.slits.append({'data': [[1.0, 2.0]]}); r = len(m.slits)",
    "m.slits.append({'data': 'text'}); r = len(m.slits)",
    "m.slits.append({'int_times': np.zeros(2, 'f4')}); r = len(m.slits)",
    "m.slits.append({'int_times': np.zeros(2, [('x', 'f4')])}); r = len(m.slits)",
    "t = m.slits.item().get_dtype('int_times'); m.slits.append({'int_times': np.zeros(2, t)});"
    "r = len(m.slits)",
    "m.slits.append({'data': None, 'name': 'x'}); r = len(m.slits)",
    "m._instance['slits'] = [{'dq': np.zeros((2, 3), 'i4')}]; m.validate()",
    "i = d.ImageModel((2, 3)); i.validate(); i._instance['data'] = np.zeros(3); i.validate()",
]


@pytest.mark.parametrize("switch", [False, True])
@pytest.mark.parametrize("action", ARRAYS)
def test_arrays_are_validated_if_asked_for(switch: bool, action: str) -> None:
    action = action.replace(
        "d.ImageModel((2, 3))", f"d.ImageModel((2, 3), validate_arrays={switch})"
    )
    make = f"m = d.MultiSlitModel(validate_arrays={switch})"
    theirs, ours = both(datamodels, asdfits, make, action)
    assert ours == theirs


# -- reading leaves a model as it is -------------------------------------------------------------


def text_of(model: Any) -> Any:
    """All that a tree holds, in its order, arrays by their bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            path: plain(value) if isinstance(value, np.ndarray) else repr(value)
            for path, value in model.to_flat_dict().items()
            if type(value).__module__ == "builtins" or isinstance(value, np.ndarray)
        }


def read_all(node: Any, seen: list[str], depth: int = 0) -> None:
    """Read each attribute that `dir` names, and what is below."""
    for name in dir(node):
        if name.startswith("_") or hasattr(asdfits.JwstDataModel, name):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = getattr(node, name)
        seen.append(name)
        if isinstance(value, asdfits.models.ObjectNode):
            read_all(value, seen, depth + 1)
        elif isinstance(value, asdfits.models.ListNode):
            for item in value:
                if isinstance(item, asdfits.models.ObjectNode) and depth < 3:
                    read_all(item, seen, depth + 1)


@pytest.mark.parametrize("kind", MAKERS)
def test_reading_every_attribute_leaves_a_model_as_it_was(
    kind: str, files: dict[str, Path]
) -> None:
    expected = text_of(asdfits.open(files[kind]))
    model = asdfits.open(files[kind])
    seen: list[str] = []
    read_all(model, seen)
    assert len(seen) > 20
    model.search("a"), model.search_schema("a"), model.schema, repr(model), model == model.copy()
    model.get_crds_parameters(), list(model), list(model.items()), hasattr(model, "nonsense")
    assert text_of(model) == expected
    assert sorted(model.instance) == sorted(asdfits.open(files[kind]).instance)


def test_strict_compat_makes_what_is_read_as_the_reference_does(files: dict[str, Path]) -> None:
    ours = asdfits.open(files["image"], strict_compat=True)
    theirs = datamodels.open(files["image"])
    for model in (ours, theirs):
        assert model.meta.photometry.instance == {}
        assert model.meta.asn.table_name is None
    assert ours.meta.instance["photometry"] == theirs.meta.instance["photometry"] == {}
    assert "asn" in ours.meta.instance
    assert asdfits.MultiSlitModel(strict_compat=True).slits.instance == []
    theirs.close()
