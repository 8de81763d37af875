from __future__ import annotations

import pytest

from hven.core.errors import DataError
from hven.registry.journal import Journal


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal" / "x.jsonl")


def test_entries_come_back_in_order(journal):
    journal.append([{"a": 1}, {"a": 2}])
    journal.append([{"a": "é\n"}])

    assert list(journal.entries()) == [{"a": 1}, {"a": 2}, {"a": "é\n"}]


def test_a_journal_that_is_not_there_is_empty(journal):
    assert list(journal.entries()) == []


@pytest.mark.parametrize("size", [7, 200_000])
def test_a_line_cut_by_a_crash_is_left_out_and_then_removed(journal, size):
    journal.append([{"a": 1}])
    with journal.path.open("ab") as file:
        file.write(b'{"a":"' + b"x" * size)

    assert list(journal.entries()) == [{"a": 1}]
    journal.append([{"a": 2}])
    assert list(journal.entries()) == [{"a": 1}, {"a": 2}]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(journal):
    journal.append([{"a": 1}])
    with journal.path.open("ab") as file:
        file.write(b"garbage\n")
    journal.append([{"a": 2}])

    with pytest.raises(DataError, match="line 2"):
        list(journal.entries())
