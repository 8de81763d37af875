"""Whatever waits and runs: limits hold, classes go in order, reserved slots are there, and everybody's turn comes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from hven.batch.forecast import forecast
from hven.batch.model import JobClass
from hven.batch.policy import Claim, Preempt, Scene, Start, Use, choose, within_limits
from hven.core.clock import NS
from hven.core.settings import BatchSettings, Limit

USERS = ("ada", "bo", "cy")
CLASSES = [c.value for c in JobClass]

limits = st.builds(
    Limit,
    jobs=st.none() | st.integers(0, 3),
    cores=st.none() | st.integers(0, 8),
    memory_gb=st.none() | st.integers(0, 8).map(float),
)


@st.composite
def rules(draw):
    slots = draw(st.integers(1, 5))
    reserved, left = {}, slots
    for name in draw(st.lists(st.sampled_from(CLASSES), unique=True, max_size=3)):
        reserved[name] = draw(st.integers(0, left))
        left -= reserved[name]
    return BatchSettings(
        slots=slots,
        total=draw(limits),
        reserved=reserved,
        lends=tuple(draw(st.lists(st.sampled_from(CLASSES), unique=True, max_size=3))),
        class_limits=draw(st.dictionaries(st.sampled_from(CLASSES), limits, max_size=2)),
        user_limit=draw(limits),
        user_limits=draw(st.dictionaries(st.sampled_from(USERS), limits, max_size=2)),
        preempts=draw(st.dictionaries(st.sampled_from(CLASSES), st.sampled_from(["boundary", "kill"]))),
    )


@st.composite
def queues(draw):
    jobs = draw(
        st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from(list(JobClass)), st.integers(1, 4)), max_size=12)
    )
    return [Claim(n, user, c, cores, float(cores)) for n, (user, c, cores) in enumerate(jobs)]


def play(waiting, rules):
    """Start and preempt until nothing more happens; gives each moment: what waits, what runs, what was chosen."""
    active, now = [], 0
    waiting = list(waiting)
    for _ in range(60):
        scene = Scene(list(active), {}, rules, now)
        choice = choose(waiting, scene)
        yield list(waiting), list(active), choice
        match choice:
            case None:
                return
            case Start(job):
                claim = next(w for w in waiting if w.job == job)
                waiting.remove(claim)
                active.append(replace(claim, since_ns=now))
            case Preempt(victims):
                gone = [a for a in active if a.job in victims]
                active = [a for a in active if a.job not in victims]
                waiting += [replace(g, since_ns=0) for g in gone]
        now += NS


def over(jobs, limit):
    return (
        (limit.jobs is not None and len(jobs) > limit.jobs)
        or (limit.cores is not None and sum(j.cores for j in jobs) > limit.cores)
        or (limit.memory_gb is not None and sum(j.memory_gb for j in jobs) > limit.memory_gb)
    )


def entitled(job_class, active, rules):
    return sum(a.job_class == job_class for a in active) < rules.reserved.get(job_class, 0)


ONE_OF_EACH = [Claim(0, "ada", JobClass.PROMPT, 1, 1.0), Claim(1, "ada", JobClass.OFFLINE, 1, 1.0)]


@example(ONE_OF_EACH, BatchSettings(slots=1, reserved={"offline": 1}, lends=("offline",)))
@example(ONE_OF_EACH, BatchSettings(slots=2, reserved={"offline": 1}, total=Limit(memory_gb=1.0)))
@given(queues(), rules())
def test_for_whom_others_give_way_is_the_next_that_starts(waiting, rules):
    wanting = None
    for _, _, choice in play(waiting, rules):
        assert wanting is None or choice == Start(wanting)
        wanting = choice.by if isinstance(choice, Preempt) else None


@given(queues(), rules())
def test_no_limit_is_ever_exceeded(waiting, rules):
    for _, active, _ in play(waiting, rules):
        assert len(active) <= rules.slots
        assert not over(active, rules.total)
        for name, limit in rules.class_limits.items():
            assert not over([a for a in active if a.job_class == name], limit)
        for user in USERS:
            limit = rules.user_limits.get(user, rules.user_limit)
            assert not over([a for a in active if a.user == user], limit)


@given(queues(), rules())
def test_reserved_slots_that_are_not_lent_are_never_used_by_others(waiting, rules):
    for _, active, _ in play(waiting, rules):
        kept = sum(
            max(0, slots - sum(a.job_class == name for a in active))
            for name, slots in rules.reserved.items()
            if name not in rules.lends
        )
        assert len(active) + kept <= rules.slots


@given(queues(), rules())
def test_nothing_starts_before_a_higher_class_that_could_but_in_a_slot_of_its_own(waiting, rules):
    for before, active, choice in play(waiting, rules):
        if not isinstance(choice, Start):
            continue
        started = next(w for w in before if w.job == choice.job)
        if entitled(started.job_class, active, rules):
            continue
        for other in before:
            if other.job_class.priority > started.job_class.priority:
                first = min(w.job for w in before if w.owner == other.owner) == other.job
                alone = choose([other], Scene(active, {}, rules, 0))
                assert not (first and within_limits(other, active, rules) and isinstance(alone, Start))


@given(queues(), rules())
def test_who_gives_way_is_of_a_lower_class_or_has_borrowed_and_makes_the_room_that_is_needed(waiting, rules):
    for before, active, choice in play(waiting, rules):
        if not isinstance(choice, Preempt):
            continue
        wanting = next(w for w in before if w.job == choice.by)
        gone = [a for a in active if a.job in choice.victims]
        staying = [a for a in active if a not in gone]
        borrowed = entitled(wanting.job_class, active, rules)
        assert gone
        assert borrowed or all(g.job_class.priority < wanting.job_class.priority for g in gone)
        assert choose([wanting], Scene(staying, {}, rules, 0)) == Start(wanting.job)
        for job_class in {g.job_class for g in gone}:
            left = sum(s.job_class == job_class for s in staying)
            assert left >= min(rules.reserved.get(job_class, 0), sum(a.job_class == job_class for a in active))


@given(st.integers(1, 3), st.integers(1, 50), st.floats(0.05, 0.9))
def test_whoever_keeps_submitting_a_newcomer_is_next(slots, others, ageing):
    """The user who came first has a long queue; the other's first job starts with the next slot."""
    rules = BatchSettings(slots=slots, ageing=ageing)
    hour = 3600 * NS
    running = [Claim(n, "ada", JobClass.DATA_ACCESS, since_ns=hour) for n in range(slots)]
    waiting = [Claim(100 + n, "ada", JobClass.DATA_ACCESS) for n in range(others)]
    uses = {(JobClass.DATA_ACCESS, "ada"): Use(0.0, hour, hour)}
    newcomer = Claim(999, "bo", JobClass.DATA_ACCESS, since_ns=hour + NS)

    choice = (
        choose([*waiting, newcomer], Scene(running[1:], uses, rules, 2 * hour))
        if slots > 1
        else choose(
            [*waiting, newcomer],
            Scene([], {(JobClass.DATA_ACCESS, "ada"): Use(3600.0, 2 * hour, hour)}, rules, 2 * hour),
        )
    )

    assert choice == Start(999)


@given(queues(), rules(), st.integers(1, 100))
def test_a_forecast_names_every_job_once_and_each_in_its_own_place(waiting, rules, length):
    places = forecast(waiting, Scene([], {}, rules, 0), dict.fromkeys(range(12), float(length)))

    assert set(places) == {w.job for w in waiting}
    assert sorted(p.ahead for p in places.values()) == list(range(len(waiting)))
    starts = [p.start_ns for p in sorted(places.values(), key=lambda p: p.ahead) if p.start_ns is not None]
    assert starts == sorted(starts)
