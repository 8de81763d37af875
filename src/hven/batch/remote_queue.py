"""What a runner says of its job, through the API: it runs as its user and may not touch the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hven.batch.lease import Lease
from hven.batch.model import Job, JobState, QuantumLine, Wish
from hven.batch.triage.model import Decision
from hven.core.errors import AccessDeniedError, ConflictError, Flavour
from hven.registry.api_client import ApiClient


class RemoteQueue:
    """`hven.batch.lease.RunnerSide` through the API; an API that is being restarted is asked again.

    Parameters
    ----------
    url
        The API's address.
    lease
        Of the job; it is sent in a header and nowhere else.
    lease_s
        A lease that is not renewed for so long is void.
    """

    def __init__(self, url: str, lease: Lease, *, lease_s: float) -> None:
        self.lease_s = lease_s
        self._api = ApiClient(url, credential(lease), patience_s=lease_s)

    def begin(self, lease: Lease, *, runner: str) -> None:
        """Say that a runner, given as `host:pid`, is at work."""
        self._ask(lease, "POST", "begin", {"runner": runner})

    def job(self, lease: Lease) -> Job:
        """The job."""
        return Job.model_validate(self._ask(lease, "GET", "job"))

    def decisions(self, lease: Lease) -> list[Decision]:
        """What people decided about kinds of failures."""
        return [Decision.model_validate(found) for found in self._ask(lease, "GET", "decisions")]

    def renew(self, lease: Lease) -> Wish:
        """Say that the runner lives; gives what it should do."""
        return Wish(self._ask(lease, "POST", "renew")["wish"])

    def report(self, lease: Lease, lines: Sequence[QuantumLine], *, total: int, message: str = "") -> None:
        """Keep how quanta ended."""
        rows = [line.model_dump(mode="json") for line in lines]
        self._ask(lease, "POST", "report", {"lines": rows, "total": total, "message": message})

    def profile(self, lease: Lease, stacks: Mapping[str, Mapping[str, int]]) -> None:
        """Keep where the time went."""
        self._ask(lease, "POST", "profile", {"stacks": {step: dict(some) for step, some in stacks.items()}})

    def release(self, lease: Lease) -> None:
        """Put the job back into the queue."""
        self._ask(lease, "POST", "release")

    def finish(
        self, lease: Lease, state: JobState, *, error: str = "", hint: str = "", flavour: Flavour | None = None
    ) -> None:
        """Say how the job ended and give the lease back."""
        self._ask(lease, "POST", "finish", {"state": state, "error": error, "hint": hint, "flavour": flavour})

    def close(self) -> None:
        """Close connections."""
        self._api.close()

    def _ask(self, lease: Lease, method: str, verb: str, body: Any = None) -> Any:
        """A lease that is not held is nobody's credential: the API does not know its bearer."""
        try:
            return self._api.ask(method, f"/runner/{verb}", json=body)
        except AccessDeniedError as error:
            raise ConflictError(
                f"another runner has taken job {lease.job}, or it has ended", hint=error.message
            ) from None


def credential(lease: Lease) -> str:
    """`Authorization` header of a runner.

    Examples
    --------
    >>> credential(Lease(7, "abc"))
    'lease 7:abc'
    """
    return f"lease {lease.job}:{lease.name}"
