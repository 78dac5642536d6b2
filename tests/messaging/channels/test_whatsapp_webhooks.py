from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.providers import BadSignature, Outcome, check_hmac_sha256
from app.messaging.channels.base import DeliveryStatus
from app.messaging.channels.whatsapp_cloud import WhatsAppCloud

ACCOUNT = {
    "phone_number_id": "106540352242922",
    "access_token": "EAAG-very-secret",
    "app_secret": "test_app_secret",
    "verify_token": "my-token",
}


def open_channel(**values: Any) -> WhatsAppCloud:
    return WhatsAppCloud.open({**ACCOUNT, **values})


def signed(raw: bytes, secret: str = "test_app_secret") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}


def body(*values: dict[str, Any], number: str = "106540352242922", field: str = "messages") -> bytes:
    metadata = {"display_phone_number": "15550001234", "phone_number_id": number}
    changes = [{"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **v}} for v in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


STATUS = {
    "id": "wamid.A",
    "status": "delivered",
    "timestamp": "1767225600",
    "recipient_id": "919876543210",
    "biz_opaque_callback_data": "delivery-1",
}


@pytest.mark.parametrize(
    ("key", "message", "signature"),
    [
        ("secret", b"test", "0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914"),
        (
            "It's a Secret to Everybody",
            b"Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
    ],
)
def test_the_published_vectors_verify(key: str, message: bytes, signature: str) -> None:
    check_hmac_sha256(message, signature, [key])


def test_the_webhook_vector_verifies_over_raw_bytes() -> None:
    raw = b'{"object":"whatsapp_business_account","entry":[]}'
    headers = {"x-hub-signature-256": "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"}
    assert open_channel().verify_receipt(raw, headers) == []
    for changed in (raw + b"\n", raw.replace(b":", b": ")):
        with pytest.raises(BadSignature):
            open_channel().verify_receipt(changed, headers)


@pytest.mark.parametrize("prefix", ["", "sha1=", "SHA256=", "sha256=sha256="])
def test_a_signature_needs_its_exact_form(prefix: str) -> None:
    raw = body({"statuses": [STATUS]})
    digest = signed(raw)["X-Hub-Signature-256"].removeprefix("sha256=")
    with pytest.raises(BadSignature):
        open_channel().verify_receipt(raw, {"X-Hub-Signature-256": prefix + digest})


@pytest.mark.parametrize("headers", [{}, {"X-Hub-Signature-256": ""}, {"X-Hub-Signature-256": "sha256=é"}])
def test_a_webhook_without_a_signature_is_refused(headers: dict[str, str]) -> None:
    for verify in (open_channel().verify_receipt, open_channel().verify_inbound):
        with pytest.raises(BadSignature):
            verify(body({"statuses": [STATUS]}), headers)


def test_without_an_app_secret_nothing_is_believed() -> None:
    raw = body({"statuses": [STATUS]})
    with pytest.raises(BadSignature):
        open_channel(app_secret=None).verify_receipt(raw, signed(raw, ""))


def test_receipts_name_message_delivery_and_moment() -> None:
    raw = body({"statuses": [STATUS, {**STATUS, "status": "read"}]}, {"statuses": [{**STATUS, "id": "wamid.B"}]})
    receipts = open_channel().verify_receipt(raw, signed(raw))
    assert [(receipt.provider_message_id, receipt.status) for receipt in receipts] == [
        ("wamid.A", DeliveryStatus.DELIVERED),
        ("wamid.A", DeliveryStatus.READ),
        ("wamid.B", DeliveryStatus.DELIVERED),
    ]
    assert receipts[0].reference == "delivery-1"
    assert receipts[0].at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failure_comes_with_its_code_and_outcome() -> None:
    failed = {**STATUS, "status": "failed", "errors": [{"code": 131026, "title": "Undeliverable"}]}
    odd = {**STATUS, "status": "failed", "errors": "none", "timestamp": "soon", "biz_opaque_callback_data": None}
    raw = body({"statuses": [failed, odd]})
    known, unknown = open_channel().verify_receipt(raw, signed(raw))
    assert (known.status, known.error_code) == (DeliveryStatus.FAILED, "131026")
    assert known.outcome is Outcome.PERMANENT_RECIPIENT
    assert (unknown.error_code, unknown.outcome, unknown.at, unknown.reference) == ("", None, None, "")


def test_receipts_of_another_number_are_left_alone() -> None:
    raw = body({"statuses": [STATUS]}, number="999")
    assert open_channel().verify_receipt(raw, signed(raw)) == []
    raw = body({"statuses": [STATUS]}, field="message_template_status_update")
    assert open_channel().verify_receipt(raw, signed(raw)) == []


def test_what_people_write_is_read_too() -> None:
    text = {
        "from": "919876543210",
        "id": "wamid.I",
        "timestamp": "1767225600",
        "type": "text",
        "text": {"body": "STOP"},
    }
    button = {"from_user_id": "IN.77", "id": "wamid.J", "type": "button", "button": {"text": "Yes", "payload": "y"}}
    image = {"from": "919876543210", "id": "wamid.K", "type": "image", "image": {"id": "1"}}
    raw = body({"messages": [text, button, image, {"type": "text"}]})
    first, second, third = open_channel().verify_inbound(raw, signed(raw))
    assert (first.sender, first.text, first.kind) == ("+919876543210", "STOP", "text")
    assert first.at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (second.sender, second.text) == ("IN.77", "Yes")
    assert (third.kind, third.text) == ("image", "")
    assert "919876543210" not in repr(first) and "STOP" not in repr(first)
    assert open_channel().verify_receipt(raw, signed(raw)) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 50_000,
        b'{"entry":{}}',
        b'{"entry":[1]}',
        b'{"entry":[{"changes":[{"value":1}]}]}',
    ]
    + [body({"statuses": [1, {}, {"status": "delivered"}, {"id": "x", "status": "new"}]})],
    ids=range(9),
)
def test_a_signed_body_of_another_shape_has_no_receipts(raw: bytes) -> None:
    assert open_channel().verify_receipt(raw, signed(raw)) == []


def test_the_challenge_is_answered_only_with_the_right_token() -> None:
    params = {"hub.mode": "subscribe", "hub.verify_token": "my-token", "hub.challenge": "1158201444"}
    assert open_channel().answer_challenge(params) == "1158201444"
    for wrong in ({"hub.verify_token": "other"}, {"hub.verify_token": "é"}, {"hub.mode": "unsubscribe"}):
        with pytest.raises(BadSignature):
            open_channel().answer_challenge({**params, **wrong})
    with pytest.raises(BadSignature):
        open_channel(verify_token=None).answer_challenge({**params, "hub.verify_token": ""})
