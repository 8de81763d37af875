"""Live processing of a site: what `hven live` runs."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hven.core.clock import format_utc, now_ns
from hven.core.errors import ConfigurationError
from hven.core.settings import Settings
from hven.instruments import load
from hven.model.instrument import Instrument
from hven.pipeline.bind import bind
from hven.pipeline.load import load_pipeline
from hven.pipeline.work import Place
from hven.prompt.access import give_class
from hven.prompt.live import Live
from hven.prompt.source import ORDER, Replay
from hven.prompt.spool import Memory, Spool
from hven.registry.database import Database
from hven.registry.direct import DirectRegistry
from hven.registry.run_class import run_acl
from hven.telemetry.gateway import Gateway

_GB = 10**9


@contextmanager
def live(
    settings: Settings, pipeline: str, *, config: Mapping[str, Mapping[str, Any]] | None = None, durable: bool = True
) -> Iterator[Live]:
    """Make live processing ready; its products are born in ``<instrument>/runs/prompt/<stamp>``.

    Parameters
    ----------
    settings
        Of the site.
    pipeline
        E.g. ``magis/live``.
    config
        As of `Observatory.process`.
    durable
        Whether files are on the disk itself before they count as stored.

    Raises
    ------
    ConfigurationError
        When the instrument does not name single files, or no step of the pipeline can run on one alone.
    """
    instrument = load(pipeline.partition("/")[0])
    if instrument.name_file is None:
        raise ConfigurationError(f"{instrument.title} cannot be processed live: it does not name single files")
    steps = bind(load_pipeline(instrument, pipeline), instrument, config)
    stamp = format_utc(now_ns() // _GB * _GB).replace("-", "").replace(":", "")
    run = f"{instrument.name}/runs/prompt/{stamp}"
    database = Database(settings.platform_url)
    with DirectRegistry(settings.registry_url, settings.root) as registry:
        give_class(registry, settings, instrument.name, run)
        acl = run_acl(registry, run, settings.server)
        try:
            yield Live(
                instrument,
                steps,
                Place(settings.root, settings.site, run, getpass.getuser(), pipeline, acl),
                registry,
                Gateway(database),
                Spool(settings.live.spool or settings.root / "incoming" / "live", durable=durable),
                Memory(round(settings.live.memory_gb * _GB)),
                settings.observatory.day_obs_offset_hours,
            )
        finally:
            database.close()


def replayed(folder: Path, instrument: Instrument, rate_hz: float) -> Replay:
    """Files of an observation's folder as if they were being taken: those of one number at the same moment.

    Raises
    ------
    ConfigurationError
        When no file in the folder is the instrument's.
    """
    moments: dict[tuple[int, int], list[Path]] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        named = instrument.name_file(path) if instrument.name_file else None
        if named:
            moments.setdefault((ORDER[named.file.role], named.file.sequence), []).append(path)
    if not moments:
        raise ConfigurationError(f"no file in {folder} belongs to an observation of {instrument.title}")
    return Replay(([(p, p.read_bytes()) for p in moments[moment]] for moment in sorted(moments)), rate_hz)
