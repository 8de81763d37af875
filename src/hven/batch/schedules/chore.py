"""What lets schedules fire: a chore of the batch service."""

from __future__ import annotations

from hven.alarms.message import Message, Severity
from hven.alarms.outbox import Outbox
from hven.batch.campaigns.campaigns import check_pipelines
from hven.batch.campaigns.model import State
from hven.batch.campaigns.spec import parse_campaign
from hven.batch.campaigns.store import CampaignStore
from hven.batch.checks.store import CheckStore
from hven.batch.jobs import DirectJobs
from hven.batch.model import JobRequest
from hven.batch.schedules.cron import due, words_of
from hven.batch.schedules.model import Fire, FireState
from hven.batch.schedules.spec import ScheduleSpec, fill, schedules_of
from hven.batch.schedules.store import ScheduleStore
from hven.core.clock import now_ns
from hven.core.errors import HvenError, InfrastructureError, UnknownNameError


class ScheduleChore:
    """Fires what is due and acts on it; whatever it does can be done again, by it or by another service.

    Parameters
    ----------
    store, campaigns, checks
        Tables.
    jobs
        Batch service in the name of the service account.
    outbox
        Takes messages for people.
    """

    name = "schedules"

    def __init__(
        self, store: ScheduleStore, campaigns: CampaignStore, checks: CheckStore, jobs: DirectJobs, outbox: Outbox
    ) -> None:
        self.store = store
        self.campaigns = campaigns
        self.checks = checks
        self.jobs = jobs
        self.outbox = outbox

    def step(self) -> None:
        """Note which schedules fire, then act on all fires that nobody has acted on."""
        specs = schedules_of(self.jobs.settings)
        for name, after_ns in self.store.enabled().items():
            if name in specs:
                self._look(specs[name], after_ns)
        for fire in reversed(self.store.fires(state=FireState.DUE)):
            self._act(specs, fire)

    def _look(self, spec: ScheduleSpec, after_ns: int) -> None:
        zone = spec.zone or self.jobs.settings.observatory.time_zone
        found = due(spec.cron, zone, after_ns=after_ns, now_ns=now_ns())
        if found is not None:
            self.store.fire(spec.name, found[0], who=self.jobs.user, missed=found[1])

    def _act(self, specs: dict[str, ScheduleSpec], fire: Fire) -> None:
        try:
            if fire.schedule not in specs:
                raise UnknownNameError("schedule", fire.schedule, specs)
            self._submit(specs[fire.schedule], fire)
        except InfrastructureError:
            raise
        except HvenError as error:
            self._fail(fire, error)

    def _submit(self, spec: ScheduleSpec, fire: Fire) -> None:
        words = words_of(fire.fire_ns, self.jobs.settings.observatory.day_obs_offset_hours)
        if spec.campaign is not None:
            self.store.acted(fire, FireState.DONE, campaign=self._campaign(fill(spec.campaign, words), fire))
        elif spec.job is not None:
            job = self.jobs.submit(_request(spec, fill(spec.job, words), str(words["stamp"])))
            self.store.acted(fire, FireState.DONE, job=job.id)
        else:
            self.checks.put(spec.check, fire.fire_ns)
            self.store.acted(fire, FireState.DONE)

    def _campaign(self, values: object, fire: Fire) -> str:
        spec = parse_campaign(values, origin=f"schedule {fire.schedule}")
        check_pipelines(spec)
        origin = f"{fire.schedule}@{fire.fire_ns}"
        campaign = self.campaigns.load(spec, who=self.jobs.user, origin=origin)
        if campaign.state == State.WAITING:
            self.campaigns.start(spec.name, who=self.jobs.user)
        return spec.name

    def _fail(self, fire: Fire, error: HvenError) -> None:
        key = f"schedule/{fire.schedule}/failed/{fire.fire_ns}"
        subject = f"schedule {fire.schedule} could not submit"
        message = Message(key, Severity.ERROR, subject, str(error), now_ns())
        with self.store.database.write() as connection:
            self.outbox.put(connection, message)
        self.store.acted(fire, FireState.FAILED, error=str(error))


def _request(spec: ScheduleSpec, values: dict[str, object], stamp: str) -> JobRequest:
    """Job of a fire: the name of its RUN collection lets it be submitted once."""
    instrument = str(values.get("pipeline", "")).partition("/")[0]
    own = {"shared": True, "run": f"{instrument}/runs/{spec.name}/{stamp}"}
    return JobRequest.model_validate({"job_class": "offline", **values, **own})
