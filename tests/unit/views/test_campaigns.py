"""The Campaigns page says where each campaign stands and for whom it waits, and offers what can be decided."""

from __future__ import annotations

import panel as pn
import pytest
import sqlalchemy as sa

from hven.batch.campaigns.spec import parse_campaign
from hven.batch.campaigns.store import CampaignStore
from hven.batch.campaigns.tables import CAMPAIGN, GROUP, STEP
from hven.batch.store import JobStore
from hven.core.clock import NS, now_ns
from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.registry.database import Database
from hven.views import frame, warm
from hven.views.url import Url

STEPS = ("flats", "signal", "showers")


@pytest.fixture
def campaign(empty):
    """Load a campaign of three steps and let it stand somewhere: the states of its steps, and of their groups."""
    store = CampaignStore(JobStore(Database(empty.settings.platform_url)).database)
    number = 0

    def make(state, *steps):
        nonlocal number
        number += 1
        name = f"{state}-{number}-{now_ns()}"
        store.load(parse_campaign({"name": name, "instrument": "panoseti", "steps": [
            {"name": s, "pipeline": "panoseti/calibrate", "group_by": ["detector"], "breakpoint": s == "showers"}
            for s in STEPS]}, origin="test"), who="olga")  # fmt: skip
        with store.database.write() as connection:
            _set(connection, CAMPAIGN.update().where(CAMPAIGN.c.name == name), state=state, started_ns=now_ns())
            for place, (step, groups) in enumerate(steps):
                here = (STEP.c.campaign == name) & (STEP.c.number == place)
                _set(connection, STEP.update().where(here), state=step, started_ns=now_ns(), note=f"{step} because")
                rows = [{"campaign": name, "step": place, "attempt": 1, "name": f"detector={n}", "values": {},
                         "where": "", "tries": 1, "job": n, "total": 8, "done": 8 if g == "accepted" else 5,
                         "bad": 3 if g == "failed" else 0, "state": g, "started_ns": now_ns() - 60 * NS,
                         "ended_ns": now_ns() if g != "running" else 0} for n, g in groups.items()]  # fmt: skip
                connection.execute(GROUP.insert(), rows)
        return name

    yield make
    with store.database.write() as connection:
        for table in (GROUP, STEP, CAMPAIGN):
            connection.execute(sa.delete(table))


def _set(connection, update, **values):
    connection.execute(update.values(**values))


def shown(observatory, **values):
    """All HTML of the page, and its buttons."""
    page = frame.page("campaigns", warm.PAGES["campaigns"], observatory, Url(**values))
    return " ".join(str(p.object) for p in page.select(pn.pane.HTML)), [b.label for b in page.select(pn.ui.Button)]


def test_every_campaign_says_where_it_stands_and_for_whom_it_waits(empty, campaign):
    good = {1: "accepted", 3: "accepted"}
    name = campaign("failed", ("accepted", good), ("failed", {1: "accepted", 3: "failed"}))
    campaign("blocked", ("accepted", good), ("accepted", good), ("blocked", good))
    text, _ = shown(empty)
    for words in ("2 of 3: signal", "a decision: retry, accept or reject", "failed because", "3 failed or blocked",
                  "3 of 3: showers", "a review: accept or reject", f"./campaigns?campaign={name}"):  # fmt: skip
        assert words in text


def test_campaigns_are_chosen_by_what_they_wait_for(empty, campaign):
    waiting, running = campaign("waiting"), campaign("running", ("running", {1: "running"}))
    assert [waiting in (t := shown(empty, show=s)[0]) or running in t for s in ("wait for somebody", "ended")] == [1, 0]
    assert running not in shown(empty, show="wait for somebody")[0]


def test_the_matrix_has_a_cell_for_each_group_and_step(empty, campaign):
    groups = {254: "failed", 3: "running"}
    name = campaign("running", ("accepted", dict.fromkeys(groups, "accepted")), ("running", groups))
    text, _ = shown(empty, campaign=name)
    matrix = text[text.index("<h3>Groups") :]
    assert matrix.index("detector=3") < matrix.index("detector=254")
    for words in ("8 / 8", "5 / 8, 3 bad", "./jobs?job=254", "running", "failed", "accepted"):
        assert words in matrix
    assert matrix.count("not planned") == 2


@pytest.mark.parametrize(
    ("stands", "buttons"),
    [
        (("waiting", "waiting", "ready"), ["Start"]),
        (("running", "running", "failed"), ["Pause", "Retry 1 failed"]),
        (("paused", "running", "running"), ["Resume"]),
        (("blocked", "blocked", "accepted"), ["Pause", "Accept …", "Reject …"]),
        (("failed", "failed", "failed"), ["Pause", "Accept …", "Reject …", "Retry 1 failed"]),
        (("rejected", "rejected", "accepted"), ["Redo …"]),
        (("accepted", "accepted", "accepted"), []),
    ],
)
def test_operators_are_offered_what_its_state_allows(empty, campaign, monkeypatch, stands, buttons):
    state, step, group = stands
    later = [("accepted", {1: "accepted"})] * 2 if state == "accepted" else []
    name = campaign(state, (step, {1: group}), *later)
    monkeypatch.setattr(frame, "asking", lambda: lambda _path, _body: None)
    assert shown(empty, campaign=name)[1] == buttons
    reader = empty.seen_by(Viewer("ada", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION})))
    assert shown(reader, campaign=name)[1] == []


def test_a_campaign_that_is_not_there_is_said_to_be_so(empty):
    assert "There is no campaign dr9" in shown(empty, campaign="dr9")[0]
