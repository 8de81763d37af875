"""Pages show shared jobs to those who may see the run that they make."""

from __future__ import annotations

import panel as pn
import pytest
import small_night
from bokeh.document import Document

from hven.batch import queries
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.model.access import Viewer
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.registry.database import Database
from hven.views import frame, warm
from hven.views.url import Url

SECRET = "panoseti/runs/secret/1"
EVE = Viewer("eve", frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION}))
OLGA = Viewer("olga", frozenset(AccessClass))


@pytest.fixture(scope="module")
def observatory(tmp_path_factory):
    made = small_night.make(tmp_path_factory.mktemp("closed"), observations=())
    made.registry.define(Collection(SECRET, CollectionKind.RUN, AccessClass.OPERATORS))
    yield made
    made.close()


@pytest.fixture(scope="module")
def secret(observatory):
    """Number of a job whose run is closed."""
    store = JobStore(Database(observatory.settings.platform_url))
    request = JobRequest(pipeline="panoseti/nightly", run=SECRET, shared=True, where="detector == 7")
    job = store.submit(request, user="olga").id
    store.cancel(job, who="olga")
    store.database.close()
    return job


def text_of(observatory, viewer, name, **values):
    page = frame.page(name, warm.PAGES[name], observatory.seen_by(viewer), Url(**values))
    page.get_root(Document())
    return " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))


def test_a_job_of_a_closed_run_is_on_no_page(observatory, secret):
    listed, detail = (
        {viewer.name: text_of(observatory, viewer, "jobs", show="ended", **more) for viewer in (EVE, OLGA)}
        for more in ({}, {"job": str(secret)})
    )

    assert f"{secret:04d}" in listed["olga"]
    assert "detector == 7" in detail["olga"]
    assert f"{secret:04d}" not in listed["eve"]
    assert f"There is no job {secret:04d}" in detail["eve"]
    assert "detector == 7" not in detail["eve"]


def test_it_is_not_even_counted(observatory, secret):
    settings = observatory.settings
    assert queries.tally(settings, EVE) == []
    assert [t.jobs for t in queries.tally(settings, OLGA)] == [1]
    assert queries.numbers(settings, [SECRET], EVE) == {}
    assert queries.numbers(settings, [SECRET], OLGA) == {SECRET: secret}
