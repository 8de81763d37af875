from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from hven.core.errors import ConfigurationError
from hven.registry.database import Database

metadata = sa.MetaData()
counter = sa.Table("counter", metadata, sa.Column("value", sa.Integer))


@pytest.fixture
def database(database_url):
    opened = Database(database_url)
    opened.prepare(metadata, name="test", version=2, when_older="Do the thing.")
    yield opened
    opened.close()


def test_tables_are_made_once(database, database_url):
    with database.write() as connection:
        connection.execute(sa.insert(counter).values(value=7))

    again = Database(database_url)
    again.prepare(metadata, name="test", version=2, when_older="")

    with again.read() as connection:
        assert connection.scalar(sa.select(counter.c.value)) == 7
    again.close()


@pytest.mark.parametrize(("version", "hint"), [(1, "Update hven"), (3, "Do the thing")])
def test_tables_of_another_version_are_refused_with_what_to_do(database, version, hint):
    with pytest.raises(ConfigurationError, match=hint):
        database.prepare(metadata, name="test", version=version, when_older="Do the thing.")


def add_name(connection):
    connection.exec_driver_sql("ALTER TABLE counter ADD COLUMN name TEXT DEFAULT 'old'")


def double(connection):
    connection.exec_driver_sql("UPDATE counter SET value = 2 * value")


def fail(_connection):
    raise ZeroDivisionError


def rows(database):
    with database.read() as connection:
        return connection.exec_driver_sql("SELECT * FROM counter").all()


def test_older_tables_are_migrated_step_by_step_and_once(database):
    with database.write() as connection:
        connection.execute(sa.insert(counter).values(value=7))

    for _ in range(2):
        database.prepare(metadata, name="test", version=4, when_older="", migrations=(fail, add_name, double))

    assert rows(database) == [(14, "old")]


def test_a_migration_that_fails_leaves_the_tables_as_they_were(database):
    with database.write() as connection:
        connection.execute(sa.insert(counter).values(value=7))

    with pytest.raises(ZeroDivisionError):
        database.prepare(metadata, name="test", version=4, when_older="", migrations=(add_name, fail))

    assert rows(database) == [(7,)]
    database.prepare(metadata, name="test", version=2, when_older="")


def test_tables_from_which_no_migration_leads_here_are_refused(database):
    with pytest.raises(ConfigurationError, match="Do the thing"):
        database.prepare(metadata, name="test", version=4, when_older="Do the thing.", migrations=(double,))


def test_writers_queue_up_and_none_loses_what_another_wrote(database):
    with database.write() as connection:
        connection.execute(sa.insert(counter).values(value=0))

    def count():
        for _ in range(25):
            with database.write() as connection:
                value = connection.scalar(sa.select(counter.c.value))
                connection.execute(sa.update(counter).values(value=value + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as connection:
        assert connection.scalar(sa.select(counter.c.value)) == 100


def test_a_failed_transaction_leaves_nothing(database):
    def fail():
        with database.write() as connection:
            connection.execute(sa.insert(counter).values(value=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(counter)) == 0


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", "sqlite://", "oracle+nothing://x"])
def test_a_url_that_cannot_be_used_is_refused(url):
    with pytest.raises(ConfigurationError):
        Database(url)


def test_sqlite_is_set_up_for_many_processes(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new/folder/x.sqlite")
    names = ("journal_mode", "foreign_keys", "busy_timeout")
    with database.read() as connection:
        values = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    assert values == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30000}
    database.close()


def test_a_database_that_nobody_holds_keeps_nothing_open(tmp_path):
    file = tmp_path / "x.sqlite"
    with Database(f"sqlite:///{file}").read() as connection:
        connection.execute(sa.text("SELECT 1"))
        held = {Path(f.path) for f in psutil.Process().open_files()}
    del connection
    left = {Path(f.path) for f in psutil.Process().open_files()}

    assert file in held
    assert file not in left
