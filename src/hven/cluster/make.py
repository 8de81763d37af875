"""From settings to an engine or a notebook's client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hven.cluster.engine import Engine
from hven.cluster.inprocess import InProcess
from hven.core.errors import UnknownNameError
from hven.core.settings import EngineSettings, Profile, Settings, SlurmSettings

if TYPE_CHECKING:
    from distributed import Client


def make_engine(
    settings: EngineSettings, profile: str = "", *, slurm: SlurmSettings | None = None, job_class: str = "data-access"
) -> Engine:
    """Engine of a site.

    Parameters
    ----------
    settings
        The site's.
    profile
        Name of a size; the site's default if empty.
    slurm, job_class
        The site's cluster, for the engine `slurm`, and the class of the work.

    Raises
    ------
    UnknownNameError
        For a profile that the site does not have.
    """
    size = find_profile(settings, profile)
    if settings.kind == "inprocess":
        return InProcess(size.workers * size.threads_per_worker)
    if settings.kind == "address":
        from hven.cluster.address import AddressEngine

        return AddressEngine(settings.address, settings.keys)
    if settings.kind == "ssh":
        from hven.cluster.ssh import SshEngine

        return SshEngine(size, settings.hosts, python=settings.python, config=settings.ssh_config)
    if settings.kind == "slurm" and slurm is not None:
        from hven.cluster.slurm import SlurmEngine

        return SlurmEngine(size, slurm, job_class=job_class)
    from hven.cluster.local import LocalEngine

    return LocalEngine(size, cores=settings.cores)


def client(settings: Settings, profile: str = "", *, service_prefix: str = "") -> Client:
    """Dask client for a notebook, on a cluster of its own behind TLS; see `hven.cluster.local.notebook_client`."""
    from hven.cluster.local import notebook_client

    size = find_profile(settings.engine, profile)
    return notebook_client(size, service_prefix=service_prefix, cores=settings.engine.cores)


def find_profile(settings: EngineSettings, name: str = "") -> Profile:
    """Size by name, the default if empty; raises UnknownNameError."""
    name = name or settings.default_profile
    if name not in settings.profiles:
        raise UnknownNameError("profile", name, settings.profiles)
    return settings.profiles[name]
