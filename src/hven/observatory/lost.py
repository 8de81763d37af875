"""Have lost products computed again: forgotten as a rebuild of the registry would, and asked for as jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hven.core.errors import JobNotFoundError
from hven.model.product import Product
from hven.observatory.again import requests_of
from hven.registry.direct import DirectRegistry

if TYPE_CHECKING:
    from hven.batch.model import Job
    from hven.observatory.processing import Processing


@dataclass(slots=True)
class Lost:
    """Asks for lost products of the observatory, as they were made; what needs the same job is asked for once.

    Parameters
    ----------
    obs
        In the name of the service account.
    registry
        That of the site.
    """

    obs: Processing
    registry: DirectRegistry
    _jobs: dict[str, Job] = field(default_factory=dict)

    def ask(self, product: Product) -> int:
        """Forget a product and submit the job that makes it again; its number.

        Raises
        ------
        DatasetNotFoundError
            When nothing says any more how it was made; it is not forgotten.
        ConflictError
            When it must stay known: it is held, certified or released.
        """
        (request,) = requests_of(self.obs, [product])
        self.registry.forget_lost(product.id, releases=self.obs.settings.retention.releases)
        text = request.model_dump_json()
        if text not in self._jobs:
            self._jobs[text] = self.obs.jobs.submit(request)
        return self._jobs[text].id

    def state(self, job: int) -> tuple[str, bool]:
        """State of a job in a word, and whether it may still make what it was asked for."""
        try:
            state = self.obs.jobs.get(job).state
        except JobNotFoundError:
            return "not known any more", False
        return state.lower(), not state.ended
