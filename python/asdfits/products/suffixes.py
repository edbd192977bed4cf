"""What the suffix of a product stands for: the table of product types, and the names of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .levels import Basis

__all__ = ["STEPS", "TYPES", "ProductType", "is_known", "product_type", "step_of", "suffix_length"]


@dataclass(frozen=True, slots=True)
class ProductType:
    """What a suffix says of a product of one basis.

    Attributes
    ----------
    suffix : str
        The last field of the name: ``cal``.
    basis : {'exposure', 'source', 'guide star'}
        What one file is made from.
    level : str or None
        Data-processing level, a key of `LEVELS`; None for what a pipeline saves on its way.
    pipelines : tuple of str
        The pipelines that write it, without ``calwebb_``.
    modes : tuple of str
        The observing modes that have it.
    models : tuple of str
        The model classes it opens as, the usual one first; none where it is no data model.
    units : tuple of str
        Units of the data, the usual one first.
    extension : str
        How the name of the file ends.
    layout : str
        The suffix whose HDUs it has: ``crf`` differs from ``cal`` in values of DQ only.
    optional : bool
        Whether it is written only if asked for.
    """

    suffix: str
    basis: Basis
    level: str | None
    pipelines: tuple[str, ...]
    modes: tuple[str, ...]
    models: tuple[str, ...]
    units: tuple[str, ...]
    extension: str
    layout: str
    optional: bool


def _row(
    suffix: str,
    basis: Basis,
    level: str | None,
    pipelines: str,
    modes: str,
    models: str = "",
    units: str = "",
    *,
    extension: str = "fits",
    layout: str | None = None,
    optional: bool = False,
) -> ProductType:
    return ProductType(
        suffix=suffix,
        basis=basis,
        level=level,
        pipelines=tuple(pipelines.split()),
        modes=tuple(modes.split(", ")),
        models=tuple(models.split()),
        units=tuple(units.split()),
        extension=extension,
        layout=layout or suffix,
        optional=optional,
    )


_E: Basis = "exposure"
_S: Basis = "source"
_G: Basis = "guide star"

_SKY = "MJy/sr MJy"  # MJy for point sources of NIRSpec and NIRISS SOSS
# NIRISS SOSS and all WFSS are flux-calibrated after extraction, so their cal is still in DN/s.
_CAL = f"{_SKY} DN/s"
_FLUX = "Jy MJy/sr"
_IMAGE = "ImageModel IFUImageModel"
_EXPOSURE = f"{_IMAGE} SlitModel MultiSlitModel"
_CUBE = "CubeModel SlitModel"
_SLITS = "SlitModel MultiSlitModel"
_SOURCE = "MultiExposureModel SlitModel"
_X1D = "MultiSpecModel MRSMultiSpecModel WFSSMultiSpecModel"
_C1D = "CombinedSpecModel MultiCombinedSpecModel WFSSMultiCombinedSpecModel"
_DIRECT = "imaging, spectroscopy"
_SERIES = "TSO, coronagraphy, AMI"
_IFU = "NIRSpec IFU, MIRI MRS"
_SLIT = "non-IFU spectroscopy"
_TSO = "LRS slitless, grism time series, SOSS, bright object"
_CORON = "coronagraphy"

_ROWS = (
    # Stages 0 and 1
    _row("original", _E, "1a", "", "all", "", "DN"),
    _row("uncal", _E, "1b", "", "all", "Level1bModel RampModel SuperstripeRampModel", "DN"),
    _row("ramp", _E, "2a", "detector1", "all", "RampModel", "DN", optional=True),
    _row("dark", _E, "2a", "dark detector1", "dark", "RampModel", "DN", layout="ramp"),
    _row("trapsfilled", _E, "2a", "detector1", "near infrared", "TrapsFilledModel"),
    _row("fitopt", _E, "2a", "detector1", "all", "RampFitOutputModel", optional=True),
    _row("rate", _E, "2a", "detector1", "all", _IMAGE, "DN/s"),
    _row("rateints", _E, "2a", "detector1", "all", "CubeModel", "DN/s"),
    # Stage 2
    _row("bsub", _E, "2b", "image2 spec2", _DIRECT, _IMAGE, "DN/s", layout="rate", optional=True),
    _row(
        *("bsubints", _E, "2b", "image2 spec2", _SERIES, "CubeModel", "DN/s"),
        layout="rateints",
        optional=True,
    ),
    _row("cal", _E, "2b", "image2 spec2", _DIRECT, _EXPOSURE, _CAL),
    _row("calints", _E, "2b", "image2 spec2", _SERIES, _CUBE, _CAL),
    _row("i2d", _E, "2b", "image2", "imaging", "ImageModel", "MJy/sr"),
    _row("s2d", _E, "2b", "spec2", _SLIT, _SLITS, _SKY),
    _row("s3d", _E, "2b", "spec2", _IFU, "IFUCubeModel", _SKY),
    _row("x1d", _E, "2b", "spec2", "spectroscopy", _X1D, _FLUX),
    _row("x1dints", _E, "2b", "spec2", _TSO, "TSOMultiSpecModel", "Jy DN/s"),
    _row("flat", _E, "2b", "spec2", "NIRSpec", optional=True),
    _row("interpolatedflat", _E, "2b", "spec2", "NIRSpec", optional=True),
    # Stage 3 for one exposure
    _row("crf", _E, "2c", "image3 spec3", _DIRECT, _EXPOSURE, _CAL, layout="cal"),
    _row("crfints", _E, "2c", "coron3 tso3", "coronagraphy, TSO", _CUBE, _CAL, layout="calints"),
    _row("psfalign", _E, "3", "coron3", _CORON, "CubeModel", "MJy/sr", layout="psfstack"),
    _row("psfsub", _E, "3", "coron3", _CORON, "CubeModel", "MJy/sr"),
    _row("ami-oi", _E, "3", "ami3", "AMI", "AmiOIModel"),
    _row("amimulti-oi", _E, "3", "ami3", "AMI", "AmiOIModel"),
    _row("psf-ami-oi", _E, "3", "ami3", "AMI", "AmiOIModel", layout="ami-oi"),
    _row("amilg", _E, "3", "ami3", "AMI", "AmiLgFitModel"),
    # Stage 3 for one source or target
    _row(
        "crf", _S, "2c", "spec3", "spectroscopy", _SOURCE, _SKY, layout="cal"
    ),  # MOS, and once all
    _row("cal", _S, "3", "spec3", "fixed slit, MOS", _SOURCE, _SKY),
    _row("i2d", _S, "3", "image3 coron3", "imaging, coronagraphy", "ImageModel", "MJy/sr"),
    _row("s2d", _S, "3", "spec3", _SLIT, _SLITS, _SKY),
    _row("s3d", _S, "3", "spec3", _IFU, "IFUCubeModel", _SKY),
    _row("x1d", _S, "3", "spec3", "spectroscopy", _X1D, _FLUX),
    _row("x1dints", _S, "3", "tso3", "TSO spectroscopy", "TSOMultiSpecModel", "Jy DN/s"),
    _row("c1d", _S, "3", "spec3", "SOSS, WFSS, slitless", _C1D, _FLUX),
    _row("cat", _S, "3", "image3", "imaging", extension="ecsv"),
    _row("segm", _S, "3", "image3", "imaging", "SegmentationMapModel"),
    _row("phot", _S, "3", "tso3", "TSO imaging", extension="ecsv"),
    _row("whtlt", _S, "3", "tso3", "TSO spectroscopy", extension="ecsv"),
    _row("psfstack", _S, "3", "coron3", _CORON, "CubeModel", "MJy/sr"),
    _row("aminorm-oi", _S, "3", "ami3", "AMI", "AmiOIModel", layout="ami-oi"),
    _row("wfscmb", _S, "3", "wfs-image3", "WFS&C", "ImageModel", "MJy/sr"),
    # Guide stars
    _row("uncal", _G, "1b", "", "guiding", "GuiderRawModel", "DN"),
    _row("cal", _G, "2b", "guider", "guiding", "GuiderCalModel", "DN/s"),
    _row("stream", _G, None, "", "guiding"),
)

# The names that AMI products had before they took the form of OIFITS.
_LEGACY = "ami amiavg psf-amiavg aminorm"
# Saved by stage 2 or 3 on its way; each is like the product it was made from.
_ON_THE_WAY = (
    "mbsub masterbg1d masterbg2d esec median blot outlier_i2d profile scene_model residual"
)


def _table() -> dict[tuple[str, Basis], ProductType]:
    rows = [*_ROWS]
    for basis in (_E, _S):
        rows += [_row(suffix, basis, "3", "ami3", "AMI") for suffix in _LEGACY.split()]
        rows += [
            _row(suffix, basis, None, "", "all", optional=True) for suffix in _ON_THE_WAY.split()
        ]
    return {(row.suffix, row.basis): row for row in rows}


TYPES: Mapping[tuple[str, Basis], ProductType] = MappingProxyType(_table())

# The steps after which the pipeline names what it saves of them.
_STEP_NAMES = """
adaptive_trace_model align_refs ami_analyze ami_normalize assign_mtwcs assign_wcs background
badpix_selfcal barshadow bkg_subtract charge_migration clean_flicker_noise combine_1d cube_build
dark_current dq_init emicorr extract_1d extract_2d firstframe flat_field fringe gain_scale
group_scale hlsp imprint_subtract ipc jump klip lastframe linearity master_background
master_background_mos msa_flagging nsclean outlier_detection pathloss persistence photom
picture_frame pixel_replace ramp_fit refpix resample resample_spec reset residual_fringe rscd
saturation skymatch source_catalog spectral_leak srctype stack_refs straylight superbias
targ_centroid tso_photometry tweakreg wavecorr wfs_combine wfss_contam white_light
"""
STEPS = tuple(_STEP_NAMES.split())

# A step is named by its alias, the alias of its result for integrations, or its class.
_STEP_OF = {step: step for step in STEPS} | {
    form: step for step in STEPS for form in (f"{step}ints", f"{step.replace('_', '')}step")
}
_SUFFIXES = frozenset(suffix for suffix, basis in TYPES if basis in (_E, _S)) | frozenset(_STEP_OF)
_LONGEST = max(suffix.count("_") for suffix in _SUFFIXES) + 1
_GUIDE_STAR = frozenset(
    image + suffix
    for image in ("", "image_", "stacked_")
    for suffix, basis in TYPES
    if basis == "guide star"
)


def is_known(suffix: str, basis: Basis) -> bool:
    """Tell whether `suffix` is one of the pipeline's, of a product or of a step."""
    if basis == "guide star":
        return suffix.replace("-", "_") in _GUIDE_STAR
    return suffix in _SUFFIXES


def step_of(suffix: str) -> str | None:
    """Return the step that a suffix names: ``assign_wcs`` of ``assignwcsstep``; None if none."""
    return _STEP_OF.get(suffix)


def product_type(suffix: str, basis: Basis) -> ProductType | None:
    """Return what the table says of a suffix; None where it has no such product.

    A guide star's suffix is taken with or without ``image`` or ``stacked``, joined by either sign.
    """
    if basis == "guide star":
        suffix = suffix.replace("-", "_").removeprefix("image_").removeprefix("stacked_")
    return TYPES.get((suffix, basis))


def suffix_length(fields: Sequence[str], basis: Basis) -> int:
    """Return how many of the last fields are the suffix: of those known, the longest; else one.

    Some suffixes hold the sign that separates fields: ``outlier_i2d``, ``assign_wcs``.
    """
    for count in range(min(_LONGEST, len(fields)), 1, -1):
        if is_known("_".join(fields[-count:]), basis):
            return count
    return 1
