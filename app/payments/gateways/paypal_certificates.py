"""PayPal's webhook signatures: whose key, fetched from where, over which words.

Facts (vendor documentation and its older SDK, which held the only Python check):

- The signature is RSA PKCS#1 v1.5 with SHA-256 over `transmission id|time|webhook id|CRC-32 of the raw body`,
  the CRC as an unsigned decimal number. The webhook id is ours, never one from the request.
- The certificate lies at `PAYPAL-CERT-URL`, below /v1/notifications/certs/. Whoever chooses that host chooses the key:
  only the hosts that belong to the account's own base URL are asked, without following redirects.
- Its common name ends with .paypal.com, and it chains to a public root, or to the root that the account names.
- CRC-32 is no cryptographic hash: another body with the same CRC passes. A notice is therefore only a hint.
- The vendor has no rule of freshness. Deliveries are repeated for up to three days; with which time is not told.
"""

from __future__ import annotations

import re
import threading
import warnings
import zlib
from base64 import b64decode
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from app.core.http import HttpClient
from app.core.providers import BadSignature, Outcome, ProviderError, Timeouts

CERTIFICATES_PATH = "/v1/notifications/certs/"
LIVE = frozenset({"https://api-m.paypal.com", "https://api.paypal.com"})
SANDBOX = frozenset({"https://api-m.sandbox.paypal.com", "https://api.sandbox.paypal.com"})
ALGORITHM = "SHA256withRSA"
OLDEST = timedelta(days=3, hours=1)
AHEAD = timedelta(minutes=5)  # their clock before ours
LEAST_KEY_BITS = 2048
NAME_SUFFIX = ".paypal.com"
KEPT = 32
MISSES_KEPT = timedelta(seconds=60)
MOST_MISSES = 30  # within that time; PayPal has very few certificates
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)
_TRANSMISSION = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class Transmission:
    """The headers of one delivery. Raises BadSignature where one is missing or not shaped as PayPal's."""

    id: str
    time: str
    signature: bytes = field(repr=False)
    certificate_url: str

    @classmethod
    def read(cls, headers: dict[str, str]) -> Transmission:
        """From headers with lower-case names."""
        id, time = headers.get("paypal-transmission-id", ""), headers.get("paypal-transmission-time", "")
        if headers.get("paypal-auth-algo", "").lower() != ALGORITHM.lower():
            raise BadSignature("the algorithm is not PayPal's")
        if not _TRANSMISSION.fullmatch(id) or not _TIME.fullmatch(time):
            raise BadSignature("the transmission is not named as PayPal does")
        try:
            signature = b64decode(headers.get("paypal-transmission-sig", ""), validate=True)
        except ValueError:
            raise BadSignature("the signature is no Base64") from None
        return cls(id, time, signature, headers.get("paypal-cert-url", ""))

    def check_time(self, now: datetime) -> None:
        """Refuse what is older than the vendor repeats it, or of the future."""
        try:
            sent = datetime.fromisoformat(self.time)
        except ValueError:
            raise BadSignature("the time of the transmission is none") from None
        if sent < now - OLDEST:
            raise BadSignature("the transmission is too old")
        if sent > now + AHEAD:
            raise BadSignature("the transmission is of the future")

    def message(self, webhook_id: str, raw: bytes) -> bytes:
        """What is signed."""
        return f"{self.id}|{self.time}|{webhook_id}|{checksum(raw)}".encode()


def checksum(raw: bytes) -> int:
    """CRC-32 of the raw body, not negative."""
    return zlib.crc32(raw)


def check_signature(key: RSAPublicKey, signature: bytes, message: bytes) -> None:
    """Raise BadSignature unless the key signed the message."""
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise BadSignature("the certificate did not sign this") from None


def certificate_origins(base_url: str) -> frozenset[str]:
    """Where certificates of an account with this base URL may lie; of a base URL of one's own only there."""
    return next((hosts for hosts in (LIVE, SANDBOX) if base_url in hosts), frozenset({base_url}))


def is_certificate(pem: str) -> bool:
    """Whether the text holds at least one certificate in PEM."""
    try:
        return bool(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return False


class CertificateShelf:
    """Certificates by their address, fetched once per process. Safe to share between threads."""

    def __init__(self) -> None:
        self._chains: OrderedDict[str, tuple[x509.Certificate, ...]] = OrderedDict()
        self._misses: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def key(self, url: str, base_url: str, root: str | None, now: datetime, timeouts: Timeouts) -> RSAPublicKey:
        """The public key of the certificate at `url`, trusted at `now` by the root (PEM; None: the public ones).

        Raises BadSignature for another host or an untrusted certificate, ProviderError where it cannot be fetched.
        """
        origin, name = _located(url, base_url)
        chain = self._known(url, now)
        if chain is None:
            chain = self._keep(url, _fetched(origin, name, timeouts), now)
        if not chain:
            raise BadSignature("there is no such certificate")
        return _trusted_key(chain, root, now)

    def _known(self, url: str, now: datetime) -> tuple[x509.Certificate, ...] | None:
        """What is kept; nothing for a certificate that was not there a moment ago. Raises ProviderError in a flood."""
        with self._lock:
            self._misses = {name: at for name, at in self._misses.items() if abs(now - at) < MISSES_KEPT}
            if url in self._misses:
                return ()
            kept = self._chains.get(url)
            if kept is None and len(self._misses) >= MOST_MISSES:
                text = "Too many certificates were asked for that do not exist."
                raise ProviderError(Outcome.RETRY_LATER, "too_many_certificates", text)
            return kept

    def _keep(self, url: str, chain: tuple[x509.Certificate, ...], now: datetime) -> tuple[x509.Certificate, ...]:
        """A miss is remembered for a minute: whoever makes names up shall not make us ask for each again and again."""
        with self._lock:
            if not chain:
                self._misses[url] = now
                return chain
            self._chains[url] = chain
            if len(self._chains) > KEPT:
                self._chains.popitem(last=False)
        return chain


def _located(url: str, base_url: str) -> tuple[str, str]:
    """The origin and the name of a certificate. Compared as text: no parser can be led astray."""
    for origin in certificate_origins(base_url):
        prefix = origin + CERTIFICATES_PATH
        if url.startswith(prefix) and _NAME.fullmatch(url.removeprefix(prefix)):
            return origin, url.removeprefix(prefix)
    raise BadSignature("the certificate is not PayPal's: another host or path")


def _fetched(origin: str, name: str, timeouts: Timeouts) -> tuple[x509.Certificate, ...]:
    """The certificate with those that came along; nothing where there is none. Raises ProviderError."""
    response = HttpClient(origin, timeouts=timeouts).get(CERTIFICATES_PATH + "{name}", ids={"name": name}, attempts=2)
    if response.status >= 500 or response.status == 429:
        text = f"The certificate could not be fetched (HTTP {response.status})."
        raise ProviderError(Outcome.RETRY, "certificate_unavailable", text)
    if not response.ok:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(response.body))
    except ValueError:
        return ()


def _trusted_key(chain: tuple[x509.Certificate, ...], root: str | None, now: datetime) -> RSAPublicKey:
    leaf, *others = chain
    name = _common_name(leaf)
    if not name.endswith(NAME_SUFFIX):
        raise BadSignature("the certificate is not made out to PayPal")
    try:
        policy = PolicyBuilder().store(_roots(root)).time(now.astimezone(UTC).replace(tzinfo=None))
        policy.build_server_verifier(x509.DNSName(name)).verify(leaf, others)
        key = leaf.public_key()
    except (VerificationError, ValueError, UnsupportedAlgorithm):
        raise BadSignature("the certificate is not trusted, or not now") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_KEY_BITS:
        raise BadSignature("the certificate's key is not one of PayPal's kind")
    return key


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


@lru_cache(maxsize=32)
def _roots(pem: str | None) -> Store:
    """Raises ValueError for a text that holds no certificate."""
    return Store(_public_roots() if pem is None else x509.load_pem_x509_certificates(pem.encode()))


def _public_roots() -> list[x509.Certificate]:
    """The roots of the web; the few that are not written as RFC 5280 wants are left out."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        for block in Path(certifi.where()).read_bytes().split(b"-----END CERTIFICATE-----"):
            _, begin, body = block.partition(b"-----BEGIN CERTIFICATE-----")
            try:
                if begin:
                    found.append(x509.load_pem_x509_certificate(begin + body + b"-----END CERTIFICATE-----\n"))
            except (ValueError, CryptographyDeprecationWarning):
                continue
    return found
