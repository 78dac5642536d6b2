from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import redis

from app.embedded.servers import EmbeddedServers

Start = Callable[[Path], EmbeddedServers]


def test_a_killed_server_keeps_what_was_written(area: Path, start: Start) -> None:
    servers = start(area / "data")
    with redis.from_url(servers.redis.url()) as client:
        for number in range(500):
            client.set(f"key:{number}", number)
        assert servers.redis.pid
        os.kill(servers.redis.pid, signal.SIGKILL)
    servers.stop()

    with redis.from_url(start(area / "data").redis.url()) as client:
        assert client.dbsize() == 500


def test_it_is_reached_over_a_private_socket_only(area: Path, start: Start) -> None:
    servers = start(area / "data")
    with redis.from_url(servers.redis.url()) as client:
        assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE(servers.redis.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(servers.redis.socket.stat().st_mode) == 0o700


def test_its_databases_are_apart(area: Path, start: Start) -> None:
    servers = start(area / "data")
    with redis.from_url(servers.redis.url(1)) as one, redis.from_url(servers.redis.url(2)) as two:
        one.set("key", "value")
        assert two.get("key") is None
