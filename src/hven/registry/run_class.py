"""Access class of the run in which products are born."""

from __future__ import annotations

from hven.core.settings import ServerSettings
from hven.model.access import UNCLASSED
from hven.model.collection import owner_of
from hven.registry.protocol import Registry
from hven.store.classes import class_acl


def run_acl(registry: Registry, run: str, server: ServerSettings | None, *, owner: str = "r-x") -> str:
    """Access control list of the version folders of a run, in which its owner may do so much.

    Empty where the place of the folders says who may read: in the try-out, and in somebody's own space.
    """
    if server is None or owner_of(run):
        return ""
    classes = {c.name: c.access for c in registry.collections()}
    return class_acl(classes.get(run, UNCLASSED), server, owner=owner)
