"""The Telemetry page shows a channel, keys apart, and the newest sample of each topic."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd
import panel as pn
import pytest
import small_night
from bokeh.document import Document

from hven.core.clock import NS, day_obs, now_ns
from hven.model.telemetry import Sample
from hven.telemetry.queries import TopicState, states
from hven.telemetry.store import TelemetryStore
from hven.telemetry.topics import declared
from hven.views import frame, warm
from hven.views.conditions import conditions
from hven.views.pages.telemetry import channels
from hven.views.take import Take
from hven.views.url import Url


@pytest.fixture(scope="module")
def obs(tmp_path_factory):
    made = small_night.make(tmp_path_factory.mktemp("telemetry"), observations=())
    topics = declared(made.settings).topics
    store, now = TelemetryStore(made.root), now_ns()
    times = now + np.arange(-600, 1) * NS
    ahead = times + 3600 * NS
    for laser, power in (("cooling", 100.0), ("<b>x</b>", 7.0)):
        table = {"time": ahead, "laser": laser, "power": power, "detuning": 0.5, "locked": True}
        store.append(topics["laser"], pd.DataFrame(table))
    store.append(topics["dome"], pd.DataFrame({"time": times - 3600 * NS, "azimuth": 10.0}))
    yield made
    made.close()


def shown(obs, **values):
    page = frame.page("telemetry", warm.PAGES["telemetry"], obs, Url(**values))
    page.get_root(Document())
    return page, " ".join(str(p.object) for p in page.select(pn.pane.HTML))


def test_a_channel_of_one_device_is_drawn_with_the_lines_that_give_it(obs):
    page, text = shown(obs, topic="laser", channel="cooling power", time="last hour")

    (take,) = page.select(Take)
    drawn = pd.read_csv(StringIO(take.csv()), comment="#")
    assert drawn["count"].sum() == 601
    assert set(drawn["max"].dropna()) == {100.0}
    assert 'obs.telemetry("laser", ["power"]' in take.line
    assert "failed" not in text


def test_topics_say_their_newest_sample_and_whether_it_is_late(obs):
    _, text = shown(obs)

    assert "1 h 00 min ago" in text
    assert text.count("late") == 1
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "<b>x</b>" not in text


def test_another_topic_offers_its_own_channels(obs):
    page, _ = shown(obs, topic="laser")
    topic, channel = (s for s in page.select(pn.ui.Select) if s.label in {"Topic", "Channel"})

    topic.value = "dome"

    assert channel.options == ["azimuth", "opening", "temperature"]
    assert len(page.select(Take)) == 1


def test_a_night_shows_its_own_samples_or_says_that_there_are_none(obs):
    offset = obs.settings.observatory.day_obs_offset_hours
    (state,) = (one for one in states(obs.settings) if one.topic.name == "dome")
    night = day_obs(state.latest_ns, offset)

    page, _ = shown(obs, topic="dome", channel="azimuth", night=str(night))
    (take,) = page.select(Take)
    assert set(pd.read_csv(StringIO(take.csv()), comment="#")["max"].dropna()) == {10.0}
    page, text = shown(obs, topic="dome", channel="azimuth", night="20200101")
    assert "No samples of this time" in text
    assert not page.select(Take)


def test_conditions_are_those_of_the_time_that_is_asked_for(obs):
    store, topic, begin = TelemetryStore(obs.root), declared(obs.settings).topics["weather"], now_ns() - 3 * 86_400 * NS
    assert conditions(obs.root, begin, begin + 60 * NS) == {}
    times = begin + np.arange(120) * NS
    temperature = np.arange(120) / 10
    store.append(topic, pd.DataFrame({"time": times, "temperature": temperature, "humidity": 41.0}))

    found = conditions(obs.root, begin, begin + 60 * NS)

    assert found == {"Outside": "0 to 5.9 °C", "Humidity": "41 %"}


def test_channels_without_a_reading_come_last(obs):
    (state,) = (one for one in states(obs.settings) if one.topic.name == "dome")
    unread = TopicState(state.topic, (Sample(0, {"azimuth": np.nan, "opening": 1.0, "temperature": 2.0}),))

    assert list(channels(unread)) == ["opening", "temperature", "azimuth"]
