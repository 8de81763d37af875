"""Close archived nights: afterwards not even the archive's own account can change them.

A sealed night belongs to root and nobody may write in it. Root only ever follows names inside the night's folder: a
link, a second name of a file, or something that belongs to anybody but the archive's account stops the sealer before
it changes anything. Who may read does not change.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hven.core.clock import day_obs_begin, now_ns
from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.store.acl import get_acl, remove_acl, set_acl
from hven.store.current import CURRENT
from hven.store.manifest import MANIFEST
from hven.store.paths import PART, is_version
from hven.store.small_file import replace_text
from hven.store.staging import READ_ONLY

SEAL = "sealed.json"
"""File in a night's folder that says that, and when, it was closed."""

_DAY_NS = 86400 * 10**9
_INHERITED = "u::rwx,g::r-x,o::r-x"


class Seal(BaseModel):
    """What was closed, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    instrument: str
    day_obs: int
    sealed_ns: int
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Night:
    """An archived night.

    Parameters
    ----------
    root
        Data root.
    instrument, day_obs
        Which one.
    writer
        The archive's account.
    """

    root: Path
    instrument: str
    day_obs: int
    writer: str

    @property
    def folder(self) -> Path:
        """Everything of it."""
        return self.root / "L0" / self.instrument / str(self.day_obs)


def nights(root: Path, writer: str, *, instrument: str = "*") -> Iterator[Night]:
    """All archived nights, oldest first."""
    for folder in sorted((root / "L0").glob(f"{instrument}/[0-9]*"), key=lambda f: f.name):
        if folder.name.isdigit() and folder.is_dir() and not folder.is_symlink():
            yield Night(root, folder.parent.name, int(folder.name), writer)


def finished(found: Iterable[Night], *, offset_hours: float, after_days: float, at_ns: int) -> Iterator[Night]:
    """Nights that ended long enough ago and are open."""
    for night in found:
        end = day_obs_begin(night.day_obs, offset_hours) + _DAY_NS
        if at_ns - end >= after_days * _DAY_NS and not is_sealed(night.folder):
            yield night


def is_sealed(folder: Path) -> bool:
    """Whether a night's folder is closed."""
    return (folder / SEAL).exists()


def seal(night: Night) -> Seal:
    """Close a night. Needs root.

    Raises
    ------
    DatasetNotFoundError
        When nothing of it is archived.
    ConflictError
        When something in it is being written.
    AccessDeniedError
        When something in it is not the archive's, or its place could be taken by others.
    """
    _check_place(night)
    files, size = _examine(night, owners={0, pwd.getpwnam(night.writer).pw_uid})
    for _base, _folders, _files, here in os.fwalk(night.folder, follow_symlinks=False):
        os.fchown(here, 0, -1)
        remove_acl(here, only_default=True)
        os.fchmod(here, os.fstat(here).st_mode & READ_ONLY)
        for name in os.listdir(here):  # noqa: PTH208 - of a descriptor; nobody else can put names here any more
            if stat.S_ISREG((found := _stat(name, here)).st_mode):
                os.chown(name, 0, -1, dir_fd=here, follow_symlinks=False)
                os.chmod(name, found.st_mode & READ_ONLY, dir_fd=here)
    _examine(night, owners={0})
    made = Seal(instrument=night.instrument, day_obs=night.day_obs, sealed_ns=now_ns(), files=files, bytes=size)
    replace_text(night.folder / SEAL, made.model_dump_json(indent=1))
    (night.folder / SEAL).chmod(0o444)
    return made


def reopen(night: Night) -> None:
    """Let the archive add files to a sealed night; what is there stays root's. Needs root.

    Raises
    ------
    ConflictError
        When it is not sealed.
    """
    if not is_sealed(night.folder):
        raise ConflictError(f"{night.folder} is not sealed")
    _check_place(night)
    (night.folder / SEAL).unlink()
    writer = pwd.getpwnam(night.writer).pw_uid
    for _base, folders, files, here in os.fwalk(night.folder, follow_symlinks=False):
        folders[:] = [name for name in folders if not is_version(name)]
        set_acl(here, _opened(get_acl(here), night.writer))
        set_acl(here, _INHERITED, default=True)
        os.fchmod(here, os.fstat(here).st_mode | stat.S_ISVTX)  # in it one may add, and replace only one's own
        for name in {MANIFEST, CURRENT} & set(files):
            os.chown(name, writer, -1, dir_fd=here, follow_symlinks=False)


def _opened(acl: str, writer: str) -> str:
    """The same list, by which the archive's account may also write.

    Examples
    --------
    >>> _opened("u::r-x,u:root:r-x,g::r-x,g:hven:r-x,m::r-x,o::---", "root")
    'g::r-x,g:hven:r-x,o::---,u::rwx,u:root:rwx'
    """
    kept = [entry for entry in acl.split(",") if not entry.startswith(("m:", "u::", f"u:{writer}:"))]
    return ",".join([*kept, "u::rwx", f"u:{writer}:rwx"])


def _check_place(night: Night) -> None:
    """Refuse to work where others could put another folder in the night's place meanwhile."""
    for folder in (night.root / "L0", night.folder.parent):
        found = folder.lstat() if folder.exists() else None
        if found is None:
            raise DatasetNotFoundError(f"nothing is archived in {folder}")
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or not found.st_mode & stat.S_ISVTX:
            raise AccessDeniedError(
                f"{folder} is not root's, so that a sealed night in it could be moved away",
                hint="Run platform/install.sh again; `hven doctor --server` says more.",
            )
    if not night.folder.is_dir() or night.folder.is_symlink():
        raise DatasetNotFoundError(f"nothing is archived in {night.folder}")


def _examine(night: Night, *, owners: set[int]) -> tuple[int, int]:
    """Number and size of the files of a night that can be closed."""
    count = size = 0
    for base, folders, files, here in os.fwalk(night.folder, follow_symlinks=False):
        for name in (".", *folders, *files):
            found, path = _stat(name, here), Path(base, name)
            if name.startswith(PART):
                raise ConflictError(f"{path} is being written", hint="Seal the night when ingest has come to its end.")
            if problem := _problem(found, owners):
                raise AccessDeniedError(f"{path} {problem}", hint="Look how it came there; nothing has been sealed.")
            count += stat.S_ISREG(found.st_mode)
            size += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return count, size


def _problem(found: os.stat_result, owners: set[int]) -> str:
    """Why the sealer does not touch something, in words; empty when it does."""
    if stat.S_ISLNK(found.st_mode):
        return "is a link"
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return "is no file"
    if found.st_uid not in owners:
        return f"belongs to user {found.st_uid}"
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        return "has a second name"
    return ""


def _stat(name: str, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)
