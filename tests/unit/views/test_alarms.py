"""What pages say of alarms, of what people marked, and of nights; and what can be done there."""

from __future__ import annotations

import panel as pn
import pytest
import sqlalchemy as sa
from bokeh.models import HBar

from hven.alarms.alarm_tables import METADATA
from hven.alarms.model import Round, Signal
from hven.alarms.outbox import Outbox
from hven.alarms.rules import Rule
from hven.alarms.store import AlarmStore
from hven.core.clock import NS, now_ns, parse_utc
from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.observatory.night import summarise
from hven.registry.database import Database
from hven.registry.schema import annotation
from hven.views import frame, warm
from hven.views.url import Url

ROOT = Rule(name="root", source="s", keys="root", kind="threshold", upper=0, says="dome <open>", advice="Shut it.")
LEAF = Rule(name="leaf", source="s", keys="leaf", kind="threshold", upper=0, says="it rains in", because=("root",))
READER = Viewer("ada", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION}))
NIGHT = parse_utc("2025-10-22T04:30:00")


def raise_alarms(observatory, now):
    store = AlarmStore(database := Database(observatory.settings.platform_url))
    signals = [Signal("s", key, 1.0, now) for key in ("root", "leaf")]
    store.evaluate([ROOT, LEAF], Round.of(signals), now, Outbox(database, []))
    return {alarm.rule: alarm for alarm in store.find()}


@pytest.fixture
def clean(night):
    """The night, without alarms and annotations afterwards."""
    yield night
    for url, tables in (
        (night.settings.platform_url, METADATA.sorted_tables),
        (night.settings.registry_url, [annotation]),
    ):
        with Database(url).write() as connection:
            for table in tables:
                connection.execute(sa.delete(table))


def shown(observatory, name, **values):
    """All HTML of a page, and its buttons."""
    page = frame.page(name, warm.PAGES[name], observatory, Url(**values))
    return " ".join(str(p.object) for p in page.select(pn.pane.HTML)), [b.label for b in page.select(pn.ui.Button)]


def test_alarms_stand_beneath_their_cause_with_verdict_and_history(clean):
    found = raise_alarms(clean, now_ns())
    text, _ = shown(clean, "alarms", alarm=found["root"].id)
    for words in ("FAIL", "dome &lt;open&gt;", "Shut it.", "└ ", "it rains in", "raised", "linked"):
        assert words in text
    assert text.index("dome &lt;open&gt;") < text.index("it rains in")
    assert text.count(">root root</a>") == 1  # the history names alarms, and not by their ids
    assert "unknown alarm" in shown(clean, "alarms", alarm="nothing")[0]


def test_without_an_alarm_the_page_says_what_is_looked_at(clean):
    text, _ = shown(clean, "alarms")
    for words in ("No alarm is open", "every 15 s", "no-raw-data", "telemetry-gap"):
        assert words in text


def test_only_operators_change_alarms(clean, monkeypatch):
    monkeypatch.setattr(frame, "asking", lambda: lambda _path, _body: None)
    assert shown(clean, "alarms")[1] == []
    raise_alarms(clean, now_ns())
    assert shown(clean, "alarms")[1] == ["Acknowledge …", "Comment …", "Silence …", "Clear …"]
    assert shown(clean.seen_by(READER), "alarms")[1] == ["Comment …"]


def test_a_family_of_alarms_is_silenced_with_one_button(clean, monkeypatch):
    asked = []
    monkeypatch.setattr(frame, "asking", lambda: lambda path, body: asked.append((path, body)))
    store = AlarmStore(database := Database(clean.settings.platform_url))
    rule = Rule(name="quality", source="quality", kind="threshold", upper=0, each=True, says="{key}")
    signals = [Signal("quality", f"img16/1/{metric}", 1.0, now_ns()) for metric in ("gain", "lost_packets")]
    store.evaluate([rule], Round.of(signals), now_ns(), Outbox(database, []))
    page = frame.page("alarms", warm.PAGES["alarms"], clean, Url())
    next(b for b in page.select(pn.ui.Button) if b.label == "Silence a family …").clicks += 1
    [why] = [w for w in page.select(pn.ui.TextInput) if w.label == "Reason"]
    why.value = "tests"
    next(b for b in page.select(pn.ui.Button) if b.label == "Silence them").clicks += 1

    [(path, body)] = asked
    assert (path, body["rules"], body["text"]) == ("alarm-silences", "quality/*", "tests")


def test_tonight_joins_alarms_marks_and_the_night_log_in_one_verdict(clean):
    before, _ = shown(clean, "tonight", night="20251021")
    assert "Nobody has marked anything bad" in before
    assert "Nobody has written anything yet" in before
    raise_alarms(clean, NIGHT)
    clean.annotate("clouds <came>", bad=True, detector=254)
    clean.annotate("dome open", kind="begin", day_obs=20251021)
    clean.annotate("clouds again", bad=True, day_obs=20251021, detector=254)
    text, _ = shown(clean, "tonight", night="20251021")
    for words in ("alarms were open at the end", "dome &lt;open&gt;", "clouds again", "observing begins", "dome open"):
        assert words in text
    assert "Also: " in text


def test_tonight_shows_what_is_marked_bad_in_part_or_as_a_whole_and_by_whom(clean):
    clean.annotate("<lens> broken", bad=True, detector=254)
    clean.annotate("clouds", bad=True, instrument="panoseti", begin=NIGHT + 60 * NS, end=NIGHT + 120 * NS)
    page = frame.page("tonight", warm.PAGES["tonight"], clean, Url(night="20251021"))
    text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))
    data = [r.data_source.data for pane in page.select(pn.pane.Bokeh) for r in pane.object.renderers
            if isinstance(r.glyph, HBar)]  # fmt: skip
    columns = [zip(d["row"], d["state"], d["marks"], strict=True) for d in data]
    cells = {(row, state): marks for each in columns for row, state, marks in each}

    assert dict(cells.keys()) == {
        "1 img16": "partly bad", "1 ph1024": "partly bad", "254 img16": "bad", "254 ph1024": "bad",
    }  # fmt: skip
    assert cells["1 img16", "partly bad"].startswith("04:31:00 to 04:32:00: marked bad by ")
    assert cells["1 img16", "partly bad"].endswith(": clouds")
    assert cells["254 img16", "bad"].endswith("<lens> broken")
    assert "partly bad" in text


def test_an_observation_says_who_marked_it_and_people_say_more_there(clean, monkeypatch):
    asked = []
    monkeypatch.setattr(frame, "asking", lambda: lambda path, body: asked.append((path, body)))
    mark = clean.annotate("lens <broken>", bad=True, detector=254)
    page = frame.page("observation", warm.PAGES["observation"], clean, Url(dataset="254.ph1024"))
    text = " ".join(str(p.object) for p in page.select(pn.pane.HTML))
    buttons = {b.label: b for b in page.select(pn.ui.Button)}
    assert "lens &lt;broken&gt;" in text
    assert {"Mark detector 254 bad …", "Mark the observation bad …", "Comment …", "Retract …"} <= buttons.keys()
    buttons["Retract …"].clicks += 1
    [why] = [w for w in page.select(pn.ui.TextInput) if w.label == "Why"]
    why.value = "mended"
    next(b for b in page.select(pn.ui.Button) if b.label == "Take it back").clicks += 1
    assert asked == [("annotations", {"kind": "retract", "retracts": mark.id, "text": "mended"})]


ABOUT_DATA = Rule(name="quality", source="quality", kind="threshold", upper=0, says="{key} is bad: {text}.")
ABOUT_NIGHT = Rule(name="files-amiss", source="ledger", kind="threshold", upper=0, says="{value} amiss in {key}.")
NEXT_DAY = NIGHT + 20 * 3600 * NS


def raise_about(observatory, now, *, value=1.0, observation="crab.20251022T040000Z", night=20251021):
    """Alarms about the data of an observation and about a night, raised or, with the value 0, over at some time."""
    store = AlarmStore(database := Database(observatory.settings.platform_url))
    signals = [
        Signal("quality", "img16/1/gain", value, now, 1, f"7 in {observation}"),
        Signal("ledger", f"panoseti/{night}", value, now),
    ]
    store.evaluate([ABOUT_DATA, ABOUT_NIGHT], Round.of(signals), now, Outbox(database, []))


def test_alarms_about_a_nights_data_are_those_of_the_night_whenever_they_were_raised(clean):
    raise_about(clean, NEXT_DAY)
    that, next_ = (shown(clean, "tonight", night=night)[0] for night in ("20251021", "20251022"))
    assert "7 in crab.20251022T040000Z" in that
    assert "1 amiss in panoseti/20251021" in that
    assert "No alarm." not in that
    assert "No alarm." in next_
    told = summarise(clean, "panoseti", 20251021)
    assert {alarm.rule for alarm in told.alarms} == {"quality", "files-amiss"}
    assert summarise(clean, "panoseti", 20251022).alarms == ()


def test_alarms_about_data_count_no_more_when_they_are_over(clean):
    raise_about(clean, NEXT_DAY)
    raise_about(clean, NEXT_DAY + 60 * NS, value=0.0)
    assert "2 alarms, all over" in shown(clean, "tonight", night="20251021")[0]


def test_what_only_looks_like_an_observation_or_a_night_is_none(clean):
    raise_about(clean, NIGHT, observation="x.99999999T999999Z", night=20259999)
    assert "2 alarms were open at the end" in shown(clean, "tonight", night="20251021")[0]
    assert "0 alarms" not in shown(clean, "nights")[0]


def test_the_calendar_counts_alarms_with_the_night_of_their_data(clean):
    raise_about(clean, NEXT_DAY)
    assert "1 observations, 2 alarms" in shown(clean, "nights")[0]


def test_the_calendar_says_how_each_night_was_and_leads_to_it(clean):
    raise_alarms(clean, NIGHT + 10 * 86_400 * NS)
    text, _ = shown(clean, "nights")
    assert "October 2025" in text
    assert "tonight?night=20251021" in text
    assert "1 observations, 0 alarms" in text
    assert "0 observations, 1 alarms" in text


def test_trends_and_timelines_show_primary_alarms(clean):
    raise_alarms(clean, NIGHT)
    for name in ("trends", "tonight"):
        page = frame.page(name, warm.PAGES[name], clean, Url(night="20251021"))
        sources = [pane.object.select_one({"name": "alarms"}) for pane in page.select(pn.pane.Bokeh)]
        [marked] = [s for s in sources if s is not None]
        assert list(marked.data["rule"]) == ["root"]
