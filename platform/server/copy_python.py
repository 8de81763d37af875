"""Print an interpreter that every user of this machine can run: this one, or a copy of it made in a folder.

    python copy_python.py FOLDER

A Python below somebody's closed home (pyenv of root) runs for nobody else. Its copy finds its shared library beside
itself: the path that was linked into it is replaced by one relative to the program.
"""

from __future__ import annotations

import shutil
import stat
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = shutil.ignore_patterns("test", "site-packages", "__pycache__", "config-*", "idlelib", "turtledemo")
NEEDED = ("bin", "include", "lib")


def program(base: Path) -> Path:
    """The interpreter's program in an installation of Python."""
    return base / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"


def first_closed(path: Path) -> Path | None:
    """The first part of a path that not everybody may pass or read, or None."""
    for part in (*reversed(path.parents), path):
        wanted = stat.S_IROTH | stat.S_IXOTH if part == path else stat.S_IXOTH
        if part.stat().st_mode & wanted != wanted:
            return part
    return None


def closed_part() -> Path | None:
    """What keeps other users from this interpreter or its library, or None."""
    places = (program(Path(sys.base_prefix)), Path(sysconfig.get_path("stdlib")))
    return next(filter(None, (first_closed(place.resolve()) for place in places)), None)


def copy(base: Path, target: Path) -> None:
    """Copy an installation of Python so that everybody can run it."""
    for name in NEEDED:
        if (base / name).is_dir():
            shutil.copytree(base / name, target / name, symlinks=True, ignore=LEFT_OUT, dirs_exist_ok=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    relocate(program(target), base / "lib")


def relocate(file: Path, library: Path) -> None:
    """Let a program look for its shared library beside itself instead of in a folder that was linked into it."""
    old, new = f"\0{library}\0".encode(), b"\0$ORIGIN/../lib\0"
    content = file.read_bytes()
    if old not in content:
        return
    if len(new) > len(old):
        raise SystemExit(f"{file}: {library} is too short to be replaced; install another Python, readable by all")
    file.write_bytes(content.replace(old, new.ljust(len(old), b"\0")))


def main(target: Path) -> None:
    """Say which interpreter to use, and why when it is a copy."""
    base = Path(sys.base_prefix).resolve()
    if (closed := closed_part()) is None:
        print(program(base))  # noqa: T201 - the answer
        return
    kept = target / "copied-from"
    origin = f"{base} {sys.version}"
    if not kept.exists() or kept.read_text() != origin:
        print(f"{closed} is closed to other users: copying Python to {target}", file=sys.stderr)  # noqa: T201
        shutil.rmtree(target, ignore_errors=True)
        copy(base, target)
        kept.write_text(origin)
    print(program(target))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
