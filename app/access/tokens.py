"""Access tokens (JWT, 15 minutes) and refresh tokens (rotating, 7 days)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import jwt

from app.core import clock
from app.core.errors import Unauthorized
from app.core.ids import is_id
from config import get_settings

ALGORITHM = "HS256"
ISSUER = "clinic-console"


@lru_cache(maxsize=4)
def _key(purpose: str) -> bytes:
    """One key per purpose, so that a token of one kind is never accepted as another."""
    return hmac.digest(get_settings().secret_key.get_secret_value().encode(), purpose.encode(), "sha256")


def make_access_token(user_id: str, session_id: str) -> str:
    issued = int(clock.now().timestamp())
    claims = {
        "iss": ISSUER,
        "sub": user_id,
        "sid": session_id,
        "iat": issued,
        "exp": issued + get_settings().access_token_seconds,
    }
    return jwt.encode(claims, _key("access-token"), ALGORITHM)


class Named(NamedTuple):
    """Whom a token or a cookie of ours names."""

    session_id: str
    user_id: str


def read_access_token(token: str) -> Named:
    """Whom a valid token names. Raises Unauthorized."""
    try:
        named, expires = _verified(token)
    except jwt.InvalidTokenError:
        raise Unauthorized(code="INVALID_TOKEN") from None
    if expires <= clock.now().timestamp():
        raise Unauthorized(code="TOKEN_EXPIRED")
    return named


@lru_cache(maxsize=4096)
def _verified(token: str) -> tuple[Named, float]:
    """Whom a token of ours names and till when; what it proves is the same each time that it comes."""
    claims = jwt.decode(
        token,
        _key("access-token"),
        [ALGORITHM],
        issuer=ISSUER,
        options={"require": ["exp", "sid", "sub"], "verify_exp": False, "verify_iat": False},
    )
    return Named(str(claims["sid"]), str(claims["sub"])), claims["exp"]


@dataclass(frozen=True)
class RefreshToken:
    """`session.generation.proof`; the proof makes guessing a session id useless."""

    session_id: str
    generation: int

    def __str__(self) -> str:
        return f"{self.session_id}.{self.generation}.{self._proof()}"

    def _proof(self) -> str:
        text = f"{self.session_id}.{self.generation}".encode()
        return hmac.new(_key("refresh-token"), text, hashlib.sha256).hexdigest()


def read_refresh_token(text: str) -> RefreshToken:
    """Raises Unauthorized for whatever we did not make."""
    session_id, _, rest = text.partition(".")
    generation, _, proof = rest.partition(".")
    if not is_id(session_id) or not generation.isascii() or not generation.isdigit() or len(generation) > 9:
        raise Unauthorized(code="INVALID_TOKEN")
    token = RefreshToken(session_id, int(generation))
    if not hmac.compare_digest(str(token).encode(), text.encode()):
        raise Unauthorized(code="INVALID_TOKEN")
    return token
