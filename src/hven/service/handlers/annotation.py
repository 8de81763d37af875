"""What people say of data, and the night log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from hven.core.clock import now_ns, parse_utc
from hven.model.annotation import Annotation, Kind
from hven.registry.entries import Entry, annotation_entry
from hven.registry.wire import data_id_from_json
from hven.service.handlers.bodies import Body, Int64, Text, Value
from hven.service.handlers.parts import Own, Seen
from hven.store.version import new_version

router = APIRouter()


class NewAnnotation(Body):
    """What somebody says; see `hven.model.annotation.Annotation`."""

    kind: Kind
    text: Annotated[Text, Field(min_length=1)]
    id: Annotated[str, Field(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")] = ""
    data_id: Annotated[dict[Text, Value], Field(default_factory=dict)]
    begin_ns: Int64 | None = None
    end_ns: Int64 | None = None
    begin: Annotated[Text, Field(description="Instead of begin_ns: ISO 8601, UTC.")] = ""
    end: Annotated[Text, Field(description="Instead of end_ns.")] = ""
    retracts: Text = ""

    def by(self, who: str) -> Annotation:
        """As somebody says it now."""
        return Annotation(
            self.id or new_version(),
            self.kind,
            data_id_from_json(self.data_id),
            self.text,
            who,
            now_ns(),
            parse_utc(self.begin) if self.begin else self.begin_ns,
            parse_utc(self.end) if self.end else self.end_ns,
            self.retracts,
        )


@router.get("/annotations")
def find(seen: Seen) -> list[Entry]:
    """All, oldest first."""
    return [annotation_entry(one) for one in seen.annotations()]


@router.post("/annotations", status_code=201)
def annotate(body: NewAnnotation, own: Own) -> Entry:
    """Keep what the caller says."""
    return annotation_entry(own.annotate(body.by(own.caller.name)))
