"""A Firebase project and the service account that may send, whose key the sandbox makes as Google's console would."""

from __future__ import annotations

import base64
import hmac
import json
from functools import lru_cache
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import Field

from app.sandbox import clock
from app.sandbox.accounts import Account
from app.sandbox.store import Store

CODE = "fcm"
SECRET = "fcm.key"
KEY_BITS = 2048
LEEWAY = 300  # seconds; tests move their clock, not ours
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


class FcmAccount(Account):
    """`token_seconds`: how long an access token lives."""

    identity_field: ClassVar[str] = "project_id"
    secret_fields: ClassVar[tuple[str, ...]] = ()

    project_id: str = Field(pattern=r"^[a-z0-9-]+$")
    token_seconds: int = Field(3600, ge=1, le=3600)

    @property
    def client_email(self) -> str:
        return f"console@{self.project_id}.iam.gserviceaccount.com"


def service_account(store: Store, account: FcmAccount, origin: str) -> dict[str, str]:
    """The JSON file that Google's console hands out."""
    return {
        "type": "service_account", "project_id": account.project_id, "private_key_id": "sandbox",
        "private_key": _key(store), "client_email": account.client_email, "token_uri": f"{origin}/fcm/token",
    }  # fmt: skip


def _key(store: Store) -> str:
    """One key for all projects, made at the first use."""
    with store.transaction():
        kept = store.secret(SECRET)
        if kept is None:
            made = generate_private_key(65537, KEY_BITS)
            kept = {"key": made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()}
            store.keep_secret(SECRET, kept)
    return kept["key"]


@lru_cache(maxsize=4)
def _loaded(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def issuer_of(store: Store, assertion: str, audience: str) -> str | None:
    """The e-mail address of the service account that signed the claim; None for one that is not good."""
    signed, _, signature = assertion.rpartition(".")
    try:
        _loaded(_key(store)).public_key().verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
        claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
    except (InvalidSignature, ValueError):
        return None
    now = clock.seconds()
    in_time = claims.get("iat", 0) - LEEWAY <= now <= claims.get("exp", 0) + LEEWAY
    good = in_time and claims.get("aud") == audience and SCOPE in str(claims.get("scope", "")).split()
    return str(claims.get("iss")) if good else None


def access_token(store: Store, project: str, until: int) -> str:
    """Holds what it is good for, so that it outlives a reset as the vendor's would."""
    return f"ya29.{project}.{until}.{_seal(store, project, str(until))}"


def project_of_token(store: Store, token: str) -> str | None:
    """The project that the token is good for, now."""
    _, _, rest = token.partition("ya29.")
    project, _, tail = rest.partition(".")
    until, _, seal = tail.partition(".")
    good = until.isdigit() and hmac.compare_digest(_seal(store, project, until).encode(), seal.encode())
    return project if good and int(until) > clock.seconds() else None


def _seal(store: Store, project: str, until: str) -> str:
    return hmac.new(_key(store).encode(), f"{project}.{until}".encode(), "sha256").hexdigest()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
