"""The same operations have the same answers on SQLite and PostgreSQL."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_products import NIGHT, product

from hven.batch import tables
from hven.batch.lease import JobQueue
from hven.batch.model import JobClass, JobRequest, JobState, QuantumLine
from hven.batch.store import JobStore
from hven.core.errors import HvenError
from hven.model.collection import AccessClass, Collection, CollectionKind, Validity
from hven.model.data_id import TypeName
from hven.model.quantum import QuantumRecord, QuantumState
from hven.model.query import DataQuery
from hven.registry import schema
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry

LARGEST = (1 << 63) - 1
L1 = TypeName.parse("L1/panoseti.ph1024")
KEYS = ("instrument", "day_obs", "observation", "detector")

words = st.sampled_from(
    ["a", "B", "b", "Z", "é", "É", "e\u0301", "ß", "SS", "_", "%", "a b", "ﬀ", "\U0001f600", "\uffff"]
)
detectors = st.sampled_from([0, 1, 2, 10, -1, LARGEST, -LARGEST - 1, (1 << 53) + 1])
times = st.sampled_from([NIGHT, NIGHT + 1, NIGHT - 1, LARGEST, -LARGEST - 1])
runs = words.map(lambda word: f"r/{word}")
names = st.one_of(runs, words.map(lambda word: f"t/{word}"), st.just("panoseti/defaults"))
numbers = st.integers(0, 11)


def products_of(number):
    return f"{number:032x}"


@st.composite
def made(draw):
    number = draw(numbers)
    item = product(run=draw(runs), observation=draw(words), detector=draw(detectors), quantum_key=draw(words))
    return replace(
        item, id=products_of(number), path=PurePosixPath("L1", "x", str(number)), begin_ns=draw(times),
        rows=draw(detectors.filter(lambda n: n >= 0)), output=draw(words), created_ns=NIGHT,
    )  # fmt: skip


@st.composite
def quanta(draw):
    return QuantumRecord(
        run=draw(runs),
        step=draw(words),
        task="t",
        data_id=product(detector=draw(detectors), observation=draw(words)).ref.data_id,
        quantum_key="k",
        state=draw(st.sampled_from([QuantumState.DONE, QuantumState.FAILED])),
        outputs=(draw(words), "L1/x"),
        error=draw(st.sampled_from(["", "no\0text", "lone \ud800 half", "é"])),
        ended_ns=draw(times),
        wall_s=draw(st.sampled_from([0.1, 1e300, 5e-324])),
    )


comparisons = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
floats = st.sampled_from([0.5, 1e4, float(1 << 53), float(1 << 62), -1.5, 9.2e18, 1e19])
conditions = st.one_of(
    st.builds(lambda op, word: f"observation {op} {word!r}", comparisons, words),
    st.builds(lambda op, word: f"{word!r} {op} run", comparisons, runs),
    st.builds(lambda op, n: f"detector {op} {n}", comparisons, st.one_of(detectors, floats)),
    st.builds(lambda op, n: f"begin {op} {n!r}", comparisons, st.one_of(times, floats)),
    st.builds(lambda some: f"observation in {some!r}", st.lists(words).map(tuple)),
    st.builds(lambda some: f"rows not in {some!r}", st.lists(st.one_of(detectors, floats)).map(tuple)),
)
queries = st.builds(
    lambda where, chosen: DataQuery.of(where, **({"observation": chosen} if chosen else {})),
    st.one_of(st.just(""), conditions), st.lists(words, max_size=2),
)  # fmt: skip
kinds = st.sampled_from([CollectionKind.TAGGED, CollectionKind.CHAINED])

calls = st.one_of(
    st.tuples(st.just("register"), st.lists(made(), max_size=4)),
    st.tuples(st.just("define"), names, kinds, st.sampled_from(list(AccessClass)), st.lists(names, max_size=2)),
    st.tuples(st.just("tag"), names, st.lists(numbers, max_size=3)),
    st.tuples(st.just("certify"), words.map(lambda w: f"c/{w}"), numbers, times, times, st.booleans()),
    st.tuples(st.just("decertify"), words.map(lambda w: f"c/{w}"), numbers, times, times),
    st.tuples(st.just("calibration"), made(), times),
    st.tuples(st.just("record"), st.lists(quanta(), max_size=3)),
    st.tuples(st.just("find"), queries, st.one_of(st.just(""), names)),
    st.tuples(st.just("quanta"), queries.filter(lambda q: "rows" not in q.where and "begin" not in q.where), words),
)


def call(registry, name, *given):  # noqa: PLR0911 - one for each operation
    match name:
        case "register":
            new = given[0]
            return registry.register(new, inputs={p.id: [products_of(0), "gone"] for p in new})
        case "define":
            where, kind, access, children = given
            return registry.define(Collection(where, kind, access, "é", tuple(dict.fromkeys(children))))
        case "tag":
            return registry.tag(given[0], [products_of(n) for n in given[1]])
        case "certify":
            name, number, begin, end, supersede = given
            return registry.certify(name, Validity(products_of(number), begin, end), supersede=supersede)
        case "decertify":
            return registry.decertify(given[0], Validity(products_of(given[1]), given[2], given[3]))
        case "calibration":
            return registry.calibration(given[0].ref, given[1])
        case "record":
            return registry.record_quanta(given[0])
        case "find":
            return registry.find(L1, given[0], collection=given[1])
        case "quanta":
            return registry.quanta(output=given[1], query=given[0])
    raise AssertionError(name)


def answer(do, *given):
    """Give what a call answers; of an error the class and what it says, which no database may change."""
    try:
        return do(*given)
    except HvenError as error:
        return type(error), error.message.partition("output: ")[0], error.hint


@contextmanager
def emptied(databases, metadata):
    """Both databases without rows, which is quicker than new ones."""
    for database in databases:
        with database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(sa.delete(table))
    yield


@pytest.fixture(scope="module")
def urls(tmp_path_factory, new_database):
    folder = tmp_path_factory.mktemp("agree")
    with new_database("sqlite", folder) as first, new_database("postgresql", folder) as second:
        yield first, second


@pytest.fixture(scope="module")
def registries(urls, tmp_path_factory):
    opened = [DirectRegistry(url, tmp_path_factory.mktemp("root")) for url in urls]
    yield opened
    for registry in opened:
        registry.close()


@settings(max_examples=60)
@given(st.lists(calls, min_size=4, max_size=16), queries)
@example(
    [("register", [replace(product(detector=(1 << 53) + 1), id="x")])],
    DataQuery.of("detector == 9007199254740992.0"),
)
@example(
    [("record", [QuantumRecord("r", "s", "t", product().ref.data_id, "k", QuantumState.FAILED, (), error="\0")])],
    DataQuery(),
)
def test_registries_agree(registries, some, query):
    with emptied([registry.database for registry in registries], schema.metadata):
        for name, *given_ in some:
            first, second = (answer(call, registry, name, *given_) for registry in registries)
            assert first == second

        for look in (
            lambda r: r.find(query=query),
            lambda r: r.quanta(),
            lambda r: r.collections(),
            lambda r: [replace(c, at_ns=0) for c in r.certifications()],
            lambda r: [r.outputs_of(products_of(0)), r.inputs_of(products_of(1)), r.by_quantum(["a", "é", "e\u0301"])],
            lambda r: [(c.name, answer(lambda name: r.find(L1, collection=name), c.name)) for c in r.collections()],
        ):
            first, second = (answer(look, registry) for registry in registries)
            assert first == second


people = st.sampled_from(["ada", "Ada", "bert", "é"])
jobs = st.integers(1, 6)
job_calls = st.one_of(
    st.tuples(st.just("submit"), people, st.sampled_from(list(JobClass)), words),
    st.tuples(st.sampled_from(["cancel", "hold", "unhold", "restart"]), jobs, people),
    st.tuples(st.sampled_from(["claim", "pause", "reap"])),
    st.tuples(st.sampled_from(["begin", "renew", "release"]), jobs),
    st.tuples(st.just("report"), jobs, st.lists(st.tuples(words, words, st.sampled_from(list(QuantumState)[2:])))),
    st.tuples(st.just("finish"), jobs, st.sampled_from(["", "no\0text", "\udfff"])),
)
CHANGES = {"id", "job_id", "run", "submitted_ns", "started_ns", "expected_start_ns", "ended_ns", "heartbeat_ns"}


class Table:
    """A table of jobs; jobs are named by the order in which they were submitted."""

    def __init__(self, url):
        self.store = JobStore(Database(url))
        self.queue = JobQueue(self.store.database, lease_s=30)
        self.forget()

    def forget(self):
        self.jobs, self.leases = [], {}

    def number(self, place):
        return self.jobs[place - 1] if place <= len(self.jobs) else 10**6 + place

    def place(self, number):
        return self.jobs.index(number) + 1

    def call(self, name, *given_):
        match name:
            case "submit":
                request = JobRequest(
                    pipeline="p/x", where=given_[2], job_class=given_[1], values={"detector": (LARGEST,)}
                )
                return self.jobs.append(self.store.submit(request, user=given_[0]).id)
            case "claim":
                lease = self.queue.claim()
                self.leases |= {lease.job: lease} if lease else {}
                return lease and self.place(lease.job)
            case "pause" | "reap":
                return getattr(self.queue, name)()
            case "cancel" | "hold" | "unhold" | "restart":
                return self.told(getattr(self.store, name)(self.number(given_[0]), who=given_[1]))
        lease = self.leases.get(self.number(given_[0]))
        return self.work(name, lease, *given_[1:]) if lease else None

    def work(self, name, lease, *given_):
        match name:
            case "begin":
                return self.queue.begin(lease, runner="here:1")
            case "report":
                lines = [QuantumLine(step=s, data_id=d, state=state) for s, d, state in given_[0]]
                return self.queue.report(lease, lines, total=len(lines))
            case "finish":
                return self.queue.finish(lease, JobState.FAILED, error=given_[0], flavour="data")
        return getattr(self.queue, name)(lease)

    def told(self, job):
        return {name: value for name, value in job.model_dump().items() if name not in CHANGES}

    def all(self):
        events = [(e.who, e.what, e.job and self.place(e.job), e.parameters) for e in self.store.events()]
        lines = [(self.store.quanta(job), self.store.failures(job)) for job in self.jobs]
        mine = [self.place(job.id) for job in self.store.find(user="ada", states=[JobState.READY])]
        return [self.told(job) for job in self.store.find()], events, lines, mine, self.queue.active()


@pytest.fixture(scope="module")
def job_tables(urls):
    opened = [Table(url) for url in urls]
    yield opened
    for table in opened:
        table.store.database.close()


@settings(max_examples=40)
@given(st.lists(job_calls, min_size=5, max_size=25))
def test_job_tables_agree(job_tables, some):
    with emptied([table.store.database for table in job_tables], tables.METADATA):
        for table in job_tables:
            table.forget()
        for name, *given_ in some:
            first, second = (_numbered(table, answer(table.call, name, *given_)) for table in job_tables)
            assert first == second

        first, second = (table.all() for table in job_tables)
        assert first == second


def _numbered(table, answered):
    """Replace the numbers of jobs in messages by their places."""
    if not isinstance(answered, tuple):
        return answered
    words_ = [
        str(table.jobs.index(int(w)) + 1) if w.isdigit() and int(w) in table.jobs else w for w in answered[1].split()
    ]
    return answered[0], words_, answered[2]
