"""Small items share tasks of the engine, and nobody can tell from the outcomes."""

from __future__ import annotations

import pytest

from hven.cluster.inprocess import InProcess
from hven.cluster.local import LocalEngine
from hven.core.errors import WorkerLostError
from hven.core.settings import Profile
from hven.model.quantum import QuantumState
from hven.pipeline.pack import ENOUGH_S, LEAST_S, cut, map_packed, run_pack


class Counting(InProcess):
    """Counts the tasks that it is given, and those with several items."""

    tasks = packs = 0

    def map(self, function, items):
        self.tasks += len(items)
        self.packs += len(items) if function is run_pack else 0
        return super().map(function, items)


@pytest.fixture
def engine():
    with Counting(2) as engine:
        yield engine


def inverse(number):
    return 1 / number


def test_every_item_has_one_outcome_and_what_fails_fails_alone(engine):
    items = [*range(1, 20), 0, *range(20, 40)]

    outcomes = list(map_packed(engine, inverse, items, [0.01] * len(items)))

    assert sorted(o.index for o in outcomes) == list(range(40))
    assert {o.index: o.value for o in outcomes if o.error is None} == {
        i: 1 / item for i, item in enumerate(items) if item
    }
    [failed] = [o for o in outcomes if o.error is not None]
    assert (failed.index, type(failed.error)) == (19, ZeroDivisionError)
    assert engine.tasks == 4 + 1


def test_items_that_are_dropped_meanwhile_are_not_run(engine):
    items = ["kept"] * 40
    values = {}
    for outcome in map_packed(engine, str, items, [0.05] * 40):
        values[outcome.index] = outcome.value
        items[20:] = [None] * 20

    assert [values[0], values[39]] == ["kept", "None"]


def test_cores_do_not_stand_idle_and_nothing_is_lost():
    for seconds in ([0.001] * 30, [0.3, 0.001, 0.001, 0.3], [], [1.0]):
        for cores in (1, 4):
            cuts = cut(seconds, cores)
            assert [i for part in cuts for i in part] == list(range(len(seconds)))
            assert len(cuts) >= min(len(seconds), cores, 3)
            for part in cuts:
                left = sum(seconds[part.start :])
                share = min(max(LEAST_S, left / (2 * cores)), ENOUGH_S)
                assert len(part) == 1 or sum(seconds[i] for i in part[:-1]) < share


def test_tasks_shrink_as_the_work_ends_and_are_never_long():
    lengths = [len(part) for part in cut([0.1] * 200, 2)]

    assert lengths == sorted(lengths, reverse=True)
    assert (max(lengths) * 0.1, min(lengths)) == (ENOUGH_S, 1)


def test_a_deadly_item_takes_no_neighbour_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "deadly_items.py").write_text(
        "import os, signal\ndef deadly(number):\n    if number == 13:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return -number\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from deadly_items import deadly as installed

    with LocalEngine(Profile(workers=1, memory_gb=1.0)) as engine:
        outcomes = list(map_packed(engine, installed, range(20), [0.02] * 20))

    assert {o.index: o.value for o in outcomes if o.error is None} == {n: -n for n in range(20) if n != 13}
    [lost] = [o for o in outcomes if o.error is not None]
    assert (lost.index, type(lost.error)) == (13, WorkerLostError)


def test_quanta_known_to_be_small_share_tasks_and_each_has_its_own_end(observatory, engine):
    for detector in range(1, 9):
        observatory.add(detector, rows=50)
    first = observatory.process(engine=engine)
    alone, engine.tasks = engine.tasks, 0

    again = observatory.process(engine=engine, force=True, config={"peaks": {"fail_detector": 3}})

    assert engine.tasks < alone
    assert (
        observatory.digests(first).items()
        >= {ref: digest for ref, digest in observatory.digests(again).items() if "pairs" not in ref}.items()
    )
    ended = {(r.step, r.data_id.get("detector")): r for r in again.records}
    assert len(ended) == len(first.records)
    broken = [key for key, record in ended.items() if record.state is QuantumState.FAILED]
    assert broken == [("peaks", 3)]
    assert "in _peaks" in ended["peaks", 3].traceback


def test_a_few_quanta_of_an_unknown_task_show_that_the_others_can_share_tasks(observatory):
    for detector in range(1, 13):
        observatory.add(detector, rows=50)

    with Counting(1) as engine:
        first = observatory.process(engine=engine)

    assert {record.state for record in first.records} == {QuantumState.DONE}
    assert 0 < engine.packs < 12
