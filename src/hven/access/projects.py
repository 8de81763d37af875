"""Projects: what a Unix group makes together, below `projects/<group>/` and in collections `p/<group>/...`."""

from __future__ import annotations

from hven.access.viewers import groups_of
from hven.core.errors import AccessDeniedError, ConfigurationError, UnknownNameError
from hven.core.settings import Settings
from hven.model.collection import project_owner
from hven.store.paths import user_root


def projects(settings: Settings) -> list[str]:
    """Groups that have a project."""
    folder = settings.root / "projects"
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def owner_in(settings: Settings, user: str, project: str, *, shared: bool = False) -> str:
    """Whose what somebody makes will be: a project's, the observatory's (empty) where it is shared, else their own.

    Raises
    ------
    ConfigurationError
        When both are asked for, or the site has no projects.
    UnknownNameError
        When there is no such project; it lists those there are.
    AccessDeniedError
        When they are no member of its group.
    """
    if not project:
        return "" if shared else user
    if shared:
        raise ConfigurationError("a product belongs to a project or is shared with everybody, not both")
    if settings.server is None:
        raise ConfigurationError("a try-out has no projects", hint="They are for a machine of many users.")
    if project not in groups_of(user):
        raise AccessDeniedError(f"{user} is no member of the project {project}", hint="Its Unix group says who is.")
    if not (settings.root / user_root(project_owner(project))).is_dir():
        raise UnknownNameError("project", project, projects(settings))
    return project_owner(project)
