"""The System page says which raw files were not taken, of what size, why and when."""

from __future__ import annotations

import re

import panel as pn
import pytest
import small_night
from bokeh.document import Document

from hven.archive import quarantine
from hven.core.clock import NS, parse_utc
from hven.model.instrument import RawFile, RawObservation
from hven.views import frame, warm
from hven.views.pages import system_quarantine
from hven.views.url import Url

BEGIN = parse_utc("2025-10-22T04:00:00")


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put a file of 3.28 MB into quarantine, so many minutes after the first."""

    def file(name, reason, minute=0, observation="crab.20251022T040000Z"):
        path = tmp_path / "incoming" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(3_280_000))
        monkeypatch.setattr(quarantine, "now_ns", lambda: BEGIN + minute * 60 * NS)
        of = RawObservation("panoseti", observation, 0, (), True)
        raw = RawFile(path, name, "data")
        return quarantine.record(tmp_path / "data", 20251021, of, raw, sha256=f"{minute:064x}", reason=reason)

    return file


def shown(folder):
    return system_quarantine.shown(system_quarantine.records(folder / "data"))


def rows(text):
    return [re.findall(r"<td class=[^>]*>(.*?)</td>", row) for row in text.split("<tr>")[2:]]


def test_a_file_is_shown_as_delivered_with_its_size_its_reason_and_when(tmp_path, put):
    put("a.pff", "other bytes under the same name")
    assert rows(shown(tmp_path)) == [[
        f"{tmp_path}/incoming/a.pff", "crab.20251022T040000Z", "3.28 MB", "other bytes under the same name",
        "2025-10-22 04:00:00",
    ]]  # fmt: skip


def test_the_system_page_says_why_a_file_was_not_taken(tmp_path, put):
    observatory = small_night.make(tmp_path, observations=())
    put("a.pff", "other bytes under the same name")
    page = frame.page("system", warm.PAGES["system"], observatory, Url())
    page.get_root(Document())
    text = " ".join(str(pane.object) for pane in page.select(pn.pane.HTML))
    observatory.close()
    assert "other bytes under the same name" in text
    assert "3.28 MB" in text


def test_the_newest_come_first_and_how_many_are_left_out_is_said(tmp_path, put, monkeypatch):
    monkeypatch.setattr(system_quarantine, "SHOWN", 2)
    for minute in (1, 3, 0, 2):
        put(f"{minute}.pff", "broken", minute)
    text = shown(tmp_path)
    assert [row[0].rsplit("/", 1)[1] for row in rows(text)] == ["3.pff", "2.pff"]
    assert "4 files" in text
    assert "2 more are older" in text


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"path": "<b>"'])
def test_a_record_that_cannot_be_read_breaks_nothing(tmp_path, put, content):
    put("a.pff", "broken")
    put("b.pff", "broken").with_name("<b>bad.json").write_bytes(content)
    text = shown(tmp_path)
    assert "a.pff" in text
    assert "&lt;b&gt;bad.json does not say" in text
    assert "<b>" not in text


def test_a_record_without_a_possible_time_breaks_nothing(tmp_path, put):
    record = put("a.pff", "broken")
    record.write_text(re.sub(r'"time_ns": *\d+', f'"time_ns": {10**30}', record.read_text()))
    assert "does not say" in shown(tmp_path)


def test_names_from_outside_are_text(tmp_path, put):
    put("<script>.pff", "marker <img src=x>", observation="<i>x")
    text = shown(tmp_path)
    assert "&lt;script&gt;.pff" in text
    assert "marker &lt;img" in text
    assert not re.search(r"<(script|img|i)[ >]", text)
