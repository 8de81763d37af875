"""Live processing: two images of 59 megapixels three times a second for a minute, and calibration mode."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import psutil
from bench_magis import LEVEL, LIGHT, PERIOD, SIDE, WIDE
from harness import Figure, measure
from numpy.typing import NDArray

from hven.archive.ingest import Archive
from hven.core.clock import now_ns
from hven.core.settings import EngineSettings, LiveSettings, Settings
from hven.instruments import load
from hven.instruments.magis.files.drops import encode_header
from hven.instruments.magis.files.write import encode
from hven.instruments.magis.simulator import Gradiometer
from hven.instruments.magis.station import Controller, Station
from hven.prompt.live import Live
from hven.prompt.source import Batch, Delivery, Replay, Watched
from hven.prompt.spool import Spool
from hven.prompt.start import live

RATE_HZ, SECONDS, DIFFERENT = 3.0, 60, 20
FOLDER = PurePath("bench.20251022T050000Z.series")
MEMORY_GB = 6.0
ON_DISK = 40
"""Files of the spool that stay on the disk: what is older and analysed makes room, as after its archiving."""
ARCHIVED = 4
SHARED_MEMORY = "/dev/shm"
ROOM = 1.3
"""A disk that takes so many times what comes is fast enough."""
CORRECTED, EVERY_S = 30, 0.7


def _settings(folder: Path, state: Path, spool: Path | None = None) -> Settings:
    (folder / "data").mkdir()
    engine, memory = EngineSettings(kind="inprocess"), LiveSettings(memory_gb=MEMORY_GB, spool=spool)
    return Settings(root=folder / "data", state=state, instruments=("magis",), engine=engine, live=memory)


def _disk_rate(folder: Path, content: NDArray[np.uint8]) -> float:
    """GB/s of files like those of the spool, each on the disk itself before the next."""
    spool, files = Spool(folder / "rate"), 12
    took = measure(lambda: [spool.store(Delivery(FOLDER / f"{n}", content)) for n in range(files)]).wall
    shutil.rmtree(folder / "rate")
    return files * content.nbytes / took / 1e9


def _configuration() -> bytes:
    camera = {
        "offset": 100.0, "gain": 1.0, "read_noise": 2.0, "ceiling": 65535, "pixel_m": 5e-6, "electrons_per_atom": 100.0,
        "port_1": [0, SIDE // 2, 0, SIDE], "port_2": [SIDE // 2, SIDE, 0, SIDE], "fringe_period": PERIOD,
        "phase_reference": SIDE / 2,
    }  # fmt: skip
    return json.dumps({"atom": "Sr-88", "mass_u": 87.906, "cameras": {"1": camera, "2": camera}}).encode()


def _image(phase: float, header: bytes, noise: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A file of one image; its noise is drawn once and shifted, because drawing it takes seconds."""
    content = np.empty(len(header) + 2 * SIDE * SIDE, np.uint8)
    content[: len(header)] = np.frombuffer(header, np.uint8)
    pixels = content[len(header) :].view(np.uint16).reshape(SIDE, SIDE)
    x = np.arange(SIDE, dtype=np.float32)
    wave = np.cos(2 * np.pi / PERIOD * (x - SIDE / 2) + phase)
    bell = LIGHT * np.exp(-((x - SIDE / 2) ** 2) / (2 * WIDE**2)) / (2 * np.pi * WIDE**2)
    for port, (sign, centre) in enumerate(((1, SIDE // 4), (-1, 3 * SIDE // 4))):
        columns = bell * (1 + sign * np.float32(0.7) * wave)
        for row in range(port * SIDE // 2, (port + 1) * SIDE // 2, 128):
            across = np.exp(-((np.arange(row, row + 128, dtype=np.float32) - centre) ** 2) / (2 * WIDE**2))
            light = LEVEL + across[:, np.newaxis] * columns
            shift = rng.integers(noise.size - light.size)
            light += np.sqrt(light) * noise[shift : shift + light.size].reshape(light.shape)
            pixels[row : row + 128] = np.clip(light + 100.5, 0, 65535)
    return content


def _drops() -> list[list[NDArray[np.uint8]]]:
    """Files of both cameras of each different drop."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(4 * 128 * SIDE, np.float32)
    numbers: dict[str, Any] = {
        "time_ns": 1_761_109_200 * 10**9,
        "flight_ns": 10**8,
        "kind": 0,
        "height": SIDE,
        "width": SIDE,
    }
    return [
        [_image(rng.uniform(-3, 3), encode_header({**numbers, "camera": camera, "drop": drop}), noise, rng)
         for camera in (1, 2)] for drop in range(DIFFERENT)
    ]  # fmt: skip


def _batches(drops: list[list[NDArray[np.uint8]]], count: int) -> Iterator[Batch]:
    yield [(FOLDER / "series.json", _configuration())]
    for number in range(count):
        images = enumerate(drops[number % len(drops)], 1)
        yield [(FOLDER / f"camera_{camera}.{number:06d}.drops", content) for camera, content in images]


class _Watch(threading.Thread):
    """Processor time of the analysing thread, what is left when the source ends, and room on the disk."""

    def __init__(self, processing: Live, source: Replay) -> None:
        super().__init__(daemon=True)
        self.processing, self.source = processing, source
        self.cpu_s, self.left, self.removed = 0.0, -1, 0
        self.done = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self.done.wait(0.25):
            names = {t.native_id: t.name for t in threading.enumerate()}
            used = [t.user_time + t.system_time for t in me.threads() if names.get(t.id) == "hven-analyse"]
            self.cpu_s = max([self.cpu_s, *used])
            if self.source.ended and self.left < 0:
                self.left = self.processing.status.backlog
            while self.removed < min(self.processing.status.analysed, self.processing.status.stored) - ON_DISK:
                number, camera = divmod(self.removed, 2)
                (self.processing.spool.folder / FOLDER / f"camera_{camera + 1}.{number:06d}.drops").unlink(
                    missing_ok=True
                )
                self.removed += 1


def _line_rate(folder: Path, state: Path) -> Iterator[Figure]:
    drops = _drops()
    disk, needed = _disk_rate(folder, drops[0][0]), RATE_HZ * 2 * drops[0][0].nbytes / 1e9
    settings = _settings(folder, state, None if disk > ROOM * needed else state / "spool")
    count = round(RATE_HZ * SECONDS)
    with live(settings, "magis/live") as processing:
        processing.run(Replay(_batches(drops[:1], 2), RATE_HZ))  # compiles what is compiled at the first use
        processing.status.latencies.clear()
        source = Replay(_batches(drops, count), RATE_HZ)
        watch = _Watch(processing, source)
        watch.start()
        began, cpu = time.perf_counter(), psutil.Process().cpu_times()
        status = processing.run(source)
        watch.done.set()
        wall, used = time.perf_counter() - began, psutil.Process().cpu_times()
        p50, p99 = np.percentile(status.latencies, [50, 99])
        assert status.failed == 0
        cores = (used.user + used.system - cpu.user - cpu.system) / wall
        note = (
            f"{len(status.latencies)} images, {DIFFERENT} different, median {p50:.2f} s, {cores:.2f} cores in all, "
            f"{processing.memory.refused} spilled, source waited {status.waited_s:.1f} s, "
            f"at most {processing.memory.most / 1e9:.1f} of {MEMORY_GB:.1f} GB held, "
            f"all written {wall - SECONDS:.0f} s later; {needed:.2f} GB/s come, the disk takes {disk:.2f}"
            f"{'' if settings.live.spool is None else ', so that the spool lay in memory'}"
        )
    yield Figure("2 x 59 Mpx at 3 Hz: results after, 99 %", float(p99), "s", "<=", 1.0, note)
    yield Figure("2 x 59 Mpx at 3 Hz: analysis", watch.cpu_s / SECONDS, "cores", "<=", 0.5)
    yield Figure("2 x 59 Mpx at 3 Hz: images waiting when the last has come", float(watch.left), "", "<=", 2.0)
    yield from _archive(folder, drops)


def _archive(folder: Path, drops: list[list[NDArray[np.uint8]]]) -> Iterator[Figure]:
    """What the verified archive costs, on fresh files of the same kind; its budget are 2.5 cores for 30 TB a day."""
    (folder / "archive" / "state").mkdir(parents=True)
    settings = _settings(folder / "archive", folder / "archive" / "state")
    series = folder / "archive" / "raw" / "archive.20251022T050000Z.series"
    series.mkdir(parents=True)
    (series / "series.json").write_bytes(_configuration())
    for number, images in enumerate(drops[:ARCHIVED]):
        for camera, content in enumerate(images, 1):
            (series / f"camera_{camera}.{number:06d}.drops").write_bytes(content)
    (series / "series_complete").touch()
    size = ARCHIVED * 2 * drops[0][0].nbytes / 1e9
    from hven.registry.direct import DirectRegistry

    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [load("magis")])
        cost = measure(lambda: archive.ingest([series]))
        archive.close()
        stored = sum(p.size_bytes for p in registry.find()) / 1e9
    cores = {tb: cost.cpu / size * tb * 1e12 / 86400 / 1e9 for tb in (3, 30)}
    note = (f"{size / cost.wall:.2f} GB/s, {cores[3]:.2f} cores averaged over a day of 3 TB, {cores[30]:.2f} of 30 TB; "
            f"stored in {stored / size:.2f} of the raw size, once")  # fmt: skip
    yield Figure("verified archive of drops", cost.cpu / size, "CPU-s/GB", "<=", 7.2, note)


def _calibration(folder: Path, state: Path) -> Iterator[Figure]:
    """Files of 20 MB in a watched folder, a laser and a launch that follow what comes back."""
    seen = Gradiometer(height=3200, width=3200, atoms=1e6, start_width=5e-3, fringe_period=128.0, pixel_m=1e-5)
    station, controllers = Station(seen), {n: Controller() for n in ("laser_frequency", "launch_tilt")}
    series = folder / "cameras" / FOLDER
    series.mkdir(parents=True)
    (series / "series.json").write_text(json.dumps(seen.configuration))
    source = Watched(series.parent, load("magis"), poll_s=0.05, patience_s=10.0)
    rng, stop = np.random.default_rng(5), threading.Event()
    delays, off, size = [], [], 0
    with live(_settings(folder, state), "magis/feedback", config={"corrections": station.wanted}) as processing:
        worker = threading.Thread(target=processing.run, args=(source,), kwargs={"stop": stop.is_set})
        worker.start()
        last = 0
        for number in range(CORRECTED):
            off.append((station.frequency_hz, station.tilt_rad))
            image, _ = station.drop(number, rng)
            part = series / f".camera_1.{number:04d}.drops"
            size = part.write_bytes(encode(image))
            closed = now_ns()
            part.rename(series / part.name[1:])
            stop.wait(EVERY_S)
            while processing.status.analysed <= number:
                stop.wait(0.01)
            for record in (r for r in processing.gateway.since(last) if r.channel == "feedback"):
                if number:
                    delays.append((record.time_ns - closed) / 1e9)
                parameter = record.value["parameter"]
                station.correct(parameter, controllers[parameter].step(record.value["value"]))
            last = processing.gateway.last()
        stop.set()
        worker.join()
    frequency, tilt = np.abs(np.array(off[-8:])).max(axis=0)
    note = f"{size / 1e6:.0f} MB; laser {off[0][0]:.0f} to {frequency:.2f} Hz, tilt {off[0][1]:.1e} to {tilt:.1e} rad"
    yield Figure("calibration: correction after the file was closed", float(np.median(delays)), "s", "<=", 0.5, note)
    yield Figure("calibration: the same, 99 %", float(np.percentile(delays, 99)), "s", "<=", 2.0)


def figures() -> Iterator[Figure]:
    """Databases lie in memory, apart from the disk that images are written to: where these rates come they need one."""
    for part in (_calibration, _line_rate):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as state:
            yield from part(Path(folder), Path(state))
