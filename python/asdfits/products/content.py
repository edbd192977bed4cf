"""What a file or a model is: by its name, and by what it holds where the name says nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .levels import LEVELS, Basis
from .names import parse
from .oddities import ASSOCIATION_TYPES
from .suffixes import TYPES, product_type, suffix_length

if TYPE_CHECKING:
    from ..file import File
    from ..models import DataModel

__all__ = ["Kind", "classify", "level_of", "stage_of"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a product is, and how that is known.

    Attributes
    ----------
    suffix : str
        Type of the product: ``cal``.
    basis : {'exposure', 'source', 'guide star'} or None
        What one file is made from; None where that is not known, or of no product.
    level : str or None
        Data-processing level, a key of `LEVELS`; None for what a pipeline saves on its way.
    evidence : tuple of str
        What says so: ``('name',)``, or the keywords and what they hold.
    """

    suffix: str
    basis: Basis | None
    level: str | None
    evidence: tuple[str, ...]

    @property
    def stage(self) -> int | None:
        """Stage of the pipeline: 0 to 3."""
        return None if self.level is None else LEVELS[self.level].stage

    @property
    def mast_level(self) -> int | None:
        """Calibration level in the archive."""
        return None if self.level is None else LEVELS[self.level].mast_level


def classify(source: str | os.PathLike[str] | DataModel) -> Kind | None:
    """Tell what a file or a model is.

    A name with a suffix of the pipeline's products decides, and then no file is opened or need be
    there. Else the file says it: its model class (DATAMODL), the mode (EXP_TYPE, TSOVISIT), the steps
    that were done (S_PHOTOM and others), the association it was made from (ASNTABLE) and the table of
    the exposures that were combined (HDRTAB). Where it does not, or is not there, the suffix of a
    name of another form counts if it stands for one level.

    Parameters
    ----------
    source : str, path-like or model
        A path, or an open model, which stays as it is.

    Returns
    -------
    Kind or None
        None where nothing tells, and for reference files.

    Raises
    ------
    OSError, FormatError
        The name does not tell, and the file cannot be read.

    Examples
    --------
    >>> classify("jw02736-o007_s06355_nirspec_f290lp-g395m_crf.fits")
    Kind(suffix='crf', basis='source', level='2c', evidence=('name',))
    """
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        name, content = os.path.basename(path), _of_file(path)
    else:
        name, content = _value(source, "meta.filename") or "", _of_model(source)
    return judge(name, content)


def judge(name: str, content: Callable[[str], Any]) -> Kind | None:
    """Tell what a product is by its name or, where that says nothing, by its content.

    Parameters
    ----------
    name
        Of the file.
    content
        Gives what stands under a keyword of `EVIDENCE`, or None; asked only if the name says nothing.
    """
    kind, by_suffix = _by_name(name)
    if kind is not None:
        return kind
    try:
        if content("REFTYPE") is not None:
            return None
        return _by_content(content) or by_suffix
    except FileNotFoundError:
        if by_suffix is None:
            raise
        return by_suffix


def level_of(source: str | os.PathLike[str] | DataModel) -> str | None:
    """Return the data-processing level of a file or a model, a key of `LEVELS`; see `classify`."""
    kind = classify(source)
    return None if kind is None else kind.level


def stage_of(source: str | os.PathLike[str] | DataModel) -> int | None:
    """Return the stage, 0 to 3, that made a file or a model; see `classify`."""
    kind = classify(source)
    return None if kind is None else kind.stage


# -- by name ------------------------------------------------------------------------------------


def _by_name(name: str) -> tuple[Kind | None, Kind | None]:
    """What a name says, and what the suffix of a name of no known form says."""
    try:
        product = parse(name)
    except ValueError:
        return None, _by_suffix(name)
    if product.basis is None or product.product_type is not None:
        return Kind(product.suffix.lower(), product.basis, product.level, ("name",)), None
    return None, None


def _by_suffix(name: str) -> Kind | None:
    fields = name.split(".")[0].lower().split("_")
    if len(fields) < 2:
        return None
    suffix = "_".join(fields[-suffix_length(fields, "exposure") :])
    rows = [row for (each, basis), row in TYPES.items() if each == suffix and basis != "guide star"]
    if len({row.level for row in rows}) != 1:
        return None
    basis = rows[0].basis if len(rows) == 1 else None
    return Kind(suffix, basis, rows[0].level, ("suffix of the name",))


# -- by content ---------------------------------------------------------------------------------

# Keyword -> place in the tree, or places.
_PLACES = {
    "DATAMODL": "meta.model_type",
    "REFTYPE": "meta.reftype",
    "EXP_TYPE": "meta.exposure.type",
    "TSOVISIT": "meta.visit.tsovisit",
    "DETECTOR": "meta.instrument.detector",
    "ASNTABLE": "meta.asn.table_name",
    "S_AMINOR": "meta.cal_step.ami_normalize",
    "S_BKDSUB": "meta.cal_step.bkg_subtract meta.cal_step.back_sub",  # the latter in older trees
    "S_FLAT": "meta.cal_step.flat_field",
    "S_JUMP": "meta.cal_step.jump",
    "S_KLIP": "meta.cal_step.klip",
    "S_OUTLIR": "meta.cal_step.outlier_detection",
    "S_PHOTOM": "meta.cal_step.photom",
    "S_PSFALI": "meta.cal_step.align_psfs",
    "S_PSFSTK": "meta.cal_step.stack_psfs",
    "S_RAMP": "meta.cal_step.ramp_fit",
    "S_RESAMP": "meta.cal_step.resample",
    "S_SKYMAT": "meta.cal_step.skymatch",
    "S_TWKREG": "meta.cal_step.tweakreg",
    "S_WCS": "meta.cal_step.assign_wcs",
    "S_WFSCOM": "meta.cal_step.wfs_combine",
}

EVIDENCE = (*_PLACES, "HDRTAB")
"""What the content is judged by: keywords of the primary header, and an HDU."""

# Keyword, or HDRTAB -> value, or None.
_Content = Callable[[str], Any]


def _of_file(path: str) -> _Content:
    file: File | None = None

    def content(keyword: str) -> Any:
        nonlocal file
        if file is None:
            file = _opened(path)
        if file is None:
            return None
        if keyword == "HDRTAB":
            return _table_of_exposures(file)
        if file.product.is_fits:
            return file.product.value(0, keyword)
        values = (file.lookup(tuple(place.split("."))) for place in _PLACES[keyword].split())
        return next((value for value in values if value is not None), None)

    return content


def _opened(path: str) -> File | None:
    """The file at a path; None if it is of a kind that is not looked into."""
    from ..file import File  # what only names are asked of needs no file
    from ..opening import file_type

    try:
        known = file_type(path) in ("fits", "asdf")
    except ValueError:
        return None
    return File.open(path) if known else None


def _table_of_exposures(file: File) -> int | None:
    """The HDU that lists what was combined."""
    return file.find("HDRTAB") if file.product.is_fits else None


def _of_model(model: DataModel) -> _Content:
    def content(keyword: str) -> Any:
        if keyword == "DATAMODL":
            return type(model).__name__
        if keyword == "HDRTAB":
            return None if model._file is None else _table_of_exposures(model._file)
        values = (_value(model, place) for place in _PLACES[keyword].split())
        return next((value for value in values if value is not None), None)

    return content


def _value(model: DataModel, path: str) -> Any:
    try:
        return model[path]
    except KeyError:
        return None


class _Evidence:
    """What a file holds, with a note of all that was found to be of weight."""

    def __init__(self, content: _Content) -> None:
        self._content = content
        self.notes: list[str] = []

    def __getitem__(self, keyword: str) -> Any:
        return self._content(keyword)

    def note(self, keyword: str) -> bool:
        """Note that what the keyword holds has weight."""
        text = f"{keyword} = {self[keyword]}" if keyword != "HDRTAB" else "an HDU HDRTAB"
        if text not in self.notes:
            self.notes.append(text)
        return True

    def done(self, keyword: str) -> bool:
        """Tell whether a step was done; note it."""
        return self[keyword] == "COMPLETE" and self.note(keyword)

    def reached(self, keyword: str) -> bool:
        """Tell whether the pipeline came to a step, done or skipped; note it."""
        return self[keyword] in ("COMPLETE", "SKIPPED") and self.note(keyword)


# Model class -> suffix and basis, where the class alone says both.
_BY_CLASS: dict[str, tuple[str, Basis]] = {
    "AmiLgFitModel": ("amilg", "exposure"),
    "CombinedSpecModel": ("c1d", "source"),
    "GuiderCalModel": ("cal", "guide star"),
    "GuiderRawModel": ("uncal", "guide star"),
    "Level1bModel": ("uncal", "exposure"),
    "MultiCombinedSpecModel": ("c1d", "source"),
    "RampFitOutputModel": ("fitopt", "exposure"),
    "SegmentationMapModel": ("segm", "source"),
    "TrapsFilledModel": ("trapsfilled", "exposure"),
    "WFSSMultiCombinedSpecModel": ("c1d", "source"),
}
# Model class -> suffix, where stages 2 and 3 write the same.
_BY_CLASS_AND_STAGE = {
    "IFUCubeModel": "s3d",
    "MRSMultiSpecModel": "x1d",
    "MultiSpecModel": "x1d",
    "SpecModel": "x1d",
    "TSOMultiSpecModel": "x1dints",
    "WFSSMultiSpecModel": "x1d",
}
_SLITS = ("SlitModel", "MultiSlitModel")
_PIXELS = ("ImageModel", "IFUImageModel", "CubeModel", *_SLITS)
_ALWAYS_TSO = ("NRC_TSIMAGE", "NRC_TSGRISM", "NRS_BRIGHTOBJ")
# Modes whose cal has no flux calibration: they have it later, or (AMI, once) never.
_NO_FLUX = ("NIS_SOSS", "NIS_WFSS", "NRC_WFSS", "MIR_WFSS", "NIS_AMI")
_GUIDE_IMAGE = {"FGS_ID-IMAGE": "image_", "FGS_ID-STACK": "stacked_"}
# What stage 3 does to coronagraphic data, last first.
_CORONAGRAPHY: tuple[tuple[str, str, Basis], ...] = (
    ("S_KLIP", "psfsub", "exposure"),
    ("S_PSFALI", "psfalign", "exposure"),
    ("S_PSFSTK", "psfstack", "source"),
)


def _by_content(content: _Content) -> Kind | None:
    seen = _Evidence(content)
    model = seen["DATAMODL"]
    if not isinstance(model, str):
        return None
    seen.note("DATAMODL")
    found = _suffix_and_basis(model.rpartition(".")[2], seen)
    row = found and product_type(*found)
    if found is None or row is None or row.level is None:
        return None
    return Kind(*found, row.level, tuple(seen.notes))


def _suffix_and_basis(model: str, seen: _Evidence) -> tuple[str, Basis] | None:
    if model in _BY_CLASS:
        suffix, basis = _BY_CLASS[model]
        if seen["EXP_TYPE"] in _GUIDE_IMAGE and seen.note("EXP_TYPE"):
            suffix = _GUIDE_IMAGE[seen["EXP_TYPE"]] + suffix
        return suffix, basis
    if model in _BY_CLASS_AND_STAGE:
        return _BY_CLASS_AND_STAGE[model], _basis(seen)
    if model == "AmiOIModel":
        return ("aminorm-oi", "source") if seen.done("S_AMINOR") else ("ami-oi", "exposure")
    if model == "MultiExposureModel":
        return ("crf" if seen.done("S_OUTLIR") else "cal"), "source"
    if model in ("RampModel", "SuperstripeRampModel"):
        return _ramp(seen)
    return _pixels(model, seen) if model in _PIXELS else None


def _ramp(seen: _Evidence) -> tuple[str, Basis] | None:
    if "DARK" in str(seen["EXP_TYPE"]) and seen.note("EXP_TYPE"):
        return "dark", "exposure"
    # Before that step it is a result on the way.
    return ("ramp", "exposure") if seen.reached("S_JUMP") else None


def _pixels(model: str, seen: _Evidence) -> tuple[str, Basis] | None:
    """What an image, a cube or slits are, by the last thing that was done to them."""
    if seen.done("S_WFSCOM"):
        return "wfscmb", "source"
    if seen.done("S_RESAMP"):
        return ("s2d" if model in _SLITS else "i2d"), _basis(seen)
    for keyword, suffix, basis in _CORONAGRAPHY:
        if seen.done(keyword):
            return suffix, basis
    ints = "ints" if model == "CubeModel" or _is_series(model, seen) else ""
    if seen.done("S_OUTLIR"):
        return f"crf{ints}", "exposure"
    if seen.reached("S_PHOTOM") or (seen["EXP_TYPE"] in _NO_FLUX and seen.reached("S_FLAT")):
        return f"cal{ints}", _basis(seen) if model == "SlitModel" and not ints else "exposure"
    if seen.done("S_BKDSUB"):
        return f"bsub{ints}", "exposure"
    if seen["S_WCS"] is None and seen.done("S_RAMP"):
        return f"rate{ints}", "exposure"
    return None


def _is_series(model: str, seen: _Evidence) -> bool:
    """Tell whether slits are of a time series, one plane for each integration."""
    if model not in _SLITS:
        return False
    if seen["EXP_TYPE"] in _ALWAYS_TSO:
        return seen.note("EXP_TYPE")
    return seen["TSOVISIT"] is True and seen.note("TSOVISIT")


def _basis(seen: _Evidence) -> Basis:
    """What stage 3 combined is of a source; what stage 2 wrote alike is of an exposure."""
    table = seen["ASNTABLE"]
    if isinstance(table, str):
        try:
            pipeline = ASSOCIATION_TYPES.get(parse(table).asn_type or "")
        except ValueError:
            pipeline = None
        if pipeline is not None:
            seen.note("ASNTABLE")
            return "source" if pipeline.endswith("3") else "exposure"
    if seen["HDRTAB"] is not None and seen.note("HDRTAB"):
        return "source"
    if seen["DETECTOR"] == "MULTIPLE" and seen.note("DETECTOR"):
        return "source"
    if any(seen.reached(keyword) for keyword in ("S_OUTLIR", "S_TWKREG", "S_SKYMAT")):
        return "source"
    seen.notes.append("no sign of stage 3")
    return "exposure"
