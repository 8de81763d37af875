"""Lay the data root out on BeeGFS: access lists, storage pools and stripe patterns, as layout.yaml says.

    sudo /opt/hven/venv/bin/python /opt/hven/share/hven/platform/beegfs/apply.py [--site FILE] [--layout FILE]

Uses the command line of BeeGFS 8. On any other filesystem it does nothing and says so; doing it twice changes nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hven.core.errors import ConfigurationError, HvenError, InfrastructureError
from hven.core.settings import Settings, load_settings
from hven.hub.doctor import filesystem_of
from hven.hub.machine.folders import bring_about, data_folders

LAYOUT = Path(__file__).with_name("layout.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pool(_Strict):
    """Storage targets and mirror groups that belong together."""

    targets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Entry(_Strict):
    """A folder of the data root, and how its new files are spread."""

    path: Path
    pool: str = "default"
    pattern: Literal["raid0", "mirrored"] = "raid0"
    num_targets: Annotated[int, Field(ge=1)] = 4
    chunk_size: Annotated[str, Field(pattern=r"^\d+(ki|Mi)$")] = "1Mi"


class Layout(_Strict):
    """Pools and the folders that use them."""

    pools: dict[str, Pool]
    entries: tuple[Entry, ...]


def read(file: Path) -> Layout:
    """Read a layout; ConfigurationError names what is wrong in it."""
    try:
        return Layout.model_validate(yaml.safe_load(file.read_text()))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"{file}: {problems}") from None


def new_pools(layout: Layout, known: set[str]) -> Iterator[list[str]]:
    """Commands that make the pools which are not there."""
    for name, pool in layout.pools.items():
        if name in known:
            continue
        if not (pool.targets or pool.groups):
            raise ConfigurationError(f"there is no pool {name!r}", hint="Name its targets in the layout, or make it.")
        lists = (("--targets", pool.targets), ("--groups", pool.groups))
        yield ["pool", "create", name, *(f"{flag}={','.join(names)}" for flag, names in lists if names)]


def patterns(layout: Layout, root: Path) -> Iterator[list[str]]:
    """Commands that set pools and stripe patterns of the folders."""
    for entry in layout.entries:
        if entry.pool not in layout.pools:
            raise ConfigurationError(f"{entry.path} uses pool {entry.pool!r}, which the layout does not declare")
        spread = [
            f"--pattern={entry.pattern}",
            f"--num-targets={entry.num_targets}",
            f"--chunk-size={entry.chunk_size}",
        ]
        yield ["entry", "set", f"--pool={entry.pool}", *spread, str(root / entry.path)]


def beegfs(arguments: Sequence[str]) -> str:
    """Run BeeGFS's own program; what it printed."""
    try:
        done = subprocess.run(["beegfs", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - on root's PATH
    except FileNotFoundError:
        raise ConfigurationError("there is no program `beegfs`", hint="Install BeeGFS's tools, version 8.") from None
    if done.returncode:
        raise InfrastructureError(f"beegfs {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def apply(
    settings: Settings, layout: Layout, *, run: Callable[[Sequence[str]], str], say: Callable[[str], None]
) -> None:
    """Set access lists, pools and patterns."""
    if settings.server is None:
        raise ConfigurationError("this site is for one user", hint="A section `server: {}` makes it a site for many.")
    for folder in data_folders(settings, settings.server):
        if bring_about(folder):
            say(f"{folder.path}: {folder.acl}")
    known = {word for line in run(["pool", "list"]).splitlines()[1:] for word in line.split()[:2]}
    for command in (*new_pools(layout, known), *patterns(layout, settings.root)):
        run(command)
        say(f"beegfs {' '.join(command)}")


def main(arguments: Sequence[str], *, filesystem: Callable[[Path], str] = filesystem_of) -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--site", type=Path)
    parser.add_argument("--layout", type=Path, default=LAYOUT)
    asked = parser.parse_args(arguments)
    try:
        settings = load_settings(asked.site)
        kind = filesystem(settings.root)
        if kind != "beegfs":
            sys.stdout.write(f"{settings.root} is on {kind}: nothing to do\n")
            return 0
        apply(settings, read(asked.layout), run=beegfs, say=print)
    except HvenError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
