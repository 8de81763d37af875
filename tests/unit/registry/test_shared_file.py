"""The services of an installation open one database under different accounts."""

from __future__ import annotations

import pytest

WRITE = """
import sys, sqlalchemy as sa
from hven.registry.database import Database
database = Database(sys.argv[1])
with database.write() as connection:
    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS visits (who TEXT)"))
    connection.execute(sa.text("INSERT INTO visits VALUES (:who)"), {"who": sys.argv[2]})
with database.read() as connection:
    print(*connection.scalars(sa.text("SELECT who FROM visits")))
"""


def visit(site, account):
    python = site.installation.python
    return account.run(python, "-c", WRITE, f"sqlite:///{site.state}/shared.sqlite", account.name, umask=0o077)


def test_services_write_a_database_that_any_of_them_made(server_site, accounts):
    for account in (accounts.archive, accounts.batch, accounts.api):
        done = visit(server_site, account)
        assert done.returncode == 0, done.stderr

    assert done.stdout.split() == ["hvt-archive", "hvt-batch", "hvt-api"]


@pytest.mark.parametrize("who", ["ada", "otto", "olga", "cora"])
def test_nobody_else_opens_it(server_site, accounts, who):
    visit(server_site, accounts.api)

    assert visit(server_site, getattr(accounts, who)).returncode != 0
    assert not getattr(accounts, who).can("cat", server_site.state / "shared.sqlite")
