"""Ask the batch service to make products again, as they were made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hven.core.errors import DatasetNotFoundError
from hven.model.collection import owner_of
from hven.model.product import Product
from hven.model.provenance import Provenance
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline
from hven.store.records import read_provenance

if TYPE_CHECKING:
    from hven.batch.model import Job, JobRequest
    from hven.observatory.processing import Processing

_KEYS = ("day_obs", "observation", "detector", "exposure", "visit")


def make_again(obs: Processing, products: Iterable[Product]) -> list[Job]:
    """Submit the pipelines that made products, over the same data with the same options.

    One job for each former run that is shared or one's own; several that ask for the same are one. What would come out
    the same is found and not made again.

    Raises
    ------
    AccessDeniedError
        Where shared products are among them and the caller may not operate.
    """
    return [obs.jobs.submit(request) for request in requests_of(obs, products)]


def requests_of(obs: Processing, products: Iterable[Product]) -> list[JobRequest]:
    """What `make_again` submits.

    Raises
    ------
    DatasetNotFoundError
        When nothing of a former run is left that says how it was made.
    """
    from hven.batch.model import JobRequest

    runs: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        if owner_of(product.run) in {"", obs.user}:
            runs[product.run].append(product)
    requests: dict[str, JobRequest] = {}
    for run, some in runs.items():
        request = JobRequest(shared=not owner_of(run), **_request(obs, run, some))
        requests[request.model_dump_json()] = request
    return list(requests.values())


def _request(obs: Processing, run: str, products: Sequence[Product]) -> dict[str, Any]:
    """Pipeline, data and options of a former run."""
    values: dict[str, set[Any]] = defaultdict(set)
    for product in products:
        for key in _KEYS:
            if key in product.ref.data_id:
                values[key].add(product.ref.data_id[key])
    records = _records(obs, run)
    if not records:
        raise DatasetNotFoundError(f"nothing of {run} is left that says how {products[0].ref} was made")
    pipeline = str(records[0].notes["pipeline"])
    chosen = {key: tuple(sorted(some)) for key, some in values.items()}
    return {"pipeline": pipeline, "values": chosen, "config": _changes(obs, records, pipeline)}


def _records(obs: Processing, run: str) -> list[Provenance]:
    """Provenance records of what is left of a run."""
    folders = [obs.root / product.path for product in obs.registry.find(collection=run)]
    return [read_provenance(folder) for folder in folders if folder.is_dir()]


def _changes(obs: Processing, records: Iterable[Provenance], pipeline: str) -> Mapping[str, Mapping[str, Any]]:
    """Options of a former run that differ from the pipeline's."""
    instrument = obs.instrument_of(pipeline)
    planned = {s.name: s.config.model_dump(mode="json") for s in bind(load_pipeline(instrument, pipeline), instrument)}
    changes: dict[str, dict[str, Any]] = {}
    for record in records:
        step = str(record.notes.get("step", ""))
        changed = {k: v for k, v in record.config.items() if k in planned.get(step, {}) and planned[step][k] != v}
        if changed:
            changes[step] = changed
    return changes
