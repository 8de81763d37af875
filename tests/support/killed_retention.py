"""Rules applied in forked children that kill themselves at their n-th change of the filesystem.

Usage: killed_retention.py FOLDER STEP; of each deed n grows by STEP, each child begins with the same state. After each
the product is whole where it is, and what follows ends as if nothing had happened. Prints the number of kills.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import retained
from killed_ingest import die_at

from hven.core.logging import configure
from hven.store import trash
from hven.store.paths import PART
from hven.store.records import read_manifest

DAYS = {"expire": 11, "trash": 18, "delete": 25}


def open_site(folder):
    return retained.small(folder, f"sqlite:///{folder}/registry.sqlite", retained.rules())


def act(site, deed, product):
    if deed != "restore":
        site.apply(DAYS[deed])
    elif not site.registry.holds():
        site.restore(product)
    else:
        site.apply(18)


def prepare(folder, deed):
    """Make a product and bring it into the state before the deed, in a child: writing starts threads."""
    child = os.fork()
    if not child:
        with open_site(folder) as site:
            site.publish()
            for name, days in DAYS.items():
                if name == deed or (deed == "restore" and name == "delete"):
                    break
                site.apply(days)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def the_product(site):
    lying = trash.in_trash(site.root)
    return lying[0] if lying else site.all()[0]


def look(site, product):
    """The product is whole in its place, or in the trash, or in neither; readers meet no half of it."""
    place, lying = site.root / product.path, site.root / trash.TRASH / product.id
    assert not (place.exists() and lying.exists())
    assert product.id not in site.found()[0] or place.exists()
    for folder in (place, lying):
        if folder.exists():
            files = read_manifest(folder).files
            assert all((folder / file.path).stat().st_size == file.bytes for file in files)


def result(site):
    folders = sorted(str(path) for path in site.root.rglob("*") if not path.name.startswith(PART))
    return site.found(), list(site.registry.expiries()), len(site.registry.holds()), folders


def killed(work, deed, product, count):
    """Whether a child that does the deed was killed at its count-th change; False when it came to its end."""
    child = os.fork()
    if not child:
        with open_site(work) as site:
            die_at(count, work / "data")
            act(site, deed, product)
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def kill(deed, top, step):
    before, work = top / "before", top / "work"
    before.mkdir(parents=True)
    prepare(before, deed)
    shutil.copytree(before, work)
    with open_site(work) as site:
        product = the_product(site)
        act(site, deed, product)
        expected = result(site)
    for kills in range(0, 1000, step):
        work.rename(top / f"done{kills}")
        shutil.copytree(before, work)
        if not killed(work, deed, product, kills + 1):
            return kills // step
        with open_site(work) as site:
            look(site, product)
            act(site, deed, product)
            assert result(site) == expected, (kills, result(site), expected)
            assert site.agrees(work)
    raise AssertionError("the deed never came to its end")


if __name__ == "__main__":
    configure(json=True, level="ERROR")
    top, every = Path(sys.argv[1]), int(sys.argv[2])
    sys.stdout.write(str(sum(kill(deed, top / deed, every) for deed in (*DAYS, "restore"))))
