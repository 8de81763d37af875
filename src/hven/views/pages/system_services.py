"""Services: whether they run, when they last gave a sign of life, and with which version of hven."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hven.core.errors import HvenError
from hven.core.settings import Settings
from hven.hub.status import ServiceStatus, status
from hven.views import formats, markup, states
from hven.views.verdict import Verdict

LATE_S = 60.0
"""A service that gives signs of life and has been silent for so long is late."""
BEAT_S = 5
"""Ages of signs of life are shown in steps, so that the page does not change all the time."""


def known(settings: Settings) -> tuple[list[ServiceStatus], HvenError | None]:
    """Services, and why they are not known where they are not: the platform's record may be closed to this account."""
    try:
        return list(status(settings).services), None
    except HvenError as error:
        return [], error


def condition(service: ServiceStatus) -> str:
    """`up`, `late` or `down`, or the state it is passing through."""
    if service.state == "running":
        silent = service.heartbeat_age_s is not None and service.heartbeat_age_s > LATE_S
        return "late" if silent else "up"
    return "down" if service.state in {"lost", "stopped"} else service.state


def judge_versions(services: Sequence[ServiceStatus], installed: str) -> Verdict:
    """Whether all run what is installed: after an upgrade they do not before they are started again."""
    older = [s for s in services if s.version not in {"", installed}]
    if not older:
        return Verdict("PASS", f"All services run hven {installed}.")
    names, versions = ", ".join(s.name for s in older), ", ".join(sorted({s.version for s in older}))
    cause = f"hven {installed} is installed, but {names} still run{'s' if len(older) == 1 else ''} {versions}."
    return Verdict("WARN", cause, "Start the platform again:", "hven down, then hven up")


def shown(services: Sequence[ServiceStatus], installed: str, closed: HvenError | None) -> str:
    """Each service; where there are none, why."""
    head = markup.heading("Services", f"hven {installed} is installed")
    if closed is not None:
        return head + markup.problem(closed)
    if not services:
        return head + markup.empty("No supervised platform here", "", "hven up")
    columns = ["Service", "State", "Version", "Process", "Last sign of life", "Restarts", "Address"]
    return head + markup.table(columns, [_row(service, installed) for service in services])


def _row(service: ServiceStatus, installed: str) -> list[markup.Cell]:
    return [
        (escape(service.name), ""), (states.chip(condition(service)), ""), (_version(service, installed), "name"),
        (str(service.pid or formats.MISSING), "number"), (_beat(service), "number"),
        (str(service.restarts), "number"), (escape(service.address), "wrap"),
    ]  # fmt: skip


def _version(service: ServiceStatus, installed: str) -> str:
    text = escape(service.version) or formats.MISSING
    return states.chip("warning", text) if service.version not in {"", installed} else text


def _beat(service: ServiceStatus) -> str:
    if service.heartbeat_age_s is None:
        return formats.MISSING
    age = round(service.heartbeat_age_s / BEAT_S) * BEAT_S
    return f"{formats.duration(age)} ago" if age else "just now"
