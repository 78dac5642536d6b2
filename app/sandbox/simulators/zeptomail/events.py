"""The webhooks of a mail agent: delivered, bounced, opened, complained of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

import requests

from app.sandbox import clock
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import random_text
from app.sandbox.messages import Message
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.zeptomail.account import CODE, ZeptoMailAccount
from app.sandbox.webhooks import Notice

ANSWER_SECONDS = 10
EVENTS = ("delivered", "hardbounce", "softbounce", "feedback_loop", "email_open", "email_link_click")
# What a bad address says later, by the code that the control route was given.
SOFT = range(400, 500)


def announce(sandbox: Sandbox, account: ZeptoMailAccount, message: Message) -> None:
    code = sandbox.recipients.code(CODE, message.to, "status")
    event = "delivered" if code is None else "softbounce" if code in SOFT else "hardbounce"
    sandbox.outbox.set_status(message.id, event)
    shown = {"id": message.id, "to": message.to, "from": message.sender, "reference": message.reference,
             "subject": message.details["subject"]}  # fmt: skip
    notice = _notice(account, shown, event, code, account.delivery_seconds)
    sandbox.announce(CODE, account, message.id, [notice])


def report(sandbox: Sandbox, message: dict[str, Any], event: str) -> list[str]:
    """Another event about a mail that was sent. Raises SandboxError."""
    if event not in EVENTS:
        raise SandboxError(f"event must be one of {', '.join(EVENTS)}")
    accounts = [item for _, item in sandbox.accounts.all() if isinstance(item, ZeptoMailAccount) and item.webhook_url]
    if not accounts:
        raise UnknownRecord("no mail agent has a webhook address")
    sandbox.outbox.set_status(message["id"], event)
    return sandbox.announce(CODE, accounts[-1], message["id"], [_notice(accounts[-1], message, event, None, 0)])


def headers(account: ZeptoMailAccount, body: bytes) -> dict[str, str]:
    """Signed over the event's text, in whichever way it travels; the time is beside the signature, not in it."""
    form = account.webhook_encoding == "form"
    found = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
    if account.webhook_authorization:
        found["Authorization"] = account.webhook_authorization
    if account.webhook_key:
        text = unquote_plus(body.partition(b"=")[2].decode()).encode() if form else body
        made = base64.b64encode(hmac.new(account.webhook_key.encode(), text, hashlib.sha256).digest()).decode()
        sent = int(clock.seconds() * 1000)
        found["producer-signature"] = f"ts={sent};s={quote(made, safe='')};s-algorithm=HmacSHA256"
    return found


def verify_webhook(sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
    """The call that the vendor's console makes before it takes an address: no event, no signature."""
    account = sandbox.accounts.find(CODE, str(command.get("account")))
    if account is None or not account.webhook_url:
        raise UnknownRecord("no mail agent of that name has a webhook address")
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(account.webhook_url, json={}, timeout=ANSWER_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            return {"verified": False, "status": None, "error": type(error).__name__}
    return {"verified": answer.status_code == requests.codes.ok, "status": answer.status_code, "error": None}


def _notice(account: ZeptoMailAccount, message: dict[str, Any], event: str, code: int | None, delay: float) -> Notice:
    reason = {"reason": f"{code} mailbox problem" if code else "", "bounced_recipient": message["to"],
              "time": clock.iso(), "diagnostic_message": f"smtp; {code}" if code else ""}  # fmt: skip
    info = {
        "email_reference": f"13ef.{message['id'][:16]}", "client_reference": message["reference"],
        "to": [{"email_address": {"address": message["to"]}}], "from": {"address": message["from"]},
        "subject": message["subject"], "processed_time": clock.iso(), "is_smtp_trigger": False,
    }  # fmt: skip
    about = {"email_info": info, "event_data": [{"object": event, "details": [reason]}], "request_id": message["id"]}
    id = random_text(32)
    document = {"event_name": [event], "event_message": [about], "mailagent_key": account.mail_agent,
                "webhook_request_id": id}  # fmt: skip
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    raw = f"data={quote_plus(body)}".encode() if account.webhook_encoding == "form" else body.encode()
    return Notice(event, id, raw, headers(account, raw), delay)
