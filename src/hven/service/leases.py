"""Who a runner is: a job's lease makes its bearer the job's user, for as long as it is held."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from hven.batch.lease import JobQueue, Lease
from hven.service.auth import Caller

BY_LEASE = "lease"
"""Scheme of `Authorization: lease <job>:<name>`."""

_SECRET = re.compile(r"([0-9]{1,18}):([0-9a-f]{32})")
_SCOPES = frozenset({"custom:hven:read", "custom:hven:submit"})


@dataclass(frozen=True, slots=True)
class Runner(Caller):
    """A runner, in the name of its job's user; `queue` is where it reports."""

    lease: Lease
    queue: JobQueue


class LeaseAuthentication:
    """Knows runners by their leases.

    The runner of a shared job may operate, as the operator who submitted it; others may read and submit.

    Parameters
    ----------
    queue
        Knows the leases.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    async def caller(self, secret: str) -> Runner | None:
        """Runner whose lease this is and who holds it now."""
        found = _SECRET.fullmatch(secret)
        if found is None:
            return None
        lease = Lease(int(found[1]), found[2])
        job = await run_in_threadpool(self._queue.holder, lease)
        if job is None:
            return None
        scopes = _SCOPES | ({"custom:hven:operate"} if job.request.shared else set())
        return Runner(job.user, scopes, lease, self._queue)
