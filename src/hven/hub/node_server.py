"""A person's server in a Slurm job: ``python -m hven.hub.node_server``, submitted by the hub as that person.

It chooses a port, tells the hub, and becomes the server.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import psutil

from hven.core.errors import ConfigurationError
from hven.core.settings import load_settings
from hven.hub import user_server

PORT_PATH = "server-port"
"""Below the hub's API: where a server in Slurm tells its port."""

_ANSWER_S = 30.0


def main(arguments: Sequence[str]) -> None:
    """Listen on the network between the nodes, at a port that the hub is told."""
    slurm = load_settings().slurm
    address = address_of(slurm.interface if slurm else "")
    with socket.create_server((address, 0)) as free:
        port = int(free.getsockname()[1])
    answer = httpx.post(
        f"{os.environ['JUPYTERHUB_API_URL']}/{PORT_PATH}",
        headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
        json={"port": port},
        timeout=_ANSWER_S,
    )
    answer.raise_for_status()
    path = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).path
    os.environ["JUPYTERHUB_SERVICE_URL"] = f"http://{address}:{port}{path}"
    user_server.main(arguments)


def address_of(interface: str) -> str:
    """IPv4 address of a network interface; all addresses where none is named.

    Raises
    ------
    ConfigurationError
        When this machine has no such interface, or it has no address.

    Examples
    --------
    >>> address_of("lo")
    '127.0.0.1'
    """
    if not interface:
        return "0.0.0.0"  # noqa: S104 - the hub asks everybody at the server who they are
    found = psutil.net_if_addrs().get(interface, [])
    addresses = [entry.address for entry in found if entry.family == socket.AF_INET]
    if not addresses:
        raise ConfigurationError(
            f"{socket.gethostname()} has no address at {interface!r}", hint="slurm.interface names a network interface."
        )
    return str(addresses[0])


if __name__ == "__main__":
    main(sys.argv[1:])
