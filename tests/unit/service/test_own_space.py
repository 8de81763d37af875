"""What the API refuses to forget, and that nobody registers more than their quota: for real Unix users."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import guest_api
import httpx
import installation
import pytest
import small_products

from hven.core.errors import QuotaExceededError
from hven.core.settings import ServerSettings, Settings
from hven.core.trust import trusted
from hven.model.collection import Collection, CollectionKind
from hven.observatory import connect
from hven.registry.remote import RemoteRegistry
from hven.registry.wire import product_to_row
from hven.store.staging import unlock

ADA, BERT, OLGA = "hvt-ada", "hvt-bert", "hvt-olga"
QUOTA = 20_000


class Place:
    """An observatory for many users with its API and a tiny quota."""

    def __init__(self, observatory, url):
        self.obs, self.url = observatory, url

    def ask(self, user, path, body, *, scopes=("read", "submit")):
        headers = {"Authorization": f"token {'.'.join((user, *scopes))}"}
        return httpx.post(self.url + path, json=body, headers=headers, timeout=60, verify=trusted())

    def product(self, user=ADA, *, run="", **more):
        made = small_products.publish(
            self.obs.root, run=run or f"u/{user}/flat", user=user, maker=user or "hvt-batch", **more
        )
        folder = self.obs.root / made.path
        for base, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                shutil.chown(Path(base, name), user or "hvt-batch")
        return made

    def register(self, product, user=ADA):
        body = {"products": [product_to_row(product)], "inputs": {product.id: []}}
        return self.ask(user, "/products", body)

    def registered(self, user=ADA, **more):
        made = self.product(user, **more)
        self.obs.registry.register([made], inputs={})
        return made

    def throw_away(self, product):
        unlock(self.obs.root / product.path)
        shutil.rmtree(self.obs.root / product.path)

    def knows(self, product):
        return bool(self.obs.registry.among([product.id]))


@pytest.fixture
def place(accounts):
    with installation.open_folder("space") as folder:
        (folder / "data").mkdir()
        (folder / "state").mkdir()
        server = ServerSettings.model_validate({**accounts.server(folder), "user_quota_gb": QUOTA / 1e9})
        settings = Settings(root=folder / "data", state=folder / "state", server=server)
        with connect(settings) as observatory, guest_api.serve(observatory) as url:
            yield Place(observatory, url)


def refused(answer, status, says=""):
    assert answer.status_code == status, answer.text
    assert says in answer.json()["message"]


def test_over_quota_nothing_more_is_registered_and_nothing_is_lost(place):
    answers = []
    while not answers or answers[-1].status_code == 201:
        last = place.product()
        answers.append(place.register(last))
        assert len(answers) < 100

    refused(answers[-1], 507, f"{ADA} uses")
    assert len(answers) > 1
    assert (place.obs.root / last.path / "manifest.json").exists()
    assert not place.knows(last)


def test_the_refusal_is_the_same_error_on_the_other_side(place):
    for _ in range(20):
        place.registered()
    registry = RemoteRegistry(place.url, f"token {ADA}.read.submit")

    with pytest.raises(QuotaExceededError, match=ADA):
        registry.register([place.product()], inputs={})
    registry.close()


def test_the_quota_of_one_is_not_that_of_another(place):
    for _ in range(20):
        place.registered()

    assert place.register(place.product(BERT), BERT).status_code == 201


def test_what_is_gone_from_the_disk_is_forgotten(place):
    product = place.registered()
    place.throw_away(product)

    assert place.ask(ADA, "/products/remove", {"ids": [product.id]}).status_code == 200
    assert not place.knows(product)
    assert place.ask(ADA, "/products/remove", {"ids": [product.id]}).status_code == 200


def test_what_still_lies_in_its_place_is_not_forgotten(place):
    product = place.registered()

    refused(place.ask(ADA, "/products/remove", {"ids": [product.id]}), 409, "is still there")
    assert place.knows(product)


def test_a_dangling_link_in_its_place_is_not_taken_for_gone(place):
    product = place.registered()
    place.throw_away(product)
    (place.obs.root / product.path).symlink_to("/nowhere")

    refused(place.ask(ADA, "/products/remove", {"ids": [product.id]}), 409, "is still there")


@pytest.mark.parametrize("verb", ["remove", "protected"])
def test_a_product_of_somebody_else_is_as_if_it_were_not_there(place, verb):
    product = place.registered()

    assert place.ask(BERT, f"/products/{verb}", {"ids": [product.id]}).status_code == 200
    assert place.knows(product)


@pytest.mark.parametrize("user", [ADA, OLGA])
@pytest.mark.parametrize("verb", ["remove", "protected"])
def test_a_product_of_the_observatory_is_refused(place, user, verb):
    product = place.registered("", run="panoseti/runs/calibrate/1")
    place.throw_away(product)

    answer = place.ask(user, f"/products/{verb}", {"ids": [product.id]}, scopes=("read", "submit", "operate"))
    refused(answer, 403, f"is not {user}'s")
    assert place.knows(product)


@pytest.mark.parametrize("scopes", [(), ("read",), ("operate",)])
@pytest.mark.parametrize("verb", ["remove", "protected"])
def test_without_the_right_to_submit_nothing_is_removed(place, verb, scopes):
    refused(place.ask(ADA, f"/products/{verb}", {"ids": []}, scopes=scopes), 403, "submit")


def test_what_somebody_else_builds_on_must_stay_and_the_reason_does_not_tell_who(place):
    product = place.registered()
    made = place.product(BERT, inputs=[product])
    place.obs.registry.register([made], inputs={made.id: [product.id]})
    place.throw_away(product)

    answer = place.ask(ADA, "/products/remove", {"ids": [product.id]})
    refused(answer, 409, "must stay")
    assert BERT not in answer.text
    assert made.id not in answer.text
    assert place.ask(ADA, "/products/protected", {"ids": [product.id]}).json().keys() == {product.id}


def test_what_a_shared_collection_holds_must_stay(place):
    product = place.registered()
    place.obs.registry.define(Collection("panoseti/best", CollectionKind.TAGGED))
    place.obs.registry.tag("panoseti/best", [product.id])
    place.throw_away(product)

    refused(place.ask(ADA, "/products/remove", {"ids": [product.id]}), 409, "must stay")


def test_somebody_elses_own_products_are_not_listed(place):
    place.registered()
    registry = RemoteRegistry(place.url, f"token {BERT}.read.submit")

    assert registry.owned(ADA) == []
    registry.close()


@pytest.mark.parametrize("ids", [[7], "all", [None], [["x"]], [{"id": 1}]])
def test_what_is_no_list_of_ids_is_refused(place, ids):
    assert place.ask(ADA, "/products/remove", {"ids": ids}).status_code == 422
