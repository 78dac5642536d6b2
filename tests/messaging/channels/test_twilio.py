"""Twilio through its SDK: what is sent, what codes mean, which webhooks count."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from werkzeug.datastructures import MultiDict

from app.core.credentials import InvalidCredentials
from app.core.providers import BadSignature, ConnectionResult, Outcome, ProviderError
from app.messaging.channels.base import Attachment, DeliveryStatus, OutgoingMessage, RecipientFact, Webhook
from app.messaging.channels.twilio import TwilioSms, TwilioWhatsApp
from app.messaging.channels.twilio_webhooks import sign
from tests.sandbox_server import running_sandbox
from tests.scripted_server import PATIENCE, Behaviour, Server, answer, reset, scripted_server, silence
from tests.waiting import wait_until

SID, TOKEN = "AC" + "0" * 31 + "1", "0123456789abcdef0123456789abcdef"
ACCOUNT = {"account_sid": SID, "auth_token": TOKEN, "sender": "+15005550006"}
CONTENT = "HX" + "a" * 32
HOOK = "https://console.example.test/hooks/twilio/status"
MESSAGE = OutgoingMessage(
    delivery_id="delivery-1", to="+919876543210", text="Your visit is confirmed.", receipt_url=f"{HOOK}?clinicId=7"
)
ACCEPTED = answer(201, {"sid": "SM" + "1" * 32, "status": "queued"})


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


def sms(url: str | None = None, **values: Any) -> TwilioSms:
    return TwilioSms.open({**ACCOUNT, **values}, base_url=url, timeouts=PATIENCE)


def whatsapp(url: str | None = None, **values: Any) -> TwilioWhatsApp:
    return TwilioWhatsApp.open({**ACCOUNT, **values}, base_url=url, timeouts=PATIENCE)


def refusal(status: int, code: int | None, **headers: str) -> Behaviour:
    body = {"code": code, "message": "No, +919876543210", "more_info": "…", "status": status}
    return answer(status, body, **headers)


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value


def form_of(server: Server) -> dict[str, list[str]]:
    return parse_qs(server.received[-1].body.decode())


# ---- sending ----


def test_an_sms_names_its_delivery_in_the_callback(server: Server) -> None:
    server.will(ACCEPTED)
    receipt = sms(server.url).send(MESSAGE)
    assert server.received[0].path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert form_of(server) == {
        "To": ["+919876543210"],
        "From": ["+15005550006"],
        "Body": ["Your visit is confirmed."],
        "StatusCallback": [f"{HOOK}?clinicId=7&delivery=delivery-1"],
    }
    assert receipt.provider_message_id == "SM" + "1" * 32


def test_an_api_key_calls_and_a_service_chooses_the_sender(server: Server) -> None:
    server.will(ACCEPTED)
    service, key = "MG" + "2" * 32, "SK" + "3" * 32
    sms(server.url, messaging_service_sid=service, api_key_sid=key, api_key_secret="key-secret").send(MESSAGE)
    assert form_of(server)["MessagingServiceSid"] == [service]
    assert "From" not in form_of(server)
    login = b64decode(server.received[0].headers["authorization"].removeprefix("Basic ")).decode()
    assert login == f"{key}:key-secret"


def test_whatsapp_sends_text_a_file_by_link_or_an_approved_template(server: Server) -> None:
    server.will(ACCEPTED)
    file = Attachment("I.pdf", "application/pdf", b"%PDF", url="https://console.example.test/f/1")
    whatsapp(server.url).send(OutgoingMessage("d", "+919876543210", text="Here it is", attachments=(file,)))
    assert form_of(server)["MediaUrl"] == ["https://console.example.test/f/1"]
    assert form_of(server)["To"] == ["whatsapp:+919876543210"]
    template = OutgoingMessage("d", "+919876543210", template="invoice_paid", variables={"1": "Asha\n Rao", "2": ""})
    whatsapp(server.url, content_sids=f"other hi {CONTENT}\ninvoice_paid {CONTENT}").send(template)
    assert form_of(server)["ContentSid"] == [CONTENT]
    assert json.loads(form_of(server)["ContentVariables"][0]) == {"1": "Asha Rao", "2": "-"}
    assert "Body" not in form_of(server)


def test_what_cannot_be_sent_is_found_before_anything_is_called(server: Server) -> None:
    unknown = OutgoingMessage("d", "+919876543210", template="not_approved")
    assert failure_of(lambda: whatsapp(server.url).send(unknown)).code == "unknown_template"
    file = Attachment("I.pdf", "application/pdf", b"%PDF")
    linkless = OutgoingMessage("d", "+919876543210", attachments=(file,))
    assert failure_of(lambda: whatsapp(server.url).send(linkless)).code == "attachment_without_link"
    assert failure_of(lambda: sms(server.url).send(OutgoingMessage("d", "98765", text="x"))).code == "invalid_number"
    assert failure_of(lambda: sms(server.url, sender="").send(MESSAGE)).outcome is Outcome.PERMANENT_ACCOUNT
    assert failure_of(lambda: sms(server.url).send(OutgoingMessage("d", MESSAGE.to))).code == "text_length"
    assert server.received == []


@pytest.mark.parametrize(
    ("status", "code", "outcome", "fact"),
    [
        (400, 21610, Outcome.PERMANENT_RECIPIENT, RecipientFact.OPTED_OUT),
        (400, 21211, Outcome.PERMANENT_RECIPIENT, RecipientFact.INVALID),
        (400, 21614, Outcome.PERMANENT_RECIPIENT, RecipientFact.INVALID),
        (400, 21408, Outcome.PERMANENT_ACCOUNT, None),
        (400, 21606, Outcome.PERMANENT_ACCOUNT, None),
        (400, 21611, Outcome.RETRY_LATER, None),
        (400, 63038, Outcome.RETRY_LATER, None),
        (400, 21617, Outcome.PERMANENT_MESSAGE, None),
        (400, 63016, Outcome.PERMANENT_MESSAGE, None),
        (401, 20003, Outcome.PERMANENT_ACCOUNT, None),
        (404, 20404, Outcome.PERMANENT_ACCOUNT, None),
        (429, 20429, Outcome.RETRY, None),
        (503, 20503, Outcome.RETRY, None),
        (502, None, Outcome.UNKNOWN, None),
        (400, 99999, Outcome.PERMANENT_MESSAGE, None),
        (404, None, Outcome.PERMANENT_ACCOUNT, None),
    ],
)
def test_refusals_mean_what_the_vendor_says(
    server: Server, status: int, code: int | None, outcome: Outcome, fact: RecipientFact | None
) -> None:
    server.will(refusal(status, code))
    channel = sms(server.url)
    error = failure_of(lambda: channel.send(MESSAGE))
    assert (error.outcome, channel.fact_of(error)) == (outcome, fact)
    assert "9876543210" not in error.message


def test_retry_after_survives_the_sdk(server: Server) -> None:
    server.will(refusal(429, 20429, Retry_After="42"))
    assert failure_of(lambda: sms(server.url).send(MESSAGE)).retry_after == 42


def test_a_refusal_of_the_newer_shape_is_understood(server: Server) -> None:
    body = {"type": "https://x", "title": "Invalid 'To'", "status": 400, "code": 21211, "detail": "No such number"}
    server.will(answer(400, body))
    error = failure_of(lambda: sms(server.url).send(MESSAGE))
    assert (error.outcome, error.code, error.message) == (Outcome.PERMANENT_RECIPIENT, "21211", "No such number")


@pytest.mark.parametrize("behaviour", [silence, reset, answer(201, b"<html>"), answer(201, [1]), answer(201, {})])
def test_no_clear_answer_is_unknown_and_nothing_is_repeated(server: Server, behaviour: Behaviour) -> None:
    server.will(behaviour)
    assert failure_of(lambda: sms(server.url).send(MESSAGE)).outcome is Outcome.UNKNOWN
    assert len(server.received) == 1


def test_a_closed_account_is_told_by_the_connection_test(server: Server) -> None:
    server.will(answer(200, {"sid": SID, "status": "suspended", "friendly_name": "Sunrise"}))
    assert sms(server.url).test_connection().result is ConnectionResult.WRONG_CREDENTIALS
    server.will(answer(200, {"sid": SID, "status": "active", "friendly_name": "Sunrise"}))
    report = sms(server.url).test_connection()
    assert (report.result, report.detail) == (ConnectionResult.CONNECTED, "Sunrise")


@pytest.mark.parametrize("values", [{"account_sid": "AC1"}, {"sender": "+1"}, {"messaging_service_sid": "x"}])
def test_credentials_are_checked(values: dict[str, str]) -> None:
    with pytest.raises(InvalidCredentials):
        sms(**values)
    with pytest.raises(InvalidCredentials):
        whatsapp(content_sids="invoice_paid not-a-sid")


# ---- signatures: the published vectors, and the vendor's own validator ----

VECTOR_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
VECTOR = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234", "From": "+14158675309",
          "To": "+18005551212"}  # fmt: skip
STATUS = {
    "AccountSid": SID, "ApiVersion": "2010-04-01", "From": "+15005550001", "MessageSid": "SM" + "0" * 31 + "1",
    "SmsSid": "SM" + "0" * 31 + "1", "MessageStatus": "delivered", "SmsStatus": "delivered", "To": "+15005550006",
}  # fmt: skip


def listed(form: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in form.items()}


def test_the_published_vectors_verify() -> None:
    assert sign("12345", VECTOR_URL, listed(VECTOR)) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert sign("12345", VECTOR_URL, listed(VECTOR), "sha256") == "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="
    assert sign(TOKEN, HOOK, listed(STATUS)) == "syLrIE4bdkt7YRL6fJw12Mkw36c="
    body = b'{"property": 1, "boolean": true}'
    url = f"{VECTOR_URL}&bodySHA256=3fe4d3222ecafefd88a91e37bc7cd43b47ebc35c21051a196ac72b58bb4d39ad"
    headers = {"X-Twilio-Signature": "4PXUTC/+IaK5/yvVfR/NeOQUUJ0="}
    sms(auth_token="12345").check_webhook(Webhook(body, headers, url))
    with pytest.raises(BadSignature):
        sms(auth_token="12345").check_webhook(Webhook(body + b" ", headers, url))


@pytest.mark.parametrize(
    "url", [f"{HOOK}?clinicId=7", "https://console.example.test:443/hooks", "http://127.0.0.1:8000/hooks?a=%20b&a=c"]
)
@pytest.mark.parametrize("form", [STATUS, {"Body": "नमस्ते & +1", "AccountSid": SID}, {}])
def test_what_the_vendors_validator_computes_is_accepted(url: str, form: dict[str, str]) -> None:
    made = RequestValidator(TOKEN).compute_signature(url, form)
    raw = urlencode(form).encode()
    sms().check_webhook(Webhook(raw, {"x-twilio-signature": made}, url))
    for webhook in (
        Webhook(raw, {"x-twilio-signature": made}, url + "&delivery=another"),
        Webhook(raw + b"&To=%2B1", {"x-twilio-signature": made}, url),
        Webhook(raw, {"x-twilio-signature": ""}, url),
        Webhook(raw, {}, url),
    ):
        with pytest.raises(BadSignature):
            sms().check_webhook(webhook)


def test_repeated_fields_count_once_and_in_order() -> None:
    raw = b"Tag=b&Tag=a&Tag=b&To=%2B1"
    made = RequestValidator(TOKEN).compute_signature(HOOK, MultiDict(parse_qsl(raw.decode())))
    sms().check_webhook(Webhook(raw, {"x-twilio-signature": made}, HOOK))


def test_a_shared_key_signs_with_its_own_secret() -> None:
    headers = {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}
    made = RequestValidator("shared").compute_signature(HOOK, STATUS, "HMAC_SHA256")
    raw = urlencode(STATUS).encode()
    webhook = Webhook(raw, {**headers, "X-Twilio-Signature": made}, HOOK)
    sms(webhook_shared_secret="shared").check_webhook(webhook)
    for channel in (sms(), sms(webhook_shared_secret="another")):
        with pytest.raises(BadSignature):
            channel.check_webhook(webhook)


# ---- what they say ----


@pytest.mark.parametrize(
    ("changes", "status", "fact"),
    [
        ({}, DeliveryStatus.DELIVERED, RecipientFact.REACHED),
        ({"MessageStatus": "sent"}, DeliveryStatus.SENT, None),
        ({"EventType": "READ", "MessageStatus": "read"}, DeliveryStatus.READ, RecipientFact.REACHED),
        ({"MessageStatus": "undelivered", "ErrorCode": "30005"}, DeliveryStatus.FAILED, RecipientFact.INVALID),
        ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, DeliveryStatus.FAILED, RecipientFact.UNREACHABLE),
        ({"MessageStatus": "failed", "ErrorCode": "30007"}, DeliveryStatus.FAILED, None),
        ({"MessageStatus": "failed"}, DeliveryStatus.FAILED, None),
    ],
)
def test_statuses_are_read(changes: dict[str, str], status: DeliveryStatus, fact: RecipientFact | None) -> None:
    raw = urlencode({**STATUS, **changes}).encode()
    (receipt,) = sms().read_webhook(Webhook(raw, {}, f"{HOOK}?clinicId=7&delivery=delivery-1")).receipts
    assert (receipt.status, receipt.fact, receipt.reference) == (status, fact, "delivery-1")


@pytest.mark.parametrize("changes", [{"MessageStatus": "queued"}, {"AccountSid": "AC" + "9" * 32}, {"MessageSid": ""}])
def test_other_statuses_and_other_accounts_say_nothing(changes: dict[str, str]) -> None:
    assert sms().read_webhook(Webhook(urlencode({**STATUS, **changes}).encode(), {}, HOOK)).receipts == ()


def test_what_people_write_is_read() -> None:
    form = {"AccountSid": SID, "From": "whatsapp:+919876543210", "MessageSid": "SM1", "SmsStatus": "received"}
    (heard,) = whatsapp().read_webhook(Webhook(urlencode({**form, "Body": "Hello"}).encode(), {}, HOOK)).inbound
    assert (heard.sender, heard.text, heard.fact) == ("+919876543210", "Hello", None)
    stopped = {**form, "Body": "no more", "OptOutType": "STOP"}
    (heard,) = whatsapp().read_webhook(Webhook(urlencode(stopped).encode(), {}, HOOK)).inbound
    assert heard.fact is RecipientFact.OPTED_OUT


# ---- the vendor's own client against the sandbox ----


def test_the_sdk_itself_is_served_by_the_sandbox_and_verifies_its_callbacks() -> None:
    with scripted_server() as hook, running_sandbox() as sandbox:
        hook.will(answer(200, {}))
        sandbox.account("twilio", accountSid=SID, authToken=TOKEN, deliverySeconds=0, webhookUrl=f"{hook.url}/in")
        client = Client(SID, TOKEN)
        client.api.base_url = f"{sandbox.base_url}/twilio"
        callback = f"{hook.url}/status?a=1"
        sent = client.messages.create(to="+919876543210", from_="+15005550006", body="नमस्ते", status_callback=callback)
        assert (sent.status, sandbox.messages(channel="sms")[0]["id"]) == ("queued", sent.sid)
        sandbox.post(
            "/_control/inbound", {"provider": "twilio", "accountSid": SID, "from": "+91987", "text": "Hi & bye"}
        )
        wait_until(lambda: len(hook.received) == 3)
        validator = RequestValidator(TOKEN)
        for call in hook.received:
            form = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
            assert validator.validate(hook.url + call.path, form, call.headers["x-twilio-signature"])
            assert not validator.validate(hook.url + call.path + "x", form, call.headers["x-twilio-signature"])
        for number, code in (("+15005550001", 21211), ("+15005550004", 21610), ("+15005550009", 21614)):
            with pytest.raises(TwilioRestException) as caught:
                client.messages.create(to=number, from_="+15005550006", body="Hi")
            assert caught.value.code == code
