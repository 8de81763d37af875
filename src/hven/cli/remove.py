"""`hven remove`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hven.cli.options import Json, Site

if TYPE_CHECKING:
    from hven.observatory import Observatory

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of products of your own; `hven space` lists them.")]


def remove(
    ids: Ids = None,
    *,
    reproducible: Annotated[bool, typer.Option(help="All that can be made again.")] = False,
    empty_trash: Annotated[bool, typer.Option("--empty-trash", help="Delete what was removed, for good.")] = False,
    really: Annotated[bool, typer.Option("--really", help="Do it; otherwise it is only shown.")] = False,
    as_json: Json = False,
    site: Site = None,
) -> None:
    """Remove products of your own: into the trash, then for good. Shows what it would do unless told `--really`."""
    import json

    from rich.filesize import decimal

    from hven.core.errors import ConfigurationError
    from hven.core.logging import configure
    from hven.observatory import connect

    configure(json=as_json, level="WARNING")
    if not (ids or reproducible or empty_trash):
        raise ConfigurationError("nothing to remove", hint="Give ids, --reproducible or --empty-trash.")
    with connect(site) as obs:
        done, freed = _remove(obs, ids or [], reproducible=reproducible, really=really), 0
        if empty_trash:
            with _bar("Deleting") as step:
                freed = obs.empty_trash(really=really, step=step)
    if as_json:
        print(json.dumps({"removed": done, "freed": freed, "really": really}, indent=1))
        return
    verb = ("moved", "deleted") if really else ("would be moved", "would be deleted")
    for one in done:
        print(f"{one['id']}  {decimal(int(str(one['size'])))}  {one['dataset']}")
    if ids or reproducible:
        print(f"{len(done)} products {verb[0]} into the trash")
    if empty_trash:
        print(f"{decimal(freed)} {verb[1]}")
    if not really:
        print("Nothing has been done: add --really.")


def _remove(obs: Observatory, ids: list[str], *, reproducible: bool, really: bool) -> list[dict[str, object]]:
    chosen = list(ids)
    if reproducible:
        chosen += [own.product.id for own in obs.space().products if own.reproducible]
    if not chosen:
        return []
    with _bar("Removing") as step:
        removal = obs.remove(*chosen, really=really, step=step)
    registered = [{"id": p.id, "dataset": str(p.ref), "size": p.size_bytes} for p in removal.products]
    lying = [{"id": path.name, "dataset": str(path), "size": size} for path, size in removal.unregistered.items()]
    return [*registered, *lying]


@contextmanager
def _bar(text: str) -> Iterator[Callable[[int, int], None]]:
    from hven.cli.console import bar

    with bar() as shown:
        line = shown.add_task(text, total=None)
        yield lambda done, of: shown.update(line, completed=done, total=of)
