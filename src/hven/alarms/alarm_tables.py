"""Alarms, what is remembered between rounds, their history and silences, in the database of the jobs."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, MetaData, Table

from hven.registry.schema import Text

NAME = "alarms"
VERSION = 1
METADATA = MetaData()

ALARM = Table(
    "alarm",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("severity", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("advice", Text, nullable=False),
    Column("value", Float),
    Column("since_ns", BigInteger, nullable=False),
    Column("raised_ns", BigInteger, nullable=False, index=True),
    Column("cleared_ns", BigInteger, nullable=False),
    Column("cause", Text, nullable=False, index=True),
    Column("alone_ns", BigInteger, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("by", Text, nullable=False),
)
"""Every alarm there ever was, as it is or ended."""

WATCH = Table(
    "alarm_watch",
    METADATA,
    Column("rule", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("bad", Integer, nullable=False),
    Column("good", Integer, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("value", Float),
    Column("changed_ns", BigInteger, nullable=False),
    Column("recent", JSON, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("accepted_value", Float),
    Column("alarm", Text, nullable=False),
)
"""What is remembered of a rule and a key from round to round; `alarm` is the open one."""

EVENT = Table(
    "alarm_event",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("alarm", Text, nullable=False, index=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Who did what and when, only ever added to."""

SILENCE = Table(
    "alarm_silence",
    METADATA,
    Column("rule", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("until_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)
"""Until when nobody is told of a rule, or one of its keys."""

ROUND = Table(
    "alarm_round",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("signals", Integer, nullable=False),
)
"""One row: when it was last looked, and at how much."""
