"""How many messages leave through one account of one clinic in a minute, counted by all processes together in Redis.

A sliding minute: never more than the limit within any 60 seconds. While Redis is away each process counts alone.
"""

from __future__ import annotations

from collections import defaultdict, deque
from threading import Lock

from redis.exceptions import RedisError

from app.core import clock
from app.core.ids import new_id
from app.core.jobs import redis_connection
from app.core.round_trip import ask

WINDOW_MS = 60_000

_TAKE = """
local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) >= limit and ARGV[5] == '0' then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, tonumber(oldest[2]) + window - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], window)
return 0
"""

_here: dict[str, deque[int]] = defaultdict(deque)
_lock = Lock()


def take_turn(clinic_id: str, account_id: str, limit: int, *, always: bool = False) -> int:
    """0 when one more may leave now, else the milliseconds to wait; `always` counts without holding back."""
    if limit == 0:
        return 0
    key, now = f"pace:{clinic_id}:{account_id}", int(clock.now().timestamp() * 1000)
    try:
        (wait,) = ask(("EVAL", _TAKE, 1, key, now, WINDOW_MS, limit, new_id(), int(always)))
        return int(wait)
    except RedisError:
        return _take_here(key, now, limit, always)


def _take_here(key: str, now: int, limit: int, always: bool) -> int:
    with _lock:
        taken = _here[key]
        while taken and taken[0] <= now - WINDOW_MS:
            taken.popleft()
        if len(taken) >= limit and not always:
            return max(1, taken[0] + WINDOW_MS - now)
        taken.append(now)
        return 0


def turns_taken(clinic_id: str, account_id: str) -> int:
    """In the last minute. Raises RedisError."""
    now = int(clock.now().timestamp() * 1000)
    return int(redis_connection().zcount(f"pace:{clinic_id}:{account_id}", now - WINDOW_MS + 1, "+inf"))  # type: ignore[arg-type]
