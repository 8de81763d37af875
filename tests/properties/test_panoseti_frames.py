"""Files of frames, whatever stands in them: they come back byte for byte, and a broken byte is named."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hven.core.errors import FormatError
from hven.instruments import load
from hven.instruments.panoseti.layouts import layouts_of
from hven.instruments.panoseti.pff import frame_bytes, open_file
from hven.instruments.panoseti.products import PRODUCTS

CASES = [(p, layout) for p in PRODUCTS.values() for layout in layouts_of(p)]
cases = st.sampled_from(CASES)
seeds = st.integers(0, 2**32 - 1)


def random_frames(product, layout, frames, seed):
    """Numbers of any allowed size and pixels of any value; some quabos are missing."""
    rng = np.random.default_rng(seed)
    digits = rng.integers(0, 11, (frames, len(layout.keys)))
    values = np.minimum(rng.integers(0, 10**digits), layout.limits)
    values[:, layout.keys.index("pkt_num")] += 1  # somebody sent a packet
    values = np.minimum(values, layout.limits)
    if product.whole_module:
        quabos = values.reshape(frames, 4, -1)
        quabos[:, 1:][rng.random((frames, 3)) < 0.2] = 0
    info = np.iinfo(np.dtype(product.dtype))
    images = rng.integers(info.min, info.max, (frames, product.side, product.side), endpoint=True)
    return values, images.astype(product.dtype)


def file_of(folder, product, content, sequence=0):
    path = Path(folder) / (
        f"start_2025-10-22T07-18-22Z.dp_{product.name}.bpp_{product.bytes_per_pixel}.module_254.seqno_{sequence}.pff"
    )
    path.write_bytes(content)
    return path


@given(case=cases, frames=st.lists(st.integers(0, 5), min_size=1, max_size=3), seed=seeds, data=st.data())
def test_sequences_come_back_byte_for_byte(case, frames, seed, data):
    product, layout = case
    form = load("panoseti").formats[f"panoseti.{product.name}"]
    with tempfile.TemporaryDirectory() as folder:
        parts, paths, tails = [], [], []
        for sequence, count in enumerate(frames):
            content = frame_bytes(product, layout, *random_frames(product, layout, count + 1, seed + sequence))
            lengths = frame_lengths(product, layout, content, count + 1)
            tail = data.draw(st.integers(0, int(lengths[-1]) - 1)) if count else 0
            parts.append(content[: int(lengths[:-1].sum())].tobytes())
            tails.append(tail)
            paths.append(file_of(folder, product, content[: len(parts[-1]) + tail].tobytes(), sequence))
        inspection = form.inspect(paths)
        assert inspection.rows == sum(frames)
        assert inspection.tail_bytes == tuple(tails)
        assert inspection.row_offsets == tuple(np.cumsum([0, *frames[:-1]]).tolist())
        start, stop = sorted(data.draw(st.tuples(st.integers(0, sum(frames)), st.integers(0, sum(frames)))))
        whole = form.read(paths, 0, inspection.rows)
        assert b"".join(form.encode(whole)) == b"".join(parts)
        part = form.read(paths, start, stop)
        assert part.identical(whole.isel(time=slice(start, stop)))
        assert (np.diff(whole.seqno.values.astype(int)) >= 0).all()


def frame_lengths(product, layout, content, frames):
    """Bytes of each frame, found by the end of its header: an independent way."""
    if layout.size:
        return np.full(frames, layout.size + product.image_bytes)
    lengths, at = [], 0
    for _ in range(frames):
        header = content[at : at + 2000].tobytes().index(b"}\n}\n\n*") + 6
        lengths.append(header + product.image_bytes)
        at += lengths[-1]
    return np.array(lengths)


@given(case=cases, seed=seeds, data=st.data())
def test_a_broken_marker_is_named_by_frame_and_offset(case, seed, data):
    product, layout = case
    form = load("panoseti").formats[f"panoseti.{product.name}"]
    content = frame_bytes(product, layout, *random_frames(product, layout, 4, seed)).copy()
    lengths = frame_lengths(product, layout, content, 4)
    frame = data.draw(st.integers(0, 3))
    begin = int(lengths[:frame].sum())
    header = content[begin : begin + int(lengths[frame]) - product.image_bytes].tobytes()
    literal = [i for i, byte in enumerate(header) if not chr(byte).isdigit() and byte != ord(" ")]
    at = begin + data.draw(st.sampled_from(literal))
    content[at] = data.draw(st.sampled_from([b for b in (0, 35, 88, 255) if b != content[at]]))
    with tempfile.TemporaryDirectory() as folder:
        path = file_of(folder, product, content.tobytes())
        with pytest.raises(FormatError) as caught:
            form.inspect([path])
        assert (caught.value.path, caught.value.frame, caught.value.offset) == (path, frame, at)
        with pytest.raises(FormatError):
            form.read([path], 0, 4)


def header_pattern(layout):
    """What a header must be, said a second time: numbers right-aligned, no zero before them."""
    pieces = re.split(r"%(\d+)u", layout.template)
    pattern = [re.escape(pieces[0])]
    for width, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        pattern += [rf"(?=[ \d]{{{width}}}{re.escape(piece)}) *(0|[1-9]\d*)", re.escape(piece)]
    return re.compile("".join(pattern).encode(), re.DOTALL)


@given(case=cases, seed=seeds, data=st.data())
def test_a_header_with_another_byte_is_refused_or_read_as_its_pattern_says(case, seed, data):
    product, layout = case
    assume(layout.size)
    form = load("panoseti").formats[f"panoseti.{product.name}"]
    content = frame_bytes(product, layout, *random_frames(product, layout, 3, seed)).copy()
    begin = layout.size + product.image_bytes
    at = begin + data.draw(st.integers(0, layout.size - 1))
    content[at] = data.draw(st.sampled_from(b" 0123456789/:-\x00\xff"))
    match = header_pattern(layout).fullmatch(content[begin : begin + layout.size].tobytes())
    numbers = [int(n) for n in match.groups()] if match else []
    good = bool(match) and all(n <= limit for n, limit in zip(numbers, layout.limits, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = file_of(folder, product, content.tobytes())
        if good:
            assert form.inspect([path]).rows == 3
            assert open_file(path, product).read(np.array([1]), pixels=False)[0].tolist() == [numbers]
        else:
            with pytest.raises(FormatError) as caught:
                form.inspect([path])
            assert caught.value.frame == 1


@given(case=cases, seed=seeds, lost=st.integers(1, 200))
def test_bytes_lost_inside_a_file_are_never_read_as_frames(case, seed, lost):
    product, layout = case
    form = load("panoseti").formats[f"panoseti.{product.name}"]
    content = frame_bytes(product, layout, *random_frames(product, layout, 4, seed)).tobytes()
    middle = len(content) // 2
    assume(layout.size or not content[middle : middle + lost].isdigit())  # a shorter number is as good as a longer one
    with tempfile.TemporaryDirectory() as folder:
        path = file_of(folder, product, content[:middle] + content[middle + lost :])
        with pytest.raises(FormatError):
            form.inspect([path])
