"""The HTTP API of SES; each view's name is the operation that faults may pick."""

from __future__ import annotations

import base64
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, g, jsonify, request

from app.sandbox.ids import random_text
from app.sandbox.messages import Attachment, Message
from app.sandbox.sandbox import current_sandbox
from app.sandbox.simulators.aws import ses_events
from app.sandbox.simulators.aws.notices import CERTIFICATE, identity
from app.sandbox.simulators.aws.sigv4 import is_signed, read_claim

if TYPE_CHECKING:
    from app.sandbox.simulators.aws.ses import SesAccount

CODE = ses_events.CODE
OPEN_VIEWS = ("fetch_certificate", "fetch_root", "confirm_subscription")

api = Blueprint(CODE, __name__, url_prefix="/ses")


class Refused(Exception):
    """A refusal in the shape of AWS: the name goes in a header."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


@api.errorhandler(Refused)
def refused(error: Refused) -> Response:
    response = jsonify({"message": error.message})
    response.status_code = error.status
    response.headers["x-amzn-ErrorType"] = error.name
    return response


def fault_answer(fault: str, retry_after: float) -> Response:
    """SES has no Retry-After; the one here tells a test how long the fault means."""
    if fault == "429":
        response = refused(Refused(429, "TooManyRequestsException", "Maximum sending rate exceeded."))
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response
    return refused(Refused(500, "InternalServiceErrorException", "Internal service error."))


def claimed_key() -> str:
    claim = read_claim(request)
    return claim.key if claim else ""


@api.before_request
def authenticate() -> None:
    if (request.endpoint or "").rpartition(".")[2] in OPEN_VIEWS:
        return
    claim = read_claim(request)
    account = current_sandbox().accounts.find(CODE, claim.key) if claim else None
    if claim is None or account is None:
        raise Refused(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
    secret: str = account.secret_access_key  # type: ignore[attr-defined]
    if claim.service != "ses" or not is_signed(request, claim, secret):
        text = "The request signature we calculated does not match the signature you provided."
        raise Refused(403, "SignatureDoesNotMatch", text)
    g.account = account


@api.get("/v2/email/account")
def get_account() -> dict[str, Any]:
    account: SesAccount = g.account
    quota = {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0}
    return {
        "SendingEnabled": account.sending_enabled, "ProductionAccessEnabled": True, "EnforcementStatus": "HEALTHY",
        "DedicatedIpAutoWarmupEnabled": False, "SendQuota": quota,
    }  # fmt: skip


@api.post("/v2/email/outbound-emails")
def send_email() -> dict[str, str]:
    account: SesAccount = g.account
    body = request.get_json(silent=True) or {}
    if not account.sending_enabled:
        raise Refused(400, "SendingPausedException", "Email sending is paused for this account.")
    message = _message(account, body)
    sandbox = current_sandbox()
    with sandbox.store.transaction():
        sandbox.outbox.keep(message)
        if body.get("ConfigurationSetName"):
            shown = {"id": message.id, "to": message.to, "from": message.sender, **message.details}
            events = ses_events.events_of(sandbox.recipients.code(CODE, message.to, "status"))
            ses_events.announce(sandbox, account, shown, events)
    return {"MessageId": message.id}


def _message(account: SesAccount, body: dict[str, Any]) -> Message:
    sender, simple = str(body.get("FromEmailAddress") or ""), (body.get("Content") or {}).get("Simple") or {}
    to = ((body.get("Destination") or {}).get("ToAddresses") or [""])[0]
    address = sender.rpartition("<")[2].rstrip(">")
    if account.identities is not None and address.rpartition("@")[2] not in account.identities:
        text = f"Email address is not verified. The following identities failed the check: {address}"
        raise Refused(400, "MessageRejected", text)
    if "@" not in to or current_sandbox().recipients.code(CODE, to, "send") is not None:
        raise Refused(400, "BadRequestException", "Invalid recipient address.")
    named = body.get("ConfigurationSetName")
    if named and named != account.configuration_set:
        raise Refused(404, "NotFoundException", f"Configuration set <{named}> does not exist.")
    texts, tags = simple.get("Body") or {}, {item["Name"]: item["Value"] for item in body.get("EmailTags") or []}
    details = {
        "subject": simple["Subject"]["Data"], "html": (texts.get("Html") or {}).get("Data"), "tags": tags,
        "headers": {item["Name"]: item["Value"] for item in simple.get("Headers") or []},
        "account": account.access_key_id,
    }  # fmt: skip
    return Message(
        channel="email", provider=CODE, to=to, sender=str(make_header(decode_header(sender))),
        body=(texts.get("Text") or {}).get("Data", ""), reference=tags.get("delivery"), details=details,
        attachments=tuple(map(_attachment, simple.get("Attachments") or [])),
        id=f"0100{random_text(12, '0123456789abcdef')}-{random_text(32, '0123456789abcdef')}-000000",
    )  # fmt: skip


def _attachment(item: dict[str, Any]) -> Attachment:
    return Attachment(item["FileName"], item.get("ContentType", ""), base64.b64decode(item["RawContent"]))


@api.get(f"/sns/{CERTIFICATE}")
def fetch_certificate() -> Response:
    return Response(identity(current_sandbox().store).certificate, content_type="application/x-pem-file")


@api.get("/sns/root.pem")
def fetch_root() -> Response:
    """What an account of the console trusts instead of Amazon's hosts."""
    return Response(identity(current_sandbox().store).root, content_type="application/x-pem-file")


@api.get("/sns/")
def confirm_subscription() -> Response:
    arn = f"{request.args.get('TopicArn', '')}:{random_text(36, '0123456789abcdef-')}"
    body = (
        '<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ConfirmSubscriptionResult>'
        f"<SubscriptionArn>{arn}</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>"
    )
    return Response(body, content_type="text/xml")
