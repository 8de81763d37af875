"""`hven`: the command line."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from hven.cli.affected import affected
from hven.cli.alarms import alarms
from hven.cli.announce import announce
from hven.cli.audit import audit
from hven.cli.backup import backup, restore
from hven.cli.batch import batch
from hven.cli.calib import calib
from hven.cli.campaign import campaign
from hven.cli.catchup import catchup
from hven.cli.collection import collection
from hven.cli.command import command
from hven.cli.contribute import contribute
from hven.cli.database import database
from hven.cli.describe import describe
from hven.cli.doctor import doctor
from hven.cli.down import down
from hven.cli.environment import environment
from hven.cli.explain import explain
from hven.cli.find import find
from hven.cli.get import get
from hven.cli.hold import hold
from hven.cli.ingest import ingest
from hven.cli.jobs import jobs
from hven.cli.ledger import ledger
from hven.cli.live import live
from hven.cli.night import night
from hven.cli.plan import plan
from hven.cli.process import process
from hven.cli.project import project
from hven.cli.qc import qc
from hven.cli.registry import registry
from hven.cli.remove import remove
from hven.cli.retention import retention
from hven.cli.schedule import schedule
from hven.cli.seal import seal
from hven.cli.share import share
from hven.cli.show import show
from hven.cli.simulate import simulate
from hven.cli.space import space
from hven.cli.status import status
from hven.cli.submit import submit
from hven.cli.telemetry import telemetry
from hven.cli.up import up
from hven.cluster.threads import only_one_for_algebra
from hven.core.errors import HvenError, InfrastructureError

app = typer.Typer(
    name="hven",
    help="An observatory's data platform: raw files to science.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(up)
app.command()(down)
app.command()(status)
app.command()(doctor)
app.command()(announce)
app.command()(batch)
app.command()(ingest)
app.command()(ledger)
app.command()(audit)
app.command()(catchup)
app.command()(seal)
app.command()(simulate)
app.command()(find)
app.command()(show)
app.command()(describe)
app.command()(explain)
app.command()(affected)
app.command()(get)
app.command()(process)
app.command()(live)
app.command()(submit)
app.command()(plan)
app.command()(space)
app.command()(remove)
app.command()(share)
app.command()(backup)
app.command()(restore)
app.add_typer(jobs, name="jobs")
app.add_typer(campaign, name="campaign")
app.add_typer(schedule, name="schedule")
app.add_typer(command, name="command")
app.add_typer(alarms, name="alarms")
app.add_typer(qc, name="qc")
app.add_typer(night, name="night")
app.add_typer(telemetry, name="telemetry")
app.add_typer(calib, name="calib")
app.add_typer(registry, name="registry")
app.add_typer(collection, name="collection")
app.add_typer(project, name="project")
app.add_typer(database, name="database")
app.add_typer(retention, name="retention")
app.add_typer(hold, name="hold")
app.add_typer(environment, name="environment")
app.add_typer(contribute, name="contribute")


def main() -> NoReturn:
    """Run a command; errors hven raises on purpose, and the system's, become one message and an exit code."""
    only_one_for_algebra()
    try:
        app()
    except HvenError as error:
        sys.stderr.write(f"hven: {error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"hven: {_told(error)}\n")
        sys.exit(InfrastructureError.exit_code)
    sys.exit(0)


def _told(error: OSError) -> str:
    """What the system refused, and of which path."""
    places = " -> ".join(str(place) for place in (error.filename, error.filename2) if place is not None)
    what = error.strerror or str(error) or type(error).__name__
    return f"{places}: {what}" if places else what
