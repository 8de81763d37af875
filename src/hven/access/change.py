"""Change the access class of a collection: its row, and for a run the folders of what was born in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hven.core.errors import ConfigurationError, UnknownNameError
from hven.core.logging import get_logger
from hven.core.settings import Settings
from hven.model.collection import AccessClass, Collection, CollectionKind, owner_of, raw_run
from hven.registry.protocol import Registry
from hven.store.classes import is_of_class, set_class
from hven.store.paths import live_folder

_ORDER = tuple(AccessClass)  # from open to closed
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done: the class before and now, folders in all, and those that were changed."""

    name: str
    before: AccessClass
    now: AccessClass
    folders: int
    changed: int


def change_access(
    registry: Registry,
    settings: Settings,
    name: str,
    access: AccessClass,
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> Changed:
    """Give a collection another access class.

    What is closed is closed in the registry first, what is opened is opened there last, so that API and pages never
    show what the folders keep closed. A change that was killed half-way is finished by asking for it again.

    Parameters
    ----------
    registry, settings
        Of the site.
    name
        Collection.
    access
        The class.
    progress
        Called with the number of folders that have been looked at.

    Raises
    ------
    UnknownNameError
        When there is no such collection.
    ConfigurationError
        For somebody's own, which has no class.
    AccessDeniedError
        When folders belong to another account; root may change them.
    """
    before = find_collection(registry, name)
    if owner_of(name):
        raise ConfigurationError(
            f"{name} is {owner_of(name)}'s own, and has no class", hint="Classes are for the observatory's collections."
        )
    after = replace(before, access=access)
    closing = _ORDER.index(access) >= _ORDER.index(before.access)
    if closing:
        registry.define(after)
    folders = changed = 0
    for folder in class_folders(registry, settings, before):
        folders += 1
        changed += _change(folder, access, settings)
        progress(folders)
    if not closing:
        registry.define(after)
    _log.info("access changed", collection=name, before=str(before.access), now=str(access), folders=changed)
    return Changed(name, before.access, access, folders, changed)


def find_collection(registry: Registry, name: str) -> Collection:
    """Collection by name; UnknownNameError lists those there are."""
    known = {c.name: c for c in registry.collections()}
    if name not in known:
        raise UnknownNameError("collection", name, known)
    return known[name]


def class_folders(registry: Registry, settings: Settings, collection: Collection) -> Iterator[Path]:
    """Folders whose rights are those of a run's class; none in the try-out, and none of other kinds of collections."""
    if settings.server is None or collection.kind != CollectionKind.RUN or owner_of(collection.name):
        return
    for instrument in settings.instruments:
        if collection.name == raw_run(instrument):
            yield from sorted((settings.root / "L0" / instrument).glob("*/*/raw"))
            if (live := settings.root / live_folder(instrument)).is_dir():
                yield live
    for product in registry.find(collection=collection.name):
        folder = settings.root / product.path
        if folder.is_dir():
            yield folder


def strays(registry: Registry, settings: Settings, collection: Collection) -> list[Path]:
    """Folders of a run that have other rights than its class says."""
    server = settings.server
    folders = class_folders(registry, settings, collection)
    return [folder for folder in folders if server and not is_of_class(folder, collection.access, server)]


def _change(folder: Path, access: AccessClass, settings: Settings) -> bool:
    if settings.server is None or is_of_class(folder, access, settings.server):
        return False
    set_class(folder, access, settings.server)
    return True
