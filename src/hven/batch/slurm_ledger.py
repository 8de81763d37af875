"""Which jobs are in Slurm: a file for each in the state folder, so that the next batch service takes them over."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hven.batch.lease import Lease
from hven.batch.order import Errand, Verb


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that was handed to Slurm.

    Parameters
    ----------
    job, lease
        The job and the right to work on it.
    account
        Whose Slurm job it is; empty is the service's own.
    job_class
        Class of the job.
    name
        Of the Slurm job and its folder; unique.
    environment
        In which the job is to run; empty for the runner's own.
    number
        Slurm's; 0 until Slurm has said it.
    copied
        Bytes of its output that the job's log has.
    reason
        Why it waits, as the job says it.
    on_node
        Slurm has begun it.
    cores, memory_mb, wall_min
        What it asks for; without a time, what the class has.
    """

    job: int
    lease: str = field(repr=False)
    account: str
    job_class: str
    name: str
    environment: str = ""
    number: int = 0
    copied: int = 0
    reason: str = ""
    on_node: bool = False
    cores: int = 1
    memory_mb: int = 0
    wall_min: int = 0

    @property
    def right(self) -> Lease:
        """The right to work on the job."""
        return Lease(self.job, self.lease)

    def errand(self, verb: Verb) -> Errand:
        """What is to be done with its Slurm job."""
        size = {"cores": self.cores, "memory_mb": self.memory_mb, "wall_min": self.wall_min}
        return Errand(verb, self.name, self.job_class, self.number, **size)


class Ledger:
    """The files.

    Parameters
    ----------
    folder
        Made if it is not there; only its owner can read the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def entries(self) -> list[Entry]:
        """All jobs in Slurm, oldest first."""
        found = [Entry(**json.loads(file.read_text())) for file in self.folder.glob("hven-*.json")]
        return sorted(found, key=lambda entry: entry.job)

    def keep(self, entry: Entry) -> None:
        """Write an entry, in place of a former one of its name."""
        file = self._file(entry)
        part = file.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(asdict(entry), stream)
        part.replace(file)

    def has(self, entry: Entry) -> bool:
        """Whether an entry of this name is kept."""
        return self._file(entry).exists()

    def forget(self, entry: Entry) -> None:
        """Remove an entry."""
        self._file(entry).unlink(missing_ok=True)

    def _file(self, entry: Entry) -> Path:
        return self.folder / f"{entry.name}.json"
