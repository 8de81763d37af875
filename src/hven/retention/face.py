"""Retention as people use it: look at the plan, apply it, restore, hold; here at the registry itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from hven.core.clock import now_ns
from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.core.settings import Settings
from hven.model.retention import Hold
from hven.registry.direct import DirectRegistry
from hven.retention.apply import Applied, Step, apply, plan
from hven.retention.audit import APPLY, Audit, Deed
from hven.retention.plan import Plan
from hven.retention.restore import RESTORE, restore
from hven.retention.rules import DAY_NS
from hven.store.trash import in_trash

State = Literal["expired", "in the trash"]


@dataclass(frozen=True, slots=True)
class Leaving:
    """A product on its way out: since when it is in this state, and when the next is due."""

    id: str
    dataset: str
    run: str
    bytes: int
    rule: str
    state: State
    since_ns: int
    due_ns: int


class Retention(Protocol):
    """What `obs.retention` does: at the registry itself, or through the API for those who may operate."""

    def plan(self) -> Plan:
        """What would be done now with every product that is under a rule, and why."""
        ...

    def apply(self, *, really: bool = False, step: Step = lambda _done, _of: None) -> Applied:
        """Do it, or only say what would be done."""
        ...

    def leaving(self) -> list[Leaving]:
        """What has expired or lies in the trash."""
        ...

    def restore(self, product_id: str, reason: str) -> bool:
        """Bring a product back and hold it; False where the batch service was asked to."""
        ...

    def hold(self, target: str, reason: str) -> None:
        """Keep a product (id), or all that is in a collection (name), from going."""
        ...

    def unhold(self, target: str, who: str = "") -> None:
        """Take a hold away, one's own by default."""
        ...

    def holds(self) -> list[Hold]:
        """All holds, oldest first."""
        ...

    def deeds(self, target: str = "", *, limit: int = 100) -> list[Deed]:
        """Who did what and why, newest first."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class DirectRetention:
    """Retention at the registry itself; see `Retention`.

    Parameters
    ----------
    settings, registry, audit
        Of the site.
    user
        In whose name.
    operator
        Whether they may operate; others may do nothing here.
    """

    def __init__(
        self, settings: Settings, registry: DirectRegistry, audit: Audit, *, user: str, operator: bool = True
    ) -> None:
        if not operator:
            raise AccessDeniedError(f"{user} may not operate", hint="Retention is for operators.")
        self.settings = settings
        self.registry = registry
        self.audit = audit
        self.user = user

    def plan(self) -> Plan:
        """What would be done now with every product that is under a rule, and why."""
        return plan(self.registry, self.settings)

    def apply(self, *, really: bool = False, step: Step = lambda _done, _of: None) -> Applied:
        """Do it, or only say what would be done."""
        if not really:
            return Applied(self.plan(), {})
        return apply(self.registry, self.settings, self.audit, who=self.user, step=step)

    def leaving(self) -> list[Leaving]:
        """What has expired or lies in the trash, soonest to go first."""
        chosen = self.settings.retention
        found = []
        for one in self.registry.expiries().values():
            product, due = self.registry.get(one.product_id), one.at_ns + round(chosen.grace_days * DAY_NS)
            what = product.id, str(product.ref), product.run, product.size_bytes
            found.append(Leaving(*what, one.rule, "expired", one.at_ns, due))
        for lying in in_trash(self.settings.root):
            due = lying.trashed_ns + round(chosen.trash_days * DAY_NS)
            what = lying.id, lying.dataset, lying.run, lying.bytes
            found.append(Leaving(*what, lying.rule, "in the trash", lying.trashed_ns, due))
        return sorted(found, key=lambda one: (one.due_ns, one.id))

    def restore(self, product_id: str, reason: str) -> bool:
        """Bring a product back and hold it."""
        restore(self.registry, self.settings, self.audit, product_id, who=self.user, reason=reason)
        return True

    def hold(self, target: str, reason: str) -> None:
        """Keep a product (id), or all that is in a collection (name), from going."""
        if not reason.strip():
            raise ConflictError("a hold needs a reason", hint="Others will want to know why it must stay.")
        self.registry.hold(Hold(target, self.user, reason, now_ns()))
        self.audit.note([Deed(self.user, "hold", target, reason=reason)])

    def unhold(self, target: str, who: str = "") -> None:
        """Take a hold away, one's own by default."""
        whose = who or self.user
        held = [hold for hold in self.holds() if (hold.target, hold.who) == (target, whose)]
        if not held:
            raise DatasetNotFoundError(f"{whose} does not hold {target}", hint="`hven hold list` shows all holds.")
        self.audit.note([Deed(self.user, "unhold", target, reason=f"of {whose}: {held[0].reason}")])
        self.registry.unhold(held[0])

    def holds(self) -> list[Hold]:
        """All holds, oldest first."""
        return self.registry.holds()

    def deeds(self, target: str = "", *, limit: int = 100) -> list[Deed]:
        """Who did what and why, newest first."""
        return self.audit.deeds(target=target, limit=limit)

    def close(self) -> None:
        """Give connections back."""
        self.audit.database.close()


class AskingRetention(DirectRetention):
    """The same for an account that may not move products, like the API's: it asks the batch service."""

    def apply(self, *, really: bool = False, step: Step = lambda _done, _of: None) -> Applied:  # noqa: ARG002 - of the seam
        """Ask for it, or only say what would be done."""
        if really:
            self.audit.ask(self.user, APPLY)
        return Applied(self.plan(), {}, asked=really)

    def restore(self, product_id: str, reason: str) -> bool:
        """Ask for it."""
        if product_id not in {one.id for one in self.leaving()}:
            raise DatasetNotFoundError(f"product {product_id} has not expired, and is not in the trash")
        self.audit.ask(self.user, RESTORE, target=product_id, reason=reason)
        return False
