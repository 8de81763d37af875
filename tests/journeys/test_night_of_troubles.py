"""One night, twelve troubles: each raises one primary alarm of its own, what follows hangs beneath it, and it ends.

What goes wrong is real: files, rows, a process that is stopped and one that is killed, a disk that is filled and one
that hangs. Only the clock is simulated, half a minute a round.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import small_night
import troubled_night

from hven.alarms.model import AlarmState
from hven.alarms.tables import OUTBOX
from hven.core.clock import NS
from hven.core.errors import ConflictError
from hven.model.collection import Validity

pytestmark = pytest.mark.journey
PATIENCE = 30
"""Rounds in which an alarm has to go."""


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, the alarm that it raises, in how many rounds at most, and what hangs beneath that later."""

    rule: str
    inject: Callable
    heal: Callable | None
    rounds: int
    beneath: frozenset[str] = frozenset()
    later: int = 0


def set_life(**values):
    def change(night):
        for name, value in values.items():
            setattr(night.life, name, value)

    return change


def lose_and_alter(night):
    """Remove an archived raw file and change a byte of another, and let the ledger look."""
    first, second = sorted((night.settings.root / "L0" / "tiny").rglob("*.raw"))[:2]
    night.kept = {path: path.read_bytes() for path in (first, second)}
    first.unlink()
    content = bytearray(night.kept[second])
    content[len(content) // 2] ^= 1
    second.chmod(0o644)
    second.write_bytes(bytes(content))
    assert {str(finding.kind) for finding in night.audit()} == {"missing", "altered"}


def catch_up(night):
    """Heal the night from what the instrument still has."""
    night.catch_up()
    assert {path: path.read_bytes() for path in night.kept} == night.kept


def measure(locked):
    def publish(night):
        begin = night.now - 600 * NS
        metrics = {"wr_locked": (locked, "1"), "partial_frames": (0.0, "1")}
        small_night.publish_quality(night.obs, "img16", 254, metrics, begin=begin, created_ns=night.now)

    return publish


def fill(night):
    usage = shutil.disk_usage(night.disk)
    wanted = int(0.93 * usage.total) - usage.used
    (night.disk / "filler").write_bytes(b"\1" * wanted)


def certify(hours):
    def put(night):
        first = night.obs.registry.find(None)[0]
        night.validity_end = getattr(night, "validity_end", night.now)
        begin, end = night.validity_end, night.now + round(hours * 3600 * NS)
        night.obs.registry.certify("panoseti/calib/pedestals", Validity(first.id, begin, end))
        night.validity_end = end

    return put


def send_twice(night):
    """A control system that gives another command the id of one that was sent."""
    night.command("cal.1", detector=1)
    with pytest.raises(ConflictError, match=r"cal\.1"):
        night.command("cal.1", detector=2)


def stop(*, on):
    return lambda night: night.mover.stop(on=on)


def freeze(*, on):
    return lambda night: night.freeze(on=on)


def kill(night):
    night.mover.kill()


def new_mover(night):
    night.movers.append(troubled_night.Mover(night.settings))


TROUBLES = {
    "telemetry gap": Trouble(
        "telemetry-gap", set_life(sends=False), set_life(sends=True), 3, frozenset({"dome-stuck"}), 9
    ),
    "sensor stuck": Trouble("dome-stuck", set_life(humidity_moves=False), set_life(humidity_moves=True), 14),
    "temperature out of range": Trouble("dome-warm", set_life(temperature=41.0), set_life(temperature=16.0), 1),
    "files lost and altered": Trouble("files-amiss", lose_and_alter, catch_up, 1),
    "clock loss": Trouble("clock-lost", measure(0.0), measure(1.0), 1),
    "laser drift": Trouble("laser-drift", set_life(laser=14.0), set_life(laser=10.0), 2),
    "disk nearly full": Trouble("disk-filling", fill, lambda night: (night.disk / "filler").unlink(), 2),
    "heartbeat lost": Trouble("no-heartbeat", stop(on=True), stop(on=False), 3, frozenset({"no-raw-data"}), 30),
    "calibration expired": Trouble("calibration-old", certify(0.15), certify(24), 20),
    "duplicate command": Trouble("command-refused", send_twice, None, 1),
    "slow disk": Trouble("slow-disk", freeze(on=True), freeze(on=False), 3, frozenset({"telemetry-gap"})),
    "service killed": Trouble("service-killed", kill, new_mover, 2, frozenset({"no-heartbeat", "no-raw-data"}), 31),
}  # fmt: skip


@pytest.fixture(scope="module")
def night(tmp_path_factory, need):
    """The night, quiet for some rounds."""
    if os.geteuid() != 0:
        pytest.skip("a disk of its own needs root: sudo make test")
    need("mkfs.ext4", "e2fsprogs")
    folder = tmp_path_factory.mktemp("troubles")
    with pytest.MonkeyPatch.context() as patch, troubled_night.watched(folder, patch) as night:
        night.tick(6)
        assert night.open() == []
        yield night


def run(night, trouble):
    """Let a trouble happen; the primary alarm, with its consequences, and seconds until it was raised."""
    begun = night.now
    trouble.inject(night)
    rounds = 0
    while not night.open():
        assert rounds < trouble.rounds, "nothing was detected"
        night.tick()
        rounds += 1
    night.tick(trouble.later)
    [primary] = [alarm for alarm in night.open() if not alarm.cause]
    beneath = {alarm.rule for alarm in night.open() if alarm.cause}
    return primary, beneath, (primary.raised_ns - begun) / NS


@pytest.mark.parametrize("name", list(TROUBLES))
def test_each_trouble_is_one_alarm_of_its_own_that_ends(night, name, record_property):
    trouble = TROUBLES[name]
    primary, beneath, seconds = run(night, trouble)

    assert (primary.rule, beneath) == (trouble.rule, set(trouble.beneath))
    record_property("seconds to detect", seconds)
    sys.stdout.write(f"{name}: {primary.rule} after {seconds:.0f} s, beneath it {sorted(beneath) or 'nothing'}\n")
    if trouble.heal is None:
        night.tick(5)
        assert [alarm.id for alarm in night.open()] == [primary.id]
        night.obs.alarms.clear(primary.id, "the control system was told")
        night.tick(5)
    else:
        trouble.heal(night)
        for _ in range(PATIENCE):
            if not night.open():
                break
            night.tick()
    assert night.open() == []
    assert night.alarms.get(primary.id).alarm.state is AlarmState.CLEARED


def test_nothing_else_was_an_alarm_and_everybody_was_told_once_of_each(night):
    ever = night.alarms.find(open_only=False)
    assert sorted(a.rule for a in ever if not a.cause) == sorted(t.rule for t in TROUBLES.values())
    with night.database.read() as connection:
        keys = [row.key.rpartition("/")[2] for row in connection.execute(OUTBOX.select())]
    assert keys.count("raised") == len(TROUBLES)


def test_no_data_were_lost(night):
    assert night.audit() == []
    brought = {int(path.stem) for path in (night.settings.root / "incoming").glob("*.dat")}
    assert brought == {when for mover in night.movers for when in mover.brought}
    sent = night.telemetry.read("dome")["time"].values.astype("int64").tolist()
    assert sent == night.life.sent
