"""Jobs through the API: what a kernel has that may not touch the table."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cached_property
from typing import Any

from hven.batch.heartbeat import SILENT_S
from hven.batch.jobs import LOG_LINES
from hven.batch.model import Again, Estimate, Failure, Job, JobClass, JobRequest, JobState
from hven.batch.profile import JobProfile
from hven.batch.times import JobTimes
from hven.batch.triage.remote import RemoteTriage
from hven.core.errors import ConfigurationError
from hven.registry.api_client import PATIENCE_S, ApiClient


class RemoteJobs:
    """Jobs through the API, in the name of the token's user; errors are those of `hven.batch.jobs.Jobs`.

    An API that is being restarted is asked again, except to change something.

    Parameters
    ----------
    url
        The API's address.
    token
        JupyterHub token; it is sent in a header and nowhere else.
    patience_s
        How long it is asked again.
    """

    def __init__(self, url: str, token: str, *, patience_s: float = PATIENCE_S) -> None:
        self.url = url
        self._api = ApiClient(url, f"token {token}", patience_s=patience_s)

    def __repr__(self) -> str:
        """Address."""
        return f"<RemoteJobs {self.url}>"

    @cached_property
    def operator(self) -> bool:
        """Whether the token allows to operate."""
        return "custom:hven:operate" in self._api.ask("GET", "/whoami")["scopes"]

    def served(self) -> bool:
        """Whether the batch service was heard of lately."""
        ages = self._api.ask("GET", "/status")["heartbeat_age_s"]
        return bool(ages.get("batch", SILENT_S + 1) <= SILENT_S)

    def estimate(self, request: JobRequest) -> Estimate:
        """What a job would take."""
        return Estimate.model_validate(self._api.ask("POST", "/estimate", json=_as_json(request)))

    def submit(self, request: JobRequest) -> Job:
        """Queue a job."""
        return Job.model_validate(self._api.ask("POST", "/jobs", again=False, json=_as_json(request)))

    def get(self, job_id: int) -> Job:
        """Job by number."""
        return Job.model_validate(self._api.ask("GET", f"/jobs/{job_id}"))

    def find(self, *, user: str = "", states: Collection[JobState] = (), limit: int | None = None) -> list[Job]:
        """Jobs, newest first."""
        parameters: dict[str, Any] = {"state": [str(s) for s in states]}
        parameters |= {"user": user} if user else {}
        parameters |= {"limit": limit} if limit is not None else {}
        return [Job.model_validate(job) for job in self._api.ask("GET", "/jobs", params=parameters)]

    def cancel(self, job_id: int) -> Job:
        """Stop a job."""
        return self._act(job_id, "cancel")

    def hold(self, job_id: int) -> Job:
        """Keep a waiting job from starting."""
        return self._act(job_id, "hold")

    def unhold(self, job_id: int) -> Job:
        """Let a held job go."""
        return self._act(job_id, "unhold")

    def restart(self, job_id: int, again: Again | None = None) -> Job:
        """Queue an ended job again."""
        return self._act(job_id, "restart", again.model_dump() if again else None)

    def reclass(self, job_id: int, job_class: JobClass) -> Job:
        """Move a waiting job into another class."""
        return self._act(job_id, "reclass", {"job_class": job_class})

    def failures(self, job_id: int) -> list[Failure]:
        """Failed quanta grouped by cause."""
        return [Failure.model_validate(found) for found in self._api.ask("GET", f"/jobs/{job_id}/failures")]

    def products(self, job_id: int) -> list[str]:
        """Ids of products."""
        return [str(found) for found in self._api.ask("GET", f"/jobs/{job_id}/products")]

    def times(self, job_id: int) -> JobTimes:
        """Where the time of a job went."""
        return JobTimes.model_validate(self._api.ask("GET", f"/jobs/{job_id}/times"))

    def profile(self, job_id: int) -> JobProfile:
        """Which functions the time of a job went to."""
        return JobProfile.model_validate(self._api.ask("GET", f"/jobs/{job_id}/profile"))

    @cached_property
    def triage(self) -> RemoteTriage:
        """Failures by kind, and decisions about them."""
        return RemoteTriage(self._api)

    def log(self, job_id: int, *, lines: int = LOG_LINES) -> str:
        """Last lines of the job's log."""
        return str(self._api.ask("GET", f"/jobs/{job_id}/log", params={"lines": lines})["text"])

    def close(self) -> None:
        """Close connections."""
        self._api.close()

    def _act(self, job_id: int, verb: str, body: dict[str, Any] | None = None) -> Job:
        return Job.model_validate(self._api.ask("POST", f"/jobs/{job_id}/{verb}", again=False, json=body))


def _as_json(request: JobRequest) -> dict[str, Any]:
    """Body of a request; pydantic would write numbers that JSON does not have as null."""
    try:
        json.dumps(request.config, allow_nan=False)
    except ValueError as error:
        raise ConfigurationError(f"config: {error}", hint="Use finite numbers.") from None
    return request.model_dump(mode="json")
