"""Somebody who has no room left: a home disk without a free byte, and more own products than a person may have."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import small_products
from accounts import Account
from people import Person, Platform

from hven.hub.machine.folders import bring_about, user_folder
from hven.observatory import connect

QUOTA_GB = 0.02
PRODUCTS = 6
"""All of them are more than the quota, one is not."""

_NUMBERS = 500_000


@contextmanager
def full_home(account: Account) -> Iterator[Path]:
    """Let somebody's home be a disk of 2 MB without a free byte."""
    home = account.home
    options = f"size=2m,mode=0700,uid={account.uid},gid={account.gid}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "hvt-full", home], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        with contextlib.suppress(OSError), (home / "big.dat").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        os.chown(home / "big.dat", account.uid, account.gid)
        yield home
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)


def fill_own_space(platform: Platform, account: Account) -> Person:
    """Give somebody, who then is logged in, more products than they may have."""
    settings, random = platform.site.settings, np.random.default_rng(1)
    bring_about(user_folder(settings, settings.server, account.name))
    person = platform.person(account)
    with connect(settings) as obs:
        for _ in range(PRODUCTS):
            numbers = random.integers(1 << 62, size=_NUMBERS)
            made = small_products.publish(
                settings.root, run=f"u/{account.name}/flat", user=account.name, maker=account.name, numbers=numbers
            )
            for path in (settings.root / "users" / account.name).rglob("*"):
                os.chown(path, account.uid, account.gid, follow_symlinks=False)
            obs.registry.register([made], inputs={})
    return person
