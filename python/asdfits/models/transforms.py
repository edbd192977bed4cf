"""Reference files that hold transforms: of distortions, optics and grisms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from ..errors import MissingExtraError
from .base import JwstDataModel
from .references import (
    BANDS,
    CHANNELS,
    MRS_DETECTORS,
    Condition,
    Named,
    Populated,
    inherits,
    length,
)

__all__ = ["BEHAVIOUR"]

_INSTRUMENTS: Final = ("NIRCAM", "NIRSPEC", "MIRI", "TFI", "FGS", "NIRISS")
_GRATINGS: Final = ("G140H", "G140M", "G235H", "G235M", "G395H", "G395M", "MIRROR", "PRISM")
_FILTERS: Final = ("CLEAR", "F070LP", "F100LP", "F110W", "F140X", "F170LP", "F290LP")


def _is_transform(value: Any) -> bool:
    return inherits(value, "astropy.modeling", "Model")


def _are_transforms(value: Any) -> bool:
    return value is None or all(map(_is_transform, value))


def _is_unit(value: Any) -> bool:
    return isinstance(value, str) or inherits(value, "astropy.units", "NamedUnit")


# -- transforms ---------------------------------------------------------------------------------


class _Transform(Named):
    """Holds one transform, or a list of them."""

    _parameters: ClassVar[Mapping[str, str]] = {
        "model": "model",
        "input_units": "meta.input_units",
        "output_units": "meta.output_units",
    }

    def populate_meta(self) -> None:
        """Set the metadata that follow from the class.

        Raises
        ------
        NotImplementedError
            None follow from this one.
        """
        raise NotImplementedError

    def _conditions(self) -> Iterator[Condition]:
        model = self.model
        yield _is_transform(model) or _are_transforms(model), "model to be a transform"
        yield self.meta.instrument.name in _INSTRUMENTS, f"an instrument of {_INSTRUMENTS}"


class _WithUnits(_Transform):
    def _groups(self) -> list[Iterable[Condition]]:
        return [*super()._groups(), self._units()]

    def _units(self) -> Iterator[Condition]:
        yield _is_unit(self.meta.input_units), "input_units"
        yield _is_unit(self.meta.output_units), "output_units"


class _Distortion(_WithUnits):
    def _units(self) -> Iterator[Condition]:
        yield from super()._units()
        if self.meta.instrument.name == "NIRCAM":
            for name in ("module", "channel", "p_pupil"):
                yield getattr(self.meta.instrument, name) is not None, f"meta.instrument.{name}"


class _NirspecTransform(Populated, _Transform):
    pass


class _Fore(_NirspecTransform):
    def _groups(self) -> list[Iterable[Condition]]:
        return [*super()._groups(), self._filter()]

    def _filter(self) -> Iterator[Condition]:
        yield self.meta.instrument.filter in _FILTERS, f"a filter of {_FILTERS}"


class _DistortionMRS(Populated, Named):
    _parameters: ClassVar[Mapping[str, str]] = {
        **{name: name for name in ("x_model", "y_model", "alpha_model", "beta_model")},
        **{name: name for name in ("bzero", "bdel")},
        **{name: f"meta.{name}" for name in ("input_units", "output_units")},
    }

    def __init__(self, init: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(init, *args, **kwargs)
        if init is None:
            self.populate_meta()

    def populate_meta(self) -> None:
        """Set the metadata that follow from the class, units included.

        Raises
        ------
        MissingExtraError
            astropy, which has the units, is not installed.
        """
        super().populate_meta()
        try:
            from astropy import units
        except ImportError as error:
            raise MissingExtraError(
                "the units of a distortion are astropy's, which is not installed: "
                "pip install 'asdfits[wcs]'"
            ) from error
        self.meta.input_units, self.meta.output_units = units.pix, units.arcsec

    def _conditions(self) -> Iterator[Condition]:
        meta, instrument = self.meta, self.meta.instrument
        yield _is_unit(meta.input_units), "input_units"
        yield _is_unit(meta.output_units), "output_units"
        yield instrument.name == "MIRI", "the instrument MIRI"
        yield meta.exposure.type == "MIR_MRS", "the exposure type MIR_MRS"
        yield instrument.channel in CHANNELS, f"a channel of {CHANNELS}"
        yield instrument.band in BANDS, f"a band of {BANDS}"
        yield instrument.detector in MRS_DETECTORS, f"a detector of {MRS_DETECTORS}"
        for name in ("x_model", "y_model", "alpha_model", "beta_model"):
            yield _are_transforms(getattr(self, name)), f"{name} to be transforms"
        for name in ("model", "channel_band"):
            found = getattr(self.abv2v3_model, name, None)
            yield length(found) == 2, f"two entries in abv2v3_model.{name}"


class _Fpa(Populated, Named):
    _parameters: ClassVar[Mapping[str, str]] = {
        "nrs1_model": "nrs1_model",
        "nrs2_model": "nrs2_model",
    }

    def _conditions(self) -> Iterator[Condition]:
        yield _is_transform(self.nrs1_model), "nrs1_model to be a transform"
        yield _is_transform(self.nrs2_model), "nrs2_model to be a transform"


class _IFUPost(Populated, Named):
    def __init__(self, init: Any = None, slice_models: Any = None, **kwargs: Any) -> None:
        super().__init__(init, **kwargs)
        if slice_models is not None:
            if len(slice_models) != 30:
                raise ValueError(f"Expected 30 slice models, got {len(slice_models)}")
            for name, value in slice_models.items():
                setattr(self, name, value)


class _IFUSlicer(Populated, Named):
    _parameters: ClassVar[Mapping[str, str]] = {"model": "model", "data": "data"}


class _Msa(Populated, Named):
    def __init__(
        self, init: Any = None, models: Any = None, data: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(init, **kwargs)
        if models is not None and data is not None:
            for quadrant in ("Q1", "Q2", "Q3", "Q4", "Q5"):
                setattr(self, quadrant, {"model": models[quadrant], "data": data[quadrant]})


class _Disperser(Populated, Named):
    _parameters: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            *("angle", "gwa_tiltx", "gwa_tilty", "kcoef", "lcoef", "tcoef", "pref", "tref"),
            *("theta_x", "theta_y", "theta_z", "groovedensity"),
        )
    }

    def _conditions(self) -> Iterator[Condition]:
        yield self.meta.instrument.grating in _GRATINGS, f"a grating of {_GRATINGS}"


class _WaveCorr(Populated, Named):
    _parameters: ClassVar[Mapping[str, str]] = {"apertures": "apertures"}

    @property
    def aperture_names(self) -> list[str]:
        """Names of the apertures."""
        return [aperture.aperture_name for aperture in self.apertures]

    def _conditions(self) -> Iterator[Condition]:
        yield self.aperture_names is not None, "apertures with names"


# -- dispersion of grisms -----------------------------------------------------------------------


class _Grism(Populated):
    """Holds the dispersion of a grism, by spectral order."""

    _exposures: ClassVar[tuple[str, ...]] = ()
    _detector: ClassVar[str | None] = None

    def _conditions(self) -> Iterator[Condition]:
        meta, wanted = self.meta, self._model.initial
        yield _is_unit(meta.input_units), "input_units"
        yield _is_unit(meta.output_units), "output_units"
        name = wanted["meta.instrument.name"]
        yield meta.instrument.name == name, f"the instrument {name}"
        yield meta.exposure.type in self._exposures, f"an exposure type of {self._exposures}"
        if self._detector is not None:
            yield meta.instrument.detector == self._detector, f"the detector {self._detector}"
        yield meta.reftype == self._model.reftype, f"the reference type {self._model.reftype}"


class _NircamGrism(_Grism):
    _exposures = ("NRC_WFSS", "NRC_TSGRISM")
    _parameters: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            *("displ", "dispx", "dispy", "invdispl", "invdispx", "invdispy"),
            *("orders", "stripes"),
        )
    }


class _NirissGrism(_Grism):
    _exposures = ("NIS_WFSS",)
    _detector = "NIS"
    _parameters: ClassVar[Mapping[str, str]] = {
        name: name for name in ("displ", "dispx", "dispy", "invdispl", "orders", "fwcpos_ref")
    }


class _MiriGrism(_Grism):
    _exposures = ("MIR_WFSS",)
    _parameters: ClassVar[Mapping[str, str]] = {
        name: name for name in ("displ", "dispx", "dispy", "invdispl", "orders")
    }

    def _conditions(self) -> Iterator[Condition]:
        yield from super()._conditions()
        for name in ("orders", "displ", "dispx", "dispy"):
            yield length(getattr(self, name)) == 1, f"one entry in {name}"


class _MiriLRS(Populated):
    _parameters: ClassVar[Mapping[str, str]] = {
        "wavetable": "wavetable",
        **{name: f"meta.{name}" for name in ("x_ref", "y_ref")},
        **{name: f"meta.{name}" for name in ("x_ref_slitless", "y_ref_slitless")},
        **{f"v2_vert{corner}": f"meta.v2_vert{corner}" for corner in range(1, 5)},
        **{f"v3_vert{corner}": f"meta.v3_vert{corner}" for corner in range(1, 5)},
    }

    def _conditions(self) -> Iterator[Condition]:
        meta = self.meta
        yield meta.instrument.name == "MIRI", "the instrument MIRI"
        yield meta.instrument.detector == "MIRIMAGE", "the detector MIRIMAGE"
        yield (meta.reftype or "").lower() == self._model.reftype, "the reference type specwcs"


BEHAVIOUR: Final[Mapping[str, type[JwstDataModel]]] = {
    "CameraModel": _NirspecTransform,
    "ChromCorrModel": _NirspecTransform,
    "CollimatorModel": _NirspecTransform,
    "DisperserModel": _Disperser,
    "DistortionMRSModel": _DistortionMRS,
    "DistortionModel": _Distortion,
    "FOREModel": _Fore,
    "FPAModel": _Fpa,
    "IFUFOREModel": _NirspecTransform,
    "IFUPostModel": _IFUPost,
    "IFUSlicerModel": _IFUSlicer,
    "MSAModel": _Msa,
    "MiriLRSSpecwcsModel": _MiriLRS,
    "MiriWFSSSpecwcsModel": _MiriGrism,
    "NIRCAMGrismModel": _NircamGrism,
    "NIRISSGrismModel": _NirissGrism,
    "OTEModel": _NirspecTransform,
    "SpecwcsModel": _WithUnits,
    "WaveCorrModel": _WaveCorr,
}
"""Class name -> what its class does beside the schema."""
