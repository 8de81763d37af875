"""A site with the tiny instrument, three telescopes' frames, and a batch service that can be stepped through."""

from __future__ import annotations

import time

import tiny

from hven.batch.attempt import process, run_job
from hven.batch.lease import JobQueue
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

DETECTORS = (1, 2, 3)

SIX_STEPS = """
name: {name}
instrument: tiny
doc: Six steps, one breakpoint, a telescope whose peaks cannot be found.
job_class: offline
late_after_h: 12
steps:
  - {name: levels, pipeline: tiny/levels}
  - {name: signal, pipeline: tiny/signal}
  - name: peaks
    pipeline: tiny/peaks
    group_by: [detector]
    config: {peaks: {fail_detector: 3}}
    accept: {max_failed: 0.4}
  - {name: review, pipeline: tiny/peaks, data: {where: "detector < 3"}, breakpoint: true}
  - name: sides
    pipeline: tiny/peaks
    groups: {first: {values: {detector: 1}}}
  - {name: pairs, pipeline: tiny/pair}
"""
"""Campaign of the tiny instrument; `{name}` is to be filled."""

PIPELINES = {
    "levels": """
name: tiny/levels
doc: Levels.
instrument: tiny
steps:
  levels: {task: "tiny:LEVELS", inputs: {frames: L0/tiny.frames}, outputs: {levels: L1/tiny.levels}}
""",
    "signal": """
name: tiny/signal
doc: Signal.
instrument: tiny
steps:
  signal:
    task: "tiny:SUBTRACT"
    inputs: {frames: L0/tiny.frames, levels: L1/tiny.levels}
    outputs: {signal: L1/tiny.signal}
""",
    "peaks": """
name: tiny/peaks
doc: Peaks.
instrument: tiny
steps:
  peaks: {task: "tiny:PEAKS", inputs: {frames: L1/tiny.signal}, outputs: {peaks: L2/tiny.peaks}}
""",
    "pair": """
name: tiny/pair
doc: Pairs.
instrument: tiny
steps:
  pair: {task: "tiny:PAIR", inputs: {peaks: L2/tiny.peaks}, outputs: {pairs: L2/tiny.pairs}}
""",
}


def add_pipelines(instrument):
    """Let the tiny instrument have the pipelines of the campaign."""
    tiny.instrument(instrument.resources, **PIPELINES)


def add_frames(settings, detectors=DETECTORS):
    """Frames of some telescopes in the archive."""
    registry = DirectRegistry(settings.registry_url, settings.root)
    for detector in detectors:
        tiny.publish_frames(settings.root, registry, detector, tiny.frames(200, seed=detector))
    registry.close()


def work_off(settings):
    """Run waiting jobs in this process, as a runner would, until none waits; gives how many."""
    done = 0
    while lease := (queue := JobQueue(Database(settings.platform_url), lease_s=30)).claim():
        run_job(settings, lease, process, queue, lambda: DirectRegistry(settings.registry_url, settings.root))
        done += 1
    queue.close()
    return done


def until(condition, seconds=300.0):
    """Wait for something to be true; gives it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.2)
    return found
