"""What Slurm says of jobs: where they stand, and how they ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hven.batch.sbatch import ask
from hven.core.errors import ConfigurationError
from hven.core.settings import SlurmSettings

_WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
)
_AT_WORK = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a Slurm job stands: its state and, while it waits, why."""

    state: str
    reason: str = ""

    @property
    def waits(self) -> bool:
        """It has not begun."""
        return self.state in _WAITING

    @property
    def ended(self) -> bool:
        """It does nothing more."""
        return not self.waits and self.state not in _AT_WORK


GONE = Standing("GONE")
"""Of a job that Slurm's controller does not remember."""


def standings(slurm: SlurmSettings, numbers: Collection[int]) -> dict[str, Standing]:
    """Where Slurm jobs stand, by their names; those that the controller has forgotten are not there.

    A controller that was killed gives a number once more that it has not written down, so the number says not enough.

    Raises
    ------
    ServiceUnavailableError
        When Slurm does not answer.
    """
    if not numbers:
        return {}
    wanted = ",".join(map(str, sorted(numbers)))
    try:
        said = ask(slurm, "squeue", "--noheader", "--states=all", f"--jobs={wanted}", "--format=%j|%T|%r")
    except ConfigurationError as error:
        if "Invalid job id" in error.message:
            return {}
        raise
    rows = (line.split("|") for line in said.splitlines())
    return {name: Standing(state, reason) for name, state, reason in rows}


def find(slurm: SlurmSettings, name: str) -> int:
    """Number of the Slurm job of a name; 0 where there is none."""
    said = ask(slurm, "squeue", "--noheader", "--states=all", f"--name={name}", "--format=%i").split()
    return int(said[-1]) if said else 0


def epitaph(slurm: SlurmSettings, number: int) -> str:
    """How a Slurm job ended, as accounting has it; empty where it has nothing."""
    words = ("--allocations", "--noheader", "--parsable2", f"--jobs={number}", "--format=State,Elapsed,NodeList")
    return ask(slurm, "sacct", *words).replace("|", ", ")
