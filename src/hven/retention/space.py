"""What somebody's own space holds, and what of it can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hven.core.clock import now_ns
from hven.core.settings import Settings
from hven.model.instrument import Instrument
from hven.model.product import Product
from hven.registry.protocol import Registry
from hven.retention.again import Again, Recipes
from hven.retention.quota import GB, quota_bytes
from hven.retention.remove import finish
from hven.store.user_space import look

_DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class OwnProduct:
    """One product of somebody's own, and how it is made again."""

    product: Product
    again: Again

    @property
    def reproducible(self) -> bool:
        """Whether it can be made again."""
        return bool(self.again.command)

    @property
    def age_days(self) -> float:
        """Days since it was made."""
        return (now_ns() - self.product.created_ns) / _DAY_NS


@dataclass(frozen=True, slots=True)
class Space:
    """Somebody's own space.

    Parameters
    ----------
    user
        Whose.
    quota
        Bytes that they may use; None without limit.
    products
        What is registered, largest first.
    unregistered
        Published versions that the registry does not know, by path, with their bytes.
    other
        Bytes of everything else that lies there.
    trash
        Bytes of what was removed and not deleted yet.
    """

    user: str
    quota: int | None
    products: tuple[OwnProduct, ...]
    unregistered: Mapping[str, int]
    other: int
    trash: int

    @property
    def used(self) -> int:
        """Bytes in all."""
        registered = sum(own.product.size_bytes for own in self.products)
        return registered + sum(self.unregistered.values()) + self.other + self.trash

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be made."""
        return self.quota is not None and self.used >= self.quota

    @property
    def reproducible(self) -> int:
        """Bytes of what can be made again."""
        return sum(own.product.size_bytes for own in self.products if own.reproducible)

    def __str__(self) -> str:
        """Used and quota."""
        limit = "no quota" if self.quota is None else f"of {self.quota / GB:.3g} GB"
        return f"{self.user} uses {self.used / GB:.3g} GB ({limit}); {self.reproducible / GB:.3g} GB can be made again"


def measure(registry: Registry, settings: Settings, user: str, instruments: Mapping[str, Instrument]) -> Space:
    """Measure somebody's own space, after finishing removals that were interrupted."""
    finish(registry, settings.root, user)
    recipes = Recipes(registry, settings.root, instruments)
    owned = sorted(registry.owned(user), key=lambda p: (-p.size_bytes, p.id))
    found = look(settings.root, user, known={p.path for p in owned})
    return Space(
        user=user,
        quota=quota_bytes(settings),
        products=tuple(OwnProduct(p, recipes.of(p)) for p in owned),
        unregistered={str(path): size for path, size in found.versions.items()},
        other=found.other,
        trash=found.trash,
    )
