"""Every error hven raises on purpose, in one tree.

::

    HvenError
    ├── ConfigurationError            wrong settings, parameters or names: fix the call, not the data
    │   ├── SettingsError             the site file
    │   ├── UnknownNameError          a name that is not in the list given with the error
    │   └── AmbiguousNameError        more than one thing has this name
    ├── DataError                     the data are not what they say
    │   ├── FormatError               a raw file: names file, frame and byte offset
    │   ├── ChecksumError             bytes differ from their digest
    │   ├── SchemaError               a dataset does not fit its declaration
    │   └── ClockError                the clock does not allow this analysis
    ├── NotFoundError                 asked for by name and not there
    │   ├── DatasetNotFoundError
    │   ├── CalibrationMissingError
    │   ├── JobNotFoundError
    │   └── GoneError             was there, and is kept no longer
    ├── ConflictError                 something else is there already
    ├── AccessDeniedError             the caller may not do this
    ├── QuotaExceededError            no room for more of the caller's own
    ├── InfrastructureError           the machinery: trying again may help
    │   ├── WorkerLostError
    │   ├── OutOfMemoryError
    │   ├── CommunicationFailedError
    │   └── ServiceUnavailableError
    ├── QuantumError                  a task failed on one data ID
    └── CancelledError                stopped on request

Each class carries the exit code of the command line, the HTTP status of the API and the error flavour of the
batch service, so that a failure looks the same wherever it is met.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

Flavour = Literal["infrastructure", "configuration", "pipeline", "data", "memory"]


class HvenError(Exception):
    r"""Base of all errors hven raises on purpose.

    Parameters
    ----------
    message
        What happened and where.
    hint
        What to do about it, in one sentence.

    Examples
    --------
    >>> str(HvenError("no such thing: x", hint="Look at `hven find`."))
    'no such thing: x\n  Look at `hven find`.'
    """

    exit_code: ClassVar[int] = 1
    status_code: ClassVar[int] = 500
    flavour: ClassVar[Flavour] = "pipeline"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Message, and the hint on a line of its own."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the hint: errors travel from workers."""
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(cls: type[HvenError], state: dict[str, object]) -> HvenError:
    error = cls.__new__(cls)
    Exception.__init__(error, state.get("message"))
    error.__dict__.update(state)
    return error


class ConfigurationError(HvenError):
    """Wrong settings, parameters or names."""

    exit_code = 2
    status_code = 422
    flavour = "configuration"


class SettingsError(ConfigurationError):
    """The site file is missing or wrong."""


class UnknownNameError(ConfigurationError):
    """A name that does not exist; the message lists those that do.

    Examples
    --------
    >>> print(UnknownNameError("pipeline", "calibrat", ["calibrate", "pulses"]))
    unknown pipeline 'calibrat'
      Did you mean 'calibrate'? Known: calibrate, pulses.
    """

    status_code = 404

    def __init__(self, what: str, name: str, known: object) -> None:
        from difflib import get_close_matches

        names = sorted(str(k) for k in known)  # type: ignore[attr-defined]
        close = get_close_matches(name, names, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        super().__init__(f"unknown {what} {name!r}", hint=f"{guess}Known: {', '.join(names) or 'none'}.")


class AmbiguousNameError(ConfigurationError):
    """More than one thing has this name."""


class DataError(HvenError):
    """The data are not what they say."""

    exit_code = 3
    status_code = 422
    flavour = "data"


class FormatError(DataError):
    """A raw file is broken at a known place.

    Parameters
    ----------
    path
        The file.
    problem
        What is wrong there.
    frame, offset
        Frame number and byte offset, where known.

    Examples
    --------
    >>> print(FormatError(Path("a.pff"), "no image marker", frame=3, offset=7620))
    a.pff: frame 3, byte 7620: no image marker
    """

    def __init__(
        self, path: Path, problem: str, *, frame: int | None = None, offset: int | None = None, hint: str = ""
    ) -> None:
        at = [f"frame {frame}"] if frame is not None else []
        at += [f"byte {offset}"] if offset is not None else []
        where = f"{', '.join(at)}: " if at else ""
        super().__init__(f"{path}: {where}{problem}", hint=hint)
        self.path = path
        self.problem = problem
        self.frame = frame
        self.offset = offset


class ChecksumError(DataError):
    """Bytes differ from their digest."""


class SchemaError(DataError):
    """A dataset does not fit its declaration."""


class ClockError(DataError):
    """The clock does not allow this analysis."""


class NotFoundError(HvenError):
    """Asked for by name and not there."""

    exit_code = 4
    status_code = 404
    flavour = "data"


class DatasetNotFoundError(NotFoundError):
    """No dataset of this type and data ID."""


class CalibrationMissingError(NotFoundError):
    """No calibration is valid at this time."""


class JobNotFoundError(NotFoundError):
    """No job of this number."""


class GoneError(NotFoundError):
    """Was there, and is kept no longer."""

    status_code = 410


class ConflictError(HvenError):
    """Something else is there already."""

    exit_code = 5
    status_code = 409
    flavour = "configuration"


class AccessDeniedError(HvenError):
    """The caller may not do this."""

    exit_code = 6
    status_code = 403
    flavour = "configuration"


class QuotaExceededError(HvenError):
    """Somebody's own products are as large as they may be."""

    exit_code = 9
    status_code = 507
    flavour = "configuration"


class InfrastructureError(HvenError):
    """The machinery failed; trying again may help."""

    exit_code = 7
    status_code = 503
    flavour: ClassVar[Flavour] = "infrastructure"


class WorkerLostError(InfrastructureError):
    """A worker process died."""


class OutOfMemoryError(InfrastructureError):
    """A worker was ended because it used more memory than it may."""

    flavour: ClassVar[Flavour] = "memory"


class CommunicationFailedError(InfrastructureError):
    """The scheduler or a worker does not answer."""


class ServiceUnavailableError(InfrastructureError):
    """A service of the platform does not answer."""


class QuantumError(HvenError):
    """A task failed on one data ID."""

    exit_code = 8


class CancelledError(HvenError):
    """Stopped on request."""

    exit_code = 130
    status_code = 409


def describe(error: HvenError) -> dict[str, str]:
    """Error as JSON, for the way from a service to its client.

    Examples
    --------
    >>> describe(JobNotFoundError("there is no job 7"))
    {'error': 'JobNotFoundError', 'message': 'there is no job 7', 'hint': ''}
    """
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}


def revive(described: dict[str, str]) -> HvenError:
    """Error of the same class from its JSON; one of an unknown class is an HvenError.

    Examples
    --------
    >>> revive(describe(UnknownNameError("task", "x", ["y"])))
    UnknownNameError("unknown task 'x'")
    """
    cls = globals().get(described.get("error", ""))
    known = cls if isinstance(cls, type) and issubclass(cls, HvenError) else HvenError
    return _rebuild(known, {"message": described.get("message", ""), "hint": described.get("hint", "")})
