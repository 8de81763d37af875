"""Several processes write at the same time, and one is killed: nothing is lost and nothing is half there."""

from __future__ import annotations

import subprocess
import sys

from small_products import product

from hven.model.data_id import TypeName
from hven.registry.direct import DirectRegistry

WRITER = """
import sys
from pathlib import Path
from small_products import product
from hven.registry.direct import DirectRegistry
with DirectRegistry(sys.argv[1], Path(sys.argv[2])) as registry:
    for number in range(int(sys.argv[4])):
        made = [product(run=f"r/{sys.argv[3]}", detector=d, observation=f"{sys.argv[3]}.{number}") for d in range(5)]
        registry.register(made, inputs={p.id: [made[0].id] for p in made})
        print(number, flush=True)
"""
L1 = TypeName.parse("L1/panoseti.ph1024")


def start(repository, url, folder, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(repository / "tests" / "support"), "PATH": "/usr/bin:/bin"},
    )


def test_writers_of_several_processes_lose_nothing(repository, tmp_path, database_url):
    DirectRegistry(database_url, tmp_path).close()
    writers = [start(repository, database_url, tmp_path, name, 10) for name in ("a", "b")]

    for writer in writers:
        writer.communicate(timeout=120)

    assert [w.returncode for w in writers] == [0, 0]
    with DirectRegistry(database_url, tmp_path) as registry:
        assert len(registry.find(L1)) == 2 * 10 * 5


def test_a_killed_writer_leaves_whole_transactions(repository, tmp_path, database_url):
    DirectRegistry(database_url, tmp_path).close()
    with start(repository, database_url, tmp_path, "a", 100_000) as writer:
        told = [writer.stdout.readline() for _ in range(4)]
        writer.kill()

    assert told == [b"0\n", b"1\n", b"2\n", b"3\n"]

    with DirectRegistry(database_url, tmp_path) as registry:
        found = registry.find(L1)
        assert len(found) % 5 == 0
        assert len(found) >= 5 * len(told)
        registry.register([product(observation="after")], inputs={})
