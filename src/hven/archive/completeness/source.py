"""Where raw files are delivered from: a folder here, or one on another machine by rsync over ssh."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from hven.core.errors import ConfigurationError, NotFoundError, ServiceUnavailableError
from hven.model.instrument import Instrument, RawObservation
from hven.store.version import new_version

_REMOTE = re.compile(r"(?P<host>[A-Za-z0-9_][A-Za-z0-9._@-]*):(?P<path>/.+)")
_TIMEOUT_S = 60


class Source(Protocol):
    """Offers observations as an instrument left them."""

    name: str

    def observations(self, instrument: Instrument) -> Sequence[RawObservation]:
        """Everything of an instrument that lies there; `fetch` turns paths of its files into files that can be read."""
        ...

    def origin(self, file: Path) -> str:
        """Where a file lies there, as people name it."""
        ...

    def fetch(self, files: Sequence[Path]) -> Mapping[Path, Path]:
        """Bring files here; gives where each lies now, without those that are gone meanwhile."""
        ...


class FolderSource:
    """A folder of this machine, for instance `incoming/`; nothing in it is changed."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}", hint="Name a folder, or host:/folder.")
        self.name = str(folder)
        self._folder = folder.resolve()

    def observations(self, instrument: Instrument) -> Sequence[RawObservation]:
        """Observations that the instrument recognises."""
        return list(instrument.recognise(self._folder))

    def origin(self, file: Path) -> str:
        """Its path."""
        return str(file)

    def fetch(self, files: Sequence[Path]) -> Mapping[Path, Path]:
        """They are here already."""
        return {path: path for path in files if path.is_file()}


class RsyncSource:
    """A folder of another machine, by rsync over ssh.

    Its names are laid out here as empty files, by which the instrument recognises what lies there; only files that are
    needed are brought over.

    Parameters
    ----------
    host, path
        As `ssh` knows the machine; absolute path there.
    staging
        Folder here into which files are brought.
    ssh_config
        File for `ssh -F`; ssh's own if None.
    """

    def __init__(self, host: str, path: str, staging: Path, *, ssh_config: Path | None) -> None:
        self.name = f"{host}:{path}"
        self._from = f"{host}:{path.rstrip('/')}/"
        self._staging = staging
        config = ["-F", str(ssh_config)] if ssh_config else []
        self._shell = " ".join(["ssh", *config, "-o", "BatchMode=yes"])

    def observations(self, instrument: Instrument) -> Sequence[RawObservation]:
        """Observations that the instrument recognises by the names of their files."""
        names = self._names()
        for name in self._listed():
            if not (names / name).exists():
                (names / name).parent.mkdir(parents=True, exist_ok=True)
                (names / name).touch()
        return list(instrument.recognise(names))

    def origin(self, file: Path) -> str:
        """`host:/path`."""
        return f"{self._from}{file.relative_to(self._names()).as_posix()}"

    def fetch(self, files: Sequence[Path]) -> Mapping[Path, Path]:
        """Bring files over into the staging folder."""
        names = {path: path.relative_to(self._names()) for path in files}
        here = self._staging / "files"
        here.mkdir(parents=True, exist_ok=True)
        wanted = "\0".join(name.as_posix() for name in names.values())
        self._rsync(
            "-t",
            "--chmod=F600,D700",
            "--files-from=-",
            "--from0",
            "--ignore-missing-args",
            self._from,
            f"{here}/",
            said=wanted,
        )
        return {path: here / name for path, name in names.items() if (here / name).is_file()}

    def _names(self) -> Path:
        folder = self._staging / "names"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _listed(self) -> Iterator[PurePosixPath]:
        """Plain files below the folder."""
        with tempfile.TemporaryDirectory() as nowhere:
            answer = self._rsync("-rn", "-8", "--out-format=%n", self._from, f"{nowhere}/")
        for line in answer.splitlines():
            name = PurePosixPath(line)
            if not line.endswith("/") and not name.is_absolute() and ".." not in name.parts:
                yield name

    def _rsync(self, *words: str, said: str = "") -> str:
        program = shutil.which("rsync")
        if program is None:
            raise ConfigurationError("rsync is not installed", hint="apt-get install rsync")
        options = ["-e", self._shell, "--protect-args", f"--timeout={_TIMEOUT_S}"]
        done = subprocess.run(  # noqa: S603 - no shell; host and path have been looked at
            [program, *options, *words], input=said, capture_output=True, text=True, check=False
        )
        if done.returncode:
            told = done.stderr.strip().splitlines() or [f"rsync ended with {done.returncode}"]
            raise ServiceUnavailableError(
                f"{self.name} does not give its files: {told[0]}",
                hint="`ssh` and `rsync` must work without a password.",
            )
        return done.stdout


@contextmanager
def open_sources(names: Sequence[str], staging: Path, *, ssh_config: Path | None = None) -> Iterator[list[Source]]:
    """Open sources by name: folders, and `host:/folder`.

    Parameters
    ----------
    names
        In the order in which they are asked.
    staging
        Folder below which what comes from other machines lies meanwhile; removed afterwards.
    ssh_config
        As of `RsyncSource`.

    Raises
    ------
    ConfigurationError
        For a name that is neither.
    NotFoundError
        When a folder does not exist.
    """
    own = staging / f".catchup-{new_version()}"
    try:
        yield [_open(name, own / str(number), ssh_config) for number, name in enumerate(names)]
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _open(name: str, staging: Path, ssh_config: Path | None) -> Source:
    remote = _REMOTE.fullmatch(name)
    if remote:
        return RsyncSource(remote["host"], remote["path"], staging, ssh_config=ssh_config)
    if name.startswith("-") or (":" in name.partition("/")[0]):
        raise ConfigurationError(f"{name!r} is no source", hint="Name a folder, or host:/folder.")
    return FolderSource(Path(name))
