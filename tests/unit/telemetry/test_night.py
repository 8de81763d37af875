"""A night with telemetry: devices drop and push samples, exposures are tabulated, found, opened and joined."""

from __future__ import annotations

import json
from contextlib import closing

import guest_api
import httpx
import numpy as np
import pandas as pd
import pytest
import small_products
import sqlalchemy as sa
import xarray as xr

from hven.access.viewers import viewer_of
from hven.core.clock import NS, day_obs_begin
from hven.core.errors import ConfigurationError
from hven.core.settings import IngestSettings, Settings, TelemetrySettings
from hven.model.collection import AccessClass, Collection, CollectionKind, raw_run
from hven.model.dataset_type import DatasetType
from hven.model.variable import Variable
from hven.observatory import connect
from hven.registry.database import Database
from hven.store import arrays, tables
from hven.store.publish import stage
from hven.telemetry.chore import TelemetryChore
from hven.telemetry.intake_tables import NAME, SPOOL, TABULATED, TAKEN
from hven.telemetry.night import transform
from hven.telemetry.simulate import Troubles, simulate
from hven.telemetry.spool import Spool
from hven.telemetry.store import TelemetryStore

NIGHT = 20251021
BEGIN = day_obs_begin(NIGHT, -20) + 6 * 3600 * NS
TROUBLES = Troubles(gap=(900, 1000), stuck=(300, 400), broken=0.1, late=0.2)
SITE = """
topics:
  - {name: seeing, kind: telemetry, doc: Seeing monitor., fields: [{name: fwhm, units: arcsec, doc: Width.}]}
"""


def raw(root, name, observation, seconds, **more):
    """Publish raw data of an observation with frames at these seconds of the night."""
    where = small_products.ref(
        name, day_obs=NIGHT, observation=observation, instrument=name.split("/")[1].split(".")[0]
    )
    variables = {"a": ("time", np.arange(len(seconds))), **more}
    declared = DatasetType(
        where.type.name, where.type.level, "array", ("instrument", "day_obs", "observation", "detector"),
        tuple(Variable(n, ("time",), "int64", "1", n) for n in variables), "Test.",
    )  # fmt: skip
    times = (BEGIN + (np.asarray(seconds) * NS).astype(np.int64)).view("datetime64[ns]")
    with stage(root, where) as staging:
        arrays.write_dataset(staging.path, declared, xr.Dataset(variables, {"time": times}))
        run = f"{where.type.instrument}/raw/all"
        return staging.publish(small_products._provenance(staging.id, where, run, (), "ada"), declared)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    (folder / "data").mkdir()
    (folder / "telemetry.yaml").write_text(SITE)
    settings = Settings(
        root=folder / "data", state=folder / "state", instruments=("panoseti", "magis"),
        ingest=IngestSettings(settle_s=0),
        telemetry=TelemetrySettings(declarations=folder / "telemetry.yaml", drop=folder / "drop"),
    )  # fmt: skip
    simulate(folder / "drop", night=NIGHT, offset_hours=-20, hours=0.5, troubles=TROUBLES)
    (folder / "drop" / "weather" / "broken.csv").write_text("time,temperature\nnoon,warm\n")
    chore = TelemetryChore(settings, Database(settings.platform_url))
    with connect(settings) as obs, guest_api.serve(obs) as url, httpx.Client(base_url=url) as client:
        products = [
            raw(obs.root, "L0/panoseti.img16", "one.T1", [60, 299.5]),
            raw(obs.root, "L0/panoseti.img16", "two.T2", [850, 1050]),
        ]
        drops = np.arange(5)
        products.append(raw(obs.root, "L0/magis.images", "series.T3", 100 + drops / 3, exposure=("time", drops)))
        obs.registry.register(products, inputs={})
        chore.round()
        yield obs, chore, client, folder
    chore.spool.database.close()


def dropped(folder, topic):
    return folder / "drop" / topic


def test_dropped_files_are_taken_once_whatever_is_late_or_twice(night):
    obs, chore, _, folder = night
    mount = pd.read_parquet(dropped(folder, "mount") / f"{NIGHT}.parquet")
    late = pd.read_parquet(dropped(folder, "mount") / f"{NIGHT}-late.parquet")
    expected = pd.concat([mount, late]).drop_duplicates("time").sort_values("time")

    found = obs.telemetry("mount")

    assert len(mount) + len(late) > len(expected) == found.sizes["time"]
    np.testing.assert_array_equal(found["azimuth"], expected["azimuth"])
    np.testing.assert_array_equal(found["time"].to_numpy().view(np.int64), expected["time"])
    assert set(obs.telemetry("laser")["laser"].to_numpy()) == {"cooling", "interferometry"}
    assert chore.intake.files().new == 0


def test_pushed_samples_arrive_and_wrong_ones_are_refused(night):
    obs, chore, client, _ = night
    samples = [{"time": "2025-10-22T05:00:00Z", "fwhm": 1.25}, {"time": BEGIN, "fwhm": None}]
    headers = {"Authorization": "token eve.read.submit.operate"}

    assert client.post("/telemetry/seeing", json=samples, headers=headers).json() == {"accepted": 2}
    wrong = client.post("/telemetry/seeing", json=[{"time": 1, "fwmh": 1.0}], headers=headers)
    timeless = client.post("/telemetry/seeing", json=[{"fwhm": 1.0}], headers=headers)
    unknown = client.post("/telemetry/seing", json=samples, headers=headers)
    chore.round()

    assert (wrong.status_code, timeless.status_code, unknown.status_code) == (404, 422, 404)
    assert "fwhm" in wrong.json()["hint"]
    np.testing.assert_array_equal(obs.telemetry("seeing", "fwhm")["fwhm"], [np.nan, 1.25])


def test_exposures_of_a_night_are_a_product_that_is_made_again_when_something_changed(night):
    obs, _, _, folder = night
    weather = pd.read_csv(dropped(folder, "weather") / f"{NIGHT}.csv")

    first = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")
    again = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")

    assert again.id == first.id
    table = obs.open("panoseti.exposures", day_obs=NIGHT)
    assert table["observation"].to_numpy().tolist() == ["one.T1", "two.T2"]
    of_two = weather[(weather["time"] >= first_of(table, 1)) & (weather["time"] < last_of(table, 1))]
    assert float(table["wind_speed_max"][1]) == of_two["wind_speed"].max()
    assert float(table["humidity"][1]) == of_two["humidity"].max()
    assert int(table["humidity_nan"][1]) == of_two["humidity"].isna().sum() > 0
    assert int(table["wind_speed_gaps"][1]) == 1
    assert table["outside_temperature_slope"].attrs["units"] == "degC s-1"
    assert obs.catalog()["L2/panoseti.exposures"](day_obs=NIGHT).read()["wind_speed"].sizes == {"exposure": 2}

    obs.registry.register([raw(obs.root, "L0/panoseti.img16", "three.T4", [1200, 1300])], inputs={})
    newer = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")
    assert (newer.id != first.id, newer.rows) == (True, 3)
    assert obs.provenance(newer).task == "telemetry.transform"


@pytest.fixture
def quiet(tmp_path):
    """A night of one observation without telemetry, and the chore; `look` is never too early."""
    settings = Settings(
        root=tmp_path / "data", state=tmp_path / "state", instruments=("panoseti",),
        ingest=IngestSettings(settle_s=0), telemetry=TelemetrySettings(drop=tmp_path / "drop"),
    )  # fmt: skip
    settings.root.mkdir()
    database = Database(settings.platform_url)
    nights = TelemetryChore(settings, database).nights
    with connect(settings) as obs:
        (settings.root / "L0/panoseti" / str(NIGHT)).mkdir(parents=True)
        obs.registry.register([raw(obs.root, "L0/panoseti.img16", "one.T1", [60, 120])], inputs={})

        def look():
            nights._look_s = 0.0
            return nights.look(obs.registry)

        yield obs, nights, look
    database.close()


def weather(seconds):
    times = BEGIN + (np.asarray(seconds) * NS).astype(np.int64)
    return pd.DataFrame({"time": times, "wind_speed": 3.0, **dict.fromkeys(("humidity", "temperature"), 10.0)})


def test_a_night_is_tabulated_as_it_ends_and_again_when_samples_come_late(quiet, monkeypatch):
    obs, nights, look = quiet
    assert look() == []  # without samples there is nothing to say

    nights.store.append(nights.declared.topic("weather"), weather([61, 65]))
    monkeypatch.setattr("hven.telemetry.nights.now_ns", lambda: BEGIN)
    assert look() == []  # it has not ended
    monkeypatch.undo()

    (first,) = look()
    assert obs.open("panoseti.exposures", day_obs=NIGHT)["wind_speed_samples"].to_numpy().tolist() == [2]
    assert look() == []

    nights.store.append(nights.declared.topic("weather"), weather([62]))
    (again,) = look()
    assert again.id != first.id
    assert obs.open("panoseti.exposures", day_obs=NIGHT)["wind_speed_samples"].to_numpy().tolist() == [3]

    obs.registry.register([raw(obs.root, "L0/panoseti.img16", "two.T2", [200, 210])], inputs={})
    assert [product.rows for product in look()] == [2]
    other = TelemetryChore(obs.settings, nights.database).nights
    assert other.look(obs.registry) == []  # another process knows what was done


def test_a_night_that_cannot_be_tabulated_is_told_once_and_stops_no_other(quiet, monkeypatch):
    _, nights, look = quiet
    nights.store.append(nights.declared.topic("weather"), weather([61]))
    asked = []

    def fails(_settings, _registry, instrument, night, *, user):
        asked.append((instrument, night, user))
        raise ConfigurationError("no length")

    with monkeypatch.context() as broken:
        broken.setattr("hven.telemetry.nights.transform", fails)
        assert (look(), look()) == ([], [])
    assert [(instrument, night) for instrument, night, _ in asked] == [("panoseti", NIGHT)]

    nights.store.append(nights.declared.topic("weather"), weather([63]))
    assert len(look()) == 1


def test_tables_made_before_nights_were_tabulated_are_migrated(tmp_path):
    with closing(Database(f"sqlite:///{tmp_path}/platform.sqlite")) as database:
        database.prepare(sa.MetaData(), name=NAME, version=1, when_older="")
        with database.write() as connection:
            SPOOL.create(connection)
            TAKEN.create(connection)

        Spool(database)

        with database.read() as connection:
            assert connection.execute(sa.select(TABULATED)).all() == []


def test_rows_of_housekeeping_products_are_samples_of_their_devices(night):
    obs, chore, _, _ = night
    kind = obs.dataset_type("panoseti.housekeeping", "L1")
    times = (BEGIN + np.arange(4) * 60 * NS).view("datetime64[ns]")
    values = {
        "device": np.array(["Q_a", "Q_b", "Q_a", "Q_b"], object),
        "fpga_temperature": np.array([40, 41, 42, np.nan]),
    }
    columns = {v.name: values.get(v.name, np.zeros(4)) for v in kind.variables if v.name != "time"}
    data = {n: ("time", c if n == "device" else c.astype(kind.variable(n).dtype)) for n, c in columns.items()}
    where = small_products.ref("L1/panoseti.housekeeping", day_obs=NIGHT, observation="one.T1", detector=None)
    with stage(obs.root, where) as staging:
        tables.write_dataset(staging.path, kind, xr.Dataset(data, {"time": times}))
        product = staging.publish(small_products._provenance(staging.id, where, "panoseti/runs/x/1", (), "ada"), kind)
    obs.registry.register([product], inputs={})

    run = "panoseti/runs/x/1"
    obs.registry.define(Collection(run, CollectionKind.RUN, AccessClass.OPERATORS))
    assert chore.intake.products(obs.registry).new == 0
    obs.registry.define(Collection(run, CollectionKind.RUN))
    assert chore.intake.products(obs.registry).new == 4
    assert chore.intake.products(obs.registry).new == 0

    found = obs.telemetry("panoseti.housekeeping", "fpga_temperature")
    assert found["device"].to_numpy().tolist() == values["device"].tolist()
    np.testing.assert_array_equal(found["fpga_temperature"], values["fpga_temperature"])
    assert found["fpga_temperature"].attrs["units"] == "degC"
    newest = TelemetryStore(obs.root).latest("panoseti.housekeeping")
    assert sorted(sample.time_ns for sample in newest) == [BEGIN + 120 * NS, BEGIN + 180 * NS]


def first_of(table, row):
    return int(table["begin"].to_numpy().view(np.int64)[row])


def last_of(table, row):
    return int(table["end"].to_numpy().view(np.int64)[row])


def test_telemetry_is_joined_to_products_on_request(night):
    obs, _, _, folder = night
    lines = (dropped(folder, "laser") / f"{NIGHT}.jsonl").read_text().splitlines()
    laser = pd.DataFrame([json.loads(line) for line in lines])
    mine = laser[laser["laser"] == "interferometry"]
    for instrument in ("panoseti", "magis"):
        transform(obs.settings, obs.registry, instrument, NIGHT, user="ada")

    drops = obs.with_telemetry(obs.open("magis.images", observation="series.T3"))
    whole = obs.with_telemetry(obs.open("panoseti.img16", level="L0", observation="one.T1"))

    middles = BEGIN + ((100 + np.arange(5) / 3) * NS).astype(np.int64) - round(0.15 * NS)
    expected = [mine.loc[mine["time"] <= at, "power"].iloc[-1] for at in middles]
    assert drops["laser_power"].dims == ("time",)
    np.testing.assert_array_equal(drops["laser_power"], expected)
    assert whole["wind_speed"].dims == ()
    assert whole["a"].sizes["time"] == 2


def test_a_file_that_cannot_be_read_is_noted_and_stops_nothing(night):
    _, chore, _, _ = night
    with chore.intake.database.read() as connection:
        noted = {row.source.rpartition("/")[2]: row.error for row in connection.execute(TAKEN.select())}

    assert "broken.csv" in noted["broken.csv"]
    assert [name for name, error in noted.items() if error] == ["broken.csv"]


def test_the_simulator_says_what_is_true(night):
    _, _, _, folder = night

    assert json.loads((folder / "drop" / "truth.json").read_text())["gap"] == [900, 1000]


def test_exposures_of_raw_data_for_operators_are_for_operators(night):
    obs, _, _, _ = night
    run = raw_run("panoseti")
    before = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")
    member = obs.seen_by(viewer_of("guest", None, operator=False))
    obs.registry.define(Collection(run, CollectionKind.RUN, AccessClass.OPERATORS))
    closed = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")
    again = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")

    assert (closed.digest, again) == (before.digest, closed)
    assert member.query("panoseti.exposures") == []
    obs.registry.define(Collection(run, CollectionKind.RUN))
    opened = transform(obs.settings, obs.registry, "panoseti", NIGHT, user="ada")
    assert [p.id for p in member.query("panoseti.exposures")] == [opened.id]
