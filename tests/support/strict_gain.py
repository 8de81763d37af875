"""Calibration that insists on certified gains: the real task with its optional slot made required."""

from __future__ import annotations

import shutil
from dataclasses import replace

from hven import instruments
from hven.tasks.frames import subtract_pedestal

TASK = replace(
    subtract_pedestal.TASK,
    inputs=tuple(replace(s, optional=s.name == "dark") for s in subtract_pedestal.TASK.inputs),
)


def instrument(folder):
    """PANOSETI, whose own pipelines use that task."""
    panoseti = instruments.load("panoseti")
    pipelines = folder / "pipelines"
    shutil.copytree(panoseti.resources / "pipelines", pipelines)
    for file in pipelines.glob("*.yaml"):
        file.write_text(file.read_text().replace("frames.subtract_pedestal", "strict_gain:TASK"))
    return replace(panoseti, resources=folder)
