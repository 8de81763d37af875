"""Planted secrets vanish from configurations and logs, and nothing else does."""

from __future__ import annotations

import json
import time

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
    {"wps_pass": SECRET, "wpsPass": SECRET, "Wps-Pass": SECRET},
    {"pw": SECRET, "admin_pw": {"value": SECRET}},
    {"auth": f"admin:{SECRET}", "basic_auth": ["admin", SECRET]},
    {"wps": f"admin:{SECRET}@192.168.1.1"},
    {"command": f"curl -u admin:{SECRET} power/on"},
    {"argv": ["curl", "-u", f"admin:{SECRET}", "--wps-pass", SECRET]},
    {"pair": ["password", SECRET]},
    {"key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n{SECRET}\n-----END RSA PRIVATE KEY-----\n"},
]
LOGS = [
    f"GET http://admin:{SECRET}@power/on",
    f"password: {SECRET}",
    f"--password {SECRET} --verbose",
    f"PASSWORD='{SECRET} and more'",
    f"Authorization: Bearer {SECRET}",
    f'{{"token": "{SECRET}"}}',
    f"influx_token={SECRET}; next",
    f"wps_pass={SECRET}",
    f"set wps_pass {SECRET}",
    f"curl -u admin:{SECRET} http://power/on",
    f"curl -uadmin:{SECRET} http://power/on",
    f"curl --user 'admin:{SECRET} and more' http://power/on",
    f"['curl', '-u', 'admin:{SECRET}']",
    f"['set', '--password', '{SECRET}', '--verbose']",
    f"<password>{SECRET}</password>",
    f'<w:wpsPass kind="plain"><![CDATA[{SECRET}]]></w:wpsPass>',
    f"('password', '{SECRET}')",
    f"(b'password', b'{SECRET}')",
    f"the password is {SECRET}",
    f"password: hello {SECRET}",
    f"wps_pass = hello {SECRET}",
    f"Password for admin: {SECRET}",
    f"connected to admin:{SECRET}@192.168.1.1",
    f"connected to //admin:{SECRET}@power:8080/on",
    f"auth=admin:{SECRET}",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
]
HARMLESS = [
    "a low-pass filter, the pass band, compass north, bypass valve, passband V, auth failed",
    "compass: 120 deg, bypass = on, passband=500 nm, low-pass: 10 Hz",
    "at 12:30:00 and 2023-08-02T00:39:47Z",
    "12:30:00@Lick 2023-08-02T00:39:47@Lick",
    "author: Wei Liu <wei.liu@example.edu>, mail ada@example.org",
    "mailto:ada@example.org contact:ada@example.org author=ada@example.org",
    "00:1a:2b:3c:4d:5e 00:1a:2b:3c:4d:5e@eth0",
    "fe80::1ff:fe23:4567:890a%eth0 [2001:db8::1]:8000 fe80::1@eth0",
    "http://192.168.0.100:8080/on tcp://10.0.0.1:8786",
    "git@github.com:panoseti/panoseti.git image:tag@sha256:0123",
    "python -u main.py --user tycho, date -u +%H:%M:%S, docker run -u 1000:1000",
    "the laser gives 3 pW: well; the author is known",
    "<compass>120</compass> ('compass', '120')",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
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


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text):
    config = json.dumps({"comment": text, "list": [text, 1]}).encode()

    assert redact("log.txt", text.encode()) == text.encode()
    assert redact("obs_config.json", config) == config


def test_names_that_only_sound_secret_keep_their_values():
    config = {
        "compass": 1,
        "bypass": "on",
        "passband": "V",
        "low_pass": 3,
        "author": "Wei Liu",
        "pass_band": "r",
        "tcp://h:80": 1,
    }
    content = json.dumps({**config, "pass": True, "use_auth": False, "flux_pw": 2.5, "pair": ["compass", 120]}).encode()

    assert redact("obs_config.json", content) == content


def test_keys_that_differ_in_their_secrets_alone_both_stay():
    config = {"http://admin:PW@power/": 1, "http://guest:other@power/": 2}

    redacted = json.loads(redact("obs_config.json", json.dumps(config).encode()))

    assert redacted == {"http://***@power/": 1, "http://***@power/ (2)": 2}


def test_a_private_key_that_is_cut_short_is_hidden():
    content = f"before\n-----BEGIN PRIVATE KEY-----\n{SECRET}".encode()

    assert redact("log.txt", content) == b"before\n-----BEGIN PRIVATE KEY-----***"


def test_what_stands_beside_a_secret_stays():
    line = f'{{"comment": "password: hello {SECRET}", "port": 80}}'

    assert redact("log.txt", line.encode()) == b'{"comment": "password: ***", "port": 80}'
    assert redact("log.txt", b"<a><pw>x</pw><b>1</b></a>") == b"<a><pw>***</pw><b>1</b></a>"


def test_long_lines_take_no_longer_than_others():
    content = b"0123456789abcdef" * 20_000

    begin = time.process_time()
    assert redact("log.txt", content) == content
    assert time.process_time() - begin < 5


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=8))
def test_no_password_in_a_url_survives(password):
    text = json.dumps({"url": f"http://admin:{password}@power"})
    assert json.loads(redact("obs_config.json", text.encode()))["url"] == "http://***@power"


def test_genuine_files_lose_their_secrets_and_nothing_else(real_data):
    for path in (real_data / "panoseti" / "run_directories").rglob("*"):
        content = path.read_bytes() if path.is_file() and path.suffix != ".pff" else b""
        if b"@" in content:
            expected = json.loads(content.replace(b"//REDACTED@", b"//***@"))
            assert json.loads(redact(path.name, content)) == expected, path.name
        else:
            assert redact(path.name, content) == content, path.name
