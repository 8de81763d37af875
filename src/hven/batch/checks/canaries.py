"""Canaries: small things that people do all the time, done to see whether they still work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from hven.batch.checks.known import Finding
from hven.batch.hub_token import read_token
from hven.batch.launcher import write_site
from hven.core.settings import Settings

_LINES = (
    "import dask.array, hven",
    "with hven.connect() as obs:",
    "    obs.registry.collections()",
    "assert dask.array.ones(100, chunks=10).sum().compute() == 100",
)
_TIMEOUT_S = 60.0


def api(settings: Settings, _folder: Path) -> list[Finding]:
    """Ask the API for products, with the service account's token."""
    return [_answers(settings, "/services/api/collections")]


def page(settings: Settings, _folder: Path) -> list[Finding]:
    """Open the login page of the hub and the page of the services' health."""
    return [_answers(settings, "/hub/login"), _answers(settings, "/services/api/health")]


def notebook(settings: Settings, folder: Path) -> list[Finding]:
    """Execute a notebook that connects to the observatory and computes with Dask."""
    cell: dict[str, object] = {"cell_type": "code", "execution_count": None, "id": "c", "metadata": {}, "outputs": []}
    lines = {"cells": [{**cell, "source": "\n".join(_LINES)}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "canary.ipynb").write_text(json.dumps(lines))
    command = [sys.executable, "-P", "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "canary.ipynb"]
    environment = {**os.environ, "HVEN_SITE": str(write_site(settings))}
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    last = done.stderr.strip().splitlines()[-1:] if done.returncode else ["executed"]
    return [Finding(done.returncode == 0, f"notebook: {' '.join(last)}")]


def _answers(settings: Settings, path: str) -> Finding:
    url = f"http://127.0.0.1:{settings.hub.port}{path}"
    token = read_token(settings)
    try:
        answer = httpx.get(url, headers={"Authorization": f"token {token}"} if token else {}, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        return Finding(good=False, text=f"GET {path}: {type(error).__name__}")
    seconds = answer.elapsed.total_seconds()
    return Finding(answer.is_success, f"GET {path}: {answer.status_code} in {seconds:.2f} s")
