"""Two people, an operator and an outsider at a platform that root runs: who gets in, as whom, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
import whole_night
from listening import LOOPBACK, listeners
from people import running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from hven.hub.machine.folders import differences, user_folder
from hven.hub.processes import marked
from hven.hub.run_record import read_run
from hven.hub.supervised import is_healthy

pytestmark = pytest.mark.journey
CONNECTIONS = """
import os, pathlib
for file in pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob("kernel-*.json"):
    print(file.read_text())
"""
WHOAMI = """
import httpx, os
headers = {"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}
print(httpx.get(os.environ["HVEN_API_URL"] + "/whoami", headers=headers).text)
"""
COUNT_FEW = """
import hven
from hven.core.errors import UnknownNameError
try:
    print(len(hven.connect().find("panoseti.few", level="L2", collection="u/hvt-ada/few")))
except UnknownNameError:
    print(0)
"""
ADAS_WORK = """
import json, hven
obs = hven.connect()
row = obs.find("panoseti.img16", level="L1").iloc[0]
ds = obs.open("panoseti.img16", level="L1", observation=row.observation, detector=int(row.detector))
own = obs.save(ds[["signal"]].isel(time=slice(0, 5)), "few", inputs=[ds])
obs.open("panoseti.few", level="L2", collection=own.run).load()
job = obs.submit("panoseti/calibrate", detector=int(row.detector), config={"img16.pedestals": {"clip": 4.5}})
print(json.dumps({"user": obs.user, "rows": ds.sizes["time"], "id": own.id, "path": str(own.path), "run": own.run,
                  "job": job.id}))
"""
DASK = """
import json, os, hven
from hven.cluster.make import client
from hven.core.settings import load_settings
if "dask" not in globals():
    dask = client(load_settings(), service_prefix=os.environ["JUPYTERHUB_SERVICE_PREFIX"])
info = dask.scheduler_info()
workers = {w["nanny"]: a for a, w in info["workers"].items()}
print(json.dumps([info["address"], info["services"]["dashboard"], workers, dask.dashboard_link]))
"""


@pytest.fixture(scope="module")
def platform(accounts, installation):
    with running(accounts, installation, **whole_night.SITE) as platform:
        yield platform


@pytest.fixture(scope="module")
def ada(platform):
    person = platform.person(platform.accounts.ada)
    person.start_server()
    return person


@pytest.fixture(scope="module")
def bert(platform):
    person = platform.person(platform.accounts.bert)
    person.start_server()
    return person


@pytest.fixture(scope="module")
def olga(platform):
    return platform.person(platform.accounts.olga)


@pytest.fixture(scope="module")
def dask(ada):
    """Scheduler, port of its pages, nannies with their workers, and the pages' address, of a cluster of Ada's."""
    return json.loads(ada.compute(DASK))


# Who gets in


@pytest.mark.parametrize("name", ["otto", "cora"])
def test_account_outside_the_users_group_is_refused(platform, name):
    assert platform.log_in(getattr(platform.accounts, name)).answer.status_code == 403


def test_wrong_password_is_refused(platform, accounts):
    assert platform.log_in(accounts.ada, "not-the-password").answer.status_code == 403


@pytest.mark.parametrize("name", ["root", "HVT-ADA", "hvt-api", "hvt-nobody"])
def test_names_of_no_person_are_refused(platform, name):
    with httpx.Client(base_url=platform.address, follow_redirects=True) as browser:
        browser.get("/hub/login")
        form = {"username": name, "password": platform.accounts.password}
        answer = browser.post("/hub/login", data={**form, "_xsrf": browser.cookies.get("_xsrf", path="/hub/")})

        assert answer.status_code == 403
        assert browser.get("/hub/api/user").status_code == 403


def test_groups_of_the_unix_account_decide_who_operates(ada, olga):
    def scopes(person):
        return set(person.browser.get("/hub/api/user").json()["scopes"])

    assert {"custom:hven:read", "custom:hven:submit"} <= scopes(ada)
    assert "custom:hven:operate" not in scopes(ada)
    assert "custom:hven:operate" in scopes(olga)
    assert not [s for s in scopes(olga) if s.startswith(("admin", "list:")) or s == "read:users"]


# As whom


def test_kernel_is_the_person(ada, bert):
    code = "import os; print(os.getuid(), os.getgid(), sorted(os.getgroups()), os.getcwd(), oct(os.umask(0o077)))"
    for person in (ada, bert):
        account = person.account
        assert person.compute(code).split(maxsplit=2)[:2] == [str(account.uid), str(account.gid)]
        assert person.compute(code).endswith(f"{sorted(account.groups)} {account.home} 0o77\n")


def test_environment_names_the_observatory_and_nothing_secret(ada, platform):
    found = json.loads(ada.compute("import os, json; print(json.dumps(dict(os.environ)))"))

    assert found["HVEN_ROOT"] == str(platform.site.root)
    assert found["HVEN_SITE"] == str(platform.site.file)
    assert found["HVEN_API_URL"] == f"{platform.address}/services/api"
    assert "HVEN_STATE" not in found
    assert not [name for name, value in found.items() if "sqlite" in value or "CONFIGPROXY" in name]


def test_notebooks_belong_to_the_person(ada, repository):
    given = {p.name for p in (repository / "notebooks").glob("*.ipynb")}
    folder = ada.account.home / "notebooks"

    assert {p.name for p in folder.iterdir()} == given
    assert {p.stat().st_uid for p in (folder, *folder.iterdir())} == {ada.account.uid}


def test_services_are_their_accounts(platform, accounts):
    pids = {row["name"]: row["pid"] for row in json.loads(platform.hven("status", "--json").stdout)["services"]}
    wanted = {"ingest": accounts.archive, "batch": accounts.batch, "api": accounts.api, "dashboards": accounts.dash}

    for name, account in wanted.items():
        assert Path(f"/proc/{pids[name]}").stat().st_uid == account.uid


def test_services_of_the_hub_may_become_nothing_more(platform):
    pids = {row["name"]: row["pid"] for row in json.loads(platform.hven("status", "--json").stdout)["services"]}
    for name in ("api", "dashboards"):
        lines = Path(f"/proc/{pids[name]}/status").read_text().splitlines()
        facts = dict(line.split(":\t") for line in lines if ":\t" in line)
        assert facts["NoNewPrivs"] == "1"
        assert int(facts["CapEff"], 16) == 1 << 10  # to listen below 1024


def test_kernel_listens_to_no_messages_on_a_port(ada, platform):
    ada.compute("print('the kernel runs')")
    mark = read_run(platform.layout).mark
    commands = [" ".join(p.cmdline()) for p in marked(mark) if p.uids().real == ada.account.uid]
    found = {ip for ip, _port, _command in listeners(mark)}

    assert any("ipykernel_launcher" in command for command in commands)
    assert "127.0.0.1" in found
    assert found <= LOOPBACK
    files = ada.compute(CONNECTIONS)
    assert '"transport": "ipc"' in files
    assert '"transport": "tcp"' not in files


# What another user's program is refused


@pytest.mark.parametrize(
    "place", ["home", "notebooks", "runtime", "kernel socket", "connection file", "cookie secret", "environment"]
)
def test_another_user_cannot_read(place, ada, bert):
    runtime = ada.compute("import os; print(os.environ['JUPYTER_RUNTIME_DIR'])").strip()
    pid = ada.compute("import os; print(os.getpid())").strip()
    command = {
        "home": f"ls {ada.account.home}",
        "notebooks": f"ls {ada.account.home}/notebooks",
        "runtime": f"ls {runtime}",
        "kernel socket": f"stat {runtime}/kernel-*-ipc-1",
        "connection file": f"cat {runtime}/kernel-*.json",
        "cookie secret": f"cat {runtime}/jupyter_cookie_secret",
        "environment": f"cat /proc/{pid}/environ",
    }[place]
    code = f"import subprocess; print(subprocess.run({command!r}, shell=True, capture_output=True).returncode)"

    assert ada.compute(code) == "0\n"
    assert bert.compute(code) != "0\n"


@pytest.mark.parametrize(
    "place",
    ["hub", "hub/jupyterhub.sqlite", "run/ports.json", "registry.sqlite", "platform.sqlite", "logs", "logs/hub.log"],
)
def test_the_state_folder_is_closed(place, platform, bert):
    path = platform.site.state / place
    assert path.exists()

    assert not bert.account.can("ls", path)
    assert not bert.account.can("head", "-c1", path)


def test_the_hubs_own_files_are_closed_to_services(platform, accounts):
    for service in (accounts.api, accounts.dash, accounts.cull, accounts.batch, accounts.archive):
        assert not service.can("ls", platform.layout.hub)


@pytest.mark.parametrize("part", ["scheduler", "nanny", "worker"])
def test_another_user_is_refused_by_dask(part, dask, bert):
    scheduler, _pages, workers, _link = dask
    ((nanny, worker),) = workers.items()
    address = {"scheduler": scheduler, "nanny": nanny, "worker": worker}[part]
    code = f"""
import asyncio
from distributed.core import connect
from distributed.security import Security
async def attempt():
    security = Security.temporary()
    comm = await connect({address!r}, timeout=5, connection_args=security.get_connection_args("client"))
    await comm.write({{"op": "identity", "reply": True}})
    return await comm.read()
try:
    print("got", await attempt())
except Exception as error:
    print("refused")
"""
    assert bert.compute(code) == "refused\n"


def test_dask_speaks_tls_only(dask):
    scheduler, _pages, workers, _link = dask

    assert all(address.startswith("tls://127.0.0.1:") for address in (scheduler, *workers, *workers.values()))


def test_another_user_is_refused_at_the_pages_of_dask(dask, bert):
    code = f"""
import urllib.request
try:
    print(urllib.request.urlopen("http://127.0.0.1:{dask[1]}/status", timeout=10).status)
except OSError:
    print("refused")
"""
    assert bert.compute(code) == "refused\n"


@pytest.mark.parametrize("page", ["status", "json/counts.json", "individual-task-stream"])
def test_another_users_proxy_is_no_way_to_the_pages_of_dask(page, dask, bert):
    assert bert.call("GET", f"/user/{bert.name}/proxy/{dask[1]}/{page}").status_code >= 500


def test_ones_own_pages_of_dask_are_there(dask, ada):
    assert dask[3] == f"/user/{ada.name}/proxy/{dask[1]}/status"
    assert ada.call("GET", dask[3]).status_code == 200


# What the proxy refuses


def test_pages_are_for_those_who_are_logged_in(platform, bert):
    pages = f"{platform.address}/services/dashboards/tonight"
    anonymous = httpx.get(pages, follow_redirects=True)

    assert bert.browser.get(pages).status_code == 200
    assert "/hub/login" in str(anonymous.url)


@pytest.mark.parametrize("path", ["lab", "api/kernels", "api/contents", "api/terminals", "proxy/{pages}/status"])
@pytest.mark.parametrize("by", ["token", "cookie"])
def test_another_user_is_refused_at_somebodys_server(path, by, dask, ada, bert):
    path = f"/user/{ada.name}/" + path.format(pages=dask[1])
    answer = bert.call("GET", path) if by == "token" else bert.browser.get(path)

    assert answer.status_code in {403, 404}
    assert ada.call("GET", path).status_code == 200


def test_operator_is_no_administrator(olga, ada):
    assert olga.call("GET", f"/user/{ada.name}/api/contents").status_code in {403, 404}
    assert olga.call("GET", "/hub/api/users").status_code == 403
    assert olga.call("DELETE", f"/hub/api/users/{ada.name}/server").status_code in {403, 404}


def test_another_user_is_refused_at_somebodys_kernel(ada, bert):
    with pytest.raises(InvalidStatus, match="403"):
        connect_websocket(ada.channels, additional_headers={"Authorization": f"token {bert.token}"})


def test_another_user_is_refused_at_the_port_of_somebodys_server(ada, bert):
    port = json.loads(ada.compute("import os, json; print(json.dumps(os.environ['JUPYTERHUB_SERVICE_URL']))"))
    code = f"""
import httpx, os
for headers in ({{}}, {{"Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"]}}):
    print(httpx.get({port!r} + "api/kernels", headers=headers).status_code)
"""
    assert set(bert.compute(code).split()) <= {"403", "404"}


def test_somebody_elses_server_is_not_to_be_stopped(ada, bert):
    assert bert.call("DELETE", f"/hub/api/users/{ada.name}/server").status_code in {403, 404}
    assert ada.compute("print('still here')") == "still here\n"


# Tokens


def test_token_for_somebody_else_is_refused(ada, bert):
    assert bert.new_token(of=ada.name).status_code in {403, 404}


@pytest.mark.parametrize("scope", ["custom:hven:operate", "admin:users", "access:servers"])
def test_token_with_more_than_one_has_is_refused(scope, bert):
    assert bert.new_token([scope]).status_code in {400, 403}


def test_token_can_be_narrowed_and_revoked(bert):
    made = bert.new_token(["custom:hven:read", "access:services!service=api"]).json()
    mine = f"/hub/api/users/{bert.name}/tokens/{made['id']}"

    assert set(made["scopes"]) & {"custom:hven:read", "custom:hven:submit"} == {"custom:hven:read"}
    assert bert.call("GET", "/hub/api/user", made["token"]).status_code == 200
    assert bert.call("DELETE", mine).status_code == 204
    assert bert.call("GET", "/hub/api/user", made["token"]).status_code == 403


def test_page_of_tokens_is_linked_and_names_the_scopes(bert):
    assert "/hub/token" in bert.browser.get("/hub/home").text
    assert "Request new API token" in bert.browser.get("/hub/token").text


@pytest.mark.parametrize("who", ["nobody", "a token without access", "a made up token"])
def test_api_refuses(who, platform, bert):
    headers = {
        "nobody": {},
        "a token without access": {"Authorization": f"token {bert.new_token(['custom:hven:read']).json()['token']}"},
        "a made up token": {"Authorization": "token 0123456789abcdef0123456789abcdef"},
    }[who]

    assert httpx.get(f"{platform.address}/services/api/whoami", headers=headers).status_code in {401, 403}


@pytest.mark.parametrize("verb", ["submit", "cancel"])
def test_token_that_reads_does_no_more(verb, bert):
    token = bert.new_token(["custom:hven:read", "access:services!service=api"]).json()["token"]
    job = {"pipeline": "panoseti/calibrate"}
    path = {"submit": "/services/api/jobs", "cancel": "/services/api/jobs/1/cancel"}[verb]

    assert bert.call("GET", "/services/api/whoami", token).json()["scopes"] == ["custom:hven:read"]
    assert bert.call("POST", path, token, json=job).status_code == 403


def test_token_of_a_kernel_does_not_operate(ada):
    assert json.loads(ada.compute(WHOAMI)) == {
        "name": ada.name,
        "scopes": ["custom:hven:read", "custom:hven:submit"],
    }


# Where nobody stands in for the platform


@pytest.mark.parametrize("port", ["public", "hub", "proxy_api", "api", "dashboards"])
def test_nobody_can_listen_in_place_of_a_service(port, platform, bert):
    number = getattr(platform.ports, port)
    code = f"import socket; socket.create_server(('127.0.0.2', {number}))"

    assert number < 1024
    assert "PermissionError" in bert.account.run(platform.site.installation.python, "-c", code).stderr


def test_secrets_are_in_no_log(platform, ada, bert):
    logs = "".join(log.read_text() for log in platform.layout.logs.glob("*.log"))

    assert not [secret for secret in (platform.accounts.password, ada.token, bert.token) if secret in logs]


def test_secrets_are_in_no_command_line(platform, ada, bert):
    seen = bert.account.run("sh", "-c", "cat /proc/[0-9]*/cmdline").stdout

    assert "jupyterhub" in seen
    assert not [secret for secret in (platform.accounts.password, ada.token, bert.token) if secret in seen]


# What operators say


def test_operator_announces_with_one_command_and_everybody_sees_it(platform, ada, bert, accounts):
    assert platform.site.run(accounts.olga, "announce", "Maintenance on Monday").stdout == "Maintenance on Monday\n"

    assert "Maintenance on Monday" in bert.browser.get("/hub/home").text
    assert "Maintenance on Monday" in httpx.get(f"{platform.address}/hub/login").text
    assert ada.call("GET", f"/user/{ada.name}/hven/notices").json()["announcement"] == "Maintenance on Monday"

    assert platform.site.run(accounts.olga, "announce", "--clear").stdout == "Nothing is announced.\n"
    assert "Maintenance" not in bert.browser.get("/hub/home").text


def test_nobody_else_announces(platform, accounts):
    refused = platform.site.run(accounts.bert, "announce", "Free beer")

    assert refused.returncode == 6
    assert "not yours to write" in refused.stderr


@pytest.mark.parametrize("command", ["status", "up", "down"])
def test_only_root_runs_the_platform(command, platform, accounts):
    refused = platform.site.run(accounts.bert, command)

    assert refused.returncode in {2, 6}
    assert "hven: " in refused.stderr
    assert platform.hven("status").returncode == 0


# A night, from the copier's rsync to everybody's pages


@pytest.fixture(scope="module")
def night(platform, olga, tmp_path_factory):
    """What the copier delivered, the archive took in, an operator had processed for everybody, and root sealed."""
    runs = whole_night.simulate(tmp_path_factory.mktemp("night"))[:1]
    whole_night.deliver(platform, runs)
    raw = whole_night.archived(platform, len(runs))
    job = whole_night.ended(olga, whole_night.submit(olga, "panoseti/nightly", shared=True))
    day = raw[0].ref.data_id["day_obs"]
    sealed = platform.hven("seal", day)
    assert sealed.returncode == 0, sealed.stderr
    return SimpleNamespace(raw=raw, day=day, made=whole_night.made(platform, job["run"]), job=job["id"])


@pytest.fixture(scope="module")
def adas(ada, night, platform):
    """What ada opened, saved and had processed, all from her kernel."""
    told = json.loads(ada.compute(ADAS_WORK))
    job = whole_night.ended(ada, told["job"])
    return SimpleNamespace(**told, made=whole_night.made(platform, job["run"]))


def test_raw_data_are_the_archives_until_root_seals_them(platform, night, accounts):
    folders = [platform.site.root / product.path for product in night.raw]

    assert {folder.stat().st_uid for folder in folders} == {0}
    for who in (accounts.archive, accounts.batch, accounts.cora, accounts.ada):
        assert not who.can("touch", folders[0] / "more")
        assert not who.can("mv", folders[0].parents[2], platform.site.root / "L0" / "panoseti" / "moved")


def test_shared_products_are_the_batch_accounts(platform, night, accounts):
    levels = {str(product.ref.type.level) for product in night.made}
    owners = {(platform.site.root / product.path).stat().st_uid for product in night.made}

    assert levels == {"L1", "L2"}
    assert owners == {accounts.batch.uid}


def test_work_in_a_kernel_goes_through_the_api_and_stays_ones_own(platform, adas, ada):
    assert adas.user == ada.name
    assert adas.rows > 0
    assert adas.run == "u/hvt-ada/few"
    assert adas.made
    for path in (adas.path, *(product.path for product in adas.made)):
        folder = platform.site.root / path
        assert folder.is_relative_to(platform.site.root / "users" / ada.name)
        assert {p.lstat().st_uid for p in (folder, *folder.rglob("*"))} == {ada.account.uid}


@pytest.mark.parametrize("name", ["tonight", "observations", "jobs", "storage", "system", "trends"])
def test_pages_show_themselves_to_whoever_is_logged_in(name, ada, adas):
    assert ada.browser.get(f"/services/dashboards/{name}").status_code == 200


def test_an_observation_has_a_page(ada, night):
    observation = night.raw[0].ref.data_id["observation"]

    assert ada.browser.get("/services/dashboards/observation", params={"observation": observation}).status_code == 200


def test_what_is_for_the_collaboration_is_for_bert_too(bert, night, platform):
    shown = {row["id"] for row in bert.call("GET", "/services/api/products", params={"level": "L1"}).json()}

    assert shown >= {product.id for product in night.made if product.ref.type.level == "L1"}
    assert bert.account.can("ls", platform.site.root / night.made[0].path)


@pytest.mark.parametrize("who", ["otto", "cora"])
def test_what_is_for_the_collaboration_is_for_nobody_outside(who, night, platform, accounts):
    assert not getattr(accounts, who).can("ls", platform.site.root / night.made[0].path)


@pytest.mark.parametrize("what", ["product", "product of her job", "job", "log", "products of her job"])
def test_the_api_does_not_know_what_is_adas_own_for_bert(what, adas, ada, bert):
    path = {
        "product": f"products/{adas.id}",
        "product of her job": f"products/{adas.made[0].id}",
        "job": f"jobs/{adas.job}",
        "log": f"jobs/{adas.job}/log",
        "products of her job": f"jobs/{adas.job}/products",
    }[what]

    assert ada.call("GET", f"/services/api/{path}").status_code == 200
    assert bert.call("GET", f"/services/api/{path}").status_code == 404


@pytest.mark.parametrize("what", ["folder", "manifest", "job's folder", "log"])
def test_files_of_adas_are_closed_to_bert(what, adas, platform, ada, bert):
    root = platform.site.root
    path = {
        "folder": root / adas.path,
        "manifest": root / adas.path / "manifest.json",
        "job's folder": root / adas.made[0].path,
        "log": platform.layout.logs / "jobs" / f"{adas.job}.log",
    }[what]

    assert path.exists()
    assert not bert.account.can("ls", path)


def test_a_kernel_finds_nothing_of_somebody_elses(adas, ada, bert):
    assert ada.compute(COUNT_FEW) == "1\n"
    assert bert.compute(COUNT_FEW) == "0\n"


def test_who_logs_in_has_a_folder_of_their_own_before_any_server(platform, accounts):
    platform.person(accounts.fred)
    settings = platform.site.settings

    assert differences(user_folder(settings, settings.server, accounts.fred.name)) == []


# What a control system and operators do through the API

SAMPLE = {"time": "2025-10-22T04:00:00Z", "temperature": 11.5}
SPAN = {"begin_ns": 1_761_091_200_000_000_000, "end_ns": 1_761_177_600_000_000_000}


@pytest.mark.parametrize("what", ["telemetry", "command", "certify", "decertify"])
def test_people_do_not_do_what_changes_the_observatory(what, ada, night):
    range_ = {"collection": "panoseti/calib/mine", "product_id": night.made[0].id, **SPAN}
    path, body = {
        "telemetry": ("telemetry/weather", [SAMPLE]),
        "command": ("commands", {"id": "mine", "pipeline": "panoseti/calibrate"}),
        "certify": ("collections/certify", range_),
        "decertify": ("collections/decertify", range_),
    }[what]

    assert ada.call("POST", f"/services/api/{path}", json=body).status_code == 403


def test_samples_that_an_operator_pushes_become_the_batch_accounts_and_the_observatorys(platform, olga, accounts):
    folder = platform.site.root / "telemetry" / "weather"
    assert olga.call("POST", "/services/api/telemetry/weather", json=[SAMPLE]).json() == {"accepted": 1}
    until = time.monotonic() + 60
    while not (found := list(folder.glob("2025-10-22/[!.]*.parquet"))):
        assert time.monotonic() < until
        time.sleep(0.2)

    assert found[0].stat().st_uid == accounts.batch.uid
    assert accounts.ada.can("wc", "-c", found[0])
    assert not accounts.otto.can("wc", "-c", found[0])


def test_an_operator_certifies_for_the_observatory_in_their_own_name(platform, olga, ada, night):
    body = {"collection": "panoseti/calib/olgas", "product_id": night.made[0].id, **SPAN}
    books = {"collection": "panoseti/calib/olgas", "history": True}

    assert olga.call("POST", "/services/api/collections/certify", json=body).is_success
    assert olga.call("POST", "/services/api/collections/decertify", json=body).is_success
    told = ada.call("POST", "/services/api/lookup/certifications", json=books).text.splitlines()
    assert [(entry["edit"], entry["who"]) for entry in json.loads(told[0])] == [
        ("certify", olga.name),
        ("decertify", olga.name),
    ]


# After a crash


def test_hub_that_is_killed_finds_peoples_servers_again(platform, ada):
    ada.compute("x = 'still here'")
    hub = next(s for s in read_run(platform.layout).services if s.name == "hub").pid
    os.kill(hub, signal.SIGKILL)
    until = time.monotonic() + 120
    while not is_healthy(platform.address) or platform.hven("status").returncode:
        assert time.monotonic() < until
        time.sleep(0.5)

    assert ada.compute("print(x)") == "still here\n"
    assert ada.call("GET", f"/hub/api/users/{ada.name}").json()["servers"][""]["ready"]


def page_processes(platform):
    """Process of each socket on which pages are made."""
    rows = json.loads(platform.hven("status", "--json").stdout)["services"]
    (relay,) = [psutil.Process(row["pid"]) for row in rows if row["name"] == "dashboards"]
    sockets = {c.laddr: p for p in relay.children(recursive=True) for c in p.net_connections("unix")}
    return {Path(where): p for where, p in sockets.items() if "hven-pages-" in where}


def test_pages_are_made_by_a_process_for_each_core_behind_sockets_that_are_closed_to_people(platform, bert):
    made_by = page_processes(platform)

    assert len(made_by) == min(len(os.sched_getaffinity(0)), 4)
    assert {p.uids().real for p in made_by.values()} == {platform.accounts.dash.uid}
    for socket in made_by:
        assert socket.is_socket()
        assert not bert.account.can("ls", socket.parent)


def test_pages_come_again_when_every_process_that_made_them_is_killed(platform, ada, bert):
    before = page_processes(platform)
    for process in before.values():
        process.kill()
    until = time.monotonic() + 60
    for person in (ada, bert):
        while person.browser.get("/services/dashboards/tonight").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.5)

    after = page_processes(platform)
    assert after.keys() == before.keys()
    assert not {p.pid for p in after.values()} & {p.pid for p in before.values()}
