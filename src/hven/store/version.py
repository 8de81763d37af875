"""Versions: UUIDv7, so that they sort by the time they were begun."""

from __future__ import annotations

import uuid_utils


def new_version() -> str:
    """A new UUIDv7: name of a version and id of a product."""
    return str(uuid_utils.uuid7())
