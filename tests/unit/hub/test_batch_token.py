"""The batch service's own token."""

from __future__ import annotations

import os

from hven.batch.hub_token import read_token, token_file
from hven.core.settings import Settings
from hven.hub.batch_token import declare_batch


def test_each_start_of_the_hub_makes_a_token_that_only_the_service_reads(tmp_path):
    settings = Settings(root=tmp_path, state=tmp_path / "state")
    assert read_token(settings) == ""

    first = declare_batch(settings, "")["api_token"]
    assert read_token(settings) == first
    assert token_file(settings).stat().st_mode & 0o777 == 0o600
    assert declare_batch(settings, "")["api_token"] == read_token(settings) != first


def test_a_link_in_the_services_folder_is_not_followed(tmp_path):
    settings = Settings(root=tmp_path, state=tmp_path / "state")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    folder = token_file(settings).parent
    folder.mkdir(parents=True)
    (folder / f".hub-token.{os.getpid()}").symlink_to(precious)
    token_file(settings).symlink_to(precious)

    declare_batch(settings, "")

    assert precious.read_text() == "precious"
    assert not token_file(settings).is_symlink()
