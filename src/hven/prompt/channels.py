"""Channels of the gateway on which live processing tells what is being taken."""

from __future__ import annotations

PROMPT = "prompt"
FEEDBACK = "feedback"
LIVE = "live"
CHANNELS = frozenset({PROMPT, FEEDBACK, LIVE})
"""Of what is being taken; names begin with the instrument."""
