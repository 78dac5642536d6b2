"""The HTTP API of a mail agent; each view's name is the operation that faults may pick."""

from __future__ import annotations

import base64
import hmac
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from app.sandbox.ids import random_text
from app.sandbox.messages import Attachment, Message
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.zeptomail import events
from app.sandbox.simulators.zeptomail.account import CODE, ZeptoMailAccount

SCHEME = "zoho-enczapikey "
LONGEST_SUBJECT = 500
MOST_ATTACHMENT_BYTES = 15 * 1024 * 1024

api = Blueprint(CODE, __name__, url_prefix="/zeptomail")


class Refused(Exception):
    """A refusal in the vendor's shape."""

    def __init__(self, status: int, code: str, sub_code: str, message: str, target: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.sub_code, self.message, self.target = status, code, sub_code, message, target


@api.errorhandler(Refused)
def refused(error: Refused) -> Response:
    detail = {"code": error.sub_code, "message": error.message, "target": error.target}
    body = {"code": error.code, "message": error.message, "details": [detail], "request_id": random_text(16)}
    response = jsonify({"error": body})
    response.status_code = error.status
    return response


def fault_answer(fault: str, retry_after: float) -> Response:
    if fault == "429":
        response = refused(Refused(429, "TM_5002", "SM_429", "Too many requests."))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return refused(Refused(500, "TM_5000", "SERR_500", "Internal server error."))


def claimed_agent() -> str:
    account: ZeptoMailAccount | None = g.get("agent")
    return account.mail_agent if account else ""


@api.before_request
def authenticate() -> None:
    given = request.headers.get("Authorization", "")
    token = given[len(SCHEME) :].strip() if given.lower().startswith(SCHEME) else ""
    for _, account in current_sandbox().accounts.all():
        if isinstance(account, ZeptoMailAccount) and hmac.compare_digest(account.token.encode(), token.encode()):
            g.agent = account
            return
    raise Refused(401, "TM_4001", "SERR_157", "Invalid API Token found")


@api.post("/v1.1/email")
def send_email() -> tuple[Response, int]:
    account: ZeptoMailAccount = g.agent
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "TM_3301", "SM_101", "The request body is not JSON.")
    sender, to = _checked(account, body)
    request_id = random_text(40, "0123456789abcdef")
    message = _message(body, sender, to, request_id)
    with current_sandbox().store.transaction():
        current_sandbox().outbox.keep(message)
        events.announce(current_sandbox(), account, message)
    done = {"code": "EM_104", "message": "Email request received", "additional_info": []}
    return jsonify({"data": [done], "message": "OK", "request_id": request_id, "object": "email"}), 201


def _checked(account: ZeptoMailAccount, body: dict[str, Any]) -> tuple[str, str]:
    """Sender and recipient. Raises Refused."""
    missing = [name for name in ("from", "to", "subject") if not body.get(name)]
    if missing or not (body.get("htmlbody") or body.get("textbody")):
        raise Refused(400, "TM_3201", "GE_102", "Mandatory Field is set to Empty", (missing or ["htmlbody"])[0])
    sender = str(body["from"].get("address", "")) if isinstance(body["from"], dict) else ""
    domain = sender.rpartition("@")[2].lower()
    if account.domains is not None and domain not in account.domains:
        raise Refused(400, "TM_4001", "SM_111", "The sender's domain is not verified.", "from")
    if len(str(body["subject"])) > LONGEST_SUBJECT:
        raise Refused(400, "TM_8001", "SM_129", "The subject is too long.", "subject")
    return sender, _recipient(body["to"])


def _recipient(to: Any) -> str:
    first = to[0] if isinstance(to, list) and to else {}
    address = (first.get("email_address") or {}).get("address") if isinstance(first, dict) else None
    bad = not isinstance(address, str) or "@" not in address
    if bad or current_sandbox().recipients.code(CODE, str(address), "send") is not None:
        raise Refused(400, "TM_4001", "SM_113", "Invalid email address", "to")
    return str(address)


def _message(body: dict[str, Any], sender: str, to: str, request_id: str) -> Message:
    html = body.get("htmlbody")
    details = {"subject": body["subject"], "html": html, "headers": body.get("mime_headers") or {}}
    return Message(
        channel="email", provider=CODE, to=to, sender=sender, body=str(body.get("textbody") or ""),
        reference=body.get("client_reference"), details=details, attachments=_attachments(body), id=request_id,
    )  # fmt: skip


def _attachments(body: dict[str, Any]) -> tuple[Attachment, ...]:
    found = []
    for item in body.get("attachments") or []:
        try:
            content = base64.b64decode(item["content"], validate=True)
            found.append(Attachment(str(item["name"]), str(item["mime_type"]), content))
        except (KeyError, TypeError, ValueError):
            raise Refused(400, "TM_3301", "SM_120", "An attachment is not valid.", "attachments") from None
    if sum(len(item.content or b"") for item in found) > MOST_ATTACHMENT_BYTES:
        raise Refused(400, "TM_8001", "SM_127", "The attachments are too large.", "attachments")
    return tuple(found)
