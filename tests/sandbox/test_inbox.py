from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage

import pytest
import requests

from tests.sandbox.merchants import KEY_SECRET, WEBHOOK_SECRET, TestMerchant, wait_until
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Server

PAGES = ("/", "/money", "/webhooks", "/requests", "/faults")


def _send(sandbox: RunningSandbox, to: str = "kavya@example.com", subject: str = "Hello <b>") -> str:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "desk@sunrise.test", to, subject
    mail.set_content("Plain")
    mail.add_alternative("<script>alert(1)</script><p>Rich</p>", subtype="html")
    mail.add_attachment(b"<script>x</script>", maintype="text", subtype="html", filename="evil.html")
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=60) as client:
        client.send_message(mail)
    identity: str = sandbox.messages()[0]["id"]
    return identity


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_sandbox_says_so(sandbox: RunningSandbox, page: str) -> None:
    answer = sandbox.request("GET", page)
    assert (answer.status_code, 'class="empty"' in answer.text) == (200, True)


@pytest.mark.parametrize("page", PAGES)
def test_pages_allow_nothing_from_elsewhere(sandbox: RunningSandbox, page: str) -> None:
    answer = sandbox.request("GET", page)
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r'style=|\son\w+=|(src|href|action)="(?!/)', answer.text)


def test_messages_are_shown_newest_first_and_filtered(sandbox: RunningSandbox) -> None:
    _send(sandbox, "a@x.test", "First")
    _send(sandbox, "b@x.test", "Second")
    page = sandbox.request("GET", "/").text
    assert 0 < page.index("Second") < page.index("First")
    assert "First" not in sandbox.request("GET", "/?to=b@x.test&channel=email").text
    assert "Second" not in sandbox.request("GET", "/?channel=whatsapp").text


def test_html_mail_is_shut_in(sandbox: RunningSandbox) -> None:
    identity = _send(sandbox)
    page = sandbox.request("GET", f"/messages/{identity}").text
    assert "<iframe sandbox" in page and "Hello &lt;b&gt;" in page and "<p>Rich</p>" not in page
    html = sandbox.request("GET", f"/messages/{identity}/html")
    assert "<p>Rich</p>" in html.text
    assert html.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_a_dangerous_attachment_is_only_downloaded(sandbox: RunningSandbox) -> None:
    file = requests.get(f"{sandbox.base_url}/messages/{_send(sandbox)}/attachments/0", timeout=60)
    assert file.headers["Content-Disposition"] == "attachment; filename=evil.html"
    assert file.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/messages/none", "/messages/none/html", "/messages/none/attachments/0", "/nowhere"])
def test_what_is_not_there_is_404(sandbox: RunningSandbox, path: str) -> None:
    assert sandbox.request("GET", path).status_code == 404


def test_money_calls_and_webhooks_are_listed(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    payment_id = merchant.paid(123_450, receipt="INV-77")
    merchant.refund(payment_id, amount=100)
    sandbox.settle()
    money = sandbox.request("GET", "/money").text
    assert payment_id in money and "INV-77" in money and "₹1,234.50" in money and "Settlements" in money
    assert "create_order" in sandbox.request("GET", "/requests?provider=razorpay").text
    assert "create_order" not in sandbox.request("GET", "/requests?provider=whatsapp").text
    wait_until(lambda: all(item["status"] == "delivered" for item in sandbox.webhooks()))
    webhooks = sandbox.request("GET", "/webhooks").text
    assert "payment.captured" in webhooks and clinic.url in webhooks


def test_a_webhook_is_sent_again_from_its_page(merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server) -> None:
    sandbox.pay(merchant.order()["id"], "failure")
    wait_until(lambda: sandbox.webhooks()[0]["status"] == "delivered")
    path = f"/webhooks/{sandbox.webhooks()[0]['id']}/resend"
    assert sandbox.request("POST", path, allow_redirects=False).status_code == 303
    wait_until(lambda: len(clinic.received) == 2)
    assert clinic.received[0].body == clinic.received[1].body
    assert sandbox.request("POST", "/webhooks/none/resend").status_code == 404


def test_faults_are_armed_and_disarmed_on_their_page(sandbox: RunningSandbox) -> None:
    form = {"provider": "razorpay", "fault": "500", "operation": "create_order", "count": "3"}
    assert "create_order" in sandbox.request("POST", "/faults", data=form).text
    assert sandbox.get("/_control/faults")["items"][0]["count"] == 3
    wrong = sandbox.request("POST", "/faults", data={**form, "count": "many"})
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (400, True)
    assert sandbox.request("POST", "/faults", data={**form, "fault": "gremlins"}).status_code == 400
    sandbox.request("POST", "/faults", data={"clear": "1"})
    assert sandbox.get("/_control/faults")["items"] == []


def test_accounts_are_listed_without_secrets(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    listed = sandbox.request("GET", "/_control/accounts")
    account = next(item for item in listed.json()["items"] if item.get("keyId") == "rzp_test_Sunrise1")
    assert (account["provider"], account["keySecret"]) == ("razorpay", "••••" + KEY_SECRET[-4:])
    for secret in (KEY_SECRET, WEBHOOK_SECRET):
        assert secret not in listed.text + sandbox.request("GET", "/faults").text


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "nobody"},
        {"provider": "razorpay", "keyId": "rzp_test_x"},
        {"provider": "razorpay", "keyId": "wrong", "keySecret": "x"},
        {"provider": "razorpay", "keyId": "rzp_test_x", "keySecret": "x", "webhookUrl": "ftp://x"},
        {"provider": "razorpay", "keyId": "rzp_test_x", "keySecret": "x", "colour": "red"},
        {"provider": "whatsapp", "phoneNumberId": "abc", "accessToken": "x"},
    ],
)
def test_a_wrong_account_is_refused(sandbox: RunningSandbox, body: dict[str, str]) -> None:
    before = sandbox.get("/_control/accounts")
    answer = sandbox.request("POST", "/_control/accounts", json=body)
    assert (answer.status_code, sandbox.get("/_control/accounts")) == (400, before)


def test_other_sites_press_no_switches(sandbox: RunningSandbox) -> None:
    foreign, own = {"Origin": "https://evil.example"}, {"Origin": sandbox.base_url}
    assert sandbox.request("POST", "/_control/reset", headers=foreign).status_code == 403
    assert sandbox.request("POST", "/faults", data={"clear": "1"}, headers=foreign).status_code == 403
    assert sandbox.request("POST", "/_control/reset", headers=own).status_code == 204


def test_reset_forgets_all_but_the_accounts(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    merchant.paid()
    _send(sandbox)
    sandbox.fault("razorpay", "500", operation="never")
    sandbox.reset()
    assert (sandbox.messages(), sandbox.webhooks(), sandbox.get("/_control/faults")["items"]) == ([], [], [])
    assert sandbox.get("/_control/requests") == {"items": [], "counts": {}}
    assert merchant.call("GET", "/orders").json()["count"] == 0


@pytest.mark.parametrize("query", ["channel=pigeon", "channel=Email"])
def test_an_unknown_channel_is_refused(sandbox: RunningSandbox, query: str) -> None:
    assert sandbox.request("GET", f"/_control/messages?{query}").status_code == 400


def test_it_says_that_it_lives(sandbox: RunningSandbox) -> None:
    assert sandbox.get("/healthz") == {"status": "ok"}
