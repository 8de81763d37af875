from __future__ import annotations

import pytest
import sqlalchemy as sa
from jupyterhub import orm
from small_products import NIGHT, publish

from hven.alarms.message import Message, Severity
from hven.alarms.model import Round, Signal
from hven.alarms.outbox import Outbox
from hven.alarms.rules import load_rules
from hven.alarms.store import AlarmStore
from hven.alarms.transport import LogTransport
from hven.archive.completeness.model import Finding, Kind, Line, Place
from hven.archive.completeness.store import CompletenessStore
from hven.archive.ledger import Ledger, Seen
from hven.archive.results import FileState
from hven.batch.campaigns.model import Group, State
from hven.batch.campaigns.progress import Progress
from hven.batch.campaigns.spec import CampaignSpec
from hven.batch.campaigns.store import CampaignStore
from hven.batch.checks.store import CheckStore
from hven.batch.commands.model import CommandRequest
from hven.batch.commands.store import CommandStore
from hven.batch.lease import JobQueue
from hven.batch.model import JobRequest, JobState, QuantumLine
from hven.batch.schedules.store import ScheduleStore
from hven.batch.store import JobStore
from hven.batch.tables import EVENT, JOB
from hven.batch.triage.model import Decision
from hven.core.settings import Settings
from hven.hub.layout import Layout
from hven.hub.state.parts import PLATFORM, REGISTRY
from hven.model import annotation
from hven.model.collection import Collection, CollectionKind, Validity
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.retention import Expired, Hold
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.retention.audit import Audit, Deed
from hven.telemetry.gateway import Gateway
from hven.telemetry.intake_tables import TABULATED, TAKEN
from hven.telemetry.spool import Spool
from hven.telemetry.topics import declared


class Site:
    """An installation with a night's work in it."""

    def __init__(self, folder, **urls):
        self.settings = Settings(root=folder / "data", state=folder / "state", **urls)
        self.settings.root.mkdir(parents=True)
        Layout.of(self.settings).create()

    def database(self):
        return Database(self.settings.platform_url)

    def work(self, jobs=4):
        """Let people and services work, so that every table has rows."""
        self.take_in()
        database = self.database()
        store, queue = JobStore(database), JobQueue(database, lease_s=30)
        for number in range(jobs):
            store.submit(
                JobRequest(pipeline="p/x", values={"detector": (number,)}, config={"s": {"é": 0.1}}), user="ada"
            )
            lease = queue.claim()
            queue.begin(lease, runner="here:1")
            queue.report(lease, [QuantumLine(step="s", data_id="d", state=QuantumState.DONE, wall_s=0.1)], total=1)
            queue.profile(lease, {"s": {"m:é": 1}})
            queue.finish(lease, JobState.SUCCEEDED)
        store.decisions.add(
            Decision(fingerprint="f", verdict="known", task="t", version="1", error="é", who="ada", time_ns=1, why="so")
        )
        self.plan(database)
        self.follow(database)
        self.retain(database)
        self.watch(database)
        self.observe(database)
        last = store.submit(JobRequest(pipeline="p/x"), user="bert").id
        with database.write() as connection:
            connection.execute(EVENT.delete().where(EVENT.c.job == last))
            connection.execute(JOB.delete().where(JOB.c.id == last))
        database.close()
        ledger = Ledger(self.settings.platform_url)
        ledger.record([Seen("a/é.pff", 1 << 40, NIGHT, "o", FileState.ARCHIVED, "s" * 64)])
        ledger.finish("panoseti", "o", "f")
        ledger.close()
        return last

    def watch(self, database):
        """An alarm that is silenced."""
        store, outbox = AlarmStore(database), Outbox(database, [LogTransport()])
        rule = load_rules()[0]
        seen = Round.of([Signal(rule.source, "é", 0.0, NIGHT)])
        store.evaluate([rule], seen, NIGHT + 10**15, outbox)
        [alarm] = store.find()
        store.silence(alarm.id, until_ns=NIGHT, whole_rule=True, who="olga", text="so", now_ns=NIGHT)

    def retain(self, database):
        """A deed of retention, and a wish."""
        audit = Audit(database)
        audit.note([Deed("olga", "expire", "x", "é", 1, "old")])
        audit.ask("olga", "apply")

    def observe(self, database):
        """A sample on its way, a file that was taken, and a night that was tabulated."""
        topic = declared(self.settings).topic("weather")
        Spool(database).put(topic, [{"time": NIGHT, "temperature": 0.1}], who="mast")
        with database.write() as connection:
            row = {"source": "a/é.csv", "size": 1 << 40, "mtime_ns": NIGHT, "topic": "weather", "taken_ns": NIGHT}
            connection.execute(TAKEN.insert().values(**row, samples=1, error=""))
            connection.execute(TABULATED.insert().values(instrument="panoseti", night=20251021, source="é"))

    def plan(self, database):
        """A campaign with a group, and a message about it."""
        store = CampaignStore(database)
        spec = CampaignSpec(name="dr1", instrument="panoseti", steps=[{"name": "l1", "pipeline": "panoseti/nightly"}])
        store.load(spec, who="olga")
        campaign = store.start("dr1", who="olga")
        group = Group(name="all", state=State.READY, values={"detector": [1]})
        Progress(database, "hven-batch").planned(campaign, campaign.steps[0], [group])
        schedules = ScheduleStore(database)
        schedules.switch("nightly-panoseti", on=True, who="olga")
        schedules.fire("nightly-panoseti", 1, who="hven-batch")
        CheckStore(database).put("pipeline_check", 1)
        outbox = Outbox(database, [LogTransport()])
        with database.write() as connection:
            outbox.put(connection, Message("k", Severity.INFO, "é", "text", 1))

    def follow(self, database):
        """A command, a value that was published, and a night in the ledger with something amiss."""
        CommandStore(database).put(CommandRequest(id="cal1", pipeline="p/x"), who="ocs")
        Gateway(database).publish("qc", "é", {"value": 1.5})
        ledger, place = CompletenessStore(database), Place("panoseti", 20251021)
        where = {**place._asdict(), "observation": "é"}
        line = Line(**where, dataset_type="panoseti.ph1024", data_id="", levels=("L1",))
        ledger.put(place, fingerprint="f", logged=True, lines=[line])
        ledger.decide(place, [Kind.MISSING], [Finding(kind=Kind.MISSING, **where, path="L0/é")])
        ledger.keep_reading(place, {"L0/é": (1 << 40, 1)})

    def take_in(self, begin=NIGHT):
        with DirectRegistry(self.settings.registry_url, self.settings.root) as registry:
            first = publish(registry.root)
            second = publish(registry.root, detector=2, inputs=[first])
            registry.register([first, second], inputs={second.id: [first.id]})
            registry.define(Collection("best", CollectionKind.TAGGED))
            registry.define(Collection("both", CollectionKind.CHAINED, children=("best",)))
            registry.tag("best", [first.id])
            registry.hold(Hold("best", f"ada {begin}", "why", 1))
            registry.expire([Expired(second.id, "old", 1)])
            registry.define(Collection("u/ada/flat", CollectionKind.RUN))
            registry.share("u/ada/flat", "astronomers")
            registry.annotate(
                annotation.Annotation(f"a{begin}", annotation.Kind.BAD, first.ref.data_id, "é", "ada", begin, begin)
            )
            registry.certify("panoseti/calib/x", Validity(first.id, begin, begin + 1))
            registry.record_quanta(
                [QuantumRecord("r", "s", "t", first.ref.data_id, "k", QuantumState.DONE, ("L1/x",), (first.id,))]
            )

    def make_hub(self):
        """Make a hub's own database with a user and a token; gives the token."""
        layout = Layout.of(self.settings)
        (layout.hub / "cookie_secret").write_text("secret")
        session = orm.new_session_factory(f"sqlite:///{layout.hub}/jupyterhub.sqlite")()
        user = orm.User(name="ada")
        session.add(user)
        session.commit()
        token = orm.new_token()
        session.add(orm.OAuthClient(identifier="jupyterhub"))
        session.add(orm.APIToken(user=user, note="for a script", token=token, client_id="jupyterhub"))
        session.commit()
        session.close()
        session.bind.dispose()
        return token

    def rows(self):
        """Everything in the databases."""
        parts = [
            (self.settings.platform_url, PLATFORM),
            (self.settings.registry_url, REGISTRY),
        ]
        return {name: found for url, tables in parts for name, found in rows(url, tables).items()}

    def files(self):
        return {file: file.read_bytes() for file in self.settings.state.rglob("*.sqlite")}

    def moved_to(self, url):
        other = object.__new__(Site)
        other.settings = self.settings.model_copy(update={"registry_url": url, "platform_url": url})
        return other


def rows(url, parts):
    database = Database(url)
    with database.read() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for tables in parts
            for table in tables.metadata.sorted_tables
        }
    database.close()
    return found


@pytest.fixture
def make_site(tmp_path):
    """Make an installation; gives it."""
    return lambda name, **urls: Site(tmp_path / name, **urls)


@pytest.fixture
def site(make_site):
    return make_site("old")


@pytest.fixture
def empty_postgresql(new_database, tmp_path):
    with new_database("postgresql", tmp_path) as url:
        yield url
