"""Digests of records: what two equal ones have in common."""

from __future__ import annotations

import hashlib
import json


def digest_json(value: object) -> str:
    """sha256 of a JSON value with sorted keys.

    Examples
    --------
    >>> digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()
