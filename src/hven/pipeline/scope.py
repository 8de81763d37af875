"""Which quanta of a graph are run, and which are made again although they exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hven.core.errors import DatasetNotFoundError
from hven.pipeline.graph import Quantum
from hven.registry.protocol import Registry


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run does.

    Parameters
    ----------
    known_only
        Only quanta that this run has tried before: what has come since is left to another.
    step, data_id
        This step, or its one quantum of this data ID, is made again with all that needs it; no step if empty.
    """

    known_only: bool = False
    step: str = ""
    data_id: str = ""

    def choose(self, graph: Sequence[Quantum], registry: Registry, run: str) -> list[Quantum]:
        """Quanta to be run or found; what needs one that is left out is left out, too."""
        if not self.known_only:
            return list(graph)
        known = {(record.step, record.data_id) for record in registry.quanta(run=run)}
        chosen: dict[int, Quantum] = {}
        for quantum in graph:
            if (quantum.step.name, quantum.data_id) in known and quantum.depends <= chosen.keys():
                chosen[quantum.number] = quantum
        return list(chosen.values())

    def anew(self, graph: Sequence[Quantum]) -> frozenset[int]:
        """Numbers of the quanta that are made again.

        Raises
        ------
        DatasetNotFoundError
            When the step has no quantum of this data ID.
        """
        if not self.step:
            return frozenset()
        of_step = [q for q in graph if q.step.name == self.step]
        numbers = {q.number for q in of_step if self.data_id in {"", str(q.data_id)}}
        if not numbers:
            raise DatasetNotFoundError(
                f"step {self.step} has no quantum {self.data_id}".rstrip(),
                hint=f"It has, for example, {of_step[0].data_id}." if of_step else "No data fit its inputs.",
            )
        for quantum in graph:
            if quantum.depends & numbers:
                numbers.add(quantum.number)
        return frozenset(numbers)
