"""Blocks of several quanta on their way to the engine, which takes them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from hven.pipeline.worker import BlockJob


class Blocks(Sequence[BlockJob | None]):
    """Blocks in the order in which the engine takes them; those of a dropped quantum are None from then on.

    Parameters
    ----------
    jobs
        The blocks of all quanta.
    """

    def __init__(self, jobs: Sequence[BlockJob]) -> None:
        self.owners = [job.quantum for job in jobs]
        self._jobs: list[BlockJob | None] = list(jobs)
        self._taken = 0

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, index: int) -> BlockJob | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BlockJob | None]: ...
    def __getitem__(self, index: int | slice) -> BlockJob | Sequence[BlockJob | None] | None:
        if isinstance(index, int):
            self._taken = max(self._taken, index + 1)
        return self._jobs[index]

    def begun(self) -> set[int]:
        """Numbers of the quanta of which the engine has taken a block."""
        return set(self.owners[: self._taken])

    def drop(self, quantum: int) -> None:
        """Let the engine find nothing to do in the place of a quantum's blocks."""
        self._jobs = [None if owner == quantum else job for owner, job in zip(self.owners, self._jobs, strict=True)]
