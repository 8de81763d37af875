"""Schedules: when they fire, how often, and what comes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from hven.alarms.outbox import Outbox
from hven.alarms.queries import notifications
from hven.batch.campaigns.model import State
from hven.batch.campaigns.store import CampaignStore
from hven.batch.checks.chore import CheckChore
from hven.batch.checks.known import Finding
from hven.batch.checks.model import CheckState
from hven.batch.checks.run import look
from hven.batch.checks.store import CheckStore
from hven.batch.jobs import DirectJobs
from hven.batch.schedules.chore import ScheduleChore
from hven.batch.schedules.cron import due, next_time
from hven.batch.schedules.model import FireState
from hven.batch.schedules.schedules import DirectSchedules
from hven.batch.schedules.spec import schedules_of
from hven.batch.schedules.store import ScheduleStore
from hven.batch.schedules.tables import SWITCH
from hven.batch.store import JobStore
from hven.core.clock import NS, format_utc, now_ns, parse_utc
from hven.core.errors import AccessDeniedError, ConfigurationError, ConflictError, UnknownNameError
from hven.core.settings import BatchSettings, Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

DAY = 24 * 3600 * NS
CAMPAIGN = {
    "name": "night-{night}",
    "instrument": "panoseti",
    "data": {"values": {"day_obs": "{night}"}},
    "steps": [{"name": "l1", "pipeline": "panoseti/calibrate"}],
}


@pytest.fixture
def site(tmp_path):
    """A site with schedules of its own; gives its settings and a function that writes one."""
    for folder in ("data", "schedules"):
        (tmp_path / folder).mkdir()
    return Settings(
        root=tmp_path / "data", state=tmp_path / "state", batch=BatchSettings(schedules=tmp_path / "schedules")
    )


@pytest.fixture
def write(site):
    def written(name="s", cron="0 0 * * *", **what):
        text = yaml.safe_dump({"name": name, "cron": cron, "zone": "UTC", **(what or {"campaign": CAMPAIGN})})
        (site.batch.schedules / f"{name}.yaml").write_text(text)

    return written


@pytest.fixture
def desk(site):
    """Schedules in the name of an operator, and the chore of a service."""
    database = Database(site.platform_url)
    registry = DirectRegistry(site.registry_url, site.root)
    store, outbox = ScheduleStore(database), Outbox(database, [])
    jobs = DirectJobs(site, JobStore(database), registry, user="hven-batch", operator=True)
    schedules = DirectSchedules(site, store, user="olga", operator=True)
    chore = ScheduleChore(store, CampaignStore(database), CheckStore(database), jobs, outbox)
    yield schedules, chore
    registry.close()
    database.close()


def enable(schedules, name="s", days_ago=0.0):
    schedules.enable(name)
    with schedules.store.database.write() as connection:
        connection.execute(SWITCH.update().values(since_ns=now_ns() - round(days_ago * DAY)))


def test_an_enabled_schedule_starts_its_campaign_once_for_all_that_it_missed(desk, write):
    schedules, chore = desk
    write()
    chore.step()
    assert schedules.fires() == []

    enable(schedules, days_ago=3.0)
    for _ in range(3):
        chore.step()

    (fire,) = schedules.fires()
    assert (fire.state, fire.missed, fire.who) == (FireState.DONE, 2, "hven-batch")
    (campaign,) = chore.campaigns.find()
    assert (campaign.name, campaign.state, campaign.loaded_by) == (fire.campaign, State.READY, "hven-batch")
    night = int(campaign.name.removeprefix("night-"))
    assert campaign.spec.data.values == {"day_obs": (night,)}


def test_what_passed_before_it_was_enabled_does_not_fire(desk, write):
    schedules, chore = desk
    write(cron="0 0 1 1 *")
    enable(schedules)
    chore.step()

    assert schedules.fires() == []


def test_each_time_comes_once_however_many_services_look(database_url):
    databases = [Database(database_url) for _ in range(4)]
    stores = [ScheduleStore(database) for database in databases]

    def fire(store):
        return sum(store.fire("s", time_ns, who="hven-batch") for time_ns in range(20))

    with ThreadPoolExecutor(4) as services:
        assert sum(services.map(fire, stores)) == 20

    for database in databases:
        database.close()


def test_a_fire_that_was_noted_and_not_acted_on_is_acted_on_by_the_next_service(desk, write):
    schedules, chore = desk
    write()
    schedules.store.fire("s", parse_utc("2025-10-23T00:00Z"), who="hven-batch")
    chore._submit(schedules_of(chore.jobs.settings)["s"], schedules.fires()[0])
    with schedules.store.database.write() as connection:  # as if it had been killed before it wrote that down
        connection.exec_driver_sql("UPDATE schedule_fire SET state = 'due'")

    chore.step()

    assert [f.state for f in schedules.fires()] == [FireState.DONE]
    assert [c.name for c in chore.campaigns.find()] == ["night-20251021"]


def test_what_cannot_be_submitted_fails_once_and_is_told(desk, write, site):
    schedules, chore = desk
    write(job={"pipeline": "panoseti/calibrate", "values": {"day_obs": ["{night}"]}})
    schedules.run("s", at_ns=parse_utc("2025-10-23T00:00Z"))
    chore.step()
    chore.step()

    (fire,) = schedules.fires()
    assert fire.state == FireState.FAILED
    assert "20251021" in fire.error
    assert fire.who == "olga"


def test_a_fire_by_hand_is_for_its_time(desk, write):
    schedules, _ = desk
    write()
    at = parse_utc("2025-10-23T00:00Z")

    assert schedules.run("s", at_ns=at).fire_ns == at
    with pytest.raises(ConflictError, match="has fired for that time"):
        schedules.run("s", at_ns=at)
    with pytest.raises(ConfigurationError, match="lies ahead"):
        schedules.run("s", at_ns=now_ns() + DAY)
    assert [(e.who, e.what) for e in schedules.events("s")] == [("olga", "run")]


def test_only_operators_change_schedules(desk, write):
    schedules, _ = desk
    write()
    ada = DirectSchedules(schedules.settings, schedules.store, user="ada", operator=False)

    assert ada.get("s").enabled is False
    for act in (ada.enable, ada.disable, ada.run):
        with pytest.raises(AccessDeniedError, match="ada may not change schedules"):
            act("s")


def test_enabling_and_disabling_is_kept_with_who(desk, write):
    schedules, _ = desk
    write()

    assert schedules.enable("s").next_ns > now_ns()
    schedules.enable("s")
    assert schedules.disable("s").next_ns is None
    assert [(e.who, e.what) for e in schedules.events()] == [("olga", "disable"), ("olga", "enable")]
    with pytest.raises(UnknownNameError, match=r"Known: .*nightly-panoseti"):
        schedules.enable("x")


def test_shipped_schedules_are_off_and_what_they_submit_exists(desk):
    schedules, chore = desk
    shipped = {one.spec.name: one for one in schedules.find()}

    assert set(shipped) >= {"nightly-panoseti", "pipeline_check", "canary_api", "canary_page", "canary_notebook"}
    assert not any(one.enabled for one in shipped.values())
    for number, name in enumerate(shipped):
        schedules.run(name, at_ns=parse_utc("2025-10-22T22:00Z") + number * NS)
    chore.step()
    assert {f.state for f in schedules.fires()} == {FireState.DONE}
    assert [c.name for c in chore.campaigns.find()] == ["nightly-20251021"]


def test_sundays_are_sundays_and_days_have_their_own_length():
    zone = "America/Los_Angeles"
    assert format_utc(next_time("0 3 * * 0", "UTC", now_ns=parse_utc("2025-10-22T00:00Z"))) == "2025-10-26T03:00:00Z"
    for day, utc in (("2025-11-01", "21:00"), ("2025-11-02", "22:00")):
        found = due("0 14 * * *", zone, after_ns=parse_utc(f"{day}T12:00Z"), now_ns=parse_utc(f"{day}T23:00Z"))
        assert found == (parse_utc(f"{day}T{utc}Z"), 0)
    twice = due("30 1 * * *", zone, after_ns=parse_utc("2025-11-02T00:00Z"), now_ns=parse_utc("2025-11-02T23:00Z"))
    assert twice == (parse_utc("2025-11-02T08:30Z"), 0)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ({"cron": "61 * * * *", "check": "pipeline_check"}, "61"),
        ({"check": "pipeline_check", "job": {"pipeline": "a/b"}}, "one of campaign, job and check"),
        ({"check": "pipeline_check", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_file_is_named(site, write, what, problem):
    write(**what)

    with pytest.raises(ConfigurationError, match=problem):
        schedules_of(site)


def test_checks_run_in_a_process_of_their_own_and_leave_a_history_by_version(desk, site, monkeypatch):
    schedules, chore = desk
    checks = chore.checks
    outbox = Outbox(schedules.store.database, [type("Deaf", (), {"name": "deaf"})()])
    started = []
    check_chore = CheckChore(site, site.root / "site.yaml", checks, outbox)
    monkeypatch.setattr(check_chore, "_start", started.append)
    checks.put("canary_api", 1)
    checks.put("canary_api", 1)
    checks.put("canary_page", 2)

    check_chore.step()
    check_chore.step()
    assert [run.name for run in started] == ["canary_api"]
    checks.end(started[0], CheckState.BAD, "BAD  GET /x: 500", outbox)
    check_chore.step()

    assert [run.name for run in started] == ["canary_api", "canary_page"]
    bad = checks.runs("canary_api")[0]
    assert (bad.state, bad.version, bad.text) == (CheckState.BAD, "0.1.0", "BAD  GET /x: 500")
    assert [t.message.subject for t in notifications(site, limit=5)] == ["check canary_api of hven 0.1.0 is bad"]


def test_what_a_check_raises_is_a_bad_finding(site):
    site.state.mkdir(exist_ok=True)
    (found,) = look(site.with_port(1), "canary_api")

    assert found == Finding(good=False, text="GET /services/api/collections: ConnectError")
    assert "unknown check" in look(site, "canary_x")[0].text
