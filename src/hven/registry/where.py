"""The condition of a query: a small expression language, read with Python's own parser and compiled to SQL.

Comparisons (``== != < <= > >= in not in``) between names and values, joined by ``and``, ``or``, ``not`` and
parentheses. Times are text: ``begin >= "2025-10-22T07:00"``. A key that a dataset does not have equals nothing:
``==``, ``<`` and their like are false, ``!=`` and ``not in`` are true.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from hven.core.clock import parse_utc
from hven.core.errors import ConfigurationError, UnknownNameError
from hven.model.data_id import INTEGER_KEYS, KEYS
from hven.registry import schema

Kind = Literal["number", "text", "time"]
Condition = sa.ColumnElement[bool]
_Compare = Callable[[Any, Any], Any]

_MAX_LENGTH = 4000
_MAX_DEPTH = 50
_INT64 = 1 << 63
_COMPARE: dict[type[ast.cmpop], _Compare] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
_EXAMPLE = 'Write it like: day_obs >= 20251001 and detector in (1, 3) and begin > "2025-10-22T07:00".'


@dataclass(frozen=True, slots=True)
class Name:
    """A name that may stand in a condition."""

    column: sa.ColumnElement[Any]
    kind: Kind


def _keys(table: sa.Table) -> dict[str, Name]:
    return {key: Name(table.c[key], "number" if key in INTEGER_KEYS else "text") for key in KEYS}


PRODUCT_NAMES: Mapping[str, Name] = {
    **_keys(schema.product),
    **{name: Name(schema.product.c[name], "text") for name in ("id", "level", "type", "run", "task", "user", "site")},
    "begin": Name(schema.product.c.begin_ns, "time"),
    "end": Name(schema.product.c.end_ns, "time"),
    "created": Name(schema.product.c.created_ns, "time"),
    "rows": Name(schema.product.c.rows, "number"),
    "size": Name(schema.product.c.size_bytes, "number"),
}
"""Names in conditions on products."""

QUANTUM_NAMES: Mapping[str, Name] = {
    **_keys(schema.quantum),
    **{name: Name(schema.quantum.c[name], "text") for name in ("run", "step", "task", "state", "error")},
    "started": Name(schema.quantum.c.started_ns, "time"),
    "ended": Name(schema.quantum.c.ended_ns, "time"),
}
"""Names in conditions on quantum records."""


def condition(text: str, names: Mapping[str, Name]) -> Condition:
    """Compile a condition; an empty one is true.

    Raises
    ------
    UnknownNameError
        For a name that is not in `names`; it lists those that are.
    ConfigurationError
        For what is no condition.

    Examples
    --------
    >>> print(condition("detector == 3", {"detector": PRODUCT_NAMES["detector"]}))
    product.detector IS NOT NULL AND product.detector = :param_1
    """
    if not text.strip():
        return sa.true()
    if len(text) > _MAX_LENGTH:
        raise ConfigurationError(f"the condition is longer than {_MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigurationError(f"cannot read the condition {text!r}: {error}", hint=_EXAMPLE) from None
    return _Compiler(text, names).logic(tree.body, 0)


class _Compiler:
    def __init__(self, text: str, names: Mapping[str, Name]) -> None:
        self.text = text
        self.names = names

    def logic(self, node: ast.expr, depth: int) -> Condition:
        if depth > _MAX_DEPTH:
            raise ConfigurationError(f"the condition is nested deeper than {_MAX_DEPTH}")
        match node:
            case ast.BoolOp(op, values):
                parts = [self.logic(v, depth + 1) for v in values]
                return sa.and_(*parts) if isinstance(op, ast.And) else sa.or_(*parts)
            case ast.UnaryOp(ast.Not(), operand):
                return sa.not_(self.logic(operand, depth + 1).self_group())
            case ast.Compare(left, operators, right):
                operands = [left, *right]
                pairs = zip(operands, operators, right, strict=False)
                return sa.and_(*(self.comparison(a, op, b) for a, op, b in pairs))
        raise self.problem(node, "is no comparison")

    def comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Condition:
        if isinstance(operator, (ast.In, ast.NotIn)):
            return self.membership(left, right, negated=isinstance(operator, ast.NotIn))
        compare = _COMPARE.get(type(operator))
        if compare is None:
            raise self.problem(left, "stands in a comparison that does not exist here")
        names = [n for n in (self.name(left), self.name(right)) if n]
        if not names:
            raise self.problem(left, "is compared with another value; one side must be a name")
        kind = names[0].kind
        if names[-1].kind != kind:
            raise self.problem(left, f"is a {kind}, {ast.unparse(right)} is a {names[-1].kind}")
        test = compare(self.operand(left, kind), self.operand(right, kind))
        present = [n.column.is_not(None) for n in names if _may_be_absent(n)]
        return _two_valued(test, present, absent=isinstance(operator, ast.NotEq))

    def membership(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Condition:
        name = self.name(left)
        if name is None or not isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            raise self.problem(left, "needs the form: name in (value, value)")
        anyof = sa.or_(sa.false(), *(name.column == self.value(v, name.kind) for v in right.elts))
        present = [name.column.is_not(None)] if _may_be_absent(name) else []
        return _two_valued(sa.not_(anyof) if negated else anyof, present, absent=negated)

    def name(self, node: ast.expr) -> Name | None:
        if not isinstance(node, ast.Name):
            return None
        if node.id not in self.names:
            raise UnknownNameError("name in a condition", node.id, self.names)
        return self.names[node.id]

    def operand(self, node: ast.expr, kind: Kind) -> sa.ColumnElement[Any]:
        name = self.name(node)
        return name.column if name else self.value(node, kind)

    def value(self, node: ast.expr, kind: Kind) -> sa.ColumnElement[Any]:
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            raise self.problem(node, "is neither a name nor a value") from None
        if kind == "time" and isinstance(value, str):
            value = parse_utc(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # compared exactly; databases round large numbers in different ways
        if kind == "text" and isinstance(value, str) and _is_storable(value):
            return sa.literal(value, schema.Text)
        if kind != "text" and isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
            return sa.literal(value, sa.BigInteger)
        if kind != "text" and isinstance(value, float) and abs(value) < _INT64:
            return sa.literal(value, sa.Double)
        raise self.problem(node, f"is no {kind}")

    def problem(self, node: ast.expr, what: str) -> ConfigurationError:
        return ConfigurationError(f"in the condition {self.text!r}: {ast.unparse(node)} {what}", hint=_EXAMPLE)


def _may_be_absent(name: Name) -> bool:
    return bool(getattr(name.column, "nullable", False))


def _two_valued(test: Condition, present: Sequence[Condition], *, absent: bool) -> Condition:
    if not present:
        return test
    return sa.or_(sa.not_(sa.and_(*present)), test) if absent else sa.and_(*present, test)


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
