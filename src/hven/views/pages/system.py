"""System: whether the platform itself is well."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

import hven
from hven.batch import queries as batch
from hven.batch.model import JobState
from hven.core.clock import now_ns
from hven.hub.status import ServiceStatus
from hven.observatory import Observatory
from hven.observatory.quanta import count_quanta
from hven.views import formats, frame, markup, queries, states, theme
from hven.views.following import keep_fresh
from hven.views.pages import (
    system_alarms,
    system_clusters,
    system_quarantine,
    system_selftest,
    system_services,
    system_users,
)
from hven.views.pages.system_services import condition
from hven.views.url import Url
from hven.views.verdict import Verdict, worst_of

POLL_MS = 5000
NEARLY_FULL = 0.9
NOT_STARTED = "The platform was not started with hven up; its services are unknown."


def page(observatory: Observatory, url: Url) -> frame.Content:
    """Verdict, services, self-tests, users, alarms, what jobs take, disks, quarantine, and what is in the registry."""
    panes: list[pn.pane.HTML] = []

    def refresh() -> None:
        parts = _parts(observatory, url)
        panes.extend(markup.html("", margin=(0, 0, 3 * theme.SPACE, 0)) for _ in parts[len(panes) :])
        for pane, body in zip(panes, parts, strict=True):
            markup.change(pane, body)
            pane.visible = bool(body)

    refresh()
    keep_fresh(refresh, POLL_MS)
    return frame.Content("System", [*panes, frame.guarded(lambda: _registry(observatory))])


def _parts(observatory: Observatory, url: Url) -> list[str]:
    settings, viewer, installed = observatory.settings, observatory.viewer, hven.__version__
    services, closed = system_services.known(settings)
    disks = {"data": observatory.root, "state": settings.state}
    quarantined, tests = system_quarantine.records(observatory.root), system_selftest.known(settings)
    judged = judge(
        services, {name: shutil.disk_usage(p) for name, p in disks.items()}, len(quarantined),
        unknown=f"How the services are is not known here: {closed.message}." if closed else NOT_STARTED,
    )  # fmt: skip
    running = batch.jobs(settings, viewer, states=(JobState.RUNNING,))
    return [
        markup.banner(
            worst_of([judged, system_services.judge_versions(services, installed), system_selftest.judge(tests)])
        ),
        system_services.shown(services, installed, closed),
        system_selftest.shown(tests, url),
        system_users.shown(pn.state.cache.get(frame.HUB_USERS), viewer, settings),
        system_alarms.shown(settings, url),
        system_clusters.shown(running),
        _disks(disks),
        system_quarantine.shown(quarantined),
    ]


def judge(
    services: list[ServiceStatus], disks: dict[str, Any], quarantined: int, *, unknown: str = NOT_STARTED
) -> Verdict:
    """Judge the platform: services first, then disks, then files in quarantine; `unknown` is why there are none."""
    down = [s.name for s in services if condition(s) == "down"]
    if down:
        return Verdict("FAIL", f"Not running: {', '.join(down)}.", "Find out why:", "hven doctor")
    late = [s.name for s in services if condition(s) == "late"]
    if late:
        return Verdict("WARN", f"No sign of life from {', '.join(late)}.", "See which:", "hven status")
    full = [f"{name} disk {d.used / d.total:.0%} full" for name, d in disks.items() if d.used > NEARLY_FULL * d.total]
    if full:
        return Verdict("WARN", f"{'; '.join(full)}.", "Make room before writing stops.")
    if quarantined:
        return Verdict("WARN", f"{quarantined} raw files are in quarantine.", "Look at the list below.")
    if not services:
        return Verdict("NO DATA", unknown)
    return Verdict("PASS", f"All {len(services)} services are up; disks have room; nothing is in quarantine.")


def _disks(disks: dict[str, Path]) -> str:
    rows = []
    for name, path in disks.items():
        usage = shutil.disk_usage(path)
        label = f"{usage.used / usage.total:.0%} used, {formats.size(usage.free)} free"
        chip = states.chip("full", "nearly full") if usage.used > NEARLY_FULL * usage.total else states.chip("ok")
        rows.append([(name, ""), (chip, ""), (markup.bar(usage.used / usage.total, label), "")])
    return markup.heading("Disks") + markup.table(["Disk", "State", "Filling"], rows)


def _registry(observatory: Observatory) -> Any:
    found = queries.products(observatory)
    if not len(found):
        return markup.html(markup.heading("Registry") + markup.empty("The registry is empty", "", "hven ingest PATH"))
    groups = found.groupby(["level", "type"], sort=True)
    rows = [
        [(str(level), ""), (escape(str(name)), ""), (f"{len(g):,}", "number"),
         (formats.size(g["size_bytes"].sum()), "number"),
         (formats.ago(int(g["created_ns"].max()), now_ns()), "number")]
        for (level, name), g in groups
    ]  # fmt: skip
    counts = count_quanta(observatory.registry.quanta())
    chips = " ".join(states.chip(s, f"{n} {states.mark(s).word}") for s, n in counts.items() if n)
    return frame.section("Registry", markup.html(f"<p style='margin-bottom:8px'>{chips}</p>"),
                   markup.html(markup.table(["Level", "Type", "Products", "Size", "Newest"], rows)),
                   note="current products, and how quanta ended")  # fmt: skip
