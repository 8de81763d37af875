from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid

import psutil
import pytest

from hven.hub.processes import MARK, end, marked, same_process

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(1e6)"
)
ORPHAN_MAKER = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True)"


@pytest.fixture
def mark():
    value = uuid.uuid4().hex
    yield value
    for process in marked(value):
        process.kill()


def start(code, mark):
    environment = {**os.environ, MARK: mark}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)


def test_orphans_in_sessions_of_their_own_are_found_and_ended(mark):
    with start(ORPHAN_MAKER, mark) as parent:
        assert parent.stdout.readline() == b"up\n"  # the orphan's word
        parent.wait(10)
        orphans = marked(mark)

        assert len(orphans) == 1
        assert end(orphans, grace_s=0.2) == []
        assert marked(mark) == []


def test_processes_of_another_platform_are_left_alone(mark):
    other = uuid.uuid4().hex
    with start(STUBBORN, other) as process:
        process.stdout.readline()
        assert marked(mark) == []
        assert [p.pid for p in marked(other)] == [process.pid]
        process.kill()


def test_zombie_counts_as_ended(mark):
    with start("", mark) as process:
        until = time.monotonic() + 10
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until
            time.sleep(0.01)

        assert marked(mark) == []
        assert end([psutil.Process(process.pid)], grace_s=10) == []


def test_reused_pid_is_another_process():
    me = psutil.Process()

    assert same_process(me.pid, me.create_time())
    assert not same_process(me.pid, me.create_time() - 100)
    assert not same_process(2**22 + 1, me.create_time())
