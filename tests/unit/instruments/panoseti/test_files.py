"""Sequences of files, broken ones, and names that contradict their content."""

from __future__ import annotations

import numpy as np
import pytest

from hven.core.errors import FormatError
from hven.instruments.panoseti.products import PRODUCTS
from hven.instruments.panoseti.simulator import PALOMAR, Movie
from hven.instruments.panoseti.writer import FrameWriter, write_housekeeping

START = 1_761_102_000_000_000_000
IMG16 = PRODUCTS["img16"]


@pytest.fixture
def sequence(tmp_path):
    """Three files of a movie of 2500 frames whose packet numbers wrap."""
    writer = FrameWriter(tmp_path, IMG16, 1, max_bytes=1000 * 2540)
    for cell in Movie(PALOMAR[0], START, 100.0, 2500, seed=5).cells():
        headers = {**cell.headers, "pkt_num": (cell.headers["pkt_num"] * 0 + 64_000 + len(writer.paths) * 1000) % 65536}
        headers["pkt_num"] = (headers["pkt_num"] + np.arange(len(cell.times))[:, None]) % 65536
        writer.append(int(cell.times[0]), headers, cell.images)
    return writer.paths


def test_a_sequence_is_one_dataset_and_packet_numbers_wrap(panoseti, sequence):
    form = panoseti.formats["panoseti.img16"]
    inspection = form.inspect(sequence)
    assert (inspection.rows, inspection.row_offsets) == (2500, (0, 1000, 2000))
    frames = form.read(sequence, 900, 2100)
    assert np.unique(frames.seqno).tolist() == [0, 1, 2]
    assert frames.frame_in_file.values[[0, 99, 100, -1]].tolist() == [900, 999, 0, 99]
    numbers = form.read(sequence, 0, 2500).pkt_num.values[:, 0].astype(np.int64)
    assert (np.diff(numbers) % 65536 == 1).all()
    assert numbers.max() == 65535
    assert b"".join(form.encode(frames)) == b"".join(p.read_bytes() for p in sequence)[900 * 2540 : 2100 * 2540]


def test_a_broken_file_of_a_sequence_is_named(panoseti, sequence):
    content = bytearray(sequence[1].read_bytes())
    content[7 * 2540 + 491] = 0
    sequence[1].write_bytes(content)
    with pytest.raises(FormatError) as caught:
        panoseti.formats["panoseti.img16"].inspect(sequence)
    assert (caught.value.path, caught.value.frame, caught.value.offset) == (sequence[1], 7, 7 * 2540 + 491)


def test_bytes_that_begin_no_frame_are_no_tail(panoseti, sequence):
    with sequence[2].open("ab") as file:
        file.write(bytes(100))
    with pytest.raises(FormatError, match="frame 500, byte 1270000"):
        panoseti.formats["panoseti.img16"].inspect(sequence)


def test_a_name_that_contradicts_the_product_is_refused(panoseti, sequence):
    with pytest.raises(FormatError, match="the name says img16"):
        panoseti.formats["panoseti.ph1024"].inspect(sequence)


def test_a_frame_without_any_packet_is_refused(panoseti, tmp_path):
    writer = FrameWriter(tmp_path, IMG16, 1)
    zeros = {k: np.zeros((1, 4), np.int64) for k in ("pkt_num", "pkt_tai", "pkt_nsec", "tv_sec", "tv_usec")}
    writer.append(START, zeros, np.zeros((1, 32, 32), np.uint16))
    with pytest.raises(FormatError, match="no quabo sent a packet"):
        panoseti.formats["panoseti.img16"].read(writer.paths, 0, 1)


def test_an_empty_file_has_no_rows(panoseti, tmp_path):
    path = tmp_path / "start_2025-10-22T07:18:22Z.dp_img8.bpp_1.module_1.seqno_0.pff"
    path.touch()
    form = panoseti.formats["panoseti.img8"]
    assert form.inspect([path]).rows == 0
    assert form.read([path], 0, 0).sizes["time"] == 0
    assert form.attrs([path], {})["clock_status"] == "unsynchronised"


def test_a_broken_housekeeping_record_is_named(panoseti, tmp_path):
    reading = {"Computer_UTC": "1690936792.5", "POWER": "ON"}
    write_housekeeping(tmp_path, [("WPS", reading)] * 3)
    path, form = tmp_path / "hk.pff", panoseti.formats["panoseti.housekeeping"]
    content = path.read_bytes()
    length = len(content) // 3
    assert form.read([path], 1, 3).time.values[0] == np.datetime64("2023-08-02T00:39:52.500000000")
    path.write_bytes(content[:length] + b"x" + content[length + 1 :])
    with pytest.raises(FormatError) as caught:
        form.inspect([path])
    assert (caught.value.frame, caught.value.offset) == (1, length)
