"""Who may see what, and who may write where: one rule for the registry, the API, the pages and the file modes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hven.model.collection import AccessClass, owner_of, project_of

UNCLASSED = AccessClass.COLLABORATION
"""Class of a collection for which nobody has said another."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks at products: a name, the access classes that are open to them, and their Unix groups."""

    name: str
    classes: frozenset[AccessClass]
    groups: frozenset[str] = frozenset()


def may_see(viewer: Viewer, collection: str, access: AccessClass, groups: Collection[str] = ()) -> bool:
    """Whether somebody may see a collection and what is born in it.

    A person's own is for that person, and for the `groups` with which they share it; a project's is for its group; the
    observatory's is for those to whom its class is open.

    Examples
    --------
    >>> ada = Viewer("ada", frozenset({AccessClass.PUBLIC}))
    >>> may_see(ada, "panoseti/raw/all", AccessClass.PUBLIC), may_see(ada, "panoseti/raw/all", AccessClass.OPERATORS)
    (True, False)
    >>> may_see(ada, "u/ada/flat", AccessClass.OPERATORS), may_see(ada, "u/bert/flat", AccessClass.PUBLIC)
    (True, False)
    >>> bert = Viewer("bert", frozenset(), frozenset({"pulsars"}))
    >>> may_see(bert, "u/ada/flat", AccessClass.PUBLIC, ["pulsars"])
    True
    >>> may_see(bert, "p/pulsars/flat", AccessClass.PUBLIC)
    True
    """
    owner = owner_of(collection)
    if not owner:
        return access in viewer.classes
    if project := project_of(collection):
        return project in viewer.groups
    return owner == viewer.name or not viewer.groups.isdisjoint(groups)


def owns(name: str, collection: str) -> bool:
    """Whether a collection is somebody's own, so that they may change it; the observatory's take the right to operate.

    Examples
    --------
    >>> owns("ada", "u/ada/flat"), owns("ada", "u/bert/flat"), owns("", "panoseti/defaults")
    (True, False, False)
    """
    return bool(name) and owner_of(collection) == name


def may_write(viewer: Viewer, collection: str) -> bool:
    """Whether somebody may write into a collection without the right to operate: their own, and their projects'.

    Examples
    --------
    >>> ada = Viewer("ada", frozenset(), frozenset({"pulsars"}))
    >>> [may_write(ada, name) for name in ("u/ada/flat", "p/pulsars/flat", "p/comets/flat", "panoseti/defaults")]
    [True, True, False, False]
    """
    project = project_of(collection)
    return project in viewer.groups if project else owns(viewer.name, collection)
