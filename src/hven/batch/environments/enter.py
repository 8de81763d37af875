"""Go on in another environment, which was verified just before."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hven.batch.environments.shelf import shelf_of
from hven.batch.order import Order
from hven.core.errors import AccessDeniedError
from hven.core.settings import Settings

ORDER = "--order="
"""Argument of a runner: file descriptor from which it reads its order."""


def enter(settings: Settings, order: Order, arguments: Sequence[str]) -> None:
    """Replace this process by the runner of the order's environment; the standard input stays open for what follows.

    Raises
    ------
    ChecksumError, UnknownNameError
        When the environment is not as installed, or not installed.
    AccessDeniedError
        In an installation for many users, when it is not root's.
    """
    shelf = shelf_of(settings)
    version = shelf.resolve(order.environment)
    if settings.server is not None:
        _must_be_roots(shelf.folder / version)
    shelf.verify(version)
    python = str(shelf.python(version))
    stream = os.memfd_create("order")
    os.write(stream, replace(order, environment="").line())
    os.lseek(stream, 0, os.SEEK_SET)
    os.set_inheritable(stream, True)
    kept = [argument for argument in arguments if not argument.startswith(ORDER)]
    sys.stdout.flush()
    os.execv(python, [python, "-I", "-m", "hven.batch.runner", *kept, f"{ORDER}{stream}"])  # noqa: S606 - verified


def order_stream(arguments: Sequence[str]) -> int:
    """File descriptor of the order: the standard input unless an argument names another."""
    return next((int(a.removeprefix(ORDER)) for a in arguments if a.startswith(ORDER)), 0)


def _must_be_roots(folder: Path) -> None:
    for path in (folder, folder.parent):
        if path.stat().st_uid != 0:
            raise AccessDeniedError(f"{path} is not root's", hint="`sudo hven environment install` installs.")
