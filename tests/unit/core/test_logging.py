from __future__ import annotations

import json

import pytest

from hven.core.logging import configure, get_logger

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


def test_lines_below_the_level_are_dropped(capsys):
    configure(json=False, level="WARNING")

    log.info("small talk")

    assert capsys.readouterr().err == ""
