"""Workers and the scheduler do nothing without Redis: they begin once it answers, and say so meanwhile."""

from __future__ import annotations

import logging
import time
from typing import Any

from redis import Redis
from redis.exceptions import AuthenticationError, AuthorizationError, BusyLoadingError, ConnectionError, RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from config import MissingSetting

log = logging.getLogger(__name__)

ASK_EVERY_SECONDS = 1.0
# Of ConnectionError in name only: asking again does not help.
REFUSED = (AuthenticationError, AuthorizationError)


def wait_for_redis(connection: Redis) -> None:
    """Return once Redis answers. Raises MissingSetting where it refuses us: that does not end by itself."""
    told = False
    while not _answers(connection):
        if not told:
            log.warning("Redis at %s does not answer; work begins once it does", place_of(connection))
            told = True
        time.sleep(ASK_EVERY_SECONDS)
    if told:
        log.warning("Redis at %s answers; work begins", place_of(connection))


def place_of(connection: Redis) -> str:
    """Where it is looked for, without its password."""
    told: dict[str, Any] = connection.connection_pool.connection_kwargs
    return str(told.get("path") or f"{told.get('host', 'localhost')}:{told.get('port', 6379)}")


def _answers(connection: Redis) -> bool:
    try:
        connection.ping()
    except REFUSED as error:
        text = f"Redis at {place_of(connection)} refuses the user or password of REDIS_URL ({type(error).__name__})"
        raise MissingSetting(text) from None
    except (ConnectionError, RedisTimeout, BusyLoadingError):
        return False
    except RedisError as error:
        text = f"Redis at {place_of(connection)} does not do what REDIS_URL asks for ({type(error).__name__})"
        raise MissingSetting(text) from None
    return True
