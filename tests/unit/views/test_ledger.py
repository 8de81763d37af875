"""The Ledger page shows how far nights have come, and what is amiss, to those who may see the instrument."""

from __future__ import annotations

import panel as pn
import pytest

from hven.archive.completeness.model import Finding, Kind, Line, Place
from hven.archive.completeness.store import CompletenessStore
from hven.model.access import Viewer
from hven.registry.database import Database
from hven.views import frame, warm
from hven.views.url import Url

NIGHT = Place("panoseti", 20251021)
RAW = {**NIGHT._asdict(), "observation": "crab.20251022T071822Z", "dataset_type": "panoseti.ph1024"}
LINES = [
    Line(**RAW, data_id="(detector=1)", announced=100, archived=100, files=1, bytes=9, whole=True, product="p",
         levels=("L1", "L2"), done=("L1",)),
    Line(**RAW, data_id="(detector=254)", announced=77, levels=("L1", "L2")),
]  # fmt: skip
LOST = Finding(
    kind=Kind.NOT_ARCHIVED, **NIGHT._asdict(), observation=RAW["observation"], path="L0/<b>", detail="77 frames"
)


@pytest.fixture
def store(night):
    database = Database(night.settings.platform_url)
    kept = CompletenessStore(database)
    kept.put(NIGHT, fingerprint="", logged=True, lines=LINES)
    kept.decide(NIGHT, set(Kind), [LOST])
    yield kept
    kept.decide(NIGHT, set(Kind), [])
    database.close()


def shown(observatory, **chosen):
    page = frame.page("ledger", warm.PAGES["ledger"], observatory, Url(**chosen))
    return " ".join(str(p.object) for p in page.select(pn.pane.HTML))


def test_nights_datasets_and_findings_are_shown(night, store):
    assert "not archived" not in shown(night.seen_by(Viewer("guest", frozenset())))
    text = shown(night)
    for words in ("2025-10-21", "1 of 2", "0 of 2", "FAIL", "not archived", "L0/&lt;b&gt;", "77 frames", "never"):
        assert words in text
    assert "crab" not in text

    text = shown(night, night="20251021")
    for words in ("Night 2025-10-21", "crab.20251022T071822Z", "(detector=254)", "All nights", ">yes<", ">no<"):
        assert words in text


def test_tonight_says_how_much_was_announced(night, store):
    house = Line(**{**RAW, "dataset_type": "panoseti.housekeeping"}, data_id="()", announced=5)
    more = [Line(**RAW, data_id=f"(detector={n})", announced=9) for n in range(2, 7)]
    store.put(NIGHT, fingerprint="2", logged=True, lines=[*LINES, *more, house])
    page = frame.page("tonight", warm.PAGES["tonight"], night, Url())
    text = " ".join(str(p.object) for p in page.select(pn.pane.HTML))
    assert "<b>7</b>announced" in text
    assert "<b>4 of 7</b>on disk, verified (L0)" in text

    store.put(NIGHT, fingerprint="3", logged=False, lines=LINES)
    page = frame.page("tonight", warm.PAGES["tonight"], night, Url())
    text = " ".join(str(p.object) for p in page.select(pn.pane.HTML))
    assert "announced" not in text
    assert "<b>4</b>on disk" in text
