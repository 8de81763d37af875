"""A Slurm of the tests' own: Debian's programs, four virtual nodes on this host, accounting; on loopback only."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from hven.core.settings import JobClassName, SlurmSettings

COMMAND = "apt-get install slurm-wlm slurmdbd munge mariadb-server"
PROGRAMS = ("munged", "mariadbd", "mysql", "slurmdbd", "slurmctld", "slurmd", "sbatch", "sacctmgr")
NODES = ("n1", "n2", "n3", "n4")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PLATFORM = Path(__file__).parents[2] / "platform" / "slurm"
_SYSTEM_TABLES = ("mysql/mysql_system_tables.sql", "mariadb/mariadb_system_tables.sql")
"""Below /usr/share, in Debian 12 and in Debian 13."""
_CLIENTS = ("sbatch", "squeue", "scancel", "sacct", "scontrol", "sacctmgr")

_SLURM = """
ClusterName=hven
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmUser=slurm
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/slurmd/%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd/%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
KillWait=5
MinJobAge=600
SlurmdParameters=config_overrides
JobAcctGatherFrequency=0
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge/socket
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=2 RealMemory=4000
Include {folder}/hven.conf
"""
_DBD = """
AuthType=auth/munge
AuthInfo={folder}/munge/socket
DbdHost=localhost
CommunicationParameters=NoInAddrAny
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser=slurm
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageLoc=slurm
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/ctld/slurmdbd.pid
"""


def missing() -> str:
    """Why there can be no Slurm here; empty where there can."""
    lacking = [name for name in PROGRAMS if not shutil.which(name, path=_PATH)]
    return f"Slurm is not installed (no {lacking[0]})" if lacking else ""


@dataclass
class Slurm:
    """A running cluster.

    Parameters
    ----------
    folder
        Its files; everybody can pass.
    """

    folder: Path
    _controller: subprocess.Popen | None = field(default=None, repr=False)

    @property
    def programs(self) -> Path:
        """Folder with Slurm's programs, which talk to this cluster."""
        return self.folder / "bin"

    @property
    def spool(self) -> Path:
        """Folder in which everybody may make folders."""
        return self.folder / "spool"

    def settings(self, **more: Any) -> SlurmSettings:
        """Section `slurm` of a site on this cluster."""
        classes = {name: {"qos": f"hven-{name}", "walltime_min": 60} for name in get_args(JobClassName)}
        usual = {"spool": self.spool, "programs": self.programs, "account": "hven", "interface": "lo"}
        return SlurmSettings(classes=classes, **{**usual, **more})

    def ask(self, program: str, *words: object) -> str:
        """Run one of Slurm's programs as root; what it prints."""
        command = [self.programs / program, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": _PATH}, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """Numbers of the jobs in some states; of all that have not ended, without states."""
        only = [f"--states={','.join(states)}"] if states else []
        return self.ask("squeue", "--noheader", "--format=%i", *only).split()

    def allow(self, kind: str, *names: str) -> None:
        """Let people take part, as the operator's script does it."""
        self._script(kind, *names)

    def clear(self) -> None:
        """End all jobs."""
        if self.jobs():
            self.ask("scancel", "--full", "--signal=KILL", "--state=RUNNING", "--partition=hven")
            self.ask("scancel", "--partition=hven")
            wait_for(lambda: not self.jobs())

    def write_down(self) -> None:
        """Wait until the controller has written down what it knows; a change of a job makes it write."""
        state = self.folder / "ctld" / "job_state"
        before = state.stat().st_mtime_ns if state.exists() else 0
        self.ask("scontrol", "update", f"job={self.jobs()[0]}", "comment=to be written down")
        wait_for(lambda: state.exists() and state.stat().st_mtime_ns > before)

    def start_controller(self) -> None:
        """Start slurmctld, and wait until it answers."""
        self._controller = _start(self.folder, "slurmctld", "slurm", "slurmctld", "-D", "-i")
        wait_for(lambda: self._answers("scontrol", "ping"))

    def stop_controller(self) -> None:
        """Kill slurmctld."""
        if self._controller is not None:
            self._controller.kill()
            self._controller.wait(20)

    def _answers(self, program: str, *words: str) -> bool:
        command = [self.programs / program, *words]
        return not subprocess.run(command, capture_output=True, check=False, env={"PATH": _PATH}).returncode

    def _script(self, *words: str) -> None:
        environment = {"PATH": f"{self.programs}:{_PATH}"}
        subprocess.run(["sh", _PLATFORM / "accounts.sh", *words], check=True, env=environment, cwd="/")


@contextmanager
def cluster() -> Iterator[Slurm]:
    """Run a cluster."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="hvt-slurm-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _write(folder)
        slurm = Slurm(folder)
        stack.callback(_stop, _start(folder, "munged", "munge", *_munged(folder)))
        stack.callback(_stop, _start(folder, "db", "slurm", *_mariadb(folder)))
        _make_database(folder)
        stack.callback(_stop, _start(folder, "dbd", "slurm", "slurmdbd", "-D"))
        wait_for(lambda: slurm._answers("sacctmgr", "--noheader", "show", "cluster"))
        slurm.ask("sacctmgr", "--immediate", "--quiet", "add", "cluster", "hven")
        slurm._script("classes", "4")
        slurm.start_controller()
        stack.callback(slurm.stop_controller)
        for node in NODES:
            stack.callback(_stop, _start(folder, node, "root", "slurmd", "-D", "-N", node))
        stack.callback(slurm.clear)
        slurm.allow("operators", "root")
        wait_for(lambda: slurm.ask("sinfo", "--noheader", "--states=idle", "--format=%D") == str(len(NODES)))
        yield slurm


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> object:
    """Wait until something is so; what the condition gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def _write(folder: Path) -> None:
    """Configuration and folders, each for its account."""
    folder.chmod(0o755)
    owners = {"munge": "munge", "db": "slurm", "ctld": "slurm", "slurmd": "root", "log": "slurm", "bin": "root"}
    for name, owner in owners.items():
        (folder / name).mkdir(mode=0o700 if name in {"db", "ctld"} else 0o755)
        shutil.chown(folder / name, owner)
    (folder / "log").chmod(0o777)
    (folder / "spool").mkdir()
    (folder / "spool").chmod(0o1777)
    first = _free_ports(len(NODES))
    values = {"folder": folder, "host": socket.gethostname(), "ctld": _free_ports(1), "dbd": _free_ports(1)}
    values |= {"first": first, "last": first + len(NODES) - 1, "nodes": f"n[1-{len(NODES)}]"}
    (folder / "slurm.conf").write_text(_SLURM.format(**values))
    shutil.copy(_PLATFORM / "hven.conf", folder)
    database = folder / "slurmdbd.conf"
    database.write_text(_DBD.format(**values))
    database.chmod(0o600)
    shutil.chown(database, "slurm")
    for name in (*_CLIENTS, "sinfo"):
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec /usr/bin/{name} "$@"\n')
        script.chmod(0o755)


def _munged(folder: Path) -> list[str]:
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    shutil.chown(key, "munge")
    files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
    return ["munged", "--foreground", *(f"--{option}={folder}/munge/{name}" for option, name in files.items())]


def _mariadb(folder: Path) -> list[str]:
    """A server without accounts behind a closed folder, which needs no installing."""
    data = folder / "db"
    small = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0"]
    socket_ = [f"--socket={data}/socket", "--skip-networking", "--skip-grant-tables"]
    return ["mariadbd", "--no-defaults", f"--datadir={data}", *socket_, *small, "--innodb-lock-wait-timeout=900"]


def _make_database(folder: Path) -> None:
    text = f"create database mysql; create database slurm; use mysql;\n{_system_tables().read_text()}"
    client = ["mysql", f"--socket={folder}/db/socket"]
    environment = {"PATH": _PATH}
    wait_for(
        lambda: not subprocess.run([*client, "-e", ""], capture_output=True, check=False, env=environment).returncode
    )
    subprocess.run(client, input=text, text=True, check=True, capture_output=True, env=environment)


def _system_tables() -> Path:
    return next(path for path in map(Path("/usr/share").joinpath, _SYSTEM_TABLES) if path.is_file())


def _start(folder: Path, name: str, account: str, program: str, *arguments: str) -> subprocess.Popen:
    """Start a server as an account, so that it ends when the tests do, even if these are killed."""
    environment = {
        "PATH": _PATH,
        "SLURM_CONF": str(folder / "slurm.conf"),
        "MYSQL_UNIX_PORT": str(folder / "db/socket"),
    }
    command = [shutil.which(program, path=_PATH), *arguments]
    change = ["setpriv", f"--reuid={account}", f"--regid={account}", "--init-groups", "--pdeathsig=KILL", "--"]
    with (folder / "log" / f"{name}.out").open("wb") as log:
        return subprocess.Popen(
            [*change, *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, cwd="/"
        )


def _stop(server: subprocess.Popen) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_ports(count: int) -> int:
    """First of some free ports in a row."""
    while True:
        with ExitStack() as stack:
            probe = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            first = int(probe.getsockname()[1])
            try:
                for port in range(first + 1, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
