from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid

import psutil
import pytest

import hven
from hven.hub.layout import Layout
from hven.hub.processes import marked
from hven.hub.run_record import RunRecord, read_run
from hven.hub.supervised import Supervised
from hven.hub.supervisor import Supervisor

SLEEP = (sys.executable, "-c", "import time; time.sleep(1e6)")


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "state")
    layout.create()
    return layout


@pytest.fixture
def supervisor(layout):
    me = psutil.Process()
    record = RunRecord(mark=uuid.uuid4().hex, pid=me.pid, created=me.create_time(), address="", user="tycho")
    supervisor = Supervisor(layout, record)
    yield supervisor
    supervisor.stop()


def service(layout, name):
    return next(s for s in read_run(layout).services if s.name == name)


def watch_until(supervisor, condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        supervisor.watch()
        time.sleep(0.05)


def test_record_says_what_runs(supervisor, layout):
    supervisor.start([Supervised("ingest", SLEEP)])
    supervisor.watch()

    found = service(layout, "ingest")
    assert found.state == "running"
    assert psutil.Process(found.pid).create_time() == pytest.approx(found.created)
    supervisor.stop()
    assert marked(read_run(layout).mark) == []


def test_record_says_which_version_was_installed_when_a_service_was_started(supervisor, layout, monkeypatch):
    monkeypatch.setattr(hven, "__version__", "1.0")
    supervisor.start([Supervised("batch", SLEEP), Supervised("ingest", SLEEP)])
    monkeypatch.setattr(hven, "__version__", "1.1")
    psutil.Process(service(layout, "ingest").pid).kill()
    watch_until(supervisor, lambda: service(layout, "ingest").restarts and service(layout, "ingest").pid)

    assert service(layout, "batch").version == "1.0"
    assert service(layout, "ingest").version == "1.1"


def test_service_that_ends_is_started_again_after_a_pause_that_grows(supervisor, layout):
    supervisor.start([Supervised("batch", (sys.executable, "-c", "print('out of luck'); raise SystemExit(3)"))])
    watch_until(supervisor, lambda: service(layout, "batch").restarts == 1)
    began = time.monotonic()
    watch_until(supervisor, lambda: service(layout, "batch").restarts == 2)

    assert time.monotonic() - began >= 2  # never a busy loop
    assert supervisor.last_words("batch") == "out of luck\nout of luck"
    assert service(layout, "batch").state == "restarting"
    assert supervisor.failing() == ""


def test_service_that_falls_silent_is_started_again(supervisor, layout):
    beat = layout.heartbeats / "ingest"
    beat.touch()
    supervisor.start([Supervised("ingest", SLEEP, heartbeat=beat, silent_s=0.2)])
    first = service(layout, "ingest").pid

    watch_until(supervisor, lambda: service(layout, "ingest").restarts == 1)

    assert not psutil.pid_exists(first)


def test_service_that_beats_is_left_alone(supervisor, layout):
    beat = layout.heartbeats / "ingest"
    supervisor.start([Supervised("ingest", SLEEP, heartbeat=beat, silent_s=0.5)])
    for _ in range(20):
        beat.touch()
        supervisor.watch()
        time.sleep(0.05)

    assert service(layout, "ingest").restarts == 0


def test_ready_only_when_every_service_answers(supervisor):
    answers = []
    supervisor.start([Supervised("a", SLEEP), Supervised("b", SLEEP, ready=lambda: bool(answers))])

    assert not supervisor.ready()
    answers.append(1)
    assert supervisor.ready()


def test_services_get_their_environment_and_a_log_of_their_own(supervisor, layout):
    code = "import os; print(os.environ['WHO'], os.environ['HVEN_PLATFORM'], os.getpgid(0) == os.getpid(), flush=True)"
    forever = (sys.executable, "-c", code + "; import time; time.sleep(1e6)")
    supervisor.start([Supervised("ingest", forever, environment={"WHO": "tycho"})])
    log = layout.logs / "ingest.log"
    watch_until(supervisor, log.read_text)

    assert log.read_text().split() == ["tycho", read_run(layout).mark, "True"]
    assert "WHO" not in os.environ


PARENT = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1e6)"])
def end(*_):
    print("child", "lives" if child.poll() is None else "is gone", flush=True)
    child.terminate(); child.wait(); sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True: time.sleep(0.05)
"""


def test_service_ends_its_own_children_in_order(supervisor, layout):
    supervisor.start([Supervised("batch", (sys.executable, "-c", PARENT))])
    log = layout.logs / "batch.log"
    watch_until(supervisor, log.read_text)

    supervisor.stop()

    assert log.read_text().splitlines() == ["up", "child lives"]
    assert marked(read_run(layout).mark) == []


def test_stop_leaves_other_children_of_the_same_process_alone(supervisor):
    with subprocess.Popen(SLEEP) as other:
        supervisor.start([Supervised("ingest", SLEEP)])
        supervisor.stop()

        assert other.poll() is None
        other.kill()
