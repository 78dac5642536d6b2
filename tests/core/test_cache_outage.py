from __future__ import annotations

import socket
import threading
import time

import pytest
from redis import Redis

from app.core.cache import Cache, Region, connect, remote
from tests.core.redis_process import RedisProcess

PLANS = Region("billing_plans", ttl=1800)
CLINIC = "0199a2b4-7c1e-7f00-8a11-2b3c4d5e6f70"


@pytest.fixture(scope="module", autouse=True)
def _patience():
    """A machine that is busy with tests is slow, not away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "TIMEOUT_SECONDS", 2)
        yield


@pytest.fixture
def server():
    process = RedisProcess()
    yield process
    process.thaw()
    process.close()


class Clock:
    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


def test_reads_go_on_without_redis_and_return_to_it(server):
    clock = Clock()
    client, other_client = connect(server.url), connect(server.url)
    cache, other = Cache(client, now=clock), Cache(other_client, now=clock)
    assert cache.get(PLANS, CLINIC, "x", lambda: 1) == 1
    server.kill()
    clock.moved += 1
    assert [cache.get(PLANS, CLINIC, "x", lambda value=value: value) for value in (2, 3)] == [2, 2]
    clock.moved += 1  # no word of changes can be heard: what is older than half a second is not trusted
    assert cache.get(PLANS, CLINIC, "x", lambda: 4) == 4
    server.start()
    clock.moved += 10
    assert cache.get(PLANS, CLINIC, "x", lambda: 5) == 5
    assert other.get(PLANS, CLINIC, "x", lambda: 6) == 5
    client.close()
    other_client.close()


def test_a_change_that_redis_could_not_be_told_is_told_when_it_is_back(server):
    clock = Clock()
    client, other_client = connect(server.url), connect(server.url)
    cache, other = Cache(client, now=clock), Cache(other_client, now=clock)
    cache.get(PLANS, CLINIC, "x", lambda: "old")
    cache.get(PLANS, CLINIC, "y", lambda: "old")
    server.freeze()
    assert cache.invalidate(CLINIC, "billing_plans:x") is False
    server.thaw()
    clock.moved += 10
    assert cache.get(PLANS, CLINIC, "y", lambda: "new") == "old"
    assert other.get(PLANS, CLINIC, "x", lambda: "new") == "new"
    assert cache.invalidate(CLINIC, "anything") is True
    client.close()
    other_client.close()


def test_redis_emptied_loses_nothing_but_time(server):
    client = connect(server.url)
    cache = Cache(client)
    cache.get(PLANS, CLINIC, "x", lambda: "old")
    with Redis.from_url(server.url) as administrator:
        administrator.flushall()
    assert cache.invalidate(CLINIC, "billing_plans")
    assert cache.get(PLANS, CLINIC, "x", lambda: "new") == "new"
    client.close()


def test_a_redis_that_does_not_answer_is_left_in_peace_for_a_while():
    """A listener counts how often it is called; it hangs up each time."""
    calls: list[int] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            calls.append(1)
            connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    clock = Clock()
    client = connect(f"redis://127.0.0.1:{listener.getsockname()[1]}")
    cache = Cache(client, now=clock)
    assert [cache.get(PLANS, CLINIC, str(number), lambda: "value") for number in range(200)] == ["value"] * 200
    assert len(calls) == 1
    clock.moved += 10
    assert cache.invalidate(CLINIC, "billing_plans") is False
    assert len(calls) == 2
    client.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_too_many_untold_changes_become_everything(server):
    clock = Clock()
    client, other_client = connect(server.url), connect(server.url)
    cache, other = Cache(client, now=clock), Cache(other_client, now=clock)
    cache.get(PLANS, CLINIC, "untouched", lambda: "old")
    server.freeze()
    for number in range(10):
        cache.invalidate(CLINIC, *(f"plan:{number}-{place}" for place in range(1500)))
    server.thaw()
    clock.moved += 10
    cache.get(PLANS, CLINIC, "other", lambda: 1)
    assert other.get(PLANS, CLINIC, "untouched", lambda: "new") == "new"
    client.close()
    other_client.close()
