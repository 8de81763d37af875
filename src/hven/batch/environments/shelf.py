"""Environments installed side by side: one folder each, and tags that lead to them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
import venv
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from hven.batch.environments.bundle import WHEELS, read, sha256
from hven.core.errors import ChecksumError, ConfigurationError, ConflictError, InfrastructureError, UnknownNameError
from hven.core.settings import Settings
from hven.model.environment import RECORD, Bundle, Installed, check_name

_INSTALL_S = 3600
_SHOWN = 5
_KERNELS = Path("share", "hven")
_SPEC = _KERNELS / "kernels" / "python3" / "kernel.json"


def shelf_of(settings: Settings) -> Shelf:
    """Environments of a site: below the prefix of an installation for many users, else in the state folder."""
    above = settings.server.prefix if settings.server is not None else settings.state
    return Shelf(above / "environments")


class Shelf:
    """A folder of environments.

    Parameters
    ----------
    folder
        In an installation for many users root's, readable by all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, bundle: Path) -> Installed:
        """Install a bundle under its version, without network; it counts once its record is written.

        Raises
        ------
        ConflictError
            When this version is installed already.
        ChecksumError, ConfigurationError
            When the bundle is not as recorded, or not for this Python.
        InfrastructureError
            When a package cannot be installed.
        """
        made = read(bundle)
        target = self.folder / made.version
        if (target / RECORD).exists():
            raise ConflictError(f"environment {made.version} is installed already", hint="It is never changed.")
        if target.exists():
            shutil.rmtree(target)  # what was interrupted has no record
        self.folder.mkdir(parents=True, exist_ok=True)
        venv.EnvBuilder(with_pip=True, symlinks=True).create(target)
        _install(target, [bundle / WHEELS / name for name in made.wheels])
        if any(name.startswith("ipykernel-") for name in made.wheels):
            _write_kernel(target)
        files, links = _contents(target)
        record = Installed(bundle=made, files=files, links=links)
        _close(target)
        part = target / f".{RECORD}"
        part.write_text(record.model_dump_json())
        part.chmod(0o444)
        part.rename(target / RECORD)
        return record

    def versions(self) -> dict[str, Bundle]:
        """Bundles of what is installed, by version."""
        found = sorted(self.folder.glob(f"*/{RECORD}"))
        return {
            file.parent.name: self._record(file.parent.name).bundle for file in found if not file.parent.is_symlink()
        }

    def tags(self) -> dict[str, str]:
        """Versions by tag."""
        links = sorted(path for path in self.folder.glob("*") if path.is_symlink())
        return {link.name: link.readlink().name for link in links}

    def tag(self, tag: str, version: str) -> None:
        """Let a tag, e.g. ``recommended``, lead to a version; raises UnknownNameError for one that is not installed."""
        check_name(tag)
        if tag in self.versions():
            raise ConflictError(f"{tag} is a version", hint="Tags are words like weekly and recommended.")
        part = self.folder / f".{uuid.uuid4().hex}"
        part.symlink_to(self.resolve(version))
        part.replace(self.folder / tag)

    def resolve(self, name: str) -> str:
        """Version that a version or tag means; raises UnknownNameError."""
        known = self.versions()
        version = self.tags().get(check_name(name), name)
        if version not in known:
            raise UnknownNameError("environment", name, [*known, *self.tags()])
        return version

    def verify(self, name: str) -> Installed:
        """Compare every file of an environment with its record.

        Raises
        ------
        ChecksumError
            When a file is missing, changed or too many; it names some.
        UnknownNameError
            When it is not installed.
        """
        version = self.resolve(name)
        record = self._record(version)
        files, links = _contents(self.folder / version)
        wrong = sorted({*dict(files.items() ^ record.files.items()), *dict(links.items() ^ record.links.items())})
        if wrong:
            shown = ", ".join(wrong[:_SHOWN]) + (f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else "")
            raise ChecksumError(
                f"environment {version}: {shown} not as installed",
                hint="Remove its folder and install the bundle again.",
            )
        return record

    def for_kernels(self) -> dict[str, str]:
        """Versions in which notebooks can run, by version and by tag."""
        files = sorted(self.folder.glob(f"*/{_SPEC}"))
        versions = [v for file in files if not (v := file.parents[len(_SPEC.parts) - 1]).is_symlink()]
        there = {version.name: version.name for version in versions if (version / RECORD).exists()}
        return {tag: version for tag, version in self.tags().items() if version in there} | there

    def kernels(self, name: str) -> tuple[str, Path]:
        """Version that a version or tag means, and the folder for `$JUPYTER_PATH` by which notebooks run in it.

        Raises
        ------
        UnknownNameError
            When it is not installed, or has no kernel.
        """
        known = self.for_kernels()
        if name not in known:
            raise UnknownNameError("environment with a kernel", name, known)
        return known[name], self.folder / known[name] / _KERNELS

    def python(self, version: str) -> Path:
        """Python of an environment."""
        return self.folder / version / "bin" / "python"

    def _record(self, version: str) -> Installed:
        file = self.folder / version / RECORD
        try:
            return Installed.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigurationError(f"{file} cannot be used: {error}") from None


def _install(target: Path, wheels: list[Path]) -> None:
    command = [str(target / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    quiet = ["--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore"]
    done = subprocess.run(  # noqa: S603 - the environment's own pip
        [*command, *quiet, *wheels], capture_output=True, text=True, timeout=_INSTALL_S, check=False
    )
    if done.returncode:
        shutil.rmtree(target)
        raise InfrastructureError(f"{target.name} cannot be installed: {done.stderr.strip()}")


def _write_kernel(target: Path) -> None:
    """A kernel that takes the place of the server's own, which has the same name."""
    command = [str(target / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": f"Python, {target.name}", "language": "python"}
    (target / _SPEC).parent.mkdir(parents=True)
    (target / _SPEC).write_text(json.dumps(spec))


def _contents(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of all files, and where links lead, but for the record itself."""
    files, links = {}, {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif path.is_file() and name != RECORD:
            files[name] = sha256(path)
    return files, links


def _close(folder: Path) -> None:
    """Let everybody read and nobody write files: interpreters leave no byte code behind."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            executable = 0o111 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0
            with suppress(FileNotFoundError):
                path.chmod(0o444 | executable)
