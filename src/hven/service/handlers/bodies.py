"""What callers send: every field typed, bounded and fit for any database; anything else is refused."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from hven.batch.model import JobClass
from hven.core.errors import Flavour
from hven.model.collection import AccessClass, CollectionKind, Validity
from hven.model.data_id import DatasetRef, TypeName
from hven.model.quantum import QuantumState
from hven.model.query import DataQuery
from hven.registry.wire import data_id_from_json, query_from_json

_LONGEST = 4000
_MOST = 10_000
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+@-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+@-]*)*")


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("holds a character that no database keeps")
    return text


def _cleaned(text: str) -> str:
    """Messages come as they are; characters that no database keeps are replaced."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("is no name of a collection: words of letters, digits and ._+@- between slashes")
    return name


Text = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_storable)]
Prose = Annotated[str, Field(max_length=1 << 20), AfterValidator(_cleaned)]
Name = Annotated[str, Field(max_length=300), AfterValidator(_named)]
Int64 = Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)]
Value = Int64 | Annotated[StrictStr, Field(max_length=_LONGEST), AfterValidator(_storable)]
Ids = Annotated[list[Text], Field(max_length=_MOST)]


class Body(BaseModel):
    """Base of all."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Move(Body):
    """Into which class a job goes."""

    job_class: JobClass


class Restart(Body):
    """What a restarted job does again; see `hven.batch.model.Again`."""

    failed: bool = False
    step: Text = ""
    data_id: Text = ""


class One(Body):
    """A product's id."""

    id: Text


class Ref(Body):
    """A dataset, and where to look for it."""

    type: Text
    data_id: dict[Text, Value]
    collection: Name | Annotated[str, Field(max_length=0)] = ""

    @property
    def ref(self) -> DatasetRef:
        """The dataset."""
        return DatasetRef(TypeName.parse(self.type), data_id_from_json(self.data_id))


class At(Ref):
    """A calibration at a time."""

    time_ns: Int64


class Asked(Body):
    """A data query."""

    values: dict[Text, Annotated[list[Value], Field(max_length=_MOST)]] = {}
    where: Text = ""

    @property
    def query(self) -> DataQuery:
        """The query."""
        return query_from_json(self.values, self.where)


class Find(Asked):
    """Which products."""

    type: Text = ""
    collection: Name | Annotated[str, Field(max_length=0)] = ""
    limit: Annotated[StrictInt, Field(ge=0, le=2**31)] | None = None


class FindQuanta(Asked):
    """Which quantum records."""

    run: Text = ""
    state: QuantumState | None = None
    output: Text = ""


class FindHistory(Body):
    """Computed quanta of a task."""

    task: Text
    version: Text = ""
    limit: Annotated[StrictInt, Field(ge=0, le=2**31)] | None = None


class Keys(Body):
    """Quantum keys."""

    keys: Ids
    owner: Text = ""


class Owner(Body):
    """Somebody."""

    owner: Text


class Some(Body):
    """Products by id."""

    ids: Ids


class Registration(Body):
    """Products to register, what each was made from, and whether they are to be found by default."""

    products: Annotated[list[list[Any]], Field(max_length=_MOST)]
    inputs: dict[Text, Ids] = {}
    chosen: bool = True


class Define(Body):
    """A collection."""

    name: Name
    kind: CollectionKind
    access: AccessClass = AccessClass.COLLABORATION
    doc: Text = ""
    children: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()


class Tag(Body):
    """Products for a TAGGED collection."""

    collection: Name
    products: Ids


class Share(Body):
    """A run and a Unix group."""

    collection: Name
    group: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]


class NewHold(Body):
    """What is to stay, or to come back, and why."""

    target: Annotated[Text, Field(min_length=1)]
    reason: Annotated[Text, Field(min_length=1)]


class OldHold(Body):
    """Whose hold is taken away, the caller's own where nobody is named."""

    target: Annotated[Text, Field(min_length=1)]
    who: Text = ""


class Range(Body):
    """A calibration, and a range of time."""

    collection: Name
    product_id: Text
    begin_ns: Int64
    end_ns: Int64
    why: Text = ""

    @property
    def validity(self) -> Validity:
        """Product and range."""
        return Validity(self.product_id, self.begin_ns, self.end_ns)


class Certify(Range):
    """When a calibration is valid, and whether others lose what overlaps."""

    supersede: bool = False


class Books(Body):
    """Which entries of the books of validity."""

    collection: Name | Annotated[str, Field(max_length=0)] = ""
    history: bool = False


class Quantum(Body):
    """How a quantum ended."""

    run: Name
    step: Text
    task: Text
    data_id: dict[Text, Value]
    quantum_key: Text
    state: QuantumState
    outputs: tuple[Text, ...]
    products: tuple[Text, ...] = ()
    reused: bool = False
    error: Prose = ""
    flavour: Flavour | None = None
    traceback: Prose = ""
    runner: Text = ""
    started_ns: Int64 = 0
    ended_ns: Int64 = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: Int64 = 0
    task_version: Text = ""
    began_ns: Int64 = 0
    read_s: float = 0.0
    write_s: float = 0.0
    publish_s: float = 0.0
    output_bytes: Int64 = 0
    workers: Annotated[tuple[tuple[Text, float], ...], Field(max_length=_MOST)] = ()


Quanta = Annotated[list[Quantum], Field(max_length=_MOST)]
