"""The files that the examples of the documentation open, made by asdfits itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import asdfits
from asdfits import sample

MOS = "jw02736007001_03103_00003_nrs2_cal.fits"
EXPOSURES = [
    f"jw02736001001_02101_0000{number}_{detector}_cal.fits"
    for number in (1, 2)
    for detector in ("nrca1", "nrca2")
]
X1D = "jw02736-o007_s06355_nirspec_f290lp-g395m_x1d.fits"
CUBE = "jw02736-o008_t001_nirspec_g395m-f290lp_s3d.fits"
ASN = "jw02736-o001_20240131t010203_image3_00001_asn.json"


def step(model: Any) -> Any:
    """What a page runs over many files."""
    return model


def make(folder: Path) -> None:
    """Write all of them into a folder, images into the folder `data` in it as well."""
    (folder / "data").mkdir(parents=True)
    for name in EXPOSURES:
        image(folder / name)
        (folder / "data" / name).write_bytes((folder / name).read_bytes())
    slits(folder / MOS, folder / EXPOSURES[0])
    spectrum(folder / X1D)
    cube(folder / CUBE)
    association(folder / ASN)


def observed(model: Any, path: Path) -> None:
    """Say in a model what the name of its file says."""
    product = asdfits.products.parse(path.name)
    observation = model.meta.observation
    observation.program_number = product.program
    observation.observation_number = product.observation or "001"
    observation.visit_number = product.visit or "001"
    observation.visit_group = product.visit_group or "01"
    observation.sequence_id = product.parallel_sequence or "1"
    observation.activity_id = product.activity or "01"
    observation.exposure_number = product.exposure or "00001"
    model.meta.program.pi_name = "Cecilia Payne"


def image(path: Path) -> None:
    path.write_bytes(sample.image_product((256, 256)))
    with asdfits.open(path) as model:
        observed(model, path)
        model.meta.instrument.detector = path.name.split("_")[3].upper()
        model.meta.target.catalog_name = "M 31"
        model.save(path, durable=False)


def slits(path: Path, source: Path) -> None:
    """A multi-slit product of four slits, each with a WCS."""
    model = asdfits.MultiSlitModel()
    observed(model, path)
    model.meta.telescope = "JWST"
    model.meta.instrument.name = "NIRSPEC"
    model.meta.instrument.detector = "NRS2"
    model.meta.instrument.filter = "F290LP"
    model.meta.instrument.grating = "G395M"
    model.meta.exposure.type = "NRS_MSASPEC"
    wcs = asdfits.open(source).meta.wcs
    rng = np.random.default_rng(7)
    for number in range(4):
        shape = (15 + number, 400)
        slit = model.slits.item(name=str(number + 1), source_id=number + 1)
        slit.data = rng.normal(1, 0.1, shape).astype("f4")
        slit.dq = np.zeros(shape, "u4")
        slit.err = np.full(shape, 0.1, "f4")
        slit.wavelength = np.broadcast_to(np.linspace(2.9, 5.1, 400, dtype="f4"), shape).copy()
        model.slits.append(slit)
        model.slits[number].meta.wcs = wcs
    model.save(path, durable=False)


def spectrum(path: Path) -> None:
    model = asdfits.MultiSpecModel()
    observed(model, path)
    model.meta.telescope = "JWST"
    model.meta.instrument.name = "NIRSPEC"
    model.meta.exposure.type = "NRS_MSASPEC"
    model.spec.append(model.spec.item())
    table = np.zeros(100, model.spec[0].get_dtype("spec_table"))
    table["WAVELENGTH"] = np.linspace(2.9, 5.1, 100)
    table["FLUX"] = 1 + np.sin(np.arange(100) / 9) / 3
    table["FLUX_ERROR"] = 0.05
    model.spec[0].spec_table = table
    model.save(path, durable=False)


def cube(path: Path) -> None:
    model = asdfits.IFUCubeModel((12, 20, 20))
    observed(model, path)
    model.meta.telescope = "JWST"
    model.meta.instrument.name = "NIRSPEC"
    rows, columns = np.mgrid[:20, :20]
    star = np.exp(-((rows - 9) ** 2 + (columns - 11) ** 2) / 9).astype("f4")
    model.data = star * np.linspace(1, 2, 12, dtype="f4")[:, None, None]
    model.save(path, durable=False)


def association(path: Path) -> None:
    table = {
        "asn_type": "image3",
        "asn_rule": "Asn_Lv3Image",
        "asn_id": "o001",
        "asn_pool": "jw02736_20240131t010203_pool",
        "program": "02736",
        "products": [
            {
                "name": "jw02736-o001_t001_nircam_clear-f200w",
                "members": [{"expname": name, "exptype": "science"} for name in EXPOSURES],
            }
        ],
    }
    path.write_text(json.dumps(table, indent=4))
