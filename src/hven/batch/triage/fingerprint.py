"""What failures have in common: the exception without paths, numbers and ids, and where it was raised."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hven.model.digest import digest_json
from hven.model.quantum import QuantumRecord

_LENGTH = 12
_VARYING = (
    (re.compile(r"\w+://\S+"), "<url>"),
    (re.compile(r"(?<![\w<])/[\w.+@%=,/-]+"), "<path>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f-]*[0-9])[0-9a-f]{8}[0-9a-f-]*\b"), "<id>"),
    (re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"), "<n>"),
)
_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+, in (\S+)', re.MULTILINE)
_ROOTS = re.compile(r"^.*/(?:site-packages|src|python3\.\d+)/")


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells one kind of failure from another."""

    task: str
    error_type: str
    message: str
    frame: str

    @property
    def fingerprint(self) -> str:
        """Twelve digits that name the kind."""
        return digest_json([self.task, self.error_type, self.message, self.frame])[:_LENGTH]


def signs(record: QuantumRecord) -> Signs:
    """Signs of a failed quantum's record; the version of the task is none of them."""
    error_type, _, message = record.error.partition(": ")
    return Signs(record.task, error_type, _normalised(message, record), _innermost(record.traceback))


def _normalised(message: str, record: QuantumRecord) -> str:
    """First line of a message without what differs from quantum to quantum."""
    text = message.partition("\n")[0]
    words = {key: value for key, value in record.data_id.items() if isinstance(value, str)}
    for key, word in sorted(words.items(), key=lambda item: -len(item[1])):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", f"<{key}>", text)
    for varying, name in _VARYING:
        text = varying.sub(name, text)
    return text


def _innermost(trace: str) -> str:
    r"""Module and function of the last frame, wherever it is installed.

    Examples
    --------
    >>> _innermost('  File "/opt/a/lib/python3.12/site-packages/hven/qc/x.py", line 7, in run\n')
    'hven/qc/x.py run'
    """
    frames = _FRAME.findall(trace)
    if not frames:
        return ""
    file, function = frames[-1]
    inside = _ROOTS.sub("", file)
    return f"{inside if inside != file else file.rpartition('/')[2]} {function}"
