"""Pages follow what happens while they are open, and only then."""

from __future__ import annotations

import asyncio

from hven.views.following import keep_fresh


def test_a_page_that_nobody_has_open_is_not_refreshed():
    refreshed = []

    async def made_to_warm_up():
        keep_fresh(lambda: refreshed.append(True), 10)
        await asyncio.sleep(0.2)

    asyncio.run(made_to_warm_up())

    assert refreshed == []
