"""Planted secrets vanish from configurations and logs, and nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hven.core.redact import redact

SECRET = "hunter2-S3cr3t"

CONFIGURATIONS = [
    {"wps": {"url": f"http://admin:{SECRET}@192.168.0.100", "quabo_socket": 6}},
    {"wps": {"url": f"https://{SECRET}@power/on?x=1"}},
    {"url": f'http://admin:"{SECRET}/@@power'},
    {"password": SECRET},
    {"nodes": [{"influx_token": SECRET}, {"ClientSecret": [SECRET]}, {"api-key": {"value": SECRET}}]},
    {"comment": f"log in with password={SECRET} please"},
    {"pwd": SECRET, "author": "kept"},
]
LOGS = [
    f"GET http://admin:{SECRET}@power/on",
    f"password: {SECRET}",
    f"--password {SECRET} --verbose",
    f"PASSWORD='{SECRET} and more'",
    f"Authorization: Bearer {SECRET}",
    f'{{"token": "{SECRET}"}}',
    f"influx_token={SECRET}; next",
]


@pytest.mark.parametrize("config", CONFIGURATIONS)
@pytest.mark.parametrize("indent", [None, 4])
def test_secrets_leave_configurations(config, indent):
    redacted = redact("obs_config.json", json.dumps(config, indent=indent).encode())
    assert SECRET.encode() not in redacted
    assert json.loads(redacted).keys() == config.keys()


@pytest.mark.parametrize("line", LOGS)
@pytest.mark.parametrize("name", ["log.txt", "hp_stdout_192.168.1.100", "broken.json"])
def test_secrets_leave_logs(line, name):
    content = f"before\n{line}\nafter\n".encode() + b"\xff\xfe not text"
    redacted = redact(name, content)
    assert SECRET.encode() not in redacted
    assert redacted.startswith(b"before\n")
    assert redacted.endswith(b"after\n\xff\xfe not text")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=8))
def test_no_password_in_a_url_survives(password):
    text = json.dumps({"url": f"http://admin:{password}@power"})
    assert json.loads(redact("obs_config.json", text.encode()))["url"] == "http://***@power"


def test_what_holds_no_secret_stays_byte_for_byte(real_data):
    for path in (real_data / "panoseti" / "run_directories").rglob("*"):
        content = path.read_bytes() if path.is_file() and path.suffix != ".pff" else b""
        if b"@" not in content:
            assert redact(path.name, content) == content, path.name
