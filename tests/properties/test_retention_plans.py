"""Whatever depends on whatever: nothing that stays needs what has gone, and a dry run is what an application does."""

from __future__ import annotations

from dataclasses import replace

import retained
import small_products
from hypothesis import given
from hypothesis import strategies as st

from hven.model.retention import Expired
from hven.retention.plan import Action, Facts, make_plan, needed

DAY = retained.DAY


@st.composite
def observatories(draw):
    """Products of all levels and owners, older ones inputs of younger ones, some kept, some expired."""
    count = draw(st.integers(1, 12))
    levels = [draw(st.sampled_from(["L0", "L1", "L2"])) for _ in range(count)]
    runs = [draw(st.sampled_from([retained.RUN, "panoseti/runs/other/1", "u/ada/mine"])) for _ in range(count)]
    made = [
        replace(
            small_products.product(f"{level}/panoseti.ph1024", run=run, detector=draw(st.integers(1, 2))),
            created_ns=draw(st.integers(0, 20)) * DAY,
        )
        for level, run in zip(levels, runs, strict=True)
    ]
    links = [
        (made[i].id, made[j].id) for i in range(count) for j in range(i) if draw(st.integers(0, 3)) == 0
    ]  # fmt: skip
    ids = st.sets(st.sampled_from([p.id for p in made]), max_size=3)
    candidates = [p for p in made if p.ref.type.level != "L0" and not p.run.startswith("u/")]
    expired = {p.id: Expired(p.id, "old", draw(st.integers(0, 20)) * DAY) for p in candidates if draw(st.booleans())}
    running = draw(st.sampled_from([(), (retained.RUN,)]))
    return made, Facts(candidates, links, dict.fromkeys(draw(ids), "held"), expired, running=running)


@given(observatories(), st.integers(0, 3), st.integers(0, 60))
def test_what_stays_finds_all_that_it_was_made_from(drawn, keep_last, day):
    made, facts = drawn
    plan = make_plan(facts, retained.rules(collections=("*/runs/nightly/*",), keep_last=keep_last), day * DAY)
    going = {line.id for line in plan.of(Action.EXPIRE, Action.TRASH)}
    back = {line.id for line in plan.of(Action.RETURN)}
    hidden = (set(facts.expired) | going) - back
    moved = {line.id for line in plan.of(Action.TRASH)}

    for made_, source in facts.links:
        assert made_ in hidden or source not in hidden
        assert made_ in moved or source not in moved
    byid = {p.id: p for p in made}
    for product_id in going | moved:
        product = byid[product_id]
        assert product.ref.type.level != "L0"
        assert product.run == retained.RUN
        assert product.created_ns + 10 * DAY <= day * DAY
        assert product_id not in facts.kept
        assert product.run not in facts.running
    assert moved <= set(facts.expired)


@given(observatories(), st.integers(0, 60))
def test_a_plan_that_was_carried_out_has_nothing_left_to_do(drawn, day):
    _, facts = drawn
    first = make_plan(facts, retained.rules(), day * DAY)
    back, moved = ({line.id for line in first.of(action)} for action in (Action.RETURN, Action.TRASH))
    now = {line.id: Expired(line.id, "old", day * DAY) for line in first.of(Action.EXPIRE)}
    expired = {i: e for i, e in {**facts.expired, **now}.items() if i not in back | moved}
    after = Facts(
        [p for p in facts.products if p.id not in moved],
        [link for link in facts.links if link[0] not in moved],
        facts.kept,
        expired,
        running=facts.running,
    )

    assert make_plan(after, retained.rules(), day * DAY).of(Action.EXPIRE, Action.RETURN) == []


@given(st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8))), st.sets(st.integers(0, 8)), st.sets(st.integers(0, 8)))
def test_needed_is_the_closure(pairs, going, spared):
    links = [(str(a), str(b)) for a, b in sorted(pairs)]
    go = set(map(str, going))
    staying = set(map(str, range(9))) - go | set(map(str, spared))
    while fresh := {b for a, b in links if a in staying and b not in staying}:
        staying |= fresh

    assert set(needed(links, go, dict.fromkeys(map(str, spared), "held"))) == staying & go
