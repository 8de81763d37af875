"""A launcher in a process of its own, which does what its standard input says: LAUNCHER, SITE, then commands.

``launch JOB``: claim the next job and start its runner; ``end``: end that runner; ``collect``; ``kill``. Each answers
with a line.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hven.batch.launcher import DirectLauncher
from hven.batch.lease import JobQueue
from hven.batch.slurm import SlurmLauncher
from hven.batch.store import JobStore
from hven.batch.sudo import SudoLauncher
from hven.core.logging import configure
from hven.core.settings import BatchSettings, load_settings
from hven.registry.database import Database


def main(kind, site, *more):
    configure(json=False)  # on standard error: the standard output is for answers
    settings = load_settings(site, environ={})
    rules = BatchSettings(slots=100)
    queue = JobQueue(Database(settings.platform_url), lease_s=settings.batch.lease_s, rules=rules)
    if kind == "direct":
        launcher = DirectLauncher(settings, command=more)
    elif kind == "slurm":
        launcher = SlurmLauncher(settings, settings.server, settings.slurm, site=Path(site), api=more[0], queue=queue)
    else:
        launcher = SudoLauncher(settings, settings.server, site=Path(site), api=more[0])
    for line in sys.stdin:
        verb = line.strip()
        if verb == "launch":
            lease = queue.claim()
            queue.launched(lease, launcher.launch(lease, JobStore(queue.database).get(lease.job)))
            answer = lease.name
        elif verb == "end":
            answer = launcher.end(lease.job, "")
        else:
            answer = getattr(launcher, verb)()
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
