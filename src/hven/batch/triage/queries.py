"""What pages read of failures and decisions."""

from __future__ import annotations

from functools import lru_cache

from hven.batch.triage.kinds import kinds
from hven.batch.triage.model import Decision, FailureKind
from hven.batch.triage.store import DecisionStore
from hven.core.settings import Settings
from hven.model.quantum import QuantumState
from hven.registry.database import shared_database
from hven.registry.protocol import Registry


def failure_kinds(settings: Settings, registry: Registry, *, run: str = "") -> list[FailureKind]:
    """Kinds of failures in a run, in all if empty, that a registry shows, the most frequent first."""
    failed = registry.quanta(run=run, state=QuantumState.FAILED)
    return kinds(failed, _store(settings.platform_url).holding())


def decisions(settings: Settings) -> list[Decision]:
    """Every decision ever made, newest first."""
    return _store(settings.platform_url).all()


@lru_cache(maxsize=8)
def _store(url: str) -> DecisionStore:
    return DecisionStore(shared_database(url))
