"""E-mail over SMTP (RFC 5321), with STARTTLS, TLS from the start, or neither.

Until the mail itself is handed over nothing is sent: a failure before is safe to repeat, no answer after it is unknown.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import ClassVar, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from app.core import clock
from app.core.credentials import CredentialModel, InvalidCredentials, credential
from app.core.http import callable_address, checked_base_url, is_loopback
from app.core.providers import (
    MALFORMED,
    N_,
    NO_ANSWER,
    TIMED_OUT,
    UNREACHABLE,
    UNSUPPORTED,
    UNTRUSTED,
    Outcome,
    ProviderError,
    Timeouts,
)
from app.messaging.channels.base import Channel, ChannelCapabilities, OutgoingMessage, SendReceipt
from app.messaging.channels.mime import ascii_address, build_mail, message_id, recipient_address

SCHEMES = {"smtp": "none", "smtp+starttls": "starttls", "smtps": "ssl"}
DEFAULT_PORTS = {"none": 25, "starttls": 587, "ssl": 465}
GREETING = 220
FINAL_REPLY_FACTOR = 3  # the final reply may take this many times as long as another one
GOODBYE_SECONDS = 2.0
DEFAULT_FROM = "no-reply@localhost"


class SmtpCredentials(CredentialModel):
    """A log-in of a mail server; without a user name nobody logs in."""

    host: str = credential(N_("Server"), default="localhost", min_length=1)
    port: int = credential(N_("Port"), default=587, ge=1, le=65535)
    security: Literal["starttls", "ssl", "none"] = credential(N_("Encryption"), default="starttls")
    username: str = credential(N_("User name"), default="")
    password: SecretStr | None = credential(N_("Password"), default=None)
    from_address: str = credential(N_("Sender address"), min_length=3)
    from_name: str = credential(N_("Sender name"), default="")
    ca_certificates: str = credential(
        N_("Trusted certificates"),
        default="",
        help_text=N_("PEM. Only for a server whose certificate the system does not trust."),
        multiline=True,
        trust=True,
    )

    @classmethod
    def from_url(cls, url: str) -> SmtpCredentials:
        """`smtp+starttls://user:password@host:587?from=desk@clinic.org` (or smtps, smtp). Raises InvalidCredentials."""
        try:
            parts = urlsplit(url)
            security, port = SCHEMES[parts.scheme], parts.port
        except (ValueError, KeyError):
            raise InvalidCredentials({"smtp_url": f"It starts with one of {', '.join(SCHEMES)}."}) from None
        values = {
            "host": parts.hostname,
            "port": port or DEFAULT_PORTS[security],
            "security": security,
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or "") or None,
            "from_address": parse_qs(parts.query).get("from", [DEFAULT_FROM])[0],
        }
        return cls.load(values)


class Smtp(Channel[SmtpCredentials]):
    """One mail server. A base URL (smtp://, smtp+starttls://, smtps://) goes before host, port and encryption."""

    code = "smtp"
    label = "SMTP"
    channel = "email"
    Credentials = SmtpCredentials
    default_base_url = "smtp+starttls://localhost:587"
    default_timeouts = Timeouts(connect=10, read=20)  # a server may make us wait for its greeting
    capabilities: ClassVar[ChannelCapabilities] = ChannelCapabilities(
        attachments=20, attachment_bytes=15 * 1024 * 1024, html=True, together=5
    )

    def __init__(
        self, credentials: SmtpCredentials, *, base_url: str | None = None, timeouts: Timeouts | None = None
    ) -> None:
        super().__init__(credentials, base_url=base_url or _url_of(credentials), timeouts=timeouts)
        checked_base_url(self.base_url, tuple(SCHEMES))
        parts = urlsplit(self.base_url)
        self._security = SCHEMES[parts.scheme]
        self._address = (parts.hostname or "", parts.port or DEFAULT_PORTS[self._security])
        try:
            self._sender = ascii_address(credentials.from_address)
        except ValueError:
            raise InvalidCredentials({"from_address": N_("This is not an e-mail address.")}) from None

    def probe(self) -> str:
        """Connect, encrypt, log in and do nothing."""
        with self._session() as server:
            code, reply = server.noop()
            if code != 250:
                raise self._refusal(code, reply, "session")
        return ""

    def send(self, message: OutgoingMessage) -> SendReceipt:
        to, content = self._prepared(message)
        with self._session() as server:
            return self._deliver(server, message, to, content)

    def send_all(self, messages: Sequence[OutgoingMessage]) -> list[SendReceipt | ProviderError]:
        """Over one connection; once that is gone, the rest were not sent."""
        answers: list[SendReceipt | ProviderError] = []
        try:
            with self._session() as server:
                for message in messages:
                    answers.append(self._tried_on(server, message))
                    if isinstance(answers[-1], ProviderError):
                        server.rset()
        except ProviderError as error:
            answers += [error] * (len(messages) - len(answers))
        return answers

    def _tried_on(self, server: smtplib.SMTP, message: OutgoingMessage) -> SendReceipt | ProviderError:
        try:
            return self._deliver(server, message, *self._prepared(message))
        except ProviderError as error:
            return error

    def _prepared(self, message: OutgoingMessage) -> tuple[str, bytes]:
        self.check_attachments(message)
        to = recipient_address(message.to)
        return to, self._content(message, to)

    def _deliver(self, server: smtplib.SMTP, message: OutgoingMessage, to: str, content: bytes) -> SendReceipt:
        self._wait_at_most(server, self.timeouts.read)
        size = [f"size={len(content)}"] if server.has_extn("size") else []
        self._expect(server.mail(self._sender, size), "sender", to)
        self._expect(server.rcpt(to), "recipient", to)
        answer = self._hand_over(server, content, to)
        return SendReceipt(message_id(message.delivery_id, self._sender), answer)

    def _content(self, message: OutgoingMessage, to: str) -> bytes:
        name = message.sender or self.credentials.from_name
        try:
            return build_mail(message, sender=self._sender, name=name, to=to, at=clock.now()).as_bytes()
        except (ValueError, LookupError):
            text = "The mail could not be built from this message."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "invalid_mail", text) from None

    def _hand_over(self, server: smtplib.SMTP, content: bytes, to: str) -> str:
        """DATA and the mail. From here on a missing answer leaves open whether it was accepted."""
        self._wait_at_most(server, self.timeouts.read * FINAL_REPLY_FACTOR)
        try:
            reply = server.data(content)
        except smtplib.SMTPDataError as error:
            raise self._refusal(error.smtp_code, error.smtp_error, "data", to) from None
        except (smtplib.SMTPException, OSError) as error:
            code = TIMED_OUT if _is_timeout(error) else NO_ANSWER
            raise ProviderError(Outcome.UNKNOWN, code, "The server did not confirm the mail.") from None
        self._expect(reply, "data", to)
        return self.safe_text(_text(reply[1]), [to])

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """A greeted, encrypted, logged-in connection. Its failures outside DATA all mean: not sent."""
        server: smtplib.SMTP | None = None
        try:
            server = self._connected()
            self._wait_at_most(server, self.timeouts.read)
            if self._security == "starttls":
                server.starttls(context=self._tls())
            server.ehlo_or_helo_if_needed()
            self._log_in(server)
            yield server
            self._wait_at_most(server, min(self.timeouts.read, GOODBYE_SECONDS))
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error.smtp_code, error.smtp_error, "session") from None
        except (smtplib.SMTPException, OSError) as error:
            raise _not_sent(error) from None
        finally:
            if server is not None:
                server.close()

    def _connected(self) -> smtplib.SMTP:
        host, port = self._address
        address = callable_address(host, port)
        server = self._unconnected()
        server._host = host  # type: ignore[attr-defined]  # whose certificate it must be, whatever the address
        code, greeting = server.connect(address or host, port)
        if code != GREETING:
            server.close()
            raise smtplib.SMTPConnectError(code, greeting)
        return server

    def _unconnected(self) -> smtplib.SMTP:
        name = self._sender.rpartition("@")[2]  # never the machine's own name, and no look-up for it
        if self._security == "ssl":
            return smtplib.SMTP_SSL("", 0, name, timeout=self.timeouts.connect, context=self._tls())
        return smtplib.SMTP("", 0, name, timeout=self.timeouts.connect)

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cadata=self.credentials.ca_certificates or None)
        except (ssl.SSLError, ValueError):
            text = "The trusted certificates are not in PEM form."
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "invalid_certificates", text) from None

    def _log_in(self, server: smtplib.SMTP) -> None:
        if not self.credentials.username:
            return
        if self._security == "none" and not is_loopback(self.base_url):
            text = "A password is not sent over a connection without encryption."
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "insecure_login", text)
        password = self.credentials.password
        try:
            server.login(self.credentials.username, password.get_secret_value() if password else "")
        except UnicodeError:
            text = "User name and password must be plain ASCII."
            raise ProviderError(Outcome.PERMANENT_ACCOUNT, "invalid_credentials", text) from None

    def _expect(self, reply: tuple[int, bytes], stage: str, to: str) -> None:
        code, text = reply
        if not 200 <= code < 300:
            raise self._refusal(code, text, stage, to)

    def _refusal(self, code: int, reply: bytes | str, stage: str, to: str = "") -> ProviderError:
        if code not in _REFUSALS:  # no SMTP, or not a reply to what was said
            outcome = Outcome.UNKNOWN if stage == "data" else Outcome.RETRY
            return ProviderError(outcome, MALFORMED, "The server's reply was not understood.")
        text = _text(reply)
        status = _ENHANCED.match(text)
        shown = self.safe_text(f"{code} {text}", [to])
        return ProviderError(_outcome(code, status, stage), status.group() if status else str(code), shown)

    @staticmethod
    def _wait_at_most(server: smtplib.SMTP, seconds: float) -> None:
        if server.sock is not None:
            server.sock.settimeout(seconds)


_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_LOG_IN_CODES = {530, 534, 535, 538}
_TOO_LARGE = 552
_REFUSALS, _PERMANENT = range(400, 600), 500
# Without a better hint a permanent refusal is about what was just said.
_BY_STAGE = {
    "session": Outcome.PERMANENT_ACCOUNT,
    "sender": Outcome.PERMANENT_ACCOUNT,
    "recipient": Outcome.PERMANENT_RECIPIENT,
    "data": Outcome.PERMANENT_MESSAGE,
}
# Enhanced status codes (RFC 3463): whole codes first, then the subject in the middle.
_BY_STATUS = {
    "1.7": Outcome.PERMANENT_ACCOUNT,  # our sender's address
    "1.8": Outcome.PERMANENT_ACCOUNT,
    "2.2": Outcome.RETRY_LATER,  # mailbox full: coded permanent, passes
    "2.3": Outcome.PERMANENT_MESSAGE,
    "3.4": Outcome.PERMANENT_MESSAGE,
}
_BY_SUBJECT = {
    "1": Outcome.PERMANENT_RECIPIENT,
    "2": Outcome.PERMANENT_RECIPIENT,
    "4": Outcome.PERMANENT_RECIPIENT,
    "5": Outcome.PERMANENT_MESSAGE,
    "6": Outcome.PERMANENT_MESSAGE,
    "7": Outcome.PERMANENT_ACCOUNT,
}


def _outcome(code: int, status: re.Match[str] | None, stage: str) -> Outcome:
    """What a refusal means. Anything below 500 passes: greylisting, a full queue, a server that closes."""
    if code < _PERMANENT:
        return Outcome.RETRY
    if code in _LOG_IN_CODES or stage == "session":
        return Outcome.PERMANENT_ACCOUNT
    fallback = Outcome.PERMANENT_MESSAGE if code == _TOO_LARGE else _BY_STAGE[stage]
    if status is None or (stage == "sender" and status[2] in "12"):
        return fallback
    by_subject = _BY_SUBJECT.get(status[2], fallback)
    return _BY_STATUS.get(f"{status[2]}.{status[3]}", by_subject)


def _not_sent(error: Exception) -> ProviderError:
    """A failure of the connection before the mail was handed over."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProviderError(Outcome.PERMANENT_ACCOUNT, UNTRUSTED, "The certificate is not trusted.")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        code = TIMED_OUT if _is_timeout(error) else NO_ANSWER
        return ProviderError(Outcome.RETRY, code, "The server hung up or did not answer.")
    if isinstance(error, smtplib.SMTPException):  # no STARTTLS, no common way to log in
        text = N_("The server offers no such encryption or log-in as this account asks for.")
        return ProviderError(Outcome.PERMANENT_ACCOUNT, UNSUPPORTED, text)
    return ProviderError(Outcome.RETRY, UNREACHABLE, "No connection.")


def _is_timeout(error: BaseException) -> bool:
    """smtplib wraps a time-out while it waits for a reply into "server disconnected"."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply


def _url_of(credentials: SmtpCredentials) -> str:
    scheme = next(scheme for scheme, security in SCHEMES.items() if security == credentials.security)
    return f"{scheme}://{credentials.host}:{credentials.port}"
