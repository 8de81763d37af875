"""Fixtures for the whole suite."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from filelock import FileLock
from hypothesis import HealthCheck, settings

from hven.cluster.threads import only_one_for_algebra

only_one_for_algebra()  # for all that tests start as well
REPOSITORY = Path(__file__).parents[1]
settings.register_profile("hven", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hven")

_NUMBERS = itertools.count()
_MEMORY = pytest.StashKey[Path | None]()
_NIGHT = pytest.StashKey[subprocess.Popen[bytes]]()


def require(condition: object, reason: str, command: str) -> None:
    """Skip with the reason and the command that installs what is missing; fail where everything is required."""
    if condition:
        return
    message = f"{reason}; install it with: {command}"
    if os.environ.get("HVEN_TEST_REQUIRE") == "all":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(autouse=True)
def _logging_of_its_own() -> Iterator[None]:
    """Undo what a command that a test ran in this process has set: the next test may look for lines below its level."""
    yield
    if structlog := sys.modules.get("structlog"):
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with genuine data, outside the repository."""
    folder = Path(os.environ.get("HVEN_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no genuine data here; HVEN_TEST_DATA names the folder")
    return folder


@pytest.fixture(scope="session")
def forked():
    """Context of `multiprocessing` whose processes have loaded what work needs: see `hven.cluster.forked`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hven.cluster.forked"])
    return context


@pytest.fixture(scope="session")
def chromium() -> str:
    """Program of the browser."""
    program = shutil.which("chromium")
    require(program, "Chromium is not installed", "apt-get install chromium")
    return str(program)


@pytest.fixture(scope="session")
def postgresql():
    """URL of a private PostgreSQL server, with ``{name}`` where the database's name belongs."""
    import private_postgres

    require(private_postgres.programs(), "PostgreSQL is not installed", private_postgres.COMMAND)
    with private_postgres.socket_folder() as folder, private_postgres.server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def new_database(request):
    """Context manager that makes an empty database, sqlite (in a folder) or postgresql, and gives its URL."""

    @contextmanager
    def make(kind, folder):
        name = f"test_{os.getpid()}_{next(_NUMBERS)}"
        if kind == "sqlite":
            yield f"sqlite:///{folder / name}.sqlite"
            return
        server = request.getfixturevalue("postgresql")
        admin = sa.create_engine(
            server.format(name="postgres").replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT"
        )
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
            yield server.format(name=name)
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, new_database, tmp_path):
    """URL of an empty database, once of each kind."""
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_settings(request, new_database, tmp_path):
    """Settings of where registry and jobs are, once for each kind of database: files of the site, or one database."""
    if request.param == "sqlite":
        yield {}
        return
    with new_database(request.param, tmp_path) as url:
        yield {"registry_url": url, "platform_url": url}


@pytest.fixture(scope="session")
def need():
    """Function that gives a program of the system's, by its name and Debian package."""

    def find(name: str, package: str) -> str:
        found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        require(found, f"{name} is not installed", f"apt-get install {package}")
        return str(found)

    return find


@pytest.fixture(scope="session")
def acl_programs() -> None:
    """The system's own programs for access control lists."""
    require(shutil.which("getfacl") and shutil.which("setfacl"), "getfacl is not installed", "apt-get install acl")


@pytest.fixture(scope="session")
def ssh_config(tmp_path_factory):
    """Configuration for `ssh -F` of hosts that a private sshd on loopback answers for: see `loopback_sshd.py`."""
    import loopback_sshd

    require(loopback_sshd.PROGRAM.exists(), "OpenSSH's server is not installed", loopback_sshd.COMMAND)
    with loopback_sshd.sshd(tmp_path_factory.mktemp("sshd")) as config:
        yield config


@pytest.fixture(scope="session")
def slurm():
    """A private Slurm with four virtual nodes: see `private_slurm.Slurm`."""
    import private_slurm

    require(not private_slurm.missing(), private_slurm.missing(), private_slurm.COMMAND)
    require(os.geteuid() == 0, "Slurm for several users needs root", "sudo make test")
    with private_slurm.cluster() as made:
        yield made


@pytest.fixture(scope="session")
def accounts():
    """Real Unix users: see `accounts.Accounts`."""
    import accounts as users

    require(os.geteuid() == 0, "making Unix users needs root", "sudo make test")
    with users.accounts() as made:
        yield made


def _of_run(config: pytest.Config) -> Path:
    """Folder that all test processes of a run share."""
    own = config._tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def folder_of_run(request) -> Path:
    """Folder that all test processes of a run share."""
    return _of_run(request.config)


@pytest.fixture(scope="session")
def installation(folder_of_run, accounts):
    """hven installed for many users by the operator's command, once for all test processes: see `installation.py`."""
    import installation as installing
    import simulated_night

    noted = folder_of_run / "installation"
    with FileLock(f"{noted}.lock"):
        if not noted.exists():
            installing.sweep()
            prefix = installing.new_folder("installation") / "hven"
            made = installing.install(prefix, accounts)
            installing.give_bytecode(made)
            simulated_night.wait_for_one_that_began(folder_of_run / simulated_night.NAME)  # it compiles what is given
            installing.give_machine_code(made)
            noted.write_text(str(prefix))
    return installing.Installation(Path(noted.read_text()))


@pytest.fixture
def server_site(accounts, installation):
    """An empty site of its own on the installation: see `installation.Site`."""
    import installation as installing

    with installing.open_folder("site") as folder:
        yield installing.make_site(folder, accounts, installation)


def _is_whole(config: pytest.Config) -> bool:
    """Whether this process hands a run of all tests out to others."""
    return config.getoption("dist", "no") != "no" and config.args_source is config.ArgsSource.TESTPATHS


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let a whole run write into memory where there is enough: see `in_memory`."""
    if _is_whole(config):
        import in_memory

        config.stash[_MEMORY] = folder = in_memory.begin()
        if folder is not None:
            config.option.basetemp = folder / "run"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say where temporary files lie."""
    if _MEMORY not in config.stash:
        return None
    return f"temporary files: {config.stash[_MEMORY] or 'on the disk, for there is too little free memory'}"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the night of a whole run be made from the beginning: each of its processes would else compile the same."""
    config = session.config
    if _is_whole(config):
        import simulated_night

        config.stash[_NIGHT] = simulated_night.begin(_of_run(config) / simulated_night.NAME)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Load all tests without looking for garbage, of which there is none, and compile them once for all processes."""
    gc.disable()
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    compiled = _of_run(session.config) / "compiled"
    with ExitStack() as alone:
        alone.enter_context(FileLock(f"{compiled}.lock"))
        if compiled.exists():
            alone.close()
        found = yield
        compiled.touch()
        return found


def pytest_collection_finish() -> None:
    """Leave alone what was loaded, and look seldom: a tenth of the tests' time went into looking."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    gc.enable()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what a run has begun, and remove its installation after its last test process."""
    if (made := session.config.stash.get(_NIGHT, None)) is not None:
        import simulated_night

        simulated_night.end(made)
    noted = _of_run(session.config) / "installation"
    if "PYTEST_XDIST_WORKER" not in os.environ and noted.exists():
        import installation as installing

        installing.remove(Path(noted.read_text()))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Free the memory."""
    if (folder := config.stash.get(_MEMORY, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)
