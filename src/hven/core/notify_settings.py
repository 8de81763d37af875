"""Section `notify` of a site file: who is told, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MailSettings(_Strict):
    """Notifications by e-mail."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Annotated[Literal["starttls", "tls", "none"], Field(description="Of the connection to the server.")] = (
        "starttls"
    )
    sender: Annotated[str, Field(description="Address from which it comes.")]
    to: Annotated[tuple[str, ...], Field(min_length=1, description="Addresses that get it.")]
    user: Annotated[str, Field(description="Login at the server; empty is none.")] = ""
    password_file: Annotated[Path | None, Field(description="Readable by the batch service only.")] = None


class WebhookSettings(_Strict):
    """Notifications as JSON to another service."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    url: Annotated[str, Field(description="Where nothing of the address is secret.")] = ""
    url_file: Annotated[Path | None, Field(description="File with the address, where it is secret.")] = None
    token_file: Annotated[Path | None, Field(description="File with a bearer token; none if left out.")] = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if bool(self.url) == bool(self.url_file):
            raise ValueError("give url or url_file")
        return self


class NotifySettings(_Strict):
    """Who is told when campaigns fail, are late or end; the batch service's log is told always."""

    mail: MailSettings | None = None
    webhooks: tuple[WebhookSettings, ...] = ()
