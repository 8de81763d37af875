"""A small observatory whose products expire: a registry, rules, and a clock of its own."""

from __future__ import annotations

from contextlib import contextmanager

import small_products

from hven.core.retention_settings import RetentionRule, RetentionSettings
from hven.core.settings import Settings
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.registry.rebuild import rebuild
from hven.retention.apply import apply, plan
from hven.retention.audit import Audit
from hven.retention.restore import restore

DAY = 86_400 * 10**9
RUN = "panoseti/runs/nightly/1"


def rules(**more):
    """Everything of L1 and L2 goes after 10 days, keeping the last so many; 7 days of grace, 7 in the trash."""
    rule = {"name": "old", "collections": ("panoseti/runs/*",), "types": ("L1/*", "L2/*"), "after_days": 10.0}
    return RetentionSettings(rules=(RetentionRule(**(rule | more)),))


class Small:
    """Publishes, applies rules at a day after the products were made, and looks."""

    def __init__(self, settings, registry, audit):
        self.settings = settings
        self.root = settings.root
        self.registry = registry
        self.audit = audit

    def publish(self, name="L1/panoseti.ph1024", *, run=RUN, inputs=(), **more):
        product = small_products.publish(self.root, name, run=run, inputs=inputs, **more)
        self.registry.register([product], inputs={product.id: [p.id for p in inputs]})
        return product

    def plan(self, days):
        return plan(self.registry, self.settings, at_ns=small_products.NIGHT + round(days * DAY))

    def apply(self, days, who="tycho"):
        at_ns = small_products.NIGHT + round(days * DAY)
        return apply(self.registry, self.settings, self.audit, who=who, at_ns=at_ns)

    def restore(self, product, reason="needed"):
        return restore(self.registry, self.settings, self.audit, product.id, who="tycho", reason=reason)

    def found(self):
        """Ids that are found in the run in which they were born, and by default."""
        among = {p.run for p in self.all()}
        by_run = {p.id for run in among for p in self.registry.find(collection=run)}
        return by_run, {p.id for p in self.registry.find()}

    def all(self):
        with self.registry.database.read() as connection:
            from hven.registry import keeping

            return list(keeping.candidates(connection))

    def state(self):
        """Everything that a registry made anew must agree about."""
        return self.found(), self.registry.expiries(), self.registry.holds(), sorted(p.id for p in self.all())

    def agrees(self, folder):
        """Whether a registry made anew from the disk says the same."""
        url = f"sqlite:///{folder}/again.sqlite"
        rebuilt = rebuild(url, self.root)
        with DirectRegistry(url, self.root) as again:
            return not rebuilt.problems and Small(self.settings, again, self.audit).state() == self.state()


@contextmanager
def small(folder, url, retention, **more):
    """Open one in a folder, its registry at a URL."""
    for name in ("data", "state"):
        (folder / name).mkdir(exist_ok=True)
    platform = f"sqlite:///{folder}/platform.sqlite" if url.startswith("sqlite") else url
    settings = Settings(
        root=folder / "data",
        state=folder / "state",
        registry_url=url,
        platform_url=platform,
        retention=retention,
        **more,
    )
    with DirectRegistry(url, settings.root) as registry:
        database = Database(settings.platform_url)
        try:
            yield Small(settings, registry, Audit(database))
        finally:
            database.close()
