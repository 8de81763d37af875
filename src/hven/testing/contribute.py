"""A package of one's own with a task, ready to be changed: `hven contribute new`."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from string import Template

from hven.core.errors import ConfigurationError, ConflictError

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "task.py.txt": "{module}/__init__.py",
    "pipeline.yaml.txt": "{module}/pipelines/{module}.yaml",
    "test_contract.py.txt": "tests/test_contract.py",
}


def new_package(name: str, above: Path) -> Path:
    """Write a package with a task, its dataset type, its pipeline and its contract tests; gives its folder.

    Raises
    ------
    ConfigurationError
        For a name that is not of lower-case words with ``-`` between.
    ConflictError
        When there is such a folder already.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name of a package", hint="Use lower-case words with - between.")
    folder = above / name
    if folder.exists():
        raise ConflictError(f"{folder} is there already")
    words = name.split("-")
    names = {
        "package": name,
        "module": "_".join(words),
        "title": " ".join(words).capitalize(),
        "camel": "".join(word.capitalize() for word in words),
    }
    for template, place in _FILES.items():
        target = folder / place.format(**names)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = resources.files("hven.testing").joinpath("template", template).read_text()
        target.write_text(Template(text).substitute(names))
    return folder
