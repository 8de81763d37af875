"""What is compared, and what is found to be amiss."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class Kind(StrEnum):
    """What may be amiss; no two look alike."""

    NOT_ARCHIVED = "not archived"
    SHORT = "short"
    OTHER_BYTES = "other bytes"
    UNANNOUNCED = "unannounced"
    MISSING = "missing"
    TRUNCATED = "truncated"
    ALTERED = "altered"
    RENAMED = "renamed"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    BAD_MANIFEST = "bad manifest"
    NOT_CONVERTED = "not converted"
    GONE = "gone"
    UNREGISTERED = "unregistered"
    DAMAGED = "damaged"
    ASKED = "asked for"


MEANINGS: dict[Kind, str] = {
    Kind.NOT_ARCHIVED: "announced by the instrument, and nothing of it is archived",
    Kind.SHORT: "fewer frames archived than announced",
    Kind.OTHER_BYTES: "archived with other bytes than the instrument announced",
    Kind.UNANNOUNCED: "archived, and the night's exposure log does not know it",
    Kind.MISSING: "in the manifest, not on the disk",
    Kind.TRUNCATED: "shorter than the manifest says",
    Kind.ALTERED: "other bytes than the manifest says",
    Kind.RENAMED: "on the disk under another name",
    Kind.UNKNOWN: "on the disk, not in the manifest",
    Kind.UNREADABLE: "cannot be read",
    Kind.BAD_MANIFEST: "the manifest is missing, cannot be read, or is not what its digest says",
    Kind.NOT_CONVERTED: "archived, and no L0 product holds it",
    Kind.GONE: "registered, not on the disk",
    Kind.UNREGISTERED: "a product on the disk that the registry does not know",
    Kind.DAMAGED: "a product whose files are not those of its manifest",
    Kind.ASKED: "a lost product that a job is to make again, and that is not there yet",
}
"""In words."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(NamedTuple):
    """A night of an instrument."""

    instrument: str
    day_obs: int

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.instrument} {self.day_obs}"


class Finding(_Record):
    """Something amiss.

    Parameters
    ----------
    path
        File or product folder, relative to the data root; for what is not there, where it belongs.
    detail
        What exactly, and how it can be healed or why not.
    since_ns
        When it was first found.
    """

    kind: Kind
    instrument: str
    day_obs: int
    observation: str
    path: str
    detail: str = ""
    since_ns: int = 0

    @property
    def place(self) -> Place:
        """Its night."""
        return Place(self.instrument, self.day_obs)


class Line(_Record):
    """One dataset of an exposure or run in the ledger.

    Parameters
    ----------
    announced, archived
        Frames by the exposure log, and in archived files; None where it is not in the one or the other.
    files, bytes
        Archived files.
    whole
        Every archived file is on the disk as its manifest says, as far as has been looked.
    product
        Id of the L0 product that is registered and on the disk; empty for none.
    levels
        Levels above L0 that the instrument's pipelines make of it.
    done
        Those of them at which a current product was made from it.
    """

    instrument: str
    day_obs: int
    observation: str
    dataset_type: str
    data_id: str
    announced: int | None = None
    archived: int | None = None
    files: int = 0
    bytes: int = 0
    whole: bool = False
    product: str = ""
    levels: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    @property
    def safe(self) -> bool:
        """All that was announced is archived, whole and registered."""
        enough = self.archived is not None and self.archived >= (self.announced or 0)
        return enough and self.whole and bool(self.product)


class NightCount(_Record):
    """A night of the ledger in numbers: datasets at each stage, findings, when it was last compared and listed.

    `logged` tells whether an exposure log of the night is known; without it nobody knows what should be there.
    """

    instrument: str
    day_obs: int
    logged: bool
    datasets: int
    announced: int
    archived: int
    whole: int
    registered: int
    l1_wanted: int
    l1: int
    l2_wanted: int
    l2: int
    findings: int
    checked_ns: int
    listed_ns: int
