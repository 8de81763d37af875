"""The observatory as each visitor of the pages sees it."""

from __future__ import annotations

from collections.abc import Callable

from hven.access.viewers import viewer_of
from hven.model.access import Viewer
from hven.observatory import Observatory

_MOST = 1000


class Visitors:
    """Gives a visitor's view of an observatory; groups are asked for at each page, as they change.

    Parameters
    ----------
    observatory
        All of it.
    may_operate
        Whether a visitor may operate, where there are no groups to ask.
    """

    def __init__(self, observatory: Observatory, may_operate: Callable[[str], bool]) -> None:
        self._observatory = observatory
        self._may_operate = may_operate
        self._views: dict[Viewer, Observatory] = {}

    def __call__(self, user: str) -> Observatory:
        """Observatory as somebody sees it."""
        server = self._observatory.settings.server
        viewer = viewer_of(user, server, operator=self._may_operate(user))
        if viewer not in self._views:
            if len(self._views) >= _MOST:
                self._views.clear()
            self._views[viewer] = self._observatory.seen_by(viewer)
        return self._views[viewer]
