"""The process from which workers are forked."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import pytest

from hven.cluster.local import start_cluster
from hven.core.errors import ConfigurationError
from hven.core.settings import Profile

PROGRAM = """
import os, time
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from hven.cluster.forking import fork_here

fork_here()
tracker = os.readlink(f"/proc/self/fd/{resource_tracker.getfd()}")
server = Path(f"/proc/{forkserver._forkserver._forkserver_pid}/fd")
until = time.monotonic() + 10
while tracker in (held := [os.readlink(fd) for fd in server.iterdir()]) and time.monotonic() < until:
    time.sleep(0.05)
print("holds it" if tracker in held else "does not", len(held) > 2)
"""

SCRIPT = """
print("begins", flush=True)

from hven.cluster.local import LocalEngine
from hven.core.settings import Profile

class Number:
    def __init__(self, value):
        self.value = value

def square(number):
    return Number(number.value ** 2)

with LocalEngine(Profile(workers=1, memory_gb=1.0)) as engine:
    print([outcome.value.value for outcome in engine.map(square, [Number(3)])])
"""


def test_it_does_not_hold_the_resource_tracker_for_which_a_process_that_ends_waits():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout.strip() == "does not True"


def test_a_folder_with_too_long_a_name_for_sockets_is_named_before_anything_starts(tmp_path, monkeypatch):
    (folder := tmp_path / ("deep" * 20)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    with pytest.raises(ConfigurationError, match="too long a name") as refused:
        start_cluster(Profile(), folder=tmp_path, dashboard=False)

    assert str(folder) in refused.value.message
    assert "TMPDIR" in refused.value.hint


def test_a_plain_script_runs_once_and_what_it_defines_runs_in_workers(tmp_path):
    (tmp_path / "plain.py").write_text(SCRIPT)

    ended = subprocess.run(
        [sys.executable, tmp_path / "plain.py"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ended.stdout, ended.returncode) == ("begins\n[9]\n", 0), ended.stderr
