from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hven.cluster.threads import WHEN_LOADED
from hven.hub.hub_services import hub_services
from hven.hub.ports import Ports

LOOK = """
import atexit, os, sys

def look():
    import numpy
    print(len(os.listdir("/proc/self/task")), file=sys.stderr)

atexit.register(look)
from hven.cli.main import main
sys.argv = ["hven", "--help"]
main()
"""


def threads(**environment):
    """Threads of a command that has loaded numpy."""
    outer = {name: value for name, value in os.environ.items() if name not in WHEN_LOADED}
    command = [sys.executable, "-P", "-c", LOOK]
    done = subprocess.run(command, env={**outer, **environment}, capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1])


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="with one core there is one thread anyway")
def test_commands_have_one_thread_for_algebra_unless_they_are_told_otherwise():
    assert threads() == 1
    assert threads(OPENBLAS_NUM_THREADS="2") == 2


@pytest.mark.parametrize("service", hub_services(3600), ids=lambda service: service.name)
def test_services_have_one_thread_for_algebra(service):
    ports = Ports(public=9000, hub=9001, proxy_api=9002, api=9003, dashboards=9004)

    assert WHEN_LOADED.items() <= service.declare(ports, {})["environment"].items()
