"""The folder of somebody's own products is there from the first login on."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from types import SimpleNamespace

import pytest

from hven.hub.machine.folders import differences, user_folder
from hven.hub.unix_login import PamLogin
from hven.hub.unix_spawning import make_own_folder, welcome
from hven.store.acl import get_acl, set_acl


@pytest.fixture
def place(server_site):
    settings = server_site.settings
    return SimpleNamespace(settings=settings, server=settings.server, root=settings.root)


@pytest.fixture
def login(place):
    return PamLogin(allowed_groups={"hvt-users"}, post_auth_hook=partial(welcome, place.settings, place.server))


def wrong(place, name):
    return differences(user_folder(place.settings, place.server, name))


def test_logging_in_makes_it_as_it_must_be(place, login, accounts):
    asyncio.run(login.run_post_auth_hook(None, {"name": "hvt-bert"}))

    assert wrong(place, "hvt-bert") == []
    assert accounts.bert.can("mkdir", "-p", place.root / "users/hvt-bert/L2/x")
    assert accounts.api.can("ls", place.root / "users/hvt-bert/L2/x")
    assert not accounts.ada.can("ls", place.root / "users/hvt-bert")


def test_using_a_token_that_was_made_before_makes_it(place, login):
    found = asyncio.run(login.refresh_user(SimpleNamespace(name="hvt-ada")))

    assert found == {"name": "hvt-ada", "groups": ["hvt-ada", "hvt-users"]}
    assert wrong(place, "hvt-ada") == []


def test_who_may_not_log_in_gets_none(place, login, accounts):
    assert asyncio.run(login.refresh_user(SimpleNamespace(name="hvt-otto"))) is False
    assert not (place.root / "users/hvt-otto").exists()


def test_what_was_cut_short_is_finished_and_what_its_owner_shares_stays(place, accounts):
    folder = place.root / "users/hvt-ada"
    folder.mkdir(mode=0o700)
    os.chown(folder, accounts.ada.uid, accounts.ada.gid)
    make_own_folder(place.settings, place.server, "hvt-ada")
    assert wrong(place, "hvt-ada") == []

    shared = f"{get_acl(folder)},g:hvt-operators:--x"
    set_acl(folder, shared)
    make_own_folder(place.settings, place.server, "hvt-ada")
    assert "g:hvt-operators:--x" in get_acl(folder)


def test_a_place_that_is_taken_locks_nobody_out(place):
    (place.root / "users/hvt-ada").symlink_to("/tmp")

    assert welcome(place.settings, place.server, None, None, {"name": "hvt-ada"}) == {"name": "hvt-ada"}
    assert (place.root / "users/hvt-ada").is_symlink()
