"""What a control system commands, and what becomes of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hven.batch.model import Counts, JobClass, JobRequest
from hven.core.clock import parse_utc
from hven.core.errors import ConfigurationError
from hven.model.collection import raw_run
from hven.model.data_id import Value
from hven.model.digest import digest_json
from hven.model.metric import Status
from hven.model.query import DataQuery


class CommandState(StrEnum):
    """ACK has been taken down; IN_PROGRESS has a job; COMPLETED, FAILED and ABORTED are for good."""

    ACK = "ack"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"

    @property
    def ended(self) -> bool:
        """Nothing more happens to it."""
        return self in {CommandState.COMPLETED, CommandState.FAILED, CommandState.ABORTED}


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CalibrationSet(_Record):
    """Make a declared calibration of the data query, verify it on what was held out, and certify what is good.

    Examples
    --------
    >>> CalibrationSet(name="panoseti/flat", begin="2025-10-22T00:00:00Z").begin_ns
    1761091200000000000
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+/.+$", description="As `hven calib known` lists it.")]
    begin: Annotated[str, Field(description="UTC from which it is valid; the begin of the set if empty.")] = ""
    end: Annotated[str, Field(description="UTC, not included; after the declared number of days if empty.")] = ""
    supersede: Annotated[bool, Field(description="Let what is certified for that time lose it to this.")] = False

    @property
    def begin_ns(self) -> int | None:
        """UTC nanoseconds; None for the begin of the set."""
        return parse_utc(self.begin) if self.begin else None

    @property
    def end_ns(self) -> int | None:
        """UTC nanoseconds; None for the declared number of days."""
        return parse_utc(self.end) if self.end else None

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            _ = self.begin_ns, self.end_ns
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self


class CommandRequest(_Record):
    """Process a data query by a pipeline into the observatory's collections, or make a calibration of it.

    Examples
    --------
    >>> request = CommandRequest(id="cal.20251021.1", pipeline="panoseti/calibrate", values={"day_obs": [20251021]})
    >>> request.run, str(request.job.job_class)
    ('panoseti/runs/commands/cal.20251021.1', 'ocs-driven')
    """

    id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$",
            description="Chosen by who commands: the same again is the same command.",
        ),
    ]
    pipeline: Annotated[str, Field(description="<instrument>/<pipeline>, or one of its subsets.")] = ""
    calibration: Annotated[CalibrationSet | None, Field(description="Instead of a pipeline.")] = None
    values: Annotated[dict[str, tuple[Value, ...]], Field(description="Allowed values of data ID keys.")] = {}
    where: Annotated[str, Field(description="Condition on data ID keys, times and sizes.")] = ""
    config: Annotated[
        dict[str, dict[str, Any]], Field(description="By step: configuration values that differ from the pipeline's.")
    ] = {}
    priority: Annotated[JobClass, Field(description="Class of its job.")] = JobClass.OCS_DRIVEN

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if bool(self.pipeline) == (self.calibration is not None):
            raise ValueError("name either a pipeline or a calibration")
        if self.calibration is not None and self.config:
            raise ValueError("a calibration is made and certified as it is declared: leave config out")
        return self

    @property
    def instrument(self) -> str:
        """Whose data are processed."""
        return (self.calibration.name if self.calibration else self.pipeline).partition("/")[0]

    @property
    def query(self) -> DataQuery:
        """Which data; raises UnknownNameError for an unknown data ID key."""
        return DataQuery.of(self.where, **self.values)

    @property
    def digest(self) -> str:
        """Tells two requests apart."""
        return digest_json(self.model_dump(mode="json"))

    @property
    def run(self) -> str:
        """RUN collection of its products: it lets the job be submitted once, however often that is tried."""
        return f"{self.instrument}/runs/commands/{self.id}"

    @property
    def collections(self) -> dict[str, str]:
        """Who may see these may see the command: `run` of its products, and `data`, the raw data that it works on."""
        return {"run": self.run, "data": raw_run(self.instrument)}

    @property
    def job(self) -> JobRequest:
        """The job that does it."""
        return JobRequest(
            pipeline=self.pipeline,
            values=self.values,
            where=self.where,
            config=self.config,
            job_class=self.priority,
            shared=True,
            run=self.run,
        )


class Summary(_Record):
    """What came of a command.

    Parameters
    ----------
    counts
        Quanta by outcome.
    collection
        RUN collection of its products.
    products
        How many there are, those that were there before with them.
    qc, judged, errors, warnings
        Worst status of the metrics of whole observations that have limits; how many there are, and how many are bad.
    certified
        Ids of the products that became calibrations.
    verdicts
        What the comparison with held-out frames says of each product of a calibration set; `judged` and `errors` then
        count products.
    """

    counts: Counts = Counts()
    collection: str = ""
    products: int = 0
    qc: Status = Status.MISSING
    judged: int = 0
    errors: int = 0
    warnings: int = 0
    certified: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()


class Command(_Record):
    """A command as it stands.

    Parameters
    ----------
    request, who
        What was commanded, by whom.
    aborting
        Somebody asked it to stop and it has not done so yet.
    job
        Number of its job; None before it has one, and for a calibration set, which has several.
    summary
        While it goes on only its counts and its collection.
    error, hint
        Why it failed, or who aborted it.
    """

    request: CommandRequest
    who: str
    state: CommandState
    aborting: bool = False
    job: int | None = None
    summary: Summary = Summary()
    error: str = ""
    hint: str = ""
    sent_ns: int = 0
    began_ns: int = 0
    ended_ns: int = 0
