"""Do what a plan says: the audit first, then disk and registry, so that a kill at any point leaves nothing half gone.

Products expire in the registry (journal, row, file `current`). They go into the trash disk first and registry second;
what was killed in between is finished by the next application.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import batched

from hven.core.clock import now_ns
from hven.core.errors import AccessDeniedError, DatasetNotFoundError, HvenError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.product import Product
from hven.model.retention import Expired
from hven.registry.direct import DirectRegistry
from hven.retention.audit import APPLY, Audit, Deed
from hven.retention.facts import read_facts
from hven.retention.plan import Action, Line, Plan, make_plan
from hven.store import trash
from hven.store.index import inputs_of, read_product
from hven.store.trash import Trashed

_AT_ONCE = 100
_log = get_logger(__name__)

Step = Callable[[int, int], None]
"""Told how many products are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done: the plan, and why some of it was not, by id of the product.

    Where this account may not do it, the batch service was `asked`, and does it soon.
    """

    plan: Plan
    left: dict[str, str]
    asked: bool = False


def plan(registry: DirectRegistry, settings: Settings, *, at_ns: int | None = None) -> Plan:
    """What would be done now; nothing is."""
    at = now_ns() if at_ns is None else at_ns
    return make_plan(read_facts(registry, settings.retention, at), settings.retention, at)


def apply(
    registry: DirectRegistry,
    settings: Settings,
    audit: Audit,
    *,
    who: str,
    at_ns: int | None = None,
    step: Step = lambda _done, _of: None,
) -> Applied:
    """Do what `plan` says.

    Parameters
    ----------
    registry, settings, audit
        Of the site.
    who
        In whose name.
    at_ns
        UTC, by which products are old enough; now by default.
    step
        Told of the progress.

    Raises
    ------
    AccessDeniedError
        On a machine of many users, under another account than that of the batch service.
    ConflictError
        While another process applies rules.
    """
    must_own(settings)
    with trash.only_one(registry.root):
        finish(registry, settings)
        chosen = plan(registry, settings, at_ns=at_ns)
        audit.note([Deed(who, APPLY, bytes=sum(line.bytes for line in chosen.changes))])
        doing = _Doing(registry, settings, audit, who, chosen)
        for number, some in enumerate(batched(chosen.changes, _AT_ONCE)):
            doing.do(some)
            step(number * _AT_ONCE + len(some), len(chosen.changes))
    _log.info("retention applied", who=who, changes=len(chosen.changes), left=len(doing.left))
    return Applied(chosen, doing.left)


def must_own(settings: Settings) -> None:
    """Raise AccessDeniedError under an account that may not move shared products: only their owner's does."""
    server = settings.server
    if server is not None and getpass.getuser() != server.batch_account:
        raise AccessDeniedError(
            f"shared products are removed by {server.batch_account}, not by {getpass.getuser()}",
            hint=f"On the server: sudo -u {server.batch_account} hven retention apply --really; elsewhere ask through"
            " the API, where the batch service does it.",
        )


def finish(registry: DirectRegistry, settings: Settings, *, besides: str = "") -> None:
    """Finish what was interrupted: moves into the trash, restorations, deletions; all `besides` one product."""
    trash.sweep(registry.root)
    for one in (one for one in trash.notes(registry.root) if one.id != besides):
        known = bool(registry.among([one.id]))
        if trash.lies_in_trash(registry.root, one):
            if known:
                _forget(registry, settings, [one])
            continue
        if not known and (registry.root / one.path).is_dir():
            product = read_product(registry.root, one.path)
            registry.bring_back([product], inputs={product.id: inputs_of(registry.root, product)})
        trash.forget(registry.root, one)  # it was never moved, has been put back, or is gone


def _forget(registry: DirectRegistry, settings: Settings, moved: Sequence[Trashed]) -> dict[str, str]:
    """Unregister what lies in the trash; what must stay after all is put back."""
    stay = registry.forget_expired([one.id for one in moved], releases=settings.retention.releases)
    for one in moved:
        if one.id in stay:
            trash.put_back(registry.root, one)
            trash.forget(registry.root, one)
            _log.warning("product stays", product=one.id, reason=stay[one.id])
    return stay


@dataclass(slots=True)
class _Doing:
    registry: DirectRegistry
    settings: Settings
    audit: Audit
    who: str
    plan: Plan
    left: dict[str, str] = field(default_factory=dict)

    def do(self, lines: Sequence[Line]) -> None:
        self.audit.note(Deed(self.who, x.action, x.id, x.dataset, x.bytes, x.reason) for x in lines)
        self._return(x for x in lines if x.action == Action.RETURN)
        self._expire([x for x in lines if x.action == Action.EXPIRE])
        self._trash([x for x in lines if x.action == Action.TRASH])
        self._delete({x.id for x in lines if x.action == Action.DELETE})

    def _return(self, lines: Iterable[Line]) -> None:
        products = [self.registry.get(line.id) for line in lines]
        if products:
            self.registry.bring_back(products, inputs={})

    def _expire(self, lines: Sequence[Line]) -> None:
        some = [Expired(line.id, line.reason.removeprefix("rule "), self.plan.at_ns) for line in lines]
        if some:
            self.left |= self.registry.expire(some, releases=self.settings.retention.releases)

    def _trash(self, lines: Sequence[Line]) -> None:
        expired = self.registry.expiries() if lines else {}
        moved = [one for line in lines if (one := self._move(line, expired[line.id])) is not None]
        if moved:
            self.left |= _forget(self.registry, self.settings, moved)

    def _move(self, line: Line, expired: Expired) -> Trashed | None:
        one = _note(self.registry.get(line.id), expired, self.plan.at_ns)
        try:
            trash.trash(self.registry.root, one)
        except DatasetNotFoundError:
            self.left |= self.registry.forget_expired([line.id], releases=self.settings.retention.releases)
        except (HvenError, OSError) as error:
            self.left[line.id] = str(error)
            _log.exception("product could not be moved", product=line.id)
        else:
            return one
        return None

    def _delete(self, ids: set[str]) -> None:
        for one in trash.in_trash(self.registry.root):
            if one.id in ids:
                try:
                    trash.delete(self.registry.root, one)
                except OSError as error:
                    self.left[one.id] = str(error)
                    _log.exception("product could not be deleted", product=one.id)


def _note(product: Product, expired: Expired, at_ns: int) -> Trashed:
    return Trashed(
        id=product.id,
        path=product.path,
        dataset=str(product.ref),
        run=product.run,
        bytes=product.size_bytes,
        rule=expired.rule,
        expired_ns=expired.at_ns,
        trashed_ns=at_ns,
    )
