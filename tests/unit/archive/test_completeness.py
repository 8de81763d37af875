"""The completeness ledger: whatever is lost or altered is found, named and healed, and nothing else is touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny_plugin
from tiny_instrument import make_run
from typer.testing import CliRunner

from hven.archive.completeness import exposures
from hven.archive.completeness.auditor import Auditor
from hven.archive.completeness.catchup import Catchup
from hven.archive.completeness.chore import LedgerChore
from hven.archive.completeness.depth import Depth
from hven.archive.completeness.model import Kind, Place
from hven.archive.completeness.source import open_sources
from hven.archive.completeness.store import CompletenessStore
from hven.archive.ingest import Archive
from hven.batch.launcher import write_site
from hven.cli.main import app
from hven.core.errors import ConfigurationError, DataError, NotFoundError, ServiceUnavailableError
from hven.core.settings import EngineSettings, IngestSettings, Profile, Settings
from hven.model.exposure_log import SUFFIX, announce, encode
from hven.model.retention import Hold
from hven.observatory import connect
from hven.observatory.lost import Lost
from hven.registry import schema
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.store.staging import unlock

NIGHT = Place("tiny", 20251021)
RUNS = ("made", "spare", "worn")
ENGINE = EngineSettings(kind="inprocess", profiles={"one": Profile()}, default_profile="one")


class Night:
    """A night of the tiny instrument: delivered to `source`, announced in its log, archived but for the run `late`."""

    def __init__(self, folder, opened, instrument, databases, runs=RUNS):
        self.root, self.source, self.instrument = folder / "data", folder / "source", instrument
        self.root.mkdir()
        self.settings = Settings(
            root=self.root, state=folder / "state", instruments=("tiny",), engine=ENGINE,
            ingest=IngestSettings(settle_s=0, reread_days=1e-9), **databases,
        )  # fmt: skip
        for name in (*runs, "late"):
            make_run(self.source / f"{name}.tiny", frames=20)
        self.announced = [
            entry
            for run in instrument.recognise(self.source)
            for entry in announce(run, instrument.formats.__getitem__, Path.read_bytes)
        ]
        self.log = self.source / f"night{SUFFIX}"
        self.log.write_text(encode(self.announced))
        self.registry = opened.enter_context(DirectRegistry(self.settings.registry_url, self.root))
        self.database = opened.enter_context(closing(Database(self.settings.platform_url)))
        self.archive = opened.enter_context(closing(Archive(self.settings, self.registry, [instrument])))
        self.store = CompletenessStore(self.database)
        self.auditor = Auditor(self.settings, self.registry, self.store, young_s=0)
        report = self.archive.ingest([self.log, *(self.source / f"{name}.tiny" for name in runs)])
        assert report.exit_code == 0

    def raw(self, run, name):
        return self.root / "L0/tiny/20251021" / run / "raw" / name

    def product(self, run, level="L0", detector=1):
        wanted = {"observation": run, "detector": detector}.items()
        return next(p for p in self.registry.find() if p.ref.type.level == level and wanted <= p.ref.data_id.items())

    def heal(self, *sources, depth=Depth.BYTES, maker=None, **more):
        with open_sources([str(s) for s in sources], self.root / "incoming", **more) as opened:
            return Catchup(self.auditor, self.archive, opened, maker=maker).heal(NIGHT, depth)

    def audit(self, depth=Depth.BYTES):
        return {(str(f.kind), Path(f.path).relative_to("L0/tiny/20251021").as_posix()): f
                for f in self.auditor.audit(NIGHT, depth)}  # fmt: skip

    def tree(self):
        """Digest of every file below the data root."""
        return {str(p.relative_to(self.root)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in sorted(self.root.rglob("*")) if p.is_file()}  # fmt: skip


@pytest.fixture
def make_night(tmp_path, monkeypatch, new_database):
    with ExitStack() as opened:
        instrument = opened.enter_context(tiny_plugin.installed(tmp_path / "plugin", monkeypatch, tiny_plugin.RAW))

        def make(kind="sqlite", **more):
            url = opened.enter_context(new_database(kind, tmp_path))
            return Night(tmp_path, opened, instrument, {"registry_url": url, "platform_url": url}, **more)

        yield make


def write(path, content):
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def inject(night):
    """Every trouble there is; gives what an audit must find."""
    altered = bytearray(night.raw("worn", "cam1.0.raw").read_bytes())
    altered[30] ^= 1
    write(night.raw("worn", "cam1.0.raw"), altered)
    write(night.raw("worn", "cam2.0.raw"), night.raw("worn", "cam2.0.raw").read_bytes()[:100])
    night.raw("worn", "cam2.1.raw").unlink()
    night.raw("worn", "log.txt").unlink()
    night.raw("worn", "cam1.1.raw").rename(night.raw("worn", "cam1.1.raw.bak"))
    night.raw("worn", "notes.txt").write_text("whose is it?")
    damaged, gone, hidden = night.product("made"), night.product("made", detector=2), night.product("spare")
    images = (night.root / damaged.path / "data.zarr" / "images").rglob("*")
    chunk = next(p for p in images if p.is_file() and p.name != "zarr.json")
    write(chunk, chunk.read_bytes()[:-1])
    unlock(night.root / gone.path)
    shutil.rmtree(night.root / gone.path)
    with night.registry.database.write() as connection:
        connection.execute(sa.delete(schema.member).where(schema.member.c.product_id == hidden.id))
        connection.execute(sa.delete(schema.product).where(schema.product.c.id == hidden.id))
    return {
        ("altered", "worn/raw/cam1.0.raw"),
        ("truncated", "worn/raw/cam2.0.raw"),
        ("missing", "worn/raw/cam2.1.raw"),
        ("missing", "worn/raw/log.txt"),
        ("renamed", "worn/raw/cam1.1.raw"),
        ("unknown", "worn/raw/notes.txt"),
        *(("not archived", f"late/raw/cam{camera}.{part}.raw") for camera in (1, 2) for part in (0, 1)),
        *((kind, p.path.relative_to("L0/tiny/20251021").as_posix())
          for kind, p in (("damaged", damaged), ("gone", gone), ("unregistered", hidden))),
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "source"), [("sqlite", "folder"), ("postgresql", "ssh")])
def test_every_trouble_is_found_named_and_healed_and_nothing_else_is_touched(make_night, kind, source, request):
    night = make_night(kind)
    name = f"node1:{night.source}" if source == "ssh" else night.source
    given = {"ssh_config": request.getfixturevalue("ssh_config")} if source == "ssh" else {}
    whole, delivered = night.tree(), {p: p.stat().st_mtime_ns for p in night.source.rglob("*")}
    gone, late = night.product("made", detector=2), "L0/tiny/20251021/late/"
    expected = inject(night)
    strange = night.raw("worn", "notes.txt")

    assert set(night.audit()) == expected
    report = night.heal(name, **given)

    path = str(strange.relative_to(night.root))
    assert {(o.finding.kind, o.finding.path, o.text) for o in report.left} == {
        (Kind.UNKNOWN, path, "nobody knows whose it is; it is left as it is")
    }
    healed = night.tree()
    added = {p for p in healed.keys() - whole.keys() if not p.startswith(late)}
    kept = {p for p in added if p.startswith("quarantine/")}
    assert added - kept == {path}
    assert sorted(Path(p).suffix for p in kept if "/tiny/20251021/" in p and "/L0/" not in p) == [
        ".bytes", ".bytes", ".json", ".json"]  # fmt: skip
    made_again = {
        p for p in whole if p.startswith(f"{gone.path}/") and p.endswith(("manifest.json", "provenance.json"))
    }
    changed = {p for p in whole if healed.get(p) != whole[p]}
    assert changed <= made_again
    assert night.registry.get(gone.id).digest == gone.digest
    assert {p: p.stat().st_mtime_ns for p in night.source.rglob("*")} == delivered

    assert set(night.audit()) == {("unknown", "worn/raw/notes.txt")}
    again = night.heal(name, **given)
    assert ([o.finding.kind for o in again.left], again.healed) == ([Kind.UNKNOWN], [])
    assert night.tree() == healed
    assert not list((night.root / "incoming").glob(".*"))


def test_the_same_metadata_come_of_archiving_and_of_catching_up(make_night, tmp_path):
    night = make_night(runs=("good",))
    night.heal(night.source)
    late, good = night.product("late"), night.product("good")

    assert late.digest == good.digest
    assert night.raw("late", "config.json").read_bytes() == night.raw("good", "config.json").read_bytes()
    assert b"hunter2" not in night.raw("late", "log.txt").read_bytes()


SPOIL = {
    "gone": lambda path: path.unlink(),
    "torn": lambda path: write(path, path.read_bytes()[: path.stat().st_size // 2]),
    "altered": lambda path: write(
        path, path.read_bytes().replace(b'"rows": 5', b'"rows": 6', 1).replace(b"1", b"2", 1)
    ),
}


def spoil(path, how):
    unlock(path.parent)
    SPOIL[how](path)


@pytest.mark.parametrize("how", SPOIL)
def test_records_come_back_byte_by_byte(make_night, how):
    night = make_night(runs=("good",))
    night.heal(night.source)
    with closing(connect(night.settings)) as obs:
        obs.process("tiny/all", observation="good", shared=True)
    whole = night.tree()
    spoil(night.raw("good", "x").parents[1] / "manifest.json", how)
    spoil(night.root / night.product("good").path / "manifest.json", how)
    spoil(night.root / night.product("late").path / "provenance.json", how)
    spoil(night.root / night.product("good", "L1").path / "manifest.json", how)
    assert night.tree() != whole
    assert {f.kind for f in night.auditor.audit(NIGHT, Depth.BYTES)} >= {Kind.BAD_MANIFEST, Kind.DAMAGED}

    report = night.heal(night.source)

    assert report.left == []
    healed = night.tree()
    assert {path: healed.get(path) for path in whole if not path.startswith("journal/")} == {
        path: digest for path, digest in whole.items() if not path.startswith("journal/")
    }
    assert all(path.startswith("quarantine/") for path in healed.keys() - whole.keys())
    assert night.auditor.audit(NIGHT, Depth.BYTES) == []


def test_a_manifest_is_not_written_again_where_anything_speaks_against_it(make_night):
    night = make_night(runs=("good",))
    night.heal(night.source)
    manifest = night.raw("good", "x").parents[1] / "manifest.json"
    whole = manifest.read_text()
    manifest.unlink()

    def said(*sources):
        (left,) = [o.text for o in night.heal(*sources).left if o.finding.kind == Kind.BAD_MANIFEST]
        assert not manifest.exists()
        return left

    assert "no source has anything of it" in said()
    night.raw("good", "notes.txt").write_text("whose is it?")
    assert "no source knows what notes.txt is" in said(night.source)
    night.raw("good", "notes.txt").unlink()
    log = night.source / "good.tiny" / "log.txt"
    before = log.read_bytes()
    log.write_bytes(before + b"more")
    assert "log.txt is not what is archived" in said(night.source)
    log.write_bytes(before)
    image = night.raw("good", "cam1.0.raw")
    content = image.read_bytes()
    write(image, content[:-1] + bytes([content[-1] ^ 1]))
    assert "cam1.0.raw is not what is archived" in said(night.source)
    write(image, content)
    assert night.heal(night.source).left == []
    assert manifest.read_text() == whole


def test_records_of_what_was_damaged_with_them_are_left_and_said(make_night):
    night = make_night(runs=("good",))
    night.heal(night.source)
    both, other = night.product("good"), night.product("good", detector=2)
    spoil(night.root / both.path / "manifest.json", "gone")
    images = (night.root / both.path / "data.zarr" / "images").rglob("*")
    chunk = next(p for p in images if p.is_file() and p.name != "zarr.json")
    write(chunk, bytes(reversed(chunk.read_bytes())))
    record = night.root / other.path / "provenance.json"
    write(record, record.read_bytes().replace(b'"python"', b'"Python"'))
    night.raw("good", "cam2.0.raw").unlink()
    shutil.rmtree(night.source / "good.tiny")

    left = {o.finding.path: o.text for o in night.heal(night.source).left}

    assert "its manifest is lost, and its files" in left[str(both.path)]
    assert "its raw file cam2.0.raw is not whole" in left[str(other.path)]


def test_a_file_from_another_machine_is_quarantined_under_the_path_it_came_from(make_night, ssh_config):
    night = make_night(runs=("good",))
    broken = night.source / "late.tiny" / "cam1.1.raw"
    broken.write_bytes(b"no frame at all" * 100)

    night.heal(f"node1:{night.source}", ssh_config=ssh_config)

    (record,) = (night.root / "quarantine" / "tiny/20251021/late").glob("cam1.1.raw.*.json")
    assert json.loads(record.read_text())["path"] == f"node1:{broken}"


def test_what_the_source_has_not_or_has_otherwise_is_left_and_said(make_night):
    night = make_night(runs=("good", "lost"))
    shutil.rmtree(night.source / "late.tiny")
    night.raw("good", "cam1.0.raw").unlink()
    (night.source / "good.tiny" / "cam1.0.raw").write_bytes(b"something else")
    night.raw("lost", "cam1.0.raw").unlink()
    (night.source / "lost.tiny" / "cam1.0.raw").unlink()
    before = night.tree()
    report = night.heal(night.source)

    said = {Path(o.finding.path).parts[3]: o.text for o in report.left if o.finding.kind == Kind.MISSING}
    sha256 = next(f.sha256 for a in night.announced if a.observation == "good" for f in a.files)
    assert said == {
        "good": f"what the source has (1) has other bytes than sha256 {sha256[:16]}",
        "lost": "no source has a file of this name",
    }
    assert {o.text for o in report.left if o.finding.kind == Kind.NOT_ARCHIVED} == {"no source has anything of it"}
    assert night.tree() == before


def test_a_sealed_night_is_opened_to_nobody_but_root(make_night, monkeypatch):
    night = make_night(runs=("good",))
    (night.root / "L0/tiny/20251021/sealed.json").write_text("{}")
    night.raw("good", "cam1.0.raw").unlink()
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: 1000)
        report = night.heal(night.source)
    assert any("is sealed" in o.text for o in report.left if o.finding.kind == Kind.MISSING)
    assert any("--reopen" in o.text for o in report.left if o.finding.kind == Kind.NOT_ARCHIVED)

    report = night.heal(night.source)
    assert [o.finding.kind for o in report.healed] == [Kind.MISSING]
    assert night.raw("good", "cam1.0.raw").is_file()


def test_records_are_compared_with_what_was_announced(make_night):
    night = make_night(runs=("good",))
    good = next(a for a in night.announced if a.observation == "good")
    wrong = good.files[0].model_copy(update={"sha256": "0" * 64})
    longer = good.model_copy(update={"frames": 99, "files": ()})
    night.log.write_text(encode([longer]))
    night.archive.ingest([night.log])
    assert ("short", "good/raw/cam1.0.raw") in night.audit(Depth.COUNT)

    night.log.write_text(encode([good.model_copy(update={"files": (wrong, *good.files[1:])})]) + '{"torn": ')
    assert exposures.take(night.root, night.log, -20) == 1
    found = night.audit(Depth.COUNT)
    assert ("short", "good/raw/cam1.0.raw") not in found
    assert "announced with sha256 0000000000000000" in found["other bytes", "good/raw/cam1.0.raw"].detail

    make_run(night.source / "more.tiny", frames=5)
    night.archive.ingest([night.source / "more.tiny"])
    assert ("unannounced", "more/raw/cam1.0.raw") in night.audit(Depth.COUNT)


def test_a_log_with_a_wrong_line_is_refused_and_named(make_night):
    night = make_night(runs=("good",))
    night.log.write_text(encode(night.announced[:1]) + '{"instrument": "tiny"}\n')
    report = night.archive.ingest([night.log])

    assert [(f.state, "line 2" in f.reason) for f in report.files] == [("failed", True)]
    with pytest.raises(DataError, match="line 2: observation"):
        exposures.take(night.root, night.log, -20)


def test_the_ledger_follows_a_night_to_l2_and_names_a_product_that_only_a_pipeline_brings_back(make_night):
    night = make_night(runs=("good",))
    night.heal(night.source)
    night.auditor.reconcile(NIGHT)
    before = night.store.nights()[0]
    with closing(connect(night.settings)) as obs:
        obs.process("tiny/all", observation="good", shared=True)
    assert list(night.auditor.changed()) == [NIGHT]
    night.auditor.reconcile(NIGHT)
    (after,) = night.store.nights(day_obs=NIGHT.day_obs)

    assert (before.datasets, before.announced, before.whole, before.registered, before.l1) == (4, 4, 4, 4, 0)
    assert (after.l1_wanted, after.l1, after.l2_wanted, after.l2, after.findings) == (4, 2, 4, 2, 0)
    lines = {(line.observation, line.data_id): line for line in night.store.lines(NIGHT)}
    assert all(line.safe and (line.announced, line.archived) == (40, 40) for line in lines.values())
    assert {line.done for (run, _), line in lines.items() if run == "good"} == {("L1", "L2")}
    assert list(night.auditor.changed()) == []

    gone = night.product("good", "L1")
    unlock(night.root / gone.path)
    shutil.rmtree(night.root / gone.path)
    report = night.heal(night.source)
    assert [(o.finding.kind, o.finding.path) for o in report.left] == [(Kind.GONE, str(gone.path))]
    assert "registry rebuild" in report.left[0].text


def test_lost_products_of_pipelines_are_forgotten_and_asked_for_as_one_job(make_night):
    night = make_night(runs=("good",))
    night.heal(night.source)
    with closing(connect(night.settings)) as obs:
        made = obs.process("tiny/all", observation="good", shared=True, config={"levels": {"cell_s": 2.0}}).products
        lost = [p for p in made if p.ref.data_id.get("detector") == 1]
        held = lost.pop()
        obs.registry.hold(Hold(held.id, "olga", "thesis", 1))
        for product in (*lost, held):
            unlock(night.root / product.path)
            shutil.rmtree(night.root / product.path)
        assert len(lost) > 0

        lost_and_found = Lost(obs, night.registry)
        report = night.heal(night.source, maker=lost_and_found)

        (job,) = obs.jobs.find()
        paths = {str(p.path) for p in lost}
        assert {(o.finding.path, o.text) for o in report.asked} == {
            (path, f"asked for, job {job.id} (ready)") for path in paths
        }
        assert report.healed == []
        assert [(o.finding.path, "held by olga" in o.text) for o in report.left] == [(str(held.path), True)]
        assert (job.request.shared, job.request.config) == (True, {"levels": {"cell_s": 2.0}})
        again = obs.process("tiny/all", **{k: v[0] for k, v in job.request.values.items()}, shared=True,
                            config=job.request.config).products  # fmt: skip
        assert {p.ref: p.digest for p in lost}.items() <= {p.ref: p.digest for p in again}.items()
        assert {p.id for p in lost}.isdisjoint(p.id for p in again)
        report = night.heal(night.source, maker=lost_and_found)
        assert {(o.finding.path, o.text) for o in report.healed} == {
            (path, f"job {job.id} made it again") for path in paths
        }
        assert report.asked == []

        for product in obs.registry.find(collection=held.run):
            if (night.root / product.path).is_dir():
                unlock(night.root / product.path)
                shutil.rmtree(night.root / product.path)
        texts = [o.text for o in night.heal(night.source, maker=lost_and_found).left]
        assert any(f"nothing of {held.run} is left" in text for text in texts)


def test_what_a_job_was_asked_for_stays_amiss_until_it_is_there_and_is_left_when_the_job_fails(make_night, tmp_path):
    night = make_night(runs=("good",))
    night.heal(night.source)
    with closing(connect(night.settings)) as obs:
        (lost, *_) = obs.process("tiny/all", observation="good", shared=True).products
        unlock(night.root / lost.path)
        shutil.rmtree(night.root / lost.path)
        first = night.heal(night.source, maker=Lost(obs, night.registry))
        (job,) = obs.jobs.find()

        for depth in Depth:
            (finding,) = night.auditor.audit(NIGHT, depth)
            assert (finding.kind, finding.path) == (Kind.ASKED, str(lost.path))
        assert [o.text for o in first.asked] == [f"asked for, job {job.id} (ready)"]
        again = night.heal(night.source, maker=Lost(obs, night.registry))
        assert ([o.text for o in again.asked], again.healed, again.left) == ([first.asked[0].text], [], [])
        assert len(obs.jobs.find()) == 1

        obs.jobs.cancel(job.id)
        after = night.heal(night.source, maker=Lost(obs, night.registry))
        assert after.asked == []
        assert [o.text for o in after.left] == [
            f"asked for, job {job.id} (deleted), which has not made it: `hven jobs show {job.id}`"
        ]


def test_the_batch_service_finds_losses_by_itself_and_forgets_what_is_mended(make_night):
    night = make_night(runs=("good",))
    chore = LedgerChore(night.settings, night.database)
    chore.look()
    assert [f.kind for f in night.store.findings()] == [Kind.NOT_ARCHIVED] * 4
    path = night.raw("good", "cam1.0.raw")
    content = path.read_bytes()
    write(path, content[:-1] + bytes([content[-1] ^ 1]))
    chore._read_ns = 0
    chore.look()
    assert ("altered", "good/raw/cam1.0.raw") in {(str(f.kind), f.path[17:]) for f in night.store.findings()}

    write(path, content)
    chore._read_ns = 0
    chore.look()
    assert {f.kind for f in night.store.findings()} == {Kind.NOT_ARCHIVED}
    path.unlink()
    chore._look_ns = 0
    chore.look()
    assert {f.kind for f in night.store.findings()} == {Kind.NOT_ARCHIVED, Kind.MISSING}


def test_sources_that_are_none_or_do_not_answer_are_named(make_night, tmp_path, ssh_config):
    night = make_night(runs=("good",))
    with pytest.raises(NotFoundError, match="there is no folder"):
        night.heal(tmp_path / "nowhere")
    for name in ("-oProxyCommand=x:/a", "host:relative"):
        with pytest.raises(ConfigurationError, match="is no source"):
            night.heal(name)
    report = night.heal("nowhere:/data", ssh_config=ssh_config)
    assert {o.finding.kind for o in report.left} == {Kind.NOT_ARCHIVED}
    assert all("nowhere:/data does not give its files" in o.text for o in report.left)
    with (
        open_sources([f"nowhere:{tmp_path}"], tmp_path, ssh_config=ssh_config) as (source,),
        pytest.raises(ServiceUnavailableError),
    ):
        source.observations(night.instrument)


def test_commands_name_what_is_amiss_heal_it_and_show_the_ledger(make_night):
    night = make_night(runs=("good",))
    site = write_site(night.settings)

    def hven(*words):
        done = CliRunner().invoke(app, [*words, "--site", str(site)])
        assert not done.exception or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout

    night.raw("good", "cam1.0.raw").unlink()
    code, said = hven("audit", "20251021")
    assert (code, "missing: L0/tiny/20251021/good/raw/cam1.0.raw" in said) == (3, True)
    code, said = hven("catchup", "20251021", "--from", str(night.source))
    assert (code, "tiny 20251021: 5 healed, 0 left" in said) == (0, True)
    assert hven("catchup", "20251021", "--from", str(night.source)) == (0, "tiny 20251021: 0 healed, 0 left\n")
    assert hven("audit", "--level", "bytes") == (0, "nothing is amiss\n")
    code, said = hven("ledger", "20251021", "--json")
    shown = json.loads(said)
    assert (code, shown["nights"][0]["registered"], len(shown["lines"]), shown["findings"]) == (0, 4, 4, [])
    assert "4 of 4" in hven("ledger")[1]
    with pytest.raises(NotFoundError, match="20251022"):
        CliRunner().invoke(app, ["audit", "20251022", "--site", str(site)], catch_exceptions=False)
