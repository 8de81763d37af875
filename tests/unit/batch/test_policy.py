"""Which job goes next, and which gives way."""

from __future__ import annotations

import pytest

from hven.batch.model import JobClass
from hven.batch.policy import Claim, Preempt, Scene, Start, Use, choose, refuse_if_too_large
from hven.core.clock import NS
from hven.core.errors import ConfigurationError, SettingsError
from hven.core.settings import BatchSettings, JobClassName, Limit, load_settings

HOUR = 3600 * NS
NOW = 100 * HOUR
PROMPT, OFFLINE, ACCESS, CALIBRATION, RELEASE = (
    JobClass.PROMPT, JobClass.OFFLINE, JobClass.DATA_ACCESS, JobClass.CALIBRATION, JobClass.DATA_RELEASE,
)  # fmt: skip


def job(number, user="ada", job_class=ACCESS, since_h=99.0, **more):
    return Claim(number, user, job_class, since_ns=round(since_h * HOUR), **more)


def chosen(waiting, active=(), uses=None, **rules):
    return choose(waiting, Scene(list(active), uses or {}, BatchSettings(**{"slots": 2, **rules}), NOW))


def test_settings_name_the_classes_that_there_are():
    assert set(JobClassName.__args__) == set(JobClass)


def test_no_more_slots_can_be_reserved_than_there_are(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("root: d\nstate: s\nbatch: {slots: 2, reserved: {prompt: 3}}\n")

    with pytest.raises(SettingsError, match="3 slots are reserved, there are 2"):
        load_settings(site, environ={})


def test_classes_go_in_the_order_of_ldm_148():
    waiting = [job(n, job_class=c) for n, c in enumerate(reversed(JobClass))]
    order = []
    while waiting:
        order.append(next(w for w in waiting if Start(w.job) == chosen(waiting, slots=9)))
        waiting.remove(order[-1])

    assert [w.job_class for w in order] == list(JobClass)


def test_inside_a_class_who_has_used_less_lately_goes_first():
    uses = {(ACCESS, "ada"): Use(10 * 3600, NOW, NOW), (ACCESS, "bo"): Use(1 * 3600, NOW, NOW)}

    assert chosen([job(1), job(2, "bo")], uses=uses) == Start(2)


def test_use_is_forgotten():
    long_ago = {(ACCESS, "ada"): Use(10 * 3600, NOW - 99 * HOUR, NOW), (ACCESS, "bo"): Use(1 * 3600, NOW, NOW)}

    assert chosen([job(1), job(2, "bo")], uses=long_ago, half_life_h=5) == Start(1)


def test_use_in_another_class_does_not_count():
    uses = {(OFFLINE, "ada"): Use(10 * 3600, NOW, NOW)}

    assert chosen([job(1), job(2, "bo")], uses=uses) == Start(1)


def test_what_runs_counts_as_used():
    assert chosen([job(1), job(2, "bo")], [job(9, since_h=98.0)]) == Start(2)


def test_who_is_kept_waiting_goes_first_in_the_end():
    uses = {(ACCESS, "ada"): Use(4 * 3600, NOW, NOW - 20 * HOUR), (ACCESS, "bo"): Use(0, NOW, NOW)}

    assert chosen([job(1, since_h=70.0), job(2, "bo", since_h=100.0)], uses=uses, ageing=0.25) == Start(1)
    assert chosen([job(1, since_h=70.0), job(2, "bo", since_h=100.0)], uses=uses, ageing=0.1) == Start(2)


@pytest.mark.parametrize(
    "rules",
    [
        {"user_limit": Limit(jobs=1)},
        {"user_limit": Limit(cores=3)},
        {"user_limit": Limit(memory_gb=7)},
        {"user_limits": {"ada": Limit(jobs=1)}},
        {"user_limit": Limit(jobs=0), "user_limits": {"ada": Limit(jobs=1), "bo": Limit()}},
    ],
)
def test_who_is_at_a_limit_lets_others_pass(rules):
    running = job(9, cores=2, memory_gb=4)

    assert chosen([job(1, cores=2, memory_gb=4), job(2, "bo")], [running], **rules) == Start(2)


def test_a_class_at_its_limit_lets_lower_ones_pass():
    waiting = [job(1), job(2, "bo", RELEASE)]

    assert chosen(waiting, [job(9, "cy")], class_limits={"data-access": Limit(jobs=1)}) == Start(2)


def test_what_waits_for_room_keeps_it_from_those_behind():
    rules = {"slots": 9, "total": Limit(cores=4), "preempts": {}}
    active = [job(9, cores=2)]

    assert chosen([job(1, "bo", OFFLINE, cores=4), job(2, "cy", cores=1)], active, **rules) is None
    assert chosen([job(2, "cy", cores=1)], active, **rules) == Start(2)


def test_reserved_slots_are_kept_for_their_class():
    assert chosen([job(1)], [job(9)], reserved={"prompt": 1}) is None
    assert chosen([job(1), job(2, "b", PROMPT)], [job(9)], reserved={"prompt": 1}) == Start(2)


def test_a_class_below_uses_its_own_reserved_slot_whatever_waits_above():
    waiting = [job(1, "bo", OFFLINE), job(2, "cy", CALIBRATION)]

    assert chosen(waiting, [job(9, "bo", OFFLINE)], reserved={"calibration": 1}) == Start(2)


def test_lent_slots_are_used_and_taken_back_from_whoever_borrowed():
    rules = {"reserved": {"calibration": 1}, "lends": ("calibration",), "preempts": {}}
    borrowed = [job(8, "bo", OFFLINE, since_h=98), job(9, "bo", OFFLINE, since_h=99)]

    assert chosen([job(1, "bo", OFFLINE)], borrowed[:1], **rules) == Start(1)
    assert chosen([job(2, "cy", CALIBRATION)], borrowed, **rules) == Preempt((9,), 2, kill=False)


def test_the_lowest_class_gives_way_and_in_it_what_began_last():
    active = [job(7, "bo", RELEASE, since_h=90), job(8, "bo", RELEASE, since_h=95), job(9, "bo", since_h=99)]

    assert chosen([job(1, job_class=PROMPT)], active, slots=3) == Preempt((8,), 1, kill=True)
    assert chosen([job(1, job_class=OFFLINE)], active, slots=3) == Preempt((8,), 1, kill=False)


def test_nobody_gives_way_to_the_same_or_a_lower_class_or_to_one_that_does_not_preempt():
    assert chosen([job(1, "bo")], [job(9)], slots=1) is None
    assert chosen([job(1, "bo", RELEASE)], [job(9)], slots=1) is None
    assert chosen([job(1, "bo")], [job(9, job_class=RELEASE)], slots=1, preempts={}) is None


def test_no_more_jobs_are_asked_than_must_go():
    leaving = [job(8, "bo", RELEASE, leaving=True), job(9, "bo", RELEASE)]

    assert chosen([job(1)], leaving) is None
    assert chosen([job(1, job_class=PROMPT)], leaving) == Preempt((8,), 1, kill=True)


def test_as_many_give_way_as_a_large_job_needs_and_no_others():
    rules = {"slots": 9, "total": Limit(cores=8)}
    active = [
        job(7, "bo", RELEASE, cores=1),
        job(8, "bo", RELEASE, cores=3),
        job(9, "bo", RELEASE, cores=4, since_h=99.5),
    ]

    assert chosen([job(1, job_class=PROMPT, cores=4)], active, **rules) == Preempt((9,), 1, kill=True)
    asked = chosen([job(1, job_class=PROMPT, cores=7)], active, **rules)
    assert sorted(asked.victims) == [8, 9]


def test_a_job_in_a_reserved_slot_of_its_own_class_does_not_give_way():
    active = [job(8, "bo", RELEASE), job(9, "cy", ACCESS)]

    asked = chosen([job(1, job_class=PROMPT)], active, reserved={"data-release": 1})

    assert asked == Preempt((9,), 1, kill=True)


@pytest.mark.parametrize(
    ("rules", "whose"),
    [
        ({"total": Limit(cores=3)}, "all jobs together"),
        ({"user_limit": Limit(memory_gb=7)}, "ada's jobs"),
        ({"class_limits": {"data-access": Limit(cores=2)}}, "jobs of class data-access"),
    ],
)
def test_a_job_that_could_never_run_is_refused_with_the_limit(rules, whose):
    with pytest.raises(ConfigurationError, match=f"4 cores and 8 GB, more than {whose} may"):
        refuse_if_too_large(job(1, cores=4, memory_gb=8), BatchSettings(**rules))
