"""What the batch service does every round besides running jobs."""

from __future__ import annotations

from typing import Protocol


class Chore(Protocol):
    """Something that the service does every round: schedules, campaigns, notifications."""

    name: str

    def step(self) -> None:
        """Do what is due now and come back soon; work that lasts is a job."""
        ...
