"""A night that is watched: real files, rows, processes and disks go wrong; only its clock is simulated."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field

import pandas as pd
import pytest
import tiny_plugin
import yaml
from tiny_instrument import make_run

from hven.alarms.outbox import Outbox
from hven.alarms.store import AlarmStore
from hven.alarms.transport import LogTransport
from hven.archive.completeness.auditor import Auditor
from hven.archive.completeness.catchup import Catchup
from hven.archive.completeness.depth import Depth
from hven.archive.completeness.model import Place as NightPlace
from hven.archive.completeness.source import open_sources
from hven.archive.completeness.store import CompletenessStore
from hven.archive.ingest import Archive
from hven.batch.alarms.chore import AlarmChore
from hven.batch.alarms.disk_speed import DiskSpeed
from hven.batch.alarms.gather import Gatherer, Place
from hven.batch.alarms.sources import SOURCES
from hven.batch.commands.commands import DirectCommands
from hven.batch.commands.model import CommandRequest
from hven.batch.commands.store import CommandStore
from hven.batch.store import JobStore
from hven.core.clock import NS, now_ns
from hven.core.settings import AlarmSettings, IngestSettings, Settings
from hven.model.telemetry import Field, Kind, Topic
from hven.observatory import connect
from hven.registry.database import Database
from hven.telemetry.gateway import Gateway
from hven.telemetry.store import TelemetryStore

STEP_S = 30
PLACE = NightPlace("tiny", 20251021)
MOVER = """
import json, os, sys
state, incoming = sys.argv[1:]
for line in sys.stdin:
    word, number = line.split()
    when = (int(number), int(number))
    if word == "beat":
        part = f"{state}/heartbeats/.mover"
        with open(part, "w") as stream:
            json.dump({"pid": os.getpid()}, stream)
        os.utime(part, ns=when)
        os.replace(part, f"{state}/heartbeats/mover")
    else:
        name = f"{incoming}/{number}.dat"
        with open(name, "wb") as stream:
            stream.write(number.encode() * 100)
        os.utime(name, ns=when)
    print(number, flush=True)
"""
RULES = [
    {"name": "dome-warm", "kind": "threshold", "source": "telemetry", "keys": "dome/temperature", "upper": 30,
     "clear_upper": 28, "says": "The dome is at {value} degC."},
    {"name": "dome-stuck", "kind": "deadman", "unchanged": True, "source": "telemetry", "keys": "dome/humidity",
     "upper": 300, "because": ["telemetry-gap"], "says": "{key} says the same for {value} s."},
    {"name": "laser-drift", "kind": "relative", "source": "gateway", "keys": "feedback/laser-1/value", "upper": 0.2,
     "lower": -0.2, "raise_after": 2, "says": "Laser 1 has drifted by {value}."},
]  # fmt: skip
DOME = Topic(
    name="dome", kind=Kind.TELEMETRY, doc="Dome.", cadence_s=1,
    fields=(Field(name="temperature", units="degC", doc="Air."), Field(name="humidity", units="%", doc="Air.")),
)  # fmt: skip


@contextmanager
def small_disk(folder, megabytes=64):
    """A disk of its own, which can be filled and frozen."""
    image, mounted = folder / "disk.img", folder / "disk"
    with image.open("wb") as stream:
        stream.truncate(megabytes << 20)
    mounted.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    command = ["mount", "-o", "loop,noatime", str(image), str(mounted)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk in a file cannot be mounted here: {done.stderr.strip()}")
    try:
        yield mounted
    finally:
        freeze(mounted, on=False)
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)


def freeze(disk, *, on):
    """Let nothing be written to a disk any more, or again."""
    subprocess.run(["fsfreeze", "-f" if on else "-u", str(disk)], check=on, capture_output=True)


class Mover:
    """A process that gives signs of life and brings raw files when it is told the time."""

    def __init__(self, settings):
        command = [sys.executable, "-S", "-c", MOVER, str(settings.state), str(settings.root / "incoming")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.stopped = False
        self.brought = []

    def live(self, now, *, brings):
        """Do what it does all the time, as far as it can; it brings nothing to a disk that hangs."""
        if self.stopped or self.process.poll() is not None:
            return
        for word in ("beat", "bring") if brings else ("beat",):
            self.process.stdin.write(f"{word} {now}\n")
            self.process.stdin.flush()
            self.process.stdout.readline()
        self.brought += [now] if brings else []

    def stop(self, *, on):
        """Stop the process as it stands, or let it go on."""
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)
        self.stopped = on

    def kill(self):
        """End it without a goodbye."""
        self.process.kill()
        self.process.communicate()


@dataclass
class Life:
    """What the facility does by itself, and how it goes wrong."""

    sends: bool = True
    temperature: float = 15.0
    humidity_moves: bool = True
    laser: float = 10.0
    sent: list = field(default_factory=list)


class Night:
    """An observatory that is watched, step by step."""

    def __init__(self, folder, disk, instrument):
        rules = folder / "rules.yaml"
        rules.write_text(yaml.safe_dump({"rules": RULES}))
        self.disk, self.source = disk, folder / "source"
        self.settings = Settings(
            root=disk / "data", state=folder / "state", instruments=("panoseti", "tiny"),
            alarms=AlarmSettings(rules=rules), ingest=IngestSettings(settle_s=0),
        )  # fmt: skip
        for name in ("heartbeats", "batch"):
            (self.settings.state / name).mkdir(parents=True)
        (self.settings.root / "incoming").mkdir(parents=True)
        self.obs = connect(self.settings)
        self.database = Database(self.settings.platform_url)
        JobStore(self.database)
        self.alarms, self.outbox = AlarmStore(self.database), Outbox(self.database, [LogTransport()])
        gatherer = Gatherer({**SOURCES, "disk speed": DiskSpeed()})
        place = Place(self.settings, self.obs.registry, self.database)
        self.chore = AlarmChore(place, gatherer, self.alarms, self.outbox)
        self.gateway, self.telemetry = Gateway(self.database), TelemetryStore(self.settings.root)
        self.commands = DirectCommands(self.settings, CommandStore(self.database), user="ocs", operator=True)
        self.auditor = Auditor(self.settings, self.obs.registry, CompletenessStore(self.database), young_s=0)
        self.archive = Archive(self.settings, self.obs.registry, [instrument])
        self.take_in()
        self.life, self.movers, self.frozen = Life(), [Mover(self.settings)], False
        self.now = now_ns()
        self.obs.annotate("dome open", kind="begin")

    def take_in(self):
        """Archive two runs."""
        for name in ("first", "second"):
            make_run(self.source / f"{name}.tiny", frames=20)
        assert self.archive.ingest([self.source]).exit_code == 0

    @property
    def mover(self):
        """The one that lives, or lived last."""
        return self.movers[-1]

    def tick(self, rounds=1):
        """Let some time pass, and look around after each step."""
        for _ in range(rounds):
            self.now += STEP_S * NS
            self.mover.live(self.now, brings=not self.frozen)
            if not self.frozen:
                self._facility()
            self.chore.look(self.now)

    def _facility(self):
        life, number = self.life, self.now // (STEP_S * NS)
        if life.sends:
            humidity = 40.0 + (number % 7 if life.humidity_moves else 0)
            sample = {"time": [self.now], "temperature": [life.temperature], "humidity": [humidity]}
            self.telemetry.append(DOME, pd.DataFrame(sample))
            life.sent.append(self.now)
        self.gateway.publish("feedback", "laser-1", {"value": life.laser + 0.1 * (number % 3), "sigma": 0.1})

    def freeze(self, *, on):
        """Let the data disk hang; what would be written waits at its source."""
        self.frozen = on
        freeze(self.disk, on=on)

    def audit(self):
        """What is amiss among the raw files and products of the night, every byte read."""
        return self.auditor.audit(PLACE, Depth.BYTES)

    def catch_up(self):
        """Heal the night from what the instrument still has."""
        with open_sources([str(self.source)], self.settings.root / "incoming") as opened:
            return Catchup(self.auditor, self.archive, opened).heal(PLACE, Depth.BYTES)

    def command(self, name, *, detector):
        """What a control system sends."""
        wanted = {"detector": (detector,)}
        self.commands.send(CommandRequest(id=name, pipeline="panoseti/calibrate", values=wanted))

    def open(self):
        """Open alarms."""
        return self.alarms.find()

    def close(self):
        """End everything."""
        for mover in self.movers:
            with suppress(OSError):
                mover.stop(on=False)
            mover.kill()
        self.chore.gatherer.close()
        self.archive.close()
        self.database.close()
        self.obs.close()


@contextmanager
def watched(folder, monkeypatch):
    """A night on a disk of its own."""
    with ExitStack() as opened:
        disk = opened.enter_context(small_disk(folder))
        instrument = opened.enter_context(tiny_plugin.installed(folder / "plugin", monkeypatch, tiny_plugin.RAW))
        yield opened.enter_context(closing(Night(folder, disk, instrument)))
