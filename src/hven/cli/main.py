"""`hven`: the command line."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from hven.cli.batch import batch
from hven.cli.doctor import doctor
from hven.cli.down import down
from hven.cli.ingest import ingest
from hven.cli.simulate import simulate
from hven.cli.status import status
from hven.cli.up import up
from hven.core.errors import HvenError

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
app.command()(batch)
app.command()(ingest)
app.command()(simulate)


def main() -> NoReturn:
    """Run a command; errors hven raises on purpose become one message and the error's own exit code."""
    try:
        app()
    except HvenError as error:
        sys.stderr.write(f"hven: {error}\n")
        sys.exit(error.exit_code)
    sys.exit(0)
