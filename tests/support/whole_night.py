"""A night at a platform for many users: simulated, delivered by its copier, archived, processed for everybody."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
from commands import run as run_hven
from people import Person, Platform

from hven.core.errors import UnknownNameError
from hven.model.product import Product
from hven.registry.direct import DirectRegistry

SITE = {
    "ingest": {"poll_s": 0.5, "settle_s": 0.5},
    "engine": {"kind": "local", "profiles": {"small": {"workers": 1}}, "default_profile": "small"},
}
"""Settings that hurry."""

ENDED = {"SUCCEEDED", "FAILED", "DELETED"}
RAW = "panoseti/raw/all"


def simulate(folder: Path, scale: float = 0.02) -> list[Path]:
    """Runs of a night as the instrument leaves them."""
    run_hven("simulate", folder / "runs", "--scale", str(scale), root=folder)
    return sorted((folder / "runs").glob("*.pffd"))


def deliver(platform: Platform, runs: Sequence[Path]) -> None:
    """As the operator guide tells copiers to do it."""
    cora = platform.accounts.cora
    handed = platform.site.root.parent / "handed"
    for run in runs:
        shutil.copytree(run, handed / run.name)
    shutil.chown(handed, cora.uid)
    target = platform.site.root / "incoming" / cora.name
    done = cora.run("rsync", "-rt", "--partial-dir=.partial", f"{handed}/", f"{target}/")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(handed)


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Wait for something to be true, and give it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.2)
    return found


def archived(platform: Platform, observations: int) -> list[Product]:
    """Raw products of so many observations, once the archive has nothing more to do."""

    def found() -> list[Product]:
        products = raw(platform)
        return products if len({p.ref.data_id["observation"] for p in products}) >= observations else []

    until(found)
    until(lambda: _is_quiet(platform))
    return raw(platform)


def raw(platform: Platform) -> list[Product]:
    """Raw products that are registered."""
    settings = platform.site.settings
    with closing(DirectRegistry(settings.registry_url, settings.root)) as registry, suppress(UnknownNameError):
        return list(registry.find(collection=RAW))
    return []


def _is_quiet(platform: Platform) -> bool:
    """Whether the archive's last pass found nothing new, nothing that waits and nothing wrong."""
    beat = json.loads((platform.site.state / "ingest.json").read_text())
    return not any(beat["files"].values()) and not beat["errors"] and not beat["products"]


def submit(person: Person, pipeline: str, **request: Any) -> int:
    """Number of a job that somebody submits through the API."""
    answer = person.call("POST", "/services/api/jobs", json={"pipeline": pipeline, **request})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def ended(person: Person, job: int, seconds: float = 240.0) -> dict[str, Any]:
    """A job that has succeeded."""

    def found() -> Any:
        try:
            answer = person.call("GET", f"/services/api/jobs/{job}")
        except httpx.TransportError:  # the platform is being started again
            return False
        return answer.is_success and answer.json()["state"] in ENDED and answer.json()

    job_ended = until(found, seconds)
    log = person.call("GET", f"/services/api/jobs/{job}/log")
    assert job_ended["state"] == "SUCCEEDED", (job_ended, log.text[-3000:])
    return dict(job_ended)


def made(platform: Platform, run: str) -> list[Product]:
    """Products that were born in a run."""
    settings = platform.site.settings
    with closing(DirectRegistry(settings.registry_url, settings.root)) as registry:
        return list(registry.find(collection=run))
