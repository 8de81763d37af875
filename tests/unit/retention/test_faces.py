"""Retention from everywhere: command line, Python, API, the batch service, pages."""

from __future__ import annotations

import json

import guest_api
import pytest
import retained
import small_products
import yaml
from typer.testing import CliRunner

from hven.cli.main import app
from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.core.retention_settings import RetentionSettings
from hven.model.access import Viewer
from hven.model.collection import AccessClass
from hven.model.quantum import QuantumRecord, QuantumState
from hven.observatory import connect
from hven.observatory.observatory import Observatory
from hven.registry.database import Database
from hven.registry.remote import RemoteRegistry
from hven.retention import queries
from hven.retention.chore import RetentionChore
from hven.retention.plan import Action
from hven.store.trash import in_trash


@pytest.fixture
def site(tmp_path):
    """Products of 2025, rules of ten days: by today's clock all may expire."""
    with retained.small(tmp_path, f"sqlite:///{tmp_path}/registry.sqlite", retained.rules()) as made:
        yield made


@pytest.fixture
def served(site):
    with connect(site.settings) as obs, guest_api.serve(obs) as url:
        yield url


@pytest.fixture
def remote(site, served):
    """An operator's observatory through the API."""
    registry = RemoteRegistry(served, "token tycho.read.submit.operate")
    with Observatory(site.settings, registry, user="tycho") as obs:
        yield obs.retention


def do_chores(site):
    database = Database(site.settings.platform_url)
    chore = RetentionChore(site.settings, database)
    chore.step()
    if chore._work is not None:
        chore._work.result()
    chore.step()
    database.close()
    return chore


def test_the_command_line_shows_and_does_nothing_unless_one_means_it(site, tmp_path):
    product = site.publish()
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(site.settings.model_dump(mode="json")))

    def hven(*words):
        done = CliRunner().invoke(app, [*words, "--site", str(file)])
        assert done.exit_code == 0, done.output
        return done.output

    assert "rule old" in hven("retention", "plan")
    assert "Nothing has been done" in hven("retention", "apply")
    assert site.found()[1] == {product.id}
    hven("hold", "add", product.id, "--reason", "for the paper")
    assert "for the paper" in hven("hold", "list")
    assert "held by" in hven("retention", "apply", "--really")
    hven("hold", "remove", product.id)
    plan = json.loads(hven("retention", "apply", "--really", "--json"))
    assert [(line["id"], line["action"]) for line in plan["lines"]] == [(product.id, "expire")]
    assert "expired" in hven("retention", "list")
    assert "is back" in hven("retention", "restore", product.id, "--reason", "needed")
    log = json.loads(hven("retention", "log", product.id, "--json"))
    assert [deed["what"] for deed in log] == ["restore", "expire", "unhold", "hold"]
    assert site.found()[1] == {product.id}


def test_operators_ask_through_the_api_and_the_batch_service_does_it(site, remote):
    product = site.publish()
    assert [line.action for line in remote.plan().lines] == [Action.EXPIRE]
    assert not remote.apply().asked
    do_chores(site)
    assert site.found()[1] == {product.id}

    assert remote.apply(really=True).asked
    do_chores(site)
    assert site.found()[1] == set()
    assert [(one.id, one.state) for one in remote.leaving()] == [(product.id, "expired")]
    assert remote.deeds(product.id)[0].who == "tycho"

    assert remote.restore(product.id, "needed") is False
    do_chores(site)
    assert [(hold.target, hold.who, hold.reason) for hold in remote.holds()] == [(product.id, "tycho", "needed")]
    remote.unhold(product.id)
    assert remote.holds() == []


def test_a_wish_that_cannot_be_granted_is_answered(site, remote):
    site.publish()
    with pytest.raises(DatasetNotFoundError):
        remote.restore("019a0000-0000-7000-8000-000000000000", "why")
    site.audit.ask("tycho", "restore", target="x", reason="why")
    do_chores(site)

    assert "nor in the trash" in queries.wishes(site.settings)[0].error


def test_only_operators_ask(site, served):
    registry = RemoteRegistry(served, "token ada.read.submit")
    with Observatory(site.settings, registry, user="ada") as obs:
        for call in (obs.retention.plan, obs.retention.holds, lambda: obs.retention.hold("x", "y")):
            with pytest.raises(AccessDeniedError, match="does not allow to operate"):
                call()


def test_a_hold_says_why(site):
    product = site.publish()
    with connect(site.settings) as obs, pytest.raises(ConflictError, match="needs a reason"):
        obs.retention.hold(product.id, " ")


def test_the_batch_service_applies_rules_by_itself_only_where_told(site):
    product = site.publish()
    do_chores(site)
    assert site.found()[1] == {product.id}

    every_day = site.settings.retention.model_copy(update={"apply_every_h": 24.0})
    site.settings = site.settings.model_copy(update={"retention": every_day})
    do_chores(site)
    assert site.found()[1] == set()
    done = len(site.audit.deeds())
    do_chores(site)
    assert len(site.audit.deeds()) == done


def test_pages_read_what_there_is_and_what_it_cost(site):
    raw = site.publish("L0/panoseti.ph1024", run="panoseti/raw/all")
    made = site.publish(inputs=[raw])
    own = site.publish("L2/panoseti.mine", run="u/ada/mine", user="ada")
    done = QuantumRecord(
        made.run, "s", "t", made.ref.data_id, made.quantum_key, QuantumState.DONE, (), cpu_s=12.5, ended_ns=1
    )
    site.registry.record_quanta([done])
    settings, ada = site.settings, Viewer("bert", frozenset(AccessClass))

    rows = {(u.family, u.level): (u.products, u.bytes, u.expired) for u in queries.usage(settings)}
    assert rows == {
        ("panoseti/raw/all", "L0"): (1, raw.size_bytes, 0),
        ("panoseti/runs/nightly", "L1"): (1, made.size_bytes, 0),
        ("u/ada", "L2"): (1, own.size_bytes, 0),
    }
    assert {u.family for u in queries.usage(settings, ada)} == {"panoseti/raw/all", "panoseti/runs/nightly"}
    assert len(queries.extreme(settings, "largest", ada, limit=5)) == 2
    assert queries.extreme(settings, "oldest", limit=1)[0].created_ns == small_products.NIGHT
    assert queries.cpu_seconds(settings, [raw, made]) == {made.id: 12.5}
    assert [line.action for line in queries.plan(settings, ada).lines] == [Action.EXPIRE]
    assert "its pipeline is not known" in queries.again(settings, [made])[made.id].reason

    site.apply(11)
    assert [one.id for one in queries.leaving(settings, ada)] == [made.id]
    assert {u.family: u.expired for u in queries.usage(settings)}["panoseti/runs/nightly"] == 1


def test_without_rules_everything_stays(site):
    site.publish()
    site.settings = site.settings.model_copy(update={"retention": RetentionSettings()})

    assert site.plan(10_000).lines == ()
    assert in_trash(site.root) == []
