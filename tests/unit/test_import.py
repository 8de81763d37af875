"""`import hven` stays quick, and its public names are pinned."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hven

HEAVY = {
    "xarray",
    "dask",
    "distributed",
    "zarr",
    "pandas",
    "numpy",
    "sqlalchemy",
    "pydantic",
    "intake",
    "numba",
    "pyarrow",
}


def test_public_names_are_pinned():
    assert hven.__all__ == ["HvenError", "Observatory", "Settings", "connect"]
    assert all(getattr(hven, name).__module__.startswith("hven.") for name in hven.__all__)
    assert set(hven.__all__) <= set(dir(hven))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="conect"):
        hven.conect  # noqa: B018


def test_importing_hven_imports_nothing_heavy():
    code = "import sys, hven; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not HEAVY & set(done.stdout.split())


def test_importing_the_command_line_imports_nothing_heavy():
    code = "import sys, hven.cli.main; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not HEAVY & set(done.stdout.split())


def test_connecting_and_looking_after_jobs_import_no_arrays():
    code = "import sys, hven.observatory, hven.batch.handle; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"xarray", "dask", "zarr", "pandas", "numba", "pyarrow"} & set(done.stdout.split())


def test_the_api_begins_without_arrays():
    code = "import sys, hven.service.api; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"xarray", "dask", "zarr", "pandas", "numba", "pyarrow"} & set(done.stdout.split())


def test_what_supervises_the_hub_does_not_import_it():
    code = "import sys, hven.hub.up, hven.hub.many_users, hven.hub.tryout; print('jupyterhub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
