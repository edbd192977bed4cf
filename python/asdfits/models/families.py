"""Science products whose classes do more than their schemas say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from .base import DataModel, JwstDataModel

__all__ = ["BEHAVIOUR", "OfParts", "is_a"]

# Arguments of every class, which are no values of a tree.
_SWITCHES: Final = frozenset(
    {
        "schema",
        "pass_invalid_values",
        "strict_validation",
        "validate_on_assignment",
        "validate_arrays",
        "ignore_missing_extensions",
        "ignore_unrecognized_tag",
        "strict_compat",
    }
)


def is_a(init: Any, *names: str) -> bool:
    """Tell whether a value is a model of one of the classes, or of a subclass."""
    return isinstance(init, DataModel) and any(
        base.__name__ in names and base.__module__ == "asdfits" for base in type(init).__mro__
    )


# -- ramps --------------------------------------------------------------------------------------


class _ZeroFrame(JwstDataModel):
    """Has a zero frame: one image for each integration."""

    def get_default(self, name: str) -> Any:
        """Return the schema's default of `name`; zeros in the shape of the data for the zero frame."""
        data = self.data if name == "zeroframe" else None
        if data is None:
            return super().get_default(name)
        return np.zeros((data.shape[0], *data.shape[-2:]), np.float32)


class _Ramp(_ZeroFrame):
    """Has flags for its pixels and groups as soon as it has data."""

    _promised: ClassVar[tuple[str, ...]] = ("pixeldq", "groupdq")


class _SuperstripeRamp(_Ramp):
    """Has flags for the pixels of each stripe."""

    def get_default(self, name: str) -> Any:
        """Return the schema's default of `name`; the flags of pixels need the number of stripes."""
        if name != "pixeldq" or self.data is None:
            return super().get_default(name)
        stripes = self.meta.subarray.num_superstripe
        if not stripes or stripes < 0:
            return None
        return np.zeros((stripes, *self.data.shape[-2:]), np.uint32)


# -- slits and spectra --------------------------------------------------------------------------


class _Slit(JwstDataModel):
    """Takes any value of its tree as an argument, also beside a model."""

    def __init__(self, init: Any = None, **kwargs: Any) -> None:
        switches = {name: kwargs.pop(name) for name in _SWITCHES & kwargs.keys()}
        super().__init__(init, **switches, **({} if isinstance(init, DataModel) else kwargs))
        for name, value in kwargs.items():
            setattr(self, name, value)


class OfParts(JwstDataModel):
    """A list of parts that can be made from one part."""

    # The classes of parts, the list, and what is taken over from a part.
    _parts: ClassVar[tuple[str, ...]] = ()
    _list: ClassVar[str] = "spec"
    _taken: ClassVar[tuple[str, ...]] = ("spec_table",)
    _with_metadata: ClassVar[bool] = False

    def __init__(self, init: Any = None, *args: Any, **kwargs: Any) -> None:
        part = init if is_a(init, *self._parts) else None
        super().__init__(init if part is None else None, *args, **kwargs)
        if part is not None:
            if self._with_metadata:
                self.update(part)
            self._add(part)

    def _add(self, part: DataModel) -> None:
        """Append what counts of a part."""
        items = getattr(self, self._list)
        items.append({})
        for name in self._taken:
            value = getattr(part, name)
            if value is not None:
                setattr(items[-1], name, value)


class _MultiSpec(OfParts):
    _parts = ("SpecModel",)


class _MRSMultiSpec(OfParts):
    _parts = ("MRSSpecModel",)


class _TSOMultiSpec(OfParts):
    _parts = ("TSOSpecModel",)


class _WFSSMultiSpec(OfParts):
    _parts = ("WFSSSpecModel",)


class _MultiCombinedSpec(OfParts):
    _parts = ("CombinedSpecModel",)


class _MultiExposure(OfParts):
    """Its items keep the whole tree of the part, metadata included."""

    _parts = ("SlitModel", "SlitDataModel", "ImageModel")
    _list = "exposures"
    _with_metadata = True

    def _add(self, part: DataModel) -> None:
        getattr(self, self._list).append(part)


class _MultiSlit(OfParts):
    """Gives its slits as models: ``model[0]``."""

    _parts = ("SlitModel", "ImageModel")
    _list = "slits"
    _with_metadata = True

    def _add(self, part: DataModel) -> None:
        from . import model_class  # which makes its classes from this module

        self.slits.append(model_class("SlitDataModel")(part))

    def __getitem__(self, path: str | int) -> Any:
        """Return the value at a dotted path, or a slit, by its number, as a model of its own.

        The model shares the arrays of the slit and has copies of the metadata of this model.
        """
        if not isinstance(path, int):
            return super().__getitem__(path)
        from . import model_class

        slit = self.slits[path]
        values = {
            name: value
            for name, value in slit.items()
            if not name.startswith(("meta", "extra_fits"))
        }
        model = model_class("SlitModel")(**values)
        model.update(self)
        if slit.meta.hasattr("wcs"):
            model.meta.wcs = slit.meta.wcs
        return model


# -- associations, interferometry ---------------------------------------------------------------


class _Asn(JwstDataModel):
    """Knows what its table names: the product and its inputs."""

    supported_formats: ClassVar[list[str]] = ["yaml", "json", "fits"]

    def __init__(self, init: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(init, *args, **kwargs)
        self.parse_table()

    def parse_table(self) -> None:
        """Find the product and the inputs in the table, and those of them that are files here.

        Sets ``output_rootname``, ``input_rootnames`` and ``num_inputs``; ``output`` and ``inputs`` are
        the files of these names in the working directory.
        """
        self.output = self.output_rootname = None
        self.inputs, self.input_rootnames = [], []
        table = self.asn_table
        rows = [] if table is None else list(zip(table["exptype"], table["expname"], strict=True))
        for kind, root in rows:
            root = str(root)
            names = [f"{root}.{suffix}" for suffix in self.supported_formats]
            found = [name for name in names if os.path.exists(name)][:1]
            if "prod" in str(kind).lower():
                self.output_rootname = root
                self.output = found[0] if found else self.output
            else:
                self.inputs.extend(found)
                self.input_rootnames.append(root)
        self.num_inputs = len(self.input_rootnames)


class _AmiOI(JwstDataModel):
    """Says what OIFITS asks for a second time, under the names that OIFITS has for it."""

    def _map_oifits_keywords(self) -> None:
        meta, derived = self.meta, self.meta.oifits.derived
        derived.observer = meta.program.pi_name
        derived.object = meta.target.proposer_name or meta.target.catalog_name
        derived.content = "OIFITS2"
        observables = [derived.t3, derived.vis, derived.vis2, derived.q4]
        for table in observables:
            table.array_name = meta.oifits.array_name
            table.date_obs = meta.observation.date
        for table in (derived.wavelength, *observables):
            table.instrument_name = meta.instrument.name
        for table in (derived.array, derived.target, derived.wavelength, *observables):
            table.revn = 2  # of the tables of OIFITS 2
        origin: Mapping[str, Any] = {"frame": "SKY", "x": 0.0, "y": 0.0, "z": 0.0}
        for name, value in origin.items():
            if getattr(derived.array, name) is None:
                setattr(derived.array, name, value)

    def on_save(self, path: Any = None) -> None:
        """Set what a model says of itself when it is written, for OIFITS as well."""
        super().on_save(path)
        self._map_oifits_keywords()

    def validate(self) -> None:
        """Check the tree against the schema, with what OIFITS asks for."""
        self._map_oifits_keywords()
        super().validate()


BEHAVIOUR: Final[Mapping[str, type[JwstDataModel]]] = {
    "AmiOIModel": _AmiOI,
    "AsnModel": _Asn,
    "Level1bModel": _ZeroFrame,
    "MRSMultiSpecModel": _MRSMultiSpec,
    "MultiCombinedSpecModel": _MultiCombinedSpec,
    "MultiExposureModel": _MultiExposure,
    "MultiSlitModel": _MultiSlit,
    "MultiSpecModel": _MultiSpec,
    "RampModel": _Ramp,
    "SlitDataModel": _Slit,
    "SlitModel": _Slit,
    "SuperstripeRampModel": _SuperstripeRamp,
    "TSOMultiSpecModel": _TSOMultiSpec,
    "WFSSMultiSpecModel": _WFSSMultiSpec,
}
"""Class name -> what its class does beside the schema."""
