"""Whether the API is there, and who is calling."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from hven.service.handlers.parts import Anyone

router = APIRouter()


@router.get("/health")
def health(_caller: Anyone) -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}


@router.get("/whoami")
def whoami(caller: Anyone) -> dict[str, Any]:
    """Name and hven's own scopes of the caller."""
    return {"name": caller.name, "scopes": sorted(s for s in caller.scopes if s.startswith("custom:hven:"))}
