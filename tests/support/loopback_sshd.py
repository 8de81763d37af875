"""An sshd of the tests' own on loopback, with its own host key, account key and configuration."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = "apt-get install openssh-server openssh-client"
PROGRAM = Path("/usr/sbin/sshd")
HOSTS = ("node1", "node2")

_SERVER = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""
_CLIENT = """
Host {hosts} stranger nowhere
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


@contextmanager
def sshd(folder: Path) -> Iterator[Path]:
    """Run a server; gives the client's configuration, which knows it as each of `HOSTS`.

    It knows `keyless`, whose key is not accepted, `stranger`, whose host key is not known, and `nowhere`, where nobody
    listens, too.
    """
    for name in ("host_key", "key", "other_key"):
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    (folder / "authorized_keys").write_text((folder / "key.pub").read_text())
    port = _free_port()
    config = _config(folder, port)
    server = folder / "sshd_config"
    server.write_text(_SERVER.format(port=port, folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd separates its privileges
    with (folder / "sshd.log").open("wb") as log:
        running = subprocess.Popen([PROGRAM, "-D", "-e", "-f", str(server)], stderr=log)
    try:
        _wait_for(port)
        yield config
    finally:
        running.terminate()
        running.wait(20)


def _config(folder: Path, port: int) -> Path:
    keyless = _CLIENT.replace("{folder}/key\n", "{folder}/other_key\n").replace("{hosts} stranger nowhere", "keyless")
    blocks = ["Host stranger\n  UserKnownHostsFile /dev/null", f"Host nowhere\n  Port {_free_port()}", keyless, _CLIENT]
    text = "\n".join(blocks).format(hosts=" ".join(HOSTS), port=port, user=getpass.getuser(), folder=folder)
    file = folder / "ssh_config"
    file.write_text(text)
    key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    return file


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not listen")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
