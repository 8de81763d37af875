"""Runners as Slurm jobs of the people whose jobs they do."""

from __future__ import annotations

import os
import pwd
import secrets
import stat
import subprocess
import time
from dataclasses import asdict, replace
from pathlib import Path

from hven.batch.launcher import log_of
from hven.batch.lease import JobQueue, Lease
from hven.batch.model import Job, JobState, Wish
from hven.batch.order import AS_USER, Order, Verb
from hven.batch.sbatch import LOG
from hven.batch.slurm_ledger import Entry, Ledger
from hven.batch.slurm_size import size_of
from hven.batch.slurm_states import GONE, Standing, epitaph, find, standings
from hven.batch.sudo import CLEAN, account_of, as_somebody
from hven.core.errors import ConfigurationError, ConflictError, HvenError, ServiceUnavailableError
from hven.core.logging import get_logger
from hven.core.settings import ServerSettings, Settings, SlurmSettings
from hven.pipeline.runner import lives

_LOOK_S = 1.0
_END_S = 20.0
_START_S = 600.0
"""A node may take so long from the beginning of a Slurm job to that of its runner: its file systems may be slow."""

_GLANCE_S = 0.2
_MOST = 1 << 20
"""Bytes of a log that are copied in one round."""

_AWAY = "waits until Slurm answers"
_HINT = "slurm: in the site file says what jobs ask for; docs/operator-guide.md says what Slurm must allow."
_log = get_logger(__name__)


class SlurmLauncher:
    """Runners as Slurm jobs, each of the account whose job it is.

    While a job waits in Slurm, the launcher renews its lease and hears what is wished; once its runner has begun, that
    does. A node that is slow to begin costs nothing, one that ends a job before it has begun gives it back at once.
    What the launcher knows lies in the state folder: the batch service that comes next takes over every job. A job that
    Slurm could not be told about is handed over when Slurm answers again.

    Parameters
    ----------
    settings
        The site's.
    server, slurm
        Its sections of these names.
    site
        File of these settings: root's, readable by everybody, and on all nodes.
    api
        The API's address, as the nodes reach it.
    queue
        Where the launcher speaks for jobs that have no runner yet.
    """

    def __init__(
        self,
        settings: Settings,
        server: ServerSettings,
        slurm: SlurmSettings,
        *,
        site: Path,
        api: str,
        queue: JobQueue,
    ) -> None:
        self.settings = settings
        self.server = server
        self.slurm = slurm
        self.site = site
        self.api = api
        self.queue = queue
        self.ledger = Ledger(settings.state / "batch" / "slurm")
        self._looked = -_LOOK_S

    def prepare(self) -> None:
        """Do nothing: nodes load what runners need."""

    def launch(self, lease: Lease, job: Job) -> str:
        """Hand a job to Slurm; ConfigurationError where its user has no account that may run jobs, or Slurm refuses.

        No process of this machine is the runner's.
        """
        account = "" if job.request.shared else account_of(job.user, self.server)
        for former in self._of(job.id):
            self._send("cancel", former)
        name = f"hven-{self.settings.site}-{job.id}-{secrets.token_hex(4)}"
        size = asdict(size_of(self.settings.engine, self.slurm, job))
        environment = job.request.environment
        entry = Entry(job.id, lease.name, account, str(job.request.job_class), name, environment, **size)
        self.ledger.keep(entry)
        try:
            self._submit(entry)
        except ServiceUnavailableError as error:
            _log.warning("job waits until Slurm answers", job=job.id, error=error.message)
        except ConfigurationError:
            self._bury(entry)
            raise
        return ""

    def end(self, job: int, runner: str) -> bool:
        """End a job in Slurm and wait for it; false where Slurm has not said that it has it, or does not answer."""
        own = self._of(job)
        if not own:
            return lives(runner) is False
        if not all(entry.number for entry in own):
            return False
        self._cancel(own)
        return not self._of(job)

    def collect(self) -> int:
        """Look after the jobs in Slurm; gives how many have not ended."""
        entries = self.ledger.entries()
        if time.monotonic() - self._looked < _LOOK_S:
            return len(entries)
        self._looked = time.monotonic()
        return self._look(entries)

    def kill(self) -> None:
        """End all jobs in Slurm and wait until they have ended."""
        self._cancel(self.ledger.entries())

    def _of(self, job: int) -> list[Entry]:
        return [entry for entry in self.ledger.entries() if entry.job == job]

    def _cancel(self, entries: list[Entry]) -> None:
        """End Slurm jobs and wait until they have ended."""
        for entry in entries:
            self._send("cancel", entry)
        names = {entry.name for entry in entries}
        until = time.monotonic() + _END_S
        while (left := [entry for entry in self.ledger.entries() if entry.name in names]) and time.monotonic() < until:
            self._look(left)
            time.sleep(_GLANCE_S)

    def _look(self, entries: list[Entry]) -> int:
        try:
            found = standings(self.slurm, {entry.number for entry in entries if entry.number})
        except HvenError as error:
            _log.warning("Slurm cannot be asked", error=error.message)
            self._hear_those_that_waited(entries)
            return len(entries)
        for entry in entries:
            self._attend(self._copy_output(entry), found.get(entry.name, GONE))
        return len(self.ledger.entries())

    def _hear_those_that_waited(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.reason or not entry.number:
                self._hear(entry, entry.reason or _AWAY)

    def _attend(self, entry: Entry, standing: Standing) -> None:
        """Do what a job needs where it stands."""
        if not entry.number:
            self._hear(entry, _AWAY)
            self._retry(entry)
        elif standing.waits:
            self._hear(entry, f"waits in Slurm: {standing.reason}")
        elif standing.ended:
            self.queue.expect(entry.right, 0)
            self._say_how_it_ended(entry, standing)
            self._bury(entry)
        elif not entry.on_node:
            self.queue.expect(entry.right, _START_S)
            self.ledger.keep(replace(entry, reason="", on_node=True))

    def _hear(self, entry: Entry, reason: str) -> None:
        """Speak for a job without a runner, and do what somebody wishes."""
        try:
            if reason != entry.reason:
                self.queue.report(entry.right, (), total=0, message=reason)
                self.ledger.keep(replace(entry, reason=reason))
            wish = self.queue.renew(entry.right)
            if wish == Wish.NONE:
                return
            self._send("cancel", entry)
            if wish == Wish.CANCEL:
                self.queue.finish(entry.right, JobState.DELETED)
            else:
                self.queue.release(entry.right)
        except ConflictError:  # another runner has the job, or it has ended
            self._send("cancel", entry)
        if not entry.number:
            self._bury(entry)

    def _retry(self, entry: Entry) -> None:
        """Hand over a job of which it is not known whether Slurm has it."""
        if not self.ledger.has(entry):
            return
        try:
            number = find(self.slurm, entry.name)
            if number:
                self.ledger.keep(replace(entry, number=number))
            else:
                self._submit(entry)
        except ServiceUnavailableError:
            return
        except ConfigurationError as error:
            self.queue.finish(
                entry.right, JobState.FAILED, error=error.message, hint=error.hint, flavour="configuration"
            )
            self._bury(entry)

    def _submit(self, entry: Entry) -> None:
        self.ledger.keep(replace(entry, number=int(self._run("submit", entry))))

    def _copy_output(self, entry: Entry) -> Entry:
        """Add to the job's log what its runner has said since."""
        block = read_on(self.slurm.spool / entry.name / LOG, entry.copied, owner=self._uid(entry))
        if not block:
            return entry
        with log_of(self.settings, entry.job) as log:
            os.write(log, block)
        copied = replace(entry, copied=entry.copied + len(block))
        self.ledger.keep(copied)
        return copied

    def _uid(self, entry: Entry) -> int:
        return pwd.getpwnam(entry.account).pw_uid if entry.account else os.geteuid()

    def _say_how_it_ended(self, entry: Entry, standing: Standing) -> None:
        """Write how Slurm ended a job, unless it ended by itself."""
        if standing.state == "COMPLETED":
            return
        try:
            said = epitaph(self.slurm, entry.number) or standing.state
        except HvenError:
            said = standing.state
        with log_of(self.settings, entry.job) as log:
            os.write(log, f"Slurm's job {entry.number} ended: {said}\n".encode())

    def _bury(self, entry: Entry) -> None:
        self._send("tidy", entry)
        self.ledger.forget(entry)

    def _send(self, verb: Verb, entry: Entry) -> None:
        """Do an errand that may fail."""
        try:
            self._run(verb, entry)
        except HvenError as error:
            _log.warning("errand failed", verb=verb, job=entry.job, error=error.message)

    def _run(self, verb: Verb, entry: Entry) -> str:
        """Do an errand as the job's account; what it prints."""
        lease = entry.lease if verb == "submit" else ""
        order = Order(entry.job, lease, str(self.site), self.api, entry.environment, entry.errand(verb))
        own = [str(self.server.prefix / "venv" / "bin" / "python"), "-I", "-m", "hven.batch.entry", AS_USER]
        command = as_somebody(entry.account, self.server) if entry.account else own
        home = str(self.settings.state / "homes" / self.server.batch_account)
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=order.line(), capture_output=True, check=False, env={**CLEAN, "HOME": home}, cwd="/"
        )
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode == ServiceUnavailableError.exit_code:
            raise ServiceUnavailableError(said)
        if done.returncode:
            raise ConfigurationError(said.splitlines()[-1] if said else f"exit code {done.returncode}", hint=_HINT)
        return done.stdout.decode()


def read_on(file: Path, begin: int, *, owner: int) -> bytes:
    """What a file has from a byte on: nothing of one that is not its owner's own, or no plain file.

    The folder is the owner's, who could put a link to anybody's file there.
    """
    try:
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(number, "rb") as stream:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != owner or found.st_nlink != 1:
            return b""
        stream.seek(begin)
        return stream.read(_MOST)
