from __future__ import annotations

import pytest
import tiny

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.pipeline.bind import bind, find_task
from hven.pipeline.load import choices, load_pipeline, pipeline_names

HEAD = "doc: Test.\ninstrument: tiny\n"
LEVELS = '  levels: {task: "tiny:LEVELS", inputs: {frames: L0/tiny.frames}, outputs: {levels: L1/tiny.levels}}\n'


def load(tmp_path, steps, head=HEAD, **more):
    return load_pipeline(tiny.instrument(tmp_path, own=f"name: tiny/own\n{head}steps:\n{steps}", **more), "tiny/own")


def bound(tmp_path, steps, config=None):
    return bind(load(tmp_path, steps), tiny.instrument(tmp_path), config)


def test_names_and_steps_are_read(tmp_path):
    instrument = tiny.instrument(tmp_path)
    assert pipeline_names(instrument) == ["tiny/all"]
    assert set(load_pipeline(instrument, "all").steps) == {"levels", "signal", "peaks", "pair"}


def test_unknown_pipeline_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(UnknownNameError, match="tiny/al"):
        load_pipeline(tiny.instrument(tmp_path), "tiny/al")


def test_repeat_writes_one_step_for_each_value(tmp_path):
    steps = '  "{a}.{b}": {repeat: {a: [x, y], b: [1, 2]}, task: "tiny:{a}", inputs: {f: "L0/{b}"}, outputs: {}}\n'
    found = load(tmp_path, steps).steps
    assert list(found) == ["x.1", "x.2", "y.1", "y.2"]
    assert (found["y.1"].task, found["y.1"].inputs["f"]) == ("tiny:y", "L0/1")


def test_repeat_without_the_value_in_the_name_is_refused(tmp_path):
    steps = '  same: {repeat: {a: [x, y]}, task: "tiny:{a}", inputs: {}, outputs: {}}\n'
    with pytest.raises(ConfigurationError, match="same is there twice"):
        load(tmp_path, steps)


def test_included_steps_come_first(tmp_path):
    pair = '  pair2: {task: "tiny:PAIR", inputs: {peaks: L2/tiny.peaks}, outputs: {pairs: L2/tiny.pairs}}\n'
    assert list(load(tmp_path, pair, HEAD + "include: [tiny/all]\n").steps)[-1] == "pair2"


def test_pipeline_that_includes_itself_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="own > own"):
        load(tmp_path, LEVELS, HEAD + "include: [own]\n")


def test_a_subset_is_the_pipeline_with_its_steps_only(tmp_path):
    head = HEAD + "include: [tiny/all]\nsubsets: {end: [pair, peaks], begin: [levels]}\n"
    instrument = tiny.instrument(tmp_path, own=f"name: tiny/own\n{head}")

    whole, end = load_pipeline(instrument, "tiny/own"), load_pipeline(instrument, "tiny/own#end")

    assert end.name == "tiny/own#end"
    assert end.steps == {name: whole.steps[name] for name in ("pair", "peaks")}
    assert [s.name for s in bind(end, instrument)] == ["peaks", "pair"]
    assert list(choices(instrument)) == ["tiny/all", "tiny/all#first", "tiny/own", "tiny/own#end", "tiny/own#begin"]


@pytest.mark.parametrize("name", ["tiny/own#ned", "own#", "tiny/own#end#end"])
def test_unknown_subset_is_answered_with_those_of_the_pipeline(tmp_path, name):
    instrument = tiny.instrument(tmp_path, own=f"name: tiny/own\n{HEAD}steps:\n{LEVELS}subsets: {{end: [levels]}}\n")

    with pytest.raises(UnknownNameError, match=r"unknown subset of tiny/own.*\n.*Known: end\."):
        load_pipeline(instrument, name)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("  levels: {task: x, inputs: {}, outputs: {}, colour: red}\n", r"own\.yaml: steps\.levels\.colour"),
        ("  levels: {task: x, inputs: {}}\n", r"own\.yaml: steps\.levels\.outputs"),
        ("  [", "is not YAML"),
    ],
)
def test_wrong_file_is_an_error_with_file_and_key(tmp_path, steps, words):
    with pytest.raises(ConfigurationError, match=words):
        load(tmp_path, steps)


def test_subset_of_unknown_steps_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="subset quick: unknown step 'level'"):
        load(tmp_path, LEVELS, HEAD + "subsets: {quick: [level]}\n")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tiny:LEVELS", "tiny:LEVLES", "step levels: unknown task"),
        ("tiny:LEVELS", "tiny:NS", "is not a task"),
        ("frames: L0", "frame: L0", "unknown slot 'frame'"),
        ("L0/tiny.frames", "L0/tiny.frame", "unknown dataset type 'L0/tiny.frame'"),
        ("L0/tiny.frames", "L1/tiny.signal", "slot frames: L1/tiny.signal: images is missing"),
        ("L1/tiny.levels", "L1/tiny.signal", "output levels: L1/tiny.signal: time is not made"),
        ("{levels: L1/tiny.levels}", "{}", "output levels is not bound"),
    ],
)
def test_what_does_not_fit_names_pipeline_step_and_slot(tmp_path, old, new, words):
    with pytest.raises(ConfigurationError, match=words) as error:
        bound(tmp_path, LEVELS.replace(old, new))
    assert error.value.message.startswith("tiny/own, step levels: ")


def test_unknown_and_wrong_config_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"unknown option 'cell'\n  Did you mean 'cell_s'\? Known: "):
        bound(tmp_path, LEVELS, {"levels": {"cell": 3}})
    with pytest.raises(UnknownNameError, match="level"):
        bound(tmp_path, LEVELS, {"level": {"cell_s": 3}})


def test_config_by_task_then_by_step(tmp_path):
    (step,) = bound(tmp_path, LEVELS, {"tiny:LEVELS": {"cell_s": 3}})
    assert step.config.cell_s == 3.0
    (step,) = bound(tmp_path, LEVELS, {"tiny:LEVELS": {"cell_s": 3}, "levels": {"cell_s": 4}})
    assert step.config.cell_s == 4.0


def test_steps_are_ordered_by_what_they_need(tmp_path):
    instrument = tiny.instrument(tmp_path)
    steps = [s.name for s in bind(load_pipeline(instrument, "all"), instrument)]
    assert steps == ["levels", "signal", "peaks", "pair"]


def test_two_makers_of_one_type_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="both make"):
        bound(tmp_path, LEVELS + LEVELS.replace("levels: {task", "again: {task"))


def test_tasks_of_hven_are_found_by_their_short_name():
    assert find_task("frames.measure_pedestals").name == "frames.measure_pedestals"


def test_every_pipeline_of_every_instrument_binds():
    from importlib.metadata import entry_points

    for entry in entry_points(group="hven.instruments"):
        instrument = entry.load()
        for name in pipeline_names(instrument):
            assert bind(load_pipeline(instrument, name), instrument)
