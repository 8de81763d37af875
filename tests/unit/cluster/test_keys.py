from __future__ import annotations

import os

import pytest

from hven.cluster.address import AddressEngine
from hven.cluster.certificates import make_keys, security
from hven.core.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    make_keys(made)
    return made


def test_keys_that_are_ones_own_are_taken(folder):
    assert security(folder).require_encryption


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o711])
def test_a_folder_that_others_may_enter_is_refused(folder, mode):
    folder.chmod(mode)

    with pytest.raises(ConfigurationError, match=f"mode {mode:04o}"):
        AddressEngine("tls://127.0.0.1:1", folder)


@pytest.mark.parametrize("name", ["cluster.pem", "cluster.key"])
def test_a_key_that_others_may_read_is_refused(folder, name):
    (folder / name).chmod(0o640)

    with pytest.raises(ConfigurationError, match=f"{name} has mode 0640"):
        security(folder)


def test_a_folder_of_somebody_else_is_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1)

    with pytest.raises(ConfigurationError, match=f"belongs to uid {folder.stat().st_uid}"):
        security(folder)


def test_keys_that_are_not_there_are_told(tmp_path, folder):
    with pytest.raises(ConfigurationError, match="is not there"):
        security(tmp_path / "none")
    (folder / "cluster.key").unlink()
    with pytest.raises(ConfigurationError, match=r"holds no cluster\.key"):
        security(folder)
