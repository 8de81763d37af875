"""More people than the tests' own, made for a campaign and removed after it."""

from __future__ import annotations

import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import accounts as users
from accounts import Account, Accounts


@contextmanager
def crowd(accounts: Accounts, count: int) -> Iterator[list[Account]]:
    """So many members of the users' group, with the password of the others."""
    names = [f"hvt-crowd{number}" for number in range(count)]
    try:
        for name in names:
            users._add_person(name, [users.GROUPS["users_group"]])
        pairs = "".join(f"{name}:{accounts.password}\n" for name in names)
        subprocess.run(["chpasswd"], input=pairs, text=True, check=True, env={"PATH": users._PATH})
        yield [Account.of(name) for name in names]
    finally:
        there = [name for name in names if users._exists(pwd.getpwnam, name)]
        users._end_processes_of({pwd.getpwnam(name).pw_uid for name in there})
        for name in there:
            users._run("userdel", "--force", "--remove", name)
