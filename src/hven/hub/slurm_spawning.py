"""People's servers as Slurm jobs of theirs, by batchspawner.

Of batchspawner only the spawner is used. Its handler, by which a server tells the hub its port, lets a server set any
attribute of its spawner, with which the hub, as root, runs commands: it is taken away, and one that takes a port
stands in its place.
"""

from __future__ import annotations

import hmac
import subprocess
import sys
from pathlib import Path
from typing import Any

from batchspawner import SlurmSpawner
from jupyterhub import apihandlers
from jupyterhub.apihandlers import APIHandler
from tornado import web

from hven.core.settings import ServerSettings, SlurmSettings
from hven.hub.node_server import PORT_PATH

_PORTS = range(1024, 65536)
_ADDRESS = "NodeAddr="
_SCRIPT = """#!/bin/sh
#SBATCH --job-name=hven-server
#SBATCH --output=/dev/null
#SBATCH --chdir=/
#SBATCH --no-requeue
#SBATCH --export={{keepvars}}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={{nprocs}}
#SBATCH --mem={{memory}}
#SBATCH --time={{runtime}}
{% if partition %}#SBATCH --partition={{partition}}
{% endif %}{% if account %}#SBATCH --account={{account}}
{% endif %}{% if qos %}#SBATCH --qos={{qos}}
{% endif %}
umask 077
export HOME={{homedir}}
JUPYTER_RUNTIME_DIR=$(mktemp -d) || exit 1
export JUPYTER_RUNTIME_DIR
{{cmd}} >"$JUPYTER_RUNTIME_DIR/log" 2>&1 &
trap 'kill "$!"' TERM
wait "$!"
wait "$!"
rm -rf "$JUPYTER_RUNTIME_DIR"
"""


class NodeSpawner(SlurmSpawner):  # type: ignore[misc] # batchspawner has no types
    """A person's server as a Slurm job, at the address by which Slurm reaches its node."""

    programs: Path = Path("/usr/bin")

    def state_gethost(self) -> str:
        """Address of the node, whose name need not be known to this machine."""
        node = str(super().state_gethost())
        command = [str(self.programs / "scontrol"), "show", "node", node]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - Slurm's
        found = [word.removeprefix(_ADDRESS) for word in said.split() if word.startswith(_ADDRESS)]
        return found[0] if found else node


class PortHandler(APIHandler):  # type: ignore[misc] # JupyterHub has no types
    """A server tells its port, and nothing else."""

    @web.authenticated
    def post(self) -> None:
        """Take the port of the server whose token this is."""
        port = (self.get_json_body() or {}).get("port")
        token = self.get_auth_token() or ""
        own = [s for s in _spawners(self.current_user) if hmac.compare_digest(s.api_token or "", token)]
        if not own or not isinstance(port, int) or port not in _PORTS:
            raise web.HTTPError(403, "A server in Slurm says its port, with its own token.")
        own[0].port = port
        self.set_status(204)


def _spawners(user: Any) -> list[Any]:
    return [s for s in getattr(user, "spawners", {}).values() if isinstance(s, NodeSpawner)]


def use_slurm(c: Any, slurm: SlurmSettings, server: ServerSettings, *, hub: str) -> None:
    """Run people's servers in Slurm, as jobs of the class of people's own work.

    Parameters
    ----------
    c
        JupyterHub's configuration.
    slurm, server
        Sections of the site; the latter has the two limits.
    hub
        The platform's address as nodes reach it.
    """
    _replace_handler()
    asked = slurm.of("data-access")
    NodeSpawner.programs = slurm.programs
    c.JupyterHub.spawner_class = NodeSpawner
    c.Spawner.hub_connect_url = hub
    c.Spawner.environment = {**c.Spawner.environment, "HVEN_API_URL": f"{hub}/services/api"}
    c.Spawner.ip = "0.0.0.0"  # noqa: S104 - the server listens where `hven.hub.node_server` says
    c.SlurmSpawner.exec_prefix = "runuser -u {username} --"
    c.SlurmSpawner.batch_script = _SCRIPT
    c.SlurmSpawner.batchspawner_singleuser_cmd = ""
    c.SlurmSpawner.batch_submit_cmd = f"{slurm.programs}/sbatch --parsable"
    c.SlurmSpawner.batch_query_cmd = f"{slurm.programs}/squeue -h -j {{job_id}} -o '%T %B'"
    c.SlurmSpawner.batch_cancel_cmd = f"{slurm.programs}/scancel {{job_id}}"
    c.SlurmSpawner.req_partition, c.SlurmSpawner.req_qos = asked.partition, asked.qos
    c.SlurmSpawner.req_account = slurm.account
    c.SlurmSpawner.req_runtime = str(asked.walltime_min)
    c.SlurmSpawner.req_memory = f"{round(server.user_memory_gb * 1024)}M"
    c.SlurmSpawner.req_nprocs = str(max(1, round(server.user_cores)))
    c.Spawner.cmd = [slurm.python or sys.executable, "-P", "-m", "hven.hub.node_server"]


def _replace_handler() -> None:
    handlers = apihandlers.default_handlers
    handlers[:] = [h for h in handlers if not h[1].__module__.startswith("batchspawner")]
    handlers.append((f"/api/{PORT_PATH}", PortHandler))
