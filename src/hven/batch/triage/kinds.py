"""Failed quanta grouped by kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hven.batch.triage.fingerprint import Signs, signs
from hven.batch.triage.model import Decision, FailureKind
from hven.model.quantum import QuantumRecord


def kinds(records: Iterable[QuantumRecord], decisions: Iterable[Decision]) -> list[FailureKind]:
    """Kinds of some failed quanta, the most frequent first, each with the decision that holds for it.

    Last come those for which a decision holds although none of the quanta failed so.
    """
    groups: dict[Signs, list[QuantumRecord]] = {}
    for record in records:
        groups.setdefault(signs(record), []).append(record)
    decided = {decision.fingerprint: decision for decision in decisions}
    found = [_kind(sign, some, decided.pop(sign.fingerprint, None)) for sign, some in groups.items()]
    found += map(_past, decided.values())
    return sorted(found, key=lambda kind: (-kind.count, -kind.last_ns, kind.fingerprint))


def _kind(sign: Signs, records: Sequence[QuantumRecord], decision: Decision | None) -> FailureKind:
    in_time = sorted(records, key=lambda record: record.ended_ns)
    first, last = in_time[0], in_time[-1]
    newest = in_time[::-1]
    return FailureKind(
        fingerprint=sign.fingerprint,
        task=sign.task,
        error_type=sign.error_type,
        message=sign.message,
        frame=sign.frame,
        flavour=last.flavour or "pipeline",
        versions=tuple(dict.fromkeys(r.task_version for r in newest)),
        count=len(records),
        runs=tuple(dict.fromkeys(r.run for r in newest)),
        data_id=str(first.data_id),
        error=first.error,
        traceback=first.traceback,
        first_ns=first.ended_ns,
        last_ns=last.ended_ns,
        decision=decision,
    )


def _past(decision: Decision) -> FailureKind:
    error_type, _, message = decision.error.partition(": ")
    return FailureKind(
        fingerprint=decision.fingerprint,
        task=decision.task,
        error_type=error_type,
        message=message.partition("\n")[0],
        frame="",
        flavour="pipeline",
        versions=(decision.version,),
        count=0,
        runs=(),
        data_id="",
        error=decision.error,
        traceback="",
        first_ns=0,
        last_ns=0,
        decision=decision,
    )
