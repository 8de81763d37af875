"""Telemetry, ledger and calibrations on a machine of many users: who writes, who reads, who is refused and how."""

from __future__ import annotations

import json
from types import SimpleNamespace

import drop_series
import pytest
import small_products
from installation import make_site, open_folder

from hven.access.change import change_access
from hven.core.clock import parse_utc
from hven.instruments.panoseti.simulator import PALOMAR, Run, write_run
from hven.model.collection import AccessClass
from hven.registry.direct import DirectRegistry

NIGHT = 20251021
BEGAN = parse_utc("2025-10-22T05:00:00Z")
SAMPLE = json.dumps({"time": "2025-10-22T04:00:00Z", "temperature": 11.5})
SPAN = ("--begin", "2025-10-22T00:00:00", "--end", "2025-10-23T00:00:00")
SHARED = "panoseti/calib/gain"
SEVERAL = """
import json, sys
from typer.testing import CliRunner
from hven.cli.main import app
from hven.core.errors import HvenError
told = []
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, words)
    known = isinstance(done.exception, HvenError)
    code = done.exception.exit_code if known else done.exit_code
    text = str(done.exception) if known else f"{done.output}{done.exception or ''}"
    told.append((code, text))
print(json.dumps(told))
"""
"""Commands one after the other in one process: each of its own would be two seconds."""


def run(site, account, **commands):
    """Exit code and words of several commands of somebody, by name."""
    words = json.dumps([list(map(str, command)) for command in commands.values()])
    environ = {**site.environment, **site.home(account)}
    done = account.run(site.installation.python, "-P", "-c", SEVERAL, words, env=environ)
    assert done.stdout, done.stderr
    return dict(zip(commands, map(tuple, json.loads(done.stdout)), strict=True))


@pytest.fixture(scope="module")
def site(accounts, installation):
    """A copier has delivered a run and dropped a sample; the archive has lost a raw file; there is a gain."""
    with open_folder("site") as folder:
        made = make_site(folder, accounts, installation, instruments=["panoseti", "magis"])
        dropped = made.root / "incoming" / "telemetry" / "weather"
        assert accounts.cora.can("mkdir", dropped)
        assert accounts.cora.can("sh", "-c", f"echo '{SAMPLE}' > {dropped}/a.jsonl")
        raw = folder / "handed"
        raw.mkdir()
        write_run(raw, Run("crab", BEGAN, (10.7, 41.3), movie_s=0.5, telescopes=PALOMAR[:1]), seed=1)
        assert accounts.cora.can("rsync", "-rt", f"{raw}/", f"{made.root}/incoming/hvt-cora/")
        for path, content in drop_series.series().items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        yield made


@pytest.fixture(scope="module")
def gain(site):
    product = small_products.product("L1/panoseti.gain", run="panoseti/runs/calibrations/1", day_obs=20251020)
    with DirectRegistry(site.settings.registry_url, site.root) as registry:
        registry.register([product], inputs={})
    return product.id


@pytest.fixture(scope="module")
def told(site, accounts, gain):
    """What everybody was told, in this order."""
    sample = site.root / "incoming/telemetry/weather/a.jsonl"
    take = ("telemetry", "ingest", "weather", sample)
    heal = ("catchup", NIGHT)
    certify = ("calib", "certify", gain, SHARED, *SPAN)
    decertify = ("calib", "decertify", gain, SHARED, *SPAN)
    told = {"archive": run(site, accounts.archive, archived=("ingest", site.root / "incoming"), telemetry=take)}
    live = ("live", "magis/live", site.root.parent / f"{drop_series.OBSERVATION}.series", "--replay", 1000)
    told["batch"] = run(site, accounts.batch, telemetry=take, certify=certify, live=live)
    lost = next((site.root / "L0").rglob("*img16*module*.pff"))
    assert accounts.archive.can("rm", "-f", lost)
    tabulate = ("telemetry", "transform", NIGHT)
    told["batch"] |= run(site, accounts.batch, exposures=tabulate, audit=("audit", NIGHT), catchup=heal)
    shown = ("telemetry", "show", "weather")
    own = site.root.parent / "own.jsonl"
    own.write_text(SAMPLE)
    told["ada"] = run(
        site, accounts.ada, audit=("audit", NIGHT), catchup=heal, certify=certify, decertify=decertify, shown=shown,
        telemetry=("telemetry", "ingest", "weather", own),
    )  # fmt: skip
    told["otto"] = run(site, accounts.otto, audit=("audit", NIGHT), catchup=heal, shown=shown)
    still_lost = not lost.exists()
    told["archive"] |= run(site, accounts.archive, catchup=heal, audit=("audit", NIGHT))
    return SimpleNamespace(**told, lost=lost, still_lost=still_lost)


@pytest.mark.parametrize("who", ["ada", "bert", "olga", "archive", "api", "dash"])
def test_the_observatory_reads_telemetry_and_only_the_batch_account_writes_it(site, accounts, told, who):
    account, topic = getattr(accounts, who), site.root / "telemetry" / "weather"
    (segment,) = topic.glob("2025-10-22/*.parquet")

    assert told.batch["telemetry"][1].startswith("1 new samples")
    assert {segment.stat().st_uid, topic.stat().st_uid} == {accounts.batch.uid}
    for path in (segment, topic / "topic.json"):
        assert account.can("wc", "-c", path)
        assert not account.can("sh", "-c", f"echo >> {path}")
    for command in ("touch {0}/x", "mv {0}/topic.json {0}/x", "mkdir {0}/../mine", "rm -rf {0}/2025-10-22"):
        account.run("sh", "-c", command.format(topic))
    assert sorted(p.name for p in topic.parent.iterdir()) == ["weather"]
    assert {"topic.json", "2025-10-22"} <= {p.name for p in topic.iterdir()}
    assert segment.exists()


@pytest.mark.parametrize("who", ["otto", "cora"])
def test_telemetry_is_for_nobody_outside(site, accounts, told, who):
    folder = site.root / "telemetry"

    assert not getattr(accounts, who).can("ls", folder)
    assert not getattr(accounts, who).can("cat", folder / "weather" / "topic.json")


def test_telemetry_is_shown_without_a_database_and_refused_in_words(told):
    assert told.ada["shown"][0] == 0
    assert "11.5" in told.ada["shown"][1]
    assert told.otto["shown"] == (6, told.otto["shown"][1])
    assert "for the collaboration" in told.otto["shown"][1]


@pytest.mark.parametrize("who", ["ada", "archive"])
def test_who_may_not_write_telemetry_is_told_how_to_hand_it_in(told, who):
    code, text = getattr(told, who)["telemetry"]

    assert code == 6
    assert "Push samples" in text


def test_each_copier_has_their_own_in_the_drop_folder(site, accounts, told):
    folder = site.root / "incoming" / "telemetry" / "weather"

    assert accounts.batch.can("cat", folder / "a.jsonl")
    assert not accounts.batch.can("rm", "-f", folder / "a.jsonl")
    for who in ("ada", "otto", "olga", "api", "dash"):
        assert not getattr(accounts, who).can("ls", folder)


@pytest.mark.parametrize("command", ["audit", "catchup"])
@pytest.mark.parametrize("who", ["ada", "otto"])
def test_people_neither_audit_nor_heal(told, who, command):
    code, text = getattr(told, who)[command]

    assert code == 6
    assert "closed to this account" in text
    assert "sudo -u" in text


def test_the_batch_account_looks_and_the_archives_account_heals(told):
    assert told.archive["archived"][0] == 0, told.archive["archived"][1]
    assert told.batch["audit"][0] == 3
    assert told.lost.name in told.batch["audit"][1]
    assert told.batch["catchup"] == (6, told.batch["catchup"][1])
    assert "sudo -u hvt-archive hven catchup" in told.batch["catchup"][1]
    assert told.still_lost
    assert told.archive["catchup"][0] == 0, told.archive["catchup"][1]
    assert told.lost.exists()
    assert told.archive["audit"][1] == "nothing is amiss\n"


def test_exposures_are_for_the_collaboration(site, accounts, told):
    (product,) = (site.root / "L2" / "panoseti").rglob("manifest.json")

    assert told.batch["exposures"][0] == 0, told.batch["exposures"][1]
    assert product.stat().st_uid == accounts.batch.uid
    readers = [who for who in ("ada", "olga", "otto", "cora") if getattr(accounts, who).can("cat", product)]
    assert readers == ["ada", "olga"]


def test_the_batch_account_certifies_and_people_do_not(site, told, gain):
    with DirectRegistry(site.settings.registry_url, site.root) as registry:
        (kept,) = registry.certifications(collection=SHARED, history=True)

    assert told.batch["certify"][0] == 0, told.batch["certify"][1]
    assert (kept.validity.product_id, kept.who) == (gain, "hvt-batch")
    assert [told.ada[edit][0] for edit in ("certify", "decertify")] == [6, 6]


def test_what_is_being_taken_is_for_those_who_may_see_the_raw_data(site, accounts, told):
    shown = site.root / "live" / "magis" / drop_series.OBSERVATION / "magis.drops.1.parquet"
    everybody = ("ada", "otto", "olga", "archive", "api", "dash")
    services = {"archive", "api", "dash"}
    readers = {"": [who for who in everybody if getattr(accounts, who).can("wc", "-c", shown)]}
    with DirectRegistry(site.settings.registry_url, site.root) as registry:
        for access in (AccessClass.OPERATORS, AccessClass.PUBLIC):
            change_access(registry, site.settings, "magis/raw/all", access)
            readers[access] = [who for who in everybody if getattr(accounts, who).can("wc", "-c", shown)]

    assert told.batch["live"][0] == 0, told.batch["live"][1]
    assert set(readers[""]) == {"ada", "olga", *services}
    assert set(readers[AccessClass.OPERATORS]) == {"olga", *services}
    assert set(readers[AccessClass.PUBLIC]) == set(everybody)


def test_files_from_memory_are_for_the_archive_alone(site, accounts, told):
    spooled = next((site.root / "incoming" / "live").glob("*/series.json"))

    assert accounts.archive.can("cat", spooled)
    assert not accounts.archive.can("rm", "-f", spooled)
    assert not [who for who in ("ada", "otto", "olga", "cora") if getattr(accounts, who).can("cat", spooled)]
