"""Environments: built from wheels, installed without network, verified before a job goes on in one."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import time
import zipfile
from types import SimpleNamespace

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from hven.batch.environments import bundle
from hven.batch.environments.shelf import Shelf, shelf_of
from hven.batch.jobs import DirectJobs
from hven.batch.launcher import DirectLauncher, job_log
from hven.batch.lease import JobQueue
from hven.batch.model import Estimate, JobRequest, JobState
from hven.batch.store import JobStore
from hven.core.errors import ChecksumError, ConfigurationError, ConflictError, UnknownNameError
from hven.core.settings import BatchSettings, EngineSettings, Settings
from hven.hub.choices import form, read_form, tell
from hven.pipeline.identity import _bundle
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

RUNNER = """
import json, os, sys
from pathlib import Path
fd = next(int(a.removeprefix("--order=")) for a in sys.argv if a.startswith("--order="))
order = json.loads(os.read(fd, 4096))
print(json.dumps({"prefix": sys.prefix, "order": sorted(order), "job": order["job"], "isolated": sys.flags.isolated}))
"""


def make_wheel(folder, name="hven", version="9.9", files=None):
    """A wheel as any other, made by hand."""
    folder.mkdir(exist_ok=True)
    files = files or {"hven/__init__.py": "", "hven/batch/__init__.py": "", "hven/batch/runner.py": RUNNER}
    info = f"{name}-{version}.dist-info"
    files = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": "\n".join([*lines, f"{info}/RECORD,,"])}.items():
            archive.writestr(path, text)
    return wheel


def _digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "data").mkdir()
    return Settings(root=folder / "data", state=folder / "state", engine=EngineSettings(kind="inprocess"))


@pytest.fixture(scope="module")
def shelf(settings, tmp_path_factory):
    """One environment, `9.9`, with the tag `recommended`."""
    folder = tmp_path_factory.mktemp("bundle")
    make_wheel(folder / "wheels")
    make_wheel(folder / "wheels", "ipykernel", files={"ipykernel_launcher.py": "import sys; print(sys.prefix)"})
    bundle.build("9.9", folder / "wheels", folder / "made")
    shelf = shelf_of(settings)
    shelf.install(folder / "made")
    shelf.tag("recommended", "9.9")
    return shelf


def test_a_bundle_holds_the_locked_wheels_and_nothing_else(tmp_path):
    wheels = tmp_path / "wheels"
    make_wheel(wheels)
    other = make_wheel(wheels, name="other", files={"other.py": ""})
    lock = tmp_path / "lock"
    lock.write_text(f"other==9.9 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ChecksumError, match=r"other-9\.9-py3-none-any\.whl: not in"):
        bundle.build("1", wheels, tmp_path / "made", lock=lock)
    assert not (tmp_path / "made").exists()

    lock.write_text(f"other==9.9 \\\n    --hash=sha256:{bundle.sha256(other)}\n")
    made = bundle.build("1", wheels, tmp_path / "made", lock=lock)

    assert bundle.read(tmp_path / "made") == made
    assert made.digest in (tmp_path / "made" / "apptainer.def").read_text()
    with pytest.raises(ConflictError):
        bundle.build("1", wheels, tmp_path / "made")
    with pytest.raises(ConfigurationError, match="holds no wheels"):
        bundle.build("1", tmp_path, tmp_path / "none")
    for name in ("../up", "a/b", "", ".hidden"):
        with pytest.raises(ConfigurationError, match="is no name"):
            bundle.build(name, wheels, tmp_path / "up")


@pytest.mark.parametrize("tamper", ["changed", "missing", "more"])
def test_a_bundle_that_was_tampered_with_is_not_installed(tmp_path, tamper):
    wheel = make_wheel(tmp_path / "wheels")
    bundle.build("1", tmp_path / "wheels", tmp_path / "made")
    held = tmp_path / "made" / "wheels" / wheel.name
    match tamper:
        case "changed":
            held.write_bytes(held.read_bytes() + b"!")
        case "missing":
            held.unlink()
        case "more":
            held.with_name("evil.whl").write_text("")

    with pytest.raises(ChecksumError, match="not as recorded"):
        Shelf(tmp_path / "shelf").install(tmp_path / "made")

    assert not (tmp_path / "shelf").exists()


def test_an_environment_is_its_bundle_and_tells_so_in_provenance(shelf):
    record = shelf.verify("recommended")

    assert shelf.versions() == {"9.9": record.bundle}
    assert (shelf.tags(), shelf.resolve("recommended")) == ({"recommended": "9.9"}, "9.9")
    assert _bundle(shelf.folder / "9.9") == record.bundle.digest
    with pytest.raises(UnknownNameError, match="environment 'weekly'"):
        shelf.tag("weekly", "weekly")
    with pytest.raises(ConflictError, match=r"9\.9 is a version"):
        shelf.tag("9.9", "9.9")


def test_a_servers_kernels_run_in_the_environment_that_was_chosen_for_it(settings, shelf, monkeypatch):
    chosen = form(settings)
    assert '<option value="recommended">recommended: 9.9</option><option value="9.9">9.9</option>' in chosen
    options = read_form({"profile": ["small"], "environment": ["recommended"]})
    server = SimpleNamespace(user_options=options, environment={"HVEN_ROOT": "/data"})
    tell(settings, server)
    assert server.environment["HVEN_ENVIRONMENT"] == "9.9"

    monkeypatch.setenv("JUPYTER_PATH", server.environment["JUPYTER_PATH"])
    kernel = KernelSpecManager().get_kernel_spec("python3")
    said = subprocess.run(kernel.argv, capture_output=True, text=True, check=True).stdout

    assert said.strip() == str(shelf.folder / "9.9")
    server.user_options = {"environment": "../9.9"}
    with pytest.raises(UnknownNameError, match="environment with a kernel"):
        tell(settings, server)


def test_using_an_environment_leaves_nothing_behind_in_it(shelf):
    subprocess.run([shelf.python("9.9"), "-I", "-c", "import hven.batch, pip, json"], check=True)

    shelf.verify("9.9")


@pytest.fixture
def tampered(shelf):
    """Change a file of the environment; it is put back afterwards."""
    file = next(shelf.folder.glob("9.9/lib/*/site-packages/hven/__init__.py"))
    extra = file.with_name("sitecustomize.py")

    def tamper(how):
        if how == "more":
            extra.write_text("")
        else:
            file.chmod(0o644)
            file.write_text("import evil")

    yield tamper
    file.write_text("")
    extra.unlink(missing_ok=True)


@pytest.mark.parametrize("how", ["changed", "more"])
def test_an_environment_that_was_tampered_with_is_named(shelf, tampered, how):
    tampered(how)

    with pytest.raises(ChecksumError, match=r"environment 9.9: lib/.*\.py not as installed"):
        shelf.verify("recommended")


@pytest.fixture(scope="module")
def launcher(settings):
    launcher = DirectLauncher(settings)
    yield launcher
    launcher.kill()


def launch(launcher, environment):
    """Let a runner take a job with this environment; gives the job when the runner has ended."""
    store = JobStore(Database(launcher.settings.platform_url))
    store.submit(JobRequest(pipeline="panoseti/calibrate", environment=environment), user="ada")
    queue = JobQueue(store.database, lease_s=30, rules=BatchSettings(slots=9))
    lease = queue.claim()
    launcher.launch(lease, queue.job(lease))
    end = time.monotonic() + 120
    while launcher.collect():
        assert time.monotonic() < end
        time.sleep(0.1)
    job = store.get(lease.job)
    store.database.close()
    return job


def test_a_job_runs_in_the_environment_it_asks_for(settings, launcher, shelf):
    job = launch(launcher, "9.9")

    said = json.loads(job_log(settings, job.id).read_text().splitlines()[-1])
    assert said == {
        "prefix": str(shelf.folder / "9.9"), "order": ["job", "lease", "site"], "job": job.id, "isolated": 1,
    }  # fmt: skip


def test_a_job_does_not_begin_in_an_environment_that_was_tampered_with(settings, launcher, tampered):
    tampered("changed")

    job = launch(launcher, "9.9")

    assert (job.state, job.flavour) == (JobState.FAILED, "data")
    assert "environment 9.9: lib/" in job.error
    assert "prefix" not in job_log(settings, job.id).read_text()


def test_a_tag_is_fixed_when_a_job_is_submitted(settings, shelf, monkeypatch):
    store = JobStore(Database(settings.platform_url))
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        jobs = DirectJobs(settings, store, registry, user="ada")
        monkeypatch.setattr(jobs, "estimate", lambda _request: Estimate(quanta=1, done=0))

        job = jobs.submit(JobRequest(pipeline="panoseti/calibrate", environment="recommended"))
        with pytest.raises(UnknownNameError, match="environment 'nightly'"):
            jobs.submit(JobRequest(pipeline="panoseti/calibrate", environment="nightly"))

    assert job.request.environment == "9.9"
    jobs.close()
