"""Documentation that is out of date fails."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

import hven.cli.main as cli

FENCE = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


def pages(repository):
    return [repository / "README.md", repository / "CONTRIBUTING.md", *sorted((repository / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def commands():
    return typer.main.get_command(cli.app)


def _lines(page):
    for block in FENCE.findall(page.read_text()):
        for line in block.splitlines():
            yield line.removeprefix("$ ").partition(" #")[0].strip()


def _check(command, words):
    """Walk down the command groups, then look every option up."""
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"{command.name} has no command {name}"
        command = command.commands[name]
    options = {text for p in command.params for text in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
    for word in words:
        if word.startswith("-") and not re.fullmatch(r"-[\d.]+", word):
            assert word.partition("=")[0] in options, f"{command.name} has no option {word}"


def test_every_command_in_the_docs_exists(repository, commands):
    checked = 0
    for page in pages(repository):
        for line in _lines(page):
            words = shlex.split(line)
            if words[:1] == ["hven"]:
                _check(commands, words[1:])
                checked += 1
    assert checked >= 10


def test_every_make_target_in_the_docs_exists(repository):
    makefile = (repository / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    for page in pages(repository):
        for line in _lines(page):
            words = shlex.split(line)
            if words[:1] == ["make"]:
                assert words[1] in targets, f"{page.name}: make {words[1]}"


def test_every_link_in_the_docs_leads_somewhere(repository):
    broken = [
        f"{page.name}: {target}"
        for page in pages(repository)
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]

    assert not broken


def test_every_command_explains_itself(commands):
    silent = [name for name, command in commands.commands.items() if not command.hidden and not command.help]

    assert not silent
