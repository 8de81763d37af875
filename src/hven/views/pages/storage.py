"""Storage: what is kept and why, how much it is, what goes next, and what could be made again at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from hven.core.clock import now_ns
from hven.model.product import Product
from hven.observatory import Observatory
from hven.retention import queries as storage
from hven.views import formats, frame, markup
from hven.views.actions import Action, Actions, Field
from hven.views.pages.job_actions import operates
from hven.views.url import Url

SHOWN = 50
EXTREME = 10
_CHANGES = ("expire", "trash", "delete")
_TELL = Field("reason", "Why")
_TARGET = Field("target", "Product or collection")


def page(observatory: Observatory, url: Url) -> frame.Content:  # noqa: ARG001 - this page has no state of its own
    """Sizes by run and type, what goes next and why the rest stays, largest and oldest, holds and deeds."""
    pane = markup.html("")
    offered: list[Any] = []

    def refresh() -> None:
        markup.change(pane, "".join(_parts(observatory)))

    refresh()
    ask = frame.asking()
    if ask and operates(observatory.viewer):
        buttons = Actions(ask, refresh)
        buttons.offer(ACTIONS)
        offered.append(buttons.view)
    return frame.Content("Storage", [*offered, pane])


ACTIONS = (
    Action("Apply the rules …", "retention/apply", "The batch service has been asked and does it soon.",
           question="Let go what the rules say, as listed below? What expires can be restored until it is gone.",
           yes="Yes, apply them", harmful=True),
    Action("Hold …", "holds", "It is held.", fields=(_TARGET, _TELL)),
    Action("Take a hold away …", "holds/remove", "It is held no more.", harmful=True,
           question="The rules may then let it go.", yes="Take it away",
           fields=(_TARGET, Field("who", "Whose, your own if empty", optional=True))),
    Action("Restore …", "retention/restore", "The batch service has been asked and does it soon.",
           fields=(Field("target", "Product"), _TELL)),
)  # fmt: skip
"""What those who may operate can do."""


def _parts(observatory: Observatory) -> list[str]:
    settings, viewer = observatory.settings, observatory.viewer
    used = storage.usage(settings, viewer)
    if not used:
        return [markup.empty("Nothing is stored yet", "", "hven ingest PATH")]
    plan, leaving = storage.plan(settings, viewer), storage.leaving(settings, viewer)
    parts = [_summary(used, plan, leaving), _usage(used), _next(plan), _staying(plan), _leaving(leaving)]
    parts += [_extreme(observatory, "largest"), _extreme(observatory, "oldest")]
    return [*parts, _holds(observatory), _deeds(observatory)] if operates(viewer) else parts


def _summary(used: Sequence[Any], plan: Any, leaving: Sequence[Any]) -> str:
    trashed = sum(one.bytes for one in leaving if one.state == "in the trash")
    due = sum(line.bytes for line in plan.lines if str(line.action) in _CHANGES)
    return markup.facts({
        "kept": formats.size(sum(u.bytes - u.expired_bytes for u in used)),
        "expired": formats.size(sum(u.expired_bytes for u in used)),
        "in the trash": formats.size(trashed),
        "would change now": formats.size(due),
    })  # fmt: skip


def _usage(used: Sequence[Any]) -> str:
    rows = [
        [(escape(u.family), "wrap"), (escape(f"{u.level}/{u.type}"), ""), (f"{u.products:,}", "number"),
         (formats.size(u.bytes), "number"), (formats.size(u.expired_bytes) if u.expired else formats.MISSING, "number"),
         (_age(u.oldest_ns), "number")]
        for u in used[:SHOWN]
    ]  # fmt: skip
    columns = ["Runs", "Type", "Products", "Size", "Expired", "Oldest"]
    return markup.heading("How much", "registered products, largest first") + markup.table(columns, rows)


def _next(plan: Any) -> str:
    found = sorted((x for x in plan.lines if str(x.action) in (*_CHANGES, "wait")), key=lambda x: (x.due_ns, x.id))
    title = markup.heading("What goes next", f"{len(found):,} products are under a rule" if found else "")
    if not found:
        return title + markup.empty("No rule lets anything go", "The site file has rules in its section retention.")
    rows = [
        [(_when(x.due_ns, plan.at_ns), "number"), (escape(str(x.action)), ""), (formats.size(x.bytes), "number"),
         (escape(x.dataset), "wrap"), (escape(x.reason), "wrap")]
        for x in found[:SHOWN]
    ]  # fmt: skip
    return title + markup.table(["When", "What", "Size", "Dataset", "Why"], rows)


def _staying(plan: Any) -> str:
    found = [x for x in plan.lines if str(x.action) in {"stay", "bring back"}]
    if not found:
        return ""
    rows = [[(escape(x.reason), "wrap"), (formats.size(x.bytes), "number"), (escape(x.dataset), "wrap")]
            for x in found[:SHOWN]]  # fmt: skip
    title = markup.heading("What stays although a rule names it", f"{len(found):,} products")
    return title + markup.table(["Why", "Size", "Dataset"], rows)


def _leaving(leaving: Sequence[Any]) -> str:
    if not leaving:
        return ""
    rows = [
        [(escape(x.state), ""), (_when(x.due_ns, now_ns()), "number"), (formats.size(x.bytes), "number"),
         (escape(x.dataset), "wrap"), (f"<code>{escape(x.id)}</code>", "wrap")]
        for x in leaving[:SHOWN]
    ]  # fmt: skip
    title = markup.heading("On its way out", "restored by its id")
    return title + markup.table(["State", "Next", "Size", "Dataset", "Product"], rows)


def _extreme(observatory: Observatory, what: Any) -> str:
    found = storage.extreme(observatory.settings, what, observatory.viewer, limit=EXTREME)
    cost = storage.cpu_seconds(observatory.settings, found)
    again = storage.again(observatory.settings, found)
    rows = [_product(p, cost.get(p.id), again[p.id]) for p in found]
    columns = ["Size", "Made", "Dataset", "CPU it took", "Made again by"]
    return markup.heading(f"The {what}") + markup.table(columns, rows)


def _product(product: Product, cpu_s: float | None, again: Any) -> list[markup.Cell]:
    how = f"<code>{escape(again.command)}</code>" if again.command else f"not: {escape(again.reason)}"
    return [
        (formats.size(product.size_bytes), "number"), (_age(product.created_ns), "number"),
        (escape(str(product.ref)), "wrap"),
        (formats.MISSING if cpu_s is None else formats.duration(cpu_s), "number"), (how, "wrap"),
    ]  # fmt: skip


def _holds(observatory: Observatory) -> str:
    found = storage.holds(observatory.settings)
    rows = [_texts(formats.utc(x.at_ns), x.who, x.target, x.reason) for x in found]
    title = markup.heading("Holds")
    return title + (markup.table(["Since", "Who", "What", "Why"], rows) if rows else markup.empty("Nothing is held"))


def _deeds(observatory: Observatory) -> str:
    found = storage.deeds(observatory.settings, limit=SHOWN)
    rows = [_texts(formats.utc(x.time_ns), x.who, x.what, x.dataset or x.target, x.reason) for x in found]
    waiting = [w for w in storage.wishes(observatory.settings) if not w.done_ns or w.error]
    asked = [_texts(w.who, w.what, w.target, w.error or "waits for the batch service") for w in waiting[-SHOWN:]]
    title = markup.heading("What was done")
    done = markup.table(["When", "Who", "What", "Which", "Why"], rows) if rows else markup.empty("Nothing yet")
    table = markup.table(["Who", "What", "Which", "State"], asked)
    return title + done + (markup.part("Asked for", table) if asked else "")


def _texts(*words: str) -> list[markup.Cell]:
    return [(escape(word), "wrap") for word in words]


def _age(then_ns: int) -> str:
    return formats.ago(then_ns, now_ns())


def _when(due_ns: int, at_ns: int) -> str:
    return "now" if due_ns <= at_ns else f"in {formats.roughly((due_ns - at_ns) / 10**9)}"
