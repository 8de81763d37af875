from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.errors import ChecksumError, ConfigurationError, ConflictError
from hven.hub.layout import Layout
from hven.hub.run_record import only_one
from hven.hub.state.move import move
from hven.registry import transfer
from hven.registry.database import Database


def test_everything_is_in_the_new_database_and_the_old_one_is_as_it_was(site, empty_postgresql):
    last = site.work()
    before, files = site.rows(), site.files()

    copied = move(site.settings, empty_postgresql)

    moved = site.moved_to(empty_postgresql)
    assert moved.rows() == before
    assert {one.table: one.rows for one in copied} == {name: len(found) for name, found in before.items()}
    assert all(before.values())
    assert site.files() == files
    database = moved.database()
    assert JobStore(database).submit(JobRequest(pipeline="p/x"), user="ada").id == last + 1
    assert max(e.time_ns for e in JobStore(database).events()) > 0
    database.close()


def test_a_move_that_fails_leaves_an_empty_database_and_can_be_repeated(site, empty_postgresql, monkeypatch):
    site.work()
    digest = transfer.digest

    def broken(connection, table):
        found = digest(connection, table)
        wrong = table.name == "event" and connection.dialect.name == "postgresql"
        return transfer.Copied(found.table, found.rows - 1, found.digest) if wrong else found

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "digest", broken)
        with pytest.raises(ChecksumError, match="event"):
            move(site.settings, empty_postgresql)

    moved = site.moved_to(empty_postgresql)
    assert not any(moved.rows().values())
    move(site.settings, empty_postgresql)
    assert moved.rows() == site.rows()


def test_a_database_that_is_not_empty_is_refused(site, make_site, empty_postgresql):
    make_site("other", registry_url=empty_postgresql, platform_url=empty_postgresql).work(1)
    site.work()

    with pytest.raises(ConflictError, match="is not empty"):
        move(site.settings, empty_postgresql)


def test_a_platform_that_runs_is_not_moved(site, empty_postgresql):
    site.work()

    with only_one(Layout.of(site.settings)), pytest.raises(ConflictError, match="already runs"):
        move(site.settings, empty_postgresql)


def test_a_process_that_has_the_old_database_open_is_named(site, empty_postgresql):
    site.work()
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM job');"
    code += "print(1, flush=True); sys.stdin.read()"
    file = site.settings.state / "platform.sqlite"
    user = subprocess.Popen([sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with user:
        user.stdout.readline()
        with pytest.raises(ConflictError, match=f"process {user.pid} "):
            move(site.settings, empty_postgresql)


@pytest.mark.parametrize("what", ["CREATE TABLE alien (x INTEGER)", "UPDATE schema_version SET version = 99"])
def test_tables_that_are_not_known_are_refused_before_anything_is_copied(site, empty_postgresql, what):
    site.work()
    database = site.database()
    with database.write() as connection:
        connection.execute(sa.text(what))
    database.close()

    with pytest.raises(ConfigurationError, match=r"alien|version 99"):
        move(site.settings, empty_postgresql)

    target = Database(empty_postgresql)
    with target.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
    target.close()


def test_only_from_sqlite_to_postgresql(site, empty_postgresql, tmp_path):
    with pytest.raises(ConfigurationError, match="is SQLite"):
        move(site.settings, f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(ConfigurationError, match="nothing to move"):
        move(site.moved_to(empty_postgresql).settings, empty_postgresql)
    with pytest.raises(ConfigurationError, match="is not there"):
        move(site.settings, empty_postgresql)
