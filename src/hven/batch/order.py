"""What a launcher tells a runner: one line through its standard input, where nobody else can read it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field

from hven.batch.lease import Lease
from hven.core.errors import ConfigurationError

END = b"end\n"
"""A second line: the runner ends itself and everything it started."""

_LONGEST = 4096


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
    """

    job: int
    lease: str = field(repr=False)
    site: str
    api: str = ""
    environment: str = ""

    @property
    def right(self) -> Lease:
        """The right to work on the job."""
        return Lease(self.job, self.lease)

    def line(self) -> bytes:
        """Write it down; a runner of an older version does not know what is left out."""
        return json.dumps({key: value for key, value in asdict(self).items() if value != ""}).encode() + b"\n"


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
        return Order(**json.loads(line))
    except (TypeError, ValueError):
        raise ConfigurationError("a runner is told its job by the batch service, through its standard input") from None
