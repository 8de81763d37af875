"""The Schedules page says when each fires, what it made, and how checks fared; operators change them there."""

from __future__ import annotations

import panel as pn
import pytest
import sqlalchemy as sa

from hven.batch.checks.store import CheckStore
from hven.batch.schedules.store import ScheduleStore
from hven.batch.schedules.tables import CHECK
from hven.core.clock import NS, parse_utc
from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.registry.database import Database
from hven.views import frame, warm
from hven.views.pages import schedules
from hven.views.url import Url

FIRE = parse_utc("2025-10-22T17:00:00")
READER = Viewer("ada", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION}))


@pytest.fixture
def database(empty):
    database = Database(empty.settings.platform_url)
    yield database
    with database.write() as connection:
        connection.execute(sa.delete(CHECK))


def shown(observatory):
    """All HTML of the page, and its buttons."""
    page = frame.page("schedules", warm.PAGES["schedules"], observatory, Url())
    return " ".join(str(p.object) for p in page.select(pn.pane.HTML)), [b.label for b in page.select(pn.ui.Button)]


def test_an_enabled_schedule_says_when_it_fires_next_and_what_it_made(empty, database):
    store, spec = ScheduleStore(database), schedules.schedules.schedules(empty.settings)[0].spec
    assert "never" in shown(empty)[0]
    store.switch(spec.name, on=True, who="olga")
    store.fire(spec.name, FIRE, who="olga", by_hand=True)
    text, _ = shown(empty)
    for words in (spec.name, "enabled", "disabled", spec.cron.replace("*", "*"), "by olga", "2025-10-22 17:00", "in "):
        assert words in text


def test_checks_are_counted_by_version_of_the_software(empty, database):
    CheckStore(database)
    rows = [("canary_api", "1.0", "good"), ("canary_api", "1.1", "bad"), ("canary_api", "1.1", "good")]
    with database.write() as connection:
        connection.execute(CHECK.insert(), [
            {"name": n, "fire_ns": FIRE + place * NS, "state": s, "version": v, "text": "first\n<second>",
             "started_ns": FIRE, "ended_ns": FIRE + 2 * NS} for place, (n, v, s) in enumerate(rows)])  # fmt: skip
    text, _ = shown(empty)
    for words in ("1.0", "1.1", "1 good", "1 bad", "2.0 s", "&lt;second&gt;"):
        assert words in text


def test_only_operators_change_schedules(empty, monkeypatch):
    monkeypatch.setattr(frame, "asking", lambda: lambda _path, _body: None)
    assert "Run now …" in shown(empty)[1]
    assert shown(empty.seen_by(READER))[1] == []
