"""Imported by the process from which workers are forked."""

from __future__ import annotations

from hven.cluster.forking import load

load()
