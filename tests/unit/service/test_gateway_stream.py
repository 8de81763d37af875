"""The gateway over HTTP: clients that come and go miss nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import guest_api
import httpx
import pytest

from hven.batch.commands.chore import publish
from hven.batch.commands.model import CommandRequest
from hven.batch.commands.refusals import note
from hven.batch.commands.store import CommandStore
from hven.core.clock import NS, now_ns
from hven.core.settings import Settings
from hven.model.collection import AccessClass, Collection, CollectionKind, raw_run
from hven.observatory import connect
from hven.prompt import access
from hven.registry.database import Database
from hven.telemetry import gateway as module
from hven.telemetry.gateway import WINDOW_NS, Gateway


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "data").mkdir()
    obs = connect(Settings(root=folder / "data", state=folder / "state"))
    gateway = Gateway(Database(obs.settings.platform_url))
    with guest_api.serve(obs) as url, httpx.Client(base_url=url, headers={"Authorization": "token eve.read"}) as client:
        client.settings = obs.settings
        yield gateway, client
    gateway.database.close()
    obs.close()


def events(client, number, *, last=None, **query):
    """Read so many events with data, then hang up; gives them with the id after which the client would go on."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    found, place = [], None
    with client.stream("GET", "/gateway/stream", params=query, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            place = int(value) if key == "id" else place
            found += [json.loads(value)] if key == "data" else []
            if len(found) == number:
                return found, place
    pytest.fail("the stream ended")


def test_a_client_that_hangs_up_misses_nothing(site):
    gateway, client = site
    first = gateway.publish("qc", "a", {"n": 0})
    sent = [gateway.publish("qc", "a", {"n": n}) for n in (1, 2, 3)]

    seen, place = events(client, 2, since=first)
    sent.append(gateway.publish("jobs", "b", {"n": 4}))
    more, _ = events(client, 2, last=place, since=first)

    assert [e["sequence"] for e in seen + more] == sent
    assert [e["value"]["n"] for e in seen + more] == [1, 2, 3, 4]


def test_latest_values_come_with_the_place_from_which_to_go_on(site):
    gateway, client = site
    gateway.publish("feedback", "laser", {"value": 1.5})

    now = client.get("/gateway", params={"channel": "feedback"}).json()
    gateway.publish("qc", "a", {})
    gateway.publish("feedback", "laser", {"value": 2.5})
    seen, place = events(client, 1, since=now["sequence"], channel="feedback")

    assert [(r["name"], r["value"]) for r in now["records"]] == [("laser", {"value": 1.5})]
    assert [e["value"]["value"] for e in seen] == [2.5]
    assert place == gateway.last()


def test_what_is_being_taken_is_told_to_those_who_may_see_the_raw_data(site):
    gateway, client = site
    operator = {"Authorization": "token olga.read.operate"}
    with connect(client.settings) as obs:
        obs.registry.define(Collection(raw_run("magis"), CollectionKind.RUN, AccessClass.OPERATORS))
        first = gateway.publish("live", "magis", {"n": 0})
        gateway.publish("feedback", "magis/1/laser", {"n": 1})
        gateway.publish("prompt", "magis.drops/1", {"n": 2})
        gateway.publish("prompt", "magic/1", {"n": 3})

        def told(headers):
            records = client.get("/gateway", headers=headers).json()["records"]
            return [r["value"]["n"] for r in records if r["name"].startswith("magi")]

        seen, _ = events(client, 1, since=first - 1)
        assert [e["value"]["n"] for e in seen] == [3]
        assert (told({}), sorted(told(operator))) == ([3], [0, 1, 2, 3])
        obs.registry.define(Collection(raw_run("magis"), CollectionKind.RUN, AccessClass.COLLABORATION))
        assert sorted(told({})) == [0, 1, 2, 3]


def test_what_names_a_run_is_told_to_those_who_may_see_it_also_while_a_stream_is_open(site, monkeypatch):
    gateway, client = site
    monkeypatch.setattr(access, "_LOOK_S", 0.0)
    run = "panoseti/runs/nightly/closed"
    with connect(client.settings) as obs, ThreadPoolExecutor(1) as pool:
        first = gateway.publish("qc", "panoseti.img16/1/rate", {"n": 1, "run": run})
        seen, _ = events(client, 1, since=first - 1)
        listening = pool.submit(events, client, 1, since=first)
        obs.registry.define(Collection(run, CollectionKind.RUN, AccessClass.OPERATORS))
        gateway.publish("processing", "panoseti/nightly", {"n": 2, "run": run})
        gateway.publish("processing", "panoseti/nightly", {"n": 3, "run": "panoseti/runs/nightly/open"})

        def told(**headers):
            records = client.get("/gateway", headers=headers).json()["records"]
            return {r["value"]["n"] for r in records if r["value"].get("n") and r["name"].startswith("panoseti")}

        assert [e["value"]["n"] for e in seen] == [1]
        assert [e["value"]["n"] for e in listening.result()[0]] == [3]
        assert told() == {3}
        assert told(Authorization="token olga.read.operate") == {1, 3}


def test_commands_are_for_those_who_may_see_their_data_and_their_run(site, monkeypatch):
    gateway, client = site
    monkeypatch.setattr(access, "_LOOK_S", 0.0)
    olga = {"Authorization": "token olga.read.operate"}
    store = CommandStore(gateway.database)
    secret = {"values": {"observation": ("secret.1",)}, "where": "detector == 7"}
    requests = [CommandRequest(id="on.closed.data", pipeline="closed/analyse", **secret),
                CommandRequest(id="into.closed.run", pipeline="panoseti/nightly", **secret),
                CommandRequest(id="for.all", pipeline="panoseti/nightly")]  # fmt: skip
    with connect(client.settings) as obs:
        for name in (raw_run("closed"), requests[1].run):
            obs.registry.define(Collection(name, CollectionKind.RUN, AccessClass.OPERATORS))
    first = gateway.last()
    for request in requests:
        publish(gateway, store.put(request, who="ocs"))
        note(gateway.database, request, who="ocs", why="sent before")

    def told(headers, channel="commands"):
        records = client.get("/gateway", params={"channel": channel}, headers=headers).json()["records"]
        return {record["name"] for record in records}

    def listed(headers):
        return {command["request"]["id"] for command in client.get("/commands", headers=headers).json()}

    heard, _ = events(client, 1, since=first, channel="commands")
    assert [event["name"] for event in heard] == ["for.all"]
    assert told({}) == told({}, "refusals") == listed({}) == {"for.all"}
    assert told(olga) == listed(olga) == {request.id for request in requests}
    assert client.get("/commands", params={"limit": 1}).json()[0]["request"]["id"] == "for.all"
    for hidden in requests[:2]:
        answer = client.get(f"/commands/{hidden.id}")
        assert answer.status_code == 404
        assert "secret" not in answer.text
        assert client.get(f"/commands/{hidden.id}", headers=olga).json()["request"]["where"] == "detector == 7"


def test_who_asks_for_more_than_is_kept_is_told_where_to_go_on(site, monkeypatch):
    gateway, client = site
    old = gateway.publish("qc", "a", {})
    gateway.publish("qc", "a", {})
    later = now_ns() + WINDOW_NS + 2 * 3600 * NS
    monkeypatch.setattr(module, "now_ns", lambda: later)
    last = gateway.publish("qc", "a", {})

    answer = client.get("/gateway/stream", headers={"Last-Event-ID": str(old)})

    assert answer.status_code == 410
    kind, data = answer.text.strip().split("\n")
    assert kind == "event: error"
    assert str(gateway.snapshot().oldest) in json.loads(data.removeprefix("data: "))["message"]
    assert client.get("/gateway/stream", params={"since": last + 1}).status_code == 410
