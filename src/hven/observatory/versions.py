"""What versions of tasks have made, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hven.observatory.retained import Retained

if TYPE_CHECKING:
    from hven.observatory.affected import MadeBy
    from hven.observatory.compare import Comparison
    from hven.observatory.observatory import Observatory


class Versions(Retained):
    """Looking after what versions of tasks have made; see `Observatory`."""

    def affected(self, task: str, version: str) -> MadeBy:
        """What a version of a task has made: `products`, and `accept(why)` or `redo()` of them."""
        from hven.observatory.affected import MadeBy

        return MadeBy(cast("Observatory", self), task, version)

    def compare(self, run: str, against: str = "") -> Comparison:
        """What a run made beside what is found by default, or in another collection: equal or not, and quality."""
        from hven.observatory.compare import compare

        return compare(self, run, against)
