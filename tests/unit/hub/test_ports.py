from __future__ import annotations

import os
import socket

import pytest

from hven.core.errors import ConflictError
from hven.hub.ports import claim_ports, describe_holder, free_port, holder, is_free, read_ports


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_holder_of_a_port_is_the_process_that_listens(listener):
    assert holder(listener).pid == os.getpid()
    assert f"process {os.getpid()}: " in describe_holder(listener)
    assert not is_free(listener)


def test_taken_port_is_refused_with_its_holder_and_a_free_one(listener, tmp_path):
    with pytest.raises(
        ConflictError, match=rf"(?s)port {listener} is taken by process {os.getpid()}.*--port \d+"
    ) as error:
        claim_ports(tmp_path / "ports.json", listener)

    assert error.value.exit_code == 5
    assert not (tmp_path / "ports.json").exists()


def test_ports_differ_and_stay_the_same_while_they_are_free(tmp_path):
    file = tmp_path / "ports.json"
    first = claim_ports(file, free_port())
    again = claim_ports(file, first.public)

    assert len(set(first.model_dump().values())) == 5
    assert again == first == read_ports(file)


def test_port_that_was_taken_meanwhile_is_replaced(tmp_path):
    file = tmp_path / "ports.json"
    first = claim_ports(file, free_port())
    with socket.create_server(("127.0.0.1", first.api)):
        again = claim_ports(file, first.public)

    assert again.api != first.api
    assert again.dashboards == first.dashboards
