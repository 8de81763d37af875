"""What commands show people: text from outside appears as it is, whole, and never as markup."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

_WIDE = 10_000
"""Columns of a line that goes into a file or a pipe: paths, and reasons that name them, stay findable in it."""


def output() -> Console:
    """Console of the standard output; without a terminal lines are as long as what they say."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    return Console(highlight=False, markup=False, emoji=False, width=width)


def table(*columns: str, whole: Collection[str] = ()) -> Table:
    """Table whose cells go on in the next line where they are too long; those of the columns `whole` never do."""
    from rich.table import Table

    made = Table(box=None, header_style="bold")
    for name in columns:
        made.add_column(name, overflow="fold", no_wrap=name in whole)
    return made


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """A line on standard error while the block runs; gives what changes its text."""
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(text)) as status:
        yield lambda said: status.update(Text(said))


def bar() -> Progress:
    """Bars on standard error that are gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", style="progress.description", markup=False)
    columns = (text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
