"""How the jobs of groups stand, many at a time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import batched

import sqlalchemy as sa

from hven.batch.model import JobState
from hven.batch.tables import JOB
from hven.registry.database import Database

_AT_ONCE = 500


def states_of(database: Database, jobs: Iterable[int]) -> dict[int, JobState]:
    """States of jobs by number."""
    found: dict[int, JobState] = {}
    with database.read() as connection:
        for some in batched(jobs, _AT_ONCE):
            rows = connection.execute(sa.select(JOB.c.id, JOB.c.state).where(JOB.c.id.in_(some)))
            found |= {job: JobState(state) for job, state in rows}
    return found
