"""Make the batch service of a site, with all its chores."""

from __future__ import annotations

from pathlib import Path

from hven.batch.chores import make_chores
from hven.batch.heartbeat import heartbeat_file
from hven.batch.launcher import DirectLauncher, Launcher
from hven.batch.lease import JobQueue
from hven.batch.service import BatchService
from hven.batch.slurm import SlurmLauncher
from hven.batch.sudo import SudoLauncher
from hven.core.settings import SYSTEM_SITE, Settings, site_file
from hven.registry.database import Database


def make_service(settings: Settings, database: Database, *, site: Path | None = None) -> BatchService:
    """Batch service of a site; `database` is that of `platform_url`, `site` the file of the settings."""
    queue = JobQueue(database, lease_s=settings.batch.lease_s, rules=settings.batch)
    return BatchService(
        queue,
        make_launcher(settings, site_file(site) or SYSTEM_SITE, queue),
        heartbeat=heartbeat_file(settings),
        chores=make_chores(settings, database),
    )


def make_launcher(settings: Settings, site: Path, queue: JobQueue) -> Launcher:
    """Launcher of a site, which says where jobs run and as whom."""
    if settings.server is None:
        return DirectLauncher(settings)
    here = f"http://127.0.0.1:{settings.hub.port}"
    if settings.batch.launcher == "slurm" and settings.slurm is not None:
        api = f"{settings.hub.public_url.rstrip('/') or here}/services/api"
        return SlurmLauncher(settings, settings.server, settings.slurm, site=site.absolute(), api=api, queue=queue)
    api = f"{here}/services/api"
    return SudoLauncher(settings, settings.server, site=site.absolute(), api=api)
