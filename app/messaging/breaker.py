"""One circuit breaker per clinic and provider account, shared by all processes through Redis.

Closed: everybody calls. Open: nobody does until its time is over. Then one caller, a single one in all processes, may
try (half-open): its success closes the breaker, its failure opens it for twice as long. A Redis that is away leaves
the breaker closed: messages are tried, and each failure still waits its own back-off.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redis.exceptions import RedisError

from app.core import clock
from app.core.jobs import redis_connection
from app.core.round_trip import ask

log = logging.getLogger(__name__)

FAILURES = 5  # of that many calls within WINDOW_MS, at least half of which failed
WINDOW_MS = 60_000
OPEN_MS = 30_000
LONGEST_OPEN_MS = 600_000
# Longer than any call may take: a probe whose worker died is given to another one.
PROBE_MS = 150_000
KEPT_SECONDS = 3600

_ALLOW = """
local s = redis.call('HMGET', KEYS[1], 'until', 'probe_until')
local now = tonumber(ARGV[1])
if not s[1] then return {'CLOSED', 0} end
if now < tonumber(s[1]) then return {'OPEN', tonumber(s[1]) - now} end
if s[2] and now < tonumber(s[2]) then return {'OPEN', math.min(tonumber(s[2]) - now, tonumber(ARGV[3]))} end
redis.call('HSET', KEYS[1], 'probe_until', now + tonumber(ARGV[2]))
return {'HALF_OPEN', 0}
"""

_REPORT = """
local now, ok, probe, weight = tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3] == '1', tonumber(ARGV[4])
local is_open = redis.call('HEXISTS', KEYS[1], 'until') == 1
if is_open and not probe then return 'IGNORED' end
if is_open and ok then redis.call('DEL', KEYS[1]) return 'CLOSED' end
local function open(level)
  local wait = math.min(tonumber(ARGV[7]) * 2 ^ (level - 1), tonumber(ARGV[8]))
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'until', now + wait, 'level', level, 'since', now)
  redis.call('EXPIRE', KEYS[1], tonumber(ARGV[9]))
  return 'OPENED'
end
if is_open then return open(tonumber(redis.call('HGET', KEYS[1], 'level') or '1') + 1) end
local window = redis.call('HGET', KEYS[1], 'window')
if not window or now - tonumber(window) > tonumber(ARGV[6]) then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'window', now)
end
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[9]))
if ok then redis.call('HINCRBY', KEYS[1], 'successes', weight) return 'CLOSED' end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', weight)
local successes = tonumber(redis.call('HGET', KEYS[1], 'successes') or '0')
if failures >= tonumber(ARGV[5]) and failures >= successes then return open(1) end
return 'CLOSED'
"""


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True)
class Permit:
    """Whether a call may be made: OPEN is no, for `wait_ms` at least; HALF_OPEN is yes, as the only one."""

    state: BreakerState
    wait_ms: int = 0

    @property
    def allowed(self) -> bool:
        return self.state is not BreakerState.OPEN

    @property
    def probe(self) -> bool:
        return self.state is BreakerState.HALF_OPEN


def ask_breaker(clinic_id: str, account_id: str) -> Permit:
    """Whether to call now. A permit to probe must be followed by a report, or given back."""
    arguments = (_now_ms(), PROBE_MS, OPEN_MS)
    try:
        ((state, wait),) = ask(("EVAL", _ALLOW, 1, _key(clinic_id, account_id), *arguments))
    except RedisError:
        return Permit(BreakerState.CLOSED)
    return Permit(BreakerState(_text(state)), int(wait))


def report_call(
    clinic_id: str, account_id: str, *, ok: bool, probe: bool = False, fatal: bool = False, times: int = 1
) -> bool:
    """Tell how a call ended, or that so many `times` one did well; whether that opened the breaker.

    `fatal`: the account itself is refused.
    """
    weight = FAILURES if fatal else times
    limits = (FAILURES, WINDOW_MS, OPEN_MS, LONGEST_OPEN_MS, KEPT_SECONDS)
    arguments = (_now_ms(), int(ok), int(probe), weight, *limits)
    try:
        (answer,) = ask(("EVAL", _REPORT, 1, _key(clinic_id, account_id), *arguments))
    except RedisError:
        return False
    return _text(answer) == "OPENED"


def give_back_probe(clinic_id: str, account_id: str) -> None:
    """The one that might try made no call after all: the next one may."""
    try:
        redis_connection().hdel(_key(clinic_id, account_id), "probe_until")
    except RedisError:
        return  # its time runs out


@dataclass(frozen=True)
class BreakerLook:
    """A breaker as the health board shows it."""

    state: BreakerState
    failures: int = 0
    successes: int = 0
    seconds_left: int = 0


def look_at_breaker(clinic_id: str, account_id: str) -> BreakerLook:
    """Changes nothing. Raises RedisError."""
    found: dict[str, str] = {
        _text(name): _text(value)
        for name, value in redis_connection().hgetall(_key(clinic_id, account_id)).items()  # type: ignore[union-attr]
    }
    if "until" not in found:
        return BreakerLook(BreakerState.CLOSED, int(found.get("failures", 0)), int(found.get("successes", 0)))
    left = (float(found["until"]) - _now_ms()) / 1000
    state = BreakerState.OPEN if left > 0 else BreakerState.HALF_OPEN
    return BreakerLook(state, seconds_left=max(0, round(left)))


def close_breaker(clinic_id: str, account_id: str) -> None:
    """A person says that the account works again. Raises RedisError."""
    redis_connection().delete(_key(clinic_id, account_id))


def _key(clinic_id: str, account_id: str) -> str:
    return f"breaker:{clinic_id}:{account_id}"


def _now_ms() -> int:
    return int(clock.now().timestamp() * 1000)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
