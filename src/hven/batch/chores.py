"""Chores of a site's batch service."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hven.alarms.outbox import Outbox, Postman
from hven.alarms.store import AlarmStore
from hven.alarms.transport import make_transports
from hven.archive.completeness.chore import LedgerChore
from hven.batch.account import service_account
from hven.batch.alarms.chore import AlarmChore
from hven.batch.alarms.gather import Gatherer, Place
from hven.batch.alarms.sources import SOURCES
from hven.batch.campaigns.drive import CampaignChore
from hven.batch.campaigns.store import CampaignStore
from hven.batch.checks.chore import CheckChore
from hven.batch.checks.store import CheckStore
from hven.batch.chore import Chore
from hven.batch.commands.chore import CommandChore, publish
from hven.batch.commands.store import CommandStore
from hven.batch.jobs import DirectJobs
from hven.batch.launcher import write_site
from hven.batch.publish import GatewayChore
from hven.batch.schedules.chore import ScheduleChore
from hven.batch.schedules.store import ScheduleStore
from hven.batch.store import JobStore
from hven.core.settings import Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.retention.chore import RetentionChore
from hven.telemetry.chore import TelemetryChore
from hven.telemetry.gateway import Gateway


def make_chores(settings: Settings, database: Database) -> Sequence[Chore]:
    """Chores of a site; `database` is that of `platform_url`."""
    registry = DirectRegistry(settings.registry_url, settings.root)
    jobs = DirectJobs(
        settings, JobStore(database, settings.batch), registry, user=service_account(settings), operator=True
    )
    outbox = Outbox(database, make_transports(settings))
    campaigns, checks = CampaignStore(database), CheckStore(database)
    return (
        ScheduleChore(ScheduleStore(database), campaigns, checks, jobs, outbox),
        CampaignChore(campaigns, jobs, outbox),
        CommandChore(CommandStore(database), jobs, partial(publish, Gateway(database))),
        CheckChore(settings, write_site(settings), checks, outbox),
        RetentionChore(settings, database),
        LedgerChore(settings, database),
        AlarmChore(Place(settings, registry, database), Gatherer(SOURCES), AlarmStore(database), outbox),
        TelemetryChore(settings, database),
        GatewayChore(settings, database),
        Postman(outbox),
    )
