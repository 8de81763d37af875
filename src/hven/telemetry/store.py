"""The store of telemetry: topics below `telemetry/` of the data root, a folder for each UTC day."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from hven.core.clock import NS
from hven.core.errors import AccessDeniedError, ConflictError, InfrastructureError, UnknownNameError
from hven.model.telemetry import TIME, Sample, Topic
from hven.store.small_file import replace_text
from hven.telemetry import cells, segments
from hven.telemetry.samples import Appended, conform, merge
from hven.telemetry.segments import DAY_NS, MOST_ROWS, Segment

FOLDER = "telemetry"
"""Below the data root."""

_DECLARATION = "topic.json"
_LOCK = ".lock"
_TRIES = 10
_FOREVER_NS = 1 << 62
_RECENT_NS = 3600 * NS


class TelemetryStore:
    """Keeps samples of topics, each once, in order of time.

    A topic's declaration lies beside its data, so whoever has the data root can read. One process appends to a topic
    at a time (a lock on its folder); readers need no lock: files never change, and appear by rename. A sample is known
    by its time and the topic's keys. Handing the same samples in again, in any order and any portions, changes nothing.

    Parameters
    ----------
    root
        Data root.

    Examples
    --------
    >>> from hven.model.telemetry import Field, Kind
    >>> field = Field(name="temperature", units="degC", doc="Air temperature.")
    >>> weather = Topic(name="weather", kind=Kind.TELEMETRY, doc="Weather mast.", cadence_s=1, fields=(field,))
    >>> store = TelemetryStore(Path("data"))
    >>> samples = pd.DataFrame({"time": [1_761_117_502_000_000_000], "temperature": [11.5]})
    >>> store.append(weather, samples).new, store.append(weather, samples).duplicates
    (1, 1)
    >>> store.latest("weather")[0].values
    {'temperature': 11.5}
    """

    def __init__(self, root: Path) -> None:
        self.folder = Path(root) / FOLDER

    def topics(self) -> list[Topic]:
        """Topics of which there is anything, by name."""
        return [_declaration(path) for path in sorted(self.folder.glob(f"*/{_DECLARATION}"))]

    def topic(self, name: str) -> Topic:
        """Declaration of a topic; UnknownNameError lists those there are."""
        path = self.folder / name / _DECLARATION
        if self.folder.exists() and not os.access(self.folder, os.X_OK):
            raise AccessDeniedError(
                f"{self.folder} is closed to this account", hint="Telemetry is for the collaboration: ask an operator."
            )
        if "/" in name or not path.is_file():
            raise UnknownNameError("topic", name, [topic.name for topic in self.topics()])
        return _declaration(path)

    def append(self, topic: Topic | str, samples: pd.DataFrame | xr.Dataset) -> Appended:
        """Keep samples that are not there yet; they may come late, twice, and in any order.

        Parameters
        ----------
        topic
            Declaration; by name where something of it is there already.
        samples
            Column `time` (datetime64, or whole nanoseconds since 1970; UTC) and the topic's fields.

        Raises
        ------
        UnknownNameError
            For a topic or column that is not declared.
        SchemaError
            When the samples do not fit the declaration; nothing is kept.
        ConflictError
            When the topic was declared with other units, types or keys before.
        """
        declared = topic if isinstance(topic, Topic) else self.topic(topic)
        table = conform(declared, samples)
        told = Appended()
        with self._locked(declared) as folder:
            for _, of_day in table.groupby(table[TIME] // DAY_NS):
                told += _append(folder, declared, of_day.reset_index(drop=True))
        return told

    def read(self, topic: str, fields: Sequence[str] = (), start_ns: int = 0, end_ns: int = _FOREVER_NS) -> xr.Dataset:
        """Samples in `[start_ns, end_ns)`, in memory.

        Parameters
        ----------
        topic
            Its name.
        fields
            Which; all if empty. Keys of the topic come with them.
        start_ns, end_ns
            Range of time, UTC nanoseconds, half-open.

        Raises
        ------
        UnknownNameError
            For a topic or field that does not exist.
        """
        declared = self.topic(topic)
        return to_dataset(declared, self.table(declared, fields, start_ns, end_ns))

    def table(self, topic: Topic, fields: Sequence[str], start_ns: int, end_ns: int) -> pd.DataFrame:
        """As `read`, with `time` in whole nanoseconds."""
        names = _known(topic, fields)
        days = list(self._days(topic, start_ns, end_ns))
        parts = [_retried(partial(_read_day, topic, day, names, start_ns, end_ns)) for day in days]
        filled = [part for part in parts if len(part)]
        if len(filled) == 1:
            return filled[0]
        return pd.concat(filled, ignore_index=True) if filled else _empty(topic, names)

    def latest(self, topic: str) -> list[Sample]:
        """Newest sample, or where a topic has keys the newest of each in the last hour of data; empty for none."""
        declared = self.topic(topic)
        names = [field.name for field in declared.fields]
        for day in reversed(list(segments.days(self.folder / topic, 0, _FOREVER_NS))):
            found = _last_rows(declared, day, names)
            if len(found):
                values = found.drop(columns=TIME).to_dict("records")
                return [
                    Sample(int(t), {str(n): v for n, v in row.items()})
                    for t, row in zip(found[TIME], values, strict=True)
                ]
        return []

    def overview(
        self,
        topic: str,
        field: str,
        start_ns: int,
        end_ns: int,
        *,
        points: int = 1000,
        select: dict[str, str] | None = None,
    ) -> xr.Dataset:
        """Min, max, mean and count of a number in at most so many equal stretches of time; reads little.

        Parameters
        ----------
        select
            Values of the topic's keys.

        Returns
        -------
        xr.Dataset
            `min, max, mean` (not-a-number where there is no sample) and `count`, `time` in the middle of each stretch.
        """
        declared = self.topic(topic)
        _known(declared, [field])

        def fold() -> cells.Bins:
            bins = cells.Bins(start_ns, end_ns, points)
            days = self._days(declared, start_ns, end_ns)
            meeting = [s for day in days for s in segments.segments(day) if s.meets(start_ns, end_ns)]
            cells.fold(bins, declared, meeting, field, select or {})
            return bins

        return _retried(fold).dataset({"units": declared.field(field).units, "long_name": declared.field(field).doc})

    def _days(self, topic: Topic, start_ns: int, end_ns: int) -> Iterator[Path]:
        return segments.days(self.folder / topic.name, max(start_ns, 0), min(end_ns, _FOREVER_NS))

    @contextmanager
    def _locked(self, topic: Topic) -> Iterator[Path]:
        folder = self.folder / topic.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            opened = (folder / _LOCK).open("a")
        except PermissionError as error:
            raise AccessDeniedError(
                f"{error.filename} is not this account's to write",
                hint="Push samples through the API, or drop files: the batch service brings them into the store.",
            ) from None
        with opened as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _declare(folder / _DECLARATION, topic)
            yield folder


def to_dataset(topic: Topic, table: pd.DataFrame) -> xr.Dataset:
    """Table of samples as a Dataset along `time` with units and meaning."""
    declared = {v.name: v for v in topic.variables}
    variables = {
        str(name): (TIME, table[name].to_numpy(), declared[str(name)].attrs) for name in table.columns if name != TIME
    }
    time = (TIME, table[TIME].to_numpy().view("datetime64[ns]"), {**declared[TIME].attrs, "scale": "utc"})
    return xr.Dataset(variables, {TIME: time}, {"topic": topic.name, "kind": str(topic.kind), "long_name": topic.doc})


def _append(folder: Path, topic: Topic, new: pd.DataFrame) -> Appended:
    """Append samples of one day: those segments whose time they touch, and short ones before them, are written anew."""
    first, last = int(new[TIME].iloc[0]), int(new[TIME].iloc[-1])
    day = folder / segments.day_name(first)
    segments.sweep(day)
    there = segments.segments(day)
    touched = _touched(there, first, last, len(new))
    newest = max((segment.last_ns for segment in there), default=-1)
    merged, told = merge(topic, _read_all(topic, touched), new, newest)
    if told.new:
        for start in range(0, len(merged), MOST_ROWS):
            piece = merged.iloc[start : start + MOST_ROWS]
            cells.write(segments.write(day, topic, piece), topic, piece)
        segments.remove(touched)
    return told


def _touched(there: Sequence[Segment], first_ns: int, last_ns: int, rows: int) -> list[Segment]:
    """Segments that are written anew: where new samples fall, and shorter ones just before, so that there are few.

    Those that overlap, which a killed writer leaves, are among them.
    """
    double = {s for pair in pairwise(there) if pair[1].first_ns <= pair[0].last_ns for s in pair}
    inside = [s for s in there if s.meets(first_ns, last_ns + 1) or s in double]
    total = rows + sum(s.rows for s in inside)
    before = [s for s in there if s.last_ns < first_ns and s not in double]
    while before and before[-1].rows <= 2 * total and before[-1].rows + total <= MOST_ROWS:
        inside.insert(0, before.pop())
        total += inside[0].rows
    return inside


def _read_all(topic: Topic, some: Sequence[Segment]) -> pd.DataFrame:
    names = [field.name for field in topic.fields]
    parts = [segments.read(topic, segment, names, 0, _FOREVER_NS) for segment in some]
    return pd.concat(parts, ignore_index=True) if parts else _empty(topic, names)


def _empty(topic: Topic, names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: np.empty(0, segments.dtype_of(topic, name)) for name in (TIME, *names)})


def _read_day(topic: Topic, day: Path, names: Sequence[str], start_ns: int, end_ns: int) -> pd.DataFrame:
    meeting = [s for s in segments.segments(day) if s.meets(start_ns, end_ns)]
    parts = [segments.read(topic, segment, names, start_ns, end_ns) for segment in meeting]
    if len(parts) <= 1:
        return parts[0] if parts else pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    if any(b.first_ns <= a.last_ns for a, b in pairwise(meeting)):  # a writer was killed before it removed the old ones
        table = table.sort_values([TIME, *topic.keys], kind="stable").drop_duplicates([TIME, *topic.keys])
    return table


def _retried[T](read: Callable[[], T]) -> T:
    """Read again where a segment has become part of another meanwhile."""
    for _ in range(_TRIES):
        try:
            return read()
        except FileNotFoundError:
            continue
    raise InfrastructureError("telemetry is being rewritten faster than it can be read")


def _last_rows(topic: Topic, day: Path, names: Sequence[str]) -> pd.DataFrame:
    def read() -> pd.DataFrame:
        there = segments.segments(day)
        if not there:
            return pd.DataFrame()
        last = max(there, key=lambda s: s.last_ns)
        begin = last.last_ns - _RECENT_NS if topic.keys else last.last_ns
        return segments.read(topic, last, names, begin, _FOREVER_NS)

    found = _retried(read)
    return found.drop_duplicates(list(topic.keys), keep="last") if topic.keys else found.tail(1)


def _known(topic: Topic, fields: Sequence[str]) -> list[str]:
    declared = [field.name for field in topic.fields]
    for name in fields:
        if name not in declared:
            raise UnknownNameError(f"field of {topic.name}", name, declared)
    return [name for name in declared if name in {*fields, *topic.keys}] if fields else declared


def _declaration(path: Path) -> Topic:
    return Topic.model_validate_json(path.read_text())


def _declare(path: Path, topic: Topic) -> None:
    """Keep a declaration beside the data; what is there may only grow."""
    text = topic.model_dump_json(indent=1, exclude_defaults=True)
    if path.exists():
        before = _declaration(path)
        if before == topic:
            return
        _check_grows(before, topic)
    replace_text(path, text)


def _check_grows(before: Topic, now: Topic) -> None:
    there = {field.name: (field.dtype, field.units) for field in now.fields}
    changed = [f.name for f in before.fields if there.get(f.name) != (f.dtype, f.units)]
    if changed or before.keys != now.keys:
        what = f"{', '.join(changed)} had other units or types" if changed else f"its keys were {before.keys}"
        raise ConflictError(
            f"topic {now.name} is declared otherwise than its data: {what}", hint="Give the new form another name."
        )
