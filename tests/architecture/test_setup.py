"""One source for every list of dependencies; nothing in the repository names a package index."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


LOCKS = ("requirements.lock", "platform/server/requirements.lock")
"""Of a checkout, and of an installation for many users, which has no test tools."""


def locked(repository, lock):
    """Versions by name."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (repository / lock).read_text(), re.MULTILINE))


def extras_of_lock(repository, lock=LOCKS[0]):
    recipe = re.search(r"^lock:.*?(?=^\S)", (repository / "Makefile").read_text(), re.MULTILINE | re.DOTALL)[0]
    (command,) = [c for c in recipe.split("\n\t@") if f"--output-file {lock} " in c]
    return set(re.findall(r"--extra (\w+)", command))


def named(requirements, project):
    """Names of requirements, with the project's own extras unfolded."""
    for requirement in map(Requirement, requirements):
        if requirement.name == project["name"]:
            for extra in requirement.extras:
                yield from named(project["optional-dependencies"][extra], project)
        else:
            yield requirement.name.lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_covers_every_dependency_of_its_extras(repository, project, lock):
    extras = [project["optional-dependencies"][e] for e in extras_of_lock(repository, lock)]
    wanted = {*named(project["dependencies"], project), *(n for extra in extras for n in named(extra, project))}

    assert wanted - set(locked(repository, lock)) == set()


def test_an_installation_has_the_tested_versions_and_no_test_tools(repository):
    checkout, server = (locked(repository, lock) for lock in LOCKS)

    assert {name: v for name, v in server.items() if checkout.get(name, v) != v} == {}
    assert {"pytest", "mypy", "ruff", "playwright", "hypothesis"} & set(server) == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(repository, lock):
    entries = re.split(r"^(?=[a-z0-9._-]+==)", (repository / lock).read_text(), flags=re.MULTILINE)

    assert [e.splitlines()[0] for e in entries if e and "--hash=sha256:" not in e] == []


def test_conda_environment_is_in_step(repository, project):
    environment = yaml.safe_load((repository / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    installed = Requirement(pip["pip"][0].removeprefix("-e ").replace(".", "hven", 1))

    assert f"python{project['requires-python']}" in conda
    assert {d.split(">=")[0] for d in conda} == {"python", "nodejs", "configurable-http-proxy", "pip"}
    assert installed.extras == extras_of_lock(repository)


def test_proxy_is_locked_with_digests(repository):
    import json

    packages = json.loads((repository / "platform/proxy/package-lock.json").read_text())["packages"]

    assert "node_modules/configurable-http-proxy" in packages
    assert [name for name, entry in packages.items() if name and not entry["integrity"].startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_nothing_names_a_package_index(repository):
    files = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=True).stdout
    index = re.compile(r"--(extra-)?index-url\s*[=\s]\s*\S*:|https?://[^\s\"]*(pypi|/simple/|npmjs)", re.IGNORECASE)

    found = []
    for name in files.splitlines():
        file = repository / name
        if file.suffix in {".png", ".zarr"} or not file.is_file():
            continue
        found += [
            f"{name}: {line.strip()}" for line in file.read_text(errors="replace").splitlines() if index.search(line)
        ]
    assert found == []


def test_platform_folder_never_becomes_a_package(repository):
    assert list((repository / "platform").rglob("__init__.py")) == []


def test_shell_scripts_are_posix_and_never_call_a_bare_uv(repository):
    scripts = [*(repository / "platform").glob("*.sh"), repository / ".ci/run"]
    for script in scripts:
        subprocess.run(["sh", "-n", script], check=True)
    recipes = "".join(file.read_text() for file in (repository / "Makefile", *scripts))

    assert re.findall(r"(?<![\w/._-])uv (?:pip|sync|venv|run)", recipes) == []
