"""Ten people at once on one machine, about 8 minutes on 2 cores: log in, start, look, submit; nothing is lost."""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import people
import psutil
import pytest
import whole_night
from crowd import crowd

from hven.cluster.private_pages import WORKER_NAME
from hven.registry.remote import RemoteRegistry

pytestmark = pytest.mark.soak
USERS = 10
VISITS = 3
ENGINE = {"kind": "local", "profiles": {"small": {"workers": 2}}, "default_profile": "small"}
SLOWEST_SPAWN_S, SLOWEST_PAGE_S = 120.0, 3.0
LOOK_UP_S, PAGE_ALONE_S = 0.010, 1.0


@dataclass
class Told:
    """What one of them met with."""

    name: str
    spawn_s: float
    pages_s: list[float]
    job: dict
    answer: str


@pytest.fixture(scope="module")
def platform(accounts, installation):
    settings = {**whole_night.SITE, "engine": ENGINE, "batch": {"slots": 2}}
    with people.running(accounts, installation, **settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def product(platform, tmp_path_factory):
    """The product that everybody looks at; its night has been processed for all."""
    runs = whole_night.simulate(tmp_path_factory.mktemp("night"))[:1]
    whole_night.deliver(platform, runs)
    whole_night.archived(platform, 1)
    olga = platform.person(platform.accounts.olga)
    job = whole_night.ended(olga, whole_night.submit(olga, "panoseti/nightly", shared=True))
    return next(p for p in whole_night.made(platform, job["run"]) if str(p.ref.type) == "L1/panoseti.img16")


@pytest.fixture(scope="module")
def alone(platform, product):
    """Seconds of look-ups and of pages while nobody else is there."""
    olga = platform.person(platform.accounts.olga)
    with closing(RemoteRegistry(f"{platform.address}/services/api", f"token {olga.token}")) as registry:
        assert registry.find_one(product.ref).id == product.id
        look_ups = [seconds(lambda: registry.find_one(product.ref)) for _ in range(300)]
    pages = [seconds(lambda: see(olga, product)) for _ in range(12)][2:]
    sys.stdout.write(
        f"\nlook-up through the hub's proxy: median {1e3 * statistics.median(look_ups):.1f} ms, p95 {p95(look_ups)}\n"
    )
    sys.stdout.write(f"page for one user: median {statistics.median(pages):.2f} s, worst {max(pages):.2f} s\n")
    return look_ups, pages


@pytest.fixture(scope="module")
def crowded(platform, accounts, product, alone):
    """What ten people met with at the same time, and the largest number of Dask's threads meanwhile."""
    with crowd(accounts, USERS) as members, pytest.MonkeyPatch.context() as patch, watched(members) as most:
        patch.setattr(people, "START_S", 600)
        together = threading.Barrier(USERS)
        with ThreadPoolExecutor(USERS) as pool:
            told = list(pool.map(lambda one: meet(platform, one[1], one[0], product, together), enumerate(members)))
        born = {one.name: whole_night.made(platform, one.job["run"]) for one in told}
        owners = {
            (platform.site.root / product.path).stat().st_uid == account.uid
            for account in members
            for product in born[account.name]
        }
    spawns, pages = [t.spawn_s for t in told], [s for t in told for s in t.pages_s]
    sys.stdout.write(f"\nspawn: median {statistics.median(spawns):.0f} s, p95 {p95(spawns)}; page: p95 {p95(pages)}\n")
    sys.stdout.write(f"Dask's threads: {max(most)} at most, of {len(most)} samples, on {os.cpu_count()} cores\n")
    return told, born, owners, most


def meet(platform, account, number, product, together):
    together.wait()
    person = platform.log_in(account)
    assert person.answer.status_code == 200
    spawn = seconds(person.start_server)
    pages = [seconds(lambda: see(person, product)) for _ in range(VISITS)]
    config = {"img16.pedestals": {"clip": 4.0 + number / 10}}
    job = whole_night.submit(
        person, "panoseti/calibrate", config=config, values={"detector": [product.ref.data_id["detector"]]}
    )
    answer = person.compute("print(6 * 7)")
    return Told(person.name, spawn, pages, whole_night.ended(person, job, 1800), answer)


def see(person, product):
    """The whole document of an observation's page."""
    where = {"observation": product.ref.data_id["observation"]}
    answer = person.browser.get("/services/dashboards/observation", params=where)
    hops = [*answer.history, answer]
    if len(hops) > 1:
        sys.stdout.write("".join(f"{hop.url.path} {hop.elapsed.total_seconds():.2f} s; " for hop in hops) + "\n")
    assert answer.status_code == 200
    assert '"token"' in answer.text


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def p95(values):
    return f"{statistics.quantiles(values, n=20, method='inclusive')[-1]:.3g} s"


@contextmanager
def watched(members):
    """Dask's threads of some people and of services, sampled from /proc; one thread a worker."""
    done, samples = threading.Event(), [0]
    uids = {member.uid for member in members}

    def look():
        while not done.wait(0.5):
            samples.append(sum(map(is_worker, (p for p in psutil.process_iter() if uid_of(p) in uids))))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def uid_of(process):
    try:
        return process.uids().real
    except psutil.Error:
        return None


def is_worker(process):
    try:
        return process.name() == WORKER_NAME
    except psutil.Error:
        return False


def test_one_user_alone_waits_for_nothing(alone):
    look_ups, pages = alone

    assert statistics.median(look_ups) <= LOOK_UP_S
    assert statistics.median(pages) <= PAGE_ALONE_S


def test_everybody_is_served_and_nothing_is_lost(crowded):
    told, born, owners, _ = crowded

    assert len({one.name for one in told}) == USERS
    assert {one.answer for one in told} == {"42\n"}
    assert {one.job["state"] for one in told} == {"SUCCEEDED"}
    assert len({one.job["run"] for one in told}) == USERS
    for one in told:
        assert len({p.ref for p in born[one.name]}) == len(born[one.name]) > 0
    assert owners == {True}


def test_servers_start_and_pages_answer_in_time(crowded):
    told, *_ = crowded
    spawns, pages = [one.spawn_s for one in told], [s for one in told for s in one.pages_s]

    assert statistics.quantiles(spawns, n=20, method="inclusive")[-1] <= SLOWEST_SPAWN_S
    assert statistics.quantiles(pages, n=20, method="inclusive")[-1] <= SLOWEST_PAGE_S


def test_dask_never_has_more_threads_than_the_machine_has_cores(crowded):
    *_, samples = crowded

    assert 0 < max(samples) <= len(os.sched_getaffinity(0))
