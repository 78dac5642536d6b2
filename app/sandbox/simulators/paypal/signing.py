"""The certificate that signs webhooks: made once per sandbox under a root of its own, kept through resets."""

from __future__ import annotations

import base64
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.sandbox.ids import random_text
from app.sandbox.store import Store

COMMON_NAME = "messageverificationcerts.sandbox.paypal.com"
VALID_FOR = timedelta(days=3650)
MINUTES_BACK = timedelta(days=400)  # tests look back, too
KEY_BITS = 2048
NAME = "paypal.webhooks"


@dataclass(frozen=True)
class Identity:
    """PEM texts; `name` is what the certificate is called at its address."""

    name: str
    root: str
    certificate: str
    key: str


def identity(store: Store) -> Identity:
    """The sandbox's own, made at the first use."""
    with store.transaction():
        kept = store.secret(NAME)
        if kept is None:
            made = _make()
            kept = {"name": made.name, "root": made.root, "certificate": made.certificate, "key": made.key}
            store.keep_secret(NAME, kept)
    return Identity(**kept)


def headers(store: Store, origin: str, webhook_id: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery whose certificate lies below `origin`."""
    signer = identity(store)
    id, sent = str(uuid.uuid4()), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = f"{id}|{sent}|{webhook_id}|{zlib.crc32(body)}".encode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "PayPal/AUHR-214.0-sandbox",
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": f"{origin}/paypal/v1/notifications/certs/{signer.name}",
        "PAYPAL-TRANSMISSION-ID": id,
        "PAYPAL-TRANSMISSION-SIG": base64.b64encode(sign(signer.key, message)).decode(),
        "PAYPAL-TRANSMISSION-TIME": sent,
    }


def sign(key: str, message: bytes) -> bytes:
    return _private_key(key).sign(message, PKCS1v15(), SHA256())


@lru_cache(maxsize=8)
def _private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _make() -> Identity:
    root_key, key = generate_private_key(65537, KEY_BITS), generate_private_key(65537, KEY_BITS)
    root = _root(root_key)
    certificate = _leaf(root, root_key, key)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    name = f"CERT-{random_text(8, '0123456789abcdef')}-{random_text(8, '0123456789abcdef')}"
    return Identity(name, _pem(root), _pem(certificate), private)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    others = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False
    )  # fmt: skip
    signs = signs_certificates
    return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, **others)


def _builder(subject: str, issuer: x509.Name, key: RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - MINUTES_BACK)
        .not_valid_after(now + VALID_FOR)
        .add_extension(identifier, critical=False)
    )


def _root(key: RSAPrivateKey) -> x509.Certificate:
    name = "PayPal provider sandbox root"
    return (
        _builder(name, _name(name), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, SHA256())
    )


def _leaf(root: x509.Certificate, root_key: RSAPrivateKey, key: RSAPrivateKey) -> x509.Certificate:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return (
        _builder(COMMON_NAME, root.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(COMMON_NAME)]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(root_key, SHA256())
    )
