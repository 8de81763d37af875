"""Observations found below a path."""

from __future__ import annotations

import pytest

from hven.instruments.panoseti.names import parse_file_name, parse_run_name

GOOD = "start_2025-11-04T07-18-22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff"


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_names_in_every_time_style():
    for time in ("2025-10-22T07:18:22Z", "2025-10-22T07-18-22Z", "2025-10-22T07_18_22Z"):
        found = parse_file_name(f"start_{time}.dp_ph1024.bpp_2.module_254.seqno_3.pff")
        assert (found.product, found.module, found.sequence) == ("ph1024", 254, 3)
        run = parse_run_name(f"obs_Lick.start_{time}.runtype_sci-data.pffd")
        assert run.observation == "Lick.20251022T071822Z"
        assert run.start_ns == found.start_ns
    assert parse_file_name("start_2022-09-28T23:16:52Z.dp_img16.bpp_2.dome_0.module_1.seqno_0.pff").module == 1
    assert parse_file_name("start_2025-10-22T07:18:22Z.dp_img32.bpp_2.module_1.seqno_0.pff") is None


@pytest.mark.parametrize(
    ("time", "numbers", "says"),
    [
        ("2025-13-45T99-18-22Z", "module_254.seqno_0", "'2025-13-45T99:18:22Z' is no time"),
        ("2500-11-15T07-18-22Z", "module_254.seqno_0", "no time that can be kept"),
        ("2025-11-05T07-18-22Z", "module_99999999999999999999.seqno_0", "module number in the name is above 65535"),
        ("2025-11-05T07-18-22Z", "module_254.seqno_70000", "sequence number in the name is above 65535"),
    ],
)
def test_a_name_that_cannot_be_is_told_with_the_file_and_hides_no_other(panoseti, tmp_path, time, numbers, says):
    good, bad = (
        "start_2025-11-04T07-18-22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff",
        f"start_{time}.dp_ph1024.bpp_2.{numbers}.pff",
    )
    touch(tmp_path / "loose", good, bad)
    touch(tmp_path / "obs_Lick.start_2025-10-22T00:00:00Z.runtype_sci-data.pffd", good, bad)

    for folder in (tmp_path / "loose", tmp_path):
        files = {(f.name, f.problem) for o in panoseti.recognise(folder) for f in o.files}
        assert {name for name, problem in files if not problem} == {good}
        ((name, problem),) = {(name, problem) for name, problem in files if problem}
        assert name == bad
        assert says in problem


def test_a_run_whose_name_holds_no_time_is_a_folder_like_others(panoseti, tmp_path):
    touch(
        tmp_path / "obs_Lick.start_2025-13-22T00:00:00Z.runtype_sci-data.pffd",
        "start_2025-11-04T07-18-22Z.dp_ph1024.bpp_2.module_254.seqno_0.pff",
    )

    assert [o.observation for o in panoseti.recognise(tmp_path)] == ["loose.20251104T071822Z"]


def test_names_are_written_as_they_are_read():
    for name in ("start_2025-10-22T07:18:22Z.dp_img8.bpp_1.module_1.seqno_12.pff",):
        assert str(parse_file_name(name)) == name
    run = "obs_UCB_lab.start_2023-08-02T00:39:47Z.runtype_pe-steps.pffd"
    assert str(parse_run_name(run)) == run


def test_a_run_directory_with_roles_and_sequences_in_order(panoseti, tmp_path):
    frames = [f"start_2025-10-22T0{n % 9}:00:00Z.dp_img16.bpp_2.module_1.seqno_{n}.pff" for n in (0, 10, 2, 1)]
    run = touch(tmp_path / "obs_Lick.start_2025-10-22T00:00:00Z.runtype_sci-data.pffd", *frames)
    touch(run, "hk.pff", "obs_config.json", "log.txt", "hp_stdout_daq1", "recording_ended")
    (found,) = panoseti.recognise(tmp_path)
    assert not found.complete
    assert found.observation == "Lick.20251022T000000Z"
    roles = {f.name: (f.role, f.dataset_type) for f in found.files}
    assert roles["hk.pff"] == ("data", "panoseti.housekeeping")
    assert roles["obs_config.json"] == ("configuration", "")
    assert roles["log.txt"] == roles["hp_stdout_daq1"] == ("log", "")
    assert roles["recording_ended"] == ("sentinel", "")
    sequence = [f for f in found.files if f.dataset_type == "panoseti.img16"]
    assert [f.sequence for f in sequence] == [0, 1, 2, 10]
    assert {f.data_id["detector"] for f in sequence} == {1}
    (run / "run_complete").touch()
    assert [o.complete for o in panoseti.recognise(run)] == [True]
    assert [o.observation for o in panoseti.recognise(run / "hk.pff")] == [found.observation]


def test_what_a_copier_is_still_delivering_is_passed_over(panoseti, tmp_path):
    run = touch(tmp_path / "obs_Lick.start_2025-10-22T00:00:00Z.runtype_sci-data.pffd", "hk.pff", "run_complete")
    touch(run, ".start_2025-10-22T00:00:00Z.dp_img16.bpp_2.module_1.seqno_0.pff.Xq3Zt9")
    touch(run / ".partial", "start_2025-10-22T00:00:00Z.dp_img16.bpp_2.module_1.seqno_0.pff")

    (found,) = panoseti.recognise(tmp_path)

    assert {f.name for f in found.files} == {"hk.pff", "run_complete"}


def test_loose_files_of_one_start_are_one_observation_and_sequences_stay_together(panoseti, tmp_path):
    touch(
        tmp_path / "deep",
        "start_2025-10-22T07-18-22Z.dp_ph1024.bpp_2.module_1.seqno_0.pff",
        "start_2025-10-22T07-18-22Z.dp_ph1024.bpp_2.module_3.seqno_0.pff",
        "start_2025-10-22T07-44-22Z.dp_ph1024.bpp_2.module_1.seqno_1.pff",
        "start_2025-10-23T07-18-22Z.dp_img16.bpp_2.module_1.seqno_0.pff",
        "notes.txt",
    )
    found = {o.observation: o for o in panoseti.recognise(tmp_path)}
    assert list(found) == ["loose.20251022T071822Z", "loose.20251023T071822Z"]
    assert len(found["loose.20251022T071822Z"].files) == 3
    later = tmp_path / "deep" / "start_2025-10-22T07-44-22Z.dp_ph1024.bpp_2.module_1.seqno_1.pff"
    (alone,) = panoseti.recognise(later)
    assert alone.observation == "loose.20251022T071822Z"
    assert [f.path for f in alone.files] == [later]


def test_genuine_folders(panoseti, real_data):
    found = {o.observation: o for o in panoseti.recognise(real_data / "panoseti")}
    assert {"Lick.20240725T043406Z", "UCB_lab.20230802T003947Z", "loose.20251022T071822Z"} <= set(found)
    assert found["UCB_lab.20230802T003947Z"].complete
    assert not found["Lick.20240725T043406Z"].complete
    assert len(found) == 6


def test_what_is_not_ours_gives_nothing(panoseti, tmp_path):
    touch(tmp_path, "image.fits", "start_of_something.pff")
    assert list(panoseti.recognise(tmp_path)) == []
    assert list(panoseti.recognise(tmp_path / "image.fits")) == []
    assert list(panoseti.recognise(tmp_path / "absent")) == []
