"""Configurations and logs without the secrets that real ones hold, like the power switch's user and password."""

from __future__ import annotations

import json
import re
from typing import Any

from hven.core.secret_text import HIDDEN, follows_option, hide, names_secret

_MAY_HOLD_A_VALUE = re.compile("[@=:]")


def redact(name: str, content: bytes) -> bytes:
    """Give bytes of a configuration or log without credentials in addresses and without values of secret names.

    JSON is read, and written anew only when it holds a secret; everything else is text, whatever its encoding.

    Parameters
    ----------
    name
        Name of the file; ``.json`` is read as JSON if it is.
    content
        As the instrument left it.

    Examples
    --------
    >>> redact("log.txt", b"GET http://admin:1234@power/on token=abc")
    b'GET http://***@power/on token=***'
    """
    if name.endswith(".json"):
        try:
            return _redact_json(content)
        except ValueError:  # not JSON after all
            pass
    return hide(content.decode("latin-1")).encode("latin-1")


def _redact_json(content: bytes) -> bytes:
    found = False

    def clean(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        cleaned: dict[str, Any] = {}
        for key, value in pairs:
            name = _clean_key(key, cleaned)
            kept = _clean_item(name, value)
            found |= name != key or kept != value
            cleaned[name] = kept
        return cleaned

    value = json.loads(content, object_pairs_hook=clean)
    cleaned = _clean_value(value)
    return json.dumps(cleaned, indent=2).encode() if found or cleaned != value else content


def _clean_key(key: str, taken: dict[str, Any]) -> str:
    """A key without its secret; numbered where another one looks the same without its own."""
    clean = hide(key) if _MAY_HOLD_A_VALUE.search(key) else key
    name, number = clean, 1
    while clean != key and name in taken:
        number += 1
        name = f"{clean} ({number})"
    return name


def _clean_item(key: str, value: Any) -> Any:
    return HIDDEN if names_secret(key, value) else _clean_value(value)


def _clean_value(value: Any) -> Any:
    if isinstance(value, list):
        return _clean_list(value)
    return hide(value) if isinstance(value, str) else value


def _clean_list(values: list[Any]) -> list[Any]:
    """A list may be a name and its value, or the words of a command line."""
    match values:
        case [str(name), value] if name.isidentifier():
            return [name, _clean_item(name, value)]
    before = [None, *values]
    return [HIDDEN if follows_option(b, v) else _clean_value(v) for b, v in zip(before, values, strict=False)]
