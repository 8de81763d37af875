from __future__ import annotations

import pytest
from small_products import product

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.query import DataQuery
from hven.registry.where import PRODUCT_NAMES, condition


@pytest.fixture
def detectors(registry):
    made = [product(detector=d, hours=d, run=f"r/{d}") for d in (1, 2, 3)]
    made.append(product("L2/panoseti.coincidences", detector=None, hours=9))
    registry.register(made, inputs={})
    return lambda where: [p.ref.data_id.get("detector") for p in registry.find(query=DataQuery.of(where))]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", [None, 1, 2, 3]),
        ("  detector == 2 ", [2]),
        ("detector != 2", [None, 1, 3]),
        ("not detector == 2", [None, 1, 3]),
        ("detector not in (1, 2)", [None, 3]),
        ("not (detector in [1, 2] or detector > 2)", [None]),
        ("1 < detector <= 3", [2, 3]),
        ("3 > detector", [1, 2]),
        ("detector in ()", []),
        ('begin >= "2025-10-22T06:00:00Z" and end < "2025-10-22T09:00"', [2, 3]),
        ('task == "frames.calibrate" and rows == 10 and size < 1e4 and created > "2025-01-01"', [None, 1, 2, 3]),
        ('run in ("r/1", "r/3")', [1, 3]),
        ("level == 'L2'", [None]),
        ("begin < end", [None, 1, 2, 3]),
        ("rows > -1.5", [None, 1, 2, 3]),
    ],
)
def test_conditions_choose(detectors, where, expected):
    assert detectors(where) == expected


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("detector =", "cannot read"),
        ("detector = 3", "cannot read"),
        ("detector", "is no comparison"),
        ("True", "is no comparison"),
        ("1 == 1", "one side must be a name"),
        ("detector == '3'", "is no number"),
        ("detector == None", "is no number"),
        ("detector == True", "is no number"),
        ("detector == 1e999", "is no number"),
        (f"detector == {2**63}", "is no number"),
        ("observation == 3", "is no text"),
        ("observation == 'a\\x00b'", "is no text"),
        ("begin > 'soon'", "'soon' is no time"),
        ("begin > detector", "is a time, detector is a number"),
        ("detector in 3", "needs the form"),
        ("detector in rows", "needs the form"),
        ("detector is 3", "does not exist here"),
        ("abs(detector) == 3", "one side must be a name"),
        ("detector == abs(3)", "is neither a name nor a value"),
        ("detector.x == 3", "one side must be a name"),
        ("detector + 1 == 3", "one side must be a name"),
        ("__import__('os').system('x') == 3", "one side must be a name"),
        ("detector == 1; rows == 1", "cannot read"),
        ("(" * 300 + "detector == 1" + ")" * 300, "cannot read"),
        ("not " * 60 + "detector == 1", "nested deeper"),
        ("detector == 1 or " * 400 + "detector == 1", "longer than"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_reason(where, problem):
    with pytest.raises(ConfigurationError, match=problem):
        condition(where, PRODUCT_NAMES)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(UnknownNameError, match="Did you mean 'detector'") as caught:
        condition("detectr == 3", PRODUCT_NAMES)

    assert all(name in str(caught.value) for name in PRODUCT_NAMES)
