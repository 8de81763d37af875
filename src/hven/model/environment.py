"""What a bundle and an installed environment are made of."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

from hven.core.errors import ConfigurationError
from hven.model.digest import digest_json

RECORD = "environment.json"
"""Name of the record, in a bundle and in an installed environment."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bundle(_Record):
    """Packages that belong together.

    Parameters
    ----------
    version
        Name of the environment, e.g. ``2026.11.1``.
    python
        Version of Python that it is for, without its last number.
    wheels
        sha256 of each wheel, by file name.
    """

    version: str
    python: str
    wheels: dict[str, str]

    @property
    def digest(self) -> str:
        """What the environment is, wherever it is installed: in provenance records."""
        return digest_json([self.python, self.wheels])


class Installed(_Record):
    """An installed environment.

    Parameters
    ----------
    files
        sha256 of every file, by path below its folder.
    links
        Where symbolic links lead.
    """

    bundle: Bundle
    files: dict[str, str]
    links: dict[str, str]


def check_name(name: str) -> str:
    """Give a name of a version or tag back; raises ConfigurationError where it could lead elsewhere."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name of an environment", hint="Use letters, digits and ._+-")
    return name
