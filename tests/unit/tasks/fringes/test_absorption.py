"""Absorption imaging on genuine images: fringes taken out, atoms counted, and nothing told where nothing is."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import hven
from hven.archive.ingest import Archive
from hven.core.errors import DataError
from hven.core.settings import EngineSettings, Settings
from hven.instruments import load
from hven.instruments.magis.files.write import write_file
from hven.model.fringes import SHADOW_FLAGS
from hven.model.task import Inputs
from hven.tasks.fringes.measure_shadows import ShadowConfig, run

SODIUM = {"pixel_m": 11.25e-6, "wavelength_m": 589.158e-9, "detuning": 1.0 / 9.7946, "saturation_counts": 0.0}
RUBIDIUM = {"pixel_m": 1e-6, "wavelength_m": 780.241e-9, "detuning": 0.0, "saturation_counts": 2410.0,
            "atoms": [200, 512, 205, 505]}  # fmt: skip
SHOTS = range(152, 164)
ATOMS, PROBE, DARK = 1, 2, 3


def shadows(images, attrs):
    """Dataset of images, each with the number of its drop and what it shows."""
    exposures, kinds, frames = zip(*images, strict=True)
    times = (np.arange(len(frames)) * 10**9).view("datetime64[ns]")
    columns = {"images": (("time", "y", "x"), np.stack(frames)), "kind": ("time", np.array(kinds)),
               "exposure": ("time", np.array(exposures))}  # fmt: skip
    return xr.Dataset(columns, {"time": ("time", times)}, attrs)


def measured(images, attrs, **config):
    return run(Inputs({"images": shadows(images, attrs)}, {}), ShadowConfig(**config))


@pytest.fixture(scope="module")
def andor(real_data):
    """Images of the drops of one evening by what they show."""
    folder = real_data / "coldatom" / "andor_2020_11_24"

    def read(what, shot):
        return np.asarray(Image.open(folder / f"{what}_2020_11_24_0{shot}.tiff"))

    probes = [(shot, PROBE, read("Probe", shot)) for shot in SHOTS]
    return [(shot, ATOMS, read("Image", shot)) for shot in SHOTS], probes, [(SHOTS[0], DARK, read("Background", 152))]


def test_a_combined_probe_leaves_less_noise_where_no_fit_has_looked(andor):
    atoms, probes, dark = andor
    images = [*atoms[:6], *probes, *dark]
    few, many = (measured(images, RUBIDIUM, references=n, ceilings=(4.0,))["clouds"] for n in (3, 11))

    plain = many["noise_plain"].values
    assert np.mean(few["noise"].values) < 0.85 * plain.mean()
    assert np.mean(many["noise"].values) < 0.78 * plain.mean()
    assert (many["noise"].values < plain).all()


def test_an_image_without_a_cloud_gives_a_limit_and_no_confident_fit(andor):
    atoms, probes, dark = andor
    empty = [(shot + 100, ATOMS, image) for shot, _, image in probes[:3]]
    others = [(shot + 100, PROBE, probes[n + 3][2]) for n, (shot, _, _) in enumerate(probes[:3])]
    images = [*atoms[:1], *probes[:1], *empty, *others, *dark]
    found = measured(images, RUBIDIUM, ceilings=(4.0,))["clouds"]

    real, *none = found["quality"].values & SHADOW_FLAGS["no_cloud"]
    assert (real, *none) == (0, 1, 1, 1)
    assert np.isnan(found["atoms"].values[1:]).all()
    assert np.isnan(found["atoms_limit"].values[0])
    assert (found["atoms_limit"].values[1:] < 0.15 * found["atoms"].values[0]).all()


@pytest.fixture(scope="module")
def saturated(real_data):
    images = [np.asarray(Image.open(real_data / "coldatom" / "willlab" / f"saturated_{n}.bmp")) for n in (1, 2, 3)]
    return [(0, kind, image.astype(np.uint16)) for kind, image in zip((ATOMS, PROBE, DARK), images, strict=True)]


def test_the_number_that_is_known_of_the_saturated_image_comes_out_at_its_settings(saturated):
    """2.22e9 times 0.866, the light within two standard deviations of a Gaussian, is the sum over the whole image.

    It was made of transmissions between 0 and 1, averaged over 3 pixels, and taken for 1 below 8 counts of the probe.
    """
    settings = {"smooth_pixels": 3.0, "least_light": 7.0, "clip": True, "largest": 20.0}
    found = measured(saturated, {**SODIUM, "atoms": [150, 964, 250, 1292]}, **settings)
    cloud = found["clouds"].isel(time=0)
    ceilings = found["ceilings"].to_dataframe().set_index("ceiling")

    assert float(cloud["atoms_sum"]) == pytest.approx(2.22e9 * 0.866, rel=0.001)
    assert float(cloud["atoms"]) == pytest.approx(2.22e9, rel=0.03)
    assert ceilings["atoms"].to_dict() == pytest.approx({4.0: 2.20e9, 3.0: 2.17e9, 5.0: 2.26e9}, rel=0.01)
    assert float(cloud["atoms_systematic"]) == pytest.approx(np.ptp(ceilings["atoms"]) / 2)
    assert (ceilings["atoms_cut"] < 0.93 * cloud["atoms_sum"].item()).all()  # what full pixels hide
    assert int(cloud["quality"]) == SHADOW_FLAGS["full"]


def test_a_series_of_genuine_triplets_becomes_products(andor, tmp_path):
    series = tmp_path / "raw" / "ring.20201124T190000Z.series"
    series.mkdir(parents=True)
    chosen = sorted([*andor[0][:3], *andor[1][:3], *andor[2]], key=lambda image: image[:2])
    numbers = [{"camera": 3, "drop": shot, "time_ns": 1_606_244_400 * 10**9 + n, "flight_ns": 0, "kind": kind}
               for n, (shot, kind, _) in enumerate(chosen)]  # fmt: skip
    write_file(series / "shadow_3.0000.tif", list(zip(numbers, (image for *_, image in chosen), strict=True)))
    (series / "series.json").write_text(json.dumps({"atom": "Rb-87", "mass_u": 86.909, "shadows": {"3": RUBIDIUM}}))
    (series / "series_complete").touch()
    for name in ("data", "state"):
        (tmp_path / name).mkdir()
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state", instruments=("magis",),
                        engine=EngineSettings(kind="inprocess"))  # fmt: skip
    with hven.connect(settings) as obs:
        archive = Archive(settings, obs.registry, [load("magis")])
        assert archive.ingest([tmp_path / "raw"]).exit_code == 0
        archive.close()
        obs.process("magis/absorption", shared=True).raise_for_failures()
        clouds, density = obs.open("magis.clouds").load(), obs.open("magis.densities").load()
        assert len(obs.open("magis.ceilings")["atoms"]) == 9

    assert clouds["exposure"].values.tolist() == density["exposure"].values.tolist() == [152, 153, 154]
    assert (clouds["noise"] < clouds["noise_plain"]).all()
    assert density["density"].shape == (3, 512, 512)
    assert not (settings.root / "L0/magis/20201123/ring.20201124T190000Z/raw/shadow_3.0000.tif").exists()


def test_what_is_not_there_is_named(andor):
    atoms, probes, dark = andor
    with pytest.raises(DataError, match="no dark image"):
        measured([*atoms[:1], *probes[:1]], RUBIDIUM)
    with pytest.raises(DataError, match="say nothing of wavelength_m"):
        measured([*atoms[:1], *dark], {"pixel_m": 1.0, "saturation_counts": 0.0})
