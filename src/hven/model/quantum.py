"""What happened to each quantum: status is recorded, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hven.core.errors import Flavour
from hven.model.data_id import DataId


class QuantumState(StrEnum):
    """State of one task on one data ID; no two ever look alike."""

    NOT_RUN = "not run"
    RUNNING = "running"
    BLOCKED = "blocked"
    FAILED = "failed"
    NO_WORK = "no work"
    PARTIAL = "partial"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class QuantumRecord:
    """How one quantum of a run ended, or that it runs.

    `outputs` are the dataset types it makes; `products` their ids where it made or found them; `reused` tells that they
    were there already; `runner` is the process that runs it, as ``host:pid:start``.

    `wall_s, cpu_s, peak_bytes` are what its blocks took on their workers, of that `read_s` to read and `write_s` to
    write rows; `publish_s` went by afterwards, `began_ns` is when its first block began. `workers` gives, by
    ``host:pid``, the wall time of the blocks there. `output_bytes` is the size of what it made.
    """

    run: str
    step: str
    task: str
    data_id: DataId
    quantum_key: str
    state: QuantumState
    outputs: tuple[str, ...]
    products: tuple[str, ...] = ()
    reused: bool = False
    error: str = ""
    flavour: Flavour | None = None
    traceback: str = ""
    runner: str = ""
    started_ns: int = 0
    ended_ns: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    task_version: str = ""
    began_ns: int = 0
    read_s: float = 0.0
    write_s: float = 0.0
    publish_s: float = 0.0
    output_bytes: int = 0
    workers: tuple[tuple[str, float], ...] = ()
