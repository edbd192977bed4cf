from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import dynamicdq, mapping
from asdfits.file import is_lazy
from asdfits.models import families, references, transforms
from snippets import both

datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
modeling = pytest.importorskip("astropy.modeling.models")
units = pytest.importorskip("astropy.units")
pytestmark = pytest.mark.oracle

NAMES = mapping.class_names()
FLAT = """
r = {k: str(v) for k, v in m.to_flat_dict(include_arrays=False).items() if k != 'meta.date'}
"""
TOOLS = {"models": modeling, "units": units}
# What the writer adds, and what the schema says already.
ELSEWHERE = {"__init__", "_build_schema", "_migrate_hdulist", "save", "to_fits"}


def compared(make: str, action: str) -> None:
    theirs, ours = both(datamodels, asdfits, make, action, **TOOLS)
    assert ours == theirs


# -- all classes --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_class_has_what_that_of_the_reference_defines(name: str) -> None:
    kind = asdfits.model_class(name)
    schema = mapping.model(name)
    assert [hook for hook in schema.hooks if not hasattr(kind, hook)] == [
        hook for hook in schema.hooks if hook in ELSEWHERE and not hasattr(kind, hook)
    ]
    assert getattr(kind, "reftype", None) == schema.reftype


def test_every_behaviour_is_that_of_a_class() -> None:
    tables = (families.BEHAVIOUR, references.BEHAVIOUR, transforms.BEHAVIOUR)
    listed = [name for table in tables for name in table]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(NAMES)
    for name in listed:
        made = asdfits.model_class(name)
        assert made.__mro__[1] in {table.get(name) for table in tables}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_made_of_nothing_is_that_of_the_reference(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compared(f"m = d.{name}()", FLAT + "r = r, m.shape, m.get_primary_array_name()")


@pytest.mark.parametrize("name", NAMES)
def test_deprecated_classes_say_so(name: str) -> None:
    compared("m = None", f"d.{name}()")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", sorted({*NAMES} - {"ABVegaOffsetModel"}))
def test_validation_warns_or_raises_as_the_reference_does(name: str, strict: bool) -> None:
    compared(f"m = d.{name}(strict_validation={strict})", "m.validate()")


# A complete set of metadata, so that what a class asks for beyond them is seen.
FILLED = """
m.meta.description = m.meta.author = 'x'
m.meta.pedigree, m.meta.useafter = 'GROUND', '2020-01-01T00:00:00'
m.meta.reftype = m.meta.reftype or getattr(m, 'reftype', None) or 'any'
m.meta.instrument.name = m.meta.instrument.name or 'NIRCAM'
"""


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "name",
    [n for n in NAMES if mapping.is_subclass(n, "ReferenceFileModel") and n != "ABVegaOffsetModel"],
)
def test_a_reference_file_with_all_metadata_is_judged_as_by_the_reference(
    name: str, strict: bool
) -> None:
    theirs, ours = both(
        datamodels, asdfits, f"m = d.{name}(strict_validation={strict})", FILLED + "m.validate()"
    )
    if theirs[0] == ("raised", "TypeError"):
        # The length of None, asked for within the check; asdfits says what is missing.
        assert ours[0] in (("raised", "AssertionError"), None)
        return
    assert ours == theirs


CHECKS = [
    ("DistortionModel(model=models.Shift(1), input_units='pixel', output_units=units.deg)", ""),
    ("DistortionModel(model=3, input_units='pixel', output_units='deg')", ""),
    ("DistortionModel(model=[models.Shift(1), models.Shift(2)])", ""),
    ("DistortionModel(None, models.Shift(1), 'pixel', 'deg')", ""),
    (
        "DistortionModel(model=models.Shift(1), input_units='pixel', output_units='deg')",
        "m.meta.instrument.module, m.meta.instrument.channel = 'A', 'SHORT';"
        "m.meta.instrument.p_pupil = 'CLEAR|'",
    ),
    ("SpecwcsModel(model=models.Shift(1), input_units='pixel')", ""),
    ("CameraModel(model=models.Shift(1))", ""),
    ("CameraModel(model=[1])", ""),
    ("FOREModel(model=models.Shift(1))", "m.meta.instrument.filter = 'F110W'"),
    ("FPAModel(nrs1_model=models.Shift(1))", ""),
    ("FPAModel(nrs1_model=models.Shift(1), nrs2_model=models.Shift(1))", ""),
    ("DisperserModel(angle=3.0, kcoef=[1.0, 2.0])", "m.meta.instrument.grating = 'PRISM'"),
    ("DisperserModel(gwa_tiltx={'a': 1})", "m.meta.instrument.grating = 'G140H'"),
    ("IFUSlicerModel(model=models.Shift(1), data=np.zeros((2, 2)))", ""),
    ("IFUPostModel(slice_models={f'slice_{i}': {} for i in range(30)})", ""),
    ("IFUPostModel(slice_models={})", ""),
    ("MSAModel(models={f'Q{i}': i for i in range(1, 6)}, data={f'Q{i}': i for i in range(1, 6)})",
     ""),
    ("WaveCorrModel(apertures=[{'aperture_name': 'S200A1'}])", "r0 = m.aperture_names"),
    ("WaveCorrModel([])", ""),
    ("FilteroffsetModel(filters=[{'name': 'x'}], instrument='NIRSPEC')", ""),
    ("FilteroffsetModel(filters=[{'name': 'x'}])", ""),
    ("FilteroffsetModel(filters=[{'name': 'x'}], instrument='MIRI')", "m.populate_meta; m.meta.x = 1"),
    ("FilteroffsetModel()", "m.meta.instrument.channel = 'SHORT'"),
    ("FilteroffsetModel()", "m.meta.instrument.name = 'MIRI'"),
    ("FilteroffsetModel()", "m.meta.instrument.name = 'FGS'"),
    ("NIRCAMGrismModel(displ=[models.Shift(1)], orders=[1])", "m.meta.input_units = 'a'"),
    ("NIRCAMGrismModel()", "m.meta.input_units = m.meta.output_units = 'a'"),
    ("NIRISSGrismModel(fwcpos_ref=3.5)", "m.meta.input_units = m.meta.output_units = 'a'"),
    ("MiriWFSSSpecwcsModel(orders=[1])", "m.meta.input_units = m.meta.output_units = 'a'"),
    (
        "MiriWFSSSpecwcsModel(orders=[1], displ=[1], dispx=[1], dispy=[1])",
        "m.meta.input_units = m.meta.output_units = 'a'",
    ),
    ("MiriLRSSpecwcsModel(x_ref=1.0, v2_vert1=2.0, v3_vert4=3.0)", ""),
    ("MiriLRSSpecwcsModel()", "m.meta.instrument.detector = 'MIRIFULONG'"),
    ("RegionsModel(regions=np.zeros((2, 2)))", ""),
    ("RegionsModel(regions=np.zeros((2, 2)))", "m.meta.subarray.name = 'SUB41STRIPE1_DHS'"),
    (
        "RegionsModel(regions=np.zeros((2, 2)))",
        "m.meta.instrument.name, m.meta.exposure.type = 'MIRI', 'MIR_MRS';"
        "m.meta.instrument.channel, m.meta.instrument.band = '12', 'SHORT';"
        "m.meta.instrument.detector = 'MIRIFUSHORT'",
    ),
    ("WavelengthrangeModel(wrange=[[1, 'F', 2.0, 3.0]], order=[1], wunits=units.um)",
     "r0 = m.get_wfss_wavelength_range('F', [1])"),
    ("WavelengthrangeModel(wrange=[[1, 'F', 2.0, 3.0]])",
     "m.get_wfss_wavelength_range('G', [1])"),
    ("TsoPhotModel(radii=[{'pupil': 'x'}])", "m.meta.exposure.type = 'NRC_TSIMAGE'"),
    ("TsoPhotModel(radii=[])", "m.meta.exposure.type = 'NRC_TSIMAGE'"),
    ("DistortionMRSModel(bzero={'channel_band': ['1SHORT']})", ""),
    (
        "DistortionMRSModel(x_model=[models.Shift(1)])",
        "m.meta.instrument.channel, m.meta.instrument.band = '1', 'SHORT';"
        "m.meta.instrument.detector = 'MIRIFUSHORT';"
        "m.abv2v3_model = {'model': [1, 2], 'channel_band': ['a', 'b']}",
    ),
    ("EmiModel()", "m.on_save(); m.meta.date = 'x'"),
    ("SIRSKernelModel()", "m.on_save('path.fits')"),
    ("FlatModel()", "m.meta.telescope = 'HST'"),
    ("FlatModel()", "m.on_save('path/name.fits'); m.meta.date = 'x'"),
    ("ImageModel()", "m.on_save('path/name.fits'); m.meta.date = 'x'"),
]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("make", "change"), CHECKS)
def test_a_reference_file_takes_sets_and_asks_for_what_that_of_the_reference_does(
    make: str, change: str, strict: bool
) -> None:
    made = f"{make[:-1]}, strict_validation={strict})".replace("(,", "(")
    show = f"try: m.validate(); bad = None\nexcept Exception as e: bad = type(e).__name__\n{FLAT}"
    if "on_save" in change:
        show = FLAT
    compared("m = None", f"m = d.{made}; r0 = 0\n{FILLED}\n{change}\n{show}\nr = r, r0, bad"
             if "on_save" not in change else f"m = d.{made}\n{FILLED}\n{change}\n{show}")  # fmt: skip


def test_a_class_without_metadata_of_its_own_has_none_to_populate() -> None:
    for module in (datamodels, asdfits):
        with pytest.raises(NotImplementedError):
            module.DistortionModel().populate_meta()


@pytest.mark.parametrize("instrument", ["MIRI", "NIRCAM", "NIRISS"])
def test_filters_are_listed_without_blanks(instrument: str) -> None:
    filters = [{"name": "x"}]
    ours = asdfits.FilteroffsetModel(filters=filters, instrument=instrument)
    theirs = datamodels.FilteroffsetModel(filters=filters, instrument=instrument)
    ours.populate_meta()
    theirs.populate_meta()
    listed = theirs.meta.instrument.pfilter
    assert " " in listed  # from the lines of its source
    assert ours.meta.instrument.pfilter == listed.replace(" ", "")
    assert ours.meta.instrument.detector == theirs.meta.instrument.detector


def test_too_many_arguments_are_an_error() -> None:
    with pytest.raises(TypeError, match="takes no 2 arguments"):
        asdfits.WaveCorrModel(None, [], 3)
    with pytest.raises(TypeError):
        datamodels.WaveCorrModel(None, [], 3)


def test_offsets_without_a_table_are_named() -> None:
    model: Any = asdfits.ABVegaOffsetModel(strict_validation=True)
    model.meta.instrument.name = "MIRI"
    exec(FILLED, {"m": model})
    with pytest.raises(AssertionError, match="abvega_offset to be a table"):
        model.validate()
    table = pytest.importorskip("astropy.table").Table
    model.abvega_offset = table({"abvega_offset": [1.0], "filter": ["F560W"]})
    model.validate()
    model.abvega_offset = table({"abvega_offset": [1.0]})
    with pytest.raises(AssertionError, match="the column filter"):
        model.validate()


TABLES = """
t = m.get_dtype('phot_table')
m.phot_table = np.zeros(2, t)
m.phot_table['filter'] = 'F070W'
"""


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        "",
        "m.timecoeff_linear = np.zeros(2, c); m.timecoeff_linear['filter'] = 'F070W'",
        "m.timecoeff_linear = np.zeros(2, c)",
        "m.timecoeff_linear = np.zeros(3, c)",
        "del m.phot_table",
    ],
)
def test_tables_of_coefficients_are_compared_with_that_of_factors(
    change: str, strict: bool
) -> None:
    columns = "c = m.get_dtype('timecoeff_linear')"
    make = f"m = d.NrcImgPhotomModel(strict_validation={strict})"
    compared(make, f"{FILLED}{TABLES}{columns}\n{change}\nm.validate()")


# -- science families ---------------------------------------------------------------------------

SLIT = "s = d.SlitModel(np.ones((2, 3)), name='A', source_id=5); s.meta.telescope = 'JWST'\n"
FAMILIES = [
    SLIT + "m = d.MultiSlitModel(s); r = len(m.slits), m.slits[0].name, m.meta.telescope",
    SLIT + "m = d.MultiSlitModel(s); r = m.slits[0].data, m[0].data, m[0].name, m[0].source_id",
    SLIT + "m = d.MultiSlitModel(s); q = m[0]; q.data[:] = 5; r = m.slits[0].data",
    SLIT + "m = d.MultiSlitModel(s); q = m[0]; q.name = 'B'; q.meta.telescope = None;"
    "r = m.slits[0].name, m.meta.telescope, type(q).__name__",
    SLIT + "m = d.MultiSlitModel(s); m.slits[0].meta.wcs = 3; r = m[0].meta.hasattr('wcs')",
    SLIT + "r = s.name, s.source_id, s.data, s.dq",
    SLIT + "t = d.SlitModel(s, name='B'); r = t.name, s.name",
    SLIT + "t = d.SlitDataModel(s, name='B'); r = t.name, s.name, t.data is s.data",
    SLIT + "m = d.MultiExposureModel(s); r = len(m.exposures), m.exposures[0].name",
    SLIT + "m = d.MultiExposureModel(s); r = m.exposures[0].meta.telescope, m.meta.telescope",
    SLIT + "m = d.MultiExposureModel(s); m.exposures[0].meta.instrument.name = 3;"
    "r = m.exposures[0].meta.instrument.name",
    "i = d.ImageModel(np.ones((2, 3))); i.meta.telescope = 'JWST'; m = d.MultiSlitModel(i);"
    "r = m.slits[0].data, m.meta.telescope, len(m.slits)",
    "i = d.ImageModel(np.ones((2, 3))); m = d.MultiExposureModel(i); r = m.exposures[0].data",
    "m = d.MultiSlitModel(); r = m[3]",
    *[
        f"s = d.{name}(); s.spec_table = np.zeros(3, s.get_dtype('spec_table'));"
        f"m = d.{multi}(s); r = len(m.spec), len(m.spec[0].spec_table), m.meta.model_type"
        for name, multi in (
            ("SpecModel", "MultiSpecModel"),
            ("MRSSpecModel", "MRSMultiSpecModel"),
            ("CombinedSpecModel", "MultiCombinedSpecModel"),
        )
    ],
    "m = d.MultiSpecModel(d.SpecModel()); r = len(m.spec)",
    "m = d.MultiSpecModel(d.ImageModel()); r = len(m.spec)",
    "m = d.RampModel((2, 3, 4, 5)); r = m.get_default('zeroframe'), m.pixeldq, m.groupdq",
    "m = d.RampModel(); r = m.pixeldq, m.get_default('groupdq').shape",
    "m = d.Level1bModel(np.ones((2, 3, 4, 5))); r = m.get_default('zeroframe')",
    "m = d.SuperstripeRampModel((2, 3, 4, 5)); r = m.pixeldq, m.groupdq, m.get_default('zeroframe')",
    "m = d.SuperstripeRampModel((2, 3, 4, 5)); m.meta.subarray.num_superstripe = 3;"
    "r = m.get_default('pixeldq')",
    "m = d.AmiOIModel(); m.meta.program.pi_name = 'A'; m.meta.target.catalog_name = 'B';"
    "m.meta.instrument.name = 'NIRISS'; m.meta.oifits.array_name = 'C'; m._map_oifits_keywords();"
    "r = {k: v for k, v in m.to_flat_dict().items() if k != 'meta.date' and v is not None}",
    "m = d.AmiOIModel(); m.meta.oifits.derived.array.x = 3.0; m.validate();"
    "r = m.meta.oifits.derived.array.x, m.meta.oifits.derived.array.frame",
    "m = d.AsnModel(); r = m.num_inputs, m.inputs, m.output",
    "a = d.AsnModel(); t = np.zeros(3, a.get_dtype('asn_table'));"
    "t[t.dtype.names[0]] = ['one', 'two', 'three'];"
    "t[t.dtype.names[1]] = ['SCIENCE', 'PRODUCT', 'SCIENCE'];"
    "m = d.AsnModel(asn_table=t); r = m.num_inputs, m.output_rootname, m.input_rootnames",
    "m = d.MaskModel((2, 3)); r = m.dq, m.get_primary_array_name()",
    "m = d.ImageModel(d.CubeModel((2, 3, 4))); r = m.data",
    "m = d.CubeModel(d.CubeModel((2, 3, 4)), strict_validation=True); r = m.data",
    "m = d.JwstDataModel(d.CubeModel((2, 3, 4))); r = m.data, m.dq",
]


@pytest.mark.parametrize("action", FAMILIES)
def test_a_family_does_what_that_of_the_reference_does(action: str) -> None:
    theirs, ours = both(datamodels, asdfits, "m = None", action)
    if "m[3]" in action:  # the reference raises a text, which is a TypeError
        assert (theirs[0], ours[0]) == (("raised", "TypeError"), ("raised", "IndexError"))
        return
    assert ours == theirs


def made_quietly(make: str) -> Any:
    scope: dict[str, Any] = {"d": asdfits, "np": np}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(make, scope)
    return scope["m"]


@pytest.mark.parametrize(
    ("single", "multi", "name"),
    [
        ("SpecProfileSingleModel", "SpecProfileModel", "profile"),
        ("WaveMapSingleModel", "WaveMapModel", "map"),
    ],
)
def test_a_list_of_reference_arrays_is_made_of_one(single: str, multi: str, name: str) -> None:
    make = f"s = d.{single}(data=np.ones((2, 3))); m = d.{multi}(s)"
    model = made_quietly(make)
    assert len(model[name]) == 1
    assert model[name][0].data.shape == (2, 3)
    # The reference makes the list, and then starts anew with the tree of the single model.
    scope: dict[str, Any] = {"d": datamodels, "np": np}
    exec(make, scope)
    assert len(getattr(scope["m"], name)) == 0


def test_a_list_of_grism_spectra_is_made_of_one() -> None:
    part: Any = asdfits.WFSSSpecModel()
    part.spec_table = np.zeros(2, part.get_dtype("spec_table"))
    assert len(asdfits.WFSSMultiSpecModel(part).spec[0].spec_table) == 2
    with pytest.raises(TypeError):
        datamodels.WFSSMultiSpecModel(datamodels.WFSSSpecModel())


BITS = [(0, 4, "UNRELIABLE_FLAT", ""), (1, 1, "DO_NOT_USE", "")]


def flat(module: Any) -> Any:
    model = module.NirspecFlatModel((2, 2, 2))
    table = np.array(BITS, model.get_dtype("dq_def"))
    return module.NirspecFlatModel(data=np.ones((2, 2, 2)), dq=np.full((2, 2, 2), 5), dq_def=table)


def test_flags_that_are_standard_are_not_moved_again() -> None:
    standard = dynamicdq.PIXEL["UNRELIABLE_FLAT"] + dynamicdq.PIXEL["DO_NOT_USE"]
    model = flat(asdfits)
    assert set(model.dq.ravel().tolist()) == {standard}
    for made in (asdfits.NirspecFlatModel(model), asdfits.NirspecQuadFlatModel(model).quadrants[0]):
        assert set(made.dq.ravel().tolist()) == {standard}
    theirs = flat(datamodels)
    assert set(theirs.dq.ravel().tolist()) == {standard}
    # The reference reads its own standard bits as those of the file.
    assert set(datamodels.NirspecFlatModel(theirs).dq.ravel().tolist()) == {1}


def test_flags_go_back_to_the_bits_of_the_file() -> None:
    dynamic_mask = pytest.importorskip("stdatamodels.dynamicdq").dynamic_mask
    pixel = pytest.importorskip("stdatamodels.jwst.datamodels.dqflags").pixel
    ours, theirs = flat(asdfits), flat(datamodels)
    back = dynamicdq.inverse(ours.dq, ours.dq_def)
    assert back.tolist() == dynamic_mask(theirs, pixel, inv=True).tolist()
    assert set(back.ravel().tolist()) == {5}
    assert back.dtype == np.dtype("u4")
    assert dynamicdq.inverse(ours.dq, ours.dq_def[:0]) is ours.dq
    assert dict(pixel) == dynamicdq.PIXEL


def test_flags_of_a_model_are_made_when_they_are_touched() -> None:
    model: Any = asdfits.RampModel((1, 2, 3, 4))
    assert is_lazy(model.instance["groupdq"])

    class MyRamp(asdfits.RampModel):
        pass

    assert MyRamp((1, 2, 3, 4)).groupdq.shape == (1, 2, 3, 4)


def test_a_reference_file_is_of_jwst_whatever_its_file_says(tmp_path: Path) -> None:
    from asdfits import sample

    path = tmp_path / "flat.fits"
    cards = [("DATAMODL", "FlatModel"), ("TELESCOP", "HST"), ("REFTYPE", "FLAT")]
    path.write_bytes(sample.product(cards, [], "meta: {telescope: HST}\n"))
    theirs: Any = datamodels.open(path)
    assert asdfits.open(path).meta.telescope == theirs.meta.telescope == "JWST"
    theirs.close()
