"""Fixed-window counters in Redis, one round trip each; a dead Redis lets requests pass (reads must not break)."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from redis.exceptions import RedisError

from app.core.errors import TooManyRequests
from app.core.round_trip import ask

WINDOW_SECONDS = 60
MOST_KEPT_HERE = 10_000

_here: dict[str, int] = {}
_full: set[str] = set()
_lock = Lock()


def seconds_left() -> int:
    return WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS


def counter_key(kind: str, who: str) -> str:
    return f"rate:{kind}:{who}:{int(time.time()) // WINDOW_SECONDS}"


def counting(key: str) -> tuple[tuple[Any, ...], ...]:
    """The commands that count one more; the first one's answer is the count."""
    return ("INCR", key), ("EXPIRE", key, WINDOW_SECONDS * 2)


def count(kind: str, who: str) -> int:
    """How many there were in this minute, this one included; of this process only while Redis is away."""
    key = counter_key(kind, who)
    try:
        return int(ask(*counting(key))[0])
    except RedisError:
        return _count_here(key)


def _count_here(key: str) -> int:
    """Keys name their minute, so that old ones are worthless; many of them are forgotten together."""
    with _lock:
        if len(_here) >= MOST_KEPT_HERE and key not in _here:
            _here.clear()
        _here[key] = _here.get(key, 0) + 1
        return _here[key]


def count_refused(kind: str, who: str, limit: int) -> None:
    """Count a refusal; whoever has more than `limit` in a minute is turned away by `turn_away` for the rest of it."""
    if count(kind, who) > limit:
        with _lock:
            if len(_full) >= MOST_KEPT_HERE:
                _full.clear()
            _full.add(counter_key(kind, who))


def turn_away(kind: str, who: str) -> None:
    """Raises TooManyRequests where this process knows of too many refusals. Costs whoever is never refused nothing."""
    if _full and counter_key(kind, who) in _full:
        raise TooManyRequests(seconds_left())


def hit(kind: str, who: str, limit: int) -> None:
    """Count one more. Raises TooManyRequests above `limit` a minute."""
    key = counter_key(kind, who)
    try:
        count, _ = ask(*counting(key))
    except RedisError:
        return
    if count > limit:
        raise TooManyRequests(seconds_left())
