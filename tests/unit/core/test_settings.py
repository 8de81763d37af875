from __future__ import annotations

import re
from pathlib import Path

import pytest

from hven.core.errors import SettingsError
from hven.core.settings import load_settings


@pytest.fixture
def site(tmp_path):
    """Site file with relative paths, in a folder that is not the working directory."""
    file = tmp_path / "etc" / "site.yaml"
    file.parent.mkdir()
    file.write_text("root: data\nstate: ../state\n")
    return file


def test_relative_paths_of_a_site_file_begin_at_its_folder(site, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder, named in ((elsewhere, site), (site.parent, Path("site.yaml"))):
        monkeypatch.chdir(folder)

        settings = load_settings(named, environ={})

        assert settings.root == site.parent / "data"
        assert settings.state.is_absolute()
        assert settings.state.resolve() == tmp_path / "state"
        assert settings.registry_url == f"sqlite:///{settings.state}/registry.sqlite"


def test_absolute_paths_stay_as_they_are(site):
    site.write_text("root: /srv/data\nstate: /srv/state\n")

    settings = load_settings(site, environ={})

    assert (settings.root, settings.state) == (Path("/srv/data"), Path("/srv/state"))


def test_paths_of_the_environment_win_and_begin_at_the_working_directory(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    settings = load_settings(site, environ={"HVEN_ROOT": "here", "HVEN_STATE": "/srv/state"})

    assert (settings.root, settings.state) == (tmp_path / "here", Path("/srv/state"))


def test_a_path_that_is_none_is_an_error_that_names_file_and_key(site):
    site.write_text("root: 7\nstate: x\n")

    with pytest.raises(SettingsError, match=r"site\.yaml: root"):
        load_settings(site, environ={})


def test_an_unknown_key_is_named_with_those_that_there_are_and_the_nearest(site):
    wrong = {
        "instrument: [panoseti]": r"site\.yaml: unknown key 'instrument'\n  Did you mean 'instruments'\? Known: ala",
        "hub: {prot: 1}": r"site\.yaml: hub: unknown key 'prot'\n  Did you mean 'port'\? Known: guests, ",
        "engine: {profiles: {small: {worker: 1}}}": r"\.small: unknown key 'worker'\n  Did you mean 'workers'\?",
        "server: {oidc: {token: x}}": r"server\.oidc: unknown key 'token'\n  Did you mean 'token_url'\?",
    }
    for text, said in wrong.items():
        site.write_text(f"root: data\nstate: state\n{text}\n")
        with pytest.raises(SettingsError) as error:
            load_settings(site, environ={})
        assert re.search(said, str(error.value)), str(error.value)
