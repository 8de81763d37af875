"""Open pages follow what happens."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
from panel.io.callbacks import PeriodicCallback


def keep_fresh(refresh: Callable[[], object], period_ms: int) -> None:
    """Refresh a page again and again, as long as somebody's session has it open.

    A page that is made outside of a session, as for warming up, has nobody who sees it and would be refreshed for ever.

    Parameters
    ----------
    refresh
        Shows what is there now.
    period_ms
        Time between two refreshes in ms.
    """
    if pn.state.curdoc and pn.state.curdoc.session_context:
        # In the background: the busy bar of *every* open page would be told, at the price of a walk through its models.
        PeriodicCallback(callback=refresh, period=period_ms, background=True).start()
