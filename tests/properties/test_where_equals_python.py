"""The condition language means what the same words mean in Python."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_products import product

from hven.core.clock import parse_utc
from hven.model.query import DataQuery
from hven.registry.direct import DirectRegistry

TIMES = ["2025-10-22T04:00:00", "2025-10-22T05:30:00", "2025-10-22T07:00:00"]
RUNS = ["r/a", "r/B", "r/é", "r/a'"]

numbers = st.integers(0, 4)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@st.composite
def comparisons(draw):
    name, values = draw(st.sampled_from([("detector", numbers), ("rows", numbers), ("run", st.sampled_from(RUNS))]))
    kind = draw(st.sampled_from(["compare", "mirrored", "in", "not in", "chain", "time"]))
    a, b = draw(values), draw(values)
    match kind:
        case "compare":
            return f"{name} {draw(operators)} {a!r}"
        case "mirrored":
            return f"{a!r} {draw(operators)} {name}"
        case "chain":
            return f"{a!r} {draw(operators)} {name} {draw(operators)} {b!r}"
        case "time":
            return f"begin {draw(operators)} {draw(st.sampled_from(TIMES))!r}"
    return f"{name} {kind} {(a, b)!r}"


def _joined(children):
    pairs = st.tuples(children, st.sampled_from(["and", "or"]), children)
    return st.one_of(pairs.map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"), children.map(lambda t: f"not ({t})"))


conditions = st.recursive(comparisons(), _joined, max_leaves=8)


class _Absent:
    """A key that a dataset does not have equals nothing."""

    def __lt__(self, other):
        return False

    __le__ = __gt__ = __ge__ = __lt__


class _Time(int):
    """A time, compared with text."""

    def _other(self, other):
        return parse_utc(other) if isinstance(other, str) else other

    def __lt__(self, other):
        return int(self) < self._other(other)

    def __le__(self, other):
        return int(self) <= self._other(other)

    def __gt__(self, other):
        return int(self) > self._other(other)

    def __ge__(self, other):
        return int(self) >= self._other(other)

    def __eq__(self, other):
        return int(self) == self._other(other)

    def __ne__(self, other):
        return int(self) != self._other(other)

    __hash__ = int.__hash__


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def registry(tmp_path_factory, new_database, request):
    folder = tmp_path_factory.mktemp("where")
    with new_database(request.param, folder) as url, DirectRegistry(url, folder) as opened:
        made = [product(detector=d, run=run, hours=d or 0) for d in (None, 0, 1, 2, 3) for run in RUNS]
        opened.register(made, inputs={})
        yield opened, [p for run in RUNS for p in opened.find(collection=run)]


@given(conditions)
def test_a_condition_chooses_what_python_would(registry, where):
    opened, products = registry

    expected = {p.id for p in products if _evaluate(where, p)}

    found = {p.id for run in RUNS for p in opened.find(query=DataQuery.of(where), collection=run)}
    assert found == expected


def _evaluate(where, item):
    names = {
        "detector": item.ref.data_id.get("detector", _Absent()),
        "rows": item.rows,
        "run": item.run,
        "begin": _Time(item.begin_ns),
    }
    return eval(where, {"__builtins__": {}}, names)  # noqa: S307 - conditions made above
