"""OCS-driven batch: a control system commands over HTTP and follows, whatever is killed meanwhile."""

from __future__ import annotations

from contextlib import ExitStack, closing
from functools import partial

import calibration_sets as sets
import campaign_site
import pytest
import tiny_site
from api_server import serving
from control_system import ControlSystem

from hven.batch.commands.chore import CommandChore, publish
from hven.batch.commands.model import CommandRequest, CommandState
from hven.batch.commands.store import CommandStore
from hven.batch.commands.tables import COMMAND, METADATA, NAME
from hven.batch.model import JobClass, JobState
from hven.core.errors import ServiceUnavailableError
from hven.observatory import connect
from hven.registry.database import Database
from hven.service.auth import Caller
from hven.telemetry.gateway import Gateway

SIGNAL = {"pipeline": "tiny/all#first", "values": {"detector": [1, 2]}}


class Everybody:
    """Knows the operator `ocs`, and readers by any other name."""

    async def caller(self, token):
        verbs = ("read", "submit", "operate") if token == "ocs" else ("read",)
        return Caller(token, frozenset(f"custom:hven:{verb}" for verb in verbs))


class Observatory:
    """A tiny site with its API, a control system, and a batch service that can be killed between any two steps."""

    def __init__(self, site, ocs, opened):
        self.site, self.ocs, self.opened = site, ocs, opened
        self.start_service()

    def start_service(self, tell=None):
        """A new process of the batch service knows nothing but what is in the database."""
        database = self.opened.enter_context(closing(Database(self.site.settings.platform_url)))
        store = CommandStore(database)
        self.gateway = Gateway(database)
        tell = tell or partial(publish, self.gateway)
        self.chore = CommandChore(store, self.site.jobs_of("hven-batch", operator=True), tell)

    def told(self, command):
        """States that those who follow the gateway have seen."""
        return [r.value["state"] for r in self.gateway.since(0) if (r.channel, r.name) == ("commands", command)]

    def step(self):
        self.chore.step()

    def jobs(self, command):
        """Jobs that were submitted for a command."""
        return [j for j in self.site.jobs.find() if j.run == f"tiny/runs/commands/{command}"]

    def until_ended(self, command):
        """Let service and runner work until a command has ended; gives it as it ended."""
        for _ in range(10):
            self.step()
            if CommandState((found := self.ocs.look(command))["state"]).ended:
                return found
            if self.site.jobs.find(states=(JobState.READY,)):
                self.site.run_next()
        raise AssertionError(found)


@pytest.fixture(scope="module")
def sites(tmp_path_factory, new_database):
    """Sites by the kind of their database, for all tests; each gives its commands other names."""
    made = {}
    with ExitStack() as opened:

        def site_of(kind):
            if kind not in made:
                folder = tmp_path_factory.mktemp(kind)
                url = opened.enter_context(new_database(kind, folder))
                patch = opened.enter_context(pytest.MonkeyPatch.context())
                place = tiny_site.opened(folder / "site", patch, registry_url=url, platform_url=url)
                made[kind] = opened.enter_context(place)
                obs = opened.enter_context(closing(connect(made[kind].settings)))
                made[kind].url = opened.enter_context(serving(obs, token=Everybody())).url
            return made[kind]

        yield site_of


@pytest.fixture
def place(sites, request):
    site = sites(getattr(request, "param", "sqlite"))
    with ExitStack() as opened:
        yield Observatory(site, opened.enter_context(closing(ControlSystem(site.url))), opened)


on_both = pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)


@on_both
def test_a_command_is_acknowledged_done_once_and_told_of(place):
    answer = place.ocs.command("once", **SIGNAL)
    assert (answer.status_code, answer.json()["state"], answer.json()["who"]) == (202, "ack", "ocs")
    place.step()
    going = place.ocs.look("once")
    assert (going["state"], going["summary"]["collection"]) == ("in progress", "tiny/runs/commands/once")
    (job,) = place.jobs("once")
    assert (job.request.job_class, job.user, job.request.shared) == (JobClass.OCS_DRIVEN, "hven-batch", True)

    ended = place.until_ended("once")

    assert place.ocs.seen == {"once": ["ack", "in progress", "completed"]}
    summary = ended["summary"]
    assert (summary["counts"]["done"], summary["counts"]["failed"], summary["products"]) == (4, 0, 4)
    assert (summary["qc"], summary["judged"]) == ("missing", 0)
    assert len(place.jobs("once")) == 1
    place.step()
    assert place.told("once") == ["in progress", "completed"]


def test_the_same_id_is_the_same_command_and_with_another_body_refused(place):
    place.ocs.command("same", **SIGNAL, priority="calibration")
    answer = place.ocs.command("same", **SIGNAL)

    assert (answer.status_code, answer.json()["error"]) == (409, "ConflictError")
    assert place.ocs.look("same")["request"]["priority"] == "calibration"
    place.step()
    assert place.ocs.command("same", **SIGNAL, priority="calibration").json()["job"] == place.jobs("same")[0].id
    place.ocs.abort("same")
    place.step()


REFUSED = [
    ({"pipeline": "tiny/al"}, 404, "UnknownNameError"),
    ({"pipeline": "tiny/all#nothing"}, 404, "UnknownNameError"),
    ({"pipeline": "panoseti/calibrate"}, 404, "UnknownNameError"),
    ({"values": {"colour": ["red"]}}, 404, "UnknownNameError"),
    ({"pipeline": "", "calibration": {"name": "tiny/flat"}}, 404, "UnknownNameError"),
    ({"calibration": {"name": "tiny/flat"}}, 422, "ConfigurationError"),
    ({"config": {"levels": {"cell": 1}}}, 422, "ConfigurationError"),
    ({"id": "../c1"}, 422, "ConfigurationError"),
    ({"certify": {"collection": "tiny/calib/levels", "types": ["L1/tiny.levels"]}}, 422, "ConfigurationError"),
    ({"pipeline": "", "calibration": {"name": "tiny/flat", "begin": "noon"}}, 422, "ConfigurationError"),
]


def test_what_cannot_be_done_is_refused_at_once_and_not_taken_down(place):
    for changed, status, error in REFUSED:
        body = {**SIGNAL, **changed}
        answer = place.ocs.command(body.pop("id", "wrong"), **body)
        assert (answer.status_code, answer.json()["error"]) == (status, error), changed

    assert place.ocs.client.get("/commands/wrong").status_code == 404


def test_a_command_without_data_fails_and_says_so(place):
    place.ocs.command("empty", "tiny/all", values={"detector": [7]})
    ended = place.until_ended("empty")

    assert (ended["state"], ended["job"]) == ("failed", None)
    assert "no data fit tiny/all" in ended["error"]
    assert place.ocs.seen["empty"] == ["ack", "failed"]


def test_a_command_whose_quanta_fail_has_failed_with_counts(place):
    place.ocs.command("bad", "tiny/all", config={"peaks": {"fail_detector": 2}})
    ended = place.until_ended("bad")

    counts = ended["summary"]["counts"]
    assert (ended["state"], counts["failed"], counts["blocked"]) == ("failed", 1, 1)
    assert "detector 2 is broken" in ended["error"]


def test_commands_are_aborted_before_and_while_they_go_on_and_not_after(place):
    place.ocs.command("waits", **SIGNAL)
    assert place.ocs.abort("waits").json()["aborting"]
    place.step()
    assert (place.ocs.look("waits")["state"], place.ocs.look("waits")["error"]) == ("aborted", "aborted by ocs")

    place.ocs.command("goes", **SIGNAL)
    place.step()
    place.ocs.abort("goes")
    place.step()
    place.step()
    assert place.ocs.look("goes")["state"] == "aborted"
    assert [job.state for job in place.jobs("goes")] == [JobState.DELETED]
    assert place.ocs.abort("goes").status_code == 409
    assert place.ocs.abort("never").status_code == 404


@on_both
def test_a_service_that_is_killed_anywhere_does_nothing_twice(place, monkeypatch):
    place.ocs.command("killed", **SIGNAL)
    with monkeypatch.context() as killed:
        killed.setattr(CommandStore, "begin", lambda *_: (_ for _ in ()).throw(ServiceUnavailableError("killed")))
        with pytest.raises(ServiceUnavailableError):
            place.step()
    place.start_service(tell=lambda _: (_ for _ in ()).throw(ServiceUnavailableError("killed")))
    with pytest.raises(ServiceUnavailableError):
        place.step()
    place.site.run_next()
    place.start_service()
    place.step()

    assert place.ocs.look("killed")["state"] == "completed"
    assert len(place.jobs("killed")) == 1
    assert place.told("killed") == ["completed"]


@pytest.fixture
def sky(tmp_path):
    """An observatory with observations of an even sky; a batch service that can be stepped through."""
    with sets.observatory(tmp_path / "site") as obs, closing(Database(obs.settings.platform_url)) as database:
        obs.chore = CommandChore(CommandStore(database), obs.jobs, lambda _command: None)

        def until_ended(command):
            def ended():
                obs.chore.step()
                campaign_site.work_off(obs.settings)
                return obs.commands.get(command).state.ended

            campaign_site.until(ended)
            return obs.commands.get(command)

        obs.until_ended = until_ended
        yield obs


def test_a_calibration_set_is_taken_once_certified_and_judged(sky, monkeypatch):
    sets.add(sky, "sky.1", "sky.2", detectors=(1,))
    flat = {"name": "panoseti/flat"}
    sky.commands.send(CommandRequest(id="flat", calibration=flat, values={"detector": (1,)}))
    kept, ends = CommandStore.end, []

    def dies_once(self, command, state, **more):
        ends.append(state)
        if len(ends) == 1:
            raise ServiceUnavailableError("killed")
        return kept(self, command, state, **more)

    monkeypatch.setattr(CommandStore, "end", dies_once)
    with pytest.raises(ServiceUnavailableError):
        sky.until_ended("flat")
    jobs = len(sky.jobs.find())
    done = sky.until_ended("flat")

    assert (done.state, done.summary.qc, done.summary.judged) == ("completed", "ok", 1)
    assert done.summary.verdicts[0].startswith("instrument=panoseti, detector=1: ok: calibration_")
    (entry,) = sky.calib.certifications(collection="panoseti/calib/flat")
    assert (entry.validity.product_id, entry.who) == (done.summary.certified[0], "command flat")
    assert len(sky.jobs.find()) == jobs == done.summary.counts.total

    sky.commands.send(CommandRequest(id="another", calibration=flat, values={"detector": (1,)}))
    refused = sky.until_ended("another")
    assert (refused.state, refused.summary.certified) == ("failed", ())
    assert "already holds" in refused.error
    sky.commands.send(CommandRequest(id="newer", calibration={**flat, "supersede": True}, values={"detector": (1,)}))
    assert sky.until_ended("newer").state == "completed"
    (entry,) = sky.calib.certifications(collection="panoseti/calib/flat")
    assert entry.who == "command newer"


@pytest.mark.parametrize(("state", "after"), [("completed", "completed"), ("in progress", "failed")])
def test_commands_that_asked_for_certificates_otherwise_are_still_known(tmp_path, state, after):
    with closing(Database(f"sqlite:///{tmp_path}/platform.sqlite")) as database:
        database.prepare(METADATA, name=NAME, version=1, when_older="")
        now = CommandRequest(id="old", **SIGNAL)
        asked = now.model_dump(mode="json") | {"certify": {"collection": "tiny/calib/levels"}}
        row = {"id": "old", "digest": "d", "request": asked, "who": "ocs", "state": state, "sent_ns": 1}
        with database.write() as connection:
            connection.execute(COMMAND.insert().values(row))

        store = CommandStore(database)

        assert store.get("old").state == after
        assert store.put(now, who="ocs").state == after


def test_a_bad_calibration_set_fails_with_its_verdict_and_one_that_is_aborted_is_aborted(sky):
    sets.add(sky, "sky.1", "sky.2", detectors=(2,), drift=(2,))
    sky.commands.send(CommandRequest(id="bad", calibration={"name": "panoseti/flat"}))
    bad = sky.until_ended("bad")
    assert (bad.state, bad.summary.qc, bad.summary.certified) == ("failed", "error", ())
    assert "calibration_residual" in bad.summary.verdicts[0]

    again = {"name": "panoseti/flat", "begin": "2026-01-01T00:00:00Z"}
    sky.commands.send(CommandRequest(id="stopped", calibration=again, where='observation != "none"'))
    sky.commands.send(CommandRequest(id="empty", calibration=again, values={"detector": (9,)}))
    sky.chore.step()
    sky.commands.abort("stopped")
    assert sky.until_ended("empty").state == "failed"
    assert sky.until_ended("stopped").state == "aborted"


def test_readers_look_and_command_nothing(place):
    place.ocs.command("read", **SIGNAL)
    base = str(place.ocs.client.base_url)
    reader = place.opened.enter_context(closing(ControlSystem(base, user="ada", lost=0)))

    assert reader.look("read")["state"] == "ack"
    assert reader.command("c2", **SIGNAL).status_code == 403
    assert reader.abort("read").status_code == 403
