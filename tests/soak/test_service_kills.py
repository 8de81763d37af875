"""API, batch, archive and hub killed one after another while people work, 6 minutes: nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass

import pytest
import whole_night
from people import running

from hven.hub.supervised import is_healthy
from hven.model.collection import CollectionKind, owner_of
from hven.registry.direct import DirectRegistry
from hven.store.index import product_paths

pytestmark = pytest.mark.soak
KILLED = ("api", "batch", "ingest", "hub")
SETTINGS = {
    **whole_night.SITE,
    "ingest": {"poll_s": 0.5, "settle_s": 3600},  # runs are taken when they are complete
    "batch": {"slots": 2},
}
BEGIN = """
import threading, hven
from hven.core.errors import ServiceUnavailableError
obs, looked, away, stop = hven.connect(), [], [], threading.Event()
def look():
    while not stop.wait(0.2):
        try:
            row = obs.find("panoseti.img16", level="L0").sort_values("observation").iloc[0]
            what = {"observation": row.observation, "detector": int(row.detector)}
            looked.append(float(obs.open("panoseti.img16", level="L0", **what)["images"].isel(time=0).mean()))
        except ServiceUnavailableError as error:
            away.append(str(error))
thread = threading.Thread(target=look)
thread.start()
"""
END = """
import json
before = len(looked)
while len(looked) < before + 3 and thread.is_alive():
    stop.wait(0.1)
stop.set()
thread.join()
print(json.dumps({"looked": len(looked), "values": sorted(set(looked)), "away": away, "after": len(looked) - before}))
"""


@dataclass
class Outcome:
    """What a night came to: everything registered, what lies on the disk, and what the kernel saw."""

    born: list[tuple[str, str]]
    shared: list[tuple[str, str]]
    of_jobs: list[list[tuple[str, str]]]
    registered: set[str]
    on_disk: set[str]
    unfinished: list[str]
    raw: dict[str, str]
    kernel: dict
    attempts: list[int]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return whole_night.simulate(tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="module")
def undisturbed(accounts, installation, runs):
    with running(accounts, installation, **SETTINGS) as platform:
        return work(platform, runs, lambda _platform: None)


@pytest.fixture(scope="module")
def killed(accounts, installation, runs):
    with running(accounts, installation, **SETTINGS) as platform:
        return work(platform, runs, kill_each)


def work(platform, runs, during):
    """A night in which a kernel computes, jobs run and files arrive at the same time."""
    olga, ada = platform.person(platform.accounts.olga), platform.person(platform.accounts.ada)
    whole_night.deliver(platform, runs[:1])
    first = {"observation": [whole_night.archived(platform, 1)[0].ref.data_id["observation"]]}
    ada.start_server()
    ada.compute(BEGIN)
    shared = whole_night.submit(olga, "panoseti/nightly", shared=True, values=first)
    own = whole_night.submit(ada, "panoseti/calibrate", values=first, config={"img16.pedestals": {"clip": 4.5}})
    delivery = threading.Thread(target=deliver_slowly, args=(platform, runs[1:]))
    delivery.start()
    during(platform)
    delivery.join()
    jobs = [whole_night.ended(olga, shared, 900), whole_night.ended(ada, own, 900)]
    whole_night.archived(platform, len(runs))
    jobs.append(whole_night.ended(olga, whole_night.submit(olga, "panoseti/nightly", shared=True), 900))
    return outcome(platform, json.loads(ada.compute(END)), jobs)


def deliver_slowly(platform, runs):
    """A run in some ten seconds; that it is complete is said last."""
    cora = platform.accounts.cora
    target = platform.site.root / "incoming" / cora.name
    for run in runs:
        handed = platform.site.root.parent / "slow" / run.name
        shutil.copytree(run, handed)
        os.chown(handed.parent, cora.uid, cora.gid)
        slowly = ("rsync", "-rt", "--partial-dir=.partial", "--bwlimit=60", "--exclude=run_complete")
        for command in (slowly, ("rsync", "-rt")):
            done = cora.run(*command, handed, f"{target}/")
            assert done.returncode == 0, done.stderr


def kill_each(platform):
    for name in KILLED:
        time.sleep(4)
        before = pids(platform)[name]
        os.kill(before, signal.SIGKILL)
        whole_night.until(lambda name=name, before=before: pids(platform).get(name) not in {before, None}, 180)
        whole_night.until(lambda: is_well(platform), 180)


def pids(platform):
    found = json.loads(platform.hven("status", "--json").stdout)
    return {row["name"]: row["pid"] for row in found["services"] if row["state"] == "running"}


def is_well(platform):
    return is_healthy(platform.address) and not platform.hven("status").returncode


def outcome(platform, kernel, jobs):
    settings = platform.site.settings
    root = settings.root
    with closing(DirectRegistry(settings.registry_url, root)) as registry:
        runs = [c.name for c in registry.collections() if c.kind == CollectionKind.RUN]
        found = [p for run in runs for p in registry.find(collection=run)]
        quanta = [registry.quanta(run=job["run"]) for job in jobs]
        results = [[registry.get(p) for quantum in some for p in quantum.products] for some in quanta]
    raw = {
        f"{manifest.parent.name}/{file['name']}": file["sha256"]
        for manifest in (root / "L0").glob("*/*/*/manifest.json")
        for file in json.loads(manifest.read_text())["files"]
    }
    return Outcome(
        sorted((owner_of(p.run), str(p.ref)) for p in found),
        contents(p for p in found if not owner_of(p.run)),
        [contents(some) for some in results],
        {str(p.path) for p in found},
        {str(path) for path in product_paths(root)},
        [str(path) for path in root.rglob(".part-*")],
        raw,
        kernel,
        [job["attempt"] for job in jobs],
    )


def contents(products):
    return sorted((str(p.ref), p.digest) for p in products)


def test_every_product_is_there_once_with_the_same_content(undisturbed, killed):
    """A job may make what it needs or find that another has made it: both give the same."""
    assert len(set(killed.born)) == len(killed.born)
    assert killed.shared == undisturbed.shared
    assert killed.of_jobs == undisturbed.of_jobs
    assert all(killed.of_jobs)


@pytest.mark.parametrize("which", ["undisturbed", "killed"])
def test_registry_and_disk_agree(which, request):
    found = request.getfixturevalue(which)

    assert found.on_disk == found.registered
    assert found.unfinished == []


def test_raw_files_are_the_same(undisturbed, killed):
    assert killed.raw == undisturbed.raw
    assert len(killed.raw) > 10


def test_a_kernel_goes_on(undisturbed, killed):
    sys.stdout.write(
        f"\nkernel: {killed.kernel['looked']} looks, {len(killed.kernel['away'])} times nobody answered in time\n"
    )
    sys.stdout.write(f"attempts of jobs: {killed.attempts}; undisturbed: {undisturbed.attempts}\n")

    assert killed.kernel["values"] == undisturbed.kernel["values"]
    assert killed.kernel["after"] >= 3
    assert undisturbed.kernel["away"] == []
