"""Which tables there are."""

from __future__ import annotations

from hven.alarms import alarm_tables as alarms
from hven.alarms import tables as notifications
from hven.archive import ledger
from hven.archive.completeness import tables as completeness
from hven.batch import tables as batch
from hven.batch.campaigns import tables as campaigns
from hven.batch.commands import tables as commands
from hven.batch.schedules import tables as schedules
from hven.batch.triage import tables as triage
from hven.registry import schema
from hven.registry.transfer import Tables
from hven.retention import tables as retention
from hven.telemetry import intake_tables as telemetry
from hven.telemetry import tables as gateway

REGISTRY = (Tables(schema.NAME, schema.VERSION, schema.metadata),)
"""Made again from the disk at any time."""

PLATFORM = (
    Tables(batch.NAME, batch.VERSION, batch.METADATA, batch.MIGRATIONS),
    Tables(triage.NAME, triage.VERSION, triage.METADATA),
    Tables(commands.NAME, commands.VERSION, commands.METADATA),
    Tables(campaigns.NAME, campaigns.VERSION, campaigns.METADATA, campaigns.MIGRATIONS),
    Tables(schedules.NAME, schedules.VERSION, schedules.METADATA),
    Tables(notifications.NAME, notifications.VERSION, notifications.METADATA),
    Tables(alarms.NAME, alarms.VERSION, alarms.METADATA),
    Tables(ledger.NAME, ledger.VERSION, ledger.METADATA),
    Tables(completeness.NAME, completeness.VERSION, completeness.METADATA),
    Tables(retention.NAME, retention.VERSION, retention.METADATA),
    Tables(gateway.NAME, gateway.VERSION, gateway.METADATA),
    Tables(telemetry.NAME, telemetry.VERSION, telemetry.METADATA),
)
"""Jobs, audit and ledgers, which exist nowhere else."""
