"""Is it good? One word, the single worst cause in plain words, and what to do about it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hven.model.metric import Status
from hven.views.formats import clock, quantity, words

LIMIT_DIGITS = 6
"""Limits are written out: 1.001 is not 1."""
_SAME = ("observation", "detector", "what", "metric")


@dataclass(frozen=True, slots=True)
class Verdict:
    """PASS, WARN, FAIL or NO DATA; why; and the next step, with the command that does it where there is one."""

    word: str
    cause: str
    next_step: str = ""
    command: str = ""


_ORDER = ("PASS", "NO DATA", "WARN", "FAIL")


def worst_of(verdicts: Sequence[Verdict]) -> Verdict:
    """The worst of several, the first of those that are as bad; how many more are not good is said with it.

    Examples
    --------
    >>> worst_of([Verdict("PASS", "good"), Verdict("WARN", "warm."), Verdict("FAIL", "gone.")]).cause
    'gone. Also: warm.'
    """
    found = max(verdicts, key=lambda verdict: _ORDER.index(verdict.word))
    others = [v.cause for v in verdicts if v is not found and v.word in {"WARN", "FAIL"}]
    return replace(found, cause=f"{found.cause} Also: {others[0]}") if others else found


def judge(what: str, metrics: pd.DataFrame, *, observations: int, failures: pd.DataFrame, measure: str) -> Verdict:
    """Judge a night or an observation.

    Parameters
    ----------
    what
        What is judged, as people write it, e.g. ``2025-10-21``.
    metrics
        Long table with the columns of `hven.views.queries.METRICS`.
    observations
        How many there are.
    failures
        Failed quanta: columns task, data_id, error.
    measure
        Command that makes the metrics.
    """
    if not observations:
        return Verdict("NO DATA", f"No observation on {what}: nothing on disk.", "Hand the raw files over:",
                       "hven ingest PATH")  # fmt: skip
    if len(failures):
        return _failed(failures)
    limited = metrics[metrics["status"] != "unlimited"] if len(metrics) else metrics
    if not len(limited):
        text = f"{_plural(observations, 'observation')} on disk, none measured yet."
        return Verdict("NO DATA", text, "Run the quality metrics:", measure)
    for status, word in ((Status.ERROR, "FAIL"), (Status.WARNING, "WARN")):
        bad = limited[limited["status"] == status]
        if len(bad):
            return _beyond(word, bad)
    return _good(limited)


def _failed(failures: pd.DataFrame) -> Verdict:
    first = failures.iloc[0]
    more = f" ({len(failures)} failures in all)" if len(failures) > 1 else ""
    cause = f"{words(str(first['task']))} failed on {first['data_id']}: {_first_line(str(first['error']))}{more}"
    return Verdict("FAIL", cause, "Look at the failures under Jobs.")


def _beyond(word: str, bad: pd.DataFrame) -> Verdict:
    rows = bad.to_dict("records")
    worst = max(rows, key=excess)
    others = len({tuple(r.get(k) for k in _SAME) for r in rows}) - 1
    more = f" {_plural(others, 'more metric')} beyond limits." if others else ""
    return Verdict(
        word, sentence(worst) + more, str(worst.get("advice") or "") or "Open the observation's quality table."
    )


def _good(limited: pd.DataFrame) -> Verdict:
    missing = int((limited["status"] == Status.MISSING).sum())
    note = f" {_plural(missing, 'value')} could not be measured." if missing else ""
    if missing == len(limited):
        return Verdict("NO DATA", f"None of {_plural(missing, 'value')} could be measured.", "See the quality table.")
    return Verdict("PASS", f"All {len(limited) - missing} values are within their limits.{note}")


def sentence(row: Mapping[Hashable, Any]) -> str:
    """One metric beyond its limit, in plain words.

    Examples
    --------
    >>> row = {"detector": 254, "metric": "partial_frames", "value": 0.6, "unit": "percent", "upper": 0.1}
    >>> sentence(row)
    'Detector 254: partial frames 0.6 % (limit 0.1 %).'
    """
    limit = limit_of(row)
    limit_text = f" (limit {quantity(limit, row['unit'], LIMIT_DIGITS)})" if limit is not None else ""
    who = f"Detector {row['detector']}: " if not _absent(row.get("detector")) else ""
    when = ""
    if row.get("grain") == "hour":
        begin, end = (int(pd.Timestamp(row[k]).as_unit("ns").value) for k in ("begin", "end"))
        when = f", {clock(begin)[:5]} to {clock(end)[:5]} UTC"
    return f"{who}{words(row['metric'])} {quantity(row['value'], row['unit'])}{limit_text}{when}."


def limit_of(row: Mapping[Hashable, Any]) -> float | None:
    """Limit that a value is beyond, the outermost such; None if it is within."""
    value = row["value"]
    for low, high in (("lower_err", "upper_err"), ("lower", "upper")):
        if not _absent(row.get(low)) and value < row[low]:
            return float(row[low])
        if not _absent(row.get(high)) and value > row[high]:
            return float(row[high])
    return None


def excess(row: Mapping[Hashable, Any]) -> float:
    """How far beyond its limit a value is, relative to the limit (to one where the limit is zero)."""
    limit = limit_of(row)
    return 0.0 if limit is None else abs(row["value"] - limit) / (abs(limit) or 1.0)


def limits(row: Mapping[Hashable, Any]) -> str:
    """Limits in words.

    Examples
    --------
    >>> limits({"unit": "ms", "lower": None, "upper": 10.0, "lower_err": float("nan"), "upper_err": 100.0})
    'warn above 10, fail above 100'
    """
    texts = []
    for low, high, word in (("lower", "upper", "warn"), ("lower_err", "upper_err", "fail")):
        parts = [f"below {quantity(row[low], '1', LIMIT_DIGITS)}"] if not _absent(row.get(low)) else []
        parts += [f"above {quantity(row[high], '1', LIMIT_DIGITS)}"] if not _absent(row.get(high)) else []
        texts += [f"{word} {' or '.join(parts)}"] if parts else []
    return ", ".join(texts)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value))) or value is pd.NA


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no message"
