"""Read from registry and disk what a plan is made of."""

from __future__ import annotations

from functools import lru_cache

from hven.core.retention_settings import RetentionSettings
from hven.model.quantum import QuantumRecord, QuantumState
from hven.pipeline.runner import lives
from hven.registry import keeping
from hven.registry.direct import DirectRegistry
from hven.retention.plan import Facts
from hven.retention.rules import DAY_NS
from hven.store.trash import in_trash


def read_facts(registry: DirectRegistry, settings: RetentionSettings, at_ns: int) -> Facts:
    """What is so now."""
    running = registry.quanta(state=QuantumState.RUNNING)
    alive = lru_cache(lives)  # thousands of the same process
    living = [record for record in running if alive(record.runner)]
    elsewhere = [record for record in running if alive(record.runner) is None and _is_young(record, settings, at_ns)]
    with registry.database.read() as connection:
        return Facts(
            products=list(keeping.candidates(connection)),
            links=keeping.links(connection),
            kept=keeping.kept(connection, settings.releases),
            expired=keeping.expiries(connection),
            trashed=in_trash(registry.root),
            running=frozenset(record.run for record in (*living, *elsewhere)),
            reading_since_ns=min((record.started_ns for record in living), default=None),
        )


def _is_young(record: QuantumRecord, settings: RetentionSettings, at_ns: int) -> bool:
    """Whether a quantum on another host, which cannot be looked at, may still run: for the grace period it may."""
    return record.started_ns + settings.grace_days * DAY_NS > at_ns
