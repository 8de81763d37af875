"""Jobs through the API: what a kernel has that may not touch the table."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import httpx

from hven.batch.jobs import LOG_LINES
from hven.batch.model import Estimate, Failure, Job, JobRequest, JobState
from hven.core.errors import HvenError, ServiceUnavailableError, revive

_TIMEOUT_S = 60.0


class RemoteJobs:
    """Jobs through the API, in the name of the token's user; errors are those of `hven.batch.jobs.Jobs`.

    Parameters
    ----------
    url
        The API's address.
    token
        JupyterHub token; it is sent in a header and nowhere else.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url.rstrip("/"), headers={"Authorization": f"token {token}"}, timeout=_TIMEOUT_S
        )

    def __repr__(self) -> str:
        """Address."""
        return f"<RemoteJobs {self.url}>"

    @cached_property
    def operator(self) -> bool:
        """Whether the token allows to operate."""
        return "custom:hven:operate" in self._ask("GET", "/whoami")["scopes"]

    def estimate(self, request: JobRequest) -> Estimate:
        """What a job would take."""
        return Estimate.model_validate(self._ask("POST", "/estimate", json=request.model_dump(mode="json")))

    def submit(self, request: JobRequest) -> Job:
        """Queue a job."""
        return Job.model_validate(self._ask("POST", "/jobs", json=request.model_dump(mode="json")))

    def get(self, job_id: int) -> Job:
        """Job by number."""
        return Job.model_validate(self._ask("GET", f"/jobs/{job_id}"))

    def find(self, *, user: str = "", states: Collection[JobState] = (), limit: int | None = None) -> list[Job]:
        """Jobs, newest first."""
        parameters: dict[str, Any] = {"state": [str(s) for s in states]}
        parameters |= {"user": user} if user else {}
        parameters |= {"limit": limit} if limit is not None else {}
        return [Job.model_validate(job) for job in self._ask("GET", "/jobs", params=parameters)]

    def cancel(self, job_id: int) -> Job:
        """Stop a job."""
        return self._act(job_id, "cancel")

    def hold(self, job_id: int) -> Job:
        """Keep a waiting job from starting."""
        return self._act(job_id, "hold")

    def unhold(self, job_id: int) -> Job:
        """Let a held job go."""
        return self._act(job_id, "unhold")

    def restart(self, job_id: int) -> Job:
        """Queue a failed or cancelled job again."""
        return self._act(job_id, "restart")

    def failures(self, job_id: int) -> list[Failure]:
        """Failed quanta grouped by cause."""
        return [Failure.model_validate(found) for found in self._ask("GET", f"/jobs/{job_id}/failures")]

    def products(self, job_id: int) -> list[str]:
        """Ids of products."""
        return [str(found) for found in self._ask("GET", f"/jobs/{job_id}/products")]

    def log(self, job_id: int, *, lines: int = LOG_LINES) -> str:
        """Last lines of the job's log."""
        return str(self._ask("GET", f"/jobs/{job_id}/log", params={"lines": lines})["text"])

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _act(self, job_id: int, verb: str) -> Job:
        return Job.model_validate(self._ask("POST", f"/jobs/{job_id}/{verb}"))

    def _ask(self, method: str, path: str, **parts: Any) -> Any:
        try:
            answer = self._client.request(method, path, **parts)
        except httpx.TransportError as error:
            raise ServiceUnavailableError(
                f"the API at {self.url} does not answer: {error}", hint="`hven status` shows what runs."
            ) from None
        if answer.is_success:
            return answer.json()
        raise _error(answer)


def _error(answer: httpx.Response) -> HvenError:
    try:
        described = answer.json()
    except ValueError:
        described = None
    if isinstance(described, dict) and "error" in described:
        return revive(described)
    return ServiceUnavailableError(f"{answer.url.copy_with(query=None)} answered {answer.status_code}")
