"""A batch service with its own Dask cluster and a tiny telescope's data, of which every part can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import tiny
import yaml

from hven import instruments
from hven.batch.jobs import DirectJobs
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.cluster.certificates import make_keys
from hven.core.settings import load_settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.store.index import product_paths, read_product

SUPPORT = Path(__file__).parent
_MODULE = (
    "from pathlib import Path\nimport slow_levels, tiny\n"
    "INSTRUMENT = tiny.instrument(Path(__file__).parent, slow=slow_levels.PIPELINE)\n"
)


@contextmanager
def plugin(folder, monkeypatch):
    """The tiny telescope with its slow pipeline, found by its entry point in every process."""
    package = folder / "hven_tiny-0.1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hven-tiny\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text("[hven.instruments]\ntiny = tiny_faults_module:INSTRUMENT\n")
    (folder / "tiny_faults_module.py").write_text(_MODULE)
    for path in (SUPPORT, folder):
        monkeypatch.syspath_prepend(path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (folder, SUPPORT))))
    instruments.load.cache_clear()
    yield
    instruments.load.cache_clear()
    sys.modules.pop("tiny_faults_module", None)


class Platform:
    """Data, cluster and service in a folder.

    Parameters
    ----------
    folder
        Empty.
    workers
        Of the cluster.
    more
        Settings, e.g. of databases.
    """

    def __init__(self, folder, *, workers=2, **more):
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.keys = folder / "keys"
        self.keys.mkdir(mode=0o700)
        make_keys(self.keys)
        self.workers = workers
        engine = {"kind": "address", "address": f"tls://127.0.0.1:{self.port}", "keys": str(self.keys)}
        values = {"root": str(folder / "data"), "state": str(folder / "state"), "instruments": ["tiny"]}
        self.site = folder / "site.yaml"
        self.site.write_text(yaml.safe_dump({**values, "engine": engine, "batch": {"lease_s": 10}, **more}))
        (folder / "data").mkdir(exist_ok=True)
        self.settings = load_settings(self.site, environ={})
        self.registry = DirectRegistry(self.settings.registry_url, self.settings.root)
        self.store = JobStore(Database(self.settings.platform_url), self.settings.batch)
        self.jobs = DirectJobs(self.settings, self.store, self.registry, user="tycho", operator=True)
        self.parts = {}
        self.deaths = Counter()

    def observe(self, detectors, rows=64):
        """Frames of so many detectors."""
        dataset = tiny.frames(rows, seed=1)
        for detector in range(detectors):
            tiny.publish_frames(self.settings.root, self.registry, detector, dataset)

    def submit(self, **config):
        """A job over all detectors."""
        return self.jobs.submit(JobRequest(pipeline="tiny/slow", config={"levels": config}, shared=True)).id

    def start(self, part):
        """Start the cluster or the service; comes back when the cluster answers."""
        words = {
            "scheduler": [SUPPORT / "dask_host.py", self.keys, self.port, self.workers],
            "service": [Path(sys.executable).with_name("hven"), "batch", "--site", self.site],
        }[part]
        with (self.folder / f"{part}.log").open("ab") as log:
            self.parts[part] = subprocess.Popen(
                [sys.executable, *map(str, words)],
                stdout=subprocess.PIPE if part == "scheduler" else log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )
        if part == "scheduler":
            with self.parts[part].stdout as said:
                assert said.readline() == b"up\n"

    def kill(self, part, job):
        """Kill -9 a part in mid-run; what is supervised is started again. False where there was nothing to kill."""
        if part in self.parts:
            self._end(part)
            self.start(part)
        else:
            pid = {"runner": self.runner, "worker": self.worker}[part](job)
            if pid is None:
                return False
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.deaths[part] += 1
        return True

    def _end(self, part):
        process = self.parts[part]
        if part == "scheduler":  # its nannies and workers with it
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()

    def runner(self, job):
        """Process that works on a job, or None."""
        mark = self.store.get(job).runner
        return int(mark.split(":")[1]) if mark else None

    def worker(self, _job):
        """A worker of the cluster, or None while it has none."""
        children = psutil.Process(self.parts["scheduler"].pid).children(recursive=True)
        workers = [p.pid for p in children if "spawn_main" in " ".join(p.cmdline())]
        return workers[0] if workers else None

    def wait(self, job, *, until=None, seconds=300.0):
        """Wait until a job has ended, or for a condition on it; gives it."""
        end = time.monotonic() + seconds
        while True:
            found = self.store.get(job)
            if until(found) if until else found.state.ended:
                return found
            assert time.monotonic() < end, f"{found!r}\n{self.logs()}"
            time.sleep(0.05)

    def published(self):
        """How many products are visible, counted quickly."""
        return len(list(self.settings.root.glob("L1/tiny/*/*/*/*/*/provenance.json")))

    def on_disk(self):
        """How many visible versions each quantum's product has, registered or not."""
        root = self.settings.root
        products = (read_product(root, path) for path in product_paths(root) if path.parts[0] == "L1")
        return Counter(product.quantum_key for product in products)

    def digests(self, job):
        """Digests of content by dataset, of what a job made or found."""
        made = {p.id: p for p in self.registry.find()}
        return {str(made[p].ref): made[p].digest for p in self.jobs.products(job)}

    def logs(self):
        """Ends of all logs."""
        files = [*self.folder.glob("*.log"), *self.folder.glob("state/logs/jobs/*.log")]
        return "\n".join(f"== {file}\n{file.read_text()[-3000:]}" for file in files)

    def close(self):
        if "service" in self.parts:  # it would start what ends here again
            self._end("service")
        for job in self.store.find():
            pid = self.runner(job.id)
            if pid:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        for process in self.parts.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.jobs.close()
        self.registry.close()
