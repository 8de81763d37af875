"""What came of a command's job: counts, quality, and calibrations made of its products."""

from __future__ import annotations

from collections.abc import Sequence

from hven import instruments
from hven.batch.commands.model import Certification, Command, Summary
from hven.batch.jobs import DirectJobs
from hven.batch.model import Job
from hven.batch.quality import quality_of
from hven.calibration.certify import certify
from hven.core.errors import DatasetNotFoundError, NotFoundError, UnknownNameError
from hven.model.data_id import TypeName
from hven.model.metric import Status
from hven.model.product import Product
from hven.registry.protocol import Registry


def summary_of(command: Command, job: Job, jobs: DirectJobs) -> Summary:
    """Counts by outcome and quality of what a job made."""
    products = products_of(job, jobs)
    instrument = instruments.load(command.request.instrument)
    quality = quality_of(products, jobs.settings.root, instrument)
    return Summary(
        counts=job.counts,
        collection=job.run,
        products=len(products),
        qc=quality.status,
        judged=quality.judged,
        errors=quality.errors,
        warnings=quality.warnings,
    )


def products_of(job: Job, jobs: DirectJobs) -> list[Product]:
    """What a job made or found, as far as it is still there."""
    return [jobs.registry.get(i) for i in jobs.products(job.id)]


def certify_all(
    wanted: Certification, products: Sequence[Product], summary: Summary, registry: Registry, *, who: str, why: str
) -> Summary:
    """Make the products of the wanted types calibrations; done again, it changes nothing.

    Raises
    ------
    DatasetNotFoundError
        When there is none of a type, or their quality is `error`.
    ConflictError
        When a validity overlaps another.
    """
    if summary.qc == Status.ERROR:
        raise DatasetNotFoundError(
            f"{summary.errors} of {summary.judged} quality metrics are error: nothing was certified",
            hint="Look at the metrics; `hven calib certify` certifies by hand.",
        )
    certified: list[str] = []
    for name in wanted.types:
        found = [p for p in products if p.ref.type == TypeName.parse(name)]
        if not found:
            raise DatasetNotFoundError(f"the pipeline made no {name} to certify")
        certified += [_certify(wanted, product, registry, who=who, why=why) for product in found]
    return summary.model_copy(update={"certified": tuple(certified)})


def _certify(wanted: Certification, product: Product, registry: Registry, **said: str) -> str:
    """Certify one product, unless a service that was ended meanwhile has done so."""
    try:
        known = registry.calibration(product.ref, wanted.begin_ns, collection=wanted.collection)
    except (NotFoundError, UnknownNameError):
        known = None
    if known is None or known.id != product.id:
        certify(registry, product.id, wanted.begin_ns, wanted.end_ns, wanted.collection, **said)
    return product.id
