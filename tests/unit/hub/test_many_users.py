"""Configuration of the hub for many users, and of the try-out, from their site files."""

from __future__ import annotations

import grp
import os
import stat
import tempfile
from pathlib import Path

import pytest
from traitlets.config import Config

from hven.cluster.cores import take_cores
from hven.core.errors import ConfigurationError
from hven.core.settings import Settings
from hven.hub.configure import configure
from hven.hub.layout import Layout
from hven.hub.machine.checks import _ports
from hven.hub.machine.files import has_systemd
from hven.hub.mode import mode_of
from hven.hub.ports import ROOTS_PORTS
from hven.hub.processes import MARK


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="hvt-", dir="/run") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def settings(accounts, folder):
    server = {**accounts.server(folder), "runtime": folder / "run"}
    return Settings(root=folder / "data", state=folder / "state", server=server)


@pytest.fixture
def configured(settings, folder, monkeypatch):
    monkeypatch.setenv("HVEN_SITE", str(folder / "site.yaml"))
    monkeypatch.delenv(MARK, raising=False)
    umask = os.umask(0o022)
    c = Config()
    try:
        configure(c, settings)
    finally:
        os.umask(umask)
        os.environ.pop(MARK, None)
    return c


def service(c, name):
    return next(s for s in c.JupyterHub.services if s["name"] == name)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_every_service_runs_as_its_account(configured):
    accounts = {"api": "hvt-api", "dashboards": "hvt-dash", "idle-culler": "hvt-cull"}
    for name, account in accounts.items():
        command = service(configured, name)["command"]
        assert command[command.index("setpriv") + 1] == f"--reuid={account}"
        assert "--no-new-privs" in command
        assert service(configured, name)["environment"]["HOME"].endswith(f"/homes/{account}")


def test_people_get_their_groups_from_unix(configured):
    assert configured.JupyterHub.authenticator_class.__name__ == "PamLogin"
    assert configured.Authenticator.manage_groups
    assert configured.LocalAuthenticator.allowed_groups == {"hvt-users"}
    assert {"name": "operator", "groups": ["hvt-operators"], "scopes": ["custom:hven:operate"]} in list(
        configured.JupyterHub.load_roles
    )


def test_nobody_administers_the_hub(configured):
    scopes = {scope for role in configured.JupyterHub.load_roles for scope in role["scopes"]}

    assert not [s for s in scopes if s.startswith("admin") or s in {"tokens", "users", "servers", "access:servers"}]
    assert "admin_users" not in configured.Authenticator


def test_roles_of_services_are_for_services_that_the_hub_has(configured):
    given = {name for role in configured.JupyterHub.load_roles for name in role.get("services", [])}

    assert given == {"batch", "dashboards", "idle-culler"}
    assert given <= {service["name"] for service in configured.JupyterHub.services}


def test_peoples_environment_holds_no_secret_and_no_state(configured, settings):
    environment = dict(configured.Spawner.environment)

    assert "HVEN_STATE" not in environment
    assert not [v for v in environment.values() if str(settings.state) in v and not v.startswith("server:")]


def test_kernels_use_sockets(configured):
    assert "--KernelManager.transport=ipc" in configured.Spawner.args
    assert "--allow-root" not in configured.Spawner.args


def test_the_hubs_folder_is_roots(configured, settings):
    found = Layout.of(settings).hub.stat()

    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o700)


def test_databases_are_the_services(configured, settings):
    for name in ("registry.sqlite", "platform.sqlite"):
        file = settings.state / name
        assert grp.getgrgid(file.stat().st_gid).gr_name == "hvt-services"
        assert mode(file) == 0o660


def test_what_everybody_sees_only_root_changes(configured, folder):
    for path in (folder / "run", folder / "run/users", folder / "run/cores"):
        assert path.stat().st_uid == 0
        assert mode(path) == 0o755
    assert len(take_cores(folder / "run/cores", 999, stays=False, patience_s=0)) == len(os.sched_getaffinity(0))


def test_operators_and_nobody_else_announce(configured, settings, accounts):
    file = mode_of(settings).announcement

    assert accounts.olga.can("sh", "-c", f"echo Maintenance > {file}")
    assert accounts.ada.run("cat", file).stdout == "Maintenance\n"
    assert configured.JupyterHub.template_vars["announcement"](None) == "Maintenance"
    assert not accounts.ada.can("sh", "-c", f"echo nonsense > {file}")
    assert not accounts.olga.can("rm", "-f", file)


def test_ports_are_kept_and_roots(configured, settings, monkeypatch, folder):
    monkeypatch.setenv("HVEN_SITE", str(folder / "site.yaml"))
    ports = mode_of(settings).ports()

    assert mode_of(settings).ports() == ports
    assert {ports.hub, ports.proxy_api, ports.api, ports.dashboards} <= set(ROOTS_PORTS)


@pytest.mark.parametrize(("port", "level"), [(8000, "warning"), (700, "ok")])
def test_doctor_warns_of_a_port_that_others_could_take(port, level, settings):
    open_from = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())

    found = _ports(settings.with_port(port))

    assert found.level == (level if open_from == 1024 else "warning")
    assert str(port if level == "warning" and open_from == 1024 else open_from) in found.says


def test_a_person_starts_no_platform_for_many(settings, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(ConfigurationError, match="started by root"):
        mode_of(settings).begin()


def test_data_come_from_copiers_only(settings, tmp_path):
    assert mode_of(settings).first_night(None) is None
    with pytest.raises(ConfigurationError, match="from its copiers only"):
        mode_of(settings).first_night(tmp_path)


def test_systemd_holds_servers_to_limits_where_it_runs(settings):
    server = settings.server.model_copy(update={"spawner": "systemd", "user_memory_gb": 8})
    limited = mode_of(settings.model_copy(update={"server": server}))
    c = Config()
    c.Spawner.args, c.Spawner.environment = [], {}
    if not has_systemd():
        with pytest.raises(ConfigurationError, match="systemd does not run"):
            limited.servers(c)
        return
    limited.servers(c)
    assert c.SystemdSpawner.mem_limit == "8.0G"
    assert c.SystemdSpawner.cpu_limit == 4


def test_the_tryout_stays_one_trust_domain(tmp_path):
    tryout = Settings(root=tmp_path / "data", state=tmp_path / "state", hub={"user": "tycho", "guests": ["kepler"]})
    mode_of(tryout).begin()
    mode_of(tryout).claim_ports()
    c = Config()
    configure(c, tryout)

    assert c.JupyterHub.authenticator_class == "shared-password"
    assert c.Authenticator.allowed_users == {"tycho", "kepler"}
    assert not [word for s in c.JupyterHub.services for word in s.get("command", ()) if word == "setpriv"]
    assert "--KernelManager.transport=ipc" not in c.Spawner.args
