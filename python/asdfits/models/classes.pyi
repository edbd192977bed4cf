"""The model classes, for type checkers; made by tools/make_stubs.py."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Table
from . import families, references, transforms
from .base import JwstDataModel
from .nodes import ListNode, ObjectNode

__all__ = [
    "ABVegaOffsetModel",
    "AmiLgFitModel",
    "AmiLgModel",
    "AmiOIModel",
    "AsnModel",
    "BarshadowModel",
    "CameraModel",
    "ChromCorrModel",
    "CollimatorModel",
    "CombinedSpecModel",
    "ContrastModel",
    "CubeModel",
    "DarkMIRIModel",
    "DarkModel",
    "DarkNirspecModel",
    "DisperserModel",
    "DistortionMRSModel",
    "DistortionModel",
    "EmiModel",
    "Extract1dIFUModel",
    "FOREModel",
    "FPAModel",
    "FgsImgApcorrModel",
    "FgsImgPhotomModel",
    "FilteroffsetModel",
    "FlatModel",
    "FringeFreqModel",
    "FringeModel",
    "GainModel",
    "GuiderCalModel",
    "GuiderRawModel",
    "IFUCubeModel",
    "IFUFOREModel",
    "IFUImageModel",
    "IFUPostModel",
    "IFUSlicerModel",
    "IPCModel",
    "IRS2Model",
    "ImageModel",
    "LastFrameModel",
    "Level1bModel",
    "LinearityModel",
    "MRSMultiSpecModel",
    "MRSSpecModel",
    "MSAModel",
    "MaskModel",
    "MirImgApcorrModel",
    "MirImgPhotomModel",
    "MirLrsApcorrModel",
    "MirLrsPathlossModel",
    "MirLrsPhotomModel",
    "MirMrsApcorrModel",
    "MirMrsPhotomModel",
    "MirMrsPtCorrModel",
    "MirMrsXArtCorrModel",
    "MirWfssPhotomModel",
    "MiriIFUCubeParsModel",
    "MiriLRSSpecwcsModel",
    "MiriResolutionModel",
    "MiriWFSSSpecwcsModel",
    "MultiCombinedSpecModel",
    "MultiExposureModel",
    "MultiSlitModel",
    "MultiSpecModel",
    "NIRCAMGrismModel",
    "NIRISSGrismModel",
    "NRMModel",
    "NirspecFlatModel",
    "NirspecIFUCubeParsModel",
    "NirspecIfuAreaModel",
    "NirspecMosAreaModel",
    "NirspecQuadFlatModel",
    "NirspecSlitAreaModel",
    "NisImgApcorrModel",
    "NisImgPhotomModel",
    "NisSossPhotomModel",
    "NisWfssApcorrModel",
    "NisWfssPhotomModel",
    "NrcImgApcorrModel",
    "NrcImgPhotomModel",
    "NrcWfssApcorrModel",
    "NrcWfssPhotomModel",
    "NrsFsApcorrModel",
    "NrsFsPhotomModel",
    "NrsIfuApcorrModel",
    "NrsMosApcorrModel",
    "NrsMosPhotomModel",
    "OTEModel",
    "OutlierIFUOutputModel",
    "PastasossModel",
    "PathlossModel",
    "PersistenceSatModel",
    "PictureFrameModel",
    "PixelAreaModel",
    "PsfMaskModel",
    "QuadModel",
    "RSCDModel",
    "RampFitOutputModel",
    "RampModel",
    "ReadnoiseModel",
    "ReferenceCubeModel",
    "ReferenceFileModel",
    "ReferenceImageModel",
    "ReferenceQuadModel",
    "RegionsModel",
    "ResetModel",
    "ResolutionModel",
    "SIRSKernelModel",
    "SaturationModel",
    "SegmentationMapModel",
    "SlitDataModel",
    "SlitModel",
    "SossBkgModel",
    "SossExtractModel",
    "SossWaveGridModel",
    "SpecKernelModel",
    "SpecModel",
    "SpecProfileModel",
    "SpecProfileSingleModel",
    "SpecPsfModel",
    "SpecTraceModel",
    "SpecTraceSingleModel",
    "SpecwcsModel",
    "StrayLightModel",
    "SuperBiasModel",
    "SuperstripeRampModel",
    "TSOMultiSpecModel",
    "TSOSpecModel",
    "ThroughputModel",
    "TrapDensityModel",
    "TrapParsModel",
    "TrapsFilledModel",
    "TsoPhotModel",
    "WFSSCombinedSpecModel",
    "WFSSMultiCombinedSpecModel",
    "WFSSMultiSpecModel",
    "WFSSSpecModel",
    "WaveCorrModel",
    "WaveMapModel",
    "WaveMapSingleModel",
    "WavelengthrangeModel",
    "WfssBkgModel",
]

class AmiLgFitModel(JwstDataModel):
    centered_image: NDArray[np.float32]
    norm_centered_image: NDArray[np.float32]
    fit_image: NDArray[np.float32]
    norm_fit_image: NDArray[np.float32]
    resid_image: NDArray[np.float32]
    norm_resid_image: NDArray[np.float32]
    solns_table: Table

class AmiLgModel(JwstDataModel):
    fit_image: NDArray[np.float32]
    resid_image: NDArray[np.float32]
    closure_amp_table: Table
    closure_phase_table: Table
    fringe_amp_table: Table
    fringe_phase_table: Table
    pupil_phase_table: Table
    solns_table: Table

class AmiOIModel(families._AmiOI):
    array: Table
    target: Table
    t3: Table
    vis: Table
    vis2: Table
    q4: Table
    wavelength: Table

class AsnModel(families._Asn):
    asn_table: Table

class CombinedSpecModel(JwstDataModel):
    spec_table: Table

class ContrastModel(JwstDataModel):
    contrast_table: Table

class CubeModel(JwstDataModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    zeroframe: NDArray[np.float32]
    area: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    int_times: Table
    int_times_stripe: Table
    var_poisson: NDArray[np.float32]
    var_rnoise: NDArray[np.float32]
    var_flat: NDArray[np.float32]

class GuiderCalModel(JwstDataModel):
    data: NDArray[np.float32]
    err: NDArray[np.float32]
    dq: NDArray[np.uint32]
    planned_star_table: Table
    flight_star_table: Table
    pointing_table: Table
    centroid_table: Table
    track_sub_table: Table

class GuiderRawModel(JwstDataModel):
    data: NDArray[np.float32]
    err: NDArray[np.float32]
    dq: NDArray[np.uint32]
    planned_star_table: Table
    flight_star_table: Table
    pointing_table: Table
    centroid_table: Table
    track_sub_table: Table

class IFUCubeModel(JwstDataModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    weightmap: NDArray[np.float32]
    wavetable: Table

class IFUImageModel(JwstDataModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    zeroframe: NDArray[np.float32]
    area: NDArray[np.float32]
    regions: NDArray[np.int32]
    trace_model: NDArray[np.float32]
    var_poisson: NDArray[np.float32]
    var_rnoise: NDArray[np.float32]
    var_flat: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    pathloss_point: NDArray[np.float32]
    pathloss_uniform: NDArray[np.float32]

class ImageModel(JwstDataModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    zeroframe: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    area: NDArray[np.float32]
    con: NDArray[np.int32]
    wht: NDArray[np.float32]
    mask: NDArray[np.uint32]
    var_poisson: NDArray[np.float32]
    var_rnoise: NDArray[np.float32]
    var_flat: NDArray[np.float32]
    pathloss_point: NDArray[np.float32]
    pathloss_uniform: NDArray[np.float32]

class Level1bModel(families._ZeroFrame):
    moving_target: Table
    data: NDArray[np.uint16]
    zeroframe: NDArray[np.uint16]
    refout: NDArray[np.uint16]
    group: Table
    int_times: Table
    int_times_stripe: Table
    msa_targ_acq_table: Table

class MRSMultiSpecModel(families._MRSMultiSpec):
    int_times: Table
    int_times_stripe: Table
    spec: ListNode

class MRSSpecModel(JwstDataModel):
    spec_table: Table

class MultiCombinedSpecModel(families._MultiCombinedSpec):
    int_times: Table
    int_times_stripe: Table
    spec: ListNode

class MultiExposureModel(families._MultiExposure):
    exposures: ListNode

class MultiSlitModel(families._MultiSlit):
    slits: ListNode

class MultiSpecModel(families._MultiSpec):
    int_times: Table
    int_times_stripe: Table
    spec: ListNode

class OutlierIFUOutputModel(JwstDataModel):
    diffarr: NDArray[np.float32]
    minarr: NDArray[np.float32]
    normarr: NDArray[np.float32]
    minnorm: NDArray[np.float32]

class QuadModel(JwstDataModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]

class RampFitOutputModel(JwstDataModel):
    slope: NDArray[np.float32]
    sigslope: NDArray[np.float32]
    var_poisson: NDArray[np.float32]
    var_rnoise: NDArray[np.float32]
    yint: NDArray[np.float32]
    sigyint: NDArray[np.float32]
    pedestal: NDArray[np.float32]
    weights: NDArray[np.float32]
    crmag: NDArray[np.float32]

class RampModel(families._Ramp):
    data: NDArray[np.float32]
    pixeldq: NDArray[np.uint32]
    groupdq: NDArray[np.uint8]
    zeroframe: NDArray[np.float32]
    refout: NDArray[np.float32]
    average_dark_current: NDArray[np.float32]
    group: Table
    int_times: Table
    int_times_stripe: Table
    msa_targ_acq_table: Table

class ReferenceFileModel(references._Reference):
    pass

class SegmentationMapModel(JwstDataModel):
    data: NDArray[np.uint32]

class SlitDataModel(families._Slit):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    barshadow: NDArray[np.float32]
    area: NDArray[np.float32]
    wht: NDArray[np.float32]
    con: NDArray[np.int32]
    trace_model: NDArray[np.float32]
    var_poisson: NDArray[np.float32]
    var_rnoise: NDArray[np.float32]
    var_flat: NDArray[np.float32]
    flatfield_point: NDArray[np.float32]
    flatfield_uniform: NDArray[np.float32]
    pathloss_point: NDArray[np.float32]
    pathloss_uniform: NDArray[np.float32]
    photom_point: NDArray[np.float32]
    photom_uniform: NDArray[np.float32]

class SlitModel(families._Slit):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    wavelength: NDArray[np.float32]
    barshadow: NDArray[np.float32]
    area: NDArray[np.float32]
    wht: NDArray[np.float32]
    con: NDArray[np.int32]
    trace_model: NDArray[np.float32]
    var_poisson: NDArray[np.float32]
    var_rnoise: NDArray[np.float32]
    var_flat: NDArray[np.float32]
    flatfield_point: NDArray[np.float32]
    flatfield_uniform: NDArray[np.float32]
    pathloss_point: NDArray[np.float32]
    pathloss_uniform: NDArray[np.float32]
    photom_point: NDArray[np.float32]
    photom_uniform: NDArray[np.float32]
    int_times: Table
    int_times_stripe: Table

class SossExtractModel(JwstDataModel):
    order1: NDArray[np.float32]
    order2: NDArray[np.float32]
    order3: NDArray[np.float32]
    aperture1: NDArray[np.float32]
    aperture2: NDArray[np.float32]
    aperture3: NDArray[np.float32]

class SossWaveGridModel(JwstDataModel):
    wavegrid: NDArray[np.float64]

class SpecModel(JwstDataModel):
    spec_table: Table

class SuperstripeRampModel(families._SuperstripeRamp):
    data: NDArray[np.float32]
    pixeldq: NDArray[np.uint32]
    groupdq: NDArray[np.uint8]
    zeroframe: NDArray[np.float32]
    refout: NDArray[np.float32]
    group: Table
    int_times: Table
    int_times_stripe: Table
    msa_targ_acq_table: Table

class TSOMultiSpecModel(families._TSOMultiSpec):
    int_times: Table
    int_times_stripe: Table
    spec: ListNode

class TSOSpecModel(JwstDataModel):
    spec_table: Table

class TrapsFilledModel(JwstDataModel):
    data: NDArray[np.float32]

class WFSSCombinedSpecModel(JwstDataModel):
    spec_table: Table

class WFSSMultiCombinedSpecModel(JwstDataModel):
    int_times: Table
    int_times_stripe: Table
    spec: ListNode

class WFSSMultiSpecModel(families._WFSSMultiSpec):
    spec: ListNode

class WFSSSpecModel(JwstDataModel):
    spec_table: Table

class ABVegaOffsetModel(references._ABVegaOffset, ReferenceFileModel):
    abvega_offset: ObjectNode

class BarshadowModel(ReferenceFileModel):
    data1x1: NDArray[np.float32]
    var1x1: NDArray[np.float32]
    data1x3: NDArray[np.float32]
    var1x3: NDArray[np.float32]

class CameraModel(transforms._NirspecTransform, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class ChromCorrModel(transforms._NirspecTransform, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class CollimatorModel(transforms._NirspecTransform, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class DarkMIRIModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    average_dark_current: NDArray[np.float32]
    dq_def: Table

class DarkModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    average_dark_current: NDArray[np.float32]
    dq_def: Table

class DarkNirspecModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    average_dark_current: NDArray[np.float32]
    dark_rate: NDArray[np.float32]
    dark_rate_unc: NDArray[np.float32]
    dq_def: Table

class DisperserModel(transforms._Disperser, ReferenceFileModel):
    gwa_tiltx: ObjectNode
    gwa_tilty: ObjectNode
    kcoef: ListNode
    lcoef: ListNode
    tcoef: ListNode
    wbound: ListNode
    reftype: ClassVar[str]

class DistortionMRSModel(transforms._DistortionMRS, ReferenceFileModel):
    slices: ListNode
    x_model: ListNode
    y_model: ListNode
    alpha_model: ListNode
    beta_model: ListNode
    bzero: ObjectNode
    bdel: ObjectNode
    abv2v3_model: ObjectNode
    reftype: ClassVar[str]

class DistortionModel(transforms._Distortion, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class EmiModel(references._Emi, ReferenceFileModel):
    data: ObjectNode
    reftype: ClassVar[str]

class Extract1dIFUModel(ReferenceFileModel):
    data: ObjectNode

class FOREModel(transforms._Fore, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class FPAModel(transforms._Fpa, ReferenceFileModel):
    nrs1_model: ObjectNode
    nrs2_model: ObjectNode
    reftype: ClassVar[str]

class FgsImgApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class FgsImgPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class FilteroffsetModel(references._Filteroffset, ReferenceFileModel):
    filters: ListNode
    reftype: ClassVar[str]

class FlatModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    dq_def: Table

class FringeFreqModel(ReferenceFileModel):
    rfc_freq_short_table: Table
    rfc_freq_medium_table: Table
    rfc_freq_long_table: Table
    max_amp_table: Table

class FringeModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    dq_def: Table

class GainModel(ReferenceFileModel):
    data: NDArray[np.float32]

class IFUFOREModel(transforms._NirspecTransform, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class IFUPostModel(transforms._IFUPost, ReferenceFileModel):
    slice_0: ObjectNode
    slice_1: ObjectNode
    slice_2: ObjectNode
    slice_3: ObjectNode
    slice_4: ObjectNode
    slice_5: ObjectNode
    slice_6: ObjectNode
    slice_7: ObjectNode
    slice_8: ObjectNode
    slice_9: ObjectNode
    slice_10: ObjectNode
    slice_11: ObjectNode
    slice_12: ObjectNode
    slice_13: ObjectNode
    slice_14: ObjectNode
    slice_15: ObjectNode
    slice_16: ObjectNode
    slice_17: ObjectNode
    slice_18: ObjectNode
    slice_19: ObjectNode
    slice_20: ObjectNode
    slice_21: ObjectNode
    slice_22: ObjectNode
    slice_23: ObjectNode
    slice_24: ObjectNode
    slice_25: ObjectNode
    slice_26: ObjectNode
    slice_27: ObjectNode
    slice_28: ObjectNode
    slice_29: ObjectNode
    reftype: ClassVar[str]

class IFUSlicerModel(transforms._IFUSlicer, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class IPCModel(ReferenceFileModel):
    data: NDArray[np.float32]

class IRS2Model(ReferenceFileModel):
    irs2_table: Table
    dq_table: Table

class LastFrameModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    dq_def: Table

class LinearityModel(ReferenceFileModel):
    coeffs: NDArray[np.float32]
    inv_coeffs: NDArray[np.float32]
    dq: NDArray[np.uint32]
    dq_def: Table

class MSAModel(transforms._Msa, ReferenceFileModel):
    Q1: ObjectNode
    Q2: ObjectNode
    Q3: ObjectNode
    Q4: ObjectNode
    Q5: ObjectNode
    reftype: ClassVar[str]

class MaskModel(ReferenceFileModel):
    dq: NDArray[np.uint32]
    dq_def: Table

class MirImgApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class MirImgPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class MirLrsApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class MirLrsPathlossModel(ReferenceFileModel):
    pathloss_table: Table

class MirLrsPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class MirMrsApcorrModel(ReferenceFileModel):
    apcorr_table: ObjectNode

class MirMrsPhotomModel(ReferenceFileModel):
    data: NDArray[np.float32]
    err: NDArray[np.float32]
    dq: NDArray[np.uint32]
    dq_def: Table
    pixsiz: NDArray[np.float32]
    timecoeff_powerlaw_ch1: Table
    timecoeff_powerlaw_ch2: Table
    timecoeff_powerlaw_ch3: Table
    timecoeff_powerlaw_ch4: Table

class MirMrsPtCorrModel(ReferenceFileModel):
    leakcor_table: Table
    tracor_table: Table
    wavcorr_optical_table: Table
    wavcorr_xslice_table: Table
    wavcorr_shift_table: Table

class MirMrsXArtCorrModel(ReferenceFileModel):
    ch1a_table: Table
    ch1b_table: Table
    ch1c_table: Table
    ch2a_table: Table
    ch2b_table: Table
    ch2c_table: Table
    ch3a_table: Table
    ch3b_table: Table
    ch3c_table: Table
    ch4a_table: Table
    ch4b_table: Table
    ch4c_table: Table

class MirWfssPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class MiriIFUCubeParsModel(ReferenceFileModel):
    ifucubepars_table: Table
    ifucubepars_msm_table: Table
    ifucubepars_multichannel_msm_wavetable: Table
    ifucubepars_emsm_table: Table
    ifucubepars_multichannel_emsm_wavetable: Table
    ifucubepars_multichannel_driz_wavetable: Table

class MiriLRSSpecwcsModel(transforms._MiriLRS, ReferenceFileModel):
    wavetable: Table
    reftype: ClassVar[str]

class MiriWFSSSpecwcsModel(transforms._MiriGrism, ReferenceFileModel):
    displ: ListNode
    dispx: ListNode
    dispy: ListNode
    invdispl: ListNode
    orders: ListNode
    reftype: ClassVar[str]

class NIRCAMGrismModel(transforms._NircamGrism, ReferenceFileModel):
    displ: ListNode
    dispx: ListNode
    dispy: ListNode
    invdispl: ListNode
    invdispx: ListNode
    invdispy: ListNode
    orders: ListNode
    stripes: ListNode
    fieldpoints: ListNode
    reftype: ClassVar[str]

class NIRISSGrismModel(transforms._NirissGrism, ReferenceFileModel):
    displ: ListNode
    dispx: ListNode
    dispy: ListNode
    invdispl: ListNode
    orders: ListNode
    reftype: ClassVar[str]

class NRMModel(ReferenceFileModel):
    nrm: NDArray[np.float32]

class NirspecFlatModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    wavelength: Table
    flat_table: Table
    dq_def: Table

class NirspecIFUCubeParsModel(ReferenceFileModel):
    ifucubepars_table: Table
    ifucubepars_msm_table: Table
    ifucubepars_prism_msm_wavetable: Table
    ifucubepars_med_msm_wavetable: Table
    ifucubepars_high_msm_wavetable: Table
    ifucubepars_emsm_table: Table
    ifucubepars_prism_emsm_wavetable: Table
    ifucubepars_med_emsm_wavetable: Table
    ifucubepars_high_emsm_wavetable: Table
    ifucubepars_prism_driz_wavetable: Table
    ifucubepars_med_driz_wavetable: Table
    ifucubepars_high_driz_wavetable: Table

class NirspecIfuAreaModel(ReferenceFileModel):
    area_table: Table

class NirspecMosAreaModel(ReferenceFileModel):
    area_table: Table

class NirspecQuadFlatModel(references._NirspecQuadFlat, ReferenceFileModel):
    quadrants: ListNode
    dq_def: Table

class NirspecSlitAreaModel(ReferenceFileModel):
    area_table: Table

class NisImgApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class NisImgPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class NisSossPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class NisWfssApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class NisWfssPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class NrcImgApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class NrcImgPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class NrcWfssApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class NrcWfssPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class NrsFsApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class NrsFsPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class NrsIfuApcorrModel(ReferenceFileModel):
    apcorr_table: ObjectNode

class NrsMosApcorrModel(ReferenceFileModel):
    apcorr_table: Table

class NrsMosPhotomModel(references._Photom, ReferenceFileModel):
    phot_table: Table
    timecoeff_linear: Table
    timecoeff_exponential: Table
    timecoeff_powerlaw: Table

class OTEModel(transforms._NirspecTransform, ReferenceFileModel):
    model: ObjectNode
    reftype: ClassVar[str]

class PastasossModel(ReferenceFileModel):
    traces: ListNode
    wavecal_models: ListNode
    throughputs: ListNode

class PathlossModel(ReferenceFileModel):
    apertures: ListNode

class PersistenceSatModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    dq_def: Table

class PictureFrameModel(ReferenceFileModel):
    data: NDArray[np.float32]

class PixelAreaModel(ReferenceFileModel):
    data: NDArray[np.float32]

class PsfMaskModel(ReferenceFileModel):
    data: NDArray[np.float32]

class RSCDModel(ReferenceFileModel):
    rscd_group_skip_table: Table

class ReadnoiseModel(ReferenceFileModel):
    data: NDArray[np.float32]

class ReferenceCubeModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]

class ReferenceImageModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]

class ReferenceQuadModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]

class RegionsModel(references._Regions, ReferenceFileModel):
    reftype: ClassVar[str]

class ResetModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    dq_def: Table

class ResolutionModel(ReferenceFileModel):
    data: NDArray[np.float32]

class SIRSKernelModel(references.Named, ReferenceFileModel):
    reftype: ClassVar[str]

class SaturationModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    dq_def: Table

class SossBkgModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]

class SpecKernelModel(ReferenceFileModel):
    wavelengths: NDArray[np.float32]
    kernels: NDArray[np.float32]

class SpecProfileModel(references._SpecProfile, ReferenceFileModel):
    profile: ListNode

class SpecProfileSingleModel(ReferenceFileModel):
    data: NDArray[np.float32]

class SpecPsfModel(ReferenceFileModel):
    apertures: ListNode

class SpecTraceModel(references._SpecTrace, ReferenceFileModel):
    trace: ListNode

class SpecTraceSingleModel(ReferenceFileModel):
    data: Table

class SpecwcsModel(transforms._WithUnits, ReferenceFileModel):
    slices: ListNode
    model: ListNode
    reftype: ClassVar[str]

class StrayLightModel(ReferenceFileModel):
    data: NDArray[np.uint8]

class SuperBiasModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    dq_def: Table

class ThroughputModel(ReferenceFileModel):
    filter_table: Table

class TrapDensityModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    dq_def: Table

class TrapParsModel(ReferenceFileModel):
    trappars_table: Table

class TsoPhotModel(references._TsoPhot, ReferenceFileModel):
    radii: ListNode
    reftype: ClassVar[str]

class WaveCorrModel(transforms._WaveCorr, ReferenceFileModel):
    apertures: ListNode
    reftype: ClassVar[str]

class WaveMapModel(references._WaveMap, ReferenceFileModel):
    map: ListNode

class WaveMapSingleModel(ReferenceFileModel):
    data: NDArray[np.float32]

class WavelengthrangeModel(references._Wavelengthrange, ReferenceFileModel):
    waverange_selector: ListNode
    wavelengthrange: ListNode
    order: ListNode
    reftype: ClassVar[str]

class WfssBkgModel(ReferenceFileModel):
    data: NDArray[np.float32]
    dq: NDArray[np.uint32]
    err: NDArray[np.float32]
    dq_def: Table

class MiriResolutionModel(ResolutionModel):
    resolving_power_table: Table
    psf_fwhm_alpha_table: Table
    psf_fwhm_beta_table: Table
