"""What makes two products the same, and what made one."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import hven
from hven.model.data_id import DataId
from hven.model.digest import digest_json
from hven.model.environment import RECORD, Installed
from hven.model.product import Product
from hven.model.provenance import SoftwareRecord
from hven.pipeline.bind import BoundStep
from hven.pipeline.left_out import LeftOut

_GIT_S = 10
_ASKING = threading.Lock()


def quantum_key(
    step: BoundStep, data_id: DataId, inputs: Mapping[str, Sequence[Product]], left_out: LeftOut | None = None
) -> str:
    """sha256 of task, config, output types, data ID and the content of inputs and calibrations that is used.

    Commit, environment, time, user and place are not part of it.
    """
    without = left_out or {}
    digests = sorted(
        [slot, str(p.ref), p.digest, *without.get((slot, p.id), ())]
        for slot, products in inputs.items()
        for p in products
    )
    return digest_json(
        {
            "task": step.task.name,
            "version": step.task.version,
            "config": step.config.model_dump(mode="json"),
            "outputs": {name: str(t.type_name) for name, t in step.outputs.items()},
            "data_id": dict(data_id),
            "inputs": digests,
        }
    )


def software() -> SoftwareRecord:
    """Version and commit of hven, and a digest of everything that is installed beside it.

    In an installed environment that is the digest of its bundle.
    """
    with _ASKING:  # all threads of an engine ask at once for what takes long to find out
        return _software()


@cache
def _software() -> SoftwareRecord:
    return SoftwareRecord(
        version=hven.__version__,
        commit=_commit(Path(hven.__file__).parent),
        environment=_bundle(Path(sys.prefix)) or digest_json(_installed()),
        python=platform.python_version(),
    )


def _installed() -> list[str]:
    records = (d.metadata for d in importlib.metadata.distributions())  # parsed anew each time one asks
    return sorted({f"{r['Name']}=={r['Version']}" for r in records})


def _bundle(prefix: Path) -> str:
    record = prefix / RECORD
    return Installed.model_validate_json(record.read_bytes()).bundle.digest if record.exists() else ""


def _commit(package: Path) -> str:
    """Commit that an installation was made from, or of the checkout, with ``-dirty`` where files differ from it."""
    if (noted := package / "commit").exists():
        return noted.read_text().strip()
    folder = package.parents[1]
    if not (folder / ".git").exists():
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
