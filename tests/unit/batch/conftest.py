from __future__ import annotations

import pytest

from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.settings import BatchSettings
from hven.registry.database import Database


@pytest.fixture
def store(database_url):
    database = Database(database_url)
    yield JobStore(database)
    database.close()


@pytest.fixture
def queue(store):
    return JobQueue(store.database, lease_s=30, rules=BatchSettings(slots=100))


@pytest.fixture
def request_():
    return JobRequest(pipeline="panoseti/calibrate", values={"day_obs": (20251021,)})
