from __future__ import annotations

from hven.core.settings import load_settings


def test_every_site_file_is_valid(repository):
    files = sorted((repository / "platform" / "sites").glob("*.yaml"))

    assert [load_settings(file, environ={}).site for file in files] == [file.stem for file in files]
    assert files
