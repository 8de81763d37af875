"""What must stay true of the tree itself."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess

import pytest

TOP_LEVEL = {
    ".ci",
    ".gitignore",
    ".python-version",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "catalogs",
    "dashboards",
    "docs",
    "environment.yml",
    "notebooks",
    "platform",
    "pyproject.toml",
    "requirements.lock",
    "src",
    "tests",
}
FORBIDDEN_NAMES = {"utils", "common", "helpers", "misc"}


@pytest.fixture(scope="module")
def tracked(repository):
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True)
    return [repository / line for line in listed.stdout.splitlines() if (repository / line).exists()]


@pytest.fixture(scope="module")
def functions(repository):
    return [
        (f"{path.relative_to(repository)}:{node.lineno} {node.name}", _length(node))
        for path in (repository / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def _length(node):
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_top_level_is_as_documented(tracked, repository):
    assert {p.relative_to(repository).parts[0] for p in tracked} == TOP_LEVEL


def test_platform_folder_is_no_package(repository):
    assert not list((repository / "platform").rglob("__init__.py"))


def test_no_room_for_odds_and_ends(repository):
    stems = {p.stem for p in (repository / "src").rglob("*")}

    assert not stems & FORBIDDEN_NAMES


def test_files_are_small(repository):
    long = {p.name: n for p in (repository / "src").rglob("*.py") if (n := len(p.read_text().splitlines())) > 500}

    assert not long


def test_functions_are_small(functions):
    long = {name: lines for name, lines in functions if lines > 80}

    assert not long
    assert statistics.median(lines for _, lines in functions) <= 12


def test_nothing_large_is_committed(tracked):
    large = {p.name: p.stat().st_size for p in tracked if p.stat().st_size > 500_000}

    assert not large


def test_no_package_index_and_no_machine_path_is_committed(tracked):
    hosts = "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", r"deb\." + "debian", "registry" + r"\.npmjs"))
    paths = "|".join(("/wo" + "rk/", "/ro" + r"ot/\.pyenv"))
    found = [
        str(path)
        for path in tracked
        if path.suffix not in {".png", ".gif"} and re.search(f"{hosts}|{paths}", path.read_text(errors="ignore"))
    ]

    assert not found


def test_genuine_data_is_named_only_by_its_variable(tracked, repository):
    word = "shared" + "/data"
    allowed = {"tests/conftest.py", "CONTRIBUTING.md", "tests/benchmarks/conftest.py"}
    found = {
        str(path.relative_to(repository))
        for path in tracked
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".ipynb", ""} and word in path.read_text(errors="ignore")
    }

    assert found <= allowed


def test_bare_uv_is_never_called(repository):
    text = (repository / "Makefile").read_text()

    assert not re.search(r"(?<![/\w.-])uv (pip|sync|venv|run)", text)
