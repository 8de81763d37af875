"""Messages on their way to people: a real SMTP server, a real HTTP endpoint, services that are killed."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from hven.alarms.message import Message, Severity
from hven.alarms.outbox import Delivery, Outbox, Postman
from hven.alarms.queries import notifications
from hven.alarms.tables import OUTBOX
from hven.alarms.transport import MailTransport, WebhookTransport, make_transports
from hven.core.clock import now_ns
from hven.core.errors import ServiceUnavailableError, SettingsError
from hven.core.notify_settings import MailSettings, WebhookSettings
from hven.core.settings import Settings
from hven.registry.database import Database


class Mailbox:
    """What an SMTP server was given; `refuses` so many letters first."""

    def __init__(self):
        self.letters = []
        self.logins = []
        self.refuses = 0

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - the library's name
        if self.refuses:
            self.refuses -= 1
            return "451 try again later"
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def login(self, _server, _session, _envelope, _mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"geheim")


@pytest.fixture
def mailbox():
    box = Mailbox()
    more = {"authenticator": box.login, "auth_require_tls": False, "auth_exclude_mechanism": ["LOGIN"]}
    with socket.create_server(("127.0.0.1", 0)) as held:
        box.port = held.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=box.port, **more)
    server.start()
    yield box
    server.stop()


@contextmanager
def endpoint(*statuses):
    """An HTTP endpoint that answers with these statuses and then with 204; gives address and requests."""
    requests, answers = [], list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((dict(self.headers), json.loads(body)))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", requests
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    yield database
    database.close()


def message(key="campaign/dr1/failed/1", **changes):
    values = {"severity": Severity.ERROR, "subject": "campaign dr1 failed", "text": "Detector 3\nis broken."}
    return Message(key, **{**values, **changes}, time_ns=now_ns())


def mail(port, **more):
    settings = MailSettings(host="127.0.0.1", port=port, security="none", sender="hven@lick", to=["ops@lick"], **more)
    return MailTransport(settings, "lick")


def put(outbox, *messages):
    with outbox.database.write() as connection:
        for one in messages:
            outbox.put(connection, one)


def make_all_due(database):
    with database.write() as connection:
        connection.execute(OUTBOX.update().values(due_ns=0))


def test_a_message_becomes_a_letter(mailbox, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("geheim\n")

    mail(mailbox.port, user="hven", password_file=secret).send(message())

    (letter,) = mailbox.letters
    assert (letter["From"], letter["To"]) == ("hven@lick", "ops@lick")
    assert letter["Subject"] == "[hven lick] error: campaign dr1 failed"
    assert "Detector 3\nis broken." in letter.get_content().replace("\r\n", "\n")
    assert mailbox.logins == [(b"hven", b"geheim")]


def test_a_message_becomes_a_request_with_the_token_of_a_file(tmp_path):
    token = tmp_path / "token"
    token.write_text("geheim\n")
    with endpoint() as (url, requests):
        address = tmp_path / "address"
        address.write_text(f"{url}\n")
        hook = WebhookSettings(name="chat", url_file=address, token_file=token)
        WebhookTransport(hook, "lick").send(message())

    ((headers, body),) = requests
    assert headers["Authorization"] == "Bearer geheim"
    assert headers["Idempotency-Key"] == message().identity
    assert (body["site"], body["severity"], body["subject"]) == ("lick", "error", "campaign dr1 failed")
    assert body["text"].endswith("is broken.")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_is_not_taken_is_an_error_without_the_secret_address(status):
    with endpoint(status) as (url, _):
        hook = WebhookTransport(WebhookSettings(name="chat", url=f"{url}?key=geheim"), "lick")
        with pytest.raises(ServiceUnavailableError, match=f"webhook chat answered {status}") as caught:
            hook.send(message())

    assert "geheim" not in str(caught.value)


def test_secrets_that_cannot_be_read_are_named_by_their_file(tmp_path):
    hook = WebhookTransport(WebhookSettings(name="chat", url_file=tmp_path / "none"), "lick")

    with pytest.raises(SettingsError, match="none"):
        hook.send(message())


def test_each_message_goes_once_on_each_way_whoever_delivers(database, mailbox):
    with endpoint() as (url, requests):
        ways = [mail(mailbox.port), WebhookTransport(WebhookSettings(name="chat", url=url), "lick")]
        outboxes = [Outbox(database, ways), Outbox(database, ways)]
        put(outboxes[0], message("a"), message("b"), message("a"))

        threads = [threading.Thread(target=outbox.deliver) for outbox in outboxes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outboxes[1].deliver()

    assert sorted(letter["Message-ID"] for letter in mailbox.letters) == sorted(
        f"<{message(key).identity}@hven.lick>" for key in ("a", "b")
    )
    assert len(requests) == 2


def test_what_a_server_refuses_is_tried_again_later(database, mailbox):
    mailbox.refuses = 1
    outbox = Outbox(database, [mail(mailbox.port)])
    put(outbox, message())

    assert outbox.deliver() == 0
    assert outbox.deliver() == 0, "not at once"
    make_all_due(database)
    assert outbox.deliver() == 1

    assert len(mailbox.letters) == 1


def test_a_message_is_kept_only_with_what_it_tells(database):
    outbox = Outbox(database, make_transports(Settings(root="/data", state="/state")))
    with database.write() as connection:
        outbox.put(connection, message())
        connection.rollback()

    assert outbox.deliver() == 0


KILLED = """
import os, sys
from hven.alarms.outbox import Outbox
from hven.registry.database import Database
class Dies:
    name = "mail"
    def send(self, message):
        os.kill(os.getpid(), 9)
Outbox(Database(sys.argv[1]), [Dies()]).deliver()
"""


def test_a_service_that_is_killed_while_it_sends_loses_nothing(mailbox, tmp_path):
    url = f"sqlite:///{tmp_path}/platform.sqlite"
    database = Database(url)
    outbox = Outbox(database, [mail(mailbox.port)])
    put(outbox, message())

    killed = subprocess.run([sys.executable, "-c", KILLED, url], check=False)

    assert killed.returncode == -9
    assert outbox.deliver() == 0, "left to the other for a while"
    make_all_due(database)
    assert outbox.deliver() == 1
    (told,) = notifications(Settings(root=tmp_path, state=tmp_path, platform_url=url), limit=5)
    assert (told.state, told.attempts, told.message.subject) == (Delivery.SENT, 2, "campaign dr1 failed")
    database.close()


def test_the_service_does_not_wait_for_a_slow_server(database):
    stuck, going = threading.Event(), threading.Event()

    class Slow:
        name = "slow"

        def send(self, _message):
            going.set()
            stuck.wait(30)

    outbox = Outbox(database, [Slow()])
    put(outbox, message())
    postman = Postman(outbox)

    postman.step()
    assert going.wait(30)
    postman.step()
    stuck.set()
    postman.close()
    with database.read() as connection:
        assert connection.scalar(OUTBOX.select().with_only_columns(OUTBOX.c.state)) == Delivery.SENT


@pytest.mark.parametrize("hook", [{"name": "chat"}, {"name": "chat", "url": "http://a", "url_file": "/b"}])
def test_a_webhook_has_one_address(hook):
    with pytest.raises(ValueError, match="give url or url_file"):
        WebhookSettings(**hook)
