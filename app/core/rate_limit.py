"""Fixed-window counters in Redis, one round trip each; a dead Redis lets requests pass (reads must not break)."""

from __future__ import annotations

import time

from redis.exceptions import RedisError

from app.core.errors import TooManyRequests
from app.core.jobs import redis_connection

WINDOW_SECONDS = 60


def seconds_left() -> int:
    return WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS


def counter_key(kind: str, who: str) -> str:
    return f"rate:{kind}:{who}:{int(time.time()) // WINDOW_SECONDS}"


def hit(kind: str, who: str, limit: int) -> None:
    """Count one more. Raises TooManyRequests above `limit` a minute."""
    key = counter_key(kind, who)
    try:
        pipeline = redis_connection().pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, WINDOW_SECONDS * 2)
        count = pipeline.execute()[0]
    except RedisError:
        return
    if count > limit:
        raise TooManyRequests(seconds_left())
