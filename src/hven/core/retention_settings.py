"""Section `retention` of a site file: what becomes of the observatory's products in the end."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _shared(pattern: str) -> str:
    if pattern.startswith(("u/", "p/")):
        raise ValueError("names products of people, which only they remove")
    return pattern


def _made_again(pattern: str) -> str:
    if not pattern.startswith(("L1/", "L2/")):
        raise ValueError("is no pattern of types of L1 or L2, like L1/panoseti.*; L0 is never removed")
    return pattern


class RetentionRule(_Strict):
    """Which of the observatory's products may go, and when; of several rules for a product the first decides."""

    name: Annotated[str, Field(min_length=1, description="Said wherever it applies.")]
    collections: Annotated[
        tuple[Annotated[str, AfterValidator(_shared)], ...],
        Field(min_length=1, description="Patterns of RUN collections, e.g. panoseti/runs/check/*."),
    ]
    types: Annotated[
        tuple[Annotated[str, AfterValidator(_made_again)], ...],
        Field(min_length=1, description="Patterns of dataset types with their level, e.g. L1/panoseti.*."),
    ]
    after_days: Annotated[float, Field(ge=0, description="Younger ones stay.")]
    keep_last: Annotated[
        int, Field(ge=0, description="So many of the newest versions of each dataset that are not partial stay.")
    ] = 0


class RetentionSettings(_Strict):
    """What becomes of the observatory's own products in the end; without rules everything stays."""

    rules: tuple[RetentionRule, ...] = ()
    releases: Annotated[
        tuple[str, ...], Field(description="Patterns of TAGGED collections; what is in them stays.")
    ] = ("*/releases/*",)
    grace_days: Annotated[
        float, Field(gt=0, description="From expired to the trash; longer than the longest session and job.")
    ] = 7.0
    trash_days: Annotated[float, Field(ge=0, description="From the trash to gone.")] = 7.0
    apply_every_h: Annotated[
        float | None, Field(gt=0, description="The batch service applies the rules so often; only by hand if left out.")
    ] = None
