"""What the mail server says to each command, armed faults included."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.sandbox.calls import Call
from app.sandbox.faults import REQUEST_FAULTS, Fault
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.smtp import CODE, REPLIES, SmtpAccount
from app.sandbox.simulators.smtp.mail import read_mail

TEMPORARY = "451 4.3.0 Requested action aborted: local error in processing"
BUSY = "421 4.7.0 Too many messages, try again later"
REPLY = {"421": "421 4.3.2 Service shutting down", "451": TEMPORARY, "550": "550 5.7.1 Message refused by policy",
         "500": TEMPORARY, "429": BUSY}  # fmt: skip
# Addresses that mean the same in every test: the local part says how they answer.
LOCAL_PARTS = {
    "bounce": "550 5.1.1 <{}>: Recipient address rejected: user unknown",
    "greylist": "451 4.7.1 <{}>: Recipient address rejected: greylisted, try again later",
    "full": "452 4.2.2 <{}>: Mailbox full",
}
BY_CODE = {550: LOCAL_PARTS["bounce"], 451: LOCAL_PARTS["greylist"], 452: LOCAL_PARTS["full"]}
KINDS = (*REQUEST_FAULTS, *REPLIES)
# The id that the answer carries, and the status that the record gets.
Answer = str


class MailHandler:
    """Hooks of aiosmtpd; the store is touched outside its event loop."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle_EHLO(  # noqa: N802, PLR0913, PLR0917
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        reply = await self._fault_reply(server, "ehlo")
        return responses if reply is None else [reply]

    async def handle_MAIL(  # noqa: N802, PLR0913, PLR0917
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> Answer:
        if self._sandbox.settings.smtp_auth_required and not session.authenticated:
            return "530 5.7.0 Authentication required"
        reply = await self._fault_reply(server, "mail")
        if reply is not None:
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802, PLR0913, PLR0917
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> Answer:
        reply = await self._fault_reply(server, "rcpt") or await asyncio.to_thread(self._refusal, address)
        if reply is not None:
            await asyncio.to_thread(self._record, session, "rcpt", address, {}, int(reply[:3]), None, time.monotonic())
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> Answer:  # noqa: N802
        started = time.monotonic()
        fault = await asyncio.to_thread(self._sandbox.faults.take, CODE, KINDS, ("data", "send"))
        answer = await asyncio.to_thread(self._accept, session, envelope, fault, started)
        if fault is None:
            return answer
        await _misbehave(server, fault)
        return "2x0 \x07?" if fault.fault == "malformed" else answer

    def _accept(self, session: Session, envelope: Envelope, fault: Fault | None, started: float) -> Answer:
        queue_id = random_text(12, "0123456789ABCDEF")
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mails = read_mail(content, envelope.mail_from or "", list(envelope.rcpt_tos), queue_id)
        answer = _refusal_of(fault) or f"250 2.0.0 Ok: queued as {queue_id}"
        kept = fault is None or not fault.before
        with self._sandbox.store.transaction():
            for mail in mails if kept else ():
                self._sandbox.outbox.keep(mail)
            silent = fault is not None and fault.fault in ("timeout", "reset")
            status = None if silent else int(answer[:3])
            path = f"{envelope.mail_from} → {', '.join(envelope.rcpt_tos)}"
            self._record(session, "send", path, mails[0].details["headers"], status, fault, started)
        return answer

    def _record(  # noqa: PLR0913, PLR0917
        self, session: Session, operation: str, path: str, headers: dict[str, str], status: int | None,
        fault: Fault | None, started: float,
    ) -> None:  # fmt: skip
        data = getattr(session, "auth_data", None)
        account = data.login.decode("utf-8", "replace") if isinstance(data, LoginPassword) else ""
        milliseconds = round((time.monotonic() - started) * 1000)
        name = fault.fault if fault else None
        self._sandbox.calls.add(
            Call(CODE, account, operation, "SMTP", path, headers, "", status, name, milliseconds)
        )  # fmt: skip

    def _refusal(self, address: str) -> str | None:
        code = self._sandbox.recipients.code(CODE, address, "send")
        if code is not None:
            return BY_CODE.get(code, f"{code} <{{}}>: Recipient address rejected").format(address)
        reply = LOCAL_PARTS.get(address.partition("@")[0].lower())
        return reply.format(address) if reply else None

    async def _fault_reply(self, server: SMTP, operation: str) -> Answer | None:
        """Spends a fault that names this command; one without an operation waits for DATA."""
        fault = await asyncio.to_thread(self._take_named, operation)
        if fault is None:
            return None
        await _misbehave(server, fault)
        return _refusal_of(fault) or ("2x0 \x07?" if fault.fault == "malformed" else None)

    def _take_named(self, operation: str) -> Fault | None:
        return self._sandbox.faults.take(CODE, KINDS, (operation,), named_only=True)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:  # fmt: skip
        """PLAIN and LOGIN against the registered accounts; aiosmtpd calls this in its event loop."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        account = self._sandbox.accounts.find(CODE, data.login.decode("utf-8", "replace"))
        known = isinstance(account, SmtpAccount) and hmac.compare_digest(account.password.encode(), data.password)
        self._record(session, "auth", "", {}, 235 if known else 535, None, time.monotonic())
        return AuthResult(success=known, handled=False, auth_data=data)


def _refusal_of(fault: Fault | None) -> Answer | None:
    return REPLY.get(fault.fault) if fault is not None else None


async def _misbehave(server: SMTP, fault: Fault) -> None:
    """Lags, hangs or cuts the connection; a cut one ends the session right here."""
    if fault.fault in ("slow", "timeout"):
        await asyncio.sleep(fault.seconds)
    if fault.fault in ("timeout", "reset"):
        assert isinstance(server.transport, asyncio.WriteTransport)
        server.transport.abort()
        raise ConnectionResetError("dropped by an armed fault")
