"""Tokens of links that need no log-in: the clinic's id and 192 random bits, of which only the hash is stored.

The page of such a link knows from the token whose data to open before it reads any.
"""

from __future__ import annotations

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

from app.core.errors import NotFound
from app.core.tenant import require_clinic

RANDOM_BYTES = 24
CLINIC_BYTES = 16


def new_token() -> str:
    octets = UUID(require_clinic()).bytes + secrets.token_bytes(RANDOM_BYTES)
    return urlsafe_b64encode(octets).decode().rstrip("=")


def clinic_of_token(token: str) -> str:
    """The clinic that a token names. Raises NotFound for what cannot be one of ours."""
    try:
        octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (ValueError, binascii.Error):
        raise NotFound from None
    if len(octets) != CLINIC_BYTES + RANDOM_BYTES:
        raise NotFound
    return str(UUID(bytes=octets[:CLINIC_BYTES]))


def hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()
