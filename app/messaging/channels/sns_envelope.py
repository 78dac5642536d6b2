"""What Amazon SNS posts to an address: the envelope, whose key signed it, fetched from where.

Facts (vendor documentation): the signature is RSA PKCS#1 v1.5 over named lines of the envelope, SHA-1 in version 1 and
SHA-256 in version 2. The certificate lies at `SigningCertURL`; whoever chooses that host chooses the key, so only the
vendor's own hosts are asked, over TLS, without following redirects. It comes without its issuers, so the chain can be
held only against a root that the account names; without one, TLS to the vendor's host vouches for it.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from app.core.http import HttpClient
from app.core.providers import BadSignature, Outcome, ProviderError, Timeouts

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: dict[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - version 1 is what old topics sign with
VENDOR_HOSTS = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_PATH = re.compile(r"(/[A-Za-z0-9_-]{1,100}){1,4}\.pem", re.ASCII)
OLDEST = timedelta(hours=1, minutes=5)  # deliveries are repeated for an hour
AHEAD = timedelta(minutes=5)
LEAST_KEY_BITS = 2048
KEPT = 32


@dataclass(frozen=True)
class Trust:
    """Whose certificates count: the vendor's hosts unless the account names others, and the root (PEM) it names."""

    hosts: frozenset[str] = frozenset()
    root: str = field(default="", repr=False)

    def check_host(self, url: str) -> None:
        """Raise BadSignature unless the address is one of the vendor's, or one that the account names."""
        parts = urlsplit(url)
        own = parts.scheme in ("http", "https") and parts.netloc in self.hosts
        vendors = parts.scheme == "https" and VENDOR_HOSTS.fullmatch(parts.netloc) is not None
        if not (own if self.hosts else vendors):
            raise BadSignature("the address is not one of Amazon SNS")


@dataclass(frozen=True)
class Envelope:
    """A posted envelope whose fields are all text."""

    fields: dict[str, str] = field(repr=False)

    @classmethod
    def read(cls, raw: bytes) -> Envelope:
        """Raises BadSignature for a body that is no envelope."""
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            raise BadSignature("the body is no envelope of Amazon SNS") from None
        if not isinstance(document, dict) or document.get("Type") not in _SIGNED:
            raise BadSignature("the body is no envelope of Amazon SNS")
        return cls({name: value for name, value in document.items() if isinstance(value, str)})

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    def signed_text(self) -> bytes:
        """Name and value of each signed field that is there, each on a line of its own."""
        names = [name for name in _SIGNED[self["Type"]] if name in self.fields]
        return "".join(f"{name}\n{self.fields[name]}\n" for name in names).encode()

    def message(self) -> dict[str, Any]:
        """The JSON inside a notification; an empty object for anything else."""
        try:
            document = json.loads(self["Message"])
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}


def check_envelope(envelope: Envelope, topic_arn: str, trust: Trust, now: datetime, timeouts: Timeouts) -> None:
    """Raise BadSignature unless Amazon SNS sent it for this topic, now; ProviderError where nobody can tell now."""
    algorithm = _HASHES.get(envelope["SignatureVersion"])
    if algorithm is None or not topic_arn or envelope["TopicArn"] != topic_arn:
        raise BadSignature("the topic is not the account's")
    _check_time(envelope["Timestamp"], now)
    try:
        signature = b64decode(envelope["Signature"], validate=True)
    except ValueError:
        raise BadSignature("the signature is no Base64") from None
    key = SHELF.key(envelope["SigningCertURL"], trust, now, timeouts)
    try:
        key.verify(signature, envelope.signed_text(), PKCS1v15(), algorithm)
    except InvalidSignature:
        raise BadSignature("the certificate did not sign this") from None


def confirm_subscription(envelope: Envelope, trust: Trust, timeouts: Timeouts) -> None:
    """Call the address by which SNS learns that we want the topic. Raises ProviderError or BadSignature."""
    url = envelope["SubscribeURL"]
    trust.check_host(url)
    parts = urlsplit(url)
    client = HttpClient(f"{parts.scheme}://{parts.netloc}", timeouts=timeouts)
    response = client.get(parts.path or "/", query=dict(parse_qsl(parts.query)), attempts=2)
    if not response.ok:
        text = f"The subscription was not confirmed (HTTP {response.status})."
        raise ProviderError(Outcome.RETRY, "unconfirmed_subscription", text)


class CertificateShelf:
    """Certificates by their address, fetched once per process. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[x509.Certificate, ...]] = OrderedDict()
        self._lock = Lock()

    def key(self, url: str, trust: Trust, now: datetime, timeouts: Timeouts) -> RSAPublicKey:
        """The public key at the address. Raises BadSignature where it is not to be trusted, ProviderError where it
        cannot be fetched.
        """
        trust.check_host(url)
        if not _PATH.fullmatch(urlsplit(url).path) or urlsplit(url).query:
            raise BadSignature("the certificate's address is not one of Amazon SNS")
        with self._lock:
            chain = self._kept.get(url)
        if chain is None:
            chain = _fetched(url, timeouts)
            with self._lock:
                self._kept[url] = chain
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return _trusted_key(chain, trust.root, now)


SHELF = CertificateShelf()


def is_certificate(pem: str) -> bool:
    """Whether the text holds at least one certificate in PEM."""
    try:
        return bool(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return False


def _check_time(text: str, now: datetime) -> None:
    try:
        sent = datetime.fromisoformat(text)
    except ValueError:
        raise BadSignature("the time of the envelope is none") from None
    if sent.tzinfo is None or not now - OLDEST <= sent <= now + AHEAD:
        raise BadSignature("the envelope is too old, or of the future")


def _fetched(url: str, timeouts: Timeouts) -> tuple[x509.Certificate, ...]:
    parts = urlsplit(url)
    response = HttpClient(f"{parts.scheme}://{parts.netloc}", timeouts=timeouts).get(parts.path, attempts=2)
    if response.status >= 500 or response.status == 429:
        text = f"The certificate could not be fetched (HTTP {response.status})."
        raise ProviderError(Outcome.RETRY, "certificate_unavailable", text)
    try:
        chain = tuple(x509.load_pem_x509_certificates(response.body)) if response.ok else ()
    except ValueError:
        chain = ()
    if not chain:
        raise BadSignature("there is no such certificate")
    return chain


def _trusted_key(chain: tuple[x509.Certificate, ...], root: str, now: datetime) -> RSAPublicKey:
    """The leaf's key: valid now, each certificate issued by the next, the last by the root where one is named."""
    issuers = [*chain[1:], *(x509.load_pem_x509_certificates(root.encode()) if root else ())]
    try:
        for certificate, issuer in zip(chain, issuers, strict=False):
            certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise BadSignature("the certificate is not trusted") from None
    at = now.astimezone(UTC)
    key = chain[0].public_key()
    if not chain[0].not_valid_before_utc <= at <= chain[0].not_valid_after_utc:
        raise BadSignature("the certificate is not valid now")
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_KEY_BITS:
        raise BadSignature("the certificate's key is not one of Amazon's kind")
    return key
