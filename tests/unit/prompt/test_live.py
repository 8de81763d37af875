"""Files from memory become results and files at the same time, and nothing stops the stream or gets lost."""

from __future__ import annotations

import errno
import json
import threading

import numpy as np
import pytest
from drop_series import OBSERVATION
from typer.testing import CliRunner

import hven
from hven.archive.ingest import Archive
from hven.cli.main import app
from hven.core.errors import ConfigurationError
from hven.instruments import load
from hven.prompt.queries import instruments, observations, picture, rows, status
from hven.prompt.source import MemorySource, Replay, Watched
from hven.prompt.spool import Spool
from hven.prompt.start import live

FAST = 1000.0


def replay(files):
    return Replay(iter([[(path, content)] for path, content in files.items()]), FAST)


def spooled(settings):
    return {p.name: p.read_bytes() for p in (settings.root / "incoming/live" / f"{OBSERVATION}.series").iterdir()}


def test_results_are_published_at_once_and_are_those_of_the_batch(ready, settings, files):
    with ready() as processing:
        found = processing.run(replay(files))
        published = [r for r in processing.gateway.since(0) if r.channel == "prompt"]
        prompt = {p.ref: p for p in processing.registry.find()}
    assert (found.received, found.stored, found.analysed, found.failed) == (12, 12, 12, 0)
    assert sorted((r.name, r.value["exposure"]) for r in published) == [
        (f"magis.drops/{camera}", number) for camera in (1, 2) for number in range(6)
    ]
    assert spooled(settings) == {path.name: content for path, content in files.items()}
    assert status(settings.root, "magis")["unarchived"] == 12
    with hven.connect(settings) as obs:
        archive = Archive(settings, obs.registry, [load("magis")])
        archive.ingest([settings.root / "incoming"])
        archive.close()
        obs.process("magis/analyse", shared=True)
        batch = {p.ref: p for p in obs.query("magis.drops")}
    assert {ref: p.digest for ref, p in prompt.items()} == {ref: p.digest for ref, p in batch.items()}
    assert all(p.flags == ("prompt",) for p in prompt.values())
    with ready() as processing:  # again: what is the same is not made again, and now all is archived
        processing.run(replay(files))
        assert len(processing.registry.find()) == len(prompt) + 3
    assert status(settings.root, "magis")["unarchived"] == 0


def test_pages_see_rows_and_the_last_picture(ready, settings, files):
    with ready() as processing:
        processing.run(replay(files))
    assert (instruments(settings.root), observations(settings.root, "magis")) == (["magis"], [OBSERVATION])
    table = rows(settings.root, "magis", OBSERVATION, "magis.drops")
    assert table.groupby("detector")["exposure"].apply(list).to_dict() == {1: [*range(6)], 2: [*range(6)]}
    pictures = picture(settings.root, "magis", OBSERVATION, "magis.pictures")
    assert set(pictures) == {1, 2}
    assert pictures[1]["light"].shape == pictures[1]["fit"].shape == (160, 120)
    assert 0.9 < pictures[1]["residual"].std() < 1.1
    assert rows(settings.root, "magis", "other", "magis.drops").empty
    assert status(settings.root, "panoseti") == {}


def test_files_beyond_the_memory_are_analysed_from_the_disk_and_that_is_said(ready, settings, files):
    image = len(next(c for p, c in files.items() if p.suffix == ".drops"))
    with ready(memory_gb=1.5 * image / 1e9) as processing:
        processing.run(replay(files))
        assert processing.memory.most <= 1.5 * image
        assert processing.memory.held == 0
    said = status(settings.root, "magis")
    assert (said["analysed"], said["stored"], said["failed"]) == (12, 12, 0)
    assert said["spilled"] > 0
    assert said["waited_s"] > 0


def test_a_disk_that_fails_for_a_while_loses_nothing(ready, settings, files, monkeypatch):
    store, failures = Spool.store, iter([True] * 3)

    def sometimes(self, delivery):
        if next(failures, False):
            raise OSError(errno.ENOSPC, "no space left")
        return store(self, delivery)

    monkeypatch.setattr(Spool, "store", sometimes)
    monkeypatch.setattr("hven.prompt.live._AGAIN_S", 0.01)
    with ready() as processing:
        found = processing.run(replay(files))
    assert (found.stored, found.analysed, found.trouble) == (12, 12, "")
    assert len(spooled(settings)) == 14


def test_a_late_configuration_a_late_file_and_a_torn_one_stop_nothing(ready, settings, files):
    torn, late = (next(p for p in files if p.name == f"camera_{n}.0002.drops") for n in (1, 2))
    order = {p: c for p, c in files.items() if p.name != "series.json" and p != late}
    order[torn] = order[torn][:-1]
    order |= {p: c for p, c in files.items() if p.name == "series.json" or p == late}
    with ready() as processing:
        found = processing.run(replay(order))
    assert (found.received, found.stored, found.analysed, found.failed) == (12, 12, 11, 1)
    assert found.failures[0]["file"].endswith("camera_1.0002.drops")
    assert "no whole row" in found.failures[0]["reason"]
    table = rows(settings.root, "magis", OBSERVATION, "magis.drops")
    assert table[table["detector"] == 2]["exposure"].tolist() == [*range(6)]  # in the order of the files


def test_a_watched_folder_gives_whole_files_and_waits_for_those_that_grow(ready, settings, files, tmp_path):
    folder = tmp_path / "cameras" / f"{OBSERVATION}.series"
    folder.mkdir(parents=True)
    for path, content in files.items():
        (folder / path.name).write_bytes(content)
    grows, torn = folder / "camera_1.0001.drops", folder / "camera_2.0001.drops"
    whole = grows.read_bytes()
    grows.write_bytes(whole[:1000])
    torn.write_bytes(torn.read_bytes()[:1000])
    (folder / ".camera_1.0009.drops").write_bytes(b"being copied")
    source = Watched(folder.parent, load("magis"), poll_s=0.01, patience_s=0.3)
    stop = threading.Event()
    with ready() as processing:
        worker = threading.Thread(target=processing.run, args=(source,), kwargs={"stop": stop.is_set})
        worker.start()
        grows.write_bytes(whole)
        while processing.status.analysed + processing.status.failed < 12:
            stop.wait(0.01)
        stop.set()
        worker.join()
        found = processing.status
    assert (found.received, found.analysed, found.failed) == (12, 11, 1)
    assert not (settings.root / "incoming").exists()  # it lies where it was delivered
    assert all("camera_2.0001.drops" in failure["file"] for failure in found.failures)
    with ready() as processing:  # started again: what had ended and was published is left alone
        again = Watched(folder.parent, load("magis"), poll_s=0.01, patience_s=0.3, done=processing.published)
        assert again.take(0.05) is None


def test_a_program_hands_files_over_from_memory(ready, files):
    source = MemorySource()

    def camera():
        for path, content in files.items():
            source.put(path, np.frombuffer(content, np.uint8))
        source.close()

    with ready() as processing:
        thread = threading.Thread(target=camera)
        thread.start()
        assert processing.run(source).analysed == 12
        thread.join()


def test_the_command_replays_an_observation(settings, files, tmp_path, monkeypatch):
    folder = tmp_path / f"{OBSERVATION}.series"
    folder.mkdir()
    for path, content in files.items():
        (folder / path.name).write_bytes(content)
    (tmp_path / "site.yaml").write_text(json.dumps({
        "root": str(settings.root), "state": str(settings.state), "instruments": ["magis"],
    }))  # fmt: skip
    monkeypatch.setattr("signal.signal", lambda *_: None)
    arguments = ["live", "magis/live", str(folder), "--replay", "1000", "--site", str(tmp_path / "site.yaml")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "12 files, 12 with results, 0 without" in done.output


def test_what_cannot_be_processed_live_is_refused(settings):
    with pytest.raises(ConfigurationError, match="does not name single files"), live(settings, "panoseti/calibrate"):
        pass
