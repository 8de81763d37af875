"""hven installed for many users, as the operator's one command does it; and sites on it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from accounts import Account, Accounts

from hven.core.settings import Settings
from hven.hub.machine.files import SUDOERS, sudoers_name
from hven.hub.machine.install import set_up

REPOSITORY = Path(__file__).parents[2]
_MARK = "hvt-run-"
_OLD_S = 7200.0
_USED = (
    "jupyterhub.app",
    "jupyterhub.singleuser",
    "jupyterhub_idle_culler",
    "jupyterlab.labapp",
    "ipykernel.kernelapp",
    "hven.hub.up",
    "hven.service.api",
    "hven.service.page_server",
    "hven.batch.attempt",
    "hven.pipeline.run",
)


@dataclass(frozen=True)
class Installation:
    """What `platform/install.sh` made."""

    prefix: Path

    @property
    def python(self) -> Path:
        """Interpreter that everybody can run."""
        return self.prefix / "venv" / "bin" / "python"

    @property
    def hven(self) -> Path:
        """The command line."""
        return self.prefix / "venv" / "bin" / "hven"

    @property
    def share(self) -> Path:
        """Configuration of the hub, proxy, notebooks, pages and catalogs."""
        return self.prefix / "share" / "hven"


@dataclass(frozen=True)
class Site:
    """A data root and a state folder on an installation, and the site file that names them."""

    installation: Installation
    file: Path
    settings: Settings

    @property
    def root(self) -> Path:
        return self.settings.root

    @property
    def state(self) -> Path:
        return self.settings.state

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which processes find this site."""
        return {"HVEN_SITE": str(self.file)}

    def run(self, account: Account, *words: object, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `hven` as somebody."""
        return account.run(self.installation.hven, *words, env={**self.environment, **self.home(account)}, **more)

    def home(self, account: Account) -> dict[str, str]:
        """Accounts of services keep their caches in the state folder."""
        home = self.state / "homes" / account.name
        return {"HOME": str(home)} if home.exists() else {}


def install(prefix: Path, accounts: Accounts, *, source: Path = REPOSITORY) -> Installation:
    """Run the operator's command."""
    script = source / "platform" / "install.sh"
    site = prefix.with_name("site.yaml")
    write_site(site, accounts, prefix)
    done = subprocess.run(
        ["sh", script, "--prefix", prefix, "--site", site, "--no-bytecode"],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith(("HVEN_", "PYTHON", "VIRTUAL_ENV"))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Installation(prefix)


def remove(prefix: Path) -> None:
    """Take away an installation, and what it put into the system."""
    (SUDOERS / sudoers_name(prefix)).unlink(missing_ok=True)
    shutil.rmtree(prefix.parent, ignore_errors=True)


def give_bytecode(installation: Installation) -> None:
    """Byte code of all that the platform's programs import, which only root can keep: each would compile it anew.

    What the checkout's environment has compiled fits: the packages' files are the same.
    """
    environment = installation.prefix / "venv"
    own = REPOSITORY / ".venv" / "lib"
    for folder in own.rglob("__pycache__"):
        target = environment / "lib" / folder.relative_to(own)
        if target.parent.is_dir() and not target.exists():
            shutil.copytree(folder, target, copy_function=os.link)
    code = f"import compileall, hven; compileall.compile_dir(hven.__path__[0], quiet=1); import {', '.join(_USED)}"
    subprocess.run([installation.python, "-P", "-c", code], cwd="/", env={"PATH": os.environ["PATH"]}, check=True)


def give_machine_code(installation: Installation) -> None:
    """Compiled functions that all accounts share: each account of each site would compile them anew.

    They begin with what the checkout's environment has compiled; numba tells by a source's content whether it fits.
    What an account adds, all may read: a default access control list stands in the place of its umask.
    """
    (packages,) = (installation.prefix / "venv" / "lib").glob("python*/site-packages")
    kept = installation.prefix / "numba"
    kept.mkdir()
    for file in (REPOSITORY / "src").rglob("__pycache__/*.nb[ic]"):
        source = packages / file.parents[1].relative_to(REPOSITORY / "src")
        target = kept / f"{source.name}_{hashlib.sha1(str(source).encode(), usedforsecurity=False).hexdigest()}"
        target.mkdir(exist_ok=True)
        shutil.copy(file, target)
    subprocess.run(["setfacl", "-R", "-m", "g::rwX,o::rwX,d:u::rwX,d:g::rwX,d:o::rwX", kept], check=True)
    (packages / "shared-numba.pth").write_text(f"import os; os.environ.setdefault('NUMBA_CACHE_DIR', {str(kept)!r})\n")


def write_site(file: Path, accounts: Accounts, prefix: Path, **settings: Any) -> None:
    """Site file with data and state beside it; `settings` as in a site file."""
    server = {**accounts.server(prefix), **settings.pop("server", {})}
    values = {"site": "test", "root": "data", "state": "state", **settings, "server": server}
    file.write_text(yaml.safe_dump(values))
    file.chmod(0o644)


def make_site(folder: Path, accounts: Accounts, installation: Installation, **settings: Any) -> Site:
    """A site of its own in a folder that everybody can pass, set up as the installer does it."""
    file = folder / "site.yaml"
    runtime = {"runtime": str(folder / "run"), **settings.pop("server", {})}
    write_site(file, accounts, installation.prefix, server=runtime, **settings)
    made = set_up(file, platform=installation.share / "platform", say=lambda _change: None)
    return Site(installation, file, made)


def new_folder(name: str) -> Path:
    """A temporary folder that everybody can pass and read: pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_MARK}{os.getpid()}-{name}-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


@contextmanager
def open_folder(name: str) -> Iterator[Path]:
    """The same, removed at the end."""
    folder = new_folder(name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove what killed test runs have left."""
    for folder in Path("/tmp").glob(f"{_MARK}*"):
        pid = folder.name.removeprefix(_MARK).partition("-")[0]
        old = time.time() - folder.stat().st_mtime > _OLD_S
        if old and not Path("/proc", pid).exists():
            remove(folder / "hven")
