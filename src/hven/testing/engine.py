"""The contract of an engine: subclass it, give it a fixture `engine`, and pytest runs it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hven.cluster.engine import Engine
from hven.core.errors import CancelledError, SchemaError


def square(number: int) -> int:
    """Give the square."""
    return number * number


def refuse_odd(number: int) -> int:
    """Fail for odd numbers with an error of ours."""
    if number % 2:
        raise SchemaError(f"{number} is odd", hint="Take an even one.")
    return number


def divide(number: int) -> float:
    """Fail for 0 with an error of Python's."""
    return 1 / number


def sleep_and_mark(item: tuple[float, str]) -> None:
    """Sleep, then leave a file."""
    seconds, path = item
    time.sleep(seconds)
    Path(path).touch()


def name_thread(seconds: float) -> str:
    """Name the thread that does the work."""
    time.sleep(seconds)
    return f"{os.getpid()} {threading.get_ident()}"


class LazyItems(list[int]):
    """Items that count how many were asked for."""

    asked = 0

    def __getitem__(self, index: int) -> int:  # type: ignore[override]  # no slices
        """Item, counted."""
        self.asked += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[int]:
        """Items, counted."""
        return (self[i] for i in range(len(self)))


class EngineContract:
    """What every engine does; a subclass has a fixture `engine`."""

    def test_every_item_has_one_outcome_with_its_index(self, engine: Engine) -> None:
        outcomes = list(engine.map(square, range(50)))
        assert sorted((o.index, o.value) for o in outcomes) == [(i, i * i) for i in range(50)]

    def test_no_items_give_no_outcomes(self, engine: Engine) -> None:
        assert list(engine.map(square, [])) == []

    def test_equal_items_are_run_each(self, engine: Engine) -> None:
        assert sorted(o.index for o in engine.map(square, [3, 3, 3])) == [0, 1, 2]

    def test_an_error_of_ours_comes_back_whole_and_alone(self, engine: Engine) -> None:
        outcomes = {o.index: o for o in engine.map(refuse_odd, [0, 1, 2])}
        error = outcomes[1].error
        assert isinstance(error, SchemaError)
        assert (error.message, error.hint) == ("1 is odd", "Take an even one.")
        assert [outcomes[i].value for i in (0, 2)] == [0, 2]

    def test_other_errors_pass_through_with_their_traceback(self, engine: Engine) -> None:
        (outcome,) = engine.map(divide, [0])
        assert isinstance(outcome.error, ZeroDivisionError)
        names, trace = [], outcome.error.__traceback__
        while trace:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        assert "divide" in names

    def test_cancel_ends_map_and_drops_what_waits(self, engine: Engine, tmp_path: Path) -> None:
        items = [(0.3, str(tmp_path / str(i))) for i in range(40)]
        outcomes = engine.map(sleep_and_mark, items)
        next(outcomes)
        engine.cancel()
        with pytest.raises(CancelledError):
            list(outcomes)
        done = len(list(tmp_path.iterdir()))
        assert done < len(items)
        time.sleep(0.5)
        assert len(list(tmp_path.iterdir())) <= done + 2 * engine.cores  # what was handed out already may end

    def test_engine_works_again_after_cancel(self, engine: Engine) -> None:
        outcomes = engine.map(name_thread, [0.05] * 20)
        next(outcomes)
        engine.cancel()
        with pytest.raises(CancelledError):
            list(outcomes)
        assert sorted(o.value or 0 for o in engine.map(square, [1, 2])) == [1, 4]

    def test_items_are_taken_as_work_proceeds(self, engine: Engine) -> None:
        items = LazyItems(range(200))
        outcomes = engine.map(square, items)
        next(outcomes)
        assert items.asked <= 4 * engine.cores + 1
        assert len(list(outcomes)) == len(items) - 1

    def test_no_more_threads_work_than_cores(self, engine: Engine) -> None:
        names = {o.value for o in engine.map(name_thread, [0.02] * 20)}
        assert 1 <= len(names) <= engine.cores
