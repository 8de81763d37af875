from __future__ import annotations

import pytest

from hven.core.errors import ConfigurationError
from hven.widgets.options import Options

SCHEMA = {
    "properties": {
        "cell_s": {"type": "integer", "default": 60, "minimum": 1, "description": "Length <s>."},
        "clip": {"type": "number", "default": 5.0, "maximum": 10},
        "kind": {"enum": ["mean", "median"], "default": "mean", "type": "string"},
        "strict": {"type": "boolean", "default": False},
        "name": {"type": "string", "default": ""},
        "saturation": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        "edges": {"type": "array", "default": [1, 2]},
    }
}


def test_form_starts_from_what_the_pipeline_sets_and_sends_only_changes():
    options = Options(SCHEMA, {"clip": 4.0})
    assert options.fields["clip"].value == 4.0
    assert options.changed == {}

    options.fields["clip"].value = 5.0
    options.fields["kind"].value = "median"
    options.fields["strict"].value = True
    assert options.changed == {"clip": 5.0, "kind": "median", "strict": True}

    options.fields["clip"].value = 4.0
    assert "clip" not in options.changed


def test_values_without_a_field_of_their_own_are_written_as_json():
    options = Options(SCHEMA, {})
    assert (options.fields["saturation"].value, options.fields["edges"].value) == ("", "[1, 2]")

    options.fields["saturation"].value = "4095"
    options.fields["edges"].value = "[3]"

    assert options.changed == {"saturation": 4095, "edges": [3]}


def test_text_that_is_no_value_is_refused_by_name():
    options = Options(SCHEMA, {})
    options.fields["edges"].value = "[3"

    with pytest.raises(ConfigurationError, match="edges: cannot read"):
        _ = options.changed


def test_limits_of_the_schema_hold_in_the_field():
    options = Options(SCHEMA, {})
    options.fields["clip"].value = 99.0

    assert options.changed == {"clip": 10.0}


def test_meaning_stands_beside_the_field_as_text():
    rows = Options(SCHEMA, {}).box.children

    assert "Length &lt;s&gt;." in rows[0].children[1].value
