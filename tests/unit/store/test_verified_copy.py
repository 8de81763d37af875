from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hven.core.errors import CancelledError, ChecksumError, ConflictError
from hven.store import verified_copy as room
from hven.store.verified_copy import ChangedWhileReadError, sha256_of, verified_copy, write_verified

BIG = bytes(range(256)) * 70_000  # several blocks and a part of one


@pytest.mark.parametrize("content", [b"", b"x", BIG, BIG[: 8 << 20]])
def test_a_copy_is_the_same_bytes_read_only(tmp_path: Path, content: bytes):
    source, target = tmp_path / "source", tmp_path / "archive" / "target"
    source.write_bytes(content)
    copied = verified_copy(source, target)

    assert target.read_bytes() == content
    assert copied == room.Copied(len(content), hashlib.sha256(content).hexdigest())
    assert sha256_of(target) == copied.sha256
    assert target.stat().st_mode & 0o777 == 0o444
    assert list(target.parent.iterdir()) == [target]


def test_a_name_is_never_overwritten(tmp_path: Path):
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "target").write_bytes(b"old")

    with pytest.raises(ConflictError):
        verified_copy(tmp_path / "source", tmp_path / "target")
    with pytest.raises(ConflictError):
        write_verified(b"new", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_source_that_changes_meanwhile_is_not_taken(tmp_path: Path):
    source = tmp_path / "source"
    source.write_bytes(BIG)

    def grow() -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises((ChangedWhileReadError, ChecksumError)):
        verified_copy(source, tmp_path / "target", check=grow)
    assert list(tmp_path.iterdir()) == [source]


def test_a_disk_that_gives_other_bytes_back_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "source").write_bytes(BIG)
    fsync = room.os.fsync

    def rot(descriptor: int) -> None:
        room.os.pwrite(descriptor, b"?", len(BIG) - 1)
        fsync(descriptor)

    monkeypatch.setattr(room.os, "fsync", rot)
    with pytest.raises(ChecksumError):
        verified_copy(tmp_path / "source", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_copy_can_be_stopped_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "source").write_bytes(BIG)

    def stop() -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        verified_copy(tmp_path / "source", tmp_path / "target", check=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_source_that_became_a_link_is_not_followed(tmp_path: Path, where: str):
    secret = tmp_path / "closed" / "a.pff"
    secret.parent.mkdir()
    secret.write_bytes(b"of others")
    delivered = tmp_path / "incoming" / "a.pff"
    if where == "file":
        delivered.parent.mkdir()
        delivered.symlink_to(secret)
    else:
        delivered.parent.symlink_to(secret.parent)

    with pytest.raises(ConflictError, match="symbolic link"):
        verified_copy(delivered, tmp_path / "copy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["closed", "incoming"]
