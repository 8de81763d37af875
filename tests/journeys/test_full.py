"""Somebody whose home disk and own space are full: their server starts, and they can clean up in a browser."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path

import pytest
import small_products
from people import running

from hven.hub.machine.folders import bring_about, user_folder
from hven.observatory import connect

pytestmark = pytest.mark.journey
PRODUCTS = 6


@pytest.fixture(scope="module")
def full_home(accounts):
    """The home of Fred is a disk of 2 MB without a free byte."""
    home = accounts.fred.home
    options = f"size=2m,mode=0700,uid={accounts.fred.uid},gid={accounts.fred.gid}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "hvt-full", home], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        with contextlib.suppress(OSError), (home / "big.dat").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        os.chown(home / "big.dat", accounts.fred.uid, accounts.fred.gid)
        yield home
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)


@pytest.fixture(scope="module")
def platform(accounts, installation, full_home):
    with running(accounts, installation, server={"user_quota_gb": 1e-5}) as platform:
        yield platform


@pytest.fixture(scope="module")
def fred(platform, accounts):
    """Somebody who has filled his own space through the API, logged in and with a server."""
    settings = platform.site.settings
    bring_about(user_folder(settings, settings.server, accounts.fred.name))
    person = platform.person(accounts.fred)
    with connect(settings) as obs:
        for _ in range(PRODUCTS):
            made = small_products.publish(settings.root, run="u/hvt-fred/flat", user="hvt-fred", maker="hvt-fred")
            for path in (settings.root / "users" / "hvt-fred").rglob("*"):
                os.chown(path, accounts.fred.uid, accounts.fred.gid, follow_symlinks=False)
            obs.registry.register([made], inputs={})
    person.start_server()
    return person


def space(person):
    return person.browser.get(f"/user/{person.name}/hven/space").text


def test_the_server_starts_and_begins_with_the_page(fred):
    answer = fred.browser.get(f"/user/{fred.name}/")

    assert answer.url.path.endswith("/hven/space")
    assert answer.status_code == 200


def test_the_page_says_what_is_full(fred, full_home):
    text = space(fred)

    assert f"The disk of your home folder {full_home} is full" in text
    assert f"{full_home}/big.dat" in text
    assert "Your own products take" in text
    assert text.count('type="checkbox"') == PRODUCTS


def test_the_home_has_no_free_byte_and_nothing_new_in_it(fred, full_home):
    fred.compute("print(1)")

    assert os.statvfs(full_home).f_bavail == 0
    assert not (full_home / "notebooks").exists()
    assert sum(p.stat().st_size for p in full_home.rglob("*") if p.is_file() and p.name != "big.dat") == 0


def test_notebooks_still_run(fred):
    assert fred.compute("print(6 * 7)") == "42\n"


def test_nothing_more_can_be_saved(fred):
    code = """
import hven, xarray as xr
try:
    hven.connect().save(xr.Dataset({"a": 1}), "more", day_obs=20251021)
except hven.core.errors.QuotaExceededError as error:
    print(error)
"""
    assert "hvt-fred uses" in fred.compute(code)


def test_jupyterlab_opens(fred):
    assert fred.browser.get(f"/user/{fred.name}/lab").status_code == 200


@pytest.mark.parametrize("field", ["", "_xsrf=wrong&"])
def test_a_form_without_its_token_is_refused(fred, field):
    answer = fred.browser.post(
        f"/user/{fred.name}/hven/space",
        content=f"{field}action=empty",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 403


def test_nobody_elses_page_opens(fred, platform, accounts):
    other = platform.person(accounts.bert)

    assert other.browser.get(f"/user/{fred.name}/hven/space").status_code in {403, 404}
    assert other.call("GET", f"/user/{fred.name}/hven/space").status_code == 403


def test_a_browser_cleans_up(fred, platform, accounts, chromium, tmp_path_factory):
    from playwright.sync_api import expect, sync_playwright

    pictures = Path(os.environ.get("HVEN_TEST_ARTEFACTS", tmp_path_factory.mktemp("pictures")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(f"{platform.address}/hub/login")
        page.fill("#username_input", fred.name)
        page.fill("#password_input", accounts.password)
        page.click("#login_submit")
        page.goto(f"{platform.address}/user/{fred.name}/")
        expect(page.get_by_role("heading", name="Your space")).to_be_visible(timeout=60_000)
        page.screenshot(path=pictures / "space-full.png", full_page=True)
        boxes = page.get_by_role("checkbox")
        for number in range(PRODUCTS - 1):
            boxes.nth(number).check()
        page.get_by_role("button", name="Remove the chosen").click()
        expect(page.get_by_role("checkbox")).to_have_count(1, timeout=60_000)
        page.get_by_role("button", name="Delete it for good").click()
        expect(page.get_by_text("in the trash")).to_have_count(0, timeout=60_000)
        page.screenshot(path=pictures / "space-cleaned.png", full_page=True)
        browser.close()
    text = space(fred)
    kept = re.findall(r'name="id" value="([^"]+)"', text)
    assert len(kept) == 1
    with connect(platform.site.settings) as obs:
        assert [p.id for p in obs.registry.owned(fred.name)] == kept
    assert "Nothing more can be saved" not in text
