"""A PostgreSQL server of the tests' own: Debian's programs, a throw-away cluster, a Unix socket, no network."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
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
def server(folder: Path) -> Iterator[str]:
    """Run a server on a socket in a folder; gives an SQLAlchemy URL without the database's name."""
    account = _account()
    data = folder / "data"
    if account:
        shutil.chown(folder, account, account)
    _run(account, "initdb", "--auth=trust", f"--username={_USER}", "--locale=C.UTF-8", "--no-sync", "-D", str(data))
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=40"
    _run(account, "pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        yield f"postgresql://{_USER}@/{{name}}?host={folder}"
    finally:
        _run(account, "pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


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


def _run(account: str, program: str, *arguments: str) -> None:
    prefix = ["runuser", "-u", account, "--"] if account else []
    command = [*prefix, str(programs() / program), *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr}")
