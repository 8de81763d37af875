"""The process of one check: ``python -m hven.batch.checks.run SITE NAME FIRE_NS``, started by the batch service."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hven.alarms.outbox import Outbox
from hven.alarms.transport import make_transports
from hven.batch.checks.known import Finding, find_check
from hven.batch.checks.model import CheckState
from hven.batch.checks.store import CheckStore
from hven.core.logging import configure
from hven.core.settings import Settings, load_settings
from hven.registry.database import Database


def main(arguments: Sequence[str]) -> int:
    """Do a check that was claimed, and keep what it found; gives the exit code."""
    site, name, fire_ns = arguments
    configure(json=False)
    settings = load_settings(Path(site))
    findings = look(settings, name)
    state = CheckState.GOOD if findings and all(f.good for f in findings) else CheckState.BAD
    text = "\n".join(f"{'good' if f.good else 'BAD '} {f.text}" for f in findings)
    with closing(Database(settings.platform_url)) as database:
        store = CheckStore(database)
        (run,) = [run for run in store.runs(name) if run.fire_ns == int(fire_ns)]
        store.end(run, state, text, Outbox(database, make_transports(settings)))
    return 0 if state == CheckState.GOOD else 1


def look(settings: Settings, name: str) -> list[Finding]:
    """What a check finds; whatever it raises is a bad finding."""
    with TemporaryDirectory(prefix=f"{name}-", dir=settings.state) as folder:
        try:
            return find_check(name)(settings, Path(folder))
        except Exception as error:  # noqa: BLE001 - that is what it found
            traceback.print_exc()
            return [Finding(good=False, text=f"{type(error).__name__}: {error}")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
