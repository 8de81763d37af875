"""What a launcher tells a runner: one line through its standard input, where nobody else can read it."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hven.core.errors import AccessDeniedError, ConfigurationError

if TYPE_CHECKING:
    from hven.batch.lease import Lease

END = b"end\n"
"""A second line: the runner ends itself and everything it started."""

AS_USER = "--as-user"
"""Argument of a runner under its user's account."""
Verb = Literal["submit", "cancel", "tidy"]

_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Errand:
    """What to do with a job in Slurm instead of working on it here.

    Parameters
    ----------
    verb
        Hand it to Slurm; end it there; remove what it left in the spool folder.
    name
        Of the Slurm job and of its folder.
    job_class
        Says how urgent it is.
    number
        Slurm's, once it has one.
    cores, memory_mb, wall_min
        What its runner asks for; without a time, what the class has.
    """

    verb: Verb
    name: str
    job_class: str = ""
    number: int = 0
    cores: int = 1
    memory_mb: int = 0
    wall_min: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A job, the right to work on it, and where to report.

    Parameters
    ----------
    job, lease
        The job's number, and the name of its lease.
    site
        Site file.
    api
        The API's address, for a runner under its user's account, which may not touch the databases.
    environment
        Version of the environment in which the job is to run; empty for the runner's own.
    errand
        Where there is one, nothing else is done.
    """

    job: int
    lease: str = field(repr=False)
    site: str
    api: str = ""
    environment: str = ""
    errand: Errand | None = None

    @property
    def right(self) -> Lease:
        """The right to work on the job."""
        from hven.batch.lease import Lease

        return Lease(self.job, self.lease)

    def line(self) -> bytes:
        """Write it down; a runner of an older version does not know what is left out."""
        said = {key: value for key, value in asdict(self).items() if value or key == "lease"}
        return json.dumps(said).encode() + b"\n"


def read_order(stream: int) -> Order:
    """Read the first line of a file descriptor, without a byte beyond it.

    Raises
    ------
    ConfigurationError
        When it is no order.
    """
    line = b""
    while not line.endswith(b"\n") and len(line) < _LONGEST and (byte := os.read(stream, 1)):
        line += byte
    try:
        words = json.loads(line)
        errand = words.pop("errand", None)
        return Order(**words, errand=Errand(**errand) if errand else None)
    except (AttributeError, TypeError, ValueError):
        raise ConfigurationError("a runner is told its job by the batch service, through its standard input") from None


def check_roots(site: Path) -> None:
    """Raise AccessDeniedError for a site file that others than root could have made: it says where products go."""
    for part in (site, *site.parents):
        found = part.lstat()
        writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
        if found.st_uid != 0 or writable or stat.S_ISLNK(found.st_mode) or not site.is_absolute():
            raise AccessDeniedError(
                f"{site} is not root's alone because of {part}", hint="A site file and its folders belong to root."
            )
