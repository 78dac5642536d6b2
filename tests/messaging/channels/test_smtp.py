from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any

import pytest

from app.core.credentials import InvalidCredentials
from app.core.providers import BadSignature, ConnectionResult, Outcome, ProviderError, Timeouts
from app.messaging.channels.base import Attachment, OutgoingMessage
from app.messaging.channels.mime import ascii_address
from app.messaging.channels.smtp import Smtp, SmtpCredentials
from tests.certificates import Certificate, make_certificate
from tests.messaging.channels.mail_server import HANG_UP, SILENCE, MailServer, mail_server, raw_server
from tests.scripted_server import RefusingPort, deaf_port

LONGEST_ENCODED_WORD = 75  # RFC 2047
PATIENT = Timeouts(connect=30, read=30)
SHORT = Timeouts(connect=1, read=1)  # where no answer comes
PDF = Attachment("Invoice 7.pdf", "application/pdf", b"%PDF-1.7 \x00\xff")
MESSAGE = OutgoingMessage(
    delivery_id="0198c1f0-0000-7000-8000-000000000001",
    to="asha@example.org",
    subject="Your visit, ₹500",
    text="नमस्ते Asha\n.a line that starts with a dot",
    html="<p>नमस्ते <b>Asha</b></p>",
    attachments=(PDF,),
    sender="Sunrise Clinic",
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def channel(base_url: str | None, timeouts: Timeouts = PATIENT, **values: Any) -> Smtp:
    return Smtp.open({"from_address": "desk@sunrise.test", **values}, base_url=base_url, timeouts=timeouts)


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value


def test_a_mail_arrives_whole(server: MailServer) -> None:
    receipt = channel(server.url).send(MESSAGE)
    mail_from, recipients, _ = server.mails[0]
    mail = server.only_mail()
    assert (mail_from, recipients) == ("desk@sunrise.test", ["asha@example.org"])
    assert mail["Subject"] == "Your visit, ₹500"
    assert mail["From"] == "Sunrise Clinic <desk@sunrise.test>"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and text.get_content().splitlines() == MESSAGE.text.splitlines()
    assert html is not None and html.get_content().strip() == MESSAGE.html
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == (PDF.name, PDF.mime, PDF.content)
    assert receipt.provider_message_id == mail["Message-ID"] == f"<{MESSAGE.delivery_id}@sunrise.test>"
    assert receipt.answer == "2.0.0 Ok: queued as Q123"


def test_a_mail_carries_the_headers_of_a_machine(server: MailServer) -> None:
    channel(server.url).send(replace(MESSAGE, unsubscribe_url="https://console.test/u/1", sender=""))
    mail = server.only_mail()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.tzinfo is not None
    assert mail["List-Unsubscribe"] == "<https://console.test/u/1>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["From"] == "desk@sunrise.test"


def test_every_line_of_a_mail_is_seven_bit(server: MailServer) -> None:
    channel(server.url).send(MESSAGE)
    assert server.mails[0][2].isascii()


NAMES = (
    'Rao, "Sunrise" & Sons (Pune)',
    "Crème & Co.",
    "श्री साई नेत्र, दंत एवं हृदय चिकित्सालय तथा अनुसंधान केंद्र, पुणे महाराष्ट्र",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_arrives_whatever_it_is_written_in(server: MailServer, name: str) -> None:
    channel(server.url).send(replace(MESSAGE, sender=name, subject=f"{name} {name}"))
    raw = server.mails[0][2]
    headers = message_from_bytes(raw)
    shown, address = parseaddr(headers["From"])
    assert (str(make_header(decode_header(shown))), address) == (name, "desk@sunrise.test")
    assert str(make_header(decode_header(headers["Subject"]))) == f"{name} {name}"
    assert all(len(word) <= LONGEST_ENCODED_WORD for word in re.findall(rb"=\?utf-8\?[bq]\?[^?]*\?=", raw))


def test_a_file_keeps_its_name_in_any_script(server: MailServer) -> None:
    channel(server.url).send(replace(MESSAGE, attachments=(replace(PDF, name="बिल 7.pdf"),)))
    assert [file.get_filename() for file in server.only_mail().iter_attachments()] == ["बिल 7.pdf"]


def test_the_same_delivery_has_the_same_message_id(server: MailServer) -> None:
    first = channel(server.url).send(MESSAGE)
    second = channel(server.url).send(MESSAGE)
    assert first.provider_message_id == second.provider_message_id


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"html": "", "attachments": ()}, ["text/plain"]),
        ({"text": "", "attachments": ()}, ["text/html"]),
        (
            {
                "attachments": (Attachment("v.ics", "text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\n"),),
                "html": "",
            },
            ["multipart/mixed", "text/plain", "text/calendar"],
        ),
    ],
)
def test_a_mail_has_only_the_parts_it_was_given(server: MailServer, changes: dict[str, Any], kinds: list[str]) -> None:
    channel(server.url).send(replace(MESSAGE, **changes))
    assert [part.get_content_type() for part in server.only_mail().walk()] == kinds


def test_line_breaks_start_no_header(server: MailServer) -> None:
    evil = "Hello\r\nBcc: everybody@example.org"
    files = (replace(PDF, name=evil, mime=f"application/pdf; method={evil}"),)
    changes = {"subject": evil, "sender": "", "unsubscribe_url": evil, "attachments": files}
    channel(server.url, from_name=evil).send(replace(MESSAGE, **changes))
    mail = server.only_mail()
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hello Bcc: everybody@example.org"
    assert server.mails[0][1] == ["asha@example.org"]
    assert all(not line.lower().startswith(b"bcc:") for line in server.mails[0][2].splitlines())


@pytest.mark.parametrize(
    "address",
    [
        "",
        "asha",
        "asha@",
        "@example.org",
        "a b@example.org",
        "अ@example.org",
        "a@b@c",
        "a@x\r\nRCPT TO:<b@c>",
        "a@" + "x" * 300,
    ]
    + ["<a@b.org>", "a@b..org", "a" * 65 + "@b.org"],
)
def test_a_bad_address_is_the_recipients_fault_and_never_sent(server: MailServer, address: str) -> None:
    error = failure_of(lambda: channel(server.url).send(replace(MESSAGE, to=address)))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_RECIPIENT, "invalid_address")
    assert server.mails == []


def test_an_international_domain_is_sent_in_its_ascii_form(server: MailServer) -> None:
    channel(server.url).send(replace(MESSAGE, to="asha@bücher.example"))
    assert server.mails[0][1] == ["asha@xn--bcher-kva.example"]
    assert ascii_address(" a.b+c@Example.org ") == "a.b+c@Example.org"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"attachments": (PDF,) * 21}, "too_many_attachments"),
        ({"attachments": (replace(PDF, content=b"x" * (15 * 1024 * 1024 + 1)),)}, "attachment_too_large"),
        ({"text": "\udcff"}, "invalid_mail"),
    ],
)
def test_what_no_mail_can_hold_is_refused_before_a_call(server: MailServer, changes: dict[str, Any], code: str) -> None:
    error = failure_of(lambda: channel(server.url).send(replace(MESSAGE, **changes)))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.mails == []


# --- refusals


@pytest.mark.parametrize(
    ("command", "reply", "outcome", "code"),
    [
        ("RCPT", "550 5.1.1 No such user", Outcome.PERMANENT_RECIPIENT, "5.1.1"),
        ("RCPT", "550 5.1.10 Null MX", Outcome.PERMANENT_RECIPIENT, "5.1.10"),
        ("RCPT", "550 No such user here", Outcome.PERMANENT_RECIPIENT, "550"),
        ("RCPT", "552 5.2.2 Mailbox full", Outcome.RETRY_LATER, "5.2.2"),
        ("RCPT", "550 5.2.1 Mailbox disabled", Outcome.PERMANENT_RECIPIENT, "5.2.1"),
        ("RCPT", "550 5.7.1 Relaying denied", Outcome.PERMANENT_ACCOUNT, "5.7.1"),
        ("RCPT", "550 5.4.4 Unable to route", Outcome.PERMANENT_RECIPIENT, "5.4.4"),
        ("RCPT", "450 4.7.1 Greylisted", Outcome.RETRY, "4.7.1"),
        ("RCPT", "452 Too many recipients", Outcome.RETRY, "452"),
        ("RCPT", "530 5.7.0 Authentication required", Outcome.PERMANENT_ACCOUNT, "5.7.0"),
        ("MAIL", "550 5.1.8 Bad sender domain", Outcome.PERMANENT_ACCOUNT, "5.1.8"),
        ("MAIL", "550 5.1.0 Sender rejected", Outcome.PERMANENT_ACCOUNT, "5.1.0"),
        ("MAIL", "552 5.3.4 Too big", Outcome.PERMANENT_MESSAGE, "5.3.4"),
        ("MAIL", "421 4.3.2 Closing", Outcome.RETRY, "4.3.2"),
        ("DATA", "554 5.7.1 Blocked", Outcome.PERMANENT_ACCOUNT, "5.7.1"),
        ("DATA", "550 5.6.0 Bad content", Outcome.PERMANENT_MESSAGE, "5.6.0"),
        ("DATA", "552 Too big", Outcome.PERMANENT_MESSAGE, "552"),
        ("DATA", "554 Transaction failed", Outcome.PERMANENT_MESSAGE, "554"),
        ("DATA", "451 4.3.0 Local error", Outcome.RETRY, "4.3.0"),
        ("DATA", "250-broken\r\n999 what", Outcome.UNKNOWN, "malformed_answer"),
        ("MAIL", HANG_UP, Outcome.RETRY, "no_answer"),
        ("RCPT", SILENCE, Outcome.RETRY, "timed_out"),
        ("DATA", HANG_UP, Outcome.UNKNOWN, "no_answer"),
        ("DATA", SILENCE, Outcome.UNKNOWN, "timed_out"),
    ],
)
def test_every_refusal_has_its_outcome(
    server: MailServer, command: str, reply: str, outcome: Outcome, code: str
) -> None:
    server.replies[command] = reply
    error = failure_of(lambda: channel(server.url, SHORT if reply == SILENCE else PATIENT).send(MESSAGE))
    assert (error.outcome, error.code) == (outcome, code)


def test_a_refusal_repeats_no_address(server: MailServer) -> None:
    server.replies["RCPT"] = "550 5.1.1 <asha@example.org>: asha@example.org is unknown here"
    message = failure_of(lambda: channel(server.url).send(MESSAGE)).message
    assert message.startswith("550 5.1.1") and "asha" not in message


def test_a_lost_goodbye_loses_no_mail() -> None:
    lines = [b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 2.0.0 queued\r\n"]
    with raw_server(*lines) as port:
        receipt = channel(f"smtp://127.0.0.1:{port}", SHORT).send(replace(MESSAGE, attachments=()))
    assert receipt.answer == "2.0.0 queued"


def test_a_server_that_accepts_nothing_after_data_was_not_sent_anything() -> None:
    lines = [b"220 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"451 4.3.0 not now\r\n"]
    with raw_server(*lines) as port:
        error = failure_of(lambda: channel(f"smtp://127.0.0.1:{port}", SHORT).send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.RETRY, "4.3.0")


# --- connections


def test_nobody_listening_is_safe_to_retry() -> None:
    error = failure_of(lambda: channel(RefusingPort().url.replace("http", "smtp")).send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


def test_no_connection_in_time_is_safe_to_retry() -> None:
    with deaf_port() as port:
        error = failure_of(lambda: channel(f"smtp://127.0.0.1:{port}", SHORT).send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.RETRY, "unreachable")


@pytest.mark.parametrize(
    ("greeting", "outcome", "code"),
    [
        (b"", Outcome.RETRY, "timed_out"),
        (b"554 5.7.1 Not for you\r\n", Outcome.PERMANENT_ACCOUNT, "5.7.1"),
        (b"421 4.3.2 Busy\r\n", Outcome.RETRY, "4.3.2"),
        (b"HTTP/1.1 400 Bad Request\r\n", Outcome.RETRY, "malformed_answer"),
    ],
)
def test_a_greeting_decides_before_anything_is_said(greeting: bytes, outcome: Outcome, code: str) -> None:
    with raw_server(greeting) as port:
        error = failure_of(lambda: channel(f"smtp://127.0.0.1:{port}", SHORT).send(MESSAGE))
    assert (error.outcome, error.code) == (outcome, code)


def test_logging_in_works_and_is_wrong_with_a_wrong_password(server: MailServer) -> None:
    channel(server.url, username="desk", password="pass-word").send(MESSAGE)
    assert server.logged_in == [True]
    error = failure_of(lambda: channel(server.url, username="desk", password="other").send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "5.7.8")
    server.login_reply = "454 4.7.0 Temporary authentication failure"
    error = failure_of(lambda: channel(server.url, username="desk", password="other").send(MESSAGE))
    assert error.outcome is Outcome.RETRY


def test_a_password_beyond_ascii_is_named(server: MailServer) -> None:
    error = failure_of(lambda: channel(server.url, username="desk", password="pässword").send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "invalid_credentials")


def test_a_password_is_never_sent_in_clear_to_another_machine(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.messaging.channels.smtp.is_loopback", lambda url: False)
    error = failure_of(lambda: channel(server.url, username="desk", password="pass-word").send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "insecure_login")
    assert server.mails == []


# --- encryption


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


@pytest.mark.parametrize(("scheme", "argument"), [("smtp+starttls", "starttls"), ("smtps", "tls")])
def test_mail_travels_encrypted_to_a_trusted_server(
    scheme: str, argument: str, tls: ssl.SSLContext, certificate: Certificate
) -> None:
    with mail_server(**{argument: tls}) as server:
        url = f"{scheme}://127.0.0.1:{server.port}"
        channel(url, username="desk", password="pass-word", ca_certificates=certificate.pem).send(MESSAGE)
        assert (server.encrypted, server.logged_in) == ([True], [True])


@pytest.mark.parametrize(("scheme", "argument"), [("smtp+starttls", "starttls"), ("smtps", "tls")])
def test_nothing_is_sent_to_a_server_that_is_not_trusted(scheme: str, argument: str, tls: ssl.SSLContext) -> None:
    with mail_server(**{argument: tls}) as server:
        account = channel(f"{scheme}://127.0.0.1:{server.port}", username="desk", password="pass-word")
        error = failure_of(lambda: account.send(MESSAGE))
        assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "untrusted_certificate")
        assert account.test_connection().result is ConnectionResult.UNTRUSTED
        assert server.mails == []


def test_a_server_that_hides_starttls_gets_nothing(server: MailServer) -> None:
    error = failure_of(lambda: channel(server.url.replace("smtp:", "smtp+starttls:")).send(MESSAGE))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_ACCOUNT, "unsupported")
    assert server.mails == []


def test_certificates_that_are_none_are_named(server: MailServer) -> None:
    account = channel(f"smtps://127.0.0.1:{server.port}", ca_certificates="not PEM")
    assert failure_of(lambda: account.send(MESSAGE)).code == "invalid_certificates"


# --- the account


def test_a_test_connection_reads_differently_for_each_cause(server: MailServer) -> None:
    good = channel(server.url, username="desk", password="pass-word").test_connection()
    wrong = channel(server.url, username="desk", password="nope").test_connection()
    nobody = channel(RefusingPort().url.replace("http", "smtp")).test_connection()
    with raw_server(b"") as port:
        silent = channel(f"smtp://127.0.0.1:{port}", SHORT).test_connection()
    results = [good.result, wrong.result, nobody.result, silent.result]
    assert results == [
        ConnectionResult.CONNECTED,
        ConnectionResult.WRONG_CREDENTIALS,
        ConnectionResult.UNREACHABLE,
        ConnectionResult.TIMED_OUT,
    ]
    assert server.mails == []


def test_the_address_comes_from_the_account_unless_a_base_url_is_given() -> None:
    values = {"host": "mail.sunrise.test", "port": 465, "security": "ssl"}
    assert channel(None, **values).base_url == "smtps://mail.sunrise.test:465"
    assert channel("smtp://127.0.0.1:9001", **values).base_url == "smtp://127.0.0.1:9001"


def test_an_account_can_be_written_as_one_url() -> None:
    read = SmtpCredentials.from_url("smtps://desk%40sunrise:p%2Fw@mail.test?from=desk@sunrise.test")
    assert (read.host, read.port, read.security, read.username) == ("mail.test", 465, "ssl", "desk@sunrise")
    assert read.plain()["password"] == "p/w"
    assert read.from_address == "desk@sunrise.test"


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://h:port", "", "mail.test"])
def test_a_wrong_account_url_is_named_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidCredentials):
        SmtpCredentials.from_url(url)


@pytest.mark.parametrize("address", ["desk", "desk@", "अ@sunrise.test"])
def test_a_sender_needs_an_address(address: str) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        channel(None, from_address=address)
    assert "from_address" in caught.value.fields


def test_mail_servers_send_no_webhooks() -> None:
    with pytest.raises(BadSignature):
        channel(None).verify_receipt(b"{}", {})
    with pytest.raises(BadSignature):
        channel(None).answer_challenge({})


def test_a_message_shows_nothing_of_a_person() -> None:
    shown = repr(MESSAGE)
    assert MESSAGE.delivery_id in shown
    assert [private for private in ("asha", "Asha", "₹500", "%PDF") if private in shown] == []
