"""Collections, the named groups of products."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_PROJECT = "p/"


class CollectionKind(StrEnum):
    """RUN: a dataset is born in exactly one. TAGGED: picked. CHAINED: ordered search. CALIBRATION: valid in time."""

    RUN = "RUN"
    TAGGED = "TAGGED"
    CHAINED = "CHAINED"
    CALIBRATION = "CALIBRATION"


class AccessClass(StrEnum):
    """Who may read a collection."""

    PUBLIC = "public"
    COLLABORATION = "collaboration"
    OPERATORS = "operators"


@dataclass(frozen=True, slots=True)
class Collection:
    """A named group of products; `children` of a chain in search order, `groups` with which its owner shares it."""

    name: str
    kind: CollectionKind
    access: AccessClass = AccessClass.COLLABORATION
    doc: str = ""
    children: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Validity:
    """A calibration product valid for data taken in `[begin_ns, end_ns)`."""

    product_id: str
    begin_ns: int
    end_ns: int


class Edit(StrEnum):
    """What is written in the books of validity: a range is given to a product, or taken from it."""

    CERTIFY = "certify"
    DECERTIFY = "decertify"


@dataclass(frozen=True, slots=True)
class Certification:
    """One entry in the books of validity, which only grow.

    Parameters
    ----------
    edit
        What was done.
    collection
        CALIBRATION collection.
    validity
        Product and range `[begin, end)`.
    dataset_type, scope
        What the product is, and for what: its data ID without the keys that say when it was made, as text.
    who, why, at_ns
        By whom, for which reason, and when.
    """

    edit: Edit
    collection: str
    validity: Validity
    dataset_type: str
    scope: str
    who: str
    why: str
    at_ns: int


def run_name(pipeline: str, stamp: str, *, owner: str = "") -> str:
    """RUN collection of a pipeline's products: the observatory's, somebody's own, or a project's.

    Examples
    --------
    >>> run_name("panoseti/calibrate", "20251022T071822Z")
    'panoseti/runs/calibrate/20251022T071822Z'
    >>> run_name("panoseti/calibrate", "20251022T071822Z-7", owner="ada")
    'u/ada/calibrate/20251022T071822Z-7'
    >>> run_name("panoseti/nightly#showers", "20251022T071822Z")
    'panoseti/runs/nightly/20251022T071822Z'
    """
    instrument, _, verb = pipeline.partition("#")[0].partition("/")
    home = home_of(owner) if owner else f"{instrument}/runs"
    return f"{home}/{verb or 'all'}/{stamp}"


def raw_run(instrument: str) -> str:
    """RUN collection in which an instrument's L0 products are born.

    Examples
    --------
    >>> raw_run("panoseti")
    'panoseti/raw/all'
    """
    return f"{instrument}/raw/all"


def owner_of(collection: str) -> str:
    """Whose own a collection is, by its name: a person's, or `p/<group>` for a project; empty for the observatory's.

    Examples
    --------
    >>> owner_of("u/ada/my-flat"), owner_of("p/pulsars/my-flat"), owner_of("panoseti/defaults")
    ('ada', 'p/pulsars', '')
    """
    head, _, rest = collection.partition("/")
    name = rest.partition("/")[0]
    if head == "p":
        return project_owner(name) if name else ""
    return name if head == "u" else ""


def home_of(owner: str) -> str:
    """What the names of an owner's collections begin with.

    Examples
    --------
    >>> home_of("ada"), home_of("p/pulsars")
    ('u/ada', 'p/pulsars')
    """
    return owner if owner.startswith(_PROJECT) else f"u/{owner}"


def project_owner(group: str) -> str:
    """A project as an owner; a person's name has no slash."""
    return f"{_PROJECT}{group}"


def project_of(collection: str) -> str:
    """Group of the project to which a collection belongs; empty for others.

    Examples
    --------
    >>> project_of("p/pulsars/my-flat"), project_of("u/ada/my-flat")
    ('pulsars', '')
    """
    owner = owner_of(collection)
    return owner.removeprefix(_PROJECT) if owner.startswith(_PROJECT) else ""
