"""Both embedded servers together, for tests and for single commands outside `make run`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from app.embedded.leftovers import end_leftovers, mark
from app.embedded.lock import hold_lock
from app.embedded.places import DataDirectory, Home, find_home, open_data_directory, remove_socket_directory
from app.embedded.places import socket_directory as find_socket_directory
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.redis import EmbeddedRedis


@dataclass(frozen=True)
class EmbeddedServers:
    """PostgreSQL and Redis on one data directory, which this process holds alone."""

    data: DataDirectory
    home: Home
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    lock: TextIO

    def start(self) -> None:
        """Raises StartFailed; nothing runs then."""
        try:
            self.postgres.start()
            self.redis.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self.redis.stop()
        self.postgres.stop()
        self.release()

    def release(self) -> None:
        """Gives the data directory back."""
        remove_socket_directory(self.postgres.sockets, self.home)
        remove_socket_directory(self.redis.socket.parent, self.home)
        self.lock.close()

    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.postgres.url(), "REDIS_URL": self.redis.url()}


def open_servers(path: Path, *, durable: bool = True) -> EmbeddedServers:
    """Takes the data directory and ends what a killed predecessor left. Raises StartFailed, AlreadyRunning."""
    data = open_data_directory(path)
    lock = hold_lock(data.path)
    end_leftovers(data)
    home = find_home(data)
    environment = {**os.environ, **mark(data)}
    postgres = EmbeddedPostgres(home, find_socket_directory(home, data.key), environment, durable=durable)
    own = Home(data.folder("redis"), None)
    redis = EmbeddedRedis(own.path, find_socket_directory(own, f"{data.key}-redis"), environment, durable=durable)
    return EmbeddedServers(data, home, postgres, redis, lock)
