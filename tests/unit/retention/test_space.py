"""What one's own space holds, what can be made again, and that nothing is begun when it is full."""

from __future__ import annotations

import shlex
import shutil

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from hven.batch.jobs import DirectJobs
from hven.batch.model import JobRequest
from hven.batch.store import JobStore
from hven.cli.main import app
from hven.core.errors import QuotaExceededError
from hven.core.settings import Settings
from hven.registry.database import Database


@pytest.fixture
def mine(obs):
    """Products that a pipeline made, by dataset type."""
    report = obs.process("tiny/all")
    report.raise_for_failures()
    return {str(p.ref.type): p for p in obs.registry.owned("ada")}


def saved(obs, name="flat"):
    return obs.save(xr.Dataset({"a": ("x", np.arange(5))}), name, observation="a", instrument="tiny")


def of(obs, product):
    return next(own for own in obs.space().products if own.product.id == product.id)


def test_used_is_every_byte_that_lies_there(obs, mine):
    saved(obs)
    (obs.root / "users" / "ada" / "note").write_bytes(b"x" * 1000)
    on_disk = sum(p.lstat().st_size for p in (obs.root / "users" / "ada").rglob("*") if p.is_file())
    space = obs.space()

    manifests = sum((obs.root / own.product.path / "manifest.json").stat().st_size for own in space.products)
    assert space.used == on_disk - manifests
    assert space.quota == 10**9
    assert len(space.products) == len(mine) + 1


def test_others_own_and_shared_products_do_not_count(obs):
    obs.user = "bert"
    saved(obs)
    obs.user = "ada"

    assert obs.space().used == 0


def test_what_lies_unregistered_counts_and_is_listed(obs, mine):
    product = saved(obs)
    before = obs.space().used
    obs.registry.remove([product.id])
    space = obs.space()

    assert list(space.unregistered) == [str(product.path)]
    assert space.used == pytest.approx(before, abs=5000)


def test_what_a_pipeline_made_can_be_made_again_by_the_command_that_is_given(obs, mine):
    signal = mine["L1/tiny.signal"]
    command = of(obs, signal).again.command

    assert command == "hven process tiny/all --day-obs 20251021 --observation a --detector 1"
    obs.remove(signal, really=True)
    again = obs.process("tiny/all", day_obs=20251021, observation="a", detector=1)
    made = next(p for p in obs.registry.owned("ada") if p.ref == signal.ref)
    assert not again.failed
    assert (made.digest, made.quantum_key) == (signal.digest, signal.quantum_key)


def test_options_that_differ_stand_in_the_command(obs):
    report = obs.process("tiny/all", config={"levels": {"cell_s": 2.0}})
    own = [own for own in obs.space().products if own.product.run == report.run]

    assert own
    assert all("levels:cell_s=2.0" in shlex.split(o.again.command) for o in own)


def test_what_was_saved_by_hand_cannot_be_made_again(obs):
    again = of(obs, saved(obs)).again

    assert (again.command, again.reason) == ("", "saved by hand")


def test_a_product_whose_input_is_gone_cannot_be_made_again(obs, mine):
    frames = obs.registry.find()[0]
    shutil.rmtree(obs.root / frames.path.parent, ignore_errors=True)
    (obs.root / frames.path).exists() and (obs.root / frames.path).rename(obs.root / "gone")

    assert "is gone" in of(obs, mine["L1/tiny.levels"]).again.reason


def test_a_full_space_refuses_to_save_before_anything_is_written(obs, full):
    product = saved(obs)
    full()
    before = sorted(obs.root.rglob("*"))

    with pytest.raises(QuotaExceededError, match="2 GB of 1 GB") as refused:
        saved(obs, "more")
    assert product.id in refused.value.hint
    assert sorted(obs.root.rglob("*")) == before


def test_a_full_space_refuses_to_process_and_to_submit(obs, full, settings):
    full()
    jobs = DirectJobs(settings, JobStore(Database(settings.platform_url)), obs.registry, user="ada", operator=True)

    with pytest.raises(QuotaExceededError):
        obs.process("tiny/all")
    with pytest.raises(QuotaExceededError):
        jobs.submit(JobRequest(pipeline="tiny/all"))
    assert jobs.submit(JobRequest(pipeline="tiny/all", shared=True)).id
    jobs.close()


def test_a_job_that_waited_until_the_space_was_full_makes_nothing(obs, full, settings):
    from hven.batch.work import process

    jobs = DirectJobs(settings, JobStore(Database(settings.platform_url)), obs.registry, user="ada")
    job = jobs.submit(JobRequest(pipeline="tiny/all"))
    full()

    with pytest.raises(QuotaExceededError):
        process(settings, job, None, obs.registry)
    assert obs.registry.owned("ada") == []
    jobs.close()


def test_the_try_out_has_no_quota(obs, full):
    full()
    obs.settings = Settings.model_validate({**obs.settings.model_dump(), "server": None})

    assert obs.space().quota is None
    assert not obs.space().is_full
    saved(obs)


def test_the_command_lists_it(obs, mine, settings, tmp_path):
    import json

    import yaml

    site = tmp_path / "site.yaml"
    site.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    done = CliRunner().invoke(app, ["space", "--site", str(site), "--json"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["quota"] == 10**9
    assert CliRunner().invoke(app, ["space", "--site", str(site)]).exit_code == 0
