"""When waiting jobs will start: the policy played forward, with what jobs are expected to take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from hven.batch.policy import Claim, Owner, Preempt, Scene, Start, Use, choose
from hven.core.clock import NS

PLAYED = 500
"""So many starts are played; jobs behind them are only counted."""

_SOME_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Place in the queue: jobs that run or start before, and when the job will start, where that can be known."""

    ahead: int
    start_ns: int | None


@dataclass(slots=True)
class _Play:
    """The queue as it will go on."""

    scene: Scene
    left_s: dict[int, float]
    sure: bool
    queues: dict[Owner, deque[Claim]]
    places: dict[int, Place] = field(default_factory=dict)

    def run(self, ahead: int) -> None:
        """Play until all have started that ever will, or enough."""
        begin = self.scene.now_ns
        while self.queues and len(self.places) < PLAYED:
            match choose([queue[0] for queue in self.queues.values()], self.scene):
                case Start(job):
                    known = self.sure or self.scene.now_ns == begin
                    place = Place(ahead + len(self.places), self.scene.now_ns if known else None)
                    self.places.setdefault(job, place)
                    self._start(job)
                case Preempt(victims):
                    self._stop(victims, again=True)
                case None:
                    if not self.scene.active:
                        return
                    self._wait()

    def _start(self, job: int) -> None:
        now = self.scene.now_ns
        queue = next(queue for queue in self.queues.values() if queue[0].job == job)
        claim = queue.popleft()
        if not queue:
            del self.queues[claim.owner]
        use = replace(self.scene.uses.get(claim.owner, Use()), served_ns=now)
        running = replace(claim, since_ns=now)
        self.scene = replace(
            self.scene, active=[*self.scene.active, running], uses={**self.scene.uses, claim.owner: use}
        )

    def _wait(self) -> None:
        """Until the next job ends."""
        ends = {a.job: a.since_ns + round(self.left_s[a.job] * NS) for a in self.scene.active}
        job, end = min(ends.items(), key=lambda item: item[1])
        self.scene = replace(self.scene, now_ns=max(end, self.scene.now_ns))
        self._stop([job], again=False)

    def _stop(self, jobs: Iterable[int], *, again: bool) -> None:
        now, uses = self.scene.now_ns, dict(self.scene.uses)
        gone = [a for a in self.scene.active if a.job in set(jobs)]
        for claim in gone:
            ran_s = (now - claim.since_ns) / NS
            use = uses.get(claim.owner, Use(at_ns=now))
            total = use.later(now, self.scene.rules.half_life_h) + claim.cores * ran_s
            uses[claim.owner] = replace(use, core_s=total, at_ns=now)
            if again:
                self.left_s[claim.job] = max(0.0, self.left_s[claim.job] - ran_s)
                self.queues.setdefault(claim.owner, deque()).appendleft(replace(claim, since_ns=now))
        self.scene = replace(self.scene, active=[a for a in self.scene.active if a not in gone], uses=uses)


def forecast(waiting: Iterable[Claim], scene: Scene, lasts_s: Mapping[int, float]) -> dict[int, Place]:
    """Places of waiting jobs.

    Parameters
    ----------
    waiting, scene
        As for `hven.batch.policy.choose`.
    lasts_s
        Seconds that jobs will take from their start; those that are not in it are taken to last as long as the median
        of the others. Where none is known, only what starts at once has a start.

    Examples
    --------
    >>> from hven.batch.model import JobClass
    >>> from hven.core.settings import BatchSettings
    >>> jobs = [Claim(number, "ada", JobClass.DATA_ACCESS) for number in (1, 2)]
    >>> forecast(jobs, Scene((), {}, BatchSettings(slots=1), 0), {1: 2.0})
    {1: Place(ahead=0, start_ns=0), 2: Place(ahead=1, start_ns=2000000000)}
    """
    queues: dict[Owner, deque[Claim]] = {}
    for claim in sorted(waiting, key=lambda c: c.job):
        queues.setdefault(claim.owner, deque()).append(claim)
    jobs = [*scene.active, *(claim for queue in queues.values() for claim in queue)]
    typical = median(lasts_s.values()) if lasts_s else _SOME_S
    left = {claim.job: lasts_s.get(claim.job, typical) for claim in jobs}
    play = _Play(scene, left, bool(lasts_s), queues)
    play.run(len(scene.active))
    rest = sorted((c for q in play.queues.values() for c in q), key=lambda c: (-c.job_class.priority, c.job))
    behind = (claim for claim in rest if claim.job not in play.places)
    first = len(scene.active) + len(play.places)
    return play.places | {claim.job: Place(first + n, None) for n, claim in enumerate(behind)}
