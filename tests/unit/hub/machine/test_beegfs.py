"""The layout on BeeGFS, against a program that records how it is called, and on a plain folder."""

from __future__ import annotations

import importlib.util
import shutil
import sys

import pytest

from hven.core.settings import load_settings
from hven.hub.machine.folders import data_folders, differences

STUB = """#!/bin/sh
echo "$@" >> {record}
if [ "$1 $2" = "pool list" ]; then printf 'ALIAS    ID         MEMBERS\\ndefault  storage:1  target_1\\n'; fi
case "$*" in *{fail}*) echo "no such target" >&2; exit 1;; esac
"""


@pytest.fixture
def script(repository, monkeypatch):
    spec = importlib.util.spec_from_file_location("beegfs_apply", repository / "platform/beegfs/apply.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """What BeeGFS's program was asked, line by line."""
    record = tmp_path / "calls"
    record.touch()

    def install(fail="never-asked-for"):
        program = tmp_path / "beegfs"
        program.write_text(STUB.format(record=record, fail=fail))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return lambda: record.read_text().splitlines()

    return install


def run(script, site, *more, kind="beegfs"):
    return script.main(["--site", str(site.file), *map(str, more)], filesystem=lambda _root: kind)


def test_each_level_gets_its_pattern(script, server_site, calls):
    asked = calls()

    assert run(script, server_site) == 0
    root = server_site.root
    pattern = "entry set --pool=default --pattern=raid0"
    assert asked() == [
        "pool list",
        f"{pattern} --num-targets=4 --chunk-size=1Mi {root}",
        f"{pattern} --num-targets=4 --chunk-size=1Mi {root}/incoming",
        f"{pattern} --num-targets=4 --chunk-size=2Mi {root}/L0",
        f"{pattern} --num-targets=4 --chunk-size=1Mi {root}/L1",
        f"{pattern} --num-targets=1 --chunk-size=1Mi {root}/L2",
        f"{pattern} --num-targets=4 --chunk-size=1Mi {root}/users",
    ]


def test_the_same_lists_are_set_as_anywhere(script, server_site, calls):
    calls()
    shutil.rmtree(server_site.root / "L1")
    (server_site.root / "L0").chmod(0o777)

    assert run(script, server_site) == 0
    assert [f for f in data_folders(server_site.settings, server_site.settings.server) if differences(f)] == []


def test_a_plain_folder_is_left_alone(script, server_site, calls, capsys):
    asked = calls()

    assert run(script, server_site, kind="ext4") == 0
    assert asked() == []
    assert "nothing to do" in capsys.readouterr().out


def test_a_pool_is_made_once(script, server_site, calls, tmp_path):
    asked = calls()
    layout = tmp_path / "layout.yaml"
    layout.write_text(
        "pools: {default: {}, capacity: {targets: [a, b], groups: [m]}}\n"
        "entries: [{path: L0, pool: capacity, pattern: mirrored, num_targets: 2, chunk_size: 512ki}]\n"
    )

    assert run(script, server_site, "--layout", layout) == 0
    assert asked() == [
        "pool list",
        "pool create capacity --targets=a,b --groups=m",
        f"entry set --pool=capacity --pattern=mirrored --num-targets=2 --chunk-size=512ki {server_site.root}/L0",
    ]


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("pools: {capacity: {}}\nentries: [{path: L0, pool: capacity}]", "there is no pool 'capacity'"),
        ("pools: {default: {}}\nentries: [{path: L0, pool: other}]", "does not declare"),
        ("pools: {default: {}}\nentries: [{path: L0, pattern: raid5}]", "entries.0.pattern"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(script, server_site, calls, capsys, layout, said):  # noqa: PLR0917 - fixtures
    calls()
    file = server_site.root.parent / "layout.yaml"
    file.write_text(layout)

    assert run(script, server_site, "--layout", file) == 2
    assert said in capsys.readouterr().err


def test_what_beegfs_refuses_is_told(script, server_site, calls, capsys):
    calls(fail="/L1")

    assert run(script, server_site) == 7
    assert "no such target" in capsys.readouterr().err


def test_without_its_program_it_says_what_is_missing(script, server_site, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert run(script, server_site) == 2
    assert "version 8" in capsys.readouterr().err


def test_the_prototypes_cluster_is_described(repository):
    settings = load_settings(repository / "platform/sites/ral.yaml", environ={})
    largest = max(p.workers * p.threads_per_worker for p in settings.engine.profiles.values())

    assert str(settings.root) == "/mnt/beegfs/data"
    assert not settings.state.is_relative_to("/mnt/beegfs")
    assert largest <= 64  # cores of one host
    assert settings.server is not None
