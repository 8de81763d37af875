"""System: whether the platform itself is well."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from hven.batch import queries as batch
from hven.batch.model import JobState
from hven.core.clock import now_ns
from hven.hub.status import ServiceStatus, status
from hven.observatory import Observatory
from hven.observatory.quanta import count_quanta
from hven.views import formats, markup, queries, states, theme
from hven.views.following import keep_fresh
from hven.views.frame import Content, guarded, section
from hven.views.pages import system_clusters, system_quarantine
from hven.views.url import Url
from hven.views.verdict import Verdict

POLL_MS = 5000
LATE_S = 60.0
"""A service that gives signs of life and has been silent for so long is late."""
BEAT_S = 5
"""Ages of signs of life are shown in steps, so that the page does not change all the time."""
NEARLY_FULL = 0.9


def page(observatory: Observatory, url: Url) -> Content:  # noqa: ARG001 - this page has no state of its own
    """Services with their signs of life, disks, quarantine, and what is in the registry."""
    body = pn.Column(sizing_mode="stretch_width", margin=0)
    seen: dict[str, list[str]] = {}

    def refresh() -> None:
        parts = _parts(observatory)
        if seen.get("parts") != parts:
            seen["parts"] = parts
            body.objects = [markup.html(p, margin=(0, 0, 3 * theme.SPACE, 0)) for p in parts]

    refresh()
    keep_fresh(refresh, POLL_MS)
    return Content("System", [body, guarded(lambda: _registry(observatory))])


def _parts(observatory: Observatory) -> list[str]:
    services = list(status(observatory.settings).services)
    disks = {"data": observatory.root, "state": observatory.settings.state}
    quarantined = system_quarantine.records(observatory.root)
    judged = judge(services, {name: shutil.disk_usage(p) for name, p in disks.items()}, len(quarantined))
    running = batch.jobs(observatory.settings, observatory.viewer, states=(JobState.RUNNING,))
    return [
        markup.banner(judged), _services(services), _disks(disks), system_clusters.shown(running),
        system_quarantine.shown(quarantined),
    ]  # fmt: skip


def condition(service: ServiceStatus) -> str:
    """`up`, `late` or `down`, or the state it is passing through."""
    if service.state == "running":
        silent = service.heartbeat_age_s is not None and service.heartbeat_age_s > LATE_S
        return "late" if silent else "up"
    return "down" if service.state in {"lost", "stopped"} else service.state


def judge(services: list[ServiceStatus], disks: dict[str, Any], quarantined: int) -> Verdict:
    """Judge the platform: services first, then disks, then files in quarantine."""
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
        return Verdict("NO DATA", "The platform was not started with hven up; its services are unknown.")
    return Verdict("PASS", f"All {len(services)} services are up; disks have room; nothing is in quarantine.")


def _services(services: list[ServiceStatus]) -> str:
    if not services:
        return markup.heading("Services") + markup.empty("No supervised platform here", "", "hven up")
    rows = [
        [(escape(s.name), ""), (states.chip(condition(s)), ""), (str(s.pid or formats.MISSING), "number"),
         (_beat(s), "number"), (str(s.restarts), "number"), (escape(s.address), "wrap")]
        for s in services
    ]  # fmt: skip
    return markup.heading("Services") + markup.table(
        ["Service", "State", "Process", "Last sign of life", "Restarts", "Address"], rows
    )


def _beat(service: ServiceStatus) -> str:
    if service.heartbeat_age_s is None:
        return formats.MISSING
    age = round(service.heartbeat_age_s / BEAT_S) * BEAT_S
    return f"{formats.duration(age)} ago" if age else "just now"


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
    return section("Registry", markup.html(f"<p style='margin-bottom:8px'>{chips}</p>"),
                   markup.html(markup.table(["Level", "Type", "Products", "Size", "Newest"], rows)),
                   note="current products, and how quanta ended")  # fmt: skip
