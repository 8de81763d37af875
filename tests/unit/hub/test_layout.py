from __future__ import annotations

import stat

import pytest

from hven.core.errors import ConflictError
from hven.hub.layout import Layout, write_private
from hven.hub.password import ensure_password
from hven.hub.run_record import only_one


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "state")
    layout.create()
    return layout


def test_others_cannot_look_in(layout):
    assert stat.S_IMODE(layout.state.stat().st_mode) == 0o700


def test_private_file_is_never_readable_by_others(layout):
    layout.site.touch(mode=0o644)
    write_private(layout.site, "x")

    assert stat.S_IMODE(layout.site.stat().st_mode) == 0o600
    assert [p.name for p in layout.site.parent.iterdir()] == [layout.site.name]


def test_password_is_made_once(layout):
    assert ensure_password(layout) == ensure_password(layout)
    assert stat.S_IMODE(layout.password.stat().st_mode) == 0o600


def test_one_platform_for_each_state(layout):
    with only_one(layout), pytest.raises(ConflictError, match="already runs"), only_one(layout):
        pass
    with only_one(layout):
        pass
