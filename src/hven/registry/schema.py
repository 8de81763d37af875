"""Tables of the registry."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hven.model.data_id import INTEGER_KEYS, KEYS

NAME = "registry"
VERSION = 7

metadata = sa.MetaData()

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that every database orders by code point, as Python does."""

_UNSTORABLE = re.compile("[\\0\ud800-\udfff]")


def storable(text: str) -> str:
    r"""Text from outside without what a database refuses, the characters that no text has.

    Examples
    --------
    >>> storable("bad\0name")
    'bad�name'
    """
    return _UNSTORABLE.sub("\ufffd", text)


def _key_columns() -> list[sa.Column[Any]]:
    return [sa.Column(key, sa.BigInteger if key in INTEGER_KEYS else Text) for key in KEYS]


product = sa.Table(
    "product",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("level", Text, nullable=False),
    sa.Column("type", Text, nullable=False),
    *_key_columns(),
    sa.Column("data_key", Text, nullable=False),
    sa.Column("run", Text, sa.ForeignKey("collection.name"), nullable=False),
    sa.Column("path", Text, nullable=False),
    sa.Column("form", Text, nullable=False),
    sa.Column("begin_ns", sa.BigInteger, nullable=False),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("user", Text, nullable=False),
    sa.Column("site", Text, nullable=False),
    sa.Column("schema_version", Text, nullable=False),
    sa.Column("task", Text, nullable=False),
    sa.Column("quantum_key", Text),
    sa.Column("output", Text, nullable=False),
    sa.Column("flags", Text, nullable=False),
    sa.UniqueConstraint("quantum_key", "output", "run"),
    sa.Index("product_type_day", "type", "level", "day_obs", "detector"),
    sa.Index("product_data_id", "type", "level", "data_key"),
)
"""One row for each published version; `data_key` is the data ID as text."""

product_input = sa.Table(
    "product_input",
    metadata,
    sa.Column("product_id", Text, sa.ForeignKey("product.id"), primary_key=True),
    sa.Column("input_id", Text, primary_key=True, index=True),
    sqlite_with_rowid=False,
)
"""What a product was made from; an input may have been deleted since."""

collection = sa.Table(
    "collection",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("access", Text, nullable=False),
    sa.Column("doc", Text, nullable=False),
)

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("name", Text, sa.ForeignKey("collection.name"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("child", Text, sa.ForeignKey("collection.name"), nullable=False),
)
"""Children of CHAINED collections in search order."""

share = sa.Table(
    "share",
    metadata,
    sa.Column("collection", Text, sa.ForeignKey("collection.name"), primary_key=True),
    sa.Column("with_group", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""Unix groups with which people share runs of their own."""

member = sa.Table(
    "member",
    metadata,
    sa.Column("collection", Text, sa.ForeignKey("collection.name"), primary_key=True),
    sa.Column("type", Text, primary_key=True),
    sa.Column("level", Text, primary_key=True),
    sa.Column("data_key", Text, primary_key=True),
    sa.Column("product_id", Text, sa.ForeignKey("product.id"), nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""What TAGGED collections hold: one product for each type and data ID."""

validity = sa.Table(
    "validity",
    metadata,
    sa.Column("collection", Text, sa.ForeignKey("collection.name"), primary_key=True),
    sa.Column("type", Text, primary_key=True),
    sa.Column("level", Text, primary_key=True),
    sa.Column("scope", Text, primary_key=True),
    sa.Column("begin_ns", sa.BigInteger, primary_key=True),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("product_id", Text, sa.ForeignKey("product.id"), nullable=False, index=True),
)
"""When calibrations are valid; `scope` is the data ID without the keys that say when it was made."""

certification = sa.Table(
    "certification",
    metadata,
    sa.Column("at_ns", sa.BigInteger, primary_key=True),
    sa.Column("collection", Text, primary_key=True),
    sa.Column("product_id", Text, primary_key=True),
    sa.Column("edit", Text, primary_key=True),
    sa.Column("begin_ns", sa.BigInteger, primary_key=True),
    sa.Column("end_ns", sa.BigInteger, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("scope", Text, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("why", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Every certification there was, and every range taken back; the product may not be there any more."""

hold = sa.Table(
    "hold",
    metadata,
    sa.Column("target", Text, primary_key=True),
    sa.Column("who", Text, primary_key=True),
    sa.Column("reason", Text, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What may not go: `target` is a product's id or the name of a collection, which may not be there any more."""

expired = sa.Table(
    "expired",
    metadata,
    sa.Column("product_id", Text, sa.ForeignKey("product.id"), primary_key=True),
    sa.Column("rule", Text, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Products that are found no more and will go; `rule` is the one by which."""

annotation = sa.Table(
    "annotation",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("data_id", Text, nullable=False),
    sa.Column("begin_ns", sa.BigInteger),
    sa.Column("end_ns", sa.BigInteger),
    sa.Column("text", Text, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("retracts", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What people say of data, only ever added to; `data_id` is JSON."""

quantum = sa.Table(
    "quantum",
    metadata,
    sa.Column("run", Text, primary_key=True),
    sa.Column("step", Text, primary_key=True),
    sa.Column("data_key", Text, primary_key=True),
    *_key_columns(),
    sa.Column("task", Text, nullable=False),
    sa.Column("quantum_key", Text, nullable=False, index=True),
    sa.Column("state", Text, nullable=False, index=True),
    sa.Column("outputs", Text, nullable=False),
    sa.Column("products", Text, nullable=False),
    sa.Column("reused", sa.Boolean, nullable=False),
    sa.Column("error", Text, nullable=False),
    sa.Column("flavour", Text),
    sa.Column("traceback", Text, nullable=False),
    sa.Column("runner", Text, nullable=False),
    sa.Column("started_ns", sa.BigInteger, nullable=False),
    sa.Column("ended_ns", sa.BigInteger, nullable=False),
    sa.Column("wall_s", sa.Double, nullable=False),
    sa.Column("cpu_s", sa.Double, nullable=False),
    sa.Column("peak_bytes", sa.BigInteger, nullable=False),
    sa.Column("task_version", Text, nullable=False),
    sa.Column("began_ns", sa.BigInteger, nullable=False),
    sa.Column("read_s", sa.Double, nullable=False),
    sa.Column("write_s", sa.Double, nullable=False),
    sa.Column("publish_s", sa.Double, nullable=False),
    sa.Column("output_bytes", sa.BigInteger, nullable=False),
    sa.Column("workers", Text, nullable=False),
    sa.Index("quantum_task", "task", "ended_ns"),
)
"""How quanta ended, and which run; one row for each step and data ID of a run."""


def _keeping(connection: Connection) -> None:
    metadata.create_all(connection, [hold, expired])


def _books(connection: Connection) -> None:
    """What is certified already was by nobody knows whom; `hven registry rebuild` reads it from the journal."""
    metadata.create_all(connection, [certification])
    valid = sa.select(
        sa.literal(0), validity.c.collection, validity.c.product_id, sa.literal("certify"), validity.c.begin_ns,
        validity.c.end_ns, validity.c.level + "/" + validity.c.type, validity.c.scope, sa.literal(""), sa.literal(""),
    )  # fmt: skip
    connection.execute(sa.insert(certification).from_select([column.name for column in certification.c], valid))


def _annotations(connection: Connection) -> None:
    metadata.create_all(connection, [annotation])


MIGRATIONS = (_keeping, _books, _annotations)
"""From version 4 on."""
