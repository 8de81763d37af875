"""`hven environment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.batch.environments.shelf import Shelf

environment = typer.Typer(help="Environments in which jobs run, installed side by side.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Version or tag.")]


@environment.command()
def build(
    version: Annotated[str, typer.Argument(help="Name of the environment, e.g. 2026.11.1.")],
    target: Annotated[Path, typer.Argument(help="Folder to be made.")],
    *,
    wheels: Annotated[Path, typer.Option(help="Folder with the wheels of all packages.")],
    lock: Annotated[Path | None, typer.Option(help="Requirements with hashes that the wheels must have.")] = None,
) -> None:
    """Make a bundle: wheels, their digests, a definition for Apptainer."""
    from hven.batch.environments.bundle import build as make

    made = make(version, wheels, target, lock=lock)
    print(f"{target}: environment {made.version}, {len(made.wheels)} packages, digest {made.digest}")


@environment.command()
def install(bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")], *, site: Site = None) -> None:
    """Install a bundle beside others, without network; as root in an installation for many users."""
    made = _shelf(site).install(bundle)
    print(f"environment {made.bundle.version}: {len(made.files)} files, digest {made.bundle.digest}")


@environment.command("list")
def list_(*, as_json: Json = False, site: Site = None) -> None:
    """List installed environments and tags."""
    import json

    shelf = _shelf(site)
    tags = shelf.tags()
    found: list[dict[str, Any]] = [
        {"version": version, "digest": bundle.digest, "packages": len(bundle.wheels), "python": bundle.python,
         "tags": [tag for tag, meant in tags.items() if meant == version]}
        for version, bundle in shelf.versions().items()
    ]  # fmt: skip
    if as_json:
        print(json.dumps(found, indent=1))
        return
    for one in found:
        print(f"{one['version']}  {one['digest'][:12]}  {one['packages']} packages  {', '.join(one['tags'])}".rstrip())


@environment.command()
def verify(name: Name, *, site: Site = None) -> None:
    """Compare every file of an environment with what was installed; exit code 3 where one differs."""
    made = _shelf(site).verify(name)
    print(f"environment {made.bundle.version}: {len(made.files)} files as installed")


@environment.command()
def tag(
    tag: Annotated[str, typer.Argument(help="E.g. weekly, recommended.")], version: Name, *, site: Site = None
) -> None:
    """Let a tag lead to a version; jobs that are submitted later take it."""
    shelf = _shelf(site)
    shelf.tag(tag, version)
    print(f"{tag}: {shelf.resolve(tag)}")


def _shelf(site: Site) -> Shelf:
    from hven.batch.environments.shelf import shelf_of
    from hven.core.settings import load_settings

    return shelf_of(load_settings(site))
