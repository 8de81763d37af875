"""Data to look at: the first start takes in a folder of raw runs, or simulates a small night."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hven.core.errors import CancelledError, DataError, HvenError, QuantumError
from hven.core.settings import Settings
from hven.hub.layout import Layout, last_lines
from hven.hub.processes import end
from hven.telemetry.drop import drop_folder

PIPELINE = "panoseti/nightly"
_DEVICES = ("--topic", "weather", "--topic", "dome", "--hours", "4")
"""What the telescopes have no readings of themselves, until after the last run of the night."""
_LOOK_S = 0.2
_GRACE_S = 10.0


@dataclass(frozen=True)
class Step:
    """A command of the command line that brings data in."""

    title: str
    arguments: tuple[str, ...]


def has_data(settings: Settings) -> bool:
    """Whether anything has been archived yet."""
    archive = settings.root / "L0"
    return archive.is_dir() and any(archive.iterdir())


def steps(settings: Settings, raw: Path | None) -> Iterator[Step]:
    """What to do before the first look: nothing when there are data and no folder is given."""
    if raw is None and has_data(settings):
        return
    if raw is None:
        raw = settings.state / "simulated"
        yield Step("Simulating a small night", ("simulate", str(raw)))
        drop = str(drop_folder(settings))
        yield Step("Simulating its weather and dome", ("telemetry", "simulate", drop, *_DEVICES))
    yield Step(f"Taking in {raw}", ("ingest", str(raw)))
    yield Step(f"Processing with {PIPELINE}", ("process", PIPELINE, "--shared"))


def run(step: Step, settings: Settings, stop: threading.Event) -> str:
    """Run a step; its output goes to a log.

    Returns
    -------
    Empty when all went well; what to say when some of the data are bad, which keeps nobody from looking at the rest.

    Raises
    ------
    HvenError
        When it fails otherwise; the message ends with the last lines of the log.
    CancelledError
        When `stop` is set meanwhile.
    """
    log = Layout.of(settings).logs / "first-night.log"
    command = [str(Path(sys.executable).with_name("hven")), *step.arguments]
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        while process.poll() is None:
            if stop.wait(_LOOK_S):
                end([psutil.Process(process.pid)], _GRACE_S)
                process.wait()
                raise CancelledError("stopped on request")
    if process.returncode in {DataError.exit_code, QuantumError.exit_code}:
        return f"{step.title}: not all of it worked, {log} says what did not"
    if process.returncode:
        raise HvenError(
            f"{step.title} failed with code {process.returncode}:\n{last_lines(log)}",
            hint=f"{log} has all of it; `hven up --no-data` starts without data.",
        )
    return ""
