"""Unix users and groups of the tests: made when the first test asks, removed when the last test process has ended."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUPS = {
    "services_group": "hvt-services",
    "users_group": "hvt-users",
    "operators_group": "hvt-operators",
    "copiers_group": "hvt-copiers",
}
SERVICES = {
    "archive_account": "hvt-archive",
    "batch_account": "hvt-batch",
    "api_account": "hvt-api",
    "dashboards_account": "hvt-dash",
    "culler_account": "hvt-cull",
}
PEOPLE = {
    "hvt-ada": ["hvt-users"],
    "hvt-bert": ["hvt-users"],
    "hvt-cora": ["hvt-copiers"],
    "hvt-otto": [],
    "hvt-fred": ["hvt-users"],
    "hvt-gina": ["hvt-users"],
}
OPERATOR = "hvt-olga"
_STATE = Path("/run/hven-tests")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Account:
    """A Unix user."""

    name: str
    uid: int
    gid: int
    home: Path
    groups: tuple[int, ...]

    @classmethod
    def of(cls, name: str) -> Account:
        entry = pwd.getpwnam(name)
        groups = tuple(os.getgrouplist(name, entry.pw_gid))
        return cls(name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir), groups)

    def popen(self, *command: object, env: Mapping[str, object] | None = None, **more: Any) -> subprocess.Popen:
        """Start a command as this user, with a clean environment and nothing of root's.

        setpriv changes the user: for that Python would copy the whole test process first.
        """
        environ = {"PATH": _PATH, "HOME": self.home, "USER": self.name, "LOGNAME": self.name, "LANG": "C.UTF-8"}
        environ = {key: str(value) for key, value in {**environ, **(env or {})}.items()}
        options: dict[str, Any] = {"cwd": "/", "umask": 0o022, **more}
        groups = ",".join(map(str, self.groups))
        become = ["/usr/bin/setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", f"--groups={groups}", "--"]
        return subprocess.Popen([*become, *map(str, command)], env=environ, **options)

    def run(
        self,
        *command: object,
        env: Mapping[str, object] | None = None,
        stdin: str | None = None,
        timeout: float = 120,
        **more: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user; what it printed, and its return code."""
        pipe = subprocess.PIPE
        options: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **more}
        with self.popen(*command, env=env, **options) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def can(self, *command: object) -> bool:
        """Whether a command succeeds as this user."""
        return self.run(*command).returncode == 0


@dataclass(frozen=True)
class Accounts:
    """The users of a test installation; people log in with one password."""

    ada: Account
    bert: Account
    cora: Account
    otto: Account
    olga: Account
    fred: Account
    gina: Account
    archive: Account
    batch: Account
    api: Account
    dash: Account
    cull: Account
    password: str

    def server(self, prefix: Path) -> dict[str, str]:
        """Section `server:` of a site file with these names."""
        return {"prefix": str(prefix), **GROUPS, **SERVICES}


def missing() -> str:
    """Why there can be no such users here; empty where there can."""
    if os.geteuid() != 0:
        return "making Unix users needs root"
    return ""


@contextmanager
def accounts() -> Iterator[Accounts]:
    """Users that stay as long as any test process on this machine uses them."""
    _STATE.mkdir(mode=0o700, exist_ok=True)
    with (_STATE / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            with (_STATE / "making").open("w") as making:
                fcntl.flock(making, fcntl.LOCK_EX)
                password = _make()
            yield _found(password)
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove()


def _found(password: str) -> Accounts:
    names = [*PEOPLE, OPERATOR, *SERVICES.values()]
    return Accounts(**{n.removeprefix("hvt-"): Account.of(n) for n in names}, password=password)


def _make() -> str:
    """Make what is not there: what a killed run left is used again."""
    for group in GROUPS.values():
        if not _exists(grp.getgrnam, group):
            _run("groupadd", "--system", group)
    for name, groups in {**PEOPLE, OPERATOR: ["hvt-users", "hvt-operators"]}.items():
        _add_person(name, groups)
    for name in SERVICES.values():
        if not _exists(pwd.getpwnam, name):
            groups = ["--groups", GROUPS["copiers_group"]] if name == SERVICES["archive_account"] else []
            shell = ["--shell", "/usr/sbin/nologin", "--home-dir", "/nonexistent", "--no-create-home"]
            _run("useradd", "--system", "--gid", GROUPS["services_group"], *groups, *shell, name)
    return _set_password()


def _add_person(name: str, groups: list[str]) -> None:
    if _exists(pwd.getpwnam, name):
        return
    more = ["--groups", ",".join(groups)] if groups else []
    _run("useradd", "--user-group", *more, "--create-home", "--shell", "/bin/bash", name)
    Path("/home", name).chmod(0o700)


def _set_password() -> str:
    file = _STATE / "password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(12))
    password = file.read_text()
    pairs = "".join(f"{name}:{password}\n" for name in (*PEOPLE, OPERATOR))
    subprocess.run(["chpasswd"], input=pairs, text=True, check=True, env={"PATH": _PATH})
    return password


def _remove() -> None:
    names = [name for name in (*PEOPLE, OPERATOR, *SERVICES.values()) if _exists(pwd.getpwnam, name)]
    _end_processes_of({pwd.getpwnam(name).pw_uid for name in names})
    for name in names:
        home = ["--remove"] if name not in SERVICES.values() else []
        _run("userdel", "--force", *home, name)
    for group in GROUPS.values():
        if _exists(grp.getgrnam, group):
            _run("groupdel", group)
    (_STATE / "password").unlink(missing_ok=True)


def _end_processes_of(uids: set[int]) -> None:
    until = time.monotonic() + 10
    while (living := _processes_of(uids)) and time.monotonic() < until:
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _processes_of(uids: set[int]) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if folder.stat().st_uid in uids and " Z " not in (folder / "stat").read_text():
                found.append(int(folder.name))
    return found


def _exists(look_up: Any, name: str) -> bool:
    try:
        look_up(name)
    except KeyError:
        return False
    return True


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": _PATH})
    if done.returncode and "mail spool" not in done.stderr:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
