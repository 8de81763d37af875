"""What handlers are given: a caller who may do what the endpoint does, and the observatory as that caller sees it."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request

from hven.access.viewers import viewer_of
from hven.alarms.desk import Alarms, DirectAlarms
from hven.alarms.store import AlarmStore
from hven.batch.campaigns.campaigns import Campaigns, DirectCampaigns
from hven.batch.campaigns.visible import visible as campaigns_seen
from hven.batch.commands.commands import Commands, DirectCommands
from hven.batch.jobs import Jobs
from hven.batch.schedules.schedules import DirectSchedules, Schedules
from hven.core.errors import AccessDeniedError, describe
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.collection import owner_of
from hven.observatory import Observatory
from hven.prompt.access import Hearing, closed_runs
from hven.registry.database import shared_database
from hven.registry.direct import DirectRegistry
from hven.retention.audit import Audit
from hven.retention.face import AskingRetention
from hven.service.auth import Auths, Caller, credential_of
from hven.service.own_records import OwnRecords
from hven.telemetry.gateway import Gateway
from hven.telemetry.spool import Spool


async def _caller(request: Request) -> Caller:
    auths: Auths = request.app.state.auths
    scheme, secret = credential_of(request.headers.get("authorization", ""))
    caller = await auths[scheme].caller(secret) if scheme in auths else None
    if caller is None:
        error = AccessDeniedError("nobody is logged in", hint="Send a hub token in the Authorization header.")
        raise HTTPException(401, describe(error), {"WWW-Authenticate": "token"})
    request.state.caller = caller
    return caller


async def _reader(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    caller.must("read")
    return caller


async def _submitter(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    caller.must("submit")
    return caller


async def _operator(caller: Annotated[Caller, Depends(_submitter)]) -> Caller:
    caller.must("operate")
    return caller


def _whole(request: Request) -> Observatory:
    return cast("Observatory", request.app.state.observatory)


def viewer(caller: Caller, settings: Settings) -> Viewer:
    """Caller as a viewer."""
    return viewer_of(caller.name, settings.server, operator=caller.may("operate"))


def _observatory(
    whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_reader)]
) -> Observatory:
    return whole.seen_by(viewer(caller, whole.settings))


def _seen(place: Annotated[Observatory, Depends(_observatory)]) -> DirectRegistry:
    return cast("DirectRegistry", place.registry)


def _own(whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_submitter)]) -> OwnRecords:
    registry = cast("DirectRegistry", whole.registry)
    seen = registry.seen_by(viewer(caller, whole.settings))
    return OwnRecords(registry, seen, whole.settings, caller)


def _jobs_read(request: Request, caller: Annotated[Caller, Depends(_reader)]) -> Jobs:
    return cast("Jobs", request.app.state.jobs_of(caller))


def _jobs_changed(request: Request, caller: Annotated[Caller, Depends(_submitter)]) -> Jobs:
    return cast("Jobs", request.app.state.jobs_of(caller))


def _campaigns_read(
    whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_reader)]
) -> Campaigns:
    store = cast("DirectCampaigns", whole.campaigns).store
    seen = partial(campaigns_seen, whole.settings, viewer(caller, whole.settings))
    return DirectCampaigns(store, user=caller.name, operator=caller.may("operate"), seen=seen)


def _campaigns_changed(
    campaigns: Annotated[Campaigns, Depends(_campaigns_read)], caller: Annotated[Caller, Depends(_reader)]
) -> Campaigns:
    caller.must("operate")
    return campaigns


def _keeping(
    whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_operator)]
) -> AskingRetention:
    registry = cast("DirectRegistry", whole.registry).seen_by(viewer(caller, whole.settings))
    return AskingRetention(whole.settings, registry, _audit(whole.settings.platform_url), user=caller.name)


@lru_cache(maxsize=8)
def _audit(url: str) -> Audit:
    return Audit(shared_database(url))


def _gateway(whole: Annotated[Observatory, Depends(_whole)], _caller: Annotated[Caller, Depends(_reader)]) -> Gateway:
    return _gateway_at(whole.settings.platform_url)


def _hearing(
    whole: Annotated[Observatory, Depends(_whole)], seen: Annotated[DirectRegistry, Depends(_seen)]
) -> Hearing:
    return Hearing(whole.registry, seen)


@lru_cache(maxsize=8)
def _gateway_at(url: str) -> Gateway:
    return Gateway(shared_database(url))


def _alarms_of(whole: Observatory, caller: Caller) -> Alarms:
    store = _alarm_store(whole.settings.platform_url)
    return DirectAlarms(store, user=caller.name, operator=caller.may("operate"))


@lru_cache(maxsize=8)
def _alarm_store(url: str) -> AlarmStore:
    return AlarmStore(shared_database(url))


def _alarms_read(whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_reader)]) -> Alarms:
    return _alarms_of(whole, caller)


def _alarms_told(
    whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_submitter)]
) -> Alarms:
    return _alarms_of(whole, caller)


def _alarms_changed(
    whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_operator)]
) -> Alarms:
    return _alarms_of(whole, caller)


def _spool(whole: Annotated[Observatory, Depends(_whole)], _caller: Annotated[Caller, Depends(_operator)]) -> Spool:
    return _spool_at(whole.settings.platform_url)


@lru_cache(maxsize=8)
def _spool_at(url: str) -> Spool:
    return Spool(shared_database(url))


def _schedules_read(
    whole: Annotated[Observatory, Depends(_whole)], caller: Annotated[Caller, Depends(_reader)]
) -> Schedules:
    direct = cast("DirectSchedules", whole.schedules)
    return DirectSchedules(direct.settings, direct.store, user=caller.name, operator=caller.may("operate"))


def _schedules_changed(
    schedules: Annotated[Schedules, Depends(_schedules_read)], caller: Annotated[Caller, Depends(_reader)]
) -> Schedules:
    caller.must("operate")
    return schedules


def _commands_read(
    whole: Annotated[Observatory, Depends(_whole)],
    seen: Annotated[DirectRegistry, Depends(_seen)],
    caller: Annotated[Caller, Depends(_reader)],
) -> Commands:
    direct = cast("DirectCommands", whole.commands)
    closed = frozenset(run for run in closed_runs(whole.registry, seen) if not owner_of(run))
    operator = caller.may("operate")
    return DirectCommands(direct.settings, direct.store, user=caller.name, operator=operator, closed=closed)


def _commands_changed(
    commands: Annotated[Commands, Depends(_commands_read)], caller: Annotated[Caller, Depends(_reader)]
) -> Commands:
    caller.must("operate")
    return commands


Anyone = Annotated[Caller, Depends(_caller)]
"""Somebody the hub knows."""

Reader = Annotated[Caller, Depends(_reader)]
"""Somebody who may read."""

Place = Annotated[Observatory, Depends(_observatory)]
"""The observatory as somebody who may read sees it."""

Seen = Annotated[DirectRegistry, Depends(_seen)]
"""Its registry."""

Own = Annotated[OwnRecords, Depends(_own)]
"""Records of somebody who may submit."""

ReadJobs = Annotated[Jobs, Depends(_jobs_read)]
"""Jobs, for somebody who may read."""

ChangeJobs = Annotated[Jobs, Depends(_jobs_changed)]
"""Jobs in the name of somebody who may submit."""

ReadCampaigns = Annotated[Campaigns, Depends(_campaigns_read)]
"""Campaigns, for somebody who may read."""

ChangeCampaigns = Annotated[Campaigns, Depends(_campaigns_changed)]
"""Campaigns in the name of somebody who may operate."""

Keeping = Annotated[AskingRetention, Depends(_keeping)]
"""Retention in the name of somebody who may operate."""

ReadAlarms = Annotated[Alarms, Depends(_alarms_read)]
"""Alarms, for somebody who may read."""

TellAlarms = Annotated[Alarms, Depends(_alarms_told)]
"""Alarms in the name of somebody who may submit."""

ChangeAlarms = Annotated[Alarms, Depends(_alarms_changed)]
"""Alarms in the name of somebody who may operate."""

ReadSchedules = Annotated[Schedules, Depends(_schedules_read)]
"""Schedules, for somebody who may read."""

ChangeSchedules = Annotated[Schedules, Depends(_schedules_changed)]
"""Schedules in the name of somebody who may operate."""

ReadGateway = Annotated[Gateway, Depends(_gateway)]
"""The telemetry gateway, for somebody who may read."""

Heard = Annotated[Hearing, Depends(_hearing)]
"""What of the gateway is for somebody who may read."""

ReadCommands = Annotated[Commands, Depends(_commands_read)]
"""Commands, for somebody who may read."""

ChangeCommands = Annotated[Commands, Depends(_commands_changed)]
"""Commands in the name of somebody who may operate."""

Operator = Annotated[Caller, Depends(_operator)]
"""Somebody who may operate."""

Pushed = Annotated[Spool, Depends(_spool)]
"""Takes samples, for somebody who may operate."""
