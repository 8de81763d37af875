"""The lists of the Storage page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from hven.core.clock import NS, now_ns
from hven.model.collection import owner_of
from hven.views import formats, markup, states

GOES = {
    "expire": ("late", "due: expires"),
    "trash": ("late", "due: into the trash"),
    "delete": ("late", "due: deleted"),
    "wait": ("waiting", "too young"),
    "bring back": ("ok", "comes back"),
}
"""Mark and words of what becomes of a product."""


def facts(usage: Sequence[Any], plan: Any) -> str:
    """How much there is, and how much of it goes."""
    due = [line for line in plan.lines if str(line.action) in {"expire", "trash", "delete"}]
    later = [line for line in plan.lines if str(line.action) == "wait"]
    return markup.facts({
        "kept": formats.size(sum(u.bytes for u in usage)),
        "products": f"{sum(u.products for u in usage):,}",
        "due now": _amount(due),
        "will go later": _amount(later),
        "next": _when(min((line.due_ns for line in later), default=0)) if later else formats.MISSING,
        "stays although under a rule": _amount([line for line in plan.lines if str(line.action) == "stay"]),
    })  # fmt: skip


def _amount(lines: Sequence[Any]) -> str:
    return f"{len(lines):,}, {formats.size(sum(line.bytes for line in lines))}" if lines else "none"


def _when(due_ns: int) -> str:
    left = (due_ns - now_ns()) / NS
    return f"in {formats.roughly(left)}" if left > 0 else "now"


def dataset(text: str) -> str:
    """A dataset as its registry writes it, in two lines: the type, and which data.

    Examples
    --------
    >>> dataset("L1/panoseti.ph1024 (instrument=panoseti, day_obs=20251021, detector=1)")
    "L1/panoseti.ph1024<br><span class='quiet'>day_obs 20251021, detector 1</span>"
    """
    name, _, data_id = text.rstrip(")").partition(" (")
    keys = [part.replace("=", " ", 1) for part in data_id.split(", ") if not part.startswith("instrument=")]
    return f"{escape(name)}<br><span class='quiet'>{escape(', '.join(keys))}</span>"


def goes_next(plan: Any, leaving: Sequence[Any], rules: Any, shown: int) -> str:
    """What goes, soonest first, with the rule that says so."""
    lines = sorted((line for line in plan.lines if str(line.action) != "stay"), key=lambda line: line.due_ns)
    more = f"the first {shown} of {len(lines):,}" if len(lines) > shown else ""
    head = markup.heading("What goes next", more)
    if not rules.rules:
        return head + markup.empty(
            "Nothing goes: there are no rules", "Rules of retention are in the site file, section retention."
        )
    if not lines:
        return head + markup.empty("Nothing goes", "No product is old enough for the rules, or all of them stay.")
    gone = {one.id: str(one.state) for one in leaving}
    rows = [_going(line, gone.get(line.id, "")) for line in lines[:shown]]
    return head + markup.table(["What", "Product", "Born in", "Size", "When (UTC)", "Why"], rows)


def _going(line: Any, gone: str) -> list[markup.Cell]:
    state, words = GOES[str(line.action)]
    words = gone if gone and state == "waiting" else words
    when = f"{formats.utc(line.due_ns)[:16]}<br><span class='quiet'>{_when(line.due_ns)}</span>" if line.due_ns else ""
    return [
        (states.chip(state, words), "name"), (dataset(line.dataset), "wrap"), (escape(line.run), "wrap"),
        (formats.size(line.bytes), "number"), (when or formats.MISSING, "number"), (escape(line.reason), "wrap"),
    ]  # fmt: skip


def usage(found: Sequence[Any], plan: Any) -> str:
    """How much there is, by where it was born and of what type, and why it stays."""
    if not found:
        return markup.heading("What is kept") + markup.empty("Nothing yet", "", "hven ingest PATH")
    most, ruled = max(u.bytes for u in found) or 1, _ruled(plan)
    rows = [_use(u, most, ruled.get((u.family, f"{u.level}/{u.type}"), Counter())) for u in found]
    columns = ["Born in", "Type", "Products", "Size", "Oldest (UTC)", "Why it stays"]
    return markup.heading("What is kept", "largest first") + markup.table(columns, rows) + _stays(plan)


def _use(use: Any, most: int, ruled: Mapping[str, int]) -> list[markup.Cell]:
    return [
        (escape(use.family), "wrap"), (f"{escape(use.level)}/{escape(use.type)}", "name"),
        (f"{use.products:,}", "number"), (markup.bar(use.bytes / most, formats.size(use.bytes)), "name"),
        (formats.utc(use.oldest_ns)[:10], "number"), (_why(use, ruled), "wrap"),
    ]  # fmt: skip


def _why(use: Any, ruled: Mapping[str, int]) -> str:
    if use.level == "L0":
        return "raw data are never removed"
    if owner_of(use.family):
        return "its owner decides"
    gone = f", {use.expired:,} on their way out ({formats.size(use.expired_bytes)})" if use.expired else ""
    if not ruled:
        return f"no rule is about it{gone}"
    return ", ".join(f"{n:,} {'stay' if a == 'stay' else 'go'}" for a, n in ruled.items()) + f" by a rule{gone}"


def _ruled(plan: Any) -> dict[tuple[str, str], Counter[str]]:
    """By family and type, how many products under a rule stay, and how many go."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for line in plan.lines:
        family = line.run.rpartition("/")[0] if "/runs/" in line.run else line.run
        counts.setdefault((family, line.dataset.split(" ")[0]), Counter())[
            "stay" if str(line.action) == "stay" else "go"
        ] += 1
    return counts


def _stays(plan: Any) -> str:
    """Why products stay that are under a rule."""
    found = Counter(line.reason.partition(" of ")[0] for line in plan.lines if str(line.action) == "stay")
    if not found:
        return ""
    rows = [[(escape(reason), "wrap"), (f"{count:,}", "number")] for reason, count in found.most_common()]
    return markup.part("Why products stay that are under a rule", markup.table(["Reason", "Products"], rows))


def extreme(
    what: str, found: Sequence[Any], again: Mapping[str, Any], cpu_s: Mapping[str, float], lines: Mapping[str, Any]
) -> str:
    """The largest or oldest products, and how each could be made again."""
    head = markup.heading(f"The {what}", f"{len(found)} products" if found else "")
    if not found:
        return f"{head}<p class='quiet'>There are no products.</p>"
    rows = [_product(p, again[p.id], cpu_s.get(p.id), lines.get(p.id)) for p in found]
    columns = ["Product", "Born in", "Size", "Made (UTC)", "What becomes of it", "Made again by", "Cost"]
    return head + markup.table(columns, rows)


def _product(product: Any, again: Any, cpu_s: float | None, line: Any) -> list[markup.Cell]:
    fate = f"{GOES[str(line.action)][1]}: {line.reason}" if line and str(line.action) in GOES else "stays"
    if line and str(line.action) == "stay":
        fate = f"stays: {line.reason}"
    made = f"<code>{escape(again.command)}</code>" if again.command else f"cannot be: {escape(again.reason)}"
    made = "cannot be: raw" if str(product.ref.type.level) == "L0" else made
    return [
        (dataset(str(product.ref)), "wrap"), (escape(product.run), "wrap"),
        (formats.size(product.size_bytes), "number"), (formats.utc(product.created_ns)[:16], "number"),
        (escape(fate), "wrap"), (made, "wrap"),
        (f"{formats.duration(cpu_s)} of one core" if cpu_s else formats.MISSING, "number"),
    ]  # fmt: skip


def holds(found: Sequence[Any]) -> str:
    """What is held, by whom and why."""
    head = markup.heading("Holds", str(len(found)) if found else "")
    if not found:
        return f"{head}<p class='quiet'>Nothing is held.</p>"
    rows = [
        [(f"<code>{escape(h.target)}</code>", "wrap"), (escape(h.who), ""), (formats.utc(h.at_ns), "number"),
         (escape(h.reason), "wrap")]
        for h in found
    ]  # fmt: skip
    return head + markup.table(["Product or collection", "Who", "Since (UTC)", "Reason"], rows)


def deeds(found: Sequence[Any], wishes: Sequence[Any]) -> str:
    """Who did what, the latest first, and what the batch service has been asked and has not done."""
    head = markup.heading("Who did what", "the latest first" if found else "")
    columns = ["When (UTC)", "Who", "What", "Of what", "Size", "Why"]
    done = markup.table(columns, map(_deed, found)) if found else "<p class='quiet'>Nothing was done yet.</p>"
    return head + done + _asked([wish for wish in wishes if not wish.done_ns or wish.error])


def _asked(wishes: Sequence[Any]) -> str:
    if not wishes:
        return ""
    rows = [
        [(formats.utc(w.asked_ns), "name"), (escape(w.who), ""), (escape(w.what), ""), (escape(w.target), "wrap"),
         (states.chip("failed", escape(w.error)) if w.error else states.chip("waiting"), "wrap")]
        for w in wishes
    ]  # fmt: skip
    return markup.part(
        "Asked of the batch service", markup.table(["When (UTC)", "Who", "What", "Of what", "State"], rows)
    )


def _deed(deed: Any) -> list[markup.Cell]:
    return [
        (formats.utc(deed.time_ns), "name"), (escape(deed.who), ""), (escape(deed.what), "name"),
        (dataset(deed.dataset) if deed.dataset else escape(deed.target), "wrap"),
        (formats.size(deed.bytes) if deed.bytes else formats.MISSING, "number"), (escape(deed.reason), "wrap"),
    ]  # fmt: skip
