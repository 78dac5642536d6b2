"""What SES publishes about a mail."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from app.sandbox import clock
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.aws.notices import headers_of, notification
from app.sandbox.webhooks import Notice

if TYPE_CHECKING:
    from app.sandbox.simulators.aws.ses import SesAccount

CODE = "ses"
EVENTS = ("Send", "Delivery", "Bounce", "SoftBounce", "Complaint", "Open", "DeliveryDelay")
SOFT = range(400, 500)


def events_of(code: int | None) -> list[str]:
    """What follows a mail, by the code that the control route gave its recipient."""
    if code is None:
        return ["Send", "Delivery"]
    return ["SoftBounce" if code in SOFT else "Bounce"]


def announce(sandbox: Sandbox, account: SesAccount, message: dict[str, Any], events: list[str]) -> list[str]:
    notices = []
    for place, event in enumerate(events):
        document = _document(message, event, account)
        body = notification(sandbox.store, sandbox.origin, account.topic_arn, document)
        notices.append(Notice(event, str(uuid.uuid4()), body, headers_of(body), place * account.delivery_seconds))
    sandbox.outbox.set_status(message["id"], events[-1].lower())
    return sandbox.announce(CODE, account, message["id"], notices)


def _document(message: dict[str, Any], event: str, account: SesAccount) -> dict[str, Any]:
    kind = "Bounce" if event == "SoftBounce" else event
    mail = {
        "messageId": message["id"], "timestamp": clock.iso(), "source": message["from"],
        "destination": [message["to"]], "sendingAccountId": account.topic_arn.split(":")[4],
        "tags": {name: [value] for name, value in message["tags"].items()},
    }  # fmt: skip
    name = kind[0].lower() + kind[1:]
    return {"eventType": kind, "mail": mail, name: _part(message["to"], event)}


def _part(to: str, event: str) -> dict[str, Any]:
    part: dict[str, Any] = {"timestamp": clock.iso()}
    if event in ("Bounce", "SoftBounce"):
        soft = event == "SoftBounce"
        status, text = ("4.2.2", "452 4.2.2 Mailbox full") if soft else ("5.1.1", "550 5.1.1 user unknown")
        recipient = {"emailAddress": to, "action": "failed", "status": status, "diagnosticCode": f"smtp; {text}"}
        sub_type = "MailboxFull" if soft else "General"
        part |= {"bounceType": "Transient" if soft else "Permanent", "bounceSubType": sub_type,
                 "bouncedRecipients": [recipient], "feedbackId": str(uuid.uuid4())}  # fmt: skip
    elif event == "Complaint":
        part |= {"complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": "abuse",
                 "feedbackId": str(uuid.uuid4())}  # fmt: skip
    elif event == "Delivery":
        part |= {"recipients": [to], "processingTimeMillis": 500, "smtpResponse": "250 ok"}
    return part
