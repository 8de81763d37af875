"""Data to look at: the first start takes in a folder of raw runs, or simulates a small night."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from hven.core.errors import CancelledError, ConfigurationError, DataError, HvenError, NotFoundError, QuantumError
from hven.core.settings import Settings
from hven.hub.layout import Layout, last_lines
from hven.hub.processes import end
from hven.hub.unfinished import Unfinished
from hven.instruments import load
from hven.model.data_id import Level
from hven.telemetry.drop import drop_folder

PIPELINE = "panoseti/nightly"
_DEVICES = ("--topic", "weather", "--topic", "dome", "--hours", "4")
"""What the telescopes have no readings of themselves, until after the last run of the night."""
_SIMULATED_BY = "panoseti"
_NOT_ALL = {DataError.exit_code, QuantumError.exit_code, NotFoundError.exit_code}
"""Some of the data are bad, or there are none of what the pipeline processes."""
_LOOK_S = 0.2
_GRACE_S = 10.0


@dataclass(frozen=True)
class Step:
    """A command of the command line that brings data in.

    Parameters
    ----------
    part
        What the command writes; what an interrupted one left there is removed first.
    finish
        Called once it is whole.
    """

    title: str
    arguments: tuple[str, ...]
    part: Path | None = None
    finish: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class FirstNight:
    """Folders to be taken in by some steps, and what there is to say of them first.

    `new` is a simulation from its very beginning, whatever an earlier one has left.
    """

    settings: Settings
    folders: tuple[Path, ...]
    steps: tuple[Step, ...]
    remark: str = ""
    new: bool = False

    def bring_in(self, progress: Callable[[str], None], stop: threading.Event) -> None:
        """Do every step; until the last one is done, the next start knows what was begun.

        Raises
        ------
        HvenError
            When a step fails, see `run`.
        CancelledError
            When `stop` is set meanwhile.
        """
        unfinished = Unfinished.of(Layout.of(self.settings))
        if self.remark:
            progress(self.remark)
        if self.new:
            shutil.rmtree(simulated_folder(self.settings), ignore_errors=True)
        unfinished.begin(self.folders)
        for step in self.steps:
            progress(step.title)
            if warning := run(step, self.settings, stop):
                progress(warning)
        unfinished.end()


def has_data(settings: Settings) -> bool:
    """Whether anything has been archived, or made elsewhere and brought here."""
    levels = (settings.root / level for level in Level)
    return any(folder.is_dir() and any(folder.iterdir()) for folder in levels)


def simulated_folder(settings: Settings) -> Path:
    """Where the simulated night lies once it is whole."""
    return settings.state / "simulated"


def plan(settings: Settings, raw: Path | None) -> FirstNight | None:
    """What to do before the first look: nothing when there are data, no folder is given and nothing is unfinished.

    Raises
    ------
    ConfigurationError
        When no instrument of the site has anything below the folder that is given.
    """
    begun = Unfinished.of(Layout.of(settings)).folders()
    if raw is not None:
        return _given(settings, raw.absolute(), begun)
    if begun:
        return _going_on(settings, begun)
    if has_data(settings):
        return None
    folders = (simulated_folder(settings),)
    return FirstNight(settings, folders, tuple(_steps(settings, folders, whole=False)), new=True)


def _given(settings: Settings, raw: Path, begun: tuple[Path, ...]) -> FirstNight:
    """A folder of one's own; a simulated night that was begun is not finished beside it."""
    if not any(_observations(name, raw) for name in settings.instruments):
        raise ConfigurationError(
            f"nothing of a known instrument ({', '.join(settings.instruments)}) was found below {raw}",
            hint="Name the folder that holds the run folders; `hven up --no-data` starts without data.",
        )
    before = [f for f in begun if f not in {raw, simulated_folder(settings)} and f.exists()]
    folders = (*before, raw)
    remark = _interrupted(before) if before else ""
    return FirstNight(settings, folders, tuple(_steps(settings, folders)), remark)


def _going_on(settings: Settings, begun: tuple[Path, ...]) -> FirstNight:
    simulated = simulated_folder(settings)
    if simulated in begun and _has_data_beside(settings, simulated):
        return FirstNight(settings, (), (), "There are data by now: the simulated night that was begun is given up")
    gone = [f for f in begun if f != simulated and not f.exists()]
    remark = _interrupted(begun) + (f"; not there any more: {_listed(gone)}" if gone else "")
    there = tuple(f for f in begun if f not in gone)
    return FirstNight(settings, begun, tuple(_steps(settings, there)), remark)


def _interrupted(folders: Iterable[Path]) -> str:
    return f"Going on with what was interrupted: {_listed(folders)}"


def _listed(folders: Iterable[Path]) -> str:
    return ", ".join(map(str, folders))


def _has_data_beside(settings: Settings, simulated: Path) -> bool:
    """Whether an observation has been archived that the simulated night does not have."""
    known = _observations(_SIMULATED_BY, simulated) if simulated.exists() else set()
    archived = (folder for folder in (settings.root / Level.L0).glob("*/*/*") if folder.is_dir())
    return any(folder.name not in known for folder in archived)


def _observations(instrument: str, folder: Path) -> set[str]:
    return {taken.observation for taken in load(instrument).recognise(folder)}


def _steps(settings: Settings, folders: Iterable[Path], *, whole: bool = True) -> Iterator[Step]:
    """Take folders in and process them; the simulated one is made first unless it is whole already."""
    simulated = simulated_folder(settings)
    for folder in folders:
        if folder == simulated:
            yield from _simulation(settings, whole=whole and simulated.exists())
        yield Step(f"Taking in {folder}", ("ingest", str(folder)))
    yield Step(f"Processing with {PIPELINE}", ("process", PIPELINE, "--shared"))


def _simulation(settings: Settings, *, whole: bool) -> Iterator[Step]:
    simulated, drop = simulated_folder(settings), drop_folder(settings)
    part, devices = (settings.state / f".{name}.part" for name in ("simulated", "devices"))
    if not whole:
        yield Step("Simulating a small night", ("simulate", str(part)), part, partial(part.rename, simulated))
    arguments = ("telemetry", "simulate", str(devices), *_DEVICES)
    yield Step("Simulating its weather and dome", arguments, devices, partial(_deliver, devices, drop))


def _deliver(folder: Path, drop: Path) -> None:
    """Move files into a drop folder, each at once; one that lies there already stays."""
    for file in [f for f in folder.rglob("*") if f.is_file()]:
        target = drop / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            hidden = target.with_name(f".{target.name}.part")
            shutil.copy2(file, hidden)  # the drop folder may be another filesystem
            hidden.rename(target)
    shutil.rmtree(folder)


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
    if step.part is not None:
        shutil.rmtree(step.part, ignore_errors=True)
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
    if process.returncode in _NOT_ALL:
        return f"{step.title}: not all of it worked, {log} says what did not"
    if process.returncode:
        raise HvenError(
            f"{step.title} failed with code {process.returncode}:\n{last_lines(log)}",
            hint=f"{log} has all of it; `hven up` goes on with it, `hven up --no-data` starts without data.",
        )
    step.finish()
    return ""
