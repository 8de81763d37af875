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
    from hven.cli.console import bar

    with bar() as shown:
        line = shown.add_task(label, total=None)

        def show(counts: Counts) -> None:
            ended = counts.done + counts.failed + counts.blocked
            shown.update(line, completed=ended, total=counts.total, description=counts.message or label)

        yield show
