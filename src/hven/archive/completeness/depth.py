"""How closely a night is looked at; the command line knows it without what looks."""

from __future__ import annotations

from enum import StrEnum


class Depth(StrEnum):
    """How closely a night is looked at; each depth does what those before it do.

    COUNT compares the archive's records with the exposure log. LISTING compares files on the disk with the records,
    and products with the registry, by name and size. BYTES reads every file again.
    """

    COUNT = "count"
    LISTING = "listing"
    BYTES = "bytes"
