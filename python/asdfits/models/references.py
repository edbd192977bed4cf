"""Reference files: what their classes take, set and ask for beside their schemas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

import numpy as np

from ..errors import ValidationWarning, warn
from .base import JwstDataModel
from .families import OfParts

__all__ = [
    "BANDS",
    "BEHAVIOUR",
    "CHANNELS",
    "MRS_DETECTORS",
    "Condition",
    "Named",
    "Populated",
    "inherits",
    "length",
]

_REQUIRED: Final = ("description", "reftype", "author", "pedigree", "useafter")
CHANNELS: Final = ("12", "34", "1", "2", "3", "4")
BANDS: Final = (
    *("SHORT", "MEDIUM", "LONG"),
    *("SHORT-LONG", "SHORT-MEDIUM", "MEDIUM-SHORT", "MEDIUM-LONG", "LONG-SHORT", "LONG-MEDIUM"),
)
MRS_DETECTORS: Final = ("MIRIFUSHORT", "MIRIFULONG")
_STRIPES: Final = (
    *("SUB41STRIPE1_DHS", "SUB82STRIPE2_DHS"),
    *("SUB164STRIPE4_DHS", "SUB260STRIPE4_DHS"),
)
# Whether a condition holds, and what it asks for.
Condition = tuple[bool, str]


def inherits(value: Any, module: str, name: str) -> bool:
    """Tell whether a value is an instance of a class, without importing the class."""
    return any(
        base.__name__ == name and base.__module__.startswith(module) for base in type(value).__mro__
    )


def length(value: Any) -> int:
    """Return the length of a value, 0 for None."""
    return 0 if value is None else len(value)


class _Reference(JwstDataModel):
    """A reference file: is of JWST, and says when to use it."""

    # Argument of the constructor -> where its value goes.
    _parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(self, init: Any = None, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(self._parameters):
            raise TypeError(f"{type(self).__name__} takes no {len(args)} arguments beside init")
        given = dict(zip(self._parameters, args, strict=False))
        given |= {name: kwargs.pop(name) for name in self._parameters if name in kwargs}
        super().__init__(init, **kwargs)
        self._branch("meta")["telescope"] = "JWST"
        for name, value in given.items():
            if value is not None:
                self[self._parameters[name]] = value

    def validate(self) -> None:
        """Check that the metadata of a reference file are there, and the tree against the schema.

        Raises
        ------
        ValueError
            Metadata are missing and validation is strict.
        ValidationError
            The tree does not fit the schema and validation is strict.
        """
        missing = [name for name in _REQUIRED if getattr(self.meta, name) is None]
        missing += ["instrument.name"] if self.meta.instrument.name is None else []
        missing += ["telescope"] if self.meta.telescope != "JWST" else []
        if missing:
            self.print_err(f"Model.meta is missing values for {missing}")
        super().validate()
        for conditions in self._groups():
            wanted = next((text for holds, text in conditions if not holds), None)
            if wanted is not None:
                self._refuse(f"{self!r}: expected {wanted}")

    def _groups(self) -> list[Iterable[Condition]]:
        """What is asked for beside the schema; of each group the first that does not hold is named."""
        return [self._conditions()]

    def _conditions(self) -> Iterable[Condition]:
        return ()

    def _refuse(self, message: str) -> None:
        if self._strict_validation:
            raise AssertionError(message)  # as the reference does
        warn(message, ValidationWarning)

    def print_err(self, message: str) -> None:
        """Warn, or raise ValueError if validation is strict."""
        if self._strict_validation:
            raise ValueError(message)
        warn(message, ValidationWarning)


class Populated(_Reference):
    """Has metadata that follow from the class."""

    def populate_meta(self) -> None:
        """Set the metadata that follow from the class."""
        for path, value in self._model.initial.items():
            if path != "meta.telescope":
                self[path] = value


class Named(_Reference):
    """Is named by the type of reference file alone when it is written."""

    def on_save(self, path: Any = None) -> None:
        """Set the type of reference file; nothing else changes on writing."""
        self.meta.reftype = self._model.reftype


class _Emi(Named):
    def on_save(self, path: Any = None) -> None:
        """Set the type of reference file, and the instrument that has this one."""
        super().on_save(path)
        self.meta.instrument.name = "MIRI"


class _Regions(Named):
    _parameters: ClassVar[Mapping[str, str]] = {"regions": "regions"}

    def _conditions(self) -> Iterator[Condition]:
        instrument, exposure = self.meta.instrument, self.meta.exposure
        yield isinstance(self.regions, np.ndarray), "regions to be an array"
        yield instrument.name in ("MIRI", "NIRCAM"), "an instrument that has regions"
        if instrument.name == "MIRI":
            yield exposure.type == "MIR_MRS", "the exposure type MIR_MRS"
            yield instrument.channel in CHANNELS, f"a channel of {CHANNELS}"
            yield instrument.band in BANDS, f"a band of {BANDS}"
            yield instrument.detector in MRS_DETECTORS, f"a detector of {MRS_DETECTORS}"
        else:
            yield self.meta.subarray.name in _STRIPES, f"a subarray of {_STRIPES}"


class _Wavelengthrange(Named):
    _parameters: ClassVar[Mapping[str, str]] = {
        "wrange_selector": "waverange_selector",
        "wrange": "wavelengthrange",
        "order": "order",
        "extract_orders": "extract_orders",
        "wunits": "meta.wavelength_units",
    }

    def _conditions(self) -> Iterator[Condition]:
        names = ("MIRI", "NIRSPEC", "NIRCAM", "NIRISS")
        yield self.meta.instrument.name in names, f"an instrument of {names}"

    def get_wfss_wavelength_range(
        self, filter_name: str, orders: Iterable[int]
    ) -> dict[int, tuple[float, float]]:
        """Return spectral order -> (shortest, longest wavelength) of a filter.

        Wavelengths are in ``meta.wavelength_units``.

        Raises
        ------
        IndexError
            The file has no range for an order.
        """
        found = {}
        for order in orders:
            ranges = [(row[2], row[3]) for row in self.wavelengthrange if row[0] == order]
            named = [row[1] for row in self.wavelengthrange if row[0] == order]
            matching = [r for r, name in zip(ranges, named, strict=True) if name == filter_name]
            if not matching:
                raise IndexError(f"{self!r} has no range for order {order} and {filter_name}")
            found[order] = matching[0]
        return found


class _TsoPhot(Named):
    _parameters: ClassVar[Mapping[str, str]] = {"radii": "radii"}

    def _conditions(self) -> Iterator[Condition]:
        yield length(self.radii) > 0, "radii"
        yield self.meta.instrument.name in ("MIRI", "NIRCAM"), "the instrument MIRI or NIRCAM"
        types = ("MIR_IMAGE", "NRC_TSIMAGE")
        yield self.meta.exposure.type in types, f"an exposure type of {types}"


class _Filteroffset(_Reference):
    def __init__(
        self, init: Any = None, filters: Any = None, instrument: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(init, **kwargs)
        if filters is not None:
            self.filters = filters
            if instrument not in _OFFSET_FILTERS:
                raise ValueError("Please specify the instrument")
            self.meta.instrument.name = instrument

    def populate_meta(self) -> None:
        """Set the metadata that follow from the instrument.

        Raises
        ------
        ValueError
            The instrument has no such file.
        """
        self.meta.reftype = self._model.reftype
        name = self.meta.instrument.name
        if name not in _OFFSET_FILTERS:
            raise ValueError(f"Unsupported instrument: {name}")
        if name == "MIRI":
            self.meta.instrument.detector = "MIRIMAGE"
        self.meta.instrument.pfilter = "".join(f"{each}|" for each in _OFFSET_FILTERS[name].split())

    def validate(self) -> None:
        """Check metadata, schema, and where in the instrument the filters are."""
        super().validate()
        instrument = self.meta.instrument
        if instrument.name not in _OFFSET_FILTERS:
            self.print_err(f"expected an instrument of {[*_OFFSET_FILTERS]}")
        elif instrument.name == "MIRI" and instrument.detector != "MIRIMAGE":
            self.print_err("expected the detector MIRIMAGE for MIRI")
        elif instrument.name == "NIRCAM":
            if instrument.channel not in ("SHORT", "LONG"):
                self.print_err("expected the channel SHORT or LONG for NIRCAM")
            if instrument.module not in ("A", "B"):
                self.print_err("expected the module A or B for NIRCAM")


_OFFSET_FILTERS: Final = {
    "MIRI": "F1130W F1140C F2300C F2100W F1800W F1550C F560W F2550WR FND F2550W F1500W F1000W"
    " F1065C F770W F1280W",
    "NIRCAM": "F070W F090W F115W F140M F150W F162M F164N F150W2 F182M F187N F200W F210M F212N",
    "NIRISS": "F070W F115W F140M F150W F158M F200W F277W F356W F380M F430M F444W F480M",
}


# -- tables -------------------------------------------------------------------------------------


class _ABVegaOffset(_Reference):
    def _conditions(self) -> Iterator[Condition]:
        offsets, name = self.abvega_offset, self.meta.instrument.name
        columns: list[str] | None = getattr(offsets, "colnames", None)
        yield columns is not None and len(offsets) > 0, "abvega_offset to be a table with rows"
        names = ("FGS", "MIRI", "NIRCAM", "NIRISS")
        yield name in names, f"an instrument of {names}"
        wanted = {"FGS": ["detector"], "MIRI": ["filter"]}.get(name, ["filter", "pupil"])
        for column in ("abvega_offset", *wanted):
            yield column in (columns or ()), f"the column {column} in abvega_offset"


class _Photom(_Reference):
    """Has tables of coefficients over time, row by row beside the table of factors."""

    def validate(self) -> None:
        """Check metadata and schema, and that all tables speak of the same rows."""
        super().validate()
        if not self.hasattr("phot_table"):
            self.print_err("Model.phot_table is not present")
            return
        for kind in ("linear", "exponential", "powerlaw"):
            name = f"timecoeff_{kind}"
            if self.hasattr(name) and not self._matches(name):
                self.print_err(f"Model.phot_table and Model.{name} do not match")
                return

    def _matches(self, name: str) -> bool:
        """Tell whether the rows of a table select what those of the table of factors select."""
        factors, table = self.phot_table, getattr(self, name)
        if len(factors) != len(table):
            return False
        shared = set(self._columns("phot_table")) & set(self._columns(name))
        return all(bool(np.all(factors[column] == table[column])) for column in shared)

    def _columns(self, name: str) -> list[str]:
        schema = self._model.root.child(name)
        columns = None if schema is None else schema.datatype
        return [column.name for column in columns] if isinstance(columns, tuple) else []


# -- lists of parts -----------------------------------------------------------------------------


class _ReferenceOfParts(OfParts, _Reference):
    _taken: ClassVar[tuple[str, ...]] = ("data",)
    _with_metadata = True


class _SpecProfile(_ReferenceOfParts):
    _parts, _list = ("SpecProfileSingleModel",), "profile"


class _SpecTrace(_ReferenceOfParts):
    _parts, _list = ("SpecTraceSingleModel",), "trace"


class _WaveMap(_ReferenceOfParts):
    _parts, _list = ("WaveMapSingleModel",), "map"


class _NirspecQuadFlat(_ReferenceOfParts):
    _parts, _list = ("NirspecFlatModel",), "quadrants"
    _taken: ClassVar[tuple[str, ...]] = (
        *("data", "dq", "err", "wavelength", "flat_table", "dq_def"),
    )


BEHAVIOUR: Final[Mapping[str, type[JwstDataModel]]] = {
    "ABVegaOffsetModel": _ABVegaOffset,
    "EmiModel": _Emi,
    "FgsImgPhotomModel": _Photom,
    "FilteroffsetModel": _Filteroffset,
    "MirImgPhotomModel": _Photom,
    "MirLrsPhotomModel": _Photom,
    "MirWfssPhotomModel": _Photom,
    "NirspecQuadFlatModel": _NirspecQuadFlat,
    "NisImgPhotomModel": _Photom,
    "NisSossPhotomModel": _Photom,
    "NisWfssPhotomModel": _Photom,
    "NrcImgPhotomModel": _Photom,
    "NrcWfssPhotomModel": _Photom,
    "NrsFsPhotomModel": _Photom,
    "NrsMosPhotomModel": _Photom,
    "ReferenceFileModel": _Reference,
    "RegionsModel": _Regions,
    "SIRSKernelModel": Named,
    "SpecProfileModel": _SpecProfile,
    "SpecTraceModel": _SpecTrace,
    "TsoPhotModel": _TsoPhot,
    "WaveMapModel": _WaveMap,
    "WavelengthrangeModel": _Wavelengthrange,
}
"""Class name -> what its class does beside the schema."""
