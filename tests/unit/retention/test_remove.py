"""Removing one's own products: what goes, what stays, and what a kill leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_products
import xarray as xr

from hven.core.errors import AccessDeniedError, ConflictError, DatasetNotFoundError
from hven.model.collection import Collection, CollectionKind, Validity
from hven.observatory import connect
from hven.registry.rebuild import rebuild
from hven.store.user_space import TRASH


def saved(obs, name="flat", **more):
    return obs.save(xr.Dataset({"a": ("x", np.arange(5))}), name, observation="a", instrument="tiny", **more)


def trash(obs):
    folder = obs.root / "users" / "ada" / TRASH
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def index(obs):
    return sorted(p.id for p in obs.registry.owned("ada"))


def agrees(obs, tmp_path):
    """Whether a registry made anew from the disk holds the same products of Ada's."""
    url = f"sqlite:///{tmp_path}/again.sqlite"
    rebuild(url, obs.root)
    with connect(obs.settings.model_copy(update={"registry_url": url})) as again:
        return index(again) == index(obs)


def test_nothing_happens_unless_one_means_it(obs):
    product = saved(obs)
    removal = obs.remove(product)

    assert (removal.products, removal.done, removal.bytes) == ((product,), False, product.size_bytes)
    assert (index(obs), trash(obs)) == ([product.id], [])


def test_a_removed_product_lies_in_the_trash_until_that_is_emptied(obs, tmp_path):
    product, kept = saved(obs), saved(obs)
    used = obs.space().used
    obs.remove(product, really=True)

    assert (index(obs), trash(obs)) == ([kept.id], [product.id])
    assert not (obs.root / product.path).exists()
    assert obs.space().used == pytest.approx(used, abs=2000)
    assert agrees(obs, tmp_path)
    assert obs.empty_trash() > 0
    assert trash(obs) == [product.id]
    assert obs.empty_trash(really=True) > 0
    assert trash(obs) == []
    assert obs.space().used < used


def test_an_unregistered_product_is_removed_too(obs):
    product = saved(obs)
    obs.registry.remove([product.id])
    obs.remove(product.id, really=True)

    assert trash(obs) == [product.id]


def test_the_latest_is_no_longer_current(obs):
    product = saved(obs)
    assert (obs.root / product.path.parent / "current").exists()
    obs.remove(product, really=True)

    assert not (obs.root / product.path.parent / "current").exists()


def test_somebody_elses_product_is_refused(obs):
    product = saved(obs)
    obs.user = "bert"

    with pytest.raises(AccessDeniedError, match="is not bert's"):
        obs.remove(product, really=True)
    assert (obs.root / product.path).exists()


def test_a_shared_product_is_refused(obs):
    with pytest.raises(AccessDeniedError, match="is not ada's"):
        obs.remove(obs.registry.find()[0], really=True)


def test_an_unknown_product_is_an_error(obs):
    with pytest.raises(DatasetNotFoundError):
        obs.remove("019a0000-0000-7000-8000-000000000000", really=True)


@pytest.mark.parametrize("words", ["../../../etc", "users/ada", "", "current"])
def test_what_is_no_id_is_an_error(obs, words):
    with pytest.raises(DatasetNotFoundError):
        obs.remove(words, really=True)


def test_what_a_shared_product_was_made_from_must_stay(obs):
    product = saved(obs)
    made = small_products.publish(obs.root, run="tiny/runs/all/1", inputs=[product])
    obs.registry.register([made], inputs={made.id: [product.id]})

    with pytest.raises(ConflictError, match="was made from it"):
        obs.remove(product, really=True)
    assert (index(obs), trash(obs)) == ([product.id], [])


def test_what_ones_own_product_was_made_from_may_go_and_it_is_said(obs):
    product = saved(obs)
    saved(obs, "more", inputs=[obs.open_product(product)])

    assert obs.remove(product).used_by == 1
    assert obs.remove(product, really=True).done


@pytest.mark.parametrize("holder", ["u/bert/best", "tiny/best"])
def test_what_others_have_tagged_must_stay(obs, holder):
    product = saved(obs)
    obs.registry.define(Collection(holder, CollectionKind.TAGGED))
    obs.registry.tag(holder, [product.id])

    with pytest.raises(ConflictError, match="a collection that is not yours holds it"):
        obs.remove(product, really=True)


def test_what_others_have_certified_must_stay(obs):
    product = saved(obs)
    obs.registry.certify("tiny/calib/flats", Validity(product.id, 0, 10))

    with pytest.raises(ConflictError, match="certified"):
        obs.remove(product, really=True)


def test_ones_own_tag_holds_nothing(obs, tmp_path):
    product = saved(obs)
    obs.registry.define(Collection("u/ada/best", CollectionKind.TAGGED))
    obs.registry.tag("u/ada/best", [product.id])
    obs.registry.certify("u/ada/calib", Validity(product.id, 0, 10))
    obs.remove(product, really=True)

    assert obs.registry.find(collection="u/ada/best") == []
    assert agrees(obs, tmp_path)


def test_when_one_must_stay_none_goes(obs):
    first, second = saved(obs), saved(obs)
    obs.registry.define(Collection("tiny/best", CollectionKind.TAGGED))
    obs.registry.tag("tiny/best", [second.id])

    with pytest.raises(ConflictError):
        obs.remove(first, second, really=True)
    assert trash(obs) == []


def test_a_link_in_the_place_of_a_product_is_refused(obs, tmp_path):
    product = saved(obs)
    place = obs.root / product.path
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConflictError, match="no product in a folder"):
        obs.remove(product, really=True)
    assert (tmp_path / "elsewhere" / "manifest.json").exists()


def test_links_in_the_trash_are_removed_and_not_followed(obs, tmp_path):
    product = saved(obs)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    obs.remove(product, really=True)
    folder = obs.root / "users" / "ada" / TRASH / product.id
    (folder / "link").symlink_to(precious)
    obs.empty_trash(really=True)

    assert (precious / "file").read_text() == "mine"
    assert trash(obs) == []


def test_what_became_protected_while_it_was_removed_is_put_back(obs, monkeypatch):
    import hven.retention.remove as module

    product = saved(obs)
    real = module.move_to_trash

    def move(root, path):
        real(root, path)
        obs.registry.define(Collection("tiny/best", CollectionKind.TAGGED))
        obs.registry.tag("tiny/best", [product.id])

    monkeypatch.setattr(module, "move_to_trash", move)
    obs.remove(product, really=True)

    assert (index(obs), trash(obs)) == ([product.id], [])
    assert (obs.root / product.path / "manifest.json").exists()


KILLED = """
import os, sys
import hven.retention.remove as module, hven.store.user_space as space
from hven.observatory import connect
from hven.registry.direct import DirectRegistry
when, site, *ids = sys.argv[1:]
def killing(do):
    def wrapped(*a, **k):
        if when.startswith("before"): os._exit(9)
        done = do(*a, **k)
        os._exit(9)
    return wrapped
if "move" in when: module.move_to_trash = killing(module.move_to_trash)
if "forget" in when: DirectRegistry.remove = killing(DirectRegistry.remove)
if "fsync" in when: space.fsync_folder = killing(space.fsync_folder)
if "delete" in when:
    real = os.unlink
    def unlink(*a, **k):
        real(*a, **k)
        os._exit(9)
    os.unlink = unlink
with connect(site) as obs:
    obs.user = "ada"
    if "delete" in when: obs.empty_trash(really=True)
    else: obs.remove(*ids, really=True)
"""


@pytest.mark.parametrize("when", ["before move", "after move", "before fsync", "before forget", "after forget"])
def test_a_killed_removal_is_finished_by_the_next_look(obs, when, tmp_path):
    products = [saved(obs) for _ in range(3)]
    _kill(obs, tmp_path, when, *(p.id for p in products))
    moved = trash(obs)

    obs.space()
    assert sorted([*index(obs), *trash(obs)]) == sorted(p.id for p in products)
    assert trash(obs) == moved
    assert agrees(obs, tmp_path)
    obs.remove(*index(obs), really=True) if index(obs) else None
    assert (index(obs), trash(obs)) == ([], sorted(p.id for p in products))
    assert agrees(obs, tmp_path)


def test_a_killed_deletion_is_finished_by_the_next(obs, tmp_path):
    product = saved(obs)
    obs.remove(product, really=True)
    _kill(obs, tmp_path, "after delete")

    assert trash(obs) == [product.id]
    obs.empty_trash(really=True)
    assert trash(obs) == []


def _kill(obs, folder: Path, when: str, *ids: str) -> None:
    import yaml

    site = folder / "killed.yaml"
    values = {**obs.settings.model_dump(mode="json"), "instruments": []}
    site.write_text(yaml.safe_dump(values))
    done = subprocess.run([sys.executable, "-c", KILLED, when, str(site), *ids], check=False)
    assert done.returncode == 9
