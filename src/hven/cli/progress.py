"""Progress of long work, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hven.pipeline.report import Progress as Counts


@contextmanager
def progress(label: str) -> Iterator[Callable[[Counts], None]]:
    """A bar while the block runs; gives what takes the counts of a run."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(label, total=None)

        def show(counts: Counts) -> None:
            ended = counts.done + counts.failed + counts.blocked
            bar.update(line, completed=ended, total=counts.total, description=counts.message or label)

        yield show
