"""Tokens of links that need no log-in: the clinic's id and 192 random bits, of which only the hash is stored.

The page of such a link knows from the token whose data to open before it reads any.
"""

from __future__ import annotations

import binascii
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from uuid import UUID

from app.core import rate_limit
from app.core.errors import NotFound
from app.core.principal import acting_as
from app.core.tenant import require_clinic, tenant_scope

RANDOM_BYTES = 24
CLINIC_BYTES = 16
PAGES_PER_MINUTE = 60


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


@contextmanager
def opened_by_link(
    kind: str, token: str, clinic_id: str | None = None, *, per_minute: int = PAGES_PER_MINUTE
) -> Iterator[None]:
    """In the clinic that the link names, as nobody: whoever happens to be logged in here acts for somebody else.

    Raises NotFound for what is no link of ours, and for too many pages of one link in a minute what rate_limit does.
    """
    rate_limit.hit(kind, token[:64], per_minute)
    with acting_as(None), tenant_scope(clinic_id or clinic_of_token(token)):
        yield
