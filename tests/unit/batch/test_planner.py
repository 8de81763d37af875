"""How big computers must be: the figures of the sources follow, and where they contradict themselves is said."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from hven.batch.planner.measured import read_facts
from hven.batch.planner.plan import read_plan, shipped, work_out
from hven.cli.main import app
from hven.core.errors import ConfigurationError, UnknownNameError

SMALL = """
name: small
doc: Two cameras.
utilisation: {value: 0.5, source: assumed}
modes:
  night:
    unit: exposure
    size: {value: 100 MB, source: camera}
    pieces: {value: 2, source: cameras}
    rate: {value: 1 / min, source: plan}
    hours: {value: 6 h, source: plan}
    days: {value: 100 d, source: plan}
levels:
  L0: {per_raw: {value: 1, source: raw}, compression: {value: 2, source: guess, measured: x.compression},
       kept: {value: 2 yr, source: rule}, copies: {value: 3, source: rule}}
tasks:
  work: {per_piece: {value: 30 s, source: guess}}
"""


@pytest.fixture(scope="module")
def worked():
    return {name: work_out(read_plan(name)) for name in shipped()}


@pytest.fixture
def write(tmp_path):
    def make(text=SMALL):
        file = tmp_path / "plan.yaml"
        file.write_text(text)
        return file

    return make


def values(found):
    return {a.key: float(a.value.to_value(a.unit)) for a in found.answers}


@pytest.mark.parametrize(
    ("plan", "answer", "figure"),
    [
        ("magis", "small drops: data a day", 3e12),
        ("magis", "large drops: data a day", 30e12),
        ("magis", "small drops: data a year", 0.7e15),
        ("magis", "large drops: data a year", 7e15),
        ("magis", "calibration: data a day", 20e9),
        ("magis", "small drops: bandwidth while running", 60e6),
        ("rtn-024", "HSC-RC2: exposures in all", 432),
        ("rtn-024", "HSC-RC2: raw and calibrated images in all", 3e12),
        ("rtn-100", "annual release, 200 days: cores while running", 20_000),
        ("rtn-100", "annual release, 200 days: memory while running", 20_000 * 6e9),
        ("rtn-100", "first release, 150 days: products, as much as of HSC-RC2 in all", 25e15),
        ("rtn-100", "first release, 150 days: cores while running", 13_000),
        ("rtn-100", "first release, 150 days: cores of all sites", 13_000),
    ],
)
def test_figures_of_the_sources_follow(worked, plan, answer, figure):
    assert values(worked[plan])[answer] == pytest.approx(figure, rel=0.13)


def test_a_thousand_node_hours_are_enough_for_hsc_rc2(worked):
    assert values(worked["rtn-024"])["HSC-RC2: core-time in all"] / 24 < 1000


def test_contradictions_of_the_sources_are_told(worked):
    told = {
        (name, c.answer.name, str(c.statement.says)) for name, w in worked.items() for c in w.checked if not c.holds
    }

    assert told == {
        ("magis", "time for each image, one core all the time", "2 s"),
        ("rtn-024", "raw in all", "3 TB"),
        ("rtn-024", "exposures in all", "423.0"),
        ("rtn-100", "products, as much as of DM-51284 in all", "25 PB"),
        ("rtn-100", "products, as much as of HSC-RC2 in all", "50 PB"),
        ("rtn-100", "FRDF IN2P3: time for its share", "150 d"),
        ("rtn-100", "FRDF IN2P3: disk for its share", "5 PB"),
        ("rtn-100", "USDF SLAC: memory of a core", "6 GB"),
    }
    left = values(worked["magis"])["small drops: time for each image, one core all the time"]
    assert left == pytest.approx(365.25 * 86400 / 1.05e8, rel=0.01)  # 0.3 s, not 2 s


def test_cores_to_keep_up_count_the_time_without_data(write):
    found = values(work_out(read_plan(write())))

    assert found["night: cores while running"] == pytest.approx(2.0)  # 60 s of work a minute, half the time at it
    assert found["night: cores, done within the day"] == pytest.approx(2.0 * 6 / 24)
    assert found["night: cores, done within the year"] == pytest.approx(2.0 * 600 / (365.25 * 24))
    assert found["night: L0 on disk"] == pytest.approx(360 * 100 * 1e8 / 2 * 3 * 2)


def test_each_answer_says_what_it_hangs_on(write):
    found = work_out(read_plan(write()))

    assert found.sensitivity["night: cores while running"] == {
        "utilisation": -1.0, "mode night: pieces": 1.0, "mode night: rate": 1.0, "task work: per_piece": 1.0,
    }  # fmt: skip
    assert found.sensitivity["night: data of one exposure"] == {"mode night: size": 1.0}
    assert all(known.origin for known in found.known)


def test_measured_facts_replace_assumptions_and_are_named(write, tmp_path):
    fact = {"value": 4.0, "unit": "", "benchmark": "bench_x", "machine": "2 cores", "at": "2026-11-27"}
    measured = tmp_path / "measured.json"
    measured.write_text(json.dumps({"facts": {"x.compression": fact}}))

    found = work_out(read_plan(write()), read_facts(measured))

    used = next(k for k in found.known if k.name == "level L0: compression")
    assert (used.text, used.measured) == ("4", True)
    assert used.origin == "measured by bench_x at 2026-11-27 on 2 cores"
    with pytest.raises(ConfigurationError, match="no facts of `make bench`"):
        read_facts(write())


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("doc: Two", "dok: Two", "dok: Extra inputs are not permitted"),
        ("100 MB", "100 m", r"size: .*'100 m' is no quantity in byte"),
        ("rate: {value: 1 / min, source: plan}", "", "give rate and hours, or count"),
        ("MB, source: camera", "MB, source: ''", "size.source"),
        ("work: {", "work: {gpu_per_piece: {value: 1 s, source: guess}, ", "figures of GPUs are measured or left out"),
    ],
)
def test_what_is_wrong_in_a_plan_is_named(write, before, after, error):
    with pytest.raises(ConfigurationError, match=error):
        read_plan(write(SMALL.replace(before, after)))


def test_an_unknown_plan_is_answered_with_those_there_are():
    with pytest.raises(UnknownNameError, match=r"rtn-100"):
        read_plan("rtn-1")


def test_the_command_prints_tables_and_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*words):
        done = CliRunner().invoke(app, ["plan", *words], catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    assert run().splitlines()[0].startswith("magis  Cameras")
    told = " ".join(run("magis").split())
    assert "contradicts: small drops: time for each image, one core all the time: at least 2 s" in told
    assert "GPUs: none; no figure was measured on one" in told
    found = json.loads(run("magis", "--json"))
    assert {a["origin"] for a in found["assumptions"]} >= {"MAGIS notes"}
    assert sum(not s["holds"] for s in found["statements"]) == 1
