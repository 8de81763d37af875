"""What moves campaigns on: a chore of the batch service.

It reads how jobs stand, submits jobs in the name of the service account and writes down what became of groups and
steps. Whatever it does can be done again: a killed service loses nothing and does nothing twice, and any number of
services may drive the same campaign.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from hven import instruments
from hven.alarms.message import Message, Severity
from hven.alarms.outbox import Outbox
from hven.batch.campaigns.grouping import groups_of
from hven.batch.campaigns.jobs_of_groups import states_of
from hven.batch.campaigns.judge import verdict
from hven.batch.campaigns.model import Campaign, Group, State, Step, Tally
from hven.batch.campaigns.names import input_collection
from hven.batch.campaigns.progress import Progress
from hven.batch.campaigns.spec import CampaignSpec, StepSpec
from hven.batch.campaigns.store import GOING, CampaignStore
from hven.batch.jobs import DirectJobs
from hven.batch.model import Job, JobRequest, JobState
from hven.batch.quality import Quality, quality_of
from hven.core.clock import now_ns
from hven.core.errors import DatasetNotFoundError, HvenError, InfrastructureError
from hven.core.logging import get_logger
from hven.model.collection import Collection, CollectionKind
from hven.model.product import Product
from hven.registry.protocol import Registry

_SUBMITTED_AT_ONCE = 100
"""Jobs that one round submits at most, so that the service comes back soon."""

_LOOKED_BACK = 20
_HOUR_NS = 3600 * 10**9
_ENDED = {State.ACCEPTED, State.FAILED}

_log = get_logger(__name__)


class CampaignChore:
    """Drives all campaigns that have begun.

    Parameters
    ----------
    store
        Table of campaigns.
    jobs
        Batch service in the name of the service account.
    outbox
        Takes messages for people.
    """

    name = "campaigns"

    def __init__(self, store: CampaignStore, jobs: DirectJobs, outbox: Outbox) -> None:
        self.store = store
        self.jobs = jobs
        self.registry: Registry = jobs.registry
        self.outbox = outbox
        self.progress = Progress(store.database, jobs.user)
        self._open: set[str] | None = None

    def step(self) -> None:
        """Move every campaign on as far as it goes; one that cannot be moved keeps no other from going on."""
        errors = []
        self._choose_accepted()
        there = self.store.find([state for state in State if not state.ended])
        self._tell_of_ends({campaign.name for campaign in there})
        for campaign in (c for c in there if c.state in GOING):
            try:
                self._drive(campaign)
            except InfrastructureError:
                raise
            except Exception as error:  # noqa: BLE001 - the others go on
                _log.exception("campaign does not go on", campaign=campaign.name)
                errors.append(error)
        if errors:
            raise errors[0]

    def _choose_accepted(self) -> None:
        """Let the products of accepted steps be found by default, in the order of the steps, whoever accepted them."""
        for campaign in self.store.unchosen():
            for step in campaign.steps:
                if step.state == State.ACCEPTED and not step.chosen_ns:
                    self._choose(campaign, step)

    def _choose(self, campaign: Campaign, step: Step) -> None:
        made = self.registry.find(collection=step.collection) if self._is_there(step.collection) else []
        if made:
            self.registry.tag(f"{campaign.spec.instrument}/defaults", [product.id for product in made])
        self.progress.chosen(campaign, step)

    def _is_there(self, name: str) -> bool:
        return any(collection.name == name for collection in self.registry.collections())

    def _tell_of_ends(self, there: set[str]) -> None:
        """Leave messages on campaigns that are finished, whoever accepted their last step.

        A service that begins looks at the newest ones: the one before may have been killed. A message that is there
        already is not left again.
        """
        if self._open is None:
            ended = self.store.find([State.ACCEPTED], limit=_LOOKED_BACK)
        else:
            ended = [self.store.get(name) for name in sorted(self._open - there)]
        for campaign in (c for c in ended if c.state == State.ACCEPTED):
            text = f"All steps of campaign {campaign.name} are accepted.\n`hven campaign report {campaign.name}`"
            key = f"campaign/{campaign.name}/accepted/{campaign.ended_ns}"
            subject = f"campaign {campaign.name} finished"
            with self.store.database.write() as connection:
                self.outbox.put(connection, Message(key, Severity.INFO, subject, text, campaign.ended_ns))
        self._open = there

    def _drive(self, campaign: Campaign) -> None:
        self._look_whether_late(campaign)
        step = campaign.current
        if step is None:
            return
        if step.state == State.WAITING:
            self.progress.ready(campaign, step)
        elif step.state == State.READY:
            self._plan(campaign, step)
        elif step.state in {State.RUNNING, State.FAILED}:
            self._look_after(campaign, step)

    def _look_whether_late(self, campaign: Campaign) -> None:
        after_h = campaign.spec.late_after_h
        if after_h is None or campaign.late or now_ns() - campaign.started_ns < after_h * _HOUR_NS:
            return
        stands = campaign.current
        where = f"It stands at step {stands.name}, {stands.state}: {stands.note or 'no remark'}." if stands else ""
        text = f"Campaign {campaign.name} was to end within {after_h:g} h of its start. {where}"
        self.progress.late(campaign, self._telling(campaign, "late", Severity.WARNING, "is late", text))

    def _plan(self, campaign: Campaign, step: Step) -> None:
        """Make a step's collections and cut it into groups."""
        spec = campaign.spec.steps[step.number]
        try:
            collection = self._define(campaign, step, spec)
            groups = groups_of(campaign.spec, spec, self.registry, collection)
        except InfrastructureError:
            raise
        except HvenError as error:
            self._decide(campaign, step, State.FAILED, f"{error.message} {error.hint}".strip())
            return
        self.progress.planned(campaign, step, groups)

    def _define(self, campaign: Campaign, step: Step, spec: StepSpec) -> str:
        """Collections of an attempt at a step; gives the one in which its jobs look for inputs."""
        home, before = campaign.spec.home, campaign.steps[: step.number]
        others = spec.inputs or campaign.spec.inputs or (f"{campaign.spec.instrument}/defaults",)
        chain = input_collection(home, step.name, step.attempt)
        doc = f"Campaign {campaign.name}, step {step.name}, attempt {step.attempt}"
        self._collection(step.collection, CollectionKind.TAGGED, doc)
        latest = tuple(s.collection for s in reversed(before))
        self._collection(chain, CollectionKind.CHAINED, f"{doc}: where it looks for inputs", (*latest, *others))
        self._collection(f"{home}/{step.name}", CollectionKind.CHAINED, f"{doc}, the latest", (step.collection,))
        self._collection(home, CollectionKind.CHAINED, f"Campaign {campaign.name}", (step.collection, *latest))
        return chain

    def _collection(self, name: str, kind: CollectionKind, doc: str, children: tuple[str, ...] = ()) -> None:
        known = next((c for c in self.registry.collections() if c.name == name), None)
        if known is None or known.children != children:
            self.registry.define(Collection(name, kind, doc=doc, children=children))

    def _look_after(self, campaign: Campaign, step: Step) -> None:
        spec = campaign.spec.steps[step.number]
        for group in [g for g in step.groups if g.state == State.READY][:_SUBMITTED_AT_ONCE]:
            self._submit(campaign, step, spec, group)
        self._hear(campaign, step, spec)
        if step.state == State.RUNNING and all(group.state in _ENDED for group in step.groups):
            self._decide(campaign, step, *verdict(spec, step))

    def _submit(self, campaign: Campaign, step: Step, spec: StepSpec, group: Group) -> None:
        try:
            job = self.jobs.submit(_request(campaign.spec, step, spec, group))
        except InfrastructureError:
            raise
        except HvenError as error:
            empty = isinstance(error, DatasetNotFoundError) and spec.may_be_empty
            state, quanta = (State.ACCEPTED, Tally()) if empty else (State.FAILED, Tally(total=1, bad=1))
            self.progress.ended(campaign, step, group, state, quanta=quanta, error=error.message)
        else:
            self.progress.submitted(campaign, step, group, job.id)

    def _hear(self, campaign: Campaign, step: Step, spec: StepSpec) -> None:
        """Look how the jobs of a step stand; somebody may also have restarted one that had failed."""
        groups = {g.job: g for g in step.groups if g.job is not None and g.state in {State.RUNNING, State.FAILED}}
        for number, state in states_of(self.store.database, groups).items():
            group = groups[number]
            if group.state == State.FAILED and not state.ended:
                self.progress.runs_again(campaign, step, group)
            elif group.state == State.RUNNING and state.ended:
                self._end(campaign, step, spec, group, self.jobs.get(number))

    def _end(self, campaign: Campaign, step: Step, spec: StepSpec, group: Group, job: Job) -> None:
        """Keep what a job made, and say whether its group is accepted."""
        products = [self.registry.get(i) for i in dict.fromkeys(self.jobs.products(job.id))]
        if products:
            self.registry.tag(step.collection, [p.id for p in products])
        good = job.state == JobState.SUCCEEDED
        error = "" if good else job.error or f"its job {job.id} is {job.state}"
        quality = self._quality(spec, products, campaign.spec.instrument)
        self.progress.ended(
            campaign, step, group, State.ACCEPTED if good else State.FAILED,
            quanta=tally_of(job), error=error, judged=quality.judged, errors=quality.errors,
        )  # fmt: skip

    def _quality(self, spec: StepSpec, products: Sequence[Product], instrument: str) -> Quality:
        if spec.accept.qc is None:
            return Quality()
        return quality_of(products, self.jobs.settings.root, instruments.load(instrument))

    def _decide(self, campaign: Campaign, step: Step, state: State, why: str) -> None:
        name = f"{campaign.name} {step.name}"
        if state == State.FAILED:
            text = f"Step {step.name} of campaign {campaign.name} failed: {why}\n" + _choices(name)
            told = self._telling(campaign, f"{step.name}/failed", Severity.ERROR, f"failed at {step.name}", text)
        elif state == State.BLOCKED:
            text = f"Step {step.name} of campaign {campaign.name} {why}.\n" + _choices(name)
            told = self._telling(campaign, f"{step.name}/blocked", Severity.WARNING, f"waits at {step.name}", text)
        else:
            told = _silent
        self.progress.decided(campaign, step, state, why, told)

    def _telling(
        self, campaign: Campaign, what: str, severity: Severity, subject: str, text: str
    ) -> Callable[[sa.Connection], None]:
        now = now_ns()
        key = f"campaign/{campaign.name}/{what}/{now}"
        message = Message(key, severity, f"campaign {campaign.name} {subject}", text, now)
        return lambda connection: self.outbox.put(connection, message)


def _request(spec: CampaignSpec, step: Step, said: StepSpec, group: Group) -> JobRequest:
    return JobRequest(
        pipeline=said.pipeline,
        values={key: tuple(allowed) for key, allowed in group.values.items()},
        where=group.where,
        config=said.config,
        job_class=said.job_class or spec.job_class,
        shared=True,
        proposed=True,
        collection=input_collection(spec.home, step.name, step.attempt),
        run=group.run,
    )


def tally_of(job: Job) -> Tally:
    """Quanta of a job; one that ended before it counted them is one bad quantum at least."""
    counts = job.counts
    bad = counts.failed + counts.blocked
    if job.state.ended and job.state != JobState.SUCCEEDED:
        bad = max(bad, counts.total - counts.done - counts.no_work, 1)
    return Tally(total=max(counts.total, bad), done=counts.done, bad=bad)


def _choices(name: str) -> str:
    return (
        f"`hven campaign retry {name}` does it again, `hven campaign accept {name}` takes it as it is,"
        f" `hven campaign reject {name}` refuses it."
    )


def _silent(_connection: sa.Connection) -> None:
    return None
