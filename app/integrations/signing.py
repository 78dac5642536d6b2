"""Standard Webhooks 1.0.0 (standardwebhooks.com): the secret, its storage, and the headers of a message."""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256

from app.integrations.models import WebhookEndpoint
from app.tenancy.keys import keyring

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + b64encode(os.urandom(SECRET_BYTES)).decode()


def seal_secret(endpoint_id: str, secret: str) -> str:
    """For the endpoint's row; opens nowhere else."""
    return keyring().encrypt_text(secret, context=_context(endpoint_id))


def secrets_of(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign now: for a day after a rotation the one before as well."""
    sealed = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > now:
        sealed.append(endpoint.previous_secret)
    return [keyring().decrypt_text(item, context=_context(endpoint.id)) for item in sealed]


def signed_headers(secrets: list[str], message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """webhook-id, webhook-timestamp and webhook-signature, one signature for each secret."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [b64encode(hmac.digest(_key(secret), content, sha256)).decode() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX))


def _context(endpoint_id: str) -> str:
    return f"webhook_endpoint:{endpoint_id}:secret"


def reseal(endpoint: WebhookEndpoint) -> None:
    """Under the current key; the secrets stay what they are."""
    context = _context(endpoint.id)
    endpoint.secret = keyring().encrypt_text(keyring().decrypt_text(endpoint.secret, context=context), context=context)
    if endpoint.previous_secret:
        plain = keyring().decrypt_text(endpoint.previous_secret, context=context)
        endpoint.previous_secret = keyring().encrypt_text(plain, context=context)
