"""Which job goes next, and which gives way: a function of what waits, what runs and the site's rules.

Classes go strictly in order. Inside a class the user goes first who has used least lately, and each user's jobs go in
the order in which they came. A job that waits for its user's or its class's limit lets others pass; one that waits for
room keeps it from those behind, who would otherwise keep it waiting for ever.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hven.batch.model import JobClass
from hven.core.clock import NS
from hven.core.errors import ConfigurationError
from hven.core.settings import BatchSettings, Limit

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a job takes or would take.

    Parameters
    ----------
    job, user, job_class
        Whose.
    cores, memory_gb
        Of its workers.
    since_ns
        Since when it waits, or runs.
    leaving
        It runs and was asked to give way.
    """

    job: int
    user: str
    job_class: JobClass
    cores: int = 1
    memory_gb: float = 0.0
    since_ns: int = 0
    leaving: bool = False

    @property
    def owner(self) -> Owner:
        """Among whom shares are fair: users inside a class."""
        return self.job_class, self.user


Owner = tuple[JobClass, str]


@dataclass(frozen=True, slots=True)
class Use:
    """What the ended jobs of a user have used in a class.

    Parameters
    ----------
    core_s
        Core seconds, as they counted at `at_ns`; they count half after each half-life.
    served_ns
        When a job of theirs was last started.
    """

    core_s: float = 0.0
    at_ns: int = 0
    served_ns: int = 0

    def later(self, now_ns: int, half_life_h: float) -> float:
        """Core seconds as they count now.

        Examples
        --------
        >>> Use(100.0).later(2 * 3600 * 10**9, half_life_h=1.0)
        25.0
        """
        return self.core_s * math.exp2((self.at_ns - now_ns) / NS / HOUR_S / half_life_h)


@dataclass(frozen=True, slots=True)
class Start:
    """Start this job."""

    job: int


@dataclass(frozen=True, slots=True)
class Preempt:
    """Let these jobs give way to another: at once, or when a quantum has ended."""

    victims: tuple[int, ...]
    by: int
    kill: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What runs, what was used, the rules and the time."""

    active: Sequence[Claim]
    uses: Mapping[Owner, Use]
    rules: BatchSettings
    now_ns: int


def choose(waiting: Iterable[Claim], scene: Scene) -> Start | Preempt | None:
    """Next thing to do; None when all that waits has to go on waiting.

    Jobs for which their class has a reserved slot left come before all others: what gave way to one of them would else
    take the place again that it has just left.

    Examples
    --------
    >>> jobs = [Claim(1, "ada", JobClass.DATA_ACCESS), Claim(2, "hven-batch", JobClass.PROMPT)]
    >>> choose(jobs, Scene((), {}, BatchSettings(slots=1), 0))
    Start(job=2)
    >>> choose(jobs[1:], Scene(jobs[:1], {}, BatchSettings(slots=1), 0))
    Preempt(victims=(1,), by=2, kill=True)
    """
    kept = False
    ready = [claim for claim in in_order(waiting, scene) if within_limits(claim, scene.active, scene.rules)]
    ready.sort(key=lambda claim: not _entitled(claim.job_class, scene))
    for claim in ready:
        entitled = _entitled(claim.job_class, scene)
        if kept and not entitled:
            continue
        if _has_room(claim, scene.active, scene.rules):
            return Start(claim.job)
        if giving_way := _preempt(claim, scene, entitled=entitled):
            return giving_way
        kept = True
    return None


def in_order(waiting: Iterable[Claim], scene: Scene) -> list[Claim]:
    """First waiting job of each user in each class, those that go first first."""
    heads: dict[Owner, Claim] = {}
    for claim in waiting:
        if claim.owner not in heads or claim.job < heads[claim.owner].job:
            heads[claim.owner] = claim
    return sorted(heads.values(), key=lambda c: (-c.job_class.priority, _score(c, scene), c.job))


def _score(claim: Claim, scene: Scene) -> float:
    """Core seconds that somebody has used lately and uses, less what is forgiven for waiting."""
    use = scene.uses.get(claim.owner, Use())
    running = sum(a.cores * (scene.now_ns - a.since_ns) / NS for a in scene.active if a.owner == claim.owner)
    waited = (scene.now_ns - max(claim.since_ns, use.served_ns)) / NS
    return use.later(scene.now_ns, scene.rules.half_life_h) + running - scene.rules.ageing * waited


def within_limits(claim: Claim, active: Iterable[Claim], rules: BatchSettings) -> bool:
    """Whether a job fits into the limits of its user and its class beside what runs."""
    active = list(active)
    mine = [a for a in active if a.user == claim.user]
    same = [a for a in active if a.job_class == claim.job_class]
    return _fits(claim, mine, _of_user(claim.user, rules)) and _fits(claim, same, _of_class(claim, rules))


def too_large(claim: Claim, rules: BatchSettings) -> str:
    """Whose limit a job exceeds all by itself, so that it could never run; empty where it does not."""
    limits = {
        "all jobs together": rules.total,
        f"{claim.user}'s jobs": _of_user(claim.user, rules),
        f"jobs of class {claim.job_class}": _of_class(claim, rules),
    }
    return next((whose for whose, limit in limits.items() if not _fits(claim, (), limit)), "")


def refuse_if_too_large(claim: Claim, rules: BatchSettings) -> None:
    """Raise ConfigurationError for a job that could never run."""
    if whose := too_large(claim, rules):
        raise ConfigurationError(
            f"the job takes {claim.cores} cores and {claim.memory_gb:g} GB, more than {whose} may",
            hint="Choose a smaller size; the limits are in the site file's section `batch`.",
        )


def _of_user(user: str, rules: BatchSettings) -> Limit:
    return rules.user_limits.get(user, rules.user_limit)


def _of_class(claim: Claim, rules: BatchSettings) -> Limit:
    return rules.class_limits.get(claim.job_class.value, Limit())


def _fits(claim: Claim, beside: Sequence[Claim], limit: Limit) -> bool:
    return (
        (limit.jobs is None or len(beside) < limit.jobs)
        and (limit.cores is None or claim.cores + sum(b.cores for b in beside) <= limit.cores)
        and (limit.memory_gb is None or claim.memory_gb + sum(b.memory_gb for b in beside) <= limit.memory_gb)
    )


def _reserved(rules: BatchSettings) -> dict[JobClass, int]:
    return {JobClass(name): slots for name, slots in rules.reserved.items()}


def _entitled(job_class: JobClass, scene: Scene) -> bool:
    """Whether a class has a reserved slot that none of its own jobs uses."""
    return sum(a.job_class == job_class for a in scene.active) < _reserved(scene.rules).get(job_class, 0)


def _has_room(claim: Claim, active: Sequence[Claim], rules: BatchSettings) -> bool:
    """Whether there is a slot, and cores and memory of the site's, for a job beside what runs."""
    used = Counter(a.job_class for a in active)
    kept = sum(
        max(0, slots - used[other])
        for other, slots in _reserved(rules).items()
        if other != claim.job_class and other.value not in rules.lends
    )
    return len(active) + kept < rules.slots and _fits(claim, active, rules.total)


def _preempt(claim: Claim, scene: Scene, *, entitled: bool) -> Preempt | None:
    """Who gives way to a job; None when nobody has to, or enough have been asked already."""
    how = scene.rules.preempts.get(claim.job_class.value, "boundary" if entitled else None)
    if how is None:
        return None
    kill = how == "kill"
    staying = list(scene.active) if kill else [a for a in scene.active if not a.leaving]
    victims: list[Claim] = []
    for candidate in _candidates(claim, staying, entitled=entitled):
        if _has_room(claim, staying, scene.rules):
            break
        if _spare(candidate, staying, scene.rules):
            staying.remove(candidate)
            victims.append(candidate)
    if not victims or not _has_room(claim, staying, scene.rules):
        return None
    return Preempt(tuple(_needed(claim, victims, staying, scene.rules)), claim.job, kill)


def _candidates(claim: Claim, active: Iterable[Claim], *, entitled: bool) -> list[Claim]:
    """Jobs that may have to give way; those already leaving, of the lowest class, and with least to lose first."""
    mine = claim.job_class
    below = [a for a in active if a.job_class.priority < mine.priority or (entitled and a.job_class != mine)]
    return sorted(below, key=lambda a: (not a.leaving, a.job_class.priority, -a.since_ns))


def _spare(candidate: Claim, active: Iterable[Claim], rules: BatchSettings) -> bool:
    """Whether a job runs beyond what is reserved for its class."""
    return sum(a.job_class == candidate.job_class for a in active) > _reserved(rules).get(candidate.job_class, 0)


def _needed(claim: Claim, victims: Sequence[Claim], staying: Sequence[Claim], rules: BatchSettings) -> list[int]:
    """Of some victims, those without whose leaving there would be no room."""
    staying, needed = list(staying), []
    for victim in reversed(victims):
        if _has_room(claim, [*staying, victim], rules):
            staying.append(victim)
        else:
            needed.append(victim.job)
    return needed
