"""What people say of data: bad, a comment, a line of the night log; nothing is ever taken out, only retracted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hven.core.clock import NS, format_utc
from hven.model.data_id import DataId
from hven.model.product import Product

Times = tuple[tuple[int, int], ...]
"""Half-open intervals `[begin, end)`, UTC in nanoseconds."""


class Kind(StrEnum):
    """What an annotation says.

    BAD takes data out of selections; COMMENT does not. LOG, BEGIN and END are lines of the night log: a remark, and
    when observing began and ended. RETRACT takes another annotation back.
    """

    BAD = "bad"
    COMMENT = "comment"
    LOG = "log"
    BEGIN = "begin"
    END = "end"
    RETRACT = "retract"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One thing that somebody has said.

    Parameters
    ----------
    id
        UUIDv7.
    kind
        What it says.
    data_id
        Of which data: all that have these values.
    begin_ns, end_ns
        Of which time, half-open; None is from the start, or for ever.
    text, who, at_ns
        Why, who said it and when.
    retracts
        Id of the annotation that it takes back.
    """

    id: str
    kind: Kind
    data_id: DataId
    text: str
    who: str
    at_ns: int
    begin_ns: int | None = None
    end_ns: int | None = None
    retracts: str = ""

    def concerns(self, data_id: DataId, begin_ns: int, end_ns: int) -> bool:
        """Whether some data are among those of which it speaks; any overlap in time counts."""
        same = all(data_id.get(key) == value for key, value in self.data_id.items())
        starts = self.end_ns is None or begin_ns < self.end_ns
        return same and starts and (self.begin_ns is None or self.begin_ns < max(end_ns, begin_ns + 1))

    def covers(self, data_id: DataId, begin_ns: int, end_ns: int) -> bool:
        """Whether all of some data are among those of which it speaks, not only a part of their time."""
        starts = self.begin_ns is None or self.begin_ns <= begin_ns
        ends = self.end_ns is None or self.end_ns >= end_ns
        return starts and ends and self.concerns(data_id, begin_ns, end_ns)

    def __str__(self) -> str:
        """Who said it, when and why."""
        return f"marked {self.kind} by {self.who} at {format_utc(self.at_ns // NS * NS)}: {self.text}"


def standing(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Those that nobody has retracted, without the retractions, in the same order."""
    every = list(annotations)
    gone = {one.retracts for one in every if one.kind is Kind.RETRACT}
    return [one for one in every if one.kind is not Kind.RETRACT and one.id not in gone]


def bad(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Marks that hold."""
    return [one for one in standing(annotations) if one.kind is Kind.BAD]


def observing(annotations: Iterable[Annotation]) -> Annotation | None:
    """The line of the night log by which observing began; None where it has ended, or never began."""
    lines = [one for one in standing(annotations) if one.kind in {Kind.BEGIN, Kind.END}]
    last = max(lines, key=lambda one: (one.at_ns, one.id), default=None)
    return last if last is not None and last.kind is Kind.BEGIN else None


def mark_of(marks: Sequence[Annotation], product: Product) -> Annotation | None:
    """The first of some marks that covers a product, or of several that do so together.

    None where it is good, though it may have `marked_times`. A product without a time span, or without a key that the
    mark names, is concerned only as far as it has them.
    """
    data_id, begin, end = product.ref.data_id, product.begin_ns, product.end_ns
    found = [mark for mark in marks if mark.concerns(data_id, begin, end)]
    whole = next((mark for mark in found if mark.covers(data_id, begin, end)), None)
    if whole is None and len(found) > 1 and marked_times(found, product) == ((begin, end),):
        return found[0]
    return whole


def spoilt_by(marks: Sequence[Annotation], product: Product, made_ns: int) -> Annotation | None:
    """The first of some marks for which what was made of a product's frames is good no longer; None where it is good.

    It covers the product, or concerns a part of it and was made later than `made_ns`, when the frames were used: what
    is made after a mark is made without the frames marked.
    """
    data_id, begin, end = product.ref.data_id, product.begin_ns, product.end_ns
    later = (mark for mark in marks if mark.at_ns >= made_ns and mark.concerns(data_id, begin, end))
    return mark_of(marks, product) or next(later, None)


def marked_times(marks: Iterable[Annotation], product: Product) -> Times:
    """Parts of a product's time that some marks concern, in order and apart from each other."""
    data_id, begin, end = product.ref.data_id, product.begin_ns, product.end_ns
    found: list[tuple[int, int]] = []
    for mark in marks:
        if mark.concerns(data_id, begin, end):
            first = begin if mark.begin_ns is None else mark.begin_ns
            last = end if mark.end_ns is None else mark.end_ns
            found.append((max(first, begin), min(last, end)))
    joined: list[tuple[int, int]] = []
    for first, last in sorted(found):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def good(marks: Sequence[Annotation], products: Iterable[Product]) -> list[Product]:
    """Products that no mark covers."""
    return [product for product in products if mark_of(marks, product) is None]
