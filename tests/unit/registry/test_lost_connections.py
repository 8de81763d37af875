"""A PostgreSQL server that cuts connections, restarts or is busy costs an answer, never a promise."""

from __future__ import annotations

from contextlib import closing, contextmanager

import private_postgres
import pytest
import sqlalchemy as sa

from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest, JobState, QuantumLine
from hven.batch.store import JobStore
from hven.core.errors import ConflictError, ServiceUnavailableError
from hven.core.settings import BatchSettings
from hven.model.quantum import QuantumState
from hven.registry.database import Database

metadata = sa.MetaData()
counter = sa.Table("counter", metadata, sa.Column("value", sa.Integer))
CUT = sa.text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'hven'")


@pytest.fixture
def url(new_database, tmp_path):
    with new_database("postgresql", tmp_path) as made:
        yield made


@pytest.fixture
def database(url):
    opened = Database(url)
    opened.prepare(metadata, name="test", version=1, when_older="")
    yield opened
    opened.close()


@pytest.fixture
def cut(url):
    """End all connections of hven, as a server does that restarts."""
    engine = sa.create_engine(url.replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")

    def end():
        with engine.connect() as connection:
            assert connection.execute(CUT).all()

    yield end
    engine.dispose()


def values(database):
    with database.read() as connection:
        return connection.scalars(sa.select(counter.c.value)).all()


def test_a_connection_that_was_cut_while_idle_is_made_again(database, cut):
    cut()

    with database.write() as connection:
        connection.execute(sa.insert(counter).values(value=1))
    cut()
    assert values(database) == [1]


def test_a_transaction_that_was_cut_leaves_nothing_and_says_so(database, cut):
    def write():
        with database.write() as connection:
            connection.execute(sa.insert(counter).values(value=1))
            cut()
            connection.execute(sa.insert(counter).values(value=2))

    with pytest.raises(ServiceUnavailableError):
        write()
    assert values(database) == []


def test_a_commit_that_was_cut_says_so(database, cut):
    def write():
        with database.write() as connection:
            connection.execute(sa.insert(counter).values(value=1))
            cut()

    with pytest.raises(ServiceUnavailableError):
        write()
    assert values(database) == []


def test_a_writer_that_waits_too_long_for_another_gives_up(database, url):
    impatient = Database(f"{url}&options=-c%20lock_timeout%3D100")
    with database.write(), pytest.raises(ServiceUnavailableError, match="lock timeout"), impatient.write():
        pass
    impatient.close()


def test_what_one_transaction_reads_is_of_one_moment(database_url):
    database = Database(database_url)
    database.prepare(metadata, name="test", version=1, when_older="")
    with database.read() as connection:
        before = connection.scalars(sa.select(counter.c.value)).all()
        with database.write() as other:
            other.execute(sa.insert(counter).values(value=1))
        again = connection.scalars(sa.select(counter.c.value)).all()

    assert before == again == []
    assert values(database) == [1]
    database.close()


def test_a_runner_whose_report_was_cut_reports_again(database, cut):
    store, queue = JobStore(database), JobQueue(database, lease_s=30)
    job = store.submit(JobRequest(pipeline="p/x"), user="ada").id
    lease = queue.claim()
    queue.begin(lease, runner="here:1")
    for _ in range(2):
        cut()
        queue.report(lease, [QuantumLine(step="s", data_id="d", state=QuantumState.DONE)], total=1)
    queue.finish(lease, JobState.SUCCEEDED)

    ended = store.get(job)
    assert (ended.state, ended.counts.done) == (JobState.SUCCEEDED, 1)


@pytest.fixture
def crashing():
    """Context manager that runs a server, always on the same files, and crashes it: it has synced what it had to."""
    with private_postgres.socket_folder() as folder:
        private_postgres.initialize(folder)

        @contextmanager
        def run():
            running = private_postgres.running(folder, wal_writer_delay="10000")
            with running as url, closing(Database(url.format(name="postgres"))) as database:
                yield database

        yield run


@pytest.mark.usefixtures("postgresql")
def test_a_server_that_crashes_forgets_no_job_that_was_begun_and_nobody_begins_what_it_forgot(crashing):
    with crashing() as database:
        queue, store = JobQueue(database, lease_s=30, rules=BatchSettings(slots=2)), JobStore(database)
        begun, waiting = (store.submit(JobRequest(pipeline="p/a"), user="tycho").id for _ in range(2))
        kept = queue.claim()
        queue.begin(kept, runner="host:1:0")
        forgotten = queue.claim()
        assert (kept.job, forgotten.job) == (begun, waiting)

    with crashing() as database:
        queue, store = JobQueue(database, lease_s=30, rules=BatchSettings(slots=2)), JobStore(database)
        assert [store.get(job).state for job in (begun, waiting)] == [JobState.RUNNING, JobState.READY]
        with pytest.raises(ConflictError):
            queue.begin(forgotten, runner="host:2:0")
        assert queue.claim().job == waiting
        queue.finish(kept, JobState.SUCCEEDED)
