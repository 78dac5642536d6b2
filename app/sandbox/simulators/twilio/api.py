"""The REST API of an account; each view's name is the operation that faults may pick."""

from __future__ import annotations

import hmac
import json
import mimetypes
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Blueprint, Response, g, jsonify, request

from app.sandbox import clock
from app.sandbox.ids import random_text
from app.sandbox.messages import Attachment, Message, recipient_key
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.twilio import callbacks
from app.sandbox.simulators.twilio.account import CODE, TwilioAccount

LONGEST_BODY = 1600
WINDOW_SECONDS = 24 * 3600
FETCH_SECONDS = 10
MAGIC_TO = {"+15005550001": 21211, "+15005550002": 21612, "+15005550003": 21408, "+15005550004": 21610,
            "+15005550009": 21614}  # fmt: skip
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
TEXTS = {
    20003: "Authenticate", 20404: "The requested resource was not found", 20429: "Too Many Requests",
    21211: "The 'To' number is not a valid phone number.", 21212: "The 'From' number is not a valid phone number.",
    21408: "Permission to send an SMS has not been enabled for the region.", 21602: "Message body is required.",
    21603: "A 'From' phone number is required.", 21606: "The 'From' phone number is not a valid sender.",
    21610: "Attempt to send to unsubscribed recipient", 21611: "This 'From' number has exceeded the queue size.",
    21612: "The 'To' phone number is not currently reachable.", 21614: "'To' number is not a valid mobile number.",
    21617: "The concatenated message body exceeds the 1600 character limit.", 21620: "Invalid media URL(s)",
    63016: "Failed to send freeform message because you are outside the allowed window.",
}  # fmt: skip
STATUSES = {20003: 401, 20404: 404, 20429: 429}

api = Blueprint(CODE, __name__, url_prefix="/twilio")


class Refused(Exception):
    """A refusal in Twilio's shape."""

    def __init__(self, code: int, status: int | None = None) -> None:
        super().__init__(str(code))
        self.code, self.status = code, status or STATUSES.get(code, 400)


@api.errorhandler(Refused)
def refused(error: Refused) -> Response:
    text = TEXTS.get(error.code, "The message was refused.")
    more = f"https://www.twilio.com/docs/errors/{error.code}"
    response = jsonify({"code": error.code, "message": text, "more_info": more, "status": error.status})
    response.status_code = error.status
    return response


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = refused(Refused(20429))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return refused(Refused(20500, 500))


def claimed_account() -> str:
    return str((request.view_args or {}).get("sid", ""))


@api.before_request
def authenticate() -> None:
    """The account's own token, or an API key of it."""
    account = current_sandbox().accounts.find(CODE, claimed_account())
    login = request.authorization
    if not isinstance(account, TwilioAccount) or login is None or login.type != "basic":
        raise Refused(20003)
    known = {account.account_sid: account.auth_token, account.api_key_sid: account.api_key_secret}
    expected = known.get(login.username) or ""
    if not expected or not hmac.compare_digest(expected.encode(), (login.password or "").encode()):
        raise Refused(20003)
    g.account = account


@api.get("/2010-04-01/Accounts/<sid>.json")
def fetch_account(sid: str) -> dict[str, Any]:
    account: TwilioAccount = g.account
    return {
        "sid": sid, "friendly_name": account.friendly_name, "status": account.status, "type": "Full",
        "auth_token": "", "date_created": "Thu, 01 Jan 2026 00:00:00 +0000",
        "date_updated": "Thu, 01 Jan 2026 00:00:00 +0000", "owner_account_sid": sid,
        "uri": f"/2010-04-01/Accounts/{sid}.json", "subresource_uris": {},
    }  # fmt: skip


@api.post("/2010-04-01/Accounts/<sid>/Messages.json")
def send_message(sid: str) -> tuple[dict[str, Any], int]:
    account: TwilioAccount = g.account
    form = request.form
    sender, to = _sender(account), form.get("To", "")
    _check_recipient(account, to)
    _check_content(account, to)
    message = _message(sender, to)
    with current_sandbox().store.transaction():
        current_sandbox().outbox.keep(message)
        _announce(account, message)
    return _shown(account, message), 201


def _sender(account: TwilioAccount) -> str:
    """Raises Refused."""
    service, sender = request.form.get("MessagingServiceSid", ""), request.form.get("From", "")
    if not sender and not service:
        raise Refused(21603)
    number = sender.removeprefix("whatsapp:")
    if number in MAGIC_FROM:
        raise Refused(MAGIC_FROM[number])
    if sender and account.senders is not None and number not in account.senders:
        raise Refused(21606)
    return sender or service


def _check_recipient(account: TwilioAccount, to: str) -> None:
    number = to.removeprefix("whatsapp:")
    if not recipient_key(number).isdigit() or not number.startswith("+"):
        raise Refused(21211)
    code = MAGIC_TO.get(number) or current_sandbox().recipients.code(CODE, number, "send")
    if current_sandbox().documents.get(callbacks.OPT_OUT, _person(account, to)) is not None:
        code = 21610
    if code is not None:
        raise Refused(code)


def _check_content(account: TwilioAccount, to: str) -> None:
    form = request.form
    template = form.get("ContentSid")
    if template and account.templates is not None and template not in account.templates:
        raise Refused(21620)
    if not template and not form.get("Body") and not form.get("MediaUrl"):
        raise Refused(21602)
    if len(form.get("Body", "")) > LONGEST_BODY:
        raise Refused(21617)
    if to.startswith("whatsapp:") and not template and not _window_open(account, to):
        raise Refused(63016)


def _window_open(account: TwilioAccount, to: str) -> bool:
    window = current_sandbox().documents.get(callbacks.WINDOW, _person(account, to))
    return not account.enforce_window or (window is not None and window["at"] > clock.seconds() - WINDOW_SECONDS)


def _person(account: TwilioAccount, to: str) -> str:
    prefix = "whatsapp:" if to.startswith("whatsapp:") else ""
    return f"{account.account_sid}:{prefix}{recipient_key(to.removeprefix('whatsapp:'))}"


def _message(sender: str, to: str) -> Message:
    form = request.form
    template = form.get("ContentSid")
    details: dict[str, Any] = {"statusCallback": form.get("StatusCallback", "")}
    body = form.get("Body", "")
    if template:
        variables = json.loads(form.get("ContentVariables") or "{}")
        details["template"] = {"name": template, "variables": variables}
        body = " · ".join(str(value) for value in variables.values())
    channel = "whatsapp" if to.startswith("whatsapp:") else "sms"
    return Message(
        channel=channel, provider=CODE, to=to.removeprefix("whatsapp:"), sender=sender, body=body,
        reference=form.get("StatusCallback"), details=details,
        attachments=tuple(_fetched(url) for url in form.getlist("MediaUrl")),
        id=f"{'MM' if form.get('MediaUrl') else 'SM'}{random_text(32, '0123456789abcdef')}",
    )  # fmt: skip


def _fetched(url: str) -> Attachment:
    """Twilio fetches media itself, without a log-in. Raises Refused."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(url, timeout=FETCH_SECONDS)
        except requests.RequestException:
            raise Refused(21620) from None
    if not answer.ok:
        raise Refused(21620)
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    name = answer.headers.get("Content-Disposition", "").partition("filename=")[2].strip('"')
    last = urlsplit(url).path.rpartition("/")[2]
    return Attachment(name or last or f"media{mimetypes.guess_extension(kind) or ''}", kind, answer.content)


def _announce(account: TwilioAccount, message: Message) -> None:
    code = current_sandbox().recipients.code(CODE, message.to, "status")
    after = ["undelivered"] if code is not None else ["sent", "delivered", *["read"] * account.read_receipts]
    prefix = "whatsapp:" if message.channel == "whatsapp" else ""
    shown = {"sid": message.id, "from": message.sender, "to": f"{prefix}{message.to}",
             "status_callback": message.details["statusCallback"]}  # fmt: skip
    callbacks.announce(current_sandbox(), account, shown, after, code)


def _shown(account: TwilioAccount, message: Message) -> dict[str, Any]:
    prefix = "whatsapp:" if message.channel == "whatsapp" else ""
    stamp = "Thu, 01 Jan 2026 00:00:00 +0000"
    return {
        "account_sid": account.account_sid, "api_version": "2010-04-01", "body": message.body, "date_created": stamp,
        "date_sent": None, "date_updated": stamp, "direction": "outbound-api", "error_code": None,
        "error_message": None, "from": message.sender, "messaging_service_sid": None,
        "num_media": str(len(message.attachments)), "num_segments": "1", "price": None, "price_unit": None,
        "sid": message.id, "status": "queued", "subresource_uris": {}, "to": f"{prefix}{message.to}",
        "uri": f"/2010-04-01/Accounts/{account.account_sid}/Messages/{message.id}.json",
    }  # fmt: skip
