"""The report of a night: a notebook executed with parameters, kept as a product, its summary sent."""

from __future__ import annotations

import json

import nbformat
import pytest
import small_night
import sqlalchemy as sa

from hven.alarms.tables import OUTBOX
from hven.batch.reports.night import TEMPLATE, make, with_parameters
from hven.registry.database import Database


@pytest.fixture
def night(tmp_path):
    with small_night.make(tmp_path / "site", observations=()) as observatory:
        small_night.publish_quality(observatory, "img16", 254, {"partial_frames": (0.2, "1")})
        observatory.annotate("clouds from 7 on", kind="log", day_obs=small_night.NIGHT)
        yield observatory


def test_a_report_is_a_product_and_its_summary_is_sent(night, tmp_path):
    product, report = make(night.settings, tmp_path, "panoseti", small_night.NIGHT)

    kept = night.open("panoseti.night_report", day_obs=small_night.NIGHT)
    assert kept["verdict"].values.tolist() == ["FAIL"]
    assert "clouds from 7 on" in kept["text"].values[0]
    notebook = json.loads(kept["notebook"].values[0])
    assert any("partial_frames" in json.dumps(cell.get("outputs", "")) for cell in notebook["cells"])
    assert "<html" in kept["html"].values[0]
    with Database(night.settings.platform_url).read() as connection:
        [told] = connection.execute(sa.select(OUTBOX)).all()
    assert (told.severity, told.subject) == ("error", "night 20251021 of panoseti: FAIL")
    assert report.text in told.text
    assert product.id in told.text


def test_parameters_replace_those_of_the_tagged_cell_only():
    template = nbformat.read(TEMPLATE, as_version=4)
    sources = [cell.source for cell in template.cells]
    filled = with_parameters(nbformat.read(TEMPLATE, as_version=4), {"instrument": "magis", "night": 1})
    changed = [cell.source for cell, before in zip(filled.cells, sources, strict=True) if cell.source != before]
    assert changed == ["instrument = 'magis'\nnight = 1"]
