"""What the pages' buttons do: change a job through the API, with the visitor's own token."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from hven.batch.model import Job
from hven.batch.remote import RemoteJobs
from hven.core.errors import AccessDeniedError


@dataclass(frozen=True, slots=True)
class JobActions:
    """Changes jobs in the name of visitors.

    Parameters
    ----------
    api
        The API's address.
    tokens
        Visitors' tokens by user.
    """

    api: str
    tokens: Mapping[str, str] = field(repr=False)

    def __call__(self, user: str, verb: str, job_id: int) -> Job:
        """Cancel, hold, unhold or restart a job.

        Raises
        ------
        HvenError
            As the API says it: the user may not, the job is not in a state for it, or the API does not answer.
        """
        token = self.tokens.get(user)
        if token is None:
            raise AccessDeniedError(f"nobody is logged in as {user}", hint="Load the page again to log in.")
        with closing(RemoteJobs(self.api, token)) as jobs:
            verbs = {"cancel": jobs.cancel, "hold": jobs.hold, "unhold": jobs.unhold, "restart": jobs.restart}
            return verbs[verb](job_id)
