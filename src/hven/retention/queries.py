"""What pages read about storage: what is kept and why, how much, what goes next, and the cost of making it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import batched
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from hven import instruments
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.collection import owner_of
from hven.model.product import Product
from hven.model.quantum import QuantumState
from hven.model.retention import Hold
from hven.registry.database import shared_database
from hven.registry.direct import DirectRegistry
from hven.registry.rows import product_of
from hven.registry.schema import expired, product, quantum
from hven.registry.visible import visible
from hven.retention.again import Again, Recipes
from hven.retention.apply import plan as plan_now
from hven.retention.audit import Audit, Deed, Wish
from hven.retention.face import DirectRetention, Leaving
from hven.retention.plan import Plan

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Usage:
    """Registered products of a type that were born in a family of runs: all but the last word of their names.

    `expired` and `expired_bytes` are those on their way out among them; `oldest_ns` is when the first was made.
    """

    family: str
    level: str
    type: str
    products: int
    bytes: int
    expired: int
    expired_bytes: int
    oldest_ns: int


def usage(settings: Settings, viewer: Viewer | None = None) -> list[Usage]:
    """How much there is by family of runs and dataset type, of what a viewer may see, largest first."""
    gone = expired.c.product_id.is_not(None)
    counts = sa.select(
        product.c.run,
        product.c.level,
        product.c.type,
        sa.func.count().label("products"),
        sa.func.sum(product.c.size_bytes).label("bytes"),
        sa.func.sum(sa.case((gone, 1), else_=0)).label("expired"),
        sa.func.sum(sa.case((gone, product.c.size_bytes), else_=0)).label("expired_bytes"),
        sa.func.min(product.c.created_ns).label("oldest_ns"),
    )
    joined = counts.outerjoin_from(product, expired, expired.c.product_id == product.c.id)
    grouped = joined.where(visible(viewer, product.c.run)).group_by(product.c.run, product.c.level, product.c.type)
    found: dict[tuple[str, str, str], list[sa.Row[tuple[object, ...]]]] = defaultdict(list)
    with _registry(settings).database.read() as connection:
        for row in connection.execute(grouped):
            found[_family(row.run), row.level, row.type].append(row)
    return sorted((_together(key, rows) for key, rows in found.items()), key=lambda u: (-u.bytes, u.family, u.type))


def extreme(
    settings: Settings, what: Literal["largest", "oldest"], viewer: Viewer | None = None, *, limit: int
) -> list[Product]:
    """The largest or oldest products that a viewer may see."""
    order = product.c.size_bytes.desc() if what == "largest" else product.c.created_ns.asc()
    statement = sa.select(product).where(visible(viewer, product.c.run)).order_by(order, product.c.id).limit(limit)
    with _registry(settings).database.read() as connection:
        return [product_of(row) for row in connection.execute(statement)]


def plan(settings: Settings, viewer: Viewer | None = None) -> Plan:
    """What becomes of every product that is under a rule, why and when, of what a viewer may see."""
    registry = _registry(settings)
    found = plan_now(registry, settings)
    if viewer is None:
        return found
    seen = _seen(registry, viewer)
    return replace(found, lines=tuple(line for line in found.lines if line.run in seen))


def leaving(settings: Settings, viewer: Viewer | None = None) -> list[Leaving]:
    """What has expired or lies in the trash, of what a viewer may see, soonest to go first."""
    registry = _registry(settings)
    found = DirectRetention(settings, registry, _audit(settings), user="").leaving()
    if viewer is None:
        return found
    seen = _seen(registry, viewer)
    return [one for one in found if one.run in seen]


def holds(settings: Settings) -> list[Hold]:
    """All holds, oldest first; for those who may operate."""
    return _registry(settings).holds()


def deeds(settings: Settings, *, target: str = "", limit: int) -> list[Deed]:
    """Who did what and why, newest first; for those who may operate."""
    return _audit(settings).deeds(target=target, limit=limit)


def wishes(settings: Settings) -> list[Wish]:
    """What was asked of the batch service, oldest first; for those who may operate."""
    return _audit(settings).wishes(waiting=False)


def cpu_seconds(settings: Settings, products: Iterable[Product]) -> dict[str, float]:
    """CPU seconds that making each product took, by id, as its quantum recorded; left out where none did."""
    made = (
        sa.select(product.c.id, sa.func.max(quantum.c.cpu_s))
        .join(quantum, (quantum.c.run == product.c.run) & (quantum.c.quantum_key == product.c.quantum_key))
        .where(quantum.c.state.in_([str(QuantumState.DONE), str(QuantumState.PARTIAL)]), ~quantum.c.reused)
        .group_by(product.c.id)
    )
    found: dict[str, float] = {}
    with _registry(settings).database.read() as connection:
        for some in batched((p.id for p in products), _AT_ONCE):
            found |= {row[0]: float(row[1]) for row in connection.execute(made.where(product.c.id.in_(some)))}
    return found


def again(settings: Settings, products: Sequence[Product]) -> dict[str, Again]:
    """How each product would be made again, or why it cannot be, by id; reads the record of each."""
    known = {name: instruments.load(name) for name in settings.instruments}
    recipes = Recipes(_registry(settings), settings.root, known)
    return {p.id: recipes.of(p) for p in products}


def _together(key: tuple[str, str, str], rows: Sequence[sa.Row[tuple[object, ...]]]) -> Usage:
    products, size, gone, gone_size = (
        sum(int(getattr(row, name)) for row in rows) for name in ("products", "bytes", "expired", "expired_bytes")
    )
    return Usage(*key, products, size, gone, gone_size, oldest_ns=min(row.oldest_ns for row in rows))


def _family(run: str) -> str:
    """What the runs of one pipeline have in common; somebody's own are one family.

    Examples
    --------
    >>> _family("panoseti/runs/nightly/20251022T071822Z"), _family("panoseti/raw/all"), _family("u/ada/my-flat")
    ('panoseti/runs/nightly', 'panoseti/raw/all', 'u/ada')
    """
    if owner_of(run):
        return "/".join(run.split("/")[:2])
    head, _, _ = run.rpartition("/")
    return head if "/runs/" in run else run


def _seen(registry: DirectRegistry, viewer: Viewer) -> set[str]:
    return {collection.name for collection in registry.seen_by(viewer).collections()}


def _registry(settings: Settings) -> DirectRegistry:
    return _opened(settings.registry_url, settings.root)


@lru_cache(maxsize=8)
def _opened(url: str, root: Path) -> DirectRegistry:
    return DirectRegistry(url, root)


def _audit(settings: Settings) -> Audit:
    return _audit_in(settings.platform_url)


@lru_cache(maxsize=8)
def _audit_in(url: str) -> Audit:
    return Audit(shared_database(url))
