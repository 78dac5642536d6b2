from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.core.credentials import InvalidCredentials
from app.core.providers import ConnectionResult, Outcome, ProviderError
from app.messaging.channels import channel_with_code
from app.messaging.channels.base import Attachment, OutgoingMessage
from app.messaging.channels.whatsapp_cloud import WhatsAppCloud
from app.messaging.channels.whatsapp_errors import WINDOW_CLOSED
from tests.scripted_server import (
    PATIENCE,
    Behaviour,
    RefusingPort,
    Server,
    answer,
    reset,
    scripted_server,
    silence,
    truncated,
)

ACCOUNT = {
    "phone_number_id": "106540352242922",
    "access_token": "EAAG-very-secret",
    "app_secret": "test_app_secret",
    "verify_token": "my-token",
}
PDF = Attachment("Invoice-7.pdf", "application/pdf", b"%PDF-1.7")
MESSAGE = OutgoingMessage(delivery_id="delivery-1", to="+919876543210", text="Your visit is confirmed.")
ACCEPTED = answer(200, {"messaging_product": "whatsapp", "contacts": [], "messages": [{"id": "wamid.A"}]})
UPLOADED = answer(200, {"id": "media-7"})


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def whatsapp(server: Server) -> WhatsAppCloud:
    return open_channel(server.url)


def open_channel(url: str | None = None, **values: Any) -> WhatsAppCloud:
    return WhatsAppCloud.open({**ACCOUNT, **values}, base_url=url, timeouts=PATIENCE)


def refusal(status: int, code: int, **error: Any) -> Behaviour:
    return answer(status, {"error": {"message": "(#1) No.", "type": "OAuthException", "code": code, **error}})


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value


# --- sending


def test_text_goes_to_the_number_without_a_plus_and_carries_the_delivery_id(
    server: Server, whatsapp: WhatsAppCloud
) -> None:
    server.will(ACCEPTED)
    receipt = whatsapp.send(MESSAGE)
    sent = server.received[0]
    assert sent.path == "/v26.0/106540352242922/messages"
    assert sent.headers["authorization"] == "Bearer EAAG-very-secret"
    assert sent.json() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "919876543210",
        "type": "text",
        "text": {"body": "Your visit is confirmed.", "preview_url": False},
        "biz_opaque_callback_data": "delivery-1",
    }
    assert (receipt.provider_message_id, receipt.answer) == ("wamid.A", "accepted")


def test_a_file_is_uploaded_first_and_sent_as_a_document(server: Server, whatsapp: WhatsAppCloud) -> None:
    server.will(UPLOADED, ACCEPTED)
    whatsapp.send(replace(MESSAGE, attachments=(PDF,)))
    upload, sent = server.received
    assert upload.path == "/v26.0/106540352242922/media"
    assert upload.headers["content-type"].startswith("multipart/form-data")
    for part in (
        b'name="messaging_product"',
        b'filename="Invoice-7.pdf"',
        b"Content-Type: application/pdf",
        PDF.content,
    ):
        assert part in upload.body
    assert sent.json()["type"] == "document"
    assert sent.json()["document"] == {"id": "media-7", "filename": "Invoice-7.pdf", "caption": MESSAGE.text}


def test_a_template_takes_the_file_as_its_header_and_the_variables_in_order(
    server: Server, whatsapp: WhatsAppCloud
) -> None:
    server.will(UPLOADED, ACCEPTED)
    variables = {"1": "Asha\nRao", "2": "₹500     only", "3": ""}
    message = replace(
        MESSAGE, template="invoice_paid", language="en-GB", variables=variables, attachments=(PDF,), text="unused"
    )
    whatsapp.send(message)
    assert server.received[1].json()["template"] == {
        "name": "invoice_paid",
        "language": {"code": "en_GB"},
        "components": [
            {
                "type": "header",
                "parameters": [{"type": "document", "document": {"id": "media-7", "filename": "Invoice-7.pdf"}}],
            },
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "Asha Rao"},
                    {"type": "text", "text": "₹500 only"},
                    {"type": "text", "text": "-"},
                ],
            },
        ],
    }


def test_named_variables_keep_their_names(server: Server, whatsapp: WhatsAppCloud) -> None:
    server.will(ACCEPTED)
    whatsapp.send(replace(MESSAGE, template="hello", variables={"name": "Asha"}))
    (body,) = server.received[0].json()["template"]["components"]
    assert body["parameters"] == [{"type": "text", "text": "Asha", "parameter_name": "name"}]


def test_a_person_without_a_number_is_reached_by_the_scoped_id(server: Server, whatsapp: WhatsAppCloud) -> None:
    server.will(ACCEPTED)
    whatsapp.send(replace(MESSAGE, to="IN.1349abc"))
    assert server.received[0].json()["recipient"] == "IN.1349abc"
    assert "to" not in server.received[0].json()


@pytest.mark.parametrize(
    "to", ["", "98765", "+0123456789", "98765 43210", "asha@example.org", "in.abc", "+९१९८७६५४३२१०"]
)
def test_a_number_that_is_none_is_the_recipients_fault(server: Server, whatsapp: WhatsAppCloud, to: str) -> None:
    error = failure_of(lambda: whatsapp.send(replace(MESSAGE, to=to)))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_RECIPIENT, "invalid_number")
    assert server.received == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": ""}, "text_length"),
        ({"text": "x" * 4097}, "text_length"),
        ({"attachments": (PDF, PDF)}, "too_many_attachments"),
    ],
)
def test_what_whatsapp_cannot_carry_is_refused_before_a_call(
    server: Server, whatsapp: WhatsAppCloud, changes: dict[str, Any], code: str
) -> None:
    error = failure_of(lambda: whatsapp.send(replace(MESSAGE, **changes)))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.received == []


def test_a_document_may_go_without_words_but_not_with_too_many(server: Server, whatsapp: WhatsAppCloud) -> None:
    server.will(UPLOADED, ACCEPTED)
    whatsapp.send(replace(MESSAGE, text="", attachments=(PDF,)))
    assert "caption" not in server.received[1].json()["document"]
    server.will(UPLOADED)
    error = failure_of(lambda: whatsapp.send(replace(MESSAGE, text="x" * 1025, attachments=(PDF,))))
    assert error.outcome is Outcome.PERMANENT_MESSAGE


# --- failures


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (1, Outcome.RETRY),
        (80007, Outcome.RETRY),
        (130429, Outcome.RETRY),
        (131056, Outcome.RETRY),
        (131048, Outcome.RETRY_LATER),
        (131049, Outcome.RETRY_LATER),
        (131053, Outcome.RETRY_LATER),
        (131026, Outcome.PERMANENT_RECIPIENT),
        (131030, Outcome.PERMANENT_RECIPIENT),
        (131050, Outcome.PERMANENT_RECIPIENT),
        (100, Outcome.PERMANENT_MESSAGE),
        (131047, Outcome.PERMANENT_MESSAGE),
        (132001, Outcome.PERMANENT_MESSAGE),
        (132015, Outcome.PERMANENT_MESSAGE),
        (0, Outcome.PERMANENT_ACCOUNT),
        (190, Outcome.PERMANENT_ACCOUNT),
        (200, Outcome.PERMANENT_ACCOUNT),
        (299, Outcome.PERMANENT_ACCOUNT),
        (131042, Outcome.PERMANENT_ACCOUNT),
        (133010, Outcome.PERMANENT_ACCOUNT),
        (999999, Outcome.PERMANENT_MESSAGE),
    ],
)
def test_the_error_code_decides(server: Server, whatsapp: WhatsAppCloud, code: int, outcome: Outcome) -> None:
    server.will(refusal(400, code))
    error = failure_of(lambda: whatsapp.send(MESSAGE))
    assert (error.outcome, error.code) == (outcome, str(code))


@pytest.mark.parametrize(
    ("behaviour", "outcome", "code"),
    [
        (silence, Outcome.UNKNOWN, "timed_out"),
        (reset, Outcome.UNKNOWN, "no_answer"),
        (truncated(200), Outcome.UNKNOWN, "no_answer"),
        (answer(200, b"<html>"), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {"messages": []}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(200, {"messages": [{"id": ""}]}), Outcome.UNKNOWN, "malformed_answer"),
        (answer(502, b"Bad gateway"), Outcome.UNKNOWN, "http_502"),
        (answer(504, b""), Outcome.UNKNOWN, "http_504"),
        (answer(500, b"oops"), Outcome.RETRY, "http_500"),
        (answer(503, b""), Outcome.RETRY, "http_503"),
        (answer(429, b""), Outcome.RETRY, "http_429"),
        (refusal(500, 999999), Outcome.RETRY, "999999"),
        (refusal(503, 131016), Outcome.RETRY, "131016"),
        (refusal(400, 100, is_transient=True), Outcome.RETRY, "100"),
        (refusal(400, 131049, is_transient=True), Outcome.RETRY_LATER, "131049"),
        (refusal(400, 100, error_subcode=33), Outcome.PERMANENT_ACCOUNT, "100"),
        (refusal(401, 999999), Outcome.PERMANENT_ACCOUNT, "999999"),
        (answer(404, b"no such page"), Outcome.PERMANENT_ACCOUNT, "malformed_answer"),
        (answer(302, {}, Location="http://127.0.0.1:1/"), Outcome.PERMANENT_ACCOUNT, "malformed_answer"),
    ],
    ids=lambda value: str(getattr(value, "__name__", value)),
)
def test_every_failure_of_a_send_has_its_outcome(
    server: Server, whatsapp: WhatsAppCloud, behaviour: Behaviour, outcome: Outcome, code: str
) -> None:
    server.will(behaviour)
    error = failure_of(lambda: whatsapp.send(MESSAGE))
    assert (error.outcome, error.code) == (outcome, code)
    assert len(server.received) == 1


def test_nothing_was_sent_to_a_port_that_refuses() -> None:
    error = failure_of(lambda: open_channel(RefusingPort().url).send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


@pytest.mark.parametrize("behaviour", [answer(200, {"id": 7}), answer(502), reset], ids=["odd id", "502", "reset"])
def test_an_upload_without_an_answer_is_simply_done_again(
    server: Server, whatsapp: WhatsAppCloud, behaviour: Behaviour
) -> None:
    server.will(behaviour)
    assert failure_of(lambda: whatsapp.send(replace(MESSAGE, attachments=(PDF,)))).outcome is Outcome.RETRY
    assert [call.path for call in server.received] == ["/v26.0/106540352242922/media"]


def test_a_refused_upload_sends_nothing(server: Server, whatsapp: WhatsAppCloud) -> None:
    server.will(refusal(400, 100))
    error = failure_of(lambda: whatsapp.send(replace(MESSAGE, attachments=(PDF,))))
    assert error.outcome is Outcome.PERMANENT_MESSAGE
    assert len(server.received) == 1


def test_waits_are_the_providers_or_the_documented_ones(server: Server, whatsapp: WhatsAppCloud) -> None:
    error = {"error": {"code": 131056, "message": "pair rate"}}
    server.will(answer(400, error), answer(429, error, Retry_After="60"), refusal(400, 131049))
    waits = [failure_of(lambda: whatsapp.send(MESSAGE)).retry_after for _ in range(3)]
    assert waits == [6, 60, 86400]


def test_a_closed_window_can_be_told_from_other_refusals(server: Server, whatsapp: WhatsAppCloud) -> None:
    server.will(refusal(400, 131047))
    assert failure_of(lambda: whatsapp.send(MESSAGE)).code == WINDOW_CLOSED
    assert whatsapp.capabilities.window is not None


def test_error_texts_hold_neither_token_nor_number(server: Server, whatsapp: WhatsAppCloud) -> None:
    details = "Token EAAG-very-secret may not write to 919876543210 or +91 98765 43210"
    server.will(refusal(400, 131030, error_data={"details": details}))
    assert failure_of(lambda: whatsapp.send(MESSAGE)).message == "Token •••• may not write to •••• or ••••"


# --- the test connection


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (answer(200, {"verified_name": "Sunrise Clinic", "id": "1"}), ConnectionResult.CONNECTED),
        (refusal(401, 190), ConnectionResult.WRONG_CREDENTIALS),
        (refusal(400, 100, error_subcode=33), ConnectionResult.WRONG_CREDENTIALS),
        (silence, ConnectionResult.TIMED_OUT),
        (answer(503), ConnectionResult.BUSY),
        (answer(404, b"nothing here"), ConnectionResult.UNUSABLE),
        (answer(200, b"<html>welcome</html>"), ConnectionResult.UNUSABLE),
    ],
    ids=["connected", "wrong token", "wrong number", "time-out", "busy", "another path", "another site"],
)
def test_a_test_call_reads_differently_for_each_cause(
    server: Server, whatsapp: WhatsAppCloud, behaviour: Behaviour, result: ConnectionResult
) -> None:
    server.will(behaviour)
    report = whatsapp.test_connection()
    assert report.result is result
    assert "fields=verified_name" in server.received[0].path
    if report.ok:
        assert report.detail == "Sunrise Clinic"


@pytest.mark.parametrize(
    "values", [{"phone_number_id": "+91 98"}, {"phone_number_id": ""}, {"access_token": ""}, {"api_version": "latest"}]
)
def test_credentials_that_cannot_work_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(InvalidCredentials):
        open_channel(**values)


def test_the_channel_is_found_by_its_code() -> None:
    assert channel_with_code("whatsapp_cloud") is WhatsAppCloud
