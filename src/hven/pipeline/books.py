"""The books of a run: what was done is written down in order, beside the work that goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class Books:
    """One thread that writes.

    Examples
    --------
    >>> lines = []
    >>> with Books() as books:
    ...     books.write(lambda: lines.append("one"))
    ...     books.write(lambda: lines.append("two"))
    >>> lines
    ['one', 'two']
    """

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="hven-books")
        self._last: Future[None] | None = None

    def write(self, action: Callable[[], None]) -> None:
        """Have something written; raises what the writing before it raised."""
        self.wait()
        self._last = self._writer.submit(action)

    def wait(self) -> None:
        """Wait until everything is written; raises what that raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Wait until everything is written."""
        self._writer.shutdown()
        self.wait()
