"""What the platform last found when it looked at itself: a pipeline with known results, and canaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from hven.batch.checks.known import SELF_TESTS
from hven.batch.checks.model import CheckRun, CheckState
from hven.batch.schedules import queries
from hven.batch.schedules.model import Schedule
from hven.core.clock import NS, now_ns
from hven.core.settings import Settings
from hven.views import formats, markup, states
from hven.views.url import Url
from hven.views.verdict import Verdict

LOOKED_THROUGH = 20
"""So many runs may wait since the last one that has ended."""
_BAD = "BAD "
_COLUMNS = ("Self-test", "State", "When (UTC)", "Took", "Version", "Found", "Next (UTC)")


@dataclass(frozen=True, slots=True)
class SelfTest:
    """A self-test: its newest run, the newest that has ended, and the schedule that lets it run."""

    name: str
    newest: CheckRun | None = None
    ended: CheckRun | None = None
    schedule: Schedule | None = None

    @property
    def found(self) -> str:
        """First of what is bad, of all that was found in the order in which it was looked at if nothing is."""
        lines = self.ended.text.strip().splitlines() if self.ended else []
        first = next((line for line in lines if line.startswith(_BAD)), lines[0] if lines else "")
        return first.removeprefix(_BAD).removeprefix("good ").strip()

    @property
    def command(self) -> str:
        """What lets it run once; empty where no schedule does."""
        return f"hven schedule run {self.schedule.spec.name}" if self.schedule else ""


def known(settings: Settings) -> list[SelfTest]:
    """All self-tests as they stand."""
    schedules = queries.schedules(settings)
    return [_stands(settings, name, schedules) for name in SELF_TESTS]


def _stands(settings: Settings, name: str, schedules: Iterable[Schedule]) -> SelfTest:
    runs = queries.checks(settings, name, limit=LOOKED_THROUGH)
    ended = next((run for run in runs if run.ended_ns), None)
    own = sorted((s for s in schedules if s.spec.check == name), key=lambda s: not s.enabled)
    return SelfTest(name, next(iter(runs), None), ended, next(iter(own), None))


def judge(tests: Sequence[SelfTest]) -> Verdict:
    """The first self-test that ended badly, with what it found."""
    bad = [test for test in tests if test.ended and test.ended.state is CheckState.BAD]
    if not bad:
        return Verdict("PASS", "No self-test has failed.")
    first, version = bad[0], bad[0].ended.version if bad[0].ended else ""
    more = f" {len(bad) - 1} more failed." if len(bad) > 1 else ""
    cause = f"Self-test {first.name} of hven {version} failed: {first.found or 'it does not say why'}.{more}"
    return Verdict("FAIL", cause, "When it is mended, let it run again:", first.command)


def shown(tests: Sequence[SelfTest], url: Url) -> str:
    """The last run of each self-test, and when the next one is."""
    head = markup.heading("Self-test", "the last run of each")
    if not any(test.newest or (test.schedule and test.schedule.enabled) for test in tests):
        why = "They are schedules, off until somebody lets them run: once, or from now on with hven schedule enable."
        command = next((test.command for test in tests if test.command), "hven schedule list")
        return head + markup.empty("No self-test has run yet", why, command)
    now = now_ns()
    more = f"<p class='quiet'>{markup.link('Schedules', url.to('schedules'))} has the history by version.</p>"
    return head + markup.table(_COLUMNS, [_row(test, now) for test in tests]) + more


def _row(test: SelfTest, now: int) -> list[markup.Cell]:
    run, name = test.ended, (escape(test.name), "name")
    going = test.newest if test.newest and not test.newest.ended_ns else None
    state = " ".join(states.chip(str(r.state)) for r in (run, going) if r) or "<span class='quiet'>never</span>"
    last = (_next(test.schedule, now), "name")
    if run is None:
        nothing = formats.MISSING
        return [name, (state, "name"), (nothing, "name"), (nothing, "number"), (nothing, "name"), ("", "wrap"), last]
    took = formats.duration((run.ended_ns - run.started_ns) / NS)
    return [
        name, (state, "name"), (_when(run.started_ns, now), "name"), (took, "number"), (escape(run.version), "name"),
        (_found(test, run.text.strip()), "wrap"), last,
    ]  # fmt: skip


def _when(time_ns: int, now: int) -> str:
    return f"{formats.utc(time_ns)[:16]}<br><span class='quiet'>{formats.roughly((now - time_ns) / NS)} ago</span>"


def _found(test: SelfTest, text: str) -> str:
    more = "\n" in text
    return escape(test.found) + (f"<details><summary>all of it</summary><pre>{escape(text)}</pre></details>" * more)


def _next(schedule: Schedule | None, now: int) -> str:
    if schedule is None:
        return "<span class='quiet'>no schedule</span>"
    if schedule.next_ns is None:
        return f"<code>hven schedule enable {escape(schedule.spec.name)}</code>"
    soon = formats.roughly((schedule.next_ns - now) / NS)
    return f"{formats.utc(schedule.next_ns)[:16]}<br><span class='quiet'>in {soon}</span>"
