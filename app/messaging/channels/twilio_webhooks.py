"""Twilio's webhooks: forms, signed together with the address that they were sent to."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from app.core.providers import BadSignature, Outcome
from app.messaging.channels.base import (
    DeliveryReceipt,
    DeliveryStatus,
    InboundMessage,
    RecipientFact,
    Told,
    Webhook,
    reached_by,
    wish_of,
)
from app.messaging.channels.twilio_errors import fact_of_code, outcome_of_code

DELIVERY = "delivery"  # our parameter of the callback's address
SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
SHARED_KEY_ALGORITHM = "HMAC_SHA256"
BODY_HASH = "bodySHA256"
_DEFAULT_PORTS = {"https": 443, "http": 80}
_STATUSES = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}
_WISHES = {"STOP": RecipientFact.OPTED_OUT, "START": RecipientFact.OPTED_IN}


def with_delivery(url: str, delivery_id: str) -> str:
    """The callback's address with our id in it: Twilio keeps no field of ours, but calls exactly this address."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{DELIVERY}={delivery_id}"


def sign(secret: str, url: str, form: Mapping[str, list[str]], algorithm: str = "sha1") -> str:
    """Base64 of the HMAC over the address and the sorted names with their values, each value once."""
    text = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return b64encode(hmac.new(secret.encode(), text.encode(), algorithm).digest()).decode()


def check_signature(webhook: Webhook, auth_token: str, shared_secret: str) -> None:
    """With the auth token (SHA-1), or with the shared key where the webhook says so (SHA-256). Raises BadSignature."""
    by_shared_key = _algorithm(webhook.header(SETTINGS)) == SHARED_KEY_ALGORITHM
    secret, algorithm = (shared_secret, "sha256") if by_shared_key else (auth_token, "sha1")
    given = webhook.header(SIGNATURE).encode("utf-8", "replace")
    form = signed_form(webhook)
    made = [sign(secret, url, form, algorithm).encode() for url in _spellings(webhook.url)]
    if not secret or not any([hmac.compare_digest(one, given) for one in made]):  # noqa: C419 - no early end
        raise BadSignature("the account's token did not make this signature")


def signed_form(webhook: Webhook) -> dict[str, list[str]]:
    """The fields that are signed. A body that is no form is signed by its hash in the address. Raises BadSignature."""
    expected = parse_qs(urlsplit(webhook.url).query).get(BODY_HASH)
    if expected is None:
        return _form(webhook.raw)
    if not hmac.compare_digest(hashlib.sha256(webhook.raw).hexdigest().encode(), expected[0].encode()):
        raise BadSignature("the body is not the one that was signed")
    return {}


def told(webhook: Webhook, account_sid: str) -> Told:
    """A status of one of our messages, or what a person wrote; nothing of another account."""
    form = {name: values[0] for name, values in _form(webhook.raw).items()}
    if form.get("AccountSid") != account_sid:
        return Told()
    if form.get("SmsStatus") == "received" or ("Body" in form and "MessageStatus" not in form):
        return Told(inbound=(_inbound(form),))
    receipt = _receipt(form, webhook.url)
    return Told(receipts=(receipt,) if receipt else ())


def _receipt(form: dict[str, str], url: str) -> DeliveryReceipt | None:
    status = _STATUSES.get(form.get("MessageStatus", ""))
    if form.get("EventType") == "READ":
        status = DeliveryStatus.READ
    if status is None or not form.get("MessageSid"):
        return None
    text = form.get("ErrorCode", "")
    code = int(text) if text.isascii() and text.isdigit() else None
    failed = status is DeliveryStatus.FAILED
    return DeliveryReceipt(
        provider_message_id=form["MessageSid"],
        status=status,
        at=None,
        reference=parse_qs(urlsplit(url).query).get(DELIVERY, [""])[0],
        error_code=text if failed else "",
        outcome=_failure(code) if failed else None,
        fact=fact_of_code(code) if failed and code is not None else reached_by(status),
    )


def _failure(code: int | None) -> Outcome | None:
    return None if code is None else outcome_of_code(code)


def _inbound(form: dict[str, str]) -> InboundMessage:
    text = form.get("Body", "")
    return InboundMessage(
        message_id=form.get("MessageSid", ""),
        sender=form.get("From", "").removeprefix("whatsapp:"),
        at=None,
        kind="text" if text else "media",
        text=text,
        fact=_WISHES.get(form.get("OptOutType", "")) or wish_of(text),
    )


def _algorithm(settings: str) -> str:
    found = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    return found.get("algorithm", "").strip().upper()


def _spellings(url: str) -> list[str]:
    """With and without the default port: which of the two is signed depends on who asks."""
    parts = urlsplit(url)
    default = _DEFAULT_PORTS.get(parts.scheme)
    if parts.port is None:
        return [url, parts._replace(netloc=f"{parts.netloc}:{default}").geturl()]
    return [url, parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()]


def _form(raw: bytes) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    pairs: list[tuple[str, Any]] = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form
