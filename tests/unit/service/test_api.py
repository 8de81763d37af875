"""The API behind a real hub: who may do what, and what it answers."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time

import httpx
import pytest
import yaml

from hven.batch.heartbeat import heartbeat_file
from hven.batch.model import Again, JobClass, JobRequest, JobState
from hven.batch.remote import RemoteJobs
from hven.core.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConflictError,
    JobNotFoundError,
    ServiceUnavailableError,
    UnknownNameError,
)
from hven.core.trust import trusted
from hven.model.collection import AccessClass, Collection, CollectionKind

READ, SUBMIT, OPERATE = (f"custom:hven:{verb}" for verb in ("read", "submit", "operate"))
USE = "access:services!service=api"
NIGHT = 20251021


def free_ports(number):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Hub:
    """A hub with the API, and tokens of its users."""

    def __init__(self, folder, repository):
        sys.path.insert(0, str(repository / "tests" / "support"))
        import small_night

        self.obs = small_night.make(folder)
        self.log = folder / "hub.log"
        hub, api, public = free_ports(3)
        self.admin = secrets.token_hex(16)
        site = folder / "site.yaml"
        site.write_text(yaml.safe_dump(self.obs.settings.model_dump(mode="json")))
        names = {"STATE": folder, "HUB": hub, "API": api, "PUBLIC": public, "TOKEN": self.admin, "SITE": site}
        config = repository / "tests" / "support" / "bare_hub_config.py"
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", str(config)],
                cwd=folder, stdout=stream, stderr=stream,
                env={**os.environ, **{f"TEST_{name}": str(value) for name, value in names.items()}},
            )  # fmt: skip
        self.url = f"http://127.0.0.1:{api}/services/api"
        self.hub = httpx.Client(
            base_url=f"http://127.0.0.1:{hub}/hub/api", headers=auth(self.admin), timeout=30, verify=trusted()
        )
        self.tokens = {}

    def wait(self):
        end = time.monotonic() + 90
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if (
                    httpx.get(f"{self.url}/health", verify=trusted()).status_code == 401
                    and self.hub.get("/user").status_code == 200
                ):
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        pytest.fail(self.log.read_text())

    def token(self, user, *scopes):
        if (user, scopes) not in self.tokens:
            self.hub.post(f"/users/{user}")
            answer = self.hub.post(f"/users/{user}/tokens", json={"scopes": list(scopes), "note": "test"})
            assert answer.status_code == 201, answer.text
            self.tokens[user, scopes] = answer.json()["token"]
        return self.tokens[user, scopes]

    def ask(self, token, method, path, **more):
        headers = {**(auth(token) if token else {}), **more.pop("headers", {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=60, **more, verify=trusted())

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.hub.close()
        self.obs.close()


def auth(token):
    return {"Authorization": f"token {token}"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory, repository):
    hub = Hub(tmp_path_factory.mktemp("hub"), repository)
    try:
        hub.wait()
        yield hub
    finally:
        hub.end()


@pytest.fixture
def reader(hub):
    return hub.token("sophie", READ, USE)


@pytest.fixture
def submitter(hub):
    return hub.token("sophie", READ, SUBMIT, USE)


@pytest.fixture
def operator(hub):
    return hub.token("tycho", READ, SUBMIT, OPERATE, USE)


ENDPOINTS = [
    ("GET", "/health"),
    ("GET", "/whoami"),
    ("GET", "/products"),
    ("GET", "/products/x"),
    ("POST", "/products"),
    ("POST", "/products/protected"),
    ("POST", "/products/remove"),
    *(("POST", f"/lookup/{what}") for what in ("id", "one", "find", "quanta", "owned")),
    *(("POST", f"/lookup/{what}") for what in ("inputs", "outputs", "calibration", "certifications")),
    ("GET", "/collections"),
    ("POST", "/collections"),
    ("POST", "/collections/tag"),
    ("POST", "/collections/share"),
    ("POST", "/collections/unshare"),
    ("POST", "/collections/certify"),
    ("POST", "/collections/decertify"),
    ("GET", "/annotations"),
    ("POST", "/annotations"),
    ("POST", "/quanta"),
    ("POST", "/quanta/find"),
    ("POST", "/quanta/history"),
    ("GET", "/describe/panoseti.ph1024"),
    ("GET", "/pipelines"),
    ("POST", "/estimate"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/1"),
    ("GET", "/jobs/1/failures"),
    ("GET", "/jobs/1/products"),
    ("GET", "/jobs/1/log"),
    ("GET", "/jobs/1/times"),
    ("GET", "/jobs/1/profile"),
    ("GET", "/jobs/1/triage"),
    ("GET", "/triage"),
    ("GET", "/triage/0123456789ab"),
    ("POST", "/triage/0123456789ab"),
    ("POST", "/jobs/1/cancel"),
    ("POST", "/jobs/1/hold"),
    ("POST", "/jobs/1/unhold"),
    ("POST", "/jobs/1/restart"),
    ("POST", "/jobs/1/reclass"),
    ("GET", "/campaigns"),
    ("POST", "/campaigns"),
    ("GET", "/campaign-events"),
    ("GET", "/campaigns/dr1"),
    ("GET", "/campaigns/dr1/report"),
    *(("POST", f"/campaigns/dr1/{verb}") for verb in ("start", "pause", "resume", "accept", "reject", "retry")),
    ("GET", "/schedules"),
    ("GET", "/schedule-fires"),
    ("GET", "/schedule-events"),
    ("GET", "/schedules/weekly"),
    *(("POST", f"/schedules/weekly/{verb}") for verb in ("enable", "disable", "run")),
    ("GET", "/commands"),
    ("POST", "/commands"),
    ("GET", "/commands/cal1"),
    ("POST", "/commands/cal1/abort"),
    ("GET", "/ledger"),
    ("GET", "/ledger/panoseti/20251021"),
    *(("GET", path) for path in ("/alarms", "/alarms/0a1b2c3d4e5f", "/alarm-events", "/alarm-silences")),
    *(("POST", f"/alarms/0a1b2c3d4e5f/{verb}") for verb in ("acknowledge", "comment", "clear", "silence")),
    ("POST", "/alarm-silences"),
    ("GET", "/status"),
    *(("GET", path) for path in ("/gateway", "/gateway/stream")),
    ("POST", "/telemetry/weather"),
    *(("GET", path) for path in ("/retention", "/retention/plan", "/retention/deeds", "/holds")),
    *(("POST", path) for path in ("/retention/apply", "/retention/restore", "/holds", "/holds/remove")),
]
RUNNER = [
    ("GET", "/runner/job"),
    ("GET", "/runner/decisions"),
    *(("POST", f"/runner/{v}") for v in ("begin", "renew", "report", "profile", "release", "finish")),
]
"""For the bearer of a job's lease; see test_leases.py."""
BODY = {"pipeline": "panoseti/nightly"}
CHANGES = [
    p
    for m, p in ENDPOINTS
    if m == "POST" and not p.startswith("/lookup/") and p not in {"/estimate", "/quanta/find", "/quanta/history"}
]


def test_every_endpoint_is_in_the_list_of_those_tested():
    from hven.service.app import create_app

    declared = create_app(None, None, None).openapi()["paths"]

    found = {(method.upper(), path) for path, methods in declared.items() for method in methods}

    names = {"/1": "/{job_id}", "/x": "/{product_id}", "panoseti.ph1024": "{name}", "0123456789ab": "{fingerprint}"}
    names |= {
        "dr1": "{campaign}",
        "weekly": "{schedule}",
        "weather": "{topic}",
        "cal1": "{command}",
        "/panoseti/20251021": "/{instrument}/{day_obs}",
    }
    names |= {"dr1": "{campaign}", "weekly": "{schedule}", "0a1b2c3d4e5f": "{alarm}"}
    for concrete, template in names.items():
        found = {(method, path.replace(template, concrete)) for method, path in found}
    assert found == {*ENDPOINTS, *RUNNER}


@pytest.mark.parametrize(("method", "path"), [*ENDPOINTS, *RUNNER])
def test_nobody_gets_in_without_a_token_of_the_hub(hub, method, path):
    for token in ("", "0" * 32, "../../hub"):
        answer = hub.ask(token, method, path, json=BODY)

        assert answer.status_code == 401
        assert answer.json()["error"] == "AccessDeniedError"


def test_a_token_in_the_address_or_in_a_cookie_opens_nothing(hub, operator):
    assert hub.ask("", "GET", f"/jobs?token={operator}").status_code == 401
    assert hub.ask("", "GET", "/jobs", headers={"Cookie": f"service-api={operator}"}).status_code == 401


@pytest.mark.parametrize(("method", "path"), [e for e in ENDPOINTS if e[1] not in {"/health", "/whoami"}])
def test_a_token_without_the_scope_is_refused(hub, method, path):
    answer = hub.ask(hub.token("sophie", USE), method, path, json=BODY)

    assert answer.status_code == 403
    assert "custom:hven:" in answer.json()["hint"]


@pytest.mark.parametrize("path", CHANGES)
def test_a_reader_changes_nothing(hub, reader, path):
    answer = hub.ask(reader, "POST", path, json=BODY)

    assert answer.status_code == 403
    needed = "operate" if path.startswith(("/campaigns", "/schedules", "/commands")) else "submit"
    assert answer.json()["hint"] == f"It needs the scope custom:hven:{needed}."


def test_a_token_for_other_services_is_refused(hub):
    answer = hub.ask(hub.token("sophie", READ, SUBMIT), "GET", "/jobs")

    assert answer.status_code == 403
    assert "not for this service" in answer.json()["message"]


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_pages_of_other_sites_are_refused(hub, operator, headers):
    for method, path in (("GET", "/jobs"), ("POST", "/jobs/1/cancel")):
        answer = hub.ask(operator, method, path, headers=headers)

        assert answer.status_code == 403
        assert "another site" in answer.json()["message"]


def test_pages_of_this_site_are_let_in(hub, operator):
    own = hub.url.removesuffix("/services/api")

    assert (
        hub.ask(operator, "GET", "/jobs", headers={"Origin": own, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    )


def test_callers_learn_who_they_are(hub, reader, operator):
    assert hub.ask(reader, "GET", "/whoami").json() == {"name": "sophie", "scopes": [READ]}
    assert hub.ask(operator, "GET", "/whoami").json() == {"name": "tycho", "scopes": [OPERATE, READ, SUBMIT]}


def test_products_are_found_by_type_level_data_id_and_condition(hub, reader):
    query = "type=panoseti.ph1024&level=L1&detector=1&detector=254&where=detector > 1"

    found = hub.ask(reader, "GET", f"/products?{query}").json()

    expected = hub.obs.query("panoseti.ph1024", level="L1", detector=254)
    assert [p["id"] for p in found] == [p.id for p in expected]
    assert {(p["level"], p["type"], p["data_id"]["detector"]) for p in found} == {("L1", "panoseti.ph1024", 254)}
    assert len(hub.ask(reader, "GET", "/products?limit=3").json()) == 3


def test_a_product_is_shown_with_its_links(hub, reader):
    product = hub.obs.query("panoseti.ph1024", level="L1")[0]

    found = hub.ask(reader, "GET", f"/products/{product.id}").json()

    assert (found["path"], found["digest"], found["inputs"]) == (str(product.path), product.digest, [])
    assert hub.ask(reader, "GET", "/products/nothing").status_code == 404


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("colour=red", 404, "UnknownNameError"),
        ("level=L7", 404, "UnknownNameError"),
        ("type=panoseti.nothing", 404, "UnknownNameError"),
        ("detector=one", 422, "ConfigurationError"),
        ("limit=-1", 422, "ConfigurationError"),
        ("where=import os", 422, "ConfigurationError"),
    ],
)
def test_a_wrong_query_is_an_error_with_a_name(hub, reader, query, status, error):
    answer = hub.ask(reader, "GET", f"/products?{query}")

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]


def test_what_is_for_operators_is_hidden_from_others(hub, reader, operator):
    registry = hub.obs.registry
    product = registry.find(None)[0]
    runs = {c.name: c for c in registry.collections()}
    registry.define(Collection(product.run, CollectionKind.RUN, AccessClass.OPERATORS))
    try:
        assert hub.ask(reader, "GET", "/products").json() == []
        assert hub.ask(reader, "GET", f"/products/{product.id}").status_code == 404
        assert hub.ask(reader, "GET", f"/products?collection={product.run}").status_code == 404
        assert hub.ask(operator, "GET", f"/products/{product.id}").status_code == 200
    finally:
        registry.define(runs[product.run])


def test_a_dataset_type_is_described(hub, reader):
    declared = hub.obs.dataset_type("panoseti.ph1024", "L1")

    found = hub.ask(reader, "GET", "/describe/panoseti.ph1024?level=L1").json()

    assert [v["name"] for v in found["variables"]] == [v.name for v in declared.variables]
    assert (found["level"], found["form"], found["doc"]) == ("L1", "array", declared.doc)


def test_status_tells_of_services_queue_and_disks(hub, reader):
    beats = hub.obs.settings.state / "heartbeats"
    beats.mkdir(exist_ok=True)
    (beats / "ingest").touch()

    found = hub.ask(reader, "GET", "/status").json()

    assert found["heartbeat_age_s"]["ingest"] < 60
    assert found["disks"]["root"]["free_bytes"] > 0
    assert found["site"] == "tryout"


def test_whether_the_batch_service_lives_is_told_to_people_without_its_files(hub, reader):
    beat, jobs = heartbeat_file(hub.obs.settings), RemoteJobs(hub.url, reader)
    beat.parent.mkdir(exist_ok=True)

    assert not jobs.served()
    beat.touch()
    assert jobs.served()
    os.utime(beat, (1, 1))
    assert not jobs.served()
    beat.unlink()
    jobs.close()


def test_an_unknown_address_is_an_error_like_any_other(hub, reader):
    answer = hub.ask(reader, "GET", "/nothing")

    assert (answer.status_code, answer.json()["error"]) == (404, "HvenError")


def test_paths_do_not_lead_out(hub, reader):
    for path in ("/products/..%2f..%2fetc%2fpasswd", "/describe/..%2f..%2fetc%2fpasswd", "/jobs/..%2f1/log"):
        assert hub.ask(reader, "GET", path).status_code in {404, 422}


def test_jobs_through_the_api_are_those_of_the_table(hub, submitter, operator):
    sophie, tycho = RemoteJobs(hub.url, submitter), RemoteJobs(hub.url, operator)
    job = submitted_by(hub, "sophie")

    with pytest.raises(JobNotFoundError, match="job 999"):
        sophie.get(999)
    shared, other = submitted_by(hub, "tycho", shared=True), submitted_by(hub, "tycho")
    with pytest.raises(AccessDeniedError, match=f"job {shared} is tycho's"):
        sophie.cancel(shared)
    for look in (sophie.get, sophie.cancel, sophie.log, sophie.failures, sophie.products):
        with pytest.raises(JobNotFoundError, match=f"no job {other}"):
            look(other)
    assert {j.id for j in sophie.find()} & {job, shared, other} == {job, shared}
    assert {j.id for j in tycho.find()} >= {job, shared, other}
    assert sophie.hold(job).state == JobState.HELD
    assert tycho.unhold(job).state == JobState.READY
    assert [j.id for j in sophie.find(user="sophie", states=[JobState.READY])] == [job]
    assert (sophie.failures(job), sophie.products(job), sophie.log(job)) == ([], [], "")
    assert sophie.cancel(job).state == JobState.DELETED
    with pytest.raises(ConflictError, match="cannot be cancelled"):
        sophie.cancel(job)
    with pytest.raises(UnknownNameError, match="unknown step 'nothing'"):
        sophie.restart(job, Again(step="nothing"))
    assert sophie.restart(job, Again(failed=True)).again == Again(failed=True)
    with pytest.raises(AccessDeniedError, match="class offline"):
        sophie.reclass(job, JobClass.OFFLINE)
    assert tycho.reclass(job, JobClass.OFFLINE).request.job_class == JobClass.OFFLINE
    assert tycho.cancel(job).state == JobState.DELETED
    sophie.close()
    tycho.close()


def submitted_by(hub, user, *, shared=False):
    from hven.batch.store import JobStore
    from hven.registry.database import Database

    database = Database(hub.obs.settings.platform_url)
    job = JobStore(database).submit(JobRequest(pipeline="panoseti/nightly", shared=shared), user=user).id
    database.close()
    return job


def test_pipelines_are_listed_with_what_they_do_and_their_options(hub, reader):
    found = {p["name"]: p for p in hub.ask(reader, "GET", "/pipelines").json()}

    step = found["panoseti/calibrate"]["steps"]["img16.pedestals"]
    assert found["panoseti/calibrate"]["doc"]
    assert step["inputs"]["frames"] == ["L0/panoseti.img16"]
    assert set(step["config"]) == set(step["schema"]["properties"])


def test_a_job_is_estimated_and_submitted_in_the_callers_name(hub, submitter):
    jobs = RemoteJobs(hub.url, submitter)
    request = JobRequest(pipeline="panoseti/calibrate", values={"day_obs": (NIGHT,), "detector": (1,)})

    expected = jobs.estimate(request)
    job = jobs.submit(request)

    assert (expected.quanta, expected.done) == (4, 0)
    assert expected.unknown
    assert (job.user, job.state, job.request, job.estimate.quanta) == ("sophie", JobState.READY, request, 4)
    with pytest.raises(UnknownNameError, match="unknown pipeline"):
        jobs.submit(JobRequest(pipeline="panoseti/calibrat"))
    with pytest.raises(ConfigurationError, match="step"):
        jobs.submit(JobRequest(pipeline="panoseti/calibrate", config={"nothing": {}}))
    jobs.cancel(job.id)
    jobs.close()


@pytest.mark.parametrize("body", [{}, {"pipeline": ""}, {"pipeline": "p/a", "user": "tycho"}, []])
def test_a_request_that_is_none_is_an_error_with_a_name(hub, submitter, body):
    answer = hub.ask(submitter, "POST", "/jobs", json=body)

    assert (answer.status_code, answer.json()["error"]) == (422, "ConfigurationError")


def test_an_api_that_is_not_there_is_named_and_the_token_is_not():
    [port] = free_ports(1)
    jobs = RemoteJobs(f"http://127.0.0.1:{port}", "geheim", patience_s=0)

    with pytest.raises(ServiceUnavailableError, match="does not answer") as caught:
        jobs.find()

    assert "geheim" not in str(caught.value) + repr(jobs)
    jobs.close()


def test_no_token_is_in_a_log(hub, reader):
    hub.ask("", "GET", f"/products?token={reader}")
    hub.ask(reader, "GET", "/products")
    text = hub.log.read_text()

    assert '"path": "/services/api/products"' in text
    assert '"user": "sophie"' in text
    assert [t for t in (*hub.tokens.values(), hub.admin) if t in text] == []


def test_the_api_listens_on_loopback_only():
    from hven.core.errors import SettingsError
    from hven.service.api import address

    assert address({"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:8131"}) == ("127.0.0.1", 8131)
    for url in ("", "http://127.0.0.1", "http://0.0.0.0:8131", "http://example.org:80"):
        with pytest.raises(SettingsError):
            address({"JUPYTERHUB_SERVICE_URL": url})
