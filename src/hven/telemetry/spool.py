"""Samples that came over HTTP: checked and kept at once, brought into the store by the one process that writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hven.core.clock import now_ns, parse_utc
from hven.core.errors import SchemaError
from hven.model.telemetry import TIME, Topic
from hven.registry.database import Database
from hven.telemetry.intake_tables import METADATA, MIGRATIONS, NAME, SPOOL, VERSION

if TYPE_CHECKING:  # the API has a spool from its start, and most never take a sample
    import pandas as pd

    from hven.telemetry.samples import Appended
    from hven.telemetry.store import TelemetryStore

_AT_ONCE = 1000


class Spool:
    """Samples on their way to the store; what was accepted is not lost.

    Parameters
    ----------
    database
        That of `platform_url`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        lost = "Samples of that version are lost."
        database.prepare(METADATA, name=NAME, version=VERSION, when_older=lost, migrations=MIGRATIONS)

    def put(self, topic: Topic, samples: Sequence[Mapping[str, Any]], *, who: str) -> int:
        """Accept samples as people send them: `time` is ISO 8601 text or whole nanoseconds, UTC; gives how many.

        Raises
        ------
        UnknownNameError, SchemaError, ConfigurationError
            When they do not fit the declaration; none is accepted.
        """
        import pandas as pd

        from hven.telemetry.samples import conform

        table = conform(topic, pd.DataFrame([{**sample, TIME: _time(topic, sample)} for sample in samples]))
        if len(table):
            values = {"topic": topic.name, "body": _text(table), "who": who, "pushed_ns": now_ns()}
            with self.database.write() as connection:
                connection.execute(sa.insert(SPOOL).values(values))
        return len(table)

    def drain(self, store: TelemetryStore, topics: Mapping[str, Topic]) -> Appended:
        """Bring what waits into the store; killed in between it is brought again, which changes nothing.

        What is of a topic that is not declared any more goes on waiting.
        """
        import pandas as pd

        from hven.telemetry.samples import Appended

        known = SPOOL.c.topic.in_(list(topics))
        query = sa.select(SPOOL).where(known).order_by(SPOOL.c.topic, SPOOL.c.id).limit(_AT_ONCE)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        told = Appended()
        for name, of_topic in groupby(rows, key=lambda row: row.topic):
            waiting = list(of_topic)
            frames = [_table(topics[name], row.body) for row in waiting]
            told += store.append(topics[name], pd.concat(frames, ignore_index=True))
            with self.database.write() as connection:
                connection.execute(sa.delete(SPOOL).where(SPOOL.c.id.in_([row.id for row in waiting])))
        return told


def _time(topic: Topic, sample: Mapping[str, Any]) -> int:
    match sample.get(TIME):
        case str() as text:
            return parse_utc(text)
        case int() as time_ns:
            return time_ns
    raise SchemaError(f"{topic.name}: a sample has no time", hint="Write ISO 8601 text or whole nanoseconds, UTC.")


def _text(table: pd.DataFrame) -> str:
    columns = {str(name): [_plain(value) for value in table[name].tolist()] for name in table.columns}
    return json.dumps(columns, allow_nan=False)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(topic: Topic, body: str) -> pd.DataFrame:
    import pandas as pd

    columns = json.loads(body)
    floats = {field.name: "float64" for field in topic.fields if field.dtype == "float64"}
    return pd.DataFrame(columns).astype({name: kind for name, kind in floats.items() if name in columns})
