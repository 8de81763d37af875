"""The batch service's own token, in a database like the hub's."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace

import pytest
from jupyterhub import orm, roles
from jupyterhub.oauth.provider import make_provider

from hven.batch.hub_token import read_token, token_file
from hven.core.settings import Settings
from hven.hub import batch_token
from hven.hub.batch_token import BATCH, LIFE_S, renew, renew_while_it_runs


@pytest.fixture
def settings(tmp_path):
    return Settings(root=tmp_path, state=tmp_path / "state")


@pytest.fixture(scope="module")
def database():
    session = orm.new_session_factory("sqlite:///:memory:")()
    make_provider(lambda: session, url_prefix="/hub", login_url="/login")
    session.add_all([orm.OAuthClient(identifier="jupyterhub"), orm.Service(name=BATCH["name"])])
    for role in roles.get_default_roles():
        roles.create_role(session, role)
    session.commit()
    yield session
    session.close()


def test_a_token_is_the_batch_services_for_a_day_and_only_that_reads_it(settings, database):
    assert read_token(settings) == ""
    renew(database, settings, "")

    found = orm.APIToken.find(database, read_token(settings))
    assert found.service.name == "batch"
    assert LIFE_S - 60 < (found.expires_at - found.created).total_seconds() <= LIFE_S + 60
    assert token_file(settings).stat().st_mode & 0o777 == 0o600


def test_tokens_are_renewed_while_the_hub_runs_and_former_ones_stay_good_for_a_while(settings, database, monkeypatch):
    monkeypatch.setattr(batch_token, "_EVERY_S", 0)
    monkeypatch.setattr(batch_token, "_GLANCE_S", 0)
    seen = []

    async def look():
        hub = SimpleNamespace(db=database, http_server=None)
        renew_while_it_runs(hub, settings)
        await asyncio.sleep(0)
        assert read_token(settings) == ""  # it still starts
        hub.http_server = object()
        while len(seen) < 3:
            await asyncio.sleep(0)
            token = read_token(settings)
            seen.extend([token] if token and token not in seen else [])

    asyncio.run(look())

    assert [orm.APIToken.find(database, token).service.name for token in seen] == ["batch"] * 3


def test_a_link_in_the_services_folder_is_not_followed(settings, database, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    folder = token_file(settings).parent
    folder.mkdir(parents=True)
    (folder / f".hub-token.{os.getpid()}").symlink_to(precious)
    token_file(settings).symlink_to(precious)

    renew(database, settings, "")

    assert precious.read_text() == "precious"
    assert not token_file(settings).is_symlink()
