"""Whose webhook it is: PayPal's vectors, and every way in which one can be wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.core import clock
from app.core.credentials import InvalidCredentials
from app.core.providers import BadSignature, Outcome, ProviderError
from app.payments.gateways import paypal
from app.payments.gateways.base import NoticeKind
from app.payments.gateways.paypal import PayPal
from app.payments.gateways.paypal_certificates import (
    LIVE,
    SANDBOX,
    CertificateShelf,
    Transmission,
    certificate_origins,
    check_signature,
    checksum,
)
from tests.payments.gateways.paypal_account import NOW, WEBHOOK_ID, Authority, open_gateway, signed
from tests.scripted_server import Server, answer, scripted_server, silence

BODY = (
    b'{"id":"WH-TEST-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"CAP1","amount":'
    b'{"currency_code":"USD","value":"10.00"},"status":"COMPLETED"}}'
)
MESSAGE = b"69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-01-15T10:00:00Z|1JE4291016473214C|2304501966"
SIGNATURE = (
    "NBtY7nzWbiRR6vdkxGNqNAJV+w5TYQXF5nhisaWpNtSa+yd71BJMbsr32RnMJpNUHgO67ytmSgGcYyaHgodr5Pavh/2Mp37bywns0ow68VMEg5+tHEhx"
    "6QdHnwt+WLMSrCA2jwd8kb5O8srAeEY8wCGBBtP8QMwLMOxwH/8P/P/XrKYVTDmASWa0aHPvOdI/bqmvGMJte3NJ9KqWlCedCXg/VgRj2VG6lxmrOmGu"
    "Zm5XFVx8HtHW9elfZXTf3mlusSZ+YMjKAvq1boDCorcvF7gSAR9QZnoDI5w+9yCOEk2GTLVig+6LhKwhLKwD93QFDcrYVvNM4RjAY0/QDDjIfw=="
)
PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAiU20k0irloXxIGpef5Xd
bZtNX9FaP+xZSCqDMTMq7a3+wwaYlBVyot2rOhmrqUjBk7kTPsrrXoI0w8mc7jXv
7aTh+pFHdRUDjiqG4ewrpWBb/r+ofyy9q7bpr5YQhfG4smsXkwtPABJD6rpn3Rhd
l5JKXy72MzyWUoivnwlGlYskj4ZPsMuR2eit0zQBQVA8urQxpsXUDHEvlFPZv4v5
6QmJYTI3pWJIzsRckWTIJiL5kOesO4AkgbVlIu/hzoUz5id5pNsfVh2xHuc+KPs6
IIBF1U3vx1Xo/Mq6ipZv0nBe+sjacL3fWS0dUdgnEoCzurzKV+DxdLXUuqsFKvMi
4QIDAQAB
-----END PUBLIC KEY-----
"""


def test_the_check_value_of_crc_32() -> None:
    assert checksum(b"123456789") == 3421780262


def test_the_checksum_of_a_body_and_the_words_that_are_signed() -> None:
    assert (len(BODY), checksum(BODY)) == (154, 2304501966)
    headers = signed(BODY, "")
    sent = Transmission.read({name.lower(): value for name, value in headers.items()})
    assert sent.message(WEBHOOK_ID, BODY) == MESSAGE


def test_the_vector_verifies_and_one_blank_more_does_not() -> None:
    key = load_pem_public_key(PUBLIC_KEY)
    assert isinstance(key, RSAPublicKey)
    check_signature(key, base64.b64decode(SIGNATURE), MESSAGE)
    changed = MESSAGE.replace(b"2304501966", str(checksum(BODY + b" ")).encode())
    with pytest.raises(BadSignature):
        check_signature(key, base64.b64decode(SIGNATURE), changed)


# --- whole deliveries, with a certificate over real HTTP


@pytest.fixture
def server() -> Iterator[Server]:
    with scripted_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _at_the_time_of_the_vector(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paypal, "_shelf", CertificateShelf())
    with clock.travel(to=NOW):
        yield


AUTHORITY = Authority()


def certificate_url(server: Server) -> str:
    return f"{server.url}/v1/notifications/certs/CERT-360caa42-fca2a594"


@pytest.fixture
def trusting(server: Server) -> PayPal:
    """An account that trusts the authority, whose certificate the server hands out."""
    server.will(answer(200, AUTHORITY.certificate()))
    return open_gateway(server.url, AUTHORITY.pem)


def test_a_rightly_signed_webhook_is_a_hint_without_a_snapshot(server: Server, trusting: PayPal) -> None:
    notice = trusting.verify_webhook(BODY, signed(BODY, certificate_url(server)))
    assert (notice.event_id, notice.event, notice.kind) == (
        "WH-TEST-1",
        "PAYMENT.CAPTURE.COMPLETED",
        NoticeKind.PAYMENT,
    )
    assert (notice.payment_id, notice.payment) == ("CAP1", None)
    assert trusting.signs_webhooks is False


def test_the_certificate_is_fetched_once(server: Server, trusting: PayPal) -> None:
    for _ in range(3):
        trusting.verify_webhook(BODY, signed(BODY, certificate_url(server)))
    assert [call.path for call in server.received] == ["/v1/notifications/certs/CERT-360caa42-fca2a594"]
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": "ANOTHER-WEBHOOK"},
        {"key": "another-key"},
    ],
    ids=["wrong webhook id", "another key"],
)
def test_what_was_signed_otherwise_is_refused(server: Server, trusting: PayPal, changes: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        trusting.verify_webhook(BODY, signed(BODY, certificate_url(server), **changes))


@pytest.mark.parametrize("at", [0, 60, 153], ids=["first byte", "a byte inside", "last byte"])
def test_a_changed_byte_is_refused(server: Server, trusting: PayPal, at: int) -> None:
    changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
    with pytest.raises(BadSignature):
        trusting.verify_webhook(changed, signed(BODY, certificate_url(server)))


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("PAYPAL-TRANSMISSION-ID", "another-id"),
        ("PAYPAL-TRANSMISSION-ID", "an|id"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-01-15T10:00:01Z"),
        ("PAYPAL-TRANSMISSION-TIME", "yesterday"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-13-45T10:00:00Z"),
        ("PAYPAL-TRANSMISSION-SIG", ""),
        ("PAYPAL-TRANSMISSION-SIG", "not base64!"),
        ("PAYPAL-AUTH-ALGO", "SHA1withRSA"),
        ("PAYPAL-CERT-URL", ""),
    ],
)
def test_a_changed_header_is_refused(server: Server, trusting: PayPal, change: str, value: str) -> None:
    headers = {**signed(BODY, certificate_url(server)), change: value}
    with pytest.raises(BadSignature):
        trusting.verify_webhook(BODY, headers)


@pytest.mark.parametrize("missing", sorted(PayPal.webhook_headers))
def test_a_missing_header_is_refused(server: Server, trusting: PayPal, missing: str) -> None:
    headers = {name: value for name, value in signed(BODY, certificate_url(server)).items() if name.lower() != missing}
    with pytest.raises(BadSignature):
        trusting.verify_webhook(BODY, headers)


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (NOW - timedelta(days=4), False),
        (NOW - timedelta(days=3), True),
        (NOW + timedelta(minutes=4), True),
        (NOW + timedelta(minutes=6), False),
    ],
    ids=["too old", "repeated for days", "their clock is before ours", "of the future"],
)
def test_the_time_of_the_transmission_counts(server: Server, trusting: PayPal, sent: datetime, taken: bool) -> None:
    headers = signed(BODY, certificate_url(server), time=sent.strftime("%Y-%m-%dT%H:%M:%SZ"))
    if taken:
        assert trusting.verify_webhook(BODY, headers).event_id == "WH-TEST-1"
        return
    with pytest.raises(BadSignature):
        trusting.verify_webhook(BODY, headers)
    assert server.received == []  # refused before anything was fetched


def test_an_account_without_a_webhook_takes_none(server: Server) -> None:
    gateway = open_gateway(server.url, AUTHORITY.pem, webhook_id=None)
    with pytest.raises(BadSignature):
        gateway.verify_webhook(BODY, signed(BODY, certificate_url(server)))


# --- whose certificate it may be


@pytest.mark.parametrize(
    "url",
    [
        "{other}/v1/notifications/certs/CERT-1",
        "{own}.evil.test/v1/notifications/certs/CERT-1",
        "{own}@evil.test/v1/notifications/certs/CERT-1",
        "{own}/v1/notifications/certs/../../../evil",
        "{own}/v1/notifications/certs/CERT-1?x=1",
        "{own}/v1/notifications/certs/CERT-1#x",
        "{own}/v1/notifications/certs/CERT-1/more",
        "{own}/v1/notifications/certs/",
        "{own}/another/path/CERT-1",
        "{own}\\@evil.test/v1/notifications/certs/CERT-1",
        " {own}/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "file:///etc/passwd",
        "http://169.254.169.254/v1/notifications/certs/CERT-1",
    ],
)
def test_a_foreign_certificate_is_refused_before_any_request(server: Server, trusting: PayPal, url: str) -> None:
    with scripted_server() as other:
        other.will(answer(200, AUTHORITY.certificate()))
        headers = signed(BODY, url.format(own=server.url, other=other.url))
        with pytest.raises(BadSignature):
            trusting.verify_webhook(BODY, headers)
        assert (server.received, other.received) == ([], [])


def test_a_redirect_is_not_followed(server: Server) -> None:
    with scripted_server() as other:
        other.will(answer(200, AUTHORITY.certificate()))
        server.will(answer(302, {}, Location=certificate_url(other)))
        with pytest.raises(BadSignature):
            open_gateway(server.url, AUTHORITY.pem).verify_webhook(BODY, signed(BODY, certificate_url(server)))
        assert other.received == []


@pytest.mark.parametrize(
    ("base_url", "origins"),
    [
        ("https://api-m.paypal.com", LIVE),
        ("https://api-m.sandbox.paypal.com", SANDBOX),
        ("http://127.0.0.1:8001/paypal", {"http://127.0.0.1:8001/paypal"}),
        ("https://api-m.paypal.com.evil.test", {"https://api-m.paypal.com.evil.test"}),
    ],
)
def test_certificates_lie_where_the_account_is(base_url: str, origins: set[str]) -> None:
    assert certificate_origins(base_url) == origins
    assert all(host.startswith("https://") and host.endswith(".paypal.com") for host in LIVE | SANDBOX)


@pytest.mark.parametrize(
    "certificate",
    [
        Authority("another").certificate(),
        AUTHORITY.certificate(made=NOW - timedelta(days=400)),
        AUTHORITY.certificate(made=NOW + timedelta(days=400)),
        AUTHORITY.certificate("paypal.com.evil.test"),
        AUTHORITY.certificate("evilpaypal.com"),
        b"no certificate",
        b"",
    ],
    ids=["another root", "run out", "not valid yet", "another name", "a like name", "no PEM", "nothing"],
)
def test_an_untrusted_certificate_is_refused(server: Server, certificate: bytes) -> None:
    server.will(answer(200, certificate))
    with pytest.raises(BadSignature):
        open_gateway(server.url, AUTHORITY.pem).verify_webhook(BODY, signed(BODY, certificate_url(server)))


def test_without_a_root_of_its_own_only_public_ones_count(server: Server) -> None:
    server.will(answer(200, AUTHORITY.certificate()))
    with pytest.raises(BadSignature):
        open_gateway(server.url).verify_webhook(BODY, signed(BODY, certificate_url(server)))


def test_a_kept_certificate_runs_out_all_the_same(server: Server, trusting: PayPal) -> None:
    trusting.verify_webhook(BODY, signed(BODY, certificate_url(server)))
    with clock.travel(to=NOW + timedelta(days=200)):
        headers = signed(BODY, certificate_url(server), time=(NOW + timedelta(days=200)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        with pytest.raises(BadSignature):
            trusting.verify_webhook(BODY, headers)


def test_a_certificate_that_cannot_be_fetched_proves_nothing_and_refutes_nothing(server: Server) -> None:
    gateway = open_gateway(server.url, AUTHORITY.pem)
    for behaviour in (answer(503), silence):
        server.will(behaviour)
        with pytest.raises(ProviderError) as caught:
            gateway.verify_webhook(BODY, signed(BODY, certificate_url(server)))
        assert caught.value.outcome is Outcome.RETRY
    server.will(answer(200, AUTHORITY.certificate()))
    assert gateway.verify_webhook(BODY, signed(BODY, certificate_url(server))).event_id == "WH-TEST-1"


def test_a_made_up_certificate_is_asked_for_once_a_minute(server: Server) -> None:
    gateway = open_gateway(server.url, AUTHORITY.pem)
    server.will(answer(404))
    for _ in range(5):
        with pytest.raises(BadSignature):
            gateway.verify_webhook(BODY, signed(BODY, certificate_url(server)))
    assert len(server.received) == 1
    server.will(answer(200, AUTHORITY.certificate()))
    with clock.travel(to=NOW + timedelta(minutes=2)):
        assert gateway.verify_webhook(BODY, signed(BODY, certificate_url(server))).event_id == "WH-TEST-1"


def test_a_flood_of_made_up_certificates_is_not_followed(server: Server) -> None:
    gateway = open_gateway(server.url, AUTHORITY.pem)
    server.will(answer(404))
    for number in range(40):
        headers = signed(BODY, f"{server.url}/v1/notifications/certs/CERT-{number}")
        with pytest.raises((BadSignature, ProviderError)):
            gateway.verify_webhook(BODY, headers)
    assert len(server.received) == 30


@pytest.mark.parametrize("root", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_a_root_that_is_none_is_refused_when_it_is_entered(server: Server, root: str) -> None:
    with pytest.raises(InvalidCredentials) as caught:
        open_gateway(server.url, root)
    assert set(caught.value.fields) == {"webhook_root"}
    assert open_gateway(server.url, AUTHORITY.pem.replace("\n", "\r\n")).credentials.webhook_root
    assert open_gateway(server.url, "").credentials.webhook_root is None


def test_public_roots_are_read_and_know_paypals_issuer() -> None:
    from app.payments.gateways.paypal_certificates import _public_roots

    names = [certificate.subject.rfc4514_string() for certificate in _public_roots()]
    assert len(names) > 100
    assert any("DigiCert" in name for name in names)
