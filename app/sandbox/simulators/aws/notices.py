"""What Amazon SNS posts for a topic: signed envelopes, with a certificate under a root of the sandbox's own."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from app.sandbox import clock
from app.sandbox.ids import random_text
from app.sandbox.store import Store

SECRET = "aws.sns"
KEY_BITS = 2048
MINUTES_BACK = timedelta(days=400)  # tests look back, too
VALID_FOR = timedelta(days=3650)
CERTIFICATE = "SimpleNotificationService-sandbox.pem"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


@dataclass(frozen=True)
class Identity:
    """PEM texts."""

    root: str
    certificate: str
    key: str


def identity(store: Store) -> Identity:
    """The sandbox's own, made at the first use."""
    with store.transaction():
        kept = store.secret(SECRET)
        if kept is None:
            made = _make()
            kept = {"root": made.root, "certificate": made.certificate, "key": made.key}
            store.keep_secret(SECRET, kept)
    return Identity(**kept)


def notification(store: Store, origin: str, topic_arn: str, event: dict[str, Any]) -> bytes:
    fields = {"Type": "Notification", "Subject": "Amazon SES Email Event Notification", "Message": json.dumps(event)}
    return _envelope(store, origin, topic_arn, fields)


def confirmation(store: Store, origin: str, topic_arn: str) -> bytes:
    token = random_text(64, "0123456789abcdef")
    url = f"{origin}/ses/sns/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}"
    text = f"You have chosen to subscribe to the topic {topic_arn}."
    fields = {"Type": "SubscriptionConfirmation", "Message": text, "Token": token, "SubscribeURL": url}
    return _envelope(store, origin, topic_arn, fields)


def headers_of(body: bytes) -> dict[str, str]:
    """Amazon posts its JSON as plain text."""
    envelope = json.loads(body)
    return {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
    }


def signed_text(envelope: dict[str, str]) -> bytes:
    names = [name for name in _SIGNED[envelope["Type"]] if name in envelope]
    return "".join(f"{name}\n{envelope[name]}\n" for name in names).encode()


def _envelope(store: Store, origin: str, topic_arn: str, fields: dict[str, str]) -> bytes:
    sent = datetime.fromtimestamp(clock.seconds(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    envelope = {**fields, "MessageId": str(uuid.uuid4()), "TopicArn": topic_arn, "Timestamp": sent}
    made = _private_key(identity(store).key).sign(signed_text(envelope), PKCS1v15(), SHA256())
    signature = {
        "SignatureVersion": "2",
        "Signature": base64.b64encode(made).decode(),
        "SigningCertURL": f"{origin}/ses/sns/{CERTIFICATE}",
    }
    return json.dumps({**envelope, **signature}, indent=2).encode()


@lru_cache(maxsize=4)
def _private_key(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _make() -> Identity:
    root_key, key = generate_private_key(65537, KEY_BITS), generate_private_key(65537, KEY_BITS)
    issuer = _name("Amazon SNS provider sandbox root")
    root = _builder(issuer, issuer, root_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    leaf = _builder(_name("sns.amazonaws.com"), issuer, key).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Identity(_pem(root.sign(root_key, SHA256())), _pem(leaf.sign(root_key, SHA256())), private)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _builder(subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - MINUTES_BACK)
        .not_valid_after(now + VALID_FOR)
    )
