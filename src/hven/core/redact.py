"""Configurations and logs without the secrets that real ones hold, like the power switch's user and password."""

from __future__ import annotations

import json
import re
from typing import Any

HIDDEN = "***"

_PRIVATE = r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|credential|authorization"
_SECRET_KEY = re.compile(rf"{_PRIVATE}|^pass$", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(:(?:\\?/){2})\S*@")
_VALUE = r"""(?:(?:bearer|basic)\s+)?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s,;]+)"""
_ASSIGNMENT = re.compile(
    rf"""([\w.-]*(?:{_PRIVATE}|\bpass\b)[\w.-]*(?:\\?["'])?\s*(?:[=:]\s*|\s))({_VALUE})""", re.IGNORECASE
)


def redact(name: str, content: bytes) -> bytes:
    """Give bytes of a configuration or log without credentials in URLs and without values of secret keys.

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
    return _redact_text(content.decode("latin-1")).encode("latin-1")


def _redact_json(content: bytes) -> bytes:
    found = False

    def clean(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        cleaned = {k: HIDDEN if _SECRET_KEY.search(k) else _clean_value(v) for k, v in pairs}
        found |= any(cleaned[k] != v for k, v in pairs)
        return cleaned

    value = json.loads(content, object_pairs_hook=clean)
    cleaned = _clean_value(value)
    return json.dumps(cleaned, indent=2).encode() if found or cleaned != value else content


def _clean_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean_value(v) for v in value]
    return _redact_text(value) if isinstance(value, str) else value


def _redact_text(text: str) -> str:
    return _ASSIGNMENT.sub(rf"\1{HIDDEN}", _CREDENTIALS.sub(rf"\1{HIDDEN}@", text))
