"""`hven seal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json

if TYPE_CHECKING:
    from hven.archive.seal import Night
    from hven.core.settings import Settings


def seal(
    day_obs: Annotated[list[int] | None, typer.Argument(help="Observing days YYYYMMDD.")] = None,
    *,
    finished: Annotated[bool, typer.Option("--finished", help="Every night that ended long enough ago.")] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="Let the archive add late files to these nights.")] = False,
    as_json: Json = False,
) -> None:
    """Close archived nights, so that nobody but root can change them; needs root.

    `ingest: seal_after_days` in the site file says how long after its end a night is closed by --finished.
    """
    import json

    from hven.archive import seal as sealing
    from hven.core.errors import ConfigurationError
    from hven.core.settings import load_settings

    settings = load_settings()
    if settings.server is None:
        raise ConfigurationError(
            "a try-out has one user, who could open what is sealed", hint="Sealing needs a site with `server:`."
        )
    if bool(day_obs) == finished or (reopen and finished):
        raise ConfigurationError("say which nights: either observing days or --finished")
    for night in _finished(settings) if finished else _named(settings, day_obs or []):
        if reopen:
            sealing.reopen(night)
            said = {"instrument": night.instrument, "day_obs": night.day_obs}
        else:
            said = sealing.seal(night).model_dump()
        print(json.dumps(said) if as_json else f"{night.folder}: {'open' if reopen else 'sealed'}")


def _all(settings: Settings) -> list[Night]:
    from hven.archive.seal import nights

    return list(nights(settings.root, settings.server.archive_account)) if settings.server else []


def _finished(settings: Settings) -> list[Night]:
    from hven.archive.seal import finished
    from hven.core.clock import now_ns

    offset = settings.observatory.day_obs_offset_hours
    after = settings.ingest.seal_after_days
    return list(finished(_all(settings), offset_hours=offset, after_days=after, at_ns=now_ns()))


def _named(settings: Settings, days: list[int]) -> list[Night]:
    from hven.core.errors import DatasetNotFoundError

    asked = [night for night in _all(settings) if night.day_obs in days]
    if absent := set(days) - {night.day_obs for night in asked}:
        raise DatasetNotFoundError(f"nothing is archived of {', '.join(map(str, sorted(absent)))}")
    return asked
