"""What would go now, what comes back, and why the rest stays: a function of facts, without any I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hven.core.retention_settings import RetentionSettings
from hven.model.product import Product
from hven.model.retention import Expired
from hven.retention.rules import DAY_NS, Verdict, judge
from hven.store.trash import Trashed


class Action(StrEnum):
    """What becomes of a product."""

    EXPIRE = "expire"
    RETURN = "bring back"
    TRASH = "trash"
    DELETE = "delete"
    WAIT = "wait"
    STAY = "stay"


@dataclass(frozen=True, slots=True)
class Line:
    """One product that is under a rule, or has been: what becomes of it, why, and when the next is due.

    `due_ns` is 0 for what stays. `bytes` are those of the product.
    """

    id: str
    dataset: str
    run: str
    bytes: int
    action: Action
    reason: str
    due_ns: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so at one moment.

    Parameters
    ----------
    products
        The observatory's products that could be made again, oldest first.
    links
        What was made from what, (made, input), of everything registered.
    kept
        Why products stay of themselves, by id.
    expired
        What has expired and is still there, by id.
    trashed
        What lies in the trash.
    running
        Runs in which quanta run.
    reading_since_ns
        When the oldest quantum began that still runs; None where none does.
    """

    products: Sequence[Product]
    links: Sequence[tuple[str, str]]
    kept: Mapping[str, str]
    expired: Mapping[str, Expired]
    trashed: Sequence[Trashed] = ()
    running: Collection[str] = ()
    reading_since_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that rules have to do with, in the order in which it is done."""

    at_ns: int
    lines: tuple[Line, ...] = field(default=())

    def of(self, *actions: Action) -> list[Line]:
        """Lines with some actions."""
        return [line for line in self.lines if line.action in actions]

    @property
    def changes(self) -> list[Line]:
        """What is done when the plan is applied."""
        return self.of(Action.RETURN, Action.EXPIRE, Action.TRASH, Action.DELETE)


def make_plan(facts: Facts, settings: RetentionSettings, at_ns: int) -> Plan:
    """Decide about every product; the same facts always give the same plan."""
    verdicts = judge((p for p in facts.products if p.ref.type.level != "L0"), settings.rules)
    due = {v.product.id: v for v in verdicts if v.due_ns <= at_ns and not v.stays}
    because = _because(facts, due)
    going = due.keys() - because.keys()
    grace_ns = round(settings.grace_days * DAY_NS)
    over = {i for i in going if i in facts.expired and facts.expired[i].at_ns + grace_ns <= at_ns}
    waits = _waits(facts, over)
    lines = [_line(v, facts, because, waits, grace_ns=grace_ns, at_ns=at_ns) for v in verdicts]
    lines += _returning_without_rule(facts, {v.product.id for v in verdicts})
    lines += _in_trash(facts, round(settings.trash_days * DAY_NS), at_ns)
    order = list(Action)
    return Plan(at_ns, tuple(sorted(lines, key=lambda line: (order.index(line.action), line.due_ns, line.id))))


def needed(links: Iterable[tuple[str, str]], going: Collection[str], spared: Mapping[str, str]) -> dict[str, str]:
    """Why some of what should go stays: it is spared, or an input, over any number of steps, of what stays.

    Examples
    --------
    >>> needed([("c", "b"), ("b", "a"), ("e", "d")], {"a", "b", "d", "e"}, {})
    {'b': 'input of c', 'a': 'input of b'}
    """
    because = {i: reason for i, reason in spared.items() if i in going}
    inputs: dict[str, list[str]] = defaultdict(list)
    for made, source in links:
        if source in going:
            inputs[made].append(source)
    staying = [made for made in inputs if made not in going or made in because]
    while staying:
        made = staying.pop()
        for source in inputs.get(made, ()):
            if source not in because:
                because[source] = f"input of {made}"
                staying.append(source)
    return because


def _because(facts: Facts, due: Mapping[str, Verdict]) -> dict[str, str]:
    """Why products that are due stay."""
    busy = {i: f"{v.product.run} is running" for i, v in due.items() if v.product.run in facts.running}
    return needed(facts.links, due.keys(), {**busy, **facts.kept})


def _waits(facts: Facts, over: Collection[str]) -> dict[str, str]:
    """Why products whose grace is over cannot be moved yet."""
    since = facts.reading_since_ns
    reading = {
        i: "a quantum that began before it expired still runs"
        for i in over
        if since is not None and since < facts.expired[i].at_ns
    }
    return needed(facts.links, over, reading)


def _line(
    verdict: Verdict, facts: Facts, because: Mapping[str, str], waits: Mapping[str, str], *, grace_ns: int, at_ns: int
) -> Line:
    product, rule = verdict.product, verdict.rule
    expired = facts.expired.get(product.id)
    say = _sayer(product)
    stays = verdict.stays or because.get(product.id, "")
    if stays:
        return say(Action.RETURN if expired else Action.STAY, stays)
    if verdict.due_ns > at_ns:
        young = f"rule {rule.name}: younger than {rule.after_days:g} days"
        return say(Action.RETURN, young) if expired else say(Action.WAIT, young, verdict.due_ns)
    if expired is None:
        return say(Action.EXPIRE, f"rule {rule.name}", verdict.due_ns)
    over_ns = expired.at_ns + grace_ns
    if over_ns > at_ns:
        return say(Action.WAIT, f"rule {rule.name}: has expired, is in its grace period", over_ns)
    if product.id in waits:
        return say(Action.WAIT, waits[product.id], over_ns)
    return say(Action.TRASH, f"rule {expired.rule}", over_ns)


def _returning_without_rule(facts: Facts, under: Collection[str]) -> list[Line]:
    there = (p for p in facts.products if p.id in facts.expired and p.id not in under)
    return [_sayer(p)(Action.RETURN, "no rule says that it may go") for p in there]


def _in_trash(facts: Facts, trash_ns: int, at_ns: int) -> list[Line]:
    used = {source: made for made, source in facts.links}
    lines = []
    for one in facts.trashed:
        due = one.trashed_ns + trash_ns
        action, reason = (Action.DELETE if due <= at_ns else Action.WAIT), f"rule {one.rule}: lies in the trash"
        if one.id in used:
            action, reason, due = Action.STAY, f"lies in the trash: restore it, {used[one.id]} was made from it", 0
        lines.append(Line(one.id, one.dataset, one.run, one.bytes, action, reason, due))
    return lines


def _sayer(product: Product) -> Callable[..., Line]:
    def say(action: Action, reason: str, due_ns: int = 0) -> Line:
        return Line(product.id, str(product.ref), product.run, product.size_bytes, action, reason, due_ns)

    return say
