"""What a version of a task has made that still stands, to be made again or accepted as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hven.core.errors import ConfigurationError, DatasetNotFoundError
from hven.model.collection import Collection, CollectionKind, owner_of
from hven.model.product import Product
from hven.observatory.again import make_again

if TYPE_CHECKING:
    from hven.batch.model import Job
    from hven.observatory.processing import Processing
    from hven.registry.protocol import Registry


@dataclass(frozen=True, slots=True)
class Affected:
    """A product that a version of a task made, or that was made from such a one.

    `source` is the id of what it was made from, empty where the task made it itself; `accepted` tells that somebody
    said it is good as it is.
    """

    product: Product
    source: str
    accepted: bool


def affected(registry: Registry, task: str, version: str) -> list[Affected]:
    """Products of a version of a task, and all that was made from them, as far as they still stand.

    A shared product stands while it is what is found by default; one's own stands while it is there. What was made from
    a product whose successor has the same content is as good as new.
    """
    sources = {i: "" for record in registry.history(task, version=version) for i in record.products}
    waiting = list(sources)
    while waiting:
        source = waiting.pop()
        for made in [] if _was_right(registry, source) else registry.outputs_of(source):
            if made not in sources:
                sources[made] = source
                waiting.append(made)
    standing = [product for i in sources if (product := _standing(registry, i)) is not None]
    good = _accepted(registry, standing, task, version)
    return [Affected(p, sources[p.id], p.id in good) for p in sorted(standing, key=lambda p: (p.created_ns, p.id))]


def _was_right(registry: Registry, product_id: str) -> bool:
    """Whether another version has made the same content since."""
    try:
        product = registry.get(product_id)
    except DatasetNotFoundError:
        return False
    current = registry.find_one(product.ref)
    return current is not None and current.id != product_id and current.digest == product.digest


def _standing(registry: Registry, product_id: str) -> Product | None:
    try:
        product = registry.get(product_id)
    except DatasetNotFoundError:
        return None
    if owner_of(product.run):
        return product
    current = registry.find_one(product.ref)
    return product if current is not None and current.id == product.id else None


def accepted_name(instrument: str, task: str, version: str) -> str:
    """Collection of what is good although another version made it.

    Examples
    --------
    >>> accepted_name("panoseti", "frames.measure_pedestals", "1.0")
    'panoseti/accepted/frames.measure_pedestals/1.0'
    """
    return f"{instrument}/accepted/{task}/{version}"


def _accepted(registry: Registry, products: Iterable[Product], task: str, version: str) -> set[str]:
    names = {accepted_name(p.ref.type.instrument, task, version) for p in products}
    there = names & {collection.name for collection in registry.collections()}
    return {product.id for name in there for product in registry.find(collection=name)}


class MadeBy:
    """What a version of a task has made, for somebody who looks after it; `Observatory.affected` makes it.

    Parameters
    ----------
    obs
        In whose name.
    task, version
        Which should not have been.
    """

    def __init__(self, obs: Processing, task: str, version: str) -> None:
        self._obs = obs
        self.task = task
        self.version = version

    @property
    def products(self) -> list[Affected]:
        """What still stands, the oldest first."""
        return affected(self._obs.registry, self.task, self.version)

    def accept(self, why: str) -> None:
        """Tag all as good although another version made them; who and why stand in the collection's text.

        Raises
        ------
        ConfigurationError
            Without a reason.
        AccessDeniedError
            For those who may not operate.
        """
        if not why:
            raise ConfigurationError("products are accepted for a reason", hint="Give --why.")
        ids: dict[str, list[str]] = defaultdict(list)
        for one in self.products:
            ids[one.product.ref.type.instrument].append(one.product.id)
        for instrument, some in ids.items():
            name = accepted_name(instrument, self.task, self.version)
            doc = f"Accepted by {self._obs.user}: {why}"
            self._obs.registry.define(Collection(name, CollectionKind.TAGGED, doc=doc))
            self._obs.registry.tag(name, some)

    def redo(self) -> list[Job]:
        """Submit the pipelines that made what is not accepted, over the same data with the same options.

        One job for each former run that is shared or one's own; several that ask for the same are one. What does not
        depend on the task is found and not made again.

        Raises
        ------
        AccessDeniedError
            Where shared products are among them and the caller may not operate.
        """
        return make_again(self._obs, [one.product for one in self.products if not one.accepted])
