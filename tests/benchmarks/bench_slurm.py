"""A prompt job on a Slurm that is full of data-release work: how soon its runner begins in the place of another's."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from harness import Figure

from hven.core.logging import configure

sys.path.append(str(Path(__file__).parents[1] / "support"))

REPOSITORY = Path(__file__).parents[2]
ROUNDS = 5


def figures() -> Iterator[Figure]:
    """From the launch on the service's side to the runner on its node; nothing without root or Slurm."""
    import private_slurm

    if os.geteuid() != 0 or private_slurm.missing():
        return
    configure(json=False, level="WARNING")
    with ExitStack() as stack:
        site, slurm = _site(stack)
        waits = [_preempt(site, slurm) for _ in range(ROUNDS)]
    note = f"rounds: {', '.join(f'{wait:.2f}' for wait in waits)} s"
    yield Figure("prompt job on a full Slurm begins", statistics.median(waits), "s", "<=", 2, note)


def _site(stack: ExitStack) -> tuple[Any, Any]:
    """An installation of its own with a launcher, and the Slurm that it uses; a runner takes a node."""
    import accounts
    import installation
    import launchers
    import private_slurm

    people = stack.enter_context(accounts.accounts())
    prefix = installation.new_folder("bench") / "hven"
    stack.callback(installation.remove, prefix)
    made = installation.install(prefix, people)
    slurm = stack.enter_context(private_slurm.cluster())
    slurm.allow("people", "hvt-ada")
    slurm.allow("operators", "hvt-batch")
    whole_node = {"runner_memory_gb": 3.6}
    return stack.enter_context(launchers.of_users("slurm", people, made, REPOSITORY, slurm, **whole_node)), slurm


def _preempt(site: Any, slurm: Any) -> float:
    """Seconds for which the prompt job of one round waits."""
    import launchers
    import private_slurm

    for _ in private_slurm.NODES:
        job = _launch(site, "data-release")
        launchers.at_work(site, job)
    began = time.time()
    job = _launch(site, "prompt")
    (folder,) = site.settings.slurm.spool.glob(f"hven-test-{job}-*")
    launchers.wait_for(lambda: not (folder / "order").exists())
    waited = folder.stat().st_mtime - began  # the runner's script took its order
    _end(site, slurm)
    return waited


def _launch(site: Any, job_class: str) -> int:
    job: int = site.submit(shared=True, job_class=job_class, quanta=1000, seconds=0.1)
    site.ask("launch")
    return job


def _end(site: Any, slurm: Any) -> None:
    """End all jobs, those too that were given back."""
    import launchers

    for _ in range(2):
        for job in site.store.find():
            if not job.state.ended:
                site.store.cancel(job.id, who="hvt-ada")
        slurm.clear()
        launchers.wait_for(lambda: site.ask("collect") == "0")
