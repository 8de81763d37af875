"""Three ways to an observatory: its database, the API, or whatever the environment names."""

from __future__ import annotations

import guest_api
import pytest

from hven.core.errors import AccessDeniedError, DatasetNotFoundError, SettingsError
from hven.observatory import connect
from hven.registry.direct import DirectRegistry
from hven.registry.remote import RemoteRegistry


@pytest.fixture(scope="module")
def served(night):
    (night.root.parent / "site.yaml").write_text("engine: {kind: inprocess}")
    with guest_api.serve(night) as url:
        yield url


def environment(night, url, person="ada"):
    """What the hub gives a kernel in server mode: a data root and an API; the state folder might as well not be."""
    site = {
        "HVEN_ROOT": str(night.root),
        "HVEN_STATE": "/nonexistent",
        "HVEN_SITE": str(night.root.parent / "site.yaml"),
    }
    return {**site, "HVEN_API_URL": url, "JUPYTERHUB_API_TOKEN": f"{person}.read.submit"}


@pytest.fixture
def kernel(night, served):
    with connect(environ=environment(night, served)) as opened:
        yield opened


def test_a_kernel_goes_through_the_api_in_the_name_of_its_user(kernel):
    assert isinstance(kernel.registry, RemoteRegistry)
    assert kernel.user == "ada"


def test_an_explicit_site_opens_its_database_whatever_the_environment_says(night, served):
    with connect(night.settings, environ=environment(night, served)) as opened:
        assert isinstance(opened.registry, DirectRegistry)


def test_an_api_without_a_token_is_an_error_that_names_the_variable(night, served):
    environ = environment(night, served)
    del environ["JUPYTERHUB_API_TOKEN"]

    with pytest.raises(SettingsError, match="no token") as error:
        connect(environ=environ)
    assert "JUPYTERHUB_API_TOKEN" in error.value.hint


def test_a_kernel_finds_and_opens_what_the_database_knows(kernel, night):
    assert kernel.query() == night.query()
    assert list(kernel.find("panoseti.ph1024", level="L1")) == list(night.find("panoseti.ph1024", level="L1"))
    product = night.query("panoseti.ph1024", level="L1")[0]

    there = kernel.open(
        "panoseti.ph1024", level="L1", **{k: v for k, v in product.ref.data_id.items() if k != "instrument"}
    )

    assert there.identical(night.open_product(product))
    assert kernel.provenance(product.id) == night.provenance(product.id)


def test_a_kernel_saves_ones_own_and_finds_it_again(kernel, night):
    source = kernel.open_product(kernel.query("panoseti.ph1024", level="L1")[0])

    saved = kernel.save(source[["signal"]].isel(time=slice(2)).load(), "cut", inputs=[source])

    assert saved.run == "u/ada/cut"
    assert kernel.open("cut", collection=saved.run).sizes["time"] == 2
    assert kernel.registry.inputs_of(saved.id) == [source.attrs["hven_id"]]
    with (
        connect(environ=environment(night, kernel.registry.api.url, "bert")) as other,
        pytest.raises(DatasetNotFoundError),
    ):
        other.product(saved.id)


def test_a_kernel_processes_into_a_run_of_its_own(kernel):
    report = kernel.process("panoseti/calibrate")

    assert report.run.startswith("u/ada/calibrate/")
    assert not report.failed
    assert {r.run for r in kernel.registry.quanta(run=report.run)} == {report.run}


def test_a_kernel_makes_nothing_shared(kernel, night):
    before = night.query()

    with pytest.raises(AccessDeniedError, match="may not operate"):
        kernel.process("panoseti/calibrate", shared=True)

    assert night.query() == before


def test_a_kernel_explains_estimates_and_submits(kernel):
    assert "there" in str(kernel.explain("panoseti.ph1024", level="L1"))
    assert "no raw file" in str(kernel.explain("panoseti.ph1024", level="L1", observation="none"))
    assert kernel.estimate("panoseti/calibrate").quanta
    job = kernel.submit("panoseti/calibrate")
    assert job.progress().user == "ada"
    assert job.cancel().state == "DELETED"


def test_a_kernel_uses_the_catalog_and_qualities(kernel):
    assert "L1/panoseti.ph1024" in list(kernel.catalog())
    for product in kernel.query(level="L2", where="type == 'panoseti.ph1024.qc'"):
        assert len(kernel.quality(product))
