"""Work, a backup under load, a restore into an empty installation: everything is there again."""

from __future__ import annotations

import shutil
import stat
import threading
from collections import Counter

import pytest
from jupyterhub import orm
from small_products import NIGHT

from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest, JobState
from hven.batch.store import JobStore
from hven.core.errors import ChecksumError, ConfigurationError, ConflictError, DataError
from hven.hub.layout import Layout
from hven.hub.run_record import only_one
from hven.hub.state.backup import backup
from hven.hub.state.manifest import read_manifest
from hven.hub.state.restore import restore


@pytest.fixture(params=["sqlite to sqlite", "postgresql to postgresql", "postgresql to sqlite"])
def pair(request, make_site, new_database, tmp_path):
    """An installation at work and an empty one."""
    first, _, second = request.param.partition(" to ")
    with new_database(first, tmp_path) as one, new_database(second, tmp_path) as two:
        urls = [{"registry_url": u, "platform_url": u} if u.startswith("p") else {} for u in (one, two)]
        yield make_site("old", **urls[0]), make_site("new", **urls[1])


@pytest.fixture
def busy():
    """Let somebody submit and a runner work on an installation until the test ends it."""
    ends = []

    def begin(site):
        stop, made = threading.Event(), []

        def work():
            database = site.database()
            store, queue = JobStore(database), JobQueue(database, lease_s=30)
            while not stop.is_set():
                made.append(store.submit(JobRequest(pipeline="p/x"), user="ada").id)
                lease = queue.claim()
                queue.begin(lease, runner="here:1")
                queue.finish(lease, JobState.SUCCEEDED)
            database.close()

        thread = threading.Thread(target=work)
        thread.start()

        def end():
            stop.set()
            thread.join()

        ends.append(end)
        while len(made) < 3:
            thread.join(0.05)
        return end

    yield begin
    for end in ends:
        end()


def take_root(old, new):
    """The data root outlives the server."""
    shutil.rmtree(new.settings.root)
    shutil.copytree(old.settings.root, new.settings.root)


def test_everything_comes_back(pair, tmp_path):
    old, new = pair
    last, token = old.work(), old.make_hub()
    before = old.rows()

    made = backup(old.settings, tmp_path / "backup")
    take_root(old, new)
    restored = restore(new.settings, tmp_path / "backup")

    assert new.rows() == before
    assert restored.backup == made
    assert {one.table: one.rows for one in restored.tables} == made.rows
    assert restored.registry.problems == ()
    hub = Layout.of(new.settings).hub
    session = orm.new_session_factory(f"sqlite:///{hub}/jupyterhub.sqlite")()
    assert orm.APIToken.find(session, token).user.name == "ada"
    session.close()
    session.bind.dispose()
    assert (hub / "cookie_secret").read_text() == "secret"
    assert (hub / "cookie_secret").stat().st_mode & 0o077 == 0
    database = new.database()
    assert JobStore(database).submit(JobRequest(pipeline="p/x"), user="ada").id == last + 1
    database.close()


def test_a_backup_under_load_is_of_one_moment(pair, busy, tmp_path):
    old, new = pair
    old.work()
    end = busy(old)

    backup(old.settings, tmp_path / "backup")
    end()
    take_root(old, new)
    restore(new.settings, tmp_path / "backup")

    database = new.database()
    store = JobStore(database)
    jobs = store.find()
    assert len(jobs) >= 4 + 3
    for job in jobs:
        told = Counter(event.what for event in store.events(job_id=job.id))
        assert told["submit"] == 1
        assert told["claim"] == job.attempt
        assert told["begin"] == (job.started_ns > 0)
        assert told["end"] == (job.state == JobState.SUCCEEDED)
    database.close()
    assert {row for row in new.rows()["job"] if "SUCCEEDED" in row} <= set(old.rows()["job"])


def test_only_its_owner_can_read_a_backup(site, tmp_path):
    site.work()
    site.make_hub()

    backup(site.settings, tmp_path / "backup")

    found = [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in found}
    assert modes == {0o700, 0o600}
    assert [path.name for path in tmp_path.iterdir()] in (["old", "backup"], ["backup", "old"])


def test_journals_come_back_where_they_are_lost(site, make_site, tmp_path):
    site.work()
    before = site.rows()
    with (site.settings.root / "journal" / "collections.jsonl").open("ab") as torn:
        torn.write(b'{"edit":"ta')
    backup(site.settings, tmp_path / "backup")
    new = make_site("new")
    take_root(site, new)
    shutil.rmtree(new.settings.root / "journal")

    restore(new.settings, tmp_path / "backup")

    assert new.rows() == before


def test_journals_that_went_on_since_are_kept(site, make_site, tmp_path):
    site.work()
    backup(site.settings, tmp_path / "backup")
    site.take_in(begin=NIGHT + 1)
    new = make_site("new")
    take_root(site, new)

    restore(new.settings, tmp_path / "backup")

    assert {k: v for k, v in new.rows().items() if k in {"product", "quantum", "member"}} == {
        k: v for k, v in site.rows().items() if k in {"product", "quantum", "member"}
    }


def spoil_journal(settings, _folder):
    (settings.root / "journal").mkdir()
    (settings.root / "journal" / "collections.jsonl").write_text("{}\n")


def spoil_hub(settings, _folder):
    (settings.state / "hub" / "cookie_secret").write_text("another")


def spoil_file(_settings, folder):
    content = bytearray((folder / "platform.sqlite").read_bytes())
    content[5000] ^= 1
    (folder / "platform.sqlite").write_bytes(content)


def spoil_manifest(_settings, folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"format": 1', '"format": 2'))


def spoil_everything(_settings, folder):
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "error", "says"),
    [
        (spoil_journal, ConflictError, "is not the journal of this backup"),
        (spoil_hub, ConflictError, "is there already"),
        (spoil_file, ChecksumError, "not as it was written"),
        (spoil_manifest, DataError, "is not understood"),
        (spoil_everything, ConfigurationError, "is no backup"),
    ],
)
def test_what_does_not_fit_is_refused(site, make_site, tmp_path, spoil, error, says):  # noqa: PLR0917 - fixtures
    site.work(1)
    site.make_hub()
    backup(site.settings, tmp_path / "backup")
    new = make_site("new")
    spoil(new.settings, tmp_path / "backup")

    with pytest.raises(error, match=says):
        restore(new.settings, tmp_path / "backup")

    assert not (new.settings.state / "platform.sqlite").exists()


def test_an_installation_with_jobs_is_not_overwritten(site, make_site, tmp_path):
    site.work(1)
    backup(site.settings, tmp_path / "backup")
    new = make_site("new")
    new.work(1)
    before = new.rows()

    with pytest.raises(ConflictError):
        restore(new.settings, tmp_path / "backup")

    assert new.rows() == before


def test_a_backup_of_another_site_is_refused(site, make_site, tmp_path):
    site.work(1)
    backup(site.settings, tmp_path / "backup")

    with pytest.raises(ConflictError, match="site tryout"):
        restore(make_site("new", site="lick").settings, tmp_path / "backup")


def test_a_platform_that_runs_is_not_restored_over(site, make_site, tmp_path):
    site.work(1)
    backup(site.settings, tmp_path / "backup")
    new = make_site("new")

    with only_one(Layout.of(new.settings)), pytest.raises(ConflictError, match="already runs"):
        restore(new.settings, tmp_path / "backup")


def test_an_interrupted_restore_can_be_repeated(site, make_site, tmp_path):
    site.work(1)
    site.make_hub()
    backup(site.settings, tmp_path / "backup")
    new = make_site("new")
    take_root(site, new)
    shutil.copy(tmp_path / "backup" / "hub" / "jupyterhub.sqlite", Layout.of(new.settings).hub)

    restore(new.settings, tmp_path / "backup")

    assert new.rows() == site.rows()


def test_a_backup_overwrites_nothing_and_needs_something(site, make_site, tmp_path):
    with pytest.raises(ConfigurationError, match="nothing to back up"):
        backup(site.settings, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    site.work(1)
    made = backup(site.settings, tmp_path / "backup")

    with pytest.raises(ConflictError, match="is there already"):
        backup(site.settings, tmp_path / "backup")

    assert read_manifest(tmp_path / "backup") == made
