"""Several Redis commands in one round trip, for what every request asks: a pipeline of the client costs it ten times
as much.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from redis.exceptions import ConnectionError, ResponseError

from app.core.jobs import redis_connection

IDLE_CONNECTIONS = 50
_idle: deque[Any] = deque(maxlen=IDLE_CONNECTIONS)
# A forked child would talk over its parent's sockets.
os.register_at_fork(after_in_child=_idle.clear)


def ask(*commands: tuple[Any, ...]) -> list[Any]:
    """The answers. Raises RedisError; a connection that Redis closed while it idled is replaced once."""
    try:
        used = _idle.pop()
    except IndexError:
        return _ask(_new_connection(), commands)
    try:
        return _ask(used, commands)
    except ConnectionError:
        return _ask(_new_connection(), commands)


def _new_connection() -> Any:
    """Not the pool's own: it would count what it made and never had back, and refuse for good after a hundred."""
    pool: Any = redis_connection().connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def _ask(connection: Any, commands: tuple[tuple[Any, ...], ...]) -> list[Any]:
    """A connection goes back only with all of its answers read: the next one to use it must not get ours."""
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        answers = [_answer(connection) for _ in commands]
    except BaseException:
        connection.disconnect()
        raise
    if len(_idle) < IDLE_CONNECTIONS:
        _idle.append(connection)
    else:
        connection.disconnect()
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise answer
    return answers


def _answer(connection: Any) -> Any:
    """Redis's refusal of one command is an answer like others; what broke the connection is not."""
    try:
        return connection.read_response()
    except ResponseError as refusal:
        return refusal
