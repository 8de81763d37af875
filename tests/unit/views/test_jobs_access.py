"""Pages show shared jobs to those who may see the run that they make."""

from __future__ import annotations

from contextlib import closing

import panel as pn
import pytest
import small_night
from bokeh.document import Document

from hven.batch import queries
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.core.settings import Settings
from hven.model.access import Viewer
from hven.model.collection import AccessClass, Collection, CollectionKind
from hven.registry.database import Database, shared_database
from hven.registry.direct import DirectRegistry
from hven.registry.schema import collection
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


def test_there_may_be_more_closed_runs_than_a_database_takes_parameters(database_settings, tmp_path):
    settings = Settings(root=tmp_path / "data", state=tmp_path / "state", **database_settings)
    closed = {"kind": str(CollectionKind.RUN), "access": str(AccessClass.OPERATORS), "doc": ""}
    runs = [f"panoseti/runs/closed/{number}" for number in range(70_000)]
    registry = DirectRegistry(settings.registry_url, settings.root)
    with closing(registry), registry.database.write() as connection:
        connection.execute(collection.insert(), [{"name": run, **closed} for run in runs])
    store = JobStore(shared_database(settings.platform_url))
    run = "panoseti/runs/open/1"
    seen = store.submit(JobRequest(pipeline="panoseti/nightly", run=run, shared=True), user="olga")
    store.submit(JobRequest(pipeline="panoseti/nightly", run=runs[-1], shared=True), user="olga")

    assert [job.id for job in queries.jobs(settings, EVE)] == [seen.id]
