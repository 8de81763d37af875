from __future__ import annotations

import json

import pytest

from hven.core.logging import configure, get_logger, hide_secrets

log = get_logger("room")


@pytest.mark.parametrize("time", ["first", "second"])
def test_lines_go_to_standard_error_as_it_is_now(capsys, time):
    configure(json=True)

    log.warning("late", time=time)

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["time"], line["room"]) == ("late", time, "room")


def test_secrets_do_not_reach_a_line(capsys):
    configure(json=True)

    log.warning("asked", token="geheim", url="http://u:geheim@host/?token=geheim", sizes=[1])

    assert "geheim" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8000",
        "http://127.0.0.1:8000/user/ada@example.org?next=/",
        "tls://10.0.0.1:8786",
        "tls://[::1]:8786",
        "tls://10.0.0.1:8786 lost, tell ada@example.org",
    ],
)
def test_ports_stay(address):
    assert hide_secrets(None, "", {"address": address}) == {"address": address}


@pytest.mark.parametrize("password", ["geheim", "geheim@home", "1234", "ge/heim", "8000x/y"])
def test_passwords_of_addresses_go(password):
    address = f"postgresql://hven:{password}@db:5432/registry"

    assert hide_secrets(None, "", {"url": address}) == {"url": "postgresql://hven:***@db:5432/registry"}


def test_lines_below_the_level_are_dropped(capsys):
    configure(json=False, level="WARNING")

    log.info("small talk")

    assert capsys.readouterr().err == ""
