"""A simulated night, taken in and processed once for all journeys by the platform's own commands."""

from __future__ import annotations

import pytest
import simulated_night


@pytest.fixture(scope="session")
def night(folder_of_run):
    """Folder with `data/` and `state/` of an observatory that has processed a simulated night."""
    return simulated_night.once(folder_of_run / simulated_night.NAME, simulated_night.simulate)


@pytest.fixture(scope="session")
def real_night(folder_of_run, real_data):
    """The same for genuine files."""
    loose = real_data / "panoseti" / "loose"
    return simulated_night.once(folder_of_run / "real-night", lambda root: simulated_night.build(root, loose))
