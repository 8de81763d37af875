from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from small_products import NIGHT, product, publish

from hven.core.errors import (
    AmbiguousNameError,
    ConfigurationError,
    DatasetNotFoundError,
    SchemaError,
    SettingsError,
    UnknownNameError,
)
from hven.core.settings import Settings
from hven.observatory import connect

TYPE = "panoseti.ph1024"


@pytest.fixture
def two(obs):
    made = [publish(obs.root, detector=d) for d in (1, 254)]
    obs.registry.register(made, inputs={})
    return made


def test_find_gives_a_table_with_exact_utc_times(obs, two):
    found = obs.find(TYPE, level="L1")

    assert found["detector"].tolist() == [1, 254]
    assert found["id"].tolist() == [p.id for p in two]
    assert found["begin"][0] == pd.Timestamp(NIGHT, tz="UTC")
    assert str(found["begin"].dtype) == "datetime64[ns, UTC]"
    assert (obs.root / found["path"][0]).is_dir()


def test_find_of_nothing_is_an_empty_table_with_the_same_columns(obs, two):
    empty = obs.find(TYPE, level="L0")

    assert len(empty) == 0
    assert {"begin", "rows", "id"} <= set(empty.columns)


def test_find_takes_names_in_every_form(obs, two):
    raw = product("L0/panoseti.ph1024", run="panoseti/raw/all")
    obs.registry.register([raw], inputs={})

    assert len(obs.find(TYPE)) == 3
    assert len(obs.find("L1/panoseti.ph1024", detector=[1, 254])) == 2
    assert len(obs.find(level="L1", where="detector > 1")) == 1
    assert len(obs.find()) == 3


def test_find_refuses_unknown_types_levels_and_keys(obs):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'panoseti\.ph1024'"):
        obs.find("panoseti.ph124")
    with pytest.raises(UnknownNameError, match="Known: L0, L1"):
        obs.find(TYPE, level="L3")
    with pytest.raises(UnknownNameError, match="Did you mean 'detector'"):
        obs.find(TYPE, detectr=1)


def test_open_gives_the_one_dataset_lazily(obs, two):
    opened = obs.open(TYPE, level="L1", detector=254)

    assert opened.hven.id == two[1].id
    assert opened.chunks["time"] == (3,)
    assert opened.time.to_numpy()[0] == np.datetime64(NIGHT, "ns")


def test_open_with_all_keys_and_with_a_condition_find_the_same(obs, two):
    keys = {"day_obs": 20251021, "observation": "crab.20251022T040000Z", "detector": 1}

    assert obs.one(TYPE, "L1", **keys) == obs.one(TYPE, "L1", where="detector == 1") == two[0]


def test_open_of_several_lists_them_and_what_tells_them_apart(obs, two):
    with pytest.raises(AmbiguousNameError, match=two[0].id) as caught:
        obs.open(TYPE, level="L1")

    assert caught.value.hint == "Add one of: detector."


def test_open_without_a_level_lists_the_levels(obs, two):
    with pytest.raises(AmbiguousNameError, match="levels L0, L1"):
        obs.open(TYPE, detector=1)


def test_open_of_nothing_says_why(obs):
    with pytest.raises(DatasetNotFoundError, match="no raw file has arrived"):
        obs.open(TYPE, level="L1", detector=1)


def test_a_level_may_be_left_out_where_there_is_one(obs):
    made = publish(obs.root, "L2/panoseti.showers")
    obs.registry.register([made], inputs={})

    assert obs.open("panoseti.showers").hven.id == made.id


def test_describe_names_units_and_meaning(obs):
    described = obs.describe(TYPE, "L1")

    assert described.table.loc["signal", "units"] == "adu"
    assert "one for each instrument, day_obs, observation, detector" in str(described)
    assert "signal" in described._repr_html_()


def test_an_observatory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        connect(Settings(root=tmp_path / "nowhere", state=tmp_path))


def test_a_site_file_names_the_observatory(obs, tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(f"root: {obs.root}\nstate: {obs.settings.state}\n")

    with connect(file) as again:
        assert again.root == obs.root
        assert "Palomar" in repr(again)


def test_save_keeps_where_it_comes_from(obs, two):
    source = obs.open(TYPE, level="L1", detector=1)
    mean = xr.Dataset({"mean": source["a"].mean().astype("float64")}).assign_attrs(comment="flat")

    saved = obs.save(mean, "my-flat", inputs=[source], notes={"why": "to try"})

    assert saved.run == f"u/{obs.user}/my-flat"
    assert saved.ref.data_id == two[0].ref.data_id
    again = obs.open("my-flat", collection=saved.run)
    assert float(again["mean"]) == 1.0
    assert again.attrs["comment"] == "flat"
    record = again.hven.provenance
    assert [(i.id, i.digest) for i in record.inputs] == [(two[0].id, two[0].digest)]
    assert record.notes == {"why": "to try"}
    assert obs.registry.inputs_of(saved.id) == [two[0].id]
    assert obs.find(collection=saved.run)["id"].tolist() == [saved.id]
    assert "my-flat" not in set(obs.find()["type"])


def test_save_follows_what_a_dataset_was_opened_from(obs, two):
    source = obs.open(TYPE, level="L1", detector=254)

    saved = obs.save(source.isel(time=slice(2)), "first", level="L1")

    assert obs.registry.inputs_of(saved.id) == [two[1].id]
    assert saved.rows == 2
    assert "hven_id" not in obs.open("first", collection=saved.run, chunks=None).drop_attrs().attrs


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "has no data ID"),
        ({"detector": 1, "level": "L0"}, "cannot be saved"),
        ({"detector": 1, "name": "a/b"}, "cannot name a product"),
    ],
)
def test_save_refuses_what_it_cannot_name(obs, arguments, problem):
    with pytest.raises(ConfigurationError, match=problem):
        obs.save(xr.Dataset({"a": 1}), **{"name": "x", **arguments})


def test_quality_decodes_flags(night):
    opened = night.query("panoseti.img16", level="L1")[0]
    dataset = night.open_product(opened)

    decoded = dataset.hven.quality

    values, attrs = dataset["quality"].to_numpy(), dataset["quality"].attrs
    bits = zip(attrs["flag_meanings"].split(), np.atleast_1d(attrs["flag_masks"]), strict=True)
    expected = {name: int((values & mask > 0).sum()) for name, mask in bits}
    rows = decoded[decoded["variable"] == "quality"]
    assert dict(zip(rows["flag"], rows["count"], strict=True)) == expected


def test_accessor_tells_provenance_data_id_and_variables(night):
    found = night.query("panoseti.img16", level="L1")[0]
    dataset = night.open_product(found).isel(time=slice(5))

    assert dataset.hven.data_id == found.ref.data_id
    assert dataset.hven.provenance.task == "frames.subtract_pedestal"
    assert dataset.hven.describe().loc["signal", "units"] == "count"


def test_accessor_says_what_it_cannot_know():
    strange = xr.Dataset({"a": 1})

    with pytest.raises(DatasetNotFoundError, match=r"obs\.open"):
        _ = strange.hven.provenance
    with pytest.raises(SchemaError, match="no flags"):
        _ = strange.hven.quality


def test_a_tree_holds_a_whole_observation(night):
    pulses = night.find("panoseti.img16", level="L1")["observation"][0]

    tree = night.tree(observation=pulses)

    assert tree.module_1.img16.sizes["y"] == 32
    assert tree.module_1.img16_pedestals.sizes["cell"] >= 1
    assert "housekeeping" in tree
    with pytest.raises(AmbiguousNameError, match="observations fit"):
        night.tree()
    with pytest.raises(DatasetNotFoundError, match="observation=none"):
        night.tree(observation="none")


def test_the_catalog_opens_what_open_opens(night):
    found = night.query("panoseti.img16", level="L1")[0]
    keys = {k: v for k, v in found.ref.data_id.items() if k != "instrument"}

    from_catalog = night.catalog()["L1/panoseti.img16"](**keys).read()

    assert from_catalog.identical(night.open_product(found, chunks=None))


def test_processing_again_makes_nothing_new(night):
    before = night.find("panoseti.img16", level="L1")["id"].tolist()

    report = night.process("panoseti/calibrate", where="detector == 1")

    assert report.records
    assert all(r.reused for r in report.records)
    assert night.find("panoseti.img16", level="L1")["id"].tolist() == before
    with pytest.raises(UnknownNameError, match="instrument"):
        night.process("nothing/calibrate")


@pytest.mark.parametrize("config", [{"ph1024.signal": 5}, 5])
def test_a_config_that_holds_no_options_is_refused_alike_everywhere(night, config):
    for verb in (night.process, night.estimate, night.submit):
        with pytest.raises(ConfigurationError, match="config has 5 where options of a step belong"):
            verb("panoseti/calibrate", config=config)


def test_an_address_is_no_client(night):
    with pytest.raises(ConfigurationError, match=r"client='tcp://127\.0\.0\.1:8786' is no Dask client"):
        night.process("panoseti/calibrate", client="tcp://127.0.0.1:8786")


def test_the_quality_of_what_holds_no_metrics_is_refused(obs, two):
    with pytest.raises(ConfigurationError, match=r"panoseti\.ph1024 is no table of metrics: it has no metric, unit"):
        obs.quality(two[0])


def test_an_estimate_counts_what_is_done(night):
    found = night.estimate("panoseti/calibrate")

    assert found.quanta == found.done > 0
    with pytest.raises(UnknownNameError, match="job class"):
        night.estimate("panoseti/calibrate", job_class="urgent")


def test_a_submitted_job_waits_with_its_number(obs, night):
    handle = night.submit("panoseti/calibrate", observation=night.find(level="L1")["observation"][0])

    assert handle.progress().user == night.user
    handle.cancel()


def test_pipelines_and_their_options_are_at_hand(obs):
    step = obs.pipelines()["panoseti/calibrate"].steps["img16.pedestals"]

    assert "cell_s" in obs.task_of(step).config.model_fields


def test_calibrations_are_certified_and_found(obs):
    gain = publish(obs.root, "L1/panoseti.gain", day_obs=None, observation=None)
    obs.registry.register([gain], inputs={})

    obs.certify(gain, "2025-10-21", "2025-10-23", "panoseti/calib/gain")

    assert obs.calibration("panoseti.gain", "2025-10-22T05:00", detector=1) == gain


def test_keys_may_come_out_of_a_table(obs, two):
    row = obs.find(TYPE, level="L1").iloc[1]

    assert obs.one(TYPE, "L1", detector=row["detector"]) == two[1]
    saved = obs.save(xr.Dataset({"a": 1}), "x", detector=row["detector"], day_obs=row["day_obs"])
    assert saved.ref.data_id["detector"] == 254


@pytest.mark.parametrize("dataset_type", ["", TYPE])
def test_a_level_that_does_not_exist_is_answered_with_those_that_do(obs, dataset_type):
    with pytest.raises(UnknownNameError, match="L9"):
        obs.find(dataset_type, level="L9")
    with pytest.raises(UnknownNameError, match="Known: L0, L1, L2"):
        obs.tree(level="L9")
    with pytest.raises(UnknownNameError, match="Known: L0, L1, L2"):
        obs.find("my-flat", level="l2", collection="u/ada/my-flat")


def test_an_empty_table_has_the_columns_of_a_full_one(obs, two):
    full = obs.find(TYPE, level="L1")

    nothing = obs.find(TYPE, level="L1", detector=77)

    assert len(nothing) == 0
    assert list(nothing.columns) == list(full.columns)
    assert {n: str(nothing[n].dtype) for n in ("begin", "end")} == {n: str(full[n].dtype) for n in ("begin", "end")}
    assert {"day_obs", "observation", "detector"} <= set(obs.find(observation="nothing").columns)
    assert "visit" in obs.find(visit=3).columns


def test_a_product_without_times_has_none_in_the_table(obs, two):
    timeless = publish(obs.root, detector=5, numbers=())
    obs.registry.register([timeless], inputs={})

    found = obs.find(TYPE, level="L1").set_index("id")

    assert found.loc[timeless.id, ["begin", "end"]].isna().all()
    assert found.loc[two[0].id, "begin"] == pd.Timestamp(NIGHT, tz="UTC")
    assert found["end"].dtype == "datetime64[ns, UTC]"


@pytest.mark.parametrize("name", ["my-flat", "panoseti.my-flat", "L2/panoseti.my-flat"])
def test_what_only_you_have_saved_is_answered_with_its_collection(obs, name):
    saved = obs.save(xr.Dataset({"a": 1}), "my-flat", detector=1)

    for ask in (obs.open, obs.explain, obs.describe, obs.find):
        with pytest.raises(UnknownNameError, match=f"You have it in {saved.run}"):
            ask(name)


def test_a_type_of_several_levels_is_answered_with_a_name_that_serves(obs):
    with pytest.raises(AmbiguousNameError, match=r"e\.g\. L1/panoseti\.ph1024\."):
        obs.describe(TYPE)
    assert obs.describe("L1/panoseti.ph1024").head.startswith("L1/panoseti.ph1024")
