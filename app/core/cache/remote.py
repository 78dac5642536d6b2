"""The layer in Redis: entries, versions of tags, load locks, and the stream that tells processes what changed.

A tag's version is a random text. Changing a tag replaces it, which makes every entry that saw the old one worthless in
one write, whoever stored it and even if it is stored later. A version outlives every entry that saw it.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.core.cache.regions import LONGEST

log = logging.getLogger(__name__)
T = TypeVar("T")

TIMEOUT_SECONDS = 0.5
REST_SECONDS = 5.0
LOCK_SECONDS = 30
TAG_SECONDS = 2 * LONGEST
STREAM = "cache:changes"
STREAM_SECONDS = 300
STREAM_BATCH = 1000

_UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class Away(Exception):
    """Redis cannot be reached, or is left in peace for a moment because it could not be."""


def connect(url: str) -> Redis:
    """A client that would rather fail than make a read wait: half a second, no retries."""
    return Redis.from_url(
        url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0)
    )


class RemoteStore:
    """Every method raises Away instead of an error of Redis; after one, Redis is not asked again for five seconds."""

    def __init__(self, redis: Redis, now: Callable[[], float]) -> None:
        self._redis: Any = redis
        self._now = now
        self._rests_until = 0.0
        self._myself = b""
        self.start_over()

    def start_over(self) -> None:
        """A process of its own name, after a fork."""
        self._myself = secrets.token_hex(8).encode()

    def read(self, key: str, tag_keys: Sequence[str]) -> tuple[bytes | None, list[bytes | None]]:
        """An entry and the present versions of its tags, in one round trip."""
        octets, *versions = self._ask(lambda: self._redis.mget(key, *tag_keys))
        return octets, versions

    def versions(self, tag_keys: Sequence[str]) -> list[bytes | None]:
        """The versions of the tags; those that have none get one."""

        def ask() -> list[bytes | None]:
            with self._redis.pipeline(transaction=False) as pipe:
                for tag in tag_keys:
                    pipe.set(tag, secrets.token_hex(8), nx=True, ex=TAG_SECONDS)
                pipe.mget(tag_keys)
                return list(pipe.execute()[-1])

        return self._ask(ask)

    def write(self, key: str, octets: bytes, seconds: int, tag_keys: Sequence[str]) -> None:
        """Keep an entry, and its tags for longer than it."""

        def ask() -> None:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.set(key, octets, ex=seconds)
                for tag in tag_keys:
                    pipe.expire(tag, TAG_SECONDS)
                pipe.execute()

        self._ask(ask)

    def change(self, tag_keys: Sequence[str]) -> None:
        """New versions for the tags, and word of it to every other process."""

        def ask() -> None:
            with self._redis.pipeline(transaction=True) as pipe:
                for tag in tag_keys:
                    pipe.set(tag, secrets.token_hex(8), ex=TAG_SECONDS)
                self._append(pipe, tag_keys)
                pipe.execute()

        self._ask(ask)

    def lock(self, name: str) -> str | None:
        """The right to load, as a token for `unlock`; None if another one has it."""
        token = secrets.token_hex(8)
        return token if self._ask(lambda: self._redis.set(name, token, nx=True, ex=LOCK_SECONDS)) else None

    def unlock(self, name: str, token: str) -> None:
        self._ask(lambda: self._redis.eval(_UNLOCK, 1, name, token))

    def latest_change(self) -> str:
        """The place in the stream after everything that happened so far."""

        def ask() -> str:
            entries = self._redis.xrevrange(STREAM, count=1)
            identifier: bytes = entries[0][0] if entries else self._append(self._redis, [])
            return identifier.decode()

        return self._ask(ask)

    def changes_since(self, place: str) -> tuple[str, list[str]] | None:
        """The new place and the tags that others changed since `place`; None if that place is gone from the stream."""
        tags: list[str] = []
        while True:
            known, entries = self._entries_from(place)
            if not known:
                return None
            if not entries:
                return place, tags
            place = entries[-1][0].decode()
            others = (json.loads(fields[b"tags"]) for _, fields in entries if fields[b"by"] != self._myself)
            tags.extend(tag for changed in others for tag in changed)

    def _entries_from(self, place: str) -> tuple[bool, list[tuple[bytes, dict[bytes, bytes]]]]:
        def ask() -> tuple[bool, list[tuple[bytes, dict[bytes, bytes]]]]:
            entries = self._redis.xrange(STREAM, min=place, count=STREAM_BATCH)
            return bool(entries) and entries[0][0].decode() == place, entries[1:]

        return self._ask(ask)

    def _append(self, redis: Any, tag_keys: Sequence[str]) -> Any:
        oldest = f"{int((time.time() - STREAM_SECONDS) * 1000)}-0"
        fields = {"tags": json.dumps(list(tag_keys)), "by": self._myself}
        return redis.xadd(STREAM, fields, minid=oldest, approximate=True)

    def _ask(self, question: Callable[[], T]) -> T:
        if self._now() < self._rests_until:
            raise Away
        try:
            return question()
        except (RedisError, OSError) as error:
            self._rests_until = self._now() + REST_SECONDS
            log.warning("the cache does without Redis for %d seconds: %s", REST_SECONDS, type(error).__name__)
            raise Away from error
