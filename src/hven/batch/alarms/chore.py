"""What looks around and raises alarms: a chore of the batch service."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from hven.alarms.outbox import Outbox
from hven.alarms.rules import load_rules
from hven.alarms.store import AlarmStore
from hven.batch.alarms.gather import Gatherer, Place
from hven.core.clock import NS, now_ns
from hven.core.logging import get_logger

_log = get_logger(__name__)


class AlarmChore:
    """Looks around every `alarms.every_s`, beside the work of the service: a disk that hangs does not stop jobs.

    Parameters
    ----------
    place
        What is looked at.
    gatherer
        Asks the sources.
    store
        Keeps alarms.
    outbox
        Takes messages for people.
    """

    name = "alarms"

    def __init__(self, place: Place, gatherer: Gatherer, store: AlarmStore, outbox: Outbox) -> None:
        self.place = place
        self.gatherer = gatherer
        self.store = store
        self.outbox = outbox
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hven-alarms")
        self._round: Future[None] | None = None
        self._due_ns = 0

    def step(self) -> None:
        """Begin a round when it is due and none is under way; raises what the last one raised."""
        if (self._round is not None and not self._round.done()) or now_ns() < self._due_ns:
            return
        last, self._round = self._round, self._thread.submit(self.look, now_ns())
        self._due_ns = now_ns() + round(self.place.settings.alarms.every_s * NS)
        if last is not None:
            last.result()

    def look(self, at_ns: int) -> None:
        """One round, at a time."""
        rules = load_rules(self.place.settings.alarms.rules)
        seen = self.gatherer.look(self.place.at(at_ns))
        for line in self.store.evaluate(rules, seen, at_ns, self.outbox):
            _log.info("alarm", what=str(line.what), alarm=line.alarm, text=line.text)
