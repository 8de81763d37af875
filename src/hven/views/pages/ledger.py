"""Ledger: whether every night is complete: announced, on disk, whole, registered, L1, L2; and what is amiss."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hven.archive.completeness import queries as kept
from hven.core.clock import now_ns
from hven.observatory import Observatory
from hven.views import formats, frame, markup, states, theme
from hven.views.following import keep_fresh
from hven.views.url import Url

POLL_MS = 15_000
NIGHTS = 30
FINDINGS = 200
_KEY = (
    "<p class='quiet'><br>Announced: in the exposure log of the instrument. Archived: copied and read back. Whole: all "
    "of it on the disk. Registered: found by queries. L1, L2: processed. Compared: when the ledger was last checked; "
    "Listed: when each file was last looked for.</p>"
)
STAGES = ("Announced", "Archived", "Whole", "Registered", "L1", "L2")


def page(observatory: Observatory, url: Url) -> frame.Content:
    """All nights, or one with its datasets and what is amiss in it."""
    panes = [markup.html("", margin=(0, 0, 3 * theme.SPACE, 0)) for _ in range(3)]

    def refresh() -> None:
        for pane, body in zip(panes, _parts(observatory, url), strict=True):
            markup.change(pane, body)

    refresh()
    keep_fresh(refresh, POLL_MS)
    night = url.whole("night")
    return frame.Content("Ledger", panes, about=formats.night(night) if night else "")


def _parts(observatory: Observatory, url: Url) -> tuple[str, str, str]:
    settings, night = observatory.settings, url.whole("night")
    seen = {c.name.partition("/")[0] for c in observatory.registry.collections()}
    nights = [n for n in kept.nights(settings, day_obs=night, limit=NIGHTS) if n.instrument in seen]
    found = [f for f in kept.findings(settings, day_obs=night) if f.instrument in seen]
    lines = [line for n in nights if night for line in kept.lines(settings, n.instrument, n.day_obs)]
    return _nights(nights, url, night), _findings(found), _lines(lines) if night else ""


def _nights(found: Sequence[kept.NightCount], url: Url, night: int | None) -> str:
    if not found:
        which = f"No night {formats.night(night)}" if night else "No night"
        return markup.empty(which, "The batch service fills the ledger.", "hven audit")
    head = f"<p>{markup.link('All nights', url.to('ledger'))}</p><p>&nbsp;</p>" if night else ""
    title = f"Night {formats.night(night)}" if night else "Nights"
    note = "datasets at each stage" if night else "datasets at each stage, the latest first; a night has its datasets"
    columns = ["", "Night", *STAGES, "Amiss", "Compared", "Listed"]
    table = markup.table(columns, [_night(one, url) for one in found])
    return f"{head}{markup.heading(title, note)}{table}{_KEY}"


def _night(one: kept.NightCount, url: Url) -> list[markup.Cell]:
    name = f"{formats.night(one.day_obs)}<br><span class='quiet'>{escape(one.instrument)}</span>"
    link = f'<a href="{escape(url.to("ledger", night=one.day_obs), quote=True)}">{name}</a>'
    announced = f"{one.announced:,}" if one.logged else "<span class='quiet'>no log</span>"
    stages = [one.archived, one.whole, one.registered]
    levels = [(one.l1, one.l1_wanted), (one.l2, one.l2_wanted)]
    counts = [f"{n:,} of {one.datasets:,}" for n in stages] + [f"{n:,} of {of:,}" if of else "" for n, of in levels]
    return [
        (states.chip(state_of(one)), "name"), (link, "name"), (announced, "number"),
        *((count, "number") for count in counts), (f"{one.findings:,}" if one.findings else formats.MISSING, "number"),
        (formats.ago(one.checked_ns, now_ns()), "name"),
        (formats.ago(one.listed_ns, now_ns()) if one.listed_ns else "never", "name"),
    ]  # fmt: skip


def state_of(night: kept.NightCount) -> str:
    """How a night stands: something amiss, safe but not processed, or complete."""
    if night.findings:
        return "FAIL"
    if not night.datasets:
        return "NO DATA"
    safe = night.registered == night.datasets == night.whole
    done = (night.l1, night.l2) == (night.l1_wanted, night.l2_wanted)
    return "PASS" if safe and done else "WARN"


def _findings(found: Sequence[kept.Finding]) -> str:
    if not found:
        return f"{markup.heading('Amiss')}<p class='quiet'>Nothing is lost, cut, altered or unknown.</p>"
    rows: list[list[markup.Cell]] = [
        [(states.chip("bad", str(f.kind)), "name"), (formats.night(f.day_obs), "name"),
         (f"<code>{escape(f.path)}</code>", "wrap"), (escape(f.detail), "wrap"),
         (formats.ago(f.since_ns, now_ns()), "name")]
        for f in found[:FINDINGS]
    ]  # fmt: skip
    note = f"{len(found):,}; `hven catchup NIGHT` heals what it can"
    return markup.heading("Amiss", note) + markup.table(["What", "Night", "Where", "Details", "Found"], rows)


def _lines(found: Sequence[kept.Line]) -> str:
    note = f"{len(found):,}; announced and archived in frames or readings"
    return markup.heading("Datasets", note) + markup.table(["Dataset", *STAGES], map(_line, found))


def _line(line: kept.Line) -> list[markup.Cell]:
    name = (
        f"{escape(line.dataset_type)} {escape(line.data_id)}<br><span class='quiet'>{escape(line.observation)}</span>"
    )
    frames = (formats.MISSING if n is None else f"{n:,}" for n in (line.announced, line.archived))
    stages = [_stage(line.whole), _stage(bool(line.product))]
    levels = [_stage(level in line.done) if level in line.levels else "" for level in ("L1", "L2")]
    return [(name, "wrap"), *((f, "number") for f in frames), *((s, "name") for s in [*stages, *levels])]


def _stage(there: bool) -> str:  # noqa: FBT001 - the one thing that it says
    return states.chip("good", "yes") if there else states.chip("bad", "no")
