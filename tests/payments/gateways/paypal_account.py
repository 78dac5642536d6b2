"""A PayPal account, a certificate authority of one's own, and the entities that PayPal's API answers with."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.core.money import Money
from app.payments.gateways.base import CheckoutRequest, Customer, RefundRequest
from app.payments.gateways.paypal import PayPal
from app.payments.gateways.paypal_certificates import checksum
from app.payments.gateways.paypal_credentials import PayPalCredentials
from tests.scripted_server import PATIENCE, Behaviour, answer

NOW = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
WEBHOOK_ID = "1JE4291016473214C"
KEYS = {"client_id": "client-of-the-app", "client_secret": "secret-of-the-app", "webhook_id": WEBHOOK_ID}
DOLLARS_500 = Money(50000, "USD")
REQUEST = CheckoutRequest(
    reference="attempt-1",
    amount=DOLLARS_500,
    description="Visit",
    callback_url="https://console.test/return",
    cancel_url="https://console.test/cancel",
    payee="Sunrise Clinic",
    customer=Customer(name="Asha Rao", email="asha@example.org"),
)
REFUND = RefundRequest("CAP1", Money(20000, "USD"), key="refund-key-0001", reference="refund-1")
COMMON_NAME = "messageverificationcerts.sandbox.paypal.com"


@lru_cache
def rsa_key(name: str) -> RSAPrivateKey:
    """One key per name and test run: making one takes a while."""
    return generate_private_key(65537, 2048)


@dataclass
class Authority:
    """Issues certificates; `name` tells two of them apart."""

    name: str = "one"
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test root {self.name}")])
        builder = self._builder(own, own, rsa_key(self.name), NOW)
        usage = _usage(signs_certificates=True)
        self.root = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(rsa_key(self.name), SHA256())
        )

    @property
    def pem(self) -> str:
        return self.root.public_bytes(Encoding.PEM).decode()

    def certificate(self, common_name: str = COMMON_NAME, key: str = "leaf", made: datetime = NOW) -> bytes:
        """A certificate in PEM, valid for a year around `made`."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(rsa_key(self.name).public_key())
        made_out = (
            self._builder(subject, self.root.subject, rsa_key(key), made)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(common_name)]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(rsa_key(self.name), SHA256())
        )
        return made_out.public_bytes(Encoding.PEM)

    @staticmethod
    def _builder(subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey, made: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(made - timedelta(days=180))
            .not_valid_after(made + timedelta(days=180))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    signs = signs_certificates
    return x509.KeyUsage(not signs, False, False, False, False, signs, signs, False, False)


def signed(raw: bytes, certificate_url: str, *, key: str = "leaf", **changes: str) -> dict[str, str]:
    """The headers of a delivery; a changed `webhook_id`, `id` or `time` is signed as it is."""
    id = changes.get("id", "69cd13f0-d67a-11e5-baa3-778b53f4ae55")
    time = changes.get("time", "2026-01-15T10:00:00Z")
    message = f"{id}|{time}|{changes.get('webhook_id', WEBHOOK_ID)}|{checksum(raw)}".encode()
    signature = base64.b64encode(rsa_key(key).sign(message, PKCS1v15(), SHA256())).decode()
    return {
        "PAYPAL-TRANSMISSION-ID": id,
        "PAYPAL-TRANSMISSION-TIME": time,
        "PAYPAL-TRANSMISSION-SIG": signature,
        "PAYPAL-CERT-URL": certificate_url,
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
    }


def token(value: str = "A21AA-token") -> Behaviour:
    return answer(200, {"access_token": value, "token_type": "Bearer", "expires_in": 32400})


def amount(value: str, currency: str = "USD") -> dict[str, str]:
    return {"currency_code": currency, "value": value}


def order_entity(status: str = "COMPLETED", intent: str = "CAPTURE", **payments: Any) -> dict[str, Any]:
    unit = {"reference_id": "default", "custom_id": "attempt-1", "amount": amount("500.00")}
    return {
        "id": "ORDER1",
        "status": status,
        "intent": intent,
        "purchase_units": [{**unit, **({"payments": payments} if payments else {})}],
        "payment_source": {"paypal": {}},
        "links": [{"href": "https://www.paypal.com/checkoutnow?token=ORDER1", "rel": "payer-action", "method": "GET"}],
    }


def capture_entity(id: str = "CAP1", status: str = "COMPLETED", value: str = "500.00", **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "status": status,
        "amount": amount(value),
        "custom_id": "attempt-1",
        "create_time": "2026-01-15T10:00:00Z",
        "seller_receivable_breakdown": {"paypal_fee": amount("17.94")},
        "supplementary_data": {"related_ids": {"order_id": "ORDER1"}},
        **more,
    }


def authorization_entity(id: str = "AUTH1", status: str = "CREATED", **more: Any) -> dict[str, Any]:
    entity = capture_entity(id, status)
    del entity["seller_receivable_breakdown"]
    return {**entity, **more}


def refund_entity(
    id: str = "REF1", status: str = "COMPLETED", value: str = "200.00", capture: str = "CAP1", **more: Any
) -> dict[str, Any]:
    up = {"href": f"https://api-m.paypal.com/v2/payments/captures/{capture}", "rel": "up", "method": "GET"}
    return {"id": id, "status": status, "amount": amount(value), "custom_id": "refund-1", "links": [up], **more}


def refusal(status: int, issue: str, **more: Any) -> Behaviour:
    detail = {"issue": issue, "description": more.pop("description", "No.")}
    return answer(status, {"name": "UNPROCESSABLE_ENTITY", "message": "No.", "details": [detail]}, **more)


def open_gateway(url: str, root: str | None = None, **changes: Any) -> PayPal:
    credentials = PayPalCredentials.load({**KEYS, "webhook_root": root, **changes})
    return PayPal(credentials, base_url=url, timeouts=PATIENCE)
