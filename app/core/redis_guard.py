"""A breaker around Redis: one that accepts and never answers holds up nobody but who finds it out.

A Redis that is down refuses at once, and everybody does without it. One that hangs would cost each command its whole
time-out. So the first time-out opens the breaker: until Redis answers a probe again, which runs beside the requests,
every command of this process fails at once, like a refused one. Workers wait for jobs on connections without it.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from threading import Lock, Thread
from typing import Any, ClassVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, parse_url
from redis.exceptions import ConnectionError, RedisError, TimeoutError
from redis.retry import Retry

log = logging.getLogger(__name__)

PROBE_EVERY_SECONDS = 1.0
PROBE_SECONDS = 1.0


class LeftInPeace(ConnectionError):
    """Redis did not answer a moment ago and is not asked now."""


class Breaker:
    """`probe` raises RedisError or OSError as long as Redis does not answer."""

    def __init__(self, probe: Callable[[], object]) -> None:
        self._probe = probe
        self._open = False
        self._probe_from = 0.0
        self._start_over()
        myself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _start_over(myself()))

    @property
    def open(self) -> bool:
        return self._open

    def check(self) -> None:
        """Raises LeftInPeace while Redis does not answer; sees to it that somebody asks whether it does again."""
        if self._open:
            self._ask_beside()
            raise LeftInPeace("Redis did not answer and is left in peace")

    def trip(self) -> None:
        """Redis let a command time out."""
        if not self._open:
            log.warning("Redis does not answer; this process does without it")
        self._probe_from = time.monotonic() + PROBE_EVERY_SECONDS
        self._open = True

    def _start_over(self) -> None:
        """A forked child has none of its parent's threads."""
        self._lock = Lock()
        self._probing = False

    def _ask_beside(self) -> None:
        with self._lock:
            if self._probing or time.monotonic() < self._probe_from:
                return
            self._probing = True
        Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        try:
            self._probe()
        except (RedisError, OSError):
            self._probe_from = time.monotonic() + PROBE_EVERY_SECONDS
        else:
            self._open = False
            log.warning("Redis answers again")
        finally:
            self._probing = False


class Guarded:
    """Mixed into a connection class of the client: every command asks the breaker, every time-out tells it."""

    breaker: ClassVar[Breaker]

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        self.breaker.check()
        try:
            super().connect_check_health(*args, **options)  # type: ignore[misc]
        except TimeoutError:
            self.breaker.trip()
            raise

    def send_packed_command(self, *args: Any, **options: Any) -> None:
        self.breaker.check()
        try:
            super().send_packed_command(*args, **options)  # type: ignore[misc]
        except TimeoutError:
            self.breaker.trip()
            raise

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]
        except TimeoutError:
            self.breaker.trip()
            raise


def guarded_redis(url: str, seconds: float) -> Redis:
    """A client that waits `seconds` for an answer, never twice, and shares the process's breaker of that Redis."""
    options = parse_url(url)
    plain = options.pop("connection_class", Connection)
    connection_class = type(f"Guarded{plain.__name__}", (Guarded, plain), {"breaker": breaker_of(url)})
    options |= {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": Retry(NoBackoff(), 0)}
    return Redis(connection_pool=ConnectionPool(connection_class=connection_class, **options))


@lru_cache(maxsize=8)
def breaker_of(url: str) -> Breaker:
    return Breaker(lambda: _ping(url))


def _ping(url: str) -> None:
    patience = {"socket_timeout": PROBE_SECONDS, "socket_connect_timeout": PROBE_SECONDS}
    with Redis.from_url(url, retry=Retry(NoBackoff(), 0), **patience) as client:
        client.ping()


def _start_over(breaker: Breaker | None) -> None:
    if breaker is not None:
        breaker._start_over()
