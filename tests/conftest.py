"""Fixtures for the whole suite."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).parents[1]
settings.register_profile("hven", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hven")

_NUMBERS = itertools.count()


def require(condition: object, reason: str, command: str) -> None:
    """Skip with the reason and the command that installs what is missing; fail where everything is required."""
    if condition:
        return
    message = f"{reason}; install it with: {command}"
    if os.environ.get("HVEN_TEST_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with genuine data, outside the repository."""
    folder = Path(os.environ.get("HVEN_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no genuine data here; HVEN_TEST_DATA names the folder")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Program of the browser."""
    program = shutil.which("chromium")
    require(program, "Chromium is not installed", "apt-get install chromium")
    return str(program)


@pytest.fixture(scope="session")
def postgresql():
    """URL of a private PostgreSQL server, with ``{name}`` where the database's name belongs."""
    import private_postgres

    require(private_postgres.programs(), "PostgreSQL is not installed", private_postgres.COMMAND)
    with private_postgres.socket_folder() as folder, private_postgres.server(folder) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'database.sqlite'}"
        return
    server = request.getfixturevalue("postgresql")
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    admin = sa.create_engine(server.format(name="postgres").replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.format(name=name)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
