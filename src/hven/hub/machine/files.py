"""System files of an installation: systemd units, the sudoers line, the runner's script, the first site file."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from hven.core.errors import ConfigurationError, InfrastructureError
from hven.core.settings import ServerSettings, Settings

_PLACE = re.compile(r"@([a-z_]+)@")
UNITS = Path("/etc/systemd/system")
SUDOERS = Path("/etc/sudoers.d")
FIRST_PORT = 800
"""Where people find a new installation: below 1024 nobody else can take its place."""


@dataclass(frozen=True)
class SystemFile:
    """A file of root's, as it must be."""

    path: Path
    content: str
    mode: int = 0o644


def places(site: Path, settings: Settings, server: ServerSettings) -> dict[str, str]:
    """What stands for the words between @ in the files below `platform/`."""
    return {
        "prefix": str(server.prefix),
        "site": str(site),
        "root": str(settings.root),
        "state": str(settings.state),
        "services": server.services_group,
        "users": server.users_group,
        "archive": server.archive_account,
        "batch": server.batch_account,
    }


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into the places of a text.

    Raises
    ------
    ConfigurationError
        When a place is unknown.

    Examples
    --------
    >>> fill("ExecStart=@prefix@/bin/hven", {"prefix": "/opt/hven"})
    'ExecStart=/opt/hven/bin/hven'
    """

    def value(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            raise ConfigurationError(f"nothing is known for {match[0]}") from None

    return _PLACE.sub(value, text)


def units(platform: Path, values: Mapping[str, str], target: Path = UNITS) -> Iterator[SystemFile]:
    """Units of systemd, made from `platform/systemd`."""
    for template in sorted((platform / "systemd").glob("hven*.*")):
        yield SystemFile(target / template.name, fill(template.read_text(), values))


def sudoers_name(prefix: Path) -> str:
    """Name of an installation's file in /etc/sudoers.d, where names with a dot are passed over.

    Examples
    --------
    >>> sudoers_name(Path("/opt/hven"))
    'opt-hven'
    """
    return str(prefix).strip("/").replace("/", "-").replace(".", "_").replace("~", "_")


def for_runners(platform: Path, values: Mapping[str, str], sudoers: Path = SUDOERS) -> Iterator[SystemFile]:
    """The script by which the batch service starts runners under other accounts, and the line that lets it."""
    script = platform / "sudo" / "hven-runner"
    if script.exists():
        prefix = Path(values["prefix"])
        yield SystemFile(prefix / "libexec" / "hven-runner", fill(script.read_text(), values), 0o755)
        line = fill((platform / "sudo" / "sudoers").read_text(), values)
        yield SystemFile(sudoers / sudoers_name(prefix), line, 0o440)


def first_site(file: Path, prefix: Path) -> SystemFile:
    """A site file to begin with."""
    values = {
        "site": "observatory",
        "root": "/srv/hven",
        "state": "/var/lib/hven",
        "hub": {"port": FIRST_PORT},
        "server": {"prefix": str(prefix)},
    }
    head = (
        "# The site: platform/sites/ has examples, docs/operator-guide.md says what can be chosen. No secrets here.\n"
    )
    return SystemFile(file, head + yaml.safe_dump(values, sort_keys=False))


def has_systemd() -> bool:
    """Whether systemd runs this machine: see sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def is_right(file: SystemFile) -> bool:
    """Whether a file is as it must be."""
    try:
        found = file.path.lstat()
        content = file.path.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    return (found.st_uid, found.st_gid, found.st_mode & 0o7777, content) == (0, 0, file.mode, file.content)


def write(file: SystemFile) -> bool:
    """Write a file in one step unless it is right; a sudoers file only when `visudo` accepts it. Needs root.

    Raises
    ------
    InfrastructureError
        When `visudo` refuses it.
    """
    if is_right(file):
        return False
    file.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = file.path.with_name(f".{file.path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(file.content)
    os.chown(part, 0, 0)
    part.chmod(file.mode)
    try:
        if "sudoers" in file.path.parent.name:
            _check_sudoers(part)
        part.replace(file.path)
    finally:
        part.unlink(missing_ok=True)
    return True


def _check_sudoers(file: Path) -> None:
    command = ["/usr/sbin/visudo", "--check", "--quiet", f"--file={file}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the system's own program
    if done.returncode:
        raise InfrastructureError(f"visudo refuses the sudoers line: {(done.stdout + done.stderr).strip()}")
