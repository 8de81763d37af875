"""First light in a browser: log in, open a notebook, submit from the form, watch it finish, see the night's quality.

The tests are steps of one story and run in this order; a picture of each is left in `test-artefacts/`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import httpx
import pytest
from listening import LOOPBACK, listeners
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from hven.batch.checks.run import look
from hven.core.settings import load_settings
from hven.hub.layout import Layout
from hven.hub.ports import free_port, read_ports
from hven.hub.processes import marked
from hven.hub.run_record import read_run
from hven.observatory import connect
from hven.telemetry.drop import drop_folder
from hven.telemetry.simulate import simulate

pytestmark = pytest.mark.journey
HVEN = str(Path(sys.executable).with_name("hven"))
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden) "
LONG_MS = 120_000
expect.set_options(timeout=30_000)
OBSERVATION = "Palomar.20251022T050200Z"
NIGHT, DEVICES = 20251021, ("weather", "dome")
STEP, OPTION, VALUE = "ph1024.signal", "gap_factor", 5.0


@pytest.fixture(scope="module")
def site(night, tmp_path_factory):
    """Site file of a platform of its own on a copy of the night."""
    folder = tmp_path_factory.mktemp("first-light")
    for name in ("data", "state"):
        shutil.copytree(night / name, folder / name)
    settings = {"root": f"{folder}/data", "state": f"{folder}/state", "hub": {"user": "tycho", "port": free_port()}}
    file = folder / "site.yaml"
    file.write_text(json.dumps(settings))
    for dropped in simulate(drop_folder(load_settings(file)), night=NIGHT, offset_hours=-20, hours=4, topics=DEVICES):
        os.utime(dropped, (0, 0))  # long finished
    return file


def hven(site, *words):
    environ = {**os.environ, "HVEN_SITE": str(site), "TERM": "dumb", "COLUMNS": "200"}
    return subprocess.run([HVEN, *words], env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def came(site):
    """What `hven up` said when the whole platform had come up."""
    try:
        came = hven(site, "up", "--no-data", "--detach")
        assert came.returncode == 0, came.stdout + came.stderr
        yield came.stdout
    finally:
        assert hven(site, "down").returncode == 0


@pytest.fixture(scope="module")
def layout(site):
    return Layout.of(load_settings(site))


@pytest.fixture(scope="module")
def address(came, layout):
    """Address of the running platform."""
    return read_ports(layout.ports).address


@pytest.fixture(scope="module")
def requested():
    """Every address the browser asked for."""
    return set()


@pytest.fixture(scope="module")
def errors():
    """Every error in the browser's console."""
    return []


@pytest.fixture(scope="module")
def context(chromium, requested, errors):
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, args=QUIET) as browser:
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(LONG_MS)
        context.on("request", lambda request: requested.add(request.url))
        context.on("console", lambda message: errors.append(_told(message)) if message.type == "error" else None)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        yield context


def _told(message):
    return f"{message.text} at {message.location['url']}, seen on {message.page.url if message.page else 'no page'}"


@pytest.fixture(scope="module")
def page(context, address):
    page = context.new_page()
    page.goto(address)
    return page


@pytest.fixture(scope="module")
def dashboards(context, address, page):
    """A second tab, on the dashboards."""
    tab = context.new_page()
    tab.goto(f"{address}/services/dashboards/")
    return tab


@pytest.fixture
def picture(repository):
    """Leave a picture of what the browser shows."""

    def take(page: Page, name: str) -> None:
        folder = repository / "test-artefacts"
        folder.mkdir(exist_ok=True)
        page.screenshot(path=folder / f"first-light-{name}.png")

    return take


def choose(page: Page, item: str, command: str) -> None:
    """Choose a command of JupyterLab's menu."""
    page.locator(f".lm-MenuBar-item:has-text('{item}')").click()
    page.locator(f".lm-Menu-item:has-text('{command}')").first.click()


def open_notebook(page: Page, name: str) -> None:
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    page.locator(f"{NOTEBOOK}.jp-Notebook .jp-Cell").first.wait_for()
    expect(page.locator(f".lm-TabBar-tab.jp-mod-current:has-text('{name}')")).to_be_visible()
    expect(page.locator(".jp-StatusBar-TextItem:has-text('| Idle')")).to_be_visible()


def field(page: Page, label: str, kind: str) -> object:
    """Field of the form, by its label."""
    return page.locator(f"{NOTEBOOK}.jupyter-widgets:has(> label:text-is('{label}')) {kind}")


def centre(locator) -> None:
    locator.evaluate("element => element.scrollIntoView({block: 'center'})")


def colours(locator) -> int:
    """Number of colours in a picture of an element."""
    return len(Image.open(io.BytesIO(locator.screenshot())).convert("RGB").getcolors(1 << 20))


def test_whole_platform_comes_up_detached(site, came, address, layout):
    assert address in came
    assert layout.password.read_text() in came
    found = json.loads(hven(site, "status", "--json").stdout)["services"]
    assert {s["name"]: s["state"] for s in found} == dict.fromkeys(
        ("hub", "ingest", "batch", "api", "dashboards", "idle-culler"), "running"
    )
    for service in ("api", "dashboards"):
        answer = httpx.get(f"{address}/services/{service}/", follow_redirects=True)
        assert answer.status_code in {401, 403, 404} or "/hub/login" in str(answer.url)
    assert {ip for ip, _port, _command in listeners(read_run(layout).mark)} <= LOOPBACK


def test_login_leads_to_jupyterlab(page, layout, picture):
    picture(page, "01-login")
    page.fill("#username_input", "tycho")
    page.fill("#password_input", layout.password.read_text())
    page.click("#login_submit")
    page.select_option("#profile", "small")
    picture(page, "02-size")
    page.click("[type=submit]")

    page.locator(".jp-DirListing-item", has_text="notebooks").dblclick()
    expect(page.locator(".jp-DirListing-item", has_text="01-first-look")).to_be_visible()
    picture(page, "03-jupyterlab")


def test_notebook_plots_an_event(page, picture):
    open_notebook(page, "01-first-look")
    choose(page, "Run", "Run All Cells")
    plot = page.locator(f"{NOTEBOOK}.jp-OutputArea-output img").first
    plot.wait_for(state="attached")
    centre(plot)

    assert colours(plot) > 100
    picture(page, "04-plot")


def test_product_is_opened_from_the_list(page, picture):
    kind = field(page, "Type", "select")
    kind.wait_for(state="attached")
    kind.select_option("L2/panoseti.showers")
    expect(page.locator(f"{NOTEBOOK}.widget-html td:text-is('{OBSERVATION}')").first).to_be_visible()
    page.locator(f"{NOTEBOOK}.widget-button:has-text('Open')").click()

    expect(page.locator(NOTEBOOK).get_by_text("ds = obs.open('panoseti.showers', level='L2'")).to_be_visible()
    expect(page.locator(f"{NOTEBOOK}.jp-OutputArea .jp-OutputArea .xr-wrap")).to_be_visible()
    centre(kind)
    picture(page, "05-browser")


def test_dask_dashboard_answers_through_the_hub(page, address, picture):
    open_notebook(page, "02-process-and-submit")
    page.locator(f"{NOTEBOOK}.jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    link = page.locator(f"{NOTEBOOK}.jp-OutputArea a[href*='/proxy/']").first
    link.wait_for()
    picture(page, "06-client")
    answer = page.request.get(address + urlparse(link.get_attribute("href")).path)

    assert answer.status == 200
    assert "Dask" in answer.text()


def test_form_counts_and_estimates(page, picture):
    choose(page, "Run", "Run Selected Cell and All Below")
    submit = page.locator(f"{NOTEBOOK}.widget-button:has-text('Submit')")
    submit.wait_for(state="attached")
    expect(page.locator(".jp-StatusBar-TextItem:has-text('| Idle')")).to_be_visible()
    centre(submit)
    expect(page.locator(NOTEBOOK).get_by_text("Nothing to do")).to_be_visible()
    assert field(page, "Pipeline", "select").input_value() == "panoseti/calibrate"

    field(page, "observation", "select").select_option(OBSERVATION)
    field(page, "detector", "select").select_option("1")
    expect(page.locator(NOTEBOOK).get_by_text("4 quanta, 4 done already, 0 to do")).to_be_visible()
    expect(submit).to_be_disabled()
    page.locator(f"{NOTEBOOK}.jupyter-widget-Collapse-header").click()
    field(page, "Step", "select").select_option(STEP)
    box = field(page, OPTION, "input")
    box.fill(str(VALUE))
    box.press("Enter")

    expect(page.locator(NOTEBOOK).get_by_text("4 quanta, 3 done already, 1 to do")).to_be_visible()
    expect(page.locator(NOTEBOOK).get_by_text("Estimate: 1 quantum")).to_be_visible()
    expect(submit).to_be_enabled()
    picture(page, "07-form")


def test_wrong_condition_is_explained_where_it_was_written(page, picture):
    where = field(page, "where", "input")
    where.fill("detektor == 1")
    where.press("Enter")

    expect(page.locator(NOTEBOOK).get_by_role("alert")).to_contain_text("Did you mean 'detector'?")
    expect(page.locator(f"{NOTEBOOK}.widget-button:has-text('Submit')")).to_be_disabled()
    picture(page, "08-wrong-condition")
    where.fill("")
    where.press("Enter")
    expect(page.locator(NOTEBOOK).get_by_role("alert")).to_have_count(0)


def test_job_runs_to_its_end_and_gives_the_dataset(page, site, picture):
    submit = page.locator(f"{NOTEBOOK}.widget-button:has-text('Submit')")
    page.locator(f"{NOTEBOOK}.widget-checkbox:has-text('Notify me') input").check()
    submit.click()
    page.locator(f"{NOTEBOOK}.widget-button:has-text('Cancel')").wait_for()
    submit.evaluate("element => element.scrollIntoView({block: 'start'})")
    picture(page, "09-submitted")
    expect(page.locator(NOTEBOOK).get_by_text("SUCCEEDED").first).to_be_visible(timeout=LONG_MS)
    expect(page.locator(".Toastify").get_by_text("panoseti/calibrate has succeeded")).to_be_visible()
    page.locator(f"{NOTEBOOK}.widget-button:has-text('Open result')").click()

    expect(page.locator(f"{NOTEBOOK}.jp-OutputArea .jp-OutputArea .xr-wrap")).to_be_visible()
    expect(page.locator(NOTEBOOK).get_by_text("ds = obs.open('panoseti.ph1024', level='L1'")).to_be_visible()
    picture(page, "10-result")
    with connect(site) as obs:
        (job,) = obs.jobs.find(limit=1)
        wanted = {"observation": OBSERVATION, "detector": 1}
        own, shared = (obs.one("panoseti.ph1024", "L1", collection=c, **wanted) for c in (job.run, ""))
        assert obs.provenance(own).config[OPTION] == VALUE
        assert obs.provenance(shared).config[OPTION] != VALUE


def test_tonight_says_what_is_wrong(dashboards, picture):
    expect(dashboards.get_by_role("heading", name="Tonight")).to_be_visible()
    expect(dashboards.get_by_text("FAIL", exact=True).first).to_be_visible()  # of the night, then of its quality
    expect(dashboards.get_by_text("more metrics beyond limits").first).to_be_visible()
    expect(dashboards.locator("canvas").first).to_be_visible()
    picture(dashboards, "11-tonight")


def test_jobs_page_has_the_job(dashboards, picture):
    dashboards.get_by_role("link", name="Jobs").click()

    expect(dashboards.get_by_text("panoseti/calibrate")).to_be_visible()
    expect(dashboards.get_by_text("SUCCEEDED", exact=True)).to_be_visible()
    picture(dashboards, "12-jobs")


def test_observation_page_shows_pictures(dashboards, picture):
    dashboards.get_by_role("link", name="Observations").click()
    dashboards.get_by_role("link", name=OBSERVATION).first.click()
    expect(dashboards.get_by_text("PASS", exact=True)).to_be_visible()
    maps = dashboards.locator(".bk-Canvas")
    expect(maps.nth(1)).to_be_visible()

    assert colours(maps.first) > 50
    assert dashboards.title().startswith(OBSERVATION)
    picture(dashboards, "13-observation")


@pytest.mark.parametrize(("kind", "begins"), [("PNG", b"\x89PNG"), ("CSV", b"# import hven")])
def test_plots_are_taken_along(dashboards, tmp_path, kind, begins):
    with dashboards.expect_download() as download:
        dashboards.get_by_role("button", name=kind).first.click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)

    assert file.name.endswith(f"-map.{kind.lower()}")
    assert file.read_bytes().startswith(begins)


def test_telemetry_draws_the_weather_of_the_night_with_units(dashboards, address, picture):
    dashboards.goto(f"{address}/services/dashboards/telemetry?night={NIGHT}&topic=weather&channel=wind_speed")
    expect(dashboards.get_by_role("heading", name="weather wind_speed")).to_contain_text("14,400 samples, 2025-10-21")
    expect(dashboards.get_by_text("panoseti.housekeeping").first).to_be_visible()
    expect(dashboards.get_by_text("wind speed").last).to_contain_text("m/s")
    plot = dashboards.locator(".bk-Canvas").first
    expect(plot).to_be_visible()

    assert colours(plot) > 50
    assert dashboards.title() == "weather · Telemetry · hven"
    picture(dashboards, "14-telemetry")


def test_ledger_of_the_night_has_every_dataset_at_every_stage(dashboards, picture):
    dashboards.get_by_role("link", name="Ledger").click()
    expect(dashboards.get_by_role("heading", name="Night 2025-10-21")).to_be_visible()
    expect(dashboards.get_by_text("yes", exact=True)).to_have_count(11 * 4)
    expect(dashboards.get_by_text("Nothing is lost, cut, altered or unknown.")).to_be_visible()
    picture(dashboards, "15-ledger")


def test_alarms_say_what_is_beyond_limits_with_units(dashboards, picture):
    dashboards.get_by_role("link", name="Alarms").click()
    expect(dashboards.get_by_text("ppm in Palomar_faults").first).to_be_visible()
    expect(dashboards.get_by_text("°C in Palomar_faults").first).to_be_visible()
    expect(dashboards.get_by_text("cannot be read")).to_have_count(0)
    expect(dashboards.get_by_role("button", name="Acknowledge")).to_be_visible()
    expect(dashboards.get_by_role("link", name="Palomar_faults").first).to_be_visible()
    picture(dashboards, "16-alarms")


def test_nights_are_a_calendar_that_leads_to_the_night(dashboards, picture):
    dashboards.get_by_role("link", name="Nights").click()
    month = dashboards.locator(".card", has_text="October 2025")
    day = month.get_by_role("link", name="21")
    expect(day).to_be_visible()
    picture(dashboards, "17-nights")

    assert month.evaluate("card => card.scrollWidth <= card.clientWidth")
    day.click()
    expect(dashboards.get_by_role("heading", name="Tonight")).to_be_visible()
    expect(dashboards.get_by_text("Humidity")).to_be_visible()


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("Live", "hven simulate --instrument magis"),
        ("Calibrations", "hven calib take NAME --shared"),
    ],
)
def test_pages_without_content_say_why_and_what_to_do(dashboards, picture, link, says):
    dashboards.get_by_role("link", name=link).click()
    expect(dashboards.get_by_role("heading", name=link)).to_be_visible()
    expect(dashboards.get_by_text(says).first).to_be_visible()
    picture(dashboards, f"18-{link.lower()}")


def test_the_theme_stays_on_the_next_page(dashboards, picture):
    header = dashboards.locator("header button").last
    header.click()
    dashboards.wait_for_function("document.cookie.includes('=dark')")  # the choice has made its way over the server
    dashboards.get_by_role("link", name="QC trends").click()
    expect(dashboards.get_by_role("heading", name="QC trends")).to_be_visible()
    expect(dashboards.locator("canvas").first).to_be_visible()

    expect(dashboards.locator("body")).to_have_css("background-color", "rgb(14, 20, 25)")
    assert "theme" not in dashboards.url
    picture(dashboards, "19-dark")


def test_nothing_was_asked_of_the_internet(requested, dashboards):
    hosts = {urlparse(url).hostname for url in requested if not url.startswith(("data:", "blob:"))}

    assert len(requested) > 100
    assert hosts == {"127.0.0.1"}


def test_browser_met_no_error(errors, dashboards):
    assert errors == []


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("name", ["canary_api", "canary_page", "canary_notebook"])
def test_canaries_find_a_platform_that_lives_good(site, name):
    findings = look(load_settings(site), name)

    assert findings
    assert [finding for finding in findings if not finding.good] == []


@pytest.mark.usefixtures("address")
def test_whole_platform_goes_down_with_what_people_run(site, layout):
    mark = read_run(layout).mark
    assert {ip for ip, _port, _command in listeners(mark)} <= LOOPBACK

    gone = hven(site, "down")

    assert gone.returncode == 0, gone.stderr
    assert marked(mark) == []
    logs = [path.read_text() for path in layout.logs.rglob("*") if path.is_file()]
    assert len(logs) > 4
    assert layout.password.read_text() not in "".join(logs)
