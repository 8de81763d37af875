"""The System page: versions of services, self-tests, who uses the hub, and alarms in short."""

from __future__ import annotations

import re

import panel as pn
import pytest
import small_night
import sqlalchemy as sa
from bokeh.document import Document

import hven
from hven.alarms.alarm_tables import ALARM
from hven.alarms.store import AlarmStore
from hven.batch.checks.known import CHECKS, SELF_TESTS
from hven.batch.checks.store import CheckStore
from hven.batch.schedules.store import ScheduleStore
from hven.batch.schedules.tables import CHECK
from hven.core.clock import NS, now_ns
from hven.core.errors import AccessDeniedError, ServiceUnavailableError
from hven.core.settings import ServerSettings
from hven.hub.hub_users import HubUsers, UserServer
from hven.hub.status import ServiceStatus
from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.registry.database import Database
from hven.views import formats, frame, warm
from hven.views.pages import system_services
from hven.views.url import Url

DAY_S = 86_400
ADA = Viewer("ada", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION}))
EVE = Viewer("eve", frozenset({AccessClass.PUBLIC}))
OLGA = Viewer("olga", frozenset(AccessClass))


@pytest.fixture
def observatory(tmp_path):
    observatory = small_night.make(tmp_path, observations=())
    yield observatory
    observatory.close()


@pytest.fixture
def database(observatory):
    database = Database(observatory.settings.platform_url)
    yield database
    database.close()


@pytest.fixture
def many(observatory, tmp_path, monkeypatch):
    """The observatory as an installation for many users."""
    server = ServerSettings(runtime=tmp_path / "run")
    monkeypatch.setattr(observatory, "settings", observatory.settings.model_copy(update={"server": server}))
    return observatory


@pytest.fixture
def hub(monkeypatch):
    """Put a hub behind the pages."""

    def put(ask):
        monkeypatch.setitem(pn.state.cache, frame.HUB_USERS, ask)

    return put


def text_of(observatory):
    page = frame.page("system", warm.PAGES["system"], observatory, Url())
    page.get_root(Document())
    return " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))


def part(text, title):
    """The section of a title, up to the next one."""
    return re.search(rf"<h2>{title} .*?(?=<h2>|$)", text, re.DOTALL)[0]


def rows(text):
    return [re.findall(r"<td class=[^>]*>(.*?)</td>", row, re.DOTALL) for row in text.split("<tr>")[2:]]


def verdict(text):
    return re.sub(r"<svg.*?</svg>", "", re.search(r'<div class="banner".*?</div></div></div>', text, re.DOTALL)[0])


# Versions


def services(*versions):
    return [ServiceStatus(f"s{n}", "running", 1, 1.0, version=v) for n, v in enumerate(versions)]


def test_services_that_run_another_version_than_is_installed_are_named(observatory, monkeypatch):
    monkeypatch.setattr(system_services, "known", lambda _: (services("0.0.1", hven.__version__, ""), None))
    text = text_of(observatory)
    assert "WARN" in verdict(text)
    assert f"hven {hven.__version__} is installed, but s0 still runs 0.0.1." in verdict(text)
    found = rows(part(text, "Services"))
    assert [re.sub(r"<.*?>", "", row[2]) for row in found] == ["0.0.1", hven.__version__, formats.MISSING]
    assert "<svg" in found[0][2]
    assert "<svg" not in found[1][2]


def test_services_of_the_installed_version_are_well(observatory, monkeypatch):
    monkeypatch.setattr(system_services, "known", lambda _: (services(hven.__version__), None))
    assert "PASS" in verdict(text_of(observatory))


def test_a_record_that_is_closed_to_the_pages_takes_nothing_else_away(observatory, monkeypatch):
    def closed(_settings):
        raise AccessDeniedError("platform.json is closed to you", hint="Whoever runs the platform may ask.")

    monkeypatch.setattr(system_services, "status", closed)
    text = text_of(observatory)
    assert "platform.json is closed to you" in part(text, "Services")
    assert "NO DATA" in verdict(text)
    assert "Nothing in quarantine" in text


# Self-tests


@pytest.fixture
def ran(database):
    """Write runs of checks: name, state, text, and how many hours ago."""
    CheckStore(database)

    def write(*runs):
        with database.write() as connection:
            for name, state, text, hours in runs:
                began = now_ns() - hours * 3600 * NS
                ended = {"started_ns": began, "ended_ns": began + 12 * NS} if state in {"good", "bad"} else {}
                connection.execute(CHECK.insert().values(
                    name=name, fire_ns=began, state=state, version="0.9", text=text, **ended))  # fmt: skip

    return write


def test_without_a_self_test_the_page_says_how_to_run_one(observatory):
    text = text_of(observatory)
    assert "No self-test has run yet" in part(text, "Self-test")
    assert "hven schedule run pipeline_check" in part(text, "Self-test")
    assert "NO DATA" in verdict(text)


def test_the_last_run_of_each_is_shown_with_what_it_found(observatory, ran):
    ran(
        ("canary_api", "bad", "BAD  GET /old: 500", 3),
        ("canary_api", "good", "good GET /services/api/collections: 200 in 0.02 s", 2),
        ("canary_page", "good", "good GET /hub/login: 200\ngood GET <health>: 200", 1),
    )
    text = text_of(observatory)
    found = {row[0]: row for row in rows(part(text, "Self-test"))}
    assert list(found) == list(SELF_TESTS)
    api, page = found["canary_api"], found["canary_page"]
    assert "good</span>" in api[1]
    assert "2 h 00 min ago" in api[2]
    assert api[3:6] == ["12.0 s", "0.9", "GET /services/api/collections: 200 in 0.02 s"]
    assert "GET &lt;health&gt;: 200" in page[5]
    assert "never" in found["canary_notebook"][1]
    assert "hven schedule enable canary_notebook" in found["canary_notebook"][6]
    assert "FAIL" not in verdict(text)


def test_a_failed_self_test_is_the_verdict_until_it_ran_well_again(observatory, ran):
    ran(("pipeline_check", "bad", "good panoseti: 8 files taken in\nBAD  rows: <3>, must be in [5, 5]", 30))
    found = verdict(text_of(observatory))
    assert "FAIL" in found
    assert "Self-test pipeline_check of hven 0.9 failed: rows: &lt;3&gt;, must be in [5, 5]." in found
    assert "hven schedule run pipeline_check" in found

    ran(("pipeline_check", "running", "", 1))
    text = text_of(observatory)
    assert "FAIL" in verdict(text)
    assert "running</span>" in rows(part(text, "Self-test"))[0][1]

    ran(("pipeline_check", "good", "good rows: 5", 0))
    assert "FAIL" not in verdict(text_of(observatory))


def test_what_makes_reports_is_no_self_test(observatory, ran):
    assert set(CHECKS) - set(SELF_TESTS) == {"night_report"}
    ran(("night_report", "bad", "BAD  no data", 1))
    text = text_of(observatory)
    assert "FAIL" not in verdict(text)
    assert "night_report" not in part(text, "Self-test")


def test_an_enabled_self_test_says_when_it_runs_next(observatory, database):
    ScheduleStore(database).switch("canary_api", on=True, who="olga")
    row = next(r for r in rows(part(text_of(observatory), "Self-test")) if r[0] == "canary_api")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:05<br>.*in ", row[6])


# Users and servers


def server(user, **more):
    values = {"name": "", "ready": True, "pending": "", "started_ns": 1_761_105_600 * NS, "active_ns": now_ns(),
              "chosen": {}}  # fmt: skip
    return UserServer(user, **(values | more))


def people():
    chosen = {"profile": "<small>", "environment": "2026.1"}
    return HubUsers(5, (server("ada", chosen=chosen), server("<bert>", ready=False, pending="spawn")))


def test_where_there_is_no_hub_there_is_no_such_section(observatory):
    assert "Users and servers" not in text_of(observatory)


def test_who_has_a_server_is_shown_with_state_and_choice(observatory, hub):
    hub(people)
    text = part(text_of(observatory), "Users and servers")
    assert "5 users known to the hub, 2 servers running" in text
    ada, bert = rows(text)
    assert ada[0] == "ada"
    assert "ready" in ada[2]
    assert ada[3:] == ["2025-10-22 04:00", "less than 1 min ago", "environment 2026.1, profile &lt;small&gt;"]
    assert bert[0] == "&lt;bert&gt;"
    assert "starting" in bert[2]


def test_in_the_try_out_all_see_all(observatory, hub):
    hub(people)
    assert "&lt;bert&gt;" in text_of(observatory.seen_by(ADA))


@pytest.mark.parametrize(("viewer", "seen"), [(OLGA, ["ada", "&lt;bert&gt;"]), (ADA, ["ada"]), (EVE, [])])
def test_among_many_people_only_operators_see_whose_servers_run(many, hub, viewer, seen):
    hub(people)
    whole = text_of(many.seen_by(viewer))
    text = part(whole, "Users and servers")
    assert "5 users known to the hub, 2 servers running" in text
    assert [row[0] for row in rows(text)] == seen
    assert ("Whose the others are is for operators." in text) == (len(seen) < 2)
    assert ("bert" in whole) == (viewer is OLGA)
    assert ("small" in whole) == (viewer is not EVE)


def test_a_hub_that_does_not_answer_takes_nothing_else_away(observatory, hub):
    def fail():
        raise ServiceUnavailableError("the hub does not say who uses it: <b>", hint="Later.")

    hub(fail)
    text = text_of(observatory)
    assert "the hub does not say who uses it: &lt;b&gt;" in part(text, "Users and servers")
    assert "Nothing in quarantine" in text


def test_without_servers_the_users_are_still_counted(observatory, hub):
    hub(lambda: HubUsers(1, ()))
    text = part(text_of(observatory), "Users and servers")
    assert "1 user known to the hub, 0 servers running" in text
    assert "No notebook server runs" in text


# Alarms


def raised(database, rule, state, days_ago, place):
    time_ns = now_ns() - days_ago * DAY_S * NS
    over = time_ns if state == "cleared" else 0
    with database.write() as connection:
        connection.execute(sa.insert(ALARM).values(
            id=f"a{place}", rule=rule, key="k", state=state, severity="error", text=f"text of {rule}", advice="",
            value=None, since_ns=time_ns, raised_ns=time_ns, cleared_ns=over, cause="", alone_ns=0, told=True, by="",
        ))  # fmt: skip


def test_alarms_are_open_or_counted_by_rule(observatory, database):
    AlarmStore(database)
    cases = [("disk<b>", "cleared", 2), ("disk<b>", "cleared", 9), ("dome", "cleared", 29), ("dome", "cleared", 31),
             ("rain", "raised", 40)]  # fmt: skip
    for place, case in enumerate(cases):
        raised(database, *case, place)
    text = part(text_of(observatory), "Alarms")
    assert "1 open, 3 over in the last 30 days" in text
    assert "text of rain" in text
    assert "alarm=a4" in text
    assert [row[:2] for row in rows(text)] == [["disk&lt;b&gt;", "2"], ["dome", "1"]]
    assert 'href="./alarms"' in text


def test_of_many_open_alarms_the_first_are_shown_and_the_others_counted(observatory, database):
    AlarmStore(database)
    for place in range(13):
        raised(database, f"rule{place:02}", "raised", place, place)
    text = part(text_of(observatory), "Alarms")
    assert "13 open" in text
    assert re.findall(r">(rule\d\d)</a>", text) == [f"rule{place:02}" for place in range(10)]
    assert "and 3 more" in text


def test_without_alarms_the_page_says_so(observatory):
    text = part(text_of(observatory), "Alarms")
    assert "No alarm is open" in text
    assert "No alarm was raised and is over in the last 30 days" in text


def test_people_find_services_then_self_tests_then_users(observatory, hub):
    hub(people)
    titles = re.findall(r"<h2>(.*?) <span", text_of(observatory))
    assert titles[:4] == ["Services", "Self-test", "Users and servers", "Alarms"]
