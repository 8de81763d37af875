"""What of jobs in Slurm needs no Slurm; the rest is in tests/contracts."""

from __future__ import annotations

import os
from typing import get_args

import pytest

from hven.batch.model import JobClass
from hven.batch.order import Errand, Order, read_order
from hven.batch.sbatch import run_errand
from hven.batch.slurm import read_on
from hven.batch.slurm_ledger import Entry, Ledger
from hven.batch.slurm_states import Standing
from hven.core.errors import ConfigurationError, SettingsError
from hven.core.settings import JobClassName, Settings, SlurmSettings, load_settings

TIDY = Order(7, "", "/etc/hven/site.yaml", errand=Errand("tidy", "hven-test-7-0"))
ENTRY = Entry(7, "a" * 32, "ada", "data-access", "hven-test-7-0123abcd")


def read_back(line):
    reader, writer = os.pipe()
    os.write(writer, line)
    os.close(writer)
    try:
        return read_order(reader)
    finally:
        os.close(reader)


def test_site_files_know_the_classes_of_jobs():
    assert get_args(JobClassName) == tuple(JobClass)


def test_an_order_travels_with_its_errand():
    order = Order(
        7, "lease", "/etc/hven/site.yaml", "http://api", "2026-w48", Errand("submit", "hven-test-7-0", "prompt")
    )

    assert read_back(order.line()) == order
    assert read_back(TIDY.line()) == TIDY
    assert "lease" not in repr(order).replace("lease=", "")


@pytest.mark.parametrize("name", ["../etc", "hven-/../x", "", "other"])
def test_errands_are_for_jobs_of_the_platform_only(name, tmp_path):
    settings = Settings(root=tmp_path, state=tmp_path, slurm=SlurmSettings(spool=tmp_path))
    with pytest.raises(ConfigurationError, match="no job in Slurm"):
        run_errand(settings, Order(7, "", "/site"), Errand("tidy", name))


def test_the_ledger_is_its_owners_alone_and_outlives_the_service(tmp_path):
    ledger = Ledger(tmp_path / "slurm")
    ledger.keep(ENTRY)

    assert [file.stat().st_mode & 0o077 for file in (tmp_path / "slurm", *(tmp_path / "slurm").iterdir())] == [0, 0]
    assert Ledger(tmp_path / "slurm").entries() == [ENTRY]
    assert ENTRY.lease not in repr(ENTRY)

    ledger.forget(ENTRY)
    assert ledger.entries() == []


@pytest.mark.parametrize(
    ("state", "waits", "ended"),
    [("PENDING", True, False), ("RUNNING", False, False), ("COMPLETING", False, False), ("NODE_FAIL", False, True)],
)
def test_slurms_states_are_waiting_at_work_or_ended(state, waits, ended):
    assert (Standing(state).waits, Standing(state).ended) == (waits, ended)


def test_output_is_the_owners_plain_file_or_nothing(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of the service")
    own = secret.stat().st_uid
    assert read_on(secret, 3, owner=own) == b"the service"
    assert read_on(secret, 0, owner=own + 1) == b""

    (tmp_path / "symbolic").symlink_to(secret)
    assert read_on(tmp_path / "symbolic", 0, owner=own) == b""
    (tmp_path / "hard").hardlink_to(secret)
    assert read_on(tmp_path / "hard", 0, owner=own) == b""
    os.mkfifo(tmp_path / "pipe")
    assert read_on(tmp_path / "pipe", 0, owner=own) == b""


@pytest.mark.parametrize("more", ["batch: {launcher: slurm}", "batch: {launcher: slurm}\nserver: {}"])
def test_jobs_in_slurm_need_accounts_and_an_engine_that_follows(more, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(f"root: data\nstate: state\nslurm: {{spool: /spool}}\n{more}\n")
    with pytest.raises(SettingsError, match="section server"):
        load_settings(site, environ={})
