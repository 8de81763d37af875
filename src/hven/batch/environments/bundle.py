"""Make a bundle of wheels, and check one."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from hven.core.errors import ChecksumError, ConfigurationError, ConflictError
from hven.model.environment import RECORD, Bundle, check_name

WHEELS, DEFINITION = "wheels", "apptainer.def"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_APPTAINER = """Bootstrap: docker
From: python:{python}-slim

%files
    wheels /opt/wheels

%post
    python -m venv /opt/hven
    /opt/hven/bin/pip install --no-index --no-deps /opt/wheels/*.whl
    rm -r /opt/wheels

%labels
    hven.version {version}
    hven.environment {digest}

%runscript
    exec /opt/hven/bin/hven "$@"
"""


def build(version: str, wheels: Path, target: Path, *, lock: Path | None = None) -> Bundle:
    """Put wheels, their digests and a definition for Apptainer into a new folder.

    Parameters
    ----------
    version
        Name of the environment.
    wheels
        Folder with the wheels of all packages.
    target
        Folder to be made; it appears when it is complete.
    lock
        Requirements with hashes: every wheel but hven's own must be in it.

    Raises
    ------
    ConfigurationError
        When there are no wheels.
    ChecksumError
        When a wheel is not in the lock.
    ConflictError
        When the folder is there already.
    """
    check_name(version)
    if target.exists():
        raise ConflictError(f"{target} is there already", hint="A bundle is never changed; choose another version.")
    found = {file.name: sha256(file) for file in sorted(wheels.glob("*.whl"))}
    if not found:
        raise ConfigurationError(f"{wheels} holds no wheels", hint="`pip download` and `pip wheel` make them.")
    if lock is not None:
        _check_lock(found, lock)
    made = Bundle(version=version, python=PYTHON, wheels=found)
    with TemporaryDirectory(dir=target.absolute().parent, prefix=".part-") as folder:
        part = Path(folder, "bundle")
        (part / WHEELS).mkdir(parents=True)
        for name in found:
            shutil.copyfile(wheels / name, part / WHEELS / name)
        (part / DEFINITION).write_text(_APPTAINER.format(python=PYTHON, version=version, digest=made.digest))
        (part / RECORD).write_text(made.model_dump_json(indent=1))
        read(part)
        part.rename(target)
    return made


def _check_lock(wheels: dict[str, str], lock: Path) -> None:
    known = set(_HASH.findall(lock.read_text()))
    strange = [name for name, digest in wheels.items() if digest not in known and not name.startswith("hven-")]
    if strange:
        raise ChecksumError(
            f"{', '.join(strange)}: not in {lock}", hint="Download what the lock names, with its hashes."
        )


def read(folder: Path) -> Bundle:
    """Record of a bundle whose wheels are as it says.

    Raises
    ------
    ConfigurationError
        Where there is no bundle, or one for another Python.
    ChecksumError
        When wheels are missing, changed or too many.
    """
    try:
        bundle = Bundle.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError(f"{folder} is no bundle: {error}") from None
    check_name(bundle.version)
    found = {file.name: sha256(file) for file in (folder / WHEELS).iterdir()}
    wrong = sorted(dict(found.items() ^ bundle.wheels.items()))
    if wrong:
        raise ChecksumError(f"{folder}: {', '.join(wrong)} not as recorded", hint="Fetch the bundle again.")
    if bundle.python != PYTHON:
        raise ConfigurationError(f"{folder} is for Python {bundle.python}, this is {PYTHON}")
    return bundle


def sha256(file: Path) -> str:
    """Digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
