"""The form as its user meets it: fields are set, buttons are pressed, texts are read."""

from __future__ import annotations

import html
import re

import campaign_site
import pytest
import small_night
import xarray as xr

from hven.batch.campaigns.spec import parse_campaign
from hven.widgets import SubmitForm


@pytest.fixture
def form(obs):
    return SubmitForm(obs, "tiny/all")


def text(widget):
    """What a reader sees of HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", widget.value)).split())


def test_choice_of_data_is_counted_at_once(form):
    assert text(form.count) == "→ 7 quanta, 0 done already, 7 to do"

    form.query.choose(detector=1)

    assert text(form.count) == "→ 4 quanta, 0 done already, 4 to do"
    assert "not known" in text(form.estimate)
    assert "tiny.levels" in text(form.estimate)


def test_a_subset_of_a_pipeline_can_be_chosen(form):
    form.pipeline.value = "tiny/all#first"

    assert text(form.count) == "→ 4 quanta, 0 done already, 4 to do"
    assert "levels, signal" in text(form.doc)


def test_condition_narrows_the_choice(form):
    form.query.choose(where="detector == 2")

    assert text(form.count).startswith("→ 4 quanta")


@pytest.mark.parametrize(("condition", "said"), [("detektor == 1", "Did you mean"), ("detector ==", "cannot read")])
def test_wrong_condition_is_explained_and_cannot_be_submitted(form, condition, said):
    form.query.choose(where=condition)
    assert said in text(form.count)
    assert form.submit.disabled

    form.query.choose(where="")
    assert "7 quanta" in text(form.count)
    assert not form.submit.disabled


def test_condition_is_shown_as_text_not_as_markup(form):
    form.query.choose(where="<img src=x> == 1")

    assert "<img" not in form.count.value


def test_what_is_made_is_not_submitted_again_unless_an_option_differs(form, obs):
    obs.process("tiny/all")

    form.refresh()
    assert text(form.estimate).startswith("Nothing to do")
    assert form.submit.disabled

    form.options.steps["peaks"].fields["threshold"].value = 30.0
    assert text(form.count) == "→ 7 quanta, 4 done already, 3 to do"
    assert re.match(r"Estimate: 3 quanta · .* of one core · peak .*B · output .*B", text(form.estimate))
    assert not form.submit.disabled
    assert form.config == {"peaks": {"threshold": 30.0}}
    assert form.options.box.titles == ("Options: peaks.threshold = 30.0",)


def test_fields_show_one_step_at_a_time(form):
    assert list(form.options.step.options) == ["levels", "peaks"]

    form.options.step.value = "peaks"

    shown = [row.children[0].description for row in form.options._fields.children[0].children]
    assert shown == ["threshold", "fail_detector", "kill_detector", "fail_unless", "sleep_s", "pids"]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Image streams and pulse heights of two real telescopes."""
    with small_night.make(tmp_path_factory.mktemp("night")) as obs:
        yield obs


def test_only_steps_whose_raw_data_exist_offer_options(night):
    form = SubmitForm(night, "panoseti/calibrate")

    assert list(form.options.steps) == ["img16.pedestals", "ph1024.pedestals", "img16.signal", "ph1024.signal"]


@pytest.mark.parametrize(
    ("step", "option", "value", "said"),
    [
        ("ph1024.signal", "saturation", "many", "saturation: cannot read 'many'"),
        ("img16.pedestals", "cell_s", 0, "cell_s: Input should be greater than 0"),
    ],
)
def test_value_that_the_task_refuses_is_explained(night, step, option, value, said):
    form = SubmitForm(night, "panoseti/calibrate")
    form.options.steps[step].fields[option].value = value

    assert said in text(form.count)
    assert form.submit.disabled


def test_observatory_without_data_says_how_to_get_some(empty):
    form = SubmitForm(empty)

    assert "There are no raw data yet" in text(form.count)
    assert "hven ingest" in text(form.count)
    assert form.submit.disabled


def test_job_is_followed_to_its_end_and_its_product_opened(form, obs, ended):
    form.query.choose(detector=1)
    form.notify.value = True
    form.submit.click()
    assert form.submit.disabled
    view = form.views[0]
    campaign_site.work_off(obs.settings)

    assert "SUCCEEDED" in ended(view)
    assert f"Job {view.handle.id:04d} tiny/all has succeeded" in text(form.notifier.lines)
    (said,) = form.notifier._page.outputs
    assert "has succeeded" in said["data"]["application/javascript"]
    assert "4 of 4 quanta" in text(view.counts)
    assert (view.cancel.layout.display, view.details.layout.display) == ("none", "none")
    names = [name for name, _ in view.results.choice.options]
    assert names[-1] == "L2/tiny.pairs · day_obs 20251021 · a"
    view.results.choice.value = next(i for n, i in view.results.choice.options if n.startswith("L1/tiny.signal"))
    view.results.open.click()
    line = text(view.results.line)
    assert line.startswith("ds = obs.open('tiny.signal', level='L1'")
    assert line.endswith(f"collection='{view.handle.progress().run}')")
    xr.testing.assert_identical(view.results.dataset, eval(line.removeprefix("ds = "), {"obs": obs}))  # noqa: S307 - what its reader would run
    assert len(view.results.output.outputs) == 1


def test_job_for_everybody_makes_what_is_found_by_default(form, obs, ended):
    form.query.choose(detector=1)
    form.shared.value = True
    form.submit.click()
    view = form.views[0]
    campaign_site.work_off(obs.settings)

    assert "SUCCEEDED" in ended(view)
    assert "for everybody" in text(view.message)
    view.results.open.click()
    assert "collection" not in text(view.results.line)
    assert obs.open("tiny.signal", detector=1).sizes["time"] == 200


@pytest.mark.parametrize("operator", [False, True])
def test_only_operators_are_asked_for_whom_the_products_are(obs, operator):
    obs.jobs.operator = operator
    form = SubmitForm(obs, "tiny/all")

    (row,) = [w for w in form.children if form.shared in getattr(w, "children", ())]
    assert (row.layout.display is None) is operator
    assert form.shared.value is False


def test_failed_job_says_why_with_the_end_of_its_log(form, batch, ended):
    form.options.steps["peaks"].fields["fail_detector"].value = 2
    form.submit.click()
    view = form.views[0]

    assert "FAILED" in ended(view)
    assert "1 failed · 1 blocked" in text(view.counts)
    assert "peaks: ValueError: detector 2 is broken" in text(view.failures)
    assert "detector=2" in text(view.failures)
    assert "job begins" in text(view.log)
    assert view.details.layout.display is None
    assert view.results.box.layout.display is None


def test_waiting_job_can_be_cancelled(form, obs, ended):
    form.submit.click()
    view = form.views[0]
    assert "READY" in view.head.value
    assert "next in the queue" in text(view.counts)

    view.cancel.click()

    assert "DELETED" in ended(view)
    assert form.notifier.lines.value == ""
    assert view.cancel.layout.display == "none"
    assert view.results.box.layout.display == "none"
    assert str(obs.jobs.get(view.handle.id).state) == "DELETED"


def test_newest_job_is_shown_first(form, ended):
    form.submit.click()
    form.query.choose(detector=1)
    form.submit.click()

    assert [box.children[0] for box in form.jobs.children] == [v.box.children[0] for v in reversed(form.views)]
    for view in form.views:
        view.cancel.click()
        ended(view)


def test_operators_start_and_pause_campaigns_in_the_form(obs):
    assert SubmitForm(obs, "tiny/all").campaigns.box.layout.display == "none"
    step = {"name": "all", "pipeline": "tiny/all"}
    obs.campaigns.load(parse_campaign({"name": "dr1", "instrument": "tiny", "steps": [step]}, origin="test"))
    chooser = SubmitForm(obs, "tiny/all").campaigns

    def offered():
        return [verb for verb, button in chooser.buttons.items() if button.layout.display is None]

    assert offered() == ["start"]
    assert "step 1 of 1, all" in text(chooser.state)
    chooser.buttons["start"].click()
    assert offered() == ["pause"]
    chooser.buttons["pause"].click()
    assert offered() == ["resume"]
    assert str(obs.campaigns.get("dr1").state) == "paused"


def test_who_may_not_operate_sees_no_campaigns(obs):
    obs.jobs.operator = False

    assert SubmitForm(obs, "tiny/all").campaigns is None
