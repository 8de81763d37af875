"""A PostgreSQL server of the tests' own: Debian's programs, a throw-away cluster, a Unix socket, no network."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = "apt-get install postgresql"
_PROGRAMS = Path("/usr/lib/postgresql")
_USER = "postgres"


def programs() -> Path | None:
    """Folder of the newest installed server's programs, or None."""
    found = sorted(_PROGRAMS.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def server(folder: Path, *, fsync: bool = False) -> Iterator[str]:
    """Run a new server on a socket in a folder; gives an SQLAlchemy URL without the database's name."""
    initialize(folder)
    with running(folder, fsync="on" if fsync else "off") as url:
        yield url


def initialize(folder: Path) -> None:
    """Make the files of a server, empty."""
    account = _account()
    if account:
        shutil.chown(folder, account, account)
    locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")  # sorts as people do, unlike Python
    _run(account, "initdb", "--auth=trust", f"--username={_USER}", *locale, "--no-sync", "-D", str(folder / "data"))


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[str]:
    """Run the server of a folder with settings of `postgresql.conf`, as long as this lasts; it ends like in a crash."""
    account = _account()
    command = [str(programs() / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
    for name, value in {"listen_addresses": "", "max_connections": "40", **settings}.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(_as(account, *command), stdout=log, stderr=log, cwd="/")
    try:
        _run(account, "pg_isready", "-h", str(folder), "-t", "60", "-q", wait_s=60)
        yield f"postgresql://{_USER}@/{{name}}?host={folder}"
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=60)


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Folder with a short name (a socket's path may have 107 bytes only) that the server's account can reach."""
    folder = Path(tempfile.mkdtemp(prefix="hven-pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _account() -> str:
    """PostgreSQL does not run as root; Debian's package makes an account for it."""
    if os.geteuid() != 0:
        return ""
    pwd.getpwnam(_USER)
    return _USER


def _as(account: str, *command: str) -> list[str]:
    """Run a command as an account, so that it ends when the tests do, even if these are killed."""
    change = [f"--reuid={account}", f"--regid={account}", "--init-groups"] if account else []
    return ["setpriv", *change, "--pdeathsig=QUIT", "--", *command]


def _run(account: str, program: str, *arguments: str, wait_s: float = 0) -> None:
    command = _as(account, str(programs() / program), *arguments)
    end = time.monotonic() + wait_s
    while True:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, cwd="/"
        )
        if not done.returncode:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"{program} failed: {done.stderr}")
        time.sleep(0.1)
