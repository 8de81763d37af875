"""What all processes that make pages need, loaded without looking for garbage: they are forked of one that has it."""

from __future__ import annotations

from hven.core.loading import loading

with loading():
    from hven.service import page_server
    from hven.views import warm

__all__ = ["page_server", "warm"]
