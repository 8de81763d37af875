"""How much of their own somebody may have: asked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from hven.core.errors import QuotaExceededError
from hven.core.settings import Settings
from hven.model.product import Product
from hven.registry.protocol import Registry
from hven.store.user_space import look

GB = 1e9
_NAMED = 3


def quota_bytes(settings: Settings) -> int | None:
    """Bytes that somebody's own products may take; None in the try-out, where there is no limit."""
    return None if settings.server is None else round(settings.server.user_quota_gb * GB)


def check_quota(registry: Registry, settings: Settings, user: str) -> None:
    """Refuse to begin anything that makes more of somebody's own.

    Raises
    ------
    QuotaExceededError
        When they have reached their quota; it names what is largest.
    """
    quota = quota_bytes(settings)
    if quota is None:
        return
    owned = registry.owned(user)
    found = look(settings.root, user, known={p.path for p in owned})
    used = sum(p.size_bytes for p in owned) + sum(found.versions.values()) + found.other + found.trash
    refuse_when_full(user, used, quota, owned=owned, trash=found.trash)


def refuse_when_full(user: str, used: int, quota: int | None, *, owned: Sequence[Product] = (), trash: int = 0) -> None:
    """Raise QuotaExceededError when so many bytes are all that somebody may have."""
    if quota is None or used < quota:
        return
    emptied = f"`hven remove --empty-trash` frees {trash / GB:.3g} GB. " if trash else ""
    largest = sorted(owned, key=lambda p: -p.size_bytes)[:_NAMED]
    named = f"The largest: {', '.join(f'{p.id} ({p.ref.type}, {p.size_bytes / GB:.3g} GB)' for p in largest)}. "
    raise QuotaExceededError(
        f"{user} uses {used / GB:.3g} GB of {quota / GB:.3g} GB",
        hint=f"{emptied}{named if largest else ''}`hven space` says what can be made again, `hven remove` removes.",
    )
