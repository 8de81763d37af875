"""Reading YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, which takes a tenth of the time, wherever PyYAML was built with it."""


def read_yaml(file: Path) -> Any:
    """What a file holds; OSError where there is none, yaml.YAMLError where it is not YAML."""
    return yaml.load(file.read_text(), Loader=_LOADER)  # noqa: S506 - both loaders are safe
