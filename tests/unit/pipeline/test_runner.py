from __future__ import annotations

import subprocess
import sys

import pytest

from hven.pipeline.runner import lives, this_process

SAY_AND_WAIT = "from hven.pipeline.runner import this_process; print(this_process(), flush=True); input()"


@pytest.fixture
def other():
    """Another process that has told its mark."""
    command = [sys.executable, "-c", SAY_AND_WAIT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_a_killed_process_does_not_live_any_more_not_even_before_it_is_reaped(other):
    process, mark = other
    assert lives(mark)

    process.kill()
    while lives(mark):
        pass
    assert lives(mark) is False

    process.wait()
    assert lives(mark) is False


def test_a_pid_that_is_used_again_is_another_process():
    host_and_pid = this_process().rpartition(":")[0]

    assert lives(f"{host_and_pid}:1") is False


@pytest.mark.parametrize("mark", ["elsewhere:1:2", "", "nonsense"])
def test_what_cannot_be_seen_is_not_guessed(mark):
    assert lives(mark) is None
