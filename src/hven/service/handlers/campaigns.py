"""Campaigns: look, load, start, pause, resume, accept, reject, retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from hven.batch.campaigns.model import Campaign, CampaignEvent, State
from hven.batch.campaigns.report import Report
from hven.batch.campaigns.spec import CampaignSpec
from hven.service.handlers.parts import ChangeCampaigns, ReadCampaigns

router = APIRouter()
Limit = Annotated[int, Query(ge=1, le=1000)]


class Decision(BaseModel):
    """Which step, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str = ""
    reason: str = ""


class Again(BaseModel):
    """What to do again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str = ""
    group: str = ""


@router.get("/campaigns")
def find(
    campaigns: ReadCampaigns, state: Annotated[list[State] | None, Query()] = None, limit: Limit = 100
) -> list[Campaign]:
    """Campaigns, newest first."""
    return campaigns.find(state or (), limit=limit)


@router.post("/campaigns", status_code=201)
def load(spec: CampaignSpec, campaigns: ChangeCampaigns) -> Campaign:
    """Keep a campaign."""
    return campaigns.load(spec)


@router.get("/campaign-events")
def events(campaigns: ReadCampaigns, campaign: str = "", limit: Limit = 1000) -> list[CampaignEvent]:
    """Who did what, newest first."""
    return campaigns.events(campaign, limit=limit)


@router.get("/campaigns/{campaign}")
def show(campaign: str, campaigns: ReadCampaigns) -> Campaign:
    """One campaign."""
    return campaigns.get(campaign)


@router.get("/campaigns/{campaign}/report")
def report(campaign: str, campaigns: ReadCampaigns) -> Report:
    """What was done, what failed and why."""
    return campaigns.report(campaign)


@router.post("/campaigns/{campaign}/start")
def start(campaign: str, campaigns: ChangeCampaigns) -> Campaign:
    """Let it begin."""
    return campaigns.start(campaign)


@router.post("/campaigns/{campaign}/pause")
def pause(campaign: str, campaigns: ChangeCampaigns) -> Campaign:
    """Submit nothing more."""
    return campaigns.pause(campaign)


@router.post("/campaigns/{campaign}/resume")
def resume(campaign: str, campaigns: ChangeCampaigns) -> Campaign:
    """Go on."""
    return campaigns.resume(campaign)


@router.post("/campaigns/{campaign}/accept")
def accept(campaign: str, decision: Decision, campaigns: ChangeCampaigns) -> Campaign:
    """Accept a step."""
    return campaigns.accept(campaign, decision.step, reason=decision.reason)


@router.post("/campaigns/{campaign}/reject")
def reject(campaign: str, decision: Decision, campaigns: ChangeCampaigns) -> Campaign:
    """Reject a step."""
    return campaigns.reject(campaign, decision.step, reason=decision.reason)


@router.post("/campaigns/{campaign}/retry")
def retry(campaign: str, again: Again, campaigns: ChangeCampaigns) -> Campaign:
    """Do failed groups again, or all of a rejected step."""
    return campaigns.retry(campaign, again.step, again.group)
