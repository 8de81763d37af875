"""Fixtures for the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).parents[1]
settings.register_profile("hven", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hven")


def require(condition: object, reason: str, command: str) -> None:
    """Skip with the reason and the command that installs what is missing; fail where everything is required."""
    if condition:
        return
    message = f"{reason}; install it with: {command}"
    if os.environ.get("HVEN_TEST_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with genuine data, outside the repository."""
    folder = Path(os.environ.get("HVEN_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no genuine data here; HVEN_TEST_DATA names the folder")
    return folder
