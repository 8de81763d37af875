"""When somebody's home disk or own space is full: their server starts all the same, and shows what can go."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hven.core.settings import Settings
from hven.retention.quota import GB, quota_bytes
from hven.store.paths import user_root
from hven.store.user_space import tree_bytes

PAGE = "/hven/space"
"""Below the address of a person's server: see `hven.hub.space_page`."""

_PROBE = b"x" * (1 << 18)
_ELSEWHERE = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    "IPYTHONDIR": "ipython",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "xdg-config",
    "XDG_DATA_HOME": "xdg-data",
    "XDG_STATE_HOME": "xdg-state",
    "MPLCONFIGDIR": "matplotlib",
}


def what_is_full(settings: Settings, user: str, home: Path) -> list[str]:
    """Say what is full, in words; nothing where there is room."""
    problems = []
    if not has_room(home):
        problems.append(f"The disk of your home folder {home} is full.")
    quota = quota_bytes(settings)
    used = tree_bytes(settings.root / user_root(user))
    if quota is not None and used >= quota:
        problems.append(f"Your own products take {used / GB:.3g} GB of {quota / GB:.3g} GB.")
    return problems


def has_room(home: Path) -> bool:
    """Whether a small file can be written: the one answer that knows of every limit."""
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def elsewhere(runtime: str) -> dict[str, str]:
    """Variables by which Jupyter writes nothing into the home: into private folders beside its sockets instead."""
    folder = Path(runtime, "full") if runtime else Path(tempfile.mkdtemp(prefix="hven-full-"))
    found = {variable: folder / name for variable, name in _ELSEWHERE.items()}
    for path in found.values():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"JUPYTER_RUNTIME_DIR": runtime or str(folder), **{name: str(path) for name, path in found.items()}}


def largest_files(home: Path, count: int) -> list[tuple[Path, int]]:
    """The largest files of a home, with their bytes; links are not followed."""
    sizes = []
    for base, _, names in os.walk(home):
        for name in names:
            file = Path(base, name)
            try:
                sizes.append((file, file.lstat().st_blocks * 512))
            except OSError:
                continue
    return sorted(sizes, key=lambda one: -one[1])[:count]
