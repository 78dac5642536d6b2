"""Commands in one round trip: answers in order, refusals apart, lost connections replaced."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from redis.exceptions import RedisError, ResponseError

from app.core import jobs, round_trip
from app.core.rate_limit import count, hit
from app.core.round_trip import ask
from tests.core.redis_process import RedisProcess

pytestmark = pytest.mark.usefixtures("app_context")


@pytest.fixture
def own_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """A Redis that the test may kill, in place of the run's."""
    from redis import Redis

    process = RedisProcess()
    monkeypatch.setattr(jobs, "_connection", Redis.from_url(process.url, socket_timeout=15))
    round_trip._idle.clear()
    yield process
    round_trip._idle.clear()
    process.close()


def test_answers_come_in_order() -> None:
    assert ask(("SET", "trip:a", "1"), ("INCR", "trip:a"), ("GET", "trip:a"), ("GET", "trip:none")) == [
        b"OK",
        2,
        b"2",
        None,
    ]


def test_a_refusal_is_raised_and_mixes_nothing_up() -> None:
    ask(("SET", "trip:text", "words"))
    with pytest.raises(ResponseError):
        ask(("INCR", "trip:text"), ("GET", "trip:text"))
    assert ask(("GET", "trip:text")) == [b"words"]


def test_a_connection_that_redis_closed_is_replaced(own_redis: RedisProcess) -> None:
    assert ask(("SET", "kept", "1")) == [b"OK"]
    own_redis.kill()
    own_redis.start()
    assert ask(("GET", "kept")) == [None]


def test_without_redis_it_says_so_and_limits_let_pass(own_redis: RedisProcess) -> None:
    own_redis.kill()
    with pytest.raises(RedisError):
        ask(("GET", "anything"))
    hit("address", "127.0.0.1", limit=0)
    assert [count("forged-webhooks", "without-redis") for _ in range(3)][-1] in (2, 3)  # a minute may end in between


def test_threads_get_their_own_answers() -> None:
    wrong: list[Any] = []

    def count(name: str) -> None:
        for number in range(1, 50):
            answer, _ = ask(("INCR", f"trip:{name}"), ("GET", "trip:none"))
            if answer != number:
                wrong.append((name, number, answer))

    threads = [Thread(target=count, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
