"""The data models of the corpus: what an archive product holds, from an imaginary programme.

Metadata have the number, types and lengths of real products; world coordinate systems have their
frames and polynomials; pixels are noise. All numbers come from the generator that is passed in.
"""

from __future__ import annotations

import copy
import datetime
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAVED_AT = "2026-01-01T00:00:00.000"

SLIT_SHAPE = (10, 40)

PIXEL_SCALE = 0.063  # arcsec, NIRCam long-wavelength channel

SPECTRUM_ROWS = 1200

Tree = dict[str, Any]


# ----------------------------------------------------------------------
# Metadata


def core_metadata() -> Tree:
    """Return the metadata that every instrument's exposure has.

    The values are those of an imaginary programme; their number, types and lengths are those of a
    product from the archive.

    Returns
    -------
    dict
        A tree to be used as ``meta``.
    """
    # These tables are not formatted: with one value a line they would hide the code.
    start, middle, end = 60310.52071759, 60310.52369213, 60310.52666667
    # fmt: off
    return {
        "date": SAVED_AT, "origin": "STSCI", "time_sys": "UTC", "time_unit": "s",
        "telescope": "JWST", "data_processing_software_version": "2025_3a",
        "prd_software_version": "PRDOPSSOC-071", "oss_software_version": "8.4.12",
        "guide_star_catalog_version": "GSC31", "calibration_software_version": "1.20.2",
        "calibration_software_revision": "RELEASE", "hga_move": False,
        "pwfseet": 60308.88151620371, "nwfsest": 60310.97402777778, "compress": False,
        "asn": {
            "pool_name": "jw09901_20260101t000000_pool.csv",
            "table_name": "jw09901-o001_20260101t000000_image2_00001_asn.json",
        },
        "program": {
            "title": "A FIELD OF IMAGINARY GALAXIES FOR MEASURING READERS AND WRITERS OF FILES",
            "pi_name": "Leavitt, Henrietta", "category": "GO", "sub_category": "NONE",
            "science_category": "High-redshift Galaxies and the Distant Universe",
            "continuation_id": 0,
        },
        "observation": {
            "date": "2024-01-01", "time": "12:29:50.000", "date_beg": "2024-01-01T12:29:50.000",
            "date_end": "2024-01-01T12:38:24.000", "obs_id": "V09901001001P0000000002101",
            "visit_id": "09901001001", "program_number": "09901", "observation_number": "001",
            "visit_number": "001", "visit_group": "02", "sequence_id": "1", "activity_id": "01",
            "exposure_number": "1", "bkgdtarg": False, "template": "NIRCam Imaging",
            "observation_label": "deep field, tile 7", "observation_folder": "Deep field",
        },
        "visit": {
            "engineering_quality": "OK", "engdb_pointing_quality": "CALCULATED_TRACK_TR_202111",
            "type": "PRIME_TARGETED_FIXED", "start_time": "2024-01-01 11:58:03.1140000",
            "status": "SUCCESSFUL", "total_exposures": 9, "internal_target": False,
            "too_visit": False, "tsovisit": False, "exp_only": False, "crowded_field": False,
        },
        "target": {
            "proposer_name": "DEEP-FIELD-7", "catalog_name": "", "type": "FIXED",
            "category": "Galaxy", "description": "Field galaxies; High-redshift galaxies",
            "ra": 53.160833333333336, "dec": -27.785277777777779, "ra_uncertainty": 0.1,
            "dec_uncertainty": 0.1, "proper_motion_ra": 0.0, "proper_motion_dec": 0.0,
            "proper_motion_epoch": "2016-01-01 00:00:00.0000000",
            "proposer_ra": 53.160833333333336, "proposer_dec": -27.785277777777779,
            "source_type_apt": "UNKNOWN",
        },
        "exposure": {
            "count": 3, "prime_parallel": "PRIME", "start_time": start, "mid_time": middle,
            "end_time": end, "start_time_mjd": start, "mid_time_mjd": middle, "end_time_mjd": end,
            "start_time_tdb": start + 0.00483, "mid_time_tdb": middle + 0.00483,
            "end_time_tdb": end + 0.00483, "osf_file": "2024001T143355112_001_osf.xml",
            "noutputs": 4, "nints": 1, "integration_start": 1, "integration_end": 1, "ngroups": 5,
            "nframes": 4, "frame_divisor": 4, "groupgap": 6, "drop_frames1": 0, "drop_frames3": 0,
            "nsamples": 1, "sample_time": 10.0, "frame_time": 10.73677, "group_time": 107.3677,
            "integration_time": 472.41788, "exposure_time": 472.41788,
            "effective_exposure_time": 472.418, "measurement_time": 429.4708, "duration": 483.154,
            "elapsed_exposure_time": 483.154, "nresets_at_start": 1, "nresets_between_ints": 0,
            "zero_frame": True, "data_problem": False, "datamode": 45, "clock_adjust_rate": 0.0,
            "gain_factor": 2.0, "psf_reference": False, "self_reference_survey": False,
            "primary_cosmic_rays": 0.10412337183952332,
            "extended_emission_events": 0.000131072998046875,
        },
        "subarray": {
            "name": "FULL", "xstart": 1, "ystart": 1, "xsize": 2048, "ysize": 2048,
            "fastaxis": -1, "slowaxis": 2,
        },
        "dither": {
            "primary_type": "INTRAMODULEX", "position_number": 2, "pattern_start": 1,
            "total_points": 3, "pattern_size": "MEDIUM", "subpixel_total_points": 1,
            "subpixel_pattern": "STANDARD", "x_offset": -24.600000000000246,
            "y_offset": -64.09999999999994, "dithered_ra": 53.17180341,
            "dithered_dec": -27.79230771,
        },
        "ephemeris": {
            "reference_frame": "EME2000", "type": "Predicted", "time": middle,
            "spatial_x_bary": -25840118.6137491, "spatial_y_bary": 133291024.880213,
            "spatial_z_bary": 57730411.1240371, "spatial_x_geo": -121220.340982217,
            "spatial_y_geo": 1440301.82243118, "spatial_z_geo": 320112.903441002,
            "velocity_x_bary": -29.8823104417726, "velocity_y_bary": -5.0231097745012,
            "velocity_z_bary": -2.1130078842551, "velocity_x_geo": -0.0710341109923,
            "velocity_y_geo": -0.0114087312455, "velocity_z_geo": 0.2003317781245,
        },
        "velocity_aberration": {
            "va_ra_ref": 53.1689112703341, "va_dec_ref": -27.7917340112901,
            "scale_factor": 0.999921340771203,
        },
        "time": {
            "barycentric_correction": 220.40771340112, "barycentric_expstart": start + 0.00255,
            "barycentric_expmid": middle + 0.00255, "barycentric_expend": end + 0.00255,
            "heliocentric_correction": 217.11034471188, "heliocentric_expstart": start + 0.00251,
            "heliocentric_expmid": middle + 0.00251, "heliocentric_expend": end + 0.00251,
        },
        "guidestar": {
            "gs_order": 1, "gs_start_time": "2024-01-01 12:04:44.2020000",
            "gs_stop_time": "2024-01-01 12:08:46.0980000", "gs_id": "S3UB030191",
            "gs_ra": 53.2740117235711, "gs_dec": -27.6602310074412, "gs_ura": 0.000180411331,
            "gs_udec": 0.000160770912, "gs_mag": 15.7712440490722, "gs_umag": 0.0212001241743564,
            "gs_v3_pa_science": 56.2330117412077, "gs_pcs_mode": "FINEGUIDE",
            "visit_end_time": "2024-01-01 14:20:17.8860000", "gs_epoch": "2016.0",
            "gs_mura": 0.00114, "gs_mudec": -0.00323, "gs_para": 0.0,
        },
        "pointing": {"ra_v1": 53.2910034411, "dec_v1": -27.8801123377, "pa_v3": 56.1200331279},
        "coordinates": {"reference_frame": "ICRS"},
    }
    # fmt: on


def nircam_metadata(rng: np.random.Generator, shape: tuple[int, int]) -> Tree:
    """Return ``meta`` of a calibrated NIRCam long-wavelength image of the given shape (pixels)."""
    meta = core_metadata()
    rows, columns = shape
    meta["instrument"] = {
        "name": "NIRCAM",
        "detector": "NRCALONG",
        "module": "A",
        "channel": "LONG",
        "filter": "F444W",
        "pupil": "CLEAR",
        "focus_position": 0.0,
        "pupil_imaging_lens": False,
        "lamp_state": "NONE",
        "lamp_mode": "NONE",
    }
    meta["exposure"].update(type="NRC_IMAGE", readpatt="MEDIUM8", sca_num=485)
    meta["aperture"] = {
        "name": "NRCA5_FULL",
        "pps_name": "NRCALL_FULL",
        "position_angle": 56.0771339002,
    }
    meta["subarray"].update(xsize=columns, ysize=rows)
    meta["bunit_data"] = meta["bunit_err"] = "MJy/sr"
    meta["photometry"] = {
        "conversion_megajanskys": 0.392999999,
        "conversion_microjanskys": 9.23734121,
        "pixelarea_steradians": 9.31e-14,
        "pixelarea_arcsecsq": 0.00396,
    }
    meta["wcsinfo"] = image_wcsinfo(rng, shape)
    meta["tweakreg_catalog"] = "jw09901001001_02101_00001_nrcalong_cat.ecsv"
    meta["source_catalog"] = "jw09901-o001_t001_nircam_clear-f444w_cat.ecsv"
    return meta


def nirspec_metadata() -> Tree:
    """Return ``meta`` of a calibrated NIRSpec multi-object exposure, without those of slits."""
    meta = core_metadata()
    # fmt: off
    meta["instrument"] = {
        "name": "NIRSPEC", "detector": "NRS2", "filter": "CLEAR", "grating": "PRISM",
        "focus_position": 3.0, "gwa_xtilt": 0.3376379309999968, "gwa_ytilt": 0.03207344000000007,
        "gwa_xp_v": 169.1329196, "gwa_yp_v": 16.068142, "gwa_pxav": 169.11004679999743,
        "gwa_pyav": 16.06814200000007, "gwa_tilt": 36.05197530000048, "lamp_state": "NONE",
        "lamp_mode": "MSASPEC", "msa_state": "PRIMARYPARK_CONFIG",
        "msa_metadata_file": "jw09901001001_01_msa.fits", "msa_metadata_id": 1,
        "msa_configuration_id": 1,
    }
    # fmt: on
    meta["observation"]["template"] = "NIRSpec MultiObject Spectroscopy"
    meta["exposure"].update(
        type="NRS_MSASPEC", readpatt="NRSIRS2RAPID", sca_num=492, nrs_normal=16, nrs_reference=4
    )
    meta["dither"].update(primary_type="NONE", position_number=1, total_points=3)
    meta["subarray"].update(fastaxis=-2, slowaxis=-1)
    meta["aperture"] = {
        "name": "NRS_FULL_MSA",
        "pps_name": "NRS_FULL_MSA",
        "position_angle": 71.49843473695974,
    }
    return meta


def image_wcsinfo(rng: np.random.Generator, shape: tuple[int, int]) -> Tree:
    """Return the FITS WCS of an image of the given shape, with SIP polynomials of fifth order."""
    rows, columns = shape
    step = PIXEL_SCALE / 3600.0
    angle = math.radians(56.07)
    # fmt: off
    info: Tree = {
        "wcsaxes": 2, "crpix1": columns / 2 + 0.5, "crpix2": rows / 2 + 0.5,
        "crval1": 53.1718034098, "crval2": -27.7923077102, "ctype1": "RA---TAN-SIP",
        "ctype2": "DEC--TAN-SIP", "cunit1": "deg", "cunit2": "deg", "cdelt1": step,
        "cdelt2": step, "pc1_1": -math.cos(angle), "pc1_2": math.sin(angle),
        "pc2_1": math.sin(angle), "pc2_2": math.cos(angle),
        "s_region": sky_polygon(53.1718034098, -27.7923077102, columns * step / 2),
        "v2_ref": 86.103458, "v3_ref": -493.227512, "vparity": -1, "v3yangle": -0.09698,
        "ra_ref": 53.1718034098, "dec_ref": -27.7923077102, "roll_ref": 56.0773310442,
        "velosys": -11034.21, "specsys": "BARYCENT", "a_order": 5, "b_order": 5, "ap_order": 5,
        "bp_order": 5,
    }
    # fmt: on
    for name in ("a", "b", "ap", "bp"):
        for i in range(6):
            for j in range(6 - i):
                if i + j >= 2:
                    info[f"{name}_{i}_{j}"] = float(rng.normal()) * 10.0 ** (-3.3 * (i + j) + 1)
    return info


def sky_polygon(ra: float, dec: float, half: float) -> str:
    """Return a square S_REGION of the given half width around a position (degrees)."""
    corners = ((-half, -half), (-half, half), (half, half), (half, -half))
    spread = math.cos(math.radians(dec))
    words = (f"{ra + dx / spread:.9f} {dec + dy:.9f}" for dx, dy in corners)
    return "POLYGON ICRS  " + " ".join(words)


def add_steps_and_references(meta: Tree, schema: Any, instrument: str) -> None:
    """Give every calibration step a status and every kind of reference file a name.

    The schema says which steps and kinds there are, so none has to be listed here.

    Parameters
    ----------
    meta : dict
        The tree to add to.
    schema : dict
        The merged schema of the model class.
    instrument : str
        Lower-case instrument name, part of the names of the reference files.
    """
    for step in schema["properties"]["meta"]["properties"]["cal_step"]["properties"]:
        # A length is an arbitrary but steady way to let a few steps be skipped.
        meta.setdefault("cal_step", {})[step] = "SKIPPED" if len(step) % 3 == 0 else "COMPLETE"
    references = meta.setdefault("ref_file", {})
    for number, kind in enumerate(
        schema["properties"]["meta"]["properties"]["ref_file"]["properties"]
    ):
        if kind == "crds":
            references[kind] = {"context_used": "jwst_1464.pmap", "sw_version": "13.0.6"}
        elif len(kind) % 4 == 0:
            references[kind] = {"name": "N/A"}
        else:
            references[kind] = {"name": f"crds://jwst_{instrument}_{kind}_{number:04d}.fits"}


# ----------------------------------------------------------------------
# World coordinates


def distortion(rng: np.random.Generator, reach: float, name: str, degree: int = 5) -> Any:
    """Return a two-dimensional distortion with its inverse: four polynomials.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the coefficients come from.
    reach : float
        Largest coordinate that the distortion sees; coefficients are scaled by it, so that the
        distortion stays near a thousandth of it.
    name : str
        Name of the optical plane.
    degree : int
        Degree of the polynomials.

    Returns
    -------
    astropy.modeling.Model
        A model from (x, y) to (x, y). Its inverse is of first order in the distortion: near enough
        for a reader, which stores it and does not judge it.
    """
    from astropy.modeling.models import Identity, Mapping, Polynomial2D

    polynomials = []
    for axis in "xy":
        coefficients = {
            f"c{i}_{j}": float(rng.normal()) * 1e-3 * reach ** (1 - i - j)
            for i in range(degree + 1)
            for j in range(degree + 1 - i)
            if i + j != 1
        }
        linear = {"c1_0": 1.0} if axis == "x" else {"c0_1": 1.0}
        forward = Polynomial2D(degree, **coefficients, **linear, name=f"{name}_{axis}_forward")
        backward = {key: -value for key, value in coefficients.items()}
        forward.inverse = Polynomial2D(degree, **backward, **linear, name=f"{name}_{axis}_backward")
        polynomials.append(forward)
    before = Mapping((0, 1, 0, 1), name=f"{name}_inmap")
    before.inverse = Identity(2)
    after = Identity(2, name=f"{name}_outmap")
    after.inverse = Mapping((0, 1, 0, 1))
    return before | polynomials[0] & polynomials[1] | after


def sky_from_v2v3(info: Tree) -> Any:
    """Return the model from (V2, V3) in arcsec to (RA, Dec) in degrees, pointing as in `info`."""
    from astropy.modeling.models import RotationSequence3D, Scale
    from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

    angles = [
        info["v2_ref"] / 3600,
        -info["v3_ref"] / 3600,
        info["roll_ref"],
        info["dec_ref"],
        -info["ra_ref"],
    ]
    model = (
        Scale(1 / 3600) & Scale(1 / 3600)
        | SphericalToCartesian(wrap_lon_at=180)
        | RotationSequence3D(angles, "zyxyz")
        | CartesianToSpherical(wrap_lon_at=360)
    )
    model.name = "v23tosky"
    return model


def velocity_aberration(info: Tree, scale: float) -> Any:
    """Return the model that corrects (V2, V3) for velocity aberration."""
    from astropy.modeling.models import Scale, Shift

    shifts = Shift((1 - scale) * info["v2_ref"], name="dva_v2_shift") & Shift(
        (1 - scale) * info["v3_ref"], name="dva_v3_shift"
    )
    model = Scale(scale, name="dva_scale_v2") & Scale(scale, name="dva_scale_v3") | shifts
    model.name = "DVA_Correction"
    return model


def image_wcs(rng: np.random.Generator, meta: Tree, shape: tuple[int, int]) -> Any:
    """Return a gWCS from detector pixels over the telescope's focal plane to the sky."""
    from astropy import coordinates, units
    from astropy.modeling.models import Scale, Shift
    from gwcs import WCS
    from gwcs import coordinate_frames as frames

    info = meta["wcsinfo"]
    rows, columns = shape
    to_focal_plane = (
        Shift(1 - info["crpix1"]) & Shift(1 - info["crpix2"])
        | Scale(PIXEL_SCALE) & Scale(PIXEL_SCALE)
        | distortion(rng, PIXEL_SCALE * columns / 2, "distortion")
        | Shift(info["v2_ref"]) & Shift(info["v3_ref"])
    )
    to_focal_plane.name = "distortion"
    focal_plane = {
        "axes_order": (0, 1),
        "axes_names": ("v2", "v3"),
        "unit": (units.arcsec, units.arcsec),
    }
    steps = [
        (frames.Frame2D(name="detector", unit=(units.pix, units.pix)), to_focal_plane),
        (
            frames.Frame2D(name="v2v3", **focal_plane),
            velocity_aberration(info, meta["velocity_aberration"]["scale_factor"]),
        ),
        (frames.Frame2D(name="v2v3vacorr", **focal_plane), sky_from_v2v3(info)),
        (frames.CelestialFrame(name="world", reference_frame=coordinates.ICRS()), None),
    ]
    wcs = WCS(steps)
    wcs.bounding_box = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    return wcs


def slit_wcs(rng: np.random.Generator, slit: Tree, scale: float) -> Any:
    """Return a gWCS like that of a NIRSpec slit: ten frames and 17 polynomials, all of its own.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the coefficients come from: no two slits have the same.
    slit : dict
        The tree of the slit; its place on the detector and the pointing are used.
    scale : float
        Factor of velocity aberration.

    Returns
    -------
    gwcs.WCS
        From (x, y) in pixels to (RA, Dec, wavelength).
    """
    from astropy.modeling.models import (
        AffineTransformation2D,
        Identity,
        Mapping,
        Polynomial2D,
        Rotation2D,
        Scale,
        Shift,
        Tabular1D,
    )
    from gwcs import WCS
    from stdatamodels.jwst.transforms.models import (
        DirCos2Unitless,
        Rotation3DToGWA,
        Unitless2DirCos,
    )

    info = slit["meta"]["wcsinfo"]
    wavelength = Identity(1)
    pixel = 1.8e-5  # metres
    tilt = [*(float(angle) for angle in rng.normal(0.0, 0.003, 3)), 24.29]

    to_sca = Shift(slit["xstart"] - 1.0) & Shift(slit["ystart"] - 1.0)
    camera = (
        AffineTransformation2D(
            matrix=pixel * (np.eye(2) + rng.normal(0.0, 1e-4, (2, 2))),
            translation=[-0.0184, -0.0184],
        )
        | distortion(rng, 0.02, "camera")
        | Unitless2DirCos(name="unitless2directional_cosines")
        | Rotation3DToGWA(tilt, axes_order="xyzy", name="rotation")
        | DirCos2Unitless(name="directional_cosines2unitless")
    )
    collimator = distortion(rng, 0.6, "collimator")
    dispersion = Polynomial2D(
        5,
        **{f"c{i}_{j}": float(rng.normal()) * 1e-7 for i in range(6) for j in range(6 - i)},
        name="dispersion",
    )
    dispersion.c0_0, dispersion.c1_0 = 2.95e-6, 4.1e-6
    to_slit = Mapping((0, 1, 0, 1)) | collimator & dispersion
    to_slit.inverse = Mapping((0, 1), n_inputs=3) | collimator.inverse

    grid = np.linspace(0.5e-6, 5.5e-6, 128)
    zero_point = Tabular1D(
        points=grid,
        lookup_table=grid * (1 + 1e-4 * float(rng.normal())),
        bounds_error=False,
        fill_value=np.nan,
        name="wavelength_correction",
    )
    opening = (
        Scale(0.23) & Scale(0.46)
        | Shift(float(rng.normal()) * 0.01) & Shift(float(rng.normal()) * 0.01)
        | Rotation2D(float(rng.normal()))
    )
    fore = distortion(rng, 0.3, "fore") | Shift(0.0005) & Shift(-0.0002)
    telescope = (
        distortion(rng, 0.3, "ote")
        | AffineTransformation2D(
            matrix=np.eye(2) + rng.normal(0.0, 1e-4, (2, 2)), translation=[0.0, 0.0]
        )
        | Shift(info["v2_ref"] / 3600) & Shift(info["v3_ref"] / 3600)
        | Scale(3600.0) & Scale(3600.0)
    )
    transforms = (
        to_sca,
        camera,
        to_slit,
        Identity(2) & zero_point,
        opening & wavelength,
        fore & wavelength,
        telescope & Scale(1e6),
        velocity_aberration(info, scale) & wavelength,
        sky_from_v2v3(info) & wavelength,
        None,
    )
    wcs = WCS(list(zip(slit_frames(), transforms, strict=True)))
    rows, columns = SLIT_SHAPE
    wcs.bounding_box = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    return wcs


def slit_frames() -> list[Any]:
    """Return the coordinate frames between a detector and the sky, as a NIRSpec slit has them."""
    from astropy import coordinates, units
    from gwcs import coordinate_frames as frames

    def plane(name: str, unit: Any, axes: tuple[str, str] = ("x", "y")) -> Any:
        return frames.Frame2D(name=name, axes_order=(0, 1), axes_names=axes, unit=(unit, unit))

    # One object in many frames, so that the YAML has an anchor and aliases in every slit.
    spectral = frames.SpectralFrame(
        name="spectral",
        axes_order=(2,),
        axes_names=("wavelength",),
        unit=(units.micron,),
    )
    sky = frames.CelestialFrame(
        name="sky",
        axes_order=(0, 1),
        reference_frame=coordinates.ICRS(),
        unit=(units.deg, units.deg),
    )
    spectral_metres = frames.SpectralFrame(
        name="spectral", axes_order=(2,), axes_names=("wavelength",), unit=(units.m,)
    )
    focal_plane = ("v2", "v3")
    return [
        plane("detector", units.pix),
        plane("sca", units.pix),
        plane("gwa", units.rad, ("alpha_in", "beta_in")),
        *(
            frames.CompositeFrame([plane(f"{name}_spatial", unit), spectral_metres], name=name)
            for name, unit in (
                ("slit_frame", units.dimensionless_unscaled),
                ("wavecorr_frame", units.dimensionless_unscaled),
                ("msa_frame", units.m),
                ("oteip", units.deg),
            )
        ),
        *(
            frames.CompositeFrame(
                [plane(f"{name}_spatial", units.arcsec, focal_plane), spectral], name=name
            )
            for name in ("v2v3", "v2v3vacorr")
        ),
        frames.CompositeFrame([sky, spectral], name="world"),
    ]


# ----------------------------------------------------------------------
# Pixels


def pixel_planes(rng: np.random.Generator, shape: tuple[int, ...], names: Sequence[str]) -> Tree:
    """Return noisy planes of the given shape; every name but ``dq`` is float32, with some NaN."""
    planes: dict[str, NDArray[Any]] = {}
    bad = rng.random(shape) < 0.01
    for name in names:
        if name == "dq":
            # The highest bit is set in some pixels: only an exact unsigned reader gets them right.
            planes[name] = np.where(bad, np.uint32(2**31 + 1), np.uint32(0)).astype(np.uint32)
            continue
        plane = rng.standard_normal(shape, dtype=np.float32)
        if name == "data":
            plane[bad] = np.nan
        else:
            np.abs(plane, out=plane)
        planes[name] = plane
    return dict(planes)


# ----------------------------------------------------------------------
# Products


def image_model(rng: np.random.Generator, shape: tuple[int, int], planes: Sequence[str]) -> Any:
    """Return an ImageModel of a calibrated exposure with WCS and history."""
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(validate_on_assignment=False)
    meta = nircam_metadata(rng, shape)
    add_steps_and_references(meta, model.schema, "nircam")
    model.meta = {**meta, "model_type": "ImageModel", "wcs": image_wcs(rng, meta, shape)}
    for name, plane in pixel_planes(rng, shape, planes).items():
        setattr(model, name, plane)
    add_history(
        model, ["ramp fitting with the likelihood algorithm", "flat field and flux scale applied"]
    )
    return model


def mos_model(rng: np.random.Generator, slits: int, *, validate: bool = False) -> Any:
    """Return a MultiSlitModel of which every slit has ten arrays, its own WCS and full metadata.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all numbers.
    slits : int
        How many slits.
    validate : bool
        Whether each slit is validated when it is appended, as stdatamodels does if it isn't told
        otherwise. That takes its time with many slits and changes nothing in the file.
    """
    from stdatamodels.jwst import datamodels

    model = datamodels.MultiSlitModel(validate_on_assignment=validate)
    meta = nirspec_metadata()
    add_steps_and_references(meta, model.schema, "nirspec")
    model.meta = {**copy.deepcopy(meta), "model_type": "MultiSlitModel"}
    for number in range(1, slits + 1):
        tree = slit_tree(rng, meta, number)
        model.slits.append(datamodels.SlitModel(tree))
    add_history(model, ["slits cut out", "path loss and bar shadow corrected"])
    return model


def slit_tree(rng: np.random.Generator, meta: Tree, number: int) -> Tree:
    """Return the tree of slit `number`, counted from 1."""
    rows, columns = SLIT_SHAPE
    ra, dec = 53.16 + float(rng.normal()) * 0.02, -27.78 + float(rng.normal()) * 0.02
    planes = (
        "data",
        "dq",
        "err",
        "wavelength",
        "barshadow",
        "var_poisson",
        "var_rnoise",
        "var_flat",
    )
    tree: Tree = {
        **pixel_planes(rng, SLIT_SHAPE, (*planes, "pathloss_point", "pathloss_uniform")),
        "name": str(number),
        "xstart": int(rng.integers(1, 2048 - columns)),
        "xsize": columns,
        "ystart": int(rng.integers(1, 2048 - rows)),
        "ysize": rows,
        "slitlet_id": number,
        "shutter_id": 39923 + number,
        "shutter_state": "11x11",
        "quadrant": 1 + number % 4,
        "xcen": int(rng.integers(1, 365)),
        "ycen": int(rng.integers(1, 171)),
        "source_id": 20000 + number,
        "source_name": f"9901_{20000 + number}",
        "source_alias": f"{20000 + number}",
        "source_type": "POINT" if number % 3 else "EXTENDED",
        "stellarity": round(float(rng.random()), 3),
        "source_ra": ra,
        "source_dec": dec,
        "source_xpos": float(rng.normal()) * 0.1,
        "source_ypos": float(rng.normal()) * 0.1,
        "slit_ymin": -3.3499999999999996,
        "slit_ymax": 3.3499999999999996,
        "slit_xscale": 1.0,
        "slit_yscale": 2.2,
        "wavelength_corrected": True,
        "barshadow_corrected": True,
        "pathloss_correction_type": "POINT" if number % 3 else "UNIFORM",
    }
    own = copy.deepcopy(meta)
    own["model_type"] = "SlitModel"
    own["bunit_data"] = own["bunit_err"] = "MJy"
    own["photometry"] = {
        "conversion_megajanskys": 1.0,
        "conversion_microjanskys": 23.50443053909789,
        "pixelarea_steradians": 4.801497333273643e-13,
        "pixelarea_arcsecsq": 0.02042805217206478,
    }
    own["wcsinfo"] = {
        "ra_ref": ra,
        "dec_ref": dec,
        "roll_ref": 56.0773310442,
        "v2_ref": 378.563202,
        "v3_ref": -428.402832,
        "v3yangle": 138.5745697,
        "vparity": -1,
        "velosys": -11034.21,
        "specsys": "BARYCENT",
        "dispersion_direction": 1,
        "spectral_order": 0,
        "s_region": sky_polygon(ra, dec, 0.0004),
        "waverange_start": 6.0e-07,
        "waverange_end": 5.3e-06,
    }
    tree["meta"] = own
    own["wcs"] = slit_wcs(rng, tree, own["velocity_aberration"]["scale_factor"])
    return tree


def x1d_model(rng: np.random.Generator, spectra: int) -> Any:
    """Return a MultiSpecModel with the given number of extracted spectra."""
    from stdatamodels.jwst import datamodels

    model = datamodels.MultiSpecModel(validate_on_assignment=False)
    meta = nirspec_metadata()
    add_steps_and_references(meta, model.schema, "nirspec")
    model.meta = {**meta, "model_type": "MultiSpecModel"}
    for number in range(1, spectra + 1):
        spectrum = datamodels.SpecModel(validate_on_assignment=False)
        dtype = spectrum.get_dtype("spec_table")
        table = np.zeros(SPECTRUM_ROWS, dtype=dtype)
        for name in dtype.names:
            if dtype[name].kind == "f":
                table[name] = rng.normal(1.0, 0.1, SPECTRUM_ROWS)
        table["WAVELENGTH"] = np.linspace(0.6, 5.3, SPECTRUM_ROWS)
        table["DQ"] = np.where(rng.random(SPECTRUM_ROWS) < 0.01, 2**31 + 1, 0)
        spectrum.spec_table = table
        spectrum.spec_table.columns["WAVELENGTH"].unit = "um"
        spectrum.spec_table.columns["FLUX"].unit = "Jy"
        spectrum.spec_table.columns["SURF_BRIGHT"].unit = "MJy/sr"
        ra, dec = 53.16 + float(rng.normal()) * 0.02, -27.78 + float(rng.normal()) * 0.02
        # fmt: off
        values = {
            "name": str(number), "slitlet_id": number, "source_id": 20000 + number,
            "source_name": f"9901_{20000 + number}", "source_alias": f"{20000 + number}",
            "source_type": "POINT", "stellarity": round(float(rng.random()), 3), "source_ra": ra,
            "source_dec": dec, "source_xpos": float(rng.normal()) * 0.1,
            "source_ypos": float(rng.normal()) * 0.1, "slit_ra": ra, "slit_dec": dec,
            "extraction_x": 20.0, "extraction_y": 5.0, "extraction_xstart": 1.0,
            "extraction_xstop": 40.0, "extraction_ystart": 3.0, "extraction_ystop": 8.0,
            "shutter_state": "11x11", "quadrant": 1 + number % 4, "slit_xscale": 1.0,
            "slit_yscale": 2.2, "spectral_order": 0, "dispersion_direction": 1,
            "detector": "NRS2", "wavelength_corrected": True, "pathloss_correction_type": "POINT",
            "barshadow_corrected": True,
        }
        # fmt: on
        for name, value in values.items():
            setattr(spectrum, name, value)
        spectrum.meta.date = SAVED_AT
        model.spec.append(spectrum)
    add_history(model, ["spectra extracted in a box"])
    return model


def wfss_model(rng: np.random.Generator, slits: int) -> Any:
    """Return a MultiSlitModel as slitless spectroscopy has it: many cutouts with seven arrays each.

    Frames and polynomials are those of a slit of NIRSpec; a real grism has other ones, and as many.
    """
    from stdatamodels.jwst import datamodels

    model = datamodels.MultiSlitModel(validate_on_assignment=False)
    meta = nircam_metadata(rng, (2048, 2048))
    add_steps_and_references(meta, model.schema, "nircam")
    meta["exposure"]["type"] = "NRC_WFSS"
    model.meta = {**copy.deepcopy(meta), "model_type": "MultiSlitModel"}
    of_slits = ("barshadow", "pathloss_", "shutter_", "quadrant", "slitlet_id")
    for number in range(1, slits + 1):
        tree = slit_tree(rng, meta, number)
        kept = {name: value for name, value in tree.items() if not name.startswith(of_slits)}
        model.slits.append(datamodels.SlitModel(kept))
    add_history(model, ["spectra cut out"])
    return model


def s3d_model(rng: np.random.Generator, shape: tuple[int, int, int]) -> Any:
    """Return an IFUCubeModel: four planes of the given shape, no WCS."""
    from stdatamodels.jwst import datamodels

    model = datamodels.IFUCubeModel(validate_on_assignment=False)
    meta = nirspec_metadata()
    add_steps_and_references(meta, model.schema, "nirspec")
    meta["exposure"]["type"] = "NRS_IFU"
    model.meta = {**meta, "model_type": "IFUCubeModel"}
    for name, plane in pixel_planes(rng, shape, ("data", "dq", "err", "weightmap")).items():
        setattr(model, name, plane)
    add_history(model, ["cube built"])
    return model


def small_model(rng: np.random.Generator, number: int) -> Any:
    """Return image `number` of the many small ones: three planes of 64 x 64 pixels."""
    model = image_model(rng, (64, 64), ("data", "dq", "err"))
    model.meta.instrument.filter = ("F277W", "F356W", "F410M", "F444W")[number % 4]
    model.meta.observation.exposure_number = str(number + 1)
    model.meta.dither.position_number = number % 3 + 1
    return model


def add_history(model: Any, sentences: Sequence[str]) -> None:
    """Add history entries, all at the time of the save."""
    for sentence in sentences:
        model.add_history_entry(sentence)
    with warnings.catch_warnings():
        # The list is the only public way to the times, and reading it warns of its retirement.
        warnings.simplefilter("ignore")
        for entry in model.history:
            entry["time"] = datetime.datetime.fromisoformat(SAVED_AT)
