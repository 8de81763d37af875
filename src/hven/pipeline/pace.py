"""How long the quanta of a task take: from this run, else from the registry's records of former ones."""

from __future__ import annotations

from collections import deque
from statistics import median

from hven.pipeline.pack import ENOUGH_S
from hven.pipeline.work import Work
from hven.registry.protocol import Registry

_NEWEST = 50


class Paces:
    """Paces of tasks.

    Parameters
    ----------
    registry
        Asked once for each task.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._walls: dict[str, deque[float]] = {}

    def seconds(self, work: Work) -> float:
        """What one block of a quantum will take; as long as a task of its own where that is not known.

        A quantum of several blocks was cut so that each is worth a task.
        """
        walls = self._of(work.quantum.step.task.name)
        return median(walls) if walls and work.blocks == 1 else ENOUGH_S

    def knows(self, task: str) -> bool:
        """Whether a quantum of this task has ended, in this run or a former one."""
        return bool(self._of(task))

    def note(self, work: Work) -> None:
        """Learn from a quantum that has ended."""
        if len(work.results) == 1:
            (result,) = work.results.values()
            self._of(work.quantum.step.task.name).append(result.wall_s)

    def _of(self, task: str) -> deque[float]:
        if task not in self._walls:
            recorded = self._registry.history(task, limit=_NEWEST)
            self._walls[task] = deque((record.wall_s for record in reversed(recorded)), maxlen=_NEWEST)
        return self._walls[task]
