"""What is watched: each source sees the real thing, and none holds the others up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest
import small_night

from hven.alarms.model import Signal
from hven.alarms.outbox import Outbox
from hven.alarms.store import AlarmStore
from hven.alarms.transport import LogTransport
from hven.batch.alarms import data, machine
from hven.batch.alarms.chore import AlarmChore
from hven.batch.alarms.disk_speed import DiskSpeed
from hven.batch.alarms.gather import Gatherer, Place
from hven.batch.alarms.sources import SOURCES
from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.clock import NS, now_ns
from hven.core.settings import BatchSettings
from hven.model.collection import Validity
from hven.registry.database import Database

METRICS = {"partial_frames": (0.2, "1"), "frames": (2600.0, "1")}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Observatory with a night whose frames are partial."""
    with small_night.make(tmp_path_factory.mktemp("night"), observations=()) as observatory:
        for detector in (1, 254):
            small_night.publish_quality(observatory, "img16", detector, METRICS)
        yield observatory


@pytest.fixture
def place(night):
    with closing(Database(night.settings.platform_url)) as database:
        JobStore(database)
        yield Place(night.settings, night.registry, database, now_ns())


def by_key(signals):
    return {s.key: s for s in signals}


@pytest.fixture
def service(night):
    """A process that gives signs of life, as services do."""
    folder = night.settings.state / "heartbeats"
    folder.mkdir(exist_ok=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (folder / "mover").write_text(json.dumps({"pid": process.pid}))
        yield process
        process.kill()
    (folder / "mover").unlink()


def test_every_source_answers_and_their_names_are_those_of_rules(place):
    seen = Gatherer(SOURCES).look(place)

    assert seen.answered == {*SOURCES, "sources"}
    assert {s.value for s in seen.signals if s.source == "sources"} == {0.0}


def test_a_source_that_fails_or_hangs_says_so_and_holds_nobody_up(place):
    go_on = threading.Event()

    def hangs(_place):
        go_on.wait(60)
        return [Signal("hangs", "k", 1.0, 1)]

    def fails(_place):
        raise OSError("disk is gone")

    gatherer = Gatherer(
        {"hangs": hangs, "fails": fails, "well": lambda p: [Signal("well", "k", 1.0, p.now_ns)]}, answer_s=0.2
    )
    seen = gatherer.look(place)
    assert seen.answered == {"well", "sources"}
    texts = {s.key: s.text for s in seen.signals if s.source == "sources"}
    assert texts["fails"] == "OSError: disk is gone"
    assert texts["hangs"] == "has not answered for 0 s"
    go_on.set()
    assert "hangs" in Gatherer.look(gatherer, place.at(place.now_ns + NS)).answered
    gatherer.close()


def test_a_service_that_is_killed_is_gone_and_one_that_is_stopped_is_silent(place, service):
    assert by_key(machine.process(place))["mover"].value == 0
    before = by_key(machine.heartbeat(place))["mover"].time_ns
    service.send_signal(signal.SIGSTOP)
    assert by_key(machine.process(place))["mover"].value == 0
    assert by_key(machine.heartbeat(place))["mover"].time_ns == before
    service.kill()
    service.wait()
    assert by_key(machine.process(place))["mover"].value == 1


def test_disks_say_how_full_and_how_fast_they_are(place):
    place.settings.state.joinpath("batch").mkdir(exist_ok=True)
    assert by_key(machine.disk(place)).keys() == {"data", "state"}
    assert all(0 < s.value < 1 for s in machine.disk(place))
    assert by_key(DiskSpeed()(place))["state"].value < 5


def test_a_queue_is_stuck_only_while_a_job_waits_for_a_free_slot(place):
    store, queue = JobStore(place.database), JobQueue(place.database, lease_s=30, rules=BatchSettings(slots=1))
    assert list(machine.queue(place)) == []
    first = store.submit(JobRequest(pipeline="panoseti/nightly"), user="ada").submitted_ns
    store.submit(JobRequest(pipeline="panoseti/nightly"), user="ada")
    [waiting] = machine.queue(place.at(now_ns()))
    assert (waiting.time_ns, waiting.value) == (first, 2)
    queue.claim()
    assert list(machine.queue(place.at(now_ns()))) == []


def test_new_products_say_how_good_they_are(place):
    signals = by_key(data.quality(place.at(small_night.BEGIN)))
    assert signals["panoseti.img16/254/partial_frames"].value == 2
    assert signals["panoseti.img16/254/partial_frames"].detector == 254
    assert "panoseti.img16/254/frames" not in signals  # it has no limits
    assert by_key(data.metric(place.at(small_night.BEGIN)))["panoseti.img16/1/frames"].value == 2600
    assert list(data.quality(place.at(small_night.BEGIN + 10 * 86_400 * NS))) == []


def test_calibrations_say_when_they_end(place):
    pedestals = place.registry.find(None)[0]
    begin, end = small_night.BEGIN, small_night.BEGIN + 86_400 * NS
    place.registry.certify("panoseti/calib/x", Validity(pedestals.id, begin, end))
    [told] = data.calibration(place.at(end))
    assert (told.time_ns, told.value) == (end, 1.0)


def test_a_killed_service_is_one_alarm_and_its_silence_follows_from_it(place, service):
    store, outbox = AlarmStore(place.database), Outbox(place.database, [LogTransport()])
    chore = AlarmChore(place, Gatherer(SOURCES), store, outbox)
    service.kill()
    service.wait()
    beat = place.settings.state / "heartbeats" / "mover"
    os.utime(beat, ns=(place.now_ns, place.now_ns))
    for minutes in (0.2, 0.5, 2):
        chore.look(place.now_ns + round(minutes * 60 * NS))

    killed, silent = sorted((a for a in store.find() if a.key == "mover"), key=lambda a: a.raised_ns)
    assert (killed.rule, killed.cause) == ("service-killed", "")
    assert (silent.rule, silent.cause) == ("no-heartbeat", killed.id)


def test_the_chore_looks_when_it_is_due(place):
    store, outbox = AlarmStore(place.database), Outbox(place.database, [LogTransport()])
    chore = AlarmChore(place, Gatherer(SOURCES), store, outbox)
    before = store.last_round_ns()
    chore.step()
    chore.step()
    chore._round.result()
    assert store.last_round_ns() != before
