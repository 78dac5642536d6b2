from __future__ import annotations

import smtplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import pytest
import requests

from tests.sandbox_server import ANSWER_SECONDS, RunningSandbox, running_sandbox
from tests.waiting import wait_until

PATIENT = "kavya@example.com"


@pytest.fixture
def mailer(sandbox: RunningSandbox) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=60) as client:
        yield client


def _mail(to: str = PATIENT) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Sunrise Clinic <desk@sunrise.test>", to, "Invoice ₹ 800"
    mail["Message-ID"] = "<delivery-1@sunrise.test>"
    mail.set_content("Your invoice is attached.")
    mail.add_alternative("<h1>Invoice</h1><script>alert(1)</script>", subtype="html")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="INV-1.pdf")
    return mail


def test_a_mail_is_kept_with_text_html_and_attachment(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    assert mailer.send_message(_mail()) == {}
    (message,) = sandbox.messages(to="Kavya@Example.com", channel="email")
    assert (message["subject"], message["from"]) == ("Invoice ₹ 800", "Sunrise Clinic <desk@sunrise.test>")
    assert message["body"] == "Your invoice is attached.\n"
    assert "<h1>Invoice</h1>" in message["html"]
    assert (message["reference"], message["envelopeFrom"]) == ("<delivery-1@sunrise.test>", "desk@sunrise.test")
    (file,) = message["attachments"]
    assert (file["filename"], file["mimeType"]) == ("INV-1.pdf", "application/pdf")
    assert requests.get(file["url"], timeout=60).content == b"%PDF-1.7"


def test_the_final_reply_carries_the_queue_id(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    mailer.ehlo()
    mailer.mail("desk@sunrise.test")
    mailer.rcpt(PATIENT)
    code, text = mailer.data(_mail().as_bytes())
    assert (code, text.decode().rpartition(" ")[2]) == (250, sandbox.messages()[0]["id"])


def test_every_recipient_gets_a_copy(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    mailer.send_message(_mail(), to_addrs=["a@x.test", "b@x.test"])
    assert {message["to"] for message in sandbox.messages()} == {"a@x.test", "b@x.test"}
    assert len({message["id"] for message in sandbox.messages()}) == 2


@pytest.mark.parametrize(("address", "code"), [("bounce@x.test", 550), ("greylist@x.test", 451), ("full@x.test", 452)])
def test_some_addresses_refuse(mailer: smtplib.SMTP, sandbox: RunningSandbox, address: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        mailer.send_message(_mail(address))
    assert refused.value.recipients[address][0] == code
    assert sandbox.messages() == []


def test_one_refused_recipient_does_not_stop_the_other(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    refused = mailer.send_message(_mail(), to_addrs=[PATIENT, "bounce@x.test"])
    assert (list(refused), [message["to"] for message in sandbox.messages()]) == (["bounce@x.test"], [PATIENT])


def test_any_address_can_be_made_bad(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.post("/_control/recipients", {"provider": "smtp", "to": PATIENT, "code": 550})
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mailer.send_message(_mail())


def test_login_needs_a_registered_account(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.account("smtp", username="sunrise", password="mail-secret")
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        mailer.login("sunrise", "wrong")
    assert refused.value.smtp_code == 535
    mailer.login("sunrise", "mail-secret")
    mailer.send_message(_mail())
    sent = sandbox.calls("smtp", "send")[0]
    assert (sent["account"], sent["status"]) == ("sunrise", 250)
    assert [call["status"] for call in sandbox.calls("smtp", "auth")][0] == 235
    assert "mail-secret" not in sandbox.request("GET", "/_control/requests").text


def test_authentication_can_be_required() -> None:
    with running_sandbox(smtp_auth_required=True) as sandbox:
        sandbox.account("smtp", username="u", password="p")
        with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=60) as client:
            with pytest.raises(smtplib.SMTPSenderRefused) as refused:
                client.send_message(_mail())
            assert refused.value.smtp_code == 530
            client.login("u", "p")
            assert client.send_message(_mail()) == {}


@pytest.mark.parametrize(("fault", "code"), [("421", 421), ("451", 451), ("550", 550), ("500", 451), ("429", 421)])
def test_a_refusing_fault_keeps_nothing(mailer: smtplib.SMTP, sandbox: RunningSandbox, fault: str, code: int) -> None:
    sandbox.fault("smtp", fault)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        mailer.send_message(_mail())
    assert (refused.value.smtp_code, sandbox.messages()) == (code, [])


@pytest.mark.parametrize(("before", "kept"), [(False, 1), (True, 0)])
def test_reset_after_data_leaves_it_open_whether_it_was_sent(
    mailer: smtplib.SMTP, sandbox: RunningSandbox, before: bool, kept: int
) -> None:
    sandbox.fault("smtp", "reset", before=before)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        mailer.send_message(_mail())
    assert len(sandbox.messages()) == kept
    assert (sandbox.calls("smtp", "send")[0]["status"], sandbox.calls("smtp", "send")[0]["fault"]) == (None, "reset")


def test_timeout_answers_nothing(sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "timeout", seconds=5)
    client = smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=ANSWER_SECONDS)
    client.ehlo()
    client.mail("desk@sunrise.test")
    client.rcpt(PATIENT)
    assert client.docmd("DATA")[0] == 354
    client.send(_mail().as_bytes(policy=SMTP_POLICY) + b"\r\n.\r\n")
    wait_until(lambda: len(sandbox.messages()) == 1)
    assert client.sock is not None
    client.sock.settimeout(0.3)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        client.getreply()
    client.close()


def test_slow_and_malformed(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "slow", seconds=0.1)
    assert mailer.send_message(_mail()) == {}
    sandbox.fault("smtp", "malformed")
    with pytest.raises(smtplib.SMTPException):
        mailer.send_message(_mail())
    assert len(sandbox.messages()) == 2


@pytest.mark.parametrize(
    ("operation", "error"),
    [("mail", smtplib.SMTPSenderRefused), ("rcpt", smtplib.SMTPRecipientsRefused)],
)
def test_a_fault_can_hit_one_command(
    mailer: smtplib.SMTP, sandbox: RunningSandbox, operation: str, error: type[Exception]
) -> None:
    sandbox.fault("smtp", "451", operation=operation)
    with pytest.raises(error):
        mailer.send_message(_mail())
    assert mailer.send_message(_mail()) == {}


def test_even_the_greeting_can_be_refused(mailer: smtplib.SMTP, sandbox: RunningSandbox) -> None:
    sandbox.fault("smtp", "421", operation="ehlo")
    assert (mailer.ehlo()[0], mailer.ehlo()[0]) == (421, 250)


def test_twenty_senders_at_once(sandbox: RunningSandbox) -> None:
    def send(place: int) -> None:
        with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=60) as client:
            client.send_message(_mail(f"p{place}@x.test"))

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(send, range(40)))
    assert len({message["to"] for message in sandbox.messages()}) == 40
