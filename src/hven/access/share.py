"""Share runs of one's own with a Unix group: folders and registry say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from hven.access.viewers import groups_of
from hven.core.errors import AccessDeniedError, ConfigurationError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.access import owns
from hven.model.product import Product
from hven.registry.protocol import Registry
from hven.store.group_access import above, close, grant, withdraw
from hven.store.paths import user_root

Step = Callable[[int, int], None]
_log = get_logger(__name__)


def must_own(user: str, name: str) -> None:
    """Raise AccessDeniedError unless a collection is somebody's own."""
    if not owns(user, name):
        raise AccessDeniedError(f"{name} is not {user}'s", hint=f"Your own collections begin with u/{user}/.")


def may_share(user: str, name: str, group: str, settings: Settings) -> None:
    """Raise unless somebody may share a collection with a group.

    Raises
    ------
    AccessDeniedError
        When the collection is not theirs, or they are no member of the group.
    ConfigurationError
        In the try-out, which has one user.
    """
    must_own(user, name)
    if settings.server is None:
        raise ConfigurationError("a try-out has no groups to share with", hint="docs/operator-guide.md: many users.")
    if group not in groups_of(user):
        raise AccessDeniedError(
            f"{user} is no member of a group {group!r}", hint=f"Yours: {', '.join(sorted(groups_of(user)))}."
        )


def share(
    registry: Registry, settings: Settings, user: str, name: str, group: str, *, step: Step = lambda _i, _n: None
) -> list[Product]:
    """Share a run of one's own: what is in it now, and what will be born there.

    The folders are opened before the registry tells of them, and once more for what came in between. Asked for again,
    it finishes what was interrupted.

    Raises
    ------
    AccessDeniedError, ConfigurationError
        As `may_share`, and for anything but a run.
    """
    may_share(user, name, group, settings)
    _open(registry, settings, name, group, step)
    registry.share(name, group)
    opened = _open(registry, settings, name, group, step)
    _log.info("shared", collection=name, group=group, user=user, products=len(opened))
    return opened


def revoke(
    registry: Registry, settings: Settings, user: str, name: str, group: str, *, step: Step = lambda _i, _n: None
) -> list[Product]:
    """Share a run no longer: the registry stops telling of it first, then the folders are closed."""
    must_own(user, name)
    registry.unshare(name, group)
    shared = {c.name for c in registry.collections() if group in c.groups}
    kept, closed = [], []
    for product in registry.owned(user):
        if product.run == name:
            closed.append(product)
        elif product.run in shared:
            kept.append(product)
    for number, product in enumerate(closed, 1):
        withdraw(settings.root, product.path, group)
        step(number, len(closed))
    ways = {user_root(user), *_ways(closed)} - _ways(kept)
    close(settings.root, sorted(ways, key=lambda folder: len(folder.parts)), group)
    _log.info("no longer shared", collection=name, group=group, user=user, products=len(closed))
    return closed


def _open(registry: Registry, settings: Settings, name: str, group: str, step: Step) -> list[Product]:
    products = registry.find(collection=name)
    for number, product in enumerate(products, 1):
        grant(settings.root, product.path, group)
        step(number, len(products))
    return products


def _ways(products: list[Product]) -> set[PurePosixPath]:
    return {folder for product in products for folder in above(product.path)}
