from __future__ import annotations

from contextlib import contextmanager

import drop_series
import pytest

from hven.prompt.start import live


@pytest.fixture
def settings(tmp_path):
    return drop_series.site(tmp_path)


@pytest.fixture
def ready(settings):
    """Live processing of `magis/live`, with other settings of its own."""

    @contextmanager
    def make(pipeline="magis/live", *, memory_gb=1.0, config=None):
        chosen = settings.live.model_copy(update={"memory_gb": memory_gb})
        with live(settings.model_copy(update={"live": chosen}), pipeline, config=config, durable=False) as processing:
            yield processing

    return make


@pytest.fixture(scope="session")
def files():
    """Files of a series in memory, by path."""
    return drop_series.series()
