"""State is in the address."""

from __future__ import annotations

from types import SimpleNamespace

import panel as pn

from hven.views.url import Url


def test_a_change_is_written_and_an_empty_value_removed():
    location = SimpleNamespace(search="")
    url = Url(location, night="20251021", detector="254")
    url.set(detector="", level="L1")
    assert location.search == "?night=20251021&level=L1"


def test_a_widget_writes_its_value():
    location = SimpleNamespace(search="")
    widget = Url(location).follow(pn.widgets.Select(options=["a", "b"], value="a"), "what")
    widget.value = "b"
    assert location.search == "?what=b"


def test_a_link_escapes_values():
    assert Url().to("observation", observation="a&b c") == "./observation?observation=a%26b+c"


def test_a_number_that_is_none_is_none():
    assert Url(night="tomorrow").whole("night") is None
    assert Url(night="20251021").whole("night") == 20251021
