"""What makes a night good besides its quality metrics: alarms, marks, jobs, the night log."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from hven.alarms import queries as of_alarms
from hven.archive.completeness import queries as of_ledger
from hven.batch import queries as of_jobs
from hven.batch.model import JobState
from hven.core.clock import NS, day_obs_begin, now_ns
from hven.model.annotation import Annotation, Kind, bad, standing
from hven.observatory import Observatory
from hven.observatory import night as of_night
from hven.views import formats, markup, states
from hven.views.pages.alarms import judge as judge_alarms
from hven.views.verdict import Verdict

_DAY_NS = 86_400 * NS
_LINES = frozenset({Kind.LOG, Kind.BEGIN, Kind.END})
_FAILED = frozenset({JobState.FAILED})


def span(observatory: Observatory, night: int) -> tuple[int, int]:
    """Begin and end of an observing day."""
    begin = day_obs_begin(night, _offset(observatory))
    return begin, begin + _DAY_NS


def _offset(observatory: Observatory) -> float:
    return observatory.settings.observatory.day_obs_offset_hours


def alarms_of(observatory: Observatory, night: int) -> list[Any]:
    """Alarms about the data of a night, open or not, and those about no night's data that were open in it."""
    begin, _ = span(observatory, night)
    found = of_alarms.alarms(observatory.settings, open_only=False, since_ns=begin)
    return of_night.alarms_of(found, night, _offset(observatory))


def parts(observatory: Observatory, night: int, quality: Verdict) -> dict[str, Verdict]:
    """Verdict of each thing that is looked at."""
    annotations = observatory.annotations()
    return {
        "Quality": quality,
        "Alarms": _alarms(observatory, night),
        "Marked bad": _marks(observatory, night, annotations),
        "Completeness": _complete(observatory, night),
        "Jobs": _jobs(observatory, night),
    }


def _alarms(observatory: Observatory, night: int) -> Verdict:
    """Those that are open now if it is this night; of a past one those about its data, and what outlasted it."""
    begin, end = span(observatory, night)
    now, found = now_ns(), alarms_of(observatory, night)
    about = [a for a in found if of_night.night_of_data(a, _offset(observatory)) is not None]
    open_ = [a for a in (found if begin <= now < end else about) if a.is_open and not a.cause]
    if open_ or begin <= now < end:
        return judge_alarms(open_, of_alarms.last_round_ns(observatory.settings), now)
    stayed = [a for a in found if a not in about and not a.cause and (a.is_open or a.cleared_ns >= end)]
    if stayed:
        return Verdict("WARN", f"{len(stayed)} alarms were open at the end: {stayed[0].text}", "See the alarms.")
    return Verdict("PASS", f"{len(found)} alarms, all over." if found else "No alarm.")


def _marks(observatory: Observatory, night: int, annotations: Sequence[Annotation]) -> Verdict:
    marks = marks_of(observatory, night, bad(annotations))
    if not marks:
        return Verdict("PASS", "Nobody has marked anything bad.")
    more = f" ({len(marks)} marks in all)" if len(marks) > 1 else ""
    return Verdict("WARN", f"{marks[-1].data_id or 'Some time'} {marks[-1]}{more}.", "They are left out of selections.")


def marks_of(observatory: Observatory, night: int, marks: Sequence[Annotation]) -> list[Annotation]:
    """Annotations about a night: of its data, or of a time in it."""
    begin, end = span(observatory, night)
    return [m for m in marks if _of_night(m, night, begin, end)]


def _of_night(mark: Annotation, night: int, begin: int, end: int) -> bool:
    if mark.data_id.get("day_obs") is not None:
        return mark.data_id["day_obs"] == night
    said = mark.begin_ns if mark.begin_ns is not None else mark.at_ns
    return begin <= said < end


def _complete(observatory: Observatory, night: int) -> Verdict:
    counts = of_ledger.nights(observatory.settings, day_obs=night)
    if not counts:
        return Verdict("NO DATA", "The ledger has not looked at this night.")
    amiss = sum(count.findings for count in counts)
    if amiss:
        first = of_ledger.findings(observatory.settings, day_obs=night)[0]
        text = f"{amiss} things are amiss; the first: {first.path} is {first.kind}."
        return Verdict("FAIL", text, "Heal what a source still has:", f"hven catchup {night}")
    done = " | ".join(f"{n.datasets} datasets, {n.whole} whole, {n.registered} registered" for n in counts)
    return Verdict("PASS", f"Nothing is amiss: {done}.")


def _jobs(observatory: Observatory, night: int) -> Verdict:
    begin, end = span(observatory, night)
    found = of_jobs.jobs(observatory.settings, viewer=observatory.viewer, limit=500)
    mine = [job for job in found if job.submitted_ns < end and (not job.ended_ns or job.ended_ns >= begin)]
    failed = [job for job in mine if job.state in _FAILED]
    if failed:
        return Verdict("WARN", f"Job {failed[0].id:04d} failed: {failed[0].error}", "Look at it under Jobs.")
    going = sum(not job.state.ended for job in mine)
    return Verdict("PASS", f"{going} jobs under way." if going else "No job waits or has failed.")


def table(found: dict[str, Verdict]) -> str:
    """What was looked at, a line each."""
    rows: list[list[markup.Cell]] = [
        [(escape(name), "name"), (states.chip(verdict.word), "name"), (escape(verdict.cause), "wrap")]
        for name, verdict in found.items()
    ]
    return markup.table(["", "", "What"], rows)


def log(observatory: Observatory, night: int) -> str:
    """The night log, and what people said of its data."""
    found = marks_of(observatory, night, standing(observatory.annotations()))
    if not found:
        return "<p class='quiet'>Nobody has written anything yet.</p>"
    rows: list[list[markup.Cell]] = [
        [(formats.utc(one.at_ns), "name"), (escape(one.who), "name"), (_word(one), "name"), (escape(one.text), "wrap")]
        for one in found
    ]
    return markup.table(["When (UTC)", "Who", "What", "Words"], rows)


def _word(one: Annotation) -> str:
    if one.kind in _LINES:
        return {Kind.LOG: "remark", Kind.BEGIN: "observing begins", Kind.END: "observing ends"}[one.kind]
    return f"{states.chip(str(one.kind))} {escape(str(one.data_id))}"
