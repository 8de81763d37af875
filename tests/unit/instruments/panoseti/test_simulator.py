"""Simulated nights: the same bits from the same seed, right statistics, and one visible effect for each fault."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from pyarrow import parquet

from hven.core.clock import NS, parse_utc
from hven.core.errors import ConflictError
from hven.instruments.panoseti.simulator import (
    PALOMAR,
    Events,
    Faults,
    Movie,
    Run,
    point,
    random_pulses,
    simulate,
    simulate_events,
    simulate_movie,
    write_run,
)
from hven.instruments.panoseti.simulator.site import SPEED_OF_LIGHT, light_delay_ns
from hven.instruments.panoseti.simulator.stars import PIXEL_DEG, pixel_of
from hven.sky.pointing import project

START = parse_utc("2025-10-22T05:00:00Z")
CYGNUS = (305.557, 40.257)
TELESCOPES = point(PALOMAR, *CYGNUS, START)


def movie(frames=2000, telescope=TELESCOPES[0], **more):
    return Movie(telescope, START, 100.0, frames, **{"stars": False, **more})


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    return folder, simulate(folder, scale=0.05)


def digests(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".parquet")
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bits_and_another_does_not(night, tmp_path):
    folder, _ = night
    simulate(tmp_path / "again", scale=0.05)
    simulate(tmp_path / "other", scale=0.05, seed=2)
    assert digests(tmp_path / "again") == digests(folder)
    assert digests(tmp_path / "other") != digests(folder)


def test_a_night_is_recognised_and_comes_back_byte_for_byte(panoseti, night):
    folder, _ = night
    observations = list(panoseti.recognise(folder))
    assert [o.observation.split(".")[0] for o in observations] == ["Palomar", "Palomar", "Palomar_faults"]
    for observation in observations:
        assert observation.complete
        for file in observation.files:
            if file.role == "data":
                form = panoseti.formats[file.dataset_type]
                inspection = form.inspect([file.path])
                dataset = form.read([file.path], 0, inspection.rows)
                assert not inspection.partial
                assert b"".join(form.encode(dataset)) == file.path.read_bytes()


def test_a_right_clock_is_wr_locked_and_the_configuration_gives_attributes(panoseti, night):
    folder, _ = night
    first = next(iter(panoseti.recognise(folder)))
    configurations = {f.name: json.loads(f.path.read_bytes()) for f in first.files if f.role == "configuration"}
    frames = next(f for f in first.files if f.dataset_type == "panoseti.img16")
    attrs = panoseti.formats["panoseti.img16"].attrs([frames.path], configurations)
    assert attrs["clock_status"] == "wr-locked"
    assert attrs["module_id"] == frames.data_id["detector"] == 1
    assert attrs["integration_time_s"] == pytest.approx(0.01)
    assert (attrs["latitude"], attrs["observatory"]) == (PALOMAR[0].latitude, "Palomar")


def test_the_planted_password_of_the_power_switch_is_redacted(panoseti, night):
    folder, _ = night
    for path in folder.rglob("obs_config.json"):
        assert b"admin:" in path.read_bytes()
        assert b"admin" not in panoseti.redact(path.name, path.read_bytes())


def test_a_night_is_not_written_twice(night):
    with pytest.raises(ConflictError, match="there already"):
        simulate(night[0], scale=0.05)


def test_truth_stands_beside_the_runs(night):
    _, paths = night
    tables = {p.stem: parquet.read_table(p) for p in paths if p.suffix == ".parquet"}
    assert set(tables) == {"pixels", "pulses", "events", "faults"}
    assert tables["pixels"].num_rows == 8 * 1024
    assert set(tables["faults"]["observation"].to_pylist()) == {"Palomar_faults.20251022T050500Z"}


def test_pixels_are_poisson_with_the_mean_of_the_truth():
    dataset, truth = simulate_movie(movie(4000))
    counts = dataset.images.values.astype(float)
    pulls = (counts.mean(axis=0) - truth.pedestal) / (truth.noise / np.sqrt(4000))
    assert pulls.std() == pytest.approx(1.0, abs=0.08)
    assert abs(pulls.mean()) < 0.15
    assert np.abs(pulls).max() < 4.5
    assert (counts.var(axis=0) / truth.pedestal).mean() == pytest.approx(1.0, abs=0.005)


def test_stars_are_where_their_coordinates_put_them():
    with_stars, _ = simulate_movie(movie(500, stars=True))
    without, _ = simulate_movie(movie(500))
    excess = with_stars.images.values.mean(axis=0) - without.images.values.mean(axis=0)
    middle = excess[10:22, 10:22]
    y, x = np.unravel_index(middle.argmax(), middle.shape)
    assert (y in (5, 6), x in (5, 6)) == (True, True)  # the field is centred on Sadr
    assert middle.max() > 10 * np.abs(np.median(middle))
    assert excess.max() > middle.max()  # Deneb, brighter, six degrees away


def test_a_pulse_is_at_one_time_and_place_of_the_sky_in_both_telescopes():
    pulses = random_pulses(TELESCOPES[0], START, 20.0, 6, seed=3, lowest_sigma=40.0)
    seen = [simulate_movie(movie(telescope=t, pulses=pulses)) for t in TELESCOPES]
    for row, other in zip(seen[0][1].pulses, seen[1][1].pulses, strict=True):
        assert (row["pulse"], row["frame"], row["time_ns"]) == (other["pulse"], other["frame"], other["time_ns"])
    places = [[(r["y"], r["x"]) for r in truth.pulses] for _, truth in seen]
    assert places[0] != places[1]  # the cameras are turned against each other
    for dataset, truth in seen:
        for row in truth.pulses:
            light = dataset.images.values[row["frame"] : row["frame"] + row["frames"], row["y"], row["x"]]
            excess = light.sum() - truth.pedestal[row["y"], row["x"]] * row["frames"]
            assert excess == pytest.approx(row["amplitude"], rel=0.5)
            assert dataset.time.values[row["frame"]].astype(np.int64) - row["time_ns"] in range(13)


def test_pixels_run_with_the_camera_axes():
    up = np.array([TELESCOPES[0].elevation + PIXEL_DEG])
    straight = point((PALOMAR[0],), *CYGNUS, START)[0]
    y, _ = pixel_of(straight, np.array([straight.azimuth]), up)
    assert y[0] == pytest.approx(14.5, abs=0.01)
    x, y = project(np.array([straight.azimuth]), up, straight.centre, straight.position_angle)
    assert np.hypot(x, y)[0] == pytest.approx(PIXEL_DEG, rel=1e-3)


def test_showers_have_the_moments_of_the_truth():
    events = Events(TELESCOPES[0], TELESCOPES[0], START, 400.0, chance_hz=0.0)
    dataset, table = simulate_events(events)
    assert dataset.sizes["time"] == len(table)
    assert (np.diff(dataset.time.values.astype(np.int64)) >= 0).all()
    bright = table.index[(table["size"] > 400) & table["x"].between(10, 21) & table["y"].between(10, 21)]
    images = dataset.images.values[bright].astype(float)
    images -= np.median(images, axis=(1, 2), keepdims=True)
    images[images < 60] = 0
    y, x = np.indices((32, 32))
    total = images.sum(axis=(1, 2))
    assert np.abs((images * x).sum(axis=(1, 2)) / total - table["x"][bright]).max() < 0.6
    assert np.abs((images * y).sum(axis=(1, 2)) / total - table["y"][bright]).max() < 0.6
    assert np.median(total / table["size"][bright]) == pytest.approx(10.0, rel=0.15)  # ADU per photo-electron


def quabo_events(**more):
    return simulate_events(Events(TELESCOPES[0], TELESCOPES[0], START, 300.0, product="ph256", **more))


def test_single_quabos_record_what_triggers_them():
    dataset, table = quabo_events()
    whole, _ = simulate_events(Events(TELESCOPES[0], TELESCOPES[0], START, 300.0))
    triggers = table[[f"quabo_{q}" for q in range(4)]].to_numpy()
    assert dataset.images.shape == (triggers.sum(), 16, 16)
    assert triggers.any(axis=1).all()
    assert triggers[table["shower"] < 0].sum(axis=1).max() == 1
    event = np.abs(dataset.time.values.astype(np.int64)[:, None] - table["time_ns"].to_numpy()).argmin(axis=1)
    quabo = dataset.quabo.values.astype(int)
    assert sorted(zip(event, quabo, strict=True)) == sorted(zip(*np.nonzero(triggers), strict=True))
    corner = {0: (0, 0), 1: (0, 16), 2: (16, 16), 3: (16, 0)}
    for number, q in enumerate(quabo[:50]):
        y, x = corner[q]
        same = whole.images.values[event[number], y : y + 16, x : x + 16].astype(float)
        light = same - np.median(same)
        if light.max() > 300:
            assert np.corrcoef(light.ravel(), dataset.images.values[number].ravel())[0, 1] > 0.75


def test_packets_of_single_quabos_are_counted_by_each():
    dataset, _ = quabo_events()
    dropped, _ = quabo_events(faults=Faults(dropped_packets=0.05))
    skipped = 0
    for quabo in range(4):
        numbers = dataset.pkt_num.values[dataset.quabo.values == quabo].astype(np.int64)
        assert (np.diff(numbers) % 65536 == 1).all()
        steps = np.diff(dropped.pkt_num.values[dropped.quabo.values == quabo].astype(np.int64)) % 65536
        skipped += int((steps - 1).sum())
    assert skipped > 0
    assert dataset.sizes["time"] - dropped.sizes["time"] - skipped in range(4)  # a quabo's first or last shows not


def test_a_missing_quabo_sends_no_frames_of_its_own():
    dataset, table = quabo_events(faults=Faults(missing_quabo=0.3))
    begin, length = len(table) // 2, round(0.3 * len(table))
    silence = table["time_ns"].to_numpy()[[begin, begin + length - 1]]
    times = dataset.time.values.astype(np.int64)[dataset.quabo.values == 2]
    assert not ((times >= silence[0]) & (times <= silence[1])).any()
    assert (times < silence[0]).any()
    assert (times > silence[1] + NS).any()


def test_clouds_dim_showers_below_the_trigger_and_leave_chance_triggers():
    clear, cloudy = (
        Events(TELESCOPES[0], TELESCOPES[0], START, 4000.0, faults=Faults(clouds=c)).table for c in (0, 0.6)
    )
    middle = [t["time_ns"].between(START + 1800 * NS, START + 2200 * NS) for t in (clear, cloudy)]
    showers = [(t["shower"][m] >= 0).sum() for t, m in zip((clear, cloudy), middle, strict=True)]
    chances = [(t["shower"][m] < 0).sum() for t, m in zip((clear, cloudy), middle, strict=True)]
    assert showers[1] / showers[0] == pytest.approx(0.42**1.7, abs=0.1)
    assert chances[0] == chances[1]


def test_a_run_of_bytes_and_single_quabos_says_so_in_its_configuration(panoseti, tmp_path):
    products = {"movie_product": "img8", "events_product": "ph256"}
    run = Run("other", START, CYGNUS, movie_s=2.0, events_s=30.0, telescopes=PALOMAR[:1], **products)
    truth = write_run(tmp_path, run, seed=1)
    assert set(truth["pixels"]["product"]) == {"img8", "ph256"}
    observation = next(iter(panoseti.recognise(tmp_path)))
    assert {f.dataset_type for f in observation.files if f.role == "data"} == {
        "panoseti.img8",
        "panoseti.ph256",
        "panoseti.housekeeping",
    }
    config = json.loads(next(tmp_path.rglob("data_config.json")).read_text())
    assert config["image"]["quabo_sample_size"] == 8
    assert config["pulse_height"]["any_trigger"]["group_ph_frames"] == 0


def test_a_free_clock_of_single_quabos_is_judged_unsynchronised(panoseti, tmp_path):
    run = Run("lost", START, CYGNUS, events_s=60.0, events_product="ph256", faults=Faults(lost_clock=True))
    write_run(tmp_path, run, seed=1)
    path = next(tmp_path.rglob("*ph256*.pff"))
    assert panoseti.formats["panoseti.ph256"].attrs([path], {})["clock_status"] == "unsynchronised"


def test_showers_reach_both_telescopes_with_the_delay_of_light():
    tables = [Events(t, TELESCOPES[0], START, 60.0).table for t in TELESCOPES]
    first, second = (t[t["shower"] >= 0].set_index("shower")["time_ns"] for t in tables)
    delay = round(light_delay_ns(TELESCOPES[1], TELESCOPES[0]))
    assert ((second - first) == delay).all()
    assert abs(delay) < 600 / SPEED_OF_LIGHT * 1e9
    assert abs(delay) > 10


def lost(dataset):
    steps = np.diff(dataset.pkt_num.values.astype(np.int64), axis=0) % 65536
    valid = dataset.quabo_valid.values[1:] & dataset.quabo_valid.values[:-1]
    return int((steps - 1)[valid].sum())


def test_dropped_packets_are_skipped_numbers():
    dataset, _ = simulate_movie(movie(faults=Faults(dropped_packets=0.05)))
    assert dataset.sizes["time"] == pytest.approx(1900, abs=40)
    assert lost(dataset) == 4 * (2000 - dataset.sizes["time"])
    assert dataset.quabo_valid.values.all()
    assert lost(simulate_movie(movie())[0]) == 0


def test_a_missing_quabo_is_dark_in_its_quadrant_and_counts_nothing():
    dataset, _ = simulate_movie(movie(faults=Faults(missing_quabo=0.1)))
    valid = dataset.quabo_valid.values
    assert valid.sum(axis=0).tolist() == [2000, 2000, 1800, 2000]
    assert (dataset.images.values[~valid[:, 2], 16:, 16:] == 0).all()
    assert (dataset.images.values[~valid[:, 2], :16, :16] > 0).any()
    numbers = dataset.pkt_num.values[valid[:, 2], 2].astype(np.int64)
    assert (np.diff(numbers) % 65536 == 1).all()


def test_a_hot_pixel_is_brighter():
    good, bad = (
        simulate_movie(movie(500, faults=f))[0].images.values.mean(axis=0) for f in (Faults(), Faults(hot_pixel=6.0))
    )
    ratio = bad / good
    assert ratio[20, 11] == pytest.approx(6.0, rel=0.05)
    assert np.delete(ratio.ravel(), 20 * 32 + 11).max() < 1.1


def test_clouds_take_light_in_the_middle_of_the_run():
    dataset, _ = simulate_movie(movie(5000, faults=Faults(clouds=0.6)))
    light = dataset.images.values.mean(axis=(1, 2)).reshape(5, -1).mean(axis=1)
    assert light[2] / light[0] == pytest.approx(0.4 / 1.0, abs=0.05)


def test_a_lost_clock_is_judged_unsynchronised(panoseti, tmp_path):
    run = Run("lost", START, CYGNUS, movie_s=10.0, faults=Faults(lost_clock=True), telescopes=PALOMAR[:1])
    write_run(tmp_path, run, seed=1)
    path = next(tmp_path.rglob("*img16*.pff"))
    form = panoseti.formats["panoseti.img16"]
    assert form.attrs([path], {})["clock_status"] == "unsynchronised"
    times = form.read([path], 0, 1000).time.values.astype(np.int64)
    assert (np.abs(times - START - np.arange(1000) * NS // 100) < 2_500_000).all()


def test_a_drifting_temperature_is_in_the_housekeeping(panoseti, tmp_path):
    run = Run("warm", START, CYGNUS, events_s=60.0, faults=Faults(drifting_temperature=20.0))
    write_run(tmp_path, run, seed=1)
    table = panoseti.formats["panoseti.housekeeping"].read([next(tmp_path.rglob("hk.pff"))], 0, 10_000)
    rows = [json.loads(f) for d, f in zip(table.device.values, table.fields.values, strict=True) if d == "QUABO_4"]
    temperatures = [float(r["TEMP1"]) for r in rows]
    assert temperatures[-1] - temperatures[0] == pytest.approx(20.0, abs=1.0)
    assert all(abs(float(r["HVMON0"]) - -55.7) < 0.2 for r in rows)
