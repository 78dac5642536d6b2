"""A real SMTP server (aiosmtpd) on a free loopback port, whose replies a test sets command by command."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HANG_UP = "hang up"
SILENCE = "silence"
USER, PASSWORD = b"desk", b"pass-word"


@dataclass
class MailServer:
    """`replies` by command (MAIL, RCPT, DATA): a reply, HANG_UP or SILENCE; none is acceptance."""

    replies: dict[str, str] = field(default_factory=dict)
    login_reply: str = "535 5.7.8 Authentication credentials invalid"
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    logged_in: list[bool] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def only_mail(self) -> EmailMessage:
        assert len(self.mails) == 1
        return cast(EmailMessage, message_from_bytes(self.mails[0][2], policy=default))

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, PASSWORD)
        return AuthResult(success=good, handled=good, message=None if good else self.login_reply)

    async def handle_MAIL(  # noqa: N802 - names the library looks up
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._reply("MAIL", server)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._reply("RCPT", server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = self._reply("DATA", server)
        if reply.startswith("250"):
            content = envelope.original_content or b""
            self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), content))
            self.logged_in.append(bool(session.authenticated))
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return reply

    def _reply(self, command: str, server: SMTP) -> str:
        reply = self.replies.get(command, "250 2.0.0 Ok: queued as Q123")
        if reply in (HANG_UP, SILENCE):
            if reply == HANG_UP:
                server.transport.abort()
            else:
                server.transport.pause_reading()
                server.transport.write = lambda data: None  # the reply that follows is never sent
            return "421 unused"
        return reply


class _Controller(Controller):
    def __init__(
        self, handler: MailServer, port: int, starttls: ssl.SSLContext | None, tls: ssl.SSLContext | None
    ) -> None:
        self._starttls = starttls
        super().__init__(handler, hostname="127.0.0.1", port=port, ssl_context=tls)

    def factory(self) -> SMTP:
        return SMTP(
            self.handler,
            hostname="mail.test",
            tls_context=self._starttls,
            auth_require_tls=False,
            authenticator=self.handler.authenticate,
            data_size_limit=1024 * 1024,
        )


@contextmanager
def mail_server(*, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> Iterator[MailServer]:
    server = MailServer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.port = probe.getsockname()[1]
    controller = _Controller(server, server.port, starttls, tls)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def raw_server(*lines: bytes) -> Iterator[int]:
    """A port that says the given lines, one per thing it is told (the first at once), and then nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        over = threading.Event()
        thread = threading.Thread(target=_talk, args=(listener, lines, over), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join(5)


def _talk(listener: socket.socket, lines: tuple[bytes, ...], over: threading.Event) -> None:
    connection, _ = listener.accept()
    with connection:
        for place, line in enumerate(lines):
            if place:
                connection.recv(65536)
            connection.sendall(line)
        over.wait(60)
