"""Status callbacks and inbound messages: forms, signed together with the address they go to."""

from __future__ import annotations

import base64
import hmac
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode

from app.sandbox import clock
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import random_text
from app.sandbox.messages import recipient_key
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.twilio.account import CODE, TwilioAccount
from app.sandbox.webhooks import Notice

WINDOW = f"{CODE}.window"
OPT_OUT = f"{CODE}.opt_out"
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
START_WORDS = {"START", "YES", "UNSTOP"}


def signature(secret: str, url: str, body: bytes, algorithm: str = "sha1") -> str:
    """Base64 of the HMAC over the address and the sorted fields."""
    fields = sorted(set(parse_qsl(body.decode(), keep_blank_values=True)))
    text = url + "".join(name + value for name, value in fields)
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), algorithm).digest()).decode()


def headers(account: TwilioAccount, url: str, body: bytes) -> dict[str, str]:
    """With the shared key where the account has one, else with the auth token."""
    found = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "User-Agent": "TwilioProxy/1.1",
             "I-Twilio-Idempotency-Token": str(uuid.uuid4())}  # fmt: skip
    if account.shared_secret:
        found["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
        return {**found, "X-Twilio-Signature": signature(account.shared_secret, url, body, "sha256")}
    return {**found, "X-Twilio-Signature": signature(account.auth_token, url, body)}


def announce(sandbox: Sandbox, account: TwilioAccount, message: dict[str, Any], statuses: list[str], code: Any) -> None:
    """One callback per status; none for the first state, which the answer told."""
    url = message["status_callback"]
    notices = []
    for place, status in enumerate(statuses):
        fields = {
            "AccountSid": account.account_sid, "ApiVersion": "2010-04-01", "From": message["from"],
            "MessageSid": message["sid"], "MessageStatus": status, "SmsSid": message["sid"], "SmsStatus": status,
            "To": message["to"],
        }  # fmt: skip
        if code is not None:
            fields["ErrorCode"] = str(code)
        body = urlencode(fields).encode()
        delay = place * account.delivery_seconds
        notices.append(Notice(f"message.{status}", random_text(16), body, headers(account, url, body), delay))
    sandbox.outbox.set_status(message["sid"], statuses[-1])
    sandbox.webhooks.emit(CODE, account.account_sid, url or None, f"{CODE}:{message['sid']}", notices)


def receive(sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
    """A person writes: `{"accountSid", "from", "to"?, "text", "channel"?: "sms"|"whatsapp"}`. STOP blocks at Twilio."""
    account = sandbox.accounts.find(CODE, str(command.get("accountSid")))
    if not isinstance(account, TwilioAccount):
        raise UnknownRecord("no such accountSid")
    person, text = str(command.get("from") or ""), command.get("text")
    if not recipient_key(person).isdigit() or not isinstance(text, str) or not text:
        raise SandboxError("from (a telephone number) and text are needed")
    prefix = "whatsapp:" if command.get("channel") == "whatsapp" else ""
    sid = f"SM{random_text(32, '0123456789abcdef')}"
    fields = {
        "AccountSid": account.account_sid, "ApiVersion": "2010-04-01", "Body": text,
        "From": f"{prefix}+{recipient_key(person)}", "MessageSid": sid, "NumMedia": "0", "NumSegments": "1",
        "SmsMessageSid": sid, "SmsSid": sid, "SmsStatus": "received",
        "To": f"{prefix}{command.get('to', '+15005550006')}",
    }  # fmt: skip
    _note_wish(sandbox, f"{account.account_sid}:{prefix}{recipient_key(person)}", text)
    body = urlencode(fields).encode()
    notice = Notice("message.received", sid, body, headers(account, account.webhook_url or "", body))
    sandbox.announce(CODE, account, sid, [notice])
    return fields


def _note_wish(sandbox: Sandbox, key: str, text: str) -> None:
    word = text.strip().upper()
    with sandbox.store.transaction():
        sandbox.documents.put(WINDOW, {"id": key, "at": clock.seconds()})
        if word in STOP_WORDS:
            sandbox.documents.put(OPT_OUT, {"id": key})
        elif word in START_WORDS:
            sandbox.documents.delete(OPT_OUT, key)
