from __future__ import annotations

import os
import socket
import sqlite3
import time

import psutil
import pytest
from tiny_instrument import INSTRUMENT, make_run

from hven.archive.ingest import Archive
from hven.core.settings import Settings
from hven.hub import doctor as checks
from hven.hub.doctor import doctor
from hven.hub.layout import Layout
from hven.hub.ports import claim_ports, free_port
from hven.hub.run_record import RunRecord
from hven.registry.direct import DirectRegistry


@pytest.fixture
def settings(tmp_path):
    made = Settings(root=tmp_path / "data", state=tmp_path / "state", hub={"port": free_port()})
    made.root.mkdir()
    Layout.of(made).create()
    return made


def problems(settings):
    return {f.check: f"{f.says} {f.hint}" for f in doctor(settings) if f.level == "problem"}


def test_new_installation_is_in_order(settings):
    assert problems(settings) == {}


def test_taken_port(settings):
    with socket.create_server(("127.0.0.1", settings.hub.port)):
        assert f"taken by process {os.getpid()}" in problems(settings)["port"]


def test_missing_node(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hven.hub.proxy.find_spec", lambda _name: None)

    assert "node" in problems(settings)["proxy"]


def test_missing_proxy(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "source_folder", lambda: tmp_path)

    assert "make up" in problems(settings)["proxy"]


def test_full_disk(settings, monkeypatch):
    usage = type("Usage", (), {"total": 100_000_000_000, "used": 99_000_000_000, "free": 1_000_000_000})
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _path: usage)

    assert "nearly full" in problems(settings)["disk of state"]
    assert "nearly full" in problems(settings)["disk of data root"]


def test_state_on_a_network_filesystem(settings, monkeypatch):
    mounts = [("/", "ext4"), (str(settings.state.parent), "nfs4")]
    partitions = [type("Mount", (), {"mountpoint": point, "fstype": kind}) for point, kind in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: partitions)

    assert "nfs4" in problems(settings)["state filesystem"]


@pytest.mark.parametrize("name", ["registry.sqlite", "platform.sqlite"])
def test_damaged_database(settings, name):
    file = settings.state / name
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE dataset (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO dataset (name) VALUES (?)", [("x" * 500,)] * 200)
    database.close()
    assert problems(settings) == {}
    content = bytearray(file.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    file.write_bytes(content)

    assert "damaged" in problems(settings)[name]


def test_publication_left_half_done(settings):
    (settings.root / "L1/panoseti/20251021/x/.part-0192").mkdir(parents=True)

    assert ".part-0192" in problems(settings)["publications"]


def test_product_left_writable(settings):
    version = settings.root / "L1/panoseti/20251021/x/0192"
    version.mkdir(parents=True)
    (version / "provenance.json").write_text("{}")
    (version / "manifest.json").write_text("{}")
    assert "writable" in problems(settings)["publications"]

    (version / "manifest.json").chmod(0o444)
    assert problems(settings) == {}


def test_raw_files_that_were_taken_in_are_in_order(settings, tmp_path):
    make_run(tmp_path / "in" / "night.tiny")
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        archive = Archive(settings, registry, [INSTRUMENT])
        assert archive.ingest([tmp_path / "in"]).exit_code == 0
        archive.close()

    assert problems(settings) == {}


def test_clock_that_went_back(settings):
    file = settings.state / "password"
    file.touch()
    os.utime(file, (time.time() + 1e6, time.time() + 1e6))

    assert "future" in problems(settings)["clock"]


def test_supervisor_that_was_killed(settings):
    layout = Layout.of(settings)
    claim_ports(layout.ports, settings.hub.port)
    RunRecord(mark="m", pid=2**22 + 1, created=1.0, address="", user="tycho", phase="ready").write(layout)

    assert "killed" in problems(settings)["platform"]


def test_database_server_that_answers(settings, new_database, tmp_path):
    with new_database("postgresql", tmp_path) as url:
        moved = settings.model_copy(update={"registry_url": url, "platform_url": url})

        assert [f.level for f in doctor(moved) if f.check == "database server"] == ["ok"]


def test_database_server_that_is_away(settings):
    away = settings.model_copy(update={"platform_url": f"postgresql://ada:secret@127.0.0.1:{free_port()}/hven"})

    assert "refused" in problems(away)["database server"]
    assert "secret" not in problems(away)["database server"]
