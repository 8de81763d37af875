"""The report of a night: a notebook executed with its parameters, published, and its summary sent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hven.alarms.message import Message, Severity
from hven.alarms.outbox import Outbox
from hven.alarms.transport import make_transports
from hven.batch.account import service_account
from hven.batch.checks.known import Finding
from hven.batch.launcher import write_site
from hven.batch.schedules.cron import words_of
from hven.core.clock import now_ns
from hven.core.settings import Settings
from hven.model.data_id import DataId, DatasetRef
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.model.report import night_report
from hven.pipeline.identity import software
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.store.current import set_current
from hven.store.publish import stage
from hven.store.write import write_dataset

if TYPE_CHECKING:
    import nbformat

TEMPLATE = Path(__file__).with_name("night.ipynb")
PARAMETERS = "parameters"
"""Tag of the cell whose values are replaced."""
TASK, TASK_VERSION = "reports.night", "1"
_SEVERITY = {"FAIL": Severity.ERROR, "WARN": Severity.WARNING}
_LONGEST_S = 900


@dataclass(frozen=True, slots=True)
class Report:
    """An executed notebook: its verdict and summary, and itself as JSON and as a page."""

    verdict: str
    text: str
    notebook: str
    html: str


def check(settings: Settings, folder: Path) -> list[Finding]:
    """Report the last night that has ended, for each instrument: what a schedule starts."""
    night = int(words_of(now_ns(), settings.observatory.day_obs_offset_hours)["night"])
    return [_told(settings, folder, name, night) for name in settings.instruments]


def _told(settings: Settings, folder: Path, instrument: str, night: int) -> Finding:
    product, report = make(settings, folder, instrument, night)
    return Finding(good=True, text=f"{instrument} {night}: {report.verdict}, {product.id}")


def make(settings: Settings, folder: Path, instrument: str, night: int) -> tuple[Product, Report]:
    """Execute, publish, and send the report of a night; a second one of a night is a new version.

    Parameters
    ----------
    settings
        Of the site.
    folder
        Empty; for what the notebook writes.
    instrument, night
        What is reported.
    """
    report = execute(settings, folder, {"instrument": instrument, "night": night})
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        product = _publish(settings, instrument, night, report)
        registry.register([product], inputs={product.id: []})
        set_current(settings.root, product)
    _send(settings, product, night, report)
    return product, report


def execute(settings: Settings, folder: Path, parameters: Mapping[str, Any]) -> Report:
    """Execute the notebook; what it says of the night it leaves in ``summary.json``."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    notebook = with_parameters(nbformat.read(TEMPLATE, as_version=4), parameters)
    environment = {**os.environ, "HVEN_SITE": str(write_site(settings))}
    client = NotebookClient(notebook, timeout=_LONGEST_S, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    summary = json.loads((folder / "summary.json").read_text())
    return Report(summary["verdict"], summary["text"], nbformat.writes(notebook), html)


def with_parameters(notebook: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    """The notebook with the values of its cell tagged `parameters` replaced."""
    for cell in notebook.cells:
        if PARAMETERS in cell.metadata.get("tags", ()):
            cell.source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    return notebook


def _publish(settings: Settings, instrument: str, night: int, report: Report) -> Product:
    declared = night_report(instrument)
    ref = DatasetRef(declared.type_name, DataId(instrument=instrument, day_obs=night))
    columns = {v.name: ("row", np.array([getattr(report, v.name)], object)) for v in declared.variables}
    with stage(settings.root, ref) as staging:
        write_dataset(staging.path, declared, xr.Dataset(columns))
        record = Provenance(
            id=staging.id,
            dataset_type=str(ref.type),
            schema_version=declared.schema_version,
            data_id=dict(ref.data_id),
            run=f"{instrument}/runs/reports",
            task=TASK,
            task_version=TASK_VERSION,
            config={},
            inputs=(),
            quantum_key="",
            output="",
            created_ns=now_ns(),
            user=service_account(settings),
            site=settings.site,
            software=software(),
        )
        return staging.publish(record, declared)


def _send(settings: Settings, product: Product, night: int, report: Report) -> None:
    """Put the summary into the outbox; the whole report is a product."""
    instrument = product.ref.type.instrument
    subject = f"night {night} of {instrument}: {report.verdict}"
    text = f'{report.text}\n\nThe report: obs.open("{instrument}.night_report", day_obs={night}), product {product.id}'
    severity = _SEVERITY.get(report.verdict, Severity.INFO)
    with closing(Database(settings.platform_url)) as database:
        outbox = Outbox(database, make_transports(settings))
        with database.write() as connection:
            outbox.put(connection, Message(f"report/{product.id}", severity, subject, text, now_ns()))
