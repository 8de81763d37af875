"""The site file: one typed record that says where data and state live and how large things may be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hven.core.errors import SettingsError
from hven.core.invalid import problems_of
from hven.core.notify_settings import NotifySettings
from hven.core.retention_settings import RetentionSettings
from hven.core.yaml_file import read_yaml

SYSTEM_SITE = Path("/etc/hven/site.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ObservatorySettings(_Strict):
    """Where the telescopes stand."""

    name: Annotated[str, Field(description="As people write it.")] = "Palomar"
    latitude_deg: float = 33.3563
    longitude_deg: float = -116.8650
    altitude_m: float = 1706.0
    day_obs_offset_hours: Annotated[
        float, Field(description="Added to UTC so that the observing day rolls over near local noon; fixed for ever.")
    ] = -20.0
    time_zone: Annotated[str, Field(description="IANA name, for local times shown beside UTC.")] = "America/Los_Angeles"


class Profile(_Strict):
    """A size of Dask cluster that a user can choose."""

    workers: Annotated[int, Field(ge=1)] = 2
    threads_per_worker: Annotated[int, Field(ge=1)] = 1
    memory_gb: Annotated[float, Field(gt=0, description="Per worker.")] = 2.0


class EngineSettings(_Strict):
    """Where Dask runs."""

    kind: Annotated[
        Literal["inprocess", "local", "address", "ssh", "slurm"], Field(description="Engine of jobs and processing.")
    ] = "local"
    address: Annotated[str, Field(description="tls:// address of a running scheduler, for kind address.")] = ""
    keys: Annotated[Path, Field(description="Folder with that scheduler's TLS keys.")] = Path("/etc/hven/keys")
    hosts: Annotated[
        tuple[str, ...], Field(description="Where workers run, as `ssh` knows them, for kind ssh; taken in turn.")
    ] = ()
    python: Annotated[
        str, Field(description="Python of the installation on those hosts; empty is the same path as here.")
    ] = ""
    ssh_config: Annotated[Path | None, Field(description="File for `ssh -F`; ssh's own if left out.")] = None
    profiles: dict[str, Profile] = {"small": Profile(workers=1), "medium": Profile(workers=2)}
    default_profile: str = "medium"
    cores: Annotated[
        Path | None, Field(description="Folder with this machine's cores, shared by users; `server.runtime` has one.")
    ] = None


class HubSettings(_Strict):
    """JupyterHub and its services; everything listens on loopback."""

    port: Annotated[int, Field(ge=1, le=65535, description="The one address people use.")] = 8000
    public_url: Annotated[
        str, Field(description="Address in people's browsers where a web server with TLS stands in front.")
    ] = ""
    user: Annotated[str, Field(description="The try-out's login; empty takes the Unix user's name.")] = ""
    guests: Annotated[tuple[str, ...], Field(description="More logins with the same password, try-out only.")] = ()
    idle_timeout_s: int = 3600


class IngestSettings(_Strict):
    """Behaviour of `hven ingest --watch`."""

    poll_s: Annotated[float, Field(gt=0)] = 5.0
    settle_s: Annotated[float, Field(ge=0, description="A file is finished when it has not changed for so long.")] = (
        60.0
    )
    sources: Annotated[
        tuple[str, ...],
        Field(description="Folders, or host:/folder, from which `hven catchup` heals; `incoming/` if left out."),
    ] = ()
    ssh_config: Annotated[Path | None, Field(description="File for `ssh -F` to them; ssh's own if left out.")] = None
    reread_days: Annotated[
        float, Field(gt=0, description="Every archived file and product is read again once in so many days.")
    ] = 90.0
    reread_mb_s: Annotated[float, Field(gt=0, description="No faster than this, so that others can work.")] = 20.0
    seal_after_days: Annotated[float, Field(ge=0, description="A night is closed so long after its end.")] = 3.0


JobClassName = Literal["prompt", "offline", "ocs-driven", "data-access", "calibration", "data-release"]
Preemption = Literal["boundary", "kill"]


class Limit(_Strict):
    """What jobs may take at the same time; what is left out has no limit."""

    jobs: Annotated[int | None, Field(ge=0, description="Running jobs.")] = None
    cores: Annotated[int | None, Field(ge=0, description="Cores of their workers.")] = None
    memory_gb: Annotated[float | None, Field(ge=0, description="Memory of their workers.")] = None


class LiveSettings(_Strict):
    """Processing of data while they come (`hven live`)."""

    memory_gb: Annotated[
        float, Field(gt=0, description="Of files that wait; what comes beyond it is analysed from the disk.")
    ] = 4.0
    spool: Annotated[
        Path | None,
        Field(description="Where files from memory are written down for ingest; incoming/live if left out."),
    ] = None
    poll_s: Annotated[float, Field(gt=0, description="Seconds between looks into a watched folder.")] = 0.05
    patience_s: Annotated[
        float, Field(gt=0, description="A file that is not whole and has not changed for so long was torn.")
    ] = 10.0


class SlurmClass(_Strict):
    """What jobs of one class ask Slurm for; empty leaves it to the cluster."""

    partition: str = ""
    qos: Annotated[str, Field(description="Quality of service.")] = ""
    walltime_min: Annotated[
        int, Field(ge=1, description="Of a job and of each Dask worker; work goes on in a new job.")
    ] = 1440


class SlurmSettings(_Strict):
    """A Slurm cluster; see docs/operator-guide.md."""

    spool: Annotated[
        Path, Field(description="Folder on all nodes where each job has a private one for what it is told.")
    ]
    account: Annotated[str, Field(description="Who pays; Slurm's default for the user if empty.")] = ""
    classes: Annotated[
        dict[JobClassName, SlurmClass], Field(description="Those left out ask for nothing in particular.")
    ] = {}
    python: Annotated[str, Field(description="Of the installation on the nodes; empty is the same path as here.")] = ""
    interface: Annotated[
        str, Field(description="Network interface by which nodes reach each other; Dask chooses if empty.")
    ] = ""
    programs: Annotated[Path, Field(description="Folder with sbatch, squeue, scancel, sacct.")] = Path("/usr/bin")
    runner_memory_gb: Annotated[float, Field(gt=0, description="Of a job, beside its Dask workers.")] = 4.0

    def of(self, job_class: str) -> SlurmClass:
        """What jobs of a class ask for."""
        return {str(name): asked for name, asked in self.classes.items()}.get(job_class, SlurmClass())


class BatchSettings(_Strict):
    """How the batch service shares out what it has; see docs/operator-guide.md."""

    launcher: Annotated[
        Literal["local", "slurm"], Field(description="Jobs run on the machine of the service, or in Slurm.")
    ] = "local"

    slots: Annotated[int, Field(ge=1, description="Jobs running at the same time.")] = 1
    total: Annotated[Limit, Field(description="Of all jobs together.")] = Limit()
    reserved: Annotated[dict[JobClassName, int], Field(description="Of the slots, so many are for one class.")] = {}
    lends: Annotated[
        tuple[JobClassName, ...],
        Field(description="Classes whose reserved slots others may use until the class wants them back."),
    ] = ()
    class_limits: Annotated[dict[JobClassName, Limit], Field(description="Of a class's jobs together.")] = {}
    user_limit: Annotated[Limit, Field(description="Of each user's jobs together, whatever their class.")] = Limit()
    user_limits: Annotated[dict[str, Limit], Field(description="By user, instead of `user_limit`.")] = {}
    preempts: Annotated[
        dict[JobClassName, Preemption],
        Field(description="How a class makes lower ones give way: when a quantum has ended, or at once."),
    ] = {"prompt": "kill", "offline": "boundary", "ocs-driven": "boundary", "data-access": "boundary"}
    half_life_h: Annotated[float, Field(gt=0, description="Use counts half after so long, for fair share.")] = 24.0
    ageing: Annotated[
        float, Field(gt=0, lt=1, description="Core hours of use forgiven for each hour that somebody is kept waiting.")
    ] = 0.25
    schedules: Annotated[Path | None, Field(description="Folder with the site's own schedules, YAML.")] = None
    lease_s: Annotated[float, Field(gt=0, description="A runner that is silent for so long is taken for dead.")] = 30.0

    @model_validator(mode="after")
    def _no_more_reserved_than_there_is(self) -> Self:
        if min(self.reserved.values(), default=0) < 0 or sum(self.reserved.values()) > self.slots:
            raise ValueError(f"{sum(self.reserved.values())} slots are reserved, there are {self.slots}")
        return self


class TelemetrySettings(_Strict):
    """Time series of the facility; see docs/operator-guide.md."""

    declarations: Annotated[
        Path | None, Field(description="YAML file with the site's own topics and tables of exposures.")
    ] = None
    drop: Annotated[
        Path | None,
        Field(description="Folder into whose folders, named after topics, files are dropped; incoming/telemetry."),
    ] = None


class AlarmSettings(_Strict):
    """What is watched; see docs/operator-guide.md."""

    rules: Annotated[
        Path | None, Field(description="The site's own rules, YAML; they replace shipped ones of the same name.")
    ] = None
    every_s: Annotated[float, Field(gt=0, description="From one look around to the next.")] = 15.0


class OidcSettings(_Strict):
    """Login at an OpenID Connect provider; who somebody is on this machine, its Unix accounts still say."""

    client_id: str
    client_secret_file: Annotated[Path, Field(description="Readable by root only.")]
    authorize_url: str
    token_url: str
    userdata_url: str
    name_claim: Annotated[str, Field(description="Claim that names the person.")] = "preferred_username"
    accounts: Annotated[
        dict[str, str], Field(description="Unix account by the provider's name, where they differ.")
    ] = {}
    login_service: Annotated[str, Field(description="What the button says.")] = "OpenID Connect"


class ServerSettings(_Strict):
    """Accounts and groups of an installation for many users; see docs/operator-guide.md."""

    prefix: Annotated[Path, Field(description="Where the platform is installed, readable by all.")] = Path("/opt/hven")
    services_group: Annotated[str, Field(description="Group of the service accounts.")] = "hven"
    users_group: Annotated[str, Field(description="May log in; reads what is for the collaboration.")] = "hven-users"
    operators_group: Annotated[str, Field(description="May operate; reads what is for operators.")] = "hven-operators"
    copiers_group: Annotated[str, Field(description="May deliver raw files.")] = "l0-copiers"
    archive_account: str = "hven-archive"
    batch_account: str = "hven-batch"
    api_account: str = "hven-api"
    dashboards_account: str = "hven-dash"
    culler_account: str = "hven-cull"
    user_quota_gb: Annotated[float, Field(gt=0, description="Of a user's own products.")] = 100.0
    runtime: Annotated[
        Path, Field(description="What everybody may see of the running platform, and users' sockets; root's.")
    ] = Path("/run/hven")
    pam_service: Annotated[str, Field(description="File in /etc/pam.d by which people log in.")] = "login"
    oidc: Annotated[OidcSettings | None, Field(description="Instead of PAM.")] = None
    spawner: Annotated[
        Literal["local", "systemd", "slurm"],
        Field(description="systemd and Slurm hold people's servers to the two limits below."),
    ] = "local"
    user_memory_gb: Annotated[float, Field(gt=0, description="Of a person's server with all it starts.")] = 16.0
    user_cores: Annotated[float, Field(gt=0, description="Of a person's server with all it starts.")] = 4.0


class Settings(_Strict):
    """Everything an installation can choose.

    Examples
    --------
    >>> Settings(root="/data", state="/var/lib/hven").registry_url
    'sqlite:////var/lib/hven/registry.sqlite'
    """

    site: Annotated[str, Field(description="Lower-case name of this site.")] = "tryout"
    root: Annotated[Path, Field(description="HVEN_ROOT: the shared data root.")]
    state: Annotated[Path, Field(description="HVEN_STATE: local disk of the server, never a network filesystem.")]
    instruments: tuple[str, ...] = ("panoseti",)
    observatory: ObservatorySettings = ObservatorySettings()
    engine: EngineSettings = EngineSettings()
    hub: HubSettings = HubSettings()
    ingest: IngestSettings = IngestSettings()
    live: LiveSettings = LiveSettings()
    batch: BatchSettings = BatchSettings()
    notify: NotifySettings = NotifySettings()
    alarms: AlarmSettings = AlarmSettings()
    retention: RetentionSettings = RetentionSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    slurm: Annotated[
        SlurmSettings | None, Field(description="The cluster where engine, batch or spawner name Slurm.")
    ] = None
    server: Annotated[
        ServerSettings | None, Field(description="Real Unix users; without it the try-out, one trust domain.")
    ] = None
    registry_url: Annotated[
        str, Field(description="SQLAlchemy URL; empty is SQLite in the state folder.", repr=False)
    ] = ""
    platform_url: Annotated[
        str, Field(description="SQLAlchemy URL of jobs and ledgers; empty is SQLite.", repr=False)
    ] = ""

    @model_validator(mode="after")
    def _readers_have_time(self) -> Self:
        """Refuse a grace period in which the hub would leave an idle session alone."""
        if self.retention.grace_days * 86_400 <= self.hub.idle_timeout_s:
            raise ValueError("retention.grace_days is shorter than hub.idle_timeout_s: readers would lose products")
        return self

    def with_port(self, port: int) -> Settings:
        """The same with another public port."""
        return self.model_copy(update={"hub": self.hub.model_copy(update={"port": port})})

    @model_validator(mode="after")
    def _needs_a_cluster(self) -> Self:
        wanting = {
            "engine": self.engine.kind,
            "batch": self.batch.launcher,
            "server": self.server and self.server.spawner,
        }
        for section, choice in wanting.items():
            if choice == "slurm" and self.slurm is None:
                raise ValueError(f"{section} names Slurm, so a section slurm must say which")
        if self.batch.launcher == "slurm" and (self.server is None or self.engine.kind not in {"slurm", "inprocess"}):
            raise ValueError("jobs in Slurm need a section server, and engine: {kind: slurm} or {kind: inprocess}")
        return self

    def model_post_init(self, _context: object, /) -> None:
        """Fill what was left out and follows from the rest."""
        if self.server is not None and self.engine.cores is None:
            shared = self.engine.model_copy(update={"cores": self.server.runtime / "cores"})
            object.__setattr__(self, "engine", shared)
        for field, file in (("registry_url", "registry.sqlite"), ("platform_url", "platform.sqlite")):
            if not getattr(self, field):
                object.__setattr__(self, field, f"sqlite:///{self.state}/{file}")


def load_settings(site: Path | str | None = None, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Find and read the settings.

    Order: the argument, `$HVEN_SITE`, `/etc/hven/site.yaml`, the try-out of the checkout in which the working directory
    lies. `root` and `state` in a site file are relative to its folder. `$HVEN_ROOT` and `$HVEN_STATE` override them,
    `$HVEN_PROFILE` the default size of Dask clusters (the hub sets it in a user's server).

    Raises
    ------
    SettingsError
        When there is none, or a key is unknown or wrong; the message names the file and the key.
    """
    file = site_file(site, environ=environ)
    values = _read(file) if file else _tryout(Path.cwd())
    named = {k: environ.get(v) for k, v in (("root", "HVEN_ROOT"), ("state", "HVEN_STATE"))}
    paths = {k: Path(path).absolute() for k, path in named.items() if path}
    if not values and len(paths) < 2:  # noqa: PLR2004 - root and state
        raise SettingsError(
            "no site is configured here",
            hint="Set HVEN_SITE to a site file, or run inside a checkout where `make up` has been run.",
        )
    try:
        settings = Settings.model_validate({**values, **paths})
    except ValidationError as error:
        problems = problems_of(error, Settings, "key")
        raise SettingsError(f"{file or 'settings'}: {problems.text}", hint=problems.hint) from None
    chosen = environ.get("HVEN_PROFILE", settings.engine.default_profile)
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"default_profile": chosen})})


def site_file(site: Path | str | None = None, *, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The site file that `load_settings` reads, or None where the try-out's applies."""
    named = site or environ.get("HVEN_SITE")
    return Path(named) if named else SYSTEM_SITE if SYSTEM_SITE.exists() else None


def _read(file: Path) -> dict[str, object]:
    try:
        values = read_yaml(file)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}", hint="HVEN_SITE or --site names the site file.") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{file} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{file} holds no settings")
    paths = {k: file.absolute().parent / values[k] for k in ("root", "state") if isinstance(values.get(k), str)}
    return {**values, **paths}


def checkout(start: Path) -> Path | None:
    """Folder of the hven checkout around a path, or None."""
    for folder in (start, *start.parents):
        if (folder / "platform" / "jupyterhub_config.py").exists() and (folder / "src" / "hven").exists():
            return folder
    return None


def _tryout(start: Path) -> dict[str, object]:
    folder = checkout(start)
    if folder is None:
        return {}
    hven = folder / ".hven"
    own = _read(hven / "site.yaml") if (hven / "site.yaml").exists() else {}
    return {"root": hven / "data", "state": hven / "state", **own}
