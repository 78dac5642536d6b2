"""Access tokens of a Google service account (RFC 7523): a signed claim is exchanged for a token of an hour.

Done without Google's libraries: they bring grpc and storage clients, and have no time-outs or base URL of ours.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.core.http import HttpClient, checked_base_url, is_loopback
from app.core.providers import Outcome, ProviderError, Timeouts

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = timedelta(hours=1)
EARLY = timedelta(minutes=5)
KEPT = 64

# Digests of the keys that this process has looked at whole: whether a key's numbers are primes takes 30 ms, and an
# account is opened for each batch of messages.
_sound_keys: set[bytes] = set()


@dataclass(frozen=True)
class ServiceAccount:
    """What is needed of the JSON file that the Google console hands out."""

    project_id: str
    client_email: str
    private_key: str = field(repr=False)
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    private_key_id: str = ""

    @classmethod
    def read(cls, text: str) -> ServiceAccount:
        """Raises ValueError for a text that is no key of a service account."""
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("type", "service_account") != "service_account":
            raise ValueError("not the key of a service account")
        known = {name: document[name] for name in cls.__dataclass_fields__ if document.get(name)}
        if not all(isinstance(value, str) for value in known.values()):
            raise ValueError("a value is not text")
        try:
            account = cls(**known)
        except TypeError:
            raise ValueError("a value is missing") from None
        account.check_address()
        account.signing_key()
        return account

    def canonical(self) -> str:
        """The same account as one line of JSON."""
        return json.dumps({"type": "service_account", **vars(self)}, separators=(",", ":"))

    def check_address(self) -> None:
        """Raises ValueError unless tokens come over https, or from this machine."""
        checked_base_url(self.token_uri, ("http", "https"))
        if not self.token_uri.startswith("https://") and not is_loopback(self.token_uri):
            raise ValueError("tokens are fetched over https")

    def signing_key(self) -> RSAPrivateKey:
        """Raises ValueError for a key that is no RSA key in PEM form."""
        pem = self.private_key.encode()
        digest = sha256(pem).digest()
        try:
            key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=digest in _sound_keys)
        except (TypeError, UnsupportedAlgorithm):
            raise ValueError("not a private key") from None
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("not an RSA key")
        _note_sound(digest)
        return key

    def assertion(self, now: datetime) -> str:
        """The signed claim that the token is asked for with."""
        header = {"alg": "RS256", "typ": "JWT", **({"kid": self.private_key_id} if self.private_key_id else {})}
        issued = int(now.timestamp())
        claims = {
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
        }
        signed = f"{_part(header)}.{_part(claims)}"
        return f"{signed}.{_base64(self.signing_key().sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _note_sound(digest: bytes) -> None:
    if len(_sound_keys) >= KEPT:
        _sound_keys.clear()
    _sound_keys.add(digest)


class TokenShelf:
    """Tokens by account, one per process, renewed five minutes early. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._lock = Lock()

    def token(self, account: ServiceAccount, now: datetime, timeouts: Timeouts) -> str:
        """Raises ProviderError."""
        with self._lock:
            kept = self._kept.get(_name(account))
        if kept and now < kept[1] - EARLY:
            return kept[0]
        token, lives = _fetched(account, now, timeouts)
        with self._lock:
            self._kept[_name(account)] = (token, now + lives)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return token

    def forget(self, account: ServiceAccount) -> None:
        """The token was refused: ask for another one next time."""
        with self._lock:
            self._kept.pop(_name(account), None)


TOKENS = TokenShelf()


def _name(account: ServiceAccount) -> str:
    return sha256(account.canonical().encode()).hexdigest()


def _fetched(account: ServiceAccount, now: datetime, timeouts: Timeouts) -> tuple[str, timedelta]:
    """Nothing is sent to anybody yet: every failure is safe to repeat, a refusal is the account's fault."""
    parts = urlsplit(account.token_uri)
    client = HttpClient(f"{parts.scheme}://{parts.netloc}", timeouts=timeouts)
    claim = {"grant_type": GRANT, "assertion": account.assertion(now)}
    response = client.post(parts.path or "/", data=claim, harmless=True)
    if response.status == 429 or response.status >= 500:
        text = f"No access token (HTTP {response.status})."
        raise ProviderError(Outcome.RETRY, "token_unavailable", text, response.retry_after())
    if not response.ok:
        text = f"The service account was refused (HTTP {response.status})."
        raise ProviderError(Outcome.PERMANENT_ACCOUNT, "token_refused", text)
    document = response.json_object()
    token, seconds = document.get("access_token"), document.get("expires_in")
    if not isinstance(token, str) or not token or not isinstance(seconds, int):
        response.malformed()
    return token, timedelta(seconds=seconds)


def _part(document: dict[str, Any]) -> str:
    return _base64(json.dumps(document, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
