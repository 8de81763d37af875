from __future__ import annotations

from types import SimpleNamespace

import pytest

from hven.core.settings import EngineSettings, Profile, Settings
from hven.hub.choices import form
from hven.hub.spawning import fill_home, prepare


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    for name in ("01-first-look.ipynb", "02-process.ipynb"):
        (folder / name).write_text("{}")
    return folder


def site(folder, **engine):
    return Settings(root=folder, state=folder, engine=EngineSettings(**engine))


def test_home_gets_its_own_copies(notebooks, tmp_path):
    fill_home(tmp_path / "home", notebooks)

    assert sorted(p.name for p in (tmp_path / "home/notebooks").iterdir()) == [
        "01-first-look.ipynb",
        "02-process.ipynb",
    ]


def test_edits_and_deletions_of_the_user_stay(notebooks, tmp_path):
    home = tmp_path / "home"
    fill_home(home, notebooks)
    (home / "notebooks/01-first-look.ipynb").write_text("mine")
    (home / "notebooks/02-process.ipynb").unlink()
    (notebooks / "03-new.ipynb").write_text("{}")

    fill_home(home, notebooks)

    assert (home / "notebooks/01-first-look.ipynb").read_text() == "mine"
    assert not (home / "notebooks/02-process.ipynb").exists()
    assert (home / "notebooks/03-new.ipynb").exists()


@pytest.mark.parametrize(
    ("options", "profile"), [({}, "medium"), ({"profile": "small"}, "small"), ({"profile": "x"}, "medium")]
)
def test_server_gets_the_chosen_size_alone(options, profile, notebooks, tmp_path):
    shared = {"HVEN_ROOT": "/data"}
    spawner = SimpleNamespace(user=SimpleNamespace(name="tycho"), user_options=options, environment=shared)

    prepare(site(tmp_path), notebooks, tmp_path, spawner)

    assert spawner.environment == {"HVEN_ROOT": "/data", "HVEN_PROFILE": profile}
    assert shared == {"HVEN_ROOT": "/data"}


def test_form_offers_every_size_and_marks_the_default(tmp_path):
    shown = form(site(tmp_path))

    assert '<option value="small">small: 1 worker, ' in shown
    assert '<option value="medium" selected>medium: 2 workers, ' in shown


def test_form_escapes_names(tmp_path):
    sizes = {"<script>": Profile(), "medium": Profile()}

    assert "<script>" not in form(site(tmp_path, profiles=sizes))


def test_one_size_is_no_question(tmp_path):
    assert form(site(tmp_path, profiles={"medium": Profile()})) == ""
