"""Lost products of pipelines that jobs make again: asked for until they are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from hven.archive.completeness.facts import Facts
from hven.archive.completeness.model import Finding, Kind
from hven.model.product import Product

_BY = ", job "


class Maker(Protocol):
    """Has lost products made again."""

    def ask(self, product: Product) -> int:
        """Forget a product and have it made again; number of the job.

        Raises
        ------
        HvenError
            When it is to stay known, or nothing says how it was made.
        """
        ...

    def state(self, job: int) -> tuple[str, bool]:
        """State of a job in a word, and whether it may still make what it was asked for."""
        ...


def asked_for(finding: Finding, product: Product, job: int) -> Finding:
    """What a lost product is from now on."""
    return finding.model_copy(update={"kind": Kind.ASKED, "detail": f"{product.ref}{_BY}{job}"})


def job_of(finding: Finding) -> int:
    """Job of which a product was asked."""
    return int(finding.detail.rpartition(_BY)[2])


def awaited(facts: Facts, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Those of which the product is still not registered and on the disk."""
    there = {str(p.ref) for p in facts.products if (facts.root / p.path).is_dir()}
    return (f for f in findings if f.kind == Kind.ASKED and f.detail.rpartition(_BY)[0] not in there)
