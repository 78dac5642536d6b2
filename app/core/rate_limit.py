"""Fixed-window counters in Redis, one round trip each; a dead Redis lets requests pass (reads must not break)."""

from __future__ import annotations

import time
from typing import Any

from redis.exceptions import RedisError

from app.core.errors import TooManyRequests
from app.core.round_trip import ask

WINDOW_SECONDS = 60


def seconds_left() -> int:
    return WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS


def counter_key(kind: str, who: str) -> str:
    return f"rate:{kind}:{who}:{int(time.time()) // WINDOW_SECONDS}"


def counting(key: str) -> tuple[tuple[Any, ...], ...]:
    """The commands that count one more; the first one's answer is the count."""
    return ("INCR", key), ("EXPIRE", key, WINDOW_SECONDS * 2)


def hit(kind: str, who: str, limit: int) -> None:
    """Count one more. Raises TooManyRequests above `limit` a minute."""
    key = counter_key(kind, who)
    try:
        count, _ = ask(*counting(key))
    except RedisError:
        return
    if count > limit:
        raise TooManyRequests(seconds_left())
