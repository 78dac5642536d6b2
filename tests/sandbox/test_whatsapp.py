from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
import requests

from tests.sandbox.merchants import received, wait_until
from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Received, Server, answer

NUMBER = "106540352242922"
TOKEN = "EAAG-sunrise-token"
APP_SECRET = "sunrise-app-secret"
PATIENT = "919876543210"
PDF = b"%PDF-1.7 invoice \xe2\x82\xb9"
TEMPLATE = {
    "name": "invoice_ready",
    "language": {"code": "en"},
    "components": [
        {"type": "header", "parameters": [{"type": "document", "document": {"id": "", "filename": "INV-1.pdf"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "Kavya"}, {"type": "text", "text": "₹ 800.00"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "i/7"}]},
    ],
}


class Business:
    """A clinic's WhatsApp number over plain HTTP."""

    def __init__(self, sandbox: RunningSandbox, webhook_url: str | None, **account: Any) -> None:
        self.sandbox = sandbox
        secrets = {"accessToken": TOKEN, "appSecret": APP_SECRET, "verifyToken": "verify-me"}
        fields = {"phoneNumberId": NUMBER, "deliverySeconds": 0.05, "webhookUrl": webhook_url, **secrets}
        sandbox.account("whatsapp", **fields, **account)

    def call(self, method: str, path: str, token: str = TOKEN, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self.sandbox.request(method, f"/whatsapp/v23.0/{path}", headers=headers, **options)

    def send(self, body: Json, **options: Any) -> requests.Response:
        whole = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": PATIENT, **body}
        return self.call("POST", f"{NUMBER}/messages", json=whole, **options)

    def text(self, text: str = "Hello", **fields: Any) -> requests.Response:
        return self.send({"type": "text", "text": {"body": text}, **fields})

    def upload(
        self, content: bytes = PDF, mime_type: str = "application/pdf", product: str = "whatsapp"
    ) -> requests.Response:
        form = {"messaging_product": product, "type": mime_type}
        return self.call("POST", f"{NUMBER}/media", data=form, files={"file": ("INV-1.pdf", content, mime_type)})


@pytest.fixture
def business(sandbox: RunningSandbox, clinic: Server) -> Business:
    return Business(sandbox, f"{clinic.url}/api/messaging/whatsapp/webhook")


def _statuses(calls: list[Received]) -> list[Json]:
    return [json.loads(call.body)["entry"][0]["changes"][0]["value"]["statuses"][0] for call in calls]


def test_a_text_is_accepted_then_sent_then_delivered(business: Business, clinic: Server) -> None:
    reply = business.text("Nameste नमस्ते", biz_opaque_callback_data="delivery-1").json()
    message_id = reply["messages"][0]["id"]
    assert message_id.startswith("wamid.") and reply["contacts"] == [{"input": PATIENT, "wa_id": PATIENT}]
    calls = received(clinic, 2)
    statuses = _statuses(calls)
    assert [status["status"] for status in statuses] == ["sent", "delivered"]
    assert {(status["id"], status["recipient_id"]) for status in statuses} == {(message_id, PATIENT)}
    assert {status["biz_opaque_callback_data"] for status in statuses} == {"delivery-1"}
    assert all(status["timestamp"].isdigit() for status in statuses)
    value = json.loads(calls[0].body)["entry"][0]["changes"][0]["value"]
    assert value["metadata"]["phone_number_id"] == NUMBER


def test_statuses_are_signed_with_the_app_secret(business: Business, clinic: Server) -> None:
    business.text()
    call = received(clinic, 1)[0]
    expected = "sha256=" + hmac.new(APP_SECRET.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["x-hub-signature-256"] == expected
    assert call.body.isascii()


def test_the_inbox_keeps_text_reference_and_recipient(business: Business, sandbox: RunningSandbox) -> None:
    business.text("Your visit is at 9", biz_opaque_callback_data="delivery-2", to="+91 98765-43210")
    for to in (PATIENT, f"+{PATIENT}", "+91 98765 43210"):
        (message,) = sandbox.messages(to=to, channel="whatsapp")
        assert (message["body"], message["reference"], message["to"]) == ("Your visit is at 9", "delivery-2", PATIENT)
    assert message["status"] == "delivered"
    assert sandbox.messages(channel="email") == []
    assert sandbox.messages(to="919000000000") == []


def test_an_uploaded_invoice_travels_as_a_document(business: Business, sandbox: RunningSandbox) -> None:
    media_id = business.upload().json()["id"]
    document = {"id": media_id, "filename": "INV-1.pdf", "caption": "Your invoice"}
    assert business.send({"type": "document", "document": document}).status_code == 200
    (message,) = sandbox.messages(to=PATIENT)
    (file,) = message["attachments"]
    assert (message["body"], file["filename"], file["mimeType"], file["size"]) == (
        "Your invoice", "INV-1.pdf", "application/pdf", len(PDF),
    )  # fmt: skip
    download = requests.get(file["url"], timeout=60)
    assert (download.content, download.headers["Content-Type"]) == (PDF, "application/pdf")


def test_a_template_carries_its_header_document(business: Business, sandbox: RunningSandbox) -> None:
    template = json.loads(json.dumps(TEMPLATE))
    template["components"][0]["parameters"][0]["document"]["id"] = business.upload().json()["id"]
    assert business.send({"type": "template", "template": template}).status_code == 200
    (message,) = sandbox.messages(to=PATIENT)
    assert (message["template"]["name"], message["body"]) == ("invoice_ready", "Kavya · ₹ 800.00 · i/7")
    assert [file["filename"] for file in message["attachments"]] == ["INV-1.pdf"]


def test_a_linked_document_keeps_its_address(business: Business, sandbox: RunningSandbox) -> None:
    document = {"link": "https://clinic.example/i.pdf", "filename": "i.pdf"}
    business.send({"type": "document", "document": document})
    assert sandbox.messages()[0]["attachments"][0]["url"] == "https://clinic.example/i.pdf"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"messaging_product": "sms", "type": "text", "text": {"body": "x"}}, 100),
        ({"to": "", "type": "text", "text": {"body": "x"}}, 100),
        ({"to": "123", "type": "text", "text": {"body": "x"}}, 131009),
        ({"to": "kavya", "type": "text", "text": {"body": "x"}}, 131009),
        ({"to": "15550001234", "type": "text", "text": {"body": "x"}}, 131021),
        ({"type": "text"}, 100),
        ({"type": "text", "text": {"body": ""}}, 100),
        ({"type": "text", "text": {"body": "x" * 4097}}, 100),
        ({"type": "hologram", "hologram": {}}, 131051),
        ({"type": "document", "document": {"filename": "x.pdf"}}, 100),
        ({"type": "document", "document": {"id": "1", "link": "https://x.example/y"}}, 100),
        ({"type": "document", "document": {"id": "404404"}}, 131009),
        ({"type": "document", "document": {"link": "https://x.example/y", "caption": "x" * 1025}}, 100),
        ({"type": "template", "template": {"name": "x"}}, 100),
        ({"type": "template", "template": {**TEMPLATE, "components": [{"type": "hat"}]}}, 132012),
        ({"type": "template", "template": {**TEMPLATE, "components": [{"type": "body", "parameters": [{}]}]}}, 132012),
        ({"type": "template", "template": {**TEMPLATE, "components": ["text"]}}, 100),
        ({"type": "text", "text": {"body": "x"}, "biz_opaque_callback_data": "x" * 513}, 100),
    ],
)  # fmt: skip
def test_a_wrong_message_is_refused_with_the_vendors_code(
    business: Business, sandbox: RunningSandbox, body: Json, code: int
) -> None:
    response = business.send(body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (400, code, "OAuthException")
    assert error["message"].startswith("(#") and error["fbtrace_id"]
    assert sandbox.messages() == []


@pytest.mark.parametrize("text", ["two\nlines", "tab\there", "five     spaces"])
def test_template_parameters_are_one_line(business: Business, text: str) -> None:
    components = [{"type": "body", "parameters": [{"type": "text", "text": text}]}]
    template = {"name": "x", "language": {"code": "en"}, "components": components}
    response = business.send({"type": "template", "template": template})
    assert response.json()["error"]["code"] == 100
    assert "new-line" in response.json()["error"]["error_data"]["details"]


def test_a_wrong_token_is_401_with_code_190(business: Business, sandbox: RunningSandbox) -> None:
    wrong = business.call("POST", f"{NUMBER}/messages", token="stolen", json={})
    missing = sandbox.request("GET", f"/whatsapp/v23.0/{NUMBER}")
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in (wrong, missing)] == [(401, 190)] * 2


def test_another_businesss_number_does_not_exist_for_this_token(business: Business, sandbox: RunningSandbox) -> None:
    sandbox.account("whatsapp", phoneNumberId="999", accessToken="other")
    response = business.call("POST", "999/messages", json={})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["error_subcode"]) == (400, 100, 33)


def test_the_health_probe_answers_the_asked_fields(business: Business) -> None:
    fields = "verified_name,quality_rating,throughput"
    answered = business.call("GET", f"{NUMBER}?fields={fields}").json()
    assert answered == {
        "verified_name": "Clinic", "quality_rating": "GREEN", "throughput": {"level": "STANDARD"}, "id": NUMBER,
    }  # fmt: skip
    assert business.call("GET", f"{NUMBER}?fields=shoe_size").json()["error"]["code"] == 100


def test_an_old_version_is_refused(business: Business, sandbox: RunningSandbox) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    response = sandbox.request("GET", f"/whatsapp/v16.0/{NUMBER}", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (400, 2635)


def test_media_are_described_downloaded_and_deleted(business: Business) -> None:
    media_id = business.upload().json()["id"]
    described = business.call("GET", media_id).json()
    assert (described["file_size"], described["sha256"]) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.get(described["url"], headers=bearer, timeout=60).content == PDF
    assert requests.get(described["url"], timeout=60).status_code == 401
    assert requests.get(described["url"] + "0", headers=bearer, timeout=60).status_code == 400
    assert business.call("DELETE", media_id).json() == {"success": True}
    assert business.call("GET", media_id).status_code == 400


def test_unsuitable_files_are_refused(business: Business) -> None:
    assert business.upload(mime_type="application/x-msdownload").json()["error"]["code"] == 100
    assert business.upload(product="sms").status_code == 400
    assert business.upload(b"x" * (5 * 1024 * 1024 + 1), "image/png").status_code == 400
    assert business.call("POST", f"{NUMBER}/media", data={"messaging_product": "whatsapp"}).status_code == 400


def test_a_refused_recipient_fails_at_once_or_by_status(
    business: Business, sandbox: RunningSandbox, clinic: Server
) -> None:
    sandbox.post("/_control/recipients", {"provider": "whatsapp", "to": PATIENT, "code": 131030})
    assert business.text().json()["error"]["code"] == 131030
    sandbox.post("/_control/recipients", {"provider": "whatsapp", "to": f"+{PATIENT}", "code": 131026, "at": "status"})
    assert business.text().status_code == 200
    (status,) = _statuses(received(clinic, 1))
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)
    assert sandbox.messages(to=PATIENT)[0]["status"] == "failed"
    sandbox.post("/_control/recipients", {"provider": "whatsapp", "to": PATIENT, "code": None})
    business.text()
    assert sandbox.messages(to=PATIENT)[0]["status"] == "delivered"


def test_outside_the_window_only_templates_arrive(sandbox: RunningSandbox, clinic: Server) -> None:
    business = Business(sandbox, clinic.url, enforceWindow=True, readReceipts=True)
    business.text()
    assert _statuses(received(clinic, 1))[0]["errors"][0]["code"] == 131047
    template = {"name": "x", "language": {"code": "en"}}
    business.send({"type": "template", "template": template})
    assert [status["status"] for status in _statuses(received(clinic, 4)[1:])] == ["sent", "delivered", "read"]
    inbound = sandbox.post("/_control/inbound", {"phoneNumberId": NUMBER, "from": f"+{PATIENT}", "text": "Hi"})
    message = json.loads(received(clinic, 5)[4].body)["entry"][0]["changes"][0]["value"]["messages"][0]
    assert (message["id"], message["from"], message["text"]["body"]) == (inbound["id"], PATIENT, "Hi")
    business.text("Now it is allowed")
    assert _statuses(received(clinic, 6)[5:])[0]["status"] == "sent"


def test_known_templates_can_be_listed(sandbox: RunningSandbox) -> None:
    templates = [{"name": "invoice_ready"}, {"name": "old", "status": "PAUSED"}]
    business = Business(sandbox, None, templates=templates)
    codes = []
    for name in ("invoice_ready", "old", "unknown"):
        reply = business.send({"type": "template", "template": {"name": name, "language": {"code": "en"}}})
        codes.append(reply.json().get("error", {}).get("code"))
    assert codes == [None, 132015, 132001]


def test_marking_as_read_succeeds(business: Business, sandbox: RunningSandbox) -> None:
    reply = business.send({"status": "read", "message_id": "wamid.x"})
    assert (reply.json(), sandbox.messages()) == ({"success": True}, [])


def test_the_handshake_tells_whether_the_address_echoes(
    business: Business, sandbox: RunningSandbox, clinic: Server
) -> None:
    clinic.will(answer(403))
    refused = sandbox.post("/_control/webhooks/verify", {"account": NUMBER})
    assert (refused["verified"], refused["status"]) == (False, 403)
    assert "hub.verify_token=verify-me" in clinic.received[0].path


def test_faults_wear_the_vendors_shape(business: Business, sandbox: RunningSandbox) -> None:
    sandbox.fault("whatsapp", "429", seconds=6)
    busy = business.text()
    assert (busy.status_code, busy.headers["Retry-After"], busy.json()["error"]["code"]) == (429, "6", 130429)
    sandbox.fault("whatsapp", "500", operation="send_message")
    broken = business.text().json()["error"]
    assert (broken["code"], broken["is_transient"]) == (2, True)
    sandbox.fault("whatsapp", "reset")
    with pytest.raises(requests.exceptions.ConnectionError):
        business.text("sent, but who knows")
    wait_until(lambda: len(sandbox.messages()) == 1)
    sandbox.fault("whatsapp", "reset", before=True)
    with pytest.raises(requests.exceptions.ConnectionError):
        business.text("never sent")
    assert len(sandbox.messages()) == 1


def test_uploads_are_recorded_without_their_bytes(business: Business, sandbox: RunningSandbox) -> None:
    business.upload()
    (call,) = sandbox.calls("whatsapp", "upload_media")
    assert "INV-1.pdf (application/pdf)" in call["body"] and "%PDF" not in call["body"]
