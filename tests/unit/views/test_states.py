"""No two states of one kind look alike."""

from __future__ import annotations

import itertools

import pytest

from hven.batch.model import JobState
from hven.model.metric import Status
from hven.model.quantum import QuantumState
from hven.observatory.quanta import CUT_OFF
from hven.views.states import MARKS, chip, mark

VERDICTS = ("PASS", "WARN", "FAIL", "NO DATA")


@pytest.mark.parametrize("kind", [tuple(Status), (*QuantumState, CUT_OFF), tuple(JobState), VERDICTS])
def test_states_of_a_kind_differ_in_shape_and_word(kind):
    for one, other in itertools.combinations(kind, 2):
        assert MARKS[one].shape != MARKS[other].shape, (one, other)
        assert MARKS[one].word != MARKS[other].word


@pytest.mark.parametrize("word", VERDICTS)
def test_text_on_a_verdict_has_enough_contrast(word):
    shown = MARKS[word]
    light, dark = sorted((_luminance(shown.on), _luminance(shown.solid)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_chip_says_the_state_in_words():
    assert "blocked" in chip(QuantumState.BLOCKED)


def test_an_unknown_state_is_shown_as_itself():
    assert mark("levitating").word == "levitating"


def _luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
