"""Who uses the hub: how many people, and whose notebook servers run, as far as a visitor may know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from hven.core.clock import NS, now_ns
from hven.core.errors import HvenError
from hven.core.settings import Settings
from hven.hub.hub_users import HubUsers, UserServer
from hven.model.access import Viewer
from hven.views import formats, markup, states
from hven.views.pages.job_actions import operates

Ask = Callable[[], HubUsers]
_COLUMNS = ("User", "Server", "State", "Started (UTC)", "Last used", "Chosen")
_PENDING = {"spawn": "starting", "stop": "stopping"}


def shown(ask: Ask | None, viewer: Viewer | None, settings: Settings) -> str:
    """Users and servers; nothing where there is no hub."""
    if ask is None:
        return ""
    try:
        found = ask()
    except HvenError as error:
        return markup.heading("Users and servers") + markup.problem(error)
    return _listed(found, visible(found.servers, viewer, settings), now_ns())


def visible(servers: Sequence[UserServer], viewer: Viewer | None, settings: Settings) -> list[UserServer]:
    """Servers of which a visitor may know: where there are many people only operators see those of others.

    The try-out is one trust domain, in which all may.
    """
    if settings.server is None or operates(viewer):
        return list(servers)
    return [server for server in servers if viewer is not None and server.user == viewer.name]


def _listed(found: HubUsers, seen: Sequence[UserServer], now: int) -> str:
    count = len(found.servers)
    note = f"{_plural(found.users, 'user')} known to the hub, {_plural(count, 'server')} running"
    head = markup.heading("Users and servers", note)
    if not count:
        return head + markup.empty("No notebook server runs", "People start theirs on the hub's page.")
    closed = "<p class='quiet'>Whose the others are is for operators.</p>" if len(seen) < count else ""
    return head + (markup.table(_COLUMNS, [_row(server, now) for server in seen]) if seen else "") + closed


def _row(server: UserServer, now: int) -> list[markup.Cell]:
    chosen = ", ".join(f"{key} {value}" for key, value in sorted(server.chosen.items()))
    return [
        (escape(server.user), "name"), (escape(server.name) or "default", "name"), (_state(server), "name"),
        (_started(server.started_ns), "name"), (_used(server.active_ns, now), "name"),
        (escape(chosen) or formats.MISSING, "wrap"),
    ]  # fmt: skip


def _state(server: UserServer) -> str:
    if server.pending:
        return states.chip("waiting", escape(_PENDING.get(server.pending, server.pending)))
    return states.chip("up", "ready") if server.ready else states.chip("late", "not ready")


def _started(time_ns: int | None) -> str:
    return formats.MISSING if time_ns is None else formats.utc(time_ns)[:16]


def _used(time_ns: int | None, now: int) -> str:
    return formats.MISSING if time_ns is None else f"{formats.roughly(max(0, now - time_ns) / NS)} ago"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
