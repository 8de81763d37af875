"""Calibration mode: controllers of a laser and of a launch converge on what drops say, and follow no outlier."""

from __future__ import annotations

import json
import threading
from pathlib import PurePath

import numpy as np
from drop_series import SEEN

from hven.core.settings import Settings
from hven.instruments.magis.files.write import encode
from hven.instruments.magis.station import Controller, Station
from hven.model.data_id import TypeName
from hven.prompt.source import MemorySource
from hven.store.read import open_product
from hven.telemetry.intake import Intake
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import declared

FOLDER = PurePath("calibration.20251022T050000Z.series")
DROPS = 40


def test_laser_and_launch_converge_and_follow_no_outlier(ready):
    station, source = Station(SEEN), MemorySource()
    controllers = {name: Controller() for name in ("laser_frequency", "launch_tilt")}
    rng = np.random.default_rng(4)
    wait = threading.Event()
    offsets, kicked, followed = [], [], []
    config = {"corrections": station.wanted}
    with ready("magis/feedback", config=config) as processing:
        worker = threading.Thread(target=processing.run, args=(source,))
        worker.start()
        source.put(FOLDER / "series.json", json.dumps(SEEN.configuration).encode())
        seen = 0
        for number in range(DROPS):
            offsets.append((station.frequency_hz, station.tilt_rad))
            image, is_kicked = station.drop(number, rng)
            kicked.append(is_kicked)
            source.put(FOLDER / f"camera_1.{number:04d}.drops", encode(image))
            while processing.status.analysed <= number and not processing.status.failed:
                wait.wait(0.002)
            told = [r for r in processing.gateway.since(seen) if r.channel == "feedback"]
            seen = processing.gateway.last()
            followed.append(bool(told))
            for record in told:
                assert set(record.value) >= {"parameter", "value", "sigma", "exposure", "valid_until", "units"}
                parameter = record.value["parameter"]
                assert record.name == f"magis/1/{parameter}"
                station.correct(parameter, controllers[parameter].step(record.value["value"]))
        source.close()
        worker.join()
        (product,) = processing.registry.find(TypeName.parse("L2/magis.corrections"))
        kept = open_product(processing.place.root / product.path, chunks=None).to_dataframe()
        samples = as_telemetry(processing)
    frequency, tilt = np.abs(np.array(offsets[-10:])).T
    assert abs(offsets[0][0]) > 15
    assert frequency.max() < 1.5
    assert tilt.max() < 1e-3 < abs(offsets[0][1])
    assert sum(kicked[3:]) >= 2
    assert not any(f for f, k in zip(followed[3:], kicked[3:], strict=True) if k)
    assert np.mean([f for f, k in zip(followed[3:], kicked[3:], strict=True) if not k]) > 0.9
    assert product.rows == 2 * DROPS
    for topic in ("laser_frequency", "launch_tilt"):
        mine = kept[kept["parameter"] == topic]
        found = samples[f"magis.{topic}"]
        np.testing.assert_array_equal(found["value"], mine["value"])
        np.testing.assert_array_equal(found["accepted"], mine["accepted"])
        assert set(found["detector"].values.tolist()) == {1}
    assert samples["magis.laser_frequency"]["value"].attrs["units"] == "Hz"


def as_telemetry(processing):
    """Samples that the batch service takes from the product, twice without effect."""
    settings = Settings(
        root=processing.place.root, state=processing.place.root.parent / "state", instruments=("magis",)
    )
    store = TelemetryStore(settings.root)
    intake = Intake(settings, processing.gateway.database, store, declared(settings))
    assert intake.products(processing.registry).new == 2 * DROPS
    assert intake.products(processing.registry).new == 0
    return {topic.name: store.read(topic.name, [], 0, 1 << 62) for topic in store.topics()}
