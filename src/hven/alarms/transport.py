"""The ways to people."""

from __future__ import annotations

import datetime as dt
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

from hven.alarms.message import Message, Severity
from hven.core.clock import NS
from hven.core.errors import ServiceUnavailableError, SettingsError
from hven.core.logging import get_logger
from hven.core.notify_settings import MailSettings, WebhookSettings
from hven.core.settings import Settings
from hven.core.trust import trusted

TIMEOUT_S = 15.0
_OK = range(200, 300)

_log = get_logger(__name__)


class Transport(Protocol):
    """One way to people."""

    @property
    def name(self) -> str:
        """Its name in the outbox: the same in every process of a site."""
        ...

    def send(self, message: Message) -> None:
        """Hand a message over.

        Raises
        ------
        ServiceUnavailableError
            When it was not taken; it is tried again later.
        SettingsError
            When a file with a secret cannot be read; the same.
        """
        ...


class LogTransport:
    """The log of the service."""

    name = "log"

    def send(self, message: Message) -> None:
        """Write it as one line."""
        say = {Severity.INFO: _log.info, Severity.WARNING: _log.warning, Severity.ERROR: _log.error}
        say[message.severity]("notification", subject=message.subject, text=message.text, key=message.key)


class MailTransport:
    """E-mail by SMTP.

    Parameters
    ----------
    settings
        Server, sender and receivers.
    site
        Named in the subject.
    """

    name = "mail"

    def __init__(self, settings: MailSettings, site: str) -> None:
        self.settings = settings
        self.site = site

    def send(self, message: Message) -> None:
        """Send it to all receivers; the same message has the same Message-ID."""
        try:
            with self._connected() as server:
                server.send_message(self._letter(message))
        except (OSError, smtplib.SMTPException) as error:
            where = f"{self.settings.host}:{self.settings.port}"
            raise ServiceUnavailableError(f"the mail server {where} did not take a message: {error}") from error

    def _connected(self) -> smtplib.SMTP:
        s = self.settings
        context = ssl.create_default_context()
        if s.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(s.host, s.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(s.host, s.port, timeout=TIMEOUT_S)
        try:
            if s.security == "starttls":
                server.starttls(context=context)
            if s.user and s.password_file:
                server.login(s.user, read_secret(s.password_file))
        except BaseException:
            server.close()
            raise
        return server

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self.settings.sender
        letter["To"] = ", ".join(self.settings.to)
        letter["Subject"] = f"[hven {self.site}] {message.severity}: {message.subject}".replace("\n", " ")
        letter["Date"] = format_datetime(dt.datetime.fromtimestamp(message.time_ns / NS, dt.UTC))
        letter["Message-ID"] = f"<{message.identity}@hven.{self.site}>"
        letter.set_content(f"{message.text}\n\n{message.when}  {message.key}\n")
        return letter


class WebhookTransport:
    """JSON to an address of another service.

    Parameters
    ----------
    settings
        Address, and files with what is secret.
    site
        Told in the body.
    """

    def __init__(self, settings: WebhookSettings, site: str) -> None:
        self.settings = settings
        self.site = site

    @property
    def name(self) -> str:
        """As the settings name it."""
        return f"webhook:{self.settings.name}"

    def send(self, message: Message) -> None:
        """POST it; the same message has the same `Idempotency-Key`."""
        s = self.settings
        url = read_secret(s.url_file) if s.url_file else s.url
        headers = {"Idempotency-Key": message.identity}
        if s.token_file:
            headers["Authorization"] = f"Bearer {read_secret(s.token_file)}"
        try:
            answer = httpx.post(url, json=self._body(message), headers=headers, timeout=TIMEOUT_S, verify=trusted())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnavailableError(f"webhook {s.name} does not answer: {type(error).__name__}") from None
        if answer.status_code not in _OK:
            raise ServiceUnavailableError(f"webhook {s.name} answered {answer.status_code}")

    def _body(self, message: Message) -> dict[str, Any]:
        return {
            "site": self.site,
            "key": message.key,
            "severity": str(message.severity),
            "subject": message.subject,
            "text": f"{message.subject}\n{message.text}",
            "time": message.when,
        }


def make_transports(settings: Settings) -> list[Transport]:
    """The ways that a site has to people; its log is always one."""
    found: list[Transport] = [LogTransport()]
    if settings.notify.mail:
        found.append(MailTransport(settings.notify.mail, settings.site))
    found += [WebhookTransport(hook, settings.site) for hook in settings.notify.webhooks]
    return found


def read_secret(file: Path) -> str:
    """First line of a file; SettingsError where it cannot be read."""
    try:
        return file.read_text().split("\n", 1)[0].strip()
    except OSError as error:
        raise SettingsError(
            f"{file}: {error.strerror}", hint="The account of the batch service has to be able to read it."
        ) from None
