"""Every page can be made, of a full and of an empty observatory, and says what it should."""

from __future__ import annotations

import re
import shutil
from io import StringIO

import pandas as pd
import panel as pn
import pytest
from bokeh.document import Document

from hven.batch.model import Again, Estimate, JobClass, JobRequest, JobState
from hven.batch.store import JobStore
from hven.batch.tables import JOB, QUANTUM_PROGRESS
from hven.batch.triage.model import Decision
from hven.batch.triage.queries import failure_kinds
from hven.batch.triage.store import DecisionStore
from hven.core.clock import NS, now_ns, parse_utc
from hven.core.retention_settings import RetentionRule
from hven.hub.announcement import announce
from hven.hub.mode import mode_of
from hven.hub.status import ServiceStatus
from hven.model.access import Viewer
from hven.model.collection import AccessClass, Validity
from hven.model.data_id import DataId
from hven.model.provenance import LEFT_OUT
from hven.model.quantum import QuantumRecord, QuantumState
from hven.registry.database import Database
from hven.registry.schema import quantum
from hven.views import frame, markup, provenance, warm
from hven.views.actions import Action, Actions, Field
from hven.views.pages import jobs, observations, system
from hven.views.take import Take
from hven.views.url import Url


def made(observatory, name, **values):
    """A page, drawn."""
    page = frame.page(name, warm.PAGES[name], observatory, Url(**values))
    page.get_root(Document())
    return page


def text_of(observatory, name, **values):
    """All HTML of a page."""
    page = made(observatory, name, **values)
    return " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))


@pytest.mark.parametrize("name", list(warm.PAGES))
def test_an_empty_observatory_says_so_and_what_to_do(empty, name):
    text = text_of(empty, name)
    assert "This part of the page failed" not in text
    commands = (
        "ingest",
        "submit",
        "campaign load",
        "up",
        "calib take",
        "audit",
        "jobs triage list",
        "telemetry ingest",
        "live",
    )
    assert "pipeline_check" in text or any(f"hven {command}" in text for command in commands)


@pytest.mark.parametrize("name", list(warm.PAGES))
def test_no_part_of_a_page_fails(night, name):
    assert "This part of the page failed" not in text_of(night, name)


@pytest.mark.parametrize(
    "tab", ["Quality", "Player", "Events", "Housekeeping", "Distribution", "Spectrum", "Provenance"]
)
@pytest.mark.parametrize("dataset", ["254.ph1024", "1.img16"])
@pytest.mark.parametrize("level", ["L0", "L1"])
def test_no_tab_fails(night, tab, dataset, level):
    assert "This part of the page failed" not in text_of(night, "observation", tab=tab, dataset=dataset, level=level)


def test_tonight_begins_with_the_verdict(night):
    text = text_of(night, "tonight")
    assert "WARN" in text
    assert "partial frames" in text
    assert "A quabo is often missing" in text


def test_a_night_without_observations_is_no_empty_plot(night):
    text = text_of(night, "tonight", night="20300101")
    assert "No observation on 2030-01-01" in text


def test_the_night_of_the_address_is_shown_and_kept_in_links(night):
    assert "night=20251021" in text_of(night, "observations", night="20251021")


def test_an_observation_that_is_not_there_is_said_to_be_missing(night):
    assert "No frames of observation nowhere" in text_of(night, "observation", observation="nowhere")


def test_showers_carry_an_image_with_an_ellipse(night):
    page = made(night, "observation", tab="Events", dataset="1.ph1024")
    figures = [pane.object for pane in page.select(pn.pane.Bokeh)]
    assert [f for f in figures if f.title.text and f.title.text.startswith("shower at")]


def test_the_outline_of_a_shower_is_that_of_the_pixels_that_were_counted(night):
    from hven.tasks.showers.queries import kept_pixels
    from hven.views import queries

    found = queries.products(night)
    showers, frames = (queries.pick(found, level, what, 1) for level, what in (("L2", "showers"), ("L1", "ph1024")))
    config = queries.read(night, showers).hven.provenance.config
    dataset = queries.read(night, frames)
    table = queries.read_table(night, showers)
    assert len(table) > 0
    for event in table.head(20).to_dict("records"):
        assert kept_pixels(dataset, event["frame"], config).sum() == event["n_pixels"]


def test_every_plot_can_be_taken_along(night):
    for name, values in (
        ("tonight", {}), ("trends", {}),
        *(("observation", {"tab": t, "dataset": "1.ph1024"}) for t in ("Player", "Events", "Distribution", "Spectrum")),
        *(("observation", {"tab": t, "dataset": "1.img16", "level": "L0"}) for t in ("Distribution", "Spectrum")),
    ):  # fmt: skip
        page = made(night, name, **values)
        plots = {id(pane) for pane in page.select(pn.pane.Bokeh)}
        takes = page.select(Take)
        assert plots == {id(t._plot) for t in takes if t.picture}
        for take in takes:
            assert take.line.startswith("import hven")
            assert pd.read_csv(StringIO(take.csv()), comment="#").shape[0] > 0


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_the_lines_below_plots_run_as_they_stand(night, monkeypatch, level):
    import hven

    monkeypatch.setattr(hven, "connect", lambda: night)
    page = made(night, "observation", tab="Distribution", dataset="1.ph1024", level=level)
    for take in [*page.select(Take), *made(night, "tonight").select(Take)]:
        exec(re.sub(r"[.]plot.*", "", take.line), {})  # noqa: S102 - as somebody would in a notebook


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_the_numbers_come_with_the_lines_that_open_them(night, level):
    page = made(night, "observation", dataset="1.ph1024", level=level)
    take = next(t for t in page.select(Take) if t.file.endswith("map"))
    head = take.csv().splitlines()
    assert head[2].startswith(f'# ds = obs.open("panoseti.ph1024", level="{level}"')
    assert head[4] == "y,x,value"
    assert take.file == f"{level}-panoseti.ph1024-crab.20251022T040000Z-1-map"
    assert "tab=Provenance" in take.source


def test_what_is_missing_is_explained_in_the_platforms_words(night):
    from hven.views import queries

    found = queries.products(night)
    lost = found[~((found["level"] == "L1") & (found["what"] == "ph1024") & (found["detector"] == 254))]
    texts = queries.explanations(night, lost, 5)
    assert len(texts) == 1
    assert texts[0].startswith("L1/panoseti.ph1024 with day_obs=20251021")


@pytest.mark.parametrize(("name", "line"), [("trends", 'obs.query("'), ("observation", "obs.quality(obs.product(")])
def test_metrics_can_be_opened_in_a_notebook(night, name, line):
    takes = made(night, name, tab="Quality", dataset="254.img16").select(Take)
    assert [t for t in takes if line in t.line]


def test_the_line_for_a_metric_gives_its_rows(night):
    from hven.views import queries

    scope = {"obs": night}
    *setup, last = queries.judging("panoseti.img16.qc", "host_lag", "observation").splitlines()
    exec("\n".join(setup), scope)  # noqa: S102 - as somebody would in a notebook
    rows = eval(last, scope)  # noqa: S307
    assert set(rows["metric"]) == {"host_lag"}


def test_trends_show_storage_with_the_lines_that_give_it(night, monkeypatch):
    import hven

    monkeypatch.setattr(hven, "connect", lambda: night)
    take = next(t for t in made(night, "trends", metric="disk_size", what="img16").select(Take) if t.picture)
    *setup, last = take.line.splitlines()
    scope = {}
    exec("\n".join(setup), scope)  # noqa: S102 - as somebody would in a notebook
    assert len(eval(last, scope)) == 2  # noqa: S307


def test_provenance_says_how_many_rows_were_left_out_and_of_which_times():
    begin = parse_utc("2025-10-22T04:00:00")
    times = [[begin, begin + 60 * NS], [begin + 90 * NS, begin + 95 * NS]]
    told = provenance.left_out({LEFT_OUT: {"a": {"times": times, "rows": 1200}}})

    assert told["Left out"] == (
        "1,200 rows from 2025-10-22 04:00:00 to 2025-10-22 04:01:00 and 2025-10-22 04:01:30 to 2025-10-22 04:01:35"
    )
    assert provenance.left_out({"step": "showers"}) == {}


def test_provenance_names_inputs_and_digests(night):
    text = text_of(night, "observation", tab="Provenance", dataset="1.ph1024")
    assert "frames.subtract_pedestal" in text
    assert "Content digest" in text


def test_search_needs_every_word(night):
    from hven.views import queries

    rows = queries.observations(queries.products(night))
    assert len(observations.matching(rows, "CRAB ph1024")) == 1
    assert len(observations.matching(rows, "crab img8")) == 0


def test_jobs_show_state_data_and_user(empty):
    store = JobStore(Database(empty.settings.platform_url))
    store.submit(JobRequest(pipeline="panoseti/nightly", values={"day_obs": [20251021]}), user="ada")
    text = text_of(empty, "jobs", job="1")
    for word in ("READY", "panoseti/nightly", "day_obs 20251021", "ada", "Job 0001"):
        assert word in text


def test_a_job_that_waits_says_its_place_and_offers_nothing_without_an_api(empty):
    store = JobStore(Database(empty.settings.platform_url))
    first, second = (store.submit(JobRequest(pipeline="panoseti/nightly"), user="eva") for _ in range(2))
    ahead = store.get(second.id).position
    text = text_of(empty, "jobs", job=str(second.id))
    assert f"{ahead} ahead" in text
    assert ahead == store.get(first.id).position + 1
    assert buttons_of(empty, second.id) == []


def test_a_job_that_is_not_there_is_said_to_be_so(empty):
    JobStore(Database(empty.settings.platform_url)).submit(JobRequest(pipeline="panoseti/nightly"), user="eva")
    assert "There is no job 9999" in text_of(empty, "jobs", job="9999")


def listed(text):
    """Numbers of the jobs in a page's table."""
    return [int(n) for n in re.findall(r"<tr><td class=\"\"><a href=[^>]*>(\d{4})</a>", text)]


def test_old_jobs_are_reached_page_by_page(empty, monkeypatch):
    store = JobStore(Database(empty.settings.platform_url))
    numbers = [store.submit(JobRequest(pipeline="panoseti/nightly"), user="iris").id for _ in range(5)][::-1]
    for number in numbers:
        store.cancel(number, who="iris")
    monkeypatch.setattr(jobs, "SHOWN", 2)
    first = text_of(empty, "jobs", by="iris")
    assert listed(first) == numbers[:2]
    assert f"./jobs?by=iris&amp;before={numbers[1]}" in first
    assert listed(text_of(empty, "jobs", by="iris", before=str(numbers[1]))) == numbers[2:4]
    last = text_of(empty, "jobs", by="iris", before=str(numbers[3]))
    assert listed(last) == numbers[4:]
    assert "older than" not in last
    assert f"Job {numbers[4]:04d}" in text_of(empty, "jobs", job=str(numbers[4]))


def test_jobs_are_chosen_by_state_and_user(empty):
    store = JobStore(Database(empty.settings.platform_url))
    mine, held, other = (
        store.submit(JobRequest(pipeline="panoseti/nightly"), user=u).id for u in ("uma", "uma", "vera")
    )
    store.hold(held, who="uma")
    assert listed(text_of(empty, "jobs", by="uma")) == [mine, held]
    assert listed(text_of(empty, "jobs", by="uma", show="held")) == [held]
    assert other in listed(text_of(empty, "jobs", show="queued"))
    assert held not in listed(text_of(empty, "jobs", show="queued"))
    assert "None has ended" in text_of(empty, "jobs", by="uma", show="failed")


def test_jobs_are_chosen_by_class(empty):
    store = JobStore(Database(empty.settings.platform_url))
    own, release = (
        store.submit(JobRequest(pipeline="panoseti/nightly", job_class=c), user="wanda").id
        for c in (JobClass.DATA_ACCESS, JobClass.DATA_RELEASE)
    )
    assert listed(text_of(empty, "jobs", **{"by": "wanda", "class": "data-release"})) == [release]
    assert listed(text_of(empty, "jobs", by="wanda")) == [own, release]


def ran(store, user, state, *, ended=(), total=8, minutes=1.0, took_s=240):
    """A job that began some time ago, with quanta that have ended in some states."""
    expected = Estimate(quanta=total, done=0, wall_minutes=minutes)
    job = store.submit(JobRequest(pipeline="panoseti/nightly"), user=user, estimate=expected)
    now = now_ns()
    done = now if state.ended else 0
    lines = [{"job": job.id, "step": "showers", "data_id": str(n), "state": s, "reused": False, "error": "no quabo",
              "flavour": None, "wall_s": 1.0, "ended_ns": now - NS} for n, s in enumerate(ended)]  # fmt: skip
    with store.database.write() as connection:
        connection.execute(JOB.update().where(JOB.c.id == job.id).values(
            state=state, total=total, started_ns=now - took_s * NS, ended_ns=done))  # fmt: skip
        connection.execute(QUANTUM_PROGRESS.insert(), lines)
    return job.id


def test_a_running_job_says_how_its_quanta_stand_its_pace_and_what_is_left(empty):
    store = JobStore(Database(empty.settings.platform_url))
    states = ["done", "done", "partial", "no work", "failed", "blocked"]
    number = ran(store, "xenia", JobState.RUNNING, ended=states, total=12)
    text = text_of(empty, "jobs", by="xenia", show="running")
    store.cancel(number, who="xenia")
    for words in ("6 of 12", "1 partial", "1 no work", "1 failed", "1 blocked", "1.5 / min", "about 4 min"):
        assert words in text
    patterns = re.findall(r"<i style=[^>]*background:([^>]*)>", text)
    assert len(set(patterns)) == len(patterns) == 5


def test_an_ended_job_says_how_long_it_took_beside_what_was_expected(empty):
    store = JobStore(Database(empty.settings.platform_url))
    ran(store, "yara", JobState.SUCCEEDED, ended=["no work"] * 8)
    text = text_of(empty, "jobs", by="yara", show="succeeded")
    assert "4 min 00 s <span class='quiet'>of 1 min</span>" in text
    assert "4 times as long" in text
    assert "8 no work" in text


@pytest.mark.parametrize(("state", "error", "said"), [("SUCCEEDED", "", False), ("FAILED", "no disk", True)])
def test_an_ended_job_says_what_went_wrong_and_nothing_of_its_last_quantum(empty, state, error, said):
    store = JobStore(Database(empty.settings.platform_url))
    number = ran(store, "zara", JobState(state), ended=["done"])
    with store.database.write() as connection:
        connection.execute(JOB.update().where(JOB.c.id == number).values(message="last quantum", error=error))
    text = text_of(empty, "jobs", by="zara", show=state.lower())
    assert "last quantum" not in text
    assert ("no disk" in text) is said


@pytest.mark.parametrize(
    ("again", "words"),
    [
        ({"failed": True}, ">only what failed<"),
        ({"step": "showers", "data_id": "detector=1"}, ">step showers, data ID detector=1<"),
    ],
)
def test_a_restart_says_what_was_chosen(empty, again, words):
    store = JobStore(Database(empty.settings.platform_url))
    number = ran(store, "zara", JobState.FAILED, ended=["failed"])
    store.restart(number, who="zara", again=Again(**again))
    text = text_of(empty, "jobs", job=str(number))
    assert words in text
    assert "True" not in text


@pytest.mark.parametrize(
    ("done", "offered"),
    [
        ((), ["Hold", "Change class …", "Cancel …"]),
        (("hold",), ["Let go", "Change class …", "Cancel …"]),
        (("cancel",), ["Restart"]),
    ],
)
def test_buttons_offer_what_can_be_done(empty, monkeypatch, done, offered):
    store = JobStore(Database(empty.settings.platform_url))
    job = store.submit(JobRequest(pipeline="panoseti/nightly"), user="eva")
    for verb in done:
        getattr(store, verb)(job.id, who="eva")
    monkeypatch.setattr(frame, "asking", lambda: lambda _path, _body: None)
    assert buttons_of(empty, job.id) == offered


def test_who_may_not_change_a_job_has_no_buttons(empty, monkeypatch):
    store = JobStore(Database(empty.settings.platform_url))
    job = store.submit(JobRequest(pipeline="panoseti/nightly", shared=True), user="eva")
    monkeypatch.setattr(frame, "asking", lambda: lambda _path, _body: None)
    everybody = frozenset({AccessClass.PUBLIC, AccessClass.COLLABORATION})
    seen = {name: empty.seen_by(Viewer(name, classes)) for name, classes in
            (("eva", everybody), ("ada", everybody), ("olga", frozenset(AccessClass)))}  # fmt: skip
    assert {name: bool(buttons_of(o, job.id)) for name, o in seen.items()} == {"eva": True, "ada": False, "olga": True}


def buttons_of(observatory, job_id):
    page = frame.page("jobs", warm.PAGES["jobs"], observatory, Url(job=str(job_id)))
    return [b.label for b in page.select(pn.ui.Button)]


def offered(*given):
    """Buttons of some actions, and what they ask."""
    asked = []
    buttons = Actions(lambda path, body: asked.append((path, dict(body))), lambda: None)
    buttons.offer(given)
    return buttons, asked


def press(buttons, label):
    next(b for b in buttons.view.select(pn.ui.Button) if b.label == label).clicks += 1


def said(buttons):
    return " ".join(str(pane.object) for pane in buttons.view.select(pn.pane.HTML))


def test_what_loses_work_is_asked_first(empty):
    harm = Action("Cancel …", "jobs/1/cancel", "It stops.", question="Cancel it?", yes="Yes, cancel it", harmful=True)
    buttons, asked = offered(harm)
    press(buttons, "Cancel …")
    assert "Cancel it?" in said(buttons)
    press(buttons, "No")
    assert "Cancel it?" not in said(buttons)
    assert asked == []
    press(buttons, "Cancel …")
    press(buttons, "Yes, cancel it")
    assert asked == [("jobs/1/cancel", {})]
    assert "It stops." in said(buttons)


def test_an_action_sends_what_it_needs_to_be_told(empty):
    fields = (Field("verdict", "Verdict", {"accept it": "accept", "block it": "block"}), Field("why", "Why"))
    buttons, asked = offered(Action("Decide …", "triage/ab", "Decided.", fields=fields))
    press(buttons, "Decide …")
    press(buttons, "Decide")
    assert "Why is needed" in said(buttons)
    assert asked == []
    buttons.view.select(pn.ui.Select)[0].value = "block"
    buttons.view.select(pn.ui.TextInput)[0].value = "broken lens"
    press(buttons, "Decide")
    assert asked == [("triage/ab", {"verdict": "block", "why": "broken lens"})]


def test_a_question_goes_when_the_action_is_no_longer_offered(empty):
    buttons, _asked = offered(Action("Cancel …", "jobs/1/cancel", "", question="Cancel it?"))
    press(buttons, "Cancel …")
    buttons.offer([])
    assert "Cancel it?" not in said(buttons)


@pytest.fixture
def failed(empty):
    """A job of two quanta that failed in the same way; the observatory is empty again afterwards."""
    store = JobStore(Database(empty.settings.platform_url))
    job = store.get(ran(store, "zoe", JobState.FAILED, ended=["failed", "failed"], total=2))
    record = {"run": job.run, "step": "showers", "task": "showers.find", "task_version": "1.2", "outputs": (),
              "state": QuantumState.FAILED, "flavour": "data", "traceback": "Traceback of <the> first",
              "ended_ns": now_ns(), "workers": (("obs1:77", 2.5),)}  # fmt: skip
    empty.registry.record_quanta([
        QuantumRecord(**record, data_id=DataId(instrument="panoseti", detector=n), quantum_key=f"zoe{n}",
                      error=f"ValueError: detector {n} is broken") for n in (1, 2)
    ])  # fmt: skip
    yield job
    with empty.registry.database.write() as connection:
        connection.execute(quantum.delete())


def test_failures_are_shown_by_kind_with_what_was_decided(empty, failed, monkeypatch):
    job = failed
    (kind,) = failure_kinds(empty.settings, empty.registry, run=job.run)
    decision = Decision(fingerprint=kind.fingerprint, verdict="known", task="showers.find", version="1.2", who="olga",
                        error=kind.error, time_ns=now_ns(), why="no cable until May")  # fmt: skip
    DecisionStore(Database(empty.settings.platform_url)).add(decision)
    text = text_of(empty, "jobs", job=str(job.id))
    for words in (
        "detector 1 is broken",
        "Traceback of &lt;the&gt; first",
        "accepted as known",
        "no cable until May",
        "Where the time went",
        "obs1:77",
    ):
        assert words in text
    assert "detector 2 is broken" not in text
    for shown, there in (("", True), ("decided", True), ("undecided", False)):
        text = text_of(empty, "triage", show=shown)
        assert ("detector 1 is broken" in text and f"job={job.id}" in text and "no cable" in text) is there
        assert ("No undecided failure" in text) is not there
    monkeypatch.setattr(frame, "asking", lambda: lambda _path, _body: None)
    assert buttons_of(empty, job.id) == ["Restart", "Restart failed", "Restart from …", "Decide …"]


def test_a_name_from_outside_cannot_become_markup(empty):
    store = JobStore(Database(empty.settings.platform_url))
    store.submit(JobRequest(pipeline="x/<script>alert(1)</script>"), user="<img src=x>")
    text = text_of(empty, "jobs")
    assert "x/&lt;script&gt;" in text
    assert "<script>" not in text
    assert "<img" not in text


def test_a_failing_page_leaves_the_frame_standing(night):
    def fail(_observatory, _url):
        raise RuntimeError("no disk")

    page = frame.page("tonight", fail, night, Url())
    text = " ".join(str(p.object) for p in page.select(pn.pane.HTML))
    assert "no disk" in text
    assert "Observations" in text


def test_the_tab_of_the_browser_says_what_is_shown_first(night):
    content = warm.PAGES["observation"](night, Url(dataset="1.ph1024"))
    assert content.tab == "crab.20251022T040000Z 1 ph1024 · Observation · hven"
    assert warm.PAGES["tonight"](night, Url()).tab == "2025-10-21 · Tonight · hven"
    assert warm.PAGES["system"](night, Url()).tab == "System · hven"


def test_a_dark_page_is_dark(night):
    assert frame.page("system", warm.PAGES["system"], night, Url(theme="dark")).dark_theme


def test_what_is_announced_stands_above_every_page_as_text(empty):
    file = mode_of(empty.settings).announcement
    file.parent.mkdir(parents=True, exist_ok=True)
    announce(file, "<b>Maintenance</b> on Monday")
    assert "&lt;b&gt;Maintenance&lt;/b&gt; on Monday" in text_of(empty, "tonight")

    announce(file, "")
    assert "Maintenance" not in text_of(empty, "tonight")


def service(name, state="running", age=1.0):
    return ServiceStatus(name, state, 1, age)


DISK = {"data": shutil._ntuple_diskusage(100, 20, 80)}


@pytest.mark.parametrize(
    ("services", "disks", "quarantined", "word", "named"),
    [
        ([service("hub")], DISK, 0, "PASS", "1 services"),
        ([service("hub"), service("batch", "lost")], DISK, 0, "FAIL", "batch"),
        ([service("batch", age=600.0)], DISK, 0, "WARN", "batch"),
        ([service("hub")], {"data": shutil._ntuple_diskusage(100, 95, 5)}, 0, "WARN", "95%"),
        ([service("hub")], DISK, 3, "WARN", "quarantine"),
        ([], DISK, 0, "NO DATA", "unknown"),
    ],
)
def test_the_platform_is_judged_by_its_worst_part(services, disks, quarantined, word, named):
    found = system.judge(services, disks, quarantined)
    assert found.word == word
    assert named in found.cause


def test_a_table_without_rows_still_has_its_head():
    assert "Name" in markup.table(["Name"], [])


def test_storage_says_how_much_there_is_what_goes_next_and_who_may_change_it(night, monkeypatch):
    rule = {"name": "old", "collections": ("panoseti/runs/*",), "types": ("L1/*",), "after_days": 1000.0}
    retention = night.settings.retention.model_copy(update={"rules": (RetentionRule(**rule),)})
    monkeypatch.setattr(night, "settings", night.settings.model_copy(update={"retention": retention}))
    text = text_of(night, "storage")

    assert "L1/panoseti.ph1024" in text
    assert "rule old: younger than 1000 days" in text
    assert "raw data are never removed" in text
    assert "too young" in text
    assert "The largest" in text
    assert "Nothing is held" in text
    assert "Nothing is held" not in text_of(
        night.seen_by(Viewer("ada", frozenset({AccessClass.COLLABORATION}))), "storage"
    )


def test_calibrations_say_what_is_valid_what_is_not_and_who_changed_what(night):
    product = night.query("panoseti.img16", level="L1")[0]
    begin, end = now_ns() - NS, now_ns() + 3 * 86400 * NS
    night.registry.certify("panoseti/calib/x", Validity(product.id, begin, end), who="ada", why="looked <good>")
    text = text_of(night, "calibrations")

    assert "panoseti/flat" in text
    assert "never made" in text
    assert "looked &lt;good&gt;" in text
    assert "certified" in text
    assert "ada" in text
