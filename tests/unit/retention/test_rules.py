"""Products that rules let go: what expires, what stays and why, what a kill leaves."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest
import retained
import small_products
import yaml

from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError, SettingsError, UnknownNameError
from hven.core.settings import ServerSettings, load_settings
from hven.model.collection import Collection, CollectionKind, Validity
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.retention import Hold
from hven.observatory.opening import open_product
from hven.pipeline.runner import this_process
from hven.retention.plan import Action
from hven.store import trash


@pytest.fixture
def site(database_url, tmp_path):
    with retained.small(tmp_path, database_url, retained.rules()) as made:
        yield made


@pytest.fixture
def quick(tmp_path):
    with retained.small(tmp_path, f"sqlite:///{tmp_path}/registry.sqlite", retained.rules()) as made:
        yield made


def actions(plan):
    return {line.id: line.action for line in plan.lines}


def reasons(plan):
    return {line.id: line.reason for line in plan.lines}


def test_a_product_expires_then_lies_in_the_trash_then_is_gone(site, tmp_path):
    product = site.publish()

    assert actions(site.plan(9)) == {product.id: Action.WAIT}
    assert actions(site.plan(11)) == {product.id: Action.EXPIRE}
    assert site.found() == ({product.id}, {product.id})
    site.apply(11)
    assert site.found() == (set(), set())
    assert site.registry.get(product.id) == product
    assert not (site.root / product.path.parent / "current").exists()
    assert site.agrees(tmp_path)

    site.apply(17)
    assert (site.root / product.path / "manifest.json").exists()
    site.apply(18)
    assert not (site.root / product.path).exists()
    assert [one.id for one in trash.in_trash(site.root)] == [product.id]
    with pytest.raises(DatasetNotFoundError):
        site.registry.get(product.id)
    assert site.agrees(tmp_path)

    site.apply(24)
    assert [one.id for one in trash.in_trash(site.root)] == [product.id]
    site.apply(25)
    assert list((site.root / ".trash").iterdir()) == []
    done = [(deed.who, deed.what) for deed in reversed(site.audit.deeds(target=product.id))]
    assert done == [("tycho", "expire"), ("tycho", "trash"), ("tycho", "delete")]


def test_an_open_zarr_is_read_on_through_the_grace_period(site):
    product = site.publish()
    lazy = open_product(site.root, product, chunks={})
    site.apply(11)

    assert lazy["a"].values.tolist() == [0, 1, 2]
    assert open_product(site.root, site.registry.get(product.id), chunks=None)["a"].sizes == {"time": 3}


def test_raw_data_and_own_products_are_never_candidates(site):
    raw = site.publish("L0/panoseti.ph1024", run="panoseti/raw/all")
    stray = site.publish("L0/panoseti.img16", run=retained.RUN)
    own = site.publish("L2/panoseti.mine", run="u/ada/mine", user="ada")
    for days in (11, 50, 100):
        site.apply(days)

    assert site.plan(1000).lines == ()
    assert all((site.root / p.path).is_dir() for p in (raw, stray, own))


@pytest.mark.parametrize("target", ["id", retained.RUN, "panoseti/best"])
def test_what_is_held_stays_and_says_so(site, target, tmp_path):
    product = site.publish()
    site.registry.define(Collection("panoseti/best", CollectionKind.TAGGED))
    site.registry.tag("panoseti/best", [product.id])
    hold = Hold(product.id if target == "id" else target, "ada", "for the paper", 7)
    site.registry.hold(hold)

    assert reasons(site.plan(11)) == {product.id: "held by ada: for the paper"}
    site.apply(11)
    assert site.found()[1] == {product.id}
    assert site.agrees(tmp_path)
    site.registry.unhold(hold)
    assert actions(site.plan(11)) == {product.id: Action.EXPIRE}
    assert site.agrees(tmp_path)


def test_a_tag_alone_keeps_nothing_but_a_release_does(site):
    product = site.publish()
    for name in ("panoseti/best", "panoseti/releases/dr1"):
        site.registry.define(Collection(name, CollectionKind.TAGGED))
    site.registry.tag("panoseti/best", [product.id])

    assert actions(site.plan(11)) == {product.id: Action.EXPIRE}
    site.registry.tag("panoseti/releases/dr1", [product.id])
    assert reasons(site.plan(11)) == {product.id: "in release panoseti/releases/dr1"}


def test_a_certified_calibration_stays(site):
    product = site.publish()
    site.registry.certify("panoseti/calib/gain", Validity(product.id, 0, 10))

    assert reasons(site.plan(11)) == {product.id: "certified in panoseti/calib/gain"}


def test_inputs_of_what_stays_stay_over_any_number_of_steps(site):
    first = site.publish("L1/panoseti.ph1024")
    second = site.publish("L1/panoseti.img16", inputs=[first])
    third = site.publish("L2/panoseti.pulses", inputs=[second])
    own = site.publish("L2/panoseti.mine", run="u/ada/mine", user="ada", inputs=[third])

    assert reasons(site.plan(11)) == {
        first.id: f"input of {second.id}",
        second.id: f"input of {third.id}",
        third.id: f"input of {own.id}",
    }
    site.registry.remove([own.id])
    assert set(actions(site.plan(11)).values()) == {Action.EXPIRE}


def test_a_running_quantum_keeps_its_run_and_what_it_may_read(quick):
    product = quick.publish()
    began = small_products.NIGHT + 10 * retained.DAY
    record = partial(QuantumRecord, step="s", task="t", data_id=product.ref.data_id, quantum_key="k", outputs=())
    runs = partial(record, state=QuantumState.RUNNING, runner=this_process(), started_ns=began)
    quick.registry.record_quanta([runs(retained.RUN)])
    assert reasons(quick.plan(11)) == {product.id: f"{retained.RUN} is running"}

    quick.registry.record_quanta([record(retained.RUN, state=QuantumState.DONE), runs("other")])
    quick.apply(11)
    assert reasons(quick.plan(30)) == {product.id: "a quantum that began before it expired still runs"}
    quick.registry.record_quanta([record("other", state=QuantumState.DONE)])
    assert actions(quick.plan(30)) == {product.id: Action.TRASH}


def test_the_last_good_versions_stay(tmp_path):
    with retained.small(tmp_path, f"sqlite:///{tmp_path}/registry.sqlite", retained.rules(keep_last=2)) as site:
        old, middle, new = (site.publish(run=f"panoseti/runs/nightly/{n}") for n in range(3))

        assert actions(site.plan(11)) == {old.id: Action.EXPIRE, middle.id: Action.STAY, new.id: Action.STAY}
        assert reasons(site.plan(11))[new.id] == "rule old: one of the last 2"


def test_what_is_used_again_in_its_grace_period_comes_back(site, tmp_path):
    product = site.publish()
    site.apply(11)
    site.publish("L2/panoseti.mine", run="u/ada/mine", user="ada", inputs=[product])
    assert actions(site.plan(12)) == {product.id: Action.RETURN}
    site.apply(12)

    assert product.id in site.found()[1]
    assert (site.root / product.path.parent / "current").read_text().strip() == product.id
    assert site.agrees(tmp_path)


def test_an_expired_product_is_neither_tagged_nor_certified_nor_built_upon(site):
    product = site.publish()
    site.registry.define(Collection("panoseti/best", CollectionKind.TAGGED))
    site.apply(11)

    for change in (
        lambda: site.registry.tag("panoseti/best", [product.id]),
        lambda: site.registry.certify("panoseti/calib/gain", Validity(product.id, 0, 10)),
    ):
        with pytest.raises(ConflictError, match="has expired"):
            change()
    assert site.registry.by_quantum([product.quantum_key]) == {}


@pytest.mark.parametrize("days", [[11], [11, 18]])
def test_what_is_restored_is_held(site, days, tmp_path):
    product = site.publish()
    for day in days:
        site.apply(day)
    site.restore(product, "for the paper")

    assert site.found() == ({product.id}, {product.id})
    assert reasons(site.plan(100)) == {product.id: "held by tycho: for the paper"}
    assert not (site.root / product.path).stat().st_mode & 0o222
    assert trash.notes(site.root) == []
    assert site.agrees(tmp_path)


def test_what_is_restored_does_not_take_the_place_of_what_is_current(site):
    old = site.publish()
    site.apply(11)
    site.apply(18)
    new = site.publish(run="panoseti/runs/nightly/2")
    site.restore(old)

    assert site.found() == ({old.id, new.id}, {new.id})


def test_inputs_are_restored_first(site):
    first = site.publish()
    second = site.publish("L2/panoseti.pulses", inputs=[first])
    site.apply(11)
    site.restore(second)
    assert site.found()[0] == {first.id, second.id}

    site.registry.unhold(site.registry.holds()[0])
    site.apply(12)
    site.apply(20)
    with pytest.raises(ConflictError, match="is not there"):
        site.restore(second)
    site.restore(first)
    site.restore(second)
    assert site.found()[0] == {first.id, second.id}


def test_what_is_there_or_gone_cannot_be_restored(quick):
    product = quick.publish()
    with pytest.raises(ConflictError, match="has not expired"):
        quick.restore(product)
    for days in (11, 18, 25):
        quick.apply(days)
    with pytest.raises(DatasetNotFoundError, match="nor in the trash"):
        quick.restore(product)


def test_what_cannot_be_there_cannot_be_held(quick):
    product = quick.publish()
    hold = Hold(product.id, "ada", "why", 1)
    quick.registry.hold(hold)

    with pytest.raises(ConflictError, match="already"):
        quick.registry.hold(hold)
    with pytest.raises(DatasetNotFoundError):
        quick.registry.hold(Hold("019a0000-0000-7000-8000-000000000000", "ada", "why", 1))
    with pytest.raises(UnknownNameError):
        quick.registry.hold(Hold("panoseti/nothing", "ada", "why", 1))


def test_links_in_the_place_of_products_are_not_followed(quick, tmp_path):
    product, kept = quick.publish(), quick.publish(detector=2)
    quick.apply(11)
    parent = (quick.root / product.path).parent
    parent.rename(tmp_path / "elsewhere")
    parent.symlink_to(tmp_path / "elsewhere")
    done = quick.apply(18)

    assert "is a link" in done.left[product.id]
    assert (tmp_path / "elsewhere" / product.id / "manifest.json").exists()
    assert [one.id for one in trash.in_trash(quick.root)] == [kept.id]


def test_a_hold_that_comes_while_products_are_moved_puts_them_back(quick, monkeypatch):
    product = quick.publish()
    quick.apply(11)
    real = trash.trash

    def move(root, one):
        real(root, one)
        quick.registry.hold(Hold(one.id, "ada", "wait", 1))

    monkeypatch.setattr(trash, "trash", move)
    assert quick.apply(18).left == {product.id: "held by ada: wait"}
    assert (quick.root / product.path / "manifest.json").exists()
    quick.apply(18)
    assert quick.found()[1] == {product.id}


def test_two_do_not_apply_rules_at_once(quick):
    with trash.only_one(quick.root), pytest.raises(ConflictError, match="another process"):
        quick.apply(11)


def test_only_the_account_of_shared_products_moves_them(quick):
    quick.settings = quick.settings.model_copy(update={"server": ServerSettings()})

    with pytest.raises(AccessDeniedError, match="by hven-batch"):
        quick.apply(11)


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"rules": [{"name": "r", "collections": ["*"], "types": ["L0/*"], "after_days": 1}]}, "L0 is never removed"),
        ({"rules": [{"name": "r", "collections": ["u/*"], "types": ["L1/*"], "after_days": 1}]}, "only they remove"),
        ({"grace_days": 0.01}, "readers would lose products"),
        ({"grace": 1}, "grace"),
    ],
)
def test_wrong_rules_are_refused(tmp_path, section, problem):
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump({"root": "data", "state": "state", "retention": section}))

    with pytest.raises(SettingsError, match=problem):
        load_settings(file, environ={})


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.soak), 3])
def test_a_kill_at_any_change_leaves_nothing_half_gone(step, tmp_path, repository):
    script = repository / "tests" / "support" / "killed_retention.py"
    command = [sys.executable, str(script), str(tmp_path), str(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 30 // step
