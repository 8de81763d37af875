"""Jobs on a machine of many users: each runs as the person who submitted it, and reaches nothing else.

In the end somebody has no room left: their server starts, and they can clean up in a browser.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import full_space
import httpx
import psutil
import pytest
from full_space import PRODUCTS, QUOTA_GB

from hven.batch.launcher import job_log
from hven.batch.model import JobRequest, JobState
from hven.batch.store import JobStore
from hven.batch.tables import JOB
from hven.core.trust import trusted
from hven.observatory import connect
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.registry.schema import expired

sys.path.append(str(Path(__file__).parents[1] / "support"))
from tiny_plugin import install_for_everybody

pytestmark = pytest.mark.journey
ENGINE = {"kind": "local", "profiles": {"one": {"workers": 1}}, "default_profile": "one"}
DETECTORS = (1, 2, 3, 4)
ALL = {"pipeline": "tiny/all"}
RULE = {"name": "pairs", "collections": ["tiny/runs/all/*"], "types": ["L2/tiny.pairs"], "after_days": 0}
RETENTION = {"rules": [RULE]}


class Machine:
    """A platform for many users with a night of raw data, and a look behind its scenes."""

    def __init__(self, platform):
        self.platform = platform
        self.accounts = platform.accounts
        self.site = platform.site
        self.store = JobStore(Database(self.site.settings.platform_url))
        self.registry = DirectRegistry(self.site.settings.registry_url, self.site.root)
        self.threshold = 20.0
        self.api = f"{platform.address}/services/api"

    def call(self, account, method, path, **more):
        return self.platform.person(account).call(method, f"/services/api{path}", **more)

    def submit(self, account, request):
        return self.call(account, "POST", "/jobs", json=request)

    def job_of(self, account, **more):
        answer = self.submit(account, {**ALL, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def slow_job_of(self, account, **peaks):
        """A job that takes its time and finds nothing done: no other has asked for its threshold."""
        self.threshold += 0.5
        return self.job_of(account, config={"peaks": {"sleep_s": 1.0, "threshold": self.threshold, **peaks}})

    def ended(self, job, seconds=150):
        return wait_for(lambda: (found := self.store.get(job)).state.ended and found, seconds)

    def at_work(self, job):
        """The job, once it has made something and while it has more to do."""
        found = wait_for(lambda: (found := self.store.get(job)).counts.done and found)
        assert not found.state.ended
        return found

    def lease_of(self, job):
        with self.store.database.read() as connection:
            return connection.scalar(JOB.select().with_only_columns(JOB.c.lease).where(JOB.c.id == job))

    def by_lease(self, job, lease, method, path, **more):
        headers = {"Authorization": f"lease {job}:{lease}"}
        return httpx.request(method, self.api + path, headers=headers, timeout=60, **more, verify=trusted())

    def made(self, job):
        return [self.registry.get(i) for i in self.products(job)]

    def products(self, job):
        return list(dict.fromkeys(p for r in self.registry.quanta(run=self.store.get(job).run) for p in r.products))

    def check_nothing_lost_or_doubled(self, job):
        """What is on the disk is what the registry has, each data ID once."""
        job = self.store.get(job)
        born = [p for p in self.made(job.id) if p.run == job.run]
        assert len({p.ref for p in born}) == len(born)
        there = self.registry.find(collection=job.run) if born else []
        assert {p.id for p in there} == {p.id for p in born}
        for product in born:
            assert (self.site.root / product.path / "manifest.json").exists()
        left = list((self.site.root / "users" / job.user).rglob(".part-*"))
        assert left == []


@pytest.fixture(scope="module")
def machine(accounts, installation, repository):
    import people
    import tiny

    install_for_everybody(installation)
    more = {"instruments": ["tiny"], "engine": ENGINE, "batch": {"lease_s": 10}, "retention": RETENTION}
    more["server"] = {"user_quota_gb": QUOTA_GB}
    with people.running(accounts, installation, **more) as platform:
        settings = platform.site.settings
        made = Machine(platform)
        for detector in DETECTORS:
            tiny.publish_frames(settings.root, made.registry, detector, tiny.frames(300, detector))
        yield made
        made.registry.close()
        made.store.database.close()


@pytest.fixture
def ada(accounts):
    return accounts.ada


@pytest.fixture
def gina(accounts):
    return accounts.gina


@pytest.fixture
def bert(accounts):
    return accounts.bert


@pytest.fixture(scope="module")
def done(machine):
    """A job of gina's that has ended; her home is full of code that would like to be run.

    No other test runs Python in it.
    """
    gina = machine.accounts.gina
    packages = gina.home / ".local/lib/python3.12/site-packages"
    code = "import pathlib; pathlib.Path.home().joinpath('imported').touch()"
    gina.run("mkdir", "-p", packages)
    for name in ("usercustomize.py", "sitecustomize.py", "evil.pth"):
        gina.run("tee", packages / name, stdin=f"{code}\n")
    gina.run("tee", gina.home / ".profile", stdin="touch $HOME/imported\n")
    job = machine.job_of(gina)
    ended = machine.ended(job)
    assert ended.state == JobState.SUCCEEDED, job_log(machine.site.settings, job).read_text()
    return ended


def wait_for(condition, seconds=90.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
    return found


def pid_of(job):
    return int(job.runner.split(":")[1])


def process_of(machine, account, word):
    """Process of an account with a word in its command line, of this platform: others use the same accounts."""
    for process in psutil.process_iter(["uids", "cmdline", "environ"]):
        ours = (process.info["environ"] or {}).get("HVEN_SITE") == str(machine.site.file)
        if ours and process.info["uids"].real == account.uid and word in " ".join(process.info["cmdline"] or ()):
            return process
    return None


def test_products_are_the_submitters_below_their_folder_in_their_run(machine, done, gina):
    assert done.run.startswith("u/hvt-gina/all/")
    made = machine.made(done.id)
    assert len(made) == done.counts.done > 3
    for product in made:
        folder = machine.site.root / product.path
        assert product.run == done.run
        assert product.path.parts[:2] == ("users", "hvt-gina")
        assert {p.lstat().st_uid for p in (folder, *folder.rglob("*"))} == {gina.uid}
    assert machine.registry.find(made[0].ref.type) == []
    machine.check_nothing_lost_or_doubled(done.id)


def test_nothing_of_a_home_is_run(machine, done, gina):
    assert not (gina.home / "imported").exists()


@pytest.fixture(scope="module")
def seen(machine):
    """What could be seen and done while a job of ada's ran; a job of bert's waited meanwhile."""
    job = machine.slow_job_of(machine.accounts.ada)
    other = machine.job_of(machine.accounts.bert)
    runner = psutil.Process(pid_of(machine.at_work(job)))
    seen = {"job": job, "lease": machine.lease_of(job)}

    def ask(*words, **more):
        return machine.by_lease(job, seen["lease"], *words, **more)

    seen["uids"] = [p.uids().real for p in (runner, *runner.children(recursive=True))]
    seen["whoami"] = ask("GET", "/whoami").json()
    seen["beyond"] = {
        "shared job": ask("POST", "/jobs", json={**ALL, "shared": True}),
        "another's job": ask("POST", f"/jobs/{other}/cancel"),
        "another's log": ask("GET", f"/jobs/{other}/log"),
        "another's run": ask("POST", "/collections", json=tagged("u/hvt-bert/mine")),
        "the defaults": ask("POST", "/collections/tag", json={"collection": "tiny/defaults", "products": []}),
        "shared calibrations": ask("POST", "/collections", json=tagged("tiny/calib/mine")),
    }
    seen["forged"] = {
        "another job's number": machine.by_lease(other, seen["lease"], "GET", "/whoami"),
        "another name": machine.by_lease(job, "0" * 32, "GET", "/whoami"),
        "no name": machine.by_lease(job, "", "GET", "/whoami"),
        "as a token": httpx.get(f"{machine.api}/whoami", headers={"Authorization": f"token {job}:{seen['lease']}"}),
    }
    seen["shown"] = places_with(seen["lease"].encode())
    assert machine.call(machine.accounts.bert, "POST", f"/jobs/{other}/cancel").status_code == 200
    assert machine.ended(job).state == JobState.SUCCEEDED
    return seen


def places_with(secret):
    """Arguments and environments of all processes that have a secret."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                if secret in (folder / name).read_bytes():
                    found.add((folder.name, name))
    return found


def test_runner_and_workers_have_the_submitters_uid_and_show_no_lease(seen, ada):
    assert len(seen["lease"]) == 32
    assert len(seen["uids"]) > 1
    assert set(seen["uids"]) == {ada.uid}
    assert seen["shown"] == set()


def test_lease_makes_its_bearer_the_user_and_no_more(seen):
    assert seen["whoami"] == {"name": "hvt-ada", "scopes": ["custom:hven:read", "custom:hven:submit"]}
    answers = {what: answer.status_code for what, answer in seen["beyond"].items()}
    hidden = {"another's job", "another's log"}
    assert answers == {what: 404 if what in hidden else 403 for what in answers}


def test_forged_lease_is_nobodys(seen):
    assert {what: answer.status_code for what, answer in seen["forged"].items()} == dict.fromkeys(seen["forged"], 401)


def test_lease_is_void_when_its_job_has_ended(machine, seen):
    for method, path in (("GET", "/whoami"), ("GET", "/runner/job"), ("POST", "/runner/renew")):
        assert machine.by_lease(seen["job"], seen["lease"], method, path).status_code == 401


def tagged(name):
    return {"name": name, "kind": "TAGGED", "access": "collaboration", "doc": "", "children": []}


def test_people_are_no_runners(machine, done, gina):
    for method, verb in (("GET", "job"), ("POST", "renew"), ("POST", "release")):
        assert machine.call(gina, method, f"/runner/{verb}").status_code == 403


def test_log_is_its_owners_alone(machine, done, gina, bert):
    log = job_log(machine.site.settings, done.id)
    assert "job ended" in machine.call(gina, "GET", f"/jobs/{done.id}/log").json()["text"]
    assert machine.call(bert, "GET", f"/jobs/{done.id}/log").status_code == 404
    assert not bert.can("cat", log)
    assert not gina.can("cat", log)
    assert machine.accounts.api.can("cat", log)


def test_others_cannot_read_or_write_what_a_job_made(machine, done, bert):
    folder = machine.site.root / machine.made(done.id)[0].path
    assert not bert.can("ls", folder)
    assert not bert.can("touch", machine.site.root / "users" / "hvt-gina" / "x")
    assert machine.accounts.api.can("cat", folder / "manifest.json")


def test_job_is_cancelled_across_uids(machine, ada, bert):
    job = machine.slow_job_of(ada)
    runner = pid_of(machine.at_work(job))
    for verb in ("cancel", "hold", "restart"):
        assert machine.call(bert, "POST", f"/jobs/{job}/{verb}").status_code == 404

    assert machine.call(ada, "POST", f"/jobs/{job}/cancel").status_code == 200

    assert machine.ended(job).state == JobState.DELETED
    wait_for(lambda: not psutil.pid_exists(runner))
    machine.check_nothing_lost_or_doubled(job)


def test_killed_runner_has_an_heir_of_the_same_user(machine, ada):
    job = machine.slow_job_of(ada)
    runner = pid_of(machine.at_work(job))

    os.kill(runner, signal.SIGKILL)

    ended = machine.ended(job)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)
    machine.check_nothing_lost_or_doubled(job)


def test_killed_batch_service_finds_its_runner_again(machine, ada):
    job = machine.slow_job_of(ada)
    runner = pid_of(machine.at_work(job))
    service = process_of(machine, machine.accounts.batch, "hven batch")

    service.kill()

    ended = machine.ended(job)
    assert (ended.state, ended.attempt, pid_of(ended)) == (JobState.SUCCEEDED, 1, runner)
    machine.check_nothing_lost_or_doubled(job)
    wait_for(lambda: process_of(machine, machine.accounts.batch, "hven batch"))


def test_killed_api_is_waited_for(machine, ada):
    job = machine.slow_job_of(ada)
    machine.at_work(job)

    process_of(machine, machine.accounts.api, "hven.service.api").kill()

    ended = machine.ended(job)
    assert ended.state == JobState.SUCCEEDED, job_log(machine.site.settings, job).read_text()
    machine.check_nothing_lost_or_doubled(job)


def test_shared_job_is_an_operators_and_runs_as_the_service(machine, ada):
    answer = machine.submit(ada, {**ALL, "shared": True})
    assert (answer.status_code, "may not run shared processing" in answer.text) == (403, True)

    job = machine.job_of(machine.accounts.olga, shared=True)

    ended = machine.ended(job)
    assert ended.state == JobState.SUCCEEDED, job_log(machine.site.settings, job).read_text()
    made = machine.made(job)
    assert {p.run for p in made} == {ended.run}
    assert ended.run.startswith("tiny/runs/all/")
    owners = {(machine.site.root / p.path).stat().st_uid for p in made}
    assert owners == {machine.accounts.batch.uid}
    assert {p.id for p in machine.registry.find(made[0].ref.type)} <= {p.id for p in made}
    assert ended.counts.reused == 0
    again = machine.ended(machine.job_of(machine.accounts.bert))
    assert (again.state, again.counts.reused) == (JobState.SUCCEEDED, again.counts.done)


@pytest.mark.parametrize(
    "more",
    [
        {"environment": "/home/hvt-ada/venv"},
        {"checkout": "/home/hvt-ada/hven"},
        {"python": "/bin/sh"},
        {"module": "evil:TASK"},
        {"user": "hvt-bert"},
        {"run": "tiny/runs/all/1"},
        {"pipeline": "tiny/../../../../home/hvt-ada/evil"},
        {"pipeline": "/home/hvt-ada/evil.yaml"},
        {"pipeline": "evil/calibrate"},
        {"config": {"peaks": {"module": "evil"}}},
        {"config": {"evil:TASK": {}}},
    ],
)
def test_request_that_names_what_is_not_the_observatorys_is_refused(machine, more):
    before = len(machine.store.find())
    answer = machine.submit(machine.accounts.olga, {**ALL, "shared": True, **more})

    assert answer.status_code in {400, 404, 422}, answer.text
    assert len(machine.store.find()) == before


def test_service_starts_runners_and_nothing_else(machine):
    batch, runner = machine.accounts.batch, machine.site.installation.prefix / "libexec" / "hven-runner"

    def allowed(*words):
        return "a runner is told its job" in (done := batch.run("sudo", "-n", *words, stdin="")).stdout + done.stderr

    assert allowed("-u", "hvt-ada", runner)
    assert not allowed("-u", "hvt-ada", runner, "argument")
    for who in ("root", "hvt-otto", "hvt-api", "hvt-archive", "#0"):
        assert not allowed("-u", who, runner)
    for program in ("/bin/sh", machine.site.installation.python, "/usr/bin/env"):
        assert not batch.can("sudo", "-n", "-u", "hvt-ada", program, "-c", "exit")
    for person in (machine.accounts.ada, machine.accounts.api, machine.accounts.dash):
        assert not person.can("sudo", "-n", "-u", "hvt-bert", runner)
    assert not any(account.can("test", "-w", runner) for account in (machine.accounts.ada, batch))


def test_runner_works_for_roots_site_file_only(machine, ada):
    forged = ada.home / "site.yaml"
    forged.write_text(machine.site.file.read_text())
    os.chown(forged, ada.uid, ada.gid)
    runner = machine.site.installation.prefix / "libexec" / "hven-runner"
    order = {"job": 1, "lease": "0" * 32, "site": str(forged), "api": machine.api}

    done = machine.accounts.batch.run("sudo", "-n", "-u", "hvt-ada", runner, stdin=json.dumps(order) + "\n")

    assert done.returncode != 0
    assert "is not root's alone" in done.stdout + done.stderr
    done = machine.accounts.batch.run(
        "sudo", "-n", "-u", "hvt-ada", runner, stdin=json.dumps({**order, "api": ""}) + "\n"
    )
    assert "is not root's alone" in done.stdout + done.stderr


def test_account_that_may_not_run_jobs_gets_no_runner(machine):
    request = JobRequest(pipeline="tiny/all")
    jobs = {name: machine.store.submit(request, user=name).id for name in ("hvt-otto", "root", "nobody-at-all", "#0")}

    for name, job in jobs.items():
        ended = machine.ended(job)
        assert (ended.state, ended.flavour, ended.attempt) == (JobState.FAILED, "configuration", 1), name
        assert not job_log(machine.site.settings, job).exists()


def test_link_in_a_folder_of_ones_own_leads_nowhere(machine, bert):
    elsewhere = bert.home / "elsewhere"
    own = machine.site.root / "users" / "hvt-bert"
    subprocess.run(["rm", "-rf", own / "L1", own / "L2"], check=True)
    bert.run("mkdir", elsewhere)
    bert.run("ln", "-s", elsewhere, own / "L1")

    ended = machine.ended(machine.job_of(bert, config={"levels": {"cell_s": 2.0}}))

    assert ended.state == JobState.FAILED
    assert machine.made(ended.id) == [p for p in machine.made(ended.id) if p.run != ended.run]
    (own / "L1").unlink()


def test_rules_are_asked_for_by_operators_and_applied_by_the_batch_account(machine, ada):
    job = machine.ended(machine.job_of(machine.accounts.olga, shared=True))
    pairs = next(p for p in machine.made(job.id) if str(p.ref.type) == "L2/tiny.pairs")
    folder = machine.site.root / pairs.path
    assert machine.call(ada, "POST", "/retention/apply").status_code == 403

    assert machine.call(machine.accounts.olga, "POST", "/retention/apply").status_code == 200
    wait_for(lambda: pairs.id in machine.registry.expiries())
    assert folder.is_dir()
    wait_for(lambda: not (folder.parent / "current").exists())

    with machine.registry.database.write() as connection:  # its grace period is over
        connection.execute(expired.update().values(at_ns=0))
    machine.call(machine.accounts.olga, "POST", "/retention/apply")
    wait_for(lambda: not folder.exists())
    lying = {path.stat().st_uid for path in (machine.site.root / ".trash").rglob("manifest.json")}
    assert lying == {machine.accounts.batch.uid}
    wait_for(lambda: machine.call(ada, "GET", f"/products/{pairs.id}").status_code == 404)


# Somebody whose home disk and own space are full


@pytest.fixture(scope="module")
def full_home(accounts):
    with full_space.full_home(accounts.fred) as home:
        yield home


@pytest.fixture(scope="module")
def fred(machine, accounts, full_home):
    """Somebody who has no room left, logged in and with a server."""
    person = full_space.fill_own_space(machine.platform, accounts.fred)
    person.start_server()
    return person


def space(person):
    return person.browser.get(f"/user/{person.name}/hven/space").text


def test_a_full_home_lets_the_server_start_and_begin_with_the_page(fred):
    answer = fred.browser.get(f"/user/{fred.name}/")

    assert answer.url.path.endswith("/hven/space")
    assert answer.status_code == 200


def test_the_page_says_what_is_full(fred, full_home):
    text = space(fred)

    assert f"The disk of your home folder {full_home} is full" in text
    assert f"{full_home}/big.dat" in text
    assert "Your own products take" in text
    assert text.count('type="checkbox"') == PRODUCTS


def test_the_home_has_no_free_byte_and_nothing_new_in_it(fred, full_home):
    fred.compute("print(1)")

    assert os.statvfs(full_home).f_bavail == 0
    assert not (full_home / "notebooks").exists()
    assert sum(p.stat().st_size for p in full_home.rglob("*") if p.is_file() and p.name != "big.dat") == 0


def test_notebooks_still_run(fred):
    assert fred.compute("print(6 * 7)") == "42\n"


def test_nothing_more_can_be_saved(fred):
    code = """
import hven, xarray as xr
try:
    hven.connect().save(xr.Dataset({"a": 1}), "more", day_obs=20251021)
except hven.core.errors.QuotaExceededError as error:
    print(error)
"""
    assert "hvt-fred uses" in fred.compute(code)


def test_jupyterlab_opens(fred):
    assert fred.browser.get(f"/user/{fred.name}/lab").status_code == 200


@pytest.mark.parametrize("field", ["", "_xsrf=wrong&"])
def test_a_form_without_its_token_is_refused(fred, field):
    answer = fred.browser.post(
        f"/user/{fred.name}/hven/space",
        content=f"{field}action=empty",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 403


def test_nobody_elses_page_opens(fred, machine, accounts):
    other = machine.platform.person(accounts.bert)

    assert other.browser.get(f"/user/{fred.name}/hven/space").status_code in {403, 404}
    assert other.call("GET", f"/user/{fred.name}/hven/space").status_code == 403


def test_a_browser_cleans_up(fred, machine, accounts, chromium, tmp_path_factory):
    from playwright.sync_api import expect, sync_playwright

    pictures = Path(os.environ.get("HVEN_TEST_ARTEFACTS", tmp_path_factory.mktemp("pictures")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(f"{machine.platform.address}/hub/login")
        page.fill("#username_input", fred.name)
        page.fill("#password_input", accounts.password)
        page.click("#login_submit")
        page.goto(f"{machine.platform.address}/user/{fred.name}/")
        expect(page.get_by_role("heading", name="Your space")).to_be_visible(timeout=60_000)
        page.screenshot(path=pictures / "space-full.png", full_page=True)
        boxes = page.get_by_role("checkbox")
        for number in range(PRODUCTS - 1):
            boxes.nth(number).check()
        page.get_by_role("button", name="Remove the chosen").click()
        expect(page.get_by_role("checkbox")).to_have_count(1, timeout=60_000)
        page.get_by_role("button", name="Delete it for good").click()
        expect(page.get_by_text("in the trash")).to_have_count(0, timeout=60_000)
        page.screenshot(path=pictures / "space-cleaned.png", full_page=True)
        browser.close()
    text = space(fred)
    kept = re.findall(r'name="id" value="([^"]+)"', text)
    assert len(kept) == 1
    with connect(machine.site.settings) as obs:
        assert [p.id for p in obs.registry.owned(fred.name)] == kept
    assert "Nothing more can be saved" not in text
