"""Campaigns are there for those who may see the data that they work on and all that they make."""

from __future__ import annotations

import guest_api
import httpx
import panel as pn
import pytest
from bokeh.document import Document

from hven.batch.campaigns.spec import CampaignSpec
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.collection import AccessClass, Collection, CollectionKind, raw_run
from hven.observatory import connect
from hven.views import frame, warm
from hven.views.url import Url

NAMES = ("open", "closed", "closed-in-part", "closed-part")
CLOSED = {
    "closed": ("panoseti/runs/closed", CollectionKind.CHAINED),
    "closed-in-part": ("panoseti/runs/closed-in-part/l1/v1/20251021", CollectionKind.RUN),
}
EVE = {"Authorization": "token eve.read"}
OLGA = {"Authorization": "token olga.read.submit.operate"}
WAYS = ("", "/report")


@pytest.fixture(scope="module")
def obs(tmp_path_factory):
    root = tmp_path_factory.mktemp("campaigns")
    (root / "data").mkdir()
    made = connect(Settings(root=root / "data", state=root / "state"))
    for name in NAMES:
        steps = [{"name": "l1", "pipeline": "panoseti/calibrate"}]
        made.campaigns.load(CampaignSpec(name=name, instrument="panoseti", steps=steps))
    for name, kind in CLOSED.values():
        made.registry.define(Collection(name, kind, AccessClass.OPERATORS))
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(obs):
    with guest_api.serve(obs) as url, httpx.Client(base_url=url, headers=EVE) as made:
        yield made


def seen(client, headers=None):
    listed = {campaign["name"] for campaign in client.get("/campaigns", headers=headers).json()}
    heard = {event["campaign"] for event in client.get("/campaign-events", headers=headers).json()}
    assert listed == heard
    return listed


def test_campaigns_are_listed_for_those_who_may_see_all_that_they_make(client):
    assert seen(client) == set(NAMES) - set(CLOSED)
    assert seen(client, OLGA) == set(NAMES)


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_campaign_is_not_there(client, name):
    absent = client.get("/campaigns/other")
    for way in WAYS:
        answer = client.get(f"/campaigns/{name}{way}")
        assert (way, answer.status_code) == (way, absent.status_code) == (way, 404)
        assert "Known: closed-part, open." in str(answer.json())
        assert client.get(f"/campaigns/{name}{way}", headers=OLGA).status_code == 200
    assert client.get("/campaign-events", params={"campaign": name}).json() == []


def test_campaigns_of_an_instrument_whose_raw_data_are_closed_are_not_there(obs, client):
    obs.registry.define(Collection(raw_run("panoseti"), CollectionKind.RUN, AccessClass.OPERATORS))
    try:
        assert seen(client) == set()
    finally:
        obs.registry.define(Collection(raw_run("panoseti"), CollectionKind.RUN, AccessClass.COLLABORATION))


def test_the_board_shows_what_the_api_lists(obs):
    eve = Viewer("eve", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION}))
    olga = Viewer("olga", frozenset(AccessClass))

    def board(viewer, **values):
        page = frame.page("campaigns", warm.PAGES["campaigns"], obs.seen_by(viewer), Url(**values))
        page.get_root(Document())
        return " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))

    assert "closed-part" in board(eve)
    assert "closed-in-part" not in board(eve)
    assert "closed-in-part" in board(olga)
    assert "There is no campaign closed-in-part" in board(eve, campaign="closed-in-part")
    assert "panoseti/calibrate" in board(olga, campaign="closed-in-part")
