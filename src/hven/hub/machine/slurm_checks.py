"""What the platform needs of a Slurm cluster, and whether it is so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from hven.batch.sbatch import ask
from hven.core.errors import ConfigurationError, ServiceUnavailableError
from hven.core.settings import ServerSettings, SlurmSettings
from hven.hub.doctor import Finding

PROGRAMS = ("sbatch", "squeue", "scancel", "sacct", "scontrol", "sacctmgr", "sinfo")
_CLASSES = "sh platform/slurm/accounts.sh classes CORES"
_LIST = ("--noheader", "--parsable2", "show")


def examine_slurm(slurm: SlurmSettings, server: ServerSettings) -> Iterator[Finding]:
    """Programs, controller, rules, classes, and what the batch account may."""
    missing = [name for name in PROGRAMS if not os.access(slurm.programs / name, os.X_OK)]
    if missing:
        says = f"{slurm.programs} has no {', '.join(missing)}"
        yield Finding("Slurm", says, "problem", "Install Slurm's client programs, or correct `slurm: programs`.")
        return
    try:
        yield from rules(_configuration(slurm))
        yield from _classes(slurm, server)
    except (ConfigurationError, ServiceUnavailableError) as error:
        yield Finding("Slurm", error.message, "problem", "Start slurmctld and slurmdbd; `scontrol ping` tells.")


def _configuration(slurm: SlurmSettings) -> dict[str, str]:
    lines = (line.partition("=") for line in ask(slurm, "scontrol", "show", "config").splitlines())
    return {key.strip(): value.strip() for key, equals, value in lines if equals}


def rules(configuration: Mapping[str, str]) -> Iterator[Finding]:
    """What Slurm's own configuration must say.

    Examples
    --------
    >>> said = {"AccountingStoreFlags": "job_comment,job_env", "AccountingStorageEnforce": "associations,limits,qos"}
    >>> [f.says for f in rules({**said, "PreemptType": "preempt/qos"}) if f.level == "problem"]
    ['AccountingStoreFlags has job_env: accounting keeps tokens']
    """
    kept = {"job_env", "job_script"} & set(configuration.get("AccountingStoreFlags", "").split(","))
    if kept:
        says = f"AccountingStoreFlags has {', '.join(sorted(kept))}: accounting keeps tokens"
        yield Finding("Slurm rules", says, "problem", "Take it out: people's servers have their tokens there.")
    lacking = {"limits", "qos"} - set(configuration.get("AccountingStorageEnforce", "").split(","))
    if lacking:
        says = f"AccountingStorageEnforce lacks {', '.join(sorted(lacking))}: anybody could take any class"
        yield Finding("Slurm rules", says, "problem", "Include platform/slurm/hven.conf in slurm.conf.")
    if configuration.get("PreemptType") != "preempt/qos":
        says = "prompt work takes nobody's place: PreemptType is not preempt/qos"
        yield Finding("Slurm rules", says, "warning", "Include platform/slurm/hven.conf in slurm.conf.")
    if not kept and not lacking:
        yield Finding("Slurm rules", "limits are enforced, and no secret is kept")


def _classes(slurm: SlurmSettings, server: ServerSettings) -> Iterator[Finding]:
    """Qualities of service and partitions that the site file names, and the batch account's right to them."""
    wanted = {asked.qos for asked in slurm.classes.values()} - {""}
    known = set(ask(slurm, "sacctmgr", *_LIST, "qos", "format=name").split())
    if unknown := sorted(wanted - known):
        yield Finding("Slurm classes", f"there is no quality of service {', '.join(unknown)}", "problem", _CLASSES)
    partitions = {asked.partition for asked in slurm.classes.values()} - {""}
    if absent := sorted(partitions - set(ask(slurm, "sinfo", "--noheader", "--format=%R").split())):
        yield Finding(
            "Slurm classes", f"there is no partition {', '.join(absent)}", "problem", "slurm.conf names them."
        )
    account = server.batch_account
    said = ask(slurm, "sacctmgr", *_LIST, "associations", f"user={account}", "format=qos")
    if closed := sorted((wanted & known) - set(said.replace(",", " ").split())):
        hint = f"sh platform/slurm/accounts.sh operators {account}"
        yield Finding("Slurm classes", f"{account} may not use {', '.join(closed)}", "problem", hint)
    if not (unknown or absent or closed):
        yield Finding("Slurm classes", f"{len(wanted)} are there, and {account} may use them")
