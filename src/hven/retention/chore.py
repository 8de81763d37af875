"""What the batch service does for retention: people's wishes, and the rules as often as the site says."""

from __future__ import annotations

import getpass
from concurrent.futures import Future, ThreadPoolExecutor

from hven.core.clock import now_ns
from hven.core.errors import HvenError
from hven.core.settings import Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.retention.apply import apply
from hven.retention.audit import APPLY, Audit, Wish
from hven.retention.restore import restore

_HOUR_NS = 3600 * 10**9
_PATIENCE_NS = 60 * 10**9
"""After a failure it is tried again so much later."""


class RetentionChore:
    """Applies rules in a thread of its own, so that jobs do not wait for it.

    Parameters
    ----------
    settings
        Of the site.
    database
        That of `platform_url`.
    """

    name = "retention"

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.audit = Audit(database)
        self.account = getpass.getuser()
        self._pool = ThreadPoolExecutor(1, "retention")
        self._work: Future[None] | None = None
        self._not_before_ns = 0

    def step(self) -> None:
        """Begin what is due, unless something is being done; raise what came of the last."""
        work = self._work
        if work is not None:
            if work.done():
                self._work = None
                work.result()
            return
        if now_ns() < self._not_before_ns:
            return
        wishes = self.audit.wishes(waiting=True)
        if wishes or self._is_due():
            self._work = self._pool.submit(self._do, wishes)

    def _is_due(self) -> bool:
        every = self.settings.retention.apply_every_h
        return every is not None and self.audit.last_ns(APPLY, self.account) + every * _HOUR_NS <= now_ns()

    def _do(self, wishes: list[Wish]) -> None:
        self._not_before_ns = now_ns() + _PATIENCE_NS
        with DirectRegistry(self.settings.registry_url, self.settings.root) as registry:
            for wish in wishes:
                self._grant(registry, wish)
            if self._is_due():
                apply(registry, self.settings, self.audit, who=self.account)
        self._not_before_ns = 0

    def _grant(self, registry: DirectRegistry, wish: Wish) -> None:
        try:
            if wish.what == APPLY:
                apply(registry, self.settings, self.audit, who=wish.who)
            else:
                restore(registry, self.settings, self.audit, wish.target, who=wish.who, reason=wish.reason)
        except HvenError as error:
            self.audit.done(wish, error=str(error))
        else:
            self.audit.done(wish)
