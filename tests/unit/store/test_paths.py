from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hven.core.errors import ConfigurationError
from hven.model.data_id import INTEGER_KEYS, KEYS, DataId, DatasetRef, Level, TypeName
from hven.store.paths import data_id_folder, parse_product_path, product_path, raw_folder
from hven.store.version import new_version

NASTY = st.sampled_from(
    [".", "..", "../..", "/etc", "a/b", "all", "raw", ".part-x", "a,b=c", "%2e%2e", "~", "-", "é", "a b", "\n", "\0"]
)
TEXT = st.one_of(NASTY, st.text(min_size=1, max_size=20))
VERSION = "0198c0de-0000-7000-8000-000000000000"


@st.composite
def refs(draw: st.DrawFn) -> DatasetRef:
    keys = draw(st.sets(st.sampled_from(KEYS)))
    values = {k: draw(st.integers(-(2**63), 2**63 - 1) if k in INTEGER_KEYS else TEXT) for k in keys}
    return DatasetRef(TypeName(draw(st.sampled_from(Level)), draw(TEXT)), DataId(values))


@given(refs(), st.one_of(st.just(""), TEXT))
def test_parsing_is_the_inverse_of_making(ref: DatasetRef, user: str):
    parsed = parse_product_path(product_path(ref, VERSION, user=user))

    assert (parsed.ref, parsed.version, parsed.user) == (ref, VERSION, user)


@given(refs(), refs(), st.one_of(st.just(""), TEXT), st.one_of(st.just(""), TEXT))
def test_two_datasets_never_share_a_folder(one: DatasetRef, other: DatasetRef, user: str, other_user: str):
    same = (one, user) == (other, other_user)

    assert (data_id_folder(one, user=user) == data_id_folder(other, user=other_user)) == same


@given(refs(), TEXT)
def test_paths_stay_below_the_root_and_are_never_hidden(ref: DatasetRef, user: str):
    path = product_path(ref, VERSION, user=user)

    assert not path.is_absolute()
    assert os.path.normpath(path) == str(path)
    assert not any(part.startswith(".") for part in path.parts)
    assert "\0" not in str(path)


@given(TEXT, st.integers(), TEXT)
def test_raw_folders_stay_below_l0(instrument: str, day: int, observation: str):
    path = raw_folder(instrument, day, observation)

    assert path.parts[0] == "L0"
    assert path.parts[-1] == "raw"
    assert len(path.parts) == 5
    assert os.path.normpath(path) == str(path)


@given(st.text())
def test_a_path_that_is_not_ours_is_refused_or_made_again_exactly(text: str):
    try:
        parsed = parse_product_path(text)
    except ConfigurationError:
        return
    assert product_path(parsed.ref, parsed.version, user=parsed.user) == PurePosixPath(text)


@pytest.mark.parametrize(
    "path",
    [
        "L1/panoseti/panoseti.img16/detector=01/" + VERSION,
        "L1/panoseti/panoseti.img16/detector=1,detector=1/" + VERSION,
        "L1/../panoseti.img16/all/" + VERSION,
        "L9/panoseti/panoseti.img16/all/" + VERSION,
        "L1/panoseti/panoseti.img16/all/latest",
        "/L1/panoseti/panoseti.img16/all/" + VERSION,
        "L1/panoseti/panoseti%2Eimg16/all/" + VERSION,
    ],
)
def test_paths_that_look_like_ours_are_refused(path: str):
    with pytest.raises(ConfigurationError):
        parse_product_path(path)


def test_the_layout_is_the_one_people_are_told():
    data_id = DataId(instrument="panoseti", day_obs=20251021, observation="crab.20251022T071822Z", detector=254)
    ref = DatasetRef(TypeName.parse("L1/panoseti.ph1024"), data_id)

    folder = "L1/panoseti/20251021/crab.20251022T071822Z/panoseti.ph1024/detector=254"
    assert str(data_id_folder(ref)) == folder
    assert str(data_id_folder(ref, user="ada")) == f"users/ada/{folder}"


def test_an_empty_value_names_nothing():
    with pytest.raises(ConfigurationError):
        data_id_folder(DatasetRef(TypeName.parse("L1/a.b"), DataId(observation="")))


def test_versions_sort_by_the_time_they_were_begun():
    versions = [new_version() for _ in range(50)]

    assert versions == sorted(versions)
