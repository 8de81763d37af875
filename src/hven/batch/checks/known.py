"""Which checks there are."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hven.core.errors import UnknownNameError
from hven.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check looked at."""

    good: bool
    text: str


Check = Callable[[Settings, Path], list[Finding]]
"""Looks at a platform; the folder is empty and removed afterwards."""

CHECKS = {
    "pipeline_check": "hven.batch.checks.pipeline_check:check",
    "canary_api": "hven.batch.checks.canaries:api",
    "canary_page": "hven.batch.checks.canaries:page",
    "night_report": "hven.batch.reports.night:check",
    "canary_notebook": "hven.batch.checks.canaries:notebook",
}
"""Where each check is."""

SELF_TESTS = ("pipeline_check", "canary_api", "canary_page", "canary_notebook")
"""Those that look at the platform itself."""


def find_check(name: str) -> Check:
    """Check by name; raises UnknownNameError."""
    if name not in CHECKS:
        raise UnknownNameError("check", name, CHECKS)
    module, _, function = CHECKS[name].partition(":")
    found: Check = getattr(importlib.import_module(module), function)
    return found
