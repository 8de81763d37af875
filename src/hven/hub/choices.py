"""What somebody chooses before their server starts: the size of their Dask cluster, and the environment of kernels."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from hven.batch.environments.shelf import shelf_of
from hven.core.settings import EngineSettings, Settings

ENVIRONMENT = "HVEN_ENVIRONMENT"
"""Variable with the version of the environment in which a server's kernels run; not set for the platform's own."""

_QUESTION = """<div class="mb-3"><label class="form-label" for="{name}">{label}</label>
<select class="form-select" id="{name}" name="{name}">{options}</select></div>"""
_KEYS = ("profile", "environment")


def form(settings: Settings) -> str:
    """The form shown before a server starts; empty when there is nothing to choose."""
    return _sizes(settings.engine) + _environments(shelf_of(settings).for_kernels())


def _sizes(engine: EngineSettings) -> str:
    if len(engine.profiles) < 2:  # noqa: PLR2004 - one is no choice
        return ""
    options = []
    for name, profile in engine.profiles.items():
        workers = f"{profile.workers} worker{'s' if profile.workers > 1 else ''}"
        text = f"{name}: {workers}, {profile.threads_per_worker} thread and {profile.memory_gb:g} GB each"
        options.append(_option(name, text, chosen=name == engine.default_profile))
    return _question("profile", "Size of your Dask cluster", options)


def _environments(known: Mapping[str, str]) -> str:
    if not known:
        return ""
    options = [_option("", "the platform's own", chosen=True)]
    options += [_option(name, name if name == v else f"{name}: {v}") for name, v in known.items()]
    return _question("environment", "Environment of your notebooks and their Dask workers", options)


def _question(name: str, label: str, options: Iterable[str]) -> str:
    return _QUESTION.format(name=name, label=label, options="".join(options))


def _option(value: str, text: str, *, chosen: bool = False) -> str:
    return f'<option value="{html.escape(value)}"{" selected" if chosen else ""}>{html.escape(text)}</option>'


def read_form(sent: Mapping[str, list[str]]) -> dict[str, str]:
    """Options of a server from the form that was sent.

    Examples
    --------
    >>> read_form({"profile": ["small"], "environment": [""], "_xsrf": ["..."]})
    {'profile': 'small'}
    """
    return {key: sent[key][0] for key in _KEYS if sent.get(key, [""])[0]}


def tell(settings: Settings, spawner: Any) -> None:
    """Tell a person's server what was chosen; called before each start.

    In another environment than the platform's own the server is the same, its kernels are that environment's, and so
    are the Dask workers that they start on this machine.

    Raises
    ------
    UnknownNameError
        For an environment that is not installed, or has no kernel.
    """
    engine = settings.engine
    profile = spawner.user_options.get("profile", engine.default_profile)
    told = {"HVEN_PROFILE": profile if profile in engine.profiles else engine.default_profile}
    environment = spawner.user_options.get("environment", "")
    if environment:
        version, kernels = shelf_of(settings).kernels(environment)
        told |= {ENVIRONMENT: version, "JUPYTER_PATH": str(kernels)}
    spawner.environment = {**spawner.environment, **told}
