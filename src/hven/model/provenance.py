"""The provenance record that every product carries."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

LEFT_OUT = "left_out"
"""Note of a record: by id of an input, the `times` of which rows were left out as marked bad, and how many `rows`."""


class Record(BaseModel):
    """Base of what is written as JSON beside products: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputRecord(Record):
    """A dataset that went into a product.

    `slot` is the task's name for it, `digest` its content digest; `role` tells inputs from calibrations and raw files.
    """

    slot: str
    role: str
    dataset_type: str
    data_id: dict[str, str | int]
    id: str
    digest: str


class SoftwareRecord(Record):
    """The code that ran: version, commit and digest of the installed environment."""

    version: str
    commit: str
    environment: str
    python: str


class Provenance(Record):
    """How a product came to be.

    `quantum_key` is the digest of task, version, config, data ID and sorted input digests: what makes two products
    the same. Commit, environment, time, user and site tell where it was made and are not part of it.
    """

    id: str
    dataset_type: str
    schema_version: str
    data_id: dict[str, str | int]
    run: str
    task: str
    task_version: str
    config: dict[str, Any]
    inputs: tuple[InputRecord, ...]
    quantum_key: str
    output: str
    created_ns: int
    user: str
    site: str
    software: SoftwareRecord
    flags: tuple[str, ...] = ()
    notes: dict[str, Any] = {}
