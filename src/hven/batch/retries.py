"""What is tried again by itself, how often, with what: one record for each flavour of error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hven.batch.policy import Claim, too_large
from hven.core.clock import NS, now_ns
from hven.core.errors import Flavour
from hven.core.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class Retry:
    """How errors of a flavour are answered.

    Parameters
    ----------
    times
        A job is queued again so often; what is done stays done, so that only what failed runs.
    wait_s
        Before the first of these times; twice as long before each next one.
    memory
        Each time its workers get so many times the memory.
    why
        In one sentence.
    """

    times: int
    wait_s: float = 0.0
    memory: float = 1.0
    why: str = ""


RETRIES: Mapping[Flavour, Retry] = {
    "infrastructure": Retry(3, wait_s=2.0, why="The machinery may be well again."),
    "memory": Retry(2, memory=2.0, why="More memory may be enough."),
    "data": Retry(0, why="The same data fail again."),
    "configuration": Retry(0, why="The request has to be changed."),
    "pipeline": Retry(0, why="The code has to be changed."),
}


def next_try(
    flavour: Flavour, claim: Claim, retries: Mapping[Flavour, int], rules: BatchSettings
) -> dict[str, Any] | None:
    """What changes in the table for a job that is to be tried again; None where it is not.

    Parameters
    ----------
    flavour
        Of the error.
    claim
        What the job took.
    retries
        How often it was tried again already.
    rules
        Of the site: a job that would take more than they let it have is not tried again.

    Examples
    --------
    >>> from hven.batch.model import JobClass
    >>> claim = Claim(1, "ada", JobClass.DATA_ACCESS, cores=2, memory_gb=4.0)
    >>> next_try("memory", claim, {}, BatchSettings())["memory_gb"]
    8.0
    >>> next_try("data", claim, {}, BatchSettings()) is None
    True
    """
    rule, before = RETRIES[flavour], retries.get(flavour, 0)
    more = replace(claim, memory_gb=claim.memory_gb * rule.memory)
    if before >= rule.times or too_large(more, rules):
        return None
    return {
        "retries": {**retries, flavour: before + 1},
        "memory_gb": more.memory_gb,
        "not_before_ns": now_ns() + round(rule.wait_s * 2**before * NS),
    }
