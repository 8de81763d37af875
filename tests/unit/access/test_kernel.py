"""A person's own process on a server: it reaches the observatory through the API and its own folder, nothing else."""

from __future__ import annotations

import json
import textwrap

import guest_api
import installation as installing
import pytest
import small_products

from hven.hub.machine.folders import bring_about, user_folder
from hven.observatory import connect
from hven.registry.run_class import run_acl

SCRIPT = textwrap.dedent("""
    import json, sys
    import hven
    obs = hven.connect()
    found = obs.find("panoseti.ph1024", level="L1")
    ds = obs.open("panoseti.ph1024", level="L1", detector=1)
    saved = obs.save(ds.load(), "flat", inputs=[ds])
    again = obs.open("flat", collection=saved.run)
    try:
        open(sys.argv[1])
    except PermissionError as error:
        state = str(error)
    explained = str(obs.explain("panoseti.ph1024", level="L1", observation="none"))
    print(json.dumps([obs.user, len(found), saved.id, str(saved.path), bool(again.equals(ds)), state, explained]))
""")


@pytest.fixture
def site(accounts, installation):
    with installing.open_folder("kernel") as folder:
        yield installing.make_site(folder, accounts, installation)


def test_a_member_works_through_the_api_and_nobody_else_reads_what_was_saved(site, accounts, installation):
    settings = site.settings
    bring_about(user_folder(settings, settings.server, "hvt-ada"))
    with connect(settings) as obs, guest_api.serve(obs) as url:
        made = small_products.publish(obs.root, acl=run_acl(obs.registry, "panoseti/runs/calibrate/1", settings.server))
        obs.registry.register([made], inputs={})
        environment = {
            **site.environment,
            "HVEN_API_URL": url,
            "JUPYTERHUB_API_TOKEN": "hvt-ada.read.submit",
            "NUMBA_CACHE_DIR": accounts.ada.home / "numba",
        }
        done = accounts.ada.run(
            installation.python, "-c", SCRIPT, site.state / "registry.sqlite", env=environment, cwd=accounts.ada.home
        )
        assert done.returncode == 0, done.stderr
        user, found, product, path, same, state, explained = json.loads(done.stdout.splitlines()[-1])

        assert (user, found, same) == ("hvt-ada", 1, True)
        assert "Permission denied" in state
        assert "no raw file has arrived" in explained
        saved = obs.product(product)
        assert (saved.run, saved.user) == ("u/hvt-ada/flat", "hvt-ada")
        assert obs.registry.inputs_of(saved.id) == [made.id]
    manifest = site.root / path / "manifest.json"
    readers = {
        name for name in ("ada", "bert", "olga", "otto", "api", "dash") if getattr(accounts, name).can("cat", manifest)
    }
    assert readers == {"ada", "api", "dash"}


@pytest.mark.parametrize("through_api", [True, False])
def test_who_may_not_write_shared_products_is_told_who_makes_the_exposures(site, accounts, installation, through_api):
    """A member through the API, and an account of the services at the databases themselves."""
    account = accounts.ada if through_api else accounts.archive
    with connect(site.settings) as obs, guest_api.serve(obs) as url:
        api = {"HVEN_API_URL": url, "JUPYTERHUB_API_TOKEN": "hvt-ada.read.submit"} if through_api else {}
        done = account.run(
            installation.python, "-c", "from hven.cli.main import main; main()", "telemetry", "transform", 20251021,
            env={**site.environment, **api}, cwd="/",
        )  # fmt: skip

    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert f"may not write into {site.root / 'L2'}" in done.stderr
    assert "sudo -u hvt-batch hven telemetry transform 20251021 --instrument panoseti" in done.stderr
