"""A Redis that hangs costs one time-out, then nothing; one that refuses or comes back is used as before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from app.core import jobs, round_trip
from app.core.cache import Cache, Region
from app.core.jobs import waiting_connection
from app.core.rate_limit import hit
from app.core.redis_guard import LeftInPeace, breaker_of, guarded_redis
from app.core.round_trip import ask
from config import Settings, get_settings
from tests.core.redis_process import RedisProcess
from tests.waiting import wait_until

PLANS = Region("billing_plans", ttl=1800)
CLINIC = "0199a2b4-7c1e-7f00-8a11-2b3c4d5e6f70"
ANSWER_SECONDS = 2.0  # a machine that is busy with tests is slow, and its Redis is no hung one


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    process = RedisProcess()
    yield process
    process.thaw()
    process.close()


@pytest.fixture
def shared(server: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The process's connection, to a Redis of this test's own."""
    round_trip._idle.clear()
    with guarded_redis(server.url, ANSWER_SECONDS) as client:
        monkeypatch.setattr(jobs, "_connection", client)
        yield client
    round_trip._idle.clear()


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except ConnectionError:
        return False


def test_only_the_first_command_waits(server: RedisProcess, shared: Any) -> None:
    shared.set("kept", "1")
    server.freeze()
    with pytest.raises(TimeoutError):
        shared.get("kept")
    for _ in range(1000):  # at a time-out each it would take minutes
        with pytest.raises(LeftInPeace):
            shared.get("kept")
        with pytest.raises(LeftInPeace):
            ask(("GET", "kept"))
        hit("address", "127.0.0.1", limit=0)
    server.thaw()
    wait_until(lambda: answers(shared))
    assert shared.get("kept") == b"1"
    assert ask(("GET", "kept")) == [b"1"]


def test_what_was_sent_before_is_not_answered_to_somebody_else(server: RedisProcess, shared: Any) -> None:
    ask(("SET", "mine", "1"))
    server.freeze()
    with pytest.raises(TimeoutError):
        ask(("GET", "mine"), ("GET", "mine"))
    server.thaw()
    wait_until(lambda: answers(shared))
    assert ask(("SET", "yours", "2"), ("GET", "yours")) == [b"OK", b"2"]


def test_a_connection_that_is_not_even_made_counts(server: RedisProcess, shared: Any) -> None:
    server.freeze()
    with pytest.raises(TimeoutError):
        ask(("PING",))
    assert breaker_of(server.url).open


def test_who_refuses_is_asked_again_at_once(server: RedisProcess, shared: Any) -> None:
    assert answers(shared)
    server.kill()
    for _ in range(3):
        with pytest.raises(ConnectionError):
            shared.ping()
    assert not breaker_of(server.url).open
    server.start()
    assert shared.ping()


def test_one_breaker_serves_the_cache_too(server: RedisProcess, shared: Any) -> None:
    with guarded_redis(server.url, ANSWER_SECONDS) as client:
        cache = Cache(client)
        assert cache.get(PLANS, CLINIC, "x", lambda: 1) == 1
        server.freeze()
        with pytest.raises(TimeoutError):
            shared.ping()
        for number in range(500):
            assert cache.get(PLANS, CLINIC, f"other {number}", lambda number=number: number) == number


def test_a_forked_child_asks_again_by_itself(server: RedisProcess, shared: Any) -> None:
    """The thread that asks is its parent's."""
    server.freeze()
    with pytest.raises(TimeoutError):
        shared.ping()
    child = os.fork()
    if child == 0:  # nothing of pytest may run in here
        try:
            shared.connection_pool.reset()
            wait_until(lambda: answers(shared))
            os._exit(0)
        except BaseException:
            os._exit(1)
    server.thaw()
    assert os.waitpid(child, 0)[1] == 0


def test_lost_connections_are_not_counted_for_ever(server: RedisProcess, shared: Any) -> None:
    """A client's pool gives out a hundred connections and wants each one back."""
    server.kill()
    for _ in range(150):
        with pytest.raises(ConnectionError):
            ask(("PING",))
    server.start()
    assert ask(("PING",)) == [b"PONG"]


def test_a_worker_waits_longer_than_an_answer_may_take(app: Any) -> None:
    usual = Settings.model_fields["redis_answer_seconds"].default
    with waiting_connection() as client:
        assert client.blpop(["nothing-comes-here"], timeout=usual + 0.3) is None
    assert not breaker_of(get_settings().redis_url).open
