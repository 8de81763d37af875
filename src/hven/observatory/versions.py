"""What versions of tasks have made, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hven.observatory.processing import Processing

if TYPE_CHECKING:
    from hven.observatory.affected import MadeBy
    from hven.observatory.compare import Comparison


class Versions(Processing):
    """Looking after what versions of tasks have made; see `Observatory`."""

    def affected(self, task: str, version: str) -> MadeBy:
        """What a version of a task has made: `products`, and `accept(why)` or `redo()` of them."""
        from hven.observatory.affected import MadeBy

        return MadeBy(self, task, version)

    def compare(self, run: str, against: str = "") -> Comparison:
        """What a run made beside what is found by default, or in another collection: equal or not, and quality."""
        from hven.observatory.compare import compare

        return compare(self, run, against)
