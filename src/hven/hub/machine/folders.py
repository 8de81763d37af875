"""Folders of an installation: whose they are, who may do what in them, and what their new entries inherit.

Rights are access control lists as in `hven.store.acl`. Where a list with a default one stands, the umask of whoever
writes does not count: what is made inside gets the inherited list, cut by the mode that its maker asked for.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hven.core.errors import AccessDeniedError, ConfigurationError, UnknownNameError
from hven.core.settings import ServerSettings, Settings, SlurmSettings
from hven.hub.machine.accounts import members, service_accounts
from hven.model.collection import AccessClass, project_owner
from hven.store.acl import canonical, get_acl, remove_acl, set_acl
from hven.store.classes import class_acl
from hven.store.paths import user_root

_READ_BY_ALL = "u::rwx,g::r-x,o::r-x"
_CLOSED = "u::rwx,g::---,o::---"


@dataclass(frozen=True)
class Folder:
    """A folder as it must be.

    Parameters
    ----------
    path
        Where; its parent is there, or is planned before it.
    owner, group
        Whose it is.
    acl
        Who may do what in it.
    default
        What new entries inherit; empty leaves them to the umask.
    inherit_group
        New entries belong to this folder's group (setgid).
    own_entries_only
        Entries are renamed and deleted by their owners only (sticky).
    """

    path: Path
    owner: str
    group: str
    acl: str
    default: str = ""
    inherit_group: bool = False
    own_entries_only: bool = False

    @property
    def special(self) -> int:
        """Mode bits beside those of the list."""
        return stat.S_ISGID * self.inherit_group | stat.S_ISVTX * self.own_entries_only


def data_folders(settings: Settings, server: ServerSettings) -> Iterator[Folder]:
    """The data root.

    Only the archive's account creates in L0, where root's sticky folders keep sealed nights in their place. Shared
    products are written by the batch account; the API's may replace which version is current. Everybody reads, except
    what an access class closes, and telemetry, which is for the collaboration.
    """
    root, services = settings.root, server.services_group
    archive, batch, api = server.archive_account, server.batch_account, server.api_account
    shared = f"u::rwx,u:{batch}:rwx,u:{api}:rwx,g::r-x,o::r-x"
    of_services = f"u::rwx,g::rwx,g:{services}:rwx,o::---"
    yield Folder(root, "root", "root", _READ_BY_ALL)
    yield Folder(root / "incoming", "root", server.copiers_group, _READ_BY_ALL)
    for folder in (root / "L0", *(root / "L0" / name for name in settings.instruments)):
        acl = f"u::rwx,u:{archive}:rwx,g::r-x,o::r-x"
        yield Folder(folder, "root", services, acl, _READ_BY_ALL, inherit_group=True, own_entries_only=True)
    for level in ("L1", "L2"):
        yield Folder(root / level, batch, services, shared, shared, inherit_group=True)
    yield Folder(root / "quarantine", archive, services, _READ_BY_ALL, _READ_BY_ALL, inherit_group=True)
    of_observatory = class_acl(AccessClass.COLLABORATION, server, owner="rwx")
    yield Folder(root / "telemetry", batch, services, of_observatory, of_observatory, inherit_group=True)
    yield Folder(root / "live", batch, services, _READ_BY_ALL, _READ_BY_ALL, inherit_group=True)
    for name in ("journal", ".trash"):
        yield Folder(root / name, "root", services, of_services, of_services, inherit_group=True)
    if settings.slurm is not None:
        yield spool_folder(settings.slurm, server)
    for name in ("users", "projects"):
        yield Folder(root / name, "root", "root", _READ_BY_ALL)
    for name in members(server.copiers_group):
        if name != archive:
            yield incoming_folder(settings, server, name)
    if settings.live.spool is None:
        acl = f"u::rwx,u:{archive}:r-x,g::---,o::---"
        yield Folder(root / "incoming" / "live", batch, services, acl, acl)
    if settings.telemetry.drop is None:
        yield drop_folder(settings, server)


def spool_folder(slurm: SlurmSettings, server: ServerSettings) -> Folder:
    """Where everybody who runs jobs in Slurm makes a folder for each; the services read what it says."""
    batch, services = server.batch_account, server.services_group
    acl = f"u::rwx,u:{batch}:rwx,g::-wx,g:{services}:r-x,o::---"
    default = f"u::rwx,g::---,g:{services}:r-x,o::---"
    return Folder(slurm.spool, "root", server.users_group, acl, default, own_entries_only=True)


def incoming_folder(settings: Settings, server: ServerSettings, copier: str) -> Folder:
    """Where one copier delivers; the archive reads."""
    acl = f"u::rwx,u:{server.archive_account}:r-x,g::---,o::---"
    return Folder(settings.root / "incoming" / copier, copier, first_group(copier), acl, acl)


def drop_folder(settings: Settings, server: ServerSettings) -> Folder:
    """Where copiers drop files of topics, each its own; the batch service takes their samples and leaves them there."""
    archive, batch, copiers = server.archive_account, server.batch_account, server.copiers_group
    acl = f"u::rwx,u:{archive}:r-x,u:{batch}:r-x,g::---,g:{copiers}:rwx,o::---"
    return Folder(settings.root / "incoming" / "telemetry", "root", copiers, acl, acl, own_entries_only=True)


def user_folder(settings: Settings, server: ServerSettings, user: str) -> Folder:
    """Somebody's own products; the services read, nobody else does."""
    acl = f"u::rwx,g::---,g:{server.services_group}:r-x,o::---"
    return Folder(settings.root / "users" / user, user, first_group(user), acl, acl)


def project_folder(settings: Settings, server: ServerSettings, group: str) -> Folder:
    """What a group makes together: its members read and write, the services read, nobody else does."""
    acl = f"u::rwx,g::rwx,g:{server.services_group}:r-x,o::---"
    path = settings.root / user_root(project_owner(group))
    return Folder(path, "root", group, acl, acl, inherit_group=True)


def make_project(settings: Settings, group: str) -> Path:
    """Make the folder of a project, or put it right; its path. Needs root.

    Raises
    ------
    ConfigurationError
        In the try-out.
    UnknownNameError
        When there is no such Unix group.
    AccessDeniedError
        When this is not root, and for a group of the platform's services.
    """
    server = settings.server
    if server is None:
        raise ConfigurationError("a try-out has no projects", hint="They are for a machine of many users.")
    if os.geteuid() != 0:
        raise AccessDeniedError("projects are made by root", hint=f"sudo hven project make {group}")
    if group in {server.services_group, server.copiers_group}:
        raise AccessDeniedError(f"the group {group} is the platform's own", hint="Make a group for the project.")
    try:
        grp.getgrnam(group)
    except KeyError:
        raise UnknownNameError("Unix group", group, [g.gr_name for g in grp.getgrall()]) from None
    folder = project_folder(settings, server, group)
    bring_about(folder)
    return folder.path


def state_folders(settings: Settings, server: ServerSettings) -> Iterator[Folder]:
    """The state folder: the services only; the hub's own files and those of jobs more narrowly."""
    state, services, batch = settings.state, server.services_group, server.batch_account
    shared = f"u::rwx,g::rwx,g:{services}:rwx,o::---"
    read = "u::rwx,g::r-x,o::---"
    yield Folder(state, "root", services, shared, shared, inherit_group=True)
    for name in ("heartbeats", "logs"):
        yield Folder(state / name, "root", services, shared, shared, inherit_group=True)
    yield Folder(state / "logs" / "jobs", batch, services, read, read, inherit_group=True)
    yield Folder(state / "run", "root", services, read, read, inherit_group=True)
    yield Folder(state / "batch", batch, services, read, read, inherit_group=True)
    yield Folder(state / "hub", "root", "root", _CLOSED, _CLOSED)
    yield Folder(state / "homes", "root", "root", "u::rwx,g::--x,o::--x")
    for account in service_accounts(server):
        yield Folder(state / "homes" / account.name, account.name, services, _CLOSED)


def first_group(user: str) -> str:
    """Number of a user's first group, as `chown` takes it."""
    return str(pwd.getpwnam(user).pw_gid)


def differences(folder: Folder) -> list[str]:
    """What is not as it must be, in words."""
    path = folder.path
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        return ["it is no folder"]
    if not path.exists():
        return ["it is missing"]
    found = path.lstat()
    owner, group = pwd.getpwnam(folder.owner).pw_uid, _group_number(folder.group)
    facts = (
        ("owner", str(found.st_uid), str(owner)),
        ("group", str(found.st_gid), str(group)),
        ("setgid", bool(found.st_mode & stat.S_ISGID), folder.inherit_group),
        ("sticky", bool(found.st_mode & stat.S_ISVTX), folder.own_entries_only),
        ("access", get_acl(path), canonical(folder.acl)),
        ("inherited access", get_acl(path, default=True), canonical(folder.default)),
    )
    return [f"{what} is {found or 'none'}, not {wanted or 'none'}" for what, found, wanted in facts if found != wanted]


def bring_about(folder: Folder) -> bool:
    """Make a folder, or put it right; False when it was right already. Needs root.

    Raises
    ------
    AccessDeniedError
        When its place is taken by a link or a file.
    """
    wrong = differences(folder)
    if not wrong:
        return False
    if wrong == ["it is no folder"]:
        raise AccessDeniedError(f"{folder.path} is no folder", hint="Move away what is there.")
    folder.path.mkdir(mode=0o700, parents=folder.owner == "root", exist_ok=True)
    os.chown(folder.path, pwd.getpwnam(folder.owner).pw_uid, _group_number(folder.group), follow_symlinks=False)
    remove_acl(folder.path)
    folder.path.chmod(folder.special | stat.S_IRWXU)
    if folder.default:
        set_acl(folder.path, folder.default, default=True)
    set_acl(folder.path, folder.acl)
    return True


def _group_number(group: str) -> int:
    return int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
