"""A runner whose quanta take as long as the job's config says and leave a file each: what exists is not made again.

The files lie in the data root, or in the folder of the job's user where there is one; those of a shared job in its own.
"""

from __future__ import annotations

import sys
import threading
import time

from hven.batch.attempt import run_order
from hven.batch.forkserver import SERVES, serve
from hven.batch.order import read_order
from hven.core.errors import CancelledError
from hven.model.data_id import DataId
from hven.model.quantum import QuantumRecord, QuantumState


def work(settings, job, watch, _registry):
    config = job.request.config["slow"]
    stop = threading.Event()
    watch.on_stop(stop.set)
    watch.expect(config["quanta"], "at work")
    records = []
    for detector in range(config["quanta"]):
        record = quantum(settings, job, config, detector, stop)
        records.append(record)
        watch.add([record])
    return records


def quantum(settings, job, config, detector, stop):
    made = folder_of(settings, job) / f"{detector}.made"
    reused = made.exists()
    failed = not reused and detector in config.get("fail", [])
    if not reused:
        if stop.wait(config["s"]):
            raise CancelledError("stopped")
        if not failed:
            made.write_text(str(job.id))
    return QuantumRecord(
        run=job.run,
        step="slow",
        task="slow.sleep",
        data_id=DataId(detector=detector),
        quantum_key=str(detector),
        state=QuantumState.FAILED if failed else QuantumState.DONE,
        outputs=(),
        reused=reused,
        error="it should" if failed else "",
        flavour="data" if failed else None,
        ended_ns=time.time_ns(),
    )


def folder_of(settings, job):
    own = settings.root / "users" / job.user
    if job.request.shared:
        own = settings.root / "L1" / str(job.id)
        own.mkdir(exist_ok=True)
    return own if own.is_dir() else settings.root


def run(arguments):
    return run_order(read_order(sys.stdin.fileno()), arguments, work)


if __name__ == "__main__":
    sys.exit(serve(lambda: run([])) if sys.argv[1:2] == [SERVES] else run(sys.argv[1:]))
