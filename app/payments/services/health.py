"""Whether each gateway answered when it was last called, by any process; kept in Redis for a while, never the truth."""

from __future__ import annotations

from redis.exceptions import RedisError

from app.core.jobs import redis_connection
from app.payments.gateways import GATEWAYS

KEPT_SECONDS = 15 * 60


def note_gateway(code: str, *, up: bool) -> None:
    try:
        redis_connection().set(_key(code), b"up" if up else b"down", ex=KEPT_SECONDS)
    except RedisError:
        return


def gateway_health() -> dict[str, str]:
    """`up`, `down`, or `unknown` when none of our calls in the last 15 minutes tells."""
    codes = [gateway.code for gateway in GATEWAYS]
    try:
        found = redis_connection().mget([_key(code) for code in codes])
    except RedisError:
        found = [None] * len(codes)
    return {code: _word(value) for code, value in zip(codes, found, strict=True)}


def _word(value: bytes | str | None) -> str:
    if value is None:
        return "unknown"
    return value.decode() if isinstance(value, bytes) else value


def _key(code: str) -> str:
    return f"gateway-health:{code}"
