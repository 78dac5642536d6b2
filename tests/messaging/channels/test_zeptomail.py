"""ZeptoMail: what is sent, what refusals mean, which webhooks count."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from app.core import clock
from app.core.credentials import InvalidCredentials
from app.core.providers import BadSignature, ConnectionResult, Outcome, ProviderError
from app.messaging.channels.base import Attachment, DeliveryStatus, OutgoingMessage, RecipientFact, Webhook
from app.messaging.channels.zeptomail import ZeptoMail
from app.messaging.channels.zeptomail_events import check_signature, signature
from tests.scripted_server import PATIENCE, Behaviour, Server, answer, scripted_server

ACCOUNT = {"token": "agent-token", "from_address": "desk@sunrise.test", "webhook_key": "zepto_test_key"}
MESSAGE = OutgoingMessage(
    delivery_id="delivery-1", to="meera@example.org", subject="Your\r\nvisit", text="Hello", html="<p>Hello</p>",
    sender="Sunrise Clinic", unsubscribe_url="https://sunrise.test/u/1",
    attachments=(Attachment("Invoice-7.pdf", "application/pdf", b"%PDF"),),
)  # fmt: skip
ACCEPTED = answer(201, {"data": [{"code": "EM_104"}], "message": "OK", "request_id": "r-1", "object": "email"})
# The published vector: the signature is over the event text alone.
VECTOR = b'{"event_name":["hardbounce"],"event_message":[]}'
VECTOR_SIGNATURE = "IZJJayi7Jw1H6Vskb60tN/eUK62Ft3lNaQk80OgN3gY="


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


def channel(url: str | None = None, **values: Any) -> ZeptoMail:
    return ZeptoMail.open({**ACCOUNT, **values}, base_url=url, timeouts=PATIENCE)


def refusal(status: int, code: str, sub_code: str = "", target: str = "") -> Behaviour:
    detail = {"code": sub_code, "message": "No, meera@example.org", "target": target}
    return answer(status, {"error": {"code": code, "message": "No.", "details": [detail], "request_id": "r"}})


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value


def test_a_mail_carries_everything_and_our_delivery(server: Server) -> None:
    server.will(ACCEPTED)
    receipt = channel(server.url).send(MESSAGE)
    sent = server.received[0]
    assert (sent.path, sent.headers["authorization"]) == ("/v1.1/email", "Zoho-enczapikey agent-token")
    body = sent.json()
    assert body["from"] == {"address": "desk@sunrise.test", "name": "Sunrise Clinic"}
    assert body["to"] == [{"email_address": {"address": "meera@example.org"}}]
    assert (body["subject"], body["textbody"], body["htmlbody"]) == ("Your visit", "Hello", "<p>Hello</p>")
    assert body["client_reference"] == "delivery-1"
    assert body["attachments"] == [
        {"name": "Invoice-7.pdf", "mime_type": "application/pdf", "content": b64encode(b"%PDF").decode()}
    ]
    assert body["mime_headers"]["List-Unsubscribe"] == "<https://sunrise.test/u/1>"
    assert receipt.provider_message_id == "r-1"


def test_a_token_that_carries_its_scheme_keeps_it(server: Server) -> None:
    server.will(ACCEPTED)
    channel(server.url, token="zoho-enczapikey agent-token").send(MESSAGE)
    assert server.received[0].headers["authorization"] == "zoho-enczapikey agent-token"


def test_the_data_centre_chooses_the_address() -> None:
    assert channel(data_centre="in").base_url == "https://api.zeptomail.in"
    with pytest.raises(InvalidCredentials):
        channel(data_centre="example.org")


@pytest.mark.parametrize(
    ("status", "code", "sub_code", "target", "outcome"),
    [
        (400, "TM_3201", "GE_102", "subject", Outcome.PERMANENT_MESSAGE),
        (400, "TM_3301", "SM_101", "", Outcome.PERMANENT_MESSAGE),
        (400, "TM_3301", "SM_120", "", Outcome.PERMANENT_MESSAGE),
        (400, "TM_3501", "UE_106", "", Outcome.PERMANENT_MESSAGE),
        (400, "TM_3501", "LE_101", "", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_3601", "SERR_156", "", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_3601", "SM_133", "", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_3601", "SMI_115", "", Outcome.RETRY_LATER),
        (400, "TM_3601", "AE_101", "", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_4001", "SM_111", "from", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_4001", "SM_113", "to", Outcome.PERMANENT_RECIPIENT),
        (400, "TM_4001", "SM_113", "from", Outcome.PERMANENT_MESSAGE),
        (401, "TM_4001", "SERR_157", "", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_5001", "LE_102", "", Outcome.PERMANENT_ACCOUNT),
        (400, "TM_8001", "SM_129", "", Outcome.PERMANENT_MESSAGE),
        (400, "TM_3601", "SM_151", "", Outcome.RETRY_LATER),
        (429, "TM_5002", "", "", Outcome.RETRY),
        (500, "TM_5000", "", "", Outcome.RETRY),
        (502, "", "", "", Outcome.UNKNOWN),
    ],
)
def test_refusals_mean_what_the_vendor_says(  # noqa: PLR0913, PLR0917 - one row of the table
    server: Server, status: int, code: str, sub_code: str, target: str, outcome: Outcome
) -> None:
    server.will(refusal(status, code, sub_code, target))
    error = failure_of(lambda: channel(server.url).send(MESSAGE))
    assert error.outcome is outcome
    assert "meera" not in error.message


def test_retry_after_is_handed_on(server: Server) -> None:
    server.will(answer(429, {"error": {"code": "TM_5002"}}, Retry_After="17"))
    assert failure_of(lambda: channel(server.url).send(MESSAGE)).retry_after == 17


def test_the_connection_test_sends_an_empty_mail_that_is_refused(server: Server) -> None:
    server.will(refusal(400, "TM_3201", "GE_102"))
    assert channel(server.url).test_connection().result is ConnectionResult.CONNECTED
    assert server.received[0].json() == {}
    server.will(answer(403, b"<html>a proxy</html>"))
    assert channel(server.url).test_connection().result is ConnectionResult.WRONG_CREDENTIALS


# ---- webhooks ----


def header(raw: bytes, **values: str) -> dict[str, str]:
    sent = values.get("ts", str(int(clock.now().timestamp() * 1000)))
    made = quote(values.get("s") or signature("zepto_test_key", raw), safe="")
    return {"Producer-Signature": f"ts={sent};s={made};s-algorithm=HmacSHA256"}


def test_the_published_vector_verifies() -> None:
    assert signature("zepto_test_key", VECTOR) == VECTOR_SIGNATURE
    check_signature(Webhook(VECTOR, {"producer-signature": f"s={quote(VECTOR_SIGNATURE, safe='')}"}), "zepto_test_key",
                    clock.now())  # fmt: skip


def test_a_form_is_signed_over_the_event_inside_it() -> None:
    text = json.dumps({"event_name": "hardbounce", "note": "₹ & + ="}, ensure_ascii=False).encode()
    raw = f"eventData={quote_plus(text.decode())}".encode()
    headers = {**header(text), "Content-Type": "application/x-www-form-urlencoded"}
    channel().check_webhook(Webhook(raw, headers))
    with pytest.raises(BadSignature):
        channel().check_webhook(Webhook(raw, {**header(raw), "Content-Type": "application/x-www-form-urlencoded"}))


@pytest.mark.parametrize("age", [timedelta(hours=25), timedelta(minutes=-10)])
def test_an_old_or_future_webhook_is_refused(age: timedelta) -> None:
    sent = str(int((clock.now() - age).timestamp() * 1000))
    with pytest.raises(BadSignature):
        channel().check_webhook(Webhook(VECTOR, header(VECTOR, ts=sent)))
    channel().check_webhook(Webhook(VECTOR, header(VECTOR)))


@pytest.mark.parametrize("headers", [{}, {"producer-signature": "nonsense"}, {"producer-signature": "s=;ts=x"}])
def test_without_a_good_signature_nothing_is_believed(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        channel().check_webhook(Webhook(VECTOR, headers))
    with pytest.raises(BadSignature):
        channel(webhook_key=None).check_webhook(Webhook(VECTOR, header(VECTOR, s=signature("", VECTOR))))


def test_the_consoles_own_header_does_instead_of_a_signature() -> None:
    own = channel(webhook_key=None, webhook_authorization="Bearer ours")
    own.check_webhook(Webhook(VECTOR, {"Authorization": "Bearer ours"}))
    for headers in ({"Authorization": "Bearer theirs"}, {}):
        with pytest.raises(BadSignature):
            own.check_webhook(Webhook(VECTOR, headers))


@pytest.mark.parametrize(
    ("event", "status", "fact"),
    [
        ("delivered", DeliveryStatus.DELIVERED, RecipientFact.REACHED),
        (["email_open"], DeliveryStatus.READ, RecipientFact.REACHED),
        ("Hard Bounce", DeliveryStatus.FAILED, RecipientFact.BOUNCED),
        (["softbounce"], DeliveryStatus.FAILED, RecipientFact.UNREACHABLE),
        ("feedback_loop", None, RecipientFact.COMPLAINED),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_events_are_read_in_every_wrapping(
    event: Any, status: DeliveryStatus | None, fact: RecipientFact, listed: bool
) -> None:
    def wrapped(value: dict[str, Any]) -> Any:
        return [value] if listed else value

    data = wrapped({"object": "email", "details": wrapped({"reason": "full", "time": "2026-01-02T03:04:05+05:30"})})
    info = wrapped({"client_reference": "delivery-1", "email_reference": "e-1"})
    body = {
        "event_name": event,
        "event_message": wrapped({"email_info": info, "event_data": data, "request_id": "r-1"}),
    }
    (receipt,) = channel().read_webhook(Webhook(json.dumps(body).encode(), {})).receipts
    assert (receipt.status, receipt.fact) == (status, fact)
    assert (receipt.reference, receipt.provider_message_id) == ("delivery-1", "r-1")
    assert receipt.at == datetime(2026, 1, 1, 21, 34, 5, tzinfo=UTC)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'{"event_message": 7}', b'{"event_name": "new_thing"}', b"\xff"])
def test_odd_bodies_say_nothing(raw: bytes) -> None:
    assert channel().read_webhook(Webhook(raw, {})).receipts == ()
