"""Every raw format of the built-in instruments keeps the contract of formats, on simulated runs."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest

from hven.core.clock import parse_utc
from hven.instruments import load
from hven.instruments.magis.files.layout import KEYS
from hven.instruments.magis.files.write import write_file
from hven.instruments.panoseti.simulator import PALOMAR, Faults, Run, write_run
from hven.testing.format import FormatContract

MAGIS = load("magis")
PANOSETI = load("panoseti")
START = parse_utc("2025-10-22T05:00:00Z")
FAULTS = Faults(missing_quabo=0.1, dropped_packets=0.05)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    products = {"movie_product": ("img16", "img8"), "events_product": ("ph1024", "ph256")}
    for number, (images, heights) in enumerate(zip(*products.values(), strict=True)):
        lengths = {"movie_s": 5.0, "events_s": 60.0}
        chosen = {"movie_product": images, "events_product": heights}
        run = Run(f"run{number}", START, (305.6, 40.3), **lengths, **chosen, faults=FAULTS, telescopes=PALOMAR[:1])
        write_run(folder, run, seed=3)
    return folder


class TestPanoseti(FormatContract):
    @pytest.fixture(params=[t for t in PANOSETI.dataset_types if t.level == "L0"], ids=lambda t: t.name)
    def declared(self, request):
        return request.param

    @pytest.fixture
    def form(self, declared):
        return PANOSETI.formats[declared.name]

    @pytest.fixture
    def paths(self, declared, runs, tmp_path):
        observations = PANOSETI.recognise(runs)
        found = next(f for o in observations for f in o.files if f.dataset_type == declared.name)
        return [shutil.copy(found.path, tmp_path / found.path.name)]


class TestMagis(FormatContract):
    @pytest.fixture
    def declared(self):
        return next(t for t in MAGIS.dataset_types if t.level == "L0")

    @pytest.fixture
    def form(self, declared):
        return MAGIS.formats[declared.name]

    @pytest.fixture
    def paths(self, tmp_path):
        return self.written(tmp_path, ".drops")

    def written(self, folder, suffix):
        rng = np.random.default_rng(1)
        names = [folder / f"camera_1.{number:04d}{suffix}" for number in range(2)]
        for number, name in enumerate(names):
            headers = [{"camera": 1, "drop": 4 * number + n, "time_ns": START + n, "flight_ns": 10**7, "kind": 0}
                       for n in range(4)]  # fmt: skip
            write_file(name, [(header, rng.integers(0, 2**16, (12, 10), np.uint16)) for header in headers])
        return names


class TestMagisInTiff(TestMagis):
    @pytest.fixture
    def paths(self, tmp_path):
        return self.written(tmp_path, ".tif")

    def test_tags_after_the_pixels_come_back(self, form, paths):
        """As many programs write them: a file of one image whose tags stand at its end."""
        image, text = np.arange(12, dtype="<u2").reshape(3, 4), json.dumps(dict.fromkeys(KEYS[:-2], 7)).encode()
        numbers = {256: 4, 257: 3, 258: 16, 259: 1, 262: 1, 270: (len(text), 32), 273: 8, 277: 1, 278: 3, 279: 24}
        tags = b"".join(struct.pack("<HHII", tag, 2, *value) if isinstance(value, tuple) else
                        struct.pack("<HHII", tag, 4, 1, value) for tag, value in numbers.items())  # fmt: skip
        body = image.tobytes() + text
        content = b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(numbers)) + tags
        paths[0].write_bytes(content + bytes(4))

        dataset = form.read(paths[:1], 0, 1)

        assert form.inspect(paths[:1]).tail_bytes == (0,)
        assert dataset["images"].values[0].tolist() == image.tolist()
        assert b"".join(form.encode(dataset)) == paths[0].read_bytes()
        paths[0].write_bytes(content)  # torn within its tags
        assert (form.inspect(paths[:1]).rows, form.inspect(paths[:1]).partial) == (0, True)


class TestMagisInHdf5(TestMagis):
    broken = (0, 1)

    @pytest.fixture
    def paths(self, tmp_path):
        return self.written(tmp_path, ".h5")
