"""What a job is: the request, the record of what became of it, and its progress."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hven.core.errors import Flavour, UnknownNameError
from hven.model.collection import project_owner
from hven.model.data_id import Value
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery


class JobState(StrEnum):
    """State of a job.

    UNREADY waits for another job, READY for a slot, PENDING for its runner to begin; HELD waits until somebody lets it
    go; DELETED was cancelled.
    """

    UNREADY = "UNREADY"
    READY = "READY"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    HELD = "HELD"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    DELETED = "DELETED"

    @property
    def ended(self) -> bool:
        """Nothing more happens to it unless somebody restarts it."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.DELETED}


WAITING = (JobState.UNREADY, JobState.READY)
ACTIVE = (JobState.PENDING, JobState.RUNNING)
"""States in which a job occupies a slot."""


class JobClass(StrEnum):
    """Classes of processing, those that go first first: the order of LDM-148, section 2.5.

    DATA_ACCESS is the people's own work, all others are the observatory's.
    """

    PROMPT = "prompt"
    OFFLINE = "offline"
    OCS_DRIVEN = "ocs-driven"
    DATA_ACCESS = "data-access"
    CALIBRATION = "calibration"
    DATA_RELEASE = "data-release"

    @property
    def priority(self) -> int:
        """Jobs of the highest number go first.

        Examples
        --------
        >>> JobClass.PROMPT.priority > JobClass.DATA_ACCESS.priority > JobClass.DATA_RELEASE.priority
        True
        """
        return 10 * (len(JobClass) - list(JobClass).index(self))


def job_class_of(name: str) -> JobClass:
    """Class by name; raises UnknownNameError.

    Examples
    --------
    >>> job_class_of("prompt").priority
    60
    """
    if name not in list(JobClass):
        raise UnknownNameError("job class", name, JobClass)
    return JobClass(name)


class Wish(StrEnum):
    """What the runner of a job should do: go on, stop for good, or stop and leave the job in the queue.

    PAUSE stops at once; YIELD lets the quanta end that have begun, so that a job of a higher class costs no work.
    """

    NONE = ""
    CANCEL = "cancel"
    PAUSE = "pause"
    YIELD = "yield"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JobRequest(_Record):
    """What somebody asks for.

    Examples
    --------
    >>> JobRequest(pipeline="panoseti/calibrate", values={"day_obs": [20251021]}).query
    DataQuery(values={'day_obs': (20251021,)}, where='')
    """

    pipeline: Annotated[
        str, Field(min_length=1, description="<instrument>/<pipeline>, or <instrument>/<pipeline>#<subset>.")
    ]
    values: Annotated[dict[str, tuple[Value, ...]], Field(description="Allowed values of data ID keys.")] = {}
    where: Annotated[str, Field(description="Condition on data ID keys, times and sizes.")] = ""
    config: Annotated[
        dict[str, dict[str, Any]], Field(description="By step: configuration values that differ from the pipeline's.")
    ] = {}
    job_class: JobClass = JobClass.DATA_ACCESS
    profile: Annotated[str, Field(description="Size of its Dask cluster; the site's default if empty.")] = ""
    shared: Annotated[
        bool, Field(description="Into the observatory's collections, not one's own; needs the right to operate.")
    ] = False
    proposed: Annotated[
        bool, Field(description="Shared products that wait for acceptance: found in their run, not by default.")
    ] = False
    project: Annotated[str, Field(description="Unix group into whose project the products go, not one's own.")] = ""
    collection: Annotated[str, Field(description="Where inputs are taken from; the defaults if empty.")] = ""
    run: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._+/-]{0,300}$",
            description="RUN collection in which products are born, of one job only; chosen if empty.",
        ),
    ] = ""
    sample: Annotated[bool, Field(description="Look which functions its time goes to; `hven jobs report` tells.")] = (
        False
    )
    environment: Annotated[
        str, Field(description="Installed environment or tag in which it runs; empty for the service's own.")
    ] = ""

    def owner(self, user: str) -> str:
        """Whose the products of a user's job are: the observatory's (empty), a project's, or the user's own."""
        if self.shared:
            return ""
        return project_owner(self.project) if self.project else user

    @property
    def query(self) -> DataQuery:
        """Data query of the job; raises UnknownNameError for an unknown data ID key."""
        return DataQuery.of(self.where, **self.values)


class Counts(_Record):
    """How many quanta are in which state.

    Of those of `done`, `reused` counts those whose products were there already, `partial` those that lack a part.
    """

    total: int = 0
    done: int = 0
    reused: int = 0
    partial: int = 0
    failed: int = 0
    blocked: int = 0
    no_work: int = 0

    @property
    def ended(self) -> int:
        """Quanta with which nothing more happens."""
        return self.done + self.failed + self.blocked + self.no_work


class Failure(_Record):
    """Quanta that failed in the same way."""

    step: str
    flavour: Flavour
    error: str
    data_ids: tuple[str, ...]


class QuantumLine(_Record):
    """How one quantum of a job ended."""

    step: str
    data_id: str
    state: QuantumState
    reused: bool = False
    error: str = ""
    flavour: Flavour | None = None
    wall_s: float = 0.0
    ended_ns: int = 0


class Estimate(_Record):
    """What a job would take.

    Parameters
    ----------
    quanta, done
        Quanta of the job, and those whose products exist already.
    core_minutes, wall_minutes, peak_bytes, output_bytes
        None where quanta of a task to be run have no history. Times and sizes are sums of medians, memory is that of
        the 95th percentile.
    core_minutes_high, wall_minutes_high, output_bytes_high
        The same from 95th percentiles: nearly all jobs stay below.
    history
        Recorded quanta on which the numbers stand.
    unknown
        Tasks that have no history yet.
    ahead
        Jobs that would run before this one.
    """

    quanta: int
    done: int
    core_minutes: float | None = None
    wall_minutes: float | None = None
    peak_bytes: int | None = None
    output_bytes: int | None = None
    core_minutes_high: float | None = None
    wall_minutes_high: float | None = None
    output_bytes_high: int | None = None
    history: int = 0
    unknown: tuple[str, ...] = ()
    ahead: int = 0

    @property
    def to_do(self) -> int:
        """Quanta that would run."""
        return self.quanta - self.done


class Again(_Record):
    """What a restart wants done.

    Parameters
    ----------
    failed
        Only the quanta that failed, and those that were blocked by them.
    step, data_id
        This step, or its one quantum of this data ID, is made again with all that needs it, whether it is there or not.
    """

    failed: bool = False
    step: str = ""
    data_id: str = ""


class Job(_Record):
    """A job as the table has it.

    Parameters
    ----------
    id
        Number, counted up.
    user
        Who submitted it.
    state, counts
        Where it stands.
    attempt
        Runners that have taken it since it was submitted or restarted.
    cores, memory_gb
        What its workers take together.
    position, expected_start_ns
        Jobs that run or go before this one, and when it will start as far as that can be known; None unless it waits.
    retries
        How often it was queued again after an error, by flavour of the error.
    again
        What its restart wants done again; None for all that is not done.
    run
        RUN collection in which its products are born.
    error, hint, flavour
        Why it failed.
    message
        What its runner last said.
    cancelling
        Somebody asked it to stop and the runner has not done so yet.
    runner
        Host and process of its runner.
    heartbeat_ns
        When its runner was last heard of.
    """

    id: int
    user: str
    request: JobRequest
    state: JobState
    counts: Counts = Counts()
    cores: int = 1
    memory_gb: float = 0.0
    attempt: int = 0
    retries: dict[Flavour, int] = {}
    again: Again | None = None
    position: int | None = None
    expected_start_ns: int | None = None
    run: str = ""
    error: str = ""
    hint: str = ""
    flavour: Flavour | None = None
    message: str = ""
    cancelling: bool = False
    estimate: Estimate | None = None
    submitted_ns: int = 0
    started_ns: int = 0
    ended_ns: int = 0
    runner: str = ""
    heartbeat_ns: int = 0


class Event(_Record):
    """A line of the audit: who did what to which job."""

    time_ns: int
    who: str
    what: str
    job: int | None = None
    parameters: dict[str, Any] = {}
