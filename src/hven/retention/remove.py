"""Remove products of one's own: into the trash, then for good.

The disk goes first and the registry follows, as when something is made. What was killed in between is finished by the
next removal or look at the space: a version that lies in the trash and is still registered is on its way out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.core.logging import get_logger
from hven.model.access import owns
from hven.model.product import Product
from hven.registry.protocol import Registry
from hven.store.user_space import empty_trash, in_trash, look, move_to_trash, put_back, trash_folder, tree_bytes

_AT_ONCE = 100
_log = get_logger(__name__)

Step = Callable[[int, int], None]
"""Told how many are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed, or would be.

    Parameters
    ----------
    products
        Registered ones.
    unregistered
        Published versions that the registry does not know, by path with their bytes.
    used_by
        Number of products of one's own that were made from these and stay.
    done
        Whether it has happened.
    """

    products: tuple[Product, ...]
    unregistered: dict[PurePosixPath, int]
    used_by: int
    done: bool

    @property
    def bytes(self) -> int:
        """Bytes that go into the trash."""
        return sum(p.size_bytes for p in self.products) + sum(self.unregistered.values())


def remove(
    registry: Registry, root: Path, user: str, ids: Sequence[str], *, really: bool, step: Step = lambda _i, _n: None
) -> Removal:
    """Move products of one's own into one's trash and forget them.

    Parameters
    ----------
    registry, root
        Of the observatory; files are moved with the rights of this process.
    user
        Who removes.
    ids
        Products, also such as are published and not registered.
    really
        Do it; otherwise say what would be done.
    step
        Told of the progress.

    Raises
    ------
    DatasetNotFoundError
        When there is no such product.
    AccessDeniedError
        When one is not this user's own.
    ConflictError
        When one must stay.
    """
    finish(registry, root, user)
    wanted = list(dict.fromkeys(ids))
    mine = {p.id: p for p in registry.owned(user)}
    found = look(root, user, known={p.path for p in mine.values()}) if set(wanted) - set(mine) else None
    lying = {path.name: path for path in (found.versions if found else {})}
    products = [mine.get(i) or registry.get(i) for i in wanted if i not in lying]
    unregistered = {lying[i]: found.versions[lying[i]] for i in wanted if found and i in lying}
    _refuse(registry, user, products)
    made = {o for p in products for o in registry.outputs_of(p.id)} - set(wanted)
    if really:
        paths = [p.path for p in products]
        _move(registry, root, [*paths, *unregistered], {p.path: p.id for p in products}, step)
        _log.info("removed", user=user, products=len(products), unregistered=len(unregistered))
    return Removal(tuple(products), unregistered, len(made), really)


def _refuse(registry: Registry, user: str, products: Sequence[Product]) -> None:
    for product in products:
        if not owns(user, product.run):
            raise AccessDeniedError(
                f"product {product.id} of {product.run} is not {user}'s", hint="One removes one's own products only."
            )
    for product_id, reason in registry.protected([p.id for p in products]).items():
        raise ConflictError(f"product {product_id} must stay: {reason}", hint="Nothing was removed.")


def _move(
    registry: Registry, root: Path, paths: Sequence[PurePosixPath], known: dict[PurePosixPath, str], step: Step
) -> None:
    """Some at a time: those whose folders are moved are forgotten before the next are."""
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        for number, path in enumerate(some, start + 1):
            move_to_trash(root, path)
            step(number, len(paths))
        _forget(registry, root, {known[p]: p for p in some if p in known})


def _forget(registry: Registry, root: Path, moved: dict[str, PurePosixPath]) -> None:
    """Unregister what lies in the trash; what must stay after all is put back."""
    protected = registry.protected(list(moved))
    for product_id, reason in protected.items():
        put_back(root, moved[product_id])
        _log.warning("product stays", product=product_id, reason=reason)
    registry.remove([i for i in moved if i not in protected])


def finish(registry: Registry, root: Path, user: str) -> int:
    """Finish removals that were interrupted; the number of products."""
    left = {}
    for version in in_trash(root, user):
        try:
            product = registry.get(version)
        except DatasetNotFoundError:
            continue
        if owns(user, product.run) and not (root / product.path).exists():
            left[version] = product.path
    if left:
        _forget(registry, root, left)
    return len(left)


def empty(registry: Registry, root: Path, user: str, *, really: bool, step: Step = lambda _i, _n: None) -> int:
    """Delete what lies in one's trash, for good; the bytes that this frees, or would free."""
    finish(registry, root, user)
    versions = in_trash(root, user)
    freed = tree_bytes(trash_folder(root, user))
    if really:
        for number, version in enumerate(versions, 1):
            empty_trash(root, user, version)
            step(number, len(versions))
        _log.info("trash emptied", user=user, products=len(versions), bytes=freed)
    return freed
