"""A task of the tiny telescope that costs nothing and lasts as long as one wants; one detector may kill its worker."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import tiny


class SlowConfig(tiny.CellConfig):
    """How long a quantum lasts, and faults to inject."""

    sleep_s: float = 0.0
    kill_detector: int = -1


def _levels(inputs, config):
    time.sleep(config.sleep_s)
    if inputs.data_id("frames")["detector"] == config.kill_detector:
        os.kill(os.getpid(), signal.SIGKILL)
    return tiny.LEVELS.run(inputs, config)


LEVELS = replace(tiny.LEVELS, name="slow.levels", config=SlowConfig, run=_levels)

PIPELINE = """
name: tiny/slow
doc: Levels, slowly.
instrument: tiny
steps:
  levels: {task: "slow_levels:LEVELS", inputs: {frames: L0/tiny.frames}, outputs: {levels: L1/tiny.levels}}
"""
