"""What the first start has begun to take in and not finished, so that the next one goes on with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hven.hub.layout import Layout, write_private


@dataclass(frozen=True)
class Unfinished:
    """A file that is there from before the first step until after the last one.

    An observatory that has data and no such file is complete, whoever filled it.
    """

    file: Path

    @classmethod
    def of(cls, layout: Layout) -> Unfinished:
        """That of a platform."""
        return cls(layout.state / "first-night.json")

    def folders(self) -> tuple[Path, ...]:
        """Folders that were to be taken in; none when nothing is unfinished."""
        try:
            return tuple(Path(folder) for folder in json.loads(self.file.read_text())["folders"])
        except FileNotFoundError:
            return ()

    def begin(self, folders: Iterable[Path]) -> None:
        """Write down what is begun."""
        write_private(self.file, json.dumps({"folders": [str(folder) for folder in folders]}))

    def end(self) -> None:
        """All of it is done, or given up."""
        self.file.unlink(missing_ok=True)
