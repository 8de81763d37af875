"""Workers on hosts reached by ssh: a real sshd on loopback that answers to several names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from loopback_sshd import HOSTS
from structlog.testing import capture_logs

from hven.cluster.make import make_engine
from hven.cluster.ssh import SshEngine
from hven.core.errors import CommunicationFailedError, ConfigurationError, WorkerLostError
from hven.core.settings import EngineSettings, Profile
from hven.testing.engine import square

ONE = Profile(workers=1, memory_gb=1.0)
CALLER = """
import sys, time
from pathlib import Path
from hven.cluster.ssh import SshEngine
from hven.core.settings import Profile
if __name__ == "__main__":
    engine = SshEngine(Profile(workers=1, memory_gb=1.0), ["node1"], config=Path(sys.argv[1]))
    print(list(engine._client.run(__import__("os").getpid).values())[0], flush=True)
    time.sleep(600)
"""


def nodes():
    """Processes of nodes that run now, of whatever cluster."""
    command = ["-m", "hven.cluster.ssh_node"]
    running = psutil.process_iter(["cmdline"])
    return {process.pid for process in running if (process.info["cmdline"] or [])[-2:] == command}


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


def test_workers_are_dealt_out_and_speak_tls_with_keys_of_their_own_folder(ssh_config):
    def keys_of_worker(dask_worker):  # inside, so that it travels whole: the hosts do not know the tests
        folder = Path(dask_worker.security.tls_ca_file).parent
        return str(folder), [oct(path.stat().st_mode & 0o777) for path in (folder, *sorted(folder.glob("cluster.*")))]

    settings = EngineSettings(
        kind="ssh", hosts=HOSTS, ssh_config=ssh_config, profiles={"x": Profile(workers=3, memory_gb=1.0)}
    )
    engine = make_engine(settings, "x")
    own = engine._client.cluster.security.tls_ca_file
    addresses = list(engine._client.nthreads())
    found = engine._client.run(keys_of_worker)
    ssh = [child.pid for child in psutil.Process().children() if child.name() == "ssh"]
    secret = (Path(own).parent / "cluster.key").read_text().splitlines()[1]
    started = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]

    engine.close()

    folders = [folder for folder, _ in found.values()]
    assert len(addresses) == engine.cores == 3
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
    assert len(ssh) >= 2
    assert [modes for _, modes in found.values()] == [["0o700", "0o600", "0o600"]] * 3
    assert len(set(folders)) == 2
    assert own not in folders
    assert not any(secret in argument for command in started for argument in command)
    assert not any(Path(folder).exists() for folder in (*folders, Path(own).parent))


@pytest.mark.parametrize(
    ("host", "python", "error", "says"),
    [
        ("nowhere", "", CommunicationFailedError, "nowhere cannot be reached: .*refused"),
        ("keyless", "", CommunicationFailedError, "keyless refuses the key"),
        ("stranger", "", CommunicationFailedError, "stranger does not have the host key"),
        ("-oProxyCommand=touch /tmp/never", "", CommunicationFailedError, "cannot be reached"),
        ("node1", "/no/such/python", ConfigurationError, "node1 has no /no/such/python"),
        ("node1", "/bin/false", ConfigurationError, "node1: /bin/false cannot run hven"),
    ],
)
def test_a_host_that_cannot_work_is_named_with_the_reason(ssh_config, host, python, error, says):
    with pytest.raises(error, match=says):
        SshEngine(ONE, [host], python=python, config=ssh_config)

    assert not Path("/tmp/never").exists()


def test_one_bad_host_leaves_nothing_running_on_the_good_ones(ssh_config):
    before = nodes()

    with pytest.raises(CommunicationFailedError, match="keyless"):
        SshEngine(Profile(workers=2, memory_gb=1.0), ["node1", "keyless"], config=ssh_config)

    wait_until(lambda: nodes() <= before)


def test_without_hosts_there_is_no_engine():
    with pytest.raises(ConfigurationError, match="no hosts"):
        SshEngine(ONE, [])


def test_a_dead_worker_is_told_and_the_engine_goes_on(ssh_config):
    def kill_me(_item):
        os.kill(os.getpid(), signal.SIGKILL)

    with SshEngine(ONE, ["node1"], config=ssh_config) as engine:
        (outcome,) = engine.map(kill_me, [0])
        assert isinstance(outcome.error, WorkerLostError)
        assert [o.value for o in engine.map(square, [3])] == [9]


def test_workers_may_print_as_much_as_they_like(ssh_config):
    def say_much(item):
        for _ in range(1000):
            os.write(1, b"much\n" * 2000)
        return item

    with SshEngine(ONE, ["node1"], config=ssh_config) as engine:
        assert [o.value for o in engine.map(say_much, [1])] == [1]


def test_a_host_that_is_lost_while_it_works_is_told_for_all_that_waits(ssh_config):
    before = nodes()
    with SshEngine(ONE, ["node1"], config=ssh_config) as engine:
        started, told = nodes() - before, []
        for outcome in engine.map(lambda item: item if item == 0 else time.sleep(600), range(5)):
            told.append(outcome)
            if outcome.index == 0:
                for node in started:
                    os.kill(node, signal.SIGKILL)

    assert told[0].value == 0
    assert {outcome.index for outcome in told} == set(range(5))
    assert all("node1 was lost while it worked" in str(outcome.error) for outcome in told[1:])


def test_one_lost_host_of_two_is_told_of_once_and_the_other_does_the_rest(ssh_config):
    before, two = nodes(), Profile(workers=2, memory_gb=1.0)
    with capture_logs() as log, SshEngine(two, ["node1", "node2"], config=ssh_config) as engine:
        os.kill(min(nodes() - before), signal.SIGKILL)
        wait_until(lambda: any(node.ended for node in engine._nodes) and len(engine._client.nthreads()) == 1)
        found = [[outcome.value for outcome in engine.map(square, [number] * 3)] for number in range(3)]

    assert found == [[0] * 3, [1] * 3, [4] * 3]
    (told,) = (line for line in log if "lost" in line["event"])
    assert {told["host"], *told["left"]} == {"node1", "node2"}
    assert f"{told['host']} was lost while it worked" in told["why"]


def test_a_killed_caller_leaves_nothing_on_the_hosts(ssh_config):
    before = nodes()
    with subprocess.Popen([sys.executable, "-c", CALLER, str(ssh_config)], stdout=subprocess.PIPE) as caller:
        worker = int(caller.stdout.readline())
        started = nodes() - before
        caller.kill()

    assert started
    wait_until(lambda: not started & nodes() and not psutil.pid_exists(worker))
