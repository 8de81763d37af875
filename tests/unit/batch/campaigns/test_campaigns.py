"""Campaigns with real jobs of the tiny instrument."""

from __future__ import annotations

import pytest

from hven.alarms.queries import notifications
from hven.batch.campaigns.campaigns import DirectCampaigns
from hven.batch.campaigns.model import State
from hven.batch.campaigns.queries import campaign as live
from hven.batch.campaigns.spec import parse_campaign
from hven.batch.campaigns.store import CampaignStore
from hven.batch.campaigns.tables import NAME
from hven.batch.chores import make_chores
from hven.batch.model import JobClass
from hven.batch.store import JobStore
from hven.core.errors import AccessDeniedError, ConfigurationError, ConflictError, UnknownNameError
from hven.model.data_id import TypeName
from hven.store.current import read_current


def spec(**changes):
    values = {
        "name": "c1",
        "instrument": "tiny",
        "steps": [{"name": "levels", "pipeline": "tiny/levels", "group_by": ["detector"]}],
    }
    return parse_campaign({**values, **changes}, origin="test")


def step(name, pipeline, **more):
    return {"name": name, "pipeline": f"tiny/{pipeline}", **more}


def begin(campaigns, **changes):
    loaded = campaigns.load(spec(**changes))
    return campaigns.start(loaded.name)


def states(campaign):
    return [s.state for s in campaign.steps]


def found(registry, type_name, collection):
    return registry.find(TypeName.parse(type_name), collection=collection)


def test_later_steps_read_what_earlier_steps_wrote_and_jobs_are_the_service_accounts(
    campaigns, go_on, registry, database, site
):
    begin(
        campaigns,
        job_class="data-release",
        steps=[
            step("levels", "levels", group_by=["detector"]),
            step("signal", "signal", data={"values": {"detector": 2}}),
        ],
    )
    go_on()

    (signal,) = found(registry, "L1/tiny.signal", "tiny/runs/c1/signal")
    level = next(p for p in found(registry, "L1/tiny.levels", "tiny/runs/c1") if p.ref.data_id["detector"] == 2)
    assert signal.run == "tiny/runs/c1/signal/v1/all"
    assert level.id in registry.inputs_of(signal.id)
    jobs = JobStore(database).find()
    assert len(jobs) == 4
    assert {(j.request.job_class, j.request.shared) for j in jobs} == {(JobClass.DATA_RELEASE, True)}
    assert len({j.user for j in jobs}) == 1


def test_a_step_that_breaks_its_rule_fails_and_waits_for_a_person(campaigns, go_on, site):
    broken = step("all", "all", group_by=["detector"], config={"peaks": {"fail_detector": 1}})
    begin(campaigns, steps=[broken, step("after", "levels")])
    go_on()

    failed = campaigns.get("c1")
    assert failed.state == State.FAILED
    assert states(failed) == [State.FAILED, State.WAITING]
    assert "quanta failed or were blocked" in failed.steps[0].note
    (told,) = notifications(site, limit=9)
    assert (told.message.severity, told.message.subject) == ("error", "campaign c1 failed at all")
    assert "hven campaign retry c1 all" in told.message.text

    campaigns.accept("c1")
    go_on()
    assert campaigns.get("c1").state == State.ACCEPTED


def test_failed_groups_are_tried_again_alone(campaigns, go_on, database, registry, monkeypatch):
    begin(campaigns, steps=[step("all", "all", group_by=["detector"], config={"peaks": {"fail_detector": 1}})])
    go_on()
    jobs = len(JobStore(database).find())
    with pytest.raises(ConflictError, match="group 2 has not failed"):
        campaigns.retry("c1", group="2")

    campaigns.retry("c1")
    go_on()

    again = campaigns.get("c1").steps[0]
    assert len(JobStore(database).find()) == jobs + 1
    assert [(g.name, g.tries) for g in again.groups] == [("1", 2), ("2", 1), ("3", 1)]
    assert again.groups[0].run == "tiny/runs/c1/all/v1/1/2"
    assert again.state == State.FAILED


def test_a_restarted_job_takes_its_campaign_along(campaigns, go_on, database):
    begin(campaigns, steps=[step("all", "all", group_by=["detector"], config={"peaks": {"fail_detector": 1}})])
    go_on()
    job = campaigns.get("c1").steps[0].groups[0].job

    JobStore(database).restart(job, who="olga")
    go_on()

    kinds = [e.what for e in campaigns.events("c1") if e.group == "1" or e.what == "failed"]
    assert kinds == ["failed", "end", "failed", "end", "submit"]


def test_a_rejected_step_is_redone_without_touching_what_others_made(campaigns, go_on, registry):
    steps = [step("levels", "levels"), step("signal", "signal", breakpoint=True)]
    begin(campaigns, steps=steps)
    go_on()
    before = {name: found(registry, f"L1/tiny.{name}", f"tiny/runs/c1/{name}/v1") for name in ("levels", "signal")}

    campaigns.reject("c1", "signal", reason="too noisy")
    assert campaigns.get("c1").state == State.REJECTED
    go_on()
    assert campaigns.get("c1").state == State.REJECTED
    campaigns.retry("c1")
    go_on()

    redone = campaigns.get("c1")
    assert [s.attempt for s in redone.steps] == [1, 2]
    assert redone.state == State.BLOCKED
    for name, products in before.items():
        assert found(registry, f"L1/tiny.{name}", f"tiny/runs/c1/{name}/v1") == products
    collections = {c.name: c.children for c in registry.collections()}
    assert collections["tiny/runs/c1"] == ("tiny/runs/c1/signal/v2", "tiny/runs/c1/levels/v1")
    assert found(registry, "L1/tiny.signal", "tiny/runs/c1") == before["signal"]


def test_products_are_found_by_default_once_their_step_is_accepted(campaigns, go_on, registry, site):
    begin(campaigns, steps=[step("levels", "levels"), step("signal", "signal", breakpoint=True)])
    go_on()
    levels = found(registry, "L1/tiny.levels", "")
    assert levels == found(registry, "L1/tiny.levels", "tiny/runs/c1/levels")
    assert len(levels) == 3
    (signal, *_) = waiting = found(registry, "L1/tiny.signal", "tiny/runs/c1/signal")
    assert len(waiting) == 3
    assert found(registry, "L1/tiny.signal", "") == []
    assert read_current(site.root, signal.ref) is None

    campaigns.accept("c1")
    go_on()

    assert found(registry, "L1/tiny.signal", "") == waiting
    assert read_current(site.root, signal.ref) == signal.path
    assert [e.step for e in campaigns.events("c1") if e.what == "choose"] == ["signal", "levels"]


def test_a_rejected_step_changes_nothing_that_is_found_by_default(campaigns, go_on, registry):
    begin(campaigns)
    go_on()
    before = found(registry, "L1/tiny.levels", "")
    other = {"levels": {"cell_s": 2.0}}
    begin(campaigns, name="c2", steps=[step("levels", "levels", config=other, breakpoint=True)])
    go_on()

    campaigns.reject("c2")
    go_on()

    assert len(found(registry, "L1/tiny.levels", "tiny/runs/c2/levels")) == 3
    assert found(registry, "L1/tiny.levels", "") == before


def test_what_was_accepted_before_acceptance_counted_stays_as_it_is(campaigns, go_on, database):
    begin(campaigns)
    go_on()
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE campaign_step DROP COLUMN chosen_ns")
        database.stamp(connection, name=NAME, version=1)

    migrated = CampaignStore(database)

    assert migrated.unchosen() == []
    assert migrated.get("c1").steps[0].chosen_ns == migrated.get("c1").steps[0].ended_ns


def test_a_paused_campaign_submits_nothing_and_goes_on_when_resumed(campaigns, go_on, database):
    begin(campaigns)
    campaigns.pause("c1")
    go_on()
    assert JobStore(database).find() == []
    assert campaigns.get("c1").state == State.PAUSED

    campaigns.resume("c1")
    go_on()
    assert campaigns.get("c1").state == State.ACCEPTED


def test_data_that_are_not_there_fail_a_step_that_may_not_be_empty(campaigns, go_on):
    nothing = {"values": {"day_obs": 19990101}}
    begin(campaigns, name="c1", data=nothing)
    begin(campaigns, name="c2", data=nothing, steps=[step("levels", "levels", may_be_empty=True)])
    begin(campaigns, name="c3", data=nothing, steps=[step("levels", "levels")])
    go_on()

    assert (campaigns.get("c1").state, campaigns.get("c1").steps[0].note) == (State.FAILED, "no data fit")
    assert campaigns.get("c2").state == State.ACCEPTED
    assert campaigns.get("c3").state == State.FAILED
    assert "no data fit" in campaigns.get("c3").steps[0].groups[0].error


def test_the_end_is_told_once_also_where_a_person_accepts_the_last_step(campaigns, go_on, site, database):
    begin(campaigns, steps=[step("levels", "levels", breakpoint=True)])
    go_on()
    campaigns.accept("c1")

    go_on()
    chore = next(c for c in make_chores(site, database) if c.name == "campaigns")
    chore.step()  # of a service that was started again
    chore.registry.close()

    subjects = [told.message.subject for told in notifications(site, limit=9)]
    assert subjects == ["campaign c1 finished", "campaign c1 waits at levels"]


def test_a_late_campaign_is_told_once(campaigns, go_on, site):
    begin(campaigns, late_after_h=1e-9, steps=[step("levels", "levels", breakpoint=True)])
    go_on()
    go_on()

    assert campaigns.get("c1").late
    subjects = [t.message.subject for t in notifications(site, limit=9)]
    assert subjects.count("campaign c1 is late") == 1


def test_running_groups_show_what_their_jobs_have_counted(campaigns, go_on, site, database):
    begin(campaigns)
    go_on()

    assert live(site, "c1").steps[0].quanta.model_dump() == {"total": 3, "done": 3, "bad": 0}
    assert live(site, "c9") is None


def test_only_operators_change_campaigns(campaigns):
    campaigns.load(spec())
    ada = DirectCampaigns(campaigns.store, user="ada", operator=False)

    assert ada.get("c1").loaded_by == "olga"
    for act in (ada.start, ada.pause, ada.resume, ada.accept, ada.reject, ada.retry):
        with pytest.raises(AccessDeniedError, match="ada may not change campaigns"):
            act("c1")
    with pytest.raises(AccessDeniedError):
        ada.load(spec(name="c2"))


@pytest.mark.parametrize("verb", ["start", "resume", "accept", "reject", "retry"])
def test_what_does_not_fit_the_state_is_refused(campaigns, go_on, verb):
    begin(campaigns)
    if verb == "reject":
        campaigns.pause("c1")
    with pytest.raises(ConflictError, match="campaign c1"):
        getattr(campaigns, verb)("c1")
    with pytest.raises(UnknownNameError, match="unknown campaign"):
        getattr(campaigns, verb)("c9")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"colour": "red"}, "colour"),
        ({"steps": []}, "steps"),
        ({"steps": [step("a", "all"), step("a", "all")]}, "two steps"),
        ({"steps": [step("a", "all", group_by=["detektor"])]}, "detektor"),
        ({"steps": [step("a", "all", group_by=["detector"], groups={"x": {}})]}, "not both"),
        ({"steps": [{"name": "a", "pipeline": "panoseti/nightly"}]}, "no pipeline of tiny"),
        ({"name": "../up"}, "name"),
        ({"data": {"values": {"hue": 3}}}, "hue"),
    ],
)
def test_what_a_file_says_wrongly_is_named(changes, problem):
    with pytest.raises(ConfigurationError, match=problem):
        spec(**changes)


def test_a_pipeline_that_does_not_exist_is_refused_when_loading(campaigns):
    with pytest.raises(UnknownNameError, match="levles"):
        campaigns.load(spec(steps=[step("levels", "levles")]))
    with pytest.raises(ConflictError, match="already"):
        campaigns.load(spec()), campaigns.load(spec())
