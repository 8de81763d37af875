"""What a run of a pipeline did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hven.core.errors import DatasetNotFoundError, QuantumError
from hven.model.product import Product
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery

_UNHAPPY = (QuantumState.FAILED, QuantumState.BLOCKED)


def nothing_fits(pipeline: str, query: DataQuery) -> DatasetNotFoundError:
    """A pipeline would have nothing to do for this choice of data."""
    return DatasetNotFoundError(
        f"no data fit {pipeline} with {query}",
        hint="`hven find` shows what there is, `hven explain` why something is not.",
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, in quanta; `message` says what happened last."""

    done: int
    failed: int
    blocked: int
    total: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class RunReport:
    """Records of all quanta of a run, and the products that it made or found."""

    pipeline: str
    run: str
    records: tuple[QuantumRecord, ...]
    products: tuple[Product, ...]

    @property
    def failed(self) -> tuple[QuantumRecord, ...]:
        """Quanta that failed or were blocked."""
        return tuple(r for r in self.records if r.state in _UNHAPPY)

    def raise_for_failures(self) -> None:
        """Raise QuantumError that names every failed quantum and its error."""
        lines = [f"{r.step} ({r.data_id}): {r.error}" for r in self.records if r.state is QuantumState.FAILED]
        if self.failed:
            blocked = len(self.failed) - len(lines)
            raise QuantumError(
                f"{self.pipeline}: {len(lines)} of {len(self.records)} quanta failed, {blocked} were blocked:\n"
                + "\n".join(lines)
            )

    def __str__(self) -> str:
        """One line for each state, one for each failure."""
        states = Counter(r.state for r in self.records)
        reused = sum(r.reused for r in self.records)
        counts = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "nothing to do"
        lines = [f"{self.pipeline} in {self.run}: {counts}; {reused} were there already"]
        lines += [f"  {r.state} {r.step} ({r.data_id}): {r.error}" for r in self.failed]
        return "\n".join(lines)
